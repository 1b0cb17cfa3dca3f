#pragma once

#include <string>
#include <string_view>

namespace marketdb::storage::postgres {

/// The roles of one schema.
struct RoleNames {
    std::string_view owner;   ///< Makes and migrates the tables.
    std::string_view writer;  ///< Records rows; owns nothing.
    std::string_view reader;  ///< Selects.
};

/// Scripts for psql that make the roles with the least rights that their work needs. They hold no passwords, and running one
/// again changes nothing. The owner's comes first; the others need the tables that the owner then makes.
[[nodiscard]] std::string owner_script(std::string_view schema, const RoleNames& names);
[[nodiscard]] std::string writer_script(std::string_view schema, const RoleNames& names);
[[nodiscard]] std::string reader_script(std::string_view schema, const RoleNames& names);

}  // namespace marketdb::storage::postgres
