#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "cache/reference_table.hpp"
#include "unit/cache/reference_rows.hpp"

namespace marketdb::cache {
namespace {

using namespace marketdb::testing;

constexpr int kSymbols = 2000;

Symbol numbered_symbol(int id, bool is_active) {
    const std::string base = "COIN" + std::to_string(id);
    Symbol row = symbol(id, kSpot, base.c_str(), "USDT", (base + "_USDT").c_str());
    row.is_active = is_active;
    return row;
}

/// Looks at rows up to `published` until `stop`; every pointer it ever got must stay readable. Returns what was wrong.
int count_faults(const ReferenceTable& table, const std::atomic<int>& published, const std::atomic<bool>& stop) {
    int faults = 0;
    std::vector<std::pair<const Symbol*, int>> kept;
    for (int id = 1; !stop.load(); id = id % kSymbols + 1) {
        const int known = published.load();
        const Symbol* by_id = table.find_symbol(SymbolId{id});
        const Symbol* by_text = table.find_symbol(kSpot, "coin" + std::to_string(id) + "/usdt");
        if (id <= known && (by_id == nullptr || by_text == nullptr)) ++faults;
        for (const Symbol* found : {by_id, by_text}) {
            if (found != nullptr && static_cast<int>(found->id) != id) ++faults;
            if (found != nullptr) kept.emplace_back(found, id);
        }
        if (known > 0 && table.find_exchange("binance_spot") == nullptr) ++faults;
    }
    for (const auto& [row, id] : kept) faults += static_cast<int>(row->id) == id ? 0 : 1;
    return faults;
}

TEST(ReferenceTableThreads, ReadersSeeWholeRowsWhileRowsAreAddedAndChanged) {
    ReferenceTable table;
    std::atomic<int> published{0};
    std::atomic<bool> stop{false};
    std::vector<int> faults(3);
    std::vector<std::thread> readers;
    for (int& fault : faults) readers.emplace_back([&] { fault = count_faults(table, published, stop); });

    const std::vector exchanges = {exchange(1, "BINANCE_SPOT", MarketType::spot)};
    table.apply(exchanges, {});
    for (int id = 1; id <= kSymbols; ++id) {
        std::vector<Symbol> rows = {numbered_symbol(id, true)};
        if (id > 1) rows.push_back(numbered_symbol(id / 2, id % 2 == 0));
        table.apply({}, rows);
        published.store(id);
    }
    stop.store(true);
    for (std::thread& reader : readers) reader.join();
    EXPECT_EQ(faults, (std::vector{0, 0, 0}));
    EXPECT_EQ(table.size(), 2001U);
}

TEST(ReferenceTableThreads, SeveralWritersExcludeEachOther) {
    ReferenceTable table;
    std::vector<std::thread> writers;
    for (int part = 0; part < 4; ++part) {
        writers.emplace_back([&table, part] {
            for (int id = 1 + part; id <= kSymbols; id += 4) {
                const std::vector<Symbol> rows = {numbered_symbol(id, true)};
                table.apply({}, rows);
            }
        });
    }
    writers.emplace_back([&table] {
        for (int i = 0; i < 200; ++i) {
            EXPECT_LE(table.symbols().size(), 2000U);
            EXPECT_LE(table.candidates(kSpot, "COIN7USDT").size(), 1U);
            static_cast<void>(table.counts());
            table.reset_counts();
        }
    });
    for (std::thread& writer : writers) writer.join();
    EXPECT_EQ(table.size(), 2000U);
    EXPECT_EQ(static_cast<int>(table.find_symbol(kSpot, "coin1999-usdt")->id), 1999);
}

}  // namespace
}  // namespace marketdb::cache
