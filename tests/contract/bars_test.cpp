#include <fmt/format.h>

#include "engine_fixture.hpp"

namespace marketdb::testing {
namespace {

std::string text_of(const Range& range) {
    return fmt::format("{} {} {} {}", testing::text_of(range.open), testing::text_of(range.high),
                       testing::text_of(range.low), testing::text_of(range.close));
}

/// `+0ms bid 1 4 1 3 ask .. mid .. mean 2.5 spread 1 of 3/2`: open, high, low and close of each; of rows/two-sided rows.
std::string text_of(const QuoteBar& bar) {
    return fmt::format("{} bid {} ask {} mid {} mean {} spread {} of {}/{}", testing::text_of(bar.start),
                       text_of(bar.bid), text_of(bar.ask), text_of(bar.mid), testing::text_of(bar.mean_mid),
                       testing::text_of(bar.mean_spread), bar.count, bar.two_sided_count);
}

/// `+0ms 100 103 99 101 volume 6 buy 2 vwap 100.5 of 3`.
std::string text_of(const TradeBar& bar) {
    return fmt::format("{} {} volume {} buy {} vwap {} of {}", testing::text_of(bar.start), text_of(bar.price),
                       testing::text_of(bar.volume), testing::text_of(bar.buy_volume), testing::text_of(bar.vwap),
                       bar.count);
}

template <class Bar>
Lines lines_of_bars(const std::vector<Bar>& bars) {
    Lines lines;
    for (const Bar& bar : bars) lines.push_back(text_of(bar));
    return lines;
}

BookTicker without_bid(BookTicker row) {
    row.bid_price = kNoNumber;
    row.bid_qty = kNoNumber;
    return row;
}

BookTicker without_ask(BookTicker row) {
    row.ask_price = kNoNumber;
    row.ask_qty = kNoNumber;
    return row;
}

template <class Row>
Row received(Row row, Timestamp at) {
    row.received_at = at;
    return row;
}

class BarsContract : public EngineTest {
 public:
    static BarOptions bars(SymbolId symbol, EmptyIntervals empty = EmptyIntervals::skip, Timestamp start = kNoTime,
                           Timestamp end = kNoTime) {
        BarOptions options;
        options.symbol = symbol;
        options.empty = empty;
        options.start = start;
        options.end = end;
        return options;
    }
    Lines quote_bars(const BarOptions& options) { return lines_of_bars(wait(get_quote_bars(db(), options)).bars); }
    Lines trade_bars(const BarOptions& options) { return lines_of_bars(wait(get_trade_bars(db(), options)).bars); }
};
INSTANTIATE_TEST_SUITE_P(On, BarsContract, ::testing::ValuesIn(all_engines()), engine_name);

TEST_P(BarsContract, ABarHasOpenHighLowAndCloseOfBidAskAndMid) {
    const SymbolId symbol = make_symbol().id;
    store({quote(symbol, kNoon, 100, 102), quote(symbol, kNoon + 20s, 99, 101), quote(symbol, kNoon + 40s, 103, 104),
           quote(symbol, kNoon + 50s, 101, 102), quote(symbol, kNoon + 60s, 105, 107)});
    EXPECT_EQ(quote_bars(bars(symbol)),
              (Lines{"+0ms bid 100 103 99 101 ask 102 104 101 102 mid 101 103.5 100 101.5 mean 101.5 spread 1.5 of 4/4",
                     "+60000ms bid 105 105 105 105 ask 107 107 107 107 mid 106 106 106 106 mean 106 spread 2 of 1/1"}));
}

TEST_P(BarsContract, TradesGiveVolumeBuyVolumeAndVwap) {
    const SymbolId symbol = make_symbol().id;
    store({trade(symbol, kNoon, "1", 100, 1), trade(symbol, kNoon + 10s, "2", 104, 2, Side::sell),
           trade(symbol, kNoon + 20s, "3", 96, 0.5), trade(symbol, kNoon + 59s, "4", 98, 0.5, Side::sell),
           trade(symbol, kNoon + 180s, "5", 97, 3)});
    EXPECT_EQ(trade_bars(bars(symbol)), (Lines{"+0ms 100 104 96 98 volume 4 buy 1.5 vwap 101.25 of 4",
                                               "+180000ms 97 97 97 97 volume 3 buy 3 vwap 97 of 1"}));
}

TEST_P(BarsContract, ATradeOfAnUnknownSideIsInTheVolumeOnly) {
    const SymbolId symbol = make_symbol().id;
    store({trade(symbol, kNoon, "1", 100, 1), trade(symbol, kNoon + 1s, "2", 100, 2, Side::unknown)});
    EXPECT_EQ(trade_bars(bars(symbol)), (Lines{"+0ms 100 100 100 100 volume 3 buy 1 vwap 100 of 2"}));
}

TEST_P(BarsContract, AMissingSideTakesNoPartInItsNumbers) {
    const SymbolId symbol = make_symbol().id;
    store({without_bid(quote(symbol, kNoon, 1, 110)), quote(symbol, kNoon + 1s, 100, 102),
           without_ask(quote(symbol, kNoon + 2s, 99, 200)), without_bid(quote(symbol, kNoon + 61s, 1, 103))});
    EXPECT_EQ(quote_bars(bars(symbol)),
              (Lines{"+0ms bid 100 100 99 99 ask 110 110 102 102 mid 101 101 101 101 mean 101 spread 2 of 3/1",
                     "+60000ms bid - - - - ask 103 103 103 103 mid - - - - mean - spread - of 1/0"}));
}

TEST_P(BarsContract, AnEmptyIntervalIsLeftOutShownOrFilled) {
    const SymbolId symbol = make_symbol().id;
    store({quote(symbol, kNoon + 30s, 100, 102), quote(symbol, kNoon + 150s, 103, 104)});
    const std::string first =
        "+0ms bid 100 100 100 100 ask 102 102 102 102 mid 101 101 101 101 mean 101 spread 2 of 1/1";
    const std::string third =
        "+120000ms bid 103 103 103 103 ask 104 104 104 104 mid 103.5 103.5 103.5 103.5 mean 103.5 spread 1 of 1/1";
    EXPECT_EQ(quote_bars(bars(symbol)), (Lines{first, third}));
    EXPECT_EQ(quote_bars(bars(symbol, EmptyIntervals::show)),
              (Lines{first, "+60000ms bid - - - - ask - - - - mid - - - - mean - spread - of 0/0", third}));
    EXPECT_EQ(
        quote_bars(bars(symbol, EmptyIntervals::fill)),
        (Lines{first, "+60000ms bid 100 100 100 100 ask 102 102 102 102 mid 101 101 101 101 mean 101 spread 2 of 0/0",
               third}));
}

TEST_P(BarsContract, AnEmptyIntervalOfTradesHasNoVolumeAndNoVwap) {
    const SymbolId symbol = make_symbol().id;
    store({trade(symbol, kNoon, "1", 100, 1), trade(symbol, kNoon + 120s, "2", 104, 2)});
    const std::string first = "+0ms 100 100 100 100 volume 1 buy 1 vwap 100 of 1";
    const std::string third = "+120000ms 104 104 104 104 volume 2 buy 2 vwap 104 of 1";
    EXPECT_EQ(trade_bars(bars(symbol, EmptyIntervals::show)),
              (Lines{first, "+60000ms - - - - volume 0 buy 0 vwap - of 0", third}));
    EXPECT_EQ(trade_bars(bars(symbol, EmptyIntervals::fill)),
              (Lines{first, "+60000ms 100 100 100 100 volume 0 buy 0 vwap - of 0", third}));
}

TEST_P(BarsContract, IntervalsAreFilledFromTheRowBeforeTheStart) {
    const SymbolId symbol = make_symbol().id;
    store(
        {trade(symbol, kNoon, "1", 100), trade(symbol, kNoon + 10s, "2", 101), trade(symbol, kNoon + 190s, "3", 102)});
    EXPECT_EQ(trade_bars(bars(symbol, EmptyIntervals::fill, kNoon + 60s, kNoon + 300s)),
              (Lines{"+60000ms 101 101 101 101 volume 0 buy 0 vwap - of 0",
                     "+120000ms 101 101 101 101 volume 0 buy 0 vwap - of 0",
                     "+180000ms 102 102 102 102 volume 1 buy 1 vwap 102 of 1",
                     "+240000ms 102 102 102 102 volume 0 buy 0 vwap - of 0"}));
    EXPECT_EQ(trade_bars(bars(symbol, EmptyIntervals::fill, kNoon - 60s, kNoon)),
              (Lines{"-60000ms - - - - volume 0 buy 0 vwap - of 0"}))
        << "nothing came before";
}

TEST_P(BarsContract, ASideThatHadGoneIsNotFilled) {
    const SymbolId symbol = make_symbol().id;
    store({quote(symbol, kNoon, 100, 102), without_ask(quote(symbol, kNoon + 1s, 99, 200))});
    EXPECT_EQ(quote_bars(bars(symbol, EmptyIntervals::fill, kNoon, kNoon + 120s)),
              (Lines{"+0ms bid 100 100 99 99 ask 102 102 102 102 mid 101 101 101 101 mean 101 spread 2 of 2/1",
                     "+60000ms bid 99 99 99 99 ask - - - - mid - - - - mean - spread - of 0/0"}));
}

TEST_P(BarsContract, OnlyRowsFromStartUntilBeforeEndAreInABar) {
    const SymbolId symbol = make_symbol().id;
    store({trade(symbol, kNoon, "1", 100), trade(symbol, kNoon + 30s, "2", 101), trade(symbol, kNoon + 59s, "3", 102),
           trade(symbol, kNoon + 60s, "4", 103), trade(symbol, kNoon + 90s, "5", 104)});
    EXPECT_EQ(trade_bars(bars(symbol, EmptyIntervals::skip, kNoon + 30s, kNoon + 90s)),
              (Lines{"+0ms 101 102 101 102 volume 2 buy 2 vwap 101.5 of 2",
                     "+60000ms 103 103 103 103 volume 1 buy 1 vwap 103 of 1"}));
    EXPECT_EQ(trade_bars(bars(symbol, EmptyIntervals::show, kNoon, kNoon)), Lines{});
}

TEST_P(BarsContract, RowsOfOneTimeOpenAndCloseInTheOrderOfTheirSequence) {
    const SymbolId symbol = make_symbol().id;
    store({quote(symbol, kNoon, 103, 104, 3), quote(symbol, kNoon, 101, 102, 1), quote(symbol, kNoon, 102, 103, 2)});
    EXPECT_EQ(quote_bars(bars(symbol)), (Lines{"+0ms bid 101 103 101 103 ask 102 104 102 104 mid 101.5 103.5 101.5 "
                                               "103.5 mean 102.5 spread 1 of 3/3"}));
}

TEST_P(BarsContract, BarsGoAcrossDaysAndPartitions) {
    const SymbolId symbol = make_symbol().id;
    const Timestamp midnight = parse_timestamp("2024-08-01T00:00:00Z");
    for (const auto before : {std::chrono::microseconds(10min), std::chrono::microseconds(1)}) {
        store({trade(symbol, midnight - before, before == 1us ? "2" : "1", 100)});
    }
    store({trade(symbol, midnight, "3", 101), trade(symbol, midnight + 24h, "4", 102)});
    BarOptions options = bars(symbol);
    options.every = 30min;
    const auto shown = [&] {
        Lines lines;
        for (const TradeBar& bar : wait(get_trade_bars(db(), options)).bars) {
            lines.push_back(to_string(bar.start).substr(0, 16) + " " + std::to_string(bar.count));
        }
        return lines;
    };
    EXPECT_EQ(shown(), (Lines{"2024-07-31T23:30 2", "2024-08-01T00:00 1", "2024-08-02T00:00 1"}));
    options.every = 24h * 3;
    EXPECT_EQ(shown(), (Lines{"2024-07-31T00:00 4"})) << "a multiple of three days since 1970, of two months";
    options.every = 24h;
    options.empty = EmptyIntervals::fill;
    EXPECT_EQ(shown(), (Lines{"2024-07-31T00:00 2", "2024-08-01T00:00 1", "2024-08-02T00:00 1"}));
}

TEST_P(BarsContract, TheReceivedClockCountsWhatItLeavesOut) {
    const SymbolId symbol = make_symbol().id;
    store({received(trade(symbol, kNoon, "1", 100), kNoon + 61s),
           received(trade(symbol, kNoon + 1s, "2", 101), kNoon + 2s), trade(symbol, kNoon + 2s, "3", 102)});
    BarOptions options = bars(symbol);
    options.clock = ClockKind::received;
    const Bars<TradeBar> answer = wait(get_trade_bars(db(), options));
    EXPECT_EQ(lines_of_bars(answer.bars), (Lines{"+0ms 101 101 101 101 volume 1 buy 1 vwap 101 of 1",
                                                 "+60000ms 100 100 100 100 volume 1 buy 1 vwap 100 of 1"}));
    EXPECT_EQ(answer.without_received_at, 1U);
    options.empty = EmptyIntervals::fill;
    options.start = kNoon + 120s;
    options.end = kNoon + 180s;
    EXPECT_EQ(trade_bars(options), (Lines{"+120000ms 100 100 100 100 volume 0 buy 0 vwap - of 0"}))
        << "the trade that was received last";
}

TEST_P(BarsContract, BatchesOfAnySizeAreTheWholeAnswer) {
    const SymbolId symbol = make_symbol().id;
    std::vector<Trade> rows;
    for (int i = 0; i < 500; ++i) {
        rows.push_back(trade(symbol, kNoon + i * 137ms + (i % 7) * 2s, std::to_string(i).c_str(), 100 + i % 13));
    }
    store(rows);
    for (const EmptyIntervals empty : {EmptyIntervals::skip, EmptyIntervals::show, EmptyIntervals::fill}) {
        BarOptions options = bars(symbol, empty, kNoon + 3s, kNoon + 100s);
        options.every = 1500ms;
        const Lines whole = trade_bars(options);
        EXPECT_GT(whole.size(), 40U);
        for (const std::size_t size : {1U, 2U, 7U, 1000U}) {
            BarReader<TradeBar> reader = read_trade_bars(db(), options);
            Lines parts;
            for (;;) {
                const std::vector<TradeBar> batch = wait(reader.next(size));
                if (batch.empty()) break;
                EXPECT_LE(batch.size(), size);
                for (const std::string& line : lines_of_bars(batch)) parts.push_back(line);
            }
            EXPECT_EQ(parts, whole) << size;
            EXPECT_TRUE(wait(reader.next(size)).empty()) << "the end stays the end";
        }
    }
}

TEST_P(BarsContract, LongBarsAreWhatShortOnesMakeTogether) {
    const SymbolId symbol = make_symbol().id;
    std::vector<BookTicker> rows;
    for (int i = 0; i < 1000; ++i) rows.push_back(quote(symbol, kNoon + i * 311ms, 100 + i * 37 % 101, 300 - i % 9));
    store(rows);
    BarOptions options = bars(symbol);
    const std::vector<QuoteBar> minutes = wait(get_quote_bars(db(), options)).bars;
    options.every = 1s;
    const std::vector<QuoteBar> seconds = wait(get_quote_bars(db(), options)).bars;
    ASSERT_EQ(minutes.size(), 6U);
    ASSERT_GT(seconds.size(), 300U);
    auto second = seconds.begin();
    for (const QuoteBar& minute : minutes) {
        const double open = second->bid.open;
        double high = 0, low = 1000, close = 0;
        std::uint64_t count = 0;
        for (; second != seconds.end() && second->start < minute.start + 60s; ++second) {
            high = std::max(high, second->bid.high);
            low = std::min(low, second->bid.low);
            close = second->bid.close;
            count += second->count;
        }
        EXPECT_EQ(minute.bid.open, open);
        EXPECT_EQ(minute.bid.high, high);
        EXPECT_EQ(minute.bid.low, low);
        EXPECT_EQ(minute.bid.close, close);
        EXPECT_EQ(minute.count, count);
    }
    EXPECT_EQ(second, seconds.end());
}

TEST_P(BarsContract, ASeriesWithoutRowsHasNoBars) {
    const SymbolId symbol = make_symbol().id;
    EXPECT_EQ(quote_bars(bars(symbol)), Lines{});
    EXPECT_EQ(trade_bars(bars(symbol, EmptyIntervals::fill)), Lines{});
    EXPECT_EQ(trade_bars(bars(symbol, EmptyIntervals::show, kNoon, kNoon + 60s)),
              (Lines{"+0ms - - - - volume 0 buy 0 vwap - of 0"}));
}

TEST_P(BarsContract, WhatMakesNoSenseIsRefusedAtTheCall) {
    const SymbolId symbol = make_symbol().id;
    BarOptions options = bars(symbol);
    options.every = 0us;
    expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(get_quote_bars(db(), options)); },
                 {"every: expected a positive length of time"});
    options.every = -1s;
    expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(read_trade_bars(db(), options)); }, {"every"});
    options = bars(symbol, EmptyIntervals::skip, kNoon + 1s, kNoon);
    expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(get_trade_bars(db(), options)); },
                 {"end lies before start"});
    BarReader<QuoteBar> reader = read_quote_bars(db(), bars(symbol));
    expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(reader.next(0)); }, {"max_bars"});
    EXPECT_TRUE(wait(reader.next()).empty()) << "and can go on";
}

TEST_P(BarsContract, AnUnknownSymbolIsAnErrorAndNotAnEmptyAnswer) {
    static_cast<void>(make_symbol());
    for (const EmptyIntervals empty : {EmptyIntervals::skip, EmptyIntervals::fill}) {
        expect_error(ErrorCode::unknown_symbol,
                     [&] { wait(get_quote_bars(db(), bars(SymbolId{4711}, empty, kNoon, kNoon + 60s))); }, {"4711"});
    }
}

TEST_P(BarsContract, AnAnswerThatDoesNotFitIsAnErrorAndAReaderIsNot) {
    const SymbolId symbol = make_symbol().id;
    BarOptions options = bars(symbol, EmptyIntervals::show, kMinTime, kMaxTime);
    options.every = 1us;
    expect_error(ErrorCode::resource_exhausted, [&] { wait(get_quote_bars(db(), options)); }, {"1000000 bars"});
    BarReader<QuoteBar> reader = read_quote_bars(db(), options);
    EXPECT_EQ(wait(reader.next(3)).size(), 3U);
}

TEST_P(BarsContract, AReaderThatFailedIsClosed) {
    const SymbolId symbol = make_symbol().id;
    store(quote(symbol, kNoon, 100, 101));
    BarReader<QuoteBar> reader = read_quote_bars(db(), bars(symbol));
    const Deadline past{std::chrono::steady_clock::now() - 1s};
    expect_error(ErrorCode::timeout, [&] { static_cast<void>(wait(reader.next(10, past))); });
    expect_error(ErrorCode::closed, [&] { static_cast<void>(wait(reader.next(10))); }, {"open a new one"});
}

TEST_P(BarsContract, StatisticsOfQuotesAreThoseOfALiquidityProfile) {
    const SymbolId symbol = make_symbol().id;
    const auto sized = [](BookTicker row, double bid_qty, double ask_qty) {
        row.bid_qty = bid_qty;
        row.ask_qty = ask_qty;
        return row;
    };
    store({sized(quote(symbol, kNoon, 100, 100), 1, 3), sized(quote(symbol, kNoon + 1s, 100, 300), 3, 1),
           sized(quote(symbol, kNoon + 2s, 50, 50), 10, 10)});
    StatisticsOptions options;
    options.symbol = symbol;
    const QuoteStatistics all = wait(get_quote_stats(db(), options));
    EXPECT_EQ(all.count, 3U);
    EXPECT_EQ(all.two_sided_count, 3U);
    EXPECT_DOUBLE_EQ(all.mean_spread_bps, 10'000.0 / 3) << "0, 10,000 and 0 of the mid";
    EXPECT_DOUBLE_EQ(all.mean_spread_bps_of_bid, 20'000.0 / 3);
    EXPECT_DOUBLE_EQ(all.mean_value, 2000.0 / 3) << "400, 600 and 1,000";
    EXPECT_DOUBLE_EQ(all.mean_imbalance, -0.5 / 3);
    EXPECT_DOUBLE_EQ(all.p10_bid_value, 140) << "of 100, 300, 500";
    EXPECT_DOUBLE_EQ(all.p90_bid_value, 460);
    EXPECT_EQ(testing::text_of(all.first), "+0ms");
    EXPECT_EQ(testing::text_of(all.last), "+2000ms");
    options.start = kNoon + 1s;
    options.end = kNoon + 2s;
    EXPECT_EQ(wait(get_quote_stats(db(), options)).p90_bid_value, 300);
    options.start = options.end;
    const QuoteStatistics none = wait(get_quote_stats(db(), options));
    EXPECT_EQ(none.count, 0U);
    EXPECT_FALSE(is_present(none.mean_spread_bps));
    EXPECT_FALSE(is_present(none.p10_bid_value));
    EXPECT_FALSE(is_present(none.first));
}

TEST_P(BarsContract, StatisticsOfQuotesWithoutASideAreOfTheOthers) {
    const SymbolId symbol = make_symbol().id;
    store({quote(symbol, kNoon, 100, 101), without_ask(quote(symbol, kNoon + 1s, 300, 301)),
           without_bid(quote(symbol, kNoon + 2s, 1, 2))});
    StatisticsOptions options;
    options.symbol = symbol;
    const QuoteStatistics all = wait(get_quote_stats(db(), options));
    EXPECT_EQ(all.count, 3U);
    EXPECT_EQ(all.two_sided_count, 1U);
    EXPECT_EQ(all.mean_spread_bps_of_bid, 100);
    EXPECT_EQ(all.mean_value, 302);
    EXPECT_EQ(all.p90_bid_value, 280);
}

TEST_P(BarsContract, StatisticsOfTradesAreSumCountAndMeanValue) {
    const SymbolId symbol = make_symbol().id;
    store({trade(symbol, kNoon, "1", 100, 1), trade(symbol, kNoon + 1s, "2", 200, 2, Side::sell)});
    StatisticsOptions options;
    options.symbol = symbol;
    const TradeStatistics all = wait(get_trade_stats(db(), options));
    EXPECT_EQ(all.count, 2U);
    EXPECT_EQ(all.volume, 3);
    EXPECT_EQ(all.buy_volume, 1);
    EXPECT_EQ(all.value, 500);
    EXPECT_EQ(all.mean_value, 250);
    EXPECT_DOUBLE_EQ(all.vwap, 500.0 / 3);
    options.end = kNoon;
    EXPECT_EQ(wait(get_trade_stats(db(), options)).value, 0);
    EXPECT_FALSE(is_present(wait(get_trade_stats(db(), options)).mean_value));
}

TEST_P(BarsContract, StatisticsOfWhatIsUnknownOrEndsBeforeItStartsAreRefused) {
    StatisticsOptions options;
    options.symbol = SymbolId{4711};
    expect_error(ErrorCode::unknown_symbol, [&] { wait(get_quote_stats(db(), options)); }, {"4711"});
    expect_error(ErrorCode::unknown_symbol, [&] { wait(get_trade_stats(db(), options)); }, {"4711"});
    options.symbol = make_symbol().id;
    options.start = kNoon;
    options.end = kNoon - 1s;
    expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(get_quote_stats(db(), options)); },
                 {"end lies before start"});
}

}  // namespace
}  // namespace marketdb::testing
