#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/system/system_error.hpp>

#include <marketdb/database_manager.hpp>

#include "cache/latest_cache.hpp"
#include "cache/reference_table.hpp"
#include "manager/history.hpp"
#include "storage/engine.hpp"
#include "storage/table.hpp"

namespace marketdb {

/// An I/O thread for a manager that was not given an executor.
class IoThread {
 public:
    IoThread();
    ~IoThread();
    IoThread(const IoThread&) = delete;
    IoThread& operator=(const IoThread&) = delete;

    [[nodiscard]] boost::asio::io_context& context() noexcept { return context_; }
    [[nodiscard]] bool runs_here() const noexcept { return thread_.get_id() == std::this_thread::get_id(); }

 private:
    boost::asio::io_context context_;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
    std::thread thread_;
};

/// A filter that owns its texts, so that a coroutine may keep it.
struct OwnedSeriesFilter {
    explicit OwnedSeriesFilter(const SeriesFilter& filter);

    std::string exchange, symbol, base, quote, asset, account;
    std::vector<SymbolId> symbols;
    std::vector<BalanceSeries> balances;

    /// For messages: `exchange MEXC_SPOT, symbol BTC/USDT`.
    [[nodiscard]] std::string describe() const;
};

/// The manager's state and the coroutines behind its methods.
///
/// Threads: what several coroutines share is safe by itself (the caches, the engine, atomics, `session_mutex_`), so an
/// operation runs on its caller's executor and leaves it only to wait for the engine.
class DatabaseManager::Impl : public std::enable_shared_from_this<Impl> {
 public:
    Impl(Config config, std::optional<boost::asio::any_io_executor> executor);
    ~Impl();
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    /// Runs an operation of this object with the object kept alive and counted as in flight.
    /// Errors: closed  not initialised, or closed.
    template <class T>
    static awaitable<T> run(std::shared_ptr<Impl> self, awaitable<T> operation) {
        const InFlight guard(*self);
        try {
            co_return co_await std::move(operation);
        } catch (const boost::system::system_error& error) {
            rethrow_as_cancelled(error);
        }
    }

    /// As `run`, for operations that need nothing to be open; `what` may be given before `initialize()`.
    template <class T>
    static awaitable<T> keep(std::shared_ptr<Impl> self, awaitable<T> operation) {
        try {
            T result = co_await std::move(operation);
            (void)self;
            co_return result;
        } catch (const boost::system::system_error& error) {
            rethrow_as_cancelled(error);
        }
    }

    /// Asio's own way to say that a coroutine was cancelled between two operations.
    /// Errors: cancelled; any other error as it is.
    [[noreturn]] static void rethrow_as_cancelled(const boost::system::system_error& error);

    // lifecycle.cpp
    static awaitable<void> initialize(std::shared_ptr<Impl> self, Deadline deadline);
    static awaitable<void> close(std::shared_ptr<Impl> self, Deadline deadline);
    /// The manager goes: nothing new starts, the timer ends, the own thread is joined.
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
    awaitable<std::optional<Exchange>> get_exchange(ExchangeId id, Deadline deadline);
    awaitable<std::optional<Exchange>> get_exchange(std::string enum_value, Deadline deadline);
    awaitable<std::optional<Symbol>> get_symbol(SymbolId id, Deadline deadline);
    awaitable<std::optional<Symbol>> get_symbol_by_pair(ExchangeId exchange, std::string base, std::string quote,
                                                        MarketType type, Deadline deadline);
    awaitable<std::vector<Exchange>> all_exchanges(ExchangeFilter filter);
    awaitable<std::vector<Symbol>> symbols_of(ExchangeId exchange, bool active_only, Deadline deadline);
    awaitable<Symbol> resolve_symbol(std::string exchange, std::string text, Deadline deadline);
    awaitable<std::vector<Symbol>> resolve_series(std::string exchange, std::string text, Deadline deadline);
    awaitable<Exchange> insert_exchange(Exchange exchange, Deadline deadline);
    awaitable<Symbol> insert_symbol(Symbol symbol, Deadline deadline);
    awaitable<Exchange> ensure_exchange(Exchange wanted, Deadline deadline);
    awaitable<Symbol> ensure_symbol(Symbol symbol, Deadline deadline);
    /// The symbols that a filter means, as series. Errors: unknown_exchange, unknown_symbol.
    [[nodiscard]] std::vector<storage::SeriesKey> choose_symbols(const OwnedSeriesFilter& filter) const;
    /// The series that a filter means in a dataset; asks the database where memory does not know.
    awaitable<std::vector<storage::SeriesKey>> choose_series(const storage::Table& table,
                                                             const OwnedSeriesFilter& filter, Deadline deadline);

    // writes.cpp
    /// The first rows of a batch whose series memory does not know, found before the batch is sorted.
    struct UnknownId {
        std::size_t row = 0;
        std::int32_t id = 0;
    };
    [[nodiscard]] std::vector<UnknownId> unknown_ids(storage::RowSpan rows) const;
    template <class Row>
    awaitable<WriteResult> insert(std::vector<Row> rows, std::size_t folded, std::vector<UnknownId> unknown,
                                  Deadline deadline);
    awaitable<WriteResult> insert_balances(std::vector<Balance> balances, std::size_t folded,
                                           std::vector<UnknownId> unknown, bool complete, Deadline deadline);
    awaitable<SourceId> begin_source(Source source, Deadline deadline);
    awaitable<void> finish_source(SourceId source, std::int64_t rows, Deadline deadline);
    awaitable<std::vector<Source>> sources(std::string kind, std::string sha256, bool finished_only, Deadline deadline);
    awaitable<CleanupResult> cleanup(CleanupOptions options, Deadline deadline);

    // latest.cpp
    [[nodiscard]] cache::LatestCache& latest_cache(Dataset dataset) noexcept {
        return *latest_[static_cast<std::size_t>(dataset)];
    }
    [[nodiscard]] const cache::LatestCache& latest_cache(Dataset dataset) const noexcept {
        return *latest_[static_cast<std::size_t>(dataset)];
    }
    template <class Row>
    [[nodiscard]] std::optional<Latest<Row>> find_latest(const storage::SeriesKey& series) const noexcept;
    template <class Row>
    awaitable<std::vector<Latest<Row>>> get_latest(OwnedSeriesFilter series, LatestFilter filter, Deadline deadline);
    /// Asks the database for the newest row of each series and tells the cache; rows come in `rows`.
    awaitable<void> ask_latest(const storage::Table& table, const std::vector<storage::SeriesKey>& series,
                               RowBuffer& rows, Deadline deadline);
    std::size_t invalidate(CacheCategory category, std::string_view pattern);

    // history_query.cpp
    /// Errors: invalid_argument, at the call.
    [[nodiscard]] static HistoryPlan check_history(const storage::Table& table, const HistoryFilter& filter);
    /// Finds the series and the start; the stream is ready to be read.
    awaitable<HistoryStream> open_history(HistoryPlan plan, OwnedSeriesFilter series, Deadline deadline);
    template <class Row>
    awaitable<History<Row>> get_history(HistoryPlan plan, OwnedSeriesFilter series, Deadline deadline);

    awaitable<DatabaseStats> stats(Deadline deadline) { return engine_->stats(deadline); }
    awaitable<std::vector<SeriesStats>> series_stats(Deadline deadline);
    [[nodiscard]] PerformanceStats performance() const;
    void reset_counts() noexcept;

    awaitable<MigrationStatus> migrate_status(Deadline deadline) { return engine_->migrate_status(deadline); }
    awaitable<std::vector<MigrationStep>> migrate_up(Deadline deadline) { return engine_->migrate_up(deadline); }
    awaitable<std::vector<MigrationStep>> migrate_down(std::uint32_t version, Deadline deadline) {
        return engine_->migrate_down(version, deadline);
    }
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

    awaitable<void> open_and_load(Deadline deadline);
    void start_maintenance();
    static awaitable<void> maintain(std::weak_ptr<Impl> weak, std::shared_ptr<boost::asio::steady_timer> timer,
                                    std::chrono::microseconds interval);
    awaitable<void> tick();
    awaitable<void> refresh_latest();
    /// Reads the reference data if the database says that it changed. Whoever asks looks into memory again whatever comes
    /// back: the maintenance may have read the change a moment before.
    awaitable<bool> refresh_if_changed(Deadline deadline);
    [[nodiscard]] const Symbol* find_anywhere(ExchangeId exchange, const std::string& text) const;
    [[nodiscard]] std::vector<Symbol> match_series(const std::string& exchange, const std::string& text) const;

    awaitable<WriteResult> write(storage::RowSpan rows, const std::vector<UnknownId>& unknown, Deadline deadline);
    awaitable<void> require_known(storage::RowSpan rows, const std::vector<UnknownId>& unknown, Deadline deadline);
    awaitable<SourceId> session_source(Deadline deadline);
    awaitable<void> fill_sources(storage::RowSpan rows, Deadline deadline);
    [[nodiscard]] bool is_known_source(SourceId source) const;
    awaitable<void> learn(storage::RowSpan rows, Deadline deadline);
    awaitable<void> add_zero_balances(std::vector<Balance>& balances, Deadline deadline);
    awaitable<std::uint64_t> cleanup_dataset(const storage::Table& table, Timestamp cutoff, bool dry_run,
                                             Deadline deadline);
    void refuse_read_only() const;

    // constant
    const Config config_;
    const std::shared_ptr<const Clock> clock_;

    // safe by themselves
    std::unique_ptr<IoThread> io_thread_;
    boost::asio::any_io_executor executor_;
    boost::asio::any_io_executor strand_;  // of the maintenance timer
    std::unique_ptr<storage::Engine> engine_;
    cache::ReferenceTable reference_;
    std::array<std::unique_ptr<cache::LatestCache>, 4> latest_;
    std::atomic<State> state_{State::fresh};
    std::atomic<std::uint64_t> in_flight_{0};
    std::atomic<std::uint64_t> rows_written_{0};
    std::atomic<std::uint64_t> refreshes_{0};
    std::atomic<std::int64_t> last_refresh_us_{kNoTime.time_since_epoch().count()};
    std::atomic<std::int64_t> refreshed_steady_ns_{0};
    std::atomic<bool> refresh_wanted_{false};
    std::atomic<std::uint64_t> reference_mark_{0};  // of the reference data in memory
    std::atomic<std::uint64_t> data_mark_{0};

    // guarded by session_mutex_, which is never held across a suspension
    mutable std::mutex session_mutex_;
    SourceId session_{};
    std::set<SourceId> known_sources_;  // seen in the database
    std::shared_ptr<boost::asio::steady_timer> timer_;
};

}  // namespace marketdb
