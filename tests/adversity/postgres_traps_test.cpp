#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "adversity/postgres_desk.hpp"
#include "support/fault_proxy.hpp"

/// What surprises users of libpq and of PostgreSQL.
namespace marketdb::testing {
namespace {

namespace asio = boost::asio;

class PostgresTraps : public ::testing::Test {
 protected:
    PostgresTraps()
        : desk_(PostgresServer::shared()),
          db_(PostgresDesk::open(desk_.config())),
          symbol_(PostgresDesk::make_symbol(*db_).id) {}

    WriteResult store(int rows, std::int64_t sequence = 0) {
        return db_->wait(db_->insert_book_ticker_snapshots(PostgresDesk::quotes(symbol_, rows, sequence)));
    }
    void on_each_quote(const std::string& statement, const std::string& when = "true") {
        desk_.run(
            "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN " + statement +
            " RETURN NEW; END $$; CREATE TRIGGER meddles BEFORE INSERT ON book_ticker_snapshots FOR EACH ROW WHEN (" +
            when + ") EXECUTE FUNCTION meddle()");
    }

    PostgresDesk desk_;
    std::unique_ptr<DatabaseManager> db_;
    SymbolId symbol_;
};

TEST_F(PostgresTraps, AStormOfNoticesDuringACopyStopsNeitherSide) {
    store(1);
    // Four times what a socket's buffers hold, against a client that only sends.
    on_each_quote(
        "PERFORM set_config('client_min_messages', 'warning', true); RAISE WARNING 'row %', repeat('x', 2000);");
    EXPECT_EQ(store(10'000, 1).inserted, 10'000U);
    EXPECT_EQ(desk_.stored_quotes(symbol_), "10001|10001|10001");
}

TEST_F(PostgresTraps, ARowThatATriggerDropsFromACopyIsNoticedAndNothingIsStored) {
    store(1);
    on_each_quote("IF NEW.bid_qty = 7 THEN RETURN NULL; END IF;");
    std::vector<BookTicker> rows = PostgresDesk::quotes(symbol_, 2'500, 1);
    rows[1'234].bid_qty = 7;
    expect_error(ErrorCode::internal, [&] { db_->wait(db_->insert_book_ticker_snapshots(rows)); }, {"2500", "2499"});
    EXPECT_EQ(desk_.stored_quotes(symbol_), "1|1|1");
    rows[1'234].bid_qty = 8;
    EXPECT_EQ(db_->wait(db_->insert_book_ticker_snapshots(rows)).inserted, 2'500U);
    EXPECT_EQ(desk_.stored_quotes(symbol_), "2501|2501|2501");
}

TEST_F(PostgresTraps, ACopyThatFailsAtItsFirstRowDoesNotSwallowAllOthers) {
    store(1);
    FaultProxy proxy(PostgresServer::shared());
    const auto db = PostgresDesk::open(desk_.config(proxy.url(desk_.parameters())));
    const auto copied_bytes = [&] {
        std::size_t bytes = 0;
        for (const SeenMessage& message : proxy.messages()) bytes += message.type == 'd' ? message.size : 0;
        return bytes;
    };
    const std::vector<BookTicker> rows = PostgresDesk::quotes(symbol_, 500'000, 1);
    const std::string refusal = "RAISE EXCEPTION 'disk quota' USING ERRCODE = '53100';";
    // A notice just before it, which libpq hands out, does not hide the refusal, which libpq does not.
    for (const std::string& first : {std::string(), std::string("RAISE WARNING 'nearly full'; ")}) {
        on_each_quote(first + refusal);
        proxy.forget_messages();
        expect_error(ErrorCode::resource_exhausted, [&] { db->wait(db->insert_book_ticker_snapshots(rows)); },
                     {"disk quota"});
        // What the buffers on the way hold: of 500,000 rows this is a fifth.
        EXPECT_LT(copied_bytes(), 10'000'000U);
        RecordProperty("copied_bytes", std::to_string(copied_bytes()));
        desk_.run("DROP FUNCTION meddle CASCADE");
    }
    EXPECT_EQ(desk_.stored_quotes(symbol_), "1|1|1");
    proxy.forget_messages();
    EXPECT_EQ(db->wait(db->insert_book_ticker_snapshots(rows)).inserted, 500'000U);
    EXPECT_GT(copied_bytes(), 40'000'000U);
}

TEST_F(PostgresTraps, ARowThatARuleTakesAwayIsNotReportedAsStored) {
    store(1);
    for (const char* instead : {"INSTEAD NOTHING", "ALSO NOTIFY quotes"}) {
        SCOPED_TRACE(instead);
        desk_.run(std::string("CREATE OR REPLACE RULE meddles AS ON INSERT TO book_ticker_snapshots DO ") + instead);
        expect_error(ErrorCode::schema_mismatch, [&] { store(3, 1); }, {"INSERT"});
        EXPECT_EQ(desk_.stored_quotes(symbol_), "1|1|1");
    }
    // A COPY goes past rules: what it reports is there.
    EXPECT_EQ(store(2'500, 1).inserted, 2'500U);
    EXPECT_EQ(desk_.stored_quotes(symbol_), "2501|2501|2501");
    expect_error(ErrorCode::schema_mismatch, [&] { store(2'500, 1); }, {"rules"});

    const std::vector<FundingRate> rates{funding(symbol_, kNoon, 0.0001)};
    desk_.run("CREATE RULE meddles AS ON UPDATE TO funding_rate_snapshots DO INSTEAD NOTHING");
    expect_error(ErrorCode::schema_mismatch, [&] { db_->wait(db_->insert_funding_rates(rates)); }, {"rules"});
    desk_.run("CREATE RULE meddles AS ON INSERT TO exchanges DO INSTEAD NOTHING");
    expect_error(ErrorCode::schema_mismatch, [&] { db_->wait(db_->ensure_exchange("BETA_SPOT")); }, {"INSERT"});
    EXPECT_EQ(desk_.ask("SELECT (SELECT count(*) FROM funding_rate_snapshots), (SELECT count(*) FROM exchanges)"),
              "0|1");

    desk_.run(
        "DROP RULE meddles ON book_ticker_snapshots; DROP RULE meddles ON funding_rate_snapshots; DROP RULE meddles ON "
        "exchanges");
    EXPECT_EQ(store(3, 2).inserted, 3U);
    EXPECT_EQ(db_->wait(db_->insert_funding_rates(rates)).inserted, 1U);
    db_->wait(db_->ensure_exchange("BETA_SPOT"));
    EXPECT_EQ(desk_.stored_quotes(symbol_), "2504|2504|2504");
}

TEST_F(PostgresTraps, ATransactionThatIsRefusedAtItsCommitIsNotStored) {
    store(1);
    desk_.run(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'too late' USING "
        "ERRCODE = '23514', CONSTRAINT = 'late'; END $$; CREATE CONSTRAINT TRIGGER late AFTER INSERT OR UPDATE ON "
        "series DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()");
    for (const int rows : {3, 2'500}) expect_error(ErrorCode::constraint, [&] { store(rows, 1); }, {"too late"});
    EXPECT_EQ(desk_.stored_quotes(symbol_), "1|1|1");
    desk_.run("DROP TRIGGER late ON series");
    EXPECT_EQ(store(3, 1).inserted, 3U);
    EXPECT_EQ(desk_.stored_quotes(symbol_), "4|4|4");
}

TEST_F(PostgresTraps, ASessionThatIsEndedInTheMiddleSaysWhyAndIsReplaced) {
    store(1);
    for (const int rows : {3, 2'500}) {
        PostgresSession other(PostgresServer::shared().conninfo());
        other.run("SET search_path TO " + desk_.schema() + "; BEGIN; LOCK TABLE book_ticker_snapshots");
        std::thread ends([&] {
            const std::string sql =
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND "
                "application_name = '" +
                desk_.schema() + "'";
            EXPECT_TRUE(wait_until([&] { return desk_.ask(sql) == "1"; }));
        });
        expect_error(ErrorCode::unavailable, [&] { store(rows, 1); }, {"administrator command"});
        ends.join();
        other.run("ROLLBACK");
        EXPECT_EQ(desk_.stored_quotes(symbol_), "1|1|1");
    }
    EXPECT_EQ(store(3, 1).inserted, 3U);
    EXPECT_EQ(desk_.stored_quotes(symbol_), "4|4|4");
}

TEST_F(PostgresTraps, AForkedChildCannotUseTheManagerAndTakesNothingFromTheParent) {
    asio::io_context context;
    auto work = asio::make_work_guard(context);
    std::thread thread([&] { context.run(); });
    auto db = std::make_unique<DatabaseManager>(desk_.config(), context.get_executor());
    db->wait(db->initialize());
    const std::string sessions =
        "SELECT string_agg(pid::text, ',' ORDER BY pid) FROM pg_stat_activity WHERE "
        "application_name = '" +
        desk_.schema() + "'";
    const std::string before = desk_.ask(sessions);
    const pid_t child = ::fork();
    if (child == 0) {
        asio::io_context own;
        bool is_refused = false;
        asio::co_spawn(own, db->insert_book_ticker_snapshots(PostgresDesk::quotes(symbol_, 3)),
                       [&](std::exception_ptr failure, const WriteResult&) {
                           try {
                               if (failure) std::rethrow_exception(failure);
                           } catch (const Error& error) {
                               is_refused = error.code() == ErrorCode::closed &&
                                            std::string_view(error.what()).find("fork") != std::string_view::npos;
                           }
                       });
        own.run();
        db.reset();
        ::_exit(is_refused ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(db->wait(db->insert_book_ticker_snapshots(PostgresDesk::quotes(symbol_, 3))).inserted, 3U);
    EXPECT_EQ(desk_.ask(sessions), before) << "the sessions are those of before";
    EXPECT_EQ(desk_.stored_quotes(symbol_), "3|3|3");
    db->wait(db->close());
    work.reset();
    thread.join();
}

}  // namespace
}  // namespace marketdb::testing
