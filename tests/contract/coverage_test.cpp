#include <marketdb/bars.hpp>
#include <marketdb/removal.hpp>
#include <marketdb/spreads.hpp>

#include "coverage_fixture.hpp"

/// The ledger: what is stored of claims, what they come to, and how they shrink.
namespace marketdb::testing {
namespace {

MARKETDB_COVERAGE_SUITE(Coverage);
MARKETDB_SHARED_COVERAGE_SUITE(CoverageShared);
MARKETDB_CONTRACT_SUITE(CoverageAnywhere);

TEST_P(Coverage, ClaimsOfOneSourceThatTouchBecomeOne) {
    const SymbolId symbol = make_symbol().id;
    store_covered({quote(symbol, kNoon, 1, 2)}, {claim(symbol, kNoon, kNoon + 1s)});
    store_covered({quote(symbol, kNoon + 5s, 1, 2)}, {claim(symbol, kNoon + 4s, kNoon + 6s)});
    EXPECT_EQ(claims(),
              (Lines{"book-tickers event file +0ms .. +1000ms", "book-tickers event file +4000ms .. +6000ms"}));
    store_covered({}, {claim(symbol, kNoon + 1s, kNoon + 4s)});
    EXPECT_EQ(claims(), Lines{"book-tickers event file +0ms .. +6000ms"});
    store_covered({}, {claim(symbol, kNoon + 2s, kNoon + 3s)});
    EXPECT_EQ(claims(), Lines{"book-tickers event file +0ms .. +6000ms"}) << "what is claimed already changes nothing";
}

TEST_P(Coverage, SourcesClocksAndSeriesStayApartAndComeTogetherWhenAsked) {
    const SymbolId symbol = make_symbol().id;
    const SymbolId other = make_symbol("ETH").id;
    store_covered({}, {claim(symbol, kNoon, kNoon + 2s, SourceId{1}), claim(other, kNoon, kNoon + 1s, SourceId{1}),
                       claim(symbol, kNoon + 1s, kNoon + 3s, SourceId{2}, CoverageKind::copy),
                       claim(symbol, kNoon + 5s, kNoon + 6s, SourceId{2}, CoverageKind::copy),
                       claim(symbol, kNoon, kNoon + 9s, SourceId{1}, CoverageKind::file, ClockKind::received)});
    EXPECT_EQ(claims().size(), 5U);
    CoverageFilter filter;
    filter.symbol = symbol;
    EXPECT_EQ(coverage(filter),
              (Lines{"book-tickers event +0ms .. +3000ms file copy", "book-tickers event +5000ms .. +6000ms copy",
                     "book-tickers received +0ms .. +9000ms file"}));
    filter.clock = ClockKind::event;
    filter.start = kNoon + 2s;
    filter.end = kNoon + 5500ms;
    EXPECT_EQ(coverage(filter),
              (Lines{"book-tickers event +2000ms .. +3000ms copy", "book-tickers event +5000ms .. +5500ms copy"}));
    filter.source = SourceId{1};
    EXPECT_EQ(coverage(filter), Lines{});
    filter.dataset = Dataset::book_tickers;
    filter.source = {};
    const CoverageShare share = wait(get_coverage_share(db(), filter));
    EXPECT_EQ(share.asked, 3500ms);
    EXPECT_EQ(share.covered, 1500ms);
    EXPECT_FALSE(share.is_complete());
}

TEST_P(Coverage, AHistorySaysHowCompleteItIsIfAsked) {
    const SymbolId symbol = make_symbol().id;
    const SymbolId other = make_symbol("ETH").id;
    store_covered({quote(symbol, kNoon, 1, 2), quote(symbol, kNoon + 1s, 1, 2), quote(symbol, kNoon + 4s, 1, 2)},
                  {claim(symbol, kNoon, kNoon + 2s)});
    HistoryFilter filter;
    EXPECT_FALSE(wait(db().get_book_ticker_history(filter)).coverage.has_value());
    filter.with_coverage = true;
    const History<BookTicker> whole = wait(db().get_book_ticker_history(filter));
    EXPECT_EQ(whole.coverage->asked, 4s + 1us) << "from the first row to the last";
    EXPECT_EQ(whole.coverage->covered, 2s);
    filter.order = Order::descending;
    EXPECT_EQ(wait(db().get_book_ticker_history(filter)).coverage->asked, 4s + 1us);
    filter.start = kNoon + 1s;
    filter.end = kNoon + 5s;
    EXPECT_EQ(wait(db().get_book_ticker_history(filter)).coverage->share(), 0.25);
    filter.clock = ClockKind::received;
    EXPECT_EQ(wait(db().get_book_ticker_history(filter)).coverage->covered, 0s) << "nothing is claimed on that clock";
    filter.clock = ClockKind::event;
    store_covered({quote(other, kNoon, 1, 2)}, {claim(other, kNoon, kNoon + 60s)});
    const History<BookTicker> both = wait(db().get_book_ticker_history(filter));
    EXPECT_EQ(both.coverage->asked, 8s);
    EXPECT_EQ(both.coverage->covered, 5s);
    HistoryFilter empty;
    empty.with_coverage = true;
    EXPECT_EQ(wait(db().get_trade_history(empty)).coverage->asked, 0s);
    EXPECT_FALSE(wait(db().get_balance_history(empty)).coverage.has_value());
}

TEST_P(Coverage, BarsSayHowCompleteTheirRowsAreIfAsked) {
    const SymbolId symbol = make_symbol().id;
    store_covered({quote(symbol, kNoon, 1, 2), quote(symbol, kNoon + 3s, 1, 2)}, {claim(symbol, kNoon, kNoon + 1s)});
    BarOptions options;
    options.symbol = symbol;
    options.every = 1s;
    EXPECT_FALSE(wait(get_quote_bars(db(), options)).coverage.has_value());
    options.with_coverage = true;
    EXPECT_EQ(wait(get_quote_bars(db(), options)).coverage->share(), 0.25) << "one second of four";
    options.end = kNoon + 2s;
    EXPECT_EQ(wait(get_quote_bars(db(), options)).coverage->share(), 0.5);
    EXPECT_EQ(wait(get_trade_bars(db(), options)).coverage->asked, 0s) << "there are no trades";
}

TEST_P(Coverage, SpreadsSayHowCompleteEachSeriesIsIfAsked) {
    const SymbolId symbol = make_symbol().id;
    const SymbolId other = make_symbol("BTC", "USDT", "BETA_SPOT").id;
    store_covered({quote(symbol, kNoon, 1, 2), quote(symbol, kNoon + 4s, 1, 2), quote(other, kNoon, 1, 2),
                   quote(other, kNoon + 4s, 1, 2)},
                  {claim(symbol, kNoon, kNoon + 5s), claim(other, kNoon + 3s, kNoon + 5s)});
    SpreadOptions options;
    options.alignment.series = {symbol, other};
    options.alignment.every = 1s;
    options.alignment.clock = ClockKind::event;
    EXPECT_TRUE(wait(get_spreads(db(), options)).coverage.empty());
    options.with_coverage = true;
    const SpreadReport report = wait(get_spreads(db(), options));
    ASSERT_EQ(report.coverage.size(), 2U);
    EXPECT_TRUE(report.coverage[0].is_complete());
    EXPECT_EQ(report.coverage[1].share(), 0.25);
}

TEST_P(CoverageAnywhere, WhereNoneIsKeptNothingIsSaidOfIt) {
    const SymbolId symbol = make_symbol().id;
    store({quote(symbol, kNoon, 1, 2)});
    HistoryFilter filter;
    filter.with_coverage = true;
    EXPECT_EQ(wait(db().get_book_ticker_history(filter)).coverage.has_value(), target().can.own_tables);
    BarOptions bars;
    bars.symbol = symbol;
    bars.with_coverage = true;
    EXPECT_EQ(wait(get_quote_bars(db(), bars)).coverage.has_value(), target().can.own_tables);
}

TEST_P(Coverage, RowsThatAreRefusedTakeTheirClaimWithThem) {
    const SymbolId symbol = make_symbol().id;
    BookTicker nobody = quote(SymbolId{4711}, kNoon, 1, 2);
    expect_error(ErrorCode::unknown_symbol, [&] { store_covered({nobody}, {claim(symbol, kNoon, kNoon + 1s)}); });
    expect_error(ErrorCode::invalid_argument,
                 [&] { store_covered({quote(symbol, kNoon, 1, 2)}, {claim(symbol, kNoon, kNoon)}); }, {"end after it"});
    CoverageClaim of_balances = claim(symbol, kNoon, kNoon + 1s);
    of_balances.dataset = Dataset::balances;
    expect_error(ErrorCode::invalid_argument, [&] { store_covered({}, {of_balances}); }, {"balances"});
    EXPECT_EQ(claims(), Lines{});
    EXPECT_EQ(stored_quotes(), Lines{});
}

TEST_P(Coverage, WhatIsWithdrawnIsTakenOutOfEveryClaim) {
    const SymbolId symbol = make_symbol().id;
    BookTicker row = quote(symbol, kNoon, 1, 2);
    row.received_at = kNoon + 100ms;
    store_covered({row}, {claim(symbol, kNoon, kNoon + 9s), claim(symbol, kNoon + 3s, kNoon + 4s, SourceId{2}),
                          claim(symbol, kNoon, kNoon + 9s, SourceId{1}, CoverageKind::file, ClockKind::received)});
    CoverageFilter filter;
    filter.dataset = Dataset::book_tickers;
    filter.symbol = symbol;
    filter.start = kNoon + 2s;
    filter.end = kNoon + 5s;
    wait(withdraw_coverage(db(), filter));
    EXPECT_EQ(claims(),
              (Lines{"book-tickers event file +0ms .. +2000ms", "book-tickers event file +5000ms .. +9000ms",
                     "book-tickers received file +0ms .. +2100ms", "book-tickers received file +5100ms .. +9000ms"}))
        << "rows of that time were received 100 ms later";
    filter = {};
    filter.source = SourceId{1};
    wait(withdraw_coverage(db(), filter));
    EXPECT_EQ(claims(), Lines{});
}

TEST_P(Coverage, CleanupTakesTheTimeOfTheRowsOutOfTheClaims) {
    const SymbolId symbol = make_symbol().id;
    BookTicker old = quote(symbol, kNoon - 50 * 24h, 1, 2);
    BookTicker young = quote(symbol, kNoon - 1h, 1, 2);
    old.received_at = old.timestamp + 1s;
    young.received_at = young.timestamp + 1s;
    const SymbolId gone = make_symbol("ETH").id;
    BookTicker last_of_its_kind = quote(gone, kNoon - 50 * 24h, 1, 2);
    last_of_its_kind.received_at = kNoon;
    store_covered({old, young, last_of_its_kind},
                  {claim(symbol, old.timestamp, kNoon),
                   claim(symbol, old.received_at, kNoon, SourceId{1}, CoverageKind::file, ClockKind::received),
                   claim(gone, kNoon - 1h, kNoon + 1us, SourceId{1}, CoverageKind::file, ClockKind::received)});
    CleanupOptions options = a_week();
    options.older_than = 7 * 24h;
    options.exact = true;
    options.dry_run = true;
    wait(db().cleanup_old_data(options));
    EXPECT_EQ(claims().size(), 3U) << "a dry run takes nothing";
    options.dry_run = false;
    EXPECT_EQ(wait(db().cleanup_old_data(options)).book_tickers, 2U);
    EXPECT_EQ(claims(), (Lines{"book-tickers event file -604800000ms .. +0ms",
                               "book-tickers received file -604799000ms .. +0ms"}))
        << "the row of the other series was received an hour ago, and has gone";
}

TEST_P(Coverage, RowsThatGoWithTheirSourceGoOutOfTheClaimsOfOthersToo) {
    const SymbolId symbol = make_symbol().id;
    Source source;
    source.kind = "import";
    source.name = "first.csv";
    source.sha256 = std::string(64, 'a');
    const SourceId first = wait(db().begin_source(source));
    source.name = "second.csv";
    source.sha256 = std::string(64, 'b');
    const SourceId second = wait(db().begin_source(source));
    std::vector<BookTicker> rows{quote(symbol, kNoon, 1, 2), quote(symbol, kNoon + 2s, 1, 2)};
    for (BookTicker& row : rows) row.source_id = first;
    store_covered(rows, {claim(symbol, kNoon, kNoon + 3s, first)});
    store_covered(rows, {claim(symbol, kNoon - 1s, kNoon + 9s, second)});
    UndoOptions undo;
    undo.source = first;
    EXPECT_EQ(wait(undo_import(db(), undo)).rows, 2U);
    EXPECT_EQ(claims(),
              (Lines{"book-tickers event file -1000ms .. +0ms", "book-tickers event file +2000.001ms .. +9000ms"}))
        << "the second file had these rows too, and they are gone";
}

TEST_P(Coverage, DeclaredGapsStayWhereRowsAreDeletedAndGoWithAllThatIsOlder) {
    const SymbolId symbol = make_symbol().id;
    store_covered({quote(symbol, kNoon + 1s, 1, 2), quote(symbol, kNoon + 6s, 1, 2)},
                  {claim(symbol, kNoon, kNoon + 9s, SourceId{1}, CoverageKind::feed),
                   claim(symbol, kNoon + 2s, kNoon + 5s, SourceId{1}, CoverageKind::gap)});
    const std::vector<SymbolId> chosen{symbol};
    DeleteOptions options;
    options.dataset = Dataset::book_tickers;
    options.series.symbols = chosen;
    options.start = kNoon + 1s;
    options.end = kNoon + 7s;
    EXPECT_EQ(wait(delete_rows(db(), options)).rows, 2U);
    EXPECT_EQ(claims(), (Lines{"book-tickers event feed +0ms .. +1000ms", "book-tickers event gap +2000ms .. +5000ms",
                               "book-tickers event feed +7000ms .. +9000ms"}));
    EXPECT_EQ(declared_gaps(), Lines{"book-tickers event +2000ms .. +5000ms"})
        << "a quote from before must not be carried over it";
    CoverageFilter older;
    older.end = kNoon + 4s;
    wait(withdraw_coverage(db(), older));
    EXPECT_EQ(declared_gaps(), Lines{"book-tickers event +4000ms .. +5000ms"});
}

TEST_P(Coverage, AGapCountsUnlessAnotherSourceFillsIt) {
    const SymbolId symbol = make_symbol().id;
    store_covered({}, {claim(symbol, kNoon, kNoon + 9s, SourceId{1}, CoverageKind::feed),
                       claim(symbol, kNoon + 2s, kNoon + 5s, SourceId{1}, CoverageKind::gap)});
    EXPECT_EQ(coverage(),
              (Lines{"book-tickers event +0ms .. +2000ms feed", "book-tickers event +5000ms .. +9000ms feed"}));
    EXPECT_EQ(declared_gaps(), Lines{"book-tickers event +2000ms .. +5000ms"});
    store_covered({}, {claim(symbol, kNoon + 3s, kNoon + 6s, SourceId{2})});
    EXPECT_EQ(declared_gaps(), Lines{"book-tickers event +2000ms .. +3000ms"});
    EXPECT_EQ(coverage(),
              (Lines{"book-tickers event +0ms .. +2000ms feed", "book-tickers event +3000ms .. +9000ms feed file"}));
}

TEST_P(Coverage, WhatAUserDeclaresIsKeptUnderItsReason) {
    const SymbolId symbol = make_symbol().id;
    CoverageDeclaration declaration;
    declaration.symbol = symbol;
    declaration.start = kNoon;
    declaration.end = kNoon + 10s;
    wait(declare_coverage(db(), declaration));
    declaration.start = kNoon + 4s;
    declaration.end = kNoon + 5s;
    declaration.reason = "switch failed";
    wait(declare_gap(db(), declaration));
    EXPECT_EQ(coverage(), (Lines{"book-tickers event +0ms .. +4000ms declared",
                                 "book-tickers event +5000ms .. +10000ms declared"}));
    EXPECT_EQ(declared_gaps(), Lines{"book-tickers event +4000ms .. +5000ms"});
    SourceFilter filter;
    filter.kind = "declared";
    const std::vector<Source> sources = wait(db().get_sources(filter));
    ASSERT_EQ(sources.size(), 2U);
    EXPECT_EQ(sources[0].name.str(), "declared");
    EXPECT_EQ(sources[1].name.str(), "switch failed");
}

TEST_P(Coverage, DeclarationsThatMakeNoSenseAreRefused) {
    CoverageDeclaration declaration;
    declaration.symbol = make_symbol().id;
    declaration.start = kNoon;
    expect_error(ErrorCode::invalid_argument, [&] { wait(declare_coverage(db(), declaration)); }, {"end after it"});
    declaration.end = kNoon;
    expect_error(ErrorCode::invalid_argument, [&] { wait(declare_gap(db(), declaration)); }, {"end after it"});
    declaration.end = kNoon + 1s;
    declaration.symbol = SymbolId{4711};
    expect_error(ErrorCode::unknown_symbol, [&] { wait(declare_gap(db(), declaration)); }, {"4711"});
    declaration.dataset = Dataset::balances;
    expect_error(ErrorCode::invalid_argument, [&] { wait(declare_gap(db(), declaration)); }, {"balances"});
    CoverageFilter backwards;
    backwards.start = kNoon;
    backwards.end = kNoon - 1s;
    expect_error(ErrorCode::invalid_argument, [&] { coverage(backwards); }, {"end lies before start"});
    EXPECT_EQ(claims(), Lines{});
}

TEST_P(Coverage, WhatIsPendingIsClaimedAsFarAsNobodyTookItOut) {
    const SymbolId symbol = make_symbol().id;
    const SymbolId other = make_symbol("ETH").id;
    const CoverageClaim all = claim(symbol, kMinTime, kMaxTime, SourceId{7}, CoverageKind::copy);
    wait(open_claims(db(), {all, claim(other, kMinTime, kMaxTime, SourceId{7}, CoverageKind::copy)}));
    EXPECT_EQ(coverage(), Lines{}) << "it counts for nothing";
    CoverageFilter gone;
    gone.symbol = symbol;
    gone.start = kNoon + 2s;
    gone.end = kNoon + 3s;
    wait(withdraw_coverage(db(), gone));
    wait(open_claims(db(), {all}));  // stays as it is

    const auto of = [&](SymbolId owner, Timestamp start, Timestamp end, SourceId source) {
        return claim(owner, start, end, source, CoverageKind::copy);
    };
    store_covered({}, {of(symbol, kNoon + 1s, kNoon + 4s, SourceId{7}), of(symbol, kNoon + 8s, kNoon + 9s, SourceId{7}),
                       of(symbol, kNoon + 20s, kNoon + 21s, SourceId{8})});
    const Lines stored{"book-tickers event copy +8000ms .. +9000ms", "book-tickers event copy +20000ms .. +21000ms"};
    EXPECT_EQ(claims(), stored) << "a claim of which something went is left out";

    CoverageFilter closes;
    closes.source = SourceId{7};
    closes.symbol = symbol;
    wait(settle_claims(db(), closes,
                       {of(symbol, kNoon, kNoon + 5s, SourceId{7}), of(other, kNoon, kNoon + 5s, SourceId{7}),
                        of(symbol, kNoon, kNoon + 30s, SourceId{9}),
                        claim(symbol, kNoon + 2s, kNoon + 3s, SourceId{7}, CoverageKind::gap)}));
    const Lines settled{"book-tickers event copy +0ms .. +2000ms", "book-tickers event gap +2000ms .. +3000ms",
                        "book-tickers event copy +3000ms .. +5000ms", "book-tickers event copy +8000ms .. +9000ms",
                        "book-tickers event copy +20000ms .. +21000ms"};
    EXPECT_EQ(claims(), settled) << "only what is closed, and only what its source had pending";
    wait(settle_claims(db(), closes, {of(symbol, kNoon, kNoon + 5s, SourceId{7})}));
    EXPECT_EQ(claims(), settled) << "nothing is pending any more";

    closes.symbol = other;
    wait(settle_claims(db(), closes, {of(other, kNoon, kNoon + 5s, SourceId{7})}));
    EXPECT_EQ(claims().size(), 6U) << "of the other symbol it was";
    wait(open_claims(db(), {all}));
    store_covered({}, {of(symbol, kNoon + 1s, kNoon + 4s, SourceId{7})});
    EXPECT_EQ(claims()[0], "book-tickers event copy +0ms .. +5000ms") << "opened anew, nothing went of it";
}

TEST_P(Coverage, WhatIsPendingIsKnownWhateverIsTakenOutOfIt) {
    const SymbolId symbol = make_symbol().id;
    const std::vector<CoverageClaim> both{
        claim(symbol, kNoon, kNoon + 5s, SourceId{7}),
        claim(symbol, kNoon, kNoon + 5s, SourceId{7}, CoverageKind::file, ClockKind::received)};
    CoverageFilter everything;
    everything.symbol = symbol;
    CoverageFilter of_source;
    of_source.source = SourceId{7};
    CoverageFilter until_now = everything;
    until_now.end = kNoon + 3s;  // by the received clock everything, as the series has no rows
    CoverageFilter closes;
    closes.source = SourceId{7};
    for (const CoverageFilter& gone : {everything, of_source, until_now}) {
        wait(open_claims(db(), both));
        wait(withdraw_coverage(db(), gone));
        store_covered({}, both);
        EXPECT_EQ(claims(), Lines{}) << "nobody takes it for never having been pending";
        wait(open_claims(db(), both));
        wait(settle_claims(db(), closes, {both.back()}));
        EXPECT_EQ(claims(), Lines{});
    }
    wait(open_claims(db(), both));
    wait(settle_claims(db(), closes, both));
    EXPECT_EQ(claims().size(), 2U);
}

TEST_P(Coverage, PendingClaimsThatMakeNoSenseAreRefused) {
    const SymbolId symbol = make_symbol().id;
    CoverageClaim balances = claim(symbol, kNoon, kNoon + 1s);
    balances.dataset = Dataset::balances;
    expect_error(ErrorCode::invalid_argument, [&] { wait(open_claims(db(), {balances})); }, {"balances"});
    expect_error(ErrorCode::invalid_argument, [&] { wait(settle_claims(db(), {}, {})); }, {"expected the source"});
    CoverageFilter closes;
    closes.source = SourceId{7};
    closes.end = kNoon;
    expect_error(ErrorCode::invalid_argument, [&] { wait(settle_claims(db(), closes, {})); }, {"no time"});
    closes.end = kNoTime;
    closes.dataset = Dataset::balances;
    expect_error(ErrorCode::invalid_argument, [&] { wait(settle_claims(db(), closes, {})); }, {"balances"});
    closes.dataset.reset();
    expect_error(ErrorCode::invalid_argument, [&] { wait(settle_claims(db(), closes, {claim(symbol, kNoon, kNoon)})); },
                 {"an end after it"});
}

TEST_P(CoverageShared, WhoMayOnlyReadMayAsk) {
    const SymbolId symbol = make_symbol().id;
    store_covered({}, {claim(symbol, kNoon, kNoon + 1s)});
    Config settings = config();
    settings.open_mode = OpenMode::read_only;
    const auto reader = open(settings);
    EXPECT_EQ(reader->wait(get_coverage(*reader)).size(), 1U);
    CoverageDeclaration declaration;
    declaration.symbol = symbol;
    declaration.start = kNoon;
    declaration.end = kNoon + 1s;
    expect_error(ErrorCode::read_only, [&] { reader->wait(declare_gap(*reader, declaration)); });
    expect_error(ErrorCode::read_only, [&] { reader->wait(withdraw_coverage(*reader, {})); });
    expect_error(ErrorCode::read_only, [&] { reader->wait(open_claims(*reader, {claim(symbol, kNoon, kNoon + 1s)})); });
    CoverageFilter closes;
    closes.source = SourceId{1};
    expect_error(ErrorCode::read_only, [&] { reader->wait(settle_claims(*reader, closes, {})); });
    EXPECT_EQ(claims(), Lines{"book-tickers event file +0ms .. +1000ms"});
}

TEST_P(CoverageAnywhere, AnExistingSchemaStoresTheRowsAndSaysThatItKeepsNoClaims) {
    const SymbolId symbol = make_symbol().id;
    std::vector<BookTicker> rows{quote(symbol, kNoon, 1, 2)};
    std::vector<CoverageClaim> claims{CoverageTest::claim(symbol, kNoon, kNoon + 1s)};
    wait(open_claims(db(), claims));
    EXPECT_EQ(wait(insert_covered(db(), rows, claims)), result(1));
    CoverageFilter closes;
    closes.source = SourceId{1};
    wait(settle_claims(db(), closes, claims));
    EXPECT_EQ(stored_quotes().size(), 1U);
    if (target().can.own_tables) {
        EXPECT_EQ(wait(get_coverage(db())).size(), 1U);
        return;
    }
    expect_error(ErrorCode::schema_mismatch, [&] { wait(get_coverage(db())); }, {"keeps no coverage", "migrate up"});
}

}  // namespace
}  // namespace marketdb::testing
