#pragma once

#include <vector>

#include <marketdb/time.hpp>

/// Sets of moments, as stretches of time. Pure functions.
namespace marketdb::core {

/// [start, end).
struct Interval {
    Timestamp start = kNoTime;
    Timestamp end = kNoTime;

    friend auto operator<=>(const Interval&, const Interval&) = default;
    friend bool operator==(const Interval&, const Interval&) = default;
};

inline constexpr Interval kEver{Timestamp::min(), Timestamp::max()};

/// Stretches in order and apart: none is empty, and no two touch.
using Intervals = std::vector<Interval>;

/// Any stretches, in any order, as a set; empty ones are left out.
[[nodiscard]] Intervals united(Intervals any);
/// What is in `from` and not in `what`.
[[nodiscard]] Intervals without(const Intervals& from, const Intervals& what);
/// What is in both.
[[nodiscard]] Intervals common(const Intervals& one, const Intervals& other);
/// Each stretch without its first and its last moment: where time goes in milliseconds, a file that begins or ends there may not have
/// all rows of it.
[[nodiscard]] Intervals inner(Intervals set);
[[nodiscard]] bool contains(const Intervals& set, Timestamp time) noexcept;

}  // namespace marketdb::core
