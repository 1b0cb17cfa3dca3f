#include "storage/migrations.hpp"

#include "sqlite_fixture.hpp"
#include "storage/sqlite/migrator.hpp"
#include "support/child_process.hpp"

namespace marketdb::testing {
namespace {

using storage::AppliedMigration;
using storage::Migration;
using storage::SchemaUse;
using storage::table_of;
using storage::sqlite::Database;

// A released step never changes. If one of these differs, a descriptor was changed: what it means for databases that exist
// belongs into a new step.
TEST(Migrations, ReleasedStepsNeverChange) {
    const auto sqlite = storage::sqlite_migrations();
    ASSERT_EQ(sqlite.size(), 7U);
    EXPECT_EQ(sqlite[0].checksum, "4b4c15c40e28e4738049315fa46bd755db7e91cc04e4cfdb3fa7504a7015b366");
    EXPECT_EQ(sqlite[1].checksum, "ea0c99092304c92bfff3e607716077966be63db53da034a0b9b12f6d49a15938");
    EXPECT_EQ(sqlite[2].checksum, "1b433a667f1fbe18f20c243194aa9793d8cd3e986fead8ba8470739392b43863");
    EXPECT_EQ(sqlite[3].checksum,
              "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");  // It has no statements here.
    EXPECT_EQ(sqlite[4].checksum, "0cf2c417fa3e2b6e947b16c71cf9052565aff094a6e4f9e4bc2e8dd897e9aa1a");
    EXPECT_EQ(sqlite[5].checksum, "c28ef0f9668c1317348fc82434ff9b659d379a0819639dcc9e174f22b0801fd3");
    EXPECT_EQ(sqlite[6].checksum, "a0beda78156b461d0cc04743b004db3202545c04d445c96248c21ff550ba63a4");
    EXPECT_EQ(sqlite[0].name, "exchanges, symbols, sources, series");
    EXPECT_EQ(sqlite[2].version, 3U);
}

TEST(Migrations, EveryTableHasItsStep) {
    std::size_t tables = 0;
    for (const Migration& step : storage::sqlite_migrations()) tables += step.keeps.size();
    EXPECT_EQ(tables, storage::all_tables().size() + 2);  // And `series` and `coverage`.
}

std::vector<AppliedMigration> applied(std::size_t count) {
    std::vector<AppliedMigration> steps;
    for (const Migration& known : storage::sqlite_migrations()) {
        if (steps.size() == count) break;
        steps.push_back(
            {known.version, std::string(known.name), known.checksum, known.min_reader, known.min_writer, kNoon});
    }
    while (steps.size() < count) {
        const auto version = static_cast<std::uint32_t>(steps.size() + 1);
        steps.push_back({version, "from the future", "f", version, version, kNoon});
    }
    return steps;
}

void require(const std::vector<AppliedMigration>& steps, SchemaUse use = SchemaUse::write) {
    storage::require_usable(storage::sqlite_migrations(), steps, use, "sqlite:market.db");
}

TEST(Migrations, TheSameVersionMayBeUsed) {
    EXPECT_NO_THROW(require(applied(7)));
    EXPECT_NO_THROW(require(applied(7), SchemaUse::read));
}

TEST(Migrations, AnOlderDatabaseNamesBothVersionsAndTheRemedy) {
    expect_error(ErrorCode::schema_mismatch, [] { require(applied(2)); },
                 {"sqlite:market.db", "version 2", "needs version 7", "marketdb migrate up"});
}

TEST(Migrations, ANewerDatabaseDecidesByItsOldestReaderAndWriter) {
    expect_error(ErrorCode::schema_mismatch, [] { require(applied(8)); }, {"version 8", "up to 7", "newer program"});
    std::vector<AppliedMigration> steps = applied(8);
    steps[7].min_reader = 2;
    EXPECT_NO_THROW(require(steps, SchemaUse::read));
    expect_error(ErrorCode::schema_mismatch, [&] { require(steps); }, {"version 8", "only read", "mode=ro"});
    steps[7].min_writer = 3;
    EXPECT_NO_THROW(require(steps));
}

TEST(Migrations, AnotherHistoryIsRefused) {
    std::vector<AppliedMigration> steps = applied(3);
    steps[1].checksum = "0123456789abcdef";
    expect_error(ErrorCode::schema_mismatch, [&] { require(steps); }, {"version 2", "0123456789ab"});
    steps = applied(3);
    steps.erase(steps.begin() + 1);
    expect_error(ErrorCode::schema_mismatch, [&] { require(steps); }, {"version 3 was applied", "version 2 before it"});
}

TEST(Migrations, StatusShowsKnownStepsAndThoseOfNewerPrograms) {
    const MigrationStatus status = storage::migration_status(storage::sqlite_migrations(), applied(8));
    EXPECT_EQ(status.version, 8U);
    EXPECT_EQ(status.newest, 7U);
    ASSERT_EQ(status.steps.size(), 8U);
    EXPECT_TRUE(status.steps[0].applied);
    EXPECT_EQ(status.steps[0].applied_at, kNoon);
    EXPECT_EQ(status.steps[7].name, "from the future");
    const MigrationStatus fresh = storage::migration_status(storage::sqlite_migrations(), {});
    EXPECT_EQ(fresh.version, 0U);
    EXPECT_FALSE(fresh.steps[0].applied);
    EXPECT_FALSE(fresh.steps[0].statements.empty());
}

class MigratorTest : public SqliteTest {
 public:
    static std::vector<std::uint32_t> versions(const std::vector<MigrationStep>& steps) {
        std::vector<std::uint32_t> numbers;
        for (const MigrationStep& step : steps) numbers.push_back(step.version);
        return numbers;
    }
    using Versions = std::vector<std::uint32_t>;
    std::string tables() {
        return ForeignConnection(file()).query(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name");
    }

 protected:
    Control forever_{Deadline::never()};
};

TEST_F(MigratorTest, StatusOfNoFileMakesNone) {
    const Config settings = config();
    Database database(settings);
    const MigrationStatus status = database.migrate_status(forever_);
    EXPECT_FALSE(status.exists);
    EXPECT_EQ(status.version, 0U);
    EXPECT_EQ(status.newest, 7U);
    EXPECT_TRUE(files().empty());
}

TEST_F(MigratorTest, UpAndDownStepByStep) {
    const Config settings = config();
    Database database(settings);
    EXPECT_EQ(versions(database.migrate_up(forever_)), (Versions{1, 2, 3, 4, 5, 6, 7}));
    EXPECT_EQ(files(), (std::vector<std::string>{"market.db", "market.db-lock"}));
    EXPECT_EQ(versions(database.migrate_up(forever_)), Versions{});
    EXPECT_TRUE(database.migrate_status(forever_).exists);
    EXPECT_EQ(database.migrate_status(forever_).version, 7U);
    EXPECT_EQ(versions(database.migrate_down(1, forever_)), (Versions{7, 6, 5, 4, 3, 2}));
    EXPECT_EQ(tables(), "exchanges;reference_version;schema_migrations;series;sources;symbols");
    EXPECT_EQ(versions(database.migrate_up(forever_)), (Versions{2, 3, 4, 5, 6, 7}));
    EXPECT_EQ(versions(database.migrate_down(0, forever_)), (Versions{7, 6, 5, 4, 3, 2, 1}));
    EXPECT_EQ(tables(), "schema_migrations");
    EXPECT_FALSE(database.migrate_status(forever_).exists);
    database.open(forever_);
    EXPECT_EQ(database.migrate_status(forever_).version, 7U);
}

TEST_F(MigratorTest, DownIsRefusedWhileATableHasRows) {
    Config settings = config();
    Database database(settings);
    database.open(forever_);
    Source source;
    source.kind = "import";
    source.name = "x";
    source.started_at = kNoon;
    database.insert_one(table_of<Source>(), reinterpret_cast<std::byte*>(&source), forever_);
    expect_error(ErrorCode::constraint, [&] { database.migrate_down(0, forever_); }, {"version 1", "sources has rows"});
    EXPECT_EQ(database.migrate_status(forever_).version, 7U);
    EXPECT_EQ(versions(database.migrate_down(1, forever_)), (Versions{7, 6, 5, 4, 3, 2}));
}

TEST_F(MigratorTest, AnOlderDatabaseIsMigratedOnlyWhenAsked) {
    {
        const Config settings = config();
        Database database(settings);
        database.migrate_up(forever_);
        database.migrate_down(2, forever_);
    }
    for (const OpenMode mode : {OpenMode::create, OpenMode::existing, OpenMode::read_only}) {
        const Config settings = config(mode);
        Database database(settings);
        expect_error(ErrorCode::schema_mismatch, [&] { database.open(forever_); },
                     {"version 2", "marketdb migrate up"});
    }
    Config settings = config(OpenMode::existing);
    settings.migrate = true;
    Database database(settings);
    database.open(forever_);
    EXPECT_EQ(database.migrate_status(forever_).version, 7U);
}

TEST_F(MigratorTest, ANewerDatabaseIsRefusedUnlessItSaysOtherwise) {
    {
        const Config settings = config();
        Database database(settings);
        database.migrate_up(forever_);
    }
    ForeignConnection other(file());
    other.execute("INSERT INTO schema_migrations VALUES (8, 'later', 'x', 8, 8, 0, 'marketdb 9')");
    for (const OpenMode mode : {OpenMode::create, OpenMode::existing, OpenMode::read_only}) {
        const Config settings = config(mode);
        Database database(settings);
        expect_error(ErrorCode::schema_mismatch, [&] { database.open(forever_); }, {"version 8", "up to 7"});
    }
    other.execute("UPDATE schema_migrations SET min_reader = 7 WHERE version = 8");
    const Config reading = config(OpenMode::read_only);
    Database reader(reading);
    EXPECT_NO_THROW(reader.open(forever_));
    const Config writing = config(OpenMode::existing);
    Database writer(writing);
    expect_error(ErrorCode::schema_mismatch, [&] { writer.open(forever_); }, {"only read"});
    expect_error(ErrorCode::schema_mismatch, [&] { writer.migrate_down(0, forever_); }, {"version 8"});
    EXPECT_TRUE(writer.migrate_up(forever_).empty());
}

TEST_F(MigratorTest, AChangedChecksumIsRefused) {
    {
        const Config settings = config();
        Database database(settings);
        database.migrate_up(forever_);
    }
    ForeignConnection(file()).execute("UPDATE schema_migrations SET checksum = 'abc' WHERE version = 2");
    const Config settings = config();
    Database database(settings);
    expect_error(ErrorCode::schema_mismatch, [&] { database.open(forever_); }, {"version 2", "abc"});
    expect_error(ErrorCode::schema_mismatch, [&] { database.migrate_up(forever_); });
    expect_error(ErrorCode::schema_mismatch, [&] { database.migrate_status(forever_); });
}

TEST_F(MigratorTest, ReadOnlyMigratesNothingAndMissingFilesAreUnavailable) {
    Config settings = config(OpenMode::existing);
    {
        Database database(settings);
        expect_error(ErrorCode::unavailable, [&] { database.migrate_up(forever_); }, {"no such file"});
        expect_error(ErrorCode::unavailable, [&] { database.migrate_down(0, forever_); }, {"no such file"});
    }
    EXPECT_TRUE(files().empty());
    const Config creating = config();
    Database(creating).migrate_up(forever_);
    settings.open_mode = OpenMode::read_only;
    Database database(settings);
    expect_error(ErrorCode::read_only, [&] { database.migrate_up(forever_); });
    expect_error(ErrorCode::read_only, [&] { database.migrate_down(0, forever_); });
    EXPECT_EQ(database.migrate_status(forever_).version, 7U);
}

TEST_F(MigratorTest, AnotherProgramsDatabaseIsNeverMigrated) {
    ForeignConnection(file()).execute("CREATE TABLE notes (text)");
    const Config settings = config();
    Database database(settings);
    expect_error(ErrorCode::schema_mismatch, [&] { database.migrate_up(forever_); }, {"notes"});
    expect_error(ErrorCode::schema_mismatch, [&] { database.migrate_status(forever_); }, {"notes"});
    expect_error(ErrorCode::schema_mismatch, [&] { database.migrate_down(0, forever_); }, {"notes"});
    EXPECT_EQ(tables(), "notes");
}

TEST_F(MigratorTest, EightProcessesAtOnceMakeOneDatabase) {
    for (int round = 0; round < 5; ++round) {
        std::vector<std::unique_ptr<ChildProcess>> children;
        for (int i = 0; i < 8; ++i) {
            children.push_back(std::make_unique<ChildProcess>([this](LineChannel& parent) {
                static_cast<void>(parent.hear());
                Config settings = config();
                settings.busy_timeout = std::chrono::seconds(20);
                Database database(settings);
                database.open(forever_);
                return database.store().stats().schema_version == 7 ? 0 : 1;
            }));
        }
        for (const auto& child : children) child->say("go");
        for (const auto& child : children) EXPECT_EQ(child->wait(), 0);
        ForeignConnection other(file());
        EXPECT_EQ(other.query("SELECT group_concat(version) FROM schema_migrations"), "1,2,3,4,5,6,7");
        EXPECT_EQ(other.query("SELECT version FROM reference_version"), "1");
        EXPECT_EQ(other.query("PRAGMA auto_vacuum"), "2");
        EXPECT_EQ(other.query("PRAGMA integrity_check"), "ok");
        for (const std::string& name : files()) std::filesystem::remove(folder_ / name);
    }
}

/// Kills a process that goes up and down again and again; whenever it dies, the database has one of the versions, whole.
void kill_migrating(const Config& settings, int cycles) {
    for (int cycle = 0; cycle < cycles; ++cycle) {
        ChildProcess child([&](LineChannel& parent) -> int {
            const storage::sqlite::Control forever(Deadline::never());
            parent.say("begin");
            for (;;) {
                Database database(settings);
                database.migrate_up(forever);
                database.migrate_down(static_cast<std::uint32_t>(cycle % 4), forever);
            }
        });
        ASSERT_EQ(child.hear(), "begin");
        std::this_thread::sleep_for(std::chrono::microseconds(cycle * 1237 % 40'000));
        child.kill();
        const storage::sqlite::Control limit(Deadline::in(std::chrono::seconds(30)));
        Database database(settings);
        database.migrate_up(limit);
        ASSERT_EQ(database.migrate_status(limit).version, 7U);
        database.open(limit);
        ASSERT_EQ(database.connection().query_text("PRAGMA integrity_check"), "ok");
        ASSERT_EQ(database.connection().query_integer("SELECT version FROM reference_version"), 1);
    }
}

TEST_F(MigratorTest, KilledHalfWayTheNextOneFinishes) { kill_migrating(config(), 20); }

class MigratorLong : public MigratorTest {};
TEST_F(MigratorLong, KilledHalfWayTheNextOneFinishes) { kill_migrating(config(), 500); }

}  // namespace
}  // namespace marketdb::testing
