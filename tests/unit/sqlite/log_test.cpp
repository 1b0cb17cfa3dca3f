#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <mutex>
#include <random>
#include <thread>

#include "sqlite_fixture.hpp"
#include "storage/sqlite/file_lock.hpp"
#include "support/child_process.hpp"

namespace marketdb::testing {
namespace {

using storage::table_of;
using storage::sqlite::Database;
using storage::sqlite::FileLock;

/// A database whose log is folded back early, with what it says.
class LogTest : public StoreTest {
 public:
    LogTest() {
        close();
        reopen(64 << 10, 256 << 10);
    }
    void reopen(std::uint64_t wanted, std::uint64_t limit) {
        config_ = config();
        config_.wal_checkpoint_bytes = wanted;
        config_.wal_limit_bytes = limit;
        config_.log = [this](LogLevel, std::string_view text) { said_.emplace_back(text); };
        database_ = std::make_unique<Database>(config_);
        database_->open(forever_);
    }
    /// About 60 kB in the log.
    void write_some() {
        std::vector<BookTicker> rows;
        for (int i = 0; i < 500; ++i) rows.push_back(quote(SymbolId{1}, kNoon, 1, 2, next_++));
        database_->write(storage::as_rows(rows), forever_);
        database_->tidy();
    }
    [[nodiscard]] std::uintmax_t log_size() const { return std::filesystem::file_size(file().string() + "-wal"); }

 protected:
    int next_ = 0;
    std::vector<std::string> said_;
};

TEST_F(LogTest, IsFoldedBackAfterCommitsWhenItIsLong) {
    std::uintmax_t longest = 0;
    for (int i = 0; i < 40; ++i) {
        write_some();
        longest = std::max(longest, log_size());
    }
    EXPECT_LT(longest, 200U << 10);
    EXPECT_GT(std::filesystem::file_size(file()), 400'000U);
    EXPECT_TRUE(said_.empty());
}

TEST_F(LogTest, AReaderThatIsStuckMakesItGrowButStopsNobodyForLong) {
    ForeignConnection reader(file());
    reader.execute("BEGIN");
    reader.query("SELECT count(*) FROM exchanges");
    auto longest = std::chrono::steady_clock::duration::zero();
    for (int i = 0; i < 12; ++i) {
        const auto begun = std::chrono::steady_clock::now();
        write_some();
        longest = std::max(longest, std::chrono::steady_clock::now() - begun);
    }
    EXPECT_GT(log_size(), 256U << 10);
    EXPECT_LT(longest, 5s);
    ASSERT_FALSE(said_.empty());
    EXPECT_LT(said_.size(), 10U);
    EXPECT_NE(said_[0].find("market.db-wal"), std::string::npos);
    EXPECT_NE(said_[0].find("snapshot"), std::string::npos);
    reader.execute("COMMIT");
    for (int i = 0; i < 3; ++i) write_some();
    EXPECT_LT(log_size(), 256U << 10);
}

TEST_F(LogTest, AScanOfThisProcessLetsItBeFoldedBack) {
    for (int i = 0; i < 8; ++i) write_some();
    const auto reader = database_->open_reader(forever_);
    storage::sqlite::Store store(*reader);
    class EndlessSink final : public storage::RowSink {
     public:
        std::byte* slot() override { return reinterpret_cast<std::byte*>(&row_); }
        bool commit() override {
            // Slower than the writer, so that the scan is still there when the log is full. Few sleeps: a busy machine makes each longer.
            if (++seen_ % 32 == 0) std::this_thread::sleep_for(std::chrono::microseconds(3'200));
            return !stop_;
        }
        std::atomic<std::size_t> seen_{0};
        std::atomic<bool> stop_{false};

     private:
        BookTicker row_;
    };
    EndlessSink sink;
    std::thread scan([&] {
        store.scan({.table = &table_of<BookTicker>(), .series = series(1)}, sink, forever_, database_->ticket());
    });
    ASSERT_TRUE(wait_until([&] { return sink.seen_ > 0; }));
    std::uintmax_t longest = 0;
    for (int i = 0; i < 25; ++i) {
        write_some();
        longest = std::max(longest, log_size());
    }
    sink.stop_ = true;
    scan.join();
    EXPECT_LT(longest, 400U << 10);
    EXPECT_TRUE(said_.empty()) << said_[0];
}

TEST_F(LogTest, IsLeftAloneWhileAnotherProcessWrites) {
    FileLock other(file().string());
    ASSERT_TRUE(other.try_shared());
    for (int i = 0; i < 3; ++i) write_some();
    EXPECT_GT(log_size(), 100U << 10);
    other.unlock();
    write_some();
    EXPECT_EQ(log_size(), 0U);
}

TEST_F(LogTest, WhoFoldsItBackKeepsWritersOut) {
    FileLock other(file().string());
    ASSERT_TRUE(other.try_exclusive());
    expect_error(ErrorCode::unavailable, [&] { write(quote(SymbolId{1}, kNoon, 1, 2)); }, {"locked", "200 ms"});
    const Control hurried(Deadline::in(5ms));
    std::vector<BookTicker> rows{quote(SymbolId{1}, kNoon, 1, 2)};
    expect_error(ErrorCode::timeout, [&] { database_->write(storage::as_rows(rows), hurried); });
    EXPECT_EQ(count("book_ticker_snapshots"), 0);
}

TEST_F(LogTest, IsKeptAtClosingIfSomebodyWritesAndReadAgainAtOpening) {
    reopen(1 << 30, 1 << 30);
    for (int i = 0; i < 3; ++i) write_some();
    {
        FileLock other(file().string());
        ASSERT_TRUE(other.try_shared());
        database_.reset();
    }
    EXPECT_GT(log_size(), 100U << 10);
    EXPECT_EQ(ForeignConnection(file()).query("SELECT count(*) FROM book_ticker_snapshots"), "1500");
    // What is there counts from the first write on.
    reopen(64 << 10, 128 << 10);
    write_some();
    EXPECT_EQ(log_size(), 0U);
    database_.reset();
    EXPECT_EQ(files(), (std::vector<std::string>{"market.db", "market.db-lock"}));
}

TEST_F(LogTest, IsFoldedBackAtClosing) {
    reopen(1 << 30, 1 << 30);
    write_some();
    database_.reset();
    EXPECT_EQ(files(), (std::vector<std::string>{"market.db", "market.db-lock"}));
    EXPECT_EQ(ForeignConnection(file()).query("SELECT count(*) FROM book_ticker_snapshots"), "500");
}

TEST_F(LogTest, IsNotFoldedBackIntoAFileThatIsNotOursAnyMore) {
    write_some();
    std::filesystem::rename(file(), folder_ / "moved.db");
    database_.reset();
    ASSERT_EQ(said_.size(), 1U);
    EXPECT_NE(said_[0].find("removed or replaced"), std::string::npos);
    EXPECT_FALSE(std::filesystem::exists(file()));
}

TEST_F(LogTest, AHookThatThrowsHarmsNothing) {
    config_.log = [](LogLevel, std::string_view) { throw std::runtime_error("hook"); };
    write_some();
    std::filesystem::rename(file(), folder_ / "moved.db");
    EXPECT_NO_THROW(database_.reset());
}

TEST(FileLock, SharedAndExclusiveKeepEachOtherOut) {
    const TemporaryFolder folder;
    FileLock a((folder / "x").string());
    FileLock b((folder / "x").string());
    EXPECT_TRUE(a.try_shared());
    EXPECT_TRUE(b.try_shared());
    EXPECT_FALSE(a.try_exclusive());
    b.unlock();
    EXPECT_TRUE(a.try_exclusive());
    EXPECT_FALSE(b.try_shared());
    FileLock moved(std::move(a));
    EXPECT_FALSE(b.try_shared());
    moved = FileLock();
    EXPECT_TRUE(b.try_shared());
    EXPECT_FALSE(b.was_replaced());
    std::filesystem::remove(folder / "x-lock");
    EXPECT_TRUE(b.was_replaced());
    const FileLock again((folder / "x").string());
    EXPECT_TRUE(b.was_replaced());
    EXPECT_FALSE(again.was_replaced());
}

TEST(FileLock, IsFreeWithAForkedChildAlive) {
    const TemporaryFolder folder;
    auto held = std::make_unique<FileLock>((folder / "x").string());
    ASSERT_TRUE(held->try_exclusive());
    ChildProcess child([](LineChannel& parent) {
        parent.say("here");
        static_cast<void>(parent.hear());
        return 0;
    });
    ASSERT_EQ(child.hear(), "here");
    held.reset();
    FileLock other((folder / "x").string());
    EXPECT_TRUE(other.try_exclusive());
}

// --- killed writers ------------------------------------------------------------------------------------------------------

struct KillPlan {
    int cycles = 0;
    int writers = 1;
    unsigned seed = 0;
};

/// Writers that fold the log back after nearly every commit are killed at any moment. Every batch that one acknowledged is
/// there, whole, and no batch is there in part. Looked at with SQLite alone.
void kill_writers(const SqliteTest& test, const Config& settings, KillPlan plan) {
    constexpr int kRows = 200;
    std::mt19937 random(plan.seed);
    std::uniform_int_distribution<int> microseconds(0, 40'000);
    for (int cycle = 0; cycle < plan.cycles; ++cycle) {
        std::vector<std::unique_ptr<ChildProcess>> writers;
        for (int each = 0; each < plan.writers; ++each) {
            writers.push_back(std::make_unique<ChildProcess>([&, each](LineChannel& parent) -> int {
                const storage::sqlite::Control forever(Deadline::never());
                Database database(settings);
                database.open(forever);
                for (int batch = 0;; ++batch) {
                    std::vector<BookTicker> rows;
                    const Timestamp at = kNoon + cycle * 1s + each * 100ms;
                    for (int i = 0; i < kRows; ++i) rows.push_back(quote(SymbolId{1}, at, 1, 2, batch * kRows + i));
                    database.write(storage::as_rows(rows), forever);
                    parent.say(std::to_string(batch));
                    database.tidy();
                }
            }));
        }
        ASSERT_TRUE(writers[0]->hear().has_value());
        std::this_thread::sleep_for(std::chrono::microseconds(microseconds(random)));
        for (const auto& writer : writers) writer->send_signal(SIGKILL);
        for (int each = 0; each < plan.writers; ++each) {
            long long acknowledged = each == 0 ? 0 : -1;
            while (const auto line = writers[each]->hear()) acknowledged = std::stoll(*line);
            ASSERT_EQ(writers[each]->wait(), -SIGKILL);
            ForeignConnection stored(test.file());
            const std::string at = std::to_string((kNoon + cycle * 1s + each * 100ms).time_since_epoch().count());
            const long long rows = std::stoll(
                stored.query("SELECT count(*) FROM book_ticker_snapshots WHERE symbol_id = 1 AND timestamp = " + at));
            ASSERT_EQ(rows % kRows, 0) << "cycle " << cycle << ", seed " << plan.seed;
            ASSERT_GE(rows / kRows, acknowledged + 1) << "cycle " << cycle << ", seed " << plan.seed;
            ASSERT_LE(rows / kRows, acknowledged + 2) << "cycle " << cycle << ", seed " << plan.seed;
        }
    }
    ForeignConnection stored(test.file());
    EXPECT_EQ(stored.query("PRAGMA integrity_check"), "ok");
    EXPECT_EQ(stored.query("SELECT rows = (SELECT count(*) FROM book_ticker_snapshots) FROM series"), "1");
}

class KilledWriter : public LogTest {
 public:
    KilledWriter() {
        // Nothing of SQLite may be open in this process when it forks.
        database_.reset();
        config_.log = nullptr;
        config_.busy_timeout = std::chrono::seconds(30);
        config_.wal_checkpoint_bytes = 16 << 10;
    }
};
class KilledWriterLong : public KilledWriter {};

TEST_F(KilledWriter, LosesNothingThatItAcknowledged) { kill_writers(*this, config_, {.cycles = 30, .seed = 1}); }
TEST_F(KilledWriter, OfSeveralLosesNothingEither) {
    kill_writers(*this, config_, {.cycles = 10, .writers = 3, .seed = 2});
}
TEST_F(KilledWriterLong, LosesNothingThatItAcknowledged) {
    const unsigned seed = std::random_device{}();
    kill_writers(*this, config_, {.cycles = 500, .seed = seed});
}
TEST_F(KilledWriterLong, OfSeveralLosesNothingEither) {
    const unsigned seed = std::random_device{}();
    kill_writers(*this, config_, {.cycles = 200, .writers = 4, .seed = seed});
}

// --- a full disk ---------------------------------------------------------------------------------------------------------

class FullDisk : public SqliteTest {
 public:
    /// Writes until it is refused; says the error, how many rows were acknowledged, and what a second look finds.
    int fill(LineChannel& parent) {
        Config settings = config();
        settings.wal_checkpoint_bytes = 128 << 10;
        std::string said;
        settings.log = [&said](LogLevel, std::string_view text) { said = text; };
        const Control forever(Deadline::never());
        Database database(settings);
        database.open(forever);
        Exchange exchange;
        exchange.enum_value = "ALPHA_SPOT";
        exchange.exchange_name = "ALPHA";
        exchange.market_type = MarketType::spot;
        database.insert_one(table_of<Exchange>(), reinterpret_cast<std::byte*>(&exchange), forever);
        Symbol symbol = StoreTest::symbol("BTC");
        database.insert_one(table_of<Symbol>(), reinterpret_cast<std::byte*>(&symbol), forever);
        int acknowledged = 0;
        std::string refused;
        while (refused.empty() && acknowledged < 1'000'000) {
            std::vector<BookTicker> rows;
            for (int i = 0; i < 1000; ++i) rows.push_back(quote(SymbolId{1}, kNoon, 1, 2, acknowledged + i));
            try {
                database.write(storage::as_rows(rows), forever);
                acknowledged += 1000;
                database.tidy();
            } catch (const Error& error) {
                refused = std::string(to_string(error.code())) + ": " + error.what();
            }
        }
        parent.say(refused);
        parent.say(std::to_string(acknowledged));
        parent.say(std::to_string(database.connection().query_integer("SELECT count(*) FROM book_ticker_snapshots")) +
                   " " + std::to_string(database.connection().query_integer("SELECT rows FROM series")) + " " +
                   database.connection().query_text("PRAGMA integrity_check"));
        return 0;
    }
};

TEST_F(FullDisk, IsResourceExhaustedAndUndoesTheBatch) {
    if (::geteuid() != 0) GTEST_SKIP() << "a small file system cannot be mounted without root (see the next test)";
    ChildProcess child([this](LineChannel& parent) -> int {
        if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
            ::mount("marketdb-test", folder_.path().c_str(), "tmpfs", 0, "size=3m") != 0) {
            parent.say("skip");
            return 0;
        }
        return fill(parent);
    });
    const std::string refused = child.hear().value_or("nothing");
    if (refused == "skip") GTEST_SKIP() << "tmpfs cannot be mounted here";
    EXPECT_TRUE(refused.starts_with("resource_exhausted: ")) << refused;
    const std::string rows = child.hear().value_or("nothing");
    EXPECT_EQ(child.hear(), rows + " " + rows + " ok");
    EXPECT_EQ(child.wait(), 0);
}

TEST_F(LogTest, AFullDiskUndoesTheBatchAndWritingGoesOnWhenThereIsRoom) {
    reopen(1 << 30, 1 << 30);
    const auto before = std::signal(SIGXFSZ, SIG_IGN);
    rlimit limit{};
    ::getrlimit(RLIMIT_FSIZE, &limit);
    const rlimit small{1 << 20, limit.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
    int acknowledged = 0;
    expect_error(ErrorCode::resource_exhausted,
                 [&] {
                     for (;; acknowledged += 500) write_some();
                 },
                 {"market.db"});
    EXPECT_GT(acknowledged, 1000);
    EXPECT_EQ(count("book_ticker_snapshots"), acknowledged);
    ::setrlimit(RLIMIT_FSIZE, &limit);
    std::signal(SIGXFSZ, before);
    write_some();
    EXPECT_EQ(count("book_ticker_snapshots"), acknowledged + 500);
    EXPECT_EQ(query("SELECT rows FROM series"), std::to_string(acknowledged + 500));
    EXPECT_EQ(query("PRAGMA integrity_check"), "ok");
}

TEST_F(LogTest, ThatCannotBeFoldedBackIsSaidAndWhatWasCommittedStays) {
    reopen(1 << 30, 1 << 30);
    for (int i = 0; i < 20; ++i) write_some();
    const auto before = std::signal(SIGXFSZ, SIG_IGN);
    rlimit limit{};
    ::getrlimit(RLIMIT_FSIZE, &limit);
    // The log is there already; the database file has to grow.
    const rlimit small{300 << 10, limit.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
    database_.reset();
    ::setrlimit(RLIMIT_FSIZE, &limit);
    std::signal(SIGXFSZ, before);
    ASSERT_EQ(said_.size(), 1U);
    EXPECT_NE(said_[0].find("folding the log back failed"), std::string::npos) << said_[0];
    EXPECT_GT(log_size(), 600U << 10);
    open();
    EXPECT_EQ(count("book_ticker_snapshots"), 10'000);
}

}  // namespace
}  // namespace marketdb::testing
