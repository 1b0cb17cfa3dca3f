#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/program.hpp"

namespace marketdb::testing {
namespace {

using nlohmann::json;

/// Quotes of BTC/USDT each second from 23:54:14 on: on spot, which gives no time of its own, bid 10000 and ask 10010; on futures,
/// whose clock is ahead, bids of 10020, 10030, 10040 and asks 5 above.
class CompareCommands : public CliTest {
 protected:
    void SetUp() override {
        const std::string heading =
            "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n";
        write_file("binance_book_ticker_2024-08-08_BTCUSDT.csv",
                   heading +
                       "binance,BTCUSDT,1723161254000000,1723161254000000,3,10010,10000,2\n"
                       "binance,BTCUSDT,1723161256500000,1723161256500000,3,10010,10000,2\n");
        write_file("binance-futures_book_ticker_2024-08-08_BTCUSDT.csv",
                   heading +
                       "binance-futures,BTCUSDT,1723161255900000,1723161254000000,5,10025,10020,1\n"
                       "binance-futures,BTCUSDT,1723161256900000,1723161255000000,5,10035,10030,1\n"
                       "binance-futures,BTCUSDT,1723161257900000,1723161256000000,5,10045,10040,1\n");
        answer({"init"});
        answer({"import", "binance_book_ticker_2024-08-08_BTCUSDT.csv",
                "binance-futures_book_ticker_2024-08-08_BTCUSDT.csv"});
    }

    const std::string spot_ = "BINANCE_SPOT:BTC/USDT";
    const std::string futures_ = "BINANCE_FUTURES:BTC/USDT";
};

TEST_F(CompareCommands, SpreadAsJsonIsOneObjectForEachOrderedPair) {
    const json pairs = json::parse(answer({"spread", "BTC/USDT", "--exchanges", "BINANCE_SPOT,BINANCE_FUTURES",
                                           "--every", "1s", "--threshold", "25", "--json"}));
    ASSERT_EQ(pairs.size(), 2U);
    const json& other = pairs[0];
    EXPECT_EQ(other["sell"], spot_);
    EXPECT_EQ(other["buy"], futures_);
    EXPECT_NEAR(other["max_bps"], -24.937656, 5e-7);
    EXPECT_EQ(other["share_above"], 0);
    const json& pair = pairs[1];
    EXPECT_EQ(pair.size(), 10U);
    EXPECT_EQ(pair["sell"], futures_);
    EXPECT_EQ(pair["buy"], spot_);
    EXPECT_EQ(pair["samples"], 3);
    EXPECT_EQ(pair["missing"], 0);
    EXPECT_NEAR(pair["mean_bps"], 19.98002, 5e-6);
    EXPECT_NEAR(pair["min_bps"], 9.99001, 5e-6);
    EXPECT_NEAR(pair["max_bps"], 29.97003, 5e-6);
    EXPECT_NEAR(pair["p50_bps"], 19.98002, 5e-6);
    EXPECT_NEAR(pair["p99_bps"], 29.770230, 5e-6);
    EXPECT_NEAR(pair["share_above"], 0.333333, 5e-7);
}

TEST_F(CompareCommands, ASpreadOfSeriesByNameAndByPatternIsTheSame) {
    const std::string expected = answer({"spread", spot_, futures_, "--csv"});
    EXPECT_EQ(expected.substr(0, expected.find('\n')),
              "buy,sell,samples,missing,mean_bps,min_bps,max_bps,p50_bps,p99_bps,share_above,std_bps,p1_bps,p5_bps,"
              "p25_bps,p75_bps,p95_bps,above,time_share_above,mean_fillable,mean_fillable_above");
    EXPECT_NE(expected.find("BINANCE_SPOT:BTC/USDT,BINANCE_FUTURES:BTC/USDT,3,0,"), std::string::npos) << expected;
    EXPECT_EQ(expected.substr(expected.size() - 9), ",3,1,1,1\n") << "above, the share of the time, fillable";
    EXPECT_EQ(answer({"spread", "binance_spot:btcusdt", "BINANCE_FUTURES:btc-usdt", "--csv"}), expected);
    EXPECT_EQ(answer({"spread", "BINANCE_S*:*", "*_FUTURES:BTC*", "--csv"}), expected);
}

TEST_F(CompareCommands, FeesAreTakenOffForAllOrForOneExchange) {
    const auto mean = [this](const std::vector<std::string>& fees) {
        std::vector<std::string> arguments{"spread", futures_, spot_, "--json"};
        arguments.insert(arguments.end(), fees.begin(), fees.end());
        return json::parse(answer(arguments))[0]["mean_bps"].get<double>();
    };
    EXPECT_NEAR(mean({"--fee", "1.5"}), 16.98002, 5e-6);
    EXPECT_NEAR(mean({"--fee", "1.5", "--fee", "binance_spot=7.5"}), 10.98002, 5e-6);
    EXPECT_NEAR(mean({"--fee=-1", "--fee", futures_ + "=0"}), 20.98002, 5e-6);
}

TEST_F(CompareCommands, SpreadForPeopleHasATableAndOnATerminalACharts) {
    const std::string table = answer({"spread", futures_, spot_});
    EXPECT_NE(table.find("19.9800"), std::string::npos) << table;
    EXPECT_NE(table.find("100.00 %"), std::string::npos) << table;
    EXPECT_EQ(table.find("mean bps"), std::string::npos) << "a chart is for a terminal: " << table;

    Surroundings terminal;
    terminal.terminal_columns = 100;
    terminal.environment = {{"LC_ALL", "C"}};
    const Outcome shown = run({"spread", futures_, spot_}, terminal);
    EXPECT_EQ(shown.code, 0);
    EXPECT_NE(shown.out.find("sell " + futures_ + ", buy " + spot_ +
                             ": mean bps, 2024-08-08T23:54:14.000000Z to "
                             "2024-08-08T23:54:16.000000Z"),
              std::string::npos)
        << shown.out;
    EXPECT_NE(shown.out.find("29.97 |   #"), std::string::npos) << shown.out;
    EXPECT_NE(shown.out.find(" 9.99 | ###"), std::string::npos) << shown.out;
}

TEST_F(CompareCommands, TheEventClockIsRefusedBecauseSpotHasNone) {
    const Outcome outcome = run({"spread", spot_, futures_, "--clock", "event"});
    EXPECT_EQ(outcome.code, 1);
    EXPECT_EQ(outcome.out, "");
    EXPECT_NE(outcome.err.find(spot_ + " has no event time"), std::string::npos) << outcome.err;
}

TEST_F(CompareCommands, NothingToCompareIsSaidWithWhatIsThere) {
    const Outcome outcome = run({"spread", spot_, futures_, "--from", "2024-01-01", "--to", "2024-01-01T00:00:01Z"});
    EXPECT_EQ(outcome.code, 0);
    EXPECT_NE(outcome.err.find("no book-tickers in the time asked"), std::string::npos) << outcome.err;
    EXPECT_NE(outcome.err.find(spot_), std::string::npos) << outcome.err;
}

TEST_F(CompareCommands, AlignAsCsvHasTheQuotesOfEachSeries) {
    EXPECT_EQ(answer({"align", spot_, futures_, "--every", "1s", "--csv"}),
              "time,BINANCE_SPOT:BTC/USDT bid_price,BINANCE_SPOT:BTC/USDT bid_qty,BINANCE_SPOT:BTC/USDT ask_price,"
              "BINANCE_SPOT:BTC/USDT ask_qty,BINANCE_SPOT:BTC/USDT age_seconds,BINANCE_FUTURES:BTC/USDT bid_price,"
              "BINANCE_FUTURES:BTC/USDT bid_qty,BINANCE_FUTURES:BTC/USDT ask_price,BINANCE_FUTURES:BTC/USDT ask_qty,"
              "BINANCE_FUTURES:BTC/USDT age_seconds\n"
              "2024-08-08T23:54:14.000000Z,10000,2,10010,3,0,10020,1,10025,5,0\n"
              "2024-08-08T23:54:15.000000Z,10000,2,10010,3,1,10030,1,10035,5,0\n"
              "2024-08-08T23:54:16.000000Z,10000,2,10010,3,2,10040,1,10045,5,0\n");
}

TEST_F(CompareCommands, AlignAsJsonHasNullForWhatIsTooOld) {
    const std::string text =
        answer({"align", spot_, futures_, "--driver", futures_, "--tolerance", "500ms", "--ndjson"});
    EXPECT_EQ(text.substr(text.find('\n') + 1, text.find('\n', text.find('\n') + 1) - text.find('\n')),
              "{\"time\":\"2024-08-08T23:54:15.000000Z\",\"quotes\":[{\"series\":\"BINANCE_SPOT:BTC/USDT\","
              "\"bid_price\":null,\"bid_qty\":null,\"ask_price\":null,\"ask_qty\":null,\"age_seconds\":null},"
              "{\"series\":\"BINANCE_FUTURES:BTC/USDT\",\"bid_price\":10030,\"bid_qty\":1,\"ask_price\":10035,"
              "\"ask_qty\":5,\"age_seconds\":0}]}\n");
    const json all = json::parse(answer({"align", spot_, futures_, "--each-change", "--json"}));
    EXPECT_EQ(all.size(), 4U);
    EXPECT_EQ(answer({"align", spot_, "--from", "2024-08-08T23:54:14.1Z", "--to", "2024-08-08T23:54:14.2Z", "--json"}),
              "[]\n");
}

TEST_F(CompareCommands, AlignTakesTimesFromTheLineOrFromAFile) {
    const std::string first = "2024-08-08T23:54:14.5Z";
    const std::string second = "2024-08-08T23:54:16Z";
    const json given = json::parse(answer({"align", spot_, futures_, "--at", first + "," + second, "--json"}));
    ASSERT_EQ(given.size(), 2U);
    EXPECT_EQ(given[0].at("time"), "2024-08-08T23:54:14.500000Z");
    EXPECT_EQ(given[0].at("quotes")[1].at("bid_price"), 10'020);
    EXPECT_EQ(given[1].at("quotes")[1].at("bid_price"), 10'040);
    EXPECT_EQ(json::parse(answer({"align", spot_, futures_, "--at", first, "--at", second, "--json"})), given);
    write_file("times.txt", "# two times\n" + first + "\n\n  1723161256   # the last\r\n");
    EXPECT_EQ(json::parse(answer({"align", spot_, futures_, "--at-file", "times.txt", "--json"})), given);
    Surroundings typed;
    typed.input = first + "\n" + second;
    EXPECT_EQ(json::parse(answer({"align", spot_, futures_, "--at-file", "-", "--json"}, typed)), given);
    EXPECT_EQ(run({"align", spot_, "--at-file", "nowhere.txt"}).code, 1);
}

TEST_F(CompareCommands, AToleranceOfNothingIsOfTheVeryTime) {
    const json exact = json::parse(answer(
        {"align", futures_, "--at", "2024-08-08T23:54:14Z,2024-08-08T23:54:14.1Z", "--tolerance", "0us", "--json"}));
    ASSERT_EQ(exact.size(), 2U);
    EXPECT_EQ(exact[0].at("quotes")[0].at("bid_price"), 10'020);
    EXPECT_TRUE(exact[1].at("quotes")[0].at("bid_price").is_null());
}

TEST_F(CompareCommands, NowLooksAtWhatIsLive) {
    const std::string now = "--max-age=5000d";
    const json spreads = json::parse(answer({"spread", "--now", now, "--min-bps", "5", "--json"}));
    ASSERT_EQ(spreads.size(), 1U);
    EXPECT_EQ(spreads[0]["buy"], spot_);
    EXPECT_EQ(spreads[0]["sell"], futures_);
    EXPECT_NEAR(spreads[0]["bps"], 29.97003, 5e-6);
    EXPECT_EQ(spreads[0]["fillable"], 1);
    EXPECT_EQ(json::parse(answer({"spread", "--now", now, "--min-bps", "-100", "--json"})).size(), 2U);

    const Outcome none = run({"spread", "--now", "--json"});
    EXPECT_EQ(none.code, 0);
    EXPECT_EQ(none.out, "[]\n");
    EXPECT_NE(none.err.find("no spread of 0 bps or more"), std::string::npos) << none.err;
}

TEST_F(CompareCommands, WrongUsageSaysWhatWasExpected) {
    struct Case {
        std::vector<std::string> arguments;
        std::string message;
    };
    const std::vector<Case> cases{
        {{"spread"}, "SERIES is required, or --now"},
        {{"spread", "BTC/USDT"}, "expected EXCHANGE:SYMBOL"},
        {{"spread", spot_}, "expected 2 or more, found BINANCE_SPOT:BTC/USDT"},
        {{"spread", spot_, "binance_spot:BTCUSDT"}, "BINANCE_SPOT:BTC/USDT is there twice"},
        {{"spread", spot_, "--exchanges", "BINANCE_FUTURES"}, "--exchanges: expected one SERIES beside it"},
        {{"spread", "BTC/USDT", "--exchanges", "BINANCE_SPOT,"}, "expected names with commas between them"},
        {{"spread", spot_, futures_, "--every", "0s"}, "--every"},
        {{"spread", spot_, futures_, "--every", "1s", "--each-change"}, "exclude each other"},
        {{"spread", spot_, futures_, "--tolerance", "-1s"}, "--tolerance"},
        {{"spread", spot_, futures_, "--from", "2024-08-09", "--to", "2024-08-08"}, "lies before --from"},
        {{"spread", spot_, futures_, "--driver", "BINANCE_SPOT:*USDT*T"}, "BINANCE_SPOT:*USDT*T"},
        {{"spread", spot_, futures_, "--fee", "cheap"}, "--fee 'cheap': expected basis points"},
        {{"spread", spot_, futures_, "--fee", "OKX_SPOT=1"}, "none of the series is of OKX_SPOT"},
        {{"spread", spot_, futures_, "--min-bps", "1"}, "need --now"},
        {{"spread", spot_, futures_, "--threshold", "nan"}, "--threshold: 'nan': expected a finite number"},
        {{"spread", "--now", "--min-bps", "inf"}, "--min-bps: 'inf': expected a finite number"},
        {{"spread", "--now", "--every", "1s"}, "--now and --every"},
        {{"spread", "--now", "--at", "2024-08-09"}, "--now and --every"},
        {{"spread", "--now", "--fee", "1"}, "without fees"},
        {{"align", spot_, "--clock", "mine"}, "--clock"},
        {{"align", spot_, "--at", "yesterday"}, "--at: "},
        {{"align", spot_, "--at", "2024-08-09,2024-08-08"}, "expected ascending times"},
        {{"align", spot_, "--at", "2024-08-09", "--every", "1s"}, "exclude each other"},
        {{"align", spot_, "--at", "2024-08-09", "--from", "2024-08-08"}, "--at and --from/--to"},
        {{"align", spot_, "--at", "2024-08-09", "--at-file", "times.txt"}, "--at and --at-file"},
        {{"align"}, "SERIES is required"},
    };
    for (const Case& one : cases) {
        const Outcome outcome = run(one.arguments);
        EXPECT_NE(outcome.code, 0) << one.message;
        EXPECT_EQ(outcome.out, "") << one.message;
        EXPECT_NE(outcome.err.find(one.message), std::string::npos) << one.message << "\n" << outcome.err;
    }
    const Outcome unknown = run({"spread", spot_, "NOBODY_SPOT:BTC/USDT"});
    EXPECT_EQ(unknown.code, 1);
    EXPECT_NE(unknown.err.find("NOBODY_SPOT"), std::string::npos) << unknown.err;
}

}  // namespace
}  // namespace marketdb::testing
