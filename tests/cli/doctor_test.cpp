#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/program.hpp"
#include "cli/sample_files.hpp"
#include "support/sqlite_file.hpp"

namespace marketdb::testing {
namespace {

using nlohmann::json;

class Doctor : public CliTest {
 protected:
    static json finding(const std::string& text, const std::string& check, const json& where = nullptr) {
        for (const json& one : json::parse(text)) {
            if (one.at("check") == check && one.at("where") == where) return one;
        }
        return {};
    }
};

TEST_F(Doctor, OfAHealthyDatabaseSaysWhatItLookedAtAndEndsWith0) {
    answer({"init"});
    const std::string text = answer({"doctor"});
    EXPECT_EQ(text.rfind("database sqlite:marketdb.db (default)\n", 0), 0U) << text;
    EXPECT_NE(text.find("\nfine      durability   journal_mode is wal, synchronous is full\n"), std::string::npos)
        << text;
    EXPECT_NE(text.find("\nfine      orphans      trade_snapshots: each row's id is one of symbols\n"),
              std::string::npos)
        << text;
    EXPECT_NE(text.find("\n0 critical, 0 warnings, "), std::string::npos) << text;
    const std::string machine = answer({"doctor", "--json"});
    EXPECT_EQ(finding(machine, "orphans", "balance_snapshots"),
              json::parse(R"({"severity":"fine","check":"orphans","where":"balance_snapshots",)"
                          R"("what":"each row's id is one of exchanges","remedy":null})"));
}

TEST_F(Doctor, OfADatabaseWithSomethingWrongSaysItFirstAndEndsWith1) {
    answer({"init"});
    SqliteFile(path("marketdb.db"))
        .run(
            "INSERT INTO trade_snapshots (symbol_id, timestamp, trade_id, sequence, price, quantity) VALUES "
            "(4711, 1723118400000000, '1', 1, 1, 1)");
    const Outcome found = run({"doctor"});
    EXPECT_EQ(found.code, 1) << found.err;
    EXPECT_EQ(found.out.rfind("database sqlite:marketdb.db (default)\n"
                              "critical  orphans      trade_snapshots: rows have an id that is not in symbols (4711): "
                              "nobody can name what they are of\n"
                              "                       -> find out what wrote them",
                              0),
              0U)
        << found.out;
    EXPECT_NE(found.out.find("\n1 critical, 0 warnings, "), std::string::npos) << found.out;
    const Outcome machine = run({"doctor", "--json"});
    EXPECT_EQ(machine.code, 1);
    EXPECT_EQ(finding(machine.out, "orphans", "trade_snapshots").at("severity"), "critical");
}

TEST_F(Doctor, OfADatabaseThatIsNotThereEndsWith4AndMakesNone) {
    const Outcome outcome = run({"--db", "sqlite:nowhere.db", "doctor"});
    EXPECT_EQ(outcome.code, 4) << outcome.err;
    EXPECT_FALSE(std::filesystem::exists(path("nowhere.db")));
    EXPECT_EQ(run({"doctor", "--no-such-option"}).code, 2);
}

TEST_F(Doctor, ASchemaThatIsTooOldToBeOpenedIsAFinding) {
    answer({"init"});
    answer({"migrate", "down", "--to", "3", "--yes"});
    const Outcome old = run({"doctor", "--json"});
    EXPECT_EQ(old.code, 1) << old.err;
    const json schema = finding(old.out, "schema");
    EXPECT_EQ(schema.at("severity"), "critical");
    EXPECT_NE(schema.at("what").get<std::string>().find("its schema has version 3"), std::string::npos) << schema;
    EXPECT_EQ(schema.at("remedy"), "`marketdb migrate status` says more");
}

TEST_F(Doctor, AFileThatIsNoDatabaseOfOursIsAFinding) {
    SqliteFile(path("marketdb.db")).run("CREATE TABLE notes (text TEXT)");
    const Outcome other = run({"doctor", "--json"});
    EXPECT_EQ(other.code, 1) << other.err;
    EXPECT_EQ(finding(other.out, "schema").at("severity"), "critical");
    EXPECT_EQ(SqliteFile(path("marketdb.db")).rows("SELECT name FROM sqlite_schema"),
              std::vector<std::string>{"notes"});
    write_file("rubbish.db", std::string(5'000, 'x'));
    const Outcome rubbish = run({"--db", "sqlite:rubbish.db", "doctor", "--json"});
    EXPECT_EQ(rubbish.code, 1) << rubbish.err;
    EXPECT_EQ(finding(rubbish.out, "damage").at("severity"), "critical") << rubbish.out;
}

}  // namespace
}  // namespace marketdb::testing
