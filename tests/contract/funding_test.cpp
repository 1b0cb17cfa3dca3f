#include <fmt/format.h>

#include "engine_fixture.hpp"

namespace marketdb::testing {
namespace {

class FundingContract : public EngineTest {
 public:
    /// The perpetual of a pair on a futures exchange.
    SymbolId perpetual(std::string_view exchange, std::string_view base = "BTC", std::string_view quote = "USDT") {
        return make_symbol(base, quote, exchange).id;
    }

    /// `BETA_FUTURES BTC/USDT predicted 0.0002 next +1000ms age 5s`, with `annualised 0.219` where it is known.
    Lines lines_of_funding(const std::vector<LatestFunding>& all) {
        Lines lines;
        for (const LatestFunding& one : all) {
            std::string line = fmt::format(
                "{} {} {:g} next {} age {}s", name(one.rate.symbol_id), to_string(one.rate.kind), one.rate.funding_rate,
                text_of(one.next_settlement), std::chrono::duration_cast<std::chrono::seconds>(one.age).count());
            if (is_present(one.annualised)) line += fmt::format(" annualised {:.6}", one.annualised);
            lines.push_back(line);
        }
        return lines;
    }

    Lines lines_of_basis(const std::vector<Basis>& all) {
        Lines lines;
        for (const Basis& one : all) {
            lines.push_back(fmt::format("{} {} beside {} {}: {} bps", name(one.perpetual), text_of(one.perpetual_mid),
                                        name(one.spot), text_of(one.spot_mid), text_of(one.basis_bps)));
        }
        return lines;
    }

 private:
    std::string name(SymbolId id) {
        const Symbol* symbol = db().find_symbol(id);
        return db().find_exchange(symbol->exchange_id)->enum_value.str() + " " + pair(*symbol);
    }
};
INSTANTIATE_TEST_SUITE_P(On, FundingContract, ::testing::ValuesIn(all_engines()), engine_name);

FundingRate every(FundingRate rate, std::int32_t minutes) {
    rate.interval_minutes = minutes;
    return rate;
}

LatestFilter of_base(std::string_view base) {
    LatestFilter filter;
    filter.series.base = base;
    return filter;
}

HistoryFilter history_of_base(std::string_view base) {
    HistoryFilter filter;
    filter.series.base = base;
    return filter;
}

TEST_P(FundingContract, TheNewestRateOfEachExchangeOfOneBase) {
    const SymbolId alpha = perpetual("ALPHA_FUTURES");
    const SymbolId beta = perpetual("BETA_FUTURES");
    const SymbolId other = perpetual("BETA_FUTURES", "ETH");
    store({with_settlement(funding(alpha, kNoon - 9s, 0.0003)), with_settlement(funding(alpha, kNoon - 7s, 0.0001)),
           with_settlement(funding(beta, kNoon - 5s, -0.0002)), with_settlement(funding(other, kNoon - 1s, 0.0004))});
    EXPECT_EQ(lines_of_funding(wait(get_latest_funding(db(), of_base("BTC")))),
              (Lines{"BETA_FUTURES BTC/USDT predicted -0.0002 next +28795000ms age 5s",
                     "ALPHA_FUTURES BTC/USDT predicted 0.0001 next +28793000ms age 7s"}));
    LatestFilter fresh = of_base("btc");
    fresh.max_age = 6s;
    EXPECT_EQ(lines_of_funding(wait(get_latest_funding(db(), fresh))).size(), 1U);
}

TEST_P(FundingContract, RatesAreAnnualisedByTheirOwnInterval) {
    const SymbolId alpha = perpetual("ALPHA_FUTURES");
    const SymbolId beta = perpetual("BETA_FUTURES");
    const SymbolId gamma = perpetual("GAMMA_FUTURES");
    store({every(with_settlement(funding(alpha, kNoon - 1s, 0.0001)), 480),
           every(with_settlement(funding(beta, kNoon - 2s, 0.0001)), 60),
           with_settlement(funding(gamma, kNoon - 3s, 0.0001))});
    EXPECT_EQ(lines_of_funding(wait(get_latest_funding(db(), of_base("BTC")))),
              (Lines{"ALPHA_FUTURES BTC/USDT predicted 0.0001 next +28799000ms age 1s annualised 0.1095",
                     "BETA_FUTURES BTC/USDT predicted 0.0001 next +28798000ms age 2s annualised 0.876",
                     "GAMMA_FUTURES BTC/USDT predicted 0.0001 next +28797000ms age 3s"}));
}

TEST_P(FundingContract, AnIntervalThatNoRowStatesIsShownByTheSettlementBefore) {
    const SymbolId alpha = perpetual("ALPHA_FUTURES");
    const SymbolId beta = perpetual("BETA_FUTURES");
    const SymbolId gamma = perpetual("GAMMA_FUTURES");
    const auto announced = [](SymbolId symbol, std::chrono::minutes before, Timestamp settlement) {
        FundingRate rate = funding(symbol, kNoon - before, 0.0001);
        rate.funding_time = settlement;
        return rate;
    };
    // A row a minute old of each; rows from just before each settlement that there was.
    store({announced(alpha, 1min, kNoon + 3h), announced(alpha, 5h + 2min, kNoon - 5h),  // every eight hours, and
           announced(alpha, 4h + 2min, kNoon + 3h), announced(alpha, 2h, kNoon + 3h),    // seen in between
           announced(beta, 2min, kNoon), announced(beta, 1h + 1min, kNoon - 1h),         // every hour
           announced(gamma, 3min, kNoon), announced(gamma, 9h, kNoon - 8h)});            // rows are missing in between
    const std::vector<LatestFunding> latest = wait(get_latest_funding(db(), of_base("BTC")));
    ASSERT_EQ(latest.size(), 3U);
    EXPECT_EQ(latest[0].interval_minutes, 480);
    EXPECT_DOUBLE_EQ(latest[0].annualised, 0.1095);
    EXPECT_EQ(latest[1].interval_minutes, 60);
    EXPECT_DOUBLE_EQ(latest[1].annualised, 0.876);
    EXPECT_EQ(latest[2].interval_minutes, 0) << "the settlement of an hour ago may be one that nobody saw";
    EXPECT_FALSE(is_present(latest[2].annualised));
}

TEST_P(FundingContract, AfterASettlementTheNextOneIsAnIntervalLater) {
    const SymbolId alpha = perpetual("ALPHA_FUTURES");
    const SymbolId beta = perpetual("BETA_FUTURES");
    store({every(with_settlement(funding(alpha, kNoon - 1s, 0.0001, FundingKind::settled)), 480),
           with_settlement(funding(beta, kNoon - 2s, 0.0001, FundingKind::settled))});
    EXPECT_EQ(lines_of_funding(wait(get_latest_funding(db(), of_base("BTC")))),
              (Lines{"ALPHA_FUTURES BTC/USDT settled 0.0001 next +28799000ms age 1s annualised 0.1095",
                     "BETA_FUTURES BTC/USDT settled 0.0001 next - age 2s"}));
}

TEST_P(FundingContract, TheSettledHistoryLeavesOutPredictedRates) {
    const SymbolId alpha = perpetual("ALPHA_FUTURES");
    const SymbolId beta = perpetual("BETA_FUTURES");
    std::vector<FundingRate> rows;
    for (int i = 1; i <= 4; ++i) {
        const Timestamp at = kNoon - i * 8h;
        rows.push_back(with_settlement(funding(alpha, at, i * 0.0001, FundingKind::settled)));
        rows.push_back(with_settlement(funding(alpha, at + 1min, 0.0009)));
    }
    rows.push_back(with_settlement(funding(beta, kNoon - 12h, 0.0005, FundingKind::settled)));
    store(rows);
    const auto shown = [&](const HistoryFilter& filter) {
        Lines lines;
        for (const FundingRate& rate : wait(get_settled_funding(db(), filter)).rows) {
            lines.push_back(fmt::format("{} {:g}", text_of(rate.timestamp), rate.funding_rate));
        }
        return lines;
    };
    EXPECT_EQ(shown(history_of_base("BTC")), (Lines{"-115200000ms 0.0004", "-86400000ms 0.0003", "-57600000ms 0.0002",
                                                    "-43200000ms 0.0005", "-28800000ms 0.0001"}));
    HistoryFilter part = history_of_base("BTC");
    part.start = kNoon - 16h;
    part.end = kNoon - 8h;
    EXPECT_EQ(shown(part), (Lines{"-57600000ms 0.0002", "-43200000ms 0.0005"}));
    HistoryFilter newest = history_of_base("BTC");
    newest.order = Order::descending;
    newest.limit = 2;
    EXPECT_EQ(shown(newest), (Lines{"-28800000ms 0.0001", "-43200000ms 0.0005"}));
    EXPECT_TRUE(wait(get_settled_funding(db(), newest)).truncated);
    newest.limit = 5;
    EXPECT_EQ(shown(newest).size(), 5U);
    EXPECT_FALSE(wait(get_settled_funding(db(), newest)).truncated);
}

TEST_P(FundingContract, AReaderGivesTheSettledRatesInBatches) {
    const SymbolId alpha = perpetual("ALPHA_FUTURES");
    std::vector<FundingRate> rows;
    for (int i = 1; i <= 10; ++i) {
        rows.push_back(with_settlement(funding(alpha, kNoon + i * 1min, 0.0009)));
        if (i % 3 == 0) {
            rows.push_back(with_settlement(funding(alpha, kNoon + i * 1min, i * 0.0001, FundingKind::settled)));
        }
    }
    store(rows);
    SettledFundingReader reader = read_settled_funding(db(), history_of_base("BTC"));
    std::vector<FundingRate> read;
    for (bool is_last = false; !is_last;) {
        const std::vector<FundingRate> batch = wait(reader.next(2));
        EXPECT_LE(batch.size(), 2U);
        read.insert(read.end(), batch.begin(), batch.end());
        is_last = batch.empty();
    }
    ASSERT_EQ(read.size(), 3U) << "batches without any are read over";
    for (std::size_t i = 0; i < read.size(); ++i) {
        EXPECT_EQ(read[i].timestamp, kNoon + 3min * (static_cast<int>(i) + 1));
        EXPECT_EQ(read[i].kind, FundingKind::settled);
    }
    EXPECT_TRUE(wait(reader.next()).empty());
    HistoryFilter limited = history_of_base("BTC");
    limited.limit = 1;
    expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(read_settled_funding(db(), limited)); },
                 {"limit"});
    expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(reader.next(0)); }, {"max_rows"});
}

TEST_P(FundingContract, TheBasisIsOfThePerpetualRelativeToSpot) {
    const SymbolId spot = make_symbol().id;
    const SymbolId alpha = perpetual("ALPHA_FUTURES");
    const SymbolId beta = perpetual("BETA_FUTURES");
    store({quote(spot, kNoon - 2s, 99, 101), quote(alpha, kNoon - 1s, 101, 103), quote(beta, kNoon - 3s, 98, 101)});
    const std::vector<Basis> pairs = wait(get_basis(db(), of_base("BTC")));
    EXPECT_EQ(lines_of_basis(pairs), (Lines{"ALPHA_FUTURES BTC/USDT 102 beside ALPHA_SPOT BTC/USDT 100: 200 bps",
                                            "BETA_FUTURES BTC/USDT 99.5 beside ALPHA_SPOT BTC/USDT 100: -50 bps"}));
    EXPECT_EQ(pairs.at(1).spot_age, 2s);
    EXPECT_EQ(pairs.at(1).perpetual_age, 3s);
    LatestFilter fresh = of_base("BTC");
    fresh.max_age = 2500ms;
    EXPECT_EQ(wait(get_basis(db(), fresh)).size(), 1U) << "the older quote and its pair are left out";
}

TEST_P(FundingContract, TheBasisIsOfOnePairAndOfOneQuoteAsset) {
    const SymbolId spot = make_symbol("BTC", "USDT").id;
    const SymbolId dollars = make_symbol("BTC", "USD").id;
    const SymbolId other = make_symbol("ETH", "USDT").id;
    const SymbolId alpha = perpetual("ALPHA_FUTURES", "BTC", "USDT");
    store({quote(spot, kNoon, 100, 100), quote(dollars, kNoon, 200, 200), quote(other, kNoon, 300, 300),
           quote(alpha, kNoon, 101, 101)});
    EXPECT_EQ(lines_of_basis(wait(get_basis(db()))),
              (Lines{"ALPHA_FUTURES BTC/USDT 101 beside ALPHA_SPOT BTC/USDT 100: 100 bps"}));
    EXPECT_EQ(wait(get_basis(db(), of_base("ETH"))).size(), 0U);
}

TEST_P(FundingContract, QuotesThatAreMoreThanAMinuteApartHaveNoBasis) {
    const SymbolId spot = make_symbol().id;
    const SymbolId alpha = perpetual("ALPHA_FUTURES");
    const SymbolId beta = perpetual("BETA_FUTURES");
    store({quote(spot, kNoon - 2h, 99, 101), quote(alpha, kNoon - 2h + 60s, 101, 103),
           quote(beta, kNoon - 2h - 61s, 101, 103)});
    EXPECT_EQ(lines_of_basis(wait(get_basis(db(), of_base("BTC")))),
              (Lines{"ALPHA_FUTURES BTC/USDT 102 beside ALPHA_SPOT BTC/USDT 100: 200 bps",
                     "BETA_FUTURES BTC/USDT 102 beside ALPHA_SPOT BTC/USDT 100: - bps"}));
}

TEST_P(FundingContract, AQuoteWithoutASideHasNoBasis) {
    const SymbolId spot = make_symbol().id;
    const SymbolId alpha = perpetual("ALPHA_FUTURES");
    BookTicker half = quote(alpha, kNoon, 101, 103);
    half.ask_price = kNoNumber;
    half.ask_qty = kNoNumber;
    store({quote(spot, kNoon, 99, 101), half});
    EXPECT_EQ(lines_of_basis(wait(get_basis(db(), of_base("BTC")))),
              (Lines{"ALPHA_FUTURES BTC/USDT - beside ALPHA_SPOT BTC/USDT 100: - bps"}));
}

TEST_P(FundingContract, WhatMakesNoSenseOrDoesNotExistIsRefused) {
    static_cast<void>(make_symbol());
    expect_error(ErrorCode::unknown_symbol, [&] { wait(get_latest_funding(db(), of_base("DOGE"))); }, {"DOGE"});
    expect_error(ErrorCode::unknown_symbol, [&] { wait(get_settled_funding(db(), history_of_base("DOGE"))); },
                 {"DOGE"});
    expect_error(ErrorCode::unknown_symbol, [&] { wait(get_basis(db(), of_base("DOGE"))); }, {"DOGE"});
    LatestFilter nowhere = of_base("BTC");
    nowhere.series.exchange = "NOBODY_SPOT";
    expect_error(ErrorCode::unknown_exchange, [&] { wait(get_basis(db(), nowhere)); }, {"NOBODY_SPOT"});
    LatestFilter cut = of_base("BTC");
    cut.limit = 1;
    expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(get_basis(db(), cut)); }, {"limit"});
    HistoryFilter sampled = history_of_base("BTC");
    sampled.every = 1h;
    expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(get_settled_funding(db(), sampled)); },
                 {"every"});
    HistoryFilter reversed = history_of_base("BTC");
    reversed.start = kNoon;
    reversed.end = kNoon - 1s;
    expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(get_settled_funding(db(), reversed)); },
                 {"end lies before start"});
    EXPECT_TRUE(wait(get_latest_funding(db(), of_base("BTC"))).empty()) << "known, but without a rate";
}

}  // namespace
}  // namespace marketdb::testing
