#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include <marketdb/database_manager.hpp>

/// Quotes of several series side by side, as they stood at chosen instants. Free functions over the public `DatabaseManager`.
namespace marketdb {

/// Which series are put side by side, at which instants, and by whose clock. Exactly one of `every`, `at`, `driver` and
/// `at_each_change` chooses the instants.
///
/// Has a constructor for the reason that `ImportOptions` has one.
struct AlignmentOptions {
    /// The received clock, without a tolerance; series and instants are to be chosen.
    AlignmentOptions() {}  // NOLINT(modernize-use-equals-default): defaulted, it would be an aggregate again.

    std::vector<SymbolId> series;  ///< 1 to 64 symbols of any exchanges and pairs, each once.

    /// > 0: a grid of the multiples of it since 1970, from `start` to `end` with both ends. Without them it runs from the latest
    /// first row to the earliest last row of the series: the time in which all of them have a quote.
    std::chrono::microseconds every{0};
    std::vector<Timestamp> at;  ///< These times, in ascending order. Excludes `start` and `end`.
    SymbolId driver{};          ///< The times of this series' rows in [start, end); one of `series`.
    bool at_each_change =
        false;  ///< The times of all series' rows in [start, end), also of rows that repeat the one before.

    Timestamp start = kNoTime;  ///< Absent: see `every`; of rows, from the first.
    Timestamp end = kNoTime;    ///< Absent: see `every`; of rows, to the last.

    /// `event` is refused for a series that has no event time, because it would be compared with others at the wrong times.
    ClockKind clock = ClockKind::received;
    /// A quote that is older than this at an instant is absent there. Absent: any age will do. 0: of the very instant.
    std::optional<std::chrono::microseconds> tolerance;
};

/// What a series quoted at an instant: its last row at or before it, whole. A row that lacks a side ends the side before; a gap that
/// a feed or a user declared (see coverage.hpp) ends the quote.
struct AsOfQuote {
    Timestamp time = kNoTime;  ///< Of the row, on the chosen clock. Absent: there is no row, or it is too old.
    double bid_price = kNoNumber;
    double bid_qty = kNoNumber;
    double ask_price = kNoNumber;
    double ask_qty = kNoNumber;
};

/// Whether there is a quote at all (it may still lack a side).
[[nodiscard]] constexpr bool is_present(const AsOfQuote& quote) noexcept { return is_present(quote.time); }

/// Instants in ascending order, and the quotes of each.
struct AlignedBookTickers {
    std::vector<SymbolId> series;  ///< As they were asked for.
    std::vector<Timestamp> instants;
    std::vector<AsOfQuote> quotes;          ///< Those of the first instant in the order of `series`, of the second, ...
    std::uint64_t without_received_at = 0;  ///< Rows left out so far because they have no place on the received clock.

    /// The quotes of the instant with this number, in the order of `series`.
    [[nodiscard]] std::span<const AsOfQuote> at(std::size_t number) const {
        return std::span(quotes).subspan(number * series.size(), series.size());
    }
};

/// Gives aligned quotes in batches. The rows of each series are read once, in order, and merged; about 9 MB a series are in
/// memory, whatever the range. No transaction stays open between two batches.
///
/// Threads: one at a time. Lifetime: the manager must outlive it.
class AlignedReader {
 public:
    AlignedReader(AlignedReader&&) noexcept;
    AlignedReader& operator=(AlignedReader&&) noexcept;
    ~AlignedReader();

    /// The next instants, at most `max_instants`; none at the end.
    ///
    /// @param deadline  Of the whole call; if it is the default, of each of its reads.
    ///
    /// Errors: unknown_symbol      a series is not stored.
    ///         invalid_argument    the event clock was asked for, and a row that was read has none (`timestamp` equal to
    ///                             `received_at`): names series and row.
    ///         resource_exhausted  as `get_book_ticker_history` by the received clock.
    boost::asio::awaitable<AlignedBookTickers> next(std::size_t max_instants = 16'384, Deadline deadline = {});

 private:
    friend AlignedReader read_aligned_book_tickers(DatabaseManager& db, AlignmentOptions options);
    class State;
    explicit AlignedReader(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

/// Begins to read quotes side by side. Of each series the last row at or before an instant counts, never a later one; of several
/// rows at one time the last in reading order. Equal rows give equal answers, bit for bit, on every engine.
///
/// Errors: invalid_argument  no series, more than 64, or one of them twice; not exactly one choice of instants; `every` or the
///                           tolerance below zero; `at` not in order, or beside a start or end; a driver that is not among the
///                           series; an end before the start; a time that no row can have.
[[nodiscard]] AlignedReader read_aligned_book_tickers(DatabaseManager& db, AlignmentOptions options);

/// The same, all at once.
///
/// Errors: as `read_aligned_book_tickers` and `AlignedReader::next`.
///         resource_exhausted  more than 4,194,304 quotes (instants times series); use the reader.
/// Cost:   reads the rows of all series in the range once, and one row before it of each.
boost::asio::awaitable<AlignedBookTickers> get_aligned_book_tickers(DatabaseManager& db, AlignmentOptions options,
                                                                    Deadline deadline = {});

}  // namespace marketdb
