#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "adversity/postgres_desk.hpp"
#include "support/fault_proxy.hpp"

/// What the server refuses, and what becomes of it.
namespace marketdb::testing {
namespace {

class PostgresRefusal : public ::testing::Test {
 protected:
    PostgresRefusal()
        : desk_(PostgresServer::shared()),
          db_(PostgresDesk::open(desk_.config(2))),
          symbol_(PostgresDesk::make_symbol(*db_).id) {
        store(1, {});
    }

    void store(int rows, Deadline deadline, std::int64_t sequence = 0, double bid = 100) {
        db_->wait(db_->insert_book_ticker_snapshots(PostgresDesk::quotes(symbol_, rows, sequence, bid), deadline));
    }

    /// The next `times` statements that write to the table fail with this SQLSTATE, then they succeed.
    void refuse(const std::string& table, const std::string& sqlstate, int times) {
        // A sequence counts on although the transaction is rolled back.
        desk_.run(
            "SET client_min_messages = error; DROP SEQUENCE IF EXISTS refusals CASCADE; CREATE SEQUENCE refusals; "
            "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$ "
            "BEGIN IF nextval('refusals') <= " +
            std::to_string(times) + " THEN RAISE EXCEPTION 'refused' USING ERRCODE = '" + sqlstate +
            "'; END IF; RETURN NULL; END $$; CREATE OR REPLACE TRIGGER a_refusal AFTER INSERT OR UPDATE OR DELETE ON " +
            table + " FOR EACH STATEMENT EXECUTE FUNCTION refuse()");
    }
    [[nodiscard]] long refusals() const { return std::stol(desk_.ask("SELECT last_value FROM refusals")); }

    PostgresDesk desk_;
    std::unique_ptr<DatabaseManager> db_;
    SymbolId symbol_;
};

TEST_F(PostgresRefusal, ADeadlockOrASerializationFailureIsTriedAgainUntilItSucceeds) {
    std::int64_t sequence = 0;
    for (const char* sqlstate : {"40P01", "40001"}) {
        SCOPED_TRACE(sqlstate);
        for (const int rows : {3, 2'500}) {
            refuse("series", sqlstate, 3);
            store(rows, {}, ++sequence);
            EXPECT_GT(refusals(), 3);
        }
        refuse("exchanges", sqlstate, 3);
        db_->wait(db_->ensure_exchange("E" + std::string(sqlstate) + "_SPOT"));
        EXPECT_GT(refusals(), 3);
    }
    EXPECT_EQ(desk_.stored_quotes(symbol_), "5007|5007|5007");
}

TEST_F(PostgresRefusal, SoAreWritesOfOneRowAndTheRemovalOfOldRows) {
    for (const char* sqlstate : {"40P01", "40001"}) {
        SCOPED_TRACE(sqlstate);
        Source source;
        source.kind = "import";
        source.name = "quotes.csv";
        refuse("sources", sqlstate, 3);
        const SourceId id = db_->wait(db_->begin_source(source));
        EXPECT_GT(refusals(), 3);
        refuse("sources", sqlstate, 3);
        db_->wait(db_->finish_source(id, 7));
        EXPECT_GT(refusals(), 3);
        EXPECT_EQ(desk_.ask("SELECT rows FROM sources WHERE id = " + std::to_string(static_cast<int>(id))), "7");

        const std::vector<FundingRate> rates{funding(symbol_, kNoon, 0.0001)};
        db_->wait(db_->insert_funding_rates(rates));
        refuse("funding_rate_snapshots", sqlstate, 3);
        EXPECT_EQ(db_->wait(db_->cleanup_old_data(a_week())).funding_rates, 1U);
        EXPECT_GT(refusals(), 3);
        EXPECT_EQ(desk_.ask("SELECT count(*) FROM funding_rate_snapshots"), "0");
        desk_.run("DROP TRIGGER a_refusal ON funding_rate_snapshots");
    }
    refuse("sources", "40001", 1'000'000);
    Source source;
    source.kind = "import";
    for (auto limit = 300ms; refusals() <= 1 && limit < 60s; limit *= 2) {
        expect_error(ErrorCode::timeout, [&] { db_->wait(db_->begin_source(source, Deadline::in(limit))); });
    }
    EXPECT_GT(refusals(), 1);
}

TEST_F(PostgresRefusal, WhatIsRefusedAgainAndAgainEndsAtTheDeadline) {
    refuse("series", "40P01", 1'000'000);
    for (auto limit = 500ms; refusals() <= 1 && limit < 60s; limit *= 2) {
        expect_error(ErrorCode::timeout, [&] { store(3, Deadline::in(limit), 1); });
    }
    EXPECT_GT(refusals(), 1);
    EXPECT_EQ(desk_.stored_quotes(symbol_), "1|1|1");
    refuse("series", "40P01", 0);
    store(3, {}, 1);
    EXPECT_EQ(desk_.stored_quotes(symbol_), "4|4|4");
}

TEST_F(PostgresRefusal, OthersAreNotTriedAgainAndSayWhatTheyAre) {
    struct Case {
        const char* sqlstate;
        ErrorCode code;
    };
    for (const Case& one : {Case{"53100", ErrorCode::resource_exhausted}, Case{"55P03", ErrorCode::unavailable},
                            Case{"57014", ErrorCode::timeout}, Case{"25006", ErrorCode::read_only},
                            Case{"42501", ErrorCode::unauthorized}, Case{"42P01", ErrorCode::schema_mismatch},
                            Case{"28000", ErrorCode::unauthorized}, Case{"XX000", ErrorCode::internal}}) {
        SCOPED_TRACE(one.sqlstate);
        for (const int rows : {3, 2'500}) {
            refuse("series", one.sqlstate, 1);
            expect_error(one.code, [&] { store(rows, {}, 1); }, {"refused"});
            EXPECT_EQ(refusals(), 1);
            EXPECT_EQ(desk_.stored_quotes(symbol_), "1|1|1");
        }
    }
    store(3, {}, 1);
    EXPECT_EQ(desk_.stored_quotes(symbol_), "4|4|4") << "the same batch again";
}

TEST_F(PostgresRefusal, ARefusedRowIsNamedWithItsColumn) {
    desk_.run("ALTER TABLE book_ticker_snapshots ADD CONSTRAINT bid_qty_is_small CHECK (bid_qty < 50)");
    for (const int rows : {5, 2'500}) {
        std::vector<BookTicker> quotes = PostgresDesk::quotes(symbol_, rows, 1);
        quotes[3].bid_qty = 60;
        expect_error(ErrorCode::constraint, [&] { db_->wait(db_->insert_book_ticker_snapshots(quotes)); },
                     {"row 3", ": column bid_qty: ", "bid_qty_is_small"});
        EXPECT_EQ(desk_.stored_quotes(symbol_), "1|1|1");
        quotes[3].bid_qty = 1;
        db_->wait(db_->insert_book_ticker_snapshots(quotes));
        desk_.run("DELETE FROM book_ticker_snapshots WHERE sequence = 1; UPDATE series SET rows = 1");
    }
    expect_error(ErrorCode::unknown_symbol,
                 [&] { db_->wait(db_->insert_book_ticker_snapshots(PostgresDesk::quotes(SymbolId{4711}, 2))); },
                 {"4711"});
}

TEST_F(PostgresRefusal, AConstraintOfSeveralColumnsIsNamedWithThemOnATableWithAndWithoutPartitions) {
    desk_.run(
        "ALTER TABLE book_ticker_snapshots ADD CONSTRAINT is_narrow CHECK (ask_price - bid_price < 150); "
        "ALTER TABLE funding_rate_snapshots ADD CONSTRAINT one_rate_a_time UNIQUE (symbol_id, \"timestamp\")");
    std::vector<BookTicker> quotes = PostgresDesk::quotes(symbol_, 3, 1);
    quotes[1].bid_price = 1;
    expect_error(ErrorCode::constraint, [&] { db_->wait(db_->insert_book_ticker_snapshots(quotes)); },
                 {"row 1", ": column bid_price, ask_price: "});
    const std::vector<FundingRate> rates{funding(symbol_, kNoon, 0.1),
                                         funding(symbol_, kNoon, 0.2, FundingKind::settled)};
    // Each of the two could be stored alone, so neither is named.
    expect_error(ErrorCode::constraint, [&] { db_->wait(db_->insert_funding_rates(rates)); },
                 {"funding_rate_snapshots: column symbol_id, timestamp: "});
    EXPECT_EQ(desk_.ask("SELECT count(*) FROM funding_rate_snapshots"), "0");
    EXPECT_EQ(desk_.stored_quotes(symbol_), "1|1|1");
}

TEST_F(PostgresRefusal, AConstraintThatTheCatalogueDoesNotKnowIsNamedItself) {
    desk_.run(
        "CREATE FUNCTION refuse_large() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'too large' USING "
        "ERRCODE = '23514', CONSTRAINT = 'desk_limit'; END $$; CREATE TRIGGER large BEFORE INSERT ON "
        "book_ticker_snapshots FOR EACH ROW WHEN (NEW.bid_qty > 50) EXECUTE FUNCTION refuse_large()");
    std::vector<BookTicker> quotes = PostgresDesk::quotes(symbol_, 3, 1);
    quotes[2].bid_qty = 60;
    expect_error(ErrorCode::constraint, [&] { db_->wait(db_->insert_book_ticker_snapshots(quotes)); },
                 {"row 2", ": constraint desk_limit: ", "too large"});
    EXPECT_EQ(desk_.stored_quotes(symbol_), "1|1|1");
}

TEST_F(PostgresRefusal, ALinkThatBreaksWhileTheReasonIsLookedForDoesNotHideIt) {
    desk_.run("ALTER TABLE book_ticker_snapshots ADD CONSTRAINT bid_qty_is_small CHECK (bid_qty < 50)");
    FaultProxy proxy(PostgresServer::shared());
    const auto db = PostgresDesk::open(desk_.config(proxy.url(desk_.parameters())));
    std::vector<BookTicker> quotes = PostgresDesk::quotes(symbol_, 5, 1);
    quotes[3].bid_qty = 60;
    Fault cut;
    cut.containing = "pg_constraint";
    proxy.inject(cut);
    expect_error(ErrorCode::constraint, [&] { db->wait(db->insert_book_ticker_snapshots(quotes)); },
                 {"row 3", ": constraint bid_qty_is_small: "});
    EXPECT_EQ(proxy.happened(), 1);
    EXPECT_EQ(desk_.stored_quotes(symbol_), "1|1|1");
    quotes[3].bid_qty = 1;
    db->wait(db->insert_book_ticker_snapshots(quotes));
    EXPECT_EQ(desk_.stored_quotes(symbol_), "6|6|6");
}

TEST_F(PostgresRefusal, ALockThatIsNotReleasedEndsAtTheDeadlineAndNothingIsStored) {
    PostgresSession other(PostgresServer::shared().conninfo(kTestDatabase, kTestRole));
    other.run("SET search_path TO " + desk_.schema() + "; BEGIN; LOCK TABLE book_ticker_snapshots");
    for (const int rows : {3, 2'500}) {
        expect_error(ErrorCode::timeout, [&] { store(rows, Deadline::in(300ms), 1); });
    }
    expect_error(ErrorCode::timeout, [&] { db_->wait(db_->get_book_ticker_history({}, Deadline::in(300ms))); });
    other.run("ROLLBACK");
    EXPECT_EQ(desk_.stored_quotes(symbol_), "1|1|1");
    store(3, {}, 1);
    EXPECT_EQ(desk_.stored_quotes(symbol_), "4|4|4");
}

TEST_F(PostgresRefusal, AStatementThatAnAdministratorStopsIsUndone) {
    PostgresSession other(PostgresServer::shared().conninfo());
    other.run("SET search_path TO " + desk_.schema() + "; BEGIN; LOCK TABLE book_ticker_snapshots");
    std::thread stops([&] {
        const std::string sql =
            "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event_type = "
            "'Lock' AND application_name = '" +
            desk_.schema() + "'";
        EXPECT_TRUE(wait_until([&] { return PostgresSession(PostgresServer::shared().conninfo()).value(sql) == "1"; }));
    });
    expect_error(ErrorCode::timeout, [&] { store(3, Deadline::in(30s), 1); }, {"user request"});
    stops.join();
    other.run("ROLLBACK");
    store(3, {}, 1);
    EXPECT_EQ(desk_.stored_quotes(symbol_), "4|4|4");
}

TEST_F(PostgresRefusal, AColumnThatIsAddedMeanwhileDisturbsNothing) {
    db_->wait(db_->get_book_ticker_history());
    db_->wait(db_->refresh_reference());
    desk_.run(
        "ALTER TABLE book_ticker_snapshots ADD COLUMN note text; ALTER TABLE exchanges ADD COLUMN note text; "
        "ALTER TABLE symbols ADD COLUMN note text");
    store(3, {}, 1);
    store(2'500, {}, 2);
    db_->wait(db_->refresh_reference());
    EXPECT_EQ(db_->wait(db_->get_book_ticker_history()).rows.size(), 2'504U);
    EXPECT_EQ(desk_.stored_quotes(symbol_), "2504|2504|2504");
}

TEST_F(PostgresRefusal, PreparedStatementsThatAreGoneArePreparedAgain) {
    store(3, {}, 1);
    const std::string before =
        desk_.ask("SELECT count(*) FROM pg_stat_activity WHERE application_name = '" + desk_.schema() + "'");
    // The type of a value that a kept statement answers with changes under it, and back.
    desk_.run("ALTER TABLE reference_version ALTER COLUMN version TYPE integer");
    desk_.run("ALTER TABLE reference_version ALTER COLUMN version TYPE bigint");
    db_->wait(db_->refresh_reference());
    store(3, {}, 2);
    EXPECT_EQ(desk_.stored_quotes(symbol_), "7|7|7");
    EXPECT_EQ(desk_.ask("SELECT count(*) FROM pg_stat_activity WHERE application_name = '" + desk_.schema() + "'"),
              before)
        << "on the same connections";
}

TEST_F(PostgresRefusal, PreparedStatementsThatSomebodyTakesAwayEachTimeAreDoneWithout) {
    store(3, {}, 1);
    const std::vector<pid_t> before = PostgresServer::shared().backend_pids(desk_.schema());
    desk_.run(
        "CREATE FUNCTION take_away() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'DEALLOCATE ALL'; RETURN "
        "NULL; "
        "END $$; CREATE TRIGGER takes_away AFTER INSERT OR UPDATE ON book_ticker_snapshots FOR EACH STATEMENT EXECUTE "
        "FUNCTION take_away()");
    for (int sequence = 2; sequence <= 4; ++sequence) store(3, {}, sequence);
    EXPECT_EQ(desk_.stored_quotes(symbol_), "13|13|13");
    // By COPY, then, as the rows are there already, in three statements.
    store(45'000, {}, 5);
    store(45'000, {}, 5, 101);
    EXPECT_EQ(desk_.stored_quotes(symbol_), "45013|45013|45013");
    EXPECT_EQ(desk_.ask("SELECT count(*) FROM book_ticker_snapshots WHERE bid_price = 101"), "45000");
    db_->wait(db_->refresh_reference());
    db_->wait(db_->ensure_exchange("BETA_SPOT"));
    HistoryFilter some;
    some.limit = 5;
    EXPECT_EQ(db_->wait(db_->get_book_ticker_history(some)).rows.size(), 5U);
    EXPECT_EQ(PostgresServer::shared().backend_pids(desk_.schema()), before) << "on the same connections";
}

TEST_F(PostgresRefusal, ARefusedRowIsFoundThoughPreparedStatementsAreTakenAway) {
    desk_.run(
        "ALTER TABLE book_ticker_snapshots ADD CONSTRAINT bid_qty_is_small CHECK (bid_qty < 50); CREATE FUNCTION "
        "take_away() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'DEALLOCATE ALL'; RETURN NULL; END $$; "
        "CREATE "
        "TRIGGER takes_away BEFORE INSERT ON book_ticker_snapshots FOR EACH STATEMENT EXECUTE FUNCTION take_away()");
    for (const std::size_t row : {std::size_t{0}, std::size_t{5}, std::size_t{8}}) {
        std::vector<BookTicker> quotes = PostgresDesk::quotes(symbol_, 9, 1);
        quotes[row].bid_qty = 60;
        const std::string named = "row " + std::to_string(row) + " ";
        expect_error(ErrorCode::constraint, [&] { db_->wait(db_->insert_book_ticker_snapshots(quotes)); },
                     {named, ": column bid_qty: "});
    }
    EXPECT_EQ(desk_.stored_quotes(symbol_), "1|1|1");
}

TEST_F(PostgresRefusal, AServerThatAllOfASuddenOnlyReadsSaysSo) {
    PostgresServer server;
    const PostgresDesk desk(server);
    const auto db = PostgresDesk::open(desk.config());
    const SymbolId symbol = PostgresDesk::make_symbol(*db).id;
    db->wait(db->insert_book_ticker_snapshots(PostgresDesk::quotes(symbol, 3)));
    server.configure("default_transaction_read_only", "on");
    const auto write = [&] { db->wait(db->insert_book_ticker_snapshots(PostgresDesk::quotes(symbol, 3, 1))); };
    ASSERT_TRUE(wait_until([&] {
        try {
            write();
            return false;
        } catch (const Error& error) {
            return error.code() == ErrorCode::read_only;
        }
    }));
    EXPECT_EQ(db->wait(db->get_book_ticker_history()).rows.size() % 3, 0U);
    server.configure("default_transaction_read_only", nullptr);
    ASSERT_TRUE(wait_until([&] {
        try {
            write();
            return true;
        } catch (const Error&) {
            return false;
        }
    }));
    EXPECT_EQ(desk.stored_quotes(symbol), "6|6|6");
}

}  // namespace
}  // namespace marketdb::testing
