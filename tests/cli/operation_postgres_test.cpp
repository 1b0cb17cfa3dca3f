#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/program.hpp"
#include "cli/sample_files.hpp"
#include "support/postgres_server.hpp"
#include "support/postgres_session.hpp"
#include "support/sanitized.hpp"

namespace marketdb::testing {
namespace {

using nlohmann::json;

/// Each test has a schema of its own.
class OperationPostgres : public CliTest {
 protected:
    void SetUp() override { session_.run("CREATE SCHEMA " + quoted_identifier(desk())); }
    void TearDown() override { session_.run("DROP SCHEMA IF EXISTS " + quoted_identifier(desk()) + " CASCADE"); }

    /// In upper and lower case: quoting is tested along.
    [[nodiscard]] std::string desk() const {
        const std::string name = folder().filename().string();
        return "Desk_" + name.substr(name.rfind('-') + 1);
    }
    [[nodiscard]] std::string url() const { return PostgresServer::shared().url("schema=" + desk()); }
    std::string of(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"--db", url()});
        return answer(std::move(arguments));
    }
    void import_there() {
        write_file(kQuotesName, kQuotes);
        write_file(kTradesName, kTrades);
        of({"import", kQuotesName, kTradesName});
    }

    PostgresSession session_{PostgresServer::shared().conninfo(kTestDatabase, kTestRole)};
};

TEST_F(OperationPostgres, WhichSchemaIsMeantIsNotGuessed) {
    import_there();
    const std::string elsewhere = PostgresServer::shared().url("options=-csearch_path%3D%22" + desk() + "%22");
    of({"backup", "there.dump"});
    const std::vector<std::vector<std::string>> commands{{"backup", "desk.dump"}, {"restore", "there.dump"}};
    for (const std::vector<std::string>& command : commands) {
        const Outcome outcome = run({"--db", elsewhere, command[0], command[1]});
        EXPECT_EQ(outcome.code, 2) << outcome.err;
        EXPECT_NE(outcome.err.find("schema=NAME"), std::string::npos) << outcome.err;
    }
    EXPECT_FALSE(std::filesystem::exists(folder() / "desk.dump"));
}

TEST_F(OperationPostgres, ABackupIsRestored) {
    import_there();
    const std::string sum = of({"checksum"});
    const json saved = json::parse(of({"backup", "desk.dump", "--json"}));
    EXPECT_EQ(saved[0].at("rows"), 6);
    EXPECT_GT(saved[0].at("bytes").get<int>(), 0);
    const Outcome taken = run({"--db", url(), "restore", "desk.dump"});
    EXPECT_EQ(taken.code, 1);
    EXPECT_NE(taken.err.find("has tables already"), std::string::npos) << taken.err;
    EXPECT_EQ(run({"--db", url(), "backup", "desk.dump"}).code, 1) << "it exists";

    session_.run("DROP SCHEMA " + quoted_identifier(desk()) + " CASCADE");
    const json restored = json::parse(of({"restore", "desk.dump", "--json"}));
    EXPECT_EQ(restored[0].at("rows"), 6);
    EXPECT_EQ(restored[0].at("series"), 2);
    EXPECT_EQ(restored[0].at("miscounted_series"), 0);
    EXPECT_EQ(of({"checksum"}), sum);
    of({"delete", "quotes", "*:*", "--yes"});
    of({"import", kQuotesName, "--force"});
    EXPECT_EQ(of({"checksum"}), sum) << "what was restored is written to as before";
    for (const std::string& name : file_names()) EXPECT_EQ(name.find(".part"), std::string::npos) << name;
}

TEST_F(OperationPostgres, ABackupWhileAnotherProgramWritesIsOfOneMoment) {
    constexpr int kAtOnce = 250;
    constexpr int kAll = fewer_if_sanitized(200'000);
    import_there();
    write_file("okex_book_ticker_2024-08-08_BTC-USDT.csv", many_quotes(kAll));
    const std::string quotes = "SELECT count(*) FROM " + quoted_identifier(desk()) + ".book_ticker_snapshots";
    Program writer(folder(), {"--db", url(), "import", "okex_book_ticker_2024-08-08_BTC-USDT.csv", "--batch-rows",
                              std::to_string(kAtOnce)});
    const auto has_begun = [&] { return std::stoi(session_.value(quotes)) >= 3 + kAtOnce; };
    for (int i = 0; !has_begun() && i < 6'000; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    ASSERT_TRUE(has_begun());
    const json saved = json::parse(of({"backup", "meanwhile.dump", "--json"}));
    const int after = std::stoi(session_.value(quotes));
    EXPECT_LT(after, 3 + kAll) << "the import was over too soon for this test";
    EXPECT_EQ(writer.wait().code, 0);
    session_.run("DROP SCHEMA " + quoted_identifier(desk()) + " CASCADE");
    const json restored = json::parse(of({"restore", "meanwhile.dump", "--json"}));
    EXPECT_GE(restored[0].at("rows"), saved[0].at("rows")) << "which were counted before";
    EXPECT_EQ(restored[0].at("miscounted_series"), 0);
    const int rows = std::stoi(session_.value(quotes)) - 3;
    EXPECT_GE(rows, kAtOnce);
    EXPECT_LE(rows, after);
    EXPECT_EQ(rows % kAtOnce, 0) << "whole transactions";
    of({"import", "okex_book_ticker_2024-08-08_BTC-USDT.csv"});
    EXPECT_EQ(std::stoi(session_.value(quotes)), 3 + kAll) << "an import that was not finished there is taken up again";
}

TEST_F(OperationPostgres, StatusCheckAndMetricsAnswerAsOnAFile) {
    import_there();
    const json records = json::parse(of({"status", "--json"}));
    ASSERT_EQ(records.size(), 2U);
    EXPECT_EQ(records[0].at("exchange"), "BINANCE_SPOT");
    EXPECT_EQ(records[0].at("stale_series"), 1);
    EXPECT_TRUE(records[0].at("disk_free_bytes").is_null());
    EXPECT_EQ(run({"--db", url(), "check", "--max-age", "60s"}).code, 1);
    const std::string metrics = of({"metrics"});
    EXPECT_NE(metrics.find("marketdb_rows{dataset=\"trades\"} 3\n"), std::string::npos) << metrics;
    EXPECT_EQ(metrics.find("marketdb_disk_free_bytes"), std::string::npos);
    const json stats = json::parse(of({"stats", "--json"}));
    EXPECT_EQ(stats[0].at("bytes_are_estimated"), false);
    EXPECT_GT(stats[0].at("bytes").get<int>(), 0);
}

TEST_F(OperationPostgres, AnImportIsUndone) {
    import_there();
    const json imports = json::parse(of({"imports", "list", "--json"}));
    ASSERT_EQ(imports.size(), 2U);
    const std::string id = std::to_string(imports[1].at("id").get<int>());
    EXPECT_EQ(of({"imports", "undo", id, "--yes"}).rfind("removed 3 rows from ", 0), 0U);
    EXPECT_EQ(json::parse(of({"stats", "--json"}))[1].at("rows"), 0);
    EXPECT_EQ(json::parse(of({"stats", "--json"}))[0].at("rows"), 3);
}

}  // namespace
}  // namespace marketdb::testing
