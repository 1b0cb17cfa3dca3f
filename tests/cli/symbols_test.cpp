#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/program.hpp"
#include "cli/sample_files.hpp"

namespace marketdb::testing {
namespace {

using nlohmann::json;

constexpr const char* kListing =
    R"([{"name":"BTC_USDT","type":"direct","quanto_multiplier":"0.0001","order_price_round":"0.1","in_delisting":false},)"
    R"({"name":"ETH_USDT","type":"direct","quanto_multiplier":"0.01","order_price_round":"0.01","in_delisting":false},)"
    R"({"name":"OLD_USDT","type":"direct","quanto_multiplier":"1","order_price_round":"0.01","in_delisting":true}])";

class Symbols : public CliTest {
 protected:
    void SetUp() override { write_file("contracts.json", kListing); }

    json change(const std::string& text, const std::string& kind) {
        for (const json& one : json::parse(text)) {
            if (one.at("change") == kind) return one;
        }
        return {};
    }
    json symbol(const std::string& spelling) {
        for (const json& one : json::parse(answer({"symbols", "--json"}))) {
            if (one.at("exchange_symbol") == spelling) return one;
        }
        return {};
    }
};

TEST_F(Symbols, AListingIsTakenOverAndCounted) {
    const std::string text = answer({"symbols", "sync", "GATEIO_FUTURES", "contracts.json"});
    EXPECT_EQ(text,
              "GATEIO_FUTURES: contracts.json\n"
              "  added             2: BTC/USDT (BTC_USDT), ETH/USDT (ETH_USDT)\n"
              "  updated           0\n"
              "  reactivated       0\n"
              "  deactivated       0\n"
              "  unchanged         0\n"
              "  skipped           1 not traded: OLD_USDT\n"
              "database sqlite:marketdb.db (default)\n");
    EXPECT_EQ(symbol("ETH_USDT").at("contract_size"), 0.01);
    const std::string again = answer({"symbols", "sync", "GATEIO_FUTURES", "contracts.json", "--json"});
    EXPECT_EQ(change(again, "added"), json::parse(R"({"change":"added","count":0,"reason":null,"symbols":[]})"));
    EXPECT_EQ(change(again, "unchanged").at("count"), 2);
    EXPECT_EQ(change(again, "skipped"),
              json::parse(R"({"change":"skipped","count":1,"reason":"not traded","symbols":["OLD_USDT"]})"));
}

TEST_F(Symbols, AListingComesThroughAPipeAndADryRunMakesNothing) {
    const std::string text =
        answer({"symbols", "sync", "gateio_futures", "-", "--dry-run", "--json"}, {.input = kListing});
    EXPECT_EQ(change(text, "added").at("symbols"),
              json::parse(R"json(["BTC/USDT (BTC_USDT)","ETH/USDT (ETH_USDT)"])json"));
    EXPECT_EQ(file_names(), (std::vector<std::string>{"contracts.json"}));
    answer({"symbols", "sync", "GATEIO_FUTURES", "-"}, {.input = kListing});
    EXPECT_EQ(json::parse(answer({"symbols", "--json"})).size(), 2U);
}

TEST_F(Symbols, AListingThatIsWrongIsAnErrorAndChangesNothing) {
    answer({"symbols", "sync", "GATEIO_FUTURES", "contracts.json"});
    const Outcome other = run({"symbols", "sync", "GATEIO_SPOT", "contracts.json"});
    EXPECT_EQ(other.code, 1);
    EXPECT_NE(other.err.find("is one of GATEIO_FUTURES"), std::string::npos) << other.err;
    write_file("cut.json", std::string(kListing).substr(0, 200));
    EXPECT_NE(run({"symbols", "sync", "GATEIO_FUTURES", "cut.json"}).err.find("cut off"), std::string::npos);
    write_file("less.json", R"([{"name":"BTC_USDT","quanto_multiplier":"0.0001","in_delisting":false}])");
    const Outcome less = run({"symbols", "sync", "GATEIO_FUTURES", "less.json"});
    EXPECT_EQ(less.code, 1);
    EXPECT_NE(less.err.find("1 of 2 active symbols"), std::string::npos) << less.err;
    EXPECT_EQ(symbol("ETH_USDT").at("is_active"), true);
    answer({"symbols", "sync", "GATEIO_FUTURES", "less.json", "--allow"});
    EXPECT_EQ(symbol("ETH_USDT").at("is_active"), false);
    EXPECT_EQ(run({"symbols", "sync", "GATEIO_FUTURES", "absent.json"}).code, 4);
    EXPECT_EQ(run({"symbols", "sync", "GATEIO_FUTURES"}).code, 2);
    EXPECT_EQ(run({"symbols", "sync", "GATEIO_FUTURES", "less.json", "more.json"}).code, 2);
}

TEST_F(Symbols, WithoutACommandBelowTheyAreListedAsEver) {
    answer({"symbols", "sync", "GATEIO_FUTURES", "contracts.json"});
    EXPECT_EQ(json::parse(answer({"symbols", "GATEIO_FUTURES", "--json"})).size(), 2U);
    EXPECT_EQ(json::parse(answer({"symbols", "--active", "--json"})).size(), 2U);
    EXPECT_EQ(run({"symbols", "NOBODY_SPOT"}).code, 1);
}

TEST_F(Symbols, ATextIsResolvedOnEveryExchange) {
    import_samples();
    answer({"symbols", "sync", "GATEIO_FUTURES", "contracts.json"});
    const json found = json::parse(answer({"symbols", "resolve", "eth-usdt", "--json"}));
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].at("exchange"), "GATEIO_FUTURES");
    EXPECT_EQ(found[0].at("exchange_symbol"), "ETH_USDT");
    const Outcome none = run({"symbols", "resolve", "DOGE/USDT"});
    EXPECT_EQ(none.code, 1);
    EXPECT_NE(none.err.find("DOGE/USDT"), std::string::npos);
    const Outcome with_exchange = run({"symbols", "resolve", "GATEIO_FUTURES:ETH_USDT"});
    EXPECT_EQ(with_exchange.code, 1);
    EXPECT_NE(with_exchange.err.find("expected a symbol alone"), std::string::npos) << with_exchange.err;
}

TEST_F(Symbols, WhatIsKnownOfOneIsSet) {
    answer({"symbols", "sync", "GATEIO_FUTURES", "contracts.json"});
    const json set = json::parse(answer(
        {"symbols", "set", "GATEIO_FUTURES:btc/usdt", "--tick-size", "0.5", "--base", "XBT", "--inactive", "--json"}));
    EXPECT_EQ(set.at(0).at("tick_size"), 0.5);
    EXPECT_EQ(set.at(0).at("symbol"), "XBT/USDT");
    EXPECT_EQ(set.at(0).at("is_active"), false);
    EXPECT_EQ(symbol("BTC_USDT").at("contract_size"), 0.0001);
    EXPECT_EQ(run({"symbols", "set", "GATEIO_FUTURES:XBT/USDT"}).code, 2);
    EXPECT_EQ(run({"symbols", "set", "GATEIO_FUTURES:*", "--active"}).code, 2);
    const Outcome pair = run({"symbols", "set", "GATEIO_FUTURES:XBT/USDT", "--base", "XBT/USDT"});
    EXPECT_EQ(pair.code, 2);
    EXPECT_NE(pair.err.find("--base XBT/USDT: expected one asset"), std::string::npos) << pair.err;
    EXPECT_EQ(run({"symbols", "set", "GATEIO_FUTURES:XBT/USDT", "--active", "--inactive"}).code, 2);
    EXPECT_EQ(run({"symbols", "set", "GATEIO_FUTURES:XBT/USDT", "--lot-size", "-1"}).code, 1);
    EXPECT_EQ(run({"symbols", "set", "GATEIO_FUTURES:XBT/USDT", "--lot-size", "nan"}).code, 2);
    EXPECT_EQ(symbol("BTC_USDT").at("lot_size"), 1);
}

TEST_F(Symbols, AMergeShowsItsTargetNeedsYesAndCounts) {
    import_samples();
    const json trades = json::parse(answer({"history", "trades", "--json"}));
    const std::string exchange = trades.at(0).at("exchange");
    const std::string from = exchange + ":" + trades.at(0).at("symbol").get<std::string>();
    write_file("other.jsonl", R"({"exchange":")" + exchange +
                                  R"(","symbol":"OTHER/USDT","exchange_symbol":"OTHERUSDT",)"
                                  R"("timestamp":"2024-08-08T00:00:00Z","price":1,"quantity":1,"trade_id":"1"})"
                                  "\n");
    answer({"import", "--layout", "marketdb-jsonl", "--dataset", "trades", "other.jsonl"});
    EXPECT_EQ(run({"symbols", "merge", from, from}).code, 2);
    const Outcome asked = run({"symbols", "merge", exchange + ":OTHERUSDT", from});
    EXPECT_EQ(asked.code, 2);
    EXPECT_EQ(asked.out.rfind("would move from " + exchange + ":OTHER/USDT (OTHERUSDT) to " + from, 0), 0U)
        << asked.out;
    EXPECT_NE(asked.err.find("add --yes"), std::string::npos) << asked.err;
    EXPECT_EQ(json::parse(answer({"history", "trades", "--json"})).size(), trades.size() + 1);

    answer({"coverage", "declare", "trades", exchange + ":OTHERUSDT", "--from", "2024-08-08", "--to", "2024-08-09"});
    const Outcome merged = run({"symbols", "merge", exchange + ":OTHERUSDT", from, "--yes", "--json"});
    EXPECT_EQ(merged.code, 0) << merged.err;
    EXPECT_NE(merged.err.find("coverage declare"), std::string::npos) << merged.err;
    const json moved = json::parse(merged.out);
    EXPECT_EQ(moved.at(1), json::parse(R"({"dataset":"trades","rows":1,"inserted":1,"updated":0,"unchanged":0})"));
    EXPECT_EQ(symbol("OTHERUSDT").at("is_active"), false);
    EXPECT_EQ(json::parse(answer({"history", "trades", from, "--json"})).size(), trades.size() + 1);
}

}  // namespace
}  // namespace marketdb::testing
