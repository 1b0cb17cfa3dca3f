#pragma once

#include <string>

#include <marketdb/config.hpp>

namespace marketdb {

/// The roles of one schema on a PostgreSQL server. An empty name is that of the schema with `_owner`, `_writer` or `_reader`.
struct RoleNames {
    std::string owner;   ///< Makes and migrates the tables.
    std::string writer;  ///< Records rows and removes old ones; owns nothing.
    std::string reader;  ///< Does everything that reads.
};

/// SQL for psql, run by a superuser; or by who may create roles and is a member of the owner. None holds a password, and
/// running one again changes nothing.
struct RoleScripts {
    std::string owner;   ///< First; it makes the schema too. Then `initialize()` as the owner makes the tables,
    std::string writer;  ///< which this one needs,
    std::string reader;  ///< and this one. Both again after a migration.
};

/// The scripts for the schema that `schema=` names. Memory only: nothing connects.
///
/// Errors: invalid_argument  not a PostgreSQL configuration, or one without `schema`; a name longer than the 63 bytes that
///                           PostgreSQL keeps of it, or two roles with one name.
[[nodiscard]] RoleScripts role_scripts(const Config& config, RoleNames names = {});

}  // namespace marketdb
