#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/program.hpp"
#include "cli/sample_files.hpp"
#include "support/postgres_server.hpp"
#include "support/postgres_session.hpp"
#include "support/sanitized.hpp"

/// Copies between a file and a server, and back.
namespace marketdb::testing {
namespace {

using nlohmann::json;

std::filesystem::path data_folder() {
    const char* given = std::getenv("MARKETDB_TEST_DATA");
    return given != nullptr && *given != '\0' ? std::filesystem::path(given)
                                              : std::filesystem::path(MARKETDB_SOURCE_DIR) / "../shared/data";
}

/// Each test has two schemas of its own.
class CopyPostgres : public CliTest {
 protected:
    void SetUp() override {
        for (const std::string& name : {desk(), other_desk()}) session_.run("CREATE SCHEMA " + quoted_identifier(name));
    }
    void TearDown() override {
        for (const std::string& name : {desk(), other_desk()}) {
            session_.run("DROP SCHEMA " + quoted_identifier(name) + " CASCADE");
        }
    }

    [[nodiscard]] std::string desk() const {
        const std::string name = folder().filename().string();
        return "copy_" + name.substr(name.rfind('-') + 1);
    }
    [[nodiscard]] std::string other_desk() const { return desk() + "_other"; }
    [[nodiscard]] std::string url() const { return PostgresServer::shared().url("schema=" + desk()); }
    [[nodiscard]] std::string other_url() const { return PostgresServer::shared().url("schema=" + other_desk()); }

    std::string checksum(const std::string& database) { return answer({"--db", database, "checksum"}); }
    json copy(const std::string& from, const std::string& to) {
        return json::parse(answer({"copy", "--json", from, to}));
    }

    PostgresSession session_{PostgresServer::shared().conninfo(kTestDatabase, kTestRole)};
};

TEST_F(CopyPostgres, SamplesGoThereAndBack) {
    import_samples();
    write_file("balances.csv", kBalances);
    answer({"import", "balances.csv"});
    copy("sqlite:marketdb.db", url());
    copy(url(), other_url());
    copy(other_url(), "sqlite:back.db");
    const std::string sums = checksum("sqlite:marketdb.db");
    EXPECT_EQ(checksum(url()), sums);
    EXPECT_EQ(checksum(other_url()), sums);
    EXPECT_EQ(checksum("sqlite:back.db"), sums);
    for (const json& one : copy("sqlite:back.db", url())) EXPECT_EQ(one.at("found"), one.at("rows"));
}

TEST_F(CopyPostgres, RealFilesGoThereAndBackToTheSameBytes) {
    if (!std::filesystem::is_directory(data_folder() / "tardis")) {
        GTEST_SKIP() << "no market data in " << data_folder() << "; set MARKETDB_TEST_DATA";
    }
    // The folders hold a few files that an import refuses; the others are stored.
    std::vector<std::string> arguments = {"import", "--quiet", (data_folder() / "rows").string()};
    for (const auto& file : std::filesystem::directory_iterator(data_folder() / "tardis")) {
        if (!kIsSanitized || file.file_size() < 150'000) arguments.push_back(file.path().string());
    }
    run(arguments);
    std::int64_t rows = 0;
    for (const json& one : copy("sqlite:marketdb.db", url())) rows += one.at("rows").get<std::int64_t>();
    EXPECT_GT(rows, kIsSanitized ? 10'000 : 140'000);
    copy(url(), "sqlite:back.db");
    EXPECT_EQ(checksum(url()), checksum("sqlite:marketdb.db"));
    EXPECT_EQ(checksum("sqlite:back.db"), checksum("sqlite:marketdb.db"));
    for (const std::string dataset : {"book-tickers", "trades", "funding-rates", "balances"}) {
        const std::string expected = answer({"export", dataset});
        EXPECT_TRUE(answer({"--db", "sqlite:back.db", "export", dataset}) == expected) << dataset;
        EXPECT_TRUE(answer({"--db", url(), "export", dataset}) == expected) << dataset;
    }
    EXPECT_EQ(without_creation(answer({"--db", "sqlite:back.db", "symbols", "--csv"})),
              without_creation(answer({"symbols", "--csv"})));
}

TEST_F(CopyPostgres, AKilledCopyIsCompletedByTheNext) {
    constexpr std::int64_t kRows = fewer_if_sanitized(100'000);
    write_file("okex_quotes_2024-08-09_BTC-USDT.csv", many_quotes(kRows));
    answer({"import", "--quiet", "okex_quotes_2024-08-09_BTC-USDT.csv"});
    Surroundings surroundings = to_be_killed(folder());
    surroundings.terminal_columns = 200;
    Program first(folder(), {"copy", "--batch-rows", "250", "sqlite:marketdb.db", url()}, surroundings);
    ASSERT_TRUE(first.wait_for_output("copying"));
    first.send_signal(SIGKILL);
    EXPECT_EQ(first.wait().code, -SIGKILL);
    const json rest = copy("sqlite:marketdb.db", url());
    const std::int64_t found = rest[0].at("found");
    EXPECT_GT(found, 0);
    EXPECT_LT(found, kRows);
    // The server may still have been at the last batch of the killed one, which is then met again.
    EXPECT_EQ(rest[0].at("inserted").get<std::int64_t>() + rest[0].at("unchanged").get<std::int64_t>(), kRows - found);
    EXPECT_EQ(checksum(url()), checksum("sqlite:marketdb.db"));
    EXPECT_EQ(session_.number("SELECT count(*) FROM " + quoted_identifier(desk()) + ".book_ticker_snapshots"), kRows);
}

TEST_F(CopyPostgres, AChangedRowIsFoundAndMended) {
    import_samples();
    copy("sqlite:marketdb.db", url());
    session_.run("UPDATE " + quoted_identifier(desk()) + ".trade_snapshots SET price = 61800 WHERE trade_id = '1002'");
    EXPECT_NE(checksum(url()), checksum("sqlite:marketdb.db"));
    const json mended = copy("sqlite:marketdb.db", url());
    EXPECT_EQ(mended[1].at("updated"), 1);
    EXPECT_EQ(checksum(url()), checksum("sqlite:marketdb.db"));
}

TEST_F(CopyPostgres, APartOfOneSeriesGoesThereAndBack) {
    import_samples();
    const std::vector<std::string> part{"book-tickers", "BINANCE_SPOT:BTCUSDT", "--from", "2024-08-08T23:54:15Z",
                                        "--to",         "2024-08-08T23:54:16Z"};
    const auto with_part = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.end(), part.begin(), part.end());
        return arguments;
    };
    const auto history = [&](const std::string& database) {
        return answer(with_part({"--db", database, "history", "--csv"}));
    };
    EXPECT_EQ(json::parse(answer(with_part({"copy", "--json", "sqlite:marketdb.db", url()}))).at(0).at("rows"), 1);
    EXPECT_EQ(session_.value("SELECT count(*) FROM " + quoted_identifier(desk()) + ".book_ticker_snapshots"), "1");
    EXPECT_EQ(session_.value("SELECT count(*) FROM " + quoted_identifier(desk()) + ".trade_snapshots"), "0");
    answer(with_part({"copy", url(), "sqlite:back.db"}));
    EXPECT_EQ(history(url()), history("sqlite:marketdb.db"));
    EXPECT_EQ(history("sqlite:back.db"), history("sqlite:marketdb.db"));
}

TEST_F(CopyPostgres, OneDatabaseUnderTwoNamesIsRefused) {
    import_samples();
    copy("sqlite:marketdb.db", url());
    const std::string same = PostgresServer::shared().tcp_url("schema=" + desk());
    const Outcome outcome = run({"copy", url(), same});
    EXPECT_EQ(outcome.code, 1);
    EXPECT_NE(outcome.err.find("are the same database; nothing was copied"), std::string::npos) << outcome.err;
    EXPECT_EQ(outcome.err.find(PostgresServer::shared().address().password), std::string::npos);
    const Outcome words = run({"copy", url(), url()});
    EXPECT_EQ(words.code, 2);
}

}  // namespace
}  // namespace marketdb::testing
