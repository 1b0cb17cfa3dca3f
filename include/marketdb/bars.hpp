#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include <marketdb/database_manager.hpp>

/// What many quotes or trades of one series come to: by interval (bars), or over a whole stretch of time (statistics). Free
/// functions over the public `DatabaseManager`.
///
/// Sums are plain additions of doubles in the order in which the rows are read, so every engine gives the same bits.
namespace marketdb {

/// What becomes of an interval that has no row.
enum class EmptyIntervals : std::uint8_t {
    skip,  ///< It has no bar.
    show,  ///< A bar with count 0, volumes of 0 and nothing else.
    fill,  ///< As `show`, with the prices at which the rows before it ended.
};

/// Which bars are asked for.
struct BarOptions {
    SymbolId symbol{};
    std::chrono::microseconds every{std::chrono::minutes(1)};  ///< > 0. Intervals begin at its multiples since 1970.
    Timestamp start =
        kNoTime;  ///< Inclusive; absent: from the first row. Within an interval: its bar lacks the rows before.
    Timestamp end = kNoTime;  ///< Exclusive, and the same; absent: to the last row.
    /// Which time puts a row into its interval, and which order tells open from close. `received`: rows without received_at are
    /// left out and counted.
    ClockKind clock = ClockKind::event;
    /// Intervals count as empty from `start` (absent: the first row) to `end` (absent: the last row). `fill` looks for the last
    /// row before `start` too; before the first row of all there is nothing to fill with.
    EmptyIntervals empty = EmptyIntervals::skip;
    bool with_coverage = false;  ///< Say how complete the rows are; see `Bars::coverage`. Readers do not.
};

/// The first, greatest, least and last number of an interval. All absent if there was none.
struct Range {
    double open = kNoNumber;
    double high = kNoNumber;
    double low = kNoNumber;
    double close = kNoNumber;
};

/// The quotes of one interval. A side that a row lacks takes no part in that side's numbers; mid and spread are of the rows with
/// both sides.
struct QuoteBar {
    Timestamp start = kNoTime;  ///< Of the interval.
    Range bid;
    Range ask;
    Range mid;
    double mean_mid = kNoNumber;        ///< Of the rows with both sides, each counting once.
    double mean_spread = kNoNumber;     ///< ask - bid in quote units, the same.
    std::uint64_t count = 0;            ///< Rows.
    std::uint64_t two_sided_count = 0;  ///< Of these with both sides.
};

/// The trades of one interval. Quantities are as the exchange sends them (see `Symbol::quantity_unit`).
struct TradeBar {
    Timestamp start = kNoTime;  ///< Of the interval.
    Range price;
    double volume = 0;        ///< Sum of the quantities.
    double buy_volume = 0;    ///< Of the trades whose taker bought; trades of an unknown side are in `volume` only.
    double vwap = kNoNumber;  ///< Sum of price * quantity / volume; absent where nothing was traded.
    std::uint64_t count = 0;  ///< Trades.
};

/// Bars in the order of time.
template <class Bar>
struct Bars {
    std::vector<Bar> bars;
    std::uint64_t without_received_at = 0;  ///< Rows left out because the received clock was asked for.
    /// How much of the time asked is known to be complete, on the chosen clock: from `start` (absent: the start of the first bar) to
    /// `end` (absent: the end of the last one). Only if asked for; not where the database keeps no coverage.
    std::optional<CoverageShare> coverage;
};

/// Reads bars in batches of bounded memory, whatever the number of rows and intervals. No transaction stays open between two
/// batches.
///
/// Bar: QuoteBar or TradeBar. Threads: one at a time. Lifetime: the manager must outlive it.
template <class Bar>
class BarReader {
 public:
    BarReader(BarReader&&) noexcept;
    BarReader& operator=(BarReader&&) noexcept;
    ~BarReader();

    /// The next bars, at most `max_bars`; empty at the end.
    ///
    /// Errors: unknown_symbol    no symbol has this id.
    ///         invalid_argument  max_bars is 0.
    ///         as `HistoryReader::next`; after an error the reader can only be dropped (closed).
    boost::asio::awaitable<std::vector<Bar>> next(std::size_t max_bars = 65'536, Deadline deadline = {});

    /// Rows left out so far because the received clock was asked for.
    [[nodiscard]] std::uint64_t without_received_at() const noexcept;

 private:
    friend BarReader<QuoteBar> read_quote_bars(DatabaseManager& db, BarOptions options);
    friend BarReader<TradeBar> read_trade_bars(DatabaseManager& db, BarOptions options);
    class State;
    explicit BarReader(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

/// Bars of the quotes, or of the trades, of one series, across days and partitions alike.
///
/// Errors: invalid_argument  every is not positive, or end lies before start.
/// Cost:   reads every row of the time asked once, in batches; `fill` with a start asks for one row more. On marketdb's own schema in
///         PostgreSQL, by event time and where a series has 128 rows an interval or more (on average over all of it), the server works
///         the bars out instead, at most 256 and about 2,000,000 rows at a time, and no row travels; they are the same, bit for bit.
[[nodiscard]] BarReader<QuoteBar> read_quote_bars(DatabaseManager& db, BarOptions options);
[[nodiscard]] BarReader<TradeBar> read_trade_bars(DatabaseManager& db, BarOptions options);

/// The same bars at once.
///
/// Errors: as `read_quote_bars` and `BarReader::next`.
///         resource_exhausted  there are more than 1,000,000: read them, or ask for longer intervals.
boost::asio::awaitable<Bars<QuoteBar>> get_quote_bars(DatabaseManager& db, BarOptions options, Deadline deadline = {});
boost::asio::awaitable<Bars<TradeBar>> get_trade_bars(DatabaseManager& db, BarOptions options, Deadline deadline = {});

/// Which rows the statistics are of.
struct StatisticsOptions {
    SymbolId symbol{};
    Timestamp start = kNoTime;           ///< Inclusive; absent: from the first row.
    Timestamp end = kNoTime;             ///< Exclusive; absent: to the last row.
    ClockKind clock = ClockKind::event;  ///< Of start and end; `received` leaves out rows without received_at.
};

/// How liquid the quotes were. Values are in quote units, contract sizes applied, and absent where the symbol does not say what
/// its sizes mean (see `quote_value`). Absent too where no row has what a number is of.
struct QuoteStatistics {
    std::uint64_t count = 0;             ///< Rows.
    std::uint64_t two_sided_count = 0;   ///< Of these with both sides; the means are of them.
    double mean_spread_bps = kNoNumber;  ///< Mean of the spread relative to the *mid*, as `spread_bps`.
    double mean_spread_bps_of_bid =
        kNoNumber;                      ///< The same relative to the *bid*, as dashboards of older programs divide.
    double mean_value = kNoNumber;      ///< Mean of the value of bid and ask together.
    double mean_imbalance = kNoNumber;  ///< Mean of `imbalance`.
    double p10_bid_value = kNoNumber;   ///< Percentiles of the value of the bid, over the rows with a bid; between two
    double p90_bid_value = kNoNumber;   ///< rows interpolated linearly.
    Timestamp first = kNoTime;          ///< Time of the first row on the clock asked.
    Timestamp last = kNoTime;
    std::uint64_t without_received_at = 0;  ///< Rows left out because the received clock was asked for.
};

/// How much was traded. Values as in `QuoteStatistics`.
struct TradeStatistics {
    std::uint64_t count = 0;        ///< Trades.
    double volume = 0;              ///< Sum of the quantities, as the exchange sends them.
    double buy_volume = 0;          ///< Of the trades whose taker bought.
    double value = kNoNumber;       ///< Sum of the values.
    double mean_value = kNoNumber;  ///< Of a trade.
    double vwap = kNoNumber;        ///< As `TradeBar::vwap`.
    Timestamp first = kNoTime;      ///< Time of the first trade on the clock asked.
    Timestamp last = kNoTime;
    std::uint64_t without_received_at = 0;
};

/// Statistics of the quotes, or of the trades, of one series.
///
/// Errors: invalid_argument    end lies before start.
///         unknown_symbol      no symbol has this id.
///         resource_exhausted  of quotes: more than 16,777,216 rows have a bid, whose values lie in memory for the percentiles.
/// Cost:   reads every row of the time asked once.
boost::asio::awaitable<QuoteStatistics> get_quote_stats(DatabaseManager& db, StatisticsOptions options,
                                                        Deadline deadline = {});
boost::asio::awaitable<TradeStatistics> get_trade_stats(DatabaseManager& db, StatisticsOptions options,
                                                        Deadline deadline = {});

// GCC 12 copies what is written in braces inside a `co_await` twice and frees it twice: harmless only for such types.
static_assert(std::is_trivially_copyable_v<BarOptions> && std::is_trivially_copyable_v<StatisticsOptions> &&
              std::is_trivially_copyable_v<QuoteBar> && std::is_trivially_copyable_v<TradeBar>);

}  // namespace marketdb
