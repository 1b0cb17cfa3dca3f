#include <future>
#include <thread>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include "sqlite_engine_fixture.hpp"

namespace marketdb::testing {
namespace {

/// Cancels an operation through its slot.
class SqliteCancel : public SqliteEngine {
 public:
    template <class T>
    std::future<std::string> spawn(asio::awaitable<T> operation) {
        return asio::co_spawn(context_, outcome(std::move(operation)),
                              asio::bind_cancellation_slot(signal_.slot(), asio::use_future));
    }
    void emit() {
        asio::post(context_, [this] { signal_.emit(asio::cancellation_type::terminal); });
    }

 protected:
    asio::io_context context_;
    asio::cancellation_signal signal_;
};

TEST_F(SqliteCancel, EndsAnOperationThatWaitsAtOnce) {
    config_.reader_threads = 1;
    open();
    write(many(1));
    HeldScan held(*engine_);
    auto cancelled = spawn(engine_->stats(Deadline::never()));
    std::thread thread([&] { context_.run(); });
    ASSERT_TRUE(wait_until([&] { return engine_->pending() == 2; }));
    emit();
    EXPECT_EQ(cancelled.get(), "cancelled");
    EXPECT_EQ(held.let_go(), "ok");
    thread.join();
}

TEST_F(SqliteCancel, EndsAScanInTheMiddle) {
    open();
    write(many(2000));
    HoldingSink sink;
    ScanRequest request;
    request.table = &table_of<BookTicker>();
    auto scanned = spawn(engine_->scan(request, sink, Deadline::never()));
    std::thread thread([&] { context_.run(); });
    sink.wait_entered();
    std::promise<void> emitted;
    asio::post(context_, [&] {
        signal_.emit(asio::cancellation_type::terminal);
        emitted.set_value();
    });
    emitted.get_future().wait();
    sink.let_go();
    EXPECT_EQ(scanned.get(), "cancelled");
    EXPECT_LT(sink.seen_, 2000U);
    thread.join();
}

TEST_F(SqliteCancel, UndoesAWriteThatWaitsForAnotherProcess) {
    config_.busy_timeout = std::chrono::minutes(5);
    open();
    ForeignConnection other(file());
    other.execute("BEGIN IMMEDIATE");
    std::vector<BookTicker> rows = many(1);
    auto written = spawn(engine_->write(storage::as_rows(rows), Deadline::never()));
    std::thread thread([&] { context_.run(); });
    ASSERT_TRUE(wait_until([&] { return engine_->pending() == 1; }));
    emit();
    EXPECT_EQ(written.get(), "cancelled");
    thread.join();
    other.execute("ROLLBACK");
    EXPECT_TRUE(scan().empty());
    EXPECT_EQ(write(many(1)).inserted, 1U);
}

TEST_F(SqliteCancel, BeforeTheStartNothingIsDone) {
    open();
    std::vector<BookTicker> rows = many(1);
    const auto late = [](Engine& engine, storage::RowSpan span) -> asio::awaitable<void> {
        co_await asio::this_coro::throw_if_cancelled(false);
        asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::hours(1));
        boost::system::error_code ignored;
        co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        co_await asio::this_coro::throw_if_cancelled(true);
        co_await engine.write(span, Deadline{});
    };
    auto written = spawn(late(*engine_, storage::as_rows(rows)));
    emit();
    context_.run();
    EXPECT_EQ(written.get(), "not begun");
    EXPECT_TRUE(scan().empty());
}

TEST_F(SqliteCancel, AfterTheEndNothingHappens) {
    open();
    auto read = spawn(engine_->stats({}));
    context_.run();
    EXPECT_EQ(read.get(), "ok");
    signal_.emit(asio::cancellation_type::terminal);
}

TEST_F(SqliteEngine, ClosingWaitsForWhatRuns) {
    open();
    write(many(2000));
    HeldScan held(*engine_);
    auto closed = held.start(engine_->close({}));
    auto closed_too = held.start(engine_->close({}));
    EXPECT_EQ(closed.wait_for(20ms), std::future_status::timeout);
    EXPECT_EQ(held.let_go(), "ok");
    EXPECT_EQ(closed.get(), "ok");
    EXPECT_EQ(closed_too.get(), "ok");
    EXPECT_EQ(held.rows_seen(), 2000U);
}

TEST_F(SqliteEngine, ClosingCancelsWhatStillRunsAtItsDeadline) {
    config_.reader_threads = 1;
    open();
    write(many(2000));
    HeldScan held(*engine_);
    auto waits = held.start(engine_->stats(Deadline::never()));
    ASSERT_TRUE(wait_until([&] { return engine_->pending() == 2; }));
    auto closed = held.start(engine_->close(Deadline::in(5ms)));
    EXPECT_EQ(closed.wait_for(50ms), std::future_status::timeout);
    // Since the same moment nothing is begun any more.
    ASSERT_TRUE(wait_until([&] { return held.start(engine_->migrate_status({})).get() == "closed"; }));
    EXPECT_EQ(held.let_go(), "cancelled");
    EXPECT_EQ(waits.get(), "cancelled");
    EXPECT_EQ(closed.get(), "ok");
}

}  // namespace
}  // namespace marketdb::testing
