#pragma once

#include <gtest/gtest.h>

#include <exception>
#include <filesystem>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <marketdb/marketdb.hpp>

#include "contract/allowed_differences.hpp"
#include "contract/engine_target.hpp"
#include "support/expect.hpp"
#include "support/rows.hpp"
#include "support/temporary_folder.hpp"
#include "support/walkable_clock.hpp"

namespace marketdb::testing {

/// An empty database on one engine, opened at the first use of `db()`, with a clock that the test walks.
class EngineFixture {
 public:
    explicit EngineFixture(EngineTarget target) : target_(std::move(target)) {
        if (target_.set_up) target_.set_up(folder());
    }
    ~EngineFixture() {
        db_.reset();
        if (!target_.tear_down) return;
        try {
            target_.tear_down(folder());
        } catch (const std::exception& failure) {
            ADD_FAILURE() << "the database cannot be removed: " << failure.what();
        }
    }
    EngineFixture(const EngineFixture&) = delete;
    EngineFixture& operator=(const EngineFixture&) = delete;

    [[nodiscard]] const EngineTarget& target() const noexcept { return target_; }
    [[nodiscard]] const std::filesystem::path& folder() const noexcept { return folder_.path(); }
    [[nodiscard]] WalkableClock& clock() noexcept { return *clock_; }

    /// The settings of `db()`; the same clock, and short polls so that tests need not wait.
    [[nodiscard]] Config config() const {
        Config settings = is_owner_ ? target_.owner_config(folder_.path()) : target_.config(folder_.path());
        settings.clock = clock_;
        settings.poll_interval = std::chrono::milliseconds(5);
        settings.program = "contract test";
        return settings;
    }

    /// From here on `config()` is of a user who may make and migrate the tables. To be called before `db()`.
    void become_owner() { is_owner_ = target_.owner_config != nullptr; }
    /// The same; and nothing is there yet, not even tables.
    void start_empty() {
        become_owner();
        if (target_.make_empty) target_.make_empty(folder());
    }

    /// The manager, opened.
    [[nodiscard]] DatabaseManager& db() {
        if (db_ == nullptr) db_ = open(config());
        return *db_;
    }

    /// One more manager, opened.
    [[nodiscard]] static std::unique_ptr<DatabaseManager> open(Config settings) {
        auto manager = std::make_unique<DatabaseManager>(std::move(settings));
        manager->wait(manager->initialize());
        return manager;
    }

    void close() {
        if (db_ == nullptr) return;
        db_->wait(db_->close());
        db_.reset();
    }

    /// Closes and opens again: what `db()` then answers comes from the database, not from memory.
    void reopen() {
        close();
        static_cast<void>(db());
    }

    void reopen_if_shared() {
        if (target_.is_shared) reopen();
    }

    /// Runs one operation of `db()` or of any manager and blocks until it is done.
    template <class T>
    T wait(boost::asio::awaitable<T> operation) {
        return db().wait(std::move(operation));
    }

    /// Runs a coroutine of the test on an `io_context` of its own, as a program with coroutines would. A lambda that is the
    /// coroutine must be a named local.
    template <class T>
    static T run(boost::asio::awaitable<T> body) {
        boost::asio::io_context context;
        auto result = boost::asio::co_spawn(context, std::move(body), boost::asio::use_future);
        context.run();
        return result.get();
    }

    Exchange make_exchange(std::string_view enum_value = "ALPHA_SPOT") {
        return wait(db().ensure_exchange(enum_value));
    }

    /// Spelling: base and quote joined, if empty.
    Symbol make_symbol(std::string_view base = "BTC", std::string_view quote = "USDT",
                       std::string_view exchange = "ALPHA_SPOT", std::string_view spelling = {}) {
        Symbol symbol;
        symbol.exchange_id = make_exchange(exchange).id;
        symbol.symbol_base = base;
        symbol.symbol_quote = quote;
        symbol.exchange_symbol = spelling.empty() ? std::string(base) + std::string(quote) : std::string(spelling);
        return wait(db().ensure_symbol(symbol));
    }

    WriteResult store(std::vector<BookTicker> rows) { return wait(db().insert_book_ticker_snapshots(std::move(rows))); }
    WriteResult store(std::vector<Trade> rows) { return wait(db().insert_trades(std::move(rows))); }
    WriteResult store(std::vector<FundingRate> rows) { return wait(db().insert_funding_rates(std::move(rows))); }
    WriteResult store(std::vector<Balance> rows, BalanceOptions options = {}) {
        return wait(db().insert_balance_snapshots(std::move(rows), options));
    }
    template <class Row>
        requires std::is_trivially_copyable_v<Row>
    WriteResult store(const Row& row) {
        return store(std::vector<Row>{row});
    }

    /// Lines of rows as this store keeps them: without what it has no column for.
    [[nodiscard]] Lines kept(Lines lines) const {
        for (std::string& line : lines) {
            const auto lose = [&line](std::string_view part) {
                const std::size_t begin = line.find(part);
                if (begin != std::string::npos) line.erase(begin, line.find(' ', begin + part.size()) - begin);
            };
            if (!target_.can.keeps_received_at) lose(" rx ");
            if (target_.can.own_tables) continue;
            lose(" every ");
            lose(" mark ");
        }
        return lines;
    }

    /// What is stored, as text and in order.
    Lines stored_quotes(HistoryFilter filter = {}) { return lines_of(wait(db().get_book_ticker_history(filter)).rows); }
    Lines stored_trades(HistoryFilter filter = {}) { return lines_of(wait(db().get_trade_history(filter)).rows); }
    Lines stored_funding(HistoryFilter filter = {}) {
        return lines_of(wait(db().get_funding_rate_history(filter)).rows);
    }
    Lines stored_balances(HistoryFilter filter = {}) { return lines_of(wait(db().get_balance_history(filter)).rows); }

 private:
    EngineTarget target_;
    TemporaryFolder folder_;
    std::shared_ptr<WalkableClock> clock_ = std::make_shared<WalkableClock>();
    std::unique_ptr<DatabaseManager> db_;
    bool is_owner_ = false;
};

/// Base of the suites that run against every engine.
class EngineTest : public ::testing::TestWithParam<EngineTarget>, public EngineFixture {
 public:
    EngineTest() : EngineFixture(GetParam()) {}

    void SetUp() override {
        const ::testing::TestInfo& test = *::testing::UnitTest::GetInstance()->current_test_info();
        const std::string_view reason = reason_to_leave_out(target().can, test.test_suite_name(), test.name());
        if (!reason.empty()) GTEST_SKIP() << target().name << " cannot hold the rows of this test: " << reason;
    }
};

inline std::string engine_name(const ::testing::TestParamInfo<EngineTarget>& tested) { return tested.param.name; }

/// WriteResult in the order of its members, for short expectations.
inline WriteResult result(std::uint64_t inserted, std::uint64_t updated = 0, std::uint64_t unchanged = 0,
                          std::uint64_t folded = 0) {
    WriteResult written;
    written.inserted = inserted;
    written.updated = updated;
    written.unchanged = unchanged;
    written.folded = folded;
    return written;
}

}  // namespace marketdb::testing

namespace marketdb {

/// `inserted 1, updated 0, unchanged 0, folded 0, rounded 0` in GoogleTest's messages.
inline void PrintTo(const WriteResult& written, std::ostream* out) {
    *out << "inserted " << written.inserted << ", updated " << written.updated << ", unchanged " << written.unchanged
         << ", folded " << written.folded << ", rounded " << written.rounded;
}

}  // namespace marketdb

/// Declares a suite and runs it against every engine (or those whose data can be shared).
#define MARKETDB_CONTRACT_SUITE(Suite)                                                           \
    class Suite : public ::marketdb::testing::EngineTest {};                                     \
    INSTANTIATE_TEST_SUITE_P(On, Suite, ::testing::ValuesIn(::marketdb::testing::all_engines()), \
                             ::marketdb::testing::engine_name)
#define MARKETDB_SHARED_CONTRACT_SUITE(Suite)                                                       \
    class Suite : public ::marketdb::testing::EngineTest {};                                        \
    INSTANTIATE_TEST_SUITE_P(On, Suite, ::testing::ValuesIn(::marketdb::testing::shared_engines()), \
                             ::marketdb::testing::engine_name)
