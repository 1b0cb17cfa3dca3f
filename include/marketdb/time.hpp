#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace marketdb {

/// A moment in UTC, in microseconds since 1970-01-01T00:00:00Z. All times of the API have this type.
using Timestamp = std::chrono::sys_time<std::chrono::microseconds>;

/// An absent time. The bit pattern is INT64_MIN, which NumPy reads as NaT; the database stores null.
inline constexpr Timestamp kNoTime{std::chrono::microseconds{std::numeric_limits<std::int64_t>::min()}};

/// The first and the last time that a row may carry: 1970-01-01T00:00:00Z and 2262-04-11T23:47:16.854775Z
/// (the last microsecond that int64 nanoseconds can hold, which is what pandas and Arrow use).
inline constexpr Timestamp kMinTime{std::chrono::microseconds{0}};
inline constexpr Timestamp kMaxTime{std::chrono::microseconds{9'223'372'036'854'775}};

/// Whether `time` is there at all.
[[nodiscard]] constexpr bool is_present(Timestamp time) noexcept { return time != kNoTime; }

/// Whether `time` lies in [kMinTime, kMaxTime].
[[nodiscard]] constexpr bool is_storable(Timestamp time) noexcept { return time >= kMinTime && time <= kMaxTime; }

/// RFC 3339 in UTC with six decimals: `2024-08-08T23:54:14.087891Z`. An absent time gives an empty text.
[[nodiscard]] std::string to_string(Timestamp time);

/// Reads a time. Accepted: RFC 3339 and ISO 8601 dates with or without time, fraction (up to nine digits, cut to
/// microseconds), `T` or a blank between, and a zone (`Z`, `+02:00`); a text without zone is UTC. Also integers since
/// 1970, whose unit is told by size: >= 1e18 ns, >= 1e15 us, >= 1e12 ms, else s.
///
/// Errors: invalid_argument  the text is no such time, or lies outside [kMinTime, kMaxTime]; names the text.
[[nodiscard]] Timestamp parse_timestamp(std::string_view text);

/// Reads a length of time: `250ms`, `10s`, `1m`, `1.5h`, `7d`, `2w`; without a unit, seconds. Must be positive.
///
/// Errors: invalid_argument  the text is no length of time, is not positive, or is longer than 292 years.
[[nodiscard]] std::chrono::microseconds parse_duration(std::string_view text);

}  // namespace marketdb
