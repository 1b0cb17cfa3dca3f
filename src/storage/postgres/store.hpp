#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include <marketdb/config.hpp>
#include <marketdb/deadline.hpp>

#include "storage/engine.hpp"
#include "storage/postgres/catalogue.hpp"
#include "storage/postgres/connection.hpp"
#include "storage/postgres/partitions.hpp"
#include "storage/postgres/pool.hpp"
#include "storage/postgres/server_error.hpp"
#include "storage/postgres/transaction.hpp"
#include "storage/table.hpp"

namespace marketdb::storage::postgres {

/// Of one statement: its arrays stay far below the server's 1 GiB, and the memory on both sides stays bounded.
inline constexpr std::size_t kUpsertRowsAtOnce = 20'000;

/// At most so many rows from the `first` one on.
[[nodiscard]] inline RowSpan part_of(RowSpan rows, std::size_t first, std::size_t count) noexcept {
    return {rows.table, rows.row(first), std::min(count, rows.count - first)};
}

/// A statement that tables want from time to time, and which do (see store_maintenance.cpp).
struct TidyWork;

/// The operations of the engine on an open schema.
///
/// Threads: all functions on the pool's executor. Deadlines are resolved.
class Store {
 public:
    template <class T>
    using awaitable = boost::asio::awaitable<T>;

    Store(const Config& config, std::shared_ptr<Pool> pool, Catalogue catalogue);

    /// Reads what changes while the database is open: the partitions.
    awaitable<void> prepare(Connection& connection, Deadline deadline);

    // store_write.cpp
    awaitable<WriteResult> write(RowSpan rows, std::span<const CoverageClaim> claims, Deadline deadline);
    awaitable<void> insert_one(const Table& table, std::byte* row, Deadline deadline);
    awaitable<bool> update_one(const Table& table, const std::byte* row, Deadline deadline);
    awaitable<Erased> erase(RowChoice choice, std::uint64_t limit, Deadline deadline);

    // store_change.cpp
    awaitable<void> change_rows(RowSpan added, RowSpan changed, std::span<const ColumnSet> columns, Deadline deadline);
    awaitable<WriteResult> move_rows(const Table& table, SeriesKey from, SeriesKey to, std::uint64_t limit,
                                     Deadline deadline);

    // store_sql.cpp
    awaitable<SqlResult> run_sql(const SqlStatement& statement, Deadline deadline);
    awaitable<std::uint64_t> run_sql_batch(const SqlBatch& batch, Deadline deadline);
    awaitable<std::uint64_t> copy_sql_rows(const SqlRows& rows, Deadline deadline);

    // store_coverage.cpp
    awaitable<void> claim(std::span<const CoverageClaim> claims, Deadline deadline);
    awaitable<void> open_claims(std::span<const CoverageClaim> claims, Deadline deadline);
    awaitable<void> settle_claims(CoverageFilter closes, std::span<const CoverageClaim> claims, Deadline deadline);
    awaitable<void> withdraw(CoverageFilter filter, Deadline deadline);
    awaitable<std::vector<CoverageClaim>> claims(CoverageFilter filter, Deadline deadline);

    // store.cpp
    awaitable<std::vector<Finding>> examine(Deadline deadline);

    // store_retention.cpp
    awaitable<Timestamp> partition_start(const Table& table, Timestamp time, Deadline deadline);
    awaitable<std::optional<std::uint64_t>> drop_partition(const Table& table, Timestamp cutoff, bool spares_imports,
                                                           Deadline deadline);

    // store_maintenance.cpp
    awaitable<void> fit_partitions(const Table& table, bool by_days, Deadline deadline);
    awaitable<std::optional<std::uint64_t>> make_partitions(const Table& table, Timestamp start, Timestamp end,
                                                            Deadline deadline);
    awaitable<std::vector<Finding>> tidy_up(Deadline deadline);
    awaitable<std::vector<ServerJob>> server_jobs(Deadline deadline);

    // store_read.cpp
    awaitable<void> scan(const ScanRequest& request, RowSink& sink, Deadline deadline);
    awaitable<void> latest(const Table& table, std::span<const SeriesKey> series, RowSink& sink, Deadline deadline);
    awaitable<std::vector<SeriesInfo>> series(std::optional<Dataset> dataset, Deadline deadline);
    awaitable<std::uint64_t> count(RowChoice choice, Deadline deadline);
    awaitable<std::vector<SeriesCount>> count_since(const Table& table, Timestamp start, Deadline deadline);
    awaitable<ChangeMarks> poll_changes(Deadline deadline);
    awaitable<DatabaseStats> stats(Deadline deadline);

    // store_summaries.cpp
    awaitable<std::optional<SeriesInfo>> summarised_series(Dataset dataset, SymbolId symbol, Deadline deadline);
    awaitable<std::vector<core::IntervalSummary>> summarise(core::IntervalQuestion question, Deadline deadline);

    // store_existing.cpp
    /// Counts the rows of series of which nobody keeps a count.
    awaitable<void> count_rows(std::vector<SeriesInfo>& series, Deadline deadline);

 private:
    /// SQL texts of one table, made once.
    struct Texts {
        std::string copy_in;
        std::string latest;  ///< Of all time.
        std::string insert_one;
        std::string update_one;
    };
    /// What to do about a write that failed.
    enum class Remedy : std::uint8_t { none, explanation, again, without_copy, new_partitions };

    [[nodiscard]] const PhysicalTable& physical(const Table& table) const { return catalogue_.table(table); }
    [[nodiscard]] const Texts& texts(const PhysicalTable& table);
    [[nodiscard]] const SchemaName& schema() const noexcept { return catalogue_.schema(); }
    [[nodiscard]] Timestamp now() const;

    /// Runs a statement that reads on a connection of the pool.
    awaitable<Result> ask(Step step, Deadline deadline);

    /// The statements that store claims, for the end of a transaction.
    using Statements = std::vector<std::string>;
    awaitable<WriteResult> write_once(const PhysicalTable& table, RowSpan rows, const Statements& claims, bool copies,
                                      Deadline deadline);
    awaitable<WriteResult> upsert(Connection& connection, const PhysicalTable& table, RowSpan rows,
                                  const Statements& claims, Deadline deadline);
    awaitable<WriteResult> upsert_few(Connection& connection, const PhysicalTable& table, RowSpan rows,
                                      const Statements& claims, Deadline deadline);
    awaitable<WriteResult> write_conformed(const PhysicalTable& table, RowSpan rows, const Statements& claims,
                                           Deadline deadline);
    awaitable<WriteResult> copy(Connection& connection, const PhysicalTable& table, RowSpan rows,
                                const Statements& claims, Deadline deadline);
    awaitable<void> run_ledger(Connection& connection, const Statements& statements, Deadline deadline);
    [[nodiscard]] Statements claim_statements(std::span<const CoverageClaim> claims) const;
    awaitable<void> settle(Connection& connection, const CoverageFilter& closes, std::span<const CoverageClaim> claims,
                           Deadline deadline);
    [[nodiscard]] std::string lock_ledger_sql() const;
    /// Adds the statements that take a time out of the claims.
    void add_withdrawal(Statements& statements, const CoverageFilter& filter) const;
    awaitable<std::optional<std::int64_t>> write_row(const PhysicalTable& table, const std::byte* row, Step step,
                                                     Deadline deadline);
    awaitable<std::optional<std::int64_t>> run_and_commit(Connection& connection, Step step, Deadline deadline);
    awaitable<Erased> erase(Connection& connection, const PhysicalTable& table, const RowChoice& choice,
                            std::string_view sql, Deadline deadline);
    /// Whether whole partitions of a table may go: those that our schema makes by itself.
    [[nodiscard]] bool drops_partitions(const PhysicalTable& table) const;
    awaitable<std::optional<std::uint64_t>> drop_once(Connection& connection, const Table& table,
                                                      std::span<const Step> steps, Deadline deadline);
    /// Runs VACUUM or ANALYZE, which no transaction may surround.
    awaitable<void> run_alone(std::string statement, Deadline deadline);
    awaitable<void> tidy_tables(const TidyWork& work, std::vector<Finding>& steps, Deadline deadline);
    awaitable<void> ensure_partitions(const PhysicalTable& table, RowSpan rows, Deadline deadline);
    [[nodiscard]] TimeRange range_to_read(const PhysicalTable& table, RowSpan rows) const;
    [[nodiscard]] Remedy remedy_for(const std::exception_ptr& failure, bool copied) const;
    awaitable<void> refuse(const PhysicalTable& table, RowSpan rows, std::exception_ptr failure, Deadline deadline);
    awaitable<std::optional<std::size_t>> find_refused_row(const PhysicalTable& table, RowSpan rows, Deadline deadline);
    awaitable<std::string> columns_of_constraint(const ServerError& said, Deadline deadline);
    awaitable<bool> is_refused(const PhysicalTable& table, RowSpan rows, Deadline deadline);
    awaitable<void> try_rows(Connection& connection, const PhysicalTable& table, RowSpan rows, Deadline deadline);
    [[nodiscard]] bool is_worth_copying(const PhysicalTable& table, RowSpan rows);
    void note_collision(const PhysicalTable& table, RowSpan rows);
    /// What a large batch is expected to do, because the one before did.
    enum class Habit : std::uint8_t { mixed, writes_all, updates_all };
    [[nodiscard]] Habit habit_of(RowSpan rows) const;
    [[nodiscard]] bool lie_in_one_piece(const PhysicalTable& table, RowSpan rows, const TimeRange& range) const;
    [[nodiscard]] Probe probe_for(RowSpan rows) const;
    /// Adds what was done with a part of a batch to the result.
    void note_part(RowSpan rows, std::uint64_t inserted, std::uint64_t updated, WriteResult& result);
    awaitable<std::vector<Result>> run_within(Connection& connection, std::span<const Step> steps, bool has_begun,
                                              Deadline deadline);

    awaitable<std::uint64_t> scan_piece(const PhysicalTable& table, const ScanRequest& request, const TimeRange& range,
                                        std::uint64_t limit, RowSink& sink, Deadline deadline);
    awaitable<std::uint64_t> query_rows(Connection& connection, const PhysicalTable& table, Step step, RowSink& sink,
                                        Deadline deadline);
    awaitable<std::uint64_t> copy_rows(Connection& connection, const PhysicalTable& table, std::string_view sql,
                                       RowSink& sink, Deadline deadline);
    awaitable<std::vector<Timestamp>> newest_times(const PhysicalTable& table, std::span<const SeriesKey> series,
                                                   Deadline deadline);
    awaitable<void> latest_within(const PhysicalTable& table, std::span<const SeriesKey> series,
                                  const std::vector<std::size_t>& places, TimeRange range,
                                  std::span<const Timestamp> since, std::vector<std::vector<std::byte>>& newest,
                                  Deadline deadline);
    awaitable<void> latest_partitioned(const PhysicalTable& table, std::span<const SeriesKey> series,
                                       std::vector<std::vector<std::byte>>& newest, Deadline deadline);
    awaitable<void> latest_anywhere(const PhysicalTable& table, std::span<const SeriesKey> series,
                                    const std::vector<Timestamp>& times, std::vector<std::vector<std::byte>>& newest,
                                    Deadline deadline);

    // store_change.cpp
    awaitable<void> change_within(Connection& connection, RowSpan added, RowSpan changed,
                                  std::span<const ColumnSet> columns, Deadline deadline);
    awaitable<WriteResult> move_within(Connection& connection, const PhysicalTable& table, SeriesKey from, SeriesKey to,
                                       std::uint64_t limit, Deadline deadline);

    // store_sql.cpp
    awaitable<SqlResult> run_sql_within(Connection& connection, const SqlStatement& statement,
                                        const Parameters& parameters, bool is_query, Deadline deadline);
    awaitable<std::uint64_t> run_batch_within(Connection& connection, const SqlBatch& batch, Deadline deadline);
    awaitable<std::uint64_t> copy_within(Connection& connection, const SqlRows& rows, Deadline deadline);

    // store_existing.cpp
    awaitable<WriteResult> upsert_existing(Connection& connection, const PhysicalTable& table, RowSpan rows,
                                           Deadline deadline);
    awaitable<void> latest_existing(const PhysicalTable& table, std::span<const SeriesKey> series,
                                    std::vector<std::vector<std::byte>>& newest, Deadline deadline);
    awaitable<Timestamp> newest_time(const PhysicalTable& table, Deadline deadline);
    awaitable<std::vector<SeriesInfo>> existing_series(std::optional<Dataset> dataset, Deadline deadline);
    awaitable<ChangeMarks> existing_marks(Deadline deadline);
    awaitable<std::uint64_t> count_all(const PhysicalTable& table, Deadline deadline);
    awaitable<DatabaseStats> existing_stats(Deadline deadline);
    awaitable<DatasetStats> existing_dataset_stats(const PhysicalTable& table, Deadline deadline);
    awaitable<void> estimate(const PhysicalTable& table, DatasetStats& stats, Deadline deadline);
    awaitable<std::vector<SeriesCount>> existing_counts(const PhysicalTable& table, Timestamp start, Deadline deadline);

    const Config& config_;
    std::shared_ptr<Pool> pool_;
    Catalogue catalogue_;
    Partitions partitions_;
    std::int64_t own_rows_ = 0;  // added to the datasets by this object, less those that it erased
    std::map<const Table*, Texts> texts_;
    /// Series whose last straight COPY met a row that was there already: how many batches they still go without it.
    std::map<std::pair<const Table*, SeriesKey>, std::uint32_t> without_copy_;
    std::map<const Table*, Habit> habits_;  // of those that are not mixed
};

}  // namespace marketdb::storage::postgres
