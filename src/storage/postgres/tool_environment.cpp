#include "storage/postgres/tool_environment.hpp"

#include <cstring>

#include <marketdb/error.hpp>

#include "storage/postgres/connect_target.hpp"
#include "storage/postgres/link.hpp"

namespace marketdb::storage::postgres {

std::vector<std::pair<std::string, std::string>> tool_environment(const Config& config) {
    const ConnectTarget target(config);
    const std::vector<const char*> keywords = target.keywords();
    const std::vector<const char*> values = target.values();
    const ConnectOptions known(PQconndefaults());
    if (known == nullptr) throw Error(ErrorCode::resource_exhausted, "no memory for libpq's settings");
    std::vector<std::pair<std::string, std::string>> variables;
    for (std::size_t i = 0; keywords[i] != nullptr; ++i) {
        // Limits of a session of ours are none for a program that reads everything.
        if (std::strcmp(keywords[i], "options") == 0) continue;
        for (const PQconninfoOption* option = known.get(); option->keyword != nullptr; ++option) {
            if (option->envvar == nullptr || std::strcmp(option->keyword, keywords[i]) != 0) continue;
            variables.emplace_back(option->envvar, values[i]);
        }
    }
    return variables;
}

}  // namespace marketdb::storage::postgres
