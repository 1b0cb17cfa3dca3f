#include <gtest/gtest.h>

#include <clocale>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <marketdb/marketdb.hpp>

#include "support/child_process.hpp"
#include "support/expect.hpp"
#include "support/rows.hpp"
#include "support/sqlite_file.hpp"
#include "support/temporary_folder.hpp"

namespace marketdb::testing {
namespace {

namespace fs = std::filesystem;

constexpr int kProcessBatch = 10;

Config file_config(const fs::path& file) {
    Config config = Config::from_url("sqlite:" + file.string());
    config.program = "adversity test";
    return config;
}

SymbolId ensure_symbol(DatabaseManager& db) {
    Symbol symbol;
    symbol.exchange_id = db.wait(db.ensure_exchange("ALPHA_SPOT")).id;
    symbol.symbol_base = "BTC";
    symbol.symbol_quote = "USDT";
    symbol.exchange_symbol = "BTCUSDT";
    return db.wait(db.ensure_symbol(symbol)).id;
}

/// Batch `batch` of writer `writer`: its sequence says who wrote it and its time when.
std::vector<BookTicker> batch_of(SymbolId symbol, int writer, int batch) {
    std::vector<BookTicker> rows;
    for (int i = 0; i < kProcessBatch; ++i) {
        rows.push_back(quote(symbol, kNoon + batch * 1s + i * 1ms, 100 + i, 200, writer));
    }
    return rows;
}

/// Batches of the writer that are stored whole, with a failure if one is stored in part.
std::vector<long long> whole_batches(SqliteFile& file, int writer) {
    std::vector<long long> batches;
    const std::string sql =
        "SELECT (timestamp - " + std::to_string(kNoon.time_since_epoch().count()) +
        ") / 1000000 AS batch, count(*) FROM book_ticker_snapshots WHERE sequence = " + std::to_string(writer) +
        " GROUP BY batch ORDER BY batch";
    for (const std::string& line : file.rows(sql)) {
        EXPECT_EQ(line.substr(line.find('|') + 1), std::to_string(kProcessBatch)) << "batch " << line;
        batches.push_back(std::stoll(line));
    }
    return batches;
}

void expect_sound(SqliteFile& file) {
    EXPECT_EQ(file.rows("PRAGMA integrity_check"), (Lines{"ok"}));
    EXPECT_EQ(file.rows("PRAGMA foreign_key_check"), Lines{});
    EXPECT_EQ(file.number("SELECT count(*) FROM book_ticker_snapshots"),
              file.number("SELECT coalesce(sum(rows), 0) FROM series WHERE dataset = 'book-tickers'"))
        << "the kept count is the count";
}

// --- several processes on one file ---------------------------------------------------------------------------------------

/// Opens the file, waits for the parent, writes its batches, says `done`. Any error ends it with code 99.
ChildProcess::Body writer_body(const fs::path& file, int writer, int batches) {
    return [=](LineChannel& parent) {
        DatabaseManager db(file_config(file));
        db.wait(db.initialize());
        const SymbolId symbol = ensure_symbol(db);
        parent.say("ready");
        static_cast<void>(parent.hear());
        for (int batch = 0; batch < batches; ++batch) {
            db.wait(db.insert_book_ticker_snapshots(batch_of(symbol, writer, batch)));
        }
        db.wait(db.close());
        return 0;
    };
}

void write_from_processes(int processes, int batches) {
    const TemporaryFolder folder;
    const fs::path file = folder / "market.db";
    std::vector<std::unique_ptr<ChildProcess>> writers;
    for (int writer = 0; writer < processes; ++writer) {
        writers.push_back(std::make_unique<ChildProcess>(writer_body(file, writer, batches)));
    }
    for (const auto& writer : writers) ASSERT_EQ(writer->hear(), "ready");
    for (const auto& writer : writers) writer->say("go");
    for (const auto& writer : writers) EXPECT_EQ(writer->wait(), 0) << "no busy database reached the caller";
    SqliteFile stored(file);
    for (int writer = 0; writer < processes; ++writer) {
        EXPECT_EQ(whole_batches(stored, writer).size(), static_cast<std::size_t>(batches));
    }
    expect_sound(stored);
}

TEST(SeveralProcesses, TwoWriteOneFileAtOnceAndAllRowsAreThere) { write_from_processes(2, 60); }
TEST(SeveralProcessesLong, EightWriteOneFileAtOnceAndAllRowsAreThere) { write_from_processes(8, 500); }

TEST(SeveralProcesses, ReadersGoOnWhileAnotherProcessWrites) {
    const TemporaryFolder folder;
    const fs::path file = folder / "market.db";
    ChildProcess writer(writer_body(file, 1, 60));
    ASSERT_EQ(writer.hear(), "ready");
    Config settings = file_config(file);
    settings.open_mode = OpenMode::read_only;
    DatabaseManager db(settings);
    db.wait(db.initialize());
    writer.say("go");
    std::size_t seen = 0;
    while (seen < 600) {
        const std::size_t rows = db.wait(db.get_book_ticker_history()).rows.size();
        ASSERT_GE(rows, seen) << "what was seen once stays";
        ASSERT_EQ(rows % kProcessBatch, 0U) << "never a part of a batch";
        seen = rows;
    }
    EXPECT_EQ(writer.wait(), 0);
}

void initialize_at_once(int processes, int rounds) {
    for (int round = 0; round < rounds; ++round) {
        const TemporaryFolder folder;
        const fs::path file = folder / "market.db";
        std::vector<std::unique_ptr<ChildProcess>> starters;
        for (int i = 0; i < processes; ++i) {
            starters.push_back(std::make_unique<ChildProcess>([=](LineChannel& parent) {
                parent.say("ready");
                static_cast<void>(parent.hear());
                DatabaseManager db(file_config(file));
                db.wait(db.initialize());
                ensure_symbol(db);
                return 0;
            }));
        }
        for (const auto& starter : starters) ASSERT_EQ(starter->hear(), "ready");
        for (const auto& starter : starters) starter->say("go");
        for (const auto& starter : starters) EXPECT_EQ(starter->wait(), 0) << "round " << round;
        SqliteFile stored(file);
        EXPECT_EQ(stored.number("SELECT count(*) FROM exchanges"), 1);
        EXPECT_EQ(stored.number("SELECT count(*) FROM symbols"), 1);
        EXPECT_EQ(stored.number("SELECT count(DISTINCT version) = count(*) FROM schema_migrations"), 1);
        expect_sound(stored);
    }
}

TEST(SeveralProcesses, TwoInitializeAtOnceWhereThereIsNoFile) { initialize_at_once(2, 10); }
TEST(SeveralProcessesLong, TwelveInitializeAtOnceWhereThereIsNoFile) { initialize_at_once(12, 100); }

TEST(SeveralProcesses, AFileThatAnotherProgramHoldsExclusivelyIsUnavailableAndNotWaitedForForEver) {
    const TemporaryFolder folder;
    const fs::path file = folder / "market.db";
    ChildProcess holder([&](LineChannel& parent) {
        {
            DatabaseManager db(file_config(file));
            db.wait(db.initialize());
            db.wait(db.close());
        }
        SqliteFile held(file);
        held.run("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; UPDATE reference_version SET version = version");
        parent.say("held");
        static_cast<void>(parent.hear());
        held.run("ROLLBACK");
        return 0;
    });
    ASSERT_EQ(holder.hear(), "held");
    Config settings = file_config(file);
    settings.busy_timeout = 100ms;
    DatabaseManager db(settings);
    expect_error(ErrorCode::unavailable, [&] { db.wait(db.initialize()); }, {"market.db"});
    holder.say("let go");
    EXPECT_EQ(holder.wait(), 0);
    db.wait(db.initialize());
    EXPECT_TRUE(db.is_initialized()) << "the same manager opens it when it is free";
}

// --- killed processes ----------------------------------------------------------------------------------------------------

/// Writers are killed at random moments. What one had acknowledged must be there, whole; what it had not, whole or absent.
void kill_writers(int cycles, unsigned seed) {
    const TemporaryFolder folder;
    const fs::path file = folder / "market.db";
    std::mt19937 random(seed);
    std::uniform_int_distribution<int> microseconds(0, 60'000);
    long long all_acknowledged = 0;
    for (int cycle = 0; cycle < cycles; ++cycle) {
        ChildProcess writer([&](LineChannel& parent) {
            DatabaseManager db(file_config(file));
            db.wait(db.initialize());
            const SymbolId symbol = ensure_symbol(db);
            for (int batch = 0;; ++batch) {
                db.wait(db.insert_book_ticker_snapshots(batch_of(symbol, cycle, batch)));
                parent.say(std::to_string(batch));
            }
            return 0;
        });
        long long acknowledged = -1;
        // Every second one not before it has stored something, however slow the machine is.
        for (int line = 0; cycle % 2 == 0 && line < 3; ++line) acknowledged = std::stoll(writer.hear().value());
        std::this_thread::sleep_for(std::chrono::microseconds(microseconds(random)));
        writer.send_signal(SIGKILL);
        while (const auto line = writer.hear()) acknowledged = std::stoll(*line);
        ASSERT_EQ(writer.wait(), -SIGKILL);

        SqliteFile stored(file);
        if (acknowledged < 0 && stored.number("SELECT count(*) FROM sqlite_master WHERE name = 'series'") == 0)
            continue;
        const std::vector<long long> batches =
            stored.number("SELECT count(*) FROM sqlite_master WHERE name = 'book_ticker_snapshots'") == 0
                ? std::vector<long long>{}
                : whole_batches(stored, cycle);
        ASSERT_GE(static_cast<long long>(batches.size()), acknowledged + 1) << "cycle " << cycle << ", seed " << seed;
        ASSERT_LE(static_cast<long long>(batches.size()), acknowledged + 2);
        for (std::size_t i = 0; i < batches.size(); ++i) ASSERT_EQ(batches[i], static_cast<long long>(i));
        all_acknowledged += acknowledged + 1;
    }
    EXPECT_GT(all_acknowledged, cycles) << "the kills came too early to show anything";
    DatabaseManager db(file_config(file));
    db.wait(db.initialize());
    db.wait(db.close());
    SqliteFile stored(file);
    expect_sound(stored);
}

TEST(KilledProcess, LosesNothingThatItHadAcknowledged) { kill_writers(40, 20240808); }
TEST(KilledProcessLong, LosesNothingThatItHadAcknowledged) {
    const unsigned seed = std::random_device{}();
    RecordProperty("seed", std::to_string(seed));
    kill_writers(2000, seed);
}

void kill_initializers(int cycles, unsigned seed) {
    std::mt19937 random(seed);
    std::uniform_int_distribution<int> microseconds(0, 15'000);
    for (int cycle = 0; cycle < cycles; ++cycle) {
        const TemporaryFolder folder;
        const fs::path file = folder / "market.db";
        ChildProcess starter([&](LineChannel& parent) {
            parent.say("start");
            DatabaseManager db(file_config(file));
            db.wait(db.initialize());
            return 0;
        });
        ASSERT_EQ(starter.hear(), "start");
        std::this_thread::sleep_for(std::chrono::microseconds(microseconds(random)));
        starter.kill();
        DatabaseManager db(file_config(file));
        ASSERT_NO_THROW(db.wait(db.initialize())) << "cycle " << cycle << ", seed " << seed;
        const MigrationStatus status = db.wait(db.migrate_status());
        ASSERT_EQ(status.version, status.newest);
        ensure_symbol(db);
    }
}

TEST(KilledProcess, LeavesADatabaseThatTheNextOneFinishesMaking) { kill_initializers(25, 7); }
TEST(KilledProcessLong, LeavesADatabaseThatTheNextOneFinishesMaking) {
    kill_initializers(1000, std::random_device{}());
}

TEST(KilledProcess, DoesNotStopAnotherWriter) {
    const TemporaryFolder folder;
    const fs::path file = folder / "market.db";
    for (int cycle = 0; cycle < 5; ++cycle) {
        ChildProcess victim([&](LineChannel& parent) {
            DatabaseManager db(file_config(file));
            db.wait(db.initialize());
            const SymbolId symbol = ensure_symbol(db);
            for (int batch = 0;; ++batch) {
                db.wait(db.insert_book_ticker_snapshots(batch_of(symbol, 100 + cycle, batch)));
                if (batch == 3) parent.say("writing");
            }
            return 0;
        });
        ChildProcess survivor(writer_body(file, cycle, 30));
        ASSERT_EQ(survivor.hear(), "ready");
        ASSERT_EQ(victim.hear(), "writing");
        survivor.say("go");
        victim.kill();
        ASSERT_EQ(survivor.wait(), 0);
        SqliteFile stored(file);
        EXPECT_EQ(whole_batches(stored, cycle).size(), 30U);
    }
}

// --- the host program ----------------------------------------------------------------------------------------------------

TEST(HostProgram, ItsSignalHandlersAreItsOwn) {
    const TemporaryFolder folder;
    const int signals[] = {SIGPIPE, SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGXFSZ, SIGUSR1};
    std::vector<struct sigaction> before(std::size(signals));
    for (std::size_t i = 0; i < std::size(signals); ++i) ::sigaction(signals[i], nullptr, &before[i]);
    {
        DatabaseManager db(file_config(folder / "market.db"));
        db.wait(db.initialize());
        ensure_symbol(db);
        db.wait(db.close());
    }
    for (std::size_t i = 0; i < std::size(signals); ++i) {
        struct sigaction after {};
        ::sigaction(signals[i], nullptr, &after);
        EXPECT_EQ(after.sa_handler, before[i].sa_handler) << signals[i];
    }
}

TEST(HostProgram, ADecimalCommaInItsLocaleChangesNothing) {
    const char* before = std::setlocale(LC_ALL, nullptr);
    const std::string restore = before == nullptr ? "C" : before;
    const char* comma = std::setlocale(LC_ALL, "de_DE.UTF-8");
    if (comma == nullptr) comma = std::setlocale(LC_ALL, "de_DE.utf8");
    if (comma == nullptr) GTEST_SKIP() << "the locale de_DE.UTF-8 is not installed";
    const TemporaryFolder folder;
    DatabaseManager db(file_config(folder / "market.db"));
    db.wait(db.initialize());
    const SymbolId symbol = ensure_symbol(db);
    std::vector<BookTicker> rows{quote(symbol, kNoon, 1234.5, 1234.625)};
    db.wait(db.insert_book_ticker_snapshots(rows));
    EXPECT_EQ(lines_of(db.wait(db.get_book_ticker_history()).rows), (Lines{"+0ms #0 bid 1234.5x1 ask 1234.625x2"}));
    rows[0].bid_price = -0.5;
    expect_error(ErrorCode::invalid_argument, [&] { db.wait(db.insert_book_ticker_snapshots(rows)); }, {"-0.5"});
    EXPECT_EQ(parse_duration("1.5h"), 90min);
    std::setlocale(LC_ALL, restore.c_str());
}

}  // namespace
}  // namespace marketdb::testing
