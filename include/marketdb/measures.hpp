#pragma once

#include <cmath>
#include <cstdint>

#include <marketdb/models.hpp>

/// What follows from one row alone. Memory only; an absent input gives an absent (NaN) result.
namespace marketdb {

/// The middle of bid and ask: (bid + ask) / 2. Absent when a side is.
[[nodiscard]] inline double mid(const BookTicker& quote) noexcept { return (quote.bid_price + quote.ask_price) / 2; }

/// ask - bid, in quote units. Absent when a side is.
[[nodiscard]] inline double spread(const BookTicker& quote) noexcept { return quote.ask_price - quote.bid_price; }

/// The spread in basis points of the *mid*: bid 100, ask 101 gives 99.502488. Absent when a side is.
[[nodiscard]] inline double spread_bps(const BookTicker& quote) noexcept { return spread(quote) / mid(quote) * 10'000; }

/// The middle weighted by the sizes of the *other* side: (bid * ask size + ask * bid size) / (bid size + ask size). It lies
/// nearer to the side that is about to be taken away. Absent when a side is.
[[nodiscard]] inline double micro_price(const BookTicker& quote) noexcept {
    return (quote.bid_price * quote.ask_qty + quote.ask_price * quote.bid_qty) / (quote.bid_qty + quote.ask_qty);
}

/// (bid value - ask value) / (bid value + ask value), a value being price * size: -1 to 1, above 0 where more is bid. Absent
/// when a side is.
[[nodiscard]] inline double imbalance(const BookTicker& quote) noexcept {
    const double bid = quote.bid_price * quote.bid_qty;
    const double ask = quote.ask_price * quote.ask_qty;
    return (bid - ask) / (bid + ask);
}

/// What a quantity of the symbol at a price is worth in quote units: quantity times price, of contracts times `contract_size`
/// (which of inverse ones is in quote units already, and so is a quantity in quote units). Absent where contracts have no size.
[[nodiscard]] inline double quote_value(const Symbol& symbol, double price, double quantity) noexcept {
    switch (symbol.quantity_unit) {
        case QuantityUnit::quote: return is_present(price) ? quantity : kNoNumber;
        case QuantityUnit::contracts: {
            const double one = symbol.contract_type == ContractType::inverse ? 1.0 : price;
            return is_present(price) ? quantity * symbol.contract_size * one : kNoNumber;
        }
        case QuantityUnit::base:
        case QuantityUnit::unknown: break;
    }
    return price * quantity;
}

/// price * quantity.
[[nodiscard]] inline double notional(const Trade& trade) noexcept { return trade.price * trade.quantity; }

/// The rate in percent per interval: 0.0001 gives 0.01.
[[nodiscard]] inline double funding_rate_percent(const FundingRate& rate) noexcept { return rate.funding_rate * 100; }

/// The rate in basis points per interval: 0.0001 gives 1.
[[nodiscard]] inline double funding_rate_bps(const FundingRate& rate) noexcept { return rate.funding_rate * 10'000; }

/// The rate as a simple yearly fraction over 365 days: 0.0001 every 480 minutes gives 0.1095. Absent if the interval is.
[[nodiscard]] inline double annualised_funding_rate(const FundingRate& rate) noexcept {
    if (rate.interval_minutes <= 0) return kNoNumber;
    return rate.funding_rate * (365.0 * 24 * 60 / rate.interval_minutes);
}

/// total + frozen - borrowing - interest, absent parts counting as 0.
[[nodiscard]] inline double net_balance(const Balance& balance) noexcept {
    const auto or_zero = [](double value) { return is_present(value) ? value : 0.0; };
    return balance.available_balance + balance.locked_balance + or_zero(balance.frozen_balance) -
           or_zero(balance.borrowing_balance) - or_zero(balance.interest_balance);
}

/// locked / (available + locked), 0 to 1; 0 when nothing is held.
[[nodiscard]] inline double locked_share(const Balance& balance) noexcept {
    const double total = balance.available_balance + balance.locked_balance;
    return total > 0 ? balance.locked_balance / total : 0.0;
}

/// Whether anything is held: available + locked above 0.
[[nodiscard]] inline bool is_active(const Balance& balance) noexcept {
    return balance.available_balance + balance.locked_balance > 0;
}

/// The market of an exchange or a symbol; both are false where it is unknown.
[[nodiscard]] inline bool is_spot(const Exchange& exchange) noexcept {
    return exchange.market_type == MarketType::spot;
}
[[nodiscard]] inline bool is_futures(const Exchange& exchange) noexcept {
    return exchange.market_type == MarketType::futures;
}
[[nodiscard]] inline bool is_spot(const Symbol& symbol) noexcept { return symbol.symbol_type == MarketType::spot; }
[[nodiscard]] inline bool is_futures(const Symbol& symbol) noexcept {
    return symbol.symbol_type == MarketType::futures;
}

}  // namespace marketdb
