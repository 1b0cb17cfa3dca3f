#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>

#include <marketdb/config.hpp>
#include <marketdb/deadline.hpp>
#include <marketdb/error.hpp>
#include <marketdb/models.hpp>
#include <marketdb/queries.hpp>
#include <marketdb/sql.hpp>

namespace marketdb {

template <class Row>
class HistoryReader;
struct ManagerAccess;

/// The one class: keeps exchanges, symbols, book tickers, trades, funding rates and balances, and answers from memory
/// or from the database.
///
/// Verbs: `find_` is memory only and never suspends; `get_` is memory, then the database; `insert_` is a durable upsert
/// (it has reached the disk when it returns); `cleanup_` and `migrate_` change much and say so.
///
/// Threads:   every method may be called from any thread. `find_*` may run beside everything else but `close()`.
/// Executor:  with one argument the manager owns an I/O thread for its timers and for `wait()`; with two it uses the
///            caller's. A method resumes on the executor of the coroutine that awaits it. The embedded engine does its work
///            on threads of its own; no signal handler is installed.
/// Arguments: wrong ones throw `invalid_argument` at the call, before `co_await`. Filters and rows are copied by then.
/// Deadlines: the last parameter bounds the whole operation; passed, it fails with `timeout` and is undone.
/// Cancelling: through Asio's cancellation slot; the operation is undone and fails with `cancelled`, unless it had
///            already been committed, when it returns as usual.
/// Errors:    every method that suspends can fail with closed, unavailable, timeout, cancelled, corrupt, resource_exhausted
///            (too many operations pending, disk full), internal; what else, and what is stored then, is said at each.
/// Lifetime:  `close()` waits for operations in flight. The destructor closes too, and must not run on the manager's own
///            thread, nor while a coroutine of it is suspended on an executor that nobody runs.
class DatabaseManager {
 public:
    template <class T>
    using awaitable = boost::asio::awaitable<T>;

    /// Only stores the settings; nothing is opened.
    /// Errors: invalid_argument  a setting is out of range.
    explicit DatabaseManager(Config config);
    DatabaseManager(Config config, boost::asio::any_io_executor executor);
    ~DatabaseManager();
    DatabaseManager(const DatabaseManager&) = delete;
    DatabaseManager& operator=(const DatabaseManager&) = delete;

    /// Opens the database and loads all exchanges and symbols. Makes tables only in an empty database and only if
    /// `open_mode` is `create`; runs pending migrations only if `migrate` is set. A second call does nothing.
    ///
    /// Errors: unavailable      no such file (open_mode existing, read_only), no right, locked by another process.
    ///         schema_mismatch  another program's tables; a version newer than this program may use, or older and not
    ///                          migrated; names both versions. Nothing was changed.
    ///         corrupt          no database, or damaged.
    /// Cost:   reads the schema, `exchanges` and `symbols` once.
    awaitable<void> initialize(Deadline deadline = {});

    /// Waits for operations in flight, folds the log into the file and lets go of it. Pointers from `find_*` end here.
    /// A second call does nothing. Afterwards every other method fails with `closed`.
    awaitable<void> close(Deadline deadline = {});

    /// Whether `initialize()` has succeeded and `close()` was not called.
    [[nodiscard]] bool is_initialized() const noexcept;
    /// The settings that the manager was made with.
    [[nodiscard]] const Config& config() const noexcept;

    /// Runs one operation and blocks until it is done: `db.wait(db.initialize())`. For programs without coroutines.
    /// Errors: invalid_argument  called on the thread that would have to run the operation.
    template <class T>
    T wait(awaitable<T> operation) {
        refuse_wait_on_own_thread();
        return boost::asio::co_spawn(executor(), std::move(operation), boost::asio::use_future).get();
    }

    /// Where timers and `wait()` run.
    [[nodiscard]] boost::asio::any_io_executor executor() const;

    // --- exchanges and symbols ------------------------------------------------------------------------------------

    /// Memory only; null if absent, or if the manager is not open. The pointer stays valid until `close()`; after a change a new
    /// call gives another pointer. Text in any case. Cost: nanoseconds, no lock.
    [[nodiscard]] const Exchange* find_exchange(ExchangeId id) const noexcept;
    [[nodiscard]] const Exchange* find_exchange(std::string_view enum_value) const noexcept;
    [[nodiscard]] const Symbol* find_symbol(SymbolId id) const noexcept;

    /// Any spelling: `BTC/USDT`, `btc-usdt`, `BTCUSDT`, `BTC_USDT`, the exchange's own. A pair on a futures exchange is
    /// its perpetual; dated contracts are `BTC/USDT-261225`. Inactive symbols are found too, active ones win a tie; null
    /// if several remain (`resolve_symbol` says which).
    [[nodiscard]] const Symbol* find_symbol(ExchangeId exchange, std::string_view text) const noexcept;

    /// All symbols of an exchange, by base, quote, spelling; empty as above. The symbols are not copied; the list of pointers is
    /// made at each call, because a changed symbol is another object from then on. Cost: memory only, all symbols are looked at.
    [[nodiscard]] std::vector<const Symbol*> find_symbols(ExchangeId exchange, bool active_only = true) const;

    /// Every symbol of any exchange that some spelling of the text fits, by enum_value, of each exchange the best fit first; for
    /// people who look for one. Memory only, as above.
    [[nodiscard]] std::vector<const Symbol*> find_candidates(std::string_view text) const;

    /// From memory, the database being asked once when memory does not know. Absent: none.
    awaitable<std::optional<Exchange>> get_exchange_by_enum(std::string_view enum_value, Deadline deadline = {});
    awaitable<std::optional<Exchange>> get_exchange_by_id(ExchangeId id, Deadline deadline = {});
    awaitable<std::optional<Symbol>> get_symbol_by_id(SymbolId id, Deadline deadline = {});

    /// @param type  Unknown: any. Errors: ambiguous  several symbols fit; lists them.
    awaitable<std::optional<Symbol>> get_symbol_by_exchange_and_pair(ExchangeId exchange, std::string_view base,
                                                                     std::string_view quote,
                                                                     MarketType type = MarketType::unknown,
                                                                     Deadline deadline = {});

    /// By enum_value. From memory.
    awaitable<std::vector<Exchange>> get_all_exchanges(ExchangeFilter filter = {}, Deadline deadline = {});

    /// By base, quote, spelling. From memory.
    /// Errors: unknown_exchange.
    awaitable<std::vector<Symbol>> get_symbols_by_exchange(ExchangeId exchange, bool active_only = true,
                                                           Deadline deadline = {});

    /// Of all exchanges, by enum_value, base, quote, spelling. From memory.
    awaitable<std::vector<Symbol>> get_all_symbols(SymbolFilter filter = {}, Deadline deadline = {});

    /// For people and start-up: every spelling, the exchange in any case.
    /// Errors: unknown_exchange, unknown_symbol  names what was asked. ambiguous  lists the candidates.
    awaitable<Symbol> resolve_symbol(std::string_view exchange, std::string_view text, Deadline deadline = {});

    /// All symbols of a series text `EXCHANGE:SYMBOL`; `*` stands for any run of characters on either side.
    /// Errors: as resolve_symbol; a pattern that fits nothing is unknown_symbol. invalid_argument  no colon.
    awaitable<std::vector<Symbol>> resolve_series(std::string_view series, Deadline deadline = {});

    /// Stores a new one and returns it with its id; memory knows it at once.
    ///
    /// Errors: constraint        it is there already (exchange: enum_value; symbol: exchange and exchange_symbol).
    ///         invalid_argument  a text is empty or too long, or enum_value does not end in _SPOT or _FUTURES.
    ///         unknown_exchange  the symbol's exchange_id is not stored.
    awaitable<Exchange> insert_exchange(Exchange exchange, Deadline deadline = {});
    awaitable<Symbol> insert_symbol(Symbol symbol, Deadline deadline = {});

    /// Get or create, safe against another process doing the same. An existing row is returned unchanged.
    awaitable<Exchange> ensure_exchange(std::string_view enum_value, Deadline deadline = {});
    awaitable<Symbol> ensure_symbol(Symbol symbol, Deadline deadline = {});

    /// The same for many at once. Returns them with their ids, in order. All or nothing. Empty is a no-op.
    awaitable<std::vector<Symbol>> insert_symbols(std::vector<Symbol> symbols, Deadline deadline = {});

    /// Changes what is given, whoever changed the rest meanwhile, and returns the row as it is stored then; memory knows it at
    /// once, and other managers within a second. `updated_at` moves if anything differs.
    ///
    /// Errors: unknown_exchange, unknown_symbol  no row has the id.
    ///         invalid_argument  the row could not be stored like that; names column and value.
    ///         constraint        another symbol of the exchange has the new spelling; or an existing schema has no column for
    ///                           what is given and would read the row as another. (What it just does not keep is left out.)
    ///         read_only. On any error nothing was changed.
    awaitable<Exchange> update_exchange(ExchangeId id, ExchangeUpdate update, Deadline deadline = {});
    awaitable<Symbol> update_symbol(SymbolId id, SymbolUpdate update, Deadline deadline = {});
    awaitable<Exchange> set_exchange_active(ExchangeId id, bool is_active, Deadline deadline = {});
    awaitable<Symbol> set_symbol_active(SymbolId id, bool is_active, Deadline deadline = {});

    /// Inserts symbols and updates others in one transaction. Returns the added ones with their ids, then the changed ones, in
    /// order. All or nothing. Errors: as those of `insert_symbol` and `update_symbol`; invalid_argument  an id twice.
    awaitable<std::vector<Symbol>> change_symbols(std::vector<Symbol> added, std::vector<SymbolChange> changed,
                                                  Deadline deadline = {});

    /// Moves all rows of a symbol to another of the same exchange, for one that was split wrongly into two, and makes the
    /// first inactive. Rows of the same key are merged as `insert_book_ticker_snapshots` does. Runs in transactions of 10,000 rows,
    /// each of which moves its rows or none: after an error the next call goes on, and no row is lost or doubled. Gaps that were
    /// declared for the first and not filled since are then the other's; what was claimed to be complete of it is claimed no more.
    ///
    /// Errors: invalid_argument  the same symbol twice, or of two exchanges.
    ///         unknown_symbol, read_only.
    ///         constraint       the two differ in what their sizes mean (contract_size, quantity_unit); nothing was moved.
    ///         schema_mismatch  an existing schema, where trades have no key by which a row could be known again.
    awaitable<MergeResult> merge_symbols(SymbolId from, SymbolId into, Deadline deadline = Deadline::never());

    /// Whether symbols keep what their contracts are (contract_type, contract_size, quantity_unit, tick_size, ...); an existing
    /// schema has no columns for it. False if the manager is not open. Memory only.
    [[nodiscard]] bool keeps_contracts() const noexcept;

    /// Reads exchanges and symbols again now. Returns whether anything was new.
    awaitable<bool> refresh_reference(Deadline deadline = {});

    // --- writing ---------------------------------------------------------------------------------------------------

    /// Stores rows of one kind. A row whose key is stored already is merged: an absent value never replaces a present one
    /// (but the four columns of a book ticker's sides are replaced together), `received_at` keeps the earlier, else the
    /// later write wins; if nothing differs nothing is written. Within the batch the later row wins by the same rule.
    ///
    /// All or nothing: on any error no row of the batch is stored. Safe to retry. Empty is a no-op.
    ///
    /// Errors: invalid_argument  names row index, column and value: a price or size that is not finite and positive, one
    ///                           half of a side, no side, ask < bid, a time outside [kMinTime, kMaxTime], text too long,
    ///                           a source_id that is neither 0 nor stored.
    ///         unknown_symbol, unknown_exchange  an id that is not stored (the database is asked once before).
    ///         read_only.
    /// Cost:   SQLite: one transaction, one fsync. Rows are sorted by key first.
    awaitable<WriteResult> insert_book_ticker_snapshots(std::vector<BookTicker> snapshots, Deadline deadline = {});

    /// As above. A trade with an empty trade_id and sequence 0 is numbered within the batch:
    /// (received_at - timestamp in us) * 1024 + n; its trade_id becomes `~` and the sequence. A trade_id of digits
    /// below 2^53 gives the sequence where that is 0.
    awaitable<WriteResult> insert_trades(std::vector<Trade> trades, Deadline deadline = {});
    awaitable<WriteResult> insert_funding_rates(std::vector<FundingRate> rates, Deadline deadline = {});
    awaitable<WriteResult> insert_balance_snapshots(std::vector<Balance> balances, BalanceOptions options = {},
                                                    Deadline deadline = {});

    // --- latest ------------------------------------------------------------------------------------------------------

    /// Memory only; none if memory does not know the series or learned the row `latest_ttl` ago or longer.
    [[nodiscard]] std::optional<Latest<BookTicker>> find_latest_book_ticker(SymbolId symbol) const noexcept;
    [[nodiscard]] std::optional<Latest<Trade>> find_latest_trade(SymbolId symbol) const noexcept;
    [[nodiscard]] std::optional<Latest<FundingRate>> find_latest_funding_rate(SymbolId symbol) const noexcept;
    [[nodiscard]] std::optional<Latest<Balance>> find_latest_balance(ExchangeId exchange, std::string_view account,
                                                                     std::string_view asset) const noexcept;

    /// The newest row (greatest timestamp, sequence) of each chosen series, newest first; of funding rates each kind's
    /// together, the newest of either. Series without rows are absent.
    ///
    /// Errors: unknown_exchange, unknown_symbol  a filter names what does not exist.
    /// Cost:   one index probe for each series that memory does not know freshly enough.
    awaitable<std::vector<Latest<BookTicker>>> get_latest_book_tickers(LatestFilter filter = {},
                                                                       Deadline deadline = {});
    awaitable<std::vector<Latest<Trade>>> get_latest_trades(LatestFilter filter = {}, Deadline deadline = {});
    awaitable<std::vector<Latest<FundingRate>>> get_latest_funding_rates(LatestFilter filter = {},
                                                                         Deadline deadline = {});
    awaitable<std::vector<Latest<Balance>>> get_latest_balances(LatestFilter filter = {}, Deadline deadline = {});

    /// Of the newest balance of each (exchange, account, asset) those whose total is above `min_total`, newest first. An account
    /// that was emptied is none, however much it held before.
    awaitable<std::vector<Latest<Balance>>> get_active_balances(LatestFilter filter = {}, double min_total = 0.001,
                                                                Deadline deadline = {});

    // --- history -----------------------------------------------------------------------------------------------------

    /// The chosen rows, in order. No hidden limit: without `limit` all rows come, so use `read_history` for what may not
    /// fit memory.
    ///
    /// Errors: invalid_argument  end before start, `every` or `last` negative, `last` with `start`.
    ///         unknown_exchange, unknown_symbol.
    ///         resource_exhausted  the received clock would need more than 4,194,304 rows in memory to re-order.
    awaitable<History<BookTicker>> get_book_ticker_history(HistoryFilter filter = {}, Deadline deadline = {});
    awaitable<History<Trade>> get_trade_history(HistoryFilter filter = {}, Deadline deadline = {});
    awaitable<History<FundingRate>> get_funding_rate_history(HistoryFilter filter = {}, Deadline deadline = {});
    awaitable<History<Balance>> get_balance_history(HistoryFilter filter = {}, Deadline deadline = {});

    /// Trades of the last `back`, newest first, unless the filter says otherwise.
    awaitable<History<Trade>> get_recent_trades(HistoryFilter filter = {},
                                                std::chrono::microseconds back = std::chrono::minutes(60),
                                                Deadline deadline = {});

    /// The same rows in batches of bounded memory (see `HistoryReader`). Row: one of the four row types.
    template <class Row>
    [[nodiscard]] HistoryReader<Row> read_history(HistoryFilter filter = {});

    // --- keeping it --------------------------------------------------------------------------------------------------

    /// Removes rows whose event time is older than asked, in short transactions, so that other writers go on. On PostgreSQL
    /// whole partitions of book tickers and trades are dropped, which frees their space at once; older rows that share a
    /// partition with newer time are counted and stay, unless `exact` is set.
    ///
    /// Errors: read_only; invalid_argument  older_than <= 0. unauthorized  this role may not drop partitions.
    ///         timeout  others used a partition until the deadline; without one unavailable, after a minute.
    ///         What was removed before an error stays removed.
    awaitable<CleanupResult> cleanup_old_data(CleanupOptions options = {}, Deadline deadline = {});

    /// Kept counts: costs the same for a thousand rows and a billion. On an existing schema, where nobody keeps any, rows are
    /// counted as long as their table takes less than 64 MiB; of larger ones they are the catalogue's estimates, and say so
    /// (`get_exact_database_stats` counts).
    awaitable<DatabaseStats> get_database_stats(Deadline deadline = {});

    /// Every series that has rows, by dataset, exchange, symbol.
    awaitable<std::vector<SeriesStats>> get_series_stats(Deadline deadline = {});

    /// Counters; memory only.
    [[nodiscard]] PerformanceStats get_performance_stats() const;
    void reset_cache_stats() noexcept;

    /// The connections that operations share. Answers at once also when all are busy; needs no deadline.
    awaitable<PoolStats> get_pool_stats();

    /// Forgets latest rows (and has reference data read again at the next tick) whose `EXCHANGE:SYMBOL`, of balances
    /// `EXCHANGE:ASSET`, fits the pattern (`*` any run of characters, any case). Returns how many latest rows went.
    std::size_t cache_invalidate(CacheCategory category = CacheCategory::all, std::string_view pattern = "*");

    // --- sources -----------------------------------------------------------------------------------------------------

    /// Registers where rows will come from; put the id into their `source_id`. An unfinished source with the same
    /// non-empty sha256 is taken up again. An existing schema keeps no sources: the id is 0 there, and rows name none.
    awaitable<SourceId> begin_source(Source source, Deadline deadline = {});
    awaitable<void> finish_source(SourceId source, std::int64_t rows, Deadline deadline = {});
    awaitable<std::vector<Source>> get_sources(SourceFilter filter = {}, Deadline deadline = {});
    /// Keeps rows of a file that could not be stored. Equal (source, line) is written once.
    /// Errors: schema_mismatch  an existing schema has no table for them; also if `rows` is empty.
    awaitable<WriteResult> insert_quarantined_rows(std::vector<QuarantinedRow> rows, Deadline deadline = {});

    // --- SQL ---------------------------------------------------------------------------------------------------------

    /// Runs one statement of the caller's own on this database, in its dialect and with its tables, for what no method does. It
    /// goes past everything that marketdb knows: memory, counts of series and whatever else is kept beside the rows do not learn
    /// what it changed (`refresh_reference` and `cache_invalidate` help). The statement is a transaction of its own.
    ///
    /// @param parameters  The values of `$1`, `$2`, .. on both engines; they never become part of the text. Those that the text
    ///                    does not use are ignored.
    /// @return            Names and rows, where it has any, at most 100,000 of them (`truncated` says that there were more), and
    ///                    how many rows it wrote. On PostgreSQL the whole answer is in memory before it is cut: for many rows
    ///                    use `fetch`.
    ///
    /// Errors: invalid_argument  the text is no statement, more than one, or one that would outlive its transaction (BEGIN, SET,
    ///                           COPY, PRAGMA, ATTACH, ..); a value is missing; a column of a type that no `Value` holds
    ///                           (cast it to text).
    ///         read_only         this manager only reads. constraint, unauthorized. Nothing of the statement was stored.
    awaitable<SqlResult> execute(std::string sql, std::vector<Value> parameters = {}, Deadline deadline = {});
    /// Runs one statement once for each list of values, all in one transaction. Returns how many rows they wrote. Empty is a
    /// no-op. Errors: as `execute`; whichever list it was, nothing was stored.
    awaitable<std::uint64_t> execute_many(std::string sql, std::vector<std::vector<Value>> parameters,
                                          Deadline deadline = {});
    /// Inserts rows into a table of this database, of marketdb's or of one's own, all or nothing, with all that `execute` says.
    /// Returns how many. On PostgreSQL this is a COPY; what comes as a number, a text or a time is read as the column's type.
    ///
    /// @param table, columns  As they are spelled in the database; they are looked up there, and never become part of a text as
    ///                        they are.
    /// @param rows            A value for each column. Empty is a no-op.
    ///
    /// Errors: invalid_argument  no such table or column, or one twice; a row of another length; a value that the column does not
    ///                           take. As `execute`.
    awaitable<std::uint64_t> copy_rows(std::string table, std::vector<std::string> columns,
                                       std::vector<std::vector<Value>> rows, Deadline deadline = {});
    /// As `execute`, for a statement that only reads, also where nothing may be written; one that writes is `read_only`.
    ///
    /// @param row_limit  Of more rows the rest is left off; 0: all of them come, however many.
    awaitable<SqlResult> fetch(std::string sql, std::vector<Value> parameters = {},
                               std::uint64_t row_limit = kSqlRowLimit, Deadline deadline = {});
    /// Its first row; none if it has none.
    awaitable<std::optional<std::vector<Value>>> fetch_row(std::string sql, std::vector<Value> parameters = {},
                                                           Deadline deadline = {});
    /// The first value of its first row; none if it has none.
    awaitable<std::optional<Value>> fetch_value(std::string sql, std::vector<Value> parameters = {},
                                                Deadline deadline = {});

    // --- schema; also before initialize() ----------------------------------------------------------------------------

    /// Which steps of the schema are applied. Creates nothing: a database that does not exist has none.
    awaitable<MigrationStatus> migrate_status(Deadline deadline = {});
    /// What `migrate_up` would run; changes nothing.
    awaitable<std::vector<MigrationStep>> migrate_plan(Deadline deadline = {});
    /// Applies what is pending, each step in one transaction; two processes at once are safe. Returns the steps run.
    awaitable<std::vector<MigrationStep>> migrate_up(Deadline deadline = {});
    /// Undoes steps above `version`, newest first.
    /// Errors: constraint  a table that would go has rows; nothing was changed.
    awaitable<std::vector<MigrationStep>> migrate_down(std::uint32_t version, Deadline deadline = {});

    /// Where the conversion of a PostgreSQL schema of the programs that marketdb replaces stands, and what it would do: rows,
    /// bytes, locks, what hangs on the tables, which rows cannot be held, who is connected. Reads everything once; changes nothing.
    awaitable<ConversionReport> plan_conversion(ConversionDetail detail = ConversionDetail::all,
                                                Deadline deadline = Deadline::never());
    /// Converts such a schema, in small steps that can be stopped anywhere: the next call goes on. Other programs may write until
    /// the tables change places. Do not use it on a manager that has the database open.
    ///
    /// @return  The old tables that are kept (up), were dropped (finish), or the rows that were brought back (down).
    /// Errors: schema_mismatch  nothing to convert, or something that hangs on the tables cannot be made anew; names it.
    ///         constraint       rows cannot be held, and `leave_behind` is not set; names how many, and why.
    ///         unavailable      other programs are connected that may write, or another one converts at the moment.
    ///         in_doubt         the link broke, time was up or it was cancelled while a step was ending; the next call finds out.
    /// Cost:   no deadline unless one is given: everything is compared while writers wait, and begun anew if that is cut short.
    awaitable<ConversionReport> convert(ConversionStep step, ConversionOptions options = {},
                                        Deadline deadline = Deadline::never());

 private:
    template <class Row>
    friend class HistoryReader;
    friend struct ManagerAccess;
    class Impl;

    void refuse_wait_on_own_thread() const;

    std::shared_ptr<Impl> impl_;
};

/// Reads a history in batches of bounded memory. No transaction stays open between two batches.
///
/// Threads: one at a time. Lifetime: the manager must outlive it.
template <class Row>
class HistoryReader {
 public:
    HistoryReader(HistoryReader&&) noexcept;
    HistoryReader& operator=(HistoryReader&&) noexcept;
    ~HistoryReader();

    /// The next rows, at most `max_rows`; empty at the end. Errors: as `get_book_ticker_history`.
    boost::asio::awaitable<std::vector<Row>> next(std::size_t max_rows = 65'536, Deadline deadline = {});

    /// Rows left out so far because the received clock was asked for.
    [[nodiscard]] std::uint64_t without_received_at() const noexcept;

 private:
    friend class DatabaseManager;
    class State;
    explicit HistoryReader(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace marketdb
