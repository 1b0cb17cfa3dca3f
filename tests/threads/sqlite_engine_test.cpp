#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <stdexcept>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include "sqlite_engine_fixture.hpp"

namespace marketdb::testing {
namespace {

constexpr SymbolId kBtc{1};

TEST_F(SqliteEngine, DoesAllThatTheInterfaceOffers) {
    open();
    EXPECT_TRUE(engine_->capabilities().exact_doubles);
    EXPECT_EQ(write({quote(kBtc, kNoon, 1, 2), quote(kBtc, kNoon + 1ms, 3, 4)}).inserted, 2U);
    EXPECT_EQ(write({}).inserted, 0U);
    EXPECT_EQ(lines_of(scan()), (Lines{"+0ms #0 bid 1x1 ask 2x2", "+1ms #0 bid 3x1 ask 4x2"}));

    std::vector<BookTicker> newest;
    VectorSink<BookTicker> sink(newest);
    const std::vector<SeriesKey> asked{StoreTest::series(1)};
    run(engine_->latest(table_of<BookTicker>(), asked, sink, {}));
    EXPECT_EQ(lines_of(newest), (Lines{"+1ms #0 bid 3x1 ask 4x2"}));

    const auto series = run(engine_->series(std::nullopt, {}));
    ASSERT_EQ(series.size(), 1U);
    EXPECT_EQ(series[0].dataset, Dataset::book_tickers);
    EXPECT_EQ(series[0].rows, 2U);
    EXPECT_EQ(series[0].last, kNoon + 1ms);
    EXPECT_TRUE(run(engine_->series(Dataset::trades, {})).empty());

    Symbol symbol = StoreTest::symbol("BTC");
    symbol.id = kBtc;
    EXPECT_TRUE(run(engine_->update_one(table_of<Symbol>(), reinterpret_cast<std::byte*>(&symbol), {})));
    const auto marks = run(engine_->poll_changes({}));
    EXPECT_EQ(marks, run(engine_->poll_changes({})));

    storage::RowChoice first;
    first.table = &table_of<BookTicker>();
    first.series = StoreTest::series(1);
    first.end = kNoon + 1ms;
    EXPECT_EQ(run(engine_->count(first, {})), 1U);
    EXPECT_EQ(run(engine_->count_since(*first.table, kNoon, {})).at(0).rows, 2U);
    EXPECT_EQ(run(engine_->erase(first, 0, {})).rows, 1U);
    run(engine_->reclaim({}));
    EXPECT_EQ(stats().datasets[0].rows, 1U);
    EXPECT_EQ(engine_->pending(), 0U);
    EXPECT_EQ(run(engine_->migrate_status({})).version, 7U);
    EXPECT_TRUE(run(engine_->migrate_up({})).empty());
    expect_error(ErrorCode::constraint, [&] { run(engine_->migrate_down(0, {})); }, {"rows"});
    run(engine_->close({}));
    EXPECT_EQ(files(), (std::vector<std::string>{"market.db", "market.db-lock"}));
}

TEST_F(SqliteEngine, InMemoryEverythingWorksOnTheOneConnection) {
    config_.sqlite_path = ":memory:";
    open();
    EXPECT_EQ(write(many(1000)).inserted, 1000U);
    EXPECT_EQ(scan().size(), 1000U);
    EXPECT_EQ(stats().datasets[0].rows, 1000U);
    EXPECT_EQ(run(engine_->migrate_status({})).version, 7U);
    run(engine_->close({}));
    EXPECT_TRUE(files().empty());
}

TEST_F(SqliteEngine, EveryOperationFailsUnlessItIsOpen) {
    engine_ = std::make_unique<storage::sqlite::SqliteEngine>(config_);
    const auto all_fail = [&] {
        std::vector<BookTicker> rows = many(1);
        VectorSink<BookTicker> sink(rows);
        const std::vector<SeriesKey> asked{StoreTest::series(1)};
        Symbol symbol = StoreTest::symbol("XRP");
        auto* bytes = reinterpret_cast<std::byte*>(&symbol);
        expect_error(ErrorCode::closed, [&] { write(many(1)); });
        expect_error(ErrorCode::closed, [&] { scan(); });
        expect_error(ErrorCode::closed, [&] { stats(); });
        expect_error(ErrorCode::closed, [&] { run(engine_->latest(table_of<BookTicker>(), asked, sink, {})); });
        expect_error(ErrorCode::closed, [&] { run(engine_->series(std::nullopt, {})); });
        expect_error(ErrorCode::closed, [&] { run(engine_->insert_one(table_of<Symbol>(), bytes, {})); });
        expect_error(ErrorCode::closed, [&] { run(engine_->update_one(table_of<Symbol>(), bytes, {})); });
        expect_error(ErrorCode::closed, [&] { run(engine_->reclaim({})); });
        expect_error(ErrorCode::closed, [&] { run(engine_->poll_changes({})); });
        expect_error(ErrorCode::closed, [&] { run(engine_->count({&table_of<BookTicker>(), asked[0]}, {})); });
        expect_error(ErrorCode::closed, [&] { run(engine_->erase({&table_of<BookTicker>(), asked[0]}, 0, {})); });
    };
    all_fail();
    EXPECT_TRUE(files().empty());
    run(engine_->open({}));
    run(engine_->close({}));
    all_fail();
}

TEST_F(SqliteEngine, CanBeOpenedAgainAfterItWasClosedOrFailedToOpen) {
    config_.open_mode = OpenMode::existing;
    engine_ = std::make_unique<storage::sqlite::SqliteEngine>(config_);
    expect_error(ErrorCode::unavailable, [&] { run(engine_->open({})); }, {"no such file", "marketdb init"});
    run(engine_->close({}));
    EXPECT_TRUE(files().empty());
    config_.open_mode = OpenMode::create;
    run(engine_->open({}));
    run(engine_->open({}));
    add_reference();
    write(many(1));
    run(engine_->close({}));
    run(engine_->close({}));
    run(engine_->open({}));
    EXPECT_EQ(scan().size(), 1U);
}

TEST_F(SqliteEngine, ADestroyedEngineHasStoredWhatItAcknowledged) {
    open();
    write(many(10));
    engine_.reset();
    EXPECT_EQ(ForeignConnection(file()).query("SELECT count(*) FROM book_ticker_snapshots"), "10");
}

TEST_F(SqliteEngine, ManyReadersAndOneWriterAtOnce) {
    open();
    write(many(5000));
    asio::thread_pool pool(4);
    std::vector<std::future<std::size_t>> reads;
    for (int i = 0; i < 40; ++i) {
        const auto read = [](Engine& engine) -> asio::awaitable<std::size_t> {
            std::vector<BookTicker> rows;
            VectorSink<BookTicker> sink(rows);
            ScanRequest request;
            request.table = &table_of<BookTicker>();
            co_await engine.scan(request, sink, Deadline{});
            co_return rows.size();
        };
        reads.push_back(asio::co_spawn(pool, read(*engine_), asio::use_future));
    }
    for (int i = 0; i < 20; ++i) {
        std::vector<BookTicker> rows{quote(kBtc, kNoon + 1ms, 1, 2, i)};
        EXPECT_EQ(asio::co_spawn(pool, engine_->write(storage::as_rows(rows), {}), asio::use_future).get().inserted,
                  1U);
    }
    for (auto& each : reads) EXPECT_GE(each.get(), 5000U);
    EXPECT_EQ(scan().size(), 5020U);
}

TEST_F(SqliteEngine, TooManyPendingOperationsAreRefused) {
    config_.max_pending_operations = 2;
    config_.reader_threads = 1;
    open();
    write(many(1));
    HeldScan held(*engine_);
    auto waits = held.start(engine_->stats({}));
    ASSERT_TRUE(wait_until([&] { return engine_->pending() == 2; }));
    expect_error(ErrorCode::resource_exhausted, [&] { stats(); }, {"2 operations"});
    EXPECT_EQ(held.let_go(), "ok");
    EXPECT_EQ(waits.get(), "ok");
    EXPECT_EQ(engine_->pending(), 0U);
}

TEST_F(SqliteEngine, AnOperationThatWaitsEndsAtItsDeadlineAndNotAtItsTurn) {
    config_.reader_threads = 1;
    open();
    write(many(1));
    HeldScan held(*engine_);
    expect_error(ErrorCode::timeout, [&] { scan(Deadline::in(20ms)); });
    EXPECT_EQ(held.let_go(), "ok");
    EXPECT_EQ(held.rows_seen(), 1U);
}

TEST_F(SqliteEngine, ADeadlineEndsALongScanInTheMiddle) {
    open();
    write(many(20'000));
    class SlowSink final : public storage::RowSink {
     public:
        std::byte* slot() override { return reinterpret_cast<std::byte*>(&row_); }
        bool commit() override {
            if (++seen_ % 256 == 0) std::this_thread::sleep_for(1ms);
            return true;
        }
        std::size_t seen_ = 0;

     private:
        BookTicker row_;
    };
    SlowSink sink;
    ScanRequest request;
    request.table = &table_of<BookTicker>();
    expect_error(ErrorCode::timeout, [&] { run(engine_->scan(request, sink, Deadline::in(30ms))); });
    EXPECT_LT(sink.seen_, 20'000U);
}

TEST_F(SqliteEngine, WhatASinkThrowsComesOutAndHarmsNothing) {
    open();
    write(many(1000));
    class ThrowingSink final : public storage::RowSink {
     public:
        std::byte* slot() override { return reinterpret_cast<std::byte*>(&row_); }
        bool commit() override { throw std::runtime_error("the sink is full"); }

     private:
        BookTicker row_;
    };
    ThrowingSink sink;
    ScanRequest request;
    request.table = &table_of<BookTicker>();
    EXPECT_THROW(run(engine_->scan(request, sink, {})), std::runtime_error);
    EXPECT_EQ(scan().size(), 1000U);
}

TEST_F(SqliteEngine, APassedDeadlineNeverStarts) {
    open();
    expect_error(ErrorCode::timeout, [&] { write(many(1), Deadline::in(-1s)); });
    EXPECT_TRUE(scan().empty());
}

TEST_F(SqliteEngine, AnExecutorWithoutOtherWorkStaysUntilTheAnswer) {
    open();
    // run() of the fixture uses an io_context that has nothing else to do: it would return early.
    for (int i = 0; i < 50; ++i) EXPECT_EQ(write({quote(kBtc, kNoon, 1, 2, i)}).inserted, 1U);
}

TEST_F(SqliteEngine, AStrandIsResumedOnTheStrand) {
    open();
    asio::thread_pool pool(3);
    const asio::any_io_executor strand = asio::make_strand(pool);
    int inside = 0;
    int most = 0;
    const auto loop = [&](Engine& engine) -> asio::awaitable<void> {
        for (int i = 0; i < 30; ++i) {
            most = std::max(most, ++inside);
            --inside;
            co_await engine.stats(Deadline{});
        }
    };
    std::vector<std::future<void>> all;
    for (int i = 0; i < 4; ++i) all.push_back(asio::co_spawn(strand, loop(*engine_), asio::use_future));
    for (auto& each : all) each.get();
    pool.join();
    EXPECT_EQ(most, 1);
}

TEST_F(SqliteEngine, InAForkedChildEveryCallFailsAndTheParentGoesOn) {
    open();
    write(many(1));
    const pid_t child = ::fork();
    if (child == 0) {
        bool refused = false;
        try {
            scan();
        } catch (const Error& error) {
            refused = error.code() == ErrorCode::closed && std::string(error.what()).find("fork") != std::string::npos;
        }
        engine_.reset();
        ::_exit(refused ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(write({quote(kBtc, kNoon + 1ms, 1, 2)}).inserted, 1U);
    run(engine_->close({}));
    EXPECT_EQ(files(), (std::vector<std::string>{"market.db", "market.db-lock"}));
}

}  // namespace
}  // namespace marketdb::testing
