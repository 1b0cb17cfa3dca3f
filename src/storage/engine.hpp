#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <marketdb/backup.hpp>
#include <marketdb/config.hpp>
#include <marketdb/coverage_claim.hpp>
#include <marketdb/deadline.hpp>
#include <marketdb/doctor.hpp>
#include <marketdb/queries.hpp>
#include <marketdb/retention.hpp>
#include <marketdb/sql.hpp>

#include "core/interval_summary.hpp"
#include "storage/table.hpp"

namespace marketdb::storage {

/// Which rows of one table to read, in key order. Everything above (several series, sampling, the received clock) is made
/// from this one function.
struct ScanRequest {
    const Table* table = nullptr;
    std::optional<SeriesKey> series;  ///< None: the whole table, by its key (small tables only).
    Timestamp start = kNoTime;        ///< Inclusive.
    Timestamp end = kNoTime;          ///< Exclusive.
    bool descending = false;
    std::uint64_t limit = 0;           ///< 0: none.
    const std::byte* after = nullptr;  ///< A row of the table (its order columns set): go on after it.
};

/// A row of the `series` table.
struct SeriesInfo {
    Dataset dataset{};
    SeriesKey series;
    std::uint64_t rows = 0;
    Timestamp first = kNoTime;
    Timestamp last = kNoTime;
    std::int64_t min_skew_us = 0;  ///< Least and greatest received_at - timestamp of any row with both.
    std::int64_t max_skew_us = 0;
};

/// A statement of a caller's own. It has a constructor because GCC 12 destroys an aggregate temporary of a `co_await`
/// expression twice.
struct SqlStatement {
    SqlStatement(std::string sql, std::vector<Value> values, std::uint64_t limit, bool is_reading)
        : text(std::move(sql)), parameters(std::move(values)), row_limit(limit), only_reads(is_reading) {}

    std::string text;
    std::vector<Value> parameters;
    std::uint64_t row_limit = 0;  ///< 0: none.
    bool only_reads = false;      ///< One that writes is refused.
};

/// Rows of one series: those of a range of event times and, if one is named, of one source.
struct RowChoice {
    const Table* table = nullptr;  ///< Of a dataset.
    SeriesKey series;
    Timestamp start = kNoTime;    ///< Inclusive; absent: open.
    Timestamp end = kNoTime;      ///< Exclusive; absent: open.
    SourceId source{};            ///< 0: of any. Else the table keeps sources.
    bool spares_imports = false;  ///< Not those of an import or a copy. Else the table keeps sources.
};

/// What one transaction removed.
struct Erased {
    std::uint64_t rows = 0;
    Timestamp next = kNoTime;   ///< Before it none of the chosen rows is left; absent: none is left at all.
    Timestamp first = kNoTime;  ///< The first event time of the removed rows; absent: none was.
    Timestamp last = kNoTime;   ///< And the last.
};

/// What is pending of a source that opens its claims: more than any claim has. A withdrawal leaves the last microsecond of it, so that
/// of which nothing else is left is still known.
inline constexpr core::Interval kAllPending{kMinTime, kMaxTime + std::chrono::microseconds(1)};

/// What goes out of the claims with removed rows: all of the chosen time; where not all rows of it went, the time in which
/// those stood, because others stay and other sources claim them too. Not of balances.
[[nodiscard]] inline CoverageFilter time_without(const RowChoice& choice, const Erased& erased) {
    CoverageFilter filter;
    filter.dataset = choice.table->dataset;
    filter.symbol = SymbolId{choice.series.id};
    const bool leaves_some = choice.source != SourceId{} || choice.spares_imports;
    filter.start = leaves_some ? erased.first : choice.start;
    filter.end = leaves_some ? erased.last + std::chrono::microseconds(1) : choice.end;
    return filter;
}

/// Rows of a series, counted.
struct SeriesCount {
    SeriesKey series;
    std::uint64_t rows = 0;
};

/// The same for many lists of values, one after another.
struct SqlBatch {
    SqlBatch(std::string sql, std::vector<std::vector<Value>> values) : text(std::move(sql)), rows(std::move(values)) {}

    std::string text;
    std::vector<std::vector<Value>> rows;
};

/// Rows of a caller's own for a table.
struct SqlRows {
    SqlRows(std::string name, std::vector<std::string> names, std::vector<std::vector<Value>> values)
        : table(std::move(name)), columns(std::move(names)), rows(std::move(values)) {}

    std::string table;  ///< Of the database's own schema, as it is spelled there.
    std::vector<std::string> columns;
    std::vector<std::vector<Value>> rows;  ///< Each has a value for each column.
};

/// What tells that somebody else wrote.
struct ChangeMarks {
    std::uint64_t data = 0;       ///< Differs when another connection changed anything.
    std::uint64_t reference = 0;  ///< Differs when exchanges or symbols changed.
    friend bool operator==(const ChangeMarks&, const ChangeMarks&) = default;
};

/// What a store can hold; read from its catalogue.
struct Capabilities {
    bool keeps_sequence = true;
    bool keeps_received_at = true;
    bool exact_doubles = true;
    bool unknown_side = true;
    bool unique_trades = true;
    bool dated_contracts = true;
    bool own_tables = true;      ///< All of them are marketdb's own.
    bool keeps_sources = true;   ///< Where rows come from, and rows that were set aside.
    bool keeps_coverage = true;  ///< Claims of what is complete.
};

/// A database engine, type-erased: rows with their descriptor go in, a sink takes rows out. All or nothing, errors and
/// deadlines as the public methods promise them. Operations may run at once; each resumes on its caller's executor.
class Engine {
 public:
    template <class T>
    using awaitable = boost::asio::awaitable<T>;

    virtual ~Engine() = default;

    /// Opens or makes the database as the configuration says.
    virtual awaitable<void> open(Deadline deadline) = 0;
    /// Waits for running operations; then nothing is open. No throw.
    virtual awaitable<void> close(Deadline deadline) = 0;
    /// The executor goes away, and nothing runs on it any more: whatever belongs to it is let go. Nothing else may follow.
    virtual void abandon() noexcept {}
    [[nodiscard]] virtual Capabilities capabilities() const noexcept = 0;

    /// Upserts rows that are prepared (checked, sorted by key, no key twice). All or nothing, durable. Keeps `series`. Where the
    /// database keeps less than was given (Capabilities), the rows are then as they are stored, the first `count - folded`
    /// of the span. Claims are stored in the same transaction (see `claim`).
    virtual awaitable<WriteResult> write(RowSpan rows, std::span<const CoverageClaim> claims, Deadline deadline) = 0;
    awaitable<WriteResult> write(RowSpan rows, Deadline deadline) { return write(rows, {}, deadline); }
    /// Inserts one row into a table with a generated id (exchanges, symbols, sources), sets the id (and created_at,
    /// updated_at where absent is not given) in it, and counts up reference_version where it is reference data.
    /// Errors: constraint  the natural key is there already.
    virtual awaitable<void> insert_one(const Table& table, std::byte* row, Deadline deadline) = 0;
    /// Replaces the row of this id. Returns false if there is none.
    virtual awaitable<bool> update_one(const Table& table, const std::byte* row, Deadline deadline) = 0;

    /// In one transaction, all or nothing: inserts rows as `insert_one` does, and replaces of others, which are found by their
    /// ids, the columns that are named (one set a row; no id twice), whoever changed the rest. The rows are then as they are stored.
    /// Errors: constraint  a natural key is there already. unknown_exchange, unknown_symbol  no row has the id.
    virtual awaitable<void> change_rows(RowSpan added, RowSpan changed, std::span<const ColumnSet> columns,
                                        Deadline deadline) = 0;
    /// Moves the first rows of a series by their key, at most `limit`, to another, in one transaction. Rows of the same key are
    /// merged as `write` does. Returns what became of them there; of no row: none is left.
    virtual awaitable<WriteResult> move_rows(const Table& table, SeriesKey from, SeriesKey to, std::uint64_t limit,
                                             Deadline deadline) = 0;

    virtual awaitable<void> scan(ScanRequest request, RowSink& sink, Deadline deadline) = 0;
    /// The newest row of each series that has one, in the order of `series`, in one go.
    virtual awaitable<void> latest(const Table& table, std::span<const SeriesKey> series, RowSink& sink,
                                   Deadline deadline) = 0;
    /// Of one dataset or of all, by dataset and series. Without own tables `rows` is 0 (see `count_rows`).
    virtual awaitable<std::vector<SeriesInfo>> series(std::optional<Dataset> dataset, Deadline deadline) = 0;
    /// Counts the rows of the series where no count is kept; that reads all of them.
    virtual awaitable<void> count_rows(std::vector<SeriesInfo>&, Deadline) { co_return; }

    // Nothing is stored or found where the database does not keep coverage.
    /// Stores claims. One that touches others of the same series, clock, kind and source becomes one with them.
    virtual awaitable<void> claim(std::span<const CoverageClaim> claims, Deadline deadline) = 0;
    /// What a source is about to claim, each of kAllPending. Until it is settled, what `withdraw` takes goes out of it too, and `write` and
    /// `claim` leave out what it claims of which something went. What the same source, series, clock and kind has open stays as it is.
    virtual awaitable<void> open_claims(std::span<const CoverageClaim> claims, Deadline deadline) = 0;
    /// In one transaction: stores of the claims the time that is still open, of gaps all, and closes what the filter chooses.
    virtual awaitable<void> settle_claims(CoverageFilter closes, std::span<const CoverageClaim> claims,
                                          Deadline deadline) = 0;
    /// Takes a time of rows, by event time, out of the chosen claims. Of the received clock that is what these rows can have by the
    /// skew of their series, and everything where the series has no rows.
    virtual awaitable<void> withdraw(CoverageFilter filter, Deadline deadline) = 0;
    /// The claims that have time in common with the filter's, by dataset, symbol, clock, start.
    virtual awaitable<std::vector<CoverageClaim>> claims(CoverageFilter filter, Deadline deadline) = 0;

    /// What is kept of a series of quotes or trades, if the database can summarise its rows; none: it cannot, or has no rows of it.
    virtual awaitable<std::optional<SeriesInfo>> summarised_series(Dataset, SymbolId, Deadline) {
        co_return std::optional<SeriesInfo>();
    }
    /// What the rows of each interval come to that has any, in order; of such a series.
    /// Errors: constraint  a number would be greater than a double can be.
    virtual awaitable<std::vector<core::IntervalSummary>> summarise(core::IntervalQuestion, Deadline) {
        co_return std::vector<core::IntervalSummary>();
    }

    virtual awaitable<std::uint64_t> count(RowChoice choice, Deadline deadline) = 0;
    /// Of each series of a dataset's table that has any: its rows from a moment on (absent: all), counted. By no order.
    virtual awaitable<std::vector<SeriesCount>> count_since(const Table& table, Timestamp start, Deadline deadline) = 0;
    /// Deletes at most `limit` of the rows (0: all), oldest first, in one transaction, and keeps `series`. But for the partitions
    /// that are dropped, no row goes any other way.
    virtual awaitable<Erased> erase(RowChoice choice, std::uint64_t limit, Deadline deadline) = 0;
    /// The start of the partition of the table in which a moment lies; the moment itself if none does, or if the table has no
    /// partitions that go as a whole.
    virtual awaitable<Timestamp> partition_start(const Table& table, Timestamp time, Deadline deadline) = 0;
    /// Drops the oldest partition that ends at the cut-off or before it, with its rows. Returns how many they were; nothing if
    /// there is no such partition: to be called until then. One whose time is held stays; where imports are spared, so does one that
    /// has a row of an import or a copy. The partition's time goes out of the dataset's claims.
    ///
    /// Errors: timeout, unavailable  others used the partition until the deadline (without one: for a minute). unauthorized.
    virtual awaitable<std::optional<std::uint64_t>> drop_partition(const Table& table, Timestamp cutoff,
                                                                   bool spares_imports, Deadline deadline) = 0;
    /// Partitions of the table that are made from now on are a day wide, or a month.
    virtual awaitable<void> fit_partitions(const Table&, bool /*by_days*/, Deadline) { co_return; }
    /// Makes the partitions of a table that rows of that time would need. Returns how many it made; nothing if the table has none
    /// that are made so.
    virtual awaitable<std::optional<std::uint64_t>> make_partitions(const Table& table, Timestamp start, Timestamp end,
                                                                    Deadline deadline) = 0;
    /// Gives freed pages back to the file system, a bounded amount.
    virtual awaitable<void> reclaim(Deadline deadline) = 0;
    /// What `maintain` promises of pages, statistics and the log. Returns the steps.
    virtual awaitable<std::vector<Finding>> tidy_up(Deadline deadline) = 0;
    /// What a row of a dataset usually takes on disk, its share of the indexes included.
    [[nodiscard]] virtual std::uint64_t usual_row_bytes(Dataset dataset) const noexcept = 0;
    virtual awaitable<std::vector<ServerJob>> server_jobs(Deadline) { co_return std::vector<ServerJob>(); }
    /// Copies the whole database, as it is at one moment, into a file that must not exist, as `marketdb::back_up` promises.
    virtual awaitable<BackupReport> back_up(std::string file, Deadline deadline) = 0;

    /// Runs a statement in a transaction of its own, as `DatabaseManager::execute` promises.
    virtual awaitable<SqlResult> run_sql(const SqlStatement& statement, Deadline deadline) = 0;
    /// The same as `execute_many` and `copy_rows` promise. Returns how many rows were written.
    virtual awaitable<std::uint64_t> run_sql_batch(const SqlBatch& batch, Deadline deadline) = 0;
    virtual awaitable<std::uint64_t> copy_sql_rows(const SqlRows& rows, Deadline deadline) = 0;

    /// What `diagnose` asks of the database itself.
    virtual awaitable<std::vector<Finding>> examine(Deadline deadline) = 0;

    virtual awaitable<ChangeMarks> poll_changes(Deadline deadline) = 0;
    virtual awaitable<DatabaseStats> stats(Deadline deadline) = 0;
    /// Waits for no connection.
    virtual awaitable<PoolStats> pool_stats() = 0;
    /// Operations that wait or run.
    [[nodiscard]] virtual std::size_t pending() const noexcept = 0;

    // Also when not open.
    virtual awaitable<MigrationStatus> migrate_status(Deadline deadline) = 0;
    virtual awaitable<std::vector<MigrationStep>> migrate_up(Deadline deadline) = 0;
    virtual awaitable<std::vector<MigrationStep>> migrate_down(std::uint32_t version, Deadline deadline) = 0;
    /// Where the conversion of a schema of other programs stands, and what it would do. Reads only.
    virtual awaitable<ConversionReport> plan_conversion(ConversionDetail detail, Deadline deadline) = 0;
    virtual awaitable<ConversionReport> convert(ConversionStep step, ConversionOptions options, Deadline deadline) = 0;
};

/// The engine that the configuration names. `config` must outlive it. An engine that waits for sockets does so on `executor`.
[[nodiscard]] std::unique_ptr<Engine> make_engine(const Config& config, const boost::asio::any_io_executor& executor);

}  // namespace marketdb::storage
