#include <sys/mount.h>
#include <unistd.h>

#include <sched.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "engine_fixture.hpp"
#include "support/child_process.hpp"

/// What `diagnose` finds, each finding brought about for real.
namespace marketdb::testing {
namespace {

using Findings = std::vector<Finding>;

/// `warning memory exchanges`, in the order found.
Lines names_of(const Findings& findings, bool only_wrong) {
    Lines names;
    for (const Finding& one : findings) {
        if (only_wrong && one.severity < Severity::warning) continue;
        names.push_back(std::string(to_string(one.severity)) + " " + one.check +
                        (one.where.empty() ? "" : " " + one.where));
    }
    return names;
}

/// The first of a check about a place; of none, one whose check is empty.
Finding find(const Findings& findings, std::string_view check, std::string_view where = {}) {
    for (const Finding& one : findings) {
        if (one.check == check && (where.empty() || one.where == where)) return one;
    }
    return {};
}

/// A funding rate that every store holds.
FundingRate paid(SymbolId symbol) {
    FundingRate rate = funding(symbol, kNoon, 0.0001, FundingKind::settled);
    rate.funding_time = kNoon;
    return rate;
}

class DoctorTest : public EngineTest {
 protected:
    /// Without what depends on the machine, the test's clock and its server, which does not wait for the disk.
    Findings diagnosed(DatabaseManager& manager) {
        Findings findings = manager.wait(diagnose(manager));
        std::erase_if(findings, [this](const Finding& one) {
            const bool is_of_server = !target().is_file && target().is_shared;
            return one.check == "lookups" || one.check == "disk" ||
                   (is_of_server && (one.check == "durability" || one.check == "clock"));
        });
        return findings;
    }
    Findings diagnosed() { return diagnosed(db()); }

    /// Nobody notices by himself what others change.
    void open_deaf() {
        close();
        Config settings = config();
        settings.poll_interval = std::chrono::hours(1);
        deaf_ = open(settings);
    }
    DatabaseManager& deaf() { return *deaf_; }

    void TearDown() override { deaf_.reset(); }

    std::unique_ptr<DatabaseManager> deaf_;
};

class Doctor : public DoctorTest {};
class DoctorShared : public DoctorTest {};
INSTANTIATE_TEST_SUITE_P(On, Doctor, ::testing::ValuesIn(all_engines()), engine_name);
INSTANTIATE_TEST_SUITE_P(On, DoctorShared, ::testing::ValuesIn(shared_engines()), engine_name);

TEST_P(Doctor, FindsNothingWrongWithAHealthyDatabase) {
    const Symbol symbol = make_symbol();
    store(quote(symbol.id, kNoon, 100, 101));
    store(trade(symbol.id, kNoon, "1"));
    store(paid(symbol.id));
    store(balance(symbol.exchange_id, "USDT", kNoon, 5));
    // Where nobody keeps counts our own rows are taken for those of others: what memory has is not compared while it is asked for anew.
    const auto compares_latest = [](const Findings& all) {
        return !find(all, "memory", "latest book-tickers").what.empty();
    };
    Findings findings;
    EXPECT_TRUE(wait_until([&] { return compares_latest(findings = diagnosed()); }));
    EXPECT_EQ(names_of(findings, true), Lines{});
    for (const char* check : {"schema", "memory", "hit ratio", "version", "orphans"}) {
        EXPECT_EQ(find(findings, check).check, check);
    }
    for (const char* table :
         {"book_ticker_snapshots", "trade_snapshots", "funding_rate_snapshots", "balance_snapshots"}) {
        EXPECT_EQ(to_string(find(findings, "orphans", table).severity), "fine") << table;
    }
    EXPECT_EQ(find(findings, "memory", "latest book-tickers").what,
              "the newest rows of 1 series are in the database, too");
    EXPECT_EQ(wait(db().get_symbols_by_exchange(symbol.exchange_id)).size(), 1U) << "the manager goes on";
}

TEST_P(Doctor, FindsNothingWrongWithAnEmptyDatabase) { EXPECT_EQ(names_of(diagnosed(), true), Lines{}); }

TEST_P(Doctor, MeasuresTenThousandLookUps) {
    make_symbol();
    const Findings findings = wait(diagnose(db()));
    for (const char* by : {"id", "spelling"}) {
        const Finding lookups = find(findings, "lookups", by);
        EXPECT_TRUE(lookups.what.starts_with("5000 look-ups by ")) << lookups.what;
        EXPECT_NE(lookups.what.find(", p99 "), std::string::npos) << lookups.what;
    }
}

TEST_P(Doctor, IsClosedWithTheManager) {
    static_cast<void>(db());
    wait(db().close());
    expect_error(ErrorCode::closed, [&] { static_cast<void>(wait(diagnose(db()))); });
}

TEST_P(Doctor, SeesThatMostLookUpsFindNothing) {
    make_symbol();
    db().reset_cache_stats();
    for (int i = 0; i < 2'000; ++i) static_cast<void>(db().find_symbol(SymbolId{4711}));
    const Finding ratio = find(wait(diagnose(db())), "hit ratio");
    EXPECT_EQ(to_string(ratio.severity), "warning");
    EXPECT_EQ(ratio.what, "0.0 % of 2000 look-ups found something; expected are 95 %");
}

TEST_P(DoctorShared, SeesWhatWasChangedWithoutAWord) {
    const Symbol symbol = make_symbol();
    make_symbol("ETH", "USDT");
    open_deaf();
    const bool tells = target().can.own_tables && !target().is_file;
    if (tells) target().run_sql(folder(), "ALTER TABLE symbols DISABLE TRIGGER tells_update");
    target().run_sql(folder(), "UPDATE symbols SET min_quantity = 0.5 WHERE symbol_base = 'BTC'");
    if (tells) target().run_sql(folder(), "ALTER TABLE symbols ENABLE TRIGGER tells_update");
    const Finding found = find(diagnosed(deaf()), "memory", "symbols");
    if (!target().can.own_tables) {
        // There every change leaves a mark.
        EXPECT_EQ(to_string(found.severity), "fine");
        EXPECT_EQ(deaf().find_symbol(symbol.id)->min_quantity, 0.5);
        return;
    }
    EXPECT_EQ(to_string(found.severity), "warning");
    EXPECT_EQ(found.what, "1 row in memory and in the database differ, though no change was announced");
    deaf().wait(deaf().refresh_reference());
    EXPECT_EQ(names_of(diagnosed(deaf()), true), Lines{}) << "the remedy helps";
}

TEST_P(DoctorShared, SeesThatTheNewestRowInMemoryIsGone) {
    const Symbol symbol = make_symbol();
    open_deaf();
    const std::vector<BookTicker> rows{quote(symbol.id, kNoon, 100, 101), quote(symbol.id, kNoon + 1s, 101, 102)};
    deaf().wait(deaf().insert_book_ticker_snapshots(rows));
    EXPECT_EQ(to_string(find(diagnosed(deaf()), "memory", "latest book-tickers").severity), "fine");
    target().run_sql(folder(), "DELETE FROM book_ticker_snapshots WHERE timestamp > " + target().sql_time(kNoon));
    const Finding found = find(diagnosed(deaf()), "memory", "latest book-tickers");
    EXPECT_EQ(to_string(found.severity), "warning");
    EXPECT_EQ(found.what,
              "of 1 of 1 series memory has a newest row that the database has no longer: another program deleted it");
    deaf().cache_invalidate(CacheCategory::latest);
    EXPECT_EQ(names_of(diagnosed(deaf()), true), Lines{}) << "the remedy helps";
}

TEST_P(DoctorShared, FindsRowsOfNobody) {
    const Symbol symbol = make_symbol();
    make_symbol("ETH", "USDT");
    store(paid(symbol.id));
    const auto run = [&](const std::string& sql) { target().run_sql(folder(), sql); };
    const std::string time = target().sql_time(kNoon);
    if (target().is_file) {
        run("INSERT INTO funding_rate_snapshots (symbol_id, timestamp, kind, funding_rate) VALUES (4711, " + time +
            ", 'settled', 0.1), (4712, " + time + ", 'settled', 0.1)");
    } else if (target().can.own_tables) {
        run("ALTER TABLE funding_rate_snapshots DISABLE TRIGGER adds_rows; INSERT INTO funding_rate_snapshots "
            "(symbol_id, timestamp, kind, funding_rate) VALUES (4711, " +
            time + ", 'settled', 0.1), (4712, " + time +
            ", 'settled', 0.1); ALTER TABLE funding_rate_snapshots ENABLE TRIGGER adds_rows");
    } else {
        run("ALTER TABLE funding_rate_snapshots DROP CONSTRAINT funding_rate_snapshots_symbol_id_fkey; INSERT INTO "
            "funding_rate_snapshots (symbol_id, timestamp, funding_rate, funding_time) VALUES (4711, " +
            time + ", 0.1, 1), (4712, " + time + ", 0.1, 1)");
    }
    const Findings findings = diagnosed();
    EXPECT_EQ(names_of(findings, true), Lines{"critical orphans funding_rate_snapshots"});
    EXPECT_EQ(find(findings, "orphans", "funding_rate_snapshots").what,
              "rows have an id that is not in symbols (4711): nobody can name what they are of");
    EXPECT_EQ(stored_funding().size(), 1U) << "nothing was changed";
    run("DELETE FROM funding_rate_snapshots WHERE symbol_id > 4000");
    EXPECT_EQ(names_of(diagnosed(), true), Lines{});
}

TEST_P(DoctorShared, WorksWhereNothingMayBeWritten) {
    store(quote(make_symbol().id, kNoon, 100, 101));
    close();
    Config settings = config();
    settings.open_mode = OpenMode::read_only;
    const auto reader = open(settings);
    const Findings findings = diagnosed(*reader);
    EXPECT_EQ(names_of(findings, true), Lines{});
    for (const Finding& one : findings) EXPECT_FALSE(one.what.starts_with("could not be looked at")) << one.what;
}

TEST_P(DoctorShared, SaysThatTheSchemaWentBackToAnEarlierVersion) {
    if (!target().can.own_tables) GTEST_SKIP() << target().name << " has no versions";
    become_owner();
    make_symbol();
    DatabaseManager other(config());
    other.wait(other.migrate_down(3));
    const Finding found = find(wait(diagnose(db())), "schema");
    EXPECT_EQ(to_string(found.severity), "warning");
    EXPECT_TRUE(found.what.starts_with("version 3, this program knows versions up to ")) << found.what;
    EXPECT_TRUE(found.remedy.starts_with("`marketdb migrate up`")) << found.remedy;
}

// --- of a file -----------------------------------------------------------------------------------------------------------

class DoctorOfAFile : public DoctorTest {};
INSTANTIATE_TEST_SUITE_P(On, DoctorOfAFile, ::testing::Values(sqlite_file_target()), engine_name);

TEST_P(DoctorOfAFile, SeesTablesThatAreMissingOrChanged) {
    make_symbol();
    target().run_sql(folder(), "DROP TABLE quarantined_rows; ALTER TABLE sources ADD COLUMN extra TEXT");
    const Findings findings = diagnosed();
    EXPECT_EQ(names_of(findings, true), (Lines{"critical tables quarantined_rows", "warning tables sources"}));
}

TEST_P(DoctorOfAFile, SeesAJournalThatIsNoLog) {
    make_symbol();
    close();
    target().run_sql(folder(), "PRAGMA journal_mode = DELETE");
    Config settings = config();
    settings.open_mode = OpenMode::read_only;
    const auto reader = open(settings);
    const Finding found = find(diagnosed(*reader), "durability", "journal_mode");
    EXPECT_EQ(to_string(found.severity), "warning");
    EXPECT_TRUE(found.what.starts_with("journal_mode is delete, not wal")) << found.what;
}

TEST_P(DoctorOfAFile, SeesALogThatIsTooLong) {
    make_symbol();
    Config settings = config();
    settings.open_mode = OpenMode::read_only;
    settings.wal_limit_bytes = 4'096;
    settings.wal_checkpoint_bytes = 4'096;
    const auto reader = open(settings);
    const Finding found = find(diagnosed(*reader), "durability", "log");
    EXPECT_EQ(to_string(found.severity), "warning");
    EXPECT_NE(found.what.find("should have 4096 at most"), std::string::npos) << found.what;
}

TEST(DoctorOfADisk, SeesThatThereIsLittleRoom) {
    if (::geteuid() != 0) GTEST_SKIP() << "not root: a small file system cannot be mounted";
    const TemporaryFolder folder;
    ChildProcess child([&](LineChannel& parent) {
        // A mount namespace of its own: nothing stays mounted, whatever happens to this process.
        if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
            ::mount("marketdb-test", folder.path().c_str(), "tmpfs", 0, "size=500m") != 0) {
            parent.say("skip: tmpfs cannot be mounted here");
            return 0;
        }
        DatabaseManager db(sqlite_file_target().config(folder.path()));
        db.wait(db.initialize());
        for (const char* size : {"size=500m", "size=50m"}) {
            if (::mount("marketdb-test", folder.path().c_str(), "tmpfs", MS_REMOUNT, size) != 0) return 1;
            const Finding disk = find(db.wait(diagnose(db)), "disk");
            parent.say(std::string(to_string(disk.severity)) + ": " + disk.what);
        }
        db.wait(db.close());
        return 0;
    });
    const std::string first = child.hear().value_or("nothing was said");
    if (first.starts_with("skip")) GTEST_SKIP() << first;
    EXPECT_EQ(first, "warning: 0.5 GB of 0.5 GB are free: when it is full nothing is stored any more");
    EXPECT_EQ(child.hear(), "critical: 0.1 GB of 0.1 GB are free: when it is full nothing is stored any more");
    EXPECT_EQ(child.wait(), 0);
}

}  // namespace
}  // namespace marketdb::testing
