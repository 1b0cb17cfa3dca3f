#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/program.hpp"
#include "cli/sample_files.hpp"

namespace marketdb::testing {
namespace {

using nlohmann::json;

class Upkeep : public CliTest {
 protected:
    std::int64_t rows_of(const std::string& dataset) {
        for (const json& one : json::parse(answer({"stats", "--json"}))) {
            if (one.at("dataset") == dataset) return one.at("rows");
        }
        return -1;
    }
};

TEST_F(Upkeep, InitMakesTheDatabaseOnce) {
    EXPECT_EQ(answer({"init"}).rfind("made sqlite:marketdb.db (default): SQLite 3.", 0), 0U);
    EXPECT_TRUE(std::filesystem::exists(path("marketdb.db")));
    EXPECT_EQ(answer({"init"}).rfind("ready: sqlite:marketdb.db (default): SQLite 3.", 0), 0U);
}

TEST_F(Upkeep, CleanupShowsItsTargetAndNeedsYes) {
    import_samples();
    const Outcome asked = run({"cleanup", "--older-than", "7d"});
    EXPECT_EQ(asked.code, 2);
    EXPECT_EQ(asked.out.rfind("would remove from sqlite:marketdb.db (default), rows before ", 0), 0U) << asked.out;
    EXPECT_NE(asked.err.find("add --yes"), std::string::npos) << asked.err;
    EXPECT_EQ(rows_of("trades"), 3);

    const Outcome dry = run({"cleanup", "--older-than", "7d", "--dry-run", "--yes", "--json"});
    EXPECT_EQ(dry.code, 0);
    EXPECT_EQ(json::parse(dry.out)[1].at("rows"), 3);
    EXPECT_EQ(rows_of("trades"), 3);

    const std::string done = answer({"cleanup", "--older-than", "7d", "--dataset", "trades", "--yes"});
    EXPECT_EQ(done.rfind("removed from sqlite:marketdb.db (default), rows before ", 0), 0U) << done;
    EXPECT_EQ(done.find("book-tickers"), std::string::npos);
    EXPECT_EQ(rows_of("trades"), 0);
    EXPECT_EQ(rows_of("book-tickers"), 3);

    EXPECT_EQ(json::parse(answer({"cleanup", "--older-than", "1h", "--yes", "--json"}))[0].at("rows"), 3);
    EXPECT_EQ(rows_of("book-tickers"), 0);
}

TEST_F(Upkeep, CleanupDoesWhatTheStoredPoliciesSay) {
    import_samples();
    const Outcome none = run({"cleanup", "--yes"});
    EXPECT_EQ(none.code, 0) << none.err;
    EXPECT_NE(none.err.find("no policy lets any"), std::string::npos) << none.err;
    EXPECT_EQ(answer({"retention", "set", "trades", "--max-age", "30d"}),
              "sqlite:marketdb.db (default): rows of trades go when they are older than 30d; imported ones stay\n");
    const Outcome spared = run({"cleanup", "--yes"});
    EXPECT_NE(spared.err.find("3 rows before "), std::string::npos) << spared.err;
    EXPECT_EQ(rows_of("trades"), 3);
    answer({"retention", "set", "trades", "--max-age", "30d", "--take-imports"});
    const std::string held = answer({"retention", "hold", "--reason", "audit"});
    EXPECT_EQ(held, "hold 1: rows of all datasets from the first row on stay\n");
    EXPECT_EQ(json::parse(answer({"cleanup", "--yes", "--json"}))[1].at("staying"), 3);
    const json shown = json::parse(answer({"retention", "show", "--json"}));
    ASSERT_EQ(shown.size(), 5U);
    EXPECT_EQ(shown[1].at("dataset"), "trades");
    EXPECT_EQ(shown[1].at("imports"), "go");
    EXPECT_EQ(shown[4].at("reason"), "audit");
    EXPECT_EQ(answer({"retention", "release", "1"}), "hold 1 is released\n");
    EXPECT_EQ(run({"retention", "hold", "--reason", "x", "--from", "2024-08-09", "--to", "2024-08-08"}).code, 2);
    EXPECT_EQ(json::parse(answer({"cleanup", "--yes", "--json"}))[1].at("rows"), 3);
    EXPECT_EQ(rows_of("trades"), 0);
    EXPECT_EQ(rows_of("book-tickers"), 3) << "it has no policy";
    const json policy = json::parse(answer({"retention", "set", "trades", "--max-age", "30d", "--json"}));
    EXPECT_EQ(policy[0].at("max_age"), 30 * 86'400);
    EXPECT_EQ(policy[0].at("imports"), "stay");
    const json hold = json::parse(answer({"retention", "hold", "trades", "--reason", "audit", "--json"}));
    EXPECT_EQ(hold[0].at("id"), 2);
    EXPECT_EQ(hold[0].at("dataset"), "trades");
    const json released = json::parse(answer({"retention", "release", "2", "--json"}));
    ASSERT_EQ(released.size(), 1U);
    EXPECT_EQ(released[0].at("id"), 2);
    EXPECT_FALSE(released[0].at("released").is_null());
    EXPECT_EQ(run({"retention", "release", "9"}).code, 1);
    EXPECT_EQ(run({"retention", "set", "trades"}).code, 2);
    EXPECT_EQ(run({"retention", "set", "trades", "--keep", "--max-age", "1d"}).code, 2);
}

TEST_F(Upkeep, MaintainDoesAllOfItAndTellsEachStep) {
    import_samples();
    answer({"retention", "set", "quotes", "--max-age", "1d", "--max-bytes", "1G", "--take-imports"});
    const json shown = json::parse(answer({"retention", "show", "--json"}));
    EXPECT_EQ(shown[0].at("max_bytes"), 1 << 30);
    const json steps = json::parse(answer({"maintain", "--json"}));
    std::vector<std::string> checks;
    for (const json& one : steps) {
        checks.push_back(one.at("check"));
        EXPECT_EQ(one.at("severity"), "fine") << one;
    }
    EXPECT_EQ(checks, (std::vector<std::string>{"rows", "vacuum", "log", "disk"}));
    EXPECT_EQ(steps[0].at("where"), "book-tickers");
    EXPECT_EQ(steps[0].at("what").get<std::string>().rfind("3 removed from before ", 0), 0U) << steps[0];
    EXPECT_EQ(rows_of("book-tickers"), 0);
    EXPECT_FALSE(std::filesystem::exists(path("marketdb.db-wal")));
    const std::string text = answer({"maintain"});
    EXPECT_NE(text.find("rows         book-tickers: 0 removed from before "), std::string::npos) << text;
    EXPECT_EQ(run({"maintain", "--ahead", "400d"}).code, 2);
    EXPECT_EQ(run({"maintain", "--window", "1s"}).code, 2);
    EXPECT_EQ(run({"maintain", "--free", "much"}).code, 2);
}

TEST_F(Upkeep, ASizeThatCannotBeMetIsAWarningAndAFinding) {
    import_samples();
    answer({"retention", "set", "quotes", "--max-bytes", "100"});
    const Outcome cleaned = run({"cleanup", "--yes"});
    EXPECT_EQ(cleaned.code, 0);
    EXPECT_NE(cleaned.err.find("book-tickers: 1 row too many for the size"), std::string::npos) << cleaned.err;
    const Outcome maintained = run({"maintain"});
    EXPECT_EQ(maintained.code, 1);
    EXPECT_NE(maintained.out.find("book-tickers: 1 too many"), std::string::npos) << maintained.out;
    EXPECT_EQ(rows_of("book-tickers"), 3);
}

TEST_F(Upkeep, TheForecastSaysWhenTheDiskIsFull) {
    import_samples();
    const json found = json::parse(answer({"retention", "forecast", "--free", "10G", "--json"}));
    ASSERT_EQ(found.size(), 4U);
    EXPECT_EQ(found[0].at("disk_free_bytes"), std::int64_t{10} << 30);
    EXPECT_EQ(found[0].at("full_at"), nullptr) << "nothing came within the last day";
    const std::string text = answer({"retention", "forecast"});
    EXPECT_NE(text.find("are free: the disk will do"), std::string::npos) << text;
}

TEST_F(Upkeep, CleanupKeepsWhatIsYounger) {
    import_samples();
    EXPECT_EQ(json::parse(answer({"cleanup", "--older-than", "20000d", "--yes", "--json"}))[0].at("rows"), 0);
    EXPECT_EQ(rows_of("book-tickers"), 3);
}

TEST_F(Upkeep, MigrateShowsStepsAndGoesDownOnlyWithYesAndWithoutRows) {
    answer({"init"});
    const json steps = json::parse(answer({"migrate", "status", "--json"}));
    ASSERT_FALSE(steps.empty());
    for (const json& step : steps) EXPECT_EQ(step.at("applied"), true) << step;
    const std::string newest = std::to_string(steps.size());
    EXPECT_EQ(answer({"migrate", "status"}).rfind("sqlite:marketdb.db (default): schema version " + newest, 0), 0U);
    EXPECT_EQ(answer({"migrate", "plan"}), "sqlite:marketdb.db (default): nothing to do\n");
    EXPECT_EQ(answer({"migrate", "plan", "--json"}), "[]\n");
    EXPECT_EQ(answer({"migrate", "up"}), "sqlite:marketdb.db (default): nothing to do\n");

    const Outcome above = run({"migrate", "down", "--to", "99", "--yes"});
    EXPECT_EQ(above.code, 2);
    EXPECT_NE(above.err.find("--to 99: the schema has version"), std::string::npos) << above.err;
    const Outcome asked = run({"migrate", "down", "--to", "0"});
    EXPECT_EQ(asked.code, 2);
    EXPECT_EQ(
        asked.out.rfind("sqlite:marketdb.db (default): schema version " + newest + " down to 0\nundoes " + newest, 0),
        0U)
        << asked.out;
    EXPECT_NE(asked.err.find("add --yes"), std::string::npos);
    EXPECT_EQ(json::parse(answer({"migrate", "status", "--json"})), steps);

    const std::string down = answer({"migrate", "down", "--to", "0", "--yes"});
    EXPECT_NE(down.find("undid 1 "), std::string::npos) << down;
    const std::string plan = answer({"migrate", "plan"});
    EXPECT_EQ(plan.rfind("-- 1 ", 0), 0U) << plan;
    EXPECT_NE(plan.find("CREATE TABLE"), std::string::npos);
    EXPECT_NE(answer({"migrate", "up"}).find("applied 1 "), std::string::npos);
    EXPECT_EQ(answer({"migrate", "up"}), "sqlite:marketdb.db (default): nothing to do\n");

    import_samples();
    const Outcome refused = run({"migrate", "down", "--to", "0", "--yes"});
    EXPECT_EQ(refused.code, 1) << refused.out;
    EXPECT_EQ(rows_of("trades"), 3);
}

class Demo : public CliTest {};

/// The lines under `Try next:`.
std::vector<std::string> next_commands(const std::string& text) {
    std::vector<std::string> lines;
    const std::size_t start = text.find("Try next:\n");
    if (start == std::string::npos) return lines;
    std::istringstream rest(text.substr(start + 10));
    for (std::string line; std::getline(rest, line);) lines.push_back(line.substr(2));
    return lines;
}

TEST_F(Demo, RecordsAMinuteIntoAFileOfItsOwnAndShowsIt) {
    Surroundings surroundings;
    surroundings.environment["MARKETDB_URL"] = "sqlite:real.db";
    const std::string text = answer({"demo"}, surroundings);
    EXPECT_FALSE(std::filesystem::exists(path("real.db")));
    EXPECT_TRUE(std::filesystem::exists(path("marketdb-demo.db")));
    EXPECT_EQ(text.rfind("A simulated minute of 6 series: ", 0), 0U) << text;
    for (const char* part : {"Latest quotes\n", "DEMOA_SPOT", "DEMOB_SPOT", "DEMOC_FUTURES", "spread_bps",
                             "received clock", "│", "█", "Try next:\n"}) {
        EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
    }
    const json stats = json::parse(answer({"--db", "sqlite:marketdb-demo.db", "stats", "--json"}));
    EXPECT_EQ(stats[0].at("rows"), 3600);
    EXPECT_GT(stats[1].at("rows").get<int>(), 100);
    EXPECT_EQ(stats[2].at("rows"), 2);
    EXPECT_EQ(stats[3].at("rows"), 6);
    const json latest = json::parse(answer({"--db", "sqlite:marketdb-demo.db", "latest", "quotes", "--json"}));
    ASSERT_EQ(latest.size(), 6U);
    EXPECT_LT(latest[0].at("age_seconds").get<double>(), 60.0);
}

TEST_F(Demo, TheNextCommandsWorkAsTheyArePrinted) {
    const std::vector<std::string> commands = next_commands(answer({"demo", "--file", "the demo's.db"}));
    ASSERT_GE(commands.size(), 5U);
    for (const std::string& command : commands) {
        const Outcome outcome = run_in_shell(command);
        EXPECT_EQ(outcome.code, 0) << command << "\n" << outcome.err;
        EXPECT_NE(outcome.out + outcome.err, "") << command;
    }
}

TEST_F(Demo, WithoutUtf8TheChartIsPlain) {
    Surroundings surroundings;
    surroundings.environment["LC_ALL"] = "C";
    const std::string text = answer({"demo"}, surroundings);
    EXPECT_TRUE(std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; }));
    EXPECT_NE(text.find("###"), std::string::npos);
}

TEST_F(Demo, ASecondRecordingReplacesTheFirst) {
    answer({"demo"});
    const Outcome second = run({"demo", "--seed", "2"});
    EXPECT_EQ(second.code, 0);
    EXPECT_NE(second.err.find("is replaced"), std::string::npos) << second.err;
    EXPECT_EQ(json::parse(answer({"--db", "sqlite:marketdb-demo.db", "stats", "--json"}))[0].at("rows"), 3600);
}

TEST_F(Demo, AFileThatIsNoDemoIsRefusedAndLeftAlone) {
    import_samples();
    const Outcome real = run({"demo", "--file", "marketdb.db"});
    EXPECT_EQ(real.code, 1);
    EXPECT_NE(real.err.find("marketdb.db is no demo database (it holds BINANCE_SPOT)"), std::string::npos) << real.err;
    EXPECT_EQ(answer({"exchanges", "--csv"}).find("DEMO"), std::string::npos);
    write_file("text.db", "words, words, words");
    EXPECT_EQ(run({"demo", "--file", "text.db"}).code, 1);
    EXPECT_EQ(read_file("text.db"), "words, words, words");
    answer({"--db", "sqlite:empty.db", "init"});
    EXPECT_EQ(run({"demo", "--file", "empty.db"}).code, 1);
    EXPECT_EQ(answer({"--db", "sqlite:empty.db", "exchanges", "--json"}), "[]\n");
}

}  // namespace
}  // namespace marketdb::testing
