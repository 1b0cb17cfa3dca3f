#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include <marketdb/marketdb.hpp>

/// An invented market: the same rows in every run.
namespace marketdb::bench {

inline constexpr Timestamp kMarketStart{std::chrono::microseconds{1'723'118'400'000'000}};  // 2024-08-08T12:00:00Z

/// Makes a database with one exchange and the symbols BASE1/USDT, BASE2/USDT, ... Returns their ids.
inline std::vector<SymbolId> make_market(const std::filesystem::path& file, std::size_t symbols) {
    DatabaseManager db(Config::from_url("sqlite:" + file.string()));
    db.wait(db.initialize());
    const Exchange venue = db.wait(db.ensure_exchange("BENCH_SPOT"));
    std::vector<SymbolId> ids;
    for (std::size_t i = 1; i <= symbols; ++i) {
        Symbol symbol;
        symbol.exchange_id = venue.id;
        symbol.symbol_base = "BASE" + std::to_string(i);
        symbol.symbol_quote = "USDT";
        symbol.exchange_symbol = symbol.symbol_base.str() + "USDT";
        const Symbol stored = db.wait(db.insert_symbol(symbol));
        ids.push_back(stored.id);
    }
    db.wait(db.close());
    return ids;
}

/// Quotes in order of arrival, a millisecond or so apart, of symbols by turns; prices with two and sizes with five decimals.
inline std::vector<BookTicker> make_quotes(const std::vector<SymbolId>& symbols, std::size_t count) {
    std::mt19937_64 random(20240808);
    std::uniform_int_distribution<std::int64_t> gap(200, 1800);
    std::uniform_int_distribution<std::int64_t> delay(300, 4000);
    std::uniform_int_distribution<int> step(-50, 50);
    std::uniform_int_distribution<int> size(1, 500'000);
    std::vector<BookTicker> quotes(count);
    Timestamp now = kMarketStart;
    std::int64_t cents = 6'000'000;
    for (std::size_t i = 0; i < count; ++i) {
        BookTicker& row = quotes[i];
        now += std::chrono::microseconds(gap(random));
        cents += step(random);
        row.symbol_id = symbols[i % symbols.size()];
        row.source_id = SourceId{1};
        row.timestamp = now;
        row.received_at = now + std::chrono::microseconds(delay(random));
        row.sequence = static_cast<std::int64_t>(i);
        row.bid_price = static_cast<double>(cents) / 100;
        row.ask_price = static_cast<double>(cents + 1) / 100;
        row.bid_qty = size(random) / 1e5;
        row.ask_qty = size(random) / 1e5;
    }
    return quotes;
}

/// Cut into batches, each sorted by key.
inline std::vector<std::vector<BookTicker>> make_batches(const std::vector<BookTicker>& quotes, std::size_t rows) {
    std::vector<std::vector<BookTicker>> batches;
    for (std::size_t begin = 0; begin < quotes.size(); begin += rows) {
        const std::size_t end = std::min(begin + rows, quotes.size());
        std::vector<BookTicker>& batch = batches.emplace_back(quotes.begin() + static_cast<std::ptrdiff_t>(begin),
                                                              quotes.begin() + static_cast<std::ptrdiff_t>(end));
        std::sort(batch.begin(), batch.end(), [](const BookTicker& a, const BookTicker& b) {
            if (a.symbol_id != b.symbol_id) return a.symbol_id < b.symbol_id;
            return a.timestamp != b.timestamp ? a.timestamp < b.timestamp : a.sequence < b.sequence;
        });
    }
    return batches;
}

}  // namespace marketdb::bench
