#include <cstddef>
#include <string_view>

#include <fmt/format.h>

#include <marketdb/error.hpp>
#include <marketdb/roles.hpp>

#include "storage/postgres/roles.hpp"

namespace marketdb {
namespace {

constexpr std::size_t kMaxNameBytes = 63;  // NAMEDATALEN - 1

void complete(std::string& name, const std::string& schema, std::string_view ending) {
    if (name.empty()) name = fmt::format("{}_{}", schema, ending);
    if (name.size() <= kMaxNameBytes) return;
    throw Error(ErrorCode::invalid_argument, fmt::format("the {}'s name '{}' is longer than {} bytes; give it another",
                                                         ending, name, kMaxNameBytes));
}

}  // namespace

RoleScripts role_scripts(const Config& config, RoleNames names) {
    if (config.engine != EngineKind::postgres) {
        throw Error(ErrorCode::invalid_argument, fmt::format("{} has no roles; PostgreSQL has", config.redacted_url()));
    }
    const std::string& schema = config.postgres.schema;
    if (schema.empty()) {
        throw Error(ErrorCode::invalid_argument,
                    "which schema are the roles for? Say it in the URL: schema=desk (schema=public is what most "
                    "databases use)");
    }
    complete(names.owner, schema, "owner");
    complete(names.writer, schema, "writer");
    complete(names.reader, schema, "reader");
    if (names.owner == names.writer || names.owner == names.reader || names.writer == names.reader) {
        throw Error(ErrorCode::invalid_argument,
                    fmt::format("owner '{}', writer '{}' and reader '{}' must be three roles", names.owner,
                                names.writer, names.reader));
    }
    return {storage::postgres::owner_script(schema, names), storage::postgres::writer_script(schema, names),
            storage::postgres::reader_script(schema, names)};
}

}  // namespace marketdb
