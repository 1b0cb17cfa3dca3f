#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include <marketdb/error.hpp>
#include <marketdb/spreads.hpp>

#include "analysis/operation.hpp"
#include "analysis/series_text.hpp"
#include "analysis/spread_tally.hpp"

namespace marketdb {
namespace {

using Quotes = std::vector<Latest<BookTicker>>;

/// A quote and what it is of.
struct LiveQuote {
    Symbol symbol;
    Latest<BookTicker> latest;
};

[[nodiscard]] LiveSpread spread_between(const LiveQuote& sell, const LiveQuote& buy) noexcept {
    LiveSpread spread;
    spread.sell = sell.symbol.id;
    spread.buy = buy.symbol.id;
    spread.bid_price = sell.latest.row.bid_price;
    spread.ask_price = buy.latest.row.ask_price;
    spread.bps = analysis::spread_bps(spread.bid_price, spread.ask_price);
    spread.fillable = analysis::smaller(base_quantity(sell.symbol, sell.latest.row.bid_qty, spread.bid_price),
                                        base_quantity(buy.symbol, buy.latest.row.ask_qty, spread.ask_price));
    spread.sell_age = sell.latest.age;
    spread.buy_age = buy.latest.age;
    return spread;
}

/// Appends what the quotes of one pair bring, each exchange's with each other's.
void compare(const std::vector<LiveQuote>& quotes, double min_bps, std::vector<LiveSpread>& spreads) {
    for (const LiveQuote& sell : quotes) {
        for (const LiveQuote& buy : quotes) {
            if (sell.symbol.exchange_id == buy.symbol.exchange_id) continue;
            const LiveSpread spread = spread_between(sell, buy);
            if (spread.bps >= min_bps) spreads.push_back(spread);  // not of an absent one
        }
    }
}

boost::asio::awaitable<std::vector<LiveSpread>> compare_all(DatabaseManager& db, boost::asio::awaitable<Quotes> asked,
                                                            double min_bps, Deadline deadline) {
    const Quotes latest = co_await std::move(asked);
    std::map<std::pair<std::string, std::string>, std::vector<LiveQuote>> of_pair;
    for (const Latest<BookTicker>& one : latest) {
        const Symbol symbol = co_await analysis::get_symbol(db, one.row.symbol_id, deadline);
        LiveQuote quote{symbol, one};
        of_pair[{symbol.symbol_base.str(), symbol.symbol_quote.str()}].push_back(quote);
    }
    std::vector<LiveSpread> spreads;
    for (const auto& [names, quotes] : of_pair) compare(quotes, min_bps, spreads);
    std::sort(spreads.begin(), spreads.end(), [](const LiveSpread& a, const LiveSpread& b) {
        return std::tie(b.bps, a.sell, a.buy) < std::tie(a.bps, b.sell, b.buy);
    });
    co_return spreads;
}

}  // namespace

boost::asio::awaitable<std::vector<LiveSpread>> get_live_spreads(DatabaseManager& db, LiveSpreadOptions options,
                                                                 Deadline deadline) {
    analysis::refuse(!std::isfinite(options.min_bps), "min_bps: expected a finite number");
    analysis::refuse(options.max_age.count() <= 0, "max_age: expected a positive length of time");
    LatestFilter filter;
    filter.series = options.series;
    filter.max_cache_age = std::chrono::microseconds{0};
    filter.max_age = options.max_age;
    // Asked here and not in the coroutine: the filter's texts may be gone when that begins.
    return compare_all(db, db.get_latest_book_tickers(filter, deadline), options.min_bps, deadline);
}

}  // namespace marketdb
