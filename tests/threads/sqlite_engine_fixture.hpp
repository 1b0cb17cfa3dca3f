#pragma once

#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/system/system_error.hpp>

#include "storage/engine.hpp"
#include "storage/sqlite/sqlite_engine.hpp"
#include "unit/sqlite/sqlite_fixture.hpp"

namespace marketdb::testing {

namespace asio = boost::asio;
using storage::Engine;
using storage::ScanRequest;
using storage::SeriesKey;
using storage::table_of;

/// An engine with one exchange and one symbol (id 1), driven from this thread.
class SqliteEngine : public SqliteTest {
 public:
    SqliteEngine() : config_(config()) {}
    ~SqliteEngine() override {
        if (engine_) engine_.reset();
    }

    void open() {
        engine_ = std::make_unique<storage::sqlite::SqliteEngine>(config_);
        run(engine_->open({}));
        if (config_.open_mode == OpenMode::create && stats().exchanges == 0) add_reference();
    }
    void add_reference() {
        Exchange exchange;
        exchange.enum_value = "ALPHA_SPOT";
        exchange.exchange_name = "ALPHA";
        exchange.market_type = MarketType::spot;
        run(engine_->insert_one(table_of<Exchange>(), reinterpret_cast<std::byte*>(&exchange), {}));
        Symbol symbol = StoreTest::symbol("BTC");
        run(engine_->insert_one(table_of<Symbol>(), reinterpret_cast<std::byte*>(&symbol), {}));
    }
    DatabaseStats stats() { return run(engine_->stats({})); }
    WriteResult write(std::vector<BookTicker> rows, Deadline deadline = {}) {
        return run(engine_->write(storage::as_rows(rows), deadline));
    }
    std::vector<BookTicker> scan(Deadline deadline = {}) {
        std::vector<BookTicker> rows;
        VectorSink<BookTicker> sink(rows);
        ScanRequest request;
        request.table = &table_of<BookTicker>();
        run(engine_->scan(request, sink, deadline));
        return rows;
    }
    static std::vector<BookTicker> many(int count) {
        std::vector<BookTicker> rows;
        for (int i = 0; i < count; ++i) rows.push_back(quote(SymbolId{1}, kNoon, 1, 2, i));
        return rows;
    }

 protected:
    Config config_;
    std::unique_ptr<Engine> engine_;
};

/// What came of an operation: `ok`, or the error's code. As a text, because ThreadSanitizer cannot see how libstdc++ counts
/// the owners of an exception that goes from thread to thread.
template <class T>
asio::awaitable<std::string> outcome(asio::awaitable<T> operation) {
    try {
        co_await std::move(operation);
    } catch (const Error& error) {
        co_return std::string(to_string(error.code()));
    } catch (const boost::system::system_error& error) {
        co_return error.code() == asio::error::operation_aborted ? "not begun" : "another error";
    }
    co_return "ok";
}

/// A sink that stops its reader thread until it is let go.
class HoldingSink final : public storage::RowSink {
 public:
    std::byte* slot() override { return reinterpret_cast<std::byte*>(&row_); }
    bool commit() override {
        if (!held_) {
            held_ = true;
            entered_.set_value();
            let_go_.get_future().wait();
        }
        ++seen_;
        return true;
    }
    void wait_entered() { entered_.get_future().wait(); }
    void let_go() { let_go_.set_value(); }
    std::size_t seen_ = 0;

 private:
    BookTicker row_;
    bool held_ = false;
    std::promise<void> entered_;
    std::promise<void> let_go_;
};

/// A scan of every quote that has read its first row and holds its reader thread there until it is let go. Further operations
/// run beside it, on the same context and its thread.
class HeldScan {
 public:
    explicit HeldScan(Engine& engine) {
        request_.table = &table_of<BookTicker>();
        scanned_ = start(engine.scan(request_, sink_, Deadline::never()));
        sink_.wait_entered();
    }
    ~HeldScan() {
        if (scanned_.valid()) let_go();
        work_.reset();
        thread_.join();
    }
    HeldScan(const HeldScan&) = delete;
    HeldScan& operator=(const HeldScan&) = delete;

    /// Starts an operation; the future gives what came of it.
    template <class T>
    std::future<std::string> start(asio::awaitable<T> operation) {
        return asio::co_spawn(context_, outcome(std::move(operation)), asio::use_future);
    }
    /// Lets the scan go on and returns what came of it.
    std::string let_go() {
        sink_.let_go();
        return scanned_.get();
    }
    [[nodiscard]] std::size_t rows_seen() const noexcept { return sink_.seen_; }

 private:
    asio::io_context context_;
    asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(context_);
    ScanRequest request_;
    HoldingSink sink_;
    std::future<std::string> scanned_;
    std::thread thread_{[this] { context_.run(); }};
};

}  // namespace marketdb::testing
