#include "storage/postgres/migrations.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "storage/postgres/embedded.hpp"

namespace marketdb::storage::postgres {
namespace {

std::string_view text_of_step(std::uint32_t version, std::string_view direction) {
    const std::string begin = fmt::format("{:04}_", version);
    const std::string end = fmt::format(".{}.sql", direction);
    const auto is_it = [&](const EmbeddedFile& file) {
        return file.name.starts_with(begin) && file.name.ends_with(end);
    };
    const auto files = embedded_files();
    const auto found = std::find_if(files.begin(), files.end(), is_it);
    if (found != files.end()) return found->text;
    throw Error(ErrorCode::internal, fmt::format("this program was built without the file {}*{}", begin, end));
}

std::vector<Migration> make_migrations() {
    std::vector<Migration> steps;
    for (const Migration& same : sqlite_migrations()) {
        Migration& step = steps.emplace_back();
        step.version = same.version;
        step.name = same.name;
        step.min_reader = same.min_reader;
        step.min_writer = same.min_writer;
        step.keeps = same.keeps;
        step.up.emplace_back(text_of_step(step.version, "up"));
        step.down.emplace_back(text_of_step(step.version, "down"));
        seal(step);
    }
    return steps;
}

}  // namespace

std::span<const Migration> migrations() {
    static const std::vector<Migration> steps = make_migrations();
    return steps;
}

}  // namespace marketdb::storage::postgres
