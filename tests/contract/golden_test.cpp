#include "engine_fixture.hpp"

/// The golden cases of the catalogue of the layer that marketdb replaces: what a caller of that layer must now get.
namespace marketdb::testing {
namespace {

MARKETDB_CONTRACT_SUITE(GoldenCase);

TEST_P(GoldenCase, OneBatchSameSymbolAndTimeBidOneThenTwo) {
    const SymbolId symbol = make_symbol().id;
    EXPECT_EQ(store({quote(symbol, kNoon, 1, 3), quote(symbol, kNoon, 2, 3)}), result(1, 0, 0, 1));
    EXPECT_EQ(stored_quotes(), (Lines{"+0ms #0 bid 2x1 ask 3x2"}));
}

TEST_P(GoldenCase, ABatchThatFailedIsSentAgainByTheSameProcess) {
    const SymbolId symbol = make_symbol().id;
    std::vector<BookTicker> rows;
    for (int i = 0; i < 45; ++i) rows.push_back(quote(symbol, kNoon + i * 1s, 100, 101));
    const Deadline past{std::chrono::steady_clock::now() - 1s};
    expect_error(ErrorCode::timeout, [&] { static_cast<void>(wait(db().insert_book_ticker_snapshots(rows, past))); });
    EXPECT_EQ(stored_quotes().size(), 0U);
    EXPECT_EQ(store(rows), result(45));
}

TEST_P(GoldenCase, FortyFiveStoredRowsSentAgainUnchanged) {
    const SymbolId symbol = make_symbol().id;
    std::vector<BookTicker> rows;
    for (int i = 0; i < 45; ++i) rows.push_back(quote(symbol, kNoon + i * 1s, 100, 101));
    store(rows);
    EXPECT_EQ(store(rows), result(0, 0, 45));
}

TEST_P(GoldenCase, TwoTradesWithoutIdOfOneTimeInOneBatch) {
    const SymbolId symbol = make_symbol().id;
    EXPECT_EQ(store({trade(symbol, kNoon, ""), trade(symbol, kNoon, "")}), result(2));
    EXPECT_EQ(stored_trades().size(), 2U);
}

TEST_P(GoldenCase, QuotesAt10And50And65SecondsEveryMinute) {
    const SymbolId symbol = make_symbol().id;
    store({quote(symbol, kNoon + 10s, 1, 2), quote(symbol, kNoon + 50s, 3, 4), quote(symbol, kNoon + 65s, 5, 6)});
    HistoryFilter filter;
    filter.every = 1min;
    EXPECT_EQ(stored_quotes(filter), (Lines{"+50000ms #0 bid 3x1 ask 4x2", "+65000ms #0 bid 5x1 ask 6x2"}));
    EXPECT_EQ(stored_quotes().size(), 3U);
}

TEST_P(GoldenCase, QuotesAt200And1700MillisecondsOnAGridOfASecond) {
    const SymbolId symbol = make_symbol().id;
    BookTicker early = quote(symbol, kNoon + 200ms, 1, 2);
    BookTicker late = quote(symbol, kNoon + 1700ms, 3, 4);
    early.received_at = kNoon + 200ms + 1us;
    late.received_at = kNoon + 1700ms + 1us;
    store({early, late});
    AlignmentOptions options;
    options.series = {symbol};
    options.every = 1s;
    options.start = options.end = kNoon + 1s;
    for (const ClockKind clock : {ClockKind::event, ClockKind::received}) {
        if (clock == ClockKind::received && !target().can.keeps_received_at) continue;
        options.clock = clock;
        const AlignedBookTickers aligned = wait(get_aligned_book_tickers(db(), options));
        ASSERT_EQ(aligned.quotes.size(), 1U);
        EXPECT_EQ(aligned.quotes[0].bid_price, 1) << "the quote of 1.7 s was not known yet";
    }
}

TEST_P(GoldenCase, Bid100Ask101) {
    const SymbolId symbol = make_symbol().id;
    store(quote(symbol, kNoon, 100, 101));
    const BookTicker row = wait(db().get_book_ticker_history()).rows.at(0);
    EXPECT_EQ(mid(row), 100.5);
    EXPECT_EQ(spread(row), 1);
    EXPECT_NEAR(spread_bps(row), 99.502488, 5e-7);
}

TEST_P(GoldenCase, FundingOf1BasisPointEvery8Hours) {
    FundingRate rate = with_settlement(funding(make_symbol("BTC", "USDT", "ALPHA_FUTURES").id, kNoon, 0.0001));
    rate.interval_minutes = 480;
    store(rate);
    const FundingRate row = wait(db().get_funding_rate_history()).rows.at(0);
    EXPECT_DOUBLE_EQ(funding_rate_percent(row), 0.01);
    EXPECT_DOUBLE_EQ(funding_rate_bps(row), 1);
    if (!target().can.own_tables) return;  // other tables keep no interval
    EXPECT_DOUBLE_EQ(annualised_funding_rate(row), 0.1095);
}

TEST_P(GoldenCase, BalanceOf10Available2Locked1Frozen3BorrowedAndAHalfInterest) {
    Balance row = balance(make_exchange().id, "USDT", kNoon, 10, 2);
    row.frozen_balance = 1;
    row.borrowing_balance = 3;
    row.interest_balance = 0.5;
    store(row);
    row = wait(db().get_balance_history()).rows.at(0);
    EXPECT_EQ(row.total_balance, 12);
    EXPECT_EQ(net_balance(row), 9.5);
    EXPECT_NEAR(locked_share(row), 0.166667, 5e-7);
}

TEST_P(GoldenCase, Balances5Then0ActiveBalances) {
    const ExchangeId exchange = make_exchange().id;
    store({balance(exchange, "USDT", kNoon, 5), balance(exchange, "USDT", kNoon + 1s, 0)});
    const std::vector<Latest<Balance>> latest = wait(db().get_latest_balances());
    ASSERT_EQ(latest.size(), 1U);
    EXPECT_EQ(text_of(latest[0].row), "+1000ms main USDT 0+0=0");
    EXPECT_FALSE(is_active(latest[0].row));
    EXPECT_TRUE(wait(db().get_active_balances()).empty()) << "latest first, then filter: none is active";
}

TEST_P(GoldenCase, SpellingWithUnderscoreAskedInThreeForms) {
    const Symbol symbol = make_symbol("BTC", "USDT", "GATEIO_SPOT", "BTC_USDT");
    for (const char* text : {"btc/usdt", "BTCUSDT", "BTC_USDT"}) {
        EXPECT_EQ(wait(db().resolve_symbol("GATEIO_SPOT", text)).id, symbol.id) << text;
    }
}

TEST_P(GoldenCase, TenThousandAndOneRowsWithALimitOf10000) {
    const SymbolId symbol = make_symbol().id;
    std::vector<BookTicker> rows;
    for (int i = 0; i < 10'001; ++i) rows.push_back(quote(symbol, kNoon + i * 1ms, 100, 101));
    store(rows);
    HistoryFilter filter;
    filter.limit = 10'000;
    filter.order = Order::descending;
    const History<BookTicker> history = wait(db().get_book_ticker_history(filter));
    EXPECT_EQ(history.rows.size(), 10'000U);
    EXPECT_TRUE(history.truncated);
    EXPECT_EQ(text_of(history.rows.front().timestamp), "+10000ms");
    EXPECT_EQ(text_of(history.rows.back().timestamp), "+1ms");
    EXPECT_EQ(wait(db().get_book_ticker_history()).rows.size(), 10'001U) << "no limit unless asked";
}

TEST_P(GoldenCase, LatestWithLimit1WhetherGateioIsNewerThanMexcOrNot) {
    const SymbolId gateio = make_symbol("BTC", "USDT", "GATEIO_SPOT").id;
    const SymbolId mexc = make_symbol("BTC", "USDT", "MEXC_SPOT").id;
    LatestFilter filter;
    filter.limit = 1;
    store({quote(gateio, kNoon, 1, 2), quote(mexc, kNoon + 1s, 3, 4)});
    EXPECT_EQ(wait(db().get_latest_book_tickers(filter)).at(0).row.symbol_id, mexc);
    store(quote(gateio, kNoon + 2s, 5, 6));
    EXPECT_EQ(wait(db().get_latest_book_tickers(filter)).at(0).row.symbol_id, gateio);
    EXPECT_EQ(wait(db().get_latest_book_tickers()).size(), 2U);
}

TEST_P(GoldenCase, CleanUpOf7DaysAndARow8DaysOldRewrittenToday) {
    const SymbolId symbol = make_symbol().id;
    const Timestamp old = kNoon - std::chrono::hours(24 * 8);
    store(quote(symbol, old, 1, 2));
    EXPECT_EQ(store(quote(symbol, old, 1, 3)), result(0, 1)) << "rewritten today";
    EXPECT_EQ(wait(db().cleanup_old_data(a_week())).book_tickers, 1U);
    EXPECT_EQ(stored_quotes(), Lines{});
}

TEST_P(GoldenCase, TheLastHourIsTheLastHourWhateverTheClientsTimeZone) {
    const char* zone_before = std::getenv("TZ");
    const std::string zone = zone_before == nullptr ? "" : zone_before;
    ::setenv("TZ", "UTC-3", 1);
    ::tzset();
    const SymbolId symbol = make_symbol().id;
    store({trade(symbol, kNoon - std::chrono::minutes(59), "1"), trade(symbol, kNoon - std::chrono::minutes(61), "2"),
           trade(symbol, kNoon - std::chrono::minutes(200), "3")});
    EXPECT_EQ(lines_of(wait(db().get_recent_trades()).rows), (Lines{"-3540000ms #1 id 1 buy 100x1"}));
    if (zone_before == nullptr) {
        ::unsetenv("TZ");
    } else {
        ::setenv("TZ", zone.c_str(), 1);
    }
    ::tzset();
}

}  // namespace
}  // namespace marketdb::testing
