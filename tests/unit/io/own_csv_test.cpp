#include <gtest/gtest.h>

#include "parsed_file.hpp"
#include "support/expect.hpp"

namespace marketdb::testing {
namespace {

const std::string kOwnQuoteHeader =
    "exchange,symbol,exchange_symbol,timestamp,received_at,sequence,bid_price,bid_qty,ask_price,ask_qty\n";
const std::string kOwnTradeHeader =
    "exchange,symbol,exchange_symbol,timestamp,received_at,sequence,trade_id,price,quantity,side,quote_quantity,is_"
    "buyer,"
    "is_maker\n";
const std::string kFundingHeader =
    "exchange,symbol,exchange_symbol,timestamp,received_at,funding_rate,interval_minutes,kind,funding_time,mark_"
    "price\n";
const std::string kBalanceHeader =
    "exchange,timestamp,received_at,account,asset_name,available_balance,locked_balance,frozen_balance,"
    "borrowing_balance,interest_balance,total_balance\n";

void expect_same_rows(const std::string& header, const Texts& rows, const std::string& layout) {
    std::string text = header;
    for (const std::string& row : rows) text += row + "\n";
    const ParsedFile file = parse(text);
    EXPECT_EQ(file.layout, layout);
    EXPECT_EQ(file.errors, Texts{});
    EXPECT_EQ(file.rows, rows);
}

TEST(OwnCsv, BookTickersReadBackToTheSameBytes) {
    expect_same_rows(
        kOwnQuoteHeader,
        {"MEXC_SPOT,BTC/USDT,BTCUSDT,2024-08-08T23:54:14.087891Z,2024-08-08T23:54:14.100000Z,12396544,61837.63,"
         "3.78826,61837.64,1.54698",
         "MEXC_SPOT,BTC/USDT,BTCUSDT,2024-08-08T23:54:15.000000Z,,-5,9.12e-07,100000,,",
         "MEXC_SPOT,BTC/USDT,BTCUSDT,2262-04-11T23:47:16.854775Z,1970-01-01T00:00:00.000000Z,"
         "9223372036854775807,,,0.1,0.30000000000000004"},
        "marketdb book-tickers");
}

TEST(OwnCsv, TradesReadBackToTheSameBytes) {
    expect_same_rows(
        kOwnTradeHeader,
        {"OKX_FUTURES,BTC/USDT,BTC-USDT-SWAP,2025-06-01T00:00:00.000000Z,,7,7,104503,30.14,sell,1.5,true,false",
         "OKX_FUTURES,BTC/USDT,BTC-USDT-SWAP,2025-06-01T00:00:00.000000Z,,8,a8,104503,30.14,,,,",
         "OKX_FUTURES,BTC/USDT,BTC-USDT-SWAP,2025-06-01T00:00:00.000000Z,,9,~9,104503,30.14,buy,0,,true"},
        "marketdb trades");
}

TEST(OwnCsv, FundingRatesReadBackToTheSameBytes) {
    expect_same_rows(
        kFundingHeader,
        {"BYBIT_FUTURES,BTC/USDT,BTCUSDT,2025-06-01T00:00:00.000000Z,2025-06-01T00:00:01.000000Z,-0.0001,480,"
         "settled,2025-06-01T00:00:00.000000Z,65117.44",
         "BYBIT_FUTURES,BTC/USDT,BTCUSDT,2025-06-01T00:00:00.000000Z,,0,,predicted,,"},
        "marketdb funding-rates");
}

TEST(OwnCsv, BalancesReadBackToTheSameBytes) {
    expect_same_rows(kBalanceHeader,
                     {"MEXC_SPOT,2025-06-01T00:00:00.000000Z,,main,USDT,-10.5,2,,,,-8.5",
                      "MEXC_SPOT,2025-06-01T00:00:00.000000Z,2025-06-01T00:00:00.000001Z,desk 2,BTC,1,0,0.25,3,-0.5,1"},
                     "marketdb balances");
}

TEST(OwnCsv, TheTotalIsComputedAndAnAbsentAccountIsMain) {
    const ParsedFile file = parse(
        "exchange,timestamp,asset_name,available_balance,locked_balance,total_balance\n"
        "MEXC_SPOT,2025-06-01,USDT,1,2,99\n");
    EXPECT_EQ(file.rows, Texts({"MEXC_SPOT,2025-06-01T00:00:00.000000Z,,main,USDT,1,2,,,,3"}));
    ASSERT_EQ(file.instruments.size(), 1U);
    EXPECT_EQ(file.instruments[0].symbol.symbol_base, "USDT");
}

TEST(OwnCsv, ABareAssetMayNotBeEmptyOrTooLong) {
    const ParsedFile file = parse(kBalanceHeader +
                                  "MEXC_SPOT,2025-06-01,,main,,1,2,,,,\n"
                                  "MEXC_SPOT,2025-06-01,,main,ABCDEFGHIJKLMNOPQRSTUVWX,1,2,,,,\n"
                                  "MEXC_SPOT,2025-06-01,,main,USDT,,2,,,,\n"
                                  "MEXC_SPOT,2025-06-01,,main,USDT,1,-2,,,,\n"
                                  "MEXC,2025-06-01,,main,USDT,1,2,,,,\n");
    ASSERT_EQ(file.errors.size(), 5U);
    EXPECT_EQ(file.errors[0], "2: column asset_name: empty, expected a value");
    EXPECT_TRUE(file.errors[1].starts_with("3: column asset_name: ")) << file.errors[1];
    EXPECT_EQ(file.errors[2], "4: column available_balance: empty, expected a value");
    EXPECT_TRUE(file.errors[3].starts_with("5: column locked_balance: ")) << file.errors[3];
    EXPECT_TRUE(file.errors[4].starts_with("6: column exchange: ")) << file.errors[4];
    EXPECT_NE(file.errors[4].find("--exchange"), std::string::npos);
}

TEST(OwnCsv, WhatTheUserSaysGoesBeforeTheFileWithAWarning) {
    const std::string row = ",2024-08-08T00:00:00.000000Z,,0,1,1,2,1\n";
    const std::string text = kOwnQuoteHeader + "mexc_spot,BTC/USDT,BTC_USDT" + row;
    EXPECT_EQ(parse(text, "file.csv", {.exchange = "MEXC_SPOT", .symbol = "BTCUSDT"}).warnings, Texts());
    EXPECT_EQ(parse(text, "file.csv", {.exchange = "OKX_SPOT"}).warnings,
              Texts({"the file says mexc_spot BTC_USDT, --exchange OKX_SPOT, which is taken"}));
    const std::string pair = kOwnQuoteHeader + "MEXC_SPOT,BTC/USDT," + row;
    EXPECT_EQ(parse(pair, "file.csv", {.symbol = "BTCUSDT"}).warnings, Texts());
    EXPECT_EQ(parse(pair, "file.csv", {.symbol = "ETHUSDT"}).warnings,
              Texts({"the file says MEXC_SPOT BTC/USDT, --symbol ETHUSDT, which is taken"}));
    const std::string balance = kBalanceHeader + "MEXC_SPOT,2025-06-01,,main,USDT,1,2,,,,\n";
    EXPECT_EQ(parse(balance, "file.csv", {.exchange = "OKX_SPOT"}).warnings,
              Texts({"the file says MEXC_SPOT, --exchange OKX_SPOT, which is taken"}));
    EXPECT_EQ(parse(balance, "file.csv", {.exchange = "MEXC_SPOT"}).warnings, Texts());
}

TEST(OwnCsv, SymbolsOfEveryKindSurvive) {
    std::string text = kOwnQuoteHeader;
    const std::string end = ",2024-08-08T00:00:00.000000Z,,0,1,1,2,1\n";
    const Texts names{"=1+1/USDT,\"=1+1,USDT\"",
                      "\"A\"\"B/USDT\",\"a\"\"b\"\"usdt\"",
                      "\"A\nB/USDT\",\"a\nb\"",
                      "\"A\r\nB/USDT\",\"a\r\nb\"",
                      "\xE5\xB8\x81/USDT,\xE5\xB8\x81USDT",
                      "A B/USDT, a b ",
                      "../USDT,../../etc/passwd",
                      "X;Y/USDT,'; --"};
    Texts expected;
    for (const std::string& name : names) {
        text += "MEXC_SPOT," + name + end;
        expected.push_back("MEXC_SPOT," + name + end.substr(0, end.size() - 1));
    }
    const ParsedFile file = parse(text);
    EXPECT_EQ(file.errors, Texts{});
    EXPECT_EQ(file.rows, expected);
    EXPECT_EQ(file.instruments.at(2).symbol.exchange_symbol, "a\nb");
    EXPECT_EQ(file.instruments.at(3).symbol.exchange_symbol, "a\r\nb");
    // A record that spans lines has the number of its first one.
    EXPECT_EQ(file.lines, Lines64({2, 3, 4, 7, 10, 11, 12, 13}));
}

TEST(OwnCsv, LinesAreCountedThroughCrlfAndQuotedNewlines) {
    const ParsedFile file = parse(
        "\xEF\xBB\xBF"
        "exchange,symbol,exchange_symbol,timestamp,bid_price,bid_qty,ask_price,ask_qty\r\n"
        "MEXC_SPOT,\"A\nB/USDT\",\"A\nB\",1000,1,1,2,1\r\n"
        "\r\n"
        "MEXC_SPOT,A/USDT,AUSDT,1000,1,1,x,1\r\n"
        "MEXC_SPOT,A/USDT,AUSDT,1000,1,1,2,1");
    EXPECT_EQ(file.lines, Lines64({2, 7}));
    EXPECT_EQ(file.errors, Texts({"6: column ask_price: `x` is not a number"}));
}

TEST(OwnCsv, BrokenQuotingIsARowError) {
    const ParsedFile file = parse(kOwnQuoteHeader +
                                  "MEXC_SPOT,A/\"USDT,AUSDT,1000,,0,1,1,2,1\n"
                                  "MEXC_SPOT,\"A/USDT\"x,AUSDT,1000,,0,1,1,2,1\n"
                                  "MEXC_SPOT,A/USDT,\"AUSDT\",1000,,0,1,1,2\n"
                                  "MEXC_SPOT,\"A/USDT,AUSDT,1000,,0,1,1,2,1\n");
    EXPECT_EQ(file.errors,
              Texts({"2: a quote inside a field that is not quoted", "3: text after the closing quote of a field",
                     "4: 9 columns, expected 10", "5: a quoted field does not end"}));
}

TEST(OwnCsv, TimesMayBeIntegersAndEveryRfcForm) {
    const ParsedFile file = parse(kOwnQuoteHeader +
                                  "A_SPOT,A/B,AB,1723161254,1723161254087,0,1,1,2,1\n"
                                  "A_SPOT,A/B,AB,1723161254087891,1723161254087891123,1,1,1,2,1\n"
                                  "A_SPOT,A/B,AB,2024-08-09T01:54:14.087891+02:00,2024-08-08 23:54:14Z,2,1,1,2,1\n"
                                  "A_SPOT,A/B,AB,1969-12-31T23:59:59.999999Z,,3,1,1,2,1\n"
                                  "A_SPOT,A/B,AB,2262-04-11T23:47:16.854776Z,,4,1,1,2,1\n"
                                  "A_SPOT,A/B,AB,2024-02-30T00:00:00.000000Z,,5,1,1,2,1\n"
                                  "A_SPOT,A/B,AB,2024-02-20T00:00:0x.000000Z,,5,1,1,2,1\n"
                                  "A_SPOT,A/B,AB,2024-02-20T24:00:00.000001Z,,5,1,1,2,1\n"
                                  "A_SPOT,A/B,AB,,,6,1,1,2,1\n");
    EXPECT_EQ(file.rows, Texts({"A_SPOT,A/B,AB,2024-08-08T23:54:14.000000Z,2024-08-08T23:54:14.087000Z,0,1,1,2,1",
                                "A_SPOT,A/B,AB,2024-08-08T23:54:14.087891Z,2024-08-08T23:54:14.087891Z,1,1,1,2,1",
                                "A_SPOT,A/B,AB,2024-08-08T23:54:14.087891Z,2024-08-08T23:54:14.000000Z,2,1,1,2,1"}));
    ASSERT_EQ(file.errors.size(), 6U);
    EXPECT_EQ(file.errors[0],
              "5: column timestamp: `1969-12-31T23:59:59.999999Z` is not a time from 1970 to 2262, as "
              "2024-08-08T23:54:14.087891Z or an integer");
    EXPECT_TRUE(file.errors[1].starts_with("6: column timestamp: `2262-04-11T23:47:16.854776Z` is not"));
    EXPECT_TRUE(file.errors[2].starts_with("7: column timestamp: `2024-02-30"));
    EXPECT_TRUE(file.errors[3].starts_with("8: column timestamp: `2024-02-20T00:00:0x"));
    EXPECT_TRUE(file.errors[4].starts_with("9: column timestamp: `2024-02-20T24:00:00.000001Z"));
    EXPECT_EQ(file.errors[5], "10: column timestamp: empty, expected a value");
    const ParsedFile unit = parse(kOwnQuoteHeader + "A_SPOT,A/B,AB,1000,,0,1,1,2,1\n", "f.csv", {.time_unit = "ms"});
    EXPECT_TRUE(unit.rows.at(0).starts_with("A_SPOT,A/B,AB,1970-01-01T00:00:01.000000Z,"));
}

TEST(OwnCsv, AHandWrittenFileNeedsFewColumnsAndIsNumberedByArrival) {
    const ParsedFile quotes = parse(
        "exchange,symbol,timestamp,bid_price,bid_qty,ask_price,ask_qty\n"
        "MEXC_SPOT,BTC/USDT,2024-08-08T00:00:00Z,1,1,2,1\n"
        "MEXC_SPOT,BTC/USDT,2024-08-08T00:00:00Z,1,2,2,1\n");
    EXPECT_EQ(quotes.rows, Texts({"MEXC_SPOT,BTC/USDT,BTC/USDT,2024-08-08T00:00:00.000000Z,,0,1,1,2,1",
                                  "MEXC_SPOT,BTC/USDT,BTC/USDT,2024-08-08T00:00:00.000000Z,,1,1,2,2,1"}));
    const ParsedFile trades = parse(
        "exchange,exchange_symbol,timestamp,trade_id,price,quantity,side\n"
        "MEXC_SPOT,BTCUSDT,2024-08-08T00:00:00Z,77,1,1,buy\n"
        "MEXC_SPOT,BTCUSDT,2024-08-08T00:00:00Z,,1,1,buy\n"
        "MEXC_SPOT,BTCUSDT,2024-08-08T00:00:00Z,x-1,1,1,sell\n");
    EXPECT_EQ(trades.rows, Texts({"MEXC_SPOT,BTC/USDT,BTCUSDT,2024-08-08T00:00:00.000000Z,,77,77,1,1,buy,,,",
                                  "MEXC_SPOT,BTC/USDT,BTCUSDT,2024-08-08T00:00:00.000000Z,,0,~0,1,1,buy,,,",
                                  "MEXC_SPOT,BTC/USDT,BTCUSDT,2024-08-08T00:00:00.000000Z,,1,x-1,1,1,sell,,,"}));
}

TEST(OwnCsv, ExportedSymbolsAreDescribedAsTheirSpellingSays) {
    const ParsedFile file = parse(kOwnQuoteHeader +
                                  "BINANCECM_FUTURES,BTC/USD,BTCUSD_PERP,1000,,0,1,1,2,1\n"
                                  "BINANCE_FUTURES,BTC/USDT-240927,BTCUSDT_240927,1000,,0,1,1,2,1\n"
                                  "ODD_FUTURES,BTC/USDT-240927,btc-sep,1000,,0,1,1,2,1\n"
                                  "ODD_FUTURES,BTC/USDT,btc-perp,1000,,0,1,1,2,1\n");
    ASSERT_EQ(file.instruments.size(), 4U);
    EXPECT_EQ(file.instruments[0].symbol.contract_type, ContractType::inverse);
    EXPECT_EQ(file.instruments[0].symbol.quantity_unit, QuantityUnit::contracts);
    EXPECT_EQ(file.instruments[1].symbol.contract_type, ContractType::dated);
    EXPECT_EQ(to_string(file.instruments[1].symbol.expires_at), "2024-09-27T08:00:00.000000Z");
    EXPECT_EQ(file.instruments[2].symbol.contract_type, ContractType::dated);
    EXPECT_EQ(to_string(file.instruments[2].symbol.expires_at), "2024-09-27T00:00:00.000000Z");
    EXPECT_EQ(file.instruments[3].symbol.contract_type, ContractType::perpetual);
    EXPECT_TRUE(file.rows[1].starts_with("BINANCE_FUTURES,BTC/USDT-240927,BTCUSDT_240927,"));
    EXPECT_TRUE(file.rows[2].starts_with("ODD_FUTURES,BTC/USDT-240927,btc-sep,"));
}

TEST(OwnCsv, GivenNamesOverrideTheFiles) {
    const ParsedFile file = parse(kOwnQuoteHeader + "MEXC_SPOT,BTC/USDT,BTCUSDT,1000,,0,1,1,2,1\n", "f.csv",
                                  {.exchange = "GATEIO_SPOT", .symbol = "XBT_USD", .base = "XBT", .quote = "USD"});
    EXPECT_TRUE(file.rows.at(0).starts_with("GATEIO_SPOT,XBT/USD,XBT_USD,"));
    const ParsedFile balances =
        parse(kBalanceHeader + "MEXC_SPOT,2025-06-01,,main,USDT,1,2,,,,\n", "f.csv", {.exchange = "GATEIO_SPOT"});
    EXPECT_EQ(balances.instruments.at(0).exchange, "GATEIO_SPOT");
}

TEST(OwnCsv, OneSpellingWithTwoPairsIsAnError) {
    const ParsedFile file = parse(kOwnQuoteHeader +
                                  "MEXC_SPOT,BTC/USDT,BTCUSDT,1000,,0,1,1,2,1\n"
                                  "MEXC_SPOT,ETH/USDT,BTCUSDT,1000,,1,1,1,2,1\n");
    EXPECT_EQ(file.lines, Lines64({2}));
    ASSERT_EQ(file.errors.size(), 1U);
    EXPECT_TRUE(file.errors[0].starts_with("3: column symbol: ")) << file.errors[0];
    EXPECT_NE(file.errors[0].find("names BTCUSDT of MEXC_SPOT, which had another text before"), std::string::npos);
}

TEST(OwnCsv, WrongValuesNameTheirColumn) {
    const ParsedFile trades = parse(kOwnTradeHeader +
                                    "A_SPOT,A/B,AB,1000,,0,1,1,1,Buy,,,\n"
                                    "A_SPOT,A/B,AB,1000,,0,1,1,1,buy,,maybe,\n"
                                    "A_SPOT,A/B,AB,1000,,1.5,1,1,1,buy,,,\n"
                                    "A_SPOT,A/B,AB,1000,,9223372036854775808,1,1,1,buy,,,\n"
                                    "A_SPOT,A/B,AB,1000,,0,1,,1,buy,,,\n"
                                    "SPOT,A/B,AB,1000,,0,1,1,1,buy,,,\n"
                                    "A_SPOT,,,1000,,0,1,1,1,buy,,,\n");
    ASSERT_EQ(trades.errors.size(), 7U);
    EXPECT_EQ(trades.errors[0], "2: column side: `Buy` is not one of buy sell");
    EXPECT_EQ(trades.errors[1], "3: column is_buyer: `maybe` is not true or false");
    EXPECT_EQ(trades.errors[2], "4: column sequence: `1.5` is not a whole number");
    EXPECT_EQ(trades.errors[3], "5: column sequence: `9223372036854775808` is not a whole number");
    EXPECT_EQ(trades.errors[4], "6: column price: empty, expected a value");
    EXPECT_TRUE(trades.errors[5].starts_with("7: column exchange: ")) << trades.errors[5];
    EXPECT_EQ(trades.errors[6], "8: column symbol: empty, expected UTF-8 text without a zero byte");
    const ParsedFile funding = parse(kFundingHeader +
                                     "A_FUTURES,A/B,AB,1000,,0.1,99999999999,settled,,\n"
                                     "A_FUTURES,A/B,AB,1000,,0.1,,guessed,,\n"
                                     "A_FUTURES,A/B,AB,1000,,0.1,-1,settled,,\n"
                                     "A_FUTURES,A/B,AB,1000,,0.1,1,,,\n");
    ASSERT_EQ(funding.errors.size(), 4U);
    EXPECT_EQ(funding.errors[0], "2: column interval_minutes: `99999999999` is not a number of 32 bits");
    EXPECT_EQ(funding.errors[1], "3: column kind: `guessed` is not one of predicted settled");
    EXPECT_TRUE(funding.errors[2].starts_with("4: column interval_minutes: ")) << funding.errors[2];
    EXPECT_EQ(funding.errors[3], "5: column kind: empty, expected a value");
}

TEST(OwnCsv, HalfASideIsRefusedAndASizeOfZeroIsNoSide) {
    const ParsedFile file = parse(kOwnQuoteHeader +
                                  "A_SPOT,A/B,AB,1000,,0,1,,2,1\n"
                                  "A_SPOT,A/B,AB,1000,,0,nan,1,2,1\n"
                                  "A_SPOT,A/B,AB,1000,,0,,0,2,0\n"
                                  "A_SPOT,A/B,AB,1000,,0,1,0,2,1\n"
                                  "A_SPOT,A/B,AB,1000,,0,1,1,,1\n");
    EXPECT_EQ(file.rows, Texts({"A_SPOT,A/B,AB,1970-01-01T00:16:40.000000Z,,0,,,2,1"}));
    EXPECT_EQ(file.lines, Lines64({5}));
    ASSERT_EQ(file.errors.size(), 4U);
    EXPECT_TRUE(file.errors[0].starts_with("2: column bid_qty: ")) << file.errors[0];
    EXPECT_EQ(file.errors[1], "3: column bid_price: `nan` is not a number");
    EXPECT_TRUE(file.errors[2].starts_with("4: column bid_price: is absent")) << file.errors[2];
    EXPECT_TRUE(file.errors[3].starts_with("6: column ask_price: ")) << file.errors[3];
}

TEST(OwnCsv, AQuotedHeaderIsAHeaderToo) {
    const ParsedFile file = parse(
        "\"exchange\",\"exchange_symbol\",\"timestamp\",\"bid_price\",\"bid_qty\",\"ask_price\",\"ask_qty\"\n"
        "\"MEXC_SPOT\",\"BTCUSDT\",\"1000\",\"1\",\"1\",\"2\",\"1\"\n");
    EXPECT_EQ(file.lines, Lines64({2}));
    expect_error(ErrorCode::invalid_argument, [] { parse("\"exchange\n"); }, {"folder/file.csv:1: ", "does not end"});
}

TEST(OwnCsv, WhatLatestAddsIsPassedOver) {
    const ParsedFile file = parse(
        "exchange,symbol,timestamp,received_at,sequence,bid_price,bid_qty,ask_price,ask_qty,age_seconds\n"
        "MEXC_SPOT,BTC/USDT,1000,,5,1,1,2,1,0.25\n");
    EXPECT_EQ(file.lines, Lines64({2}));
}

}  // namespace
}  // namespace marketdb::testing
