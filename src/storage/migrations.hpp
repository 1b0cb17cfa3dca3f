#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <marketdb/queries.hpp>

#include "storage/sql.hpp"

/// The history of the schema: which steps there are, and what a database that has some of them needs. Knows no engine.
namespace marketdb::storage {

/// One step. Once released it never changes: a database that ran it keeps its checksum.
struct Migration {
    std::uint32_t version = 0;
    std::string_view name;
    std::uint32_t min_reader =
        0;  ///< The oldest program (by the newest step it knows) that may read a database with it.
    std::uint32_t min_writer = 0;  ///< The same for writing.
    std::vector<std::string> up;
    std::vector<std::string> down;
    std::vector<std::string_view> keeps;  ///< Tables that go with `down`; rows in one of them forbid it.
    std::string checksum;                 ///< 64 hex digits: SHA-256 over `up` and `down`.
};

/// Sets the checksum of a step whose statements are complete.
void seal(Migration& step);

/// All steps that this program knows, oldest first: versions 1, 2, 3, ... on SQLite, whose statements follow from the
/// descriptors. PostgreSQL has the same steps (version, name, what they keep) with statements of its own, from files.
[[nodiscard]] std::span<const Migration> sqlite_migrations();

/// The table in which a database notes its steps (not a step itself), one row a step.
[[nodiscard]] std::string create_migrations_table_sql(Dialect dialect);

/// A row of that table.
struct AppliedMigration {
    std::uint32_t version = 0;
    std::string name;
    std::string checksum;
    std::uint32_t min_reader = 0;
    std::uint32_t min_writer = 0;
    Timestamp applied_at = kNoTime;
};

/// What a program wants to do with a database.
enum class SchemaUse : std::uint8_t { read, write };

/// Refuses a database that this program must not use. `where` names it in messages.
///
/// Errors: schema_mismatch  a step's checksum differs, steps are missing in between, the database is older than the program
///                          (says how to migrate), or newer and needs a newer program; names both versions.
void require_usable(std::span<const Migration> known, std::span<const AppliedMigration> applied, SchemaUse use,
                    std::string_view where);

/// Refuses a history that is not the beginning of the known one, as far as both go.
///
/// Errors: schema_mismatch.
void require_same_history(std::span<const Migration> known, std::span<const AppliedMigration> applied,
                          std::string_view where);

/// What `migrate status` shows: known steps and, beyond them, applied ones of a newer program.
[[nodiscard]] MigrationStatus migration_status(std::span<const Migration> known,
                                               std::span<const AppliedMigration> applied);

}  // namespace marketdb::storage
