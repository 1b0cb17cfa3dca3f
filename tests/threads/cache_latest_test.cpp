#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "cache/latest_cache.hpp"
#include "support/rows.hpp"

namespace marketdb::cache {
namespace {

using namespace marketdb::testing;
using storage::SeriesKey;

constexpr int kSeries = 8;
constexpr int kRounds = 3000;
constexpr LatestCache::Moment kNow{};

SeriesKey key(int id) {
    SeriesKey series;
    series.id = id;
    return series;
}

/// What a database would hold: the number of the newest row of each series.
class PretendedDatabase {
 public:
    BookTicker write_next(int id) {
        const std::lock_guard lock(mutex_);
        return row(id, ++newest_.at(static_cast<std::size_t>(id)));
    }
    BookTicker newest(int id) const {
        const std::lock_guard lock(mutex_);
        return row(id, newest_.at(static_cast<std::size_t>(id)));
    }

 private:
    static BookTicker row(int id, int number) { return quote(SymbolId{id}, kNoon + number * 1us, number, number + 1); }

    mutable std::mutex mutex_;
    std::vector<int> newest_ = std::vector<int>(kSeries, 1);
};

class LatestCacheThreads : public ::testing::Test {
 protected:
    void write(int id) {
        std::vector<BookTicker> rows = {database_.write_next(id)};
        for (const SeriesKey& unknown : cache_.learn_written(storage::as_rows(rows), kNow)) ask(unknown.id);
    }
    void ask(int id) {
        const std::vector<SeriesKey> asked = {key(id)};
        const std::uint64_t token = cache_.token();
        std::vector<BookTicker> rows = {database_.newest(id)};
        std::this_thread::yield();
        cache_.learn_answer(asked, storage::as_rows(rows), kNow, token);
    }
    double cached_number(int id) const {
        BookTicker found;
        const auto answer = cache_.find(key(id), kNow, -1us, true, reinterpret_cast<std::byte*>(&found));
        return answer == LatestCache::Answer::row ? found.bid_price : 0;
    }

    PretendedDatabase database_;
    LatestCache cache_{storage::table_of<BookTicker>(), 30s};
};

TEST_F(LatestCacheThreads, NoReaderEverGoesBackAndNoWriteIsLostWhileAnswersComeLate) {
    std::atomic<bool> stop{false};
    std::atomic<int> went_back{0};
    std::vector<std::thread> threads;
    for (int writer = 0; writer < 2; ++writer) {
        threads.emplace_back([&, writer] {
            for (int round = 0; round < kRounds; ++round) write((round * 2 + writer) % kSeries);
        });
    }
    for (int asker = 0; asker < 2; ++asker) {
        threads.emplace_back([&] {
            for (int round = 0; round < kRounds; ++round) ask(round % kSeries);
        });
    }
    std::thread reader([&] {
        std::vector<double> seen(kSeries);
        while (!stop.load()) {
            for (int id = 0; id < kSeries; ++id) {
                double& last = seen.at(static_cast<std::size_t>(id));
                const double number = cached_number(id);
                if (number == 0) continue;
                if (number < last) went_back.fetch_add(1);
                last = number;
            }
        }
    });
    for (std::thread& thread : threads) thread.join();
    stop.store(true);
    reader.join();

    EXPECT_EQ(went_back.load(), 0);
    for (int id = 0; id < kSeries; ++id) EXPECT_EQ(cached_number(id), database_.newest(id).bid_price) << id;
}

TEST_F(LatestCacheThreads, InvalidatingMarkingAndSweepingGoOnBesideWritesAndReads) {
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    threads.emplace_back([&] {
        while (!stop.load()) {
            cache_.erase_if([](const SeriesKey& series, const std::byte*) { return series.id % 2 == 0; });
            cache_.mark_unverified();
            cache_.sweep(kNow + 29s);
            static_cast<void>(cache_.size());
        }
    });
    threads.emplace_back([&] {
        while (!stop.load()) {
            for (int id = 0; id < kSeries; ++id) cache_.count(cached_number(id) > 0 ? 1 : 0, 0);
        }
    });
    for (int round = 0; round < kRounds; ++round) write(round % kSeries);
    stop.store(true);
    for (std::thread& thread : threads) thread.join();

    for (int id = 0; id < kSeries; ++id) ask(id);
    for (int id = 0; id < kSeries; ++id) EXPECT_EQ(cached_number(id), database_.newest(id).bid_price) << id;
}

}  // namespace
}  // namespace marketdb::cache
