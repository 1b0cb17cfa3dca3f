// The newest quote of each symbol: from memory in nanoseconds, or checked against the database; always with its age.
#include <iostream>

#include <marketdb/marketdb.hpp>

using namespace std::chrono_literals;

int main() {
    marketdb::DatabaseManager db(marketdb::Config::from_url("sqlite::memory:"));
    db.wait(db.initialize());
    const marketdb::ExchangeId exchange = db.wait(db.ensure_exchange("DEMOB_SPOT")).id;

    std::vector<marketdb::BookTicker> quotes;
    const marketdb::Timestamp now = marketdb::system_clock()->now();
    for (const char* base : {"BTC", "ETH", "SOL"}) {
        marketdb::Symbol symbol;
        symbol.exchange_id = exchange;
        symbol.symbol_base = base;
        symbol.symbol_quote = "USDT";
        symbol.exchange_symbol = std::string(base) + "_USDT";
        symbol = db.wait(db.ensure_symbol(symbol));
        marketdb::BookTicker quote;
        quote.symbol_id = symbol.id;
        quote.timestamp = now - 40ms;
        quote.received_at = now - 15ms;
        quote.bid_price = 100;
        quote.bid_qty = 3;
        quote.ask_price = 100.02;
        quote.ask_qty = 4;
        quotes.push_back(quote);
    }
    db.wait(db.insert_book_ticker_snapshots(quotes));

    // find_: memory only, never suspends. An expired row is absent, so a stale price is never taken for a fresh one.
    const marketdb::Symbol* eth = db.find_symbol(exchange, "eth/usdt");
    const auto latest = db.find_latest_book_ticker(eth->id);
    if (!latest) return 1;
    std::cout << marketdb::pair(*eth) << " bid " << latest->row.bid_price << ", " << marketdb::spread_bps(latest->row)
              << " bps, " << latest->age / 1ms << " ms old\n";

    // get_: memory, then the database. max_age leaves out what is too old to be traded on.
    marketdb::LatestFilter filter;
    filter.series.exchange = "DEMOB_SPOT";
    filter.max_age = 1h;
    const auto all = db.wait(db.get_latest_book_tickers(filter));
    std::cout << all.size() << " symbols have a fresh quote\n";

    const std::size_t forgotten = db.cache_invalidate(marketdb::CacheCategory::book_tickers, "DEMOB_SPOT:*");
    std::cout << "forgot " << forgotten
              << " latest rows; from the database: " << db.wait(db.get_latest_book_tickers(filter)).size() << "\n";
    const marketdb::PerformanceStats stats = db.get_performance_stats();
    std::cout << "latest rows: " << stats.latest_hits << " hits, " << stats.latest_misses << " misses\n";
    db.wait(db.close());
    return all.size() == 3 && forgotten == 3 ? 0 : 1;
}
