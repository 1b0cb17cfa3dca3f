#include <algorithm>
#include <atomic>
#include <future>
#include <optional>
#include <thread>

#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include "../support/started.hpp"
#include "every_method.hpp"
#include "support/sanitized.hpp"

namespace marketdb::testing {
namespace {

namespace asio = boost::asio;

MARKETDB_CONTRACT_SUITE(Running);
MARKETDB_SHARED_CONTRACT_SUITE(RunningShared);

/// An io_context with one thread of its own.
class ContextThread {
 public:
    ContextThread() : work_(context_.get_executor()), thread_([this] { context_.run(); }) {}
    ~ContextThread() {
        work_.reset();
        thread_.join();
    }
    ContextThread(const ContextThread&) = delete;
    ContextThread& operator=(const ContextThread&) = delete;

    [[nodiscard]] asio::io_context& context() noexcept { return context_; }
    [[nodiscard]] std::thread::id id() const noexcept { return thread_.get_id(); }

 private:
    asio::io_context context_;
    asio::executor_work_guard<asio::io_context::executor_type> work_;
    std::thread thread_;
};

// --- deadlines ---------------------------------------------------------------------------------------------------------

TEST_P(Running, ADeadlineInThePastIsATimeoutAndNothingIsStored) {
    const Symbol symbol = make_symbol();
    store(balance(symbol.exchange_id, "USDT", kNoon, 1));
    const Deadline past{std::chrono::steady_clock::now() - 1s};
    const auto late = [&](auto operation) {
        expect_error(ErrorCode::timeout, [&] { static_cast<void>(wait(std::move(operation))); });
    };
    late(db().insert_book_ticker_snapshots({quote(symbol.id, kNoon, 1, 2)}, past));
    late(db().insert_trades({trade(symbol.id, kNoon, "1")}, past));
    late(db().insert_funding_rates({with_settlement(funding(symbol.id, kNoon, 0.1))}, past));
    late(db().insert_balance_snapshots({balance(symbol.exchange_id, "USDT", kNoon + 1s, 1)}, {}, past));
    late(db().ensure_exchange("LATE_SPOT", past));
    late(db().get_book_ticker_history({}, past));
    late(db().get_database_stats(past));
    late(db().get_series_stats(past));
    if (target().can.keeps_sources) late(db().get_sources({}, past));
    late(db().refresh_reference(past));
    EXPECT_EQ(stored_quotes().size() + stored_trades().size() + stored_funding().size(), 0U);
    EXPECT_EQ(stored_balances().size(), 1U);
    EXPECT_EQ(db().find_exchange("LATE_SPOT"), nullptr);
    EXPECT_EQ(wait(db().get_pool_stats()).dropped, 0U) << "nothing was begun that had to be broken off";
}

TEST_P(Running, ADeadlineThatPassesDuringALongReadIsATimeout) {
    const SymbolId symbol = make_symbol().id;
    std::vector<BookTicker> rows;
    for (int i = 0; i < 50'000; ++i) rows.push_back(quote(symbol, kNoon + i * 1ms, 100, 101));
    store(rows);
    expect_error(ErrorCode::timeout,
                 [&] { static_cast<void>(wait(db().get_book_ticker_history({}, Deadline::in(1ms)))); });
    EXPECT_EQ(wait(db().get_book_ticker_history({}, Deadline::never())).rows.size(), 50'000U);
}

TEST_P(RunningShared, WithoutADeadlineOfItsOwnAnOperationHasTheConfiguredOne) {
    const SymbolId symbol = make_symbol().id;
    Config impatient = config();
    impatient.command_timeout = 300ms;
    const auto manager = std::make_unique<DatabaseManager>(impatient);
    manager->wait(manager->initialize(Deadline::in(60s)));
    const auto lock = target().lock_writes(folder());
    expect_error(ErrorCode::timeout, [&] {
        static_cast<void>(manager->wait(manager->insert_book_ticker_snapshots({quote(symbol, kNoon, 1, 2)})));
    });
    lock->release();
    EXPECT_EQ(stored_quotes(), Lines{});
}

TEST_P(RunningShared, ADeadlineThatPassesBehindAnotherProgramsLockIsATimeoutAndNothingIsStored) {
    const SymbolId symbol = make_symbol().id;
    const auto lock = target().lock_writes(folder());
    const auto begin = std::chrono::steady_clock::now();
    expect_error(ErrorCode::timeout, [&] {
        static_cast<void>(wait(db().insert_book_ticker_snapshots({quote(symbol, kNoon, 1, 2)}, Deadline::in(50ms))));
    });
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 3s) << "the deadline counts, not the busy timeout";
    lock->release();
    EXPECT_EQ(stored_quotes(), Lines{});
    EXPECT_EQ(store(quote(symbol, kNoon, 1, 2)), result(1)) << "and the next write goes through";
}

TEST_P(RunningShared, ALockThatIsHeldLongerThanTheBusyTimeoutIsUnavailable) {
    if (!target().has_busy_timeout) GTEST_SKIP() << "this engine waits behind a lock until the deadline";
    const SymbolId symbol = make_symbol().id;
    close();
    Config settings = config();
    settings.busy_timeout = 20ms;
    const auto manager = open(settings);
    const auto lock = target().lock_writes(folder());
    expect_error(
        ErrorCode::unavailable,
        [&] { static_cast<void>(manager->wait(manager->insert_book_ticker_snapshots({quote(symbol, kNoon, 1, 2)}))); },
        {"lock"});
    EXPECT_TRUE(manager->wait(manager->get_book_ticker_history()).rows.empty()) << "readers do not wait for writers";
    lock->release();
    EXPECT_EQ(manager->wait(manager->insert_book_ticker_snapshots({quote(symbol, kNoon, 1, 2)})), result(1));
}

// --- cancelling --------------------------------------------------------------------------------------------------------

TEST_P(RunningShared, AWriteIsCancelledWhileItWaitsForALockAndWhileItWaitsInTheQueue) {
    const SymbolId symbol = make_symbol().id;
    static_cast<void>(store(quote(symbol, kNoon - 1s, 1, 2)));
    // Nothing but the wish to cancel may end the waiting, however busy the machine is.
    Config patient = config();
    patient.busy_timeout = 600s;
    const auto manager = open(patient);
    ContextThread own;
    const auto lock = target().lock_writes(folder());
    Started running(own.context(),
                    manager->insert_book_ticker_snapshots({quote(symbol, kNoon, 1, 2)}, Deadline::never()));
    Started queued(own.context(),
                   manager->insert_book_ticker_snapshots({quote(symbol, kNoon + 1s, 1, 2)}, Deadline::never()));
    ASSERT_TRUE(wait_until([&] { return manager->get_performance_stats().pending_operations >= 2; }));

    queued.cancel(own.context());
    EXPECT_TRUE(wait_until([&] { return queued.is_done(); }, 3000ms));
    running.cancel(own.context());
    EXPECT_TRUE(wait_until([&] { return running.is_done(); }, 3000ms)) << "without waiting for the lock";
    lock->release();
    ASSERT_TRUE(wait_until([&] { return running.is_done() && queued.is_done(); }));
    EXPECT_EQ(running.code(), ErrorCode::cancelled);
    EXPECT_EQ(queued.code(), ErrorCode::cancelled);
    EXPECT_EQ(stored_quotes(), (Lines{"-1000ms #0 bid 1x1 ask 2x2"}));
    EXPECT_EQ(store(quote(symbol, kNoon, 1, 2)), result(1)) << "the next operation is not cancelled with it";
}

TEST_P(Running, AnOpeningThatIsCancelledAtAnyMomentCanBeRepeated) {
    start_empty();
    ContextThread own;
    for (int round = 0; round < 20; ++round) {
        DatabaseManager manager(config());
        Started opening(own.context(), manager.initialize());
        const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(round * 500);
        while (std::chrono::steady_clock::now() < until) std::this_thread::yield();
        opening.cancel(own.context());
        ASSERT_TRUE(wait_until([&] { return opening.is_done(); }));
        const std::optional<ErrorCode> code = opening.code();
        EXPECT_TRUE(!code || *code == ErrorCode::cancelled);
        manager.wait(manager.initialize());
        EXPECT_TRUE(manager.wait(manager.get_all_exchanges()).empty());
    }
}

TEST_P(Running, AWriteThatIsCancelledAtAnyMomentIsStoredWholeOrNotAtAll) {
    const SymbolId symbol = make_symbol().id;
    ContextThread own;
    int cancelled = 0;
    for (int round = 0; round < 30; ++round) {
        std::vector<BookTicker> rows;
        const Timestamp begin = kNoon + round * 10s;
        for (int i = 0; i < 3000; ++i) rows.push_back(quote(symbol, begin + i * 1ms, 1, 2));
        Started write(own.context(), db().insert_book_ticker_snapshots(std::move(rows)));
        const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(round * 300);
        while (std::chrono::steady_clock::now() < until) std::this_thread::yield();
        write.cancel(own.context());
        ASSERT_TRUE(wait_until([&] { return write.is_done(); }));

        HistoryFilter filter;
        filter.start = begin;
        filter.end = begin + 10s;
        const std::size_t stored = wait(db().get_book_ticker_history(filter)).rows.size();
        if (write.code()) {
            ++cancelled;
            EXPECT_EQ(*write.code(), ErrorCode::cancelled);
            EXPECT_EQ(stored, 0U) << "round " << round;
        } else {
            EXPECT_EQ(stored, 3000U) << "round " << round;
        }
    }
    EXPECT_GT(cancelled, 0) << "at least the first is cancelled in time";
}

TEST_P(Running, AReadThatIsCancelledMidWayEndsSoon) {
    constexpr int kRows = fewer_if_sanitized(100'000);
    const SymbolId symbol = make_symbol().id;
    std::vector<BookTicker> rows;
    for (int i = 0; i < kRows; ++i) rows.push_back(quote(symbol, kNoon + i * 1ms, 100, 101));
    store(rows);
    ContextThread own;
    std::optional<ErrorCode> code;
    for (int round = 0; round < 20 && !code; ++round) {  // It may have been ready before the wish came.
        Started read(own.context(), db().get_book_ticker_history({}, Deadline::never()));
        ASSERT_TRUE(wait_until([&] { return read.is_done() || db().get_performance_stats().pending_operations > 0; }));
        read.cancel(own.context());
        ASSERT_TRUE(wait_until([&] { return read.is_done(); }));
        code = read.code();
    }
    EXPECT_EQ(code, ErrorCode::cancelled);
    EXPECT_EQ(wait(db().get_database_stats()).datasets.at(0).rows, kRows) << "the connection goes on working";
}

// --- executors ---------------------------------------------------------------------------------------------------------

TEST_P(Running, WaitOnTheManagersOwnThreadThrowsInsteadOfHanging) {
    std::optional<ErrorCode> code;
    const auto body = [&]() -> asio::awaitable<void> {
        try {
            db().wait(db().get_database_stats());
        } catch (const Error& error) {
            code = error.code();
        }
        co_return;
    };
    static_cast<void>(db());
    asio::co_spawn(db().executor(), body(), asio::use_future).get();
    EXPECT_EQ(code, ErrorCode::invalid_argument);
}

TEST_P(Running, AMethodResumesOnTheExecutorOfTheCoroutineThatAwaitsIt) {
    const SymbolId symbol = make_symbol().id;
    ContextThread own;
    const auto body = [&]() -> asio::awaitable<void> {
        const std::vector<BookTicker> rows{quote(symbol, kNoon, 1, 2)};
        co_await db().insert_book_ticker_snapshots(rows);
        EXPECT_EQ(std::this_thread::get_id(), own.id());
        const auto latest = co_await db().get_latest_book_tickers();
        EXPECT_EQ(latest.size(), 1U);
        EXPECT_EQ(std::this_thread::get_id(), own.id());
        co_await db().refresh_reference();
        EXPECT_EQ(std::this_thread::get_id(), own.id());
        const auto history = co_await db().get_book_ticker_history();
        EXPECT_EQ(history.rows.size(), 1U);
        EXPECT_EQ(std::this_thread::get_id(), own.id());
    };
    asio::co_spawn(own.context(), body(), asio::use_future).get();
}

TEST_P(Running, AManagerWorksOnTheCallersExecutor) {
    ContextThread own;
    {
        DatabaseManager manager(config(), own.context().get_executor());
        EXPECT_EQ(manager.executor(), asio::any_io_executor(own.context().get_executor()));
        manager.wait(manager.initialize());
        const Exchange exchange = manager.wait(manager.ensure_exchange("ALPHA_SPOT"));
        EXPECT_EQ(manager.find_exchange("ALPHA_SPOT")->id, exchange.id);

        std::optional<ErrorCode> code;
        const auto body = [&]() -> asio::awaitable<void> {
            try {
                manager.wait(manager.get_database_stats());
            } catch (const Error& error) {
                code = error.code();
            }
            co_return;
        };
        asio::co_spawn(own.context(), body(), asio::use_future).get();
        EXPECT_EQ(code, ErrorCode::invalid_argument) << "wait() on the thread that would have to run it";
        manager.wait(manager.close());
    }
}

TEST_P(Running, ACoroutineUsesTheManagerFromStartToEnd) {
    const auto body = [this]() -> asio::awaitable<std::size_t> {
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        DatabaseManager manager(config(), executor);
        co_await manager.initialize();
        const Exchange exchange = co_await manager.ensure_exchange("ALPHA_SPOT");
        const std::vector<Balance> rows{balance(exchange.id, "USDT", kNoon, 5)};
        co_await manager.insert_balance_snapshots(rows);
        const std::vector<Latest<Balance>> latest = co_await manager.get_latest_balances();
        co_await manager.close();
        co_return latest.size();
    };
    EXPECT_EQ(run(body()), 1U) << "on an io_context with one thread, which ends when there is nothing left to do";
}

TEST_P(Running, FiltersAndTextsNeedToLiveOnlyUntilTheCallReturns) {
    make_symbol();
    const auto body = [this]() -> asio::awaitable<void> {
        auto exchange = std::make_unique<std::string>("ALPHA_SPOT");
        auto text = std::make_unique<std::string>("btc/usdt");
        asio::awaitable<Symbol> operation = db().resolve_symbol(*exchange, *text);
        LatestFilter filter;
        filter.series.exchange = *exchange;
        filter.series.symbol = *text;
        asio::awaitable<std::vector<Latest<BookTicker>>> latest = db().get_latest_book_tickers(filter);
        exchange->assign(200, 'x');
        text->assign(200, 'x');
        exchange.reset();
        text.reset();
        const Symbol symbol = co_await std::move(operation);
        EXPECT_EQ(symbol.exchange_symbol, "BTCUSDT");
        const auto rows = co_await std::move(latest);
        EXPECT_TRUE(rows.empty());
    };
    run(body());
}

TEST_P(Running, ManyCoroutinesOfOneThreadAreServed) {
    const SymbolId symbol = make_symbol().id;
    asio::io_context context;
    int done = 0;
    const auto writer = [&](int index) -> asio::awaitable<void> {
        const std::vector<BookTicker> rows{quote(symbol, kNoon + index * 1s, 1, 2)};
        co_await db().insert_book_ticker_snapshots(rows);
        const auto latest = co_await db().get_latest_book_tickers();
        EXPECT_EQ(latest.size(), 1U);
        ++done;
    };
    for (int i = 0; i < 100; ++i) asio::co_spawn(context, writer(i), asio::detached);
    context.run();
    EXPECT_EQ(done, 100);
    EXPECT_EQ(stored_quotes().size(), 100U);
}

TEST_P(RunningShared, MorePendingOperationsThanAllowedAreRefusedAndTheOthersAreServed) {
    const SymbolId symbol = make_symbol().id;
    store(quote(symbol, kNoon - 1s, 1, 2));
    close();
    Config settings = config();
    settings.max_pending_operations = 4;
    // The manager's own look for changes takes none of the four places, and only the lock's end lets a writer go.
    settings.poll_interval = 1h;
    settings.busy_timeout = 600s;
    const auto manager = open(settings);
    static_cast<void>(manager->wait(manager->insert_book_ticker_snapshots({quote(symbol, kNoon - 1s, 1, 2)})));
    const auto lock = target().lock_writes(folder());
    ContextThread own;
    std::vector<std::unique_ptr<Started>> started;
    for (int i = 0; i < 10; ++i) {
        started.push_back(std::make_unique<Started>(
            own.context(),
            manager->insert_book_ticker_snapshots({quote(symbol, kNoon + i * 1s, 1, 2)}, Deadline::never())));
    }
    EXPECT_TRUE(wait_until([&] {
        return std::count_if(started.begin(), started.end(), [](const auto& one) { return one->is_done(); }) == 6;
    }));
    lock->release();
    ASSERT_TRUE(wait_until(
        [&] { return std::all_of(started.begin(), started.end(), [](const auto& one) { return one->is_done(); }); }));
    int refused = 0;
    for (const auto& one : started) {
        if (!one->code()) continue;
        EXPECT_EQ(*one->code(), ErrorCode::resource_exhausted);
        ++refused;
    }
    EXPECT_EQ(refused, 6);
    EXPECT_EQ(manager->wait(manager->get_book_ticker_history()).rows.size(), 5U);
}

TEST_P(Running, ThePoolCountsItsConnectionsAndWhoGotOne) {
    const SymbolId symbol = make_symbol().id;
    // The manager's own look for changes uses them, too.
    PoolStats before;
    ASSERT_TRUE(wait_until([&] {
        before = wait(db().get_pool_stats());
        return before.busy == 0 && before.waiting == 0;
    }));
    EXPECT_GE(before.size, 1U);
    EXPECT_EQ(before.idle, before.size);
    EXPECT_GE(before.min_size, 1U);
    EXPECT_LE(before.size, before.max_size);
    EXPECT_EQ(before.made, before.size);
    EXPECT_EQ(before.dropped, 0U);
    EXPECT_EQ(before.timeouts, 0U);
    EXPECT_GT(before.acquired, 0U);
    store(quote(symbol, kNoon, 1, 2));
    EXPECT_EQ(stored_quotes().size(), 1U);
    const PoolStats after = wait(db().get_pool_stats());
    EXPECT_GE(after.acquired, before.acquired + 2);
    EXPECT_EQ(after.size, after.idle + after.busy);
    EXPECT_EQ(after.timeouts, 0U);
}

TEST_P(RunningShared, ThePoolCountsWhoWaitsAndWhoWaitedTooLong) {
    const SymbolId symbol = make_symbol().id;
    store(quote(symbol, kNoon - 1s, 1, 2));
    close();
    Config settings = config();
    settings.poll_interval = 1h;
    settings.busy_timeout = 600s;
    settings.postgres.pool_max_size = 1;
    const auto manager = open(settings);
    const auto stats = [&] { return manager->wait(manager->get_pool_stats()); };
    const auto lock = target().lock_writes(folder());
    ContextThread own;
    Started running(own.context(),
                    manager->insert_book_ticker_snapshots({quote(symbol, kNoon, 1, 2)}, Deadline::never()));
    ASSERT_TRUE(wait_until([&] { return stats().busy == 1; }));
    Started waiting(own.context(),
                    manager->insert_book_ticker_snapshots({quote(symbol, kNoon + 1s, 1, 2)}, Deadline::in(200ms)));
    EXPECT_TRUE(wait_until([&] { return waiting.is_done() || stats().waiting == 1; }));
    EXPECT_TRUE(wait_until([&] { return waiting.is_done(); }));
    EXPECT_EQ(waiting.code(), ErrorCode::timeout);
    const PoolStats late = stats();
    EXPECT_EQ(late.busy, 1U);
    EXPECT_EQ(late.waiting, 0U);
    EXPECT_EQ(late.timeouts, 1U);
    EXPECT_GE(late.waits, 1U);
    lock->release();
    ASSERT_TRUE(wait_until([&] { return running.is_done(); }));
    EXPECT_EQ(running.code(), std::nullopt);
    EXPECT_TRUE(wait_until([&] { return stats().busy == 0; }));
    EXPECT_EQ(stored_quotes(), (Lines{"-1000ms #0 bid 1x1 ask 2x2", "+0ms #0 bid 1x1 ask 2x2"}));
}

TEST_P(Running, CloseWaitsForOperationsInFlight) {
    const SymbolId symbol = make_symbol().id;
    ContextThread own;
    std::vector<BookTicker> rows;
    for (int i = 0; i < 50'000; ++i) rows.push_back(quote(symbol, kNoon + i * 1ms, 1, 2));
    Started write(own.context(), db().insert_book_ticker_snapshots(std::move(rows), Deadline::never()));
    // Its turn on the thread comes after that of the write, which is in flight by then.
    std::promise<void> begun;
    asio::post(own.context(), [&] { begun.set_value(); });
    begun.get_future().wait();
    db().wait(db().close());
    EXPECT_TRUE(wait_until([&] { return write.is_done(); }));
    EXPECT_EQ(write.code(), std::nullopt) << "it was in flight and has ended";
    if (!target().is_shared) return;
    close();
    EXPECT_EQ(wait(db().get_database_stats()).datasets.at(0).rows, 50'000U);
}

TEST_P(Running, TheLogHookHearsNothingWhenNothingIsWrong) {
    std::atomic<int> said{0};
    Config settings = config();
    settings.log = [&](LogLevel level, std::string_view text) {
        if (level >= LogLevel::warning) ADD_FAILURE() << text;
        ++said;
    };
    settings.notices = {"a key was ignored"};
    {
        const auto manager = open(settings);
        const Exchange exchange = manager->wait(manager->ensure_exchange("ALPHA_SPOT"));
        static_cast<void>(manager->wait(manager->insert_balance_snapshots({balance(exchange.id, "USDT", kNoon, 5)})));
        manager->wait(manager->close());
    }
    EXPECT_EQ(said.load(), 1) << "the notice of the configuration, once";
}

}  // namespace
}  // namespace marketdb::testing
