#include <unistd.h>

#include <limits>

#include "engine_fixture.hpp"

namespace marketdb::testing {
namespace {

constexpr auto kDay = std::chrono::hours(24);

MARKETDB_CONTRACT_SUITE(Keeping);

// --- cleanup -----------------------------------------------------------------------------------------------------------

TEST_P(Keeping, CleanUpGoesByEventTimeAndKeepsTheCutoffItself) {
    const Symbol symbol = make_symbol();
    BookTicker late = quote(symbol.id, kNoon - 8 * kDay, 1, 2);
    late.received_at = kNoon;
    store({late, quote(symbol.id, kNoon - 7 * kDay - 1us, 3, 4), quote(symbol.id, kNoon - 7 * kDay, 5, 6),
           quote(symbol.id, kNoon, 7, 8)});
    CleanupOptions options = a_week();
    options.exact = true;
    const CleanupResult cleaned = wait(db().cleanup_old_data(options));
    EXPECT_EQ(cleaned.book_tickers, 2U);
    EXPECT_EQ(cleaned.book_tickers_staying, 0U);
    EXPECT_EQ(to_string(cleaned.cutoffs[0]), "2024-08-01T12:00:00.000000Z");
    EXPECT_EQ(stored_quotes(), (Lines{"-604800000ms #0 bid 5x1 ask 6x2", "+0ms #0 bid 7x1 ask 8x2"}));
}

/// Rows of three months around the cut-off, which is 2024-08-01T12:00Z.
class KeepingMonths : public EngineTest {
 protected:
    static constexpr Timestamp kCutoff = kNoon - 7 * kDay;
    static constexpr const char* kNotOlder = "-604800000ms #0 bid 100x1 ask 101x2";

    void fill() {
        const Symbol btc = make_symbol("BTC", "USDT", "ALPHA_FUTURES");
        const Symbol eth = make_symbol("ETH", "USDT", "ALPHA_FUTURES");
        for (const Timestamp time : {kNoon - 60 * kDay, kNoon - 20 * kDay, kCutoff - 1us, kCutoff, kNoon}) {
            store({quote(btc.id, time, 100, 101)});
            store({trade(btc.id, time, "1"), trade(btc.id, time, "2")});
            store({with_settlement(funding(btc.id, time, 0.1))});
            store({balance(btc.exchange_id, "USDT", time, 1)});
        }
        store({quote(eth.id, kNoon - 60 * kDay, 1, 2)});
    }
    static std::string counts(const CleanupResult& result) {
        return "quotes " + std::to_string(result.book_tickers) + " and " + std::to_string(result.book_tickers_staying) +
               ", trades " + std::to_string(result.trades) + " and " + std::to_string(result.trades_staying) +
               ", funding " + std::to_string(result.funding_rates) + ", balances " + std::to_string(result.balances);
    }
    /// Rows, first and last of each series: as `series` says, and as they are.
    std::string series_of_quotes() {
        std::string text;
        for (const SeriesStats& one : wait(db().get_series_stats())) {
            if (one.dataset != Dataset::book_tickers) continue;
            text += std::to_string(one.rows) + " from " + to_string(one.first) + " to " + to_string(one.last) + "\n";
        }
        return text;
    }
};
INSTANTIATE_TEST_SUITE_P(On, KeepingMonths, ::testing::ValuesIn(all_engines()), engine_name);

TEST_P(KeepingMonths, WhatSharesAPartitionWithNewerTimeStaysAndIsCounted) {
    fill();
    const CleanupResult cleaned = wait(db().cleanup_old_data(a_week()));
    EXPECT_EQ(to_string(cleaned.cutoffs[0]), "2024-08-01T12:00:00.000000Z");
    if (target().has_partitions) {
        EXPECT_EQ(counts(cleaned), "quotes 3 and 1, trades 4 and 2, funding 3, balances 3");
        EXPECT_EQ(series_of_quotes(), "3 from 2024-08-01T11:59:59.999999Z to 2024-08-08T12:00:00.000000Z\n");
        EXPECT_EQ(stored_quotes().size(), 3U);
        EXPECT_EQ(stored_trades().size(), 6U);
    } else {
        EXPECT_EQ(counts(cleaned), "quotes 4 and 0, trades 6 and 0, funding 3, balances 3");
        EXPECT_EQ(series_of_quotes(), "2 from 2024-08-01T12:00:00.000000Z to 2024-08-08T12:00:00.000000Z\n");
        EXPECT_EQ(stored_quotes().size(), 2U);
        EXPECT_EQ(stored_trades().size(), 4U);
    }
    EXPECT_EQ(stored_funding().size(), 2U);
    EXPECT_EQ(stored_balances().size(), 2U);
    const CleanupResult again = wait(db().cleanup_old_data(a_week()));
    EXPECT_EQ(again.book_tickers + again.trades + again.funding_rates + again.balances, 0U);
    EXPECT_EQ(again.trades_staying, cleaned.trades_staying);
}

TEST_P(KeepingMonths, ExactlyMeansEveryOlderRowAndNoOther) {
    fill();
    CleanupOptions options = a_week();
    options.exact = true;
    EXPECT_EQ(counts(wait(db().cleanup_old_data(options))), "quotes 4 and 0, trades 6 and 0, funding 3, balances 3");
    EXPECT_EQ(stored_quotes(), (Lines{kNotOlder, "+0ms #0 bid 100x1 ask 101x2"}));
    EXPECT_EQ(stored_trades().size(), 4U);
    EXPECT_EQ(series_of_quotes(), "2 from 2024-08-01T12:00:00.000000Z to 2024-08-08T12:00:00.000000Z\n");
    EXPECT_EQ(wait(db().get_database_stats()).datasets.at(1).rows, 4U);
}

TEST_P(KeepingMonths, ExactlyAfterwardsTakesWhatHadStayed) {
    fill();
    const CleanupResult cleaned = wait(db().cleanup_old_data(a_week()));
    CleanupOptions options = a_week();
    options.exact = true;
    const CleanupResult rest = wait(db().cleanup_old_data(options));
    EXPECT_EQ(rest.book_tickers, cleaned.book_tickers_staying);
    EXPECT_EQ(rest.trades, cleaned.trades_staying);
    EXPECT_EQ(stored_quotes().front(), kNotOlder);
}

TEST_P(KeepingMonths, ADryRunSaysWhatTheRunThenDoesAndRemovesNothing) {
    fill();
    for (const bool exact : {false, true}) {
        SCOPED_TRACE(exact);
        CleanupOptions options = a_week();
        options.exact = exact;
        options.dry_run = true;
        const CleanupResult dry = wait(db().cleanup_old_data(options));
        EXPECT_EQ(stored_quotes().size(), 6U);
        EXPECT_EQ(stored_trades().size(), 10U);
        options.dry_run = false;
        EXPECT_EQ(counts(wait(db().cleanup_old_data(options))), counts(dry));
        fill();
    }
}

TEST_P(KeepingMonths, RowsOlderThanACleanUpCanBeStoredAgain) {
    fill();
    static_cast<void>(wait(db().cleanup_old_data(a_week())));
    fill();
    EXPECT_EQ(stored_quotes().size(), 6U);
    EXPECT_EQ(wait(db().get_database_stats()).datasets.at(0).rows, 6U);
}

TEST_P(KeepingMonths, MemoryForgetsWhatWentAndKeepsWhatStays) {
    const Symbol gone = make_symbol("ETH");
    const Symbol stays = make_symbol("BTC");
    const Symbol newer = make_symbol("SOL");
    store(
        {quote(gone.id, kNoon - 20 * kDay, 1, 2), quote(stays.id, kCutoff - 1us, 1, 2), quote(newer.id, kNoon, 1, 2)});
    const CleanupResult cleaned = wait(db().cleanup_old_data(a_week()));
    EXPECT_FALSE(db().find_latest_book_ticker(gone.id).has_value());
    EXPECT_EQ(db().find_latest_book_ticker(stays.id).has_value(), target().has_partitions);
    EXPECT_TRUE(db().find_latest_book_ticker(newer.id).has_value());
    EXPECT_EQ(wait(db().get_latest_book_tickers()).size(), 3U - cleaned.book_tickers);
}

TEST_P(Keeping, CleanUpIsOfAllDatasetsOrOfOne) {
    const Symbol symbol = make_symbol("BTC", "USDT", "ALPHA_FUTURES");
    const Timestamp old = kNoon - 30 * kDay;
    const auto fill = [&] {
        store({quote(symbol.id, old, 1, 2)});
        store({trade(symbol.id, old, "1"), trade(symbol.id, old, "2")});
        store({with_settlement(funding(symbol.id, old, 0.1))});
        store({balance(symbol.exchange_id, "USDT", old, 1)});
    };
    fill();
    CleanupOptions trades = a_week();
    trades.dataset = Dataset::trades;
    const CleanupResult only_trades = wait(db().cleanup_old_data(trades));
    EXPECT_EQ(only_trades.trades, 2U);
    EXPECT_EQ(only_trades.book_tickers + only_trades.funding_rates + only_trades.balances, 0U);
    EXPECT_EQ(stored_trades().size(), 0U);
    EXPECT_EQ(stored_quotes().size(), 1U);
    fill();
    const CleanupResult all = wait(db().cleanup_old_data(a_week()));
    EXPECT_EQ(all.book_tickers, 1U);
    EXPECT_EQ(all.trades, 2U);
    EXPECT_EQ(all.funding_rates, 1U);
    EXPECT_EQ(all.balances, 1U);
    EXPECT_EQ(stored_quotes().size() + stored_trades().size() + stored_funding().size() + stored_balances().size(), 0U);
}

TEST_P(Keeping, ADryRunCountsAndDeletesNothing) {
    const Symbol symbol = make_symbol();
    store({quote(symbol.id, kNoon - 8 * kDay, 1, 2), quote(symbol.id, kNoon - 9 * kDay, 1, 2)});
    CleanupOptions options = a_week();
    options.dry_run = true;
    EXPECT_EQ(wait(db().cleanup_old_data(options)).book_tickers, 2U);
    EXPECT_EQ(stored_quotes().size(), 2U);
}

TEST_P(Keeping, CleanUpOfMoreRowsThanOneTransactionHoldsTakesThemAll) {
    const Symbol symbol = make_symbol();
    std::vector<BookTicker> rows;
    for (int i = 0; i < 25'001; ++i) rows.push_back(quote(symbol.id, kNoon - 7 * kDay - 1h + i * 1ms, 1, 2));
    store(rows);
    CleanupOptions options = a_week();
    options.exact = true;
    EXPECT_EQ(wait(db().cleanup_old_data(options)).book_tickers, 25'001U);
    EXPECT_EQ(wait(db().get_database_stats()).datasets.at(0).rows, 0U);
}

TEST_P(Keeping, CleanUpOfNothingOlderThanZeroIsRefused) {
    CleanupOptions options = a_week();
    options.older_than = 0us;
    expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(wait(db().cleanup_old_data(options))); });
    options.older_than = -1us;
    expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(wait(db().cleanup_old_data(options))); });
}

// --- statistics --------------------------------------------------------------------------------------------------------

TEST_P(Keeping, StatisticsOfAnEmptyDatabaseAreZeroAndNotAbsent) {
    const DatabaseStats stats = wait(db().get_database_stats());
    ASSERT_EQ(stats.datasets.size(), 4U);
    for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_EQ(stats.datasets[i].dataset, static_cast<Dataset>(i));
        EXPECT_EQ(stats.datasets[i].rows, 0U);
        EXPECT_EQ(stats.datasets[i].series, 0U);
        EXPECT_FALSE(is_present(stats.datasets[i].first));
        EXPECT_FALSE(is_present(stats.datasets[i].last));
    }
    EXPECT_EQ(stats.exchanges + stats.symbols + stats.quarantined, 0U);
    EXPECT_GT(stats.bytes, 0U);
    EXPECT_EQ(stats.schema_version > 0, target().can.own_tables);
    EXPECT_FALSE(stats.engine.empty());
    EXPECT_TRUE(wait(db().get_series_stats()).empty());
}

TEST_P(Keeping, StatisticsFollowEveryInsertUpdateAndCleanUp) {
    const Symbol btc = make_symbol("BTC");
    const Symbol eth = make_symbol("ETH");
    Exchange inactive;
    inactive.enum_value = "OLD_SPOT";
    inactive.is_active = false;
    static_cast<void>(wait(db().insert_exchange(inactive)));
    store({quote(btc.id, kNoon - 8 * kDay, 1, 2), quote(btc.id, kNoon, 1, 2), quote(eth.id, kNoon - 1s, 1, 2)});
    store({quote(btc.id, kNoon, 1, 3), quote(eth.id, kNoon - 1s, 1, 2)});
    store({trade(btc.id, kNoon, "1")});
    DatabaseStats stats = wait(db().get_database_stats());
    EXPECT_EQ(stats.datasets[0].rows, 3U);
    EXPECT_EQ(stats.datasets[0].series, 2U);
    EXPECT_EQ(text_of(stats.datasets[0].first), "-691200000ms");
    EXPECT_EQ(text_of(stats.datasets[0].last), "+0ms");
    EXPECT_EQ(stats.datasets[1].rows, 1U);
    EXPECT_EQ(stats.exchanges, 2U);
    EXPECT_EQ(stats.active_exchanges, 1U);
    EXPECT_EQ(stats.symbols, 2U);
    EXPECT_EQ(stats.active_symbols, 2U);
    EXPECT_EQ(stats.sources, target().can.keeps_sources ? 1U : 0U);

    static_cast<void>(wait(db().cleanup_old_data(a_week())));
    stats = wait(db().get_database_stats());
    EXPECT_EQ(stats.datasets[0].rows, 2U);
    EXPECT_EQ(text_of(stats.datasets[0].first), "-1000ms");
}

TEST_P(Keeping, SeriesStatisticsComeByDatasetExchangeSymbol) {
    const Symbol beta = make_symbol("BTC", "USDT", "BETA_SPOT");
    const Symbol eth = make_symbol("ETH", "USDT", "ALPHA_SPOT");
    const Symbol btc = make_symbol("BTC", "USDT", "ALPHA_SPOT");
    store({quote(beta.id, kNoon, 1, 2), quote(eth.id, kNoon, 1, 2), quote(btc.id, kNoon, 1, 2),
           quote(btc.id, kNoon + 1s, 1, 2)});
    store({trade(btc.id, kNoon, "1")});
    store({balance(btc.exchange_id, "USDT", kNoon, 1)});
    const std::vector<SeriesStats> series = wait(db().get_series_stats());
    ASSERT_EQ(series.size(), 5U);
    EXPECT_EQ(series[0].symbol_id, btc.id);
    EXPECT_EQ(series[0].exchange_id, btc.exchange_id);
    EXPECT_EQ(series[0].rows, 2U);
    EXPECT_EQ(text_of(series[0].first), "+0ms");
    EXPECT_EQ(text_of(series[0].last), "+1000ms");
    EXPECT_EQ(series[1].symbol_id, eth.id);
    EXPECT_EQ(series[2].symbol_id, beta.id);
    EXPECT_EQ(series[3].dataset, Dataset::trades);
    EXPECT_EQ(series[4].dataset, Dataset::balances);
    EXPECT_EQ(series[4].symbol_id, SymbolId{0});
    EXPECT_EQ(series[4].exchange_id, btc.exchange_id);
    EXPECT_EQ(series[4].account, "main");
    EXPECT_EQ(series[4].asset_name, "USDT");
}

TEST_P(Keeping, PerformanceStatisticsCountRowsAndLatestLookUps) {
    const Symbol symbol = make_symbol();
    store({quote(symbol.id, kNoon, 1, 2), quote(symbol.id, kNoon + 1s, 1, 2)});
    store({quote(symbol.id, kNoon + 1s, 1, 2), quote(symbol.id, kNoon, 1, 3)});
    EXPECT_EQ(db().get_performance_stats().rows_written, 3U) << "two inserted, one updated, one unchanged";
    db().reset_cache_stats();
    static_cast<void>(wait(db().get_latest_book_tickers()));
    static_cast<void>(wait(db().get_latest_trades()));
    const PerformanceStats stats = db().get_performance_stats();
    EXPECT_EQ(stats.latest_hits + stats.latest_misses, 2U);
    // Without kept counts our own rows are taken for those of others, and asked for once more.
    if (target().can.own_tables) {
        EXPECT_EQ(stats.latest_hits, 1U);
    }
    EXPECT_EQ(stats.latest_size, 1U);
    EXPECT_TRUE(wait_until([&] { return db().get_performance_stats().pending_operations == 0; }));
}

// --- sources -----------------------------------------------------------------------------------------------------------

TEST_P(Keeping, ASourceIsBegunFinishedAndListed) {
    const std::string hash(64, 'a');
    Source source;
    source.kind = "import";
    source.name = "trades.csv.gz";
    source.sha256 = hash;
    const SourceId id = wait(db().begin_source(source));
    EXPECT_GT(static_cast<int>(id), 0);
    std::vector<Source> all = wait(db().get_sources());
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all[0].name, "trades.csv.gz");
    EXPECT_EQ(all[0].program, "contract test");
    char host[256] = {};
    ::gethostname(host, sizeof host - 1);
    EXPECT_EQ(all[0].host, std::string_view(host).substr(0, all[0].host.view().size()));
    EXPECT_FALSE(all[0].host.empty());
    EXPECT_EQ(text_of(all[0].started_at), "+0ms");
    EXPECT_FALSE(is_present(all[0].finished_at));

    SourceFilter finished;
    finished.finished_only = true;
    EXPECT_TRUE(wait(db().get_sources(finished)).empty());
    clock().walk(3s);
    wait(db().finish_source(id, 120));
    all = wait(db().get_sources(finished));
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(text_of(all[0].finished_at), "+3000ms");
    EXPECT_EQ(all[0].rows, 120);

    SourceFilter by_hash;
    by_hash.sha256 = hash;
    EXPECT_EQ(wait(db().get_sources(by_hash)).size(), 1U);
    const std::string other(64, 'b');
    by_hash.sha256 = other;
    EXPECT_TRUE(wait(db().get_sources(by_hash)).empty());
    SourceFilter sessions;
    sessions.kind = "session";
    EXPECT_TRUE(wait(db().get_sources(sessions)).empty());
}

TEST_P(Keeping, AnUnfinishedSourceWithTheSameHashIsTakenUpAgainAFinishedOneIsNot) {
    Source source;
    source.kind = "import";
    source.name = "a.csv";
    source.sha256 = std::string(64, '0');
    const SourceId first = wait(db().begin_source(source));
    EXPECT_EQ(wait(db().begin_source(source)), first);
    wait(db().finish_source(first, 1));
    EXPECT_NE(wait(db().begin_source(source)), first);
    source.sha256 = "";
    const SourceId nameless = wait(db().begin_source(source));
    EXPECT_NE(wait(db().begin_source(source)), nameless) << "no hash, no way to know it again";
}

TEST_P(Keeping, FinishingASourceThatIsNotThereIsAnError) {
    EXPECT_THROW(wait(db().finish_source(SourceId{4711}, 1)), Error);
    EXPECT_TRUE(wait(db().get_sources()).empty());
}

TEST_P(Keeping, OfSeveralSourcesTheOneWithTheIdIsFinished) {
    Source source;
    source.kind = "import";
    std::vector<int> ids;
    for (const char* name : {"a.csv", "b.csv", "c.csv"}) {
        source.name = name;
        ids.push_back(static_cast<int>(wait(db().begin_source(source))));
    }
    constexpr int kLeast = std::numeric_limits<int>::min();
    constexpr int kGreatest = std::numeric_limits<int>::max();
    for (const int id : {0, -1, ids.back() + 1, kLeast, kGreatest}) {
        expect_error(ErrorCode::invalid_argument, [&] { wait(db().finish_source(SourceId{id}, 1)); },
                     {"no source has the id " + std::to_string(id)});
    }
    wait(db().finish_source(SourceId{ids[1]}, 7));
    const std::vector<Source> all = wait(db().get_sources());
    ASSERT_EQ(all.size(), 3U);
    EXPECT_FALSE(is_present(all[0].finished_at));
    EXPECT_EQ(all[1].name, "b.csv");
    EXPECT_EQ(text_of(all[1].finished_at), "+0ms");
    EXPECT_EQ(all[1].rows, 7);
    EXPECT_FALSE(is_present(all[2].finished_at));
}

TEST_P(Keeping, RowsThatCouldNotBeStoredAreKeptWithTheirReason) {
    Source source;
    source.kind = "import";
    source.name = "a.csv";
    QuarantinedRow row;
    row.source_id = wait(db().begin_source(source));
    row.line = 2;
    row.dataset = "trades";
    row.reason = "column price: -1 is not finite and positive";
    row.text = "1,-1,2";
    QuarantinedRow next = row;
    next.line = 3;
    const std::vector<QuarantinedRow> rows{row, next};
    EXPECT_EQ(wait(db().insert_quarantined_rows(rows)), result(2));
    EXPECT_EQ(wait(db().insert_quarantined_rows(rows)), result(0, 0, 2));
    EXPECT_EQ(wait(db().get_database_stats()).quarantined, 2U);
}

}  // namespace
}  // namespace marketdb::testing
