#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "adversity/postgres_desk.hpp"
#include "support/pgbouncer.hpp"

/// A pooler between that gives each transaction another session.
namespace marketdb::testing {
namespace {

constexpr int kWriters = 8;
constexpr int kRounds = 12;
constexpr int kRowsOfACopy = 2'500;

class PostgresPooler : public ::testing::Test {
 protected:
    void SetUp() override {
        if (!PgBouncer::is_installed()) GTEST_SKIP() << "the program pgbouncer is not installed";
        pooler_ = std::make_unique<PgBouncer>(PostgresServer::shared(), 2);
    }

    [[nodiscard]] Config config(const std::string& more = {}) const {
        return desk_.config(pooler_->url(desk_.parameters() + "&pooler=transaction" + more), 2);
    }

    /// Small inserts, COPYs, exchanges and histories, with a deadline now and then, each of rows of its own.
    void write_and_read(int writer) {
        const auto db = PostgresDesk::open(config());
        const SymbolId symbol = PostgresDesk::make_symbol(*db, "W" + std::to_string(writer)).id;
        for (int round = 1; round <= kRounds; ++round) {
            const Deadline deadline = round % 3 == 0 ? Deadline::in(std::chrono::seconds(50)) : Deadline{};
            const int rows = round % 4 == 0 ? kRowsOfACopy : 3;
            const WriteResult stored =
                db->wait(db->insert_book_ticker_snapshots(PostgresDesk::quotes(symbol, rows, round), deadline));
            EXPECT_EQ(stored.inserted, static_cast<std::uint64_t>(rows));
            db->wait(db->ensure_exchange("W" + std::to_string(writer) + "R" + std::to_string(round) + "_SPOT"));
        }
        HistoryFilter own;
        own.series.symbols = std::span(&symbol, 1);
        const History<BookTicker> history = db->wait(db->get_book_ticker_history(own));
        EXPECT_EQ(history.rows.size(), 7'527U);
        for (const BookTicker& row : history.rows) EXPECT_EQ(row.symbol_id, symbol);
        db->wait(db->close());
    }

    /// What a client of the pooler sees in whichever session it gets.
    [[nodiscard]] std::string seen_by_others() const {
        PostgresSession other(pooler_->conninfo(kTestDatabase, kTestRole));
        std::string seen;
        for (const char* what :
             {"current_setting('statement_timeout')", "current_setting('TimeZone')", "current_setting('jit')",
              "current_setting('default_transaction_read_only')", "current_setting('search_path')",
              "(SELECT count(*) FROM pg_prepared_statements)", "(SELECT count(*) FROM pg_listening_channels())",
              "(SELECT count(*) FROM pg_cursors)",
              "(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid())"}) {
            seen += other.value("SELECT " + std::string(what)) + ";";
        }
        return seen;
    }

    const PostgresDesk desk_{PostgresServer::shared()};
    std::unique_ptr<PgBouncer> pooler_;
};

TEST_F(PostgresPooler, EightWritersShareTwoSessionsAndNobodySeesAnythingOfAnother) {
    const std::string before = seen_by_others();
    EXPECT_EQ(before.substr(0, before.find(';')), "0");
    PostgresDesk::open(config()).reset();
    std::vector<std::thread> writers;
    for (int writer = 0; writer < kWriters; ++writer) writers.emplace_back([=, this] { write_and_read(writer); });
    for (std::thread& writer : writers) writer.join();

    EXPECT_EQ(desk_.ask("SELECT count(*), count(DISTINCT (symbol_id, \"timestamp\", sequence)), (SELECT sum(rows) FROM "
                        "series) FROM book_ticker_snapshots"),
              "60216|60216|60216");
    EXPECT_EQ(desk_.ask("SELECT count(*) FROM exchanges"), "97");
    EXPECT_LE(
        PostgresServer::shared()
            .query("postgres", "SELECT 1 FROM pg_stat_activity WHERE usename = 'marketdb' AND application_name LIKE '" +
                                   desk_.schema() + "%'")
            .size(),
        2U);
    for (int look = 0; look < 4; ++look) EXPECT_EQ(seen_by_others(), before);
}

TEST_F(PostgresPooler, ADeadlineReachesTheServerAndLeavesTheSessionAsItWas) {
    const auto db = PostgresDesk::open(config());
    const SymbolId symbol = PostgresDesk::make_symbol(*db).id;
    db->wait(db->insert_book_ticker_snapshots(PostgresDesk::quotes(symbol, 3)));
    const std::string before = seen_by_others();
    PostgresSession other(PostgresServer::shared().conninfo(kTestDatabase, kTestRole));
    other.run("BEGIN; LOCK TABLE " + desk_.schema() + ".book_ticker_snapshots");
    for (const int rows : {3, kRowsOfACopy}) {
        expect_error(ErrorCode::timeout, [&] {
            db->wait(db->insert_book_ticker_snapshots(PostgresDesk::quotes(symbol, rows, 1), Deadline::in(300ms)));
        });
    }
    expect_error(ErrorCode::timeout, [&] { db->wait(db->get_book_ticker_history({}, Deadline::in(300ms))); });
    other.run("ROLLBACK");
    EXPECT_EQ(seen_by_others(), before);
    db->wait(db->insert_book_ticker_snapshots(PostgresDesk::quotes(symbol, 3, 1)));
    EXPECT_EQ(desk_.stored_quotes(symbol), "6|6|6");
}

TEST_F(PostgresPooler, WhoRunsOutOfTimeCancelsNobodyElse) {
    const auto db = PostgresDesk::open(config());
    const SymbolId symbol = PostgresDesk::make_symbol(*db).id;
    const auto hurried = PostgresDesk::open(config());
    PostgresSession other(PostgresServer::shared().conninfo(kTestDatabase, kTestRole));
    other.run("BEGIN; LOCK TABLE " + desk_.schema() + ".book_ticker_snapshots");
    std::atomic<bool> is_over{false};
    std::string failure;
    std::thread others([&] {
        try {
            for (int i = 1; !is_over; ++i) {
                db->wait(db->insert_trades({trade(symbol, kNoon + i * 1ms, std::to_string(i).c_str())}));
            }
        } catch (const Error& error) {
            failure = error.what();
        }
    });
    for (int round = 0; round < 10; ++round) {
        expect_error(ErrorCode::timeout, [&] {
            hurried->wait(hurried->insert_book_ticker_snapshots(PostgresDesk::quotes(symbol, 3), Deadline::in(100ms)));
        });
    }
    is_over = true;
    others.join();
    EXPECT_EQ(failure, "");
    other.run("ROLLBACK");
}

TEST_F(PostgresPooler, StatementsOfOnesOwnAndChangesOfSymbolsLeaveNothingInTheSession) {
    const std::string before = seen_by_others();
    const auto db = PostgresDesk::open(config());
    const Symbol symbol = PostgresDesk::make_symbol(*db);
    const auto id = static_cast<std::int64_t>(symbol.id);
    EXPECT_FALSE(db->wait(db->set_symbol_active(symbol.id, false)).is_active);
    const std::vector<std::vector<Value>> lists{{id, 0.5}, {id, 0.25}};
    EXPECT_EQ(db->wait(db->execute_many("UPDATE symbols SET min_quantity = $2 WHERE id = $1", lists)), 2U);
    const std::vector<std::string> columns{"symbol_id", "timestamp", "kind", "funding_rate"};
    const std::vector<std::vector<Value>> rates{{id, kNoon, std::string("settled"), 0.0001}};
    EXPECT_EQ(db->wait(db->copy_rows("funding_rate_snapshots", columns, rates)), 1U);
    const std::optional<Value> quantity = db->wait(db->fetch_value("SELECT min_quantity FROM symbols"));
    EXPECT_EQ(std::get<double>(quantity.value()), 0.25);
    const std::vector<Finding> findings = db->wait(diagnose(*db));
    for (const Finding& one : findings) {
        EXPECT_FALSE(one.what.starts_with("could not be looked at")) << one.check << ": " << one.what;
    }
    for (int look = 0; look < 4; ++look) EXPECT_EQ(seen_by_others(), before);
    EXPECT_EQ(desk_.ask("SELECT is_active, min_quantity, (SELECT count(*) FROM funding_rate_snapshots) FROM symbols"),
              "f|0.25|1");
}

TEST_F(PostgresPooler, WhatAnotherManagerChangesIsSeenWithoutListening) {
    Config settings = config();
    settings.poll_interval = 20ms;
    const auto reader = PostgresDesk::open(settings);
    const auto writer = PostgresDesk::open(config());
    const SymbolId symbol = PostgresDesk::make_symbol(*writer).id;
    EXPECT_TRUE(wait_until([&] {
        const std::vector<Exchange> all = reader->wait(reader->get_all_exchanges());
        return all.size() == 1 && all.front().enum_value == "ALPHA_SPOT";
    }));
    EXPECT_EQ(reader->wait(reader->get_symbol_by_id(symbol))->exchange_symbol, "BTCUSDT");
}

}  // namespace
}  // namespace marketdb::testing
