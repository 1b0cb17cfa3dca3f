#pragma once

#include <charconv>
#include <chrono>
#include <string>
#include <vector>

#include <marketdb/models.hpp>
#include <marketdb/queries.hpp>

/// Rows as tests write them down and compare them.
namespace marketdb::testing {

using namespace std::chrono_literals;

/// 2024-08-08T12:00:00Z: where the walkable clock starts and what times in tests are counted from.
inline constexpr Timestamp kNoon{std::chrono::microseconds{1'723'118'400'000'000}};

inline BookTicker quote(SymbolId symbol, Timestamp at, double bid, double ask, std::int64_t sequence = 0) {
    BookTicker row;
    row.symbol_id = symbol;
    row.timestamp = at;
    row.sequence = sequence;
    row.bid_price = bid;
    row.bid_qty = 1;
    row.ask_price = ask;
    row.ask_qty = 2;
    return row;
}

inline Trade trade(SymbolId symbol, Timestamp at, const char* trade_id, double price = 100, double quantity = 1,
                   Side side = Side::buy) {
    Trade row;
    row.symbol_id = symbol;
    row.timestamp = at;
    row.trade_id = trade_id;
    row.price = price;
    row.quantity = quantity;
    row.side = side;
    return row;
}

inline FundingRate funding(SymbolId symbol, Timestamp at, double rate, FundingKind kind = FundingKind::predicted) {
    FundingRate row;
    row.symbol_id = symbol;
    row.timestamp = at;
    row.funding_rate = rate;
    row.kind = kind;
    return row;
}

/// The rate with its settlement: in eight hours, of a settled rate at its time.
inline FundingRate with_settlement(FundingRate rate) {
    rate.funding_time = rate.kind == FundingKind::settled ? rate.timestamp : rate.timestamp + 8h;
    return rate;
}

inline Balance balance(ExchangeId exchange, const char* asset, Timestamp at, double available, double locked = 0) {
    Balance row;
    row.exchange_id = exchange;
    row.asset_name = asset;
    row.timestamp = at;
    row.available_balance = available;
    row.locked_balance = locked;
    return row;
}

/// `12.5`, `-` if absent.
inline std::string text_of(double number) {
    if (!is_present(number)) return "-";
    char bytes[32];
    const auto end = std::to_chars(bytes, bytes + sizeof bytes, number);
    return {bytes, end.ptr};
}

/// `+1500ms` after noon (`+1500.001ms` where microseconds matter), `-` if absent.
inline std::string text_of(Timestamp time) {
    if (!is_present(time)) return "-";
    const std::int64_t microseconds = (time - kNoon).count();
    std::string text = microseconds < 0 ? "-" : "+";
    const std::uint64_t size = static_cast<std::uint64_t>(microseconds < 0 ? -microseconds : microseconds);
    text += std::to_string(size / 1000);
    if (size % 1000 != 0) text += "." + std::to_string(1000 + size % 1000).substr(1);
    return text + "ms";
}

/// `+1500ms #3 bid 100x1 ask 101x2`, with ` rx +1510ms` where it is known.
inline std::string text_of(const BookTicker& row) {
    std::string text = text_of(row.timestamp) + " #" + std::to_string(row.sequence);
    text += " bid " + text_of(row.bid_price) + "x" + text_of(row.bid_qty);
    text += " ask " + text_of(row.ask_price) + "x" + text_of(row.ask_qty);
    if (is_present(row.received_at)) text += " rx " + text_of(row.received_at);
    return text;
}

/// `+0ms #7 id 7 buy 100x1`, with quote_quantity, is_buyer, is_maker and received_at where they are known.
inline std::string text_of(const Trade& row) {
    std::string text = text_of(row.timestamp) + " #" + std::to_string(row.sequence) + " id " + row.trade_id.str() + " ";
    text += row.side == Side::unknown ? "-" : std::string(to_string(row.side));
    text += " " + text_of(row.price) + "x" + text_of(row.quantity);
    if (is_present(row.quote_quantity)) text += " quote " + text_of(row.quote_quantity);
    if (row.is_buyer != Tristate::unknown) text += row.is_buyer == Tristate::yes ? " buyer" : " not-buyer";
    if (row.is_maker != Tristate::unknown) text += row.is_maker == Tristate::yes ? " maker" : " not-maker";
    if (is_present(row.received_at)) text += " rx " + text_of(row.received_at);
    return text;
}

/// `+0ms predicted 0.0001`, with `every 480`, `mark 100`, `for +8ms`, `rx ..` where they are known.
inline std::string text_of(const FundingRate& row) {
    std::string text =
        text_of(row.timestamp) + " " + std::string(to_string(row.kind)) + " " + text_of(row.funding_rate);
    if (row.interval_minutes != 0) text += " every " + std::to_string(row.interval_minutes);
    if (is_present(row.mark_price)) text += " mark " + text_of(row.mark_price);
    if (is_present(row.funding_time)) text += " for " + text_of(row.funding_time);
    if (is_present(row.received_at)) text += " rx " + text_of(row.received_at);
    return text;
}

/// `+0ms main USDT 10+2=12`, with ` frozen 1 borrowed 3 interest 0.5 rx ..` where they are known.
inline std::string text_of(const Balance& row) {
    std::string text = text_of(row.timestamp) + " " + row.account.str() + " " + row.asset_name.str() + " ";
    text += text_of(row.available_balance) + "+" + text_of(row.locked_balance) + "=" + text_of(row.total_balance);
    if (is_present(row.frozen_balance)) text += " frozen " + text_of(row.frozen_balance);
    if (is_present(row.borrowing_balance)) text += " borrowed " + text_of(row.borrowing_balance);
    if (is_present(row.interest_balance)) text += " interest " + text_of(row.interest_balance);
    if (is_present(row.received_at)) text += " rx " + text_of(row.received_at);
    return text;
}

using Lines = std::vector<std::string>;

template <class Row>
Lines lines_of(const std::vector<Row>& rows) {
    Lines lines;
    for (const Row& row : rows) lines.push_back(text_of(row));
    return lines;
}

template <class Row>
Lines lines_of(const std::vector<Latest<Row>>& rows) {
    Lines lines;
    for (const Latest<Row>& latest : rows) lines.push_back(text_of(latest.row));
    return lines;
}

/// What is older than a week, of every row.
inline CleanupOptions a_week() {
    CleanupOptions options;
    options.older_than = std::chrono::hours(24 * 7);
    return options;
}

}  // namespace marketdb::testing
