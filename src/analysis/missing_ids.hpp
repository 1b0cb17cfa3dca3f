#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>

#include <marketdb/coverage.hpp>

namespace marketdb::analysis {

/// A trade's number, and whether it is that of an aggregated trade.
struct NumberedTrade {
    std::int64_t number = 0;
    bool is_aggregated = false;
};

/// None: the id is no number below 2^63.
[[nodiscard]] std::optional<NumberedTrade> number_of(std::string_view trade_id);

/// Finds numbers that are missing among those of trades in the order of time, where nearly all follow each other.
///
/// The invariant: every number up to the greatest that was seen was seen too, or is in a hole, or its hole was given out.
class MissingIds {
 public:
    void add(std::int64_t number, Timestamp time);
    void end() noexcept { has_ended_ = true; }

    /// The next hole that nothing late can fill any more.
    [[nodiscard]] std::optional<FoundGap> next();

 private:
    struct Hole {
        std::int64_t first = 0;
        std::int64_t last = 0;
        Timestamp start = kNoTime;
        Timestamp end = kNoTime;
        std::uint64_t found_at = 0;  // how many trades there were
    };

    void fill(std::int64_t number);
    /// At least nine in ten.
    [[nodiscard]] bool do_follow_each_other() const noexcept { return following_ * 10 >= steps_ * 9; }

    std::deque<Hole> holes_;
    std::optional<std::int64_t> greatest_;
    Timestamp greatest_time_ = kNoTime;
    std::uint64_t trades_ = 0;
    std::uint64_t steps_ = 0;      // from one trade to the next
    std::uint64_t following_ = 0;  // of these, to the next number, be it late
    bool has_ended_ = false;
};

}  // namespace marketdb::analysis
