#include "engine_fixture.hpp"
#include "support/child_process.hpp"

namespace marketdb::testing {
namespace {

MARKETDB_CONTRACT_SUITE(LatestContract);
MARKETDB_SHARED_CONTRACT_SUITE(LatestOfOthers);

TEST_P(LatestContract, AWriteIsVisibleToTheNextRead) {
    const SymbolId symbol = make_symbol().id;
    EXPECT_TRUE(wait(db().get_latest_book_tickers()).empty());
    store(quote(symbol, kNoon, 1, 2));
    EXPECT_EQ(lines_of(wait(db().get_latest_book_tickers())), (Lines{"+0ms #0 bid 1x1 ask 2x2"}));
    store(quote(symbol, kNoon + 1s, 3, 4));
    EXPECT_EQ(lines_of(wait(db().get_latest_book_tickers())), (Lines{"+1000ms #0 bid 3x1 ask 4x2"}));
    ASSERT_TRUE(db().find_latest_book_ticker(symbol).has_value());
    EXPECT_EQ(text_of(db().find_latest_book_ticker(symbol)->row), "+1000ms #0 bid 3x1 ask 4x2");
}

TEST_P(LatestContract, TheNewestIsTheGreatestTimestampThenTheGreatestSequence) {
    const SymbolId symbol = make_symbol().id;
    store({quote(symbol, kNoon, 3, 4, 2), quote(symbol, kNoon, 1, 2, 1)});
    EXPECT_EQ(lines_of(wait(db().get_latest_book_tickers())), (Lines{"+0ms #2 bid 3x1 ask 4x2"}));
    store(quote(symbol, kNoon - 1s, 5, 6, 9));
    EXPECT_EQ(lines_of(wait(db().get_latest_book_tickers())), (Lines{"+0ms #2 bid 3x1 ask 4x2"}))
        << "an older row that is written later is not the newest";
    store(quote(symbol, kNoon, 3.5, 4, 2));
    EXPECT_EQ(lines_of(wait(db().get_latest_book_tickers())), (Lines{"+0ms #2 bid 3.5x1 ask 4x2"}))
        << "a correction of the newest is seen";
}

TEST_P(LatestContract, MemoryHoldsTheMergedRowAndNotWhatWasSent) {
    const SymbolId symbol = make_symbol().id;
    BookTicker row = quote(symbol, kNoon, 1, 2);
    row.received_at = kNoon + 5ms;
    store(row);
    store(quote(symbol, kNoon, 1, 3));
    EXPECT_EQ(text_of(db().find_latest_book_ticker(symbol)->row), kept({"+0ms #0 bid 1x1 ask 3x2 rx +5ms"}).at(0));
}

TEST_P(LatestContract, AnEntryIsServedFor30SecondsAndNotAtTheInstantOfExpiry) {
    const SymbolId symbol = make_symbol().id;
    store(quote(symbol, kNoon, 1, 2));
    ASSERT_TRUE(db().find_latest_book_ticker(symbol).has_value());
    clock().walk(29'900ms);
    EXPECT_TRUE(db().find_latest_book_ticker(symbol).has_value());
    clock().walk(100ms);
    EXPECT_FALSE(db().find_latest_book_ticker(symbol).has_value()) << "30.0 s is stale already";
    clock().walk(100ms);
    EXPECT_FALSE(db().find_latest_book_ticker(symbol).has_value());
    EXPECT_EQ(lines_of(wait(db().get_latest_book_tickers())), (Lines{"+0ms #0 bid 1x1 ask 2x2"})) << "asked for again";
    EXPECT_TRUE(db().find_latest_book_ticker(symbol).has_value()) << "and learned again";
}

TEST_P(LatestContract, TheLifetimeDoesNotDependOnTheWallClock) {
    const SymbolId symbol = make_symbol().id;
    store(quote(symbol, kNoon, 1, 2));
    clock().jump_wall(std::chrono::hours(24 * 365));
    EXPECT_TRUE(db().find_latest_book_ticker(symbol).has_value());
    clock().jump_wall(-std::chrono::hours(2 * 24 * 365));
    EXPECT_TRUE(db().find_latest_book_ticker(symbol).has_value());
    EXPECT_LT(db().find_latest_book_ticker(symbol)->age.count(), 0) << "clock skew shows as a negative age";
}

TEST_P(LatestContract, ExpiredEntriesLeaveMemoryByThemselves) {
    const SymbolId symbol = make_symbol().id;
    store(quote(symbol, kNoon, 1, 2));
    EXPECT_EQ(db().get_performance_stats().latest_size, 1U);
    EXPECT_TRUE(wait_until([&] {
        // Again and again: the maintenance may have asked for the row in between.
        clock().walk(31s);
        return db().get_performance_stats().latest_size == 0;
    }));
}

TEST_P(LatestContract, AgeIsNowMinusReceivedAtElseMinusTimestamp) {
    const SymbolId with = make_symbol("BTC").id;
    const SymbolId without = make_symbol("ETH").id;
    BookTicker row = quote(with, kNoon, 1, 2);
    row.received_at = kNoon + 250ms;
    store({row, quote(without, kNoon - 1s, 1, 2)});
    clock().walk(2s);
    EXPECT_EQ(db().find_latest_book_ticker(with)->age, 1750ms);
    EXPECT_EQ(db().find_latest_book_ticker(without)->age, 3s);
    const std::vector<Latest<BookTicker>> latest = wait(db().get_latest_book_tickers());
    ASSERT_EQ(latest.size(), 2U);
    EXPECT_EQ(latest[0].age, 1750ms);
    EXPECT_EQ(latest[1].age, 3s);
}

TEST_P(LatestContract, RowsOlderThanMaxAgeAreLeftOut) {
    const SymbolId fresh = make_symbol("BTC").id;
    const SymbolId old = make_symbol("ETH").id;
    store({quote(fresh, kNoon, 1, 2), quote(old, kNoon - 10s, 3, 4)});
    LatestFilter filter;
    filter.max_age = 10s;
    EXPECT_EQ(wait(db().get_latest_book_tickers(filter)).size(), 2U) << "just as old as asked";
    clock().walk(1us);
    EXPECT_EQ(lines_of(wait(db().get_latest_book_tickers(filter))), (Lines{"+0ms #0 bid 1x1 ask 2x2"}));
}

TEST_P(LatestContract, ThereIsNoLimitUnlessAskedAndThenTheNewestComeFirst) {
    std::vector<BookTicker> rows;
    for (int i = 0; i < 40; ++i) {
        rows.push_back(quote(make_symbol("A" + std::to_string(i)).id, kNoon + ((i * 7) % 40) * 1s, 1 + i, 100));
    }
    store(rows);
    EXPECT_EQ(wait(db().get_latest_book_tickers()).size(), 40U);
    LatestFilter filter;
    filter.limit = 3;
    const std::vector<Latest<BookTicker>> newest = wait(db().get_latest_book_tickers(filter));
    ASSERT_EQ(newest.size(), 3U);
    EXPECT_EQ(text_of(newest[0].row.timestamp), "+39000ms");
    EXPECT_EQ(text_of(newest[1].row.timestamp), "+38000ms");
    EXPECT_EQ(text_of(newest[2].row.timestamp), "+37000ms");
}

TEST_P(LatestContract, SeriesCanBeChosen) {
    const SymbolId btc = make_symbol("BTC").id;
    const SymbolId beta = make_symbol("BTC", "USDT", "BETA_FUTURES").id;
    const SymbolId eth = make_symbol("ETH").id;
    make_symbol("SOL");
    store({quote(btc, kNoon, 1, 2), quote(beta, kNoon, 3, 4), quote(eth, kNoon, 5, 6)});
    LatestFilter filter;
    filter.series.base = "BTC";
    EXPECT_EQ(wait(db().get_latest_book_tickers(filter)).size(), 2U) << "latest of one base asset";
    filter.series.exchange = "BETA_FUTURES";
    EXPECT_EQ(wait(db().get_latest_book_tickers(filter)).size(), 1U);
    filter = {};
    filter.series.exchange = "ALPHA_SPOT";
    filter.series.symbol = "SOL/USDT";
    EXPECT_TRUE(wait(db().get_latest_book_tickers(filter)).empty()) << "a series without rows is absent";
}

TEST_P(LatestContract, EveryDatasetHasItsLatest) {
    const Symbol symbol = make_symbol("BTC", "USDT", "ALPHA_FUTURES");
    store({trade(symbol.id, kNoon, "1"), trade(symbol.id, kNoon, "2")});
    store({with_settlement(funding(symbol.id, kNoon, 0.1, FundingKind::settled)),
           with_settlement(funding(symbol.id, kNoon + 1s, 0.2))});
    store({balance(symbol.exchange_id, "USDT", kNoon, 5), balance(symbol.exchange_id, "USDT", kNoon + 1s, 6)});

    EXPECT_EQ(lines_of(wait(db().get_latest_trades())), (Lines{"+0ms #2 id 2 buy 100x1"}));
    EXPECT_EQ(lines_of(wait(db().get_latest_funding_rates())), (Lines{"+1000ms predicted 0.2 for +28801000ms"}))
        << "the kinds together, the newest of either";
    EXPECT_EQ(lines_of(wait(db().get_latest_balances())), (Lines{"+1000ms main USDT 6+0=6"}));
    EXPECT_EQ(text_of(db().find_latest_trade(symbol.id)->row), "+0ms #2 id 2 buy 100x1");
    EXPECT_EQ(text_of(db().find_latest_funding_rate(symbol.id)->row), "+1000ms predicted 0.2 for +28801000ms");
    EXPECT_EQ(text_of(db().find_latest_balance(symbol.exchange_id, "main", "USDT")->row), "+1000ms main USDT 6+0=6");
}

TEST_P(LatestContract, EveryAccountHasItsLatestBalances) {
    const ExchangeId exchange = make_exchange().id;
    Balance hedge = balance(exchange, "USDT", kNoon, 9);
    hedge.account = "hedge";
    store({balance(exchange, "USDT", kNoon, 5), balance(exchange, "USDT", kNoon + 1s, 6), hedge});
    EXPECT_EQ(lines_of(wait(db().get_latest_balances())), (Lines{"+1000ms main USDT 6+0=6", "+0ms hedge USDT 9+0=9"}));
    EXPECT_EQ(text_of(db().find_latest_balance(exchange, "main", "USDT")->row), "+1000ms main USDT 6+0=6");
    EXPECT_EQ(text_of(db().find_latest_balance(exchange, "hedge", "USDT")->row), "+0ms hedge USDT 9+0=9");
    LatestFilter filter;
    filter.series.account = "hedge";
    EXPECT_EQ(wait(db().get_latest_balances(filter)).size(), 1U);
}

TEST_P(LatestContract, MemoryDoesNotKnowWhatNobodyReadOrWrote) {
    const SymbolId symbol = make_symbol().id;
    EXPECT_FALSE(db().find_latest_book_ticker(symbol).has_value());
    EXPECT_FALSE(db().find_latest_trade(SymbolId{999}).has_value());
    EXPECT_FALSE(db().find_latest_funding_rate(SymbolId{-1}).has_value());
    EXPECT_FALSE(db().find_latest_balance(ExchangeId{1}, "main", "USDT").has_value());
    EXPECT_FALSE(db().find_latest_balance(ExchangeId{1}, std::string(100, 'x'), std::string(100, 'x')).has_value());
}

TEST_P(LatestContract, CacheInvalidateForgetsWhatFitsThePattern) {
    const Symbol btc = make_symbol("BTC");
    const Symbol eth = make_symbol("ETH");
    const Symbol beta = make_symbol("BTC", "USDT", "BETA_FUTURES");
    store({quote(btc.id, kNoon, 1, 2), quote(eth.id, kNoon, 1, 2), quote(beta.id, kNoon, 1, 2)});
    store({trade(btc.id, kNoon, "1")});
    store({balance(btc.exchange_id, "USDT", kNoon, 1)});
    EXPECT_EQ(db().get_performance_stats().latest_size, 5U);

    EXPECT_EQ(db().cache_invalidate(CacheCategory::book_tickers, "alpha_spot:eth*"), 1U);
    EXPECT_FALSE(db().find_latest_book_ticker(eth.id).has_value());
    EXPECT_TRUE(db().find_latest_book_ticker(btc.id).has_value());
    EXPECT_EQ(db().cache_invalidate(CacheCategory::trades, "BETA*"), 0U);
    EXPECT_EQ(db().cache_invalidate(CacheCategory::balances, "*:USDT"), 1U);
    EXPECT_EQ(db().cache_invalidate(CacheCategory::funding_rates), 0U);
    EXPECT_EQ(db().cache_invalidate(CacheCategory::latest, "*BTC*"), 3U);
    EXPECT_EQ(db().cache_invalidate(), 0U);
    EXPECT_EQ(wait(db().get_latest_book_tickers()).size(), 3U) << "only memory forgot";
}

TEST_P(LatestContract, CleanUpTakesWhatItDeletesOutOfMemory) {
    const SymbolId symbol = make_symbol().id;
    store(quote(symbol, kNoon - std::chrono::hours(24 * 8), 1, 2));
    ASSERT_TRUE(db().find_latest_book_ticker(symbol).has_value());
    EXPECT_EQ(wait(db().cleanup_old_data(a_week())).book_tickers, 1U);
    EXPECT_TRUE(wait(db().get_latest_book_tickers()).empty());
    EXPECT_FALSE(db().find_latest_book_ticker(symbol).has_value());
}

// --- what others write -------------------------------------------------------------------------------------------------

TEST_P(LatestOfOthers, MemoryAnswersUntilItIsOlderThanTheCallerAllows) {
    const SymbolId symbol = make_symbol().id;
    close();
    Config settings = config();
    settings.poll_interval = std::chrono::hours(1);
    const auto here = open(settings);
    const auto there = open(settings);
    static_cast<void>(here->wait(here->insert_book_ticker_snapshots({quote(symbol, kNoon, 1, 2)})));
    static_cast<void>(there->wait(there->insert_book_ticker_snapshots({quote(symbol, kNoon + 1s, 3, 4)})));

    const Lines old{"+0ms #0 bid 1x1 ask 2x2"};
    const Lines fresh{"+1000ms #0 bid 3x1 ask 4x2"};
    clock().walk(5s);
    EXPECT_EQ(lines_of(here->wait(here->get_latest_book_tickers())), old) << "memory learned it less than 30 s ago";
    LatestFilter filter;
    filter.max_cache_age = 6s;
    EXPECT_EQ(lines_of(here->wait(here->get_latest_book_tickers(filter))), old);
    filter.max_cache_age = 5s;
    EXPECT_EQ(lines_of(here->wait(here->get_latest_book_tickers(filter))), fresh) << "learned 5 s ago: asked";
    static_cast<void>(there->wait(there->insert_book_ticker_snapshots({quote(symbol, kNoon + 2s, 5, 6)})));
    filter.max_cache_age = 0s;
    EXPECT_EQ(lines_of(here->wait(here->get_latest_book_tickers(filter))), (Lines{"+2000ms #0 bid 5x1 ask 6x2"}));
}

TEST_P(LatestOfOthers, AWriteOfAnotherProcessIsSeenWithinASecond) {
    SymbolId symbol{};
    {
        symbol = make_symbol().id;
        store(quote(symbol, kNoon, 1, 2));
        close();
    }
    Config settings = config();
    settings.poll_interval = Config{}.poll_interval;
    ChildProcess other([&](LineChannel& parent) {
        const auto manager = open(settings);
        parent.say("open");
        for (auto second = parent.hear(); second && *second != "end"; second = parent.hear()) {
            const Timestamp time = kNoon + std::chrono::seconds(std::stoi(*second));
            static_cast<void>(manager->wait(manager->insert_book_ticker_snapshots({quote(symbol, time, 3, 4)})));
            parent.say("written");
        }
        return 0;
    });
    ASSERT_EQ(other.hear(), "open");
    const auto here = open(settings);
    const auto latest = [&] { return lines_of(here->wait(here->get_latest_book_tickers())); };
    ASSERT_EQ(latest(), (Lines{"+0ms #0 bid 1x1 ask 2x2"}));
    expect_within_a_second([&](int round) {
        const std::string second = std::to_string(round + 1);
        other.say(second);
        EXPECT_EQ(other.hear(), "written");
        return [&, second] { return latest() == Lines{"+" + second + "000ms #0 bid 3x1 ask 4x2"}; };
    });
    other.say("end");
    EXPECT_EQ(other.wait(), 0);
}

}  // namespace
}  // namespace marketdb::testing
