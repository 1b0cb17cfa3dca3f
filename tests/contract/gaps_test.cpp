#include <marketdb/status.hpp>

#include "coverage_fixture.hpp"

/// What is missing: declared, shown by trade ids, or suspected.
namespace marketdb::testing {
namespace {

class GapsTest : public CoverageTest {
 public:
    /// `declared +0ms .. +5ms`, of trade ids with ` 3: 7..9`.
    Lines gaps(const GapSearch& search) {
        Lines lines;
        for (const FoundGap& gap : wait(find_gaps(db(), search))) {
            std::string line = std::string(to_string(gap.evidence)) + " " + span(gap.start, gap.end);
            if (gap.missing > 0) {
                line += " " + std::to_string(gap.missing) + ": " + std::to_string(gap.first_id) + ".." +
                        std::to_string(gap.last_id);
            }
            lines.push_back(line);
        }
        return lines;
    }

    /// Trades a second apart from noon on, but without those of some seconds.
    std::vector<Trade> trades(SymbolId symbol, int count, int without_from, int without_to) {
        std::vector<Trade> rows;
        for (int i = 0; i < count; ++i) {
            if (i < without_from || i >= without_to) {
                rows.push_back(trade(symbol, kNoon + i * 1s, std::to_string(1000 + i).c_str()));
            }
        }
        return rows;
    }
};

MARKETDB_COVERAGE_SUITE(CoverageOfFeeds);

class Gaps : public GapsTest {};
INSTANTIATE_TEST_SUITE_P(On, Gaps, ::testing::ValuesIn(all_engines()), engine_name);

TEST_P(Gaps, NumbersThatAreMissingAmongTradesThatFollowEachOtherAreProof) {
    const SymbolId symbol = make_symbol().id;
    store(trades(symbol, 60, 20, 23));
    GapSearch search;
    search.dataset = Dataset::trades;
    search.symbol = symbol;
    EXPECT_EQ(gaps(search), Lines{"trade-ids +19000ms .. +23000ms 3: 1020..1022"});
    search.end = kNoon + 15s;
    EXPECT_EQ(gaps(search), Lines{});
}

TEST_P(Gaps, ASilenceIsLookedForInCoveredTimeAlone) {
    const SymbolId symbol = make_symbol().id;
    store_covered({quote(symbol, kNoon, 1, 2), quote(symbol, kNoon + 10s, 1, 2), quote(symbol, kNoon + 30s, 1, 2)},
                  {claim(symbol, kNoon, kNoon + 13s), claim(symbol, kNoon + 24s, kNoon + 50s)});
    GapSearch search;
    search.symbol = symbol;
    EXPECT_EQ(gaps(search), Lines{}) << "unless it is asked for";
    search.silence = 5s;
    EXPECT_EQ(gaps(search),
              (Lines{"silence +0ms .. +10000ms", "silence +24000ms .. +30000ms", "silence +30000ms .. +50000ms"}));
    search.silence = 10s;
    EXPECT_EQ(gaps(search), Lines{"silence +30000ms .. +50000ms"});
    search.start = kNoon + 1s;
    search.end = kNoon + 45s;
    EXPECT_EQ(gaps(search), Lines{"silence +30000ms .. +45000ms"});
}

TEST_P(Gaps, DeclaredOnesComeFirst) {
    const SymbolId symbol = make_symbol().id;
    store(trades(symbol, 40, 20, 21));
    CoverageDeclaration declaration;
    declaration.dataset = Dataset::trades;
    declaration.symbol = symbol;
    declaration.start = kNoon + 30s;
    declaration.end = kNoon + 31s;
    wait(declare_gap(db(), declaration));
    GapSearch search;
    search.dataset = Dataset::trades;
    search.symbol = symbol;
    EXPECT_EQ(gaps(search), (Lines{"declared +30000ms .. +31000ms", "trade-ids +19000ms .. +21000ms 1: 1020..1020"}));
    GapReader reader = read_gaps(db(), search);
    EXPECT_EQ(wait(reader.next(1)).size(), 1U);
    EXPECT_EQ(wait(reader.next(5)).size(), 1U);
    EXPECT_EQ(wait(reader.next(5)).size(), 0U);
}

TEST_P(Gaps, QuestionsThatMakeNoSenseAreRefused) {
    GapSearch search;
    search.symbol = SymbolId{4711};
    expect_error(ErrorCode::unknown_symbol, [&] { gaps(search); }, {"4711"});
    search.silence = -1s;
    expect_error(ErrorCode::invalid_argument, [&] { gaps(search); }, {"silence"});
    search.silence = 0s;
    search.start = kNoon;
    search.end = kNoon - 1s;
    expect_error(ErrorCode::invalid_argument, [&] { gaps(search); }, {"end lies before start"});
    search.dataset = Dataset::balances;
    expect_error(ErrorCode::invalid_argument, [&] { gaps(search); }, {"balances"});
}

FeedOptions quotes_feed(SymbolId symbol) {
    FeedOptions options;
    options.name = "recorder";
    options.datasets = {Dataset::book_tickers, Dataset::trades};
    options.symbols = {symbol};
    return options;
}

TEST_P(CoverageOfFeeds, AQuietMarketIsCoveredWhileTheFeedIsAlive) {
    const SymbolId symbol = make_symbol().id;
    Feed feed = wait(open_feed(db(), quotes_feed(symbol)));
    wait(feed.up(kNoon));
    wait(feed.alive(kNoon + 500ms));
    EXPECT_EQ(coverage(), Lines{}) << "at most once a second";
    wait(feed.alive(kNoon + 2s));
    wait(feed.alive(kNoon + 2500ms));
    EXPECT_EQ(coverage(),
              (Lines{"book-tickers received +0ms .. +2000ms feed", "trades received +0ms .. +2000ms feed"}));
    wait(feed.down(kNoon + 2700ms));
    EXPECT_EQ(coverage(),
              (Lines{"book-tickers received +0ms .. +2700ms feed", "trades received +0ms .. +2700ms feed"}));
    EXPECT_EQ(claims().size(), 2U);
}

TEST_P(CoverageOfFeeds, TheStatusSaysWhenOneWasLastUp) {
    const SymbolId symbol = make_symbol().id;
    store({quote(symbol, kNoon - 1h, 1, 2)});
    EXPECT_EQ(wait(get_status(db())).exchanges.at(0).feed_age, std::nullopt);
    Feed feed = wait(open_feed(db(), quotes_feed(symbol)));
    wait(feed.up(kNoon - 10s));
    wait(feed.alive(kNoon - 3s));
    const DatabaseStatus status = wait(get_status(db()));
    EXPECT_EQ(status.exchanges.at(0).feed_age, 3s) << "though the last row is an hour old";
    EXPECT_NE(metrics_text(db(), status)
                  .find("marketdb_feed_age_seconds{dataset=\"book-tickers\",exchange=\"ALPHA_SPOT\"} 3\n"),
              std::string::npos);
    wait(feed.down(kNoon - 1s));
    EXPECT_EQ(wait(get_status(db())).exchanges.at(0).feed_age, 1s);
    clock().walk(25h);
    EXPECT_EQ(wait(get_status(db())).exchanges.at(0).feed_age, std::nullopt) << "none within a day";
}

TEST_P(CoverageOfFeeds, TheTimeWhileItWasDownOrItsProcessWasDeadIsAGap) {
    const SymbolId symbol = make_symbol().id;
    CoverageFilter quotes;
    quotes.dataset = Dataset::book_tickers;
    {
        Feed feed = wait(open_feed(db(), quotes_feed(symbol)));
        wait(feed.up(kNoon));
        wait(feed.down(kNoon + 2s));
        wait(feed.up(kNoon + 5s));
        wait(feed.alive(kNoon + 8s));
        wait(feed.gap(kNoon + 6s, kNoon + 7s));
    }
    Feed next = wait(open_feed(db(), quotes_feed(symbol)));
    wait(next.up(kNoon + 20s));
    wait(next.alive(kNoon + 30s));
    EXPECT_EQ(declared_gaps(quotes),
              (Lines{"book-tickers received +2000ms .. +5000ms", "book-tickers received +6000ms .. +7000ms",
                     "book-tickers received +8000ms .. +20000ms"}));
    EXPECT_EQ(
        coverage(quotes),
        (Lines{"book-tickers received +0ms .. +2000ms feed", "book-tickers received +5000ms .. +6000ms feed",
               "book-tickers received +7000ms .. +8000ms feed", "book-tickers received +20000ms .. +30000ms feed"}));
}

TEST_P(CoverageOfFeeds, WhatAFeedCannotBeIsRefused) {
    const SymbolId symbol = make_symbol().id;
    FeedOptions nameless = quotes_feed(symbol);
    nameless.name = "";
    expect_error(ErrorCode::invalid_argument, [&] { wait(open_feed(db(), nameless)); }, {"name"});
    FeedOptions of_balances = quotes_feed(symbol);
    of_balances.datasets = {Dataset::balances};
    expect_error(ErrorCode::invalid_argument, [&] { wait(open_feed(db(), of_balances)); }, {"balances"});
    expect_error(ErrorCode::unknown_symbol, [&] { wait(open_feed(db(), quotes_feed(SymbolId{4711}))); }, {"4711"});
    Feed feed = wait(open_feed(db(), quotes_feed(symbol)));
    expect_error(ErrorCode::invalid_argument, [&] { wait(feed.alive(kNoon)); }, {"not up"});
    expect_error(ErrorCode::invalid_argument, [&] { wait(feed.down(kNoon)); }, {"not up"});
    wait(feed.up(kNoon));
    expect_error(ErrorCode::invalid_argument, [&] { wait(feed.up(kNoon + 1s)); }, {"up already"});
    expect_error(ErrorCode::invalid_argument, [&] { wait(feed.gap(kNoon, kNoon)); }, {"after its start"});
    wait(feed.down(kNoon + 2s));
    expect_error(ErrorCode::invalid_argument, [&] { wait(feed.up(kNoon + 1s)); }, {"later"});
    EXPECT_EQ(claims().size(), 2U);
}

}  // namespace
}  // namespace marketdb::testing
