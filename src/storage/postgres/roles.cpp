#include "storage/postgres/roles.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "storage/postgres/embedded.hpp"
#include "storage/postgres/fill.hpp"
#include "storage/sql.hpp"

namespace marketdb::storage::postgres {
namespace {

std::string script(std::string_view file, std::string_view schema, const RoleNames& names) {
    const auto files = embedded_files();
    const auto found =
        std::find_if(files.begin(), files.end(), [file](const EmbeddedFile& one) { return one.name == file; });
    if (found == files.end()) {
        throw Error(ErrorCode::internal, fmt::format("this program was built without the file {}", file));
    }
    const std::array placeholders{
        Placeholder{"schema", quote_identifier(schema)}, Placeholder{"owner", quote_identifier(names.owner)},
        Placeholder{"writer", quote_identifier(names.writer)}, Placeholder{"reader", quote_identifier(names.reader)}};
    return fill(found->text, placeholders);
}

}  // namespace

std::string owner_script(std::string_view schema, const RoleNames& names) { return script("owner.sql", schema, names); }

std::string writer_script(std::string_view schema, const RoleNames& names) {
    return script("writer.sql", schema, names);
}

std::string reader_script(std::string_view schema, const RoleNames& names) {
    return script("reader.sql", schema, names);
}

}  // namespace marketdb::storage::postgres
