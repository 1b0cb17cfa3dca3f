#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include <marketdb/alignment.hpp>
#include <marketdb/database_manager.hpp>

/// What selling on one series and buying on another brings, over time and now. Free functions over the public `DatabaseManager`.
///
/// The spread of an ordered pair, in basis points:
///
///     (sell.bid - buy.ask) / buy.ask * 10,000 - fee of sell - fee of buy
namespace marketdb {

/// Between which series, at which instants, and less which fees.
///
/// Has a constructor for the reason that `ImportOptions` has one.
struct SpreadOptions {
    /// No fees, a threshold of 0; series and instants are to be chosen.
    SpreadOptions() {}  // NOLINT(modernize-use-equals-default): defaulted, it would be an aggregate again.

    AlignmentOptions alignment;  ///< Two series or more; every ordered pair of them is looked at.
    std::vector<double>
        fees_bps;                ///< Of the series, in their order, in basis points; below 0 is a rebate. Empty: none.
    double threshold_bps = 0;    ///< For `above`.
    std::size_t stretches = 0;   ///< So many equal stretches of the time get a mean each, 0 to 10,000.
    bool with_coverage = false;  ///< Say how complete the quotes are; see `SpreadReport::coverage`.
};

/// The spread of one ordered pair over time. Numbers of no sample are absent.
struct SpreadStats {
    SymbolId sell{};                 ///< Where the bid is taken.
    SymbolId buy{};                  ///< Where the ask is taken.
    std::uint64_t samples = 0;       ///< Instants at which there were the one's bid and the other's ask.
    std::uint64_t missing = 0;       ///< The other instants.
    double mean_bps = kNoNumber;     ///< Each sample counts the same.
    double std_bps = kNoNumber;      ///< Of the sample (n - 1); absent below two samples.
    double min_bps = kNoNumber;      ///< The least.
    double max_bps = kNoNumber;      ///< The greatest.
    double p1_bps = kNoNumber;       ///< Percentiles are exact; between two samples linear.
    double p5_bps = kNoNumber;       ///< The same.
    double p25_bps = kNoNumber;      ///< The same.
    double p50_bps = kNoNumber;      ///< The same.
    double p75_bps = kNoNumber;      ///< The same.
    double p95_bps = kNoNumber;      ///< The same.
    double p99_bps = kNoNumber;      ///< The same.
    std::uint64_t above = 0;         ///< Samples greater than the threshold.
    double share_above = kNoNumber;  ///< above / samples.
    /// The same by time: a sample stands until the next instant, the last one of a grid for `every`, another last one for no time.
    /// Absent if all samples together stand for no time.
    double time_share_above = kNoNumber;
    /// Mean of what could be traded at once, in units of the base asset: the smaller of the bid's and the ask's size. Absent where
    /// a symbol does not say what its sizes mean (see `base_quantity`).
    double mean_fillable = kNoNumber;
    double mean_fillable_above = kNoNumber;  ///< The same of the samples greater than the threshold.
    std::vector<double> means_bps;  ///< Of each stretch (see `SpreadOptions::stretches`), absent where no sample is.
};

/// The spreads of all pairs.
struct SpreadReport {
    std::vector<SpreadStats> pairs;  ///< By `sell`, then by `buy`, in the order of the series.
    std::uint64_t instants = 0;
    Timestamp first = kNoTime;  ///< The first instant.
    Timestamp last = kNoTime;
    std::uint64_t without_received_at = 0;  ///< Rows left out because they have no place on the received clock.
    /// Of each series in their order: how much of the time from the first instant to the last is known to be complete, on the chosen
    /// clock. Empty unless asked for, and where the database keeps no coverage or there is less than two instants.
    std::vector<CoverageShare> coverage;
};

/// Measures the spreads of all ordered pairs of series at the chosen instants.
///
/// Errors: as `read_aligned_book_tickers` and `AlignedReader::next`.
///         invalid_argument    fewer than two series; fees that are not one number a series; a threshold that is no number.
///         resource_exhausted  more than 33,554,432 values (instants times pairs). All of them are kept, 8 bytes each, so that the
///                             percentiles are exact: choose a longer `every`, a shorter range or fewer series.
/// Cost:   as `get_aligned_book_tickers`.
boost::asio::awaitable<SpreadReport> get_spreads(DatabaseManager& db, SpreadOptions options, Deadline deadline = {});

/// Which spreads of now are wanted.
struct LiveSpreadOptions {
    SeriesFilter series;                                          ///< Everything, or a part.
    double min_bps = 0;                                           ///< Only spreads of this or more.
    std::chrono::microseconds max_age{std::chrono::seconds(10)};  ///< Older quotes are no quotes. Must be > 0.
};

/// What can be had now between two series.
struct LiveSpread {
    SymbolId sell{};
    SymbolId buy{};
    double bps = kNoNumber;                 ///< Without fees.
    double bid_price = kNoNumber;           ///< Of `sell`.
    double ask_price = kNoNumber;           ///< Of `buy`.
    double fillable = kNoNumber;            ///< In base units; see `SpreadStats::mean_fillable`.
    std::chrono::microseconds sell_age{0};  ///< As in `Latest`.
    std::chrono::microseconds buy_age{0};
};

/// The spreads between the newest quotes of all pairs of series with the same base and quote on different exchanges, the greatest
/// first. Asks the database, so that what other programs stored counts too.
///
/// Errors: invalid_argument  min_bps is no number, or max_age is not above zero.
///         unknown_exchange, unknown_symbol  the filter names what does not exist.
/// Cost:   as `get_latest_book_tickers`.
boost::asio::awaitable<std::vector<LiveSpread>> get_live_spreads(DatabaseManager& db, LiveSpreadOptions options = {},
                                                                 Deadline deadline = {});

/// A size of a quote in units of the base asset: of `base` as it is, of `quote` over the price, of `contracts` times the contract
/// size, of an inverse contract that over the price. Absent where the symbol does not say it: the unit is unknown, or the contract
/// size is.
[[nodiscard]] double base_quantity(const Symbol& symbol, double quantity, double price) noexcept;

// GCC 12 copies what is written in braces inside a `co_await` twice and frees it twice: harmless only for such types.
static_assert(std::is_trivially_copyable_v<LiveSpreadOptions>);

}  // namespace marketdb
