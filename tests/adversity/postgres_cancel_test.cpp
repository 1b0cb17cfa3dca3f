#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>

#include "adversity/postgres_desk.hpp"
#include "adversity/steps.hpp"
#include "support/fault_proxy.hpp"

/// Operations that are cancelled, or run out of time, wherever they wait.
namespace marketdb::testing {
namespace {

/// What is cancelled. `act` is called anew for each attempt.
struct Victim {
    std::function<asio::awaitable<void>(DatabaseManager& db, SymbolId symbol)> act;
    std::string whole;  ///< PostgresDesk::stored_quotes once it has succeeded.
};

asio::awaitable<void> insert(DatabaseManager& db, SymbolId symbol, int rows) {
    std::vector<BookTicker> quotes = PostgresDesk::quotes(symbol, rows);
    co_await db.insert_book_ticker_snapshots(std::move(quotes));
}

asio::awaitable<void> read_history(DatabaseManager& db) {
    const HistoryFilter everything;
    const History<BookTicker> history = co_await db.get_book_ticker_history(everything);
    EXPECT_EQ(history.rows.size(), 8U);
}

asio::awaitable<void> read_latest(DatabaseManager& db) {
    LatestFilter asked;
    asked.max_cache_age = std::chrono::microseconds(0);
    const std::vector<Latest<BookTicker>> latest = co_await db.get_latest_book_tickers(asked);
    EXPECT_EQ(latest.size(), 1U);
}

asio::awaitable<void> refresh(DatabaseManager& db) { co_await db.refresh_reference(); }

const Victim kInsert{[](DatabaseManager& db, SymbolId symbol) { return insert(db, symbol, 3); }, "3|3|3"};
const Victim kLargeInsert{[](DatabaseManager& db, SymbolId symbol) { return insert(db, symbol, 2'500); },
                          "2500|2500|2500"};
const Victim kHistory{[](DatabaseManager& db, SymbolId) { return read_history(db); }, {}};
const Victim kLatest{[](DatabaseManager& db, SymbolId) { return read_latest(db); }, {}};

asio::awaitable<void> read_a_batch(DatabaseManager& db) {
    HistoryReader<BookTicker> reader = db.read_history<BookTicker>();
    const std::vector<BookTicker> batch = co_await reader.next(5);
    EXPECT_EQ(batch.size(), 5U);
}

asio::awaitable<void> keep_a_source(DatabaseManager& db) {
    Source source;
    source.kind = "import";
    source.sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const SourceId id = co_await db.begin_source(source);
    QuarantinedRow row;
    row.source_id = id;
    row.line = 1;
    row.dataset = "trades";
    row.reason = "no price";
    std::vector<QuarantinedRow> rows{row};
    co_await db.insert_quarantined_rows(std::move(rows));
    co_await db.finish_source(id, 0);
}

CleanupOptions of_old_rows() {
    CleanupOptions options = a_week();
    options.older_than = std::chrono::hours(24);
    options.exact = true;
    options.dataset = Dataset::trades;
    return options;
}

/// The other operations, each once.
const std::vector<std::pair<const char*, Victim>>& others() {
    static const std::vector<std::pair<const char*, Victim>> all{
        {"trades",
         {[](DatabaseManager& db, SymbolId id) { return ignoring(db.insert_trades({trade(id, kNoon, "1")})); }, {}}},
        {"funding rates",
         {[](DatabaseManager& db, SymbolId id) {
              return ignoring(db.insert_funding_rates({funding(id, kNoon, 0.0001)}));
          },
          {}}},
        {"balances",
         {[](DatabaseManager& db, SymbolId) {
              return ignoring(db.insert_balance_snapshots({balance(ExchangeId{1}, "USDT", kNoon, 5)}));
          },
          {}}},
        {"an exchange",
         {[](DatabaseManager& db, SymbolId id) {
              return ignoring(db.ensure_exchange("E" + std::to_string(static_cast<int>(id)) + "_SPOT"));
          },
          {}}},
        {"a source and its rows", {[](DatabaseManager& db, SymbolId) { return keep_a_source(db); }, {}}},
        {"statistics", {[](DatabaseManager& db, SymbolId) { return ignoring(db.get_database_stats()); }, {}}},
        {"what is in memory", {[](DatabaseManager& db, SymbolId) { return refresh(db); }, {}}},
        {"cleaning up",
         {[](DatabaseManager& db, SymbolId) { return ignoring(db.cleanup_old_data(of_old_rows())); }, {}}},
        {"a reader", {[](DatabaseManager& db, SymbolId) { return read_a_batch(db); }, {}}},
        {"migrations", {[](DatabaseManager& db, SymbolId) { return ignoring(db.migrate_status()); }, {}}},
    };
    return all;
}

class PostgresCancel : public ::testing::Test {
 protected:
    PostgresCancel() : desk_(PostgresServer::shared()), setup_(PostgresDesk::open(desk_.config())) {}

    SymbolId next_symbol() { return PostgresDesk::make_symbol(*setup_, "S" + std::to_string(++symbols_)).id; }

    /// Cancels at the first, the second, .. step until it succeeds before.
    void cancel(const Victim& victim, Wish wish) {
        Steps steps;
        DatabaseManager db(desk_.config(2), steps.managers().get_executor());
        steps.run(db.initialize());
        const auto next = [&] {
            const SymbolId symbol = next_symbol();
            Attempt attempt;
            attempt.act = [&db, &victim, symbol] { return victim.act(db, symbol); };
            attempt.check = [this, &victim, symbol](bool is_there) { check_stored(victim, symbol, is_there); };
            return attempt;
        };
        cancel_at_each_step(steps, db, wish, next, delays_);
        EXPECT_TRUE(wait_until([&] { return desk_.sessions() <= 3; })) << "two of this manager, one of the test's own";
        steps.run(db.close());
    }

    void check_stored(const Victim& victim, SymbolId symbol, bool is_there) {
        if (victim.whole.empty()) return;
        EXPECT_EQ(desk_.stored_quotes(symbol), is_there ? victim.whole : "0|0|0");
    }

    /// On the manager's executor by the wish that every coroutine hears of, from another by the mildest.
    void everywhere(const Victim& victim) {
        cancel(victim, {true, asio::cancellation_type::terminal});
        if (HasFatalFailure()) return;
        cancel(victim, {false, asio::cancellation_type::total});
        check_delays(delays_);
    }
    void in_all_other_ways(const Victim& victim) {
        cancel(victim, {true, asio::cancellation_type::total});
        if (HasFatalFailure()) return;
        cancel(victim, {false, asio::cancellation_type::terminal});
        check_delays(delays_);
    }

    /// Cancels the opening of an empty schema at each `stride`-th step until it succeeds before.
    static void cancel_opening(int stride) {
        const PostgresDesk empty(PostgresServer::shared());
        int cancelled = 0;
        for (int count = kFirstStep;; count += stride) {
            ASSERT_LT(count, 1000);
            SCOPED_TRACE("cancelled at step " + std::to_string(count));
            Steps steps;
            DatabaseManager db(empty.config(), steps.managers().get_executor());
            Started running(steps.callers().get_executor(), listening(db.initialize()));
            const bool was_done = steps.step(running, count);
            running.cancel(asio::cancellation_type::terminal);
            steps.finish(running);
            if (running.code()) {
                EXPECT_EQ(to_string(*running.code()), "cancelled");
                ++cancelled;
            }
            steps.run(db.initialize());
            EXPECT_TRUE(db.is_initialized());
            steps.run(db.close());
            if (was_done) break;
            empty.run("SET client_min_messages = error; DROP SCHEMA " + empty.schema() + " CASCADE; CREATE SCHEMA " +
                      empty.schema());
        }
        EXPECT_GE(cancelled, 2);
    }

    /// How many of the manager's sessions.
    [[nodiscard]] std::string waiting_for_locks() const {
        return desk_.ask(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = '" +
            desk_.schema() + "'");
    }

    void lock_table(PostgresSession& session) const {
        session.run("BEGIN; LOCK TABLE " + desk_.schema() + ".book_ticker_snapshots");
    }
    /// Until one of the manager's sessions waits for a lock.
    bool comes_to_wait(Steps& steps) const {
        return wait_until([&] {
            steps.turn();
            return waiting_for_locks() == "1";
        });
    }
    /// Nothing is stored, and the same can be stored now.
    void expect_undone(Steps& steps, DatabaseManager& db, SymbolId symbol) {
        check_stored(kInsert, symbol, false);
        steps.run(kInsert.act(db, symbol));
        check_stored(kInsert, symbol, true);
        steps.run(db.close());
    }

    void store_eight() { setup_->wait(setup_->insert_book_ticker_snapshots(PostgresDesk::quotes(next_symbol(), 8))); }

    PostgresDesk desk_;
    std::unique_ptr<DatabaseManager> setup_;
    std::vector<Clock::duration> delays_;
    int symbols_ = 0;
};

TEST_F(PostgresCancel, AnInsertIsUndoneOrStoredWhereverItIsCancelled) { everywhere(kInsert); }

TEST_F(PostgresCancel, ALargeInsertIsUndoneOrStoredWhereverItIsCancelled) { everywhere(kLargeInsert); }

TEST_F(PostgresCancel, AHistoryIsCancelledWhereverItWaits) {
    store_eight();
    everywhere(kHistory);
}

TEST_F(PostgresCancel, TheLatestRowsAreCancelledWhereverTheyWait) {
    store_eight();
    everywhere(kLatest);
}

TEST_F(PostgresCancel, EveryOtherOperationIsCancelledWhereverItWaits) {
    store_eight();
    for (const auto& [name, victim] : others()) {
        SCOPED_TRACE(name);
        cancel(victim, {true, asio::cancellation_type::terminal});
        if (HasFatalFailure()) return;
    }
    check_delays(delays_);
}

/// The program is busy with something else: only the server can end what nobody waits for any more.
TEST_F(PostgresCancel, ADeadlineReachesTheServer) {
    Steps steps;
    DatabaseManager db(desk_.config(), steps.managers().get_executor());
    steps.run(db.initialize());
    const SymbolId first = next_symbol();
    const SymbolId symbol = next_symbol();
    steps.run(refresh(db));
    steps.run(kInsert.act(db, first));
    PostgresSession lock(PostgresServer::shared().conninfo(kTestDatabase, kTestRole));
    lock_table(lock);
    bool waits = false;
    for (auto limit = 1s; !waits && limit < 60s; limit *= 2) {  // A busy machine may need longer to get there.
        std::vector<BookTicker> rows = PostgresDesk::quotes(symbol, 3);
        Started running(steps.callers().get_executor(),
                        ignoring(db.insert_book_ticker_snapshots(std::move(rows), Deadline::in(limit))));
        EXPECT_TRUE(wait_until(
            [&] {
                steps.turn();
                waits = waiting_for_locks() == "1";
                return waits || running.is_done();
            },
            60s));
        EXPECT_TRUE(wait_until([&] { return waiting_for_locks() == "0"; }, 60s))
            << desk_.ask("SELECT query FROM pg_stat_activity WHERE application_name = '" + desk_.schema() + "'");
        steps.finish(running);
        EXPECT_EQ(running.code(), ErrorCode::timeout);
    }
    EXPECT_TRUE(waits);
    lock.run("ROLLBACK");
    expect_undone(steps, db, symbol);
}

/// Few rows go in one round trip, and only the server knows how far it has come.
TEST_F(PostgresCancel, AWishReachesAServerThatWaitsForALock) {
    Steps steps;
    DatabaseManager db(desk_.config(), steps.managers().get_executor());
    steps.run(db.initialize());
    store_eight();
    const SymbolId symbol = next_symbol();
    steps.run(refresh(db));
    PostgresSession lock(PostgresServer::shared().conninfo(kTestDatabase, kTestRole));
    lock_table(lock);
    Started running(steps.callers().get_executor(), listening(kInsert.act(db, symbol)));
    ASSERT_TRUE(comes_to_wait(steps));
    const auto begin = Clock::now();
    running.cancel(asio::cancellation_type::total);
    steps.finish(running);
    EXPECT_LT(Clock::now() - begin, 1s);
    EXPECT_EQ(running.code(), ErrorCode::cancelled) << running.what();
    EXPECT_EQ(waiting_for_locks(), "0");
    lock.run("ROLLBACK");
    expect_undone(steps, db, symbol);
}

TEST_F(PostgresCancel, AWishThatTheServerCannotAnswerLeavesAnInsertInDoubt) {
    FaultProxy proxy(PostgresServer::shared());
    Steps steps;
    DatabaseManager db(desk_.config(proxy.url(desk_.parameters())), steps.managers().get_executor());
    steps.run(db.initialize());
    const SymbolId symbol = next_symbol();
    steps.run(refresh(db));
    steps.run(kInsert.act(db, symbol));
    const SymbolId other = next_symbol();
    steps.run(refresh(db));
    Fault silence;
    silence.action = FaultAction::stall;
    silence.direction = Direction::to_client;
    silence.containing = "COMMIT";
    proxy.inject(silence);
    Started running(steps.callers().get_executor(), listening(kInsert.act(db, other)));
    ASSERT_TRUE(wait_until([&] {
        steps.turn();
        return proxy.happened() == 1;
    }));
    const auto begin = Clock::now();
    running.cancel(asio::cancellation_type::total);
    steps.finish(running);
    EXPECT_LT(Clock::now() - begin, 3s);
    EXPECT_EQ(running.code(), ErrorCode::in_doubt) << running.what();
    check_stored(kInsert, other, true);
    proxy.heal();
    steps.run(kInsert.act(db, other));
    check_stored(kInsert, other, true);
    steps.run(db.close());
}

/// A COPY waits for us, however long that takes within the operation's deadline.
TEST_F(PostgresCancel, TheSessionsLimitDoesNotEndACopyThatWaitsForUs) {
    Steps steps;
    Config settings = desk_.config();
    settings.command_timeout = 300ms;
    DatabaseManager db(settings, steps.managers().get_executor());
    steps.run(db.initialize(Deadline::in(60s)));
    const SymbolId symbol = next_symbol();
    steps.run(ignoring(db.refresh_reference(Deadline::in(60s))));
    const auto copying = [&] {
        return desk_.ask(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'ClientRead' AND state = 'active' AND "
            "query LIKE '%COPY%' AND application_name = '" +
            desk_.schema() + "'");
    };
    std::vector<BookTicker> rows = PostgresDesk::quotes(symbol, 2'500);
    Started running(steps.callers().get_executor(),
                    ignoring(db.insert_book_ticker_snapshots(std::move(rows), Deadline::in(60s))));
    for (int i = 0; copying() != "1"; ++i) {
        ASSERT_LT(i, 200) << "there was no COPY";
        ASSERT_FALSE(running.is_done());
        steps.step();
    }
    std::this_thread::sleep_for(1s);
    steps.finish(running);
    EXPECT_EQ(running.code(), std::nullopt);
    check_stored(kLargeInsert, symbol, true);
    steps.run(db.close());
}

class PostgresCancelLong : public PostgresCancel {};

TEST_F(PostgresCancelLong, EveryOperationInTheOtherWays) {
    store_eight();
    for (const Victim* victim : {&kHistory, &kLatest, &kInsert, &kLargeInsert}) in_all_other_ways(*victim);
}

TEST_F(PostgresCancel, OpeningAnEmptySchemaIsUndoneOrDoneWhereverItIsCancelled) { cancel_opening(10); }

TEST_F(PostgresCancelLong, OpeningAnEmptySchema) { cancel_opening(1); }

TEST_F(PostgresCancel, FromAThreadPoolAWishComesAtAnyTime) {
    const auto db = PostgresDesk::open(desk_.config(2));
    int cancelled = 0;
    for (int round = 0; round < 40; ++round) {
        const SymbolId symbol = PostgresDesk::make_symbol(*db, "P" + std::to_string(round)).id;
        asio::thread_pool pool(2);
        // One strand carries the coroutine and the wish, as Asio asks for; the pool's threads take turns at it.
        const auto strand = asio::make_strand(pool);
        Started running(strand, listening(kInsert.act(*db, symbol)));
        const auto until = Clock::now() + std::chrono::microseconds(round * 150);
        while (Clock::now() < until) std::this_thread::yield();
        asio::post(strand, [&] { running.cancel(asio::cancellation_type::total); });
        pool.join();
        ASSERT_TRUE(running.is_done());
        if (running.code()) ++cancelled;
        if (running.code() == ErrorCode::in_doubt) continue;  // The server said nothing for a second.
        check_stored(kInsert, symbol, !running.code());
    }
    EXPECT_GT(cancelled, 0);
    EXPECT_TRUE(wait_until([&] { return desk_.sessions() <= 3; }));
}

TEST_F(PostgresCancel, ADeadlineThatPassesAtAnyTimeUndoesAnInsertOrSaysThatItIsInDoubt) {
    int late = 0;
    for (int round = 0; round < 40; ++round) {
        const SymbolId symbol = next_symbol();
        const Deadline deadline = Deadline::in(std::chrono::microseconds(round * 150));
        std::optional<ErrorCode> code;
        try {
            setup_->wait(setup_->insert_book_ticker_snapshots(PostgresDesk::quotes(symbol, 3), deadline));
        } catch (const Error& error) {
            code = error.code();
        }
        if (code) {
            ++late;
            EXPECT_TRUE(code == ErrorCode::timeout || code == ErrorCode::in_doubt) << to_string(*code);
        }
        if (code == ErrorCode::in_doubt) continue;
        check_stored(kInsert, symbol, !code);
    }
    EXPECT_GT(late, 0);
    EXPECT_TRUE(wait_until([&] { return desk_.sessions() <= 1; }));
}

}  // namespace
}  // namespace marketdb::testing
