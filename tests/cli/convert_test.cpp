#include <chrono>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/program.hpp"
#include "support/conversion_database.hpp"
#include "support/expect.hpp"

/// `migrate` on the tables of older programs, and the program killed while it converts them.
namespace marketdb::testing {
namespace {

using nlohmann::json;

class ConvertPostgres : public CliTest {
 protected:
    Outcome migrate(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"--db", database_.url(), "migrate"});
        return run(std::move(arguments));
    }

    /// From now on the database counts the statements that change definitions, and the one of `wanted` sleeps: what a program has done
    /// before, and nothing behind it, has happened when it is killed there.
    void make_stops() {
        const std::string name = database_.value("SELECT current_database()");
        PostgresServer::shared().run_sql(
            name,
            "CREATE SCHEMA stops; CREATE SEQUENCE stops.steps MINVALUE 0; CREATE TABLE stops.wanted (step bigint); "
            "INSERT INTO stops.wanted VALUES (-1); CREATE FUNCTION stops.stop() RETURNS event_trigger LANGUAGE plpgsql "
            "SECURITY DEFINER AS $$ BEGIN IF nextval('stops.steps') = (SELECT step FROM stops.wanted) THEN PERFORM "
            "pg_sleep(60); END IF; END $$; GRANT USAGE ON SCHEMA stops TO marketdb; GRANT SELECT, UPDATE ON ALL TABLES "
            "IN SCHEMA stops TO marketdb; GRANT SELECT, UPDATE ON SEQUENCE stops.steps TO marketdb");
        PostgresServer::shared().run_sql(
            name, "CREATE EVENT TRIGGER stops ON ddl_command_start EXECUTE FUNCTION stops.stop()");
    }

    /// Kills `migrate down` at each `stride`-th statement that changes definitions, until there is none left: before that nothing has
    /// changed for anybody. Returns how often.
    int kill_on_the_way_back(int stride) {
        PostgresSession watcher(database_.conninfo() + " application_name=watcher");
        const std::string before = database_.definitions();
        for (int kills = 0;; ++kills) {
            const int step = 1 + kills * stride;
            SCOPED_TRACE("killed at statement " + std::to_string(step));
            watcher.run("UPDATE stops.wanted SET step = " + std::to_string(step) + "; SELECT setval('stops.steps', 0)");
            Program program(folder(), {"--db", database_.url(), "migrate", "down", "--yes", "--despite-sessions"},
                            to_be_killed(folder()));
            bool is_over = false;
            EXPECT_TRUE(wait_until(
                [&] {
                    is_over = watcher.value("SELECT to_regclass('marketdb_before_desk.state') IS NULL") == "t";
                    return is_over || watcher.number("SELECT last_value FROM stops.steps") == step;
                },
                std::chrono::seconds(60)));
            if (is_over) {
                watcher.run("UPDATE stops.wanted SET step = -1");
                const Outcome down = program.wait();
                EXPECT_EQ(down.code, 0) << down.err;
                return kills;
            }
            program.send_signal(SIGKILL);
            EXPECT_EQ(program.wait().code, -SIGKILL);
            // The server finds out by itself.
            EXPECT_TRUE(wait_until(
                [&] {
                    return watcher.number(
                               "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
                               "application_name LIKE 'marketdb/%'") == 0;
                },
                std::chrono::seconds(30)));
            EXPECT_EQ(database_.definitions(), before);
            if (HasFailure()) return kills;
        }
    }

    /// What has been written since, a changed row and two new ones, comes back once, however often the way back was begun.
    void come_back_with_new_rows(int stride, int least_kills) {
        make_stops();
        const std::string old_definitions = database_.definitions();
        ASSERT_EQ(migrate({"up", "--yes", "--despite-sessions"}).code, 0);
        database_.run(
            "INSERT INTO book_ticker_snapshots (symbol_id, \"timestamp\", sequence, received_at, bid_price, bid_qty, "
            "ask_price, ask_qty) VALUES (1, '2024-08-09 12:00+00', 7, '2024-08-09 12:00:00.5+00', 1, 2, 3, 4)");
        database_.run(
            "INSERT INTO trade_snapshots (symbol_id, \"timestamp\", trade_id, sequence, price, quantity, side) VALUES "
            "(1, '2024-08-09 12:00+00', 'new', 0, 5, 6, 'buy')");
        database_.run("UPDATE balance_snapshots SET locked_balance = 8 WHERE \"timestamp\" = '2024-08-08 12:01+00'");
        EXPECT_GE(kill_on_the_way_back(stride), least_kills);
        EXPECT_EQ(database_.definitions(), old_definitions);
        EXPECT_EQ(database_.rows("SELECT (SELECT count(*) FROM book_ticker_snapshots), (SELECT count(*) FROM "
                                 "trade_snapshots), (SELECT count(*) FROM balance_snapshots)"),
                  std::vector<std::string>{"3001|2101|400"});
        EXPECT_EQ(database_.rows("SELECT \"timestamp\", bid_price, sequence_number FROM book_ticker_snapshots WHERE "
                                 "symbol_id = 1 AND bid_price = 1"),
                  std::vector<std::string>{"2024-08-09 12:00:00.5+00|1.00000000|7"});
        EXPECT_EQ(database_.rows("SELECT price, quantity FROM trade_snapshots WHERE trade_id = 'new'"),
                  std::vector<std::string>{"5.00000000|6.00000000"});
        EXPECT_EQ(database_.value("SELECT locked_balance FROM balance_snapshots WHERE \"timestamp\" = '2024-08-08 "
                                  "12:01+00'"),
                  "8");
        EXPECT_EQ(migrate({"up", "--yes", "--despite-sessions"}).code, 0);
        EXPECT_EQ(database_.value("SELECT count(*) FROM book_ticker_snapshots"), "3001");
    }

    /// A conversion that has only copied, because others were connected.
    void stop_what_is_under_way(int stride, int least_kills) {
        make_stops();
        const std::string old_definitions = database_.definitions();
        {
            const PostgresSession collector(database_.conninfo() + " application_name=collector");
            EXPECT_NE(migrate({"up", "--yes"}).code, 0);
        }
        EXPECT_EQ(database_.value("SELECT phase FROM marketdb_before_desk.state"), "copying");
        EXPECT_GE(kill_on_the_way_back(stride), least_kills);
        EXPECT_EQ(database_.definitions(), old_definitions);
        EXPECT_EQ(database_.value("SELECT count(*) FROM book_ticker_snapshots"), "3000");
    }

    ConversionDatabase database_{{"complete", "state_b"}};
};

TEST_F(ConvertPostgres, NothingHappensWithoutYes) {
    const std::string before = database_.definitions();
    const Outcome plan = migrate({"plan", "--json"});
    ASSERT_EQ(plan.code, 0) << plan.err;
    const json findings = json::parse(plan.out);
    EXPECT_EQ(findings.at(0).at("name"), "exchanges");
    EXPECT_EQ(findings.at(2).at("rows"), 3000);
    const Outcome up = migrate({"up"});
    EXPECT_EQ(up.code, 2);
    EXPECT_NE(up.out.find("book_ticker_1min"), std::string::npos);
    EXPECT_NE(up.err.find("add --yes"), std::string::npos);
    EXPECT_EQ(database_.definitions(), before);

    EXPECT_EQ(migrate({"up", "--yes", "--despite-sessions"}).code, 0);
    EXPECT_EQ(migrate({"finish"}).code, 2);
    EXPECT_EQ(migrate({"down"}).code, 2);
    EXPECT_EQ(database_.value("SELECT count(*) FROM marketdb_before_desk.trade_snapshots"), "2100");
    EXPECT_EQ(migrate({"down", "--yes", "--despite-sessions"}).code, 0);
    EXPECT_EQ(database_.definitions(), before);
    EXPECT_EQ(migrate({"up", "--yes", "--despite-sessions"}).code, 0);
    EXPECT_EQ(migrate({"finish", "--yes"}).code, 0);
    const Outcome status = migrate({"status"});
    EXPECT_EQ(status.code, 0);
    EXPECT_NE(status.out.find("schema version 7, this program knows 7"), std::string::npos) << status.out;
    EXPECT_EQ(migrate({"plan"}).out.find("nothing to do") == std::string::npos, false);
}

TEST_F(ConvertPostgres, StatusSaysWhereItStandsAndWhatCannotBeDoneIsSaidSo) {
    const Outcome before = migrate({"status"});
    EXPECT_EQ(before.code, 0) << before.err;
    EXPECT_NE(before.out.find("tables of older programs; existing"), std::string::npos) << before.out;
    EXPECT_NE(before.err.find("`marketdb migrate plan` says more"), std::string::npos) << before.err;
    EXPECT_EQ(json::parse(migrate({"status", "--json"}).out), json::array());
    const Outcome finish = migrate({"finish"});
    EXPECT_EQ(finish.code, 2);
    EXPECT_NE(finish.err.find("no conversion that could be finished"), std::string::npos) << finish.err;
    const Outcome down = migrate({"down"});
    EXPECT_EQ(down.code, 2);
    EXPECT_NE(down.err.find("no conversion that could be undone"), std::string::npos) << down.err;
    ASSERT_EQ(migrate({"up", "--yes", "--despite-sessions"}).code, 0);
    const Outcome after = migrate({"status"});
    EXPECT_NE(after.out.find("schema version 7, this program knows 7"), std::string::npos) << after.out;
    EXPECT_NE(after.err.find("kept until `marketdb migrate finish`"), std::string::npos) << after.err;
}

TEST_F(ConvertPostgres, KilledAfterEveryStepItGoesOn) {
    PostgresSession watcher(PostgresServer::shared().conninfo(database_.value("SELECT current_database()")));
    const auto progress = [&] {
        if (watcher.value("SELECT to_regclass('marketdb_before_desk.state') IS NULL") == "t")
            return std::string("none");
        return watcher.value(
            "SELECT s.phase || ' ' || coalesce((SELECT sum(d.rows) FROM marketdb_before_desk.datasets AS d), 0) FROM "
            "marketdb_before_desk.state AS s");
    };
    std::string last_seen = progress();
    int kills = 0;
    for (bool is_done = false; !is_done && kills < 200;) {
        Program program(
            folder(), {"--db", database_.url(), "migrate", "up", "--yes", "--despite-sessions", "--piece-rows", "200"},
            to_be_killed(folder()));
        ASSERT_TRUE(wait_until([&] { return progress() != last_seen; }, std::chrono::seconds(60)));
        last_seen = progress();
        program.send_signal(SIGKILL);
        kills += program.wait().code == -SIGKILL ? 1 : 0;
        is_done = last_seen.starts_with("converted");
    }
    EXPECT_GE(kills, 8);
    EXPECT_EQ(database_.value("SELECT count(*) FROM book_ticker_snapshots"), "3000");
    EXPECT_EQ(database_.value("SELECT count(*) FROM trade_snapshots"), "2000");
    EXPECT_EQ(database_.value("SELECT sum(rows) FROM series"), "5400");
    EXPECT_EQ(database_.value("SELECT sum(update_count) FROM book_ticker_1min"), "3000");
    EXPECT_EQ(migrate({"finish", "--yes"}).code, 0);
}

TEST_F(ConvertPostgres, KilledWhileItFinishesItGoesOn) {
    ASSERT_EQ(migrate({"up", "--yes", "--despite-sessions"}).code, 0);
    int kills = 0;
    Outcome last;
    for (int round = 0; round < 40; ++round) {
        Program program(folder(), {"--db", database_.url(), "migrate", "finish", "--yes"}, to_be_killed(folder()));
        std::this_thread::sleep_for(std::chrono::milliseconds(4 * round));
        program.send_signal(SIGKILL);
        last = program.wait();
        if (last.code != -SIGKILL) break;
        ++kills;
        EXPECT_EQ(database_.value("SELECT count(*) FROM book_ticker_snapshots"), "3000");
    }
    EXPECT_GE(kills, 2);
    const Outcome again = migrate({"finish", "--yes"});
    // It may have been over already when it was killed.
    const bool was_over = again.err.find("keeps no old tables") != std::string::npos;
    EXPECT_TRUE(again.code == 0 || was_over) << again.err << last.err;
    EXPECT_EQ(database_.value("SELECT count(*) FROM pg_namespace WHERE nspname = 'marketdb_before_desk'"), "0");
    EXPECT_EQ(database_.value("SELECT sum(rows) FROM series"), "5400");
}

TEST_F(ConvertPostgres, KilledOnTheWayBackItIsBegunAgain) { come_back_with_new_rows(40, 2); }

TEST_F(ConvertPostgres, KilledWhileItIsStoppedItIsStoppedAgain) { stop_what_is_under_way(10, 1); }

class ConvertPostgresLong : public ConvertPostgres {};

TEST_F(ConvertPostgresLong, KilledAtEveryStatementOfTheWayBack) { come_back_with_new_rows(1, 20); }

TEST_F(ConvertPostgresLong, KilledAtEveryStatementOfStopping) { stop_what_is_under_way(1, 3); }

}  // namespace
}  // namespace marketdb::testing
