#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <marketdb/models.hpp>

/// Texts of a row to values. Every function fails with invalid_argument and `column NAME: ...`.
namespace marketdb::io {

/// The text of one column of a row.
struct Field {
    std::string_view column;
    std::string_view text;
};

/// What an integer time counts.
enum class TimeUnit : std::uint8_t { by_size, seconds, milliseconds, microseconds, nanoseconds };

/// `s`, `ms`, `us`, `ns`; empty is `otherwise`. Errors: invalid_argument.
[[nodiscard]] TimeUnit parse_time_unit(std::string_view text, TimeUnit otherwise);

[[noreturn]] void fail(Field field, std::string_view expected);

[[nodiscard]] double number(Field field);
/// Empty is absent.
[[nodiscard]] double optional_number(Field field);
[[nodiscard]] std::int64_t integer(Field field);
/// An integer since 1970 within [kMinTime, kMaxTime].
[[nodiscard]] Timestamp integer_time(Field field, TimeUnit unit);
/// `true`, `True`, `TRUE`, `1`, `false`, `False`, `FALSE`, `0`.
[[nodiscard]] bool boolean(Field field);
/// Not empty, UTF-8 without a zero byte.
[[nodiscard]] std::string_view clean_text(Field field);

/// The number as a trade's sequence if it is all digits and below 2^53; else -1.
[[nodiscard]] std::int64_t numeric_id(std::string_view trade_id) noexcept;

/// Makes a side whose size is zero missing as a whole. Half a side stays, and is refused later.
void drop_empty_sides(BookTicker& row) noexcept;
/// The same for vendors, who leave any part of a side empty that is missing: half a side is none.
void drop_partial_sides(BookTicker& row) noexcept;

/// Splits at commas; no quoting. Returns how many fields there are, of which at most `fields.size()` are given.
[[nodiscard]] std::size_t split_plain(std::string_view record, std::span<std::string_view> fields) noexcept;

/// Splits as RFC 4180 says. Unquoted texts lie in `record`, others in `unquoted`, until the next call.
/// Errors: invalid_argument  a quote within an unquoted field, or text after a closing quote, or none.
[[nodiscard]] std::size_t split_quoted(std::string_view record, std::span<std::string_view> fields,
                                       std::string& unquoted);

}  // namespace marketdb::io
