#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include <marketdb/marketdb.hpp>

#include "adversity/postgres_desk.hpp"
#include "cli/program.hpp"
#include "support/expect.hpp"
#include "support/rows.hpp"
#include "support/sqlite_file.hpp"

/// Removals and backups by the program, which is killed while it runs.
namespace marketdb::testing {
namespace {

using nlohmann::json;
using std::chrono::steady_clock;

constexpr int kRows = 50'000;    // of the import: five transactions
constexpr int kAtOnce = 10'000;  // of one transaction, as removal.hpp says
constexpr int kOthers = 3;       // that another source brought, later in time
constexpr auto kDelay = 5ms;     // of a row's reception
constexpr int kKills = 2;        // or more, until one came midway
constexpr int kMostKills = 8;

Timestamp time_of(int row) { return kNoon + row * 100ms; }

/// A database with rows of two sources, all of them claimed on both clocks.
class KilledProgram : public CliTest {
 protected:
    [[nodiscard]] virtual Config config() const = 0;
    [[nodiscard]] virtual std::string url() const = 0;
    /// What another program is told.
    virtual std::string ask(const std::string& sql) = 0;
    /// Waits until nothing of a killed process goes on.
    virtual void settle() {}

    void SetUp() override { fill(); }

    /// Brings the rows, or those of them that are gone.
    void fill() {
        DatabaseManager db(config());
        db.wait(db.initialize());
        symbol_ = PostgresDesk::make_symbol(db).id;
        if (import_ == SourceId{}) {
            import_ = begin_source(db, "many.csv");
            others_ = begin_source(db, "few.csv");
        }
        insert(db, import_, 0, kRows);
        insert(db, others_, kRows, kOthers);
        EXPECT_TRUE(is_covered(db, 0, kRows + kOthers));
    }

    /// Expects that what is kept about the rows is true of those that are there. Returns how many of the import are.
    int count_left() {
        DatabaseManager db(config());
        db.wait(db.initialize());
        const std::vector<BookTicker> rows = db.wait(db.get_book_ticker_history()).rows;
        const std::vector<SeriesStats> stats = db.wait(db.get_series_stats());
        if (rows.size() < kOthers || stats.size() != 1) {
            ADD_FAILURE() << rows.size() << " rows, " << stats.size() << " series";
            return 0;
        }
        EXPECT_EQ(stats[0].rows, rows.size());
        EXPECT_EQ(stats[0].first, rows.front().timestamp);
        EXPECT_EQ(stats[0].last, rows.back().timestamp);
        EXPECT_EQ(ask("SELECT count(*) FROM book_ticker_snapshots"), std::to_string(rows.size()));

        // They go from the first on, a transaction at a time.
        const int left = static_cast<int>(rows.size()) - kOthers;
        EXPECT_EQ(left % kAtOnce, 0);
        EXPECT_EQ(rows.front().timestamp, time_of(kRows - left));
        EXPECT_EQ(rows.back().timestamp, time_of(kRows + kOthers - 1));
        for (const CoveredTime& piece : db.wait(get_coverage(db))) {
            const auto delay = piece.clock == ClockKind::received ? kDelay : 0ms;
            EXPECT_GT(piece.start, time_of(kRows - left - 1) + delay) << "time of rows that are gone";
        }
        EXPECT_TRUE(is_covered(db, kRows, kOthers)) << "the other source's claims stay";
        return left;
    }

    /// Runs a removal and kills it a random while after it changed something. Returns whether it was still running.
    bool kill(const std::vector<std::string>& command) {
        const std::string sql =
            "SELECT (SELECT sum(rows) FROM series) || ' ' || (SELECT count(*) FROM sources WHERE kind = 'undone')";
        const std::string before = ask(sql);
        Program program(folder(), command, to_be_killed(folder()));
        EXPECT_TRUE(wait_until([&] { return ask(sql) != before; }, std::chrono::seconds(60)));
        std::this_thread::sleep_for(
            std::chrono::microseconds(std::uniform_int_distribution<int>(0, longest_us_)(random_)));
        program.send_signal(SIGKILL);
        const Outcome outcome = program.wait();
        const bool was_running = outcome.code == -SIGKILL;
        EXPECT_TRUE(was_running || outcome.code == 0) << outcome.code << "\n" << outcome.err;
        if (!was_running) longest_us_ /= 4;
        settle();
        return was_running;
    }

    void remove_under_kills(std::vector<std::string> command) {
        command.insert(command.begin(), {"--db", url()});
        command.insert(command.end(), {"--yes", "--json"});
        int midway = 0, left = kRows;
        for (int kills = 0; kills < kMostKills && (kills < kKills || midway == 0); ++kills) {
            SCOPED_TRACE("kill " + std::to_string(kills));
            if (left <= 2 * kAtOnce) {
                if (midway > 0) break;
                fill();
            }
            const bool was_running = kill(command);
            left = count_left();
            ASSERT_FALSE(HasFailure());
            if (was_running && left > 0 && left < kRows) ++midway;
        }
        RecordProperty("kills_midway", std::to_string(midway));
        ASSERT_GT(midway, 0) << "no kill came when a part was gone";
        const json removed = json::parse(answer(command));
        EXPECT_EQ(removed.empty() ? 0 : removed[0].at("rows").get<int>(), left) << "the same command goes on with it";
        EXPECT_EQ(count_left(), 0);
    }

    [[nodiscard]] std::vector<std::string> undo_import() const {
        return {"imports", "undo", std::to_string(static_cast<std::int32_t>(import_))};
    }
    /// Everything is old; the rows of the other source are held.
    void clean_up_under_kills() {
        {
            DatabaseManager db(config());
            db.wait(db.initialize());
            RetentionHold hold;
            hold.start = time_of(kRows);
            hold.reason = "audit";
            db.wait(hold_rows(db, hold));
        }
        remove_under_kills({"cleanup", "--older-than", "1d"});
    }
    const std::vector<std::string> delete_import_{"delete", "quotes", "ALPHA_SPOT:BTC/USDT", "--to",
                                                  "2024-08-08T13:23:20Z"};

 private:
    static SourceId begin_source(DatabaseManager& db, const char* name) {
        Source source;
        source.kind = "import";
        source.name = name;
        const SourceId id = db.wait(db.begin_source(source));
        db.wait(db.finish_source(id, 0));
        return id;
    }

    void insert(DatabaseManager& db, SourceId source, int first, int count) const {
        std::vector<BookTicker> rows;
        for (int i = first; i < first + count; ++i) {
            BookTicker row = quote(symbol_, time_of(i), 100, 200);
            row.received_at = row.timestamp + kDelay;
            row.source_id = source;
            rows.push_back(row);
        }
        const Timestamp start = time_of(first), end = time_of(first + count);
        const CoverageClaim event{
            Dataset::book_tickers, symbol_, ClockKind::event, CoverageKind::file, source, start, end};
        CoverageClaim received = event;
        received.clock = ClockKind::received;
        received.start += kDelay;
        received.end += kDelay;
        db.wait(insert_covered(db, std::move(rows), {event, received}));
    }

    [[nodiscard]] bool is_covered(DatabaseManager& db, int first, int count) const {
        CoverageFilter filter;
        filter.dataset = Dataset::book_tickers;
        filter.symbol = symbol_;
        filter.start = time_of(first);
        filter.end = time_of(first + count);
        return db.wait(get_coverage_share(db, filter)).is_complete();
    }

    SymbolId symbol_{};
    SourceId import_{};
    SourceId others_{};
    std::mt19937 random_{20261127};
    int longest_us_ = 40'000;  // about a transaction
};

class RemovalKill : public KilledProgram {
 protected:
    [[nodiscard]] Config config() const override { return Config::from_url(url()); }
    [[nodiscard]] std::string url() const override { return "sqlite:" + path("marketdb.db").string(); }
    std::string ask(const std::string& sql) override { return SqliteFile(path("marketdb.db")).rows(sql).at(0); }
};

TEST_F(RemovalKill, ADeleteLeavesWhatIsWholeAndTheNextGoesOn) { remove_under_kills(delete_import_); }
TEST_F(RemovalKill, AnUndoLeavesWhatIsWholeAndTheNextGoesOn) { remove_under_kills(undo_import()); }
TEST_F(RemovalKill, ACleanUpLeavesWhatIsWholeAndTheNextGoesOn) { clean_up_under_kills(); }

class RemovalKillPostgres : public KilledProgram {
 protected:
    RemovalKillPostgres() { session_.run("SET search_path TO " + desk_.schema()); }

    [[nodiscard]] Config config() const override { return desk_.config(); }
    [[nodiscard]] std::string url() const override { return PostgresServer::shared().url(desk_.parameters()); }
    std::string ask(const std::string& sql) override { return session_.value(sql); }
    void settle() override {
        ASSERT_TRUE(wait_until([&] { return desk_.sessions() == 0; }, std::chrono::seconds(60)));
    }

 private:
    const PostgresDesk desk_{PostgresServer::shared()};
    PostgresSession session_{PostgresServer::shared().conninfo(kTestDatabase, kTestRole)};
};

TEST_F(RemovalKillPostgres, ADeleteLeavesWhatIsWholeAndTheNextGoesOn) { remove_under_kills(delete_import_); }
TEST_F(RemovalKillPostgres, AnUndoLeavesWhatIsWholeAndTheNextGoesOn) { remove_under_kills(undo_import()); }
TEST_F(RemovalKillPostgres, ACleanUpLeavesWhatIsWholeAndTheNextGoesOn) { clean_up_under_kills(); }

class BackupKill : public RemovalKill {
 protected:
    const std::vector<std::string> command_{"backup", "copy.db", "--json"};

    [[nodiscard]] bool has_name() const { return std::filesystem::exists(path("copy.db")); }
    [[nodiscard]] std::size_t parts() const {
        const std::vector<std::string> names = file_names();
        return static_cast<std::size_t>(std::count_if(names.begin(), names.end(), [](const std::string& name) {
            return name.starts_with("copy.db.part-") && !name.ends_with("-journal");
        }));
    }

    /// Returns when the program has begun its copy.
    void wait_for_part(std::size_t before) const {
        ASSERT_TRUE(wait_until([&] { return parts() > before || has_name(); }, std::chrono::seconds(60)));
    }

    /// Expects that what has the name is the whole database, and takes it away.
    void take_whole() {
        {
            SqliteFile copy(path("copy.db"));
            EXPECT_EQ(copy.rows("PRAGMA integrity_check"), Lines{"ok"});
            EXPECT_EQ(copy.number("SELECT count(*) FROM book_ticker_snapshots"), kRows + kOthers);
        }
        DatabaseManager db(Config::from_url("sqlite:" + path("copy.db").string()));
        db.wait(db.initialize());
        EXPECT_EQ(db.wait(db.get_series_stats()).at(0).rows, static_cast<std::uint64_t>(kRows + kOthers));
        db.wait(db.close());
        std::filesystem::remove(path("copy.db"));
        EXPECT_FALSE(std::filesystem::exists(path("copy.db-wal")));
    }
};

TEST_F(BackupKill, WhatHasTheNameIsWholeAndPartsAreInNobodysWay) {
    Program undisturbed(folder(), command_);
    wait_for_part(0);
    const auto begun = steady_clock::now();
    EXPECT_TRUE(wait_until([&] { return has_name(); }, std::chrono::seconds(60)));
    const auto needed = steady_clock::now() - begun;
    EXPECT_EQ(undisturbed.wait().code, 0);
    take_whole();

    std::size_t midway = 0;
    constexpr int kSteps = 3;
    for (int step = 0; step < kSteps; ++step) {
        SCOPED_TRACE("step " + std::to_string(step));
        Program program(folder(), command_, to_be_killed(folder()));
        wait_for_part(midway);
        std::this_thread::sleep_for(needed * step / (kSteps - 1));
        program.send_signal(SIGKILL);
        const int code = program.wait().code;
        EXPECT_TRUE(code == -SIGKILL || code == 0) << code;
        if (has_name()) {
            take_whole();
        } else {
            ++midway;
        }
        EXPECT_EQ(parts(), midway);
    }
    RecordProperty("kills_midway", std::to_string(midway));
    ASSERT_GT(midway, 0U) << "no kill came before the copy had its name";
    const json saved = json::parse(answer(command_));
    EXPECT_EQ(saved[0].at("rows"), kRows + kOthers);
    EXPECT_EQ(saved[0].at("miscounted_series"), 0);
    take_whole();
    EXPECT_EQ(count_left(), kRows) << "the database itself";
}

}  // namespace
}  // namespace marketdb::testing
