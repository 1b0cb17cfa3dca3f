#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <marketdb/format.hpp>

#include "answer.hpp"
#include "chart.hpp"
#include "commands.hpp"
#include "demo_market.hpp"
#include "demo_view.hpp"
#include "diagnostics.hpp"
#include "interrupt.hpp"
#include "session_impl.hpp"
#include "terminal.hpp"

namespace marketdb::cli {
namespace {

constexpr int kSeconds = 60;
constexpr std::size_t kChartHeight = 8;
constexpr std::size_t kSpreadsShown = 6;

DatabaseChoice demo_choice(const std::string& file) {
    DatabaseChoice choice;
    choice.config.sqlite_path = file;
    choice.config.log = library_log;
    choice.origin = "demo";
    set_database_name(choice.name());
    return choice;
}

/// Simulated rows must never get among real ones. Returns whether there is a demo already.
bool is_earlier_demo(const std::string& file) {
    if (!std::filesystem::exists(file)) return false;
    const auto refuse = [&file](const std::string& why) {
        throw Failure(kFailure, fmt::format("{} is no demo database ({}); choose another with --file", file, why));
    };
    try {
        Session session(demo_choice(file), Access::read);
        const std::vector<Exchange> exchanges = session.exchanges();
        if (exchanges.empty()) refuse("it has no demo venue");
        for (const Exchange& exchange : exchanges) {
            const auto& venues = DemoMarket::kVenues;
            if (std::find(venues.begin(), venues.end(), exchange.enum_value.view()) != venues.end()) continue;
            refuse(fmt::format("it holds {}", exchange.enum_value.view()));
        }
    } catch (const Error& error) {
        refuse(error.what());
    }
    return true;
}

/// Two recordings of overlapping minutes would look like one that jumps.
void remove_earlier_recording(Session& session) {
    CleanupOptions options;
    options.older_than = std::chrono::microseconds(1);
    (void)session.cleanup(options);
    note("the earlier recording in this file is replaced");
}

/// Venues and symbols, by venue, then base.
std::vector<Symbol> make_symbols(Session::Impl& database) {
    std::vector<Symbol> symbols;
    for (const std::string_view venue : DemoMarket::kVenues) {
        const Exchange exchange = database.run(database.manager.ensure_exchange(venue));
        for (const std::string_view base : DemoMarket::kBases) {
            Symbol symbol;
            symbol.exchange_id = exchange.id;
            symbol.symbol_base = base;
            symbol.symbol_quote = "USDT";
            symbol.exchange_symbol = fmt::format("{}USDT", base);
            if (exchange.market_type == MarketType::futures) symbol.settle_asset = "USDT";
            symbols.push_back(database.run(database.manager.ensure_symbol(symbol)));
        }
    }
    return symbols;
}

void record_funding_and_balances(Session::Impl& database, const std::vector<Symbol>& symbols, Timestamp now) {
    const Timestamp settlement = std::chrono::ceil<std::chrono::hours>(now);
    std::vector<FundingRate> rates;
    std::vector<Balance> balances;
    for (const Symbol& symbol : symbols) {
        if (symbol.contract_type == ContractType::perpetual) {
            FundingRate rate;
            rate.symbol_id = symbol.id;
            rate.timestamp = rate.received_at = now;
            rate.funding_rate = symbol.symbol_base == "BTC" ? 0.0001 : 0.00008;
            rate.funding_time = settlement;
            rate.interval_minutes = 480;
            rates.push_back(rate);
        }
        Balance balance;
        balance.exchange_id = symbol.exchange_id;
        balance.timestamp = balance.received_at = now;
        balance.asset_name = symbol.symbol_base.view();
        balance.available_balance = symbol.symbol_base == "BTC" ? 1.5 : 20;
        balance.locked_balance = 0.25;
        balances.push_back(balance);
    }
    database.run(database.manager.insert_funding_rates(std::move(rates)));
    database.run(database.manager.insert_balance_snapshots(std::move(balances)));
}

/// Returns how many rows were recorded.
std::uint64_t record_minute(Session::Impl& database, const std::vector<Symbol>& symbols, Timestamp start,
                            std::uint64_t seed) {
    std::vector<SymbolId> ids;
    for (const Symbol& symbol : symbols) ids.push_back(symbol.id);
    DemoMarket market(std::move(ids), start, seed);
    std::uint64_t rows = 0;
    for (int second = 0; second < kSeconds; ++second) {
        throw_if_interrupted();
        DemoMarket::Second events = market.next();
        rows += events.quotes.size() + events.trades.size();
        database.run(database.manager.insert_book_ticker_snapshots(std::move(events.quotes)));
        database.run(database.manager.insert_trades(std::move(events.trades)));
        show_status(
            fmt::format("recording: {} of {} simulated seconds, {} rows", second + 1, kSeconds, with_commas(rows)));
    }
    record_funding_and_balances(database, symbols, start + std::chrono::seconds(kSeconds));
    clear_status();
    return rows;
}

void show_latest(Session& session) {
    output().line("Latest quotes");
    const auto rows = session.latest<BookTicker>({});
    RowStyle style;
    style.with_age = true;
    style.units.price = "USDT";
    RowPrinter<BookTicker> printer(output(), session, style);
    for (const auto& one : rows) printer.add(one.row, one.age);
    printer.finish();
}

std::vector<BookTicker> read_quotes(Session& session, const std::vector<SymbolId>& symbols, const HistoryFilter& like) {
    HistoryFilter filter = like;
    filter.series.symbols = symbols;
    std::vector<BookTicker> quotes;
    session.read_history<BookTicker>(filter, kReadRows, [&](std::span<const BookTicker> rows) {
        quotes.insert(quotes.end(), rows.begin(), rows.end());
        return true;
    });
    return quotes;
}

void show_spreads(Session& session, const std::vector<Symbol>& symbols, Timestamp start) {
    std::vector<VenueSpread> spreads;
    for (const std::string_view base : DemoMarket::kBases) {
        std::vector<SymbolId> ids;
        for (const Symbol& symbol : symbols) {
            if (symbol.symbol_base == base) ids.push_back(symbol.id);
        }
        HistoryFilter filter;
        filter.start = start;
        filter.clock = ClockKind::received;
        const std::vector<VenueSpread> found = best_spreads(read_quotes(session, ids, filter));
        spreads.insert(spreads.end(), found.begin(), found.end());
    }
    std::stable_sort(spreads.begin(), spreads.end(), [](const auto& a, const auto& b) { return a.bps > b.bps; });
    spreads.resize(std::min(spreads.size(), kSpreadsShown));

    output().line("\nBest spreads between venues: buy at one's ask, sell at the other's bid (received clock)");
    Table table(output(),
                {{"symbol"},
                 {"buy_at"},
                 {"ask_price [USDT]", true},
                 {"sell_at"},
                 {"bid_price [USDT]", true},
                 {"spread_bps", true},
                 {"received_at", false, 1}},
                terminal().columns);
    for (const VenueSpread& one : spreads) {
        const SeriesNames& buy = session.names(one.buy);
        table.add({buy.symbol, buy.exchange, format_number(one.ask), session.names(one.sell).exchange,
                   format_number(one.bid), fmt::format("{:.2f}", one.bps), to_string(one.at)});
    }
    table.finish();
}

void show_chart(Session& session, const Symbol& symbol, Timestamp start) {
    HistoryFilter filter;
    filter.start = start;
    filter.every = std::chrono::seconds(1);
    std::vector<double> mids;
    for (const BookTicker& quote : read_quotes(session, {symbol.id}, filter)) {
        const double mid = (quote.bid_price + quote.ask_price) / 2;
        if (is_present(mid)) mids.push_back(mid);
    }
    if (mids.empty()) return;
    const SeriesNames& names = session.names(symbol.id);
    output().line(
        fmt::format("\n{}:{}, middle of bid and ask in USDT, second by second", names.exchange, names.symbol));
    for (const std::string& line : chart_lines(mids, kChartHeight, terminal().utf8)) output().line(line);
}

void show_next_commands(const std::string& program, const std::string& file) {
    const std::string start = fmt::format("  {} --db {} ", shell_quoted(program), shell_quoted("sqlite:" + file));
    output().line("\nTry next:");
    for (const std::string_view command : {"latest quotes", "history quotes 'DEMOA_SPOT:BTC/USDT' --last 10s",
                                           "history trades '*:ETH/USDT' --tail 5 --json", "symbols", "stats",
                                           "export quotes --output demo-quotes.csv.gz"}) {
        output().line(start + std::string(command));
    }
    output().line(fmt::format("  {} import --dry-run demo-quotes.csv.gz", shell_quoted(program)));
}

}  // namespace

int run_demo(const GlobalOptions& global, const DemoOptions& options) {
    if (global.db || global.config) {
        throw UsageError("demo uses a database file of its own: --file FILE instead of --db or --config");
    }
    const bool replaces = is_earlier_demo(options.file);
    const auto began = std::chrono::steady_clock::now();
    Session session(demo_choice(options.file), Access::create);
    if (replaces) remove_earlier_recording(session);
    // To the second, so that the chart's stretches are whole.
    const Timestamp now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    const Timestamp start = now - std::chrono::seconds(kSeconds);
    const std::vector<Symbol> symbols = make_symbols(session.impl());
    const std::uint64_t rows = record_minute(session.impl(), symbols, start, options.seed);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();

    output().line(fmt::format("A simulated minute of {} series: {} rows recorded into {} in {:.1f} s.\n",
                              symbols.size(), with_commas(rows), options.file, seconds));
    show_latest(session);
    show_spreads(session, symbols, start);
    show_chart(session, symbols.front(), start);
    show_next_commands(global.program, options.file);
    output().flush();
    session.close();
    return kOk;
}

}  // namespace marketdb::cli
