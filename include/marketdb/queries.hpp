#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <marketdb/models.hpp>

/// What is asked of a `DatabaseManager`, and what comes back. Filters are trivially copyable: texts in them need to live
/// only until the call returns (before `co_await`), because the method copies what it needs.
namespace marketdb {

/// In which direction rows are read: from the oldest, or from the newest.
enum class Order : std::uint8_t { ascending, descending };

/// Which clock a range and an order go by. `event`: `timestamp`. `received`: `received_at`; rows without it are left out
/// and counted.
enum class ClockKind : std::uint8_t { event, received };

/// The four time series. Texts: `book-tickers`, `trades`, `funding-rates`, `balances`.
enum class Dataset : std::uint8_t { book_tickers, trades, funding_rates, balances };
inline constexpr std::array kDatasets{Dataset::book_tickers, Dataset::trades, Dataset::funding_rates,
                                      Dataset::balances};
/// Those whose series are symbols.
inline constexpr std::array kSymbolDatasets{Dataset::book_tickers, Dataset::trades, Dataset::funding_rates};

/// `book-tickers`, `trades`, `funding-rates`, `balances`.
[[nodiscard]] std::string_view to_string(Dataset dataset) noexcept;

/// Reads a dataset's name; `quotes` and `funding` are accepted too.
/// Errors: invalid_argument  lists the names.
[[nodiscard]] Dataset parse_dataset(std::string_view text);

/// The place of a row in reading order, to go on after it.
struct RowKey {
    Timestamp timestamp = kNoTime;    ///< Absent: start at the beginning.
    Timestamp received_at = kNoTime;  ///< Used when reading by the received clock.
    std::int32_t series = 0;          ///< The symbol's or, of balances, the exchange's id.
    std::int64_t sequence = 0;        ///< Of funding rates: the kind.
    InlineString<63> text;            ///< Of trades: trade_id; of balances: account, a zero byte, asset.
};

/// The place of a row, for `HistoryFilter::after`.
[[nodiscard]] RowKey key_of(const BookTicker& row) noexcept;
[[nodiscard]] RowKey key_of(const Trade& row) noexcept;
[[nodiscard]] RowKey key_of(const FundingRate& row) noexcept;
[[nodiscard]] RowKey key_of(const Balance& row) noexcept;

/// One series of balances.
struct BalanceSeries {
    ExchangeId exchange_id{};
    InlineString<31> account;  ///< Empty: every account.
    InlineString<23> asset_name;
};

/// Chooses series. Everything is optional; what is given must all hold. Names are matched in any case, and `*` in one
/// stands for any run of characters. A name that no exchange or symbol has is an error (unknown_exchange,
/// unknown_symbol), not an empty answer.
struct SeriesFilter {
    std::string_view exchange;  ///< `MEXC_SPOT`.
    std::string_view symbol;    ///< Any spelling; not for balances.
    std::string_view base;
    std::string_view quote;
    std::span<const SymbolId> symbols;        ///< Only these; empty is no restriction; not for balances.
    std::string_view asset;                   ///< Balances only.
    std::string_view account;                 ///< Balances only; empty: every account.
    std::span<const BalanceSeries> balances;  ///< Balances only: only these; empty is no restriction.
};

/// Chooses rows of the history.
struct HistoryFilter {
    SeriesFilter series;
    Timestamp start = kNoTime;  ///< Inclusive; absent: from the first row.
    Timestamp end = kNoTime;    ///< Exclusive; absent: to the last row.
    std::chrono::microseconds last{
        0};  ///< > 0: back from the newest row of all chosen series, which is included. Excludes start.
    Order order = Order::ascending;
    ClockKind clock = ClockKind::event;
    std::chrono::microseconds every{0};  ///< > 0: only the last row of each bucket; buckets are multiples since 1970.
    std::uint64_t limit = 0;             ///< 0: no limit. Else the first so many in `order`.
    RowKey after;                        ///< Go on after this row in `order`.
    bool with_coverage = false;          ///< Say how complete the answer is; see `History::coverage`. Readers do not.
};

/// How much of a time is covered.
struct CoverageShare {
    std::chrono::microseconds asked{0};
    std::chrono::microseconds covered{0};

    /// From 0 to 1.
    [[nodiscard]] double share() const noexcept {
        return asked.count() > 0 ? static_cast<double>(covered.count()) / static_cast<double>(asked.count()) : 0;
    }
    [[nodiscard]] bool is_complete() const noexcept { return asked.count() > 0 && covered == asked; }
};

/// Rows in order: by time of the chosen clock, then symbol, then sequence (trades: then trade_id).
template <class Row>
struct History {
    std::vector<Row> rows;
    bool truncated = false;                 ///< `limit` cut the answer; go on with `after = key_of(rows.back())`.
    std::uint64_t without_received_at = 0;  ///< Rows left out because the received clock was asked for.
    /// How much of the time asked is known to be complete (see coverage.hpp), on the chosen clock, all chosen series that have rows
    /// together: from `start` (absent: the first row of the answer) to `end` (absent: its last row, included), whether `limit`
    /// cut the answer or not. Only if asked for; not of balances, nor where the database keeps no coverage.
    std::optional<CoverageShare> coverage;
};

/// Chooses the newest rows.
struct LatestFilter {
    SeriesFilter series;
    std::chrono::microseconds max_cache_age{
        -1};  ///< The database is asked when memory learned the row longer ago. < 0: the
              ///< configuration's latest_ttl. 0: always.
    std::chrono::microseconds max_age{
        0};  ///< > 0: leave out rows that are older (now minus received_at, else timestamp). Never < 0.
    std::uint64_t limit = 0;  ///< 0: no limit.
};

/// The newest row of a series.
template <class Row>
struct Latest {
    Row row;
    std::chrono::microseconds age{0};  ///< Now minus received_at, else minus timestamp. May be negative (clock skew).
};

/// What a write did. inserted + updated + unchanged + folded = rows given, and the zeros that a complete balance snapshot
/// adds.
struct WriteResult {
    std::uint64_t inserted = 0;
    std::uint64_t updated = 0;    ///< The key was there with other values; merged.
    std::uint64_t unchanged = 0;  ///< The key was there with these values; nothing was written.
    std::uint64_t folded = 0;     ///< Merged into a later row of the same batch.
    std::uint64_t rounded = 0;    ///< Stored with a rounded value (existing PostgreSQL schema only).

    WriteResult& operator+=(const WriteResult& other) noexcept;
    friend bool operator==(const WriteResult&, const WriteResult&) = default;
};

/// How balances are stored.
struct BalanceOptions {
    /// The batch is all that each (exchange, account) in it holds at its time: an asset that had a balance before and is
    /// absent now is stored as zero, once. All rows of one (exchange, account) must then have one timestamp.
    bool complete = false;
};

/// Chooses exchanges.
struct ExchangeFilter {
    MarketType market_type = MarketType::unknown;  ///< Unknown: both.
    bool active_only = false;
};

/// Chooses symbols.
struct SymbolFilter {
    MarketType market_type = MarketType::unknown;  ///< Of the symbol. Unknown: both.
    bool active_only = false;
};

/// What of an exchange is to change. What is not given stays.
struct ExchangeUpdate {
    std::optional<InlineString<31>> exchange_name;  ///< Empty: the venue part of `enum_value`.
    std::optional<bool> is_active;
};

/// What of a symbol is to change. What is not given stays; an absent number, time or text that is given becomes unknown.
struct SymbolUpdate {
    std::optional<InlineString<23>> symbol_base;
    std::optional<InlineString<23>> symbol_quote;
    std::optional<InlineString<47>> exchange_symbol;
    std::optional<ContractType> contract_type;
    std::optional<QuantityUnit> quantity_unit;
    std::optional<bool> is_active;
    std::optional<std::int32_t> precision_price;
    std::optional<std::int32_t> precision_quantity;
    std::optional<InlineString<23>> settle_asset;
    std::optional<double> contract_size;
    std::optional<double> tick_size;
    std::optional<double> lot_size;
    std::optional<double> min_quantity;
    std::optional<double> min_notional;
    std::optional<Timestamp> expires_at;
    std::optional<Timestamp> listed_at;
    std::optional<Timestamp> delisted_at;
};

/// One symbol's update among others.
struct SymbolChange {
    SymbolId id{};
    SymbolUpdate update;
};

/// What became of the rows of a symbol that were moved to another: `inserted` had no row of their key there, `updated` were
/// merged into one, `unchanged` were there already.
struct MergeResult {
    WriteResult book_tickers;
    WriteResult trades;
    WriteResult funding_rates;
};

/// What is removed.
struct CleanupOptions {
    /// By event time, back from now, of every row, imported or not. Must be > 0. Absent: what the stored policies say (see
    /// retention.hpp); a dataset without one keeps its rows. Held time stays either way.
    std::optional<std::chrono::microseconds> older_than;
    std::optional<Dataset> dataset;  ///< None: all four.
    bool dry_run = false;            ///< Count only.
    /// PostgreSQL keeps book tickers and trades in partitions, which go as a whole when all of their time is older; older rows
    /// in a partition that holds newer time stay. True: those are removed too, row by row. The other tables, and SQLite, have
    /// no partitions: there every older row goes either way.
    bool exact = false;
};

/// Rows removed (or, dry, that would be), by dataset.
struct CleanupResult {
    std::uint64_t book_tickers = 0;
    std::uint64_t trades = 0;
    std::uint64_t funding_rates = 0;
    std::uint64_t balances = 0;
    /// Older than the cut-off, and kept: their partition ends later (see `CleanupOptions::exact`), their time is held, or they came
    /// by an import that the policy spares.
    std::uint64_t book_tickers_staying = 0;
    std::uint64_t trades_staying = 0;
    std::uint64_t funding_rates_staying = 0;
    std::uint64_t balances_staying = 0;
    /// By `Dataset`: of the rows before it some or all went, of the others none. Absent: nothing of the dataset was to go.
    std::array<Timestamp, 4> cutoffs{kNoTime, kNoTime, kNoTime, kNoTime};
    /// By `Dataset`: rows beyond the size that the policy allows, if it cannot be met: what may go of them is less, so that none
    /// went for its sake. Else 0.
    std::array<std::uint64_t, 4> beyond_limit{};
};

/// What a dataset holds.
struct DatasetStats {
    Dataset dataset{};
    std::uint64_t rows = 0;
    std::uint64_t series = 0;
    Timestamp first = kNoTime;
    Timestamp last = kNoTime;
    std::uint64_t bytes = 0;                              ///< On disk, indexes included.
    std::optional<std::chrono::microseconds> newest_age;  ///< Now minus `last`; below zero where the clocks differ.
    std::uint64_t recent_rows = 0;                        ///< Of the last minute, by event time.
    bool is_estimated = false;         ///< Rows and series are what the server's planner takes them for.
    bool bytes_are_estimated = false;  ///< They are a share of the file, by the rows and their usual widths.
};

/// What the database holds.
struct DatabaseStats {
    std::vector<DatasetStats> datasets;  ///< The four, in the order of `Dataset`.
    std::uint64_t exchanges = 0;
    std::uint64_t active_exchanges = 0;
    std::uint64_t symbols = 0;
    std::uint64_t active_symbols = 0;
    std::uint64_t sources = 0;
    std::uint64_t quarantined = 0;
    std::uint64_t bytes = 0;  ///< Of the database on disk, its log included.
    std::uint64_t schema_version = 0;
    std::string engine;  ///< `SQLite 3.40.1`, `PostgreSQL 15.20`, `PostgreSQL 15.20, TimescaleDB 2.22.1 (apache)`.
    bool has_hypertables = false;  ///< Book tickers and trades are hypertables of TimescaleDB.
};

/// What one series holds.
struct SeriesStats {
    Dataset dataset{};
    SymbolId symbol_id{};  ///< 0 for balances.
    ExchangeId exchange_id{};
    InlineString<31> account;     ///< Balances only.
    InlineString<23> asset_name;  ///< Balances only.
    std::uint64_t rows = 0;
    Timestamp first = kNoTime;
    Timestamp last = kNoTime;
};

/// The connections of one manager, and counts since `initialize()`; the manager's own looking for changes is among them. On
/// SQLite one connection writes and `reader_threads` read (in memory one does both), each opened when it is first needed.
struct PoolStats {
    std::uint64_t size = 0;  ///< Open connections: idle and busy ones.
    std::uint64_t idle = 0;
    std::uint64_t busy = 0;
    std::uint64_t waiting = 0;  ///< Operations that wait for one.
    std::uint64_t min_size = 0;
    std::uint64_t max_size = 0;
    std::uint64_t acquired = 0;  ///< How often an operation got one. An operation may need several, one after another.
    std::uint64_t waits = 0;     ///< How often one was not free at once.
    std::uint64_t timeouts = 0;  ///< How often none came free within the deadline.
    std::uint64_t made = 0;      ///< Connections opened.
    std::uint64_t dropped = 0;   ///< Connections closed: idle too long, too old, lost, or left in an unknown state.
};

/// Counters of the caches since `initialize()` or `reset_cache_stats()`.
struct PerformanceStats {
    std::uint64_t hits = 0;  ///< Look-ups in memory that found something.
    std::uint64_t misses = 0;
    std::uint64_t total_requests = 0;
    std::optional<double> hit_ratio;  ///< None before the first request.
    double avg_lookup_time_ns = 0;    ///< Mean of the sampled look-ups (1 in 1,024); 0 before the first sample.
    double avg_lookup_time_us = 0;
    Timestamp last_refresh = kNoTime;  ///< Of the reference data.
    std::uint64_t refreshes = 0;
    std::uint64_t cache_size = 0;   ///< Exchanges and symbols in memory.
    std::uint64_t latest_size = 0;  ///< Latest rows in memory.
    std::uint64_t latest_hits = 0;
    std::uint64_t latest_misses = 0;
    std::uint64_t pending_operations = 0;
    std::uint64_t rows_written = 0;  ///< Inserted or updated.
};

/// What a cache_invalidate is about.
enum class CacheCategory : std::uint8_t { all, reference, latest, book_tickers, trades, funding_rates, balances };

/// One step of the schema's history.
struct MigrationStep {
    std::uint32_t version = 0;
    std::string name;
    bool applied = false;
    Timestamp applied_at = kNoTime;
    std::vector<std::string> statements;  ///< What `up` runs (what `down` runs, in a plan for going down).
};

/// The schema of a database beside what this program knows.
struct MigrationStatus {
    bool exists = false;        ///< Whether there is a marketdb schema at all.
    std::uint32_t version = 0;  ///< Of the database; 0: empty.
    std::uint32_t newest = 0;   ///< That this program knows.
    std::vector<MigrationStep> steps;
};

/// What `convert` does with a PostgreSQL schema of the programs that marketdb replaces.
enum class ConversionStep : std::uint8_t {
    up,      ///< Makes it a lean schema; the old tables are kept. Goes on where an earlier run stopped.
    finish,  ///< Drops the old tables.
    down,    ///< Puts the old tables back, with what was written since; stops one that is under way.
};

/// How to convert.
struct ConversionOptions {
    /// Rows that the tables to be cannot hold stay behind (up: in the old tables; down: they are lost). Else one such row is
    /// an error.
    bool leave_behind = false;
    /// Go on although other programs are connected that may write to the tables.
    bool despite_sessions = false;
    std::uint32_t piece_rows = 50'000;  ///< Rows of one transaction, 1 to 1,000,000.
};

/// One line of a plan or of what was done.
struct ConversionFinding {
    std::string kind;  ///< `table`, `rows`, `view`, `foreign key`, `grant`, `trigger`, `session`, `lock`, `disk`, ...
    std::string name;  ///< Of what it is about.
    std::string outcome;  ///< `converted`, `recreated`, `refused`, `left behind`, `folded`, `in the way`, `kept`, ...
    std::string detail;   ///< Why, or how long.
    std::int64_t rows = 0;
    std::int64_t bytes = 0;
};

/// How much a plan of a conversion says.
enum class ConversionDetail : std::uint8_t {
    all,    ///< Reads every row once.
    phase,  ///< Only how far it is.
};

/// Where the conversion of a schema stands.
struct ConversionReport {
    /// `none` (there is nothing to convert), `existing`, `begun`, `copying`, `completing`, `converted`, `finished`.
    std::string phase = "none";
    std::vector<ConversionFinding> findings;
};

/// Chooses sources.
struct SourceFilter {
    std::string_view kind;    ///< Empty: all.
    std::string_view sha256;  ///< Empty: all.
    bool finished_only = false;
};

// GCC 12 copies what is written in braces inside a `co_await` twice and frees it twice: harmless only for such types.
static_assert(std::is_trivially_copyable_v<SeriesFilter> && std::is_trivially_copyable_v<HistoryFilter> &&
              std::is_trivially_copyable_v<LatestFilter> && std::is_trivially_copyable_v<BalanceOptions> &&
              std::is_trivially_copyable_v<ExchangeFilter> && std::is_trivially_copyable_v<SymbolFilter> &&
              std::is_trivially_copyable_v<ExchangeUpdate> && std::is_trivially_copyable_v<SymbolUpdate> &&
              std::is_trivially_copyable_v<SymbolChange> && std::is_trivially_copyable_v<CleanupOptions>);

}  // namespace marketdb
