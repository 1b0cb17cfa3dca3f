#include "demo_market.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <utility>

#include <fmt/format.h>

namespace marketdb::cli {
namespace {

constexpr std::array kTick = {0.1, 0.01};            // of BTC and ETH
constexpr std::array kLatencyMs = {8.0, 15.0, 5.0};  // of the venues
constexpr std::array kTypicalSize = {0.8, 12.0};     // of BTC and ETH

double rounded(double value, double step) {
    // Through the count of steps, so that 61700.1 is the number that one reads, not its neighbour.
    return std::round(value / step) / std::round(1 / step);
}

}  // namespace

DemoMarket::DemoMarket(std::vector<SymbolId> symbols, Timestamp start, std::uint64_t seed)
    : symbols_(std::move(symbols)), random_(seed), now_(start) {}

// The standard's distributions differ between libraries; the generator does not, so one seed is one market everywhere.
double DemoMarket::uniform(double low, double high) {
    constexpr double kRange = 9007199254740992.0;  // 2^53
    return low + (high - low) * static_cast<double>(random_() >> 11U) / kRange;
}

double DemoMarket::noise() {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += uniform(0, 1);
    return sum;
}

DemoMarket::Second DemoMarket::next() {
    Second second;
    for (int step = 0; step < kStepsPerSecond; ++step) {
        for (std::size_t base = 0; base < kBases.size(); ++base) {
            prices_[base] *= std::exp(noise() * 0.00003);
            for (std::size_t venue = 0; venue < kVenues.size(); ++venue) {
                second.quotes.push_back(quote(venue, base));
                if (uniform(0, 1) < 0.2) second.trades.push_back(trade(second.quotes.back()));
            }
        }
        now_ += std::chrono::microseconds(1'000'000 / kStepsPerSecond);
    }
    return second;
}

BookTicker DemoMarket::quote(std::size_t venue, std::size_t base) {
    double& offset = offsets_bps_[venue][base];
    offset = 0.97 * offset + 0.35 * noise();
    const double mid = prices_[base] * (1 + offset / 10'000);
    const double half_spread = std::max(kTick[base] / 2, mid * uniform(0.00001, 0.00004));

    BookTicker quote;
    quote.symbol_id = symbols_[venue * kBases.size() + base];
    quote.timestamp = now_ + std::chrono::microseconds(static_cast<std::int64_t>(uniform(0, 90'000)));
    quote.received_at =
        quote.timestamp + std::chrono::microseconds(static_cast<std::int64_t>(kLatencyMs[venue] * uniform(700, 1'800)));
    quote.sequence = ++sequence_;
    quote.bid_price = rounded(mid - half_spread, kTick[base]);
    quote.ask_price =
        std::max(rounded(mid + half_spread, kTick[base]), rounded(quote.bid_price + kTick[base], kTick[base]));
    quote.bid_qty = rounded(kTypicalSize[base] * uniform(0.1, 2), 0.001);
    quote.ask_qty = rounded(kTypicalSize[base] * uniform(0.1, 2), 0.001);
    return quote;
}

Trade DemoMarket::trade(const BookTicker& quote) {
    const bool buys = uniform(0, 1) < 0.5;
    Trade trade;
    trade.symbol_id = quote.symbol_id;
    trade.timestamp = quote.timestamp;
    trade.received_at = quote.received_at;
    trade.sequence = quote.sequence;
    trade.trade_id = fmt::format("{}", quote.sequence);
    trade.side = buys ? Side::buy : Side::sell;
    trade.price = buys ? quote.ask_price : quote.bid_price;
    trade.quantity = std::max(0.001, rounded((buys ? quote.ask_qty : quote.bid_qty) * uniform(0.05, 0.9), 0.001));
    return trade;
}

}  // namespace marketdb::cli
