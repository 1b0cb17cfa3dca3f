#include <atomic>
#include <future>
#include <thread>

#include "import_fixture.hpp"
#include "support/sanitized.hpp"

namespace marketdb::testing {
namespace {

MARKETDB_IMPORT_SUITE(ImportRules);

TEST_P(ImportRules, AFileThatWasImportedBeforeIsSkipped) {
    const std::filesystem::path given = file("quotes.csv", tardis_quotes(3));
    EXPECT_EQ(import_whole(given).written, result(3));

    const ImportReport again = import_whole(given);
    EXPECT_TRUE(again.skipped);
    EXPECT_EQ(again.read, 0U);
    EXPECT_EQ(again.written, result(0));
    EXPECT_EQ(again.layout, "tardis book_ticker");
    EXPECT_EQ(again.dataset, "book-tickers");
    EXPECT_EQ(again.symbols, Lines{"BTC/USDT"});

    // By its bytes, not by its name.
    EXPECT_TRUE(import_whole(file("renamed.csv", tardis_quotes(3))).skipped);
    EXPECT_FALSE(import_whole(file("quotes.csv", tardis_quotes(4))).skipped);
    EXPECT_EQ(stored_sources(), (Lines{"quotes.csv finished 3", "quotes.csv finished 4"}));
}

TEST_P(ImportRules, ForceReadsAgainAndChangesNothing) {
    const std::filesystem::path given = file("quotes.csv", tardis_quotes(3));
    import_whole(given);
    const Lines before = stored_quotes();
    ImportOptions options;
    options.force = true;
    const ImportReport forced = import_whole(given, options);
    EXPECT_FALSE(forced.skipped);
    EXPECT_EQ(forced.read, 3U);
    EXPECT_EQ(forced.written, result(0, 0, 3));
    EXPECT_EQ(stored_quotes(), before);
    EXPECT_EQ(stored_sources(), kept_sources({"quotes.csv finished 3"}));
}

TEST_P(ImportRules, ForceBringsBackRowsThatWereRemoved) {
    const std::filesystem::path given = file("quotes.csv", tardis_quotes(3));
    import_whole(given);
    clock().walk(24h);
    CleanupOptions all = a_week();
    all.older_than = 1h;
    all.exact = true;
    EXPECT_EQ(wait(db().cleanup_old_data(all)).book_tickers, 3U);
    ImportOptions options;
    options.force = true;
    EXPECT_EQ(import_whole(given, options).written, result(3));
    EXPECT_EQ(stored_sources(), kept_sources({"quotes.csv finished 3"}));
}

TEST_P(ImportRules, ABadRowStopsTheImportAndNothingIsStored) {
    const std::filesystem::path given = file("quotes.csv", quotes_with_a_crossed_row());
    const ImportReport report = import(given);
    EXPECT_EQ(report.error_code, ErrorCode::invalid_argument);
    EXPECT_EQ(report.error.find(given.string() + ":4: column "), 0U) << report.error;
    EXPECT_EQ(report.written, result(0));
    expect_nothing_stored();

    // Corrected, it is a file like any other.
    std::string corrected = quotes_with_a_crossed_row();
    corrected.replace(corrected.find(",99,"), 4, ",100,");
    EXPECT_EQ(import_whole(file("quotes.csv", corrected)).written, result(4));
}

TEST_P(ImportRules, ABadRowFarBehindStoresNothingEither) {
    std::string text = tardis_quotes(5'000);
    text += "binance,BTCUSDT,1723118500000000,1723118500000000,2,nan,100,1\n";
    ImportOptions options;
    options.batch_rows = 100;
    const ImportReport report = import(file("quotes.csv", text), options);
    EXPECT_NE(report.error.find("quotes.csv:5002: column ask_price"), std::string::npos) << report.error;
    expect_nothing_stored();
}

TEST_P(ImportRules, QuarantineKeepsTheBadRowsAndStoresTheRest) {
    ImportOptions options;
    options.on_error = OnError::quarantine;
    bool has_validated = false;
    options.on_progress = [&has_validated](const ImportProgress& progress) { has_validated |= progress.validating; };
    const std::filesystem::path given = file("quotes.csv", quotes_with_a_crossed_row());
    const ImportReport report = import_whole(given, options);
    EXPECT_FALSE(has_validated) << "one pass";
    EXPECT_EQ(report.read, 4U);
    EXPECT_EQ(report.rejected, 1U);
    EXPECT_EQ(report.written, result(3));
    EXPECT_EQ(report.symbols, (Lines{"BTC/USDT", "ETH/USDT"}));
    EXPECT_EQ(stored_quotes().size(), 3U);
    EXPECT_EQ(stored_sources(), Lines{"quotes.csv finished 3"});
    EXPECT_EQ(count_quarantined(), 1U);
    if (target().is_shared) {
        const std::string expected =
            "quotes.csv:4 book-tickers|binance,BTCUSDT,1723118400002000,1723118400002000,2,99,100,3";
        EXPECT_EQ(quarantined(), Lines{expected});
    }

    options.force = true;
    const ImportReport forced = import_whole(given, options);
    EXPECT_EQ(forced.written, result(0, 0, 3));
    EXPECT_EQ(forced.rejected, 1U);
    EXPECT_EQ(count_quarantined(), 1U);
}

TEST_P(ImportRules, QuarantineOfAFileWithoutAnyGoodRowCreatesNoSymbol) {
    ImportOptions options;
    options.on_error = OnError::quarantine;
    std::string text = tardis_quotes(0);
    for (int i = 0; i < 250; ++i) text += "binance,BTCUSDT,1723118400000000,1723118400000000,2,99,100,\xff\n";
    options.batch_rows = 100;
    const ImportReport report = import_whole(file("bad.csv", text), options);
    EXPECT_EQ(report.rejected, 250U);
    EXPECT_EQ(report.symbols, Lines{});
    EXPECT_EQ(count_quarantined(), 250U);
    EXPECT_EQ(stored_reference(), Lines{});
    EXPECT_EQ(stored_sources(), Lines{"bad.csv finished 0"});
}

TEST_P(ImportRules, ASymbolThatCannotBeSplitIsRefusedUnlessItIsKnown) {
    const std::filesystem::path given =
        file("quotes.csv", tardis_quotes(1) + "bitmex,XYZ1234,1723118403000000,1723118403000000,2,101,100,1\n");
    const ImportReport refused = import(given);
    EXPECT_EQ(refused.error_code, ErrorCode::invalid_argument);
    EXPECT_EQ(refused.error.find(given.string() + ":3: column symbol: `XYZ1234`"), 0U) << refused.error;
    EXPECT_NE(refused.error.find("--base"), std::string::npos) << refused.error;
    expect_nothing_stored();

    ImportOptions options;
    options.on_error = OnError::quarantine;
    options.dry_run = true;
    EXPECT_EQ(import_whole(given, options).rejected, 1U);
    options.dry_run = false;
    const ImportReport half = import_whole(given, options);
    EXPECT_EQ(half.rejected, 1U);
    EXPECT_EQ(half.written, result(1));
    EXPECT_EQ(half.symbols, Lines{"BTC/USDT"});
    EXPECT_EQ(count_quarantined(), 1U);
    if (target().is_shared) {
        const std::string expected =
            "quotes.csv:3 book-tickers|bitmex,XYZ1234,1723118403000000,1723118403000000,2,101,100,1";
        EXPECT_EQ(quarantined(), Lines{expected});
    }

    make_symbol("XYZ", "USD", "BITMEX_FUTURES", "XYZ1234");
    options.force = true;
    options.on_error = OnError::stop;
    const ImportReport whole = import_whole(given, options);
    EXPECT_EQ(whole.written, result(1, 0, 1));
    EXPECT_EQ(whole.symbols, (Lines{"BTC/USDT", "XYZ/USD"}));
}

TEST_P(ImportRules, ADryRunTellsEverythingAndWritesNothing) {
    make_symbol("ETH", "USDT", "BINANCE_SPOT", "ETHUSDT");
    ImportOptions options;
    options.dry_run = true;
    const std::filesystem::path given =
        file("quotes.csv", tardis_quotes(3) + "binance,ETHUSDT,1723118403000000,1723118403000000,2,101,100,1\n");
    const ImportReport report = import_whole(given, options);
    EXPECT_EQ(report.layout, "tardis book_ticker");
    EXPECT_EQ(report.exchange, "BINANCE_SPOT");
    EXPECT_EQ(report.symbols, (Lines{"BTC/USDT", "ETH/USDT"}));
    EXPECT_EQ(report.new_symbols, Lines{"BINANCE_SPOT:BTC/USDT (BTCUSDT)"});
    EXPECT_EQ(report.read, 4U);
    EXPECT_EQ(report.first, kNoon);
    EXPECT_EQ(report.last, kNoon + 3s);
    EXPECT_EQ(report.written, result(0));
    EXPECT_FALSE(report.skipped);
    EXPECT_EQ(stored_reference(), (Lines{"BINANCE_SPOT", "BINANCE_SPOT:ETH/USDT (ETHUSDT)"}));
    EXPECT_EQ(stored_sources(), Lines{});
    EXPECT_EQ(stored_quotes(), Lines{});

    import_whole(given);
    const ImportReport later = import_whole(given, options);
    EXPECT_EQ(later.skipped, target().can.keeps_sources);
    EXPECT_EQ(later.read, 4U);
}

TEST_P(ImportRules, ADryRunCountsWhatQuarantineWouldReject) {
    ImportOptions options;
    options.dry_run = true;
    const std::filesystem::path given = file("quotes.csv", quotes_with_a_crossed_row());
    EXPECT_NE(import(given, options).error, "");
    options.on_error = OnError::quarantine;
    EXPECT_EQ(import_whole(given, options).rejected, 1U);
    expect_nothing_stored();
}

TEST_P(ImportRules, ProgressCountsRowsAndBytesOfBothPasses) {
    std::vector<ImportProgress> seen;
    ImportOptions options;
    options.batch_rows = 400;
    options.on_progress = [&seen](const ImportProgress& progress) { seen.push_back(progress); };
    const std::string text = tardis_quotes(1'000);
    const std::filesystem::path given = file("quotes.csv", text);
    import_whole(given, options);
    ASSERT_EQ(seen.size(), 6U);
    EXPECT_TRUE(seen[2].validating);
    EXPECT_EQ(seen[2].rows, 1'000U);
    EXPECT_EQ(seen[2].total_rows, 0U);
    EXPECT_FALSE(seen[3].validating);
    EXPECT_EQ(seen[3].rows, 400U);
    EXPECT_EQ(seen[3].total_rows, 1'000U);
    EXPECT_EQ(seen[5].rows, 1'000U);
    EXPECT_EQ(seen[5].file, given.string());
    EXPECT_EQ(seen[5].total_bytes, text.size());
    EXPECT_EQ(seen[5].bytes, text.size());
}

TEST_P(ImportRules, OtherWritersGoOnMeanwhile) {
    if (!target().is_shared) GTEST_SKIP() << "nobody else writes to a database in memory";
    const SymbolId symbol = make_symbol("ETH", "USDT", "BINANCE_SPOT", "ETHUSDT").id;
    constexpr int kRows = fewer_if_sanitized(200'000);
    const std::filesystem::path given = file("quotes.csv", tardis_quotes(kRows));
    const auto other = open(config());
    auto importing = std::async(std::launch::async, [&] { return import_whole(given).written; });
    std::uint64_t written = 0;
    while (importing.wait_for(0ms) != std::future_status::ready) {
        std::vector<BookTicker> rows = {quote(symbol, kNoon + static_cast<int>(written) * 1ms, 1, 2)};
        written += other->wait(other->insert_book_ticker_snapshots(std::move(rows), Deadline::in(5s))).inserted;
    }
    EXPECT_EQ(importing.get(), result(kRows));
    EXPECT_GE(written, 5U);
}

TEST_P(ImportRules, AnInterruptedQuarantineIsCompletedByTheNext) {
    std::atomic<bool> stop{false};
    ImportOptions options;
    options.batch_rows = 2;
    options.on_error = OnError::quarantine;
    options.stop = &stop;
    options.on_progress = [&stop](const ImportProgress&) { stop = true; };
    const std::filesystem::path given = file("quotes.csv", quotes_with_a_crossed_row());
    expect_error(ErrorCode::cancelled, [&] { import(given, options); }, {"first 2 rows"});
    stop = false;
    options.on_progress = nullptr;
    const ImportReport rest = import_whole(given, options);
    EXPECT_EQ(rest.written, result(1, 0, 2));
    EXPECT_EQ(rest.rejected, 1U);
    EXPECT_EQ(stored_sources(), Lines{"quotes.csv finished 3"});
    EXPECT_EQ(count_quarantined(), 1U);
}

TEST_P(ImportRules, AChecksumBesideTheFileIsVerified) {
    // sha256sum of the nine bytes "nonsense\n" is not that of the file.
    const std::filesystem::path given = file("quotes.csv", "");
    write_file(given.string() + ".CHECKSUM",
               "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  quotes.csv\n");
    import_whole(given);
    write_file(given.string() + ".CHECKSUM",
               "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855  quotes.csv\n");
    import_whole(given);

    file("quotes.csv", tardis_quotes(3));
    const ImportReport refused = import(given);
    EXPECT_EQ(refused.error_code, ErrorCode::invalid_argument);
    EXPECT_NE(refused.error.find("quotes.csv.CHECKSUM says e3b0c442"), std::string::npos) << refused.error;

    write_file(given.string() + ".CHECKSUM", "not a sum\n");
    const ImportReport malformed = import(given);
    EXPECT_EQ(malformed.error_code, ErrorCode::invalid_argument);
    EXPECT_NE(malformed.error.find("holds no sha256"), std::string::npos) << malformed.error;
    expect_nothing_stored();

    std::filesystem::remove(given.string() + ".CHECKSUM");
    EXPECT_EQ(import_whole(given).written, result(3));
}

TEST_P(ImportRules, AggregatesOverStoredSingleTradesWarn) {
    import_whole(zip("spot/BTCUSDT-trades-2024-08-08.zip", "7,100,0.5,50,1723118400000,True,True\n"));
    const std::string aggregates = "9,100,0.5,7,7,1723118400000,True,True\n10,100,0.5,8,8,1723118401000,True,True\n";
    const ImportReport over = import_whole(zip("spot/BTCUSDT-aggTrades-2024-08-08.zip", aggregates));
    const std::size_t count = target().can.own_tables ? 2 : 1;  // Of the covered time, too.
    ASSERT_EQ(over.warnings.size(), count);
    EXPECT_NE(over.warnings[0].find("trade 7 at 2024-08-08T12:00:00.000000Z"), std::string::npos) << over.warnings[0];
    EXPECT_EQ(over.written, result(2));

    const ImportReport elsewhere =
        import_whole(zip("spot/BTCUSDT-aggTrades-2024-08-09.zip", "11,100,0.5,9,9,1723204800000,True,True\n"));
    EXPECT_EQ(elsewhere.warnings, Lines{});
    const ImportReport other =
        import_whole(zip("spot/ETHUSDT-aggTrades-2024-08-08.zip", "9,100,0.5,7,7,1723118400000,True,True\n"));
    EXPECT_EQ(other.warnings, Lines{});

    ImportOptions options;
    options.on_error = OnError::quarantine;
    options.force = true;
    EXPECT_EQ(import_whole(zip("spot/BTCUSDT-aggTrades-2024-08-08.zip", aggregates), options).warnings.size(), count);
}

TEST_P(ImportRules, AWrongBatchSizeIsRefusedAtTheCall) {
    ImportOptions options;
    options.batch_rows = 0;
    expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(import_file(db(), "any.csv", options)); },
                 {"batch_rows: 0 is not between 1 and 1000000"});
    options.batch_rows = 1'000'001;
    expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(import_file(db(), "any.csv", options)); },
                 {"1000001"});
}

TEST_P(ImportRules, AFaultOfTheDatabaseIsThrown) {
    const std::filesystem::path given = file("quotes.csv", tardis_quotes(3));
    wait(db().close());
    expect_error(ErrorCode::closed, [&] { EngineFixture::run(import_file(db(), given, {})); });
}

TEST_P(ImportRules, AFileThatChangesWhileItIsImportedIsNoticed) {
    const std::filesystem::path given = file("quotes.csv", tardis_quotes(1'000));
    ImportOptions options;
    options.batch_rows = 100;
    options.on_progress = [&given](const ImportProgress& progress) {
        if (progress.validating && progress.rows == 1'000) write_file(given, tardis_quotes(1'500));
    };
    const ImportReport report = import(given, options);
    EXPECT_EQ(report.error_code, ErrorCode::invalid_argument);
    EXPECT_NE(report.error.find("was changed while it was imported"), std::string::npos) << report.error;
    EXPECT_EQ(stored_sources(), kept_sources({"quotes.csv unfinished"}));
}

TEST_P(ImportRules, FoldersAreSearchedForFilesThatCanBeImported) {
    const std::filesystem::path root = folder() / "files";
    for (const char* name : {"b/2.csv.gz", "b/1.CSV", "a.jsonl", "a.zip", "c.csv.zst", "c.jsonl.xz"}) file(name, "");
    for (const char* name : {"README.md", "b/3.csv.part", "a.zip.CHECKSUM", "b/x.gz", "csv"}) file(name, "");
    const std::filesystem::path single = file("single/anything.txt", "");
    std::filesystem::create_symlink("nowhere", root / "dangling.csv");

    const ImportList list = list_import_files({single, root, "-"});
    EXPECT_EQ(list.files,
              (std::vector<std::filesystem::path>{single, root / "a.jsonl", root / "a.zip", root / "b/1.CSV",
                                                  root / "b/2.csv.gz", root / "c.csv.zst", root / "c.jsonl.xz", "-"}));
    EXPECT_EQ(list.ignored, 6U);
    expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(list_import_files({root / "none"})); }, {"none"});
}

TEST_P(ImportRules, FilesRunOnAProgramsOwnExecutor) {
    const std::filesystem::path given = file("quotes.csv", tardis_quotes(1'000));
    static_cast<void>(db());
    const auto body = [](DatabaseManager& manager,
                         std::filesystem::path path) -> boost::asio::awaitable<std::thread::id> {
        ImportOptions options;
        options.batch_rows = 100;
        const ImportReport report = co_await import_file(manager, path, std::move(options));
        EXPECT_EQ(report.written.inserted, 1'000U);
        co_return std::this_thread::get_id();
    };
    EXPECT_EQ(EngineFixture::run(body(db(), given)), std::this_thread::get_id());
}

}  // namespace
}  // namespace marketdb::testing
