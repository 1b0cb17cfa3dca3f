#include "core/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <iterator>
#include <system_error>

#include <fmt/compile.h>
#include <fmt/format.h>

namespace marketdb::core {
namespace {

/// Bytes of the well-formed UTF-8 character at the start of `text`; 0 if there is none (Unicode 15, table 3-7).
std::size_t utf8_length(std::string_view text) noexcept {
    const auto byte = [text](std::size_t index) { return static_cast<unsigned char>(text[index]); };
    const unsigned lead = byte(0);
    if (lead < 0x80) return 1;
    if (lead < 0xC2 || lead > 0xF4) return 0;

    const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (text.size() < length) return 0;
    // The second byte's narrower ranges exclude overlong forms, surrogates and what lies beyond U+10FFFF.
    const unsigned lowest = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const unsigned highest = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (byte(1) < lowest || byte(1) > highest) return 0;
    for (std::size_t index = 2; index < length; ++index) {
        if ((byte(index) & 0xC0U) != 0x80U) return 0;
    }
    return length;
}

bool is_control(std::string_view character) noexcept {
    const auto lead = static_cast<unsigned char>(character[0]);
    if (character.size() == 1) return lead < 0x20 || lead == 0x7F;
    // U+0080 to U+009F: some terminals obey them as escape sequences.
    return lead == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0;
}

void append_escaped(std::string& out, std::string_view bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        out += "\\x";
        out += kDigits[byte >> 4U];
        out += kDigits[byte & 15U];
    }
}

constexpr std::array<char, 200> kDigitPairs = [] {
    std::array<char, 200> pairs{};
    for (std::size_t number = 0; number < 100; ++number) {
        pairs[2 * number] = static_cast<char>('0' + number / 10);
        pairs[2 * number + 1] = static_cast<char>('0' + number % 10);
    }
    return pairs;
}();

char* put_pair(char* at, std::uint32_t number) noexcept {
    at[0] = kDigitPairs[2 * number];
    at[1] = kDigitPairs[2 * number + 1];
    return at + 2;
}

struct CivilDate {
    std::int64_t year;
    std::uint32_t month;
    std::uint32_t day;
};

/// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days; std::chrono::year ends at 32767.
CivilDate civil_from_days(std::int64_t days) noexcept {
    days += 719'468;
    const std::int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
    const auto day_of_era = static_cast<std::uint32_t>(days - era * 146'097);
    const std::uint32_t year_of_era =
        (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
    const std::uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const std::uint32_t shifted_month = (5 * day_of_year + 2) / 153;
    const std::uint32_t day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    const std::uint32_t month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
    return {static_cast<std::int64_t>(year_of_era) + era * 400 + (month <= 2 ? 1 : 0), month, day};
}

}  // namespace

std::optional<double> parse_double(std::string_view text) noexcept {
    if (!text.empty() && text.front() == '+') {
        text.remove_prefix(1);
        if (!text.empty() && text.front() == '-') return std::nullopt;
    }
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size() || std::isnan(number)) return std::nullopt;
    return number;
}

std::optional<std::int64_t> parse_int(std::string_view text) noexcept {
    if (!text.empty() && text.front() == '+') {
        text.remove_prefix(1);
        if (!text.empty() && text.front() == '-') return std::nullopt;
    }
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

void append_double(std::string& out, double number) {
    std::array<char, 32> buffer;  // 24 bytes hold the longest: -2.2250738585072014e-308
    char* end = fmt::format_to(buffer.data(), FMT_COMPILE("{}"), number);
    out.append(buffer.data(), end);
}

std::string format_double(double number) {
    std::string text;
    append_double(text, number);
    return text;
}

std::string to_upper(std::string_view text) {
    std::string upper(text);
    std::transform(upper.begin(), upper.end(), upper.begin(), [](char c) { return to_upper(c); });
    return upper;
}

std::string to_lower(std::string_view text) {
    std::string lower(text);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return lower;
}

bool matches_pattern(std::string_view pattern, std::string_view text) noexcept {
    std::size_t in_pattern = 0;
    std::size_t in_text = 0;
    std::size_t star = std::string_view::npos;
    std::size_t star_text = 0;
    while (in_text < text.size()) {
        if (in_pattern < pattern.size() && pattern[in_pattern] == '*') {
            star = in_pattern++;
            star_text = in_text;
        } else if (in_pattern < pattern.size() && to_upper(pattern[in_pattern]) == to_upper(text[in_text])) {
            ++in_pattern;
            ++in_text;
        } else if (star != std::string_view::npos) {
            // Only the last star needs to be tried again, which keeps the time at most pattern x text.
            in_pattern = star + 1;
            in_text = ++star_text;
        } else {
            return false;
        }
    }
    return pattern.find_first_not_of('*', in_pattern) == std::string_view::npos;
}

bool is_clean_utf8(std::string_view text) noexcept {
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        if (length == 0 || text.front() == '\0') return false;
        text.remove_prefix(length);
    }
    return true;
}

std::string printable(std::string_view text, std::size_t max_bytes) {
    constexpr std::string_view kCut = "...";
    std::string shown;
    std::size_t keep = 0;  // how much of `shown` still leaves room for the mark of a cut
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        const std::string_view character = text.substr(0, std::max<std::size_t>(length, 1));
        if (length == 0 || is_control(character)) {
            append_escaped(shown, character);
        } else {
            shown += character;
        }
        text.remove_prefix(character.size());
        if (shown.size() + kCut.size() <= max_bytes) keep = shown.size();
        if (shown.size() > max_bytes) {
            shown.resize(keep);
            shown += kCut.substr(0, max_bytes);
            break;
        }
    }
    return shown;
}

void append_time(std::string& out, std::int64_t microseconds) {
    constexpr std::int64_t kDay = 86'400'000'000;
    std::int64_t days = microseconds / kDay;
    std::int64_t in_day = microseconds % kDay;
    if (in_day < 0) {
        in_day += kDay;
        --days;
    }
    const CivilDate date = civil_from_days(days);
    const auto seconds = static_cast<std::uint32_t>(in_day / 1'000'000);
    const auto fraction = static_cast<std::uint32_t>(in_day % 1'000'000);

    std::array<char, 32> text;
    char* at = text.data();
    if (date.year < 0 || date.year > 9999) {
        // Outside RFC 3339; such a time can only be shown in a message that refuses it.
        fmt::format_to(std::back_inserter(out), "{:+06d}", date.year);
    } else {
        at = put_pair(at, static_cast<std::uint32_t>(date.year / 100));
        at = put_pair(at, static_cast<std::uint32_t>(date.year % 100));
    }
    *at++ = '-';
    at = put_pair(at, date.month);
    *at++ = '-';
    at = put_pair(at, date.day);
    *at++ = 'T';
    at = put_pair(at, seconds / 3600);
    *at++ = ':';
    at = put_pair(at, seconds / 60 % 60);
    *at++ = ':';
    at = put_pair(at, seconds % 60);
    *at++ = '.';
    at = put_pair(at, fraction / 10'000);
    at = put_pair(at, fraction / 100 % 100);
    at = put_pair(at, fraction % 100);
    *at++ = 'Z';
    out.append(text.data(), at);
}

std::string bytes_text(double bytes) {
    constexpr double kMega = 1e6;
    constexpr double kGiga = 1e9;
    return bytes < kGiga ? fmt::format("{:.1f} MB", bytes / kMega) : fmt::format("{:.1f} GB", bytes / kGiga);
}

}  // namespace marketdb::core
