#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <marketdb/coverage_claim.hpp>

#include "core/intervals.hpp"
#include "io/parser.hpp"

namespace marketdb::transfer {

/// What a file may claim of its series: from its first row to its last, on the clocks by which it is in order, and not across rows
/// that were not stored. Where rows come out of order nobody knows before the end what is still to come.
///
/// Rows are told twice: by `survey` in the file's order, and by `stored` and `cut`; the second may be at once, or in a second
/// pass. Series are known by their index in `io::Rows`.
class FileClaims {
 public:
    /// The times of a row.
    struct Times {
        Timestamp event = kNoTime;
        Timestamp received = kNoTime;

        [[nodiscard]] Timestamp of(ClockKind clock) const noexcept {
            return clock == ClockKind::event ? event : received;
        }
    };

    void survey(std::size_t series, Times times);
    /// The same of a row that will not be stored and may be of any series. Without a time it is taken to be of that at which it stands.
    void survey_bad(Times times);
    /// Everything was surveyed: claims can be made from now on, while rows are stored.
    void end_survey() noexcept { is_surveyed_ = true; }

    /// The row was stored, or is about to be in the transaction that stores the next claims.
    void stored(std::size_t series, Times times);
    /// Here a row was not stored, and nobody knows of which series and time it is.
    void cut() noexcept { ++cuts_; }

    /// Whether there is a row that will not be stored.
    [[nodiscard]] bool has_bad() const noexcept { return has_bad_; }
    /// The clock that puts the series in order; the exchange's where none does.
    [[nodiscard]] ClockKind main_clock(std::size_t series) const;
    /// From the first row to the last, both included, on the clock. Empty: there is none.
    [[nodiscard]] core::Intervals whole(std::size_t series, ClockKind clock) const;

    /// A claim on a clock.
    struct Claim {
        std::size_t series = 0;
        ClockKind clock{};
        core::Interval time;
    };
    /// What the rows stored so far allow, as far as it is new.
    [[nodiscard]] std::vector<Claim> so_far();
    /// What all of them allow, when the file has ended, whatever was claimed before.
    [[nodiscard]] std::vector<Claim> at_end() const;
    /// The same for a file that is known to have all rows of a time, for all series of which it has one.
    [[nodiscard]] std::vector<Claim> of_complete(const core::Interval& time) const;

 private:
    static constexpr std::array kClocks{ClockKind::event, ClockKind::received};

    /// Rows between two cuts.
    struct Piece {
        Times start;
        Times end;                                        // of the last row
        std::array<Timestamp, 2> told{kNoTime, kNoTime};  // up to where, by clock
    };
    struct Series {
        std::array<Timestamp, 2> first{kNoTime, kNoTime}, last{kNoTime, kNoTime}, before{kNoTime, kNoTime};
        std::array<bool, 2> is_in_order{true, true};
        bool has_received = true;  // every row

        std::vector<Piece> pieces;
        std::size_t told = 0;    // of these, so many are told and closed
        std::uint64_t seen = 0;  // cuts at its last row

        [[nodiscard]] bool has_rows() const noexcept { return is_present(first[0]); }
        [[nodiscard]] bool is_ordered(ClockKind clock) const noexcept;
    };

    [[nodiscard]] Series& series(std::size_t index);
    [[nodiscard]] bool is_whole() const noexcept { return cuts_ == 0; }
    [[nodiscard]] static ClockKind main_clock(const Series& series);
    [[nodiscard]] bool is_claimed(const Series& series, ClockKind clock) const;
    [[nodiscard]] std::vector<core::Interval> ends_of(const Series& series, ClockKind clock) const;

    std::vector<Series> series_;
    std::array<Timestamp, 2> latest_bad_{kNoTime, kNoTime};  // by clock
    std::uint64_t cuts_ = 0;
    std::size_t pieces_ = 0;
    bool has_bad_ = false;
    bool is_surveyed_ = false;
};

}  // namespace marketdb::transfer
