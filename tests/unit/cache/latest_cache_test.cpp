#include "cache/latest_cache.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <vector>

#include "support/rows.hpp"

namespace marketdb::cache {
namespace {

using namespace marketdb::testing;
using storage::SeriesKey;
using Answer = LatestCache::Answer;
using Moment = LatestCache::Moment;

constexpr Moment kStart{1'000'000s};
constexpr SymbolId kBtc{1};
constexpr SymbolId kEth{2};

SeriesKey key(SymbolId symbol) {
    SeriesKey series;
    series.id = static_cast<std::int32_t>(symbol);
    return series;
}

SeriesKey key(ExchangeId exchange, const char* account, const char* asset) {
    SeriesKey series;
    series.id = static_cast<std::int32_t>(exchange);
    series.account = account;
    series.asset = asset;
    return series;
}

/// A cache of one kind of row with a lifetime of 30 s.
template <class Row>
class Latest {
 public:
    LatestCache cache{storage::table_of<Row>(), 30s};

    /// A question asked and answered at once.
    void answer(const std::vector<SeriesKey>& asked, std::vector<Row> rows, Moment now = kStart) {
        cache.learn_answer(asked, storage::as_rows(rows), now, cache.token());
    }
    void answer(const std::vector<SeriesKey>& asked, std::vector<Row> rows, Moment now, std::uint64_t token) {
        cache.learn_answer(asked, storage::as_rows(rows), now, token);
    }
    std::vector<SeriesKey> write(std::vector<Row> rows, Moment now = kStart) {
        return cache.learn_written(storage::as_rows(rows), now);
    }
    Answer ask(const SeriesKey& series, Moment now = kStart, std::chrono::microseconds max_age = -1us,
               bool allow_unverified = false) {
        return cache.find(series, now, max_age, allow_unverified, reinterpret_cast<std::byte*>(&found));
    }

    Row found;
};

class LatestCacheTest : public ::testing::Test {
 protected:
    /// The bid that is found at `now`, 0 if no row is.
    double bid(SymbolId symbol, Moment now = kStart) {
        return quotes_.ask(key(symbol), now) == Answer::row ? quotes_.found.bid_price : 0;
    }

    Latest<BookTicker> quotes_;
};

TEST_F(LatestCacheTest, ASeriesThatWasNeverMetIsUnknown) {
    EXPECT_EQ(quotes_.ask(key(kBtc)), Answer::unknown);
    EXPECT_EQ(quotes_.cache.size(), 0U);
}

TEST_F(LatestCacheTest, AnAnswerIsServedAsItCame) {
    BookTicker row = quote(kBtc, kNoon, 100, 101, 7);
    row.received_at = kNoon + 5ms;
    quotes_.answer({key(kBtc)}, {row});
    ASSERT_EQ(quotes_.ask(key(kBtc)), Answer::row);
    EXPECT_EQ(quotes_.found.symbol_id, kBtc);
    EXPECT_EQ(quotes_.found.timestamp, kNoon);
    EXPECT_EQ(quotes_.found.received_at, kNoon + 5ms);
    EXPECT_EQ(quotes_.found.sequence, 7);
    EXPECT_EQ(quotes_.found.bid_price, 100);
    EXPECT_EQ(quotes_.found.ask_qty, 2);
    EXPECT_EQ(quotes_.ask(key(kEth)), Answer::unknown);
}

TEST_F(LatestCacheTest, AnEntryIsServedFor30SecondsAndNotAtThe30th) {
    quotes_.answer({key(kBtc)}, {quote(kBtc, kNoon, 100, 101)});
    EXPECT_EQ(quotes_.ask(key(kBtc), kStart + 29'900ms), Answer::row);
    EXPECT_EQ(quotes_.ask(key(kBtc), kStart + 30'000ms - 1us), Answer::row);
    EXPECT_EQ(quotes_.ask(key(kBtc), kStart + 30'000ms), Answer::unknown);
    EXPECT_EQ(quotes_.ask(key(kBtc), kStart + 30'100ms), Answer::unknown);
}

TEST_F(LatestCacheTest, ThatThereAreNoRowsIsKnownFor30SecondsToo) {
    quotes_.answer({key(kBtc)}, {});
    EXPECT_EQ(quotes_.ask(key(kBtc), kStart + 29'900ms), Answer::no_rows);
    EXPECT_EQ(quotes_.ask(key(kBtc), kStart + 30'000ms), Answer::unknown);
    EXPECT_EQ(quotes_.cache.size(), 0U);
}

TEST_F(LatestCacheTest, ACallerMayWantYoungerEntriesButGetsNoOlderOnes) {
    quotes_.answer({key(kBtc)}, {quote(kBtc, kNoon, 100, 101)});
    EXPECT_EQ(quotes_.ask(key(kBtc), kStart + 4'999ms, 5s), Answer::row);
    EXPECT_EQ(quotes_.ask(key(kBtc), kStart + 5s, 5s), Answer::unknown);
    EXPECT_EQ(quotes_.ask(key(kBtc), kStart, 0us), Answer::unknown);
    EXPECT_EQ(quotes_.ask(key(kBtc), kStart + 29'900ms, 1h), Answer::row);
    EXPECT_EQ(quotes_.ask(key(kBtc), kStart + 30s, 1h), Answer::unknown);
}

TEST_F(LatestCacheTest, AMomentJustBeforeTheEntryWasLearnedFindsIt) {
    quotes_.answer({key(kBtc)}, {quote(kBtc, kNoon, 100, 101)});
    EXPECT_EQ(quotes_.ask(key(kBtc), kStart - 1ms), Answer::row);
    EXPECT_EQ(quotes_.ask(key(kBtc), kStart - 1ms, 0us), Answer::unknown);
}

TEST_F(LatestCacheTest, ALifetimeOfZeroServesNothing) {
    LatestCache cache(storage::table_of<BookTicker>(), 0us);
    std::vector<BookTicker> rows = {quote(kBtc, kNoon, 100, 101)};
    const std::vector<SeriesKey> asked = {key(kBtc)};
    cache.learn_answer(asked, storage::as_rows(rows), kStart, cache.token());
    BookTicker out;
    EXPECT_EQ(cache.find(key(kBtc), kStart, -1us, true, reinterpret_cast<std::byte*>(&out)), Answer::unknown);
}

TEST_F(LatestCacheTest, AWrittenRowThatIsNewerTakesThePlaceAndStartsALifetime) {
    quotes_.answer({key(kBtc)}, {quote(kBtc, kNoon, 100, 101)});
    EXPECT_TRUE(quotes_.write({quote(kBtc, kNoon + 1s, 110, 111)}, kStart + 20s).empty());
    EXPECT_EQ(bid(kBtc, kStart + 20s), 110);
    EXPECT_EQ(bid(kBtc, kStart + 49'900ms), 110);
    EXPECT_EQ(bid(kBtc, kStart + 50s), 0);
}

TEST_F(LatestCacheTest, OfOneTimestampTheGreaterSequenceIsNewer) {
    quotes_.answer({key(kBtc)}, {quote(kBtc, kNoon, 100, 101, 5)});
    quotes_.write({quote(kBtc, kNoon, 90, 91, 4)});
    EXPECT_EQ(bid(kBtc), 100);
    quotes_.write({quote(kBtc, kNoon, 110, 111, 6)});
    EXPECT_EQ(bid(kBtc), 110);
}

TEST_F(LatestCacheTest, AWrittenRowThatIsOlderIsIgnoredAndStartsNoLifetime) {
    quotes_.answer({key(kBtc)}, {quote(kBtc, kNoon, 100, 101)});
    EXPECT_TRUE(quotes_.write({quote(kBtc, kNoon - 1us, 90, 91)}, kStart + 20s).empty());
    EXPECT_EQ(bid(kBtc, kStart + 29'900ms), 100);
    EXPECT_EQ(bid(kBtc, kStart + 30s), 0);
}

TEST_F(LatestCacheTest, AWriteThatChangesTheNewestRowHasTheDatabaseAsked) {
    quotes_.answer({key(kBtc)}, {quote(kBtc, kNoon, 100, 101)});
    const auto unknown = quotes_.write({quote(kBtc, kNoon, 100, 102)}, kStart + 10s);
    EXPECT_EQ(unknown, std::vector{key(kBtc)})
        << "of two such writes at once memory cannot tell which was committed last";
    EXPECT_EQ(quotes_.ask(key(kBtc), kStart + 10s), Answer::unknown);
}

TEST_F(LatestCacheTest, AWriteOfTheSameRowMakesItYoungAgain) {
    quotes_.answer({key(kBtc)}, {quote(kBtc, kNoon, 100, 101)});
    EXPECT_TRUE(quotes_.write({quote(kBtc, kNoon, 100, 101)}, kStart + 10s).empty());
    EXPECT_EQ(quotes_.ask(key(kBtc), kStart + 35s), Answer::row);
}

TEST_F(LatestCacheTest, AnUnchangedRowKeepsItsSource) {
    BookTicker stored = quote(kBtc, kNoon, 100, 101);
    stored.source_id = SourceId{8};
    quotes_.answer({key(kBtc)}, {stored});
    stored.source_id = SourceId{9};
    quotes_.write({stored});
    ASSERT_EQ(quotes_.ask(key(kBtc)), Answer::row);
    EXPECT_EQ(quotes_.found.source_id, SourceId{8});
}

TEST_F(LatestCacheTest, OfABatchTheNewestRowOfEachSeriesIsTaken) {
    quotes_.answer({key(kBtc), key(kEth)}, {quote(kBtc, kNoon, 100, 101), quote(kEth, kNoon, 10, 11)});
    const auto unknown = quotes_.write({quote(kBtc, kNoon + 1s, 101, 102), quote(kBtc, kNoon + 2s, 102, 103, 1),
                                        quote(kBtc, kNoon + 2s, 103, 104, 2), quote(kEth, kNoon + 1s, 11, 12),
                                        quote(kEth, kNoon + 3s, 12, 13)});
    EXPECT_TRUE(unknown.empty());
    EXPECT_EQ(bid(kBtc), 103);
    EXPECT_EQ(bid(kEth), 12);
}

TEST_F(LatestCacheTest, TheRowsOfABatchMayComeInAnyOrder) {
    quotes_.answer({key(kBtc), key(kEth)}, {quote(kEth, kNoon, 10, 11), quote(kBtc, kNoon, 100, 101)});
    quotes_.write({quote(kBtc, kNoon + 3s, 103, 104), quote(kEth, kNoon + 3s, 13, 14),
                   quote(kBtc, kNoon + 1s, 101, 102), quote(kEth, kNoon + 1s, 11, 12),
                   quote(kBtc, kNoon + 2s, 102, 103)});
    EXPECT_EQ(bid(kBtc), 103);
    EXPECT_EQ(bid(kEth), 13);
}

TEST_F(LatestCacheTest, AWriteToASeriesThatIsNotKnownIsReportedOnceAndServesNothing) {
    const auto unknown =
        quotes_.write({quote(kBtc, kNoon, 100, 101), quote(kEth, kNoon, 10, 11), quote(kBtc, kNoon + 1s, 100, 101)});
    EXPECT_EQ(unknown, (std::vector{key(kBtc), key(kEth)}));
    EXPECT_EQ(quotes_.ask(key(kBtc)), Answer::unknown) << "the database may hold a newer row than was written";
    EXPECT_EQ(quotes_.cache.size(), 0U);
    EXPECT_EQ(quotes_.write({quote(kBtc, kNoon + 2s, 100, 101)}), std::vector{key(kBtc)}) << "still not known";
}

TEST_F(LatestCacheTest, AWriteToAnExpiredEntryIsReported) {
    quotes_.answer({key(kBtc)}, {quote(kBtc, kNoon, 100, 101)});
    EXPECT_EQ(quotes_.write({quote(kBtc, kNoon + 1s, 110, 111)}, kStart + 30s), std::vector{key(kBtc)});
    EXPECT_EQ(quotes_.ask(key(kBtc), kStart + 30s), Answer::unknown);
}

TEST_F(LatestCacheTest, ThatThereAreNoRowsIsForgottenWhenOneIsWritten) {
    quotes_.answer({key(kBtc)}, {});
    EXPECT_EQ(quotes_.write({quote(kBtc, kNoon, 100, 101)}), std::vector{key(kBtc)});
    EXPECT_EQ(quotes_.ask(key(kBtc)), Answer::unknown);
    quotes_.answer({key(kBtc)}, {quote(kBtc, kNoon, 100, 101)});
    EXPECT_EQ(bid(kBtc), 100);
}

TEST_F(LatestCacheTest, AnAnswerAskedBeforeAWriteDoesNotOverwriteIt) {
    quotes_.answer({key(kBtc)}, {quote(kBtc, kNoon, 100, 101)});
    const std::uint64_t before = quotes_.cache.token();
    quotes_.write({quote(kBtc, kNoon + 1s, 110, 111)});
    quotes_.answer({key(kBtc)}, {quote(kBtc, kNoon, 100, 101)}, kStart, before);
    EXPECT_EQ(bid(kBtc), 110);
    quotes_.answer({key(kBtc)}, {}, kStart, before);
    EXPECT_EQ(bid(kBtc), 110);
}

TEST_F(LatestCacheTest, AnAnswerAskedBeforeAWriteToAnUnknownSeriesIsRefused) {
    const std::uint64_t before = quotes_.cache.token();
    quotes_.write({quote(kBtc, kNoon + 1s, 110, 111)});
    quotes_.answer({key(kBtc), key(kEth)}, {quote(kBtc, kNoon, 100, 101), quote(kEth, kNoon, 10, 11)}, kStart, before);
    EXPECT_EQ(quotes_.ask(key(kBtc)), Answer::unknown);
    EXPECT_EQ(bid(kEth), 10) << "the other series was not written";
    quotes_.answer({key(kBtc)}, {quote(kBtc, kNoon + 1s, 110, 111)});
    EXPECT_EQ(bid(kBtc), 110);
}

TEST_F(LatestCacheTest, AnAnswerAskedBeforeAWriteIsRefusedAfterTheEntryWasSwept) {
    const std::uint64_t before = quotes_.cache.token();
    quotes_.answer({key(kBtc)}, {quote(kBtc, kNoon, 100, 101)});
    quotes_.write({quote(kBtc, kNoon + 1s, 110, 111)});
    quotes_.cache.sweep(kStart + 31s);
    quotes_.answer({key(kBtc)}, {quote(kBtc, kNoon, 100, 101)}, kStart + 31s, before);
    EXPECT_EQ(quotes_.ask(key(kBtc), kStart + 31s), Answer::unknown);
}

TEST_F(LatestCacheTest, AnAnswerAskedBeforeAnInvalidationIsRefused) {
    quotes_.answer({key(kBtc)}, {quote(kBtc, kNoon, 100, 101)});
    const std::uint64_t before = quotes_.cache.token();
    EXPECT_EQ(quotes_.cache.erase_if([](const SeriesKey&, const std::byte*) { return true; }), 1U);
    quotes_.answer({key(kBtc), key(kEth)}, {quote(kBtc, kNoon, 100, 101), quote(kEth, kNoon, 10, 11)}, kStart, before);
    EXPECT_EQ(quotes_.ask(key(kBtc)), Answer::unknown);
    EXPECT_EQ(quotes_.ask(key(kEth)), Answer::unknown) << "it was invalidated too, though memory did not hold it";
    quotes_.answer({key(kBtc)}, {quote(kBtc, kNoon, 100, 101)});
    EXPECT_EQ(bid(kBtc), 100);
}

TEST_F(LatestCacheTest, OfTwoAnswersTheOneThatWasAskedLaterStays) {
    const std::uint64_t first = quotes_.cache.token();
    const std::uint64_t second = quotes_.cache.token();
    quotes_.answer({key(kBtc)}, {quote(kBtc, kNoon, 110, 111)}, kStart, second);
    quotes_.answer({key(kBtc)}, {quote(kBtc, kNoon + 1s, 100, 101)}, kStart, first);
    EXPECT_EQ(bid(kBtc), 110);
    quotes_.answer({key(kBtc)}, {}, kStart);
    EXPECT_EQ(quotes_.ask(key(kBtc)), Answer::no_rows) << "rows can go: a cleanup by another process";
}

TEST_F(LatestCacheTest, OfSeveralRowsOfOneSeriesInAnAnswerTheNewestIsTaken) {
    quotes_.answer({key(kBtc), key(kEth)}, {quote(kBtc, kNoon, 100, 101, 1), quote(kEth, kNoon, 10, 11),
                                            quote(kBtc, kNoon, 102, 103, 3), quote(kBtc, kNoon, 101, 102, 2)});
    EXPECT_EQ(bid(kBtc), 102);
    EXPECT_EQ(bid(kEth), 10);
}

TEST_F(LatestCacheTest, WhenSomebodyElseWroteEntriesCountOnlyForThoseWhoAllowIt) {
    quotes_.answer({key(kBtc), key(kEth)}, {quote(kBtc, kNoon, 100, 101)});
    auto known = quotes_.cache.mark_unverified();
    std::sort(known.begin(), known.end());
    EXPECT_EQ(known, (std::vector{key(kBtc), key(kEth)})) << "also the one that is known to have no rows";
    EXPECT_EQ(quotes_.ask(key(kBtc)), Answer::unknown);
    EXPECT_EQ(quotes_.ask(key(kEth)), Answer::unknown);
    EXPECT_EQ(quotes_.ask(key(kBtc), kStart, -1us, true), Answer::row);
    EXPECT_EQ(quotes_.ask(key(kEth), kStart, -1us, true), Answer::no_rows);
    quotes_.answer({key(kBtc)}, {quote(kBtc, kNoon + 1s, 110, 111)});
    EXPECT_EQ(bid(kBtc), 110);
    EXPECT_EQ(quotes_.ask(key(kEth)), Answer::unknown);
}

TEST_F(LatestCacheTest, AnOwnWriteDoesNotVerifyWhatSomebodyElseMayHaveChanged) {
    quotes_.answer({key(kBtc)}, {quote(kBtc, kNoon, 100, 101)});
    quotes_.cache.mark_unverified();
    EXPECT_TRUE(quotes_.write({quote(kBtc, kNoon + 1s, 110, 111)}).empty());
    EXPECT_EQ(quotes_.ask(key(kBtc)), Answer::unknown);
    EXPECT_EQ(quotes_.ask(key(kBtc), kStart, -1us, true), Answer::row);
    EXPECT_EQ(quotes_.found.bid_price, 110);
}

TEST_F(LatestCacheTest, AnAnswerAskedBeforeSomebodyElseWroteIsNotVerified) {
    const std::uint64_t before = quotes_.cache.token();
    EXPECT_TRUE(quotes_.cache.mark_unverified().empty());
    quotes_.answer({key(kBtc)}, {quote(kBtc, kNoon, 100, 101)}, kStart, before);
    EXPECT_EQ(quotes_.ask(key(kBtc)), Answer::unknown);
    EXPECT_EQ(quotes_.ask(key(kBtc), kStart, -1us, true), Answer::row);
}

TEST_F(LatestCacheTest, OnlyEntriesThatFitAreErased) {
    quotes_.answer({key(kBtc), key(kEth), key(SymbolId{3})},
                   {quote(kBtc, kNoon, 100, 101), quote(kEth, kNoon, 10, 11)});
    const auto id_above_one = [](const SeriesKey& series, const std::byte* row) {
        EXPECT_EQ(row == nullptr, series.id == 3) << "entries without rows are offered too";
        return series.id > 1;
    };
    EXPECT_EQ(quotes_.cache.erase_if(id_above_one), 1U) << "only one of the two held a row";
    EXPECT_EQ(bid(kBtc), 100);
    EXPECT_EQ(quotes_.ask(key(kEth)), Answer::unknown);
    EXPECT_EQ(quotes_.ask(key(SymbolId{3})), Answer::unknown);
    EXPECT_EQ(quotes_.cache.size(), 1U);
}

TEST_F(LatestCacheTest, TheRowIsShownToThePredicate) {
    quotes_.answer({key(kBtc), key(kEth)}, {quote(kBtc, kNoon, 100, 101), quote(kEth, kNoon + 1h, 10, 11)});
    const auto is_old = [](const SeriesKey&, const std::byte* row) {
        return row != nullptr && reinterpret_cast<const BookTicker*>(row)->timestamp < kNoon + 30min;
    };
    EXPECT_EQ(quotes_.cache.erase_if(is_old), 1U);
    EXPECT_EQ(bid(kBtc), 0);
    EXPECT_EQ(bid(kEth), 10);
}

TEST_F(LatestCacheTest, ThePredicateMayUseTheCacheAndWhatIsWrittenMeanwhileStays) {
    quotes_.answer({key(kBtc)}, {quote(kBtc, kNoon, 100, 101)});
    const auto write_and_fit = [this](const SeriesKey&, const std::byte*) {
        quotes_.write({quote(kBtc, kNoon + 1s, 110, 111)});
        return true;
    };
    EXPECT_EQ(quotes_.cache.erase_if(write_and_fit), 0U);
    EXPECT_EQ(bid(kBtc), 110);
}

TEST_F(LatestCacheTest, SweepingRemovesWhatHasExpiredAndNothingElse) {
    quotes_.answer({key(kBtc)}, {quote(kBtc, kNoon, 100, 101)});
    quotes_.answer({key(kEth)}, {quote(kEth, kNoon, 10, 11)}, kStart + 10s);
    quotes_.cache.sweep(kStart + 29'900ms);
    EXPECT_EQ(quotes_.cache.size(), 2U);
    quotes_.cache.sweep(kStart + 30s);
    EXPECT_EQ(quotes_.cache.size(), 1U);
    EXPECT_EQ(bid(kEth, kStart + 30s), 10);
    quotes_.cache.sweep(kStart + 40s);
    EXPECT_EQ(quotes_.cache.size(), 0U);
    EXPECT_TRUE(quotes_.cache.mark_unverified().empty());
}

TEST_F(LatestCacheTest, ThousandsOfSeriesAreKept) {
    std::vector<SeriesKey> asked;
    std::vector<BookTicker> rows;
    for (int id = 1; id <= 5000; ++id) {
        asked.push_back(key(SymbolId{id}));
        rows.push_back(quote(SymbolId{id}, kNoon, id, id + 1));
    }
    quotes_.answer(asked, rows);
    EXPECT_EQ(quotes_.cache.size(), 5000U);
    for (int id = 1; id <= 5000; ++id) ASSERT_EQ(bid(SymbolId{id}), id);
}

TEST_F(LatestCacheTest, HitsAndMissesAreCounted) {
    quotes_.cache.count(3, 1);
    quotes_.cache.count(2, 0);
    EXPECT_EQ(quotes_.cache.hits(), 5U);
    EXPECT_EQ(quotes_.cache.misses(), 1U);
    quotes_.cache.reset_counts();
    EXPECT_EQ(quotes_.cache.hits(), 0U);
    EXPECT_EQ(quotes_.cache.misses(), 0U);
}

TEST(LatestCacheOfFundingRates, HoldsTheNewestOfEitherKind) {
    Latest<FundingRate> rates;
    rates.answer({key(kBtc)}, {funding(kBtc, kNoon, 0.0001, FundingKind::settled)});
    rates.write({funding(kBtc, kNoon, 0.0002, FundingKind::predicted)});
    ASSERT_EQ(rates.ask(key(kBtc)), Answer::row);
    EXPECT_EQ(rates.found.kind, FundingKind::settled) << "of one time, settled comes after predicted";
    rates.write({funding(kBtc, kNoon + 1s, 0.0003, FundingKind::predicted)});
    ASSERT_EQ(rates.ask(key(kBtc)), Answer::row);
    EXPECT_EQ(rates.found.kind, FundingKind::predicted);
    EXPECT_EQ(rates.found.funding_rate, 0.0003);
}

TEST(LatestCacheOfTrades, ATradeWrittenAgainKeepsItsSequenceAndHidesNoNewerOne) {
    Latest<Trade> trades;
    Trade stored = trade(kBtc, kNoon, "x");
    stored.sequence = 5;
    trades.answer({key(kBtc)}, {stored});
    Trade again = stored;
    again.sequence = 9;
    trades.write({again});
    ASSERT_EQ(trades.ask(key(kBtc)), Answer::row);
    EXPECT_EQ(trades.found.sequence, 5);

    Trade newer = trade(kBtc, kNoon, "y");
    newer.sequence = 7;
    trades.write({again, newer});
    ASSERT_EQ(trades.ask(key(kBtc)), Answer::row);
    EXPECT_EQ(trades.found.trade_id, "y");
}

TEST(LatestCacheOfBalances, KeepsAccountsAndAssetsApart) {
    Latest<Balance> balances;
    Balance hedge = balance(ExchangeId{1}, "BTC", kNoon, 3);
    hedge.account = "hedge";
    const SeriesKey main_btc = key(ExchangeId{1}, "main", "BTC");
    const SeriesKey main_eth = key(ExchangeId{1}, "main", "ETH");
    const SeriesKey hedge_btc = key(ExchangeId{1}, "hedge", "BTC");
    balances.answer({main_btc, main_eth, hedge_btc},
                    {balance(ExchangeId{1}, "BTC", kNoon, 1), balance(ExchangeId{1}, "ETH", kNoon, 2), hedge});
    balances.write({balance(ExchangeId{1}, "BTC", kNoon + 1s, 1.5), balance(ExchangeId{2}, "BTC", kNoon + 1s, 9)});
    ASSERT_EQ(balances.ask(main_btc), Answer::row);
    EXPECT_EQ(balances.found.available_balance, 1.5);
    ASSERT_EQ(balances.ask(main_eth), Answer::row);
    EXPECT_EQ(balances.found.available_balance, 2);
    ASSERT_EQ(balances.ask(hedge_btc), Answer::row);
    EXPECT_EQ(balances.found.available_balance, 3);
    EXPECT_EQ(balances.ask(key(ExchangeId{2}, "main", "BTC")), Answer::unknown);
}

}  // namespace
}  // namespace marketdb::cache
