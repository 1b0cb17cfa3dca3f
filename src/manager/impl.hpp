#pragma once

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <marketdb/database_manager.hpp>

#include "cache/latest_cache.hpp"
#include "cache/reference_table.hpp"
#include "core/interval_summary.hpp"
#include "core/intervals.hpp"
#include "manager/history.hpp"
#include "manager/io_thread.hpp"
#include "manager/periodic_task.hpp"
#include "manager/row_sinks.hpp"
#include "manager/series_choice.hpp"
#include "manager/source_register.hpp"
#include "storage/engine.hpp"
#include "storage/table.hpp"

namespace marketdb {

struct SummarisedTime;

/// The manager's state and the coroutines behind its methods.
///
/// Threads: what several coroutines share is safe by itself (the caches, the engine, the sources, atomics), so an operation
/// runs on its caller's executor and leaves it only to wait for the engine.
class DatabaseManager::Impl : public std::enable_shared_from_this<Impl> {
 public:
    /// Whether an operation can run before `initialize()`. After `close()` none can.
    enum class Needs : std::uint8_t { open, nothing };

    Impl(Config config, std::optional<boost::asio::any_io_executor> executor);
    ~Impl();
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    /// Runs an operation of this object with the object kept alive and, if it needs it open, counted as in flight.
    /// Errors: closed  not initialised although it needs to be, or closed.
    template <class T>
    static awaitable<T> run(std::shared_ptr<Impl> self, awaitable<T> operation, Needs needs = Needs::open) {
        std::optional<InFlight> guard;
        if (needs == Needs::open) guard.emplace(*self);
        if (needs == Needs::nothing) self->refuse_closed();
        try {
            co_return co_await std::move(operation);
        } catch (const boost::system::system_error& error) {
            rethrow_as_cancelled(error);
        }
    }

    /// Runs a method with these arguments and the deadline, resolved. The operation begins when it is awaited.
    template <class T, class... Parameters, class... Arguments>
    awaitable<T> start(awaitable<T> (Impl::*method)(Parameters...), Deadline deadline, Arguments&&... arguments) {
        return run(shared_from_this(), (this->*method)(std::forward<Arguments>(arguments)..., resolve(deadline)));
    }

    /// The same for a search in memory: the caller gets a copy of the row.
    template <class Row, class... Parameters, class... Arguments>
    awaitable<std::optional<Row>> start_search(awaitable<const Row*> (Impl::*method)(Parameters...), Deadline deadline,
                                               Arguments&&... arguments) {
        return run(shared_from_this(),
                   copied<Row>((this->*method)(std::forward<Arguments>(arguments)..., resolve(deadline))));
    }

    // lifecycle.cpp
    static awaitable<void> initialize(std::shared_ptr<Impl> self, Deadline deadline);
    static awaitable<void> close(std::shared_ptr<Impl> self, Deadline deadline);
    /// The manager goes: nothing new starts, the maintenance ends, the own thread is joined.
    void abandon() noexcept;
    [[nodiscard]] bool owns_thread() const noexcept { return io_thread_ != nullptr; }
    [[nodiscard]] Deadline resolve(Deadline deadline) const;
    [[nodiscard]] bool is_open() const noexcept { return state_.load(std::memory_order_acquire) == State::open; }
    [[nodiscard]] boost::asio::any_io_executor executor() const { return executor_; }
    [[nodiscard]] bool waits_here() const;
    [[nodiscard]] const Config& config() const noexcept { return config_; }
    [[nodiscard]] Timestamp now() const noexcept { return clock_->now(); }
    [[nodiscard]] storage::Engine& engine() noexcept { return *engine_; }
    void log(LogLevel level, std::string_view text) const;

    // reference.cpp
    [[nodiscard]] const cache::ReferenceTable& reference() const noexcept { return reference_; }
    awaitable<bool> load_reference(Deadline deadline);
    /// Reads the reference data if the database says that it changed.
    awaitable<void> refresh_if_changed(Deadline deadline);
    awaitable<const Exchange*> exchange_by_id(ExchangeId id, Deadline deadline);
    awaitable<const Exchange*> exchange_by_name(std::string enum_value, Deadline deadline);
    awaitable<const Symbol*> symbol_by_id(SymbolId id, Deadline deadline);
    awaitable<const Symbol*> symbol_by_pair(ExchangeId exchange, std::string text, MarketType type, Deadline deadline);
    awaitable<std::vector<Exchange>> all_exchanges(ExchangeFilter filter, Deadline deadline);
    awaitable<std::vector<Symbol>> symbols_of(ExchangeId exchange, bool active_only, Deadline deadline);
    awaitable<Symbol> resolve_symbol(std::string exchange, std::string text, Deadline deadline);
    awaitable<std::vector<Symbol>> resolve_series(std::string exchange, std::string text, Deadline deadline);
    awaitable<Exchange> insert_exchange(Exchange exchange, Deadline deadline);
    awaitable<Symbol> insert_symbol(Symbol symbol, Deadline deadline);
    awaitable<Exchange> ensure_exchange(Exchange wanted, Deadline deadline);
    awaitable<Symbol> ensure_symbol(Symbol wanted, Deadline deadline);

    // reference_changes.cpp
    awaitable<std::vector<Symbol>> all_symbols(SymbolFilter filter, Deadline deadline);
    awaitable<Exchange> update_exchange(ExchangeId id, ExchangeUpdate update, Deadline deadline);
    awaitable<Symbol> update_symbol(SymbolId id, SymbolUpdate update, Deadline deadline);
    awaitable<std::vector<Symbol>> change_symbols(std::vector<Symbol> added, std::vector<SymbolChange> changed,
                                                  Deadline deadline);
    awaitable<MergeResult> merge_symbols(SymbolId from, SymbolId into, Deadline deadline);
    /// Declares the gaps of one symbol that count for another, too.
    awaitable<void> take_over_gaps(SymbolId from, SymbolId into, Deadline deadline);
    awaitable<WriteResult> move_series(Dataset dataset, SymbolId from, SymbolId into, Deadline deadline);

    // sql.cpp
    awaitable<SqlResult> run_sql(storage::SqlStatement statement, Deadline deadline);
    awaitable<std::optional<std::vector<Value>>> first_row(storage::SqlStatement statement, Deadline deadline);
    awaitable<std::optional<Value>> first_value(storage::SqlStatement statement, Deadline deadline);
    awaitable<std::uint64_t> run_sql_batch(storage::SqlBatch batch, Deadline deadline);
    awaitable<std::uint64_t> copy_sql_rows(storage::SqlRows rows, Deadline deadline);

    // doctor.cpp
    awaitable<std::vector<Finding>> diagnose(Deadline deadline);

    // writes.cpp
    /// A row of a batch whose series memory does not know.
    struct UnknownId {
        std::size_t row = 0;
        std::int32_t id = 0;
    };
    template <class Row>
    using Write = awaitable<WriteResult> (Impl::*)(std::vector<Row>, std::size_t, std::vector<UnknownId>,
                                                   std::vector<CoverageClaim>, Deadline);
    template <class Row>
    awaitable<WriteResult> write_batch(std::vector<Row> rows, std::size_t folded, std::vector<UnknownId> unknown,
                                       std::vector<CoverageClaim> claims, Deadline deadline);
    awaitable<WriteResult> write_complete(std::vector<Balance> snapshot, std::size_t folded,
                                          std::vector<UnknownId> unknown, std::vector<CoverageClaim> claims,
                                          Deadline deadline);
    /// Checks, sorts and folds the rows at the call; they are written when it is awaited.
    template <class Row>
    awaitable<WriteResult> insert(std::vector<Row> rows, Deadline deadline, std::vector<CoverageClaim> claims = {},
                                  Write<Row> method = &Impl::write_batch<Row>);
    [[nodiscard]] SourceRegister& sources() noexcept { return sources_; }
    awaitable<SourceId> begin_source(Source source, Deadline deadline);
    awaitable<void> finish_source(SourceId id, std::int64_t rows, Deadline deadline);

    // interval_summaries.cpp
    awaitable<std::optional<SummarisedTime>> find_summarised_time(core::IntervalQuestion question, Deadline deadline);
    awaitable<std::vector<core::IntervalSummary>> summarise(core::IntervalQuestion question, Deadline deadline);

    // coverage_ledger.cpp
    awaitable<void> claim(std::vector<CoverageClaim> claims, Deadline deadline);
    awaitable<void> open_claims(std::vector<CoverageClaim> claims, Deadline deadline);
    awaitable<void> settle_claims(CoverageFilter closes, std::vector<CoverageClaim> claims, Deadline deadline);
    awaitable<void> withdraw(CoverageFilter filter, Deadline deadline);
    awaitable<void> withdraw_for_gap(CoverageClaim gap, Deadline deadline);
    /// Errors: schema_mismatch  the database keeps none.
    awaitable<std::vector<CoverageClaim>> claims(CoverageFilter filter, Deadline deadline);

    // latest.cpp
    template <class Row>
    [[nodiscard]] std::optional<Latest<Row>> find_latest(const storage::SeriesKey& series) const noexcept;
    template <class Row>
    awaitable<std::vector<Latest<Row>>> get_latest(OwnedSeriesFilter series, LatestFilter filter, Deadline deadline);
    awaitable<std::vector<Latest<Balance>>> active_balances(OwnedSeriesFilter series, LatestFilter filter,
                                                            double min_total, Deadline deadline);
    std::size_t invalidate(CacheCategory category, std::string_view pattern);

    // history_query.cpp
    /// Finds the series and the start; the stream is ready to be read.
    awaitable<HistoryStream> open_history(HistoryPlan plan, OwnedSeriesFilter series, Deadline deadline);
    template <class Row>
    awaitable<History<Row>> get_history(HistoryPlan plan, OwnedSeriesFilter series, Deadline deadline);
    /// Of all series of the plan together.
    awaitable<CoverageShare> coverage_of(const HistoryPlan& plan, core::Interval time, Deadline deadline);
    /// Checks the filter at the call. Errors: invalid_argument.
    template <class Row>
    awaitable<History<Row>> history(const HistoryFilter& filter, Deadline deadline);

    /// The series that a filter means in a dataset; asks the database where memory does not know.
    awaitable<std::vector<storage::SeriesKey>> choose(const storage::Table& table, const OwnedSeriesFilter& filter,
                                                      Deadline deadline);
    [[nodiscard]] cache::LatestCache& latest_cache(Dataset dataset) const noexcept {
        return *latest_[static_cast<std::size_t>(dataset)];
    }

    // keeping.cpp
    /// Errors: read_only.
    void refuse_read_only() const;
    awaitable<DatabaseStats> database_stats(Deadline deadline);
    /// The same, and the rows of the last minute by series.
    using RecentRows = std::map<std::pair<Dataset, storage::SeriesKey>, std::uint64_t>;
    awaitable<DatabaseStats> stats_and_recent(RecentRows& recent, Timestamp now, Deadline deadline);
    awaitable<CleanupResult> cleanup(CleanupOptions options, Deadline deadline);
    awaitable<std::vector<SeriesStats>> series_stats(Deadline deadline);
    [[nodiscard]] PerformanceStats performance() const;
    void reset_counts() noexcept;
    awaitable<std::vector<MigrationStep>> migrate_plan(Deadline deadline);

 private:
    enum class State : std::uint8_t { fresh, opening, open, closing, closed };

    /// Counts an operation that `close()` has to wait for.
    class InFlight {
     public:
        explicit InFlight(Impl& impl);
        ~InFlight() { impl_.in_flight_.fetch_sub(1, std::memory_order_acq_rel); }
        InFlight(const InFlight&) = delete;
        InFlight& operator=(const InFlight&) = delete;

     private:
        Impl& impl_;
    };

    /// Asio's own way to say that a coroutine was cancelled between two operations.
    /// Errors: cancelled; any other error as it is.
    [[noreturn]] static void rethrow_as_cancelled(const boost::system::system_error& error);

    template <class Row>
    static awaitable<std::optional<Row>> copied(awaitable<const Row*> search) {
        const Row* found = co_await std::move(search);
        if (found == nullptr) co_return std::nullopt;
        co_return *found;
    }

    /// What `look` finds in memory; if that is null, what it finds after the database was asked for changes.
    template <class Look>
    awaitable<std::invoke_result_t<Look&>> find_or_refresh(Look look, Deadline deadline) {
        auto found = look();
        if (found == nullptr) {
            co_await refresh_if_changed(deadline);
            // Whatever came back: the maintenance may have read the change a moment before.
            found = look();
        }
        co_return found;
    }

    /// Errors: closed  `close()` was called.
    void refuse_closed() const;
    awaitable<void> open_and_load(Deadline deadline);
    awaitable<void> note_session_rows();
    /// One turn of the maintenance; false when the manager is no longer open.
    static awaitable<bool> maintain(std::weak_ptr<Impl> weak);
    awaitable<void> tick();
    awaitable<void> refresh_latest();

    template <class Row>
    awaitable<Row> insert_reference(Row row, Deadline deadline);
    /// What `look` finds, else the wanted row, stored by the method.
    template <class Row, class Look>
    awaitable<Row> ensure(Row wanted, Look look, awaitable<Row> (Impl::*store)(Row, Deadline), Deadline deadline);
    awaitable<void> compare_reference(std::vector<Finding>& findings, Deadline deadline);
    awaitable<void> compare_latest(const storage::Table& table, std::vector<Finding>& findings, Deadline deadline);
    [[nodiscard]] bool is_known_id(const storage::Table& table, std::int32_t id) const noexcept;
    [[nodiscard]] std::vector<UnknownId> unknown_ids(storage::RowSpan rows) const;
    awaitable<WriteResult> write(storage::RowSpan rows, std::span<const CoverageClaim> claims,
                                 const std::vector<UnknownId>& unknown, Deadline deadline);
    awaitable<void> require_known(storage::RowSpan rows, const std::vector<UnknownId>& unknown, Deadline deadline);
    awaitable<void> learn(storage::RowSpan rows, Deadline deadline);
    awaitable<void> add_zero_balances(std::vector<Balance>& snapshot, Deadline deadline);
    /// Errors: schema_mismatch  there is no table for rows that were set aside.
    void require_quarantine() const;

    /// Asks the database for the newest row of each series and tells the cache; rows come in `rows`.
    awaitable<void> ask_latest(const storage::Table& table, const std::vector<storage::SeriesKey>& series,
                               RowBuffer& rows, Deadline deadline);

    // constant
    const Config config_;
    const std::shared_ptr<const Clock> clock_;

    // safe by themselves; what follows the engine refers to it
    std::unique_ptr<IoThread> io_thread_;
    boost::asio::any_io_executor executor_;
    PeriodicTask maintenance_;
    std::unique_ptr<storage::Engine> engine_;
    SourceRegister sources_;
    cache::ReferenceTable reference_;
    std::array<std::unique_ptr<cache::LatestCache>, 4> latest_;
    std::atomic<State> state_{State::fresh};
    alignas(64) std::atomic<std::uint64_t> in_flight_{0};  // away from what every look-up in memory reads
    std::atomic<std::uint64_t> rows_written_{0};
    std::atomic<std::uint64_t> refreshes_{0};
    std::atomic<std::int64_t> last_refresh_us_{kNoTime.time_since_epoch().count()};
    std::atomic<std::int64_t> refreshed_steady_ns_{0};
    std::atomic<std::uint64_t> refresh_wishes_{0};
    std::uint64_t granted_wishes_ = 0;              // of the maintenance alone
    std::atomic<std::uint64_t> reference_mark_{0};  // of the reference data in memory
    std::atomic<std::uint64_t> data_mark_{0};
};

}  // namespace marketdb
