#include <cmath>

#include "alignment_fixture.hpp"

/// What selling on one series and buying on another brings.
namespace marketdb::testing {
namespace {

class Spreads : public AlignmentTest {
 public:
    SymbolId first() { return make_symbol("BTC", "USDT", "ALPHA_SPOT").id; }
    SymbolId second() { return make_symbol("BTC", "USDT", "BETA_FUTURES").id; }

    [[nodiscard]] SpreadOptions each_second(std::vector<SymbolId> series, Timestamp from, Timestamp to) const {
        SpreadOptions options;
        options.alignment = grid(std::move(series), 1s, from, to);
        return options;
    }
    SpreadReport measured(SpreadOptions options) { return wait(get_spreads(db(), std::move(options))); }

    /// Selling on `a` and buying on `b` brings 10, 20, 30, 40 and 50 basis points, one after the other each second from noon on.
    void store_ten_to_fifty(SymbolId a, SymbolId b) {
        store(tick(b, kNoon, 9900, 10000));
        for (int i = 0; i < 5; ++i) store(tick(a, kNoon + i * 1s, 10010 + i * 10, 10100));
    }
};
INSTANTIATE_TEST_SUITE_P(On, Spreads, ::testing::ValuesIn(all_engines()), engine_name);

TEST_P(Spreads, EveryOrderedPairIsMeasuredInTheOrderOfTheSeries) {
    const SymbolId a = first();
    const SymbolId b = second();
    const SymbolId c = make_symbol("BTC", "USD", "GAMMA_SPOT").id;
    store({tick(a, kNoon, 100, 101), tick(b, kNoon, 102, 104), tick(c, kNoon, 99, 100)});
    const SpreadReport report = measured(each_second({a, b, c}, kNoon, kNoon));
    EXPECT_EQ(report.instants, 1U);
    EXPECT_EQ(report.first, kNoon);
    EXPECT_EQ(report.last, kNoon);
    ASSERT_EQ(report.pairs.size(), 6U);
    struct Case {
        SymbolId sell, buy;
        double bps;
    };
    const std::vector<Case> cases{{a, b, -384.615385}, {a, c, 0},           {b, a, 99.009901},
                                  {b, c, 200},         {c, a, -198.019802}, {c, b, -480.769231}};
    for (std::size_t i = 0; i < cases.size(); ++i) {
        EXPECT_EQ(report.pairs[i].sell, cases[i].sell) << i;
        EXPECT_EQ(report.pairs[i].buy, cases[i].buy) << i;
        EXPECT_EQ(report.pairs[i].samples, 1U) << i;
        EXPECT_NEAR(report.pairs[i].mean_bps, cases[i].bps, 5e-7) << i;
        EXPECT_FALSE(is_present(report.pairs[i].std_bps)) << "one sample has no deviation";
    }
}

TEST_P(Spreads, TenToFiftyBasisPoints) {
    const SymbolId a = first();
    const SymbolId b = second();
    store_ten_to_fifty(a, b);
    SpreadOptions options = each_second({a, b}, kNoon, kNoon + 4s);
    options.threshold_bps = 30;
    const SpreadStats stats = measured(options).pairs.at(0);
    EXPECT_EQ(stats.samples, 5U);
    EXPECT_EQ(stats.missing, 0U);
    EXPECT_NEAR(stats.mean_bps, 30, 1e-9);
    EXPECT_NEAR(stats.std_bps, 15.811388300841896, 1e-9);
    EXPECT_NEAR(stats.min_bps, 10, 1e-9);
    EXPECT_NEAR(stats.max_bps, 50, 1e-9);
    EXPECT_NEAR(stats.p1_bps, 10.4, 1e-9);
    EXPECT_NEAR(stats.p5_bps, 12, 1e-9);
    EXPECT_NEAR(stats.p25_bps, 20, 1e-9);
    EXPECT_NEAR(stats.p50_bps, 30, 1e-9);
    EXPECT_NEAR(stats.p75_bps, 40, 1e-9);
    EXPECT_NEAR(stats.p95_bps, 48, 1e-9);
    EXPECT_NEAR(stats.p99_bps, 49.6, 1e-9);
    EXPECT_EQ(stats.above, 2U) << "30 is not above 30";
    EXPECT_EQ(stats.share_above, 0.4);
    EXPECT_EQ(stats.time_share_above, 0.4);
}

TEST_P(Spreads, FeesOfBothSeriesAreTakenOff) {
    const SymbolId a = first();
    const SymbolId b = second();
    store_ten_to_fifty(a, b);
    SpreadOptions options = each_second({a, b}, kNoon, kNoon + 4s);
    options.fees_bps = {7.5, -2.5};
    const SpreadStats stats = measured(options).pairs.at(0);
    EXPECT_NEAR(stats.mean_bps, 25, 1e-9);
    EXPECT_NEAR(stats.min_bps, 5, 1e-9);
    options.fees_bps = {30, 0.25};
    EXPECT_EQ(measured(options).pairs.at(0).above, 2U);
}

TEST_P(Spreads, InstantsWithoutASideAreMissing) {
    const SymbolId a = first();
    const SymbolId b = second();
    BookTicker only_bid = tick(b, kNoon + 2s, 100, 200);
    only_bid.ask_price = kNoNumber;
    only_bid.ask_qty = kNoNumber;
    store({tick(a, kNoon, 100, 101), tick(b, kNoon + 1s, 100, 100), only_bid});
    const SpreadReport report = measured(each_second({a, b}, kNoon, kNoon + 4s));
    EXPECT_EQ(report.pairs.at(0).samples, 1U) << "the ask of the second is there for a second";
    EXPECT_EQ(report.pairs.at(0).missing, 4U);
    EXPECT_EQ(report.pairs.at(1).samples, 4U) << "its bid from then on";
    EXPECT_EQ(report.pairs.at(1).missing, 1U);
}

TEST_P(Spreads, WithoutASampleEveryNumberIsAbsent) {
    const SymbolId a = first();
    const SymbolId b = second();
    store(tick(a, kNoon, 100, 101));
    const SpreadStats stats = measured(each_second({a, b}, kNoon, kNoon + 1s)).pairs.at(0);
    EXPECT_EQ(stats.samples, 0U);
    EXPECT_EQ(stats.missing, 2U);
    for (const double number : {stats.mean_bps, stats.std_bps, stats.min_bps, stats.max_bps, stats.p50_bps,
                                stats.share_above, stats.time_share_above, stats.mean_fillable}) {
        EXPECT_FALSE(is_present(number));
    }
    SpreadOptions without_range = each_second({a, b}, kNoTime, kNoTime);
    const SpreadReport nothing = measured(without_range);
    EXPECT_EQ(nothing.instants, 0U);
    EXPECT_FALSE(is_present(nothing.first));
    EXPECT_EQ(nothing.pairs.at(1).missing, 0U);
}

TEST_P(Spreads, TheShareByTimeWeighsWhatStoodLonger) {
    const SymbolId a = first();
    const SymbolId b = second();
    store({tick(b, kNoon, 9900, 10000), tick(a, kNoon, 9990, 10100), tick(a, kNoon + 1s, 10010, 10100),
           tick(a, kNoon + 4s, 9990, 10100), tick(a, kNoon + 10s, 10010, 10100)});
    SpreadOptions options;
    options.alignment = aligned({a, b});
    options.alignment.at_each_change = true;
    const SpreadStats stats = measured(options).pairs.at(0);
    EXPECT_EQ(stats.samples, 4U);
    EXPECT_EQ(stats.share_above, 0.5);
    EXPECT_EQ(stats.time_share_above, 0.3) << "3 of 10 seconds; the last change stands for no time";
}

TEST_P(Spreads, StretchesOfTimeHaveTheirMeans) {
    const SymbolId a = first();
    const SymbolId b = second();
    store_ten_to_fifty(a, b);
    SpreadOptions options = each_second({a, b}, kNoon - 5s, kNoon + 4s);
    options.stretches = 5;
    const std::vector<double> means = measured(options).pairs.at(0).means_bps;
    ASSERT_EQ(means.size(), 5U);
    EXPECT_FALSE(is_present(means[0]));
    EXPECT_FALSE(is_present(means[1]));
    EXPECT_NEAR(means[2], 10, 1e-9);
    EXPECT_NEAR(means[3], 25, 1e-9);
    EXPECT_NEAR(means[4], 45, 1e-9);
    options.stretches = 0;
    EXPECT_TRUE(measured(options).pairs.at(0).means_bps.empty());
}

TEST_P(Spreads, TheFillableSizeIsTheSmallerOneInUnitsOfTheBaseAsset) {
    const SymbolId a = first();
    const SymbolId b = second();
    BookTicker bid = tick(a, kNoon, 101, 102);
    bid.bid_qty = 0.75;
    BookTicker more = tick(a, kNoon + 1s, 99, 102);
    more.bid_qty = 8;
    BookTicker ask = tick(b, kNoon, 90, 100);
    ask.ask_qty = 2.5;
    store({bid, more, ask});
    const SpreadStats stats = measured(each_second({a, b}, kNoon, kNoon + 1s)).pairs.at(0);
    EXPECT_EQ(stats.mean_fillable, 1.625);
    EXPECT_EQ(stats.mean_fillable_above, 0.75) << "only the first is above 0";
}

TEST_P(Spreads, SizesInContractsAreConverted) {
    Symbol linear;
    linear.exchange_id = make_exchange("BETA_FUTURES").id;
    linear.symbol_base = "BTC";
    linear.symbol_quote = "USDT";
    linear.exchange_symbol = "BTC_USDT";
    linear.quantity_unit = QuantityUnit::contracts;
    linear.contract_size = 0.0001;
    Symbol inverse = linear;
    inverse.symbol_quote = "USD";
    inverse.exchange_symbol = "BTCUSD_PERP";
    inverse.contract_type = ContractType::inverse;
    inverse.contract_size = 100;
    Symbol unsaid = linear;
    unsaid.exchange_id = make_exchange("GAMMA_FUTURES").id;
    unsaid.contract_size = kNoNumber;
    const SymbolId spot = first();
    std::vector<SymbolId> series{spot};
    for (const Symbol& symbol : {linear, inverse, unsaid}) series.push_back(wait(db().ensure_symbol(symbol)).id);
    BookTicker base = tick(spot, kNoon, 50000, 50000);
    base.bid_qty = 3;
    std::vector<BookTicker> rows{base};
    for (std::size_t i = 1; i < series.size(); ++i) {
        BookTicker row = tick(series[i], kNoon, 40000, 50000);
        row.ask_qty = 5000;
        rows.push_back(row);
    }
    store(rows);
    const SpreadReport report = measured(each_second(series, kNoon, kNoon));
    EXPECT_EQ(report.pairs.at(0).mean_fillable, 0.5) << "5,000 contracts of 0.0001 BTC";
    EXPECT_EQ(report.pairs.at(1).mean_fillable, 3)
        << "5,000 contracts of 100 USD at 50,000 are 10 BTC, of which 3 are bid";
    EXPECT_FALSE(is_present(report.pairs.at(2).mean_fillable)) << "nobody knows how much a contract is";
    EXPECT_EQ(report.pairs.at(2).samples, 1U);
}

TEST_P(Spreads, WhatMakesNoSenseIsRefusedAtTheCall) {
    const SymbolId a = first();
    const SymbolId b = second();
    const auto refused = [&](const SpreadOptions& options, std::string_view reason) {
        expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(get_spreads(db(), options)); }, {reason});
    };
    refused(each_second({a}, kNoon, kNoon), "series: expected two or more");
    refused(each_second({a, a}, kNoon, kNoon), "is there twice");
    refused(each_second({a, b}, kNoon, kNoon - 1s), "end lies before start");
    SpreadOptions options = each_second({a, b}, kNoon, kNoon);
    options.fees_bps = {1};
    refused(options, "fees_bps: expected one for each series, or none");
    options.fees_bps = {1, kNoNumber};
    refused(options, "fees_bps: expected finite numbers");
    options = each_second({a, b}, kNoon, kNoon);
    options.threshold_bps = kNoNumber;
    refused(options, "threshold_bps: expected a finite number");
    options = each_second({a, b}, kNoon, kNoon);
    options.stretches = 10'001;
    refused(options, "stretches: expected 0 to 10000");
    options = each_second({a, b}, kNoon, kNoon);
    options.alignment.tolerance = -1s;
    refused(options, "tolerance");
    expect_error(ErrorCode::unknown_symbol,
                 [&] {
                     measured(each_second({a, SymbolId{4711}}, kNoon, kNoon));
                 },
                 {"4711"});
}

// --- now ---------------------------------------------------------------------------------------------------------------

class LiveSpreads : public AlignmentTest {
 public:
    /// `BETA_SPOT:BTC/USDT to ALPHA_SPOT:BTC/USDT 100` of each: where to sell and to buy, and the basis points, rounded.
    Lines live(LiveSpreadOptions options) {
        Lines lines;
        for (const LiveSpread& one : wait(get_live_spreads(db(), options))) {
            lines.push_back(name(one.sell) + " to " + name(one.buy) + " " + text_of(std::round(one.bps)));
        }
        return lines;
    }

 private:
    std::string name(SymbolId id) {
        const Symbol symbol = *wait(db().get_symbol_by_id(id));
        return wait(db().get_exchange_by_id(symbol.exchange_id))->enum_value.str() + ":" + pair(symbol);
    }
};
INSTANTIATE_TEST_SUITE_P(On, LiveSpreads, ::testing::ValuesIn(all_engines()), engine_name);

TEST_P(LiveSpreads, AreBetweenTheNewestQuotesOfOnePairOnDifferentExchanges) {
    const SymbolId a = make_symbol("BTC", "USDT", "ALPHA_SPOT").id;
    const SymbolId b = make_symbol("BTC", "USDT", "BETA_SPOT").id;
    const SymbolId other_quote = make_symbol("BTC", "USD", "BETA_SPOT").id;
    const SymbolId other_base = make_symbol("ETH", "USDT", "BETA_SPOT").id;
    store({tick(a, kNoon - 2s, 1, 2), tick(a, kNoon - 1s, 10000, 10100), tick(b, kNoon - 1s, 10201, 10202),
           tick(other_quote, kNoon - 1s, 90000, 90000), tick(other_base, kNoon - 1s, 90000, 90000)});
    LiveSpreadOptions options;
    EXPECT_EQ(live(options), (Lines{"BETA_SPOT:BTC/USDT to ALPHA_SPOT:BTC/USDT 100"}));
    options.min_bps = 100.5;
    EXPECT_EQ(live(options), Lines{});
    options.min_bps = -1000;
    EXPECT_EQ(live(options), (Lines{"BETA_SPOT:BTC/USDT to ALPHA_SPOT:BTC/USDT 100",
                                    "ALPHA_SPOT:BTC/USDT to BETA_SPOT:BTC/USDT -198"}));
    const LiveSpread best = wait(get_live_spreads(db(), options)).at(0);
    EXPECT_EQ(best.bid_price, 10201);
    EXPECT_EQ(best.ask_price, 10100);
    EXPECT_EQ(best.fillable, 1);
    EXPECT_EQ(best.sell_age, 1s);
    options.series.exchange = "ALPHA_SPOT";
    EXPECT_EQ(live(options), Lines{});
}

TEST_P(LiveSpreads, AnOldQuoteIsNoQuote) {
    const SymbolId a = make_symbol("BTC", "USDT", "ALPHA_SPOT").id;
    const SymbolId b = make_symbol("BTC", "USDT", "BETA_SPOT").id;
    store({tick(a, kNoon - 11s, 10000, 10100), tick(b, kNoon, 10201, 10202)});
    LiveSpreadOptions options;
    EXPECT_EQ(live(options), Lines{}) << "10 s unless asked otherwise";
    options.max_age = 11s;
    EXPECT_EQ(live(options), (Lines{"BETA_SPOT:BTC/USDT to ALPHA_SPOT:BTC/USDT 100"}));
    clock().walk(1s);
    EXPECT_EQ(live(options), Lines{});
}

TEST_P(LiveSpreads, WhatMakesNoSenseIsRefusedAtTheCall) {
    LiveSpreadOptions options;
    options.max_age = 0s;
    expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(get_live_spreads(db(), options)); },
                 {"max_age: expected a positive length of time"});
    options = {};
    options.min_bps = kNoNumber;
    expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(get_live_spreads(db(), options)); },
                 {"min_bps: expected a finite number"});
    options = {};
    options.series.exchange = "NOBODY_SPOT";
    expect_error(ErrorCode::unknown_exchange, [&] { wait(get_live_spreads(db(), options)); });
}

}  // namespace
}  // namespace marketdb::testing
