#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "engine_fixture.hpp"

namespace marketdb::testing {

/// One call of a public method with good arguments.
struct MethodCall {
    std::string name;
    std::function<void(DatabaseManager& db)> call;
};

/// Every method that suspends, called as a caller would who knows `symbol`, but `initialize`, `close` and `migrate_*`.
inline std::vector<MethodCall> every_reading_method(const Symbol& symbol) {
    const SymbolId id = symbol.id;
    const ExchangeId exchange = symbol.exchange_id;
    std::vector<MethodCall> calls;
    const auto add = [&](const char* name, std::function<void(DatabaseManager&)> call) {
        calls.push_back({name, std::move(call)});
    };
    add("resolve_series", [](DatabaseManager& db) { db.wait(db.resolve_series("NEW_SPOT:BTC/USDT")); });
    add("refresh_reference", [](DatabaseManager& db) { db.wait(db.refresh_reference()); });
    add("get_exchange_by_enum", [](DatabaseManager& db) { db.wait(db.get_exchange_by_enum("NOBODY_SPOT")); });
    add("get_exchange_by_id", [](DatabaseManager& db) { db.wait(db.get_exchange_by_id(ExchangeId{4711})); });
    add("get_symbol_by_id", [](DatabaseManager& db) { db.wait(db.get_symbol_by_id(SymbolId{4711})); });
    add("get_symbol_by_exchange_and_pair",
        [=](DatabaseManager& db) { db.wait(db.get_symbol_by_exchange_and_pair(exchange, "NEW", "USDT")); });
    add("resolve_symbol", [](DatabaseManager& db) { db.wait(db.resolve_symbol("NEW_SPOT", "BTC/USDT")); });
    LatestFilter ask;
    ask.max_cache_age = std::chrono::microseconds{0};
    add("get_latest_book_tickers", [=](DatabaseManager& db) { db.wait(db.get_latest_book_tickers(ask)); });
    add("get_latest_trades", [=](DatabaseManager& db) { db.wait(db.get_latest_trades(ask)); });
    add("get_latest_funding_rates", [=](DatabaseManager& db) { db.wait(db.get_latest_funding_rates(ask)); });
    add("get_latest_balances", [=](DatabaseManager& db) { db.wait(db.get_latest_balances(ask)); });
    add("get_active_balances", [=](DatabaseManager& db) { db.wait(db.get_active_balances(ask)); });
    add("get_book_ticker_history", [](DatabaseManager& db) { db.wait(db.get_book_ticker_history()); });
    add("get_trade_history", [](DatabaseManager& db) { db.wait(db.get_trade_history()); });
    add("get_funding_rate_history", [](DatabaseManager& db) { db.wait(db.get_funding_rate_history()); });
    add("get_balance_history", [](DatabaseManager& db) { db.wait(db.get_balance_history()); });
    add("get_recent_trades", [](DatabaseManager& db) { db.wait(db.get_recent_trades()); });
    add("HistoryReader::next", [](DatabaseManager& db) {
        HistoryReader<BookTicker> reader = db.read_history<BookTicker>();
        db.wait(reader.next());
    });
    add("get_aligned_book_tickers", [=](DatabaseManager& db) {
        AlignmentOptions options;
        options.series = {id};
        options.at = {kNoon};
        db.wait(get_aligned_book_tickers(db, options));
    });
    add("get_live_spreads", [](DatabaseManager& db) { db.wait(get_live_spreads(db)); });
    add("fetch", [](DatabaseManager& db) { db.wait(db.fetch("SELECT 1")); });
    add("fetch_row", [](DatabaseManager& db) { db.wait(db.fetch_row("SELECT 1")); });
    add("fetch_value", [](DatabaseManager& db) { db.wait(db.fetch_value("SELECT 1")); });
    add("diagnose", [](DatabaseManager& db) { db.wait(diagnose(db)); });
    add("get_database_stats", [](DatabaseManager& db) { db.wait(db.get_database_stats()); });
    add("get_status", [](DatabaseManager& db) { db.wait(get_status(db)); });
    add("get_exact_database_stats", [](DatabaseManager& db) { db.wait(get_exact_database_stats(db)); });
    add("delete_rows, dry", [](DatabaseManager& db) {
        DeleteOptions options;
        options.series.exchange = "*";
        options.dry_run = true;
        db.wait(delete_rows(db, options));
    });
    add("get_series_stats", [](DatabaseManager& db) { db.wait(db.get_series_stats()); });
    add("get_sources", [](DatabaseManager& db) { db.wait(db.get_sources()); });
    add("cleanup_old_data, dry", [](DatabaseManager& db) {
        CleanupOptions options = a_week();
        options.dry_run = true;
        db.wait(db.cleanup_old_data(options));
    });
    return calls;
}

/// Those that answer from memory while the manager is open.
inline std::vector<MethodCall> every_memory_method(const Symbol& symbol) {
    const ExchangeId exchange = symbol.exchange_id;
    return {{"get_pool_stats", [](DatabaseManager& db) { db.wait(db.get_pool_stats()); }},
            {"get_all_exchanges", [](DatabaseManager& db) { db.wait(db.get_all_exchanges()); }},
            {"get_all_symbols", [](DatabaseManager& db) { db.wait(db.get_all_symbols()); }},
            {"get_symbols_by_exchange", [=](DatabaseManager& db) { db.wait(db.get_symbols_by_exchange(exchange)); }}};
}

inline std::vector<MethodCall> every_writing_method(const Symbol& symbol) {
    const SymbolId id = symbol.id;
    const ExchangeId exchange = symbol.exchange_id;
    std::vector<MethodCall> calls;
    const auto add = [&](const char* name, std::function<void(DatabaseManager&)> call) {
        calls.push_back({name, std::move(call)});
    };
    add("insert_exchange", [](DatabaseManager& db) {
        Exchange row;
        row.enum_value = "NEW_SPOT";
        db.wait(db.insert_exchange(row));
    });
    add("insert_symbol", [=](DatabaseManager& db) {
        Symbol row = symbol;
        row.exchange_symbol = "NEWUSDT";
        db.wait(db.insert_symbol(row));
    });
    add("ensure_exchange", [](DatabaseManager& db) { db.wait(db.ensure_exchange("NEWER_SPOT")); });
    add("ensure_symbol", [=](DatabaseManager& db) {
        Symbol row = symbol;
        row.exchange_symbol = "NEWERUSDT";
        db.wait(db.ensure_symbol(row));
    });
    add("insert_symbols", [=](DatabaseManager& db) {
        Symbol row = symbol;
        row.symbol_base = "NEWEST";
        row.exchange_symbol = "NEWESTUSDT";
        db.wait(db.insert_symbols({row}));
    });
    add("update_exchange", [=](DatabaseManager& db) {
        ExchangeUpdate update;
        update.exchange_name = "New name";
        db.wait(db.update_exchange(exchange, update));
    });
    add("update_symbol", [=](DatabaseManager& db) {
        SymbolUpdate update;
        update.min_quantity = 0.5;
        db.wait(db.update_symbol(id, update));
    });
    add("set_exchange_active", [=](DatabaseManager& db) { db.wait(db.set_exchange_active(exchange, true)); });
    add("set_symbol_active", [=](DatabaseManager& db) { db.wait(db.set_symbol_active(id, true)); });
    add("insert_book_ticker_snapshots",
        [=](DatabaseManager& db) { db.wait(db.insert_book_ticker_snapshots({quote(id, kNoon + 10s, 100, 101)})); });
    add("insert_trades", [=](DatabaseManager& db) { db.wait(db.insert_trades({trade(id, kNoon + 10s, "10")})); });
    add("insert_funding_rates",
        [=](DatabaseManager& db) { db.wait(db.insert_funding_rates({funding(id, kNoon + 10s, 0.1)})); });
    add("insert_balance_snapshots", [=](DatabaseManager& db) {
        db.wait(db.insert_balance_snapshots({balance(exchange, "USDT", kNoon + 10s, 1)}));
    });
    add("begin_source", [](DatabaseManager& db) {
        Source source;
        source.kind = "import";
        source.name = "new.csv";
        db.wait(db.begin_source(source));
    });
    add("finish_source", [](DatabaseManager& db) { db.wait(db.finish_source(SourceId{1}, 1)); });
    add("insert_quarantined_rows", [](DatabaseManager& db) {
        QuarantinedRow row;
        row.source_id = SourceId{1};
        row.line = 1;
        row.dataset = "trades";
        row.reason = "bad";
        db.wait(db.insert_quarantined_rows({row}));
    });
    const auto exchange_number = static_cast<std::int64_t>(exchange);
    const std::string update = "UPDATE exchanges SET is_active = $2 WHERE id = $1";
    add("execute", [=](DatabaseManager& db) {
        const std::vector<Value> values{exchange_number, true};
        db.wait(db.execute(update, values));
    });
    add("execute_many", [=](DatabaseManager& db) {
        const std::vector<std::vector<Value>> lists{{exchange_number, true}};
        db.wait(db.execute_many(update, lists));
    });
    add("copy_rows", [](DatabaseManager& db) {
        const std::vector<std::string> columns{"enum_value", "exchange_name", "market_type", "is_active"};
        const std::vector<std::vector<Value>> rows{
            {std::string("COPIED_SPOT"), std::string("COPIED"), std::string("SPOT"), true}};
        db.wait(db.copy_rows("exchanges", columns, rows));
    });
    add("cleanup_old_data", [](DatabaseManager& db) { db.wait(db.cleanup_old_data(a_week())); });
    add("delete_rows", [](DatabaseManager& db) {
        DeleteOptions options;
        options.series.exchange = "*";
        options.end = kNoon - 24h;
        db.wait(delete_rows(db, options));
    });
    return calls;
}

/// Those that also work before `initialize`.
inline std::vector<MethodCall> every_migration_method() {
    return {{"migrate_status", [](DatabaseManager& db) { db.wait(db.migrate_status()); }},
            {"migrate_plan", [](DatabaseManager& db) { db.wait(db.migrate_plan()); }},
            {"migrate_up", [](DatabaseManager& db) { db.wait(db.migrate_up()); }},
            {"migrate_down", [](DatabaseManager& db) { db.wait(db.migrate_down(0)); }}};
}

inline std::vector<MethodCall> every_suspending_method(const Symbol& symbol) {
    std::vector<MethodCall> all = every_reading_method(symbol);
    for (MethodCall& call : every_memory_method(symbol)) all.push_back(std::move(call));
    for (MethodCall& call : every_writing_method(symbol)) all.push_back(std::move(call));
    return all;
}

}  // namespace marketdb::testing
