#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "../support/child_process.hpp"
#include "coverage_fixture.hpp"

/// What imports claim, and how they heed what is claimed.
namespace marketdb::testing {
namespace {

MARKETDB_COVERAGE_SUITE(ImportCoverage);
MARKETDB_SHARED_COVERAGE_SUITE(ImportCoverageShared);

/// Quotes as Tardis writes them: at these milliseconds after noon, received so much later.
struct At {
    int event = 0;
    int received = 0;
};
std::string quotes_at(const std::vector<At>& times) {
    std::string text = "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n";
    for (const At& at : times) {
        const auto time = [](int milliseconds) {
            return std::to_string(1'723'118'400'000'000 + milliseconds * 1'000LL);
        };
        text += "binance,BTCUSDT," + time(at.event) + "," + time(at.received) + ",2,101,100,1\n";
    }
    return text;
}

TEST_P(ImportCoverage, AFileClaimsFromItsFirstRowToItsLastAndNoMore) {
    import_whole(file("binance_quotes_2024-08-08_BTCUSDT.csv", tardis_quotes(1'000)));
    EXPECT_EQ(coverage(),
              (Lines{"book-tickers event +0ms .. +999.001ms file", "book-tickers received +0ms .. +999.001ms file"}));
}

TEST_P(ImportCoverage, OfEventTimesAFileInTheOrderOfArrivalAloneClaimsNothing) {
    import_whole(file("quotes.csv", quotes_at({{0, 10}, {30, 40}, {20, 60}, {100, 120}, {90, 130}})));
    EXPECT_EQ(coverage(), Lines{"book-tickers received +10ms .. +130.001ms file"})
        << "a row of any event time may have come later";
}

TEST_P(ImportCoverage, AFileThatWasStoppedClaimsWhatItStored) {
    std::atomic<bool> stop{false};
    ImportOptions options = stopped_at(300, stop);
    options.batch_rows = 100;
    const std::filesystem::path given = file("quotes.csv", tardis_quotes(1'000));
    expect_error(ErrorCode::cancelled, [&] { import(given, options); });
    EXPECT_EQ(coverage(),
              (Lines{"book-tickers event +0ms .. +299ms file", "book-tickers received +0ms .. +299ms file"}));
    import_whole(given);
    EXPECT_EQ(coverage(),
              (Lines{"book-tickers event +0ms .. +999.001ms file", "book-tickers received +0ms .. +999.001ms file"}));
    EXPECT_EQ(claims().size(), 2U);
}

/// Another program removes rows of the first part while the second one is imported.
TEST_P(ImportCoverageShared, RowsThatGoMeanwhileAreNotClaimed) {
    const auto writer = open(config());
    ImportOptions options;
    options.batch_rows = 100;
    options.on_progress = [&](const ImportProgress& progress) {
        if (progress.validating || progress.rows != 200) return;
        EXPECT_EQ(writer->wait(delete_rows(*writer, removal(kNoon + 50ms, kNoon + 60ms))).rows, 10U);
        // Received in one moment with rows that are still to come, as far as the import knows.
        EXPECT_EQ(writer->wait(delete_rows(*writer, removal(kNoon + 199ms, kNoon + 200ms))).rows, 1U);
    };
    import_whole(file("quotes.csv", tardis_quotes(1'000)), options);
    EXPECT_EQ(stored_quotes().size(), 989U);
    EXPECT_EQ(coverage(),
              (Lines{"book-tickers event +0ms .. +50ms file", "book-tickers event +60ms .. +199ms file",
                     "book-tickers event +200ms .. +999.001ms file", "book-tickers received +0ms .. +50ms file",
                     "book-tickers received +60ms .. +199ms file", "book-tickers received +200ms .. +999.001ms file"}));
}

TEST_P(ImportCoverageShared, NorByAFileThatClaimsWhenItHasEnded) {
    const auto writer = open(config());
    ImportOptions options;
    options.batch_rows = 2;
    options.on_progress = [&](const ImportProgress& progress) {
        if (progress.validating || progress.rows != 4) return;
        const DeleteOptions remove = removal(kNoon + 3ms, kNoon + 6ms, Dataset::trades);
        EXPECT_EQ(writer->wait(delete_rows(*writer, remove)).rows, 2U);
    };
    std::string rows = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n";
    for (const int at : {5, 3, 9, 7}) {
        const std::string time = std::to_string(1'723'118'400'000'000 + at * 1'000LL);
        rows += "binance,BTCUSDT," + time + "," + time + "," + std::to_string(at) + ",buy,100,1\n";
    }
    import_whole(file("trades.csv", rows), options);
    EXPECT_EQ(coverage(), Lines{"trades event +6ms .. +9.001ms file"});
}

/// Nothing but the batch that comes is there then.
TEST_P(ImportCoverageShared, NorWhenTheWholeSeriesGoes) {
    const auto writer = open(config());
    ImportOptions options;
    options.batch_rows = 100;
    options.on_progress = [&](const ImportProgress& progress) {
        if (progress.validating || progress.rows != 200) return;
        EXPECT_EQ(writer->wait(delete_rows(*writer, removal())).rows, 200U);
    };
    const std::filesystem::path given = file("quotes.csv", tardis_quotes(1'000));
    import_whole(given, options);
    EXPECT_EQ(stored_quotes().size(), 800U);
    EXPECT_EQ(coverage(), Lines{}) << "it went without an end, so nothing of it is certain";
    options.on_progress = nullptr;
    options.force = true;
    import_whole(given, options);
    EXPECT_EQ(coverage(),
              (Lines{"book-tickers event +0ms .. +999.001ms file", "book-tickers received +0ms .. +999.001ms file"}));
}

TEST_P(ImportCoverageShared, WhatWentBetweenAStoppedImportAndTheNextIsClaimedByThat) {
    std::atomic<bool> stop{false};
    ImportOptions options = stopped_at(300, stop);
    options.batch_rows = 100;
    const std::filesystem::path given = file("quotes.csv", tardis_quotes(1'000));
    expect_error(ErrorCode::cancelled, [&] { import(given, options); });
    EXPECT_EQ(wait(delete_rows(db(), removal())).rows, 300U);
    EXPECT_EQ(coverage(), Lines{});
    import_whole(given);
    EXPECT_EQ(coverage(),
              (Lines{"book-tickers event +0ms .. +999.001ms file", "book-tickers received +0ms .. +999.001ms file"}));
}

TEST_P(ImportCoverage, TimeBetweenCoveredStretchesInWhichNoRowIsIsClaimedToo) {
    const SymbolId symbol = make_symbol("BTC", "USDT", "BINANCE_SPOT").id;
    const std::filesystem::path given = file("quotes.csv", quotes_at({{0, 0}, {1, 1}, {8, 8}, {9, 9}}));
    for (const ClockKind clock : {ClockKind::event, ClockKind::received}) {
        store_covered({}, {claim(symbol, kNoon, kNoon + 2ms, SourceId{99}, CoverageKind::file, clock),
                           claim(symbol, kNoon + 8ms, kNoon + 10ms, SourceId{99}, CoverageKind::file, clock)});
    }
    ImportOptions options;
    options.only_gaps = true;
    EXPECT_EQ(import_whole(given, options).covered, 2U);
    EXPECT_EQ(coverage(),
              (Lines{"book-tickers event +0ms .. +10ms file file", "book-tickers received +0ms .. +10ms file file"}));
}

TEST_P(ImportCoverage, AFileOutOfOrderClaimsWhenItIsWhole) {
    std::string rows = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n";
    for (const int at : {5, 3, 9, 7}) {
        const std::string time = std::to_string(1'723'118'400'000'000 + at * 1'000'000LL);
        rows += "binance,BTCUSDT," + time + "," + time + "," + std::to_string(at) + ",buy,100,1\n";
    }
    std::atomic<bool> stop{false};
    ImportOptions options = stopped_at(3, stop);
    options.batch_rows = 1;
    const std::filesystem::path given = file("trades.csv", rows);
    expect_error(ErrorCode::cancelled, [&] { import(given, options); });
    EXPECT_EQ(coverage(), Lines{});
    import_whole(given);
    EXPECT_EQ(coverage(), Lines{"trades event +3000ms .. +9000.001ms file"});
}

/// It says at which time a row is missing, and that the file is not in order.
TEST_P(ImportCoverage, OfARowThatWasSetAsideItsOwnTimeCountsNotItsPlace) {
    for (const At out_of_order : {At{0, 0}, At{30, 30}}) {
        std::string rows = quotes_at({{0, 0}, {1, 1}, out_of_order, {3, 3}, {4, 4}});
        std::size_t third = 0;
        for (int line = 0; line < 3; ++line) third = rows.find('\n', third) + 1;
        rows.replace(rows.find(",100,1\n", third), 7, ",-100,1\n");
        ImportOptions options;
        options.on_error = OnError::quarantine;
        options.batch_rows = 2;
        const std::string name = "quotes" + std::to_string(out_of_order.event) + ".csv";
        EXPECT_EQ(import_whole(file(name, rows), options).rejected, 1U);
        EXPECT_EQ(coverage(), Lines{});
    }
}

TEST_P(ImportCoverage, NothingIsClaimedAcrossARowThatWasSetAside) {
    std::string rows = quotes_at({{0, 0}, {1, 1}, {2, 2}, {3, 3}, {4, 4}});
    const std::size_t third = rows.find("binance,BTCUSDT,1723118400002000");
    rows.replace(rows.find(",100,1\n", third), 7, ",-100,1\n");
    ImportOptions options;
    options.on_error = OnError::quarantine;
    EXPECT_EQ(import_whole(file("quotes.csv", rows), options).rejected, 1U);
    EXPECT_EQ(coverage(),
              (Lines{"book-tickers received +0ms .. +1ms file", "book-tickers received +3.001ms .. +4.001ms file"}));
}

TEST_P(ImportCoverage, AUserMaySayThatAFileIsTheWholeOfItsTime) {
    ImportOptions options;
    options.complete_from = kNoon - 12h;
    options.complete_to = kNoon + 12h;
    import_whole(file("quotes.csv", tardis_quotes(10)), options);
    EXPECT_EQ(coverage(), (Lines{"book-tickers event -43200000ms .. +43200000ms file",
                                 "book-tickers received -43200000ms .. +43200000ms file"}));
    options.complete_to = options.complete_from;
    expect_error(ErrorCode::invalid_argument, [&] { import(file("other.csv", tardis_quotes(5)), options); },
                 {"complete"});
}

TEST_P(ImportCoverage, AUserIsToldThatNothingIsClaimedOfACompleteFile) {
    ImportOptions options;
    options.complete_from = kNoon - 12h;
    options.complete_to = kNoon + 12h;
    const auto expect_remark = [&](const std::filesystem::path& given, const std::string& why) {
        const ImportReport report = import(given, options);
        EXPECT_EQ(report.error, "");
        ASSERT_EQ(report.warnings.size(), 1U) << why;
        EXPECT_NE(report.warnings[0].find(given.string() + ": " + why), std::string::npos) << report.warnings[0];
    };
    const std::filesystem::path partly = file("partly.csv", tardis_quotes(20) + "rubbish\n");
    options.on_error = OnError::quarantine;
    for (const bool dry_run : {true, false}) {
        options.dry_run = dry_run;
        expect_remark(partly,
                      "rows of it are not stored, so it is not claimed to be complete from "
                      "2024-08-08T00:00:00.000000Z to 2024-08-09T00:00:00.000000Z");
    }
    expect_remark(partly, "it is imported already, so it is not claimed");
    EXPECT_EQ(coverage(), Lines{"book-tickers received +0ms .. +19ms file"}) << "by its rows alone";

    options.on_error = OnError::stop;
    expect_remark(file("empty.csv", tardis_quotes(0)), "it has no rows, so it is not claimed");
    options.complete_from = kNoon + 12h;
    options.complete_to = kNoon + 36h;
    expect_remark(file("other_day.csv", tardis_quotes(1, "binance", "ETHUSDT")),
                  "it is said to be complete from 2024-08-09T00:00:00.000000Z to 2024-08-10T00:00:00.000000Z, and has");
}

TEST_P(ImportCoverage, WhatMarketdbWroteClaimsOnlyWhatTheUserSays) {
    import_whole(file("quotes.csv", tardis_quotes(1'000)));
    HistoryFilter thinned;
    thinned.every = 100ms;
    for (const ExportFormat format : {ExportFormat::csv, ExportFormat::ndjson}) {
        const std::filesystem::path given = folder() / (format == ExportFormat::csv ? "some.csv" : "some.jsonl");
        EXPECT_EQ(wait(export_file(db(), Dataset::book_tickers, thinned, given, format)).rows, 10U);
        EngineFixture other(target());
        EXPECT_EQ(other.wait(import_file(other.db(), given, {})).written, result(10));
        EXPECT_TRUE(other.wait(get_coverage_claims(other.db())).empty()) << "nine tenths of the rows are not in it";

        ImportOptions options;
        options.force = true;
        options.complete_from = kNoon;
        options.complete_to = kNoon + 1s;
        EXPECT_EQ(other.wait(import_file(other.db(), given, options)).error, "");
        EXPECT_FALSE(other.wait(get_coverage_claims(other.db())).empty());
    }
}

TEST_P(ImportCoverage, ASecondFileOfTheSameTimeIsImportedWithAWarning) {
    const ImportReport first = import_whole(file("first.csv", quotes_at({{0, 1}, {10, 11}, {20, 21}})));
    EXPECT_EQ(first.warnings, Lines{});
    const std::filesystem::path second = file("second.csv", quotes_at({{15, 16}, {30, 31}}));
    const ImportReport report = import_whole(second);
    EXPECT_EQ(report.written, result(2));
    ASSERT_EQ(report.warnings.size(), 1U);
    EXPECT_NE(report.warnings[0].find("second.csv: book-tickers BINANCE_SPOT:BTC/USDT: covered already from "
                                      "2024-08-08T12:00:00.016000Z to 2024-08-08T12:00:00.021001Z (received time), by "
                                      "file 'first.csv' (source "),
              std::string::npos)
        << report.warnings[0];
    ImportOptions again;
    again.force = true;
    EXPECT_EQ(import_whole(file("first.csv", quotes_at({{0, 1}, {10, 11}, {20, 21}})), again).warnings.size(), 1U)
        << "of the second file, not of itself";
}

TEST_P(ImportCoverage, OnlyGapsAreFilledAndTheRestStaysAsItIs) {
    import_whole(file("first.csv", quotes_at({{10, 11}, {20, 21}})));
    ImportOptions options;
    options.only_gaps = true;
    const ImportReport report =
        import_whole(file("second.csv", quotes_at({{0, 1}, {10, 11}, {15, 16}, {20, 21}, {30, 31}})), options);
    EXPECT_EQ(report.written, result(2, 0, 2)) << "of the first and the last moment the first file may not have all";
    EXPECT_EQ(report.covered, 1U);
    EXPECT_EQ(report.read, 5U);
    EXPECT_EQ(report.warnings, Lines{});
    EXPECT_EQ(stored_quotes().size(), 4U);
    CoverageFilter filter;
    filter.clock = ClockKind::received;
    EXPECT_EQ(coverage(filter), Lines{"book-tickers received +1ms .. +31.001ms file file"}) << "of two sources";
    EXPECT_EQ(claims(filter),
              (Lines{"book-tickers received file +1ms .. +11ms", "book-tickers received file +11ms .. +21.001ms",
                     "book-tickers received file +21.001ms .. +31.001ms"}))
        << "each source claims what it stored";
    EXPECT_EQ(import_whole(file("third.csv", quotes_at({{11, 12}, {20, 21}})), options).covered, 2U);
    EXPECT_EQ(stored_quotes().size(), 4U);
    options.on_error = OnError::quarantine;
    expect_error(ErrorCode::invalid_argument,
                 [&] {
                     import(file("third.csv", quotes_at({{0, 1}})), options);
                 },
                 {"only_gaps"});
}

/// Times of exchanges are often whole milliseconds, of which a file may end within one.
TEST_P(ImportCoverage, OnlyGapsLeavesOutNoRowOfTheMomentInWhichAnotherFileEnds) {
    const auto trades = [](const std::vector<std::pair<int, int>>& times_and_ids) {
        std::string rows = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n";
        for (const auto& [at, id] : times_and_ids) {
            const std::string time = std::to_string(1'723'118'400'000'000 + at * 1'000LL);
            rows += "binance,BTCUSDT," + time + "," + time + "," + std::to_string(id) + ",buy,100,1\n";
        }
        return rows;
    };
    import_whole(file("first.csv", trades({{10, 3}, {11, 4}, {12, 5}})));
    ImportOptions options;
    options.only_gaps = true;
    const std::string second = trades({{9, 1}, {10, 2}, {10, 3}, {11, 4}, {12, 5}, {12, 6}, {13, 7}});
    const ImportReport report = import_whole(file("second.csv", second), options);
    EXPECT_EQ(report.written, result(4, 0, 2));
    EXPECT_EQ(report.covered, 1U);
    EXPECT_EQ(coverage(),
              (Lines{"trades event +9ms .. +13.001ms file file", "trades received +9ms .. +13.001ms file file"}));
}

/// What one recorder received within a time is not what another received within it.
TEST_P(ImportCoverage, OnlyGapsLeavesOutNothingByTheClockOfArrivalAlone) {
    import_whole(file("first.csv", quotes_at({{0, 10}, {30, 40}})));
    ImportOptions options;
    options.only_gaps = true;
    const ImportReport ahead = import_whole(file("second.csv", quotes_at({{20, 15}, {32, 27}, {38, 33}})), options);
    EXPECT_EQ(ahead.covered, 1U) << "that of 20 ms: both clocks are covered";
    EXPECT_EQ(ahead.written, result(2)) << "no exchange time from 30 ms on is";
    CoverageFilter filter;
    filter.clock = ClockKind::event;
    EXPECT_EQ(coverage(filter), Lines{"book-tickers event +0ms .. +38.001ms file file"});
}

TEST_P(ImportCoverageShared, AKilledImportHasClaimedNoMoreThanItStored) {
    const std::filesystem::path given = file("quotes.csv", tardis_quotes(2'000));
    const Config settings = config();
    {
        ChildProcess child([&](LineChannel& parent) {
            auto manager = open(settings);
            ImportOptions options;
            options.batch_rows = 100;
            options.on_progress = [&parent](const ImportProgress& progress) {
                if (!progress.validating) parent.say("stored");
            };
            manager->wait(import_file(*manager, given, options));
            return 0;
        });
        for (int batch = 0; batch < 7; ++batch) ASSERT_EQ(child.hear(), "stored");
        child.kill();
    }
    const std::vector<CoveredTime> covered = wait(get_coverage(db()));
    const Lines stored = stored_quotes();
    ASSERT_EQ(covered.size(), 2U);
    ASSERT_GE(stored.size(), 700U);
    for (const CoveredTime& piece : covered) {
        EXPECT_EQ(piece.start, kNoon);
        // Rows are a millisecond apart: so many lie in the time that is claimed.
        const auto claimed = static_cast<std::size_t>((piece.end - piece.start + 999us) / 1ms);
        EXPECT_LE(claimed, stored.size());
        EXPECT_GE(claimed + 1, stored.size());
    }
    import_whole(given);
    EXPECT_EQ(coverage(),
              (Lines{"book-tickers event +0ms .. +1999.001ms file", "book-tickers received +0ms .. +1999.001ms file"}));
}

}  // namespace
}  // namespace marketdb::testing
