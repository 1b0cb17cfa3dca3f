#include <gtest/gtest.h>

#include "parsed_file.hpp"
#include "support/expect.hpp"

namespace marketdb::testing {
namespace {

const std::string kQuote =
    R"({"exchange":"MEXC_SPOT","symbol":"BTC/USDT","exchange_symbol":"BTCUSDT","timestamp":"2024-08-08T23:54:14.087891Z",)"
    R"("received_at":null,"sequence":-5,"bid_price":61837.63,"bid_qty":3.78826,"ask_price":null,"ask_qty":null})";

TEST(OwnJson, EveryDatasetIsToldByItsKeys) {
    const ParsedFile quotes = parse(kQuote + "\n" + kQuote + "\n");
    EXPECT_EQ(quotes.layout, "marketdb-jsonl book-tickers");
    EXPECT_EQ(quotes.dataset, Dataset::book_tickers);
    EXPECT_EQ(quotes.rows.at(0), "MEXC_SPOT,BTC/USDT,BTCUSDT,2024-08-08T23:54:14.087891Z,,-5,61837.63,3.78826,,");
    EXPECT_EQ(quotes.lines, Lines64({1, 2}));

    const ParsedFile trades = parse(
        R"({"exchange":"MEXC_SPOT","symbol":"BTC/USDT","exchange_symbol":"BTCUSDT","timestamp":1723161254087,"sequence":1,)"
        R"("trade_id":"1","price":5e-324,"quantity":1.7976931348623157e308,"side":null,"quote_quantity":0,"is_buyer":true,)"
        R"("is_maker":false})");
    EXPECT_EQ(trades.layout, "marketdb-jsonl trades");
    EXPECT_EQ(trades.rows, Texts({"MEXC_SPOT,BTC/USDT,BTCUSDT,2024-08-08T23:54:14.087000Z,,1,1,5e-324,"
                                  "1.7976931348623157e+308,,0,true,false"}));

    const ParsedFile funding =
        parse(R"({"exchange":"A_FUTURES","symbol":"BTC/USDT","timestamp":"2024-08-08","funding_rate":-0.0001,)"
              R"("interval_minutes":480,"kind":"predicted","funding_time":null,"mark_price":null})");
    EXPECT_EQ(funding.layout, "marketdb-jsonl funding-rates");
    EXPECT_EQ(funding.rows,
              Texts({"A_FUTURES,BTC/USDT,BTC/USDT,2024-08-08T00:00:00.000000Z,,-0.0001,480,predicted,,"}));

    const ParsedFile balances = parse(
        R"({"exchange":"A_SPOT","timestamp":"2024-08-08","account":"x","asset_name":"USDT","available_balance":1,)"
        R"("locked_balance":2,"frozen_balance":null})");
    EXPECT_EQ(balances.layout, "marketdb-jsonl balances");
    EXPECT_EQ(balances.rows, Texts({"A_SPOT,2024-08-08T00:00:00.000000Z,,x,USDT,1,2,,,,3"}));
}

TEST(OwnJson, NumbersAreExactToTheLastBit) {
    // Boost.JSON's own conversion of some of these is off by one unit in the last place.
    const Texts numbers{"0.1",
                        "0.30000000000000004",
                        "7205759403792794",
                        "9007199254740993",
                        "1.2345678901234567e-300",
                        "3.528e-05",
                        "123456789.12345678",
                        "2.2250738585072014e-308",
                        "61837.63000000",
                        "0.00004405208333333333",
                        "8.41e+21",
                        "6.0221407600000005e23",
                        "1090544144181609348835077142190"};
    const std::vector<double> exact{
        0.1,       0.30000000000000004,   7205759403792794.0,      9007199254740992.0, 1.2345678901234567e-300,
        3.528e-05, 123456789.12345678,    2.2250738585072014e-308, 61837.63,           4.405208333333333e-05,
        8.41e+21,  6.0221407600000005e23, 1.0905441441816094e+30};
    for (std::size_t index = 0; index < numbers.size(); ++index) {
        const auto parser =
            io::open_parser(std::make_unique<TextInput>(
                                R"({"exchange":"A_SPOT","symbol":"A/B","timestamp":1,"bid_price":null,"bid_qty":null,)"
                                R"("ask_price":)" +
                                numbers[index] + R"(,"ask_qty":1})"),
                            {});
        io::Batch batch;
        ASSERT_TRUE(parser->next(batch, 10)) << numbers[index];
        const auto& rows = std::get<std::vector<BookTicker>>(batch.rows);
        ASSERT_EQ(rows.size(), 1U) << numbers[index] << batch.errors.at(0).reason;
        EXPECT_EQ(rows[0].ask_price, exact[index]) << numbers[index];
    }
}

TEST(OwnJson, TextsAreUnescaped) {
    const ParsedFile file =
        parse(R"({"exchange":"A_SPOT","symbol":"A\"\\\/\n\u00e9\ud83d\ude00/B","exchange_symbol":"x\ty","timestamp":1,)"
              R"("bid_price":1,"bid_qty":1,"ask_price":2,"ask_qty":1})");
    EXPECT_EQ(file.errors, Texts{});
    EXPECT_EQ(file.instruments.at(0).symbol.symbol_base, "A\"\\/\n\xC3\xA9\xF0\x9F\x98\x80");
    EXPECT_EQ(file.instruments.at(0).symbol.exchange_symbol, "x\ty");
}

TEST(OwnJson, KeysAreUnescapedToo) {
    const ParsedFile file = parse(
        R"({"\u0065xchange":"A_SPOT","symb\u006fl":"A/B","timestam\u0070":1,"bid_price":1.25,"bid_qty":1,"ask_price":2,)"
        R"("ask_qty":1})");
    EXPECT_EQ(file.errors, Texts{});
    EXPECT_EQ(file.rows, Texts({"A_SPOT,A/B,A/B,1970-01-01T00:00:01.000000Z,,0,1.25,1,2,1"}));
}

TEST(OwnJson, BadRowsAreToldWithTheirLine) {
    const auto row = [](const std::string& rest) {
        return R"({"exchange":"A_SPOT","symbol":"A/B","timestamp":1,"bid_qty":1,"ask_price":2,"ask_qty":1,)" + rest +
               "}\n";
    };
    const ParsedFile file = parse(row(R"("bid_price":1)") +                                  //
                                  row(R"("bid_price":"1")") +                                //
                                  row(R"("bid_price":true)") +                               //
                                  row(R"("bid_price":[1])") +                                //
                                  row(R"("bid_price":{"a":1})") +                            //
                                  row(R"("bid_price":1,"bid_price":1)") +                    //
                                  row(R"("bid_price":1,"bid_prize":1)") +                    //
                                  row(R"("bid_price":NaN)") +                                //
                                  row(R"("bid_price":1e999)") +                              //
                                  row(R"("bid_price":1,"sequence":1.5)") +                   //
                                  row(R"("bid_price":1,"sequence":18446744073709551615)") +  //
                                  row(R"("bid_price":3)") +                                  //
                                  "{}\n[1]\n1\nnull\n{\"exchange\":\"A_SPOT\"\n" +           //
                                  row(R"("bid_price":1,"received_at":true)") +               //
                                  row(R"("bid_price":1,"exchange_symbol":"\u0000")") +       //
                                  row(R"("bid_price":1)") + "\n");
    EXPECT_EQ(file.lines, Lines64({1, 20}));
    ASSERT_EQ(file.errors.size(), 18U);
    EXPECT_EQ(file.errors[0], "2: column bid_price: `1` is not a number");
    EXPECT_EQ(file.errors[1], "3: column bid_price: `true` is not a number");
    EXPECT_EQ(file.errors[2], "4: the line is no flat JSON object: it holds an array");
    EXPECT_EQ(file.errors[3], "5: the line is no flat JSON object: it holds an object");
    EXPECT_EQ(file.errors[4], "6: doubled column `bid_price` in a row of marketdb book-tickers");
    EXPECT_EQ(file.errors[5], "7: unknown column `bid_prize` in a row of marketdb book-tickers");
    EXPECT_TRUE(file.errors[6].starts_with("8: the line is no JSON object: ")) << file.errors[6];
    EXPECT_TRUE(file.errors[7].starts_with("9: column bid_price: ")) << file.errors[7];
    EXPECT_EQ(file.errors[8], "10: column sequence: `1.5` is not a whole number");
    EXPECT_EQ(file.errors[9], "11: column sequence: `18446744073709551615` is not a whole number");
    EXPECT_EQ(file.errors[10], "12: column ask_price: 2 is below bid_price 3");
    EXPECT_EQ(file.errors[11], "13: column timestamp: empty, expected a value");
    EXPECT_EQ(file.errors[12], "14: the line is no flat JSON object: it is an array");
    EXPECT_EQ(file.errors[13], "15: the line is no flat JSON object: it is no object");
    EXPECT_EQ(file.errors[14], "16: the line is no flat JSON object: it is no object");
    EXPECT_TRUE(file.errors[15].starts_with("17: the line is no JSON object: ")) << file.errors[15];
    EXPECT_TRUE(file.errors[16].starts_with("18: column received_at: ")) << file.errors[16];
    EXPECT_TRUE(file.errors[17].starts_with("19: column symbol: ")) << file.errors[17];
}

TEST(OwnJson, WhatIsNoJsonLinesFileIsRefused) {
    expect_error(ErrorCode::invalid_argument, [] { parse("[\n" + kQuote + "]\n"); },
                 {":1: ", "JSON array", "--ndjson"});
    expect_error(ErrorCode::invalid_argument, [] { parse("{\"a\":1,\"b\":2}\n"); },
                 {":1: ", "no layout", "marketdb trades"});
    expect_error(ErrorCode::invalid_argument, [] { parse("{\"exchange\":\n"); }, {":1: ", "no JSON object"});
    expect_error(ErrorCode::invalid_argument, [] { parse("exchange,symbol\n", "f", {.layout = "marketdb-jsonl"}); },
                 {"f:1: ", "no JSON object"});
    expect_error(ErrorCode::invalid_argument, [] { parse(kQuote, "f", {.dataset = "balances"}); },
                 {"f:1: the columns are those of layout `marketdb book-tickers`, and not what"});
}

}  // namespace
}  // namespace marketdb::testing
