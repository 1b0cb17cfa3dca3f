#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/program.hpp"
#include "cli/sample_files.hpp"

namespace marketdb::testing {
namespace {

using nlohmann::json;

const std::string kSeries = "BINANCE_SPOT:BTC/USDT";

/// marketdb's own layout: a rate that is to come, and two that were paid.
const char* const kFunding =
    "exchange,symbol,exchange_symbol,timestamp,received_at,funding_rate,interval_minutes,kind,funding_time,mark_price\n"
    "OKX_FUTURES,BTC/"
    "USDT,BTC-USDT-SWAP,2024-08-08T08:00:00.000000Z,,0.0001,480,settled,2024-08-08T08:00:00.000000Z,61000\n"
    "OKX_FUTURES,BTC/USDT,BTC-USDT-SWAP,2024-08-08T16:00:00.000000Z,,-0.0002,480,settled,2024-08-08T16:00:00.000000Z,\n"
    "OKX_FUTURES,BTC/"
    "USDT,BTC-USDT-SWAP,2024-08-08T16:01:00.000000Z,,0.0005,480,predicted,2024-08-09T00:00:00.000000Z,\n";

class AnalysisCommands : public CliTest {
 protected:
    void import_funding() {
        write_file("rates.csv", kFunding);
        answer({"import", "rates.csv"});
    }
};

TEST_F(AnalysisCommands, BarsOfQuotesAreCsvWithOneColumnANumber) {
    import_samples();
    EXPECT_EQ(
        answer({"bars", kSeries, "--every", "1s", "--csv"}),
        "exchange,symbol,start,bid_open,bid_high,bid_low,bid_close,ask_open,ask_high,ask_low,ask_close,mid_open,"
        "mid_high,mid_low,mid_close,mean_mid,mean_spread,count,two_sided_count\n"
        "BINANCE_SPOT,BTC/USDT,2024-08-08T23:54:14.000000Z,61800.1,61800.1,61800.1,61800.1,61800.5,61800.5,61800.5,"
        "61800.5,61800.3,61800.3,61800.3,61800.3,61800.3,0.4000000000014552,1,1\n"
        "BINANCE_SPOT,BTC/USDT,2024-08-08T23:54:15.000000Z,,,,,61801,61801,61801,61801,,,,,,,1,0\n"
        "BINANCE_SPOT,BTC/USDT,2024-08-08T23:54:16.000000Z,61802,61802,61802,61802,61802.5,61802.5,61802.5,61802.5,"
        "61802.25,61802.25,61802.25,61802.25,61802.25,0.5,1,1\n");
}

TEST_F(AnalysisCommands, BarsOfTradesAreJsonWithNullForWhatIsMissing) {
    import_samples();
    EXPECT_EQ(
        answer({"bars", kSeries, "--every", "500ms", "--dataset", "trades", "--empty", "show", "--json"}),
        "[{\"exchange\":\"BINANCE_SPOT\",\"symbol\":\"BTC/USDT\",\"start\":\"2024-08-08T23:54:14.500000Z\","
        "\"open\":61800.5,\"high\":61800.5,\"low\":61800.1,\"close\":61800.1,\"volume\":0.003,\"buy_volume\":0.001,"
        "\"vwap\":61800.23333333333,\"count\":2},\n"
        "{\"exchange\":\"BINANCE_SPOT\",\"symbol\":\"BTC/USDT\",\"start\":\"2024-08-08T23:54:15.000000Z\","
        "\"open\":null,\"high\":null,\"low\":null,\"close\":null,\"volume\":0,\"buy_volume\":0,\"vwap\":null,"
        "\"count\":0},\n"
        "{\"exchange\":\"BINANCE_SPOT\",\"symbol\":\"BTC/USDT\",\"start\":\"2024-08-08T23:54:15.500000Z\","
        "\"open\":61801,\"high\":61801,\"low\":61801,\"close\":61801,\"volume\":0.5,\"buy_volume\":0,\"vwap\":61801,"
        "\"count\":1}]\n");
}

TEST_F(AnalysisCommands, ATableOfBarsIsShortOnATerminal) {
    write_file("okex_quotes_2024-08-09_BTC-USDT.csv", many_quotes(150));
    answer({"import", "okex_quotes_2024-08-09_BTC-USDT.csv"});
    Surroundings terminal;
    terminal.terminal_columns = 120;
    const std::string shown = answer({"bars", "OKX_SPOT:BTC/USDT", "--every", "100ms"}, terminal);
    EXPECT_NE(shown.find("2024-08-09T00:00:09.900000Z"), std::string::npos) << shown;
    EXPECT_EQ(shown.find("2024-08-09T00:00:10.000000Z"), std::string::npos) << shown;
    EXPECT_NE(shown.find("the first 100; --all"), std::string::npos) << shown;
    const std::string all = answer({"bars", "OKX_SPOT:BTC/USDT", "--every", "100ms", "--all"}, terminal);
    EXPECT_NE(all.find("2024-08-09T00:00:14.900000Z"), std::string::npos);
    EXPECT_EQ(all.find("the first"), std::string::npos);
}

TEST_F(AnalysisCommands, BarsTakeTimesClockAndPatterns) {
    import_samples();
    const std::string late =
        answer({"bars", "*:*", "--every", "1m", "--from", "2024-08-08T23:54:15Z", "--clock", "received", "--json"});
    EXPECT_EQ(json::parse(late).at(0).at("count"), 2);
    const Outcome none = run({"bars", kSeries, "--every", "1m", "--to", "2024-08-08", "--json"});
    EXPECT_EQ(none.out, "[]\n");
    EXPECT_NE(none.err.find("no book-tickers in the time asked"), std::string::npos) << none.err;
}

TEST_F(AnalysisCommands, LiquidityIsOneRecordASeries) {
    import_samples();
    const json answered = json::parse(answer({"liquidity", kSeries, "--json"}));
    ASSERT_EQ(answered.size(), 1U);
    const json& record = answered.at(0);
    EXPECT_EQ(record.at("quotes"), 3);
    EXPECT_EQ(record.at("two_sided_quotes"), 2);
    EXPECT_NEAR(record.at("mean_spread_bps").get<double>(), 0.0728139041, 5e-11);
    EXPECT_EQ(record.at("mean_quote_value"), 123602.5);
    EXPECT_EQ(record.at("trades"), 3);
    EXPECT_EQ(record.at("volume"), 0.503);
    EXPECT_EQ(record.at("buy_volume"), 0.001);
    EXPECT_EQ(record.at("first"), "2024-08-08T23:54:14.087891Z");
    EXPECT_EQ(record.at("last"), "2024-08-08T23:54:16.000000Z");
}

TEST_F(AnalysisCommands, FundingIsTheNewestRateOfEachExchange) {
    import_funding();
    const json answered = json::parse(answer({"funding", "btc", "--json"}));
    ASSERT_EQ(answered.size(), 1U);
    json record = answered.at(0);
    EXPECT_GT(record.at("age_seconds").get<double>(), 0);
    record.erase("age_seconds");
    EXPECT_EQ(record, json::parse("{\"exchange\":\"OKX_FUTURES\",\"symbol\":\"BTC/USDT\","
                                  "\"timestamp\":\"2024-08-08T16:01:00.000000Z\",\"funding_rate\":0.0005,"
                                  "\"percent\":0.05,\"bps\":5,\"annualised\":0.5475,\"interval_minutes\":480,"
                                  "\"kind\":\"predicted\",\"next_settlement\":\"2024-08-09T00:00:00.000000Z\"}"))
        << record;
}

TEST_F(AnalysisCommands, TheHistoryOfFundingIsWhatWasPaid) {
    import_funding();
    EXPECT_EQ(answer({"funding", "BTC", "--history", "--csv"}),
              "exchange,symbol,timestamp,funding_rate,percent,bps,annualised,interval_minutes,mark_price\n"
              "OKX_FUTURES,BTC/USDT,2024-08-08T08:00:00.000000Z,0.0001,0.01,1,0.1095,480,61000\n"
              "OKX_FUTURES,BTC/USDT,2024-08-08T16:00:00.000000Z,-0.0002,-0.02,-2,-0.219,480,\n");
    EXPECT_EQ(
        answer({"funding", "BTC", "--history", "--from", "2024-08-08T08:00:01Z"}),
        "exchange     symbol    timestamp                    funding_rate  percent  bps  annualised  "
        "interval_minutes  mark_price\n"
        "OKX_FUTURES  BTC/USDT  2024-08-08T16:00:00.000000Z       -0.0002    -0.02   -2      -0.219               "
        "480           -\n");
}

TEST_F(AnalysisCommands, TheBasisIsOfPerpetualsBesideSpot) {
    import_samples();
    write_file("bybit_book_ticker_2024-08-08_BTCUSDT.csv",
               "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n"
               "bybit,BTCUSDT,1723161254500000,1723161253000000,1,61741,61739.895,1\n");
    answer({"import", "bybit_book_ticker_2024-08-08_BTCUSDT.csv"});
    const json answered = json::parse(answer({"basis", "BTC", "--json"}));
    ASSERT_EQ(answered.size(), 1U);
    EXPECT_EQ(answered.at(0).at("perpetual"), "BYBIT_FUTURES:BTC/USDT");
    EXPECT_EQ(answered.at(0).at("spot"), "BINANCE_SPOT:BTC/USDT");
    EXPECT_EQ(answered.at(0).at("spot_mid"), 61802.25);
    EXPECT_NEAR(answered.at(0).at("basis_bps").get<double>(), -10, 1e-3);
    const Outcome stale = run({"basis", "BTC", "--max-age", "1s", "--json"});
    EXPECT_EQ(stale.code, 0);
    EXPECT_EQ(stale.out, "[]\n");
    EXPECT_NE(stale.err.find("no quotes of BTC on both spot and perpetual"), std::string::npos) << stale.err;
}

TEST_F(AnalysisCommands, WhatIsUnknownIsNamed) {
    import_samples();
    for (const std::vector<std::string>& arguments :
         std::vector<std::vector<std::string>>{{"funding", "DOGE"},
                                               {"funding", "DOGE", "--history"},
                                               {"basis", "DOGE"},
                                               {"bars", "BINANCE_SPOT:DOGE/USDT", "--every", "1m"},
                                               {"liquidity", "BINANCE_SPOT:DOGE/USDT"}}) {
        const Outcome outcome = run(arguments);
        EXPECT_EQ(outcome.code, 1) << outcome.err;
        EXPECT_NE(outcome.err.find("DOGE"), std::string::npos) << outcome.err;
        EXPECT_EQ(outcome.out, "");
    }
}

}  // namespace
}  // namespace marketdb::testing
