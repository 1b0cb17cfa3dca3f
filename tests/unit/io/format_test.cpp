#include <marketdb/format.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "parsed_file.hpp"

namespace marketdb::testing {
namespace {

constexpr Timestamp kTime{std::chrono::microseconds{1'723'161'254'087'891}};

BookTicker sample_quote() {
    BookTicker row;
    row.timestamp = kTime;
    row.sequence = -1'254'226'944;
    row.bid_price = 61837.63;
    row.bid_qty = 100'000;
    return row;
}

Trade sample_trade() {
    Trade row;
    row.timestamp = kTime;
    row.received_at = kTime + std::chrono::microseconds(1);
    row.sequence = 7;
    row.trade_id = "a,7";
    row.price = 9.12e-07;
    row.quantity = 0.1 + 0.2;
    row.side = Side::sell;
    row.is_maker = Tristate::no;
    return row;
}

TEST(Format, FieldNamesAreThePublishedOnes) {
    using Names = std::vector<std::string_view>;
    EXPECT_EQ(field_names(Dataset::book_tickers, true, true),
              Names({"exchange", "symbol", "exchange_symbol", "timestamp", "received_at", "sequence", "bid_price",
                     "bid_qty", "ask_price", "ask_qty", "age_seconds"}));
    EXPECT_EQ(field_names(Dataset::trades, false, false),
              Names({"exchange", "symbol", "timestamp", "received_at", "sequence", "trade_id", "price", "quantity",
                     "side", "quote_quantity", "is_buyer", "is_maker"}));
    EXPECT_EQ(field_names(Dataset::funding_rates, false, false),
              Names({"exchange", "symbol", "timestamp", "received_at", "funding_rate", "interval_minutes", "kind",
                     "funding_time", "mark_price"}));
    EXPECT_EQ(field_names(Dataset::balances, true, false),
              Names({"exchange", "timestamp", "received_at", "account", "asset_name", "available_balance",
                     "locked_balance", "frozen_balance", "borrowing_balance", "interest_balance", "total_balance"}));
}

TEST(Format, NumbersAreToldFromTexts) {
    EXPECT_TRUE(is_number_field(Dataset::book_tickers, "bid_price"));
    EXPECT_TRUE(is_number_field(Dataset::book_tickers, "sequence"));
    EXPECT_TRUE(is_number_field(Dataset::funding_rates, "interval_minutes"));
    EXPECT_TRUE(is_number_field(Dataset::trades, "age_seconds"));
    EXPECT_FALSE(is_number_field(Dataset::trades, "side"));
    EXPECT_FALSE(is_number_field(Dataset::trades, "timestamp"));
    EXPECT_FALSE(is_number_field(Dataset::trades, "exchange"));
}

TEST(Format, ABookTickerAsCsvJsonAndCells) {
    const RowContext context{"BINANCE_SPOT", "BTC/USDT", "BTCUSDT", true, 1.5};
    std::string csv;
    append_row(csv, sample_quote(), context, TextFormat::csv);
    EXPECT_EQ(csv, "BINANCE_SPOT,BTC/USDT,BTCUSDT,2024-08-08T23:54:14.087891Z,,-1254226944,61837.63,100000,,,1.5");
    std::string json;
    append_row(json, sample_quote(), context, TextFormat::json);
    EXPECT_EQ(
        json,
        R"({"exchange":"BINANCE_SPOT","symbol":"BTC/USDT","exchange_symbol":"BTCUSDT",)"
        R"("timestamp":"2024-08-08T23:54:14.087891Z","received_at":null,"sequence":-1254226944,"bid_price":61837.63,)"
        R"("bid_qty":100000,"ask_price":null,"ask_qty":null,"age_seconds":1.5})");
    EXPECT_EQ(row_cells(sample_quote(), {"BINANCE_SPOT", "BTC/USDT", {}, false, {}}),
              Texts({"BINANCE_SPOT", "BTC/USDT", "2024-08-08T23:54:14.087891Z", "", "-1254226944", "61837.63", "100000",
                     "", ""}));
}

TEST(Format, ATradeAsCsvJsonAndCells) {
    const RowContext context{"A_SPOT", "BTC/USDT", {}, false, {}};
    std::string csv;
    append_row(csv, sample_trade(), context, TextFormat::csv);
    EXPECT_EQ(csv,
              "A_SPOT,BTC/USDT,2024-08-08T23:54:14.087891Z,2024-08-08T23:54:14.087892Z,7,\"a,7\",9.12e-07,"
              "0.30000000000000004,sell,,,false");
    std::string json;
    append_row(json, sample_trade(), context, TextFormat::json);
    EXPECT_EQ(
        json,
        R"({"exchange":"A_SPOT","symbol":"BTC/USDT","timestamp":"2024-08-08T23:54:14.087891Z",)"
        R"("received_at":"2024-08-08T23:54:14.087892Z","sequence":7,"trade_id":"a,7","price":9.12e-07,)"
        R"("quantity":0.30000000000000004,"side":"sell","quote_quantity":null,"is_buyer":null,"is_maker":false})");
    EXPECT_EQ(row_cells(sample_trade(), context).back(), "false");
    Trade unknown = sample_trade();
    unknown.side = Side::unknown;
    EXPECT_EQ(row_cells(unknown, context).at(8), "");
}

TEST(Format, AFundingRateAndABalance) {
    FundingRate rate;
    rate.timestamp = kTime;
    rate.funding_rate = 0.0001;
    rate.interval_minutes = 480;
    rate.kind = FundingKind::settled;
    rate.funding_time = kTime;
    std::string text;
    append_row(text, rate, {"A_FUTURES", "BTC/USDT", {}, false, {}}, TextFormat::json);
    EXPECT_EQ(
        text,
        R"({"exchange":"A_FUTURES","symbol":"BTC/USDT","timestamp":"2024-08-08T23:54:14.087891Z","received_at":null,)"
        R"("funding_rate":0.0001,"interval_minutes":480,"kind":"settled",)"
        R"("funding_time":"2024-08-08T23:54:14.087891Z","mark_price":null})");
    rate.interval_minutes = 0;
    EXPECT_EQ(row_cells(rate, {"A_FUTURES", "BTC/USDT", {}, false, {}}).at(5), "");

    Balance balance;
    balance.timestamp = kTime;
    balance.asset_name = "USDT";
    balance.available_balance = -1.5;
    balance.total_balance = -1.5;
    text.clear();
    append_row(text, balance, {"A_SPOT", "unused", "unused", true, {}}, TextFormat::csv);
    EXPECT_EQ(text, "A_SPOT,2024-08-08T23:54:14.087891Z,,main,USDT,-1.5,0,,,,-1.5");
}

TEST(Format, NumbersAreTheShortestThatReadBack) {
    EXPECT_EQ(format_number(61837.63), "61837.63");
    EXPECT_EQ(format_number(100'000), "100000");
    EXPECT_EQ(format_number(9.12e-7), "9.12e-07");
    EXPECT_EQ(format_number(std::nan("")), "");
}

TEST(Format, WhatIsNotFiniteIsNullInJson) {
    BookTicker row = sample_quote();
    row.bid_price = std::numeric_limits<double>::infinity();
    std::string json;
    append_row(json, row, {"A_SPOT", "A/B", {}, false, std::nan("")}, TextFormat::json);
    const auto parsed = nlohmann::json::parse(json);
    EXPECT_TRUE(parsed.at("bid_price").is_null());
    EXPECT_TRUE(parsed.at("age_seconds").is_null());
}

TEST(Format, CsvFieldsAreQuotedOnlyWhereTheyMustBe) {
    const auto field = [](std::string_view text) {
        std::string out;
        append_csv_field(out, text);
        return out;
    };
    EXPECT_EQ(field("a b;c'"), "a b;c'");
    EXPECT_EQ(field("=1+1"), "=1+1");
    EXPECT_EQ(field("a,b"), "\"a,b\"");
    EXPECT_EQ(field("a\"b"), "\"a\"\"b\"");
    EXPECT_EQ(field("a\nb"), "\"a\nb\"");
    EXPECT_EQ(field("a\r"), "\"a\r\"");
    EXPECT_EQ(field(""), "");
}

TEST(Format, JsonStringsAreAlwaysValid) {
    const auto text = [](std::string_view raw) {
        std::string out;
        append_json_string(out, raw);
        EXPECT_TRUE(nlohmann::json::accept(out)) << out;
        return out;
    };
    using namespace std::string_view_literals;
    EXPECT_EQ(text("a\"b\\c/d"), R"("a\"b\\c/d")");
    EXPECT_EQ(text("\n\r\t\b\x01\x1f\0"sv), R"("\n\r\t\u0008\u0001\u001f\u0000")");
    EXPECT_EQ(text("\xC3\xA9\xE5\xB8\x81\xF0\x9F\x98\x80"), "\"\xC3\xA9\xE5\xB8\x81\xF0\x9F\x98\x80\"");
    EXPECT_EQ(text("a\xff\xC3(\xE5\xB8"), "\"a\xEF\xBF\xBD\xEF\xBF\xBD(\xEF\xBF\xBD\xEF\xBF\xBD\"");
    EXPECT_EQ(text("\xC0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

TEST(Format, OddSymbolsSurviveCsvAndJsonThroughTheParser) {
    const Texts spellings{"BTCUSDT", "a\"b",         "a,b",     "a\nb", "a\r\nb", "\r",
                          "=cmd()",  "\xE5\xB8\x81", "\\u0041", "{}",   "'",      "\t"};
    std::string csv =
        "exchange,symbol,exchange_symbol,timestamp,received_at,sequence,bid_price,bid_qty,ask_price,ask_qty\n";
    std::string json;
    for (const std::string& spelling : spellings) {
        const RowContext context{"A_SPOT", "BASE/QUOTE", spelling, true, {}};
        append_row(csv, sample_quote(), context, TextFormat::csv);
        csv += '\n';
        append_row(json, sample_quote(), context, TextFormat::json);
        json += '\n';
    }
    for (const std::string& text : {csv, json}) {
        const ParsedFile file = parse(text);
        EXPECT_EQ(file.errors, Texts{});
        Texts found;
        for (const io::Instrument& instrument : file.instruments) {
            found.push_back(instrument.symbol.exchange_symbol.str());
        }
        EXPECT_EQ(found, spellings);
    }
}

}  // namespace
}  // namespace marketdb::testing
