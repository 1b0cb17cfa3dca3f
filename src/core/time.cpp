#include <marketdb/time.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <optional>

#include <marketdb/error.hpp>

#include "core/text.hpp"

namespace marketdb {
namespace {

using std::chrono::microseconds;

constexpr std::int64_t kSecond = 1'000'000;

[[noreturn]] void refuse_time(std::string_view text, std::string_view why) {
    throw Error(ErrorCode::invalid_argument, "time '" + core::printable(text) + "' " + std::string(why));
}

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

/// Takes characters off the front of a text.
class Scanner {
 public:
    explicit Scanner(std::string_view text) : rest_(text) {}

    [[nodiscard]] bool done() const noexcept { return rest_.empty(); }
    [[nodiscard]] char peek() const noexcept { return rest_.empty() ? '\0' : rest_.front(); }

    bool skip(char wanted) noexcept {
        if (rest_.empty() || rest_.front() != wanted) return false;
        rest_.remove_prefix(1);
        return true;
    }

    bool skip_any(std::string_view wanted) noexcept {
        if (rest_.empty() || wanted.find(rest_.front()) == std::string_view::npos) return false;
        rest_.remove_prefix(1);
        return true;
    }

    /// Exactly so many digits, as a number.
    std::optional<int> digits(std::size_t count) noexcept {
        if (rest_.size() < count) return std::nullopt;
        int number = 0;
        for (const char c : rest_.substr(0, count)) {
            if (!is_digit(c)) return std::nullopt;
            number = number * 10 + (c - '0');
        }
        rest_.remove_prefix(count);
        return number;
    }

    /// One to nine digits behind a decimal point, cut to microseconds.
    std::optional<std::int64_t> fraction() noexcept {
        std::int64_t micros = 0;
        std::size_t count = 0;
        for (; count < rest_.size() && is_digit(rest_[count]); ++count) {
            if (count < 6) micros = micros * 10 + (rest_[count] - '0');
        }
        if (count == 0 || count > 9) return std::nullopt;
        for (std::size_t place = count; place < 6; ++place) micros *= 10;
        rest_.remove_prefix(count);
        return micros;
    }

 private:
    std::string_view rest_;
};

std::optional<std::chrono::sys_days> parse_date(Scanner& scanner) {
    const auto year = scanner.digits(4);
    if (!year || !scanner.skip('-')) return std::nullopt;
    const auto month = scanner.digits(2);
    if (!month || !scanner.skip('-')) return std::nullopt;
    const auto day = scanner.digits(2);
    if (!day) return std::nullopt;

    const std::chrono::year_month_day date{std::chrono::year{*year}, std::chrono::month{static_cast<unsigned>(*month)},
                                           std::chrono::day{static_cast<unsigned>(*day)}};
    if (!date.ok()) return std::nullopt;
    return std::chrono::sys_days{date};
}

/// `HH:MM[:SS[.fraction]]`. A leap second has no place in Unix time, so :60 is refused rather than moved.
std::optional<microseconds> parse_clock(Scanner& scanner) {
    const auto hour = scanner.digits(2);
    if (!hour || *hour > 23 || !scanner.skip(':')) return std::nullopt;
    const auto minute = scanner.digits(2);
    if (!minute || *minute > 59) return std::nullopt;
    std::int64_t micros = (*hour * 60 + *minute) * 60 * kSecond;
    if (scanner.skip(':')) {
        const auto second = scanner.digits(2);
        if (!second || *second > 59) return std::nullopt;
        micros += *second * kSecond;
        if (scanner.skip_any(".,")) {
            const auto fraction = scanner.fraction();
            if (!fraction) return std::nullopt;
            micros += *fraction;
        }
    }
    return microseconds{micros};
}

/// Nothing, `Z`, `+02:00`, `+0200`, `+02`: what local time is ahead of UTC.
std::optional<microseconds> parse_zone(Scanner& scanner) {
    if (scanner.done() || scanner.skip_any("Zz")) return microseconds{0};
    const bool west = scanner.peek() == '-';
    if (!scanner.skip_any("+-")) return std::nullopt;
    const auto hours = scanner.digits(2);
    if (!hours || *hours > 23) return std::nullopt;
    std::int64_t ahead = *hours * 3600 * kSecond;
    if (!scanner.done()) {
        scanner.skip(':');
        const auto minutes = scanner.digits(2);
        if (!minutes || *minutes > 59) return std::nullopt;
        ahead += *minutes * 60 * kSecond;
    }
    return microseconds{west ? -ahead : ahead};
}

std::optional<Timestamp> parse_calendar_time(std::string_view text) {
    Scanner scanner(text);
    const auto date = parse_date(scanner);
    if (!date) return std::nullopt;
    Timestamp time = *date;
    if (scanner.done()) return time;

    if (!scanner.skip_any("Tt ")) return std::nullopt;
    const auto clock = parse_clock(scanner);
    if (!clock) return std::nullopt;
    const auto ahead = parse_zone(scanner);
    if (!ahead || !scanner.done()) return std::nullopt;
    return time + *clock - *ahead;
}

/// The unit is told by size. None: later than kMaxTime.
std::optional<Timestamp> time_from_number(std::int64_t number) noexcept {
    constexpr std::int64_t kNanoseconds = 1'000'000'000'000'000'000;
    constexpr std::int64_t kMicroseconds = 1'000'000'000'000'000;
    constexpr std::int64_t kMilliseconds = 1'000'000'000'000;
    if (number >= kNanoseconds) return Timestamp{microseconds{number / 1000}};
    if (number >= kMicroseconds) return Timestamp{microseconds{number}};
    if (number >= kMilliseconds) return Timestamp{microseconds{number * 1000}};
    if (number > kMaxTime.time_since_epoch().count() / kSecond) return std::nullopt;
    return Timestamp{microseconds{number * kSecond}};
}

bool is_integer(std::string_view text) noexcept {
    if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// Microseconds of a unit; 0 if it is none.
std::int64_t unit_length(std::string_view unit) noexcept {
    struct Unit {
        std::string_view name;
        std::int64_t length;
    };
    constexpr std::array<Unit, 8> kUnits{{{"us", 1},
                                          {"ms", 1'000},
                                          {"s", kSecond},
                                          {"", kSecond},
                                          {"m", 60 * kSecond},
                                          {"h", 3'600 * kSecond},
                                          {"d", 86'400 * kSecond},
                                          {"w", 604'800 * kSecond}}};
    for (const Unit& known : kUnits) {
        if (known.name == unit) return known.length;
    }
    return 0;
}

}  // namespace

std::string to_string(Timestamp time) {
    std::string text;
    if (is_present(time)) core::append_time(text, time.time_since_epoch().count());
    return text;
}

Timestamp parse_timestamp(std::string_view text) {
    std::optional<Timestamp> time;
    if (is_integer(text)) {
        const auto number = core::parse_int(text);
        if (number && *number < 0) refuse_time(text, "lies before 1970-01-01T00:00:00Z");
        if (number) time = time_from_number(*number);
        if (!time) refuse_time(text, "lies after 2262-04-11T23:47:16.854775Z");
    } else {
        time = parse_calendar_time(text);
        if (!time) {
            refuse_time(text,
                        "is no time; expected 2024-08-08T23:54:14.087891Z (zone and time of day may be absent), or "
                        "seconds, milliseconds, microseconds or nanoseconds since 1970");
        }
    }
    if (*time < kMinTime) refuse_time(text, "lies before 1970-01-01T00:00:00Z");
    if (*time > kMaxTime) refuse_time(text, "lies after 2262-04-11T23:47:16.854775Z");
    return *time;
}

std::chrono::microseconds parse_duration(std::string_view text) {
    const auto refuse = [text](std::string_view why) {
        return Error(ErrorCode::invalid_argument, "length of time '" + core::printable(text) + "' " + std::string(why));
    };
    const std::size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
    const std::string_view number_text = text.substr(0, digits);
    const auto number = core::parse_double(number_text);
    const std::int64_t unit = unit_length(text.substr(digits));
    if (!number || unit == 0) throw refuse("is not a number with us, ms, s, m, h, d or w; expected for example 10m");

    const auto whole = core::parse_int(number_text);
    const std::int64_t longest = kMaxTime.time_since_epoch().count();
    if (*number * static_cast<double>(unit) >= static_cast<double>(longest)) {
        throw refuse("is longer than 292 years");
    }
    // A whole number stays exact where a double would not.
    const std::int64_t micros = whole ? *whole * unit : std::llround(*number * static_cast<double>(unit));
    if (micros <= 0) throw refuse("is not positive");
    return microseconds{micros};
}

}  // namespace marketdb
