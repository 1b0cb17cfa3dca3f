#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "sqlite_fixture.hpp"
#include "storage/migrations.hpp"
#include "storage/sqlite/migrator.hpp"
#include "support/as_nobody.hpp"
#include "support/child_process.hpp"

namespace marketdb::testing {
namespace {

using storage::table_of;
using storage::sqlite::Database;

using OpeningTest = SqliteTest;

class Opened {
 public:
    explicit Opened(Config config) : config_(std::move(config)), database_(config_) { database_.open(control_); }
    Database* operator->() noexcept { return &database_; }
    storage::sqlite::Control control_{Deadline::in(std::chrono::seconds(30))};

 private:
    Config config_;
    Database database_;
};

void write_file(const std::filesystem::path& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
}

std::string read_file(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// Leaves a closed database with one exchange and some quotes.
void make_database(const Config& config, int quotes = 1) {
    Opened database(config);
    Exchange exchange;
    exchange.enum_value = "ALPHA_SPOT";
    exchange.exchange_name = "ALPHA";
    exchange.market_type = MarketType::spot;
    database->insert_one(table_of<Exchange>(), reinterpret_cast<std::byte*>(&exchange), database.control_);
    Symbol symbol = StoreTest::symbol("BTC");
    database->insert_one(table_of<Symbol>(), reinterpret_cast<std::byte*>(&symbol), database.control_);
    std::vector<BookTicker> rows;
    for (int i = 0; i < quotes; ++i) rows.push_back(quote(symbol.id, kNoon, 1, 2, i));
    database->write(storage::as_rows(rows), database.control_);
}

WriteResult write_one(Opened& database, std::int64_t sequence) {
    std::vector<BookTicker> rows{quote(SymbolId{1}, kNoon, 1, 2, sequence)};
    return database->write(storage::as_rows(rows), database.control_);
}

TEST_F(OpeningTest, CreatingMakesAFileWithTheRightProperties) {
    const Opened database(config());
    ForeignConnection other(file());
    EXPECT_EQ(other.query("PRAGMA journal_mode"), "wal");
    EXPECT_EQ(other.query("PRAGMA auto_vacuum"), "2");
    EXPECT_EQ(other.query("PRAGMA page_size"), "4096");
    EXPECT_EQ(other.query("PRAGMA application_id"), std::to_string(0x6D6B7464));
    EXPECT_EQ(
        other.query("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"),
        "balance_snapshots;book_ticker_snapshots;coverage;exchanges;funding_rate_snapshots;pending_claims;quarantined_"
        "rows;"
        "reference_version;retention_holds;retention_policies;schema_migrations;series;sources;symbols;trade_"
        "snapshots");
    EXPECT_EQ(
        other.query(
            "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND strict = 0 AND name NOT LIKE 'sqlite_%'"),
        "0");
    EXPECT_EQ(other.query("SELECT name FROM pragma_table_list WHERE wr = 1 ORDER BY name"),
              "balance_snapshots;book_ticker_snapshots;coverage;funding_rate_snapshots;pending_claims;quarantined_rows;"
              "series;"
              "trade_snapshots");
    EXPECT_EQ(other.query("SELECT version, program, applied_at, length(checksum) FROM schema_migrations"),
              "1|unit test|1723118400000000|64;2|unit test|1723118400000000|64;3|unit test|1723118400000000|64;4|unit "
              "test|1723118400000000|64;5|unit test|1723118400000000|64;6|unit test|1723118400000000|64;7|unit "
              "test|1723118400000000|64");
}

TEST_F(OpeningTest, EveryConnectionIsSetUpForProduction) {
    Opened database(config());
    const auto reader = database->open_reader(database.control_);
    for (auto* connection : {&database->connection(), reader.get()}) {
        EXPECT_EQ(connection->query_integer("PRAGMA synchronous"), 2);
        EXPECT_EQ(connection->query_integer("PRAGMA foreign_keys"), 1);
        EXPECT_EQ(connection->query_integer("PRAGMA wal_autocheckpoint"), 0);
        EXPECT_EQ(connection->query_integer("PRAGMA trusted_schema"), 0);
        EXPECT_EQ(connection->query_integer("PRAGMA cell_size_check"), 1);
        EXPECT_EQ(connection->query_integer("PRAGMA mmap_size"), 0);
        int on = 0;
        sqlite3_db_config(connection->handle(), SQLITE_DBCONFIG_DEFENSIVE, -1, &on);
        EXPECT_EQ(on, 1);
        sqlite3_db_config(connection->handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, -1, &on);
        EXPECT_EQ(on, 1);
    }
    expect_error(ErrorCode::read_only, [&] { reader->execute("DELETE FROM exchanges"); });
}

TEST_F(OpeningTest, AClosedDatabaseIsOneFileAndItsLock) {
    make_database(config());
    EXPECT_EQ(files(), (std::vector<std::string>{"market.db", "market.db-lock"}));
    EXPECT_EQ(ForeignConnection(file(), SQLITE_OPEN_READONLY).query("SELECT count(*) FROM book_ticker_snapshots"), "1");
}

TEST_F(OpeningTest, ReadingLeavesTheFolderAsItWas) {
    make_database(config());
    const std::string before = read_file(file());
    {
        Opened database(config(OpenMode::read_only));
        EXPECT_EQ(database->store().stats().datasets[0].rows, 1U);
        expect_error(ErrorCode::read_only, [&] { write_one(database, 7); }, {"read-only"});
        expect_error(ErrorCode::read_only, [&] { database->connection().execute("DELETE FROM exchanges"); });
    }
    EXPECT_EQ(files(), (std::vector<std::string>{"market.db", "market.db-lock"}));
    EXPECT_EQ(read_file(file()), before);
}

TEST_F(OpeningTest, AFileThatDoesNotExistIsMadeOnlyWhenCreating) {
    for (const OpenMode mode : {OpenMode::existing, OpenMode::read_only}) {
        expect_error(ErrorCode::unavailable, [&] { const Opened database(config(mode)); },
                     {"market.db: no such file", "marketdb init"});
    }
    EXPECT_TRUE(files().empty());
}

TEST_F(OpeningTest, AFolderThatDoesNotExistIsUnavailable) {
    Config settings = config();
    settings.sqlite_path = (folder_ / "no/such/market.db").string();
    expect_error(ErrorCode::unavailable, [&] { const Opened database(settings); }, {"no/such/market.db"});
    settings.sqlite_path = folder_.path().string();
    expect_error(ErrorCode::unavailable, [&] { const Opened database(settings); }, {"directory"});
    settings.open_mode = OpenMode::existing;
    expect_error(ErrorCode::unavailable, [&] { const Opened database(settings); }, {"is no file"});
}

TEST_F(OpeningTest, PathsMayHoldWhatTheyLike) {
    Config settings = config();
    settings.sqlite_path = (folder_ / "file:a?mode=ro&b #%41 'q' \xC3\xA9.db").string();
    make_database(settings);
    settings.open_mode = OpenMode::existing;
    Opened database(settings);
    EXPECT_EQ(database->store().stats().datasets[0].rows, 1U);
    EXPECT_EQ(files()[0], "file:a?mode=ro&b #%41 'q' \xC3\xA9.db");
}

TEST_F(OpeningTest, ATextFileIsCorruptAndStaysAsItWas) {
    write_file(file(), std::string(5000, 'x'));
    for (const OpenMode mode : {OpenMode::create, OpenMode::existing, OpenMode::read_only}) {
        expect_error(ErrorCode::corrupt, [&] { const Opened database(config(mode)); },
                     {"market.db: is no SQLite database"});
    }
    EXPECT_EQ(read_file(file()), std::string(5000, 'x'));
}

TEST_F(OpeningTest, ATruncatedFileIsCorrupt) {
    make_database(config(), 5000);
    std::filesystem::resize_file(file(), 3 * 4096 + 100);
    for (const OpenMode mode : {OpenMode::create, OpenMode::existing, OpenMode::read_only}) {
        expect_error(ErrorCode::corrupt, [&] { const Opened database(config(mode)); }, {"market.db"});
    }
    EXPECT_EQ(std::filesystem::file_size(file()), 3U * 4096 + 100);
}

TEST_F(OpeningTest, DamageIsNamedAndNothingIsWrittenAfterwards) {
    make_database(config(), 5000);
    {
        // Every page of the quotes but the first of the file.
        std::fstream raw(file(), std::ios::in | std::ios::out | std::ios::binary);
        const auto size = std::filesystem::file_size(file());
        for (std::uintmax_t at = 30 * 4096; at < size; at += 4096) {
            raw.seekp(static_cast<std::streamoff>(at));
            raw << std::string(200, '\xEE');
        }
    }
    Opened database(config());
    std::vector<BookTicker> rows;
    VectorSink<BookTicker> sink(rows);
    expect_error(ErrorCode::corrupt, [&] {
        database->store().scan({.table = &table_of<BookTicker>(), .series = {}}, sink, database.control_,
                               database->ticket());
    });
    expect_error(ErrorCode::corrupt, [&] { write_one(database, 99'999); }, {"malformed"});
    // Sticky: even what does not touch the damage.
    Exchange exchange;
    exchange.enum_value = "BETA_SPOT";
    exchange.exchange_name = "BETA";
    exchange.market_type = MarketType::spot;
    expect_error(ErrorCode::corrupt, [&] {
        database->insert_one(table_of<Exchange>(), reinterpret_cast<std::byte*>(&exchange), database.control_);
    });
}

TEST_F(OpeningTest, AnotherProgramsDatabaseIsNotTouched) {
    ForeignConnection(file()).execute("CREATE TABLE notes (text); CREATE TABLE people (name)");
    const std::string before = read_file(file());
    for (const OpenMode mode : {OpenMode::create, OpenMode::existing, OpenMode::read_only}) {
        expect_error(ErrorCode::schema_mismatch, [&] { const Opened database(config(mode)); },
                     {"another program", "notes, people"});
    }
    EXPECT_EQ(read_file(file()), before);
}

TEST_F(OpeningTest, AnotherProgramsEmptyDatabaseIsNotTouchedEither) {
    ForeignConnection(file()).execute("PRAGMA application_id = 77; CREATE TABLE a (b); DROP TABLE a");
    expect_error(ErrorCode::schema_mismatch, [&] { const Opened database(config()); }, {"0x0000004d"});
}

TEST_F(OpeningTest, AnEmptyFileIsADatabaseOnlyWhenCreating) {
    write_file(file(), "");
    for (const OpenMode mode : {OpenMode::existing, OpenMode::read_only}) {
        expect_error(ErrorCode::schema_mismatch, [&] { const Opened database(config(mode)); }, {"empty database"});
    }
    EXPECT_EQ(std::filesystem::file_size(file()), 0U);
    make_database(config());
    EXPECT_EQ(ForeignConnection(file()).query("PRAGMA auto_vacuum"), "2");
}

TEST_F(OpeningTest, AnEmptyDatabaseOfAnotherShapeIsBroughtIntoOurs) {
    ForeignConnection(file()).execute("PRAGMA auto_vacuum = NONE; CREATE TABLE a (b); DROP TABLE a");
    make_database(config());
    EXPECT_EQ(ForeignConnection(file()).query("PRAGMA auto_vacuum"), "2");
}

TEST_F(OpeningTest, ADatabaseThatLostItsLogGetsItBack) {
    make_database(config());
    ForeignConnection(file()).execute("PRAGMA journal_mode = DELETE");
    const Opened database(config(OpenMode::existing));
    EXPECT_EQ(ForeignConnection(file()).query("PRAGMA journal_mode"), "wal");
}

TEST_F(OpeningTest, ALockThatAnotherProcessHoldsIsUnavailableAfterTheBusyTimeout) {
    make_database(config());
    ChildProcess child([this](LineChannel& parent) {
        ForeignConnection other(file());
        other.execute("BEGIN IMMEDIATE");
        parent.say("locked");
        static_cast<void>(parent.hear());
        return 0;
    });
    ASSERT_EQ(child.hear(), "locked");
    Opened database(config(OpenMode::existing));
    const auto begun = std::chrono::steady_clock::now();
    expect_error(ErrorCode::unavailable, [&] { write_one(database, 9); },
                 {"market.db", "locked by another process", "200 ms"});
    EXPECT_GE(std::chrono::steady_clock::now() - begun, 200ms);
    std::vector<BookTicker> rows{quote(SymbolId{1}, kNoon, 1, 2, 9)};
    const storage::sqlite::Control hurried(Deadline::in(10ms));
    expect_error(ErrorCode::timeout, [&] { database->write(storage::as_rows(rows), hurried); });
    child.say("go");
    EXPECT_EQ(child.wait(), 0);
    EXPECT_EQ(write_one(database, 9).inserted, 1U);
}

TEST_F(OpeningTest, AFileThatAnotherProcessHoldsAloneIsUnavailable) {
    make_database(config());
    ChildProcess child([this](LineChannel& parent) {
        ForeignConnection other(file());
        other.execute("PRAGMA locking_mode = EXCLUSIVE");
        other.execute("BEGIN IMMEDIATE");
        parent.say("locked");
        static_cast<void>(parent.hear());
        return 0;
    });
    ASSERT_EQ(child.hear(), "locked");
    for (const OpenMode mode : {OpenMode::existing, OpenMode::read_only}) {
        expect_error(ErrorCode::unavailable, [&] { const Opened database(config(mode)); },
                     {"locked by another process"});
    }
    child.say("go");
    EXPECT_EQ(child.wait(), 0);
}

TEST_F(OpeningTest, AReplacedFileIsNoticedAtTheNextWriteAndPoll) {
    make_database(config());
    Opened database(config());
    EXPECT_EQ(write_one(database, 1000).inserted, 1U);
    std::filesystem::rename(file(), folder_ / "moved.db");
    expect_error(ErrorCode::unavailable, [&] { write_one(database, 1001); }, {"market.db", "removed or replaced"});
    expect_error(ErrorCode::unavailable, [&] { database->poll_changes(database.control_); }, {"removed or replaced"});
    write_file(file(), "something else");
    expect_error(ErrorCode::unavailable, [&] { write_one(database, 1001); }, {"market.db", "removed or replaced"});
}

TEST_F(OpeningTest, ARemovedLogIsNoticedBeforeAnythingIsWrittenIntoIt) {
    make_database(config());
    Opened database(config());
    EXPECT_EQ(write_one(database, 1000).inserted, 1U);
    std::filesystem::remove(file().string() + "-wal");
    expect_error(ErrorCode::unavailable, [&] { write_one(database, 1001); }, {"market.db-wal", "removed or replaced"});
}

TEST_F(OpeningTest, ARemovedLockFileIsMadeAnew) {
    make_database(config());
    Opened database(config());
    std::filesystem::remove(file().string() + "-lock");
    EXPECT_EQ(write_one(database, 1000).inserted, 1U);
    EXPECT_TRUE(std::filesystem::exists(file().string() + "-lock"));
}

TEST_F(OpeningTest, MakingADatabaseWaitsForWhoeverMakesIt) {
    storage::sqlite::FileLock other(file().string());
    ASSERT_TRUE(other.try_exclusive());
    expect_error(ErrorCode::unavailable, [&] { const Opened database(config()); }, {"market.db", "locked", "200 ms"});
    other.unlock();
    EXPECT_NO_THROW(Opened{config()});
}

TEST_F(OpeningTest, TheLockFileHasTheRightsOfTheDatabase) {
    make_database(config());
    ::chmod(file().c_str(), 0660);
    std::filesystem::remove(file().string() + "-lock");
    const mode_t before = ::umask(0);
    const Opened database(config());
    ::umask(before);
    struct stat found {};
    ASSERT_EQ(::stat((file().string() + "-lock").c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 0777, 0660U);
}

class RightsTest : public SqliteTest {
 public:
    static std::string as_nobody(const Config& settings, bool writes) {
        const AsNobody nobody;
        try {
            Opened database(settings);
            if (writes) write_one(database, 12'345);
            const auto reader = database->open_reader(database.control_);
            return "rows " + std::to_string(reader->query_integer("SELECT count(*) FROM book_ticker_snapshots"));
        } catch (const Error& error) {
            return std::string(to_string(error.code())) + ": " + error.what();
        }
    }
    static void allow(const std::filesystem::path& path, mode_t mode) { ::chmod(path.c_str(), mode); }
};

TEST_F(RightsTest, AFileThatMayNotBeWrittenIsReadOnlyAndSaysHowToReadIt) {
    MARKETDB_SKIP_UNLESS_ROOT();
    make_database(config());
    allow(folder_.path(), 0777);
    allow(file(), 0444);
    EXPECT_NE(as_nobody(config(OpenMode::existing), false).find("read_only: "), std::string::npos);
    EXPECT_NE(as_nobody(config(), true).find("mode=ro"), std::string::npos);
    EXPECT_EQ(as_nobody(config(OpenMode::read_only), false), "rows 1");
}

TEST_F(RightsTest, AFolderThatMayNotBeWrittenIsReadWithoutSideFiles) {
    MARKETDB_SKIP_UNLESS_ROOT();
    make_database(config());
    allow(folder_.path(), 0555);
    allow(file(), 0444);
    EXPECT_EQ(as_nobody(config(OpenMode::read_only), false), "rows 1");
    EXPECT_EQ(files(), (std::vector<std::string>{"market.db", "market.db-lock"}));
}

TEST_F(RightsTest, AFolderThatMayNotBeWrittenIsReadWhileItsOwnerWrites) {
    MARKETDB_SKIP_UNLESS_ROOT();
    make_database(config());
    Opened owner(config());
    write_one(owner, 4711);
    allow(folder_.path(), 0555);
    allow(file(), 0444);
    allow(file().string() + "-wal", 0444);
    allow(file().string() + "-shm", 0444);
    EXPECT_EQ(as_nobody(config(OpenMode::read_only), false), "rows 2");
}

TEST_F(RightsTest, SideFilesThatAReaderOfAReadOnlyFileLeftAreNamed) {
    MARKETDB_SKIP_UNLESS_ROOT();
    make_database(config());
    allow(folder_.path(), 0777);
    allow(file(), 0444);
    EXPECT_EQ(as_nobody(config(OpenMode::read_only), false), "rows 1");
    allow(file(), 0666);
    const std::string refused = as_nobody(config(), true);
    EXPECT_EQ(refused.substr(0, 10), "read_only:") << refused;
    EXPECT_NE(refused.find("cannot be written, though the database can"), std::string::npos) << refused;
    for (const char* ending : {"-wal", "-shm"}) std::filesystem::remove(file().string() + ending);
    EXPECT_EQ(as_nobody(config(), true), "rows 2");
}

TEST_F(RightsTest, AFileThatCannotBeMadeSaysWhichFolderStandsAgainstIt) {
    MARKETDB_SKIP_UNLESS_ROOT();
    allow(folder_.path(), 0555);
    const std::string refused = as_nobody(config(), true);
    EXPECT_EQ(refused.substr(0, 12), "unavailable:") << refused;
    EXPECT_NE(refused.find("may not be written to"), std::string::npos) << refused;
}

TEST_F(RightsTest, AFileThatMayNotBeReadIsUnavailable) {
    MARKETDB_SKIP_UNLESS_ROOT();
    make_database(config());
    allow(folder_.path(), 0777);
    allow(file(), 0600);
    EXPECT_EQ(as_nobody(config(OpenMode::read_only), false).substr(0, 12), "unavailable:");
}

TEST_F(RightsTest, ALockFileThatMayOnlyBeReadIsEnough) {
    MARKETDB_SKIP_UNLESS_ROOT();
    make_database(config());
    allow(folder_.path(), 0777);
    allow(file(), 0666);
    allow(file().string() + "-lock", 0444);
    EXPECT_EQ(as_nobody(config(), true), "rows 2");
    allow(file().string() + "-lock", 0000);
    const std::string refused = as_nobody(config(), true);
    EXPECT_EQ(refused.substr(0, 12), "unavailable:") << refused;
    EXPECT_NE(refused.find("market.db-lock"), std::string::npos) << refused;
}

}  // namespace
}  // namespace marketdb::testing
