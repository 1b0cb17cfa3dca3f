#include <bit>
#include <cmath>

#include "engine_fixture.hpp"

namespace marketdb::testing {
namespace {

MARKETDB_CONTRACT_SUITE(Writing);

TEST_P(Writing, ANewRowIsInsertedAndComesBackAsItWas) {
    BookTicker row = quote(make_symbol().id, kNoon, 61837.63, 61837.64, 7);
    row.received_at = kNoon + 3ms;
    EXPECT_EQ(store(row), result(1));
    EXPECT_EQ(stored_quotes(), kept({"+0ms #7 bid 61837.63x1 ask 61837.64x2 rx +3ms"}));
    reopen_if_shared();
    EXPECT_EQ(stored_quotes(), kept({"+0ms #7 bid 61837.63x1 ask 61837.64x2 rx +3ms"}));
}

TEST_P(Writing, AnEmptyBatchIsNoOperation) {
    EXPECT_EQ(store(std::vector<BookTicker>{}), result(0));
    EXPECT_EQ(store(std::vector<Trade>{}), result(0));
    EXPECT_EQ(store(std::vector<FundingRate>{}), result(0));
    EXPECT_EQ(store(std::vector<Balance>{}), result(0));
    EXPECT_EQ(wait(db().get_database_stats()).datasets.at(0).rows, 0U);
}

TEST_P(Writing, EqualValuesAreUnchanged) {
    const Symbol symbol = make_symbol();
    const std::vector<BookTicker> rows{quote(symbol.id, kNoon, 100, 101), quote(symbol.id, kNoon + 1s, 100, 101)};
    EXPECT_EQ(store(rows), result(2));
    EXPECT_EQ(store(rows), result(0, 0, 2));
}

TEST_P(Writing, OtherValuesOfAKeyAreAnUpdateAndTheLaterWriteWins) {
    const Symbol symbol = make_symbol();
    store(quote(symbol.id, kNoon, 100, 101));
    EXPECT_EQ(store(quote(symbol.id, kNoon, 100.5, 101)), result(0, 1));
    EXPECT_EQ(stored_quotes(), (Lines{"+0ms #0 bid 100.5x1 ask 101x2"}));
}

TEST_P(Writing, OneCallMayInsertUpdateLeaveAndFold) {
    const Symbol symbol = make_symbol();
    store({quote(symbol.id, kNoon, 100, 101), quote(symbol.id, kNoon + 1s, 100, 101)});
    const std::vector<BookTicker> rows{quote(symbol.id, kNoon + 2s, 1, 2), quote(symbol.id, kNoon + 1s, 99, 101),
                                       quote(symbol.id, kNoon, 100, 101), quote(symbol.id, kNoon + 2s, 3, 4)};
    EXPECT_EQ(store(rows), result(1, 1, 1, 1));
    EXPECT_EQ(stored_quotes(),
              (Lines{"+0ms #0 bid 100x1 ask 101x2", "+1000ms #0 bid 99x1 ask 101x2", "+2000ms #0 bid 3x1 ask 4x2"}));
}

/// A store may learn from a large batch how best to write the next.
TEST_P(Writing, LargeBatchesAreCountedAlikeWhateverTheLastOneDid) {
    constexpr int kBatch = 2'500;
    const SymbolId symbol = make_symbol().id;
    const auto write = [&](int first, double bid, int step = 1) {
        std::vector<BookTicker> rows;
        for (int i = first; i < first + kBatch; ++i) {
            rows.push_back(quote(symbol, kNoon + i * 1ms, i % step == 0 ? bid : 100, 200));
        }
        return store(rows);
    };
    // New rows twice, then half of them.
    store(quote(symbol, kNoon, 100, 200));
    EXPECT_EQ(write(0, 100), result(kBatch - 1, 0, 1));
    EXPECT_EQ(write(kBatch, 100), result(kBatch));
    EXPECT_EQ(write(2 * kBatch, 100), result(kBatch));
    EXPECT_EQ(write(2 * kBatch + kBatch / 2, 100), result(kBatch / 2, 0, kBatch / 2));
    // All of them changed twice, then all of them equal.
    EXPECT_EQ(write(0, 101), result(0, kBatch));
    EXPECT_EQ(write(0, 102), result(0, kBatch));
    EXPECT_EQ(write(0, 102), result(0, 0, kBatch));
    // All of them changed twice, then half of them.
    EXPECT_EQ(write(0, 103), result(0, kBatch));
    EXPECT_EQ(write(0, 100), result(0, kBatch));
    EXPECT_EQ(write(0, 104, 2), result(0, kBatch / 2, kBatch / 2));
    // All of them changed twice, then half of them new and half of the others changed.
    EXPECT_EQ(write(kBatch, 105), result(0, kBatch));
    EXPECT_EQ(write(kBatch, 100), result(0, kBatch));
    EXPECT_EQ(write(3 * kBatch, 106, 2), result(kBatch / 2, kBatch / 4, kBatch / 4));
    reopen_if_shared();
    EXPECT_EQ(wait(db().get_database_stats()).datasets.at(0).rows, 4U * kBatch);
    const std::vector<BookTicker> stored = wait(db().get_book_ticker_history()).rows;
    EXPECT_EQ(stored.size(), 4U * kBatch);
    EXPECT_EQ(stored.front().bid_price, 104);
    EXPECT_EQ(stored.at(3 * kBatch).bid_price, 106);
    EXPECT_EQ(stored.back().bid_price, 100);
}

TEST_P(Writing, ALargeBatchThatArrivedEarlierIsFoundByTheReceivedClock) {
    const SymbolId symbol = make_symbol().id;
    const auto batch = [&](double bid, std::chrono::microseconds skew) {
        std::vector<BookTicker> rows;
        for (int i = 0; i < 2'500; ++i) {
            rows.push_back(quote(symbol, kNoon + i * 1ms, bid, 200));
            rows.back().received_at = rows.back().timestamp + skew;
        }
        return rows;
    };
    store(batch(100, 1h));
    EXPECT_EQ(store(batch(101, 30min)), result(0, 2'500));
    EXPECT_EQ(store(batch(102, -2h)), result(0, 2'500));
    HistoryFilter filter;
    filter.clock = ClockKind::received;
    filter.end = kNoon - 1h;
    EXPECT_EQ(wait(db().get_book_ticker_history(filter)).rows.size(), 2'500U);
}

TEST_P(Writing, RowsOfOneTimestampAreKeptApartBySequence) {
    const Symbol symbol = make_symbol();
    EXPECT_EQ(store({quote(symbol.id, kNoon, 102, 103, 2), quote(symbol.id, kNoon, 101, 102, 1)}), result(2));
    EXPECT_EQ(stored_quotes(), (Lines{"+0ms #1 bid 101x1 ask 102x2", "+0ms #2 bid 102x1 ask 103x2"}));
}

TEST_P(Writing, SequenceIsStoredAsGivenSoQuotesOfOneTimestampAndSequenceFold) {
    const Symbol symbol = make_symbol();
    BookTicker first = quote(symbol.id, kNoon, 1, 2);
    first.received_at = kNoon + 1ms;
    BookTicker second = quote(symbol.id, kNoon, 3, 4);
    second.received_at = kNoon + 2ms;
    EXPECT_EQ(store({first, second}), result(1, 0, 0, 1));
    EXPECT_EQ(stored_quotes(), kept({"+0ms #0 bid 3x1 ask 4x2 rx +1ms"}));
}

TEST_P(Writing, AnAbsentReceivedAtDoesNotReplaceAKnownOne) {
    const Symbol symbol = make_symbol();
    BookTicker row = quote(symbol.id, kNoon, 100, 101);
    row.received_at = kNoon + 5ms;
    store(row);
    EXPECT_EQ(store(quote(symbol.id, kNoon, 100, 101)), result(0, 0, 1));
    EXPECT_EQ(stored_quotes(), (Lines{"+0ms #0 bid 100x1 ask 101x2 rx +5ms"}));
}

TEST_P(Writing, TheEarlierReceivedAtStays) {
    const Symbol symbol = make_symbol();
    BookTicker row = quote(symbol.id, kNoon, 100, 101);
    EXPECT_EQ(store(row), result(1));
    row.received_at = kNoon + 5ms;
    EXPECT_EQ(store(row), result(0, 1)) << "a value replaces an absent one";
    row.received_at = kNoon + 9ms;
    EXPECT_EQ(store(row), result(0, 0, 1));
    row.received_at = kNoon - 2ms;
    EXPECT_EQ(store(row), result(0, 1));
    EXPECT_EQ(stored_quotes(), (Lines{"+0ms #0 bid 100x1 ask 101x2 rx -2ms"}));
}

TEST_P(Writing, TheTwoSidesAreReplacedTogetherBecauseAMissingSideIsAStatement) {
    const Symbol symbol = make_symbol();
    store(quote(symbol.id, kNoon, 100, 101));
    BookTicker bid_only = quote(symbol.id, kNoon, 100, 101);
    bid_only.ask_price = kNoNumber;
    bid_only.ask_qty = kNoNumber;
    EXPECT_EQ(store(bid_only), result(0, 1));
    EXPECT_EQ(stored_quotes(), (Lines{"+0ms #0 bid 100x1 ask -x-"}));
    EXPECT_EQ(store(bid_only), result(0, 0, 1));
}

TEST_P(Writing, ASizeOfZeroMeansThatTheSideIsMissing) {
    const Symbol symbol = make_symbol();
    BookTicker row = quote(symbol.id, kNoon, 100, 101);
    row.bid_qty = 0;
    EXPECT_EQ(store(row), result(1));
    EXPECT_EQ(stored_quotes(), (Lines{"+0ms #0 bid -x- ask 101x2"}));
    BookTicker negative_zero = quote(symbol.id, kNoon + 1s, 100, 101);
    negative_zero.ask_qty = -0.0;
    EXPECT_EQ(store(negative_zero), result(1));
    EXPECT_EQ(stored_quotes().at(1), "+1000ms #0 bid 100x1 ask -x-");
}

TEST_P(Writing, ALockedQuoteIsFine) { EXPECT_EQ(store(quote(make_symbol().id, kNoon, 100, 100)), result(1)); }

TEST_P(Writing, FoldingWithinABatchMergesByTheSameRule) {
    const Symbol symbol = make_symbol();
    Trade first = trade(symbol.id, kNoon, "7", 100, 1);
    first.received_at = kNoon + 4ms;
    first.quote_quantity = 100;
    Trade second = trade(symbol.id, kNoon, "7", 101, 1);
    second.received_at = kNoon + 6ms;
    EXPECT_EQ(store({first, second}), result(1, 0, 0, 1));
    EXPECT_EQ(stored_trades(), kept({"+0ms #7 id 7 buy 101x1 quote 100 rx +4ms"}));
}

TEST_P(Writing, DoublesComeBackBitForBit) {
    const Symbol symbol = make_symbol();
    const double values[] = {
        5e-324, 2.2250738585072014e-308, 0.1 + 0.2, 123456789.12345678, 9007199254740993.0, 1.7976931348623157e308};
    std::vector<Trade> rows;
    for (const double value : values) {
        rows.push_back(trade(symbol.id, kNoon, std::to_string(rows.size() + 1).c_str(), value, value));
    }
    store(rows);
    const std::vector<Trade> stored = wait(db().get_trade_history()).rows;
    ASSERT_EQ(stored.size(), 6U);
    for (std::size_t i = 0; i < 6; ++i) {
        EXPECT_EQ(std::bit_cast<std::uint64_t>(stored[i].price), std::bit_cast<std::uint64_t>(values[i])) << i;
        EXPECT_EQ(std::bit_cast<std::uint64_t>(stored[i].quantity), std::bit_cast<std::uint64_t>(values[i])) << i;
    }
}

TEST_P(Writing, TheFirstAndTheLastStorableTimeAreKept) {
    const Symbol symbol = make_symbol();
    EXPECT_EQ(store({quote(symbol.id, kMinTime, 1, 2), quote(symbol.id, kMaxTime, 1, 2)}), result(2));
    const std::vector<BookTicker> rows = wait(db().get_book_ticker_history()).rows;
    ASSERT_EQ(rows.size(), 2U);
    EXPECT_EQ(rows[0].timestamp.time_since_epoch().count(), 0);
    EXPECT_EQ(rows[1].timestamp.time_since_epoch().count(), 9'223'372'036'854'775);
}

TEST_P(Writing, SequencesReachBothEndsOfTheirType) {
    const Symbol symbol = make_symbol();
    EXPECT_EQ(store({quote(symbol.id, kNoon, 1, 2, INT64_MIN), quote(symbol.id, kNoon, 3, 4, INT64_MAX)}), result(2));
    EXPECT_EQ(stored_quotes(),
              (Lines{"+0ms #-9223372036854775808 bid 1x1 ask 2x2", "+0ms #9223372036854775807 bid 3x1 ask 4x2"}));
}

// --- sources -----------------------------------------------------------------------------------------------------------

TEST_P(Writing, RowsWithoutASourceBelongToTheManagersSession) {
    const Symbol symbol = make_symbol();
    store(quote(symbol.id, kNoon, 1, 2));
    const std::vector<BookTicker> rows = wait(db().get_book_ticker_history()).rows;
    SourceFilter sessions;
    sessions.kind = "session";
    const std::vector<Source> sources = wait(db().get_sources(sessions));
    ASSERT_EQ(rows.size(), 1U);
    ASSERT_EQ(sources.size(), 1U);
    EXPECT_EQ(rows[0].source_id, sources[0].id);
    EXPECT_EQ(sources[0].program, "contract test");
    EXPECT_EQ(text_of(sources[0].started_at), "+0ms");
}

TEST_P(Writing, TheSourceOfARowChangesOnlyWhenTheRowIsUpdated) {
    const Symbol symbol = make_symbol();
    Source source;
    source.kind = "import";
    source.name = "first.csv";
    const SourceId first = wait(db().begin_source(source));
    source.name = "second.csv";
    const SourceId second = wait(db().begin_source(source));
    ASSERT_NE(first, second);

    BookTicker row = quote(symbol.id, kNoon, 1, 2);
    row.source_id = first;
    store(row);
    row.source_id = second;
    EXPECT_EQ(store(row), result(0, 0, 1)) << "another source alone is no update";
    EXPECT_EQ(wait(db().get_book_ticker_history()).rows.at(0).source_id, first);
    row.bid_price = 1.5;
    EXPECT_EQ(store(row), result(0, 1));
    EXPECT_EQ(wait(db().get_book_ticker_history()).rows.at(0).source_id, second);
}

// --- trades ------------------------------------------------------------------------------------------------------------

TEST_P(Writing, ATradeKeepsEverythingThatIsKnownOfIt) {
    Trade row = trade(make_symbol().id, kNoon, "a12", 100.25, 0.5, Side::sell);
    row.sequence = 3;
    row.received_at = kNoon + 1500us;
    row.quote_quantity = 50.125;
    row.is_buyer = Tristate::no;
    row.is_maker = Tristate::yes;
    EXPECT_EQ(store(row), result(1));
    EXPECT_EQ(stored_trades(), (Lines{"+0ms #3 id a12 sell 100.25x0.5 quote 50.125 not-buyer maker rx +1.500ms"}));
}

TEST_P(Writing, AnUnknownSideIsKeptAsUnknown) {
    store(trade(make_symbol().id, kNoon, "1", 100, 1, Side::unknown));
    EXPECT_EQ(stored_trades(), (Lines{"+0ms #1 id 1 - 100x1"}));
}

TEST_P(Writing, ATradeIdOfDigitsGivesTheSequenceWhereThatIsZero) {
    const Symbol symbol = make_symbol();
    Trade with_sequence = trade(symbol.id, kNoon, "3861277171");
    with_sequence.sequence = 5;
    store({with_sequence, trade(symbol.id, kNoon, "9007199254740991"), trade(symbol.id, kNoon, "9007199254740992"),
           trade(symbol.id, kNoon, "00000012-aaaa")});
    const std::vector<Trade> rows = wait(db().get_trade_history()).rows;
    ASSERT_EQ(rows.size(), 4U);
    EXPECT_EQ(text_of(rows[3]), "+0ms #9007199254740991 id 9007199254740991 buy 100x1") << "2^53 - 1";
    EXPECT_EQ(text_of(rows[2]), "+0ms #5 id 3861277171 buy 100x1") << "a given sequence stays";
    for (const Trade& row : rows) {
        if (row.trade_id == "9007199254740992" || row.trade_id == "00000012-aaaa") {
            EXPECT_LT(row.sequence, 5) << row.trade_id;
        }
    }
}

TEST_P(Writing, TradesWithoutIdAreNumberedFromTheirLatency) {
    const Symbol symbol = make_symbol();
    Trade late = trade(symbol.id, kNoon, "");
    late.received_at = kNoon + 5ms;
    Trade early = trade(symbol.id, kNoon + 1s, "");
    early.received_at = kNoon + 1s - 5ms;
    EXPECT_EQ(store({late, late, early}), result(3));
    EXPECT_EQ(stored_trades(),
              (Lines{"+0ms #5120000 id ~5120000 buy 100x1 rx +5ms", "+0ms #5120001 id ~5120001 buy 100x1 rx +5ms",
                     "+1000ms #-5120000 id ~-5120000 buy 100x1 rx +995ms"}));
    EXPECT_EQ(store({late, late, early}), result(0, 0, 3)) << "the same batch again is the same rows";
}

TEST_P(Writing, TradesWithoutIdAndWithoutReceivedAtAreNumberedFromZero) {
    const Symbol symbol = make_symbol();
    const Symbol other = make_symbol("ETH");
    EXPECT_EQ(store({trade(symbol.id, kNoon, "", 1), trade(other.id, kNoon, "", 2), trade(symbol.id, kNoon, "", 3)}),
              result(3));
    EXPECT_EQ(stored_trades(), (Lines{"+0ms #0 id ~0 buy 1x1", "+0ms #1 id ~1 buy 3x1", "+0ms #0 id ~0 buy 2x1"}));
}

TEST_P(Writing, ATradeWithoutIdButWithASequenceIsNamedAfterIt) {
    Trade row = trade(make_symbol().id, kNoon, "");
    row.sequence = 42;
    store(row);
    EXPECT_EQ(stored_trades(), (Lines{"+0ms #42 id ~42 buy 100x1"}));
}

TEST_P(Writing, MoreThan1024TradesWithoutIdOfOneInstantAreAnErrorThatNamesTheRow) {
    const Symbol symbol = make_symbol();
    std::vector<Trade> rows(1024, trade(symbol.id, kNoon, ""));
    EXPECT_EQ(store(rows), result(1024));
    rows.push_back(trade(symbol.id, kNoon, ""));
    for (Trade& row : rows) row.timestamp = kNoon + 1s;
    expect_error(ErrorCode::invalid_argument, [&] { store(rows); }, {"row 1024"});
    EXPECT_EQ(wait(db().get_trade_history()).rows.size(), 1024U);
}

TEST_P(Writing, TheSequenceOfAStoredTradeStaysAndADifferenceInItAloneIsNoUpdate) {
    const Symbol symbol = make_symbol();
    Trade row = trade(symbol.id, kNoon, "x1");
    row.sequence = 10;
    store(row);
    row.sequence = 99;
    EXPECT_EQ(store(row), result(0, 0, 1));
    row.price = 101;
    EXPECT_EQ(store(row), result(0, 1));
    EXPECT_EQ(stored_trades(), (Lines{"+0ms #10 id x1 buy 101x1"}));
}

TEST_P(Writing, AnAggregatedTradeNeverMeetsASingleOne) {
    const Symbol symbol = make_symbol();
    EXPECT_EQ(store({trade(symbol.id, kNoon, "7"), trade(symbol.id, kNoon, "a7")}), result(2));
}

TEST_P(Writing, AbsentColumnsOfATradeDoNotReplaceKnownOnes) {
    const Symbol symbol = make_symbol();
    Trade full = trade(symbol.id, kNoon, "7", 100, 1, Side::sell);
    full.quote_quantity = 100;
    full.is_maker = Tristate::yes;
    full.is_buyer = Tristate::no;
    store(full);
    EXPECT_EQ(store(trade(symbol.id, kNoon, "7", 100, 1, Side::unknown)), result(0, 0, 1));
    EXPECT_EQ(stored_trades(), (Lines{"+0ms #7 id 7 sell 100x1 quote 100 not-buyer maker"}));
}

// --- funding rates -----------------------------------------------------------------------------------------------------

TEST_P(Writing, PredictedAndSettledRatesOfOneTimeAreTwoRows) {
    const Symbol symbol = make_symbol("BTC", "USDT", "ALPHA_FUTURES");
    EXPECT_EQ(store({funding(symbol.id, kNoon, 0.001, FundingKind::settled), funding(symbol.id, kNoon, -0.002)}),
              result(2));
    EXPECT_EQ(stored_funding(), (Lines{"+0ms predicted -0.002", "+0ms settled 0.001"}));
}

TEST_P(Writing, AFundingRateKeepsItsIntervalMarkPriceAndSettlement) {
    const Symbol symbol = make_symbol("BTC", "USDT", "ALPHA_FUTURES");
    FundingRate row = funding(symbol.id, kNoon, 0.00012345678901234567);
    row.interval_minutes = 480;
    row.mark_price = 61000.5;
    row.funding_time = kNoon + 8s;
    row.received_at = kNoon + 2ms;
    EXPECT_EQ(store(row), result(1));
    const Lines stored{"+0ms predicted 0.00012345678901234567 every 480 mark 61000.5 for +8000ms rx +2ms"};
    EXPECT_EQ(stored_funding(), stored);
    EXPECT_EQ(store(funding(symbol.id, kNoon, 0.00012345678901234567)), result(0, 0, 1));
    EXPECT_EQ(stored_funding(), stored) << "absent columns do not replace known ones";
}

TEST_P(Writing, AFundingRateMayBeZeroOrNegative) {
    const Symbol symbol = make_symbol("BTC", "USDT", "ALPHA_FUTURES");
    EXPECT_EQ(store({funding(symbol.id, kNoon, 0), funding(symbol.id, kNoon + 1s, -1.5)}), result(2));
    EXPECT_EQ(stored_funding(), (Lines{"+0ms predicted 0", "+1000ms predicted -1.5"}));
}

// --- balances ----------------------------------------------------------------------------------------------------------

TEST_P(Writing, TheTotalOfABalanceIsAvailablePlusLockedWhateverTheCallerPutThere) {
    Balance row = balance(make_exchange().id, "USDT", kNoon, 10, 2);
    row.total_balance = 999;
    EXPECT_EQ(store(row), result(1));
    EXPECT_EQ(stored_balances(), (Lines{"+0ms main USDT 10+2=12"}));
    row.total_balance = 5;
    EXPECT_EQ(store(row), result(0, 0, 1)) << "the computed column is never compared";
}

TEST_P(Writing, AvailableMayBeNegativeAndMinusZeroBecomesZero) {
    const ExchangeId exchange = make_exchange().id;
    store({balance(exchange, "BTC", kNoon, -1.5, 0.5), balance(exchange, "USDT", kNoon, -0.0, -0.0)});
    EXPECT_EQ(stored_balances(), (Lines{"+0ms main BTC -1.5+0.5=-1", "+0ms main USDT 0+0=0"}));
    const std::vector<Balance> rows = wait(db().get_balance_history()).rows;
    EXPECT_FALSE(std::signbit(rows.at(1).available_balance));
    EXPECT_FALSE(std::signbit(rows.at(1).locked_balance));
}

TEST_P(Writing, BalancesOfTwoAccountsAreTwoSeries) {
    const ExchangeId exchange = make_exchange().id;
    Balance hedge = balance(exchange, "USDT", kNoon, 7);
    hedge.account = "hedge";
    EXPECT_EQ(store({balance(exchange, "USDT", kNoon, 5), hedge}), result(2));
    EXPECT_EQ(stored_balances(), (Lines{"+0ms hedge USDT 7+0=7", "+0ms main USDT 5+0=5"}));
}

TEST_P(Writing, OptionalPartsOfABalanceStayAbsentAndAreNotReplacedByAbsentOnes) {
    const ExchangeId exchange = make_exchange().id;
    Balance row = balance(exchange, "USDT", kNoon, 10, 2);
    store(row);
    EXPECT_FALSE(is_present(wait(db().get_balance_history()).rows.at(0).frozen_balance));
    row.frozen_balance = 1;
    row.borrowing_balance = 3;
    row.interest_balance = 0;
    EXPECT_EQ(store(row), result(0, 1));
    EXPECT_EQ(store(balance(exchange, "USDT", kNoon, 10, 2)), result(0, 0, 1));
    EXPECT_EQ(stored_balances(), (Lines{"+0ms main USDT 10+2=12 frozen 1 borrowed 3 interest 0"}));
}

TEST_P(Writing, AnAssetThatACompleteSnapshotLacksBecomesZeroOnce) {
    const ExchangeId exchange = make_exchange().id;
    const ExchangeId other = make_exchange("BETA_SPOT").id;
    Balance hedge = balance(exchange, "BTC", kNoon, 3);
    hedge.account = "hedge";
    store({balance(exchange, "BTC", kNoon, 1), balance(exchange, "USDT", kNoon, 50), hedge,
           balance(other, "BTC", kNoon, 9)});

    BalanceOptions complete;
    complete.complete = true;
    EXPECT_EQ(store({balance(exchange, "USDT", kNoon + 60s, 51)}, complete), result(2));
    EXPECT_EQ(store({balance(exchange, "USDT", kNoon + 120s, 52)}, complete), result(1)) << "zero is said once";
    EXPECT_EQ(stored_balances(),
              (Lines{"+0ms hedge BTC 3+0=3", "+0ms main BTC 1+0=1", "+0ms main USDT 50+0=50", "+0ms main BTC 9+0=9",
                     "+60000ms main BTC 0+0=0", "+60000ms main USDT 51+0=51", "+120000ms main USDT 52+0=52"}));
}

TEST_P(Writing, AnAssetThatComesBackAndGoesAgainBecomesZeroAgain) {
    const ExchangeId exchange = make_exchange().id;
    BalanceOptions complete;
    complete.complete = true;
    store({balance(exchange, "BTC", kNoon, 1), balance(exchange, "USDT", kNoon, 1)}, complete);
    store({balance(exchange, "USDT", kNoon + 1s, 1)}, complete);
    store({balance(exchange, "BTC", kNoon + 2s, 2), balance(exchange, "USDT", kNoon + 2s, 1)}, complete);
    EXPECT_EQ(store({balance(exchange, "USDT", kNoon + 3s, 1)}, complete), result(2));
    HistoryFilter btc;
    btc.series.asset = "BTC";
    EXPECT_EQ(stored_balances(btc), (Lines{"+0ms main BTC 1+0=1", "+1000ms main BTC 0+0=0", "+2000ms main BTC 2+0=2",
                                           "+3000ms main BTC 0+0=0"}));
}

TEST_P(Writing, ACompleteSnapshotOfTwoTimesIsRefused) {
    const ExchangeId exchange = make_exchange().id;
    BalanceOptions complete;
    complete.complete = true;
    expect_error(ErrorCode::invalid_argument, [&] {
        store({balance(exchange, "BTC", kNoon, 1), balance(exchange, "USDT", kNoon + 1s, 1)}, complete);
    });
    EXPECT_EQ(stored_balances(), Lines{});
}

}  // namespace
}  // namespace marketdb::testing
