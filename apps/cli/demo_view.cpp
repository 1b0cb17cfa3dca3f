#include "demo_view.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace marketdb::cli {

std::vector<VenueSpread> best_spreads(std::span<const BookTicker> quotes) {
    std::map<SymbolId, BookTicker> current;
    std::map<std::pair<SymbolId, SymbolId>, VenueSpread> best;
    const auto compare = [&best](const BookTicker& buy, const BookTicker& sell, Timestamp at) {
        const double bps = (sell.bid_price - buy.ask_price) / buy.ask_price * 10'000;
        if (std::isnan(bps)) return;  // A side is missing.
        const auto [found, is_new] = best.try_emplace({buy.symbol_id, sell.symbol_id});
        if (!is_new && found->second.bps >= bps) return;
        found->second = VenueSpread{buy.symbol_id, sell.symbol_id, bps, buy.ask_price, sell.bid_price, at};
    };
    for (const BookTicker& quote : quotes) {
        current[quote.symbol_id] = quote;
        for (const auto& [symbol, other] : current) {
            if (symbol == quote.symbol_id) continue;
            compare(quote, other, quote.received_at);
            compare(other, quote, quote.received_at);
        }
    }
    std::vector<VenueSpread> spreads;
    spreads.reserve(best.size());
    for (const auto& [venues, spread] : best) spreads.push_back(spread);
    std::stable_sort(spreads.begin(), spreads.end(),
                     [](const VenueSpread& a, const VenueSpread& b) { return a.bps > b.bps; });
    return spreads;
}

std::string shell_quoted(std::string_view text) {
    constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@%+,";
    if (!text.empty() && text.find_first_not_of(kPlain) == std::string_view::npos) return std::string(text);
    std::string quoted = "'";
    for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return quoted + "'";
}

}  // namespace marketdb::cli
