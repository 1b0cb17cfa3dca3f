#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <marketdb/alignment.hpp>

namespace marketdb::analysis {

/// A time in which nothing is known of a series: [start, end). A quote is not carried into it, nor over it.
struct Gap {
    Timestamp start = kNoTime;
    Timestamp end = kNoTime;
};

/// Instants, one after the other: of a grid, of a list, or those at which rows stand.
class Instants {
 public:
    /// The multiples of `every` in [first, last].
    [[nodiscard]] static Instants of_grid(std::chrono::microseconds every, Timestamp first, Timestamp last);
    /// @param times  Ascending.
    [[nodiscard]] static Instants of_list(std::vector<Timestamp> times);
    /// @param driver  The series whose rows make instants; absent: every series.
    [[nodiscard]] static Instants of_rows(std::optional<std::size_t> driver);

    /// Whether they follow from the rows.
    [[nodiscard]] bool are_of_rows() const noexcept { return kind_ == Kind::rows; }
    [[nodiscard]] std::optional<std::size_t> driver() const noexcept { return driver_; }
    /// How many are left; of rows nobody knows.
    [[nodiscard]] std::uint64_t left() const noexcept { return left_; }
    /// The first and the last; absent if there are none, and of rows.
    [[nodiscard]] Timestamp first() const noexcept;
    [[nodiscard]] Timestamp last() const noexcept;

    /// The next one of a grid or list, of which some are left.
    [[nodiscard]] Timestamp front() const noexcept;
    void pop() noexcept;

 private:
    enum class Kind : std::uint8_t { grid, list, rows };

    Kind kind_ = Kind::list;
    std::optional<std::size_t> driver_;
    std::uint64_t left_ = 0;
    Timestamp next_ = kNoTime;  // of a grid
    std::chrono::microseconds every_{0};
    std::vector<Timestamp> times_;
};

/// Puts the rows of several series side by side. Knows nothing of databases: it is fed with rows, and says which it needs.
///
/// The invariant: each series' quote is that of its last row at or before the last instant given out, and the rows from its
/// position on are those after it.
class AsOfMerge {
 public:
    /// What a merge needs to go on.
    struct Wanted {
        std::size_t series = 0;
    };

    /// @param tolerance  None: any age will do.
    /// @param gaps       Of each series, ascending and apart; empty: none of any series.
    AsOfMerge(std::size_t series, ClockKind clock, Instants instants,
              std::optional<std::chrono::microseconds> tolerance, std::vector<std::vector<Gap>> gaps = {});

    /// The last row of a series before those that it is fed with. It makes no instant.
    void start_with(std::size_t series, const BookTicker& row);
    /// Rows that follow those before, in the order of the clock; none: there are no more of this series.
    void feed(std::size_t series, std::vector<BookTicker> rows);

    /// Appends instants and their quotes until `out` has `max_instants`, rows are wanted, or none is left.
    /// @return  Which series' rows are wanted.
    [[nodiscard]] std::optional<Wanted> run(AlignedBookTickers& out, std::size_t max_instants);

 private:
    struct Series {
        std::vector<BookTicker> rows;
        std::size_t position = 0;
        std::vector<Gap> gaps;
        std::size_t next_gap = 0;  // the first that ends after the quote
    };

    [[nodiscard]] Timestamp time_of(const BookTicker& row) const noexcept { return row.*clock_; }
    [[nodiscard]] AsOfQuote quote_of(const BookTicker& row) const noexcept;
    /// Finds the next instant. False: rows are wanted, or none is left.
    [[nodiscard]] bool find_instant(std::optional<Wanted>& wanted);
    [[nodiscard]] bool find_row(std::optional<Wanted>& wanted);
    /// Passes over the rows up to the instant. False: there may be more of them.
    [[nodiscard]] bool advance(std::size_t series);
    void give_out(AlignedBookTickers& out);
    [[nodiscard]] bool holds(std::size_t series);

    std::vector<Series> series_;
    // What is looked at again at each instant lies together.
    std::vector<Timestamp> next_times_;  // of each series' next row; kWanted before one is there, kEnded after the last
    std::vector<AsOfQuote> quotes_;
    Timestamp BookTicker::*clock_;
    Instants instants_;
    std::optional<std::chrono::microseconds> tolerance_;
    bool quotes_may_end_;          // before the next row: there is a tolerance or a gap
    Timestamp instant_ = kNoTime;  // the one that is being worked on
};

}  // namespace marketdb::analysis
