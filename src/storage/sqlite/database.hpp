#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <marketdb/config.hpp>

#include "storage/engine.hpp"
#include "storage/sqlite/checkpoint.hpp"
#include "storage/sqlite/connection.hpp"
#include "storage/sqlite/control.hpp"
#include "storage/sqlite/file_identity.hpp"
#include "storage/sqlite/file_lock.hpp"
#include "storage/sqlite/store.hpp"

namespace marketdb::storage::sqlite {

/// One SQLite database with the one connection of this process that writes: opening as the configuration says,
/// transactions, the log. Synchronous.
///
/// Threads: one at a time, but for `open_reader`, `ticket` and `note_damage`, which any thread may use while it is open.
class Database {
 public:
    /// `config` must outlive it. Nothing is opened.
    explicit Database(const Config& config);
    ~Database();
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    /// Errors: unavailable      no such file, no right, locked. schema_mismatch  another program's, newer, older and not
    ///                          migrated; nothing was changed. corrupt. read_only  the file cannot be written.
    void open(const Control& control);
    /// Folds the log into the file and lets go of it. Readers must be gone. No throw.
    void close() noexcept;
    [[nodiscard]] bool is_open() const noexcept { return store_ != nullptr; }
    [[nodiscard]] bool is_memory() const noexcept;
    /// In a child after fork(): forgets everything without touching it.
    void abandon() noexcept;

    /// One more connection that reads. Errors: as `Connection`.
    [[nodiscard]] std::unique_ptr<Connection> open_reader(const Control& control) const;
    /// What a reader has to see unchanged: the files as they were when the database was opened.
    [[nodiscard]] FileIdentity identity_of_readers() const { return opened_identity_; }
    /// What a scan looks at to know that the writer wants the log folded back.
    [[nodiscard]] const SnapshotTicket& ticket() const noexcept { return ticket_; }
    /// After it nothing is written any more: each write fails with `corrupt` and this text.
    void note_damage(std::string_view text);

    WriteResult write(RowSpan rows, const Control& control, std::span<const CoverageClaim> claims = {});
    void claim(std::span<const CoverageClaim> claims, const Control& control);
    void open_claims(std::span<const CoverageClaim> claims, const Control& control);
    void settle_claims(const CoverageFilter& closes, std::span<const CoverageClaim> claims, const Control& control);
    void withdraw(const CoverageFilter& filter, const Control& control);
    void insert_one(const Table& table, std::byte* row, const Control& control);
    bool update_one(const Table& table, const std::byte* row, const Control& control);
    void change_rows(RowSpan added, RowSpan changed, std::span<const ColumnSet> columns, const Control& control);
    WriteResult move_rows(const Table& table, const SeriesKey& from, const SeriesKey& to, std::uint64_t limit,
                          const Control& control);
    Erased erase(const RowChoice& choice, std::uint64_t limit, const Control& control);
    SqlResult run_sql(const SqlStatement& statement, const Control& control);
    std::uint64_t run_sql_batch(const SqlBatch& batch, const Control& control);
    std::uint64_t copy_sql_rows(const SqlRows& rows, const Control& control);
    /// Returns how many bytes went back to the file system, a bounded amount; 0: there are none left.
    std::uint64_t reclaim(const Control& control);
    /// Folds the log back, if need be within half a second. Nothing where there is none.
    std::optional<Finding> fold_log(const Control& control);
    /// What can be done after an operation was answered: folds the log back if it is long. No throw.
    void tidy() noexcept;

    ChangeMarks poll_changes(const Control& control);
    /// On the writing connection.
    [[nodiscard]] Store& store() noexcept { return *store_; }
    [[nodiscard]] Connection& connection() noexcept { return *connection_; }

    // Also when not open.
    MigrationStatus migrate_status(const Control& control);
    std::vector<MigrationStep> migrate_up(const Control& control);
    std::vector<MigrationStep> migrate_down(std::uint32_t version, const Control& control);

 private:
    template <class Work>
    auto in_transaction(const Control& control, Work work);
    class Visit;

    [[nodiscard]] Access wanted_access() const;
    [[nodiscard]] bool may_write() const noexcept { return access_ == Access::create || access_ == Access::read_write; }
    [[nodiscard]] bool file_exists() const;
    void require_file() const;
    void require_writable_side_files() const;
    void require_room_for_file() const;
    void connect(Access access, const Control& control);
    void prepare_file(const Control& control);
    void set_up_empty();
    void require_schema(const Control& control);
    void lock_exclusively(const Control& control);
    void start();
    void disconnect() noexcept;
    [[nodiscard]] bool may_remove_log() noexcept;
    [[nodiscard]] Timestamp now() const;
    void say(std::string_view text) const noexcept;

    const Config& config_;
    std::string path_;
    Access access_ = Access::read_write;
    std::unique_ptr<Connection> connection_;
    FileLock lock_;
    FileIdentity identity_;
    FileIdentity opened_identity_;  // constant while open, so that readers may copy it
    std::unique_ptr<Store> store_;
    std::unique_ptr<Checkpointer> checkpointer_;
    SnapshotTicket ticket_{0};

    std::mutex damage_mutex_;
    std::string damage_;  // guarded by damage_mutex_
};

}  // namespace marketdb::storage::sqlite
