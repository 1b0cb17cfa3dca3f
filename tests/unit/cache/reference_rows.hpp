#pragma once

#include <marketdb/models.hpp>

/// Exchanges and symbols as the tests of this folder write them down.
namespace marketdb::testing {

inline constexpr ExchangeId kSpot{1};
inline constexpr ExchangeId kFutures{2};

inline Exchange exchange(std::int32_t id, const char* enum_value, MarketType market) {
    Exchange row;
    row.id = ExchangeId{id};
    row.enum_value = enum_value;
    row.market_type = market;
    return row;
}

inline Symbol symbol(std::int32_t id, ExchangeId exchange_id, const char* base, const char* quote, const char* spelling,
                     ContractType contract = ContractType::spot) {
    Symbol row;
    row.id = SymbolId{id};
    row.exchange_id = exchange_id;
    row.symbol_base = base;
    row.symbol_quote = quote;
    row.exchange_symbol = spelling;
    row.contract_type = contract;
    return row;
}

inline Symbol perpetual(std::int32_t id, const char* base, const char* quote, const char* spelling) {
    return symbol(id, kFutures, base, quote, spelling, ContractType::perpetual);
}

inline Symbol inverse(std::int32_t id, const char* base, const char* quote, const char* spelling) {
    return symbol(id, kFutures, base, quote, spelling, ContractType::inverse);
}

/// @param expires_s  Seconds since 1970.
inline Symbol dated(std::int32_t id, const char* base, const char* quote, const char* spelling,
                    std::int64_t expires_s) {
    Symbol row = symbol(id, kFutures, base, quote, spelling, ContractType::dated);
    row.expires_at = Timestamp(std::chrono::seconds(expires_s));
    return row;
}

inline Symbol inactive(Symbol row) {
    row.is_active = false;
    return row;
}

inline constexpr std::int64_t kChristmas2026 = 1'798'185'600;  // 2026-12-25T08:00:00Z
inline constexpr std::int64_t kMarch2026 = 1'774'598'400;      // 2026-03-27T08:00:00Z

}  // namespace marketdb::testing
