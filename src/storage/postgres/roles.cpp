#include "storage/postgres/roles.hpp"

#include <array>

#include "storage/postgres/embedded.hpp"
#include "storage/postgres/fill.hpp"
#include "storage/sql.hpp"

namespace marketdb::storage::postgres {
namespace {

std::string script(std::string_view file, std::string_view schema, const RoleNames& names) {
    const std::array placeholders{
        Placeholder{"schema", quote_identifier(schema)}, Placeholder{"owner", quote_identifier(names.owner)},
        Placeholder{"writer", quote_identifier(names.writer)}, Placeholder{"reader", quote_identifier(names.reader)}};
    return fill(embedded_text(file), placeholders);
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
