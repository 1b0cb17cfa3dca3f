#include <gtest/gtest.h>
#include <unistd.h>

#include <future>
#include <memory>
#include <string>
#include <vector>

#include <marketdb/transfer.hpp>

#include "contract/import_fixture.hpp"
#include "support/conversion_database.hpp"
#include "support/expect.hpp"
#include "support/temporary_folder.hpp"

/// What an existing schema has no table for, beside it. (The suite is named so that it finds a server.)
namespace marketdb::testing {
namespace {

/// A file with four good rows, and a bad one as its line 6.
class PostgresSideTables : public ::testing::Test {
 protected:
    [[nodiscard]] static Config making(Config settings) {
        settings.postgres.side_tables = true;
        return settings;
    }
    static std::unique_ptr<DatabaseManager> open(Config settings) { return ExistingSchema::open(std::move(settings)); }

    ImportReport import_bad_file(DatabaseManager& db) {
        const std::string text = tardis_quotes(4) + "binance,BTCUSDT,yesterday,1723118400000000,2,101,100,1\n";
        ImportOptions options;
        options.on_error = OnError::quarantine;
        return db.wait(import_file(db, write_file(folder_.path() / "quotes.csv", text), options));
    }
    static Source an_import() {
        Source source;
        source.kind = "import";
        return source;
    }
    static std::vector<Source> imports(DatabaseManager& db) {
        SourceFilter filter;
        filter.kind = "import";
        return db.wait(db.get_sources(filter));
    }

    TemporaryFolder folder_;
    ConversionDatabase database_{{"complete"}};
};

TEST_F(PostgresSideTables, KeepSourcesAndRowsSetAsideAndLeaveTheExistingSchemaAsItIs) {
    const std::string before = database_.definitions("desk");
    ASSERT_NE(before.find("CREATE TABLE"), std::string::npos);
    open(making(database_.config()));

    // A program that was not told of them finds them.
    const auto db = open(database_.config());
    const ImportReport report = import_bad_file(*db);
    EXPECT_EQ(report.error, "");
    EXPECT_EQ(report.rejected, 1U);
    EXPECT_EQ(report.written.inserted, 4U);
    EXPECT_TRUE(import_bad_file(*db).skipped) << "the file was imported before";

    const std::vector<Source> stored = imports(*db);
    ASSERT_EQ(stored.size(), 1U);
    EXPECT_EQ(stored[0].rows, 4);
    EXPECT_NE(stored[0].name.str().find("quotes.csv"), std::string::npos);
    EXPECT_EQ(database_.rows("SELECT line, dataset, text FROM marketdb.quarantined_rows"),
              std::vector<std::string>{"6|book-tickers|binance,BTCUSDT,yesterday,1723118400000000,2,101,100,1"});
    const DatabaseStats stats = db->wait(db->get_database_stats());
    EXPECT_EQ(stats.sources, 1U);
    EXPECT_EQ(stats.quarantined, 1U);
    EXPECT_EQ(database_.definitions("desk"), before);
}

TEST_F(PostgresSideTables, WithoutThemRowsCannotBeSetAsideAndTheErrorSaysHowTheyCan) {
    const auto db = open(database_.config());
    expect_error(ErrorCode::schema_mismatch, [&] { import_bad_file(*db); }, {"`marketdb init --side-tables`"});
    EXPECT_EQ(database_.value("SELECT count(*) FROM pg_namespace WHERE nspname = 'marketdb'"), "0");
}

TEST_F(PostgresSideTables, SeveralProgramsMakeThemAtOnce) {
    std::vector<std::future<std::size_t>> programs;
    for (int i = 0; i < 4; ++i) {
        programs.push_back(std::async(std::launch::async, [&] {
            const auto db = open(making(database_.config()));
            db->wait(db->begin_source(an_import()));
            return imports(*db).size();
        }));
    }
    for (auto& program : programs) EXPECT_GE(program.get(), 1U);
    EXPECT_EQ(database_.value("SELECT count(*) FROM marketdb.sources"), "4");
}

TEST_F(PostgresSideTables, BelongToOneExistingSchema) {
    open(making(database_.config()));
    database_.run("CREATE SCHEMA other; SET search_path TO other");
    const auto owner = database_.session();
    owner->run("SET search_path TO other");
    make_existing_tables(*owner, "complete");
    Config other =
        Config::from_url(PostgresServer::shared().url("schema=other", database_.value("SELECT current_database()")));
    expect_error(ErrorCode::schema_mismatch, [&] { open(making(other)); },
                 {R"(side tables of schema "other")", R"("desk")", "nothing was made"});
    // It does not take the other's for its own either.
    const auto db = open(other);
    db->wait(db->begin_source(an_import()));
    EXPECT_EQ(db->wait(db->get_sources()).size(), 0U);
    EXPECT_EQ(database_.value("SELECT count(*) FROM marketdb.sources"), "0");
}

TEST_F(PostgresSideTables, ASchemaOfThatNameThatIsAnothersStaysAsItIs) {
    const std::string name = database_.value("SELECT current_database()");
    database_.run("CREATE SCHEMA marketdb");
    // Even marketdb's own.
    open(Config::from_url(PostgresServer::shared().url("schema=marketdb", name)));
    expect_error(ErrorCode::schema_mismatch, [&] { open(making(database_.config())); },
                 {"want a schema named marketdb, and there is one that is not theirs", "nothing was made"});
    const auto db = open(database_.config());
    db->wait(db->begin_source(an_import()));
    EXPECT_EQ(database_.value("SELECT count(*) FROM marketdb.sources"), "0");
}

TEST_F(PostgresSideTables, AreRefusedWhereTheTablesAreOurOwn) {
    database_.run("CREATE SCHEMA lean");
    const std::string name = database_.value("SELECT current_database()");
    const Config lean = Config::from_url(PostgresServer::shared().url("schema=lean", name));
    expect_error(ErrorCode::invalid_argument, [&] { open(making(lean)); },
                 {"side tables are for an existing schema", "nothing was made"});
    EXPECT_EQ(database_.value("SELECT count(*) FROM pg_class WHERE relnamespace = 'lean'::regnamespace"), "0");
    // Tables that were converted have them, whatever a program still asks for.
    open(lean);
    const auto db = open(making(lean));
    db->wait(db->begin_source(an_import()));
    EXPECT_EQ(database_.value("SELECT count(*) FROM lean.sources"), "1");
}

TEST_F(PostgresSideTables, AreMadeByNobodyWhoMayOnlyRead) {
    Config reader = making(database_.config());
    reader.open_mode = OpenMode::read_only;
    open(reader);
    EXPECT_EQ(database_.value("SELECT count(*) FROM pg_namespace WHERE nspname = 'marketdb'"), "0");
}

TEST_F(PostgresSideTables, ARoleUsesThemAsFarAsItMay) {
    open(making(database_.config()))->wait(open(database_.config())->begin_source(an_import()));
    const std::string role = "side_role_" + std::to_string(::getpid());
    const std::string name = database_.value("SELECT current_database()");
    PostgresServer::shared().run_sql(name, "CREATE ROLE " + role + " LOGIN; GRANT USAGE ON SCHEMA desk TO " + role +
                                               "; GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA desk TO " +
                                               role + "; GRANT USAGE ON ALL SEQUENCES IN SCHEMA desk TO " + role);
    const auto opened = [&](OpenMode mode) {
        Config settings = database_.config();
        settings.postgres.username = role;
        settings.postgres.conninfo = PostgresServer::shared().conninfo(name, role);
        settings.open_mode = mode;
        return open(settings);
    };
    const auto sources = [&](OpenMode mode) {
        const auto db = opened(mode);
        return db->wait(db->get_sources()).size();
    };
    const auto writes = [&](int second) {
        const auto db = opened(OpenMode::existing);
        BookTicker row = quote(SymbolId{1}, kNoon + std::chrono::seconds(second), 1, 2);
        row.received_at = row.timestamp;
        return db->wait(db->insert_book_ticker_snapshots({row})).inserted;
    };
    EXPECT_EQ(sources(OpenMode::read_only), 0U) << "no right at all";
    EXPECT_EQ(writes(100'000), 1U);
    PostgresServer::shared().run_sql(name, "GRANT USAGE ON SCHEMA marketdb TO " + role);
    EXPECT_EQ(sources(OpenMode::read_only), 0U) << "no right on the tables";
    EXPECT_EQ(writes(100'001), 1U);
    PostgresServer::shared().run_sql(name, "GRANT SELECT ON ALL TABLES IN SCHEMA marketdb TO " + role);
    EXPECT_EQ(sources(OpenMode::read_only), 1U);
    EXPECT_EQ(writes(100'002), 1U) << "it registers nothing";
    EXPECT_EQ(sources(OpenMode::read_only), 1U);
    PostgresServer::shared().run_sql(name, "GRANT INSERT, UPDATE ON ALL TABLES IN SCHEMA marketdb TO " + role);
    EXPECT_EQ(writes(100'003), 1U);
    EXPECT_EQ(sources(OpenMode::read_only), 2U) << "its session too";
    PostgresServer::shared().run_sql(name, "DROP OWNED BY " + role + "; DROP ROLE " + role);
}

TEST_F(PostgresSideTables, AHalfOfThemIsNotUsed) {
    open(making(database_.config()));
    database_.run("DROP TABLE marketdb.quarantined_rows");
    const auto db = open(database_.config());
    db->wait(db->begin_source(an_import()));
    EXPECT_EQ(database_.value("SELECT count(*) FROM marketdb.sources"), "0");
}

}  // namespace
}  // namespace marketdb::testing
