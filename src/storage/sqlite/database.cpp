#include "storage/sqlite/database.hpp"

#include <filesystem>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "core/identity.hpp"
#include "storage/sqlite/migrator.hpp"
#include "storage/sqlite/transaction.hpp"

namespace marketdb::storage::sqlite {
namespace {

/// At most so many pages go back to the file system in one transaction: 4 MiB.
constexpr std::uint32_t kPagesToReclaim = 1024;

}  // namespace

/// Does what writes in one transaction: refuses where nothing may be written, waits for the log, the lock and other writers.
template <class Work>
auto Database::in_transaction(const Control& control, Work work) {
    {
        const std::scoped_lock guard(damage_mutex_);
        if (!damage_.empty()) throw Error(ErrorCode::corrupt, damage_);
    }
    if (!may_write()) throw Error(ErrorCode::read_only, path_ + ": was opened read-only");
    const Connection::Scope scope(*connection_, control);
    try {
        identity_.require_same();
        if (lock_.was_replaced()) lock_ = FileLock(connection_->file());
        if (checkpointer_) checkpointer_->before_write(control, [this] { ++ticket_; });
        WriteTransaction transaction(*connection_, lock_, control);
        auto result = work();
        control.check();
        transaction.commit();
        return result;
    } catch (const Error& error) {
        if (error.code() == ErrorCode::corrupt) note_damage(error.what());
        throw;
    }
}

void Database::note_damage(std::string_view text) {
    const std::scoped_lock guard(damage_mutex_);
    if (damage_.empty()) damage_ = text;
}

WriteResult Database::write(RowSpan rows, const Control& control, std::span<const CoverageClaim> claims) {
    return in_transaction(control, [&] {
        const WriteResult result = store_->write(rows, control);
        store_->claim(claims);
        return result;
    });
}

void Database::claim(std::span<const CoverageClaim> claims, const Control& control) {
    in_transaction(control, [&] {
        store_->claim(claims);
        return true;
    });
}

void Database::open_claims(std::span<const CoverageClaim> claims, const Control& control) {
    in_transaction(control, [&] {
        store_->open_claims(claims);
        return true;
    });
}

void Database::settle_claims(const CoverageFilter& closes, std::span<const CoverageClaim> claims,
                             const Control& control) {
    in_transaction(control, [&] {
        store_->settle_claims(closes, claims);
        return true;
    });
}

void Database::withdraw(const CoverageFilter& filter, const Control& control) {
    in_transaction(control, [&] {
        store_->withdraw(filter);
        return true;
    });
}

void Database::insert_one(const Table& table, std::byte* row, const Control& control) {
    in_transaction(control, [&] {
        store_->insert_one(table, row, now());
        return true;
    });
}

bool Database::update_one(const Table& table, const std::byte* row, const Control& control) {
    return in_transaction(control, [&] { return store_->update_one(table, row, now()); });
}

void Database::change_rows(RowSpan added, RowSpan changed, std::span<const ColumnSet> columns, const Control& control) {
    in_transaction(control, [&] {
        store_->change_rows(added, changed, columns, now());
        return true;
    });
}

WriteResult Database::move_rows(const Table& table, const SeriesKey& from, const SeriesKey& to, std::uint64_t limit,
                                const Control& control) {
    return in_transaction(control, [&] { return store_->move_rows(table, from, to, limit, control); });
}

Erased Database::erase(const RowChoice& choice, std::uint64_t limit, const Control& control) {
    return in_transaction(control, [&] { return store_->erase(choice, limit); });
}

SqlResult Database::run_sql(const SqlStatement& statement, const Control& control) {
    return in_transaction(control, [&] { return store_->run_sql(statement, control); });
}

std::uint64_t Database::run_sql_batch(const SqlBatch& batch, const Control& control) {
    return in_transaction(control, [&] { return store_->run_sql_batch(batch.text, batch.rows, control); });
}

std::uint64_t Database::copy_sql_rows(const SqlRows& rows, const Control& control) {
    return in_transaction(control, [&] { return store_->copy_sql_rows(rows, control); });
}

std::uint64_t Database::reclaim(const Control& control) {
    return in_transaction(control, [&] { return store_->reclaim(kPagesToReclaim); });
}

std::optional<Finding> Database::fold_log(const Control& control) {
    if (!checkpointer_) return std::nullopt;
    const Connection::Scope scope(*connection_, control);
    identity_.require_same();
    std::error_code missing;
    // What other programs left in it counts too.
    const std::uintmax_t size = std::filesystem::file_size(connection_->file() + "-wal", missing);
    const std::uintmax_t bytes = missing ? 0 : size;
    Finding finding{Severity::fine, "log", {}, {}, {}};
    switch (checkpointer_->fold(control, [this] { ++ticket_; })) {
        case Checkpointer::Outcome::done:
            finding.what = bytes > 0 ? fmt::format("{} bytes of it folded into the file", bytes) : "it is empty";
            break;
        case Checkpointer::Outcome::busy:
            finding.severity = Severity::note;
            finding.what = fmt::format("{} bytes of it stay: others read what they began with, or write", bytes);
            break;
        case Checkpointer::Outcome::failed:
            finding.severity = Severity::warning;
            finding.what = fmt::format("{} bytes of it could not be folded into the file", bytes);
            finding.remedy = "look at the room on the disk and at the log of this program";
            break;
    }
    return finding;
}

void Database::tidy() noexcept {
    if (checkpointer_) checkpointer_->after_commit();
}

ChangeMarks Database::poll_changes(const Control& control) {
    const Connection::Scope scope(*connection_, control);
    identity_.require_same();
    ChangeMarks marks;
    marks.data = store_->data_version();
    marks.reference = store_->reference_version();
    return marks;
}

/// Opens the database for one visit where it is not open, and lets go of it afterwards.
class Database::Visit {
 public:
    Visit(Database& database, Access access, const Control& control)
        : database_(database), visits_(!database.is_open()) {
        if (!visits_) {
            database_.identity_.require_same();
            return;
        }
        try {
            database_.connect(access, control);
            if (database_.may_write()) database_.prepare_file(control);
        } catch (...) {
            database_.disconnect();
            throw;
        }
    }
    ~Visit() {
        if (visits_) database_.disconnect();
    }
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;

 private:
    Database& database_;
    bool visits_;
};

MigrationStatus Database::migrate_status(const Control& control) {
    const auto known = sqlite_migrations();
    if (!is_open() && !file_exists()) return migration_status(known, {});
    const bool asks_only = !is_memory() && !is_open();
    const Access access = asks_only ? wanted_access() : Access::create;
    const Visit visit(
        *this, asks_only && (access == Access::create || access == Access::read_write) ? Access::query_only : access,
        control);
    const Connection::Scope scope(*connection_, control);
    Migrator migrator(*connection_, lock_);
    std::vector<AppliedMigration> applied;
    if (!migrator.is_empty()) {
        migrator.require_ours();
        applied = migrator.applied();
        require_same_history(known, applied, path_);
    }
    MigrationStatus status = migration_status(known, applied);
    status.exists = !applied.empty();
    return status;
}

std::vector<MigrationStep> Database::migrate_up(const Control& control) {
    if (config_.open_mode != OpenMode::create) require_file();
    const Visit visit(*this, wanted_access(), control);
    if (!may_write()) throw Error(ErrorCode::read_only, path_ + ": was opened read-only");
    return Migrator(*connection_, lock_).up(core::program_name(config_), now(), control);
}

std::vector<MigrationStep> Database::migrate_down(std::uint32_t version, const Control& control) {
    require_file();
    const Visit visit(*this, wanted_access(), control);
    if (!may_write()) throw Error(ErrorCode::read_only, path_ + ": was opened read-only");
    return Migrator(*connection_, lock_).down(version, control);
}

}  // namespace marketdb::storage::sqlite
