#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include "cache/latest_cache.hpp"
#include "cache/reference_table.hpp"
#include "unit/cache/reference_rows.hpp"

namespace {

thread_local std::size_t allocations = 0;

void* counted_allocation(std::size_t size, std::size_t alignment) {
    ++allocations;
    // aligned_alloc wants a multiple of the alignment.
    void* memory = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}

}  // namespace

// Not inline: GCC 12 takes the free() in an inlined delete for a mismatch.
[[gnu::noinline]] void* operator new(std::size_t size) { return counted_allocation(size, alignof(std::max_align_t)); }
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) {
    return counted_allocation(size, static_cast<std::size_t>(alignment));
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace marketdb::cache {
namespace {

using namespace marketdb::testing;

struct Reference {
    std::vector<Exchange> exchanges = {exchange(1, "BINANCE_SPOT", MarketType::spot)};
    std::vector<Symbol> symbols;
    ReferenceTable table;

    Reference() {
        for (int id = 1; id <= 3000; ++id) {
            const std::string base = "COIN" + std::to_string(id);
            symbols.push_back(symbol(id, kSpot, base.c_str(), "USDT", (base + "USDT").c_str()));
        }
        table.apply(exchanges, symbols);
    }
};

TEST(Allocation, IsSeenByTheCounter) {
    const std::size_t before = allocations;
    const auto made = std::make_unique<int>(1);
    EXPECT_EQ(allocations - before, 1U);
}

TEST(Allocation, ARefreshThatFindsNothingNewAllocatesNothing) {
    Reference reference;
    const std::size_t before = allocations;
    const bool is_new = reference.table.apply(reference.exchanges, reference.symbols);
    const std::size_t after = allocations;
    EXPECT_FALSE(is_new);
    EXPECT_EQ(after - before, 0U);
}

TEST(Allocation, LookUpsAllocateNothing) {
    const Reference reference;
    const std::string overlong(100'000, 'A');
    const ReferenceTable& table = reference.table;
    const std::size_t before = allocations;
    bool found = table.find_symbol(SymbolId{3000}) != nullptr;
    found =
        found && table.find_symbol(kSpot, "coin3000/usdt") != nullptr && table.find_exchange("binance_spot") != nullptr;
    const bool found_overlong =
        table.find_symbol(kSpot, overlong) != nullptr || table.find_exchange(overlong) != nullptr;
    const LookupCounts counts = table.counts();
    const std::size_t after = allocations;
    EXPECT_TRUE(found);
    EXPECT_FALSE(found_overlong);
    EXPECT_EQ(counts.hits, 3U);
    EXPECT_EQ(after - before, 0U);
}

TEST(Allocation, FindingALatestRowAllocatesNothing) {
    LatestCache cache(storage::table_of(Dataset::book_tickers), std::chrono::seconds(30));
    BookTicker row;
    row.symbol_id = SymbolId{1};
    std::vector<BookTicker> rows = {row};
    std::vector<storage::SeriesKey> asked(1);
    asked[0].id = 1;
    const LatestCache::Moment now{};
    cache.learn_answer(asked, storage::as_rows(rows), now, cache.token());

    BookTicker found;
    const std::size_t before = allocations;
    const auto answer =
        cache.find(asked[0], now, std::chrono::microseconds(-1), false, reinterpret_cast<std::byte*>(&found));
    const std::size_t after = allocations;
    EXPECT_EQ(answer, LatestCache::Answer::row);
    EXPECT_EQ(found.symbol_id, SymbolId{1});
    EXPECT_EQ(after - before, 0U);
}

}  // namespace
}  // namespace marketdb::cache
