#include <marketdb/retention.hpp>

#include <algorithm>
#include <optional>
#include <string>

#include "coverage_fixture.hpp"

namespace marketdb::testing {
namespace {

constexpr auto kDay = std::chrono::hours(24);

/// Rows of three months by imports and by sessions, and what is to be done with them. An existing schema stores none of it.
class RetentionContract : public CoverageTest {
 protected:
    static RetentionPolicy policy(Dataset dataset, std::chrono::microseconds max_age, bool takes_imports = false) {
        RetentionPolicy made;
        made.dataset = dataset;
        made.max_age = max_age;
        made.takes_imports = takes_imports;
        return made;
    }
    static RetentionHold hold(std::optional<Dataset> dataset, Timestamp start, Timestamp end) {
        RetentionHold made;
        made.dataset = dataset;
        made.start = start;
        made.end = end;
        made.reason = "audit";
        return made;
    }
    void set(Dataset dataset, std::chrono::microseconds max_age, bool takes_imports = false) {
        wait(set_retention(db(), policy(dataset, max_age, takes_imports)));
    }
    SourceId import_source() {
        Source source;
        source.kind = "import";
        source.name = "old.csv";
        source.sha256 = std::string(64, 'a');
        return wait(db().begin_source(source));
    }
    /// `quotes 604800 s, imports stay; ...`
    static std::string words(const std::vector<RetentionPolicy>& policies) {
        std::string text;
        for (const RetentionPolicy& one : policies) {
            text += std::string(to_string(one.dataset)) + " " +
                    std::to_string(std::chrono::duration_cast<std::chrono::seconds>(one.max_age).count()) +
                    " s, imports " + (one.takes_imports ? "go" : "stay") + "; ";
        }
        return text;
    }
    static std::string words(const std::vector<RetentionHold>& holds) {
        std::string text;
        for (const RetentionHold& one : holds) {
            text += std::to_string(one.id) + " " + (one.dataset ? std::string(to_string(*one.dataset)) : "*") + " " +
                    span(one.start, one.end) + " " + one.reason.str() +
                    (is_present(one.released_at) ? " released; " : "; ");
        }
        return text;
    }
    CleanupResult clean(bool exact = true, bool dry_run = false) {
        CleanupOptions options;
        options.exact = exact;
        options.dry_run = dry_run;
        return wait(db().cleanup_old_data(options));
    }
    /// One quote 50, 20, 8 and 1 days old.
    SymbolId fill(SourceId source = {}) {
        const SymbolId symbol = make_symbol().id;
        std::vector<BookTicker> rows;
        for (const int days : {50, 20, 8, 1}) rows.push_back(quote(symbol, kNoon - days * kDay, 1, 2));
        for (BookTicker& row : rows) row.source_id = source;
        store(rows);
        return symbol;
    }
    Lines ages() {
        Lines days;
        for (const BookTicker& row : wait(db().get_book_ticker_history()).rows) {
            days.push_back(std::to_string((kNoon - row.timestamp) / kDay));
        }
        return days;
    }
};
INSTANTIATE_TEST_SUITE_P(On, RetentionContract, ::testing::ValuesIn(all_engines()), engine_name);

TEST_P(RetentionContract, APolicyIsStoredWithTheDataAndReplacesTheOneBefore) {
    EXPECT_EQ(words(wait(get_retention(db()))), "");
    set(Dataset::trades, 30 * kDay, true);
    set(Dataset::book_tickers, 7 * kDay);
    set(Dataset::trades, 60 * kDay);
    const auto other = target().is_shared ? open(config()) : nullptr;
    const std::vector<RetentionPolicy> stored = other ? other->wait(get_retention(*other)) : wait(get_retention(db()));
    ASSERT_EQ(stored.size(), 2U);
    EXPECT_EQ(words(stored), "book-tickers 604800 s, imports stay; trades 5184000 s, imports stay; ");
    EXPECT_EQ(stored.front().updated_at, kNoon);
}

TEST_P(RetentionContract, CleanUpDoesWhatThePoliciesSayAndNoMore) {
    const SymbolId symbol = fill();
    store({trade(symbol, kNoon - 50 * kDay, "1")});
    const CleanupResult nothing = clean();
    EXPECT_EQ(nothing.book_tickers + nothing.trades, 0U) << "no policy is set";
    EXPECT_FALSE(is_present(nothing.cutoffs[0]));
    set(Dataset::book_tickers, 10 * kDay);
    const CleanupResult cleaned = clean();
    EXPECT_EQ(cleaned.book_tickers, 2U);
    EXPECT_EQ(cleaned.book_tickers_staying, 0U);
    EXPECT_EQ(cleaned.cutoffs[0], kNoon - 10 * kDay);
    EXPECT_FALSE(is_present(cleaned.cutoffs[1]));
    EXPECT_EQ(ages(), (Lines{"8", "1"}));
    EXPECT_EQ(stored_trades().size(), 1U);
    set(Dataset::book_tickers, 0s);
    EXPECT_EQ(clean().book_tickers, 0U) << "0 is for ever";
}

TEST_P(RetentionContract, WholePartitionsGoAndWhatSharesOneStays) {
    store({quote(fill(), kNoon - 5 * kDay, 1, 2)});
    set(Dataset::book_tickers, 3 * kDay);
    const CleanupResult cleaned = clean(false);
    // 50, 20 and 8 days before are June and July; 5 days before and the cut-off lie in August.
    EXPECT_EQ(cleaned.book_tickers, target().has_partitions ? 3U : 4U);
    EXPECT_EQ(cleaned.book_tickers_staying, target().has_partitions ? 1U : 0U);
}

TEST_P(RetentionContract, RowsOfImportsStayUnlessThePolicyTakesThem) {
    const SymbolId symbol = fill(import_source());
    store({quote(symbol, kNoon - 49 * kDay, 1, 2), quote(symbol, kNoon - 19 * kDay, 1, 2)});
    set(Dataset::book_tickers, 10 * kDay);
    const CleanupResult dry = clean(true, true);
    EXPECT_EQ(dry.book_tickers, 2U);
    EXPECT_EQ(dry.book_tickers_staying, 2U);
    const CleanupResult cleaned = clean();
    EXPECT_EQ(cleaned.book_tickers, 2U);
    EXPECT_EQ(cleaned.book_tickers_staying, 2U);
    EXPECT_EQ(ages(), (Lines{"50", "20", "8", "1"}));
    EXPECT_EQ(wait(db().get_database_stats()).datasets.at(0).rows, 4U);
    set(Dataset::book_tickers, 10 * kDay, true);
    EXPECT_EQ(clean().book_tickers, 2U);
    EXPECT_EQ(ages(), (Lines{"8", "1"}));
}

TEST_P(RetentionContract, APartitionWithoutImportedRowsGoesThoughOthersHaveSome) {
    const SymbolId symbol = make_symbol().id;
    BookTicker imported = quote(symbol, kNoon - 50 * kDay, 1, 2);
    imported.source_id = import_source();
    store({imported, quote(symbol, kNoon - 51 * kDay, 1, 2), quote(symbol, kNoon - 20 * kDay, 1, 2),
           quote(symbol, kNoon - 1 * kDay, 1, 2)});
    set(Dataset::book_tickers, 7 * kDay + 18h);  // The cut-off is in the last hours of July.
    EXPECT_EQ(clean().book_tickers, 2U);
    EXPECT_EQ(ages(), (Lines{"50", "1"}));
}

TEST_P(RetentionContract, SparedRowsKeepTheClaimsOfTheirTime) {
    const SymbolId symbol = make_symbol().id;
    const SourceId source = import_source();
    std::vector<BookTicker> rows{quote(symbol, kNoon - 50 * kDay, 1, 2), quote(symbol, kNoon - 49 * kDay, 1, 2)};
    for (BookTicker& row : rows) row.source_id = source;
    store_covered(rows, {claim(symbol, rows[0].timestamp, rows[1].timestamp + 1us, source)});
    store({quote(symbol, kNoon - 20 * kDay, 1, 2)});
    set(Dataset::book_tickers, 10 * kDay);
    EXPECT_EQ(clean(false).book_tickers, target().has_partitions ? 0U : 1U);
    EXPECT_EQ(clean(true).book_tickers, target().has_partitions ? 1U : 0U);
    EXPECT_EQ(claims().size(), 1U) << "nothing of its time went";
}

TEST_P(RetentionContract, HeldTimeStaysWhoeverCleansUp) {
    fill();
    set(Dataset::book_tickers, 2 * kDay);
    const RetentionHold made =
        wait(hold_rows(db(), hold(Dataset::book_tickers, kNoon - 21 * kDay, kNoon - 20 * kDay + 1us)));
    wait(hold_rows(db(), hold(Dataset::trades, kNoTime, kNoTime)));
    EXPECT_EQ(made.created_at, kNoon);
    const CleanupResult dry = clean(true, true);
    EXPECT_EQ(dry.book_tickers, 2U);
    EXPECT_EQ(dry.book_tickers_staying, 1U);
    const CleanupResult cleaned = clean();
    EXPECT_EQ(cleaned.book_tickers, 2U);
    EXPECT_EQ(cleaned.book_tickers_staying, 1U);
    EXPECT_EQ(ages(), (Lines{"20", "1"}));
    CleanupOptions options = a_week();
    options.exact = true;
    EXPECT_EQ(wait(db().cleanup_old_data(options)).book_tickers, 0U) << "with a length too";
    wait(release_hold(db(), made.id));
    EXPECT_EQ(wait(db().cleanup_old_data(options)).book_tickers, 1U);
    EXPECT_EQ(ages(), Lines{"1"});
}

TEST_P(RetentionContract, AHoldOfAllTimeOfAllDatasetsKeepsEverything) {
    const SymbolId symbol = fill();
    store({trade(symbol, kNoon - 50 * kDay, "1")});
    wait(hold_rows(db(), hold(std::nullopt, kNoTime, kNoTime)));
    const CleanupResult cleaned = wait(db().cleanup_old_data(a_week()));
    EXPECT_EQ(cleaned.book_tickers + cleaned.trades, 0U);
    EXPECT_EQ(cleaned.book_tickers_staying, 3U);
    EXPECT_EQ(cleaned.trades_staying, 1U);
    EXPECT_EQ(ages().size(), 4U);
}

TEST_P(RetentionContract, HoldsAreListedAndReleasedOnce) {
    wait(hold_rows(db(), hold(Dataset::trades, kNoon, kNoon + 1s)));
    wait(hold_rows(db(), hold(std::nullopt, kNoTime, kNoon)));
    EXPECT_EQ(words(wait(get_holds(db()))), "1 trades +0ms .. +1000ms audit; 2 * - .. +0ms audit; ");
    wait(release_hold(db(), 1));
    wait(release_hold(db(), 1));
    EXPECT_EQ(words(wait(get_holds(db()))), "2 * - .. +0ms audit; ");
    EXPECT_EQ(words(wait(get_holds(db(), true))), "1 trades +0ms .. +1000ms audit released; 2 * - .. +0ms audit; ");
}

TEST_P(RetentionContract, WhatMakesNoSenseIsRefused) {
    const auto refused = [](auto call) { expect_error(ErrorCode::invalid_argument, call); };
    refused([&] { wait(set_retention(db(), policy(Dataset::trades, -1us))); });
    refused([&] {
        RetentionPolicy huge = policy(Dataset::trades, 0s);
        huge.max_bytes = std::uint64_t{1} << 63U;
        wait(set_retention(db(), huge));
    });
    refused([&] { wait(hold_rows(db(), hold(std::nullopt, kNoon, kNoon))); });
    refused([&] { wait(hold_rows(db(), hold(std::nullopt, kMinTime - 1us, kNoon))); });
    refused([&] {
        RetentionHold nameless = hold(std::nullopt, kNoTime, kNoon);
        nameless.reason = "";
        wait(hold_rows(db(), nameless));
    });
    refused([&] { wait(release_hold(db(), 7)); });
    EXPECT_EQ(words(wait(get_retention(db()))) + words(wait(get_holds(db(), true))), "");
}

// --- by size ---------------------------------------------------------------------------------------------------------

/// Sizes go by what a row usually takes.
class RetentionBySize : public RetentionContract {
 protected:
    void allow(std::uint64_t rows, bool takes_imports = false) {
        RetentionPolicy made = policy(Dataset::book_tickers, 0s, takes_imports);
        made.max_bytes = rows * usual_row_bytes(db(), Dataset::book_tickers);
        wait(set_retention(db(), made));
    }
};
INSTANTIATE_TEST_SUITE_P(On, RetentionBySize, ::testing::ValuesIn(all_engines()), engine_name);

TEST_P(RetentionBySize, TheOldestRowsGoUntilTheRestFits) {
    fill();
    allow(4);
    EXPECT_EQ(wait(get_retention(db())).at(0).max_bytes, 4 * usual_row_bytes(db(), Dataset::book_tickers));
    EXPECT_FALSE(is_present(clean().cutoffs[0])) << "four fit";
    allow(2);
    const CleanupResult dry = clean(true, true);
    EXPECT_EQ(dry.book_tickers, 2U);
    EXPECT_GT(dry.cutoffs[0], kNoon - 20 * kDay);
    EXPECT_LE(dry.cutoffs[0], kNoon - 8 * kDay);
    EXPECT_EQ(clean().book_tickers, 2U);
    EXPECT_EQ(ages(), (Lines{"8", "1"}));
    EXPECT_EQ(clean().book_tickers, 0U) << "what is left fits";
}

TEST_P(RetentionBySize, ManyRowsGoNearlyExactly) {
    const SymbolId one = make_symbol().id;
    const SymbolId other = make_symbol("ETH").id;
    std::vector<BookTicker> rows;
    for (int i = 0; i < 3'000; ++i) {
        rows.push_back(quote(i % 3 == 0 ? one : other, kNoon - 3'000s + std::chrono::seconds(i), 1, 2));
    }
    store(rows);
    allow(500);
    const std::uint64_t gone = clean().book_tickers;
    EXPECT_GE(gone, 2'500U);
    EXPECT_LE(gone, 2'525U) << "at most a hundredth more";
    EXPECT_EQ(ages().size(), 3'000U - gone);
}

TEST_P(RetentionBySize, ThePolicyThatTakesMoreDecides) {
    fill();
    RetentionPolicy both = policy(Dataset::book_tickers, 15 * kDay);
    both.max_bytes = 3 * usual_row_bytes(db(), Dataset::book_tickers);
    wait(set_retention(db(), both));
    EXPECT_EQ(clean().cutoffs[0], kNoon - 15 * kDay);
    EXPECT_EQ(ages(), (Lines{"8", "1"}));
    allow(1);
    EXPECT_EQ(clean().book_tickers, 1U);
}

TEST_P(RetentionBySize, WhatMayNotGoIsPassedOverAndWhereTooLittleMayNothingDoes) {
    const SymbolId symbol = fill(import_source());
    store({quote(symbol, kNoon - 49 * kDay, 1, 2), quote(symbol, kNoon - 3 * kDay, 1, 2)});
    wait(hold_rows(db(), hold(Dataset::book_tickers, kNoon - 4 * kDay, kNoon)));
    allow(4);
    const CleanupResult unmet = clean();
    EXPECT_EQ(unmet.beyond_limit[0], 2U) << "six, and only one of them may go";
    EXPECT_EQ(unmet.book_tickers, 0U);
    EXPECT_EQ(ages().size(), 6U);
    allow(5);
    EXPECT_EQ(clean().book_tickers, 1U);
    EXPECT_EQ(ages(), (Lines{"50", "20", "8", "3", "1"}));
    allow(3, true);
    const CleanupResult met = clean();
    EXPECT_EQ(met.beyond_limit[0], 0U);
    EXPECT_EQ(ages(), (Lines{"8", "3", "1"}));
}

// --- imports -----------------------------------------------------------------------------------------------------------

TEST_P(RetentionContract, AnImportOlderThanThePolicyIsToldBeforeItStarts) {
    const std::string text =
        "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n"
        "binance,BTCUSDT,1721000000000000,1721000000000000,2,101,100,1\n"
        "binance,BTCUSDT,1723100000000000,1723100000000000,2,101,100,2\n";
    const std::filesystem::path given = file("old.csv", text);
    std::vector<std::string> told;
    std::uint64_t stored_when_told = 1;
    const auto options = [&] {
        ImportOptions made;
        made.force = true;
        made.on_warning = [&](std::string_view warning) { told.emplace_back(warning); };
        return made;
    };
    set(Dataset::book_tickers, 10 * kDay);
    EXPECT_EQ(import_whole(given, options()).warnings, Lines{}) << "imported rows stay";
    set(Dataset::book_tickers, 40 * kDay, true);
    EXPECT_EQ(import_whole(given, options()).warnings, Lines{}) << "none is so old";
    set(Dataset::book_tickers, 10 * kDay, true);
    ImportOptions dry = options();
    dry.dry_run = true;
    EXPECT_EQ(import_whole(given, dry).warnings.size(), 1U);
    told.clear();
    const std::filesystem::path younger =
        file("other.csv", text + "binance,BTCUSDT,1723100000000001,1723100000000001,2,101,100,2\n");
    ImportOptions telling = options();
    telling.on_warning = [&](std::string_view warning) {
        told.emplace_back(warning);
        stored_when_told = 0;
    };
    telling.on_progress = [&](const ImportProgress& progress) {
        if (!progress.validating && told.empty()) stored_when_told = progress.rows;
    };
    const ImportReport report = import_whole(younger, telling);
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(stored_when_told, 0U);
    EXPECT_EQ(std::count(report.warnings.begin(), report.warnings.end(), told[0]), 1);
    EXPECT_NE(told[0].find("other.csv: rows from 2024-07-14T23:33:20.000000Z on are older than the retention policy of "
                           "book-tickers"),
              std::string::npos)
        << told[0];
    ImportOptions one_pass = options();
    one_pass.on_error = OnError::quarantine;
    import_whole(given, one_pass);
    EXPECT_EQ(told.size(), 2U);
}

/// What an existing schema answers.
class RetentionOfExisting : public EngineTest {};
INSTANTIATE_TEST_SUITE_P(On, RetentionOfExisting, ::testing::ValuesIn(all_engines()), engine_name);

TEST_P(RetentionOfExisting, IsRefusedAndALengthStillCleansUp) {
    if (target().can.own_tables) GTEST_SKIP() << "this schema stores retention";
    const auto refused = [](auto call) { expect_error(ErrorCode::schema_mismatch, call); };
    refused([&] { wait(get_retention(db())); });
    refused([&] { wait(get_holds(db())); });
    refused([&] { wait(set_retention(db(), {})); });
    refused([&] { wait(db().cleanup_old_data()); });
    store({quote(make_symbol().id, kNoon - 50 * kDay, 1, 2)});
    EXPECT_EQ(wait(db().cleanup_old_data(a_week())).book_tickers, 1U);
}

}  // namespace
}  // namespace marketdb::testing
