#include "storage/postgres/numeric.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <string>

#include <marketdb/models.hpp>

namespace marketdb::storage::postgres {
namespace {

/// Of PostgreSQL's numeric: four decimal digits each.
constexpr int kGroupDigits = 4;
constexpr std::uint64_t kGroup = 10'000;
constexpr std::uint16_t kNegative = 0x4000;
constexpr std::uint16_t kNotANumber = 0xC000;
constexpr std::uint16_t kInfinity = 0xD000;
constexpr std::uint16_t kNegativeInfinity = 0xF000;

/// Below it every decimal text has a double of its own, so a text that reads as the double is its shortest.
constexpr double kUniqueDecimals = 1e15;
constexpr std::uint64_t kExactIntegers = std::uint64_t{1} << 53;

/// Powers of ten that a double holds exactly.
constexpr std::array kPowers{1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                             1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
constexpr int kMaxPower = static_cast<int>(kPowers.size()) - 1;

std::uint64_t integer_power(int exponent) noexcept {
    std::uint64_t power = 1;
    while (exponent-- > 0) power *= 10;
    return power;
}

/// digits * 10^exponent, at most 17 digits.
struct Decimal {
    std::uint64_t digits = 0;
    int exponent = 0;
    bool is_negative = false;
};

int count_digits(std::uint64_t digits) noexcept {
    int count = 0;
    for (; digits > 0; digits /= 10) ++count;
    return count;
}

/// The value as a whole number of 10^-scale, if it is one without any doubt.
std::optional<std::int64_t> as_scaled(double value, int scale) noexcept {
    if (scale < 0 || scale > kMaxPower) return std::nullopt;
    const double power = kPowers[static_cast<std::size_t>(scale)];
    const double scaled = value * power;
    if (!(std::abs(scaled) < kUniqueDecimals)) return std::nullopt;
    const std::int64_t whole = std::llrint(scaled);
    if (static_cast<double>(whole) / power != value) return std::nullopt;
    return whole;
}

/// The number that a text of to_chars stands for: `1.2345e-07`.
Decimal parse_scientific(std::string_view text) noexcept {
    Decimal decimal;
    const std::size_t mark = text.find('e');
    int behind_point = 0;
    bool is_behind = false;
    for (const char c : text.substr(0, mark)) {
        if (c == '-') decimal.is_negative = true;
        if (c == '.') is_behind = true;
        if (c < '0' || c > '9') continue;
        decimal.digits = decimal.digits * 10 + static_cast<std::uint64_t>(c - '0');
        behind_point += is_behind ? 1 : 0;
    }
    std::string_view power = text.substr(mark + 1);
    if (power.starts_with('+')) power.remove_prefix(1);
    std::from_chars(power.data(), power.data() + power.size(), decimal.exponent);
    decimal.exponent -= behind_point;
    return decimal;
}

Decimal shortest(double value) noexcept {
    std::array<char, 32> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::scientific).ptr;
    return parse_scientific({text.data(), static_cast<std::size_t>(end - text.data())});
}

/// The nearest double.
double to_double(const Decimal& decimal) noexcept {
    const int power = std::abs(decimal.exponent);
    double value = 0;
    if (decimal.digits < kExactIntegers && power <= kMaxPower) {
        // Both are exact, so the one operation rounds once.
        const auto digits = static_cast<double>(decimal.digits);
        const double factor = kPowers[static_cast<std::size_t>(power)];
        value = decimal.exponent < 0 ? digits / factor : digits * factor;
    } else {
        // With room for the exponent behind the most digits that there may be.
        constexpr std::size_t kMaxDigits = std::numeric_limits<decltype(decimal.digits)>::digits10 + 1;
        std::array<char, kMaxDigits + 16> text{};
        char* end = std::to_chars(text.data(), text.data() + kMaxDigits, decimal.digits).ptr;
        *end++ = 'e';
        end = std::to_chars(end, text.data() + text.size(), decimal.exponent).ptr;
        std::from_chars(text.data(), end, value);
    }
    return decimal.is_negative ? -value : value;
}

/// What the server's shortest text of a REAL reads as. Unlike to_chars it takes no text that lies half-way to the next number:
/// https://git.postgresql.org/gitweb/?p=postgresql.git;a=blob;f=src/common/f2s.c
double shortest(float value) noexcept {
    std::array<char, 32> text{};
    char* end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::scientific).ptr;
    const Decimal decimal = parse_scientific({text.data(), static_cast<std::size_t>(end - text.data())});
    double read = to_double(decimal);
    constexpr float kLimit = std::numeric_limits<float>::infinity();
    const double half_way = (static_cast<double>(value) + std::nextafter(value, read > value ? kLimit : -kLimit)) / 2;
    for (int behind_point = count_digits(decimal.digits); read == half_way; ++behind_point) {
        end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::scientific, behind_point)
                  .ptr;
        read = to_double(parse_scientific({text.data(), static_cast<std::size_t>(end - text.data())}));
    }
    return read;
}

/// Drops the digits behind the scale, half away from zero.
void round_to_scale(Decimal& decimal, int scale) noexcept {
    const int dropped = -decimal.exponent - scale;
    if (dropped <= 0) return;
    decimal.exponent = -scale;
    if (dropped > std::numeric_limits<std::uint64_t>::digits10) {
        decimal.digits = 0;
        return;
    }
    const std::uint64_t unit = integer_power(dropped);
    const std::uint64_t rest = decimal.digits % unit;
    decimal.digits = decimal.digits / unit + (rest >= unit - rest ? 1 : 0);
}

/// Digits in groups of four as the wire has them, the first group being of 10000^weight.
struct Groups {
    std::array<std::uint16_t, 7> digits{};
    int count = 0;
    int weight = 0;
};

Groups groups_of(const Decimal& decimal) noexcept {
    Groups groups;
    if (decimal.digits == 0) return groups;
    // Groups begin at the point: the last one is filled up with zeros behind the digits.
    const int fill = ((decimal.exponent % kGroupDigits) + kGroupDigits) % kGroupDigits;
    int last_weight = (decimal.exponent - fill) / kGroupDigits;
    const std::uint64_t in_last = integer_power(kGroupDigits - fill);
    std::array<std::uint16_t, 7> reversed{};
    int count = 0;
    reversed[static_cast<std::size_t>(count++)] =
        static_cast<std::uint16_t>(decimal.digits % in_last * integer_power(fill));
    for (std::uint64_t rest = decimal.digits / in_last; rest > 0; rest /= kGroup) {
        reversed[static_cast<std::size_t>(count++)] = static_cast<std::uint16_t>(rest % kGroup);
    }
    int first = 0;
    while (reversed[static_cast<std::size_t>(first)] == 0) ++first;
    last_weight += first;
    groups.count = count - first;
    groups.weight = last_weight + groups.count - 1;
    std::reverse_copy(reversed.begin() + first, reversed.begin() + count, groups.digits.begin());
    return groups;
}

Decimal decimal_of(double value) noexcept {
    constexpr int kUsualScale = 8;
    const std::optional<std::int64_t> scaled = as_scaled(value, kUsualScale);
    if (!scaled) return shortest(value);
    Decimal decimal;
    decimal.is_negative = *scaled < 0;
    decimal.digits = static_cast<std::uint64_t>(std::abs(*scaled));
    decimal.exponent = -kUsualScale;
    return decimal;
}

/// More digits than a Decimal has room for.
double read_long_numeric(std::string_view digits, int exponent, bool is_negative) {
    std::string text = is_negative ? "-" : "";
    for (std::size_t at = 0; at < digits.size(); at += 2) {
        const auto group = static_cast<unsigned>(get_int16(digits.data() + at));
        for (unsigned unit = kGroup / 10; unit > 0; unit /= 10) text += static_cast<char>('0' + group / unit % 10);
    }
    text += 'e' + std::to_string(exponent);
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc::result_out_of_range) return value;
    const double beyond = exponent > 0 ? std::numeric_limits<double>::infinity() : 0.0;
    return is_negative ? -beyond : beyond;
}

}  // namespace

NumericType NumericType::from(std::int32_t modifier) noexcept {
    // numeric_typmod_precision and numeric_typmod_scale of the server; the scale has eleven bits and a sign.
    constexpr std::int32_t kHeader = 4;
    if (modifier < kHeader) return {};
    const std::int32_t packed = modifier - kHeader;
    return {(packed >> 16) & 0xFFFF, ((packed & 0x7FF) ^ 1024) - 1024};
}

std::optional<double> as_numeric(double value, NumericType type) noexcept {
    if (type.precision == 0) return value;
    if (const std::optional<std::int64_t> scaled = as_scaled(value, type.scale)) {
        const auto digits = static_cast<std::uint64_t>(std::abs(*scaled));
        if (count_digits(digits) > type.precision) return std::nullopt;
        return value;
    }
    Decimal decimal = shortest(value);
    round_to_scale(decimal, type.scale);
    if (decimal.digits == 0) return 0.0;
    if (count_digits(decimal.digits) + decimal.exponent > type.precision - type.scale) return std::nullopt;
    return to_double(decimal);
}

std::optional<double> as_real(double value) noexcept {
    const auto stored = static_cast<float>(value);
    if (!std::isfinite(stored)) return std::nullopt;
    return read_real(stored);
}

double read_real(float value) noexcept {
    constexpr float kExactFloats = 16'777'216;
    if (!std::isfinite(value)) return value;
    // A whole number of seven digits is its own shortest text.
    if (std::abs(value) < kExactFloats && std::trunc(value) == value) return value;
    return shortest(value);
}

void write_numeric(WireWriter& out, double value) noexcept {
    const Decimal decimal = decimal_of(value);
    const Groups groups = groups_of(decimal);
    out.int32(8 + groups.count * 2);
    out.int16(static_cast<std::int16_t>(groups.count));
    out.int16(static_cast<std::int16_t>(groups.weight));
    out.int16(static_cast<std::int16_t>(decimal.is_negative && groups.count > 0 ? kNegative : 0));
    out.int16(static_cast<std::int16_t>(std::max(0, -decimal.exponent)));
    for (int i = 0; i < groups.count; ++i) {
        out.int16(static_cast<std::int16_t>(groups.digits[static_cast<std::size_t>(i)]));
    }
}

std::optional<double> read_numeric(std::string_view bytes) {
    constexpr std::size_t kHeaderBytes = 8;
    constexpr int kGroupsOfDecimal = 4;
    if (bytes.size() < kHeaderBytes) return std::nullopt;
    const int count = get_int16(bytes.data());
    const int weight = get_int16(bytes.data() + 2);
    const auto sign = from_network<std::uint16_t>(bytes.data() + 4);
    if (sign == kNotANumber) return kNoNumber;
    if (sign == kInfinity) return std::numeric_limits<double>::infinity();
    if (sign == kNegativeInfinity) return -std::numeric_limits<double>::infinity();
    const std::string_view digits = bytes.substr(kHeaderBytes);
    if (count < 0 || digits.size() != static_cast<std::size_t>(count) * 2) return std::nullopt;

    const int exponent = (weight - count + 1) * kGroupDigits;
    const bool is_negative = sign == kNegative;
    if (count > kGroupsOfDecimal) return read_long_numeric(digits, exponent, is_negative);
    Decimal decimal;
    for (std::size_t at = 0; at < digits.size(); at += 2) {
        decimal.digits = decimal.digits * kGroup + from_network<std::uint16_t>(digits.data() + at);
    }
    decimal.exponent = decimal.digits == 0 ? 0 : exponent;
    decimal.is_negative = is_negative;
    return to_double(decimal);
}

}  // namespace marketdb::storage::postgres
