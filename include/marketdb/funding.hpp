#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include <marketdb/database_manager.hpp>

/// Funding rates across exchanges, and what perpetuals cost beside spot. Free functions over the public `DatabaseManager`; which
/// series they are about is said by the filter, usually its `series.base`.
namespace marketdb {

/// The newest funding rate of a symbol, and what follows from it.
struct LatestFunding {
    FundingRate rate;                  ///< The newest of either kind.
    std::chrono::microseconds age{0};  ///< As `Latest::age`.
    /// As the row states it. Else, of a predicted rate, one of 60, 120, 240 and 480 that the rows before show: the newest row
    /// older than the interval before `funding_time` was still about the settlement there. 0 is unknown.
    std::int32_t interval_minutes = 0;
    double annualised = kNoNumber;  ///< As `annualised_funding_rate`, with this interval.
    /// The first settlement after the row's time: of a predicted rate its `funding_time`; of a settled one an interval later,
    /// absent if that is unknown. It may have passed since: see the age.
    Timestamp next_settlement = kNoTime;
};

/// The newest funding rate of each chosen symbol, newest first: with `series.base` those of one asset on all exchanges.
///
/// Errors: unknown_exchange, unknown_symbol  a filter names what does not exist.
/// Cost:   as `get_latest_funding_rates`; up to four index probes more for each predicted rate that does not state its interval.
boost::asio::awaitable<std::vector<LatestFunding>> get_latest_funding(DatabaseManager& db, LatestFilter filter = {},
                                                                      Deadline deadline = {});

/// Gives the rates that were paid in batches of bounded memory; predicted ones are read and left out. No transaction stays open
/// between two batches.
///
/// Threads: one at a time. Lifetime: the manager must outlive it.
class SettledFundingReader {
 public:
    SettledFundingReader(SettledFundingReader&&) noexcept;
    SettledFundingReader& operator=(SettledFundingReader&&) noexcept;
    ~SettledFundingReader();

    /// The next rates, at most `max_rows`, often fewer; empty at the end. Errors: as `get_funding_rate_history`.
    boost::asio::awaitable<std::vector<FundingRate>> next(std::size_t max_rows = 16'384, Deadline deadline = {});

    /// Rows of either kind left out so far because the received clock was asked for.
    [[nodiscard]] std::uint64_t without_received_at() const noexcept;

 private:
    friend SettledFundingReader read_settled_funding(DatabaseManager& db, HistoryFilter filter);
    class State;
    explicit SettledFundingReader(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

/// Begins to read the rates that were paid, in order.
///
/// Errors: invalid_argument  end before start, `last` negative, `last` with `start`; `every` or `limit` is set: they would choose
///                           among rows of both kinds.
[[nodiscard]] SettledFundingReader read_settled_funding(DatabaseManager& db, HistoryFilter filter = {});

/// The same, all at once. `limit` counts settled rates only.
///
/// Errors: invalid_argument    as `read_settled_funding`, without `limit`.
///         unknown_exchange, unknown_symbol.
///         resource_exhausted  more than 4,194,304 rates and no `limit`; use the reader.
/// Cost:   reads every rate of the time asked once, in batches; only settled ones are kept.
boost::asio::awaitable<History<FundingRate>> get_settled_funding(DatabaseManager& db, HistoryFilter filter = {},
                                                                 Deadline deadline = {});

/// A perpetual beside the spot market of the same pair.
struct Basis {
    SymbolId spot{};
    SymbolId perpetual{};
    double spot_mid = kNoNumber;  ///< Absent if the newest quote lacks a side.
    double perpetual_mid = kNoNumber;
    /// (perpetual_mid - spot_mid) / spot_mid in basis points. Absent without either, and where the quotes are more than a minute
    /// apart: that would be a difference of times, not of markets.
    double basis_bps = kNoNumber;
    std::chrono::microseconds spot_age{0};  ///< Of the quotes, as `Latest::age`.
    std::chrono::microseconds perpetual_age{0};
};

/// From the newest quotes that the filter chooses: each spot series with each perpetual (inverse ones too) of the same base and
/// quote, by the names of the exchanges. `max_age` leaves out quotes that are older.
///
/// Errors: invalid_argument  `limit` is set: it would cut quotes, not pairs.
///         unknown_exchange, unknown_symbol  a filter names what does not exist.
/// Cost:   as `get_latest_book_tickers`.
boost::asio::awaitable<std::vector<Basis>> get_basis(DatabaseManager& db, LatestFilter filter = {},
                                                     Deadline deadline = {});

}  // namespace marketdb
