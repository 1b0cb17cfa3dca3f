#pragma once

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include <marketdb/error.hpp>
#include <marketdb/models.hpp>

#include "storage/table.hpp"

/// Rows that can be stored, to be spoilt one column at a time.
namespace marketdb::storage {

inline Timestamp at(std::int64_t microseconds) { return Timestamp{std::chrono::microseconds{microseconds}}; }

template <class Row>
std::byte* bytes_of(Row& row) {
    return reinterpret_cast<std::byte*>(&row);
}

inline BookTicker quote(std::int64_t time = 1'000, std::int64_t sequence = 1, std::int32_t symbol = 1) {
    BookTicker row;
    row.symbol_id = SymbolId{symbol};
    row.timestamp = at(time);
    row.sequence = sequence;
    row.bid_price = 100;
    row.bid_qty = 1;
    row.ask_price = 101;
    row.ask_qty = 2;
    return row;
}

inline Trade trade(std::int64_t time = 1'000, std::string_view id = "1") {
    Trade row;
    row.symbol_id = SymbolId{1};
    row.timestamp = at(time);
    row.price = 100;
    row.quantity = 0.5;
    row.side = Side::buy;
    row.trade_id = id;
    return row;
}

inline FundingRate funding() {
    FundingRate row;
    row.symbol_id = SymbolId{1};
    row.timestamp = at(1'000);
    row.funding_rate = 0.0001;
    return row;
}

inline Balance balance(std::int64_t time = 1'000, std::string_view asset = "USDT") {
    Balance row;
    row.exchange_id = ExchangeId{1};
    row.timestamp = at(time);
    row.asset_name = asset;
    row.available_balance = 10;
    row.locked_balance = 2;
    return row;
}

/// `column: reason` of the row's problem; empty if there is none.
template <class Row>
std::string problem_of(Row row) {
    const auto problem = prepare_row(table_of<Row>(), bytes_of(row));
    return problem ? std::string(problem->column) + ": " + problem->reason : std::string();
}

}  // namespace marketdb::storage
