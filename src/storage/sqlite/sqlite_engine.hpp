#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/process.hpp"
#include "storage/engine.hpp"
#include "storage/sqlite/workers.hpp"

namespace marketdb::storage::sqlite {

/// The engine on a SQLite file, or in memory. Coroutines hand their work to the database's own threads and are resumed on
/// their executor, whose work they count as until then.
///
/// In a child after fork() every operation fails, and the destructor lets everything be as the parent has it.
class SqliteEngine final : public Engine {
 public:
    /// `config` must outlive it.
    explicit SqliteEngine(const Config& config);
    ~SqliteEngine() override;
    SqliteEngine(const SqliteEngine&) = delete;
    SqliteEngine& operator=(const SqliteEngine&) = delete;

    awaitable<void> open(Deadline deadline) override;
    awaitable<void> close(Deadline deadline) override;
    [[nodiscard]] Capabilities capabilities() const noexcept override { return {}; }

    using Engine::write;
    awaitable<WriteResult> write(RowSpan rows, std::span<const CoverageClaim> claims, Deadline deadline) override;
    awaitable<void> claim(std::span<const CoverageClaim> claims, Deadline deadline) override;
    awaitable<void> open_claims(std::span<const CoverageClaim> claims, Deadline deadline) override;
    awaitable<void> settle_claims(CoverageFilter closes, std::span<const CoverageClaim> claims,
                                  Deadline deadline) override;
    awaitable<void> withdraw(CoverageFilter filter, Deadline deadline) override;
    awaitable<std::vector<CoverageClaim>> claims(CoverageFilter filter, Deadline deadline) override;
    awaitable<void> insert_one(const Table& table, std::byte* row, Deadline deadline) override;
    awaitable<bool> update_one(const Table& table, const std::byte* row, Deadline deadline) override;
    awaitable<void> change_rows(RowSpan added, RowSpan changed, std::span<const ColumnSet> columns,
                                Deadline deadline) override;
    awaitable<WriteResult> move_rows(const Table& table, SeriesKey from, SeriesKey to, std::uint64_t limit,
                                     Deadline deadline) override;
    awaitable<void> scan(ScanRequest request, RowSink& sink, Deadline deadline) override;
    awaitable<void> latest(const Table& table, std::span<const SeriesKey> series, RowSink& sink,
                           Deadline deadline) override;
    awaitable<std::vector<SeriesInfo>> series(std::optional<Dataset> dataset, Deadline deadline) override;
    awaitable<std::uint64_t> count(RowChoice choice, Deadline deadline) override;
    awaitable<std::vector<SeriesCount>> count_since(const Table& table, Timestamp start, Deadline deadline) override;
    awaitable<Erased> erase(RowChoice choice, std::uint64_t limit, Deadline deadline) override;
    awaitable<Timestamp> partition_start(const Table& table, Timestamp time, Deadline deadline) override;
    awaitable<std::optional<std::uint64_t>> drop_partition(const Table& table, Timestamp cutoff, bool spares_imports,
                                                           Deadline deadline) override;
    awaitable<std::optional<std::uint64_t>> make_partitions(const Table& table, Timestamp start, Timestamp end,
                                                            Deadline deadline) override;
    awaitable<void> reclaim(Deadline deadline) override;
    awaitable<std::vector<Finding>> tidy_up(Deadline deadline) override;
    [[nodiscard]] std::uint64_t usual_row_bytes(Dataset dataset) const noexcept override;
    awaitable<SqlResult> run_sql(const SqlStatement& statement, Deadline deadline) override;
    awaitable<BackupReport> back_up(std::string file, Deadline deadline) override;
    awaitable<std::uint64_t> run_sql_batch(const SqlBatch& batch, Deadline deadline) override;
    awaitable<std::uint64_t> copy_sql_rows(const SqlRows& rows, Deadline deadline) override;
    awaitable<std::vector<Finding>> examine(Deadline deadline) override;
    awaitable<ChangeMarks> poll_changes(Deadline deadline) override;
    awaitable<DatabaseStats> stats(Deadline deadline) override;
    awaitable<PoolStats> pool_stats() override;
    [[nodiscard]] std::size_t pending() const noexcept override { return pending_.load(std::memory_order_relaxed); }

    awaitable<MigrationStatus> migrate_status(Deadline deadline) override;
    awaitable<std::vector<MigrationStep>> migrate_up(Deadline deadline) override;
    awaitable<std::vector<MigrationStep>> migrate_down(std::uint32_t version, Deadline deadline) override;
    awaitable<ConversionReport> plan_conversion(ConversionDetail detail, Deadline deadline) override;
    awaitable<ConversionReport> convert(ConversionStep step, ConversionOptions options, Deadline deadline) override;

 private:
    enum class Need : std::uint8_t { open, nothing };
    class Admission;

    /// Runs a job and rethrows what it threw.
    awaitable<void> run(Lane lane, Need need, Job& job);
    template <class Handler>
    void start(Lane lane, Job& job, Handler handler);
    [[nodiscard]] Deadline resolve(Deadline deadline) const;
    void require_same_process() const;
    void begin_close(Deadline deadline, Job& waiter);
    void finish_close(Deadline deadline) noexcept;

    const Config& config_;
    const core::ProcessMark process_;
    std::unique_ptr<Database> database_;
    std::unique_ptr<Workers> workers_;
    std::atomic<std::size_t> pending_{0};
    std::atomic<bool> open_{false};

    std::mutex close_mutex_;
    // guarded by close_mutex_
    bool closing_ = false;
    std::vector<Job*> close_waiters_;
    std::unique_ptr<std::thread> closer_;
};

}  // namespace marketdb::storage::sqlite
