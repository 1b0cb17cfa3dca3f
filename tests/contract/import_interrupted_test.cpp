#include <algorithm>
#include <atomic>
#include <exception>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>

#include "../support/child_process.hpp"
#include "import_fixture.hpp"

/// Imports and exports that end early: stopped, cancelled, killed, or meeting another one.
namespace marketdb::testing {
namespace {

MARKETDB_IMPORT_SUITE(ImportInterrupted);
MARKETDB_SHARED_IMPORT_SUITE(ImportByTwoProcesses);

TEST_P(ImportInterrupted, AStoppedImportIsCompletedByTheNext) {
    std::atomic<bool> stop{false};
    ImportOptions options = stopped_at(300, stop);
    options.batch_rows = 100;
    const std::filesystem::path given = file("quotes.csv", tardis_quotes(1'000));
    expect_error(ErrorCode::cancelled, [&] { import(given, options); },
                 {"quotes.csv", "first 300 rows", "inserted 300"});
    EXPECT_EQ(stored_quotes().size(), 300U);
    EXPECT_EQ(stored_sources(), kept_sources({"quotes.csv unfinished"}));

    stop = false;
    options.on_progress = nullptr;
    const ImportReport rest = import_whole(given, options);
    EXPECT_FALSE(rest.skipped);
    EXPECT_EQ(rest.written, result(700, 0, 300));
    EXPECT_EQ(stored_sources(), kept_sources({"quotes.csv finished 1000"}));
    EXPECT_EQ(stored_quotes().size(), 1'000U);
    EXPECT_EQ(import_whole(given).skipped, target().can.keeps_sources);
}

TEST_P(ImportInterrupted, AStopWhileAFileIsValidatedStoresNothing) {
    std::atomic<bool> stop{false};
    ImportOptions options;
    options.batch_rows = 100;
    options.stop = &stop;
    options.on_progress = [&stop](const ImportProgress& progress) { stop = progress.rows >= 500; };
    const std::filesystem::path given = file("quotes.csv", tardis_quotes(1'000));
    expect_error(ErrorCode::cancelled, [&] { import(given, options); }, {"nothing of it was stored"});
    expect_nothing_stored();
    expect_error(ErrorCode::cancelled, [&] { import(given, options); }, {"nothing of it was stored"});
}

/// Runs an operation on an `io_context` and cancels it as soon as `ask` was called. Returns what it threw.
template <class T, class Start>
std::exception_ptr cancelled_early(Start start) {
    boost::asio::io_context context;
    boost::asio::cancellation_signal signal;
    const auto ask = [&] {
        boost::asio::post(context, [&] { signal.emit(boost::asio::cancellation_type::terminal); });
    };
    std::exception_ptr thrown;
    const auto done = [&](std::exception_ptr failure, const T&) { thrown = failure; };
    boost::asio::co_spawn(context, start(ask), boost::asio::bind_cancellation_slot(signal.slot(), done));
    context.run();
    return thrown;
}

TEST_P(ImportInterrupted, ACancelledImportIsCompletedByTheNext) {
    const std::filesystem::path given = file("quotes.csv", tardis_quotes(2'000));
    static_cast<void>(db());
    for (const bool validating : {true, false}) {
        ImportOptions options;
        options.batch_rows = 100;
        const std::exception_ptr thrown = cancelled_early<ImportReport>([&](const auto& ask) {
            options.on_progress = [ask, validating](const ImportProgress& progress) {
                if (progress.validating == validating && progress.rows == 500) ask();
            };
            return import_file(db(), given, options);
        });
        ASSERT_NE(thrown, nullptr);
        expect_error(ErrorCode::cancelled, [&] { std::rethrow_exception(thrown); });
        if (validating) expect_nothing_stored();
    }
    EXPECT_EQ(stored_sources(), kept_sources({"quotes.csv unfinished"}));
    const ImportReport rest = import_whole(given);
    EXPECT_EQ(rest.written.inserted + rest.written.unchanged, 2'000U);
    EXPECT_GE(rest.written.unchanged, 500U);
    EXPECT_EQ(stored_quotes().size(), 2'000U);

    // The header comes first; the rows are cancelled.
    std::string text;
    const std::exception_ptr thrown = cancelled_early<ExportReport>([&](const auto& ask) {
        const auto write = [&text, ask](std::string_view lines) {
            text += lines;
            ask();
        };
        return export_rows(db(), Dataset::book_tickers, {}, ExportFormat::csv, write);
    });
    if (thrown == nullptr) {
        EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2'001);  // the rows were faster
    } else {
        expect_error(ErrorCode::cancelled, [&] { std::rethrow_exception(thrown); });
    }
}

TEST_P(ImportByTwoProcesses, TheSameFileAtOnceEndsAsIfImportedOnce) {
    const std::filesystem::path given = file("quotes.csv", tardis_quotes(2'000));
    const Config settings = config();
    const auto body = [&](LineChannel& parent) {
        auto manager = open(settings);
        parent.say("ready");
        if (!parent.hear()) return 1;
        ImportOptions options;
        options.batch_rows = 100;
        const ImportReport report = manager->wait(import_file(*manager, given, options));
        manager->wait(manager->close());
        return report.error.empty() ? 0 : 2;
    };
    ChildProcess first(body);
    ChildProcess second(body);
    ASSERT_EQ(first.hear(), "ready");
    ASSERT_EQ(second.hear(), "ready");
    first.say("go");
    second.say("go");
    EXPECT_EQ(first.wait(), 0);
    EXPECT_EQ(second.wait(), 0);
    EXPECT_EQ(stored_quotes().size(), 2'000U);
    EXPECT_EQ(stored_quotes().back(), kept({"+1999ms #0 bid 100x2000 ask 101x2 rx +1999ms"}).at(0));
    EXPECT_EQ(stored_reference(), (Lines{"BINANCE_SPOT", "BINANCE_SPOT:BTC/USDT (BTCUSDT)"}));
    for (const std::string& source : stored_sources()) EXPECT_EQ(source, "quotes.csv finished 2000");
}

TEST_P(ImportByTwoProcesses, AKilledImportIsCompletedByTheNext) {
    const std::filesystem::path given = file("quotes.csv", tardis_quotes(2'000));
    const Config settings = config();
    {
        ChildProcess child([&](LineChannel& parent) {
            auto manager = open(settings);
            ImportOptions options;
            options.batch_rows = 100;
            options.on_progress = [&parent](const ImportProgress& progress) {
                if (progress.validating || progress.rows < 500) return;
                parent.say("half");
                static_cast<void>(parent.hear());  // until it is killed
            };
            manager->wait(import_file(*manager, given, options));
            return 0;
        });
        ASSERT_EQ(child.hear(), "half");
        child.kill();
    }
    EXPECT_EQ(stored_sources(), kept_sources({"quotes.csv unfinished"}));
    const ImportReport rest = import_whole(given);
    EXPECT_EQ(rest.written.inserted + rest.written.unchanged, 2'000U);
    EXPECT_EQ(stored_sources(), kept_sources({"quotes.csv finished 2000"}));
    EXPECT_EQ(stored_quotes().size(), 2'000U);
}

}  // namespace
}  // namespace marketdb::testing
