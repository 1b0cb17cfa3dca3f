#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>

#include "adversity/postgres_desk.hpp"
#include "support/fault_proxy.hpp"

/// Connections that are scarce, old, gone, or refused.
namespace marketdb::testing {
namespace {

namespace asio = boost::asio;

/// A table that nobody else reads or writes until it is let go.
class TableLock {
 public:
    TableLock(const PostgresEndpoint& server, const PostgresDesk& desk)
        : session_(server.conninfo(kTestDatabase, kTestRole)) {
        session_.run("BEGIN; LOCK TABLE " + desk.schema() + ".book_ticker_snapshots");
    }
    void release() { session_.run("ROLLBACK"); }

 private:
    PostgresSession session_;
};

template <class T>
std::future<T> start(DatabaseManager& db, asio::awaitable<T> operation) {
    return asio::co_spawn(db.executor(), std::move(operation), asio::use_future);
}

class PostgresPool : public ::testing::Test {
 protected:
    PostgresPool() : server_(PostgresServer::shared()), desk_(server_) {}

    std::unique_ptr<DatabaseManager> open(const Config& config) {
        auto db = PostgresDesk::open(config);
        symbol_ = PostgresDesk::make_symbol(*db).id;
        db->wait(db->insert_book_ticker_snapshots(PostgresDesk::quotes(symbol_, 1)));
        return db;
    }
    std::future<WriteResult> start_insert(DatabaseManager& db, std::int64_t sequence, Deadline deadline = {}) {
        return start(db, db.insert_book_ticker_snapshots(PostgresDesk::quotes(symbol_, 1, sequence), deadline));
    }
    /// Two inserts that wait for the lock, each with one of the two connections.
    std::vector<std::future<WriteResult>> take_both(DatabaseManager& db) {
        std::vector<std::future<WriteResult>> both;
        for (int i = 1; i <= 2; ++i) both.push_back(start_insert(db, i));
        EXPECT_TRUE(wait_until([&] { return waiting_for_locks() == "2"; }));
        return both;
    }
    [[nodiscard]] std::string waiting_for_locks() const {
        return desk_.ask(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = '" +
            desk_.schema() + "'");
    }

    const PostgresEndpoint& server_;
    PostgresDesk desk_;
    SymbolId symbol_{};
};

TEST_F(PostgresPool, FiftyOperationsShareTwoConnections) {
    const auto db = open(desk_.config(2));
    std::vector<std::future<WriteResult>> all;
    for (int i = 1; i <= 50; ++i) all.push_back(start_insert(*db, i));
    for (auto& one : all) EXPECT_EQ(one.get().inserted, 1U);
    EXPECT_EQ(desk_.stored_quotes(symbol_), "51|51|51");
    EXPECT_LE(desk_.sessions(), 2U);
}

TEST_F(PostgresPool, WhoWaitsTooLongIsToldThatAllAreBusy) {
    const auto db = open(desk_.config(2));
    TableLock lock(server_, desk_);
    auto both = take_both(*db);
    expect_error(ErrorCode::timeout, [&] { start_insert(*db, 3, Deadline::in(200ms)).get(); },
                 {"2 of 2", "pool.max_size"});
    lock.release();
    for (auto& one : both) EXPECT_EQ(one.get().inserted, 1U);
    EXPECT_EQ(start_insert(*db, 4).get().inserted, 1U);
    EXPECT_EQ(desk_.stored_quotes(symbol_), "4|4|4");
}

TEST_F(PostgresPool, WhoIsCancelledWhileHeWaitsTakesNoConnectionAlong) {
    const auto db = open(desk_.config(2));
    TableLock lock(server_, desk_);
    auto both = take_both(*db);
    asio::cancellation_signal signal;
    std::future<WriteResult> third =
        asio::co_spawn(db->executor(), db->insert_book_ticker_snapshots(PostgresDesk::quotes(symbol_, 1, 3)),
                       asio::bind_cancellation_slot(signal.slot(), asio::use_future));
    ASSERT_TRUE(wait_until([&] { return db->get_performance_stats().pending_operations == 3; }));
    asio::post(db->executor(), [&] { signal.emit(asio::cancellation_type::terminal); });
    expect_error(ErrorCode::cancelled, [&] { third.get(); });
    lock.release();
    for (auto& one : both) EXPECT_EQ(one.get().inserted, 1U);
    EXPECT_EQ(desk_.stored_quotes(symbol_), "3|3|3");
    EXPECT_LE(desk_.sessions(), 2U);
}

TEST_F(PostgresPool, OnlySoManyMayWait) {
    Config config = desk_.config(2);
    config.max_pending_operations = 5;
    const auto db = open(config);
    TableLock lock(server_, desk_);
    std::vector<std::future<WriteResult>> all;
    for (int i = 1; i <= 8; ++i) all.push_back(start_insert(*db, i));
    for (std::size_t i = 5; i < 8; ++i) {
        expect_error(ErrorCode::resource_exhausted, [&] { all[i].get(); }, {"max_pending_operations"});
    }
    lock.release();
    for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(all[i].get().inserted, 1U);
    EXPECT_EQ(desk_.stored_quotes(symbol_), "6|6|6");
}

TEST_F(PostgresPool, WhatIsIdleTooLongIsClosedDownToTheMinimum) {
    Config config = desk_.config(4);
    config.poll_interval = 10ms;
    config.postgres.max_idle_seconds = 0.2;
    const auto db = open(config);
    std::vector<std::future<WriteResult>> all;
    for (int i = 1; i <= 20; ++i) all.push_back(start_insert(*db, i));
    for (auto& one : all) one.get();
    EXPECT_TRUE(wait_until([&] { return desk_.sessions() == 1; }));
    EXPECT_EQ(start_insert(*db, 21).get().inserted, 1U);
}

TEST_F(PostgresPool, WhatIsTooOldIsReplaced) {
    Config config = desk_.config(1);
    config.poll_interval = 10ms;
    config.postgres.max_lifetime_seconds = 0.2;
    const auto db = open(config);
    const auto before = server_.backend_pids(desk_.schema());
    std::int64_t sequence = 0;
    EXPECT_TRUE(wait_until([&] {
        start_insert(*db, ++sequence).get();
        const auto now = server_.backend_pids(desk_.schema());
        return now != before && !now.empty();
    }));
    EXPECT_LE(desk_.sessions(), 2U);
}

TEST_F(PostgresPool, SessionsThatAnAdministratorEndsWhileTheyAreIdleAreReplacedUnnoticed) {
    const auto db = open(desk_.config(2));
    for (int round = 1; round <= 10; ++round) {
        EXPECT_NE(desk_.ask("SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity WHERE "
                            "application_name = '" +
                            desk_.schema() + "'"),
                  "0");
        EXPECT_EQ(start_insert(*db, round).get().inserted, 1U);
    }
    EXPECT_EQ(desk_.stored_quotes(symbol_), "11|11|11");
}

TEST_F(PostgresPool, WhereNobodyListensOpeningFailsAtOnceAndSucceedsLater) {
    FaultProxy proxy(server_);
    proxy.listen(false);
    DatabaseManager db(desk_.config(proxy.url(desk_.parameters())));
    const auto begin = std::chrono::steady_clock::now();
    expect_error(ErrorCode::unavailable, [&] { db.wait(db.initialize()); }, {"Connection refused"});
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 3s);
    proxy.listen(true);
    db.wait(db.initialize());
    EXPECT_TRUE(db.is_initialized());
}

TEST_F(PostgresPool, AWrongPasswordIsUnauthorizedAndNotShown) {
    PostgresEndpoint::Address address = server_.address();
    address.password = "canary-7f3a";
    DatabaseManager db(desk_.config(PostgresEndpoint(address).tcp_url(desk_.parameters())));
    try {
        db.wait(db.initialize());
        FAIL() << "the server took a wrong password";
    } catch (const Error& error) {
        EXPECT_EQ(to_string(error.code()), "unauthorized");
        EXPECT_EQ(std::string_view(error.what()).find("canary"), std::string_view::npos) << error.what();
    }
}

TEST_F(PostgresPool, AnUnknownDatabaseIsUnavailableAndNamed) {
    DatabaseManager db(desk_.config(server_.url(desk_.parameters(), "nowhere")));
    expect_error(ErrorCode::unavailable, [&] { db.wait(db.initialize()); }, {"nowhere"});
}

TEST(PostgresPoolOfItsOwnServer, ARestartWhileNothingRunsIsNotNoticed) {
    PostgresServer server;
    const PostgresDesk desk(server);
    const auto db = PostgresDesk::open(desk.config(2));
    const SymbolId symbol = PostgresDesk::make_symbol(*db).id;
    std::int64_t sequence = 0;
    for (const auto how : {PostgresServer::Stop::fast, PostgresServer::Stop::immediate}) {
        server.restart(how);
        db->wait(db->insert_book_ticker_snapshots(PostgresDesk::quotes(symbol, 1, ++sequence)));
    }
    EXPECT_EQ(desk.stored_quotes(symbol), "2|2|2");
    server.stop();
    expect_error(ErrorCode::unavailable,
                 [&] { db->wait(db->insert_book_ticker_snapshots(PostgresDesk::quotes(symbol, 1, 7))); });
    server.start();
    db->wait(db->insert_book_ticker_snapshots(PostgresDesk::quotes(symbol, 1, 8)));
    EXPECT_EQ(desk.stored_quotes(symbol), "3|3|3");
}

TEST(PostgresPoolOfItsOwnServer, AServerThatIsFullIsWaitedForByThoseWhoHaveAConnectionAlready) {
    PostgresOptions options;
    options.settings = {{"max_connections", "8"}, {"superuser_reserved_connections", "3"}};
    PostgresServer server(options);
    const PostgresDesk desk(server);
    const auto db = PostgresDesk::open(desk.config(20));
    const SymbolId symbol = PostgresDesk::make_symbol(*db).id;
    std::vector<std::future<WriteResult>> all;
    for (int i = 1; i <= 50; ++i) {
        all.push_back(start(*db, db->insert_book_ticker_snapshots(PostgresDesk::quotes(symbol, 1, i))));
    }
    for (auto& one : all) EXPECT_EQ(one.get().inserted, 1U);
    EXPECT_EQ(desk.stored_quotes(symbol), "50|50|50");

    std::vector<std::unique_ptr<PostgresSession>> others;
    try {
        for (int i = 0; i < 8; ++i) {
            others.push_back(std::make_unique<PostgresSession>(server.conninfo(kTestDatabase, kTestRole)));
        }
        FAIL() << "the server takes more than it should";
    } catch (const PostgresFailure&) {
        DatabaseManager late(desk.config());
        expect_error(ErrorCode::resource_exhausted, [&] { late.wait(late.initialize()); });
        others.clear();
        db->wait(db->close());
        ASSERT_TRUE(wait_until([&] { return desk.sessions() == 0; }));
        late.wait(late.initialize());
        EXPECT_TRUE(late.is_initialized());
    }
}

}  // namespace
}  // namespace marketdb::testing
