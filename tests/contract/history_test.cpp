#include <algorithm>
#include <random>

#include "engine_fixture.hpp"

namespace marketdb::testing {
namespace {

class HistoryFixture : public EngineTest {
 protected:
    /// Pages through with `after` until nothing is left.
    template <class Row, class Get>
    static std::vector<Row> all_pages(HistoryFilter filter, std::uint64_t page_size, Get get) {
        filter.limit = page_size;
        std::vector<Row> all;
        for (;;) {
            const History<Row> page = get(filter);
            EXPECT_LE(page.rows.size(), page_size);
            all.insert(all.end(), page.rows.begin(), page.rows.end());
            if (!page.truncated) return all;
            if (page.rows.empty()) {
                ADD_FAILURE() << "truncated without a row to go on from";
                return all;
            }
            filter.after = key_of(page.rows.back());
        }
    }

    template <class Row, class Get>
    static void expect_pages_equal_the_whole(const HistoryFilter& filter, Get get) {
        const Lines whole = lines_of(get(filter).rows);
        ASSERT_GT(whole.size(), 3U);
        for (std::uint64_t page_size = 1; page_size <= whole.size() + 1; ++page_size) {
            EXPECT_EQ(lines_of(all_pages<Row>(filter, page_size, get)), whole) << "pages of " << page_size;
        }
    }

    /// Rows of three series with shared timestamps, in no order, with and without received_at.
    void store_mixed_rows() {
        const SymbolId symbols[] = {make_symbol("BTC").id, make_symbol("ETH").id,
                                    make_symbol("SOL", "USDT", "BETA_SPOT").id};
        const ExchangeId exchanges[] = {make_exchange("ALPHA_SPOT").id, make_exchange("BETA_SPOT").id};
        std::mt19937 random(7);
        std::vector<BookTicker> quotes;
        std::vector<Trade> trades;
        std::vector<FundingRate> rates;
        std::vector<Balance> balances;
        for (int i = 0; i < 24; ++i) {
            const Timestamp at = kNoon + 100ms * (i / 4);
            const SymbolId symbol = symbols[random() % 3];
            quotes.push_back(quote(symbol, at, 100 + i, 200 + i, i % 4));
            if (i % 3 != 0)
                quotes.back().received_at = at + std::chrono::milliseconds(static_cast<int>(random() % 300) - 100);
            trades.push_back(trade(symbol, at, ("t" + std::to_string(i)).c_str(), 100 + i));
            trades.back().sequence = i % 2;
            const FundingKind kind = i % 2 == 0 ? FundingKind::predicted : FundingKind::settled;
            rates.push_back(with_settlement(funding(symbol, at, 0.001 * i, kind)));
            balances.push_back(balance(exchanges[i % 2], i % 3 == 0 ? "BTC" : "USDT", at, i));
        }
        store(quotes);
        store(trades);
        store(rates);
        store(balances);
    }
};

class HistoryContract : public HistoryFixture {};
INSTANTIATE_TEST_SUITE_P(On, HistoryContract, ::testing::ValuesIn(all_engines()), engine_name);

TEST_P(HistoryContract, AnEmptyDatabaseHasAnEmptyHistoryThatIsNotTruncated) {
    const History<BookTicker> history = wait(db().get_book_ticker_history());
    EXPECT_TRUE(history.rows.empty());
    EXPECT_FALSE(history.truncated);
    EXPECT_EQ(history.without_received_at, 0U);
}

TEST_P(HistoryContract, RowsComeByTimeThenSymbolThenSequence) {
    const SymbolId first = make_symbol("BTC").id;
    const SymbolId second = make_symbol("ETH").id;
    store({quote(second, kNoon, 1, 2, 1), quote(first, kNoon + 1s, 3, 4), quote(second, kNoon, 5, 6, 0),
           quote(first, kNoon, 7, 8, 9)});
    EXPECT_EQ(stored_quotes(), (Lines{"+0ms #9 bid 7x1 ask 8x2", "+0ms #0 bid 5x1 ask 6x2", "+0ms #1 bid 1x1 ask 2x2",
                                      "+1000ms #0 bid 3x1 ask 4x2"}));
}

TEST_P(HistoryContract, TradesOfOneTimeComeBySequenceThenByTheBytesOfTheirId) {
    const SymbolId symbol = make_symbol().id;
    std::vector<Trade> rows;
    for (const char* id : {"b", "a", "B", "10", "9", "\xc3\xa4"}) {
        rows.push_back(trade(symbol, kNoon, id));
        rows.back().sequence = 5;
    }
    rows.push_back(trade(symbol, kNoon, "z"));
    rows.back().sequence = 4;
    store(rows);
    std::vector<std::string> ids;
    for (const Trade& row : wait(db().get_trade_history()).rows) ids.push_back(row.trade_id.str());
    EXPECT_EQ(ids, (std::vector<std::string>{"z", "10", "9", "B", "a", "b", "\xc3\xa4"}));
}

TEST_P(HistoryContract, TheRangeIncludesItsStartAndExcludesItsEnd) {
    const SymbolId symbol = make_symbol().id;
    store({quote(symbol, kNoon - 1us, 1, 2), quote(symbol, kNoon, 3, 4), quote(symbol, kNoon + 1s - 1us, 5, 6),
           quote(symbol, kNoon + 1s, 7, 8)});
    HistoryFilter filter;
    filter.start = kNoon;
    filter.end = kNoon + 1s;
    EXPECT_EQ(stored_quotes(filter), (Lines{"+0ms #0 bid 3x1 ask 4x2", "+999.999ms #0 bid 5x1 ask 6x2"}));
    filter.end = kNoon;
    EXPECT_EQ(stored_quotes(filter), Lines{}) << "an empty range is no error";
}

TEST_P(HistoryContract, DescendingIsTheExactReverseOfAscending) {
    store_mixed_rows();
    HistoryFilter descending;
    descending.order = Order::descending;
    const auto reversed = [](Lines lines) {
        std::reverse(lines.begin(), lines.end());
        return lines;
    };
    EXPECT_EQ(stored_quotes(descending), reversed(stored_quotes()));
    EXPECT_EQ(stored_trades(descending), reversed(stored_trades()));
    EXPECT_EQ(stored_funding(descending), reversed(stored_funding()));
    EXPECT_EQ(stored_balances(descending), reversed(stored_balances()));
}

TEST_P(HistoryContract, PagesEqualTheWholeAtEveryPageSize) {
    store_mixed_rows();
    for (const Order order : {Order::ascending, Order::descending}) {
        SCOPED_TRACE(order == Order::ascending ? "ascending" : "descending");
        HistoryFilter filter;
        filter.order = order;
        expect_pages_equal_the_whole<BookTicker>(
            filter, [&](const HistoryFilter& page) { return wait(db().get_book_ticker_history(page)); });
        expect_pages_equal_the_whole<Trade>(
            filter, [&](const HistoryFilter& page) { return wait(db().get_trade_history(page)); });
        expect_pages_equal_the_whole<FundingRate>(
            filter, [&](const HistoryFilter& page) { return wait(db().get_funding_rate_history(page)); });
        expect_pages_equal_the_whole<Balance>(
            filter, [&](const HistoryFilter& page) { return wait(db().get_balance_history(page)); });
    }
}

TEST_P(HistoryContract, PagesOfARangeOfSampledRowsEqualTheWhole) {
    store_mixed_rows();
    for (const Order order : {Order::ascending, Order::descending}) {
        HistoryFilter filter;
        filter.order = order;
        filter.start = kNoon + 50ms;
        filter.end = kNoon + 500ms;
        filter.every = 200ms;
        expect_pages_equal_the_whole<BookTicker>(
            filter, [&](const HistoryFilter& page) { return wait(db().get_book_ticker_history(page)); });
        expect_pages_equal_the_whole<Trade>(
            filter, [&](const HistoryFilter& page) { return wait(db().get_trade_history(page)); });
    }
}

TEST_P(HistoryContract, PagesByTheReceivedClockEqualTheWhole) {
    store_mixed_rows();
    for (const Order order : {Order::ascending, Order::descending}) {
        HistoryFilter filter;
        filter.order = order;
        filter.clock = ClockKind::received;
        expect_pages_equal_the_whole<BookTicker>(
            filter, [&](const HistoryFilter& page) { return wait(db().get_book_ticker_history(page)); });
    }
}

TEST_P(HistoryContract, ALimitKeepsTheFirstRowsInOrderAndSaysThatItCut) {
    const SymbolId symbol = make_symbol().id;
    store({quote(symbol, kNoon, 1, 2), quote(symbol, kNoon + 1s, 3, 4), quote(symbol, kNoon + 2s, 5, 6)});
    HistoryFilter filter;
    filter.limit = 2;
    const History<BookTicker> first_two = wait(db().get_book_ticker_history(filter));
    EXPECT_EQ(lines_of(first_two.rows), (Lines{"+0ms #0 bid 1x1 ask 2x2", "+1000ms #0 bid 3x1 ask 4x2"}));
    EXPECT_TRUE(first_two.truncated);
    filter.order = Order::descending;
    EXPECT_EQ(stored_quotes(filter), (Lines{"+2000ms #0 bid 5x1 ask 6x2", "+1000ms #0 bid 3x1 ask 4x2"}));
    filter.limit = 3;
    EXPECT_FALSE(wait(db().get_book_ticker_history(filter)).truncated)
        << "just as many rows as asked for: nothing was cut";
    filter.limit = UINT64_MAX;
    EXPECT_EQ(stored_quotes(filter).size(), 3U);
}

TEST_P(HistoryContract, LastGoesBackFromTheNewestRowOfAllChosenSeries) {
    const SymbolId first = make_symbol("BTC").id;
    const SymbolId second = make_symbol("ETH").id;
    store({quote(first, kNoon, 1, 2), quote(first, kNoon + 55s, 3, 4), quote(second, kNoon + 60s, 5, 6),
           quote(second, kNoon + 40s, 7, 8)});
    HistoryFilter filter;
    filter.last = 10s;
    EXPECT_EQ(stored_quotes(filter), (Lines{"+55000ms #0 bid 3x1 ask 4x2", "+60000ms #0 bid 5x1 ask 6x2"}));
    filter.series.symbol = "BTCUSDT";
    filter.series.exchange = "ALPHA_SPOT";
    EXPECT_EQ(stored_quotes(filter), (Lines{"+55000ms #0 bid 3x1 ask 4x2"}));
    filter.last = std::chrono::hours(24 * 365 * 200);
    EXPECT_EQ(stored_quotes(filter).size(), 2U);
}

TEST_P(HistoryContract, SeriesAreChosenByExchangeSymbolBaseQuoteAndId) {
    const SymbolId alpha_btc = make_symbol("BTC", "USDT", "ALPHA_SPOT").id;
    const SymbolId alpha_eth = make_symbol("ETH", "BTC", "ALPHA_SPOT").id;
    const SymbolId beta_btc = make_symbol("BTC", "USDT", "BETA_FUTURES", "BTC_USDT").id;
    store({quote(alpha_btc, kNoon, 1, 2), quote(alpha_eth, kNoon, 3, 4), quote(beta_btc, kNoon, 5, 6)});
    const auto count = [&](auto choose) {
        HistoryFilter filter;
        choose(filter.series);
        return stored_quotes(filter).size();
    };
    EXPECT_EQ(count([](SeriesFilter&) {}), 3U);
    EXPECT_EQ(count([](SeriesFilter& series) { series.exchange = "alpha_spot"; }), 2U);
    EXPECT_EQ(count([](SeriesFilter& series) { series.base = "btc"; }), 2U);
    EXPECT_EQ(count([](SeriesFilter& series) { series.quote = "BTC"; }), 1U);
    EXPECT_EQ(count([](SeriesFilter& series) { series.symbol = "btc-usdt"; }), 2U) << "on every exchange that has it";
    EXPECT_EQ(count([](SeriesFilter& series) { series.symbol = "BTC_USDT", series.exchange = "BETA_FUTURES"; }), 1U);
    const std::vector<SymbolId> two{alpha_btc, beta_btc};
    EXPECT_EQ(count([&](SeriesFilter& series) { series.symbols = two; }), 2U);
    EXPECT_EQ(count([&](SeriesFilter& series) { series.symbols = two, series.exchange = "ALPHA_SPOT"; }), 1U)
        << "what is given must all hold";
}

TEST_P(HistoryContract, BalancesAreChosenByExchangeAssetAndAccount) {
    const ExchangeId alpha = make_exchange("ALPHA_SPOT").id;
    const ExchangeId beta = make_exchange("BETA_SPOT").id;
    Balance hedge = balance(alpha, "BTC", kNoon, 3);
    hedge.account = "hedge";
    store({balance(alpha, "BTC", kNoon, 1), balance(alpha, "USDT", kNoon, 2), hedge, balance(beta, "BTC", kNoon, 4)});
    const auto count = [&](auto choose) {
        HistoryFilter filter;
        choose(filter.series);
        return stored_balances(filter).size();
    };
    EXPECT_EQ(count([](SeriesFilter& series) { series.exchange = "ALPHA_SPOT"; }), 3U);
    EXPECT_EQ(count([](SeriesFilter& series) { series.asset = "btc"; }), 3U) << "in any case";
    EXPECT_EQ(count([](SeriesFilter& series) { series.account = "hedge"; }), 1U);
    EXPECT_EQ(count([](SeriesFilter& series) { series.account = "main", series.asset = "BTC"; }), 2U);
}

TEST_P(HistoryContract, AStarInANameStandsForAnyRunOfCharacters) {
    const Symbol alpha = make_symbol("BTC", "USDT", "ALPHA_SPOT");
    const SymbolId futures = make_symbol("BTC", "USDC", "ALPHA_FUTURES").id;
    const SymbolId beta = make_symbol("ETH", "USDT", "BETA_SPOT").id;
    store({quote(alpha.id, kNoon, 1, 2), quote(futures, kNoon, 3, 4), quote(beta, kNoon, 5, 6)});
    store({balance(alpha.exchange_id, "USDT", kNoon, 1), balance(alpha.exchange_id, "USDC", kNoon, 2)});
    HistoryFilter filter;
    filter.series.exchange = "alpha_*";
    EXPECT_EQ(stored_quotes(filter).size(), 2U);
    filter.series.quote = "USD*";
    EXPECT_EQ(stored_quotes(filter).size(), 2U);
    filter.series.quote = "*C";
    EXPECT_EQ(stored_quotes(filter), (Lines{"+0ms #0 bid 3x1 ask 4x2"}));
    filter = {};
    filter.series.symbol = "BTC/*";
    EXPECT_EQ(stored_quotes(filter).size(), 2U);
    filter.series.symbol = "DOGE/*";
    expect_error(ErrorCode::unknown_symbol, [&] { static_cast<void>(stored_quotes(filter)); }, {"DOGE/*"});
    filter = {};
    filter.series.asset = "usd*";
    EXPECT_EQ(stored_balances(filter).size(), 2U);
}

TEST_P(HistoryContract, BalancesAreChosenAsAListOfSeries) {
    const ExchangeId alpha = make_exchange("ALPHA_SPOT").id;
    const ExchangeId beta = make_exchange("BETA_SPOT").id;
    Balance hedge = balance(alpha, "BTC", kNoon, 3);
    hedge.account = "hedge";
    store({balance(alpha, "BTC", kNoon, 1), balance(alpha, "USDT", kNoon, 2), hedge, balance(beta, "BTC", kNoon, 4)});
    std::vector<BalanceSeries> series(2);
    series[0].exchange_id = alpha;
    series[0].asset_name = "BTC";
    series[1].exchange_id = beta;
    series[1].account = "main";
    series[1].asset_name = "BTC";
    HistoryFilter filter;
    filter.series.balances = series;
    EXPECT_EQ(stored_balances(filter), (Lines{"+0ms hedge BTC 3+0=3", "+0ms main BTC 1+0=1", "+0ms main BTC 4+0=4"}));
    LatestFilter latest;
    latest.series.balances = series;
    EXPECT_EQ(wait(db().get_latest_balances(latest)).size(), 3U);
}

TEST_P(HistoryContract, EveryKeepsTheLastRowOfEachBucketOfEachSeries) {
    const SymbolId first = make_symbol("BTC").id;
    const SymbolId second = make_symbol("ETH").id;
    store({quote(first, kNoon + 10s, 1, 2), quote(first, kNoon + 50s, 3, 4, 1), quote(first, kNoon + 50s, 5, 6, 2),
           quote(first, kNoon + 65s, 7, 8), quote(second, kNoon + 59s, 9, 10)});
    HistoryFilter filter;
    filter.every = 60s;
    EXPECT_EQ(stored_quotes(filter),
              (Lines{"+50000ms #2 bid 5x1 ask 6x2", "+59000ms #0 bid 9x1 ask 10x2", "+65000ms #0 bid 7x1 ask 8x2"}));
    filter.order = Order::descending;
    EXPECT_EQ(stored_quotes(filter),
              (Lines{"+65000ms #0 bid 7x1 ask 8x2", "+59000ms #0 bid 9x1 ask 10x2", "+50000ms #2 bid 5x1 ask 6x2"}));
}

TEST_P(HistoryContract, BucketsAreMultiplesSince1970AndNotOfTheRange) {
    const SymbolId symbol = make_symbol().id;
    store({quote(symbol, kNoon + 50s, 1, 2), quote(symbol, kNoon + 70s, 3, 4), quote(symbol, kNoon + 80s, 5, 6)});
    HistoryFilter filter;
    filter.every = 60s;
    filter.start = kNoon + 45s;
    EXPECT_EQ(stored_quotes(filter), (Lines{"+50000ms #0 bid 1x1 ask 2x2", "+80000ms #0 bid 5x1 ask 6x2"}));
}

TEST_P(HistoryContract, RecentTradesAreThoseOfTheLastHourNewestFirst) {
    const SymbolId symbol = make_symbol().id;
    store({trade(symbol, kNoon - std::chrono::minutes(61), "1"), trade(symbol, kNoon - std::chrono::minutes(59), "2"),
           trade(symbol, kNoon - 1s, "3")});
    EXPECT_EQ(lines_of(wait(db().get_recent_trades()).rows),
              (Lines{"-1000ms #3 id 3 buy 100x1", "-3540000ms #2 id 2 buy 100x1"}));
    EXPECT_EQ(lines_of(wait(db().get_recent_trades({}, std::chrono::minutes(1))).rows),
              (Lines{"-1000ms #3 id 3 buy 100x1"}));
}

// --- the received clock ------------------------------------------------------------------------------------------------

TEST_P(HistoryContract, TheReceivedClockOrdersByReceivedAtWhateverTheSkew) {
    const SymbolId symbol = make_symbol().id;
    const auto received = [&](Timestamp at, std::chrono::milliseconds skew, double bid) {
        BookTicker row = quote(symbol, at, bid, 1000);
        row.received_at = at + skew;
        return row;
    };
    store({received(kNoon, 5000ms, 1), received(kNoon + 1s, -3000ms, 2), received(kNoon + 2s, 10ms, 3),
           received(kNoon + 3s, -1200ms, 4)});
    HistoryFilter filter;
    filter.clock = ClockKind::received;
    EXPECT_EQ(stored_quotes(filter),
              (Lines{"+1000ms #0 bid 2x1 ask 1000x2 rx -2000ms", "+3000ms #0 bid 4x1 ask 1000x2 rx +1800ms",
                     "+2000ms #0 bid 3x1 ask 1000x2 rx +2010ms", "+0ms #0 bid 1x1 ask 1000x2 rx +5000ms"}));
    filter.start = kNoon + 1800ms;
    filter.end = kNoon + 5s;
    EXPECT_EQ(stored_quotes(filter),
              (Lines{"+3000ms #0 bid 4x1 ask 1000x2 rx +1800ms", "+2000ms #0 bid 3x1 ask 1000x2 rx +2010ms"}))
        << "the range is of the received clock too, start in, end out";
    filter.order = Order::descending;
    filter.start = kNoTime;
    filter.end = kNoTime;
    filter.limit = 1;
    EXPECT_EQ(stored_quotes(filter), (Lines{"+0ms #0 bid 1x1 ask 1000x2 rx +5000ms"}));
}

TEST_P(HistoryContract, RowsWithoutReceivedAtAreLeftOutAndCounted) {
    const SymbolId symbol = make_symbol().id;
    BookTicker known = quote(symbol, kNoon + 1s, 3, 4);
    known.received_at = kNoon + 1s + 5ms;
    store({quote(symbol, kNoon, 1, 2), known, quote(symbol, kNoon + 2s, 5, 6)});
    HistoryFilter filter;
    filter.clock = ClockKind::received;
    const History<BookTicker> history = wait(db().get_book_ticker_history(filter));
    EXPECT_EQ(lines_of(history.rows), (Lines{"+1000ms #0 bid 3x1 ask 4x2 rx +1005ms"}));
    EXPECT_EQ(history.without_received_at, 2U);
    EXPECT_EQ(wait(db().get_book_ticker_history()).without_received_at, 0U) << "the event clock leaves nothing out";
}

TEST_P(HistoryContract, SeveralSeriesAreMergedByTheReceivedClock) {
    const SymbolId first = make_symbol("BTC").id;
    const SymbolId second = make_symbol("BTC", "USDT", "BETA_FUTURES").id;
    std::vector<BookTicker> rows;
    for (int i = 0; i < 10; ++i) {
        rows.push_back(quote(first, kNoon + i * 100ms, 100 + i, 200));
        rows.back().received_at = rows.back().timestamp + 1500ms;
        rows.push_back(quote(second, kNoon + i * 100ms, 300 + i, 400));
        rows.back().received_at = rows.back().timestamp - 1200ms;
    }
    store(rows);
    HistoryFilter filter;
    filter.clock = ClockKind::received;
    const std::vector<BookTicker> merged = wait(db().get_book_ticker_history(filter)).rows;
    ASSERT_EQ(merged.size(), 20U);
    EXPECT_TRUE(std::is_sorted(merged.begin(), merged.end(),
                               [](const BookTicker& a, const BookTicker& b) { return a.received_at < b.received_at; }));
    EXPECT_EQ(merged.front().symbol_id, second);
    EXPECT_EQ(merged.back().symbol_id, first);
}

TEST_P(HistoryContract, EveryByTheReceivedClockUsesItsBuckets) {
    const SymbolId symbol = make_symbol().id;
    BookTicker early = quote(symbol, kNoon + 59s, 1, 2);
    early.received_at = kNoon + 61s;
    BookTicker late = quote(symbol, kNoon + 62s, 3, 4);
    late.received_at = kNoon + 63s;
    store({early, late});
    HistoryFilter filter;
    filter.clock = ClockKind::received;
    filter.every = 60s;
    EXPECT_EQ(stored_quotes(filter), (Lines{"+62000ms #0 bid 3x1 ask 4x2 rx +63000ms"}));
}

// --- the streaming reader ----------------------------------------------------------------------------------------------

TEST_P(HistoryContract, TheReaderGivesTheSameRowsInBatchesOfEverySize) {
    store_mixed_rows();
    for (const ClockKind clock : {ClockKind::event, ClockKind::received}) {
        HistoryFilter filter;
        filter.clock = clock;
        const History<BookTicker> whole = wait(db().get_book_ticker_history(filter));
        for (std::size_t size = 1; size <= whole.rows.size() + 1; ++size) {
            HistoryReader<BookTicker> reader = db().read_history<BookTicker>(filter);
            std::vector<BookTicker> all;
            for (;;) {
                const std::vector<BookTicker> batch = wait(reader.next(size));
                if (batch.empty()) break;
                EXPECT_LE(batch.size(), size);
                all.insert(all.end(), batch.begin(), batch.end());
            }
            EXPECT_EQ(lines_of(all), lines_of(whole.rows)) << "batches of " << size;
            EXPECT_EQ(reader.without_received_at(), whole.without_received_at);
            EXPECT_TRUE(wait(reader.next(size)).empty()) << "the end stays the end";
        }
    }
}

TEST_P(HistoryContract, EveryDatasetCanBeReadInBatches) {
    store_mixed_rows();
    const auto read_all = [&]<class Row>(HistoryReader<Row> reader) {
        std::vector<Row> all;
        for (std::vector<Row> batch = wait(reader.next(5)); !batch.empty(); batch = wait(reader.next(5))) {
            all.insert(all.end(), batch.begin(), batch.end());
        }
        return lines_of(all);
    };
    EXPECT_EQ(read_all(db().read_history<Trade>()), stored_trades());
    EXPECT_EQ(read_all(db().read_history<FundingRate>()), stored_funding());
    EXPECT_EQ(read_all(db().read_history<Balance>()), stored_balances());
    HistoryFilter limited;
    limited.limit = 7;
    limited.order = Order::descending;
    limited.start = kNoon + 100ms;
    EXPECT_EQ(read_all(db().read_history<Trade>(limited)), stored_trades(limited));
    EXPECT_EQ(stored_trades(limited).size(), 7U);
}

TEST_P(HistoryContract, AReaderMeetsRowsThatAreWrittenAheadOfIt) {
    const SymbolId symbol = make_symbol().id;
    store({quote(symbol, kNoon, 1, 2), quote(symbol, kNoon + 1s, 3, 4)});
    HistoryReader<BookTicker> reader = db().read_history<BookTicker>();
    ASSERT_EQ(wait(reader.next(1)).size(), 1U);
    store(quote(symbol, kNoon + 2s, 5, 6));
    EXPECT_EQ(lines_of(wait(reader.next(10))), (Lines{"+1000ms #0 bid 3x1 ask 4x2", "+2000ms #0 bid 5x1 ask 6x2"}));
}

TEST_P(HistoryContract, AWrongFilterOfAReaderIsRefused) {
    HistoryFilter filter;
    filter.every = -1us;
    expect_error(ErrorCode::invalid_argument, [&] {
        HistoryReader<Trade> reader = db().read_history<Trade>(filter);
        static_cast<void>(wait(reader.next()));
    });
    HistoryFilter unknown;
    unknown.series.exchange = "NOBODY_SPOT";
    expect_error(ErrorCode::unknown_exchange, [&] {
        HistoryReader<Trade> reader = db().read_history<Trade>(unknown);
        static_cast<void>(wait(reader.next()));
    });
}

}  // namespace
}  // namespace marketdb::testing
