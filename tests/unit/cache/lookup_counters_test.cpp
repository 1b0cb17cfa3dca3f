#include "cache/lookup_counters.hpp"

#include <gtest/gtest.h>

#include <latch>
#include <thread>
#include <vector>

namespace marketdb::cache {
namespace {

constexpr int kFound = 1;

TEST(LookupCounters, MoreThreadsThanSlotsLoseNoCount) {
    LookupCounters counters;
    constexpr std::ptrdiff_t kThreads = 100;
    // All are alive at once, so that more than 64 want a slot of their own.
    std::latch all_there(kThreads);
    std::vector<std::thread> threads;
    for (std::ptrdiff_t i = 0; i < kThreads; ++i) {
        threads.emplace_back([&] {
            counters.counted([]() noexcept { return &kFound; });
            all_there.arrive_and_wait();
            for (int n = 1; n < 1000; ++n) counters.counted([]() noexcept { return &kFound; });
            for (int n = 0; n < 500; ++n) counters.counted([]() noexcept { return static_cast<const int*>(nullptr); });
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(counters.counts().hits, 100'000U);
    EXPECT_EQ(counters.counts().misses, 50'000U);
}

TEST(LookupCounters, AThreadThatEndsGivesItsSlotToTheNext) {
    LookupCounters counters;
    for (int round = 0; round < 200; ++round) {
        std::thread([&] {
            for (int n = 0; n < 1024; ++n) counters.counted([]() noexcept { return &kFound; });
        }).join();
    }
    EXPECT_EQ(counters.counts().hits, 204'800U);
    // Threads on shared slots would not have been timed.
    EXPECT_EQ(counters.counts().samples, 200U);
}

struct LookUpInDestructor {
    LookupCounters* counters = nullptr;
    ~LookUpInDestructor() {
        if (counters != nullptr) counters->counted([]() noexcept { return &kFound; });
    }
};

TEST(LookupCounters, ALookUpWhileItsThreadEndsIsCounted) {
    LookupCounters counters;
    std::thread([&] {
        // Made before the thread's slot is claimed, so it is destroyed after that was given back.
        static thread_local LookUpInDestructor late;
        late.counters = &counters;
        counters.counted([]() noexcept { return &kFound; });
    }).join();
    EXPECT_EQ(counters.counts().hits, 2U);
}

TEST(LookupCounters, ResettingHidesWhatWasCountedBefore) {
    LookupCounters counters;
    for (int n = 0; n < 2000; ++n) counters.counted([]() noexcept { return &kFound; });
    counters.reset();
    EXPECT_EQ(counters.counts().hits, 0U);
    EXPECT_EQ(counters.counts().samples, 0U);
    EXPECT_EQ(counters.counts().sampled_ns, 0U);
    counters.counted([]() noexcept { return static_cast<const int*>(nullptr); });
    EXPECT_EQ(counters.counts().misses, 1U);
}

}  // namespace
}  // namespace marketdb::cache
