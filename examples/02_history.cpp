// Read a long history: a range, one row of each minute, page by page, and in batches of bounded memory.
#include <iostream>

#include <marketdb/marketdb.hpp>

using namespace std::chrono_literals;

int main() {
    marketdb::DatabaseManager db(marketdb::Config::from_url("sqlite::memory:"));
    db.wait(db.initialize());

    marketdb::Symbol symbol;
    symbol.exchange_id = db.wait(db.ensure_exchange("DEMOA_FUTURES")).id;
    symbol.symbol_base = "ETH";
    symbol.symbol_quote = "USDT";
    symbol.exchange_symbol = "ETHUSDT";
    symbol = db.wait(db.ensure_symbol(symbol));

    const marketdb::Timestamp start = marketdb::parse_timestamp("2026-01-05");
    std::vector<marketdb::Trade> trades(7'200);  // two hours, one trade a second
    for (std::size_t i = 0; i < trades.size(); ++i) {
        trades[i].symbol_id = symbol.id;
        trades[i].timestamp = start + static_cast<int>(i) * 1s;
        trades[i].trade_id = std::to_string(1'000 + i);
        trades[i].price = 3'000 + static_cast<double>(i % 100) / 10;
        trades[i].quantity = 0.5;
        trades[i].side = i % 2 == 0 ? marketdb::Side::buy : marketdb::Side::sell;
    }
    db.wait(db.insert_trades(trades));

    marketdb::HistoryFilter filter;
    filter.series.exchange = "DEMOA_FUTURES";
    filter.start = start + 1h;  // [start, end)
    filter.end = start + 2h;
    std::cout << "second hour: " << db.wait(db.get_trade_history(filter)).rows.size() << " trades\n";

    filter.every = 1min;  // the last row of each minute
    std::cout << "one a minute: " << db.wait(db.get_trade_history(filter)).rows.size() << "\n";

    filter = {};
    filter.limit = 1'000;
    marketdb::History<marketdb::Trade> page = db.wait(db.get_trade_history(filter));
    int pages = 1;
    while (page.truncated) {  // a cut answer says so
        filter.after = marketdb::key_of(page.rows.back());
        page = db.wait(db.get_trade_history(filter));
        ++pages;
    }
    std::cout << "pages of 1,000: " << pages << "\n";

    double volume = 0;
    marketdb::HistoryReader<marketdb::Trade> reader = db.read_history<marketdb::Trade>();
    for (auto batch = db.wait(reader.next(512)); !batch.empty(); batch = db.wait(reader.next(512))) {
        for (const marketdb::Trade& trade : batch) volume += trade.quantity;
    }
    std::cout << "volume, read in batches: " << volume << "\n";
    db.wait(db.close());
    return pages == 8 && volume == 3'600 ? 0 : 1;
}
