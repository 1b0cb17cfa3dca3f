#include <string>

#include <nlohmann/json.hpp>

#include "cli/program.hpp"
#include "cli/sample_files.hpp"

namespace marketdb::testing {
namespace {

using nlohmann::json;

class CoverageCommands : public CliTest {};

TEST_F(CoverageCommands, CoverageIsACalendarOfWhatImportsHold) {
    import_samples();
    EXPECT_EQ(answer({"coverage"}),
              "dataset       series                 month    1   5    10   15   20   25   30\n"
              "book-tickers  BINANCE_SPOT:BTC/USDT  2024-08  .......+.......................\n"
              "trades        BINANCE_SPOT:BTC/USDT  2024-08  .......+.......................\n"
              "# whole day  + part of it  ! with a declared gap  . nothing known (days of UTC)\n");
}

TEST_F(CoverageCommands, CoverageAsJsonNamesThePiecesAndTheirSources) {
    import_samples();
    const json pieces = json::parse(answer({"coverage", "quotes", "*:btc-usdt", "--json"}));
    ASSERT_EQ(pieces.size(), 2U);
    EXPECT_EQ(pieces[0].at("dataset"), "book-tickers");
    EXPECT_EQ(pieces[0].at("exchange"), "BINANCE_SPOT");
    EXPECT_EQ(pieces[0].at("symbol"), "BTC/USDT");
    EXPECT_EQ(pieces[0].at("clock"), "event");
    EXPECT_EQ(pieces[0].at("state"), "covered");
    EXPECT_EQ(pieces[0].at("start"), "2024-08-08T23:54:14.087891Z");
    EXPECT_EQ(pieces[0].at("end"), "2024-08-08T23:54:16.000001Z");
    EXPECT_EQ(pieces[0].at("kinds"), "file");
    EXPECT_EQ(pieces[1].at("clock"), "received");
    EXPECT_EQ(json::parse(answer({"coverage", "quotes", "*:*", "--clock", "received", "--json"})).size(), 1U);
    EXPECT_EQ(json::parse(answer({"coverage", "quotes", "--from", "2025-01-01", "--json"})).size(), 0U);
}

TEST_F(CoverageCommands, AnEmptyAnswerSaysWhatFillsIt) {
    answer({"init"});
    const Outcome nothing = run({"coverage"});
    EXPECT_EQ(nothing.code, 0);
    EXPECT_EQ(nothing.out, "");
    EXPECT_NE(nothing.err.find("nothing is known to be complete there"), std::string::npos) << nothing.err;
}

TEST_F(CoverageCommands, DeclaredTimeAndGapsAreShown) {
    import_samples();
    EXPECT_EQ(
        answer(
            {"coverage", "declare", "quotes", "BINANCE_SPOT:BTC/USDT", "--from", "2024-08-01", "--to", "2024-08-04"}),
        "book-tickers BINANCE_SPOT:BTC/USDT: 2024-08-01T00:00:00.000000Z .. 2024-08-04T00:00:00.000000Z (event time) "
        "is complete\n");
    EXPECT_EQ(
        answer({"coverage", "declare", "quotes", "BINANCE_SPOT:BTC/USDT", "--from", "2024-08-01", "--to", "2024-08-04",
                "--json"}),
        "[{\"dataset\":\"book-tickers\",\"exchange\":\"BINANCE_SPOT\",\"symbol\":\"BTC/USDT\",\"clock\":\"event\","
        "\"state\":\"covered\",\"start\":\"2024-08-01T00:00:00.000000Z\",\"end\":\"2024-08-04T00:00:00.000000Z\"}]\n");
    EXPECT_EQ(
        answer({"coverage", "declare", "quotes", "BINANCE_SPOT:BTC/USDT", "--gap", "--from", "2024-08-02T10:00Z",
                "--to", "2024-08-02T10:05Z", "--reason", "switch failed"}),
        "book-tickers BINANCE_SPOT:BTC/USDT: 2024-08-02T10:00:00.000000Z .. 2024-08-02T10:05:00.000000Z (event time) "
        "is a gap\n");
    EXPECT_EQ(answer({"coverage", "quotes"}),
              "dataset       series                 month    1   5    10   15   20   25   30\n"
              "book-tickers  BINANCE_SPOT:BTC/USDT  2024-08  #!#....+.......................\n"
              "# whole day  + part of it  ! with a declared gap  . nothing known (days of UTC)\n");
    const Outcome found = run({"gaps", "quotes", "BINANCE_SPOT:BTC/USDT", "--json"});
    EXPECT_EQ(found.code, 1) << "gaps are findings";
    const json gaps = json::parse(found.out);
    ASSERT_EQ(gaps.size(), 1U);
    EXPECT_EQ(gaps[0].at("evidence"), "declared");
    EXPECT_EQ(gaps[0].at("start"), "2024-08-02T10:00:00.000000Z");
    EXPECT_EQ(gaps[0].at("seconds"), 300);
    EXPECT_TRUE(gaps[0].at("missing").is_null());
    const Outcome before =
        run({"gaps", "quotes", "BINANCE_SPOT:BTC/USDT", "--from", "2024-08-02T09:00Z", "--to", "2024-08-02T10:00Z"});
    EXPECT_EQ(before.code, 0) << before.out << before.err;
    EXPECT_NE(before.err.find("no gap was found"), std::string::npos) << before.err;
}

TEST_F(CoverageCommands, GapsFindsHolesInTradeIdsAndSilences) {
    std::string trades = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n";
    for (int i = 0; i < 40; ++i) {
        if (i >= 10 && i < 13) continue;
        const std::string time = std::to_string(1'723'161'254'000'000 + i * 100'000);
        trades += "binance,BTCUSDT," + time + "," + time + "," + std::to_string(500 + i) + ",buy,61800,0.5\n";
    }
    write_file("trades.csv", trades);
    answer({"import", "trades.csv"});
    const json gaps = json::parse(run({"gaps", "trades", "BINANCE_SPOT:BTCUSDT", "--silence", "300ms", "--json"}).out);
    ASSERT_EQ(gaps.size(), 2U);
    EXPECT_EQ(gaps[0].at("evidence"), "silence");
    EXPECT_EQ(gaps[0].at("seconds"), 0.4);
    EXPECT_EQ(gaps[1].at("evidence"), "trade-ids");
    EXPECT_EQ(gaps[1].at("missing"), 3);
    EXPECT_EQ(gaps[1].at("first_id"), 510);
    EXPECT_EQ(gaps[1].at("last_id"), 512);
}

TEST_F(CoverageCommands, ASecondImportOfTheSameTimeWarnsAndOnlyGapsLeavesItOut) {
    import_samples();
    write_file("again.csv",
               "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n"
               "binance,BTCUSDT,1723161254087891,1723161254187891,0.5,61800.5,61800.1,1.25\n"
               "binance,BTCUSDT,1723161255000000,1723161255010000,0.75,61801,,\n"
               "binance,BTCUSDT,1723161257000000,1723161257020000,0.25,61803.5,61803,2\n");
    const Outcome dry = run({"import", "--dry-run", "again.csv"});
    EXPECT_EQ(dry.code, 0);
    EXPECT_NE(dry.err.find("covered already from 2024-08-08T23:54:14.187891Z"), std::string::npos) << dry.err;
    const json report = json::parse(answer({"import", "--only-gaps", "--json", "again.csv"}));
    EXPECT_EQ(report[0].at("inserted"), 1);
    EXPECT_EQ(report[0].at("unchanged"), 1) << "of the first moment the other file may not have all";
    EXPECT_EQ(report[0].at("covered"), 1);
}

TEST_F(CoverageCommands, WrongUsageSaysWhatWasExpected) {
    import_samples();
    const auto refused = [this](std::vector<std::string> arguments, std::string_view text) {
        const Outcome outcome = run(std::move(arguments));
        EXPECT_EQ(outcome.code, 2);
        EXPECT_EQ(outcome.out, "");
        EXPECT_NE(outcome.err.find(text), std::string::npos) << outcome.err;
    };
    refused({"coverage", "balances"}, "balances");
    refused({"gaps", "balances", "BINANCE_SPOT:USDT"}, "balances");
    refused({"gaps", "trades"}, "SERIES");
    refused({"gaps", "trades", "BINANCE_SPOT:BTC/USDT", "--silence", "0s"}, "--silence");
    refused({"gaps", "trades", "BINANCE_SPOT:BTC/USDT", "--silence", "5"}, "--silence");
    refused({"coverage", "declare", "trades", "BINANCE_SPOT:BTC/USDT", "--from", "2024-08-08"}, "--to");
    refused({"coverage", "declare", "trades", "BINANCE_SPOT:BTC/USDT", "--from", "2024-08-08", "--to", "2024-08-08"},
            "--to after --from");
    refused({"import", "--complete", kQuotesName}, "--from");
    refused({"import", "--only-gaps", "--on-error", "quarantine", kQuotesName}, "--only-gaps");
    EXPECT_EQ(run({"gaps", "trades", "BINANCE_SPOT:XYZ/USDT"}).code, 2) << "1 is a gap that was found";
    EXPECT_EQ(run({"gaps", "trades", "BTC/USDT"}).code, 2);
    EXPECT_EQ(run({"--db", "sqlite:nowhere.db", "coverage"}).code, 4);
}

TEST_F(CoverageCommands, ACompleteFileCoversTheTimeThatTheUserGives) {
    write_file(kTradesName, kTrades);
    answer({"import", "--complete", "--from", "2024-08-08", "--to", "2024-08-09", kTradesName});
    EXPECT_EQ(answer({"coverage", "trades"}),
              "dataset  series                 month    1   5    10   15   20   25   30\n"
              "trades   BINANCE_SPOT:BTC/USDT  2024-08  .......#.......................\n"
              "# whole day  + part of it  ! with a declared gap  . nothing known (days of UTC)\n");
}

}  // namespace
}  // namespace marketdb::testing
