#include <algorithm>
#include <random>

#include "alignment_fixture.hpp"

/// Quotes of several series side by side.
namespace marketdb::testing {
namespace {

class Alignment : public AlignmentTest {
 public:
    SymbolId first() { return make_symbol("BTC", "USDT", "ALPHA_SPOT").id; }
    SymbolId second() { return make_symbol("BTC", "USDT", "BETA_FUTURES").id; }
};
INSTANTIATE_TEST_SUITE_P(On, Alignment, ::testing::ValuesIn(all_engines()), engine_name);

TEST_P(Alignment, TheLastRowAtOrBeforeAnInstantCountsAndNeverALaterOne) {
    const SymbolId a = first();
    const SymbolId b = second();
    store({tick(a, kNoon + 200ms, 1, 2), tick(a, kNoon + 1700ms, 3, 4), tick(a, kNoon + 3s, 5, 6),
           tick(b, kNoon + 1s, 10, 20), tick(b, kNoon + 1s + 1us, 30, 40)});
    EXPECT_EQ(lines_of_aligned(grid({a, b}, 1s, kNoon, kNoon + 3s)),
              (Lines{"+0ms: -, -", "+1000ms: +200ms 1/2, +1000ms 10/20", "+2000ms: +1700ms 3/4, +1000.001ms 30/40",
                     "+3000ms: +3000ms 5/6, +1000.001ms 30/40"}));
}

TEST_P(Alignment, AGridIsMadeOfMultiplesSince1970WithBothEnds) {
    const SymbolId a = first();
    store(tick(a, kNoon, 1, 2));
    EXPECT_EQ(lines_of_aligned(grid({a}, 7s, kNoon, kNoon + 20s)),
              (Lines{"+4000ms: +0ms 1/2", "+11000ms: +0ms 1/2", "+18000ms: +0ms 1/2"}))
        << "1723118404 is 246159772 times 7";
    EXPECT_EQ(lines_of_aligned(grid({a}, 10s, kNoon, kNoon)), (Lines{"+0ms: +0ms 1/2"}));
    EXPECT_EQ(lines_of_aligned(grid({a}, 10s, kNoon + 1s, kNoon + 9s)), Lines{});
}

TEST_P(Alignment, ARowBeforeTheStartIsCarriedIntoTheRange) {
    const SymbolId a = first();
    const SymbolId b = second();
    store(
        {tick(a, kNoon - 26h, 1, 2), tick(a, kNoon - 25h, 3, 4), tick(a, kNoon + 1s, 5, 6), tick(b, kNoon + 2s, 7, 8)});
    EXPECT_EQ(lines_of_aligned(grid({a, b}, 1s, kNoon, kNoon + 2s)),
              (Lines{"+0ms: -90000000ms 3/4, -", "+1000ms: +1000ms 5/6, -", "+2000ms: +1000ms 5/6, +2000ms 7/8"}));
}

TEST_P(Alignment, WithoutARangeAGridRunsFromTheLatestFirstRowToTheEarliestLastOne) {
    const SymbolId a = first();
    const SymbolId b = second();
    store({tick(a, kNoon, 1, 2), tick(a, kNoon + 3500ms, 3, 4), tick(b, kNoon + 1500ms, 5, 6),
           tick(b, kNoon + 9s, 7, 8)});
    const Lines both{"+2000ms: +0ms 1/2, +1500ms 5/6", "+3000ms: +0ms 1/2, +1500ms 5/6"};
    EXPECT_EQ(lines_of_aligned(grid({a, b}, 1s)), both);
    EXPECT_EQ(lines_of_aligned(grid({a, b}, 1s, kNoon + 3s)), Lines{both[1]});
    EXPECT_EQ(lines_of_aligned(grid({a, b}, 1s, kNoTime, kNoon + 2s)), Lines{both[0]});
}

TEST_P(Alignment, SeriesThatNeverMeetHaveNoGridOfTheirOwn) {
    const SymbolId a = first();
    const SymbolId b = second();
    const SymbolId empty = make_symbol("ETH").id;
    store({tick(a, kNoon, 1, 2), tick(b, kNoon + 1h, 5, 6)});
    EXPECT_EQ(lines_of_aligned(grid({a, b}, 1s)), Lines{});
    EXPECT_EQ(lines_of_aligned(grid({a, empty}, 1s)), Lines{});
    EXPECT_EQ(lines_of_aligned(grid({a, empty}, 1s, kNoon, kNoon)), (Lines{"+0ms: +0ms 1/2, -"}));
}

TEST_P(Alignment, ASideThatHasGoneIsNotCarriedOn) {
    const SymbolId a = first();
    BookTicker without_bid = tick(a, kNoon + 1s, 1, 4);
    without_bid.bid_price = kNoNumber;
    without_bid.bid_qty = kNoNumber;
    store({tick(a, kNoon, 1, 2), without_bid, tick(a, kNoon + 2s, 5, 6)});
    EXPECT_EQ(lines_of_aligned(grid({a}, 1s)),
              (Lines{"+0ms: +0ms 1/2", "+1000ms: +1000ms -/4", "+2000ms: +2000ms 5/6"}));
    const AlignedBookTickers aligned = wait(get_aligned_book_tickers(db(), grid({a}, 1s)));
    EXPECT_EQ(aligned.at(0)[0].bid_qty, 1);
    EXPECT_EQ(aligned.at(0)[0].ask_qty, 2);
    EXPECT_FALSE(is_present(aligned.at(1)[0].bid_qty));
}

TEST_P(Alignment, OfSeveralRowsAtOneTimeTheLastInOrderCounts) {
    const SymbolId a = first();
    store({tick(a, kNoon, 5, 6, 3), tick(a, kNoon, 1, 2, 1), tick(a, kNoon, 3, 4, 2)});
    AlignmentOptions changes = aligned({a});
    changes.at_each_change = true;
    EXPECT_EQ(lines_of_aligned(changes), (Lines{"+0ms: +0ms 5/6"}));
    EXPECT_EQ(lines_of_aligned(grid({a}, 1s, kNoon, kNoon + 1s)), (Lines{"+0ms: +0ms 5/6", "+1000ms: +0ms 5/6"}));
    EXPECT_EQ(lines_of_aligned(grid({a}, 1s, kNoon + 1s, kNoon + 1s)), (Lines{"+1000ms: +0ms 5/6"}));
}

TEST_P(Alignment, AToleranceMakesAnOlderQuoteAbsent) {
    const SymbolId a = first();
    const SymbolId b = second();
    store({tick(a, kNoon - 1s, 1, 2), tick(a, kNoon + 2s, 3, 4), tick(b, kNoon - 2s, 5, 6)});
    AlignmentOptions options = grid({a, b}, 1s, kNoon, kNoon + 3s);
    options.tolerance = 1s;
    EXPECT_EQ(lines_of_aligned(options),
              (Lines{"+0ms: -1000ms 1/2, -", "+1000ms: -, -", "+2000ms: +2000ms 3/4, -", "+3000ms: +2000ms 3/4, -"}));
    options.tolerance = 0us;
    EXPECT_EQ(lines_of_aligned(options),
              (Lines{"+0ms: -, -", "+1000ms: -, -", "+2000ms: +2000ms 3/4, -", "+3000ms: -, -"}));
}

TEST_P(Alignment, AtGivenTimes) {
    const SymbolId a = first();
    store({tick(a, kNoon, 1, 2), tick(a, kNoon + 1s, 3, 4)});
    AlignmentOptions options = aligned({a});
    options.at = {kNoon - 1s, kNoon, kNoon + 999'999us, kNoon + 999'999us, kNoon + 5min};
    EXPECT_EQ(lines_of_aligned(options), (Lines{"-1000ms: -", "+0ms: +0ms 1/2", "+999.999ms: +0ms 1/2",
                                                "+999.999ms: +0ms 1/2", "+300000ms: +1000ms 3/4"}));
}

TEST_P(Alignment, AtTheRowsOfOneSeries) {
    const SymbolId a = first();
    const SymbolId b = second();
    store({tick(a, kNoon, 1, 2), tick(a, kNoon + 1s, 3, 4), tick(a, kNoon + 2s, 5, 6), tick(b, kNoon + 500ms, 7, 8),
           tick(b, kNoon + 1500ms, 9, 10)});
    AlignmentOptions options = aligned({b, a});
    options.driver = a;
    EXPECT_EQ(lines_of_aligned(options),
              (Lines{"+0ms: -, +0ms 1/2", "+1000ms: +500ms 7/8, +1000ms 3/4", "+2000ms: +1500ms 9/10, +2000ms 5/6"}));
    options.start = kNoon + 1s;
    options.end = kNoon + 2s;
    EXPECT_EQ(lines_of_aligned(options), (Lines{"+1000ms: +500ms 7/8, +1000ms 3/4"}));
}

TEST_P(Alignment, AtEachChangeOfAnySeries) {
    const SymbolId a = first();
    const SymbolId b = second();
    store({tick(a, kNoon, 1, 2), tick(b, kNoon, 5, 6), tick(b, kNoon + 1s, 7, 8), tick(a, kNoon + 2s, 1, 2),
           tick(b, kNoon + 3s, 9, 10)});
    AlignmentOptions options = aligned({a, b});
    options.at_each_change = true;
    options.start = kNoon + 1s;
    options.end = kNoon + 3s;
    EXPECT_EQ(lines_of_aligned(options),
              (Lines{"+1000ms: +0ms 1/2, +1000ms 7/8", "+2000ms: +2000ms 1/2, +1000ms 7/8"}));
    options.start = options.end = kNoTime;
    EXPECT_EQ(lines_of_aligned(options),
              (Lines{"+0ms: +0ms 1/2, +0ms 5/6", "+1000ms: +0ms 1/2, +1000ms 7/8", "+2000ms: +2000ms 1/2, +1000ms 7/8",
                     "+3000ms: +2000ms 1/2, +3000ms 9/10"}));
}

// --- clocks ------------------------------------------------------------------------------------------------------------

TEST_P(Alignment, TheReceivedClockComparesWhatWasKnownHereAtOneTime) {
    const SymbolId spot = first();
    const SymbolId futures = second();
    // The spot exchange gives no time; the other one's clock is two seconds ahead of ours.
    BookTicker spot_row = quote(spot, kNoon + 1s, 1, 2);
    spot_row.received_at = spot_row.timestamp;
    BookTicker early = quote(futures, kNoon + 2s, 3, 4);
    early.received_at = kNoon;
    BookTicker late = quote(futures, kNoon + 4s, 5, 6);
    late.received_at = kNoon + 2s;
    store({spot_row, early, late});
    AlignmentOptions options;
    options.series = {spot, futures};
    options.every = 1s;
    options.start = kNoon;
    options.end = kNoon + 2s;
    EXPECT_EQ(lines_of_aligned(options),
              (Lines{"+0ms: -, +0ms 3/4", "+1000ms: +1000ms 1/2, +0ms 3/4", "+2000ms: +1000ms 1/2, +2000ms 5/6"}));

    options.series = {futures};
    options.clock = ClockKind::event;
    options.end = kNoon + 4s;
    EXPECT_EQ(lines_of_aligned(options),
              (Lines{"+0ms: -", "+1000ms: -", "+2000ms: +2000ms 3/4", "+3000ms: +2000ms 3/4", "+4000ms: +4000ms 5/6"}));
}

TEST_P(Alignment, TheEventClockIsRefusedForASeriesWithoutEventTime) {
    const SymbolId spot = first();
    const SymbolId futures = second();
    BookTicker bare = quote(spot, kNoon + 1s, 1, 2);
    bare.received_at = bare.timestamp;
    BookTicker timed = quote(futures, kNoon, 3, 4);
    timed.received_at = kNoon + 3ms;
    store({bare, timed});
    AlignmentOptions options;
    options.series = {futures, spot};
    options.every = 1s;
    options.clock = ClockKind::event;
    for (const Timestamp from : {kNoTime, kNoon, kNoon + 10s}) {
        options.start = from;
        options.end = is_present(from) ? from + 2s : kNoTime;
        expect_error(
            ErrorCode::invalid_argument, [&] { lines_of_aligned(options); },
            {"ALPHA_SPOT:BTC/USDT has no event time", "2024-08-08T12:00:01.000000Z", "expected the received clock"});
    }
    options.series = {futures};
    options.start = kNoon;
    EXPECT_EQ(lines_of_aligned(options).size(), 13U);
}

TEST_P(Alignment, RowsWithoutReceivedAtAreLeftOutAndCounted) {
    const SymbolId a = first();
    BookTicker known = quote(a, kNoon, 1, 2);
    known.received_at = kNoon + 1s;
    store({known, quote(a, kNoon + 2s, 3, 4), quote(a, kNoon + 3s, 5, 6)});
    AlignmentOptions options;
    options.series = {a};
    options.at_each_change = true;
    const AlignedBookTickers aligned = wait(get_aligned_book_tickers(db(), options));
    EXPECT_EQ(lines_of(aligned), (Lines{"+1000ms: +1000ms 1/2"}));
    EXPECT_EQ(aligned.without_received_at, 2U);

    const SymbolId b = second();
    store({quote(b, kNoon, 1, 2), quote(b, kNoon + 1s, 3, 4)});
    const AlignedBookTickers nothing = wait(get_aligned_book_tickers(db(), grid({a, b}, 1s)));
    EXPECT_EQ(lines_of(nothing), Lines{}) << "there is no time in which both have a quote";
    EXPECT_EQ(nothing.without_received_at, 2U);
}

// --- many --------------------------------------------------------------------------------------------------------------

/// A line as `lines_of` makes it, found by looking at every row.
std::string looked_up(const std::vector<std::vector<BookTicker>>& series, Timestamp instant,
                      std::chrono::microseconds most, Timestamp (*time_of)(const BookTicker&)) {
    std::string line = text_of(instant) + ":";
    for (const std::vector<BookTicker>& rows : series) {
        const BookTicker* last = nullptr;
        for (const BookTicker& row : rows) {
            if (time_of(row) <= instant && (last == nullptr || time_of(row) >= time_of(*last))) last = &row;
        }
        line += line.back() == ':' ? " " : ", ";
        const bool is_there = last != nullptr && instant - time_of(*last) <= most;
        line +=
            is_there ? text_of(time_of(*last)) + " " + text_of(last->bid_price) + "/" + text_of(last->ask_price) : "-";
    }
    return line;
}

TEST_P(Alignment, OfThousandsOfRowsIsWhatLookingAtEachRowGives) {
    std::mt19937 random(20240808);
    std::uniform_int_distribution<int> pause(1, 400);
    std::vector<SymbolId> symbols{first(), second(), make_symbol("ETH").id};
    std::vector<std::vector<BookTicker>> rows(symbols.size());
    for (std::size_t i = 0; i < symbols.size(); ++i) {
        Timestamp at = kNoon + i * 10s;
        for (int n = 1; n <= 1500; ++n) {
            at += std::chrono::milliseconds(pause(random));
            rows[i].push_back(tick(symbols[i], at, n, n + 1));
        }
        store(rows[i]);
    }
    AlignmentOptions options = grid(symbols, 130ms, kNoon + 5s, kNoon + 250s);
    options.tolerance = 300ms;
    Lines expected;
    const auto time_of = [](const BookTicker& row) {
        return is_present(row.received_at) ? row.received_at : row.timestamp;
    };
    const std::int64_t every = 130'000;
    for (std::int64_t n = (kNoon + 5s).time_since_epoch().count() / every + 1;; ++n) {
        const Timestamp instant{std::chrono::microseconds{n * every}};
        if (instant > kNoon + 250s) break;
        expected.push_back(looked_up(rows, instant, 300ms, time_of));
    }
    EXPECT_EQ(expected.size(), 1885U);
    EXPECT_EQ(lines_of_aligned(options), expected);

    AlignedReader reader = read_aligned_book_tickers(db(), options);
    Lines in_batches;
    for (AlignedBookTickers batch = wait(reader.next(7)); !batch.instants.empty(); batch = wait(reader.next(7))) {
        EXPECT_LE(batch.instants.size(), 7U);
        EXPECT_EQ(batch.series, symbols);
        const Lines lines = lines_of(batch);
        in_batches.insert(in_batches.end(), lines.begin(), lines.end());
    }
    EXPECT_EQ(in_batches, expected);
    EXPECT_TRUE(wait(reader.next()).instants.empty()) << "the end stays the end";
}

TEST_P(Alignment, MoreQuotesThanTheBoundAreForTheReader) {
    std::vector<SymbolId> symbols;
    for (int i = 0; i < 64; ++i) symbols.push_back(make_symbol("C" + std::to_string(i)).id);
    const AlignmentOptions options = grid(symbols, 1ms, kNoon, kNoon + 65'536ms);
    expect_error(ErrorCode::resource_exhausted, [&] { lines_of_aligned(options); },
                 {"more than 4194304 aligned quotes"});
    AlignedReader reader = read_aligned_book_tickers(db(), options);
    EXPECT_EQ(wait(reader.next(3)).quotes.size(), 192U);
}

// --- bad input ---------------------------------------------------------------------------------------------------------

TEST_P(Alignment, WhatMakesNoSenseIsRefusedAtTheCall) {
    const SymbolId a = first();
    const SymbolId b = second();
    const auto refused = [&](const AlignmentOptions& options, std::string_view reason) {
        expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(read_aligned_book_tickers(db(), options)); },
                     {reason});
        expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(get_aligned_book_tickers(db(), options)); },
                     {reason});
    };
    refused(grid({}, 1s), "series: expected 1 to 64 symbols");
    refused(grid(std::vector<SymbolId>(65, a), 1s), "series: expected 1 to 64 symbols");
    refused(grid({a, b, a}, 1s), "is there twice");
    refused(grid({a}, 0s), "expected exactly one of every (> 0), at, driver and at_each_change");
    refused(grid({a}, -1s), "every: expected a positive length of time");
    refused(grid({a}, 1s, kNoon, kNoon - 1us), "end lies before start");
    refused(grid({a}, 1s, kMinTime - 1us, kNoon), "start and end: expected times from 1970");

    AlignmentOptions options = grid({a}, 1s);
    options.at_each_change = true;
    refused(options, "expected exactly one");
    options = grid({a}, 1s);
    options.tolerance = -1us;
    refused(options, "tolerance: expected a length of time of 0 or more");
    options = aligned({a});
    options.at = {kNoon + 1s, kNoon};
    refused(options, "at: expected times in ascending order");
    options.at = {kNoon, kMaxTime + 1us};
    refused(options, "at: expected times from 1970");
    options.at = {kNoon};
    options.start = kNoon;
    refused(options, "at and start or end exclude each other");
    options = aligned({a});
    options.driver = b;
    refused(options, "driver: expected one of the series");

    AlignedReader reader = read_aligned_book_tickers(db(), grid({a}, 1s));
    expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(reader.next(0)); }, {"max_instants"});
}

TEST_P(Alignment, AnUnknownSymbolIsSaidAndEndsTheReader) {
    AlignedReader reader = read_aligned_book_tickers(db(), grid({first(), SymbolId{4711}}, 1s));
    expect_error(ErrorCode::unknown_symbol, [&] { wait(reader.next()); }, {"symbol id 4711 is not stored"});
    expect_error(ErrorCode::closed, [&] { wait(reader.next()); }, {"begin to read anew"});
}

TEST_P(Alignment, ACoroutineOfTheCallerMayAwaitIt) {
    const SymbolId a = first();
    store(tick(a, kNoon, 1, 2));
    const auto body = [this, a]() -> boost::asio::awaitable<Lines> {
        AlignmentOptions options = grid({a}, 1s, kNoon, kNoon);
        const AlignedBookTickers aligned = co_await get_aligned_book_tickers(db(), std::move(options));
        co_return lines_of(aligned);
    };
    EXPECT_EQ(run(body()), (Lines{"+0ms: +0ms 1/2"}));
}

}  // namespace
}  // namespace marketdb::testing
