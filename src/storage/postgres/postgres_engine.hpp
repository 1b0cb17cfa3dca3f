#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "core/process.hpp"
#include "storage/engine.hpp"
#include "storage/postgres/pool.hpp"
#include "storage/postgres/store.hpp"

namespace marketdb::storage::postgres {

/// The engine on a PostgreSQL schema. Everything runs on one executor on which no two functions run at once; a coroutine of
/// another executor waits and is resumed there, and its executor's work counts as going on until then.
///
/// Threads that a name server holds up keep nobody waiting but the destructor, which gives them two seconds to end.
///
/// In a child after fork() every operation fails, and the destructor lets the sessions be as the parent has them.
class PostgresEngine final : public Engine {
 public:
    /// `config` must outlive it. `executor` runs one function at a time (a strand, or a context with one thread).
    PostgresEngine(const Config& config, boost::asio::any_io_executor executor);
    ~PostgresEngine() override;
    PostgresEngine(const PostgresEngine&) = delete;
    PostgresEngine& operator=(const PostgresEngine&) = delete;

    awaitable<void> open(Deadline deadline) override;
    awaitable<void> close(Deadline deadline) override;
    void abandon() noexcept override;
    [[nodiscard]] Capabilities capabilities() const noexcept override { return capabilities_; }

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
    awaitable<void> count_rows(std::vector<SeriesInfo>& series, Deadline deadline) override;
    awaitable<std::optional<SeriesInfo>> summarised_series(Dataset dataset, SymbolId symbol,
                                                           Deadline deadline) override;
    awaitable<std::vector<core::IntervalSummary>> summarise(core::IntervalQuestion question,
                                                            Deadline deadline) override;
    awaitable<std::uint64_t> count(RowChoice choice, Deadline deadline) override;
    awaitable<std::vector<SeriesCount>> count_since(const Table& table, Timestamp start, Deadline deadline) override;
    awaitable<Erased> erase(RowChoice choice, std::uint64_t limit, Deadline deadline) override;
    awaitable<Timestamp> partition_start(const Table& table, Timestamp time, Deadline deadline) override;
    awaitable<std::optional<std::uint64_t>> drop_partition(const Table& table, Timestamp cutoff, bool spares_imports,
                                                           Deadline deadline) override;
    awaitable<void> fit_partitions(const Table& table, bool by_days, Deadline deadline) override;
    awaitable<std::optional<std::uint64_t>> make_partitions(const Table& table, Timestamp start, Timestamp end,
                                                            Deadline deadline) override;
    awaitable<void> reclaim(Deadline deadline) override;
    awaitable<std::vector<Finding>> tidy_up(Deadline deadline) override;
    [[nodiscard]] std::uint64_t usual_row_bytes(Dataset dataset) const noexcept override;
    awaitable<std::vector<ServerJob>> server_jobs(Deadline deadline) override;
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
    class Admission;
    class Connections;

    template <class T>
    awaitable<T> run(awaitable<T> operation);
    [[nodiscard]] std::shared_ptr<Pool> make_pool(const Config& config);
    [[nodiscard]] Deadline resolve(Deadline deadline) const;
    void require_same_process() const;
    /// Errors: closed.
    [[nodiscard]] Store& store() const;

    // On the executor.
    awaitable<void> open_here(Deadline deadline);
    awaitable<void> open_schema(Connection& connection, Deadline deadline);
    awaitable<Catalogue> open_own(Connection& connection, Catalogue catalogue, Deadline deadline);
    awaitable<Catalogue> open_existing(Connection& connection, Catalogue catalogue, Deadline deadline);
    awaitable<void> close_here();
    awaitable<PoolStats> pool_stats_here();
    awaitable<MigrationStatus> status_here(Deadline deadline);
    awaitable<std::vector<MigrationStep>> up_here(Deadline deadline);
    awaitable<std::vector<MigrationStep>> down_here(std::uint32_t version, Deadline deadline);
    awaitable<ConversionReport> plan_conversion_here(ConversionDetail detail, Deadline deadline);
    awaitable<ConversionReport> convert_here(ConversionStep step, ConversionOptions options, Deadline deadline);

    const Config& config_;
    const Config conversion_config_;  // a conversion looks who else is connected: it has one session
    const core::ProcessMark process_;
    std::atomic<std::size_t> pending_{0};
    std::atomic<bool> open_{false};
    Capabilities capabilities_;  // set before open_

    // used on the executor only
    boost::asio::any_io_executor executor_;
    std::vector<std::shared_ptr<Gate>> gates_;  // of all pools whose threads have not ended
    std::shared_ptr<Pool> pool_;
    std::unique_ptr<Store> store_;
};

}  // namespace marketdb::storage::postgres
