#include "core/intervals.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>

namespace marketdb::core {

Intervals united(Intervals any) {
    std::erase_if(any, [](const Interval& one) { return one.end <= one.start; });
    std::sort(any.begin(), any.end());
    Intervals set;
    for (const Interval& one : any) {
        if (set.empty() || set.back().end < one.start) {
            set.push_back(one);
        } else {
            set.back().end = std::max(set.back().end, one.end);
        }
    }
    return set;
}

Intervals without(const Intervals& from, const Intervals& what) {
    Intervals left;
    std::size_t next = 0;
    for (Interval one : from) {
        while (next < what.size() && what[next].end <= one.start) ++next;
        for (std::size_t at = next; at < what.size() && what[at].start < one.end; ++at) {
            if (one.start < what[at].start) left.push_back({one.start, what[at].start});
            one.start = std::min(what[at].end, one.end);
        }
        if (one.start < one.end) left.push_back(one);
    }
    return left;
}

Intervals common(const Intervals& one, const Intervals& other) {
    Intervals both;
    for (std::size_t i = 0, j = 0; i < one.size() && j < other.size();) {
        const Timestamp start = std::max(one[i].start, other[j].start);
        const Timestamp end = std::min(one[i].end, other[j].end);
        if (start < end) both.push_back({start, end});
        ++(one[i].end < other[j].end ? i : j);
    }
    return both;
}

Intervals inner(Intervals set) {
    constexpr std::chrono::microseconds kMoment{1};
    for (Interval& one : set) one = {one.start + kMoment, one.end - kMoment};
    std::erase_if(set, [](const Interval& one) { return one.end <= one.start; });
    return set;
}

bool contains(const Intervals& set, Timestamp time) noexcept {
    const auto after = std::upper_bound(set.begin(), set.end(), time,
                                        [](Timestamp moment, const Interval& one) { return moment < one.start; });
    return after != set.begin() && time < std::prev(after)->end;
}

}  // namespace marketdb::core
