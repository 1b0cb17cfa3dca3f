#include "analysis/missing_ids.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <system_error>

namespace marketdb::analysis {
namespace {

constexpr std::uint64_t kLateness = 10'000;  // trades; stated in the public header

}  // namespace

std::optional<NumberedTrade> number_of(std::string_view trade_id) {
    NumberedTrade trade;
    trade.is_aggregated = trade_id.starts_with('a');
    if (trade.is_aggregated) trade_id.remove_prefix(1);
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    if (trade_id.empty() || !std::all_of(trade_id.begin(), trade_id.end(), is_digit)) return std::nullopt;
    const char* end = trade_id.data() + trade_id.size();
    if (std::from_chars(trade_id.data(), end, trade.number).ec != std::errc()) return std::nullopt;
    return trade;
}

void MissingIds::add(std::int64_t number, Timestamp time) {
    ++trades_;
    if (!greatest_) {
        greatest_ = number;
        greatest_time_ = time;
        return;
    }
    if (number <= *greatest_) return fill(number);
    ++steps_;
    if (number == *greatest_ + 1) {
        ++following_;
    } else {
        holes_.push_back({*greatest_ + 1, number - 1, greatest_time_, time, trades_});
    }
    greatest_ = number;
    greatest_time_ = time;
}

void MissingIds::fill(std::int64_t number) {
    const auto hole = std::find_if(holes_.begin(), holes_.end(),
                                   [number](const Hole& one) { return one.first <= number && number <= one.last; });
    if (hole == holes_.end()) return;
    ++steps_;
    ++following_;
    if (hole->first == hole->last) {
        ++following_;  // the step over it was none
        holes_.erase(hole);
    } else if (number == hole->first) {
        ++hole->first;
    } else if (number == hole->last) {
        --hole->last;
    } else {
        Hole behind = *hole;
        behind.first = number + 1;
        hole->last = number - 1;
        holes_.insert(std::next(hole), behind);
    }
}

std::optional<FoundGap> MissingIds::next() {
    if (holes_.empty()) return std::nullopt;
    const Hole hole = holes_.front();
    if (!has_ended_ && trades_ - hole.found_at < kLateness) return std::nullopt;
    if (!do_follow_each_other()) {
        // Numbers of this kind say nothing; those to come may.
        holes_.clear();
        return std::nullopt;
    }
    holes_.pop_front();
    FoundGap gap;
    gap.evidence = GapEvidence::trade_ids;
    gap.start = hole.start;
    gap.end = hole.end;
    gap.missing = static_cast<std::uint64_t>(hole.last - hole.first) + 1;
    gap.first_id = hole.first;
    gap.last_id = hole.last;
    return gap;
}

}  // namespace marketdb::analysis
