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
    EXPECT_NE(status.out.find("schema version 4, this program knows 4"), std::string::npos) << status.out;
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
    EXPECT_NE(after.out.find("schema version 3, this program knows 3"), std::string::npos) << after.out;
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
            folder(), {"--db", database_.url(), "migrate", "up", "--yes", "--despite-sessions", "--piece-rows", "200"});
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
        Program program(folder(), {"--db", database_.url(), "migrate", "finish", "--yes"});
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

}  // namespace
}  // namespace marketdb::testing
