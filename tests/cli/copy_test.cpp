#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/program.hpp"
#include "cli/sample_files.hpp"
#include "support/sanitized.hpp"
#include "support/sqlite_file.hpp"

/// `copy` and `checksum` between files. Between engines: copy_postgres_test.cpp.
namespace marketdb::testing {
namespace {

using nlohmann::json;

class CopyCommand : public CliTest {
 protected:
    static constexpr std::int64_t kMany = fewer_if_sanitized(200'000);
    static constexpr const char* kManyName = "okex_quotes_2024-08-09_BTC-USDT.csv";

    void import_many() {
        write_file(kManyName, many_quotes(kMany));
        answer({"import", "--quiet", kManyName});
    }
    std::string checksum(const std::string& file) { return answer({"--db", "sqlite:" + file, "checksum"}); }
};

// The sums of kQuotes and kTrades were computed by another program from the formula of docs/reference.md.
constexpr const char* kQuotesSum = "614d8e3ca155cd6607f5ddd8032c3a32e52871e6fbf14e3174ec393a7d8b85cf";
constexpr const char* kTradesSum = "a6efb4e51c0675a71f1aa21b6e0360b51127fb9323804eb9211c4bfdacd8dc14";
constexpr const char* kTotalSum = "b441e5e8a03de02f2f071632441d3ef38e3d02f432afb80ce7252956bd0b537b";

TEST_F(CopyCommand, ChecksumsAreThoseOfTheFormula) {
    import_samples();
    const json sums = json::parse(answer({"checksum", "--json"}));
    EXPECT_EQ(sums, json::parse(std::string(R"([
        {"dataset": "book-tickers", "exchange": "BINANCE_SPOT", "symbol": "BTCUSDT", "account": null, "rows": 3,
         "first": "2024-08-08T23:54:14.087891Z", "last": "2024-08-08T23:54:16.000000Z", "sha256": ")") +
                                kQuotesSum + R"("},
        {"dataset": "trades", "exchange": "BINANCE_SPOT", "symbol": "BTCUSDT", "account": null, "rows": 3,
         "first": "2024-08-08T23:54:14.500000Z", "last": "2024-08-08T23:54:15.500000Z", "sha256": ")" +
                                kTradesSum + R"("},
        {"dataset": "total", "exchange": null, "symbol": null, "account": null, "rows": 6, "first": null, "last": null,
         "sha256": ")" + kTotalSum +
                                R"("}])"));
    const std::string csv = answer({"checksum", "trades", "BINANCE_SPOT:btc/usdt", "--csv"});
    EXPECT_NE(csv.find(std::string(",") + kTradesSum + "\ntotal,"), std::string::npos) << csv;
    EXPECT_EQ(csv.find(kQuotesSum), std::string::npos);
}

TEST_F(CopyCommand, ChecksumsOfAStretchOfTime) {
    import_samples();
    const json part = json::parse(
        answer({"checksum", "quotes", "--from", "2024-08-08T23:54:15Z", "--to", "2024-08-08T23:54:16Z", "--json"}));
    ASSERT_EQ(part.size(), 2U);
    EXPECT_EQ(part[0].at("rows"), 1);
    EXPECT_EQ(part[0].at("first"), "2024-08-08T23:54:15.000000Z");
    EXPECT_NE(part[0].at("sha256"), kQuotesSum);
    const json none = json::parse(answer({"checksum", "quotes", "--from", "2025-01-01", "--json"}));
    ASSERT_EQ(none.size(), 1U);
    EXPECT_EQ(none[0].at("rows"), 0);
}

TEST_F(CopyCommand, AChangedRowIsFound) {
    import_samples();
    const std::string before = checksum("marketdb.db");
    SqliteFile(path("marketdb.db")).run("UPDATE trade_snapshots SET price = price + 1e-9 WHERE trade_id = '1002'");
    const json after = json::parse(answer({"checksum", "--json"}));
    EXPECT_NE(checksum("marketdb.db"), before);
    EXPECT_EQ(after[0].at("sha256"), kQuotesSum);
    EXPECT_NE(after[1].at("sha256"), kTradesSum);
    EXPECT_NE(after[2].at("sha256"), kTotalSum);
}

TEST_F(CopyCommand, EverythingIsCopiedAndComparedAndExportedToTheSameBytes) {
    import_samples();
    write_file("balances.csv", kBalances);
    answer({"import", "balances.csv"});
    const Outcome outcome = run({"copy", "sqlite:marketdb.db", "sqlite:copy.db"});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(outcome.err, "");
    EXPECT_NE(outcome.out.find("new symbol BINANCE_SPOT:BTC/USDT (BTCUSDT)\n"), std::string::npos) << outcome.out;
    EXPECT_NE(outcome.out.find("book-tickers BINANCE_SPOT:BTCUSDT: 3 rows, 3 inserted; equal\n"), std::string::npos);
    EXPECT_NE(outcome.out.find("balances BINANCE_SPOT:USDT of account desk: 1 rows, 1 inserted; equal\n"),
              std::string::npos);
    EXPECT_NE(outcome.out.find("6 series: 10 rows read, 10 inserted in "), std::string::npos) << outcome.out;
    EXPECT_NE(outcome.out.find("; all equal; sqlite:marketdb.db (FROM_URL) to sqlite:copy.db (TO_URL)\n"),
              std::string::npos);
    EXPECT_EQ(checksum("copy.db"), checksum("marketdb.db"));
    for (const std::string dataset : {"book-tickers", "trades", "balances"}) {
        EXPECT_EQ(answer({"--db", "sqlite:copy.db", "export", dataset}), answer({"export", dataset}));
    }
    EXPECT_EQ(without_creation(answer({"--db", "sqlite:copy.db", "symbols", "--csv"})),
              without_creation(answer({"symbols", "--csv"})));
}

TEST_F(CopyCommand, JsonNamesWhatBecameOfEachSeries) {
    import_samples();
    const json first = json::parse(answer({"copy", "--json", "sqlite:marketdb.db", "sqlite:copy.db", "quotes"}));
    EXPECT_EQ(first, json::parse(std::string(R"([{"dataset": "book-tickers", "exchange": "BINANCE_SPOT",
        "symbol": "BTCUSDT", "account": null, "first": "2024-08-08T23:54:14.087891Z",
        "last": "2024-08-08T23:54:16.000000Z", "rows": 3, "found": 0, "inserted": 3, "updated": 0, "unchanged": 0,
        "folded": 0, "rounded": 0, "sha256": ")") +
                                 kQuotesSum + R"(", "target_rows": 3, "target_sha256": ")" + kQuotesSum +
                                 R"(", "equal": true, "first_difference": null}])"));
    const json again = json::parse(answer({"copy", "--json", "sqlite:marketdb.db", "sqlite:copy.db"}));
    ASSERT_EQ(again.size(), 2U);
    EXPECT_EQ(again[0].at("found"), 3);
    EXPECT_EQ(again[0].at("inserted"), 0);
    EXPECT_EQ(again[1].at("inserted"), 3);
}

TEST_F(CopyCommand, ADifferenceEndsWithOneAndNamesTheSeriesAndTheTime) {
    import_samples();
    answer({"copy", "sqlite:marketdb.db", "sqlite:copy.db"});
    SqliteFile(path("copy.db"))
        .run(
            "INSERT INTO trade_snapshots (symbol_id, timestamp, trade_id, sequence, price, quantity) "
            "VALUES (1, 1723161255000000, '7', 7, 61800, 1)");
    const Outcome outcome = run({"copy", "sqlite:marketdb.db", "sqlite:copy.db", "--json"});
    EXPECT_EQ(outcome.code, 1);
    EXPECT_NE(outcome.err.find("error: trades BINANCE_SPOT:BTCUSDT is not the same on both sides: 3 rows here and 4 in "
                               "the target from 2024-08-08T23:54:14.500000Z to 2024-08-08T23:54:15.500000Z; the first "
                               "difference is at 2024-08-08T23:54:15.000000Z"),
              std::string::npos)
        << outcome.err;
    const json report = json::parse(outcome.out);
    EXPECT_EQ(report[0].at("equal"), true);
    EXPECT_EQ(report[1].at("equal"), false);
    EXPECT_EQ(report[1].at("first_difference"), "2024-08-08T23:54:15.000000Z");
    EXPECT_EQ(run({"copy", "sqlite:marketdb.db", "sqlite:copy.db", "quotes"}).code, 0) << "the others are fine";
}

TEST_F(CopyCommand, ADryRunWritesNothing) {
    import_samples();
    const std::vector<std::string> before = file_names();
    const Outcome outcome = run({"copy", "--dry-run", "sqlite:marketdb.db", "sqlite:copy.db"});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_NE(outcome.err.find("sqlite:copy.db (TO_URL) does not exist; this dry run takes it as empty"),
              std::string::npos)
        << outcome.err;
    EXPECT_NE(outcome.out.find("would create symbol BINANCE_SPOT:BTC/USDT (BTCUSDT)\n"), std::string::npos);
    EXPECT_NE(outcome.out.find("trades BINANCE_SPOT:BTCUSDT: 3 rows, 3 to write\n"), std::string::npos) << outcome.out;
    EXPECT_NE(outcome.out.find("nothing was written (--dry-run)"), std::string::npos);
    EXPECT_EQ(file_names(), before);
    answer({"copy", "sqlite:marketdb.db", "sqlite:copy.db"});
    EXPECT_NE(answer({"copy", "--dry-run", "sqlite:marketdb.db", "sqlite:copy.db"}).find("3 rows, 3 there already\n"),
              std::string::npos);
}

TEST_F(CopyCommand, OneDatabaseUnderTwoNamesIsRefused) {
    import_samples();
    std::filesystem::create_symlink(path("marketdb.db"), path("link.db"));
    for (const std::string name : {"sqlite:marketdb.db", "sqlite:./marketdb.db", "sqlite:link.db"}) {
        const Outcome outcome = run({"copy", "sqlite:marketdb.db", name});
        EXPECT_EQ(outcome.code, 2) << name;
        EXPECT_NE(outcome.err.find("are the same database"), std::string::npos) << outcome.err;
    }
}

TEST_F(CopyCommand, AMistakeEndsWithTwoAndSaysWhatWasExpected) {
    struct Mistake {
        std::vector<std::string> arguments;
        std::string expected;
    };
    const std::vector<Mistake> mistakes = {
        {{"copy"}, "FROM_URL is required"},
        {{"copy", "sqlite:a.db"}, "TO_URL is required"},
        {{"copy", "mysql:x", "sqlite:b.db"}, "(from FROM_URL)"},
        {{"copy", "sqlite:a.db", "mysql:x"}, "(from TO_URL)"},
        {{"copy", "sqlite:a.db", "sqlite:b.db", "candles"}, "expected book-tickers (quotes)"},
        {{"copy", "sqlite:a.db", "sqlite:b.db", "quotes", "BTCUSDT"}, "expected EXCHANGE:SYMBOL"},
        {{"copy", "sqlite:a.db", "sqlite:b.db", "--symbol", "BTCUSDT"}, "need a DATASET"},
        {{"copy", "sqlite:a.db", "sqlite:b.db", "--batch-rows", "0"}, "--batch-rows"},
        {{"copy", "sqlite:a.db", "sqlite:b.db", "--from", "soon"}, "--from: time 'soon'"},
        {{"--db", "sqlite:x.db", "copy", "sqlite:a.db", "sqlite:b.db"}, "instead of --db"},
        {{"checksum", "quotes", "--from", "2025-01-02", "--to", "2025-01-01"}, "lies before --from"},
        {{"checksum", "--account", "main"}, "need a DATASET"},
    };
    for (const Mistake& mistake : mistakes) {
        const Outcome outcome = run(mistake.arguments);
        EXPECT_EQ(outcome.code, 2) << mistake.expected << outcome.err;
        EXPECT_EQ(outcome.out, "");
        EXPECT_NE(outcome.err.find(mistake.expected), std::string::npos) << outcome.err;
    }
    EXPECT_EQ(file_names(), std::vector<std::string>{});
}

TEST_F(CopyCommand, ADatabaseThatIsNotThereEndsWithFourAndMakesNothing) {
    const Outcome outcome = run({"copy", "sqlite:missing.db", "sqlite:copy.db"});
    EXPECT_EQ(outcome.code, 4);
    EXPECT_NE(outcome.err.find("there is no file missing.db"), std::string::npos) << outcome.err;
    EXPECT_EQ(file_names(), std::vector<std::string>{});
    EXPECT_EQ(run({"checksum"}).code, 4);
}

TEST_F(CopyCommand, APasswordIsNeverShown) {
    import_samples();
    const std::string secret = "postgresql://desk:canary-7@127.0.0.1:1/market?connect_timeout=2";
    for (const std::vector<std::string>& urls :
         {std::vector<std::string>{"sqlite:marketdb.db", secret}, std::vector<std::string>{secret, "sqlite:copy.db"},
          std::vector<std::string>{secret, secret}}) {
        const Outcome outcome = run({"--verbose", "copy", urls[0], urls[1]});
        EXPECT_NE(outcome.code, 0);
        EXPECT_EQ((outcome.out + outcome.err).find("canary-7"), std::string::npos) << outcome.err;
    }
}

TEST_F(CopyCommand, CtrlCFinishesTheBatchAndTheNextCopyGoesOn) {
    import_many();
    Surroundings surroundings;
    surroundings.terminal_columns = 200;
    Program copy(folder(), {"copy", "--batch-rows", "250", "sqlite:marketdb.db", "sqlite:copy.db"}, surroundings);
    ASSERT_TRUE(copy.wait_for_output("copying"));
    copy.send_signal(SIGINT);
    const Outcome interrupted = copy.wait();
    EXPECT_EQ(interrupted.code, 130) << interrupted.out;
    EXPECT_NE(interrupted.out.find("the copy was interrupted; the target has the first "), std::string::npos)
        << interrupted.out;
    const std::int64_t stored = json::parse(answer({"--db", "sqlite:copy.db", "stats", "--json"}))[0].at("rows");
    EXPECT_GT(stored, 0);
    EXPECT_LT(stored, kMany);
    EXPECT_EQ(stored % 250, 0);
    const json rest = json::parse(answer({"copy", "--json", "sqlite:marketdb.db", "sqlite:copy.db"}));
    EXPECT_EQ(rest[0].at("found"), stored);
    EXPECT_EQ(rest[0].at("inserted"), kMany - stored);
    EXPECT_EQ(checksum("copy.db"), checksum("marketdb.db"));
}

TEST_F(CopyCommand, AKilledCopyIsCompletedByTheNext) {
    import_many();
    Surroundings surroundings = to_be_killed(folder());
    surroundings.terminal_columns = 200;
    Program copy(folder(), {"copy", "--batch-rows", "250", "sqlite:marketdb.db", "sqlite:copy.db"}, surroundings);
    ASSERT_TRUE(copy.wait_for_output("copying"));
    copy.send_signal(SIGKILL);
    EXPECT_EQ(copy.wait().code, -SIGKILL);
    const json rest = json::parse(answer({"copy", "--json", "sqlite:marketdb.db", "sqlite:copy.db"}));
    const std::int64_t found = rest[0].at("found");
    EXPECT_GT(found, 0);
    EXPECT_LT(found, kMany);
    EXPECT_EQ(rest[0].at("inserted"), kMany - found);
    EXPECT_EQ(checksum("copy.db"), checksum("marketdb.db"));
    EXPECT_EQ(SqliteFile(path("copy.db")).number("SELECT count(*) FROM sources WHERE kind = 'copy'"), 1)
        << "the source was taken up again";
}

}  // namespace
}  // namespace marketdb::testing
