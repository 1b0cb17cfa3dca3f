#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/program.hpp"
#include "cli/sample_files.hpp"

namespace marketdb::testing {
namespace {

using nlohmann::json;

class SqlCommand : public CliTest {
 protected:
    void SetUp() override { import_samples(); }

    void expect_usage(const std::vector<std::string>& command, const std::string& words) {
        SCOPED_TRACE(words);
        const Outcome refused = run(command);
        EXPECT_EQ(refused.code, 2) << refused.err;
        EXPECT_NE(refused.err.find(words), std::string::npos) << refused.err;
        EXPECT_EQ(refused.out, "");
    }

    const std::string prices_ = "SELECT trade_id, price FROM trade_snapshots WHERE price > $1 ORDER BY trade_id";
};

TEST_F(SqlCommand, RowsComeInEveryFormat) {
    EXPECT_EQ(answer({"sql", prices_, "--param", "61800.2"}),
              "trade_id    price\n"
              "1001      61800.5\n"
              "1003        61801\n");
    EXPECT_EQ(answer({"sql", prices_, "--param", "61800.2", "--csv"}), "trade_id,price\n1001,61800.5\n1003,61801\n");
    EXPECT_EQ(answer({"sql", prices_, "--param", "61800.2", "--json"}),
              "[{\"trade_id\":\"1001\",\"price\":61800.5},\n{\"trade_id\":\"1003\",\"price\":61801}]\n");
    EXPECT_EQ(answer({"sql", prices_, "--param", "61800.2", "--ndjson", "--limit", "1"}),
              "{\"trade_id\":\"1001\",\"price\":61800.5}\n");
    EXPECT_NE(run({"sql", prices_, "--param", "0", "--limit", "1"}).err.find("only the first 1 row; --limit N"),
              std::string::npos);
    EXPECT_EQ(answer({"sql", prices_, "--param", "99999", "--json"}), "[]\n");
    Surroundings typed;
    typed.input = "SELECT count(*) AS n\nFROM trade_snapshots;\n";
    EXPECT_EQ(answer({"sql", "-", "--json"}, typed), "[{\"n\":3}]\n");
}

TEST_F(SqlCommand, ParametersHaveTheTypeThatTheyAreWrittenIn) {
    const std::string types =
        "SELECT typeof($1) AS one, typeof($2) AS two, typeof($3) AS three, typeof($4) AS four, $4 AS same";
    EXPECT_EQ(json::parse(answer({"sql", types, "--param", "-7", "--param", "0.5", "--param", "null", "--param",
                                  "text:42", "--json"}))[0],
              json::parse(R"({"one":"integer","two":"real","three":"null","four":"text","same":"42"})"));
    EXPECT_EQ(json::parse(answer({"sql", "SELECT '' AS empty, NULL AS none, x'00ff' AS bytes, 9e999 AS much, $1 AS at",
                                  "--param", "time:1970-01-01T00:00:01Z", "--json"}))[0],
              json::parse(R"({"empty":"","none":null,"bytes":"\\x00ff","much":"inf","at":1000000})"));
    const std::string attack = "x'; DELETE FROM trade_snapshots; --";
    EXPECT_EQ(json::parse(answer({"sql", "SELECT $1 AS text", "--param", attack, "--json"}))[0].at("text"), attack);
}

TEST_F(SqlCommand, OnlyAsToldDoesAStatementWrite) {
    const std::string update = "UPDATE symbols SET lot_size = $1";
    const Outcome refused = run({"sql", update, "--param", "0.5"});
    EXPECT_EQ(refused.code, 1);
    EXPECT_NE(refused.err.find("with --write it may"), std::string::npos) << refused.err;
    EXPECT_EQ(answer({"sql", "--write", update, "--param", "0.5"}), "1 row written\n");
    EXPECT_EQ(answer({"sql", "--write", update, "--param", "0.25", "--json"}), "[{\"affected\":1}]\n");
    EXPECT_EQ(json::parse(answer({"symbols", "--json"}))[0].at("lot_size"), 0.25);
}

TEST_F(SqlCommand, WhatCannotBeAnsweredIsRefused) {
    EXPECT_EQ(run({"sql", "SELEC 1"}).code, 1);
    EXPECT_EQ(run({"sql", "SELECT 1; SELECT 2"}).code, 1);
    const Outcome twice = run({"sql", "SELECT 1 AS a, 2 AS a", "--json"});
    EXPECT_EQ(twice.code, 1);
    EXPECT_EQ(twice.out, "");
    EXPECT_NE(twice.err.find("two columns have one name: a, a"), std::string::npos) << twice.err;
    EXPECT_EQ(answer({"sql", "SELECT 1 AS a, 2 AS a", "--csv"}), "a,a\n1,2\n");
    const Outcome written =
        run({"sql", "--write", "UPDATE symbols SET lot_size = 1 RETURNING id AS a, id AS a", "--json"});
    EXPECT_EQ(written.code, 1);
    EXPECT_NE(written.err.find("what the statement wrote is stored"), std::string::npos) << written.err;
    EXPECT_NE(run({"sql", "SELECT 'x' AS \"a\nb\""}).out.find("a?b"), std::string::npos);
    expect_usage({"sql", "SELECT $1", "--param", "12345678901234567890"}, "text:12345678901234567890");
    expect_usage({"sql"}, "STATEMENT");
    expect_usage({"sql", "SELECT 1", "--limit", "0"}, "--limit");
    expect_usage({"sql", "SELECT 1", "--write", "--limit", "5"}, "--limit");
    expect_usage({"sql", "SELECT $1", "--param", "time:yesterday"}, "--param");
}

TEST_F(SqlCommand, CountersAreThoseOfTheRun) {
    const json counters = json::parse(answer({"stats", "--counters", "--json"}));
    const auto value_of = [&](const std::string& name) {
        for (const json& one : counters) {
            if (one.at("counter") == name) return one.at("value");
        }
        return json();
    };
    EXPECT_EQ(value_of("memory.exchanges_and_symbols"), 2);
    EXPECT_EQ(value_of("connections.waiting"), 0);
    EXPECT_GE(value_of("connections.open"), 1);
    EXPECT_EQ(value_of("rows.written"), 0);
    expect_usage({"stats", "--counters", "--series"}, "--counters");
}

}  // namespace
}  // namespace marketdb::testing
