#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include <marketdb/marketdb.hpp>

#include "support/conversion_database.hpp"
#include "support/rows.hpp"

namespace marketdb::testing {

using Rows = std::vector<std::string>;

/// A role that may log in; there for good, since tests share it.
inline void make_role(std::string_view name) {
    PostgresServer::shared().run_sql(kTestDatabase,
                                     fmt::format("DO $$ BEGIN CREATE ROLE {} LOGIN; EXCEPTION WHEN duplicate_object OR "
                                                 "unique_violation THEN NULL; END $$",
                                                 name));
}

inline ConversionOptions despite_tests_sessions() {
    ConversionOptions options;
    options.despite_sessions = true;  // A test's own session may take a moment to end.
    options.piece_rows = 500;
    return options;
}

inline ConversionReport convert(const Config& settings, ConversionStep step,
                                ConversionOptions options = despite_tests_sessions()) {
    DatabaseManager manager(settings);
    return manager.wait(manager.convert(step, options));
}

inline ConversionReport plan_of(const Config& settings) {
    DatabaseManager manager(settings);
    return manager.wait(manager.plan_conversion());
}

/// `kind name: outcome (rows) detail`, of one outcome.
inline Rows found(const ConversionReport& report, std::string_view outcome) {
    Rows texts;
    for (const ConversionFinding& one : report.findings) {
        if (one.outcome == outcome)
            texts.push_back(fmt::format("{} {}: {} {}", one.kind, one.name, one.rows, one.detail));
    }
    return texts;
}

inline std::string shown(const BookTicker& row) {
    return fmt::format("quote {} {} {} {} {} {} {} {}", static_cast<int>(row.symbol_id), to_string(row.timestamp),
                       row.sequence, to_string(row.received_at), text_of(row.bid_price), text_of(row.bid_qty),
                       text_of(row.ask_price), text_of(row.ask_qty));
}
inline std::string shown(const Trade& row) {
    return fmt::format("trade {} {} {} {} {} {} {} {} {} {} {}", static_cast<int>(row.symbol_id),
                       to_string(row.timestamp), row.trade_id.str(), row.sequence, to_string(row.received_at),
                       text_of(row.price), text_of(row.quantity), to_string(row.side), text_of(row.quote_quantity),
                       static_cast<int>(row.is_buyer), static_cast<int>(row.is_maker));
}
inline std::string shown(const FundingRate& row) {
    return fmt::format("rate {} {} {} {} {} {}", static_cast<int>(row.symbol_id), to_string(row.timestamp),
                       to_string(row.kind), to_string(row.received_at), text_of(row.funding_rate),
                       to_string(row.funding_time));
}
inline std::string shown(const Balance& row) {
    return fmt::format("balance {} {} {} {} {} {} {} {} {} {} {}", static_cast<int>(row.exchange_id), row.account.str(),
                       row.asset_name.str(), to_string(row.timestamp), to_string(row.received_at),
                       text_of(row.available_balance), text_of(row.locked_balance), text_of(row.frozen_balance),
                       text_of(row.borrowing_balance), text_of(row.interest_balance), text_of(row.total_balance));
}
inline std::string shown(const Symbol& row) {
    return fmt::format("symbol {} {} {} {} {} {} {} {} {} {}", static_cast<int>(row.id),
                       static_cast<int>(row.exchange_id), row.symbol_base.str(), row.symbol_quote.str(),
                       row.exchange_symbol.str(), to_string(row.symbol_type), to_string(row.contract_type),
                       row.is_active, text_of(row.min_quantity), to_string(row.created_at));
}
inline std::string shown(const Exchange& row) {
    return fmt::format("exchange {} {} {} {} {}", static_cast<int>(row.id), row.enum_value.str(),
                       row.exchange_name.str(), to_string(row.market_type), row.is_active);
}

template <class Row>
void add_all(Rows& texts, const std::vector<Row>& rows) {
    for (const Row& row : rows) texts.push_back(shown(row));
}
template <class Row>
void add_latest(Rows& texts, const std::vector<Latest<Row>>& rows) {
    Rows latest;
    for (const Latest<Row>& one : rows) latest.push_back("latest " + shown(one.row));
    std::sort(latest.begin(), latest.end());
    texts.insert(texts.end(), latest.begin(), latest.end());
}

/// What every reading call answers. A trade that is stored twice comes twice; that is left out.
inline Rows everything(const Config& settings, bool has_funding = true) {
    DatabaseManager db(settings);
    db.wait(db.initialize());
    Rows texts;
    add_all(texts, db.wait(db.get_all_exchanges()));
    for (int id = 1; id <= 2; ++id) add_all(texts, db.wait(db.get_symbols_by_exchange(ExchangeId{id}, false)));
    add_all(texts, db.wait(db.get_book_ticker_history()).rows);
    Rows trades;
    add_all(trades, db.wait(db.get_trade_history()).rows);
    std::sort(trades.begin(), trades.end());
    trades.erase(std::unique(trades.begin(), trades.end()), trades.end());
    texts.insert(texts.end(), trades.begin(), trades.end());
    add_all(texts, db.wait(db.get_balance_history()).rows);
    add_latest(texts, db.wait(db.get_latest_book_tickers()));
    add_latest(texts, db.wait(db.get_latest_trades()));
    add_latest(texts, db.wait(db.get_latest_balances()));
    if (has_funding) {
        add_all(texts, db.wait(db.get_funding_rate_history()).rows);
        add_latest(texts, db.wait(db.get_latest_funding_rates()));
    }
    db.wait(db.close());
    return texts;
}

}  // namespace marketdb::testing
