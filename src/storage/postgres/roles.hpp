#pragma once

#include <string>
#include <string_view>

#include <marketdb/roles.hpp>

namespace marketdb::storage::postgres {

/// Scripts for psql that make the roles with the least rights that their work needs. Every role has a name here. They hold no passwords, and running one
/// again changes nothing. The owner's comes first; the others need the tables that the owner then makes.
[[nodiscard]] std::string owner_script(std::string_view schema, const RoleNames& names);
[[nodiscard]] std::string writer_script(std::string_view schema, const RoleNames& names);
[[nodiscard]] std::string reader_script(std::string_view schema, const RoleNames& names);

}  // namespace marketdb::storage::postgres
