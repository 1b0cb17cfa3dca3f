#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "storage/migrations.hpp"
#include "storage/sqlite/connection.hpp"
#include "storage/sqlite/control.hpp"
#include "storage/sqlite/file_lock.hpp"

namespace marketdb::storage::sqlite {

/// In the header of every database that marketdb made: `mktd`.
inline constexpr std::int32_t kApplicationId = 0x6D6B7464;

/// The schema of an open database, step by step. Each step up is one transaction (all of them together in an empty
/// database) that looks again which steps are there, so that processes may do it at once and one killed in the middle
/// leaves nothing half done.
class Migrator {
 public:
    Migrator(Connection& connection, FileLock& lock) : connection_(connection), lock_(lock) {}

    /// The steps that the database has; none if it has no table of them.
    [[nodiscard]] std::vector<AppliedMigration> applied();
    /// Returns the steps run. Errors: schema_mismatch  the history is not ours, or newer than this program may write.
    std::vector<MigrationStep> up(const std::string& program, Timestamp now, const Control& control);
    /// Undoes the steps above `version`, all in one transaction. Returns the steps undone, newest first.
    /// Errors: constraint  a table that would go has rows. schema_mismatch.
    std::vector<MigrationStep> down(std::uint32_t version, const Control& control);

    /// Whether the database holds no table at all and belongs to no program.
    [[nodiscard]] bool is_empty();
    /// Errors: schema_mismatch  the tables are another program's; names some.
    void require_ours();

 private:
    [[nodiscard]] bool has_table(std::string_view name);
    bool apply_next(const std::string& program, Timestamp now, const Control& control,
                    std::vector<MigrationStep>& done);
    void apply(const Migration& step, const std::string& program, Timestamp now);
    void require_no_rows(const Migration& step);

    Connection& connection_;
    FileLock& lock_;
};

}  // namespace marketdb::storage::sqlite
