// Open a database in memory, store two quotes, read them back.
#include <iomanip>
#include <iostream>

#include <marketdb/marketdb.hpp>

using namespace std::chrono_literals;

int main() {
    marketdb::DatabaseManager db(marketdb::Config::from_url("sqlite::memory:"));
    db.wait(db.initialize());

    marketdb::Symbol symbol;
    symbol.exchange_id = db.wait(db.ensure_exchange("DEMOA_SPOT")).id;
    symbol.symbol_base = "BTC";
    symbol.symbol_quote = "USDT";
    symbol.exchange_symbol = "BTCUSDT";  // as the exchange writes it: this is what identifies the symbol
    symbol = db.wait(db.ensure_symbol(symbol));

    marketdb::BookTicker quote;
    quote.symbol_id = symbol.id;
    quote.timestamp = marketdb::parse_timestamp("2026-01-05T12:00:00Z");
    quote.bid_price = 97250.10;
    quote.bid_qty = 0.8;
    quote.ask_price = 97250.90;
    quote.ask_qty = 1.25;
    marketdb::BookTicker later = quote;
    later.timestamp += 250ms;
    later.ask_price = marketdb::kNoNumber;  // nobody offers: a side may be missing
    later.ask_qty = marketdb::kNoNumber;

    const marketdb::WriteResult written = db.wait(db.insert_book_ticker_snapshots({quote, later}));
    std::cout << "stored " << written.inserted << " quotes of " << marketdb::pair(symbol) << "\n" << std::fixed;

    marketdb::HistoryFilter filter;
    filter.series.symbol = "btc-usdt";  // any spelling resolves
    const marketdb::History<marketdb::BookTicker> history = db.wait(db.get_book_ticker_history(filter));
    for (const marketdb::BookTicker& row : history.rows) {
        std::cout << marketdb::to_string(row.timestamp) << std::setprecision(2) << "  bid " << row.bid_price << "  ask "
                  << row.ask_price << "  mid " << marketdb::mid(row) << "\n";
    }
    db.wait(db.close());
    return history.rows.size() == 2 ? 0 : 1;
}
