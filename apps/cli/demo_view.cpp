#include "demo_view.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include <fmt/format.h>

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

std::vector<std::string> chart_lines(std::span<const double> values, std::size_t height, bool utf8) {
    constexpr std::string_view kEighths[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    const double range = *high > *low ? *high - *low : 1;
    std::vector<std::string> lines(height);
    for (std::size_t row = 0; row < height; ++row) {
        const auto floor_of_row = static_cast<double>(height - 1 - row);
        for (const double value : values) {
            // An eighth is kept for the lowest, so that every column shows something.
            const double level = 0.125 + (value - *low) / range * (static_cast<double>(height) - 0.125);
            const int eighths = std::clamp(static_cast<int>(std::lround((level - floor_of_row) * 8)), 0, 8);
            lines[row] += utf8 ? kEighths[eighths] : (eighths >= 4 || (eighths > 0 && floor_of_row == 0) ? "#" : " ");
        }
    }
    const std::string top = fmt::format("{:.2f}", *high), bottom = fmt::format("{:.2f}", *low);
    const std::size_t width = std::max(top.size(), bottom.size());
    for (std::size_t row = 0; row < height; ++row) {
        const std::string_view label = row == 0            ? std::string_view(top)
                                       : row + 1 == height ? std::string_view(bottom)
                                                           : "";
        lines[row] = fmt::format("{:>{}} {} {}", label, width, utf8 ? "│" : "|", lines[row]);
    }
    return lines;
}

std::string shell_quoted(std::string_view text) {
    constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@%+,";
    if (!text.empty() && text.find_first_not_of(kPlain) == std::string_view::npos) return std::string(text);
    std::string quoted = "'";
    for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return quoted + "'";
}

}  // namespace marketdb::cli
