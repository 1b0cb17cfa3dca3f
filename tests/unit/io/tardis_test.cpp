#include <gtest/gtest.h>

#include "parsed_file.hpp"
#include "support/expect.hpp"

namespace marketdb::testing {
namespace {

const std::string kQuoteHeader =
    "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n";
const std::string kTradeHeader = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n";
const std::string kTickerHeader =
    "exchange,symbol,timestamp,local_timestamp,funding_timestamp,funding_rate,predicted_funding_rate,open_interest,"
    "last_price,index_price,mark_price\n";

TEST(TardisQuotes, AGenuineRowIsRead) {
    const ParsedFile file = parse(
        kQuoteHeader + "binance-futures,ETHUSDT,1711929600008000,1711929600011559,17.832,3648.8,3648.79,46.606\n");
    EXPECT_EQ(file.layout, "tardis book_ticker");
    EXPECT_EQ(file.dataset, Dataset::book_tickers);
    // (1711929600011559 - 1711929600008000) * 1024 = 3644416.
    EXPECT_EQ(file.rows, Texts({"BINANCE_FUTURES,ETH/USDT,ETHUSDT,2024-04-01T00:00:00.008000Z,"
                                "2024-04-01T00:00:00.011559Z,3644416,3648.79,46.606,3648.8,17.832"}));
    EXPECT_EQ(file.lines, Lines64({2}));
    EXPECT_EQ(file.read, 1U);
}

TEST(TardisQuotes, AGenuineInverseSwapCountsContracts) {
    const ParsedFile file =
        parse(kQuoteHeader + "huobi-dm-swap,BTC-USD,1585699201147000,1585699201270777,86,6423,6422.9,112\n");
    ASSERT_EQ(file.instruments.size(), 1U);
    const Symbol& symbol = file.instruments[0].symbol;
    EXPECT_EQ(file.instruments[0].exchange, "HUOBI_FUTURES");
    EXPECT_EQ(symbol.contract_type, ContractType::inverse);
    EXPECT_EQ(symbol.quantity_unit, QuantityUnit::contracts);
    EXPECT_EQ(symbol.settle_asset, "BTC");
    EXPECT_EQ(file.rows, Texts({"HUOBI_FUTURES,BTC/USD,BTC-USD,2020-04-01T00:00:01.147000Z,"
                                "2020-04-01T00:00:01.270777Z,126747648,6422.9,112,6423,86"}));
}

TEST(TardisQuotes, ColumnsAreFoundByName) {
    const ParsedFile file = parse(
        "bid_amount,symbol,exchange,local_timestamp,timestamp,bid_price,ask_price,ask_amount\n"
        "46.606,ETHUSDT,binance,2000000,1000000,3648.79,3648.8,17.832\n");
    EXPECT_EQ(file.rows, Texts({"BINANCE_SPOT,ETH/USDT,ETHUSDT,1970-01-01T00:00:01.000000Z,1970-01-01T00:00:02.000000Z,"
                                "1024000000,3648.79,46.606,3648.8,17.832"}));
}

TEST(TardisQuotes, AnEmptyOrZeroPartMakesItsSideAbsent) {
    const ParsedFile file = parse(kQuoteHeader +
                                  "bybit,BTCUSDT,1000,1000,,2,1,5\n"
                                  "bybit,BTCUSDT,1001,1001,5,,1,5\n"
                                  "bybit,BTCUSDT,1002,1002,0,2,1,5\n"
                                  "bybit,BTCUSDT,1003,1003,5,2,,5\n"
                                  "bybit,BTCUSDT,1004,1004,5,2,1,\n"
                                  "bybit,BTCUSDT,1005,1005,5,2,1,0.0\n"
                                  "bybit,BTCUSDT,1006,1006,5,2,,\n"
                                  "bybit,BTCUSDT,1007,1007,5,2,0,0\n");
    const std::string start = "BYBIT_FUTURES,BTC/USDT,BTCUSDT,1970-01-01T00:00:00.00";
    const auto row = [&](const std::string& time, const std::string& sides) {
        return start + time + "Z,1970-01-01T00:00:00.00" + time + "Z,0," + sides;
    };
    EXPECT_EQ(file.errors, Texts{});
    EXPECT_EQ(file.rows,
              Texts({row("1000", "1,5,,"), row("1001", "1,5,,"), row("1002", "1,5,,"), row("1003", ",,2,5"),
                     row("1004", ",,2,5"), row("1005", ",,2,5"), row("1006", ",,2,5"), row("1007", ",,2,5")}));
}

TEST(TardisQuotes, BadRowsAreToldWithLineAndColumn) {
    const ParsedFile file = parse(kQuoteHeader +
                                  "bybit,BTCUSDT,1000,1000,,,,\n"
                                  "bybit,BTCUSDT,1000,1000,5,2,3,5\n"
                                  "bybit,BTCUSDT,1000,1000,5,2,NaN,5\n"
                                  "bybit,BTCUSDT,1000,1000,5,2,inf,5\n"
                                  "bybit,BTCUSDT,1000,1000,5,2,-1,5\n"
                                  "bybit,BTCUSDT,1000,1000,5,2,1e999,5\n"
                                  "bybit,BTCUSDT,1000,1000,5,2,one,5\n"
                                  "bybit,BTCUSDT,1000,1000,5,2,1,-5\n"
                                  "bybit,BTCUSDT,1000,1000,5,2,1\n"
                                  "bybit,BTCUSDT,1000,1000,5,2,1,5,6\n"
                                  "bybit,BTCUSDT,1000,1000,5,2,1,5\n");
    EXPECT_EQ(file.read, 11U);
    EXPECT_EQ(file.lines, Lines64({12}));
    ASSERT_EQ(file.errors.size(), 10U);
    EXPECT_EQ(file.errors[0], "2: column bid_price: is absent and ask_price too; at least one side must be there");
    EXPECT_EQ(file.errors[1], "3: column ask_price: 2 is below bid_price 3");
    EXPECT_EQ(file.errors[2], "4: column bid_price: `NaN` is not a number");
    EXPECT_EQ(file.errors[3], "5: column bid_price: inf is not finite and positive");
    EXPECT_EQ(file.errors[4], "6: column bid_price: -1 is not finite and positive");
    EXPECT_TRUE(file.errors[5].starts_with("7: column bid_price: ")) << file.errors[5];
    EXPECT_EQ(file.errors[6], "8: column bid_price: `one` is not a number");
    EXPECT_EQ(file.errors[7], "9: column bid_qty: -5 is not finite and positive");
    EXPECT_EQ(file.errors[8], "10: 7 columns, expected 8");
    EXPECT_EQ(file.errors[9], "11: 9 columns, expected 8");
    EXPECT_EQ(file.error_texts[6], "bybit,BTCUSDT,1000,1000,5,2,one,5");
}

TEST(TardisQuotes, LockedQuotesAndRepeatedRowsAreRowsOfTheirOwn) {
    const ParsedFile file = parse(kQuoteHeader +
                                  "bybit,BTCUSDT,1000,1010,5,2,2,5\n"
                                  "bybit,BTCUSDT,1000,1010,5,2,2,5\n"
                                  "bybit,ETHUSDT,1000,1010,5,2,2,5\n"
                                  "bybit,BTCUSDT,1000,1011,5,2,2,5\n"
                                  "bybit,BTCUSDT,1000,1010,5,2,2,5\n");
    EXPECT_EQ(file.errors, Texts{});
    std::vector<std::string> sequences;
    for (const std::string& row : file.rows) {
        const std::string rest = row.substr(row.find("Z,", row.find("Z,") + 1) + 2);
        sequences.push_back(rest.substr(0, rest.find(',')));
    }
    EXPECT_EQ(sequences, Texts({"10240", "10241", "10240", "11264", "10242"}));
}

TEST(TardisQuotes, TimesOutsideTheCalendarAreRowErrors) {
    const ParsedFile file = parse(kQuoteHeader +
                                  "bybit,BTCUSDT,-1,1000,5,2,1,5\n"
                                  "bybit,BTCUSDT,1000,9223372036854776,5,2,1,5\n"
                                  "bybit,BTCUSDT,1711929600008000000,1000,5,2,1,5\n"
                                  "bybit,BTCUSDT,99999999999999999999,1000,5,2,1,5\n"
                                  "bybit,BTCUSDT,,1000,5,2,1,5\n"
                                  "bybit,BTCUSDT,1000,1000.5,5,2,1,5\n"
                                  "bybit,BTCUSDT,0,0,5,2,1,5\n"
                                  "bybit,BTCUSDT,9223372036854775,9223372036854775,5,2,1,5\n");
    ASSERT_EQ(file.errors.size(), 6U);
    EXPECT_EQ(file.errors[0], "2: column timestamp: `-1` is not a time from 1970 on");
    EXPECT_EQ(file.errors[1],
              "3: column local_timestamp: `9223372036854776` is not a time before 2262-04-11T23:47:16.854776Z");
    EXPECT_TRUE(file.errors[2].starts_with("4: column timestamp: `1711929600008000000` is not a time before 2262"));
    EXPECT_TRUE(file.errors[3].starts_with("5: column timestamp: `99999999999999999999` is not a time before 2262"));
    EXPECT_EQ(file.errors[4], "6: column timestamp: empty, expected a whole number");
    EXPECT_EQ(file.errors[5], "7: column local_timestamp: `1000.5` is not a whole number");
    EXPECT_EQ(file.lines, Lines64({8, 9}));
}

TEST(TardisQuotes, TheTimeUnitCanBeGiven) {
    const ParsedFile file =
        parse(kQuoteHeader + "bybit,BTCUSDT,1711929600008,1711929600011,5,2,1,5\n", "f.csv", {.time_unit = "ms"});
    ASSERT_EQ(file.rows.size(), 1U);
    EXPECT_NE(file.rows[0].find("2024-04-01T00:00:00.008000Z,2024-04-01T00:00:00.011000Z,3072000,"), std::string::npos);
    expect_error(ErrorCode::invalid_argument, [] { parse(kQuoteHeader, "f.csv", {.time_unit = "h"}); },
                 {"`h`", "s, ms, us, ns"});
}

TEST(TardisQuotes, AnUnknownExchangeAsksForOne) {
    const std::string text = kQuoteHeader + "binance-us,BTCUSDT,1000,1000,5,2,1,5\n";
    EXPECT_EQ(parse(text).errors,
              Texts({"2: column exchange: `binance-us` is not an exchange id that is known; give --exchange"}));
    const ParsedFile given = parse(text, "f.csv", {.exchange = "binanceus_spot"});
    EXPECT_EQ(given.errors, Texts{});
    EXPECT_EQ(given.instruments.at(0).exchange, "BINANCEUS_SPOT");
    expect_error(ErrorCode::invalid_argument, [&] { parse(text, "f.csv", {.exchange = "binance"}); },
                 {"BINANCE", "_SPOT"});
}

TEST(TardisQuotes, SymbolsThatCannotBeSplitLeaveBaseAndQuoteOpen) {
    const std::string text = kQuoteHeader + "bybit,1000BONKPERP,1000,1000,5,2,1,5\n";
    const ParsedFile open = parse(text);
    EXPECT_EQ(open.lines, Lines64({2}));
    EXPECT_EQ(open.instruments.at(0).symbol.exchange_symbol, "1000BONKPERP");
    EXPECT_EQ(open.instruments.at(0).symbol.symbol_base, "");
    const ParsedFile given = parse(text, "f.csv", {.base = "1000BONK", .quote = "USDC"});
    ASSERT_EQ(given.rows.size(), 1U);
    EXPECT_TRUE(given.rows[0].starts_with("BYBIT_FUTURES,1000BONK/USDC,1000BONKPERP,"));
    EXPECT_EQ(given.instruments[0].symbol.settle_asset, "USDC");
}

TEST(TardisQuotes, AGivenSymbolRefusesAFileOfSeveral) {
    const ParsedFile file = parse(kQuoteHeader +
                                      "bybit,BTCUSDT,1000,1000,5,2,1,5\n"
                                      "bybit,ETHUSDT,1000,1001,5,2,1,5\n",
                                  "f.csv", {.symbol = "XBTUSDT"});
    EXPECT_EQ(file.lines, Lines64({2}));
    EXPECT_EQ(file.instruments.at(0).symbol.exchange_symbol, "XBTUSDT");
    EXPECT_EQ(file.errors,
              Texts({"3: column symbol: `ETHUSDT` names XBTUSDT of BYBIT_FUTURES, which had another text before"}));
}

TEST(TardisQuotes, OddSymbolsAreRefusedOrKeptAsTheyAre) {
    using namespace std::string_literals;
    const std::string nul = "bybit,BTC\0USDT,1000,1000,5,2,1,5\n"s;
    const ParsedFile file = parse(kQuoteHeader + nul +
                                  "bybit,,1000,1000,5,2,1,5\n"
                                  "bybit,\xff-USDT,1000,1000,5,2,1,5\n"
                                  "bybit,../../etc-USDT,1000,1000,5,2,1,5\n"
                                  "bybit,\"Q\"'; DROP TABLE-USDT,1000,1000,5,2,1,5\n"
                                  "bybit,\xE5\xB8\x81\xE5\xAE\x89\xE4\xBA\xBA\xE7\x94\x9FUSDT,1000,1000,5,2,1,5\n"
                                  "bybit," +
                                  std::string(60, 'A') + "USDT,1000,1000,5,2,1,5\n");
    EXPECT_EQ(file.lines, Lines64({5, 6, 7}));
    ASSERT_EQ(file.errors.size(), 4U);
    EXPECT_EQ(file.errors[0], "2: the line holds a zero byte");
    EXPECT_EQ(file.errors[1], "3: column symbol: empty, expected UTF-8 text without a zero byte");
    EXPECT_EQ(file.errors[2], "4: column symbol: `\\xff-USDT` is not UTF-8 text without a zero byte");
    EXPECT_TRUE(file.errors[3].starts_with("8: column symbol: `AAAA")) << file.errors[3];
    EXPECT_EQ(file.instruments[0].symbol.exchange_symbol, "../../etc-USDT");
    EXPECT_EQ(file.instruments[1].symbol.exchange_symbol, "\"Q\"'; DROP TABLE-USDT");
    EXPECT_EQ(file.instruments[2].symbol.symbol_base, "\xE5\xB8\x81\xE5\xAE\x89\xE4\xBA\xBA\xE7\x94\x9F");
}

TEST(TardisTrades, GenuineRowsKeepIdsOfEveryKind) {
    const ParsedFile file =
        parse(kTradeHeader +
                  "binance-delivery,BTCUSD_PERP,1723161257679000,1723161256419684,849714402,buy,61804.8,4\n"
                  "bybit,BTCUSDT,1786310819680000,1786310819965676,a9188a0a-82bc-50de-be60-03eedbe3cdd7,"
                  "sell,65114.2,0.004\n"
                  "bybit-spot,BTCUSDT,1786310822605000,1786310822714884,2290000001189048101,unknown,"
                  "65140.5,0.002705\n"
                  "bybit,BTCUSDT,1786310819680000,1786310819965676,,sell,65114.2,4.50554e+08\n",
              "bybit_trades_2026-08-09_X.csv");
    EXPECT_EQ(file.errors, Texts{});
    EXPECT_EQ(file.layout, "tardis trades");
    EXPECT_EQ(file.rows,
              Texts({"BINANCECM_FUTURES,BTC/USD,BTCUSD_PERP,2024-08-08T23:54:17.679000Z,2024-08-08T23:54:16.419684Z,"
                     "849714402,849714402,61804.8,4,buy,,,",
                     "BYBIT_FUTURES,BTC/USDT,BTCUSDT,2026-08-09T21:26:59.680000Z,2026-08-09T21:26:59.965676Z,292532224,"
                     "a9188a0a-82bc-50de-be60-03eedbe3cdd7,65114.2,0.004,sell,,,",
                     "BYBIT_SPOT,BTC/USDT,BTCUSDT,2026-08-09T21:27:02.605000Z,2026-08-09T21:27:02.714884Z,112521216,"
                     "2290000001189048101,65140.5,0.002705,,,,",
                     "BYBIT_FUTURES,BTC/USDT,BTCUSDT,2026-08-09T21:26:59.680000Z,2026-08-09T21:26:59.965676Z,292532225,"
                     "~292532225,65114.2,450554000,sell,,,"}));
}

TEST(TardisTrades, BadValuesAreRowErrors) {
    const ParsedFile file = parse(kTradeHeader +
                                  "bybit,BTCUSDT,1000,1000,1,Buy,1,1\n"
                                  "bybit,BTCUSDT,1000,1000,1,buy,,1\n"
                                  "bybit,BTCUSDT,1000,1000,1,buy,1,0\n"
                                  "bybit,BTCUSDT,1000,1000," +
                                  std::string(64, 'x') +
                                  ",buy,1,1\n"
                                  "bybit,BTCUSDT,1000,1000,\xc3\x28,buy,1,1\n");
    ASSERT_EQ(file.errors.size(), 5U);
    EXPECT_EQ(file.errors[0], "2: column side: `Buy` is not buy, sell or unknown");
    EXPECT_EQ(file.errors[1], "3: column price: empty, expected a number");
    EXPECT_EQ(file.errors[2], "4: column quantity: 0 is not finite and positive");
    EXPECT_TRUE(file.errors[3].starts_with("5: column trade_id: ")) << file.errors[3];
    EXPECT_TRUE(file.errors[4].starts_with("6: column trade_id: ")) << file.errors[4];
}

TEST(TardisTrades, TimesOfAnotherUnitAreRefusedUnlessItIsSaid) {
    const std::string seconds = kTradeHeader + "bybit,BTCUSDT,1723161254,1723161254,1,buy,1,1\n";
    const std::string milliseconds = kTradeHeader + "bybit,BTCUSDT,1723161254087,1723161254088,1,buy,1,1\n";
    for (const std::string& text : {seconds, milliseconds}) {
        const ParsedFile file = parse(text);
        ASSERT_EQ(file.errors.size(), 1U);
        EXPECT_TRUE(file.errors[0].starts_with("2: column timestamp: `1723161254")) << file.errors[0];
        EXPECT_NE(file.errors[0].find("--time-unit s or ms"), std::string::npos) << file.errors[0];
    }
    const ParsedFile file = parse(milliseconds, "file.csv", {.time_unit = "ms"});
    ASSERT_EQ(file.rows.size(), 1U);
    EXPECT_NE(file.rows[0].find("2024-08-08T23:54:14.087000Z"), std::string::npos) << file.rows[0];
}

TEST(TardisTrades, WhatTheUserSaysGoesBeforeTheFileWithAWarning) {
    const std::string text = kTradeHeader + "binance,BTCUSDT,1000,1000,1,buy,1,1\n";
    EXPECT_EQ(parse(text, "file.csv", {.exchange = "BINANCE_SPOT", .symbol = "BTCUSDT"}).warnings, Texts());
    const ParsedFile other = parse(text, "file.csv", {.exchange = "OKX_SPOT", .symbol = "ETHUSDT"});
    EXPECT_EQ(other.warnings,
              Texts({"the file says binance BTCUSDT, --exchange OKX_SPOT, --symbol ETHUSDT, which is taken"}));
    ASSERT_EQ(other.instruments.size(), 1U);
    EXPECT_EQ(other.instruments[0].exchange, "OKX_SPOT");
}

TEST(TardisLiquidations, AreRefusedByTheFilesName) {
    const std::string text =
        kTradeHeader + "binance-futures,BTCUSDT,1632009737493000,1632009737505152,,sell,48283.81,0.01\n";
    expect_error(
        ErrorCode::invalid_argument,
        [&] { parse(text, "data/binance-futures_liquidations_2021-09-19_BTCUSDT.csv.gz"); },
        {"data/binance-futures_liquidations_2021-09-19_BTCUSDT.csv.gz:1:", "`tardis liquidations`", "not trades"});
}

TEST(TardisDerivativeTicker, GenuineRowsGiveOneFundingRateUntilItChanges) {
    const ParsedFile file = parse(
        kTickerHeader +
        "dydx-v4,BTC-USD,1743465600448717,1743465600448717,,0.00004405208333333333,,760.6049,,,82546.76734\n"
        "dydx-v4,BTC-USD,1743465610072177,1743465610072177,,0.00004405208333333333,,760.6049,82570,,82495.67226\n");
    EXPECT_EQ(file.layout, "tardis derivative_ticker");
    EXPECT_EQ(file.read, 2U);
    EXPECT_EQ(file.rows, Texts({"DYDX_FUTURES,BTC/USD,BTC-USD,2025-04-01T00:00:00.448717Z,2025-04-01T00:00:00.448717Z,"
                                "4.405208333333333e-05,,predicted,,82546.76734"}));
}

TEST(TardisDerivativeTicker, ANewFundingTimeOrRateIsANewRowAndSymbolsAreJudgedApart) {
    const ParsedFile file = parse(kTickerHeader +
                                  "bybit,BTCUSDT,1000,1000,,,,,,,\n"
                                  "bybit,BTCUSDT,1001,1001,8000000,0.0001,0.5,1,2,3,4\n"
                                  "bybit,ETHUSDT,1002,1002,8000000,0.0001,0.5,1,2,3,4\n"
                                  "bybit,BTCUSDT,1003,1003,8000000,,0.5,1,2,3,4\n"
                                  "bybit,BTCUSDT,1004,1004,8000000,1e-4,0.7,1,2,3,9\n"
                                  "bybit,BTCUSDT,1005,1005,16000000,0.0001,0.5,1,2,3,4\n"
                                  "bybit,BTCUSDT,1006,1006,16000000,-0.0002,0.5,1,2,3,\n"
                                  "bybit,BTCUSDT,1007,1007,16000000,-0.0002,bad,1,2,3,\n");
    EXPECT_EQ(file.read, 8U);
    EXPECT_EQ(file.lines, Lines64({3, 4, 7, 8}));
    EXPECT_EQ(file.errors, Texts({"9: column predicted_funding_rate: `bad` is not a number"}));
    EXPECT_EQ(file.rows[2],
              "BYBIT_FUTURES,BTC/USDT,BTCUSDT,1970-01-01T00:00:00.001005Z,1970-01-01T00:00:00.001005Z,"
              "0.0001,,predicted,1970-01-01T00:00:16.000000Z,4");
    EXPECT_EQ(file.rows[3],
              "BYBIT_FUTURES,BTC/USDT,BTCUSDT,1970-01-01T00:00:00.001006Z,1970-01-01T00:00:00.001006Z,"
              "-0.0002,,predicted,1970-01-01T00:00:16.000000Z,");
}

}  // namespace
}  // namespace marketdb::testing
