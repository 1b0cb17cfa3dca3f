// The same class inside an Asio program: every method that may touch the database is awaited, on the program's own executor.
#include <iostream>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <marketdb/marketdb.hpp>

namespace asio = boost::asio;
using namespace std::chrono_literals;

asio::awaitable<void> collect(marketdb::DatabaseManager& db) {
    co_await db.initialize();

    marketdb::Symbol symbol;
    const marketdb::Exchange exchange = co_await db.ensure_exchange("DEMOC_FUTURES");
    symbol.exchange_id = exchange.id;
    symbol.symbol_base = "SOL";
    symbol.symbol_quote = "USDT";
    symbol.exchange_symbol = "SOL_USDT";
    symbol = co_await db.ensure_symbol(symbol);

    // Rows go in a named vector: GCC 12 destroys some temporaries of a co_await expression twice.
    std::vector<marketdb::FundingRate> rates(3);
    for (std::size_t i = 0; i < rates.size(); ++i) {
        rates[i].symbol_id = symbol.id;
        rates[i].timestamp = marketdb::parse_timestamp("2026-01-05") + static_cast<int>(i) * 8h;
        rates[i].funding_rate = 0.0001 * static_cast<double>(i + 1);
        rates[i].interval_minutes = 480;
        rates[i].kind = marketdb::FundingKind::settled;
    }
    // One deadline bounds the whole operation; when it passes, the operation is undone and fails with `timeout`.
    const marketdb::Deadline deadline = marketdb::Deadline::in(5s);
    const marketdb::WriteResult written = co_await db.insert_funding_rates(std::move(rates), deadline);
    std::cout << "stored " << written.inserted << " funding rates\n";

    marketdb::LatestFilter filter;
    filter.series.exchange = "DEMOC_FUTURES";
    const auto latest = co_await db.get_latest_funding_rates(filter);
    for (const auto& each : latest) {
        std::cout << marketdb::pair(*db.find_symbol(each.row.symbol_id)) << " " << marketdb::funding_rate_bps(each.row)
                  << " bps, " << marketdb::annualised_funding_rate(each.row) * 100 << " % a year\n";
    }
    co_await db.close();
}

int main() {
    asio::io_context io;
    marketdb::DatabaseManager db(marketdb::Config::from_url("sqlite::memory:"), io.get_executor());
    bool failed = false;
    asio::co_spawn(io, collect(db), [&](const std::exception_ptr& error) { failed = error != nullptr; });
    io.run();
    return failed ? 1 : 0;
}
