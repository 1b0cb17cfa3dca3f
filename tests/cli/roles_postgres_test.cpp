#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/program.hpp"
#include "cli/sample_files.hpp"
#include "support/postgres_server.hpp"
#include "support/postgres_session.hpp"

/// The commands on PostgreSQL as the roles that `init --roles` makes.
namespace marketdb::testing {
namespace {

using nlohmann::json;

constexpr const char* kMoreName = "binance_trades_2024-08-09_BTCUSDT.csv";
constexpr const char* kMore =
    "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"
    "binance,BTCUSDT,1723200000000000,1723200000100000,2001,buy,61800.5,0.001\n";

/// A schema whose tables the owner has made and the writer has filled with the samples.
class RolesPostgres : public CliTest {
 protected:
    void SetUp() override {
        as_administrator("owner");
        ASSERT_EQ(run(as("owner", {"init"})).code, 0);
        as_administrator("writer");
        as_administrator("reader");
        write_file(kQuotesName, kQuotes);
        write_file(kTradesName, kTrades);
        write_file("balances.csv", kBalances);
        answer(as("writer", {"import", kQuotesName, kTradesName, "balances.csv"}));
    }
    void TearDown() override {
        for (const char* role : {"_reader", "_writer", "_owner"}) {
            PostgresServer::shared().run_sql(kTestDatabase, "DROP OWNED BY " + desk() + role + " CASCADE");
            PostgresServer::shared().run_sql(kTestDatabase, "DROP ROLE " + desk() + role);
        }
    }

    /// Folded to lower case, as names are that nobody quotes.
    [[nodiscard]] std::string desk() const {
        std::string name = folder().filename().string();
        name = "desk_" + name.substr(name.rfind('-') + 1);
        for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        return name;
    }
    [[nodiscard]] std::string url(const std::string& role) const {
        return PostgresServer::shared().url("schema=" + desk() + "&user=" + desk() + "_" + role);
    }
    [[nodiscard]] std::vector<std::string> as(const std::string& role, std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), {"--db", url(role)});
        return arguments;
    }
    /// Runs what the program prints for a role, as the superuser.
    void as_administrator(const std::string& role) {
        PostgresServer::shared().run_sql(kTestDatabase, answer({"--db", url("owner"), "init", "--roles", role}));
    }
    std::string rows() { return answer(as("reader", {"stats", "--series", "--csv"})); }
};

TEST_F(RolesPostgres, EveryReadingCommandWorksAsTheReader) {
    const std::vector<std::vector<std::string>> commands = {
        {"latest", "quotes", "--json"},
        {"latest", "trades", "BINANCE_SPOT:*", "--csv"},
        {"latest", "balances", "--json"},
        {"history", "quotes", "--json"},
        {"history", "trades", "--tail", "2", "--ndjson"},
        {"history", "quotes", "--last", "1h", "--every", "1m", "--clock", "received", "--csv"},
        {"export", "quotes"},
        {"export", "balances", "--format", "ndjson"},
        {"exchanges", "--json"},
        {"symbols", "--json"},
        {"symbols", "BINANCE_SPOT", "--csv"},
        {"stats", "--json"},
        {"stats", "--series", "--csv"},
        {"checksum", "--json"},
        {"metrics"},
        {"imports", "list", "--json"},
        {"delete", "quotes", "*:*", "--dry-run", "--json"},
        {"migrate", "status", "--json"},
        {"migrate", "plan", "--json"},
        {"bars", "BINANCE_SPOT:BTC/USDT", "--every", "1s", "--json"},
        {"bars", "BINANCE_SPOT:BTC/USDT", "--dataset", "trades", "--every", "1s", "--csv"},
        {"liquidity", "BINANCE_SPOT:BTC/USDT", "--json"},
        {"align", "BINANCE_SPOT:BTC/USDT", "--every", "1s", "--json"},
        {"spread", "--now", "--json"},
        {"funding", "BTC", "--json"},
        {"basis", "BTC", "--json"},
        {"coverage", "--json"},
        {"gaps", "trades", "BINANCE_SPOT:BTC/USDT", "--json"},
        {"symbols", "resolve", "BTC/USDT", "--json"},
        {"imports", "show", "1", "--json"},
        {"retention", "show", "--json"},
        {"retention", "forecast", "--json"},
        {"sql", "SELECT exchange_name FROM exchanges WHERE id < $1", "--param", "1000", "--json"},
        {"latest", "balances", "--active", "--json"},
        {"coverage", "trades", "--csv"},
    };
    for (const std::vector<std::string>& command : commands) {
        SCOPED_TRACE(command.front() + " " + command.back());
        const std::string read = answer(as("reader", command));
        EXPECT_FALSE(read.empty());
        EXPECT_EQ(read.substr(0, 200), answer(as("writer", command)).substr(0, 200));
    }
    EXPECT_EQ(json::parse(answer(as("reader", {"history", "quotes", "--json"}))).size(), 3U);
    EXPECT_EQ(json::parse(answer(as("reader", {"latest", "quotes", "--json"}))).size(), 1U);
    EXPECT_EQ(json::parse(answer(as("reader", {"stats", "--json"})))[1].at("rows"), 3);
    const json old = json::parse(answer(as("reader", {"cleanup", "--older-than", "7d", "--dry-run", "--json"})));
    EXPECT_EQ(old[0].at("rows"), 3);
    EXPECT_EQ(old[1].at("rows"), 3);
    const Outcome table = run(as("reader", {"stats"}));
    EXPECT_EQ(table.code, 0);
    EXPECT_NE(table.out.find("engine     PostgreSQL 1"), std::string::npos) << table.out;
    // What these say has the time in it.
    EXPECT_EQ(run(as("reader", {"status", "--json"})).code, 0);
    EXPECT_EQ(run(as("reader", {"stats", "--counters", "--json"})).code, 0);
    const Outcome written = run(as("reader", {"sql", "--write", "UPDATE symbols SET lot_size = 1"}));
    EXPECT_EQ(written.code, 1);
    EXPECT_NE(written.err.find("read-only transaction"), std::string::npos) << written.err;
    EXPECT_EQ(run(as("reader", {"check", "--max-age", "60s"})).code, 1);
    EXPECT_LT(run(as("reader", {"doctor"})).code, 2) << "the test server may lose what it was told";
}

TEST_F(RolesPostgres, TheWriterSetsWhatStaysAndMaintains) {
    answer(as("writer", {"retention", "set", "quotes", "--max-age", "30d", "--take-imports"}));
    answer(as("writer", {"retention", "hold", "trades", "--reason", "audit"}));
    answer(as("writer", {"coverage", "declare", "quotes", "BINANCE_SPOT:BTC/USDT", "--gap", "--from",
                         "2024-08-01T00:00Z", "--to", "2024-08-02T00:00Z", "--reason", "switch failed"}));
    const json steps = json::parse(answer(as("writer", {"maintain", "--free", "1T", "--json"})));
    EXPECT_EQ(steps[0].at("check"), "partitions");
    for (const json& one : steps) {
        const bool is_done = one.at("severity") == "fine" || one.at("severity") == "note";
        EXPECT_TRUE(is_done) << one;
    }
    EXPECT_EQ(json::parse(answer(as("reader", {"stats", "--json"})))[0].at("rows"), 0);
    EXPECT_EQ(json::parse(answer(as("reader", {"stats", "--json"})))[1].at("rows"), 3) << "no policy";
}

TEST_F(RolesPostgres, TheReaderCanCopyOutAndNotIn) {
    answer({"copy", url("reader"), "sqlite:copy.db"});
    EXPECT_EQ(answer({"--db", "sqlite:copy.db", "checksum"}), answer(as("reader", {"checksum"})));
    const std::string before = rows();
    write_file(kMoreName, kMore);
    answer({"--db", "sqlite:copy.db", "import", kMoreName});
    const Outcome in = run({"copy", "sqlite:copy.db", url("reader")});
    EXPECT_EQ(in.code, 1) << in.out;
    EXPECT_NE(in.err.find("read-only transaction"), std::string::npos) << in.err;
    EXPECT_EQ(rows(), before);
}

TEST_F(RolesPostgres, WritesOfTheReaderAreRefusedInSoManyWords) {
    const std::string before = rows();
    write_file(kMoreName, kMore);
    const auto expect_refused = [this](const std::vector<std::string>& command, int code, const std::string& words) {
        SCOPED_TRACE(command.front());
        const Outcome refused = run(as("reader", command));
        EXPECT_EQ(refused.code, code) << refused.err;
        EXPECT_NE(refused.err.find(words), std::string::npos) << refused.err;
    };
    const std::vector<std::string> import = {"import", kMoreName};
    const std::vector<std::string> cleanup = {"cleanup", "--older-than", "7d", "--yes"};
    const std::vector<std::string> balances = {"cleanup", "--older-than", "7d", "--dataset", "balances", "--yes"};
    expect_refused(import, 1, "read-only transaction");
    expect_refused(balances, 1, "read-only transaction");
    expect_refused(cleanup, 4, "this role may not drop old partitions: permission denied for function");
    // Where somebody has taken that default away it still has no right to write.
    PostgresServer::shared().run_sql(kTestDatabase,
                                     "ALTER ROLE " + desk() + "_reader RESET default_transaction_read_only");
    expect_refused(import, 4, "permission denied for table");
    expect_refused(balances, 4, "permission denied for table balance_snapshots");
    expect_refused(cleanup, 4, "this role may not drop old partitions: permission denied for function");
    EXPECT_NE(run(as("reader", {"migrate", "down", "--to", "0", "--yes"})).code, 0);
    EXPECT_EQ(rows(), before);
}

TEST_F(RolesPostgres, TheWriterCleansUpWholePartitionsUnlessAskedForExactly) {
    // The samples are of 2024-08-08, in a partition of August that is long over.
    const Outcome dry = run(as("writer", {"cleanup", "--older-than", "7d", "--dry-run", "--json"}));
    EXPECT_EQ(json::parse(dry.out)[0].at("rows"), 3) << dry.out;
    EXPECT_EQ(json::parse(dry.out)[0].at("staying"), 0);
    PostgresSession owner(PostgresServer::shared().conninfo(kTestDatabase, desk() + "_owner"));
    owner.run("SET search_path = " + desk());
    // So that the cut-off lies in their partition, it becomes one that goes on for a hundred years.
    owner.run(
        "ALTER TABLE trade_snapshots DETACH PARTITION trade_snapshots_2024_08;"
        "ALTER TABLE trade_snapshots ATTACH PARTITION trade_snapshots_2024_08 FOR VALUES FROM ('2024-08-01Z') TO "
        "('2124-08-01Z')");
    const Outcome whole = run(as("writer", {"cleanup", "--older-than", "7d", "--yes"}));
    EXPECT_EQ(whole.code, 0) << whole.err;
    EXPECT_NE(whole.err.find("3 rows before "), std::string::npos) << whole.err;
    EXPECT_NE(whole.err.find("(--exact removes those)"), std::string::npos) << whole.err;
    EXPECT_EQ(json::parse(answer(as("reader", {"stats", "--json"})))[0].at("rows"), 0);
    EXPECT_EQ(json::parse(answer(as("reader", {"stats", "--json"})))[1].at("rows"), 3);
    const json exact =
        json::parse(answer(as("writer", {"cleanup", "--older-than", "7d", "--exact", "--yes", "--json"})));
    EXPECT_EQ(exact[1].at("rows"), 3);
    EXPECT_EQ(exact[1].at("staying"), 0);
    EXPECT_EQ(json::parse(answer(as("reader", {"stats", "--json"})))[1].at("rows"), 0);
}

class Roles : public CliTest {};

TEST_F(Roles, AreOfOneSchemaAndPrintedWithoutAServer) {
    const std::string database = "postgresql://nobody:secret@nowhere.invalid/market?schema=desk";
    const std::string all = answer({"--db", database, "init", "--roles"});
    for (const char* part : {"CREATE ROLE \"desk_owner\" LOGIN", "CREATE SCHEMA IF NOT EXISTS \"desk\"",
                             "CREATE ROLE \"desk_writer\" LOGIN", "CREATE ROLE \"desk_reader\" LOGIN"}) {
        EXPECT_NE(all.find(part), std::string::npos) << part;
    }
    EXPECT_EQ(all.find("secret"), std::string::npos);
    const std::string reader = answer({"--db", database, "init", "--roles", "reader", "--reader", "grafana"});
    EXPECT_NE(reader.find("CREATE ROLE \"grafana\" LOGIN"), std::string::npos) << reader;
    EXPECT_EQ(reader.find("desk_writer"), std::string::npos);
    EXPECT_EQ(file_names(), std::vector<std::string>{});
}

TEST_F(Roles, WhatCannotBeIsSaid) {
    const Outcome file = run({"init", "--roles"});
    EXPECT_EQ(file.code, 2);
    EXPECT_NE(file.err.find("sqlite:marketdb.db has no roles"), std::string::npos) << file.err;
    const Outcome schema = run({"--db", "postgresql://localhost/market", "init", "--roles"});
    EXPECT_EQ(schema.code, 2);
    EXPECT_NE(schema.err.find("schema=desk"), std::string::npos) << schema.err;
    const Outcome same =
        run({"--db", "postgresql://localhost/market?schema=desk", "init", "--roles", "--writer", "x", "--reader", "x"});
    EXPECT_EQ(same.code, 2);
    EXPECT_NE(same.err.find("must be three roles"), std::string::npos) << same.err;
    const Outcome longer =
        run({"--db", "postgresql://localhost/market?schema=desk", "init", "--roles", "--owner", std::string(64, 'o')});
    EXPECT_EQ(longer.code, 2);
    EXPECT_NE(longer.err.find("longer than 63 bytes"), std::string::npos) << longer.err;
    EXPECT_EQ(run({"init", "--roles", "king"}).code, 2);
    EXPECT_EQ(run({"init", "--writer", "x"}).code, 2);
    EXPECT_EQ(file_names(), std::vector<std::string>{});
}

}  // namespace
}  // namespace marketdb::testing
