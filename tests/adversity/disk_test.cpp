#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
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

constexpr int kDiskBatch = 500;
constexpr uid_t kNobody = 65534;

Config file_config(const fs::path& file, OpenMode mode = OpenMode::create) {
    Config config = Config::from_url("sqlite:" + file.string());
    config.open_mode = mode;
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

std::vector<BookTicker> batch_of(SymbolId symbol, int batch) {
    std::vector<BookTicker> rows;
    for (int i = 0; i < kDiskBatch; ++i) rows.push_back(quote(symbol, kNoon + batch * 1s + i * 1ms, 100, 200));
    return rows;
}

/// Writes until the database refuses. Returns the batches that were acknowledged and tells the parent of the refusal.
int write_until_refused(DatabaseManager& db, SymbolId symbol, LineChannel& parent) {
    for (int batch = 0; batch < 10'000; ++batch) {
        try {
            db.wait(db.insert_book_ticker_snapshots(batch_of(symbol, batch)));
        } catch (const Error& error) {
            parent.say(std::string(to_string(error.code())) + ": " + error.what());
            return batch;
        }
    }
    parent.say("never refused");
    return -1;
}

/// What a child found wrong; empty if nothing.
std::string check_after_refusal(DatabaseManager& db, const fs::path& file, int acknowledged) {
    const std::size_t rows = db.wait(db.get_book_ticker_history()).rows.size();
    if (rows != static_cast<std::size_t>(acknowledged) * kDiskBatch) {
        return std::to_string(rows) + " rows instead of " + std::to_string(acknowledged * kDiskBatch);
    }
    SqliteFile stored(file, SQLITE_OPEN_READWRITE);
    const Lines sound = stored.rows("PRAGMA integrity_check");
    return sound == Lines{"ok"} ? "" : sound.front();
}

TEST(FullDisk, IsResourceExhaustedTheBatchIsUndoneAndWritingGoesOnWhenThereIsRoom) {
    if (::geteuid() != 0) GTEST_SKIP() << "not root: a small file system cannot be mounted (see the next test)";
    const TemporaryFolder folder;
    ChildProcess child([&](LineChannel& parent) {
        // A mount namespace of its own: nothing stays mounted, whatever happens to this process.
        if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
            ::mount("marketdb-test", folder.path().c_str(), "tmpfs", 0, "size=2m") != 0) {
            parent.say("skip: tmpfs cannot be mounted here");
            return 0;
        }
        const fs::path file = folder / "market.db";
        DatabaseManager db(file_config(file));
        db.wait(db.initialize());
        const SymbolId symbol = ensure_symbol(db);
        const int acknowledged = write_until_refused(db, symbol, parent);
        parent.say(check_after_refusal(db, file, acknowledged));
        if (::mount("marketdb-test", folder.path().c_str(), "tmpfs", MS_REMOUNT, "size=16m") != 0) {
            parent.say("not remounted");
            return 1;
        }
        db.wait(db.insert_book_ticker_snapshots(batch_of(symbol, acknowledged)));
        parent.say(check_after_refusal(db, file, acknowledged + 1));
        db.wait(db.close());
        return 0;
    });
    const std::string refused = child.hear().value_or("nothing was said");
    if (refused.starts_with("skip")) GTEST_SKIP() << refused;
    EXPECT_TRUE(refused.starts_with("resource_exhausted")) << refused;
    EXPECT_NE(refused.find("market.db"), std::string::npos) << refused;
    EXPECT_EQ(child.hear(), "") << "what was acknowledged is stored, what was refused is not";
    EXPECT_EQ(child.hear(), "") << "with room again, the same manager writes again";
    EXPECT_EQ(child.wait(), 0);
}

TEST(FullDisk, AFileThatMayNotGrowIsAnErrorAndWhatWasAcknowledgedStays) {
    const TemporaryFolder folder;
    const fs::path file = folder / "market.db";
    ChildProcess child([&](LineChannel& parent) {
        DatabaseManager db(file_config(file));
        db.wait(db.initialize());
        const SymbolId symbol = ensure_symbol(db);
        // The signal is the host's to ignore; then writing fails with EFBIG.
        std::signal(SIGXFSZ, SIG_IGN);
        const rlimit limit{1 << 20, 1 << 20};
        ::setrlimit(RLIMIT_FSIZE, &limit);
        const int acknowledged = write_until_refused(db, symbol, parent);
        parent.say(std::to_string(acknowledged));
        return 0;
    });
    const std::string refused = child.hear().value_or("nothing was said");
    EXPECT_FALSE(refused.starts_with("internal")) << refused;
    EXPECT_FALSE(refused.starts_with("corrupt")) << refused;
    EXPECT_FALSE(refused.starts_with("never")) << refused;
    const int acknowledged = std::stoi(child.hear().value_or("-1"));
    EXPECT_EQ(child.wait(), 0);
    ASSERT_GT(acknowledged, 0);
    DatabaseManager db(file_config(file));
    db.wait(db.initialize());
    EXPECT_EQ(check_after_refusal(db, file, acknowledged), "");
}

TEST(FullDisk, MakingADatabaseWhereThereIsNoRoomLeavesNothingThatLooksLikeOne) {
    if (::geteuid() != 0) GTEST_SKIP() << "not root: a small file system cannot be mounted";
    const TemporaryFolder folder;
    ChildProcess child([&](LineChannel& parent) {
        if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
            ::mount("marketdb-test", folder.path().c_str(), "tmpfs", 0, "size=32k") != 0) {
            parent.say("skip: tmpfs cannot be mounted here");
            return 0;
        }
        const fs::path file = folder / "market.db";
        try {
            DatabaseManager db(file_config(file));
            db.wait(db.initialize());
            parent.say("no error");
        } catch (const Error& error) {
            parent.say(std::string(to_string(error.code())));
        }
        if (::mount("marketdb-test", folder.path().c_str(), "tmpfs", MS_REMOUNT, "size=16m") != 0) return 1;
        DatabaseManager db(file_config(file));
        db.wait(db.initialize());
        ensure_symbol(db);
        parent.say("made");
        return 0;
    });
    const std::string refused = child.hear().value_or("nothing was said");
    if (refused.starts_with("skip")) GTEST_SKIP() << refused;
    EXPECT_EQ(refused, "resource_exhausted");
    EXPECT_EQ(child.hear(), "made") << "with room the next attempt succeeds";
    EXPECT_EQ(child.wait(), 0);
}

/// A database with one row, closed, in a folder that only its owner may write.
class ForeignFolder : public ::testing::Test {
 protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "not root: the rights of another user cannot be taken on";
        DatabaseManager db(file_config(file_));
        db.wait(db.initialize());
        db.wait(db.insert_book_ticker_snapshots({quote(ensure_symbol(db), kNoon, 1, 2)}));
        db.wait(db.close());
        ::chmod(folder_.path().c_str(), 0755);
    }

    /// Runs a body as a user without rights; returns what it said.
    std::string as_nobody(const std::function<std::string()>& body) {
        ChildProcess child([&](LineChannel& parent) {
            if (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0) return 1;
            try {
                parent.say(body());
            } catch (const Error& error) {
                parent.say(std::string(to_string(error.code())) + ": " + error.what());
            }
            return 0;
        });
        const std::string said = child.hear().value_or("nothing was said");
        EXPECT_EQ(child.wait(), 0);
        return said;
    }

    std::string read_as_nobody() {
        return as_nobody([&] {
            DatabaseManager db(file_config(file_, OpenMode::read_only));
            db.wait(db.initialize());
            return std::to_string(db.wait(db.get_book_ticker_history()).rows.size()) + " row";
        });
    }

    TemporaryFolder folder_;
    fs::path file_ = folder_ / "market.db";
};

TEST_F(ForeignFolder, CanBeReadByAUserWhoMayNotWrite) { EXPECT_EQ(read_as_nobody(), "1 row"); }

TEST_F(ForeignFolder, CanBeReadByAUserWhoMayNotWriteWhileTheOwnerWrites) {
    ChildProcess owner([&](LineChannel& parent) {
        DatabaseManager db(file_config(file_));
        db.wait(db.initialize());
        const SymbolId symbol = ensure_symbol(db);
        db.wait(db.insert_book_ticker_snapshots({quote(symbol, kNoon + 1s, 3, 4)}));
        parent.say("open");
        static_cast<void>(parent.hear());
        db.wait(db.close());
        return 0;
    });
    ASSERT_EQ(owner.hear(), "open");
    EXPECT_EQ(read_as_nobody(), "2 row");
    owner.say("end");
    EXPECT_EQ(owner.wait(), 0);
}

TEST_F(ForeignFolder, CannotBeWrittenByAUserWithoutTheRightAndSaysSo) {
    const std::string said = as_nobody([&]() -> std::string {
        DatabaseManager db(file_config(file_));
        db.wait(db.initialize());
        db.wait(db.insert_book_ticker_snapshots({quote(SymbolId{1}, kNoon + 1s, 3, 4)}));
        return "written";
    });
    EXPECT_EQ(said, "read_only: " + file_.string() +
                        ": its folder cannot be written; open it read-only (sqlite:PATH?mode=ro)");
    EXPECT_EQ(read_as_nobody(), "1 row");
}

TEST_F(ForeignFolder, ANewDatabaseCannotBeMadeInIt) {
    const fs::path other = folder_ / "other.db";
    const std::string said = as_nobody([&]() -> std::string {
        DatabaseManager db(file_config(other));
        db.wait(db.initialize());
        return "made";
    });
    EXPECT_TRUE(said.starts_with("unavailable") || said.starts_with("unauthorized")) << said;
    EXPECT_NE(said.find("other.db"), std::string::npos) << said;
    EXPECT_FALSE(fs::exists(other));
}

TEST_F(ForeignFolder, AFileThatMayNotEvenBeReadIsUnavailable) {
    ::chmod(file_.c_str(), 0600);
    const std::string said = read_as_nobody();
    EXPECT_TRUE(said.starts_with("unavailable") || said.starts_with("unauthorized")) << said;
    EXPECT_NE(said.find("market.db"), std::string::npos) << said;
}

}  // namespace
}  // namespace marketdb::testing
