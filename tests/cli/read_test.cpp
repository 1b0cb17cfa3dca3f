#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/program.hpp"
#include "cli/sample_files.hpp"

namespace marketdb::testing {
namespace {

using nlohmann::json;
using ::testing::Test;

class ReadCommands : public CliTest {};

const std::string kSeries = "BINANCE_SPOT:BTC/USDT";

TEST_F(ReadCommands, HistoryAsCsvHasTheColumnNamesAndShortestNumbers) {
    import_samples();
    EXPECT_EQ(answer({"history", "book-tickers", kSeries, "--csv"}),
              "exchange,symbol,timestamp,received_at,sequence,bid_price,bid_qty,ask_price,ask_qty\n"
              "BINANCE_SPOT,BTC/"
              "USDT,2024-08-08T23:54:14.087891Z,2024-08-08T23:54:14.187891Z,102400000,61800.1,1.25,61800.5,0.5\n"
              "BINANCE_SPOT,BTC/USDT,2024-08-08T23:54:15.000000Z,2024-08-08T23:54:15.010000Z,10240000,,,61801,0.75\n"
              "BINANCE_SPOT,BTC/"
              "USDT,2024-08-08T23:54:16.000000Z,2024-08-08T23:54:16.020000Z,20480000,61802,2,61802.5,0.25\n");
}

TEST_F(ReadCommands, HistoryAsJsonIsOneArrayWithNullForWhatIsMissing) {
    import_samples();
    EXPECT_EQ(
        answer(
            {"history", "quotes", kSeries, "--from", "2024-08-08T23:54:15Z", "--to", "2024-08-08T23:54:16Z", "--json"}),
        "[{\"exchange\":\"BINANCE_SPOT\",\"symbol\":\"BTC/USDT\",\"timestamp\":\"2024-08-08T23:54:15.000000Z\","
        "\"received_at\":\"2024-08-08T23:54:15.010000Z\",\"sequence\":10240000,\"bid_price\":null,\"bid_qty\":null,"
        "\"ask_price\":61801,\"ask_qty\":0.75}]\n");
}

TEST_F(ReadCommands, NdjsonIsOneObjectALine) {
    import_samples();
    const std::string text = answer({"history", "trades", kSeries, "--ndjson"});
    EXPECT_EQ(
        text.substr(0, text.find('\n')),
        "{\"exchange\":\"BINANCE_SPOT\",\"symbol\":\"BTC/USDT\",\"timestamp\":\"2024-08-08T23:54:14.500000Z\","
        "\"received_at\":\"2024-08-08T23:54:14.600000Z\",\"sequence\":1001,\"trade_id\":\"1001\",\"price\":61800.5,"
        "\"quantity\":0.001,\"side\":\"buy\",\"quote_quantity\":null,\"is_buyer\":null,\"is_maker\":null}");
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
}

TEST_F(ReadCommands, AnEmptyArrayIsStillAnArray) {
    import_samples();
    EXPECT_EQ(answer({"history", "funding", "--json"}), "[]\n");
    EXPECT_EQ(answer({"latest", "balances", "--json"}), "[]\n");
    EXPECT_EQ(answer({"latest", "balances", "--ndjson"}), "");
    EXPECT_EQ(answer({"history", "funding-rates", "--csv"}),
              "exchange,symbol,timestamp,received_at,funding_rate,interval_minutes,kind,funding_time,mark_price\n");
}

TEST_F(ReadCommands, ATableIsAlignedWithUnitsInTheHeadingsAndNumbersOnTheRight) {
    import_samples();
    EXPECT_EQ(answer({"history", "quotes", kSeries, "--limit", "2"}),
              "exchange      symbol    timestamp                    received_at                   sequence  bid_price "
              "[USDT]  "
              "bid_qty [BTC]  ask_price [USDT]  ask_qty [BTC]\n"
              "BINANCE_SPOT  BTC/USDT  2024-08-08T23:54:14.087891Z  2024-08-08T23:54:14.187891Z  102400000           "
              "61800.1  "
              "         1.25           61800.5            0.5\n"
              "BINANCE_SPOT  BTC/USDT  2024-08-08T23:54:15.000000Z  2024-08-08T23:54:15.010000Z   10240000             "
              "    -  "
              "            -             61801           0.75\n");
}

TEST_F(ReadCommands, EverySpellingOfASymbolAndPatternsFindTheSeries) {
    import_samples();
    const std::string expected = answer({"history", "trades", kSeries, "--csv"});
    for (const char* series :
         {"BINANCE_SPOT:BTCUSDT", "binance_spot:btc-usdt", "BINANCE_SPOT:*", "*:BTC/USDT", "*:*"}) {
        EXPECT_EQ(answer({"history", "trades", series, "--csv"}), expected) << series;
    }
    EXPECT_EQ(answer({"history", "trades", "--exchange", "BINANCE_SPOT", "--symbol", "BTC_USDT", "--csv"}), expected);
    EXPECT_EQ(answer({"history", "trades", "--symbol", "BTC/USDT", "--csv"}), expected);
    EXPECT_EQ(answer({"history", "trades", kSeries, "BINANCE_SPOT:*", "--csv"}), expected);
    EXPECT_EQ(answer({"history", "trades", "--csv"}), expected);
}

/// The times of the rows of an answer, seconds within the minute.
std::vector<std::string> seconds_of(const std::string& ndjson) {
    std::vector<std::string> seconds;
    std::istringstream lines(ndjson);
    for (std::string line; std::getline(lines, line);) {
        seconds.push_back(json::parse(line).at("timestamp").get<std::string>().substr(17, 2));
    }
    return seconds;
}

TEST_F(ReadCommands, LimitKeepsTheFirstAndTailTheLastInTheOrderAsked) {
    import_samples();
    using Seconds = std::vector<std::string>;
    EXPECT_EQ(seconds_of(answer({"history", "quotes", "--limit", "2", "--ndjson"})), (Seconds{"14", "15"}));
    EXPECT_EQ(seconds_of(answer({"history", "quotes", "--tail", "2", "--ndjson"})), (Seconds{"15", "16"}));
    EXPECT_EQ(seconds_of(answer({"history", "quotes", "--tail", "9", "--ndjson"})), (Seconds{"14", "15", "16"}));
    EXPECT_EQ(seconds_of(answer({"history", "quotes", "--order", "desc", "--limit", "2", "--ndjson"})),
              (Seconds{"16", "15"}));
    EXPECT_EQ(seconds_of(answer({"history", "quotes", "--order", "desc", "--tail", "2", "--ndjson"})),
              (Seconds{"15", "14"}));
}

TEST_F(ReadCommands, LastCountsBackFromTheNewestRowAndIncludesIt) {
    import_samples();
    using Seconds = std::vector<std::string>;
    EXPECT_EQ(seconds_of(answer({"history", "quotes", kSeries, "--last", "1s", "--ndjson"})), (Seconds{"15", "16"}));
    EXPECT_EQ(seconds_of(answer({"history", "quotes", kSeries, "--last", "900ms", "--ndjson"})), (Seconds{"16"}));
}

TEST_F(ReadCommands, EveryKeepsTheLastRowOfEachStretch) {
    write_file("okex_quotes_2024-08-09_BTC-USDT.csv", many_quotes(100));
    answer({"import", "okex_quotes_2024-08-09_BTC-USDT.csv"});
    const std::string text = answer({"history", "quotes", "--every", "5s", "--csv"});
    EXPECT_EQ(text.substr(text.find('\n') + 1),
              "OKX_SPOT,BTC/USDT,2024-08-09T00:00:04.900000Z,2024-08-09T00:00:04.900000Z,0,60000,2,60001,1\n"
              "OKX_SPOT,BTC/USDT,2024-08-09T00:00:09.900000Z,2024-08-09T00:00:09.900000Z,0,60001,2,60002,1\n");
    EXPECT_EQ(seconds_of(answer({"history", "quotes", "--every", "1s", "--tail", "2", "--ndjson"})),
              (std::vector<std::string>{"08", "09"}));
}

TEST_F(ReadCommands, SeveralSeriesAreMergedInTheOrderOfTime) {
    import_samples();
    write_file("bybit_book_ticker_2024-08-08_BTCUSDT.csv",
               "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n"
               "bybit,BTCUSDT,1723161254500000,1723161253000000,1,61801,61800,1\n");
    answer({"import", "bybit_book_ticker_2024-08-08_BTCUSDT.csv"});
    const auto exchanges = [this](const std::vector<std::string>& options) {
        std::vector<std::string> arguments = {"history", "quotes", "*:BTC/USDT", "--json"};
        arguments.insert(arguments.end(), options.begin(), options.end());
        std::string names;
        for (const json& row : json::parse(answer(arguments))) names += row.at("exchange").get<std::string>() + " ";
        return names;
    };
    EXPECT_EQ(exchanges({}), "BINANCE_SPOT BYBIT_FUTURES BINANCE_SPOT BINANCE_SPOT ");
    EXPECT_EQ(exchanges({"--clock", "received"}), "BYBIT_FUTURES BINANCE_SPOT BINANCE_SPOT BINANCE_SPOT ");
}

TEST_F(ReadCommands, LatestShowsTheNewestRowOfEachSeriesAndItsAge) {
    import_samples();
    const json rows = json::parse(answer({"latest", "quotes", "--json"}));
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].at("timestamp"), "2024-08-08T23:54:16.000000Z");
    EXPECT_EQ(rows[0].at("bid_price"), 61802);
    EXPECT_GT(rows[0].at("age_seconds").get<double>(), 3600.0);
    const Outcome none = run({"latest", "quotes", "--max-age", "10s"});
    EXPECT_EQ(none.code, 0);
    EXPECT_EQ(none.out, "");
    EXPECT_NE(none.err.find("BINANCE_SPOT:BTC/USDT  3 rows"), std::string::npos) << none.err;
}

TEST_F(ReadCommands, LatestTakesTheGrammarOfHistory) {
    import_samples();
    write_file("more.csv",
               "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n"
               "bybit,BTCUSDT,1723161254500000,1723161258000000,1,61801,61800,1\n"
               "okex,ETH-USDT,1723161251000000,1723161251500000,1,2681,2680,1\n");
    answer({"import", "more.csv"});
    const auto latest = [this](const std::vector<std::string>& options) {
        std::vector<std::string> arguments = {"latest", "quotes", "--ndjson"};
        arguments.insert(arguments.end(), options.begin(), options.end());
        return seconds_of(answer(arguments));
    };
    using Seconds = std::vector<std::string>;
    EXPECT_EQ(latest({}), (Seconds{"16", "14", "11"}));
    EXPECT_EQ(latest({"--limit", "2"}), (Seconds{"16", "14"}));
    EXPECT_EQ(latest({"--order", "asc"}), (Seconds{"11", "14", "16"}));
    EXPECT_EQ(latest({"--order", "asc", "--limit", "2"}), (Seconds{"11", "14"}));
    EXPECT_EQ(latest({"--tail", "2"}), (Seconds{"14", "11"}));
    EXPECT_EQ(latest({"--every", "1s"}), (Seconds{"16", "14", "11"}));
    // As things stood at a time, and no row of before another.
    EXPECT_EQ(latest({"--to", "2024-08-08T23:54:16Z"}), (Seconds{"15", "14", "11"}));
    EXPECT_EQ(latest({"--to", "2024-08-08T23:54:16Z", "--from", "2024-08-08T23:54:12Z"}), (Seconds{"15", "14"}));
    EXPECT_EQ(latest({"--to", "2024-08-08T23:54:16Z", kSeries}), (Seconds{"15"}));
    EXPECT_EQ(latest({"--last", "2s"}), (Seconds{"16", "14"}));
    // Bybit's row is the last that came.
    EXPECT_EQ(latest({"--clock", "received"}), (Seconds{"14", "16", "11"}));
    EXPECT_EQ(latest({"--clock", "received", "--last", "2s"}), (Seconds{"14", "16"}));
    EXPECT_EQ(latest({"--last", "1s", "--max-age", "10s"}), Seconds{});

    const json row = json::parse(answer({"latest", "quotes", kSeries, "--to", "2024-08-08T23:54:16Z", "--json"})).at(0);
    EXPECT_EQ(row.at("bid_price"), nullptr);
    EXPECT_GT(row.at("age_seconds").get<double>(), 3600.0);
    EXPECT_NE(run({"latest", "quotes", "--to", "2020-01-01"}).err.find("no book-tickers in the time asked"),
              std::string::npos);
}

TEST_F(ReadCommands, LatestRowsOfOneTimeComeInOneOrderHoweverTheyAreFound) {
    write_file("one_time.csv",
               "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n"
               "okex,ZZZ-USDT,1723161254000000,1723161254000000,1,2681,2680,1\n"
               "bybit,AAAUSDT,1723161254000000,1723161254000000,1,2681,2680,1\n"
               "bybit,MMMUSDT,1723161254000000,1723161254000000,1,2681,2680,1\n");
    answer({"import", "one_time.csv"});
    const auto symbols = [this](const std::vector<std::string>& options) {
        std::vector<std::string> arguments = {"latest", "quotes", "--json"};
        arguments.insert(arguments.end(), options.begin(), options.end());
        std::string names;
        for (const json& row : json::parse(answer(arguments))) names += row.at("symbol").get<std::string>() + " ";
        return names;
    };
    EXPECT_EQ(symbols({}), "ZZZ/USDT AAA/USDT MMM/USDT ");
    EXPECT_EQ(symbols({"--to", "2030-01-01"}), "ZZZ/USDT AAA/USDT MMM/USDT ");
    EXPECT_EQ(symbols({"--clock", "received", "--limit", "2"}), "ZZZ/USDT AAA/USDT ");
}

TEST_F(ReadCommands, LatestOfATimeIsOneRowOfEachSeriesOfFundingAndBalances) {
    write_file("funding.csv",
               "exchange,symbol,timestamp,received_at,funding_rate,interval_minutes,kind,funding_time,mark_price\n"
               "BINANCE_FUTURES,BTC/USDT,2024-08-08T00:00:00.000000Z,,0.0001,480,settled,,\n"
               "BINANCE_FUTURES,BTC/USDT,2024-08-08T00:00:01.000000Z,,0.0002,480,predicted,,\n"
               "BINANCE_FUTURES,BTC/USDT,2024-08-08T00:00:02.000000Z,,0.0003,480,predicted,,\n"
               "BINANCE_FUTURES,BTC/USDT,2024-08-08T00:00:03.000000Z,,0.0004,480,settled,,\n");
    write_file("balances.csv", kBalances);
    answer({"import", "funding.csv", "balances.csv"});
    const auto latest = [this](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"latest", "--ndjson"});
        return seconds_of(answer(arguments));
    };
    using Seconds = std::vector<std::string>;
    EXPECT_EQ(latest({"funding"}), Seconds{"03"});
    EXPECT_EQ(latest({"funding", "--to", "2024-08-08T00:00:03Z"}), Seconds{"02"});
    EXPECT_EQ(latest({"balances", "--to", "2024-08-08T00:00:02Z"}), (Seconds{"01", "00", "00"}));
    const Outcome received = run({"latest", "balances", "--clock", "received", "--json"});
    EXPECT_EQ(received.out, "[]\n");
    EXPECT_NE(received.err.find("4 rows without received_at left out"), std::string::npos) << received.err;
}

TEST_F(ReadCommands, BalancesAreChosenByExchangeAssetAndAccount) {
    write_file("balances.csv", kBalances);
    answer({"import", "balances.csv"});
    const auto count = [this](std::vector<std::string> arguments) {
        arguments.push_back("--json");
        return json::parse(answer(arguments)).size();
    };
    EXPECT_EQ(count({"history", "balances"}), 4U);
    EXPECT_EQ(count({"history", "balances", "*:USDT"}), 3U);
    EXPECT_EQ(count({"history", "balances", "BINANCE_SPOT:*"}), 3U);
    EXPECT_EQ(count({"history", "balances", "OKX_SPOT:USDT", "BINANCE_SPOT:BTC"}), 2U);
    EXPECT_EQ(count({"history", "balances", "--account", "desk"}), 1U);
    EXPECT_EQ(count({"history", "balances", "*:usdt", "--account", "main"}), 2U);
    EXPECT_EQ(count({"history", "balances", "*:DOGE"}), 0U);
    EXPECT_EQ(count({"latest", "balances", "BINANCE_SPOT:USDT"}), 2U);
    EXPECT_EQ(count({"latest", "balances", "--active"}), 4U);
    EXPECT_EQ(count({"latest", "balances", "--min-total", "5"}), 2U) << "above";
    EXPECT_EQ(count({"latest", "balances", "*:USDT", "--active", "--min-total", "5", "--limit", "1"}), 1U);
    const Outcome none = run({"latest", "balances", "*:USDT", "--min-total", "5000"});
    EXPECT_EQ(none.code, 0);
    EXPECT_NE(none.err.find("no balance of *:USDT has a total above 5000"), std::string::npos) << none.err;
    EXPECT_EQ(run({"latest", "balances", "--min-total", "nan"}).code, 2);
    EXPECT_EQ(run({"latest", "quotes", "--active"}).code, 2);
    EXPECT_EQ(run({"latest", "balances", "--active", "--to", "2024-08-09"}).code, 2);
    EXPECT_EQ(answer({"history", "balances", "BINANCE_SPOT:BTC"}),
              "exchange      timestamp                    received_at  account  asset_name  available_balance [BTC]  "
              "locked_balance [BTC]  frozen_balance [BTC]  borrowing_balance [BTC]  interest_balance [BTC]  "
              "total_balance [BTC]\n"
              "BINANCE_SPOT  2024-08-08T00:00:00.000000Z  -            main     BTC                             1.5  "
              "                0.25                     -                        -                       -             "
              "    1.75\n");
}

TEST_F(ReadCommands, RowsWithoutReceivedTimeAreLeftOutOfTheReceivedClockAndCounted) {
    write_file("balances.csv", kBalances);
    answer({"import", "balances.csv"});
    const Outcome outcome = run({"history", "balances", "--clock", "received", "--json"});
    EXPECT_EQ(outcome.code, 0);
    EXPECT_EQ(outcome.out, "[]\n");
    EXPECT_NE(outcome.err.find("4 rows without received_at left out"), std::string::npos) << outcome.err;
}

TEST_F(ReadCommands, AnEmptyAnswerSaysWhereDataIs) {
    import_samples();
    const Outcome outside = run({"history", "quotes", kSeries, "--from", "2025-01-01"});
    EXPECT_EQ(outside.code, 0);
    EXPECT_EQ(outside.out, "");
    EXPECT_EQ(outside.err,
              "marketdb: no book-tickers in the time asked; sqlite:marketdb.db (default) has:\n"
              "  BINANCE_SPOT:BTC/USDT  3 rows  2024-08-08T23:54:14.087891Z .. 2024-08-08T23:54:16.000000Z\n");
    const Outcome other = run({"history", "funding"});
    EXPECT_NE(other.err.find("trades BINANCE_SPOT:BTC/USDT  3 rows"), std::string::npos) << other.err;
    EXPECT_EQ(run({"history", "funding", "--quiet"}).err, "");
    answer({"--db", "sqlite:empty.db", "init"});
    EXPECT_EQ(run({"--db", "sqlite:empty.db", "latest", "quotes"}).err,
              "marketdb: sqlite:empty.db (--db) is empty; `marketdb import FILE` fills it\n");
}

TEST_F(ReadCommands, UnknownNamesFailAndSayWhatListsThem) {
    import_samples();
    const Outcome symbol = run({"latest", "quotes", "BINANCE_SPOT:DOGE/USDT"});
    EXPECT_EQ(symbol.code, 1);
    EXPECT_EQ(symbol.out, "");
    EXPECT_NE(symbol.err.find("DOGE/USDT"), std::string::npos) << symbol.err;
    EXPECT_NE(symbol.err.find("`marketdb symbols`"), std::string::npos) << symbol.err;
    const Outcome exchange = run({"history", "quotes", "OKX_SPOT:BTC/USDT"});
    EXPECT_EQ(exchange.code, 1);
    EXPECT_NE(exchange.err.find("OKX_SPOT"), std::string::npos) << exchange.err;
    EXPECT_EQ(run({"history", "balances", "OKX_SPOT:USDT"}).code, 1);
    EXPECT_EQ(run({"symbols", "OKX_SPOT"}).code, 1);
}

TEST_F(ReadCommands, NothingIsCreatedByReading) {
    for (const std::vector<std::string>& arguments :
         std::vector<std::vector<std::string>>{{"latest", "quotes"},
                                               {"history", "trades"},
                                               {"export", "trades"},
                                               {"exchanges"},
                                               {"symbols"},
                                               {"stats"},
                                               {"migrate", "status"},
                                               {"migrate", "plan"},
                                               {"migrate", "up"},
                                               {"migrate", "down", "--to", "0", "--yes"},
                                               {"cleanup", "--older-than", "1d", "--yes"}}) {
        const Outcome outcome = run(arguments);
        EXPECT_EQ(outcome.code, 4) << arguments[0] << outcome.err;
        EXPECT_EQ(outcome.out, "");
        EXPECT_NE(outcome.err.find("there is no file marketdb.db"), std::string::npos) << outcome.err;
        EXPECT_NE(outcome.err.find("[database sqlite:marketdb.db (default)]"), std::string::npos) << outcome.err;
    }
    EXPECT_EQ(run({"config", "show"}).code, 0);
    EXPECT_EQ(file_names(), std::vector<std::string>{});
}

TEST_F(ReadCommands, ReadingLeavesNoFileBehind) {
    import_samples();
    const std::vector<std::string> before = file_names();
    const std::string bytes = read_file("marketdb.db");
    answer({"latest", "quotes"});
    answer({"history", "trades", "--json"});
    answer({"export", "trades"});
    answer({"stats"});
    answer({"migrate", "status"});
    answer({"cleanup", "--older-than", "1d", "--dry-run"});
    EXPECT_EQ(file_names(), before);
    EXPECT_EQ(read_file("marketdb.db"), bytes);
}

TEST_F(ReadCommands, WhatIsNoDatabaseIsRefusedAndLeftAlone) {
    write_file("marketdb.db",
               "this is no database, just a text that is long enough to look like a header of one. ........");
    const std::string before = read_file("marketdb.db");
    const Outcome outcome = run({"latest", "quotes"});
    EXPECT_EQ(outcome.code, 1);
    EXPECT_NE(outcome.err.find("marketdb: error: "), std::string::npos) << outcome.err;
    EXPECT_EQ(read_file("marketdb.db"), before);
}

TEST_F(ReadCommands, ExchangesAndSymbolsShowContracts) {
    write_file("binance-delivery_trades_2024-08-08_BTCUSD_PERP.csv",
               "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"
               "binance-delivery,BTCUSD_PERP,1723161254500000,1723161254600000,7,buy,61800.5,12\n");
    answer({"import", "binance-delivery_trades_2024-08-08_BTCUSD_PERP.csv"});
    const json exchanges = json::parse(answer({"exchanges", "--json"}));
    ASSERT_EQ(exchanges.size(), 1U);
    EXPECT_EQ(exchanges[0].at("exchange"), "BINANCECM_FUTURES");
    EXPECT_EQ(exchanges[0].at("market_type"), "FUTURES");
    EXPECT_EQ(exchanges[0].at("is_active"), true);
    const json symbols = json::parse(answer({"symbols", "binancecm_futures", "--json"}));
    ASSERT_EQ(symbols.size(), 1U);
    EXPECT_EQ(symbols[0].at("symbol"), "BTC/USD");
    EXPECT_EQ(symbols[0].at("exchange_symbol"), "BTCUSD_PERP");
    EXPECT_EQ(symbols[0].at("contract_type"), "inverse");
    EXPECT_EQ(symbols[0].at("quantity_unit"), "contracts");
    EXPECT_EQ(symbols[0].at("contract_size"), nullptr);
    EXPECT_EQ(answer({"symbols", "--active", "--ndjson"}), answer({"symbols", "--ndjson"}));
    EXPECT_NE(answer({"symbols"}).find("inverse"), std::string::npos);
    EXPECT_NE(answer({"history", "trades"}).find("quantity [contracts]"), std::string::npos);
}

TEST_F(ReadCommands, StatsCountsDatasetsAndSeries) {
    import_samples();
    const json stats = json::parse(answer({"stats", "--json"}));
    ASSERT_EQ(stats.size(), 4U);
    EXPECT_EQ(stats[0].at("dataset"), "book-tickers");
    EXPECT_EQ(stats[0].at("rows"), 3);
    EXPECT_EQ(stats[0].at("series"), 1);
    EXPECT_EQ(stats[0].at("first"), "2024-08-08T23:54:14.087891Z");
    EXPECT_EQ(stats[0].at("last"), "2024-08-08T23:54:16.000000Z");
    EXPECT_GT(stats[0].at("database_bytes").get<int>(), 0);
    EXPECT_EQ(stats[3].at("last"), nullptr);
    EXPECT_EQ(answer({"stats", "--series", "--csv"}),
              "dataset,exchange,symbol,account,asset_name,rows,first,last\n"
              "book-tickers,BINANCE_SPOT,BTC/USDT,,,3,2024-08-08T23:54:14.087891Z,2024-08-08T23:54:16.000000Z\n"
              "trades,BINANCE_SPOT,BTC/USDT,,,3,2024-08-08T23:54:14.500000Z,2024-08-08T23:54:15.500000Z\n");
    const std::string text = answer({"stats"});
    EXPECT_NE(text.find("database   sqlite:marketdb.db (default)"), std::string::npos) << text;
    EXPECT_NE(text.find("sources    2, quarantined rows 0"), std::string::npos) << text;
}

}  // namespace
}  // namespace marketdb::testing
