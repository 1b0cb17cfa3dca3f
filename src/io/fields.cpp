#include "io/fields.hpp"

#include <cstring>
#include <limits>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "core/text.hpp"
#include "storage/sequence.hpp"

namespace marketdb::io {
namespace {

constexpr std::int64_t kMaxMicroseconds = kMaxTime.time_since_epoch().count();
constexpr std::string_view kBeforeTheEnd = "a time before 2262-04-11T23:47:16.854776Z";

bool is_all_digits(std::string_view text) noexcept {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

TimeUnit unit_by_size(std::int64_t count) noexcept {
    if (count >= 1'000'000'000'000'000'000) return TimeUnit::nanoseconds;
    if (count >= 1'000'000'000'000'000) return TimeUnit::microseconds;
    if (count >= 1'000'000'000'000) return TimeUnit::milliseconds;
    return TimeUnit::seconds;
}

std::int64_t microseconds_per(TimeUnit unit) noexcept {
    if (unit == TimeUnit::seconds) return 1'000'000;
    return unit == TimeUnit::milliseconds ? 1'000 : 1;
}

/// Appends the text of the quoted field that begins behind `at`; returns the place behind its closing quote.
std::size_t unquote(std::string_view record, std::size_t at, std::string& text) {
    while (true) {
        const std::size_t quote = record.find('"', at);
        if (quote == std::string_view::npos) {
            throw Error(ErrorCode::invalid_argument, "a quoted field does not end");
        }
        text.append(record, at, quote - at);
        at = quote + 1;
        if (at == record.size() || record[at] != '"') return at;
        text += '"';
        ++at;
    }
}

}  // namespace

TimeUnit parse_time_unit(std::string_view text, TimeUnit otherwise) {
    if (text.empty()) return otherwise;
    if (text == "s") return TimeUnit::seconds;
    if (text == "ms") return TimeUnit::milliseconds;
    if (text == "us") return TimeUnit::microseconds;
    if (text == "ns") return TimeUnit::nanoseconds;
    throw Error(ErrorCode::invalid_argument,
                fmt::format("time unit `{}` is not one of s, ms, us, ns", core::printable(text)));
}

void fail(Field field, std::string_view expected) {
    if (field.text.empty()) {
        throw Error(ErrorCode::invalid_argument, fmt::format("column {}: empty, expected {}", field.column, expected));
    }
    throw Error(ErrorCode::invalid_argument,
                fmt::format("column {}: `{}` is not {}", field.column, core::printable(field.text), expected));
}

double number(Field field) {
    const auto value = core::parse_double(field.text);
    if (!value) fail(field, "a number");
    return *value;
}

double optional_number(Field field) { return field.text.empty() ? kNoNumber : number(field); }

std::int64_t integer(Field field) {
    const auto value = core::parse_int(field.text);
    if (!value) fail(field, "a whole number");
    return *value;
}

Timestamp integer_time(Field field, TimeUnit unit) {
    const auto parsed = core::parse_int(field.text);
    // More digits than a number can have are a time as well.
    if (!parsed) fail(field, is_all_digits(field.text) ? kBeforeTheEnd : "a whole number");
    const std::int64_t count = *parsed;
    if (count < 0) fail(field, "a time from 1970 on");
    if (unit == TimeUnit::by_size) unit = unit_by_size(count);
    if (unit == TimeUnit::nanoseconds) return Timestamp{std::chrono::microseconds{count / 1'000}};

    const std::int64_t factor = microseconds_per(unit);
    if (count > kMaxMicroseconds / factor) fail(field, kBeforeTheEnd);
    return Timestamp{std::chrono::microseconds{count * factor}};
}

bool boolean(Field field) {
    const std::string_view text = field.text;
    if (text == "true" || text == "True" || text == "TRUE" || text == "1") return true;
    if (text == "false" || text == "False" || text == "FALSE" || text == "0") return false;
    fail(field, "true or false");
}

std::string_view clean_text(Field field) {
    if (field.text.empty() || !core::is_clean_utf8(field.text)) fail(field, "UTF-8 text without a zero byte");
    return field.text;
}

std::int64_t numeric_id(std::string_view trade_id) noexcept {
    if (!is_all_digits(trade_id)) return -1;
    const auto id = core::parse_int(trade_id);
    return id && *id <= storage::kMaxSequence ? *id : -1;
}

void drop_empty_sides(BookTicker& row) noexcept {
    if (row.bid_qty == 0) row.bid_price = row.bid_qty = kNoNumber;
    if (row.ask_qty == 0) row.ask_price = row.ask_qty = kNoNumber;
}

void drop_partial_sides(BookTicker& row) noexcept {
    drop_empty_sides(row);
    if (!is_present(row.bid_price) || !is_present(row.bid_qty)) row.bid_price = row.bid_qty = kNoNumber;
    if (!is_present(row.ask_price) || !is_present(row.ask_qty)) row.ask_price = row.ask_qty = kNoNumber;
}

std::size_t split_plain(std::string_view record, std::span<std::string_view> fields) noexcept {
    const char* at = record.data();
    const char* const end = at + record.size();
    std::size_t count = 0;
    while (true) {
        const auto* comma = static_cast<const char*>(std::memchr(at, ',', static_cast<std::size_t>(end - at)));
        const char* const stop = comma != nullptr ? comma : end;
        if (count < fields.size()) fields[count] = {at, static_cast<std::size_t>(stop - at)};
        ++count;
        if (comma == nullptr) return count;
        at = comma + 1;
    }
}

std::size_t split_quoted(std::string_view record, std::span<std::string_view> fields, std::string& unquoted) {
    // Reserved at once, because the fields point into it.
    unquoted.clear();
    unquoted.reserve(record.size());
    std::size_t count = 0;
    std::size_t at = 0;
    while (true) {
        std::string_view text;
        if (at < record.size() && record[at] == '"') {
            const std::size_t start = unquoted.size();
            at = unquote(record, at + 1, unquoted);
            text = std::string_view(unquoted).substr(start);
            if (at < record.size() && record[at] != ',') {
                throw Error(ErrorCode::invalid_argument, "text after the closing quote of a field");
            }
        } else {
            const std::size_t comma = std::min(record.find(',', at), record.size());
            text = record.substr(at, comma - at);
            if (text.find('"') != std::string_view::npos) {
                throw Error(ErrorCode::invalid_argument, "a quote inside a field that is not quoted");
            }
            at = comma;
        }
        if (count < fields.size()) fields[count] = text;
        ++count;
        if (at == record.size()) return count;
        ++at;
    }
}

}  // namespace marketdb::io
