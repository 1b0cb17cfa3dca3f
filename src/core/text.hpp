#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Small leaf tools for text. None depends on the locale.
namespace marketdb::core {

/// The whole text as a finite or infinite double (`9682`, `3.528e-05`, `+1`, `.5`); none if anything else is there.
[[nodiscard]] std::optional<double> parse_double(std::string_view text) noexcept;

/// The whole text as an integer in range; none otherwise.
[[nodiscard]] std::optional<std::int64_t> parse_int(std::string_view text) noexcept;

/// Appends the shortest text that reads back to the same double, without a trailing `.0`: `61837.63`, `100000`, `9.12e-07`.
void append_double(std::string& out, double number);
[[nodiscard]] std::string format_double(double number);

/// ASCII only; other bytes stay.
[[nodiscard]] std::string to_upper(std::string_view text);
[[nodiscard]] std::string to_lower(std::string_view text);
[[nodiscard]] constexpr char to_upper(char c) noexcept { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }

/// Whether the text, in any case, fits a pattern in which `*` stands for any run of characters.
[[nodiscard]] bool matches_pattern(std::string_view pattern, std::string_view text) noexcept;

/// Whether the text is UTF-8 without a zero byte.
[[nodiscard]] bool is_clean_utf8(std::string_view text) noexcept;

/// A text for messages: control bytes and invalid UTF-8 as `\x0a`, cut to `max_bytes` with `...`.
[[nodiscard]] std::string printable(std::string_view text, std::size_t max_bytes = 120);

/// Bytes for people, in powers of ten: `0.3 MB`, `107.4 GB`.
[[nodiscard]] std::string bytes_text(double bytes);

/// A microsecond count appended as RFC 3339 UTC with six decimals and `Z`.
void append_time(std::string& out, std::int64_t microseconds);

}  // namespace marketdb::core
