#include <atomic>
#include <thread>
#include <vector>

#include <boost/asio/detached.hpp>
#include <boost/asio/thread_pool.hpp>

#include "contract/engine_fixture.hpp"

namespace marketdb::testing {
namespace {

namespace asio = boost::asio;

constexpr int kSymbols = 8;
constexpr int kRounds = 25;
constexpr int kRowsOfABatch = 20;

/// One database in use from all sides at once. What is asserted is what must hold whatever the threads do; that they do not
/// race is ThreadSanitizer's part.
class ManagerThreads : public EngineTest {
 protected:
    void SetUp() override {
        for (int i = 0; i < kSymbols; ++i) symbols_.push_back(make_symbol("S" + std::to_string(i)));
    }

    asio::awaitable<void> write(int writer) {
        for (int round = 0; round < kRounds; ++round) {
            std::vector<BookTicker> rows;
            for (int i = 0; i < kRowsOfABatch; ++i) {
                const Symbol& symbol = symbols_[static_cast<std::size_t>(i % kSymbols)];
                rows.push_back(quote(symbol.id, kNoon + round * 1s + i * 1ms, 100 + writer, 200, writer));
                rows.back().received_at = rows.back().timestamp + 5ms;
            }
            const WriteResult written = co_await db().insert_book_ticker_snapshots(std::move(rows));
            inserted_ += written.inserted;
        }
        --running_;
    }

    asio::awaitable<void> read() {
        Timestamp newest = kNoTime;
        while (running_ > 0) {
            const std::vector<Latest<BookTicker>> latest = co_await db().get_latest_book_tickers();
            if (!latest.empty()) {
                EXPECT_GE(latest.front().row.timestamp, newest) << "the newest never goes back";
                newest = latest.front().row.timestamp;
            }
            HistoryFilter filter;
            filter.limit = 100;
            filter.order = Order::descending;
            const History<BookTicker> history = co_await db().get_book_ticker_history(filter);
            for (const BookTicker& row : history.rows) EXPECT_EQ(row.ask_price, 200);
            const DatabaseStats stats = co_await db().get_database_stats();
            EXPECT_EQ(stats.datasets.at(0).rows % kRowsOfABatch, 0U) << "batches are all or nothing";
        }
    }

    asio::awaitable<void> refresh() {
        int round = 0;
        while (running_ > 0) {
            co_await db().refresh_reference();
            Symbol extra = symbols_.front();
            extra.exchange_symbol = "EXTRA" + std::to_string(round % 50);
            co_await db().ensure_symbol(extra);
            db().cache_invalidate(CacheCategory::latest, "*:S1*");
            ++round;
        }
    }

    void find() {
        std::uint64_t found = 0;
        while (running_ > 0) {
            for (const Symbol& symbol : symbols_) {
                const Symbol* by_id = db().find_symbol(symbol.id);
                ASSERT_NE(by_id, nullptr);
                ASSERT_EQ(by_id->exchange_symbol, symbol.exchange_symbol);
                ASSERT_NE(db().find_symbol(symbol.exchange_id, symbol.exchange_symbol), nullptr);
                if (db().find_latest_book_ticker(symbol.id)) ++found;
            }
            static_cast<void>(db().find_symbol(symbols_.front().exchange_id, "EXTRA7"));
            static_cast<void>(db().get_performance_stats());
            clock().walk(1ms);
        }
        static_cast<void>(found);
    }

    std::vector<Symbol> symbols_;
    std::atomic<int> running_{0};
    std::atomic<std::uint64_t> inserted_{0};
};
/// Its rows share times, and its symbols pairs: existing tables hold neither.
std::vector<EngineTarget> engines_with_own_tables() {
    std::vector<EngineTarget> targets = all_engines();
    std::erase_if(targets, [](const EngineTarget& target) { return !target.can.own_tables; });
    return targets;
}

INSTANTIATE_TEST_SUITE_P(On, ManagerThreads, ::testing::ValuesIn(engines_with_own_tables()), engine_name);

TEST_P(ManagerThreads, WritersReadersFindersAndRefreshesTogether) {
    running_ = 3;
    asio::thread_pool pool(3);
    std::atomic<int> failures{0};
    const auto count_failure = [&](std::exception_ptr failure) {
        if (!failure) return;
        ++failures;
        try {
            std::rethrow_exception(failure);
        } catch (const std::exception& error) {
            ADD_FAILURE() << error.what();
        }
        running_ = 0;
    };
    for (int writer = 0; writer < 3; ++writer) asio::co_spawn(pool, write(writer), count_failure);
    for (int reader = 0; reader < 2; ++reader) asio::co_spawn(pool, read(), count_failure);
    asio::co_spawn(pool, refresh(), count_failure);
    std::thread first([this] { find(); });
    std::thread second([this] { find(); });
    pool.join();
    first.join();
    second.join();
    EXPECT_EQ(failures.load(), 0);
    EXPECT_EQ(inserted_.load(), 3U * kRounds * kRowsOfABatch);
    EXPECT_EQ(wait(db().get_database_stats()).datasets.at(0).rows, 3U * kRounds * kRowsOfABatch);
}

TEST_P(ManagerThreads, BlockingCallersOfSeveralThreads) {
    std::vector<std::thread> threads;
    for (int writer = 0; writer < 4; ++writer) {
        threads.emplace_back([this, writer] {
            for (int round = 0; round < 10; ++round) {
                const BookTicker row = quote(symbols_.front().id, kNoon + round * 1s, 100, 200, writer);
                inserted_ += wait(db().insert_book_ticker_snapshots({row})).inserted;
                static_cast<void>(wait(db().get_latest_book_tickers()));
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(inserted_.load(), 40U);
}

TEST_P(ManagerThreads, CloseFromOneThreadWhileOthersCallEndsEveryCallWithAnAnswerOrClosed) {
    std::vector<std::thread> threads;
    std::atomic<int> stored{0};
    std::atomic<int> refused{0};
    for (int writer = 0; writer < 3; ++writer) {
        threads.emplace_back([&, writer] {
            for (int round = 0;; ++round) {
                try {
                    const BookTicker row = quote(symbols_.front().id, kNoon + round * 1s, 100, 200, writer);
                    stored += static_cast<int>(db().wait(db().insert_book_ticker_snapshots({row})).inserted);
                } catch (const Error& error) {
                    EXPECT_EQ(to_string(error.code()), "closed") << error.what();
                    ++refused;
                    return;
                }
            }
        });
    }
    EXPECT_TRUE(wait_until([&] { return stored.load() > 10; }));
    db().wait(db().close());
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(refused.load(), 3);
    if (!target().is_shared) return;
    close();
    EXPECT_EQ(stored_quotes().size(), static_cast<std::size_t>(stored.load())) << "what was acknowledged is there";
}

TEST_P(ManagerThreads, ManagersComeAndGo) {
    close();
    for (int round = 0; round < 10; ++round) {
        DatabaseManager manager(config());
        manager.wait(manager.initialize());
        static_cast<void>(manager.wait(manager.ensure_exchange("ALPHA_SPOT")));
        if (round % 2 == 0) manager.wait(manager.close());
    }
}

}  // namespace
}  // namespace marketdb::testing
