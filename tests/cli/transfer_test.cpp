#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/program.hpp"
#include "cli/sample_files.hpp"

namespace marketdb::testing {
namespace {

using nlohmann::json;

class Importing : public CliTest {};
class Exporting : public CliTest {};

TEST_F(Importing, JsonNamesWhatBecameOfEachFile) {
    write_file(kQuotesName, kQuotes);
    json reports = json::parse(answer({"import", "--json", kQuotesName}));
    ASSERT_EQ(reports.size(), 1U);
    EXPECT_GT(reports[0].at("seconds").get<double>(), 0.0);
    reports[0].erase("seconds");
    EXPECT_EQ(reports[0],
              json::parse(R"({"file": "binance_book_ticker_2024-08-08_BTCUSDT.csv", "dataset": "book-tickers",
        "exchange": "BINANCE_SPOT", "symbols": ["BTC/USDT"], "read": 3, "inserted": 3, "updated": 0, "unchanged": 0,
        "folded": 0, "rounded": 0, "rejected": 0, "skipped": false})"));
}

TEST_F(Importing, AFileThatWasImportedIsSkippedAndForceChangesNothing) {
    import_samples();
    const json again = json::parse(answer({"import", "--json", kQuotesName}));
    EXPECT_EQ(again[0].at("skipped"), true);
    EXPECT_EQ(again[0].at("inserted"), 0);
    EXPECT_NE(answer({"import", kQuotesName}).find("imported before, skipped (--force reads it again)"),
              std::string::npos);
    const json forced = json::parse(answer({"import", "--json", "--force", kQuotesName}));
    EXPECT_EQ(forced[0].at("skipped"), false);
    EXPECT_EQ(forced[0].at("unchanged"), 3);
    EXPECT_EQ(forced[0].at("inserted"), 0);
}

TEST_F(Importing, TheSummaryForPeopleIsAResultAndNamesTheDatabase) {
    write_file(kTradesName, kTrades);
    const Outcome outcome = run({"import", kTradesName});
    EXPECT_EQ(outcome.code, 0);
    EXPECT_EQ(outcome.err, "");
    EXPECT_NE(outcome.out.find("  tardis trades: trades of BINANCE_SPOT BTC/USDT\n"), std::string::npos) << outcome.out;
    EXPECT_NE(outcome.out.find("  2024-08-08T23:54:14.500000Z .. 2024-08-08T23:54:15.500000Z\n"), std::string::npos);
    EXPECT_NE(outcome.out.find("  new symbol BINANCE_SPOT:BTC/USDT (BTCUSDT)\n"), std::string::npos);
    EXPECT_NE(outcome.out.find("  3 read, 3 inserted in "), std::string::npos);
    EXPECT_NE(outcome.out.find("1 file: 3 rows read, 3 inserted; database sqlite:marketdb.db (default)\n"),
              std::string::npos);
}

TEST_F(Importing, FoldersAreSearchedAndOtherFilesCounted) {
    write_file(std::string("in/a/") + kQuotesName, kQuotes);
    write_file(std::string("in/") + kTradesName, kTrades);
    write_file("in/README.md", "words");
    write_file("in/a/picture.png", "bits");
    const Outcome outcome = run({"import", "in"});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_NE(outcome.out.find("2 files: 6 rows read, 6 inserted; 2 other files ignored"), std::string::npos)
        << outcome.out;
}

TEST_F(Importing, WhereThereIsNothingToImportTheSummarySaysSoAndNamesTheDatabase) {
    write_file("in/README.md", "words");
    const Outcome folder = run({"import", "in"});
    EXPECT_EQ(folder.code, 0);
    EXPECT_EQ(folder.out, "0 files: 0 rows read; 1 other file ignored; database sqlite:marketdb.db (default)\n");
    EXPECT_EQ(folder.err, "marketdb: no file there ends in .csv or .jsonl (.gz, .zst and .xz may follow) or .zip\n");
    const Outcome missing = run({"import", "missing.csv"});
    EXPECT_EQ(missing.code, 1);
    EXPECT_EQ(missing.out, "1 file: 0 rows read; 1 failed; database sqlite:marketdb.db (default)\n");
    EXPECT_NE(run({"import", ""}).err.find("error: FILE: is empty; expected a value"), std::string::npos);
}

TEST_F(Importing, OneRowIsARowAndSeveralExchangesAreAList) {
    write_file("balances.csv", kBalances);
    const std::string several = answer({"import", "balances.csv"});
    EXPECT_NE(several.find("  marketdb balances: balances of BINANCE_SPOT, OKX_SPOT: "), std::string::npos) << several;
    answer({"export", "balances", "OKX_SPOT:*", "--output", "one.csv"});
    const std::string one = answer({"--db", "sqlite:one.db", "import", "one.csv"});
    EXPECT_NE(one.find("1 file: 1 row read, 1 inserted; database sqlite:one.db (--db)\n"), std::string::npos) << one;
    EXPECT_NE(run({"--db", "sqlite:one.db", "latest", "trades"}).err.find("OKX_SPOT:USDT of account main  1 row  2024"),
              std::string::npos);
}

TEST_F(Importing, AWarningNamesItsFileOnce) {
    write_file("binance_trades_2024-08-08_BTCUSDT.csv.gz", "");
    EXPECT_EQ(run({"import", "binance_trades_2024-08-08_BTCUSDT.csv.gz"}).err,
              "marketdb: warning: binance_trades_2024-08-08_BTCUSDT.csv.gz: has no bytes at all, not even those of an "
              "empty .gz file\n");
}

TEST_F(Importing, AFailedFileDoesNotStopTheNext) {
    write_file("bybit-spot_book_ticker_2024-08-08_ETHUSDT.csv", kCrossedQuotes);
    write_file(kTradesName, kTrades);
    const Outcome outcome =
        run({"import", "--json", "missing.csv", "bybit-spot_book_ticker_2024-08-08_ETHUSDT.csv", kTradesName});
    EXPECT_EQ(outcome.code, 1);
    const json reports = json::parse(outcome.out);
    ASSERT_EQ(reports.size(), 3U);
    EXPECT_NE(reports[0].at("error").get<std::string>().find("missing.csv"), std::string::npos);
    EXPECT_NE(
        reports[1].at("error").get<std::string>().find("bybit-spot_book_ticker_2024-08-08_ETHUSDT.csv:4: column "),
        std::string::npos)
        << reports[1];
    EXPECT_EQ(reports[1].at("inserted"), 0);
    EXPECT_EQ(reports[2].at("inserted"), 3);
    EXPECT_NE(outcome.err.find("--on-error quarantine"), std::string::npos) << outcome.err;
    EXPECT_EQ(answer({"exchanges", "--csv"}).find("BYBIT_SPOT"), std::string::npos)
        << "nothing of a refused file is stored";
}

TEST_F(Importing, QuarantinedRowsEndWithThreeAndTheRestIsStored) {
    write_file("bybit-spot_book_ticker_2024-08-08_ETHUSDT.csv", kCrossedQuotes);
    const Outcome outcome =
        run({"import", "--json", "--on-error", "quarantine", "bybit-spot_book_ticker_2024-08-08_ETHUSDT.csv"});
    EXPECT_EQ(outcome.code, 3) << outcome.err;
    const json reports = json::parse(outcome.out);
    EXPECT_EQ(reports[0].at("read"), 4);
    EXPECT_EQ(reports[0].at("inserted"), 3);
    EXPECT_EQ(reports[0].at("rejected"), 1);
    EXPECT_EQ(json::parse(answer({"stats", "--json"}))[0].at("quarantined"), 1);
    EXPECT_NE(run({"import", "--force", "--on-error", "quarantine", "bybit-spot_book_ticker_2024-08-08_ETHUSDT.csv"})
                  .out.find("1 quarantined"),
              std::string::npos);
}

TEST_F(Importing, ADryRunWritesNothing) {
    write_file(kQuotesName, kQuotes);
    const Outcome outcome = run({"import", "--dry-run", kQuotesName});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_NE(outcome.out.find("would create BINANCE_SPOT:BTC/USDT (BTCUSDT)"), std::string::npos) << outcome.out;
    EXPECT_NE(outcome.out.find("nothing was written"), std::string::npos) << outcome.out;
    EXPECT_EQ(file_names(), std::vector<std::string>{kQuotesName});
    answer({"init"});
    const json report = json::parse(answer({"import", "--dry-run", "--json", kQuotesName}));
    EXPECT_EQ(report[0].at("layout"), "tardis book_ticker");
    EXPECT_EQ(report[0].at("first"), "2024-08-08T23:54:14.087891Z");
    EXPECT_EQ(report[0].at("new_symbols"), json::array({"BINANCE_SPOT:BTC/USDT (BTCUSDT)"}));
    EXPECT_EQ(answer({"exchanges", "--json"}), "[]\n");
}

TEST_F(Importing, StandardInputAndOverrides) {
    Surroundings piped;
    piped.input = kTrades;
    const json report = json::parse(answer({"import", "--json", "-"}, piped));
    EXPECT_EQ(report[0].at("file"), "-");
    EXPECT_EQ(report[0].at("inserted"), 3);
    piped.input = "42,61800.5,0.001,61.8,1723161254500,true,true\n";
    const json binance =
        json::parse(answer({"import", "--json", "--layout", "binance", "--dataset", "trades", "--exchange", "MEXC_SPOT",
                            "--symbol", "BTCUSDT", "--time-unit", "ms", "-"},
                           piped));
    EXPECT_EQ(binance[0].at("exchange"), "MEXC_SPOT") << binance;
    EXPECT_EQ(binance[0].at("inserted"), 1);
}

TEST_F(Importing, AnEmptyFileIsFine) {
    write_file("binance_trades_2024-08-08_BTCUSDT.csv", "");
    const Outcome outcome = run({"import", "binance_trades_2024-08-08_BTCUSDT.csv"});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_NE(outcome.out.find("empty, 0 rows"), std::string::npos) << outcome.out;
}

TEST_F(Importing, RubbishIsRefusedAndNothingIsStored) {
    write_file("binary.csv", std::string("\x7f"
                                         "ELF\0\1\2\3\xff\xfe\n\0\0",
                                         13));
    write_file("truncated.csv.gz", std::string("\x1f\x8b\x08\0\0\0\0\0\0\3\x4b\x4c", 12));
    write_file("words.csv", "a,b,c\n1,2,3\n");
    write_file("nofolder/x.txt", "not ours");
    for (const char* file : {"binary.csv", "truncated.csv.gz", "words.csv"}) {
        const Outcome outcome = run({"import", file});
        EXPECT_EQ(outcome.code, 1) << file;
        EXPECT_EQ(outcome.err.rfind("marketdb: error: ", 0), 0U) << outcome.err;
        EXPECT_NE(outcome.err.find(file), std::string::npos) << outcome.err;
        EXPECT_EQ(outcome.err.find('\0'), std::string::npos);
    }
    EXPECT_EQ(answer({"exchanges", "--json"}), "[]\n");
}

TEST_F(Importing, AHeaderAloneNamesNoSymbol) {
    write_file("header.csv", "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n");
    EXPECT_NE(answer({"import", "header.csv"}).find("tardis trades: trades\n"), std::string::npos);
}

TEST_F(Importing, NothingToImportMakesNoDatabase) {
    EXPECT_EQ(run({"import", "missing.csv"}).code, 1);
    EXPECT_EQ(run({"import", "--json", "missing.csv"}).out.substr(0, 24), "[{\"file\":\"missing.csv\",\"");
    std::filesystem::create_directory(path("empty"));
    const Outcome outcome = run({"import", "empty", "--json"});
    EXPECT_EQ(outcome.code, 0);
    EXPECT_EQ(outcome.out, "[]\n");
    EXPECT_EQ(file_names(), std::vector<std::string>{"empty"});
}

TEST_F(Exporting, WhatIsExportedIsImportedAndExportedToTheSameBytes) {
    import_samples();
    write_file("balances.csv", kBalances);
    answer({"import", "balances.csv"});
    for (const std::string dataset : {"book-tickers", "trades", "balances"}) {
        for (const std::string ending : {".csv", ".jsonl"}) {
            const std::string first = "first-" + dataset + ending, second = "second-" + dataset + ending;
            const std::string copy = "sqlite:copy-" + dataset + ending + ".db";
            answer({"export", dataset, "--output", first});
            answer({"--db", copy, "import", first});
            answer({"--db", copy, "export", dataset, "-o", second});
            EXPECT_FALSE(read_file(first).empty());
            EXPECT_EQ(read_file(first), read_file(second)) << dataset << ending;
        }
    }
    for (const std::string& name : file_names()) EXPECT_EQ(name.find(".part"), std::string::npos) << name;
}

TEST_F(Exporting, ToStandardOutputWithTheExchangesOwnSpelling) {
    import_samples();
    const std::string expected =
        "exchange,symbol,exchange_symbol,timestamp,received_at,sequence,trade_id,price,quantity,side,quote_quantity,is_"
        "buyer,"
        "is_maker\n"
        "BINANCE_SPOT,BTC/"
        "USDT,BTCUSDT,2024-08-08T23:54:15.500000Z,2024-08-08T23:54:15.600000Z,1003,1003,61801,0.5,,,,\n";
    EXPECT_EQ(answer({"export", "trades", "--tail", "1"}), expected);
    EXPECT_EQ(answer({"export", "trades", "BINANCE_SPOT:BTC/USDT", "--from", "2024-08-08T23:54:15Z", "--csv"}),
              expected);
    const json line = json::parse(answer({"export", "trades", "--last", "1ms", "--ndjson"}));
    EXPECT_EQ(line.at("exchange_symbol"), "BTCUSDT");
    EXPECT_EQ(line.at("side"), nullptr);
    const json array = json::parse(answer({"export", "trades", "--json"}));
    ASSERT_EQ(array.size(), 3U);
    EXPECT_EQ(array[2], line);
}

TEST_F(Exporting, AnEmptyExportSaysWhereDataIs) {
    import_samples();
    const Outcome outcome = run({"export", "trades", "--from", "2025-01-01", "--output", "none.csv"});
    EXPECT_EQ(outcome.code, 0);
    EXPECT_NE(outcome.err.find("BINANCE_SPOT:BTC/USDT  3 rows"), std::string::npos) << outcome.err;
}

TEST_F(Exporting, AFileThatCannotBeWrittenIsAnErrorAndNothingIsLeft) {
    import_samples();
    const Outcome folder = run({"export", "trades", "--output", "nowhere/trades.csv"});
    EXPECT_EQ(folder.code, 1);
    EXPECT_NE(folder.err.find("nowhere"), std::string::npos) << folder.err;
    std::filesystem::create_directory(path("taken.csv"));
    const Outcome taken = run({"export", "trades", "--output", "taken.csv"});
    EXPECT_NE(taken.code, 0);
    EXPECT_FALSE(std::filesystem::exists(path("taken.csv.part")));
}

}  // namespace
}  // namespace marketdb::testing
