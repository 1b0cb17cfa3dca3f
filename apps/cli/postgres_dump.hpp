#pragma once

#include <string>

#include <marketdb/config.hpp>

/// Backups of PostgreSQL schemas by the server's own programs, which know everything that hangs on a table.
namespace marketdb::cli {

/// The schema that the configuration names, else the one that the server gives. Errors: Failure.
[[nodiscard]] std::string schema_of(const Config& config);

/// Saves a schema by pg_dump (custom format), and reads all of it by pg_restore before it gets its name.
/// Errors: Failure  the file exists, or a program failed; then nothing has the name.
void dump_schema(const Config& config, const std::string& schema, const std::string& file);

/// Makes the schema if there is none of that name. Errors: Failure.
void make_schema(const Config& config, const std::string& schema);

/// Brings back what was saved of a schema, which is there and empty, in one transaction.
/// Errors: Failure  a program failed; nothing was brought back.
void restore_schema(const Config& config, const std::string& schema, const std::string& file);

}  // namespace marketdb::cli
