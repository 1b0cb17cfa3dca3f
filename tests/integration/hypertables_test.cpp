#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "contract/engine_fixture.hpp"
#include "storage/postgres/hypertables.hpp"
#include "storage/postgres/migrations.hpp"
#include "storage/postgres/migrator.hpp"

/// Book tickers and trades as hypertables of TimescaleDB.
namespace marketdb::testing {
namespace {

using std::chrono::hours;

/// A schema in a database of a server that has TimescaleDB.
class Hypertables : public ::testing::Test, public EngineFixture {
 protected:
    Hypertables() : EngineFixture(make_target()) {}

    static void SetUpTestSuite() {
        const Lines available = PostgresServer::shared().query(
            "postgres", "SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb'");
        if (available.empty()) return;
        PostgresOptions options;
        options.timescale = true;
        server_ = std::make_unique<PostgresServer>(options);
    }
    static void TearDownTestSuite() { server_.reset(); }

    void SetUp() override {
        if (!server_) GTEST_SKIP() << "TimescaleDB is not installed on this machine";
    }

    static EngineTarget make_target() {
        EngineTarget target = postgres_lean_target();
        target.name = "Hypertables";
        target.set_up = [](const std::filesystem::path& folder) {
            if (server_) session()->run("CREATE SCHEMA " + quoted_identifier(postgres_target::schema(folder)));
        };
        target.tear_down = [](const std::filesystem::path& folder) {
            if (server_)
                session()->run("DROP SCHEMA " + quoted_identifier(postgres_target::schema(folder)) + " CASCADE");
        };
        target.config = [](const std::filesystem::path& folder) {
            Config settings = Config::from_url(server_->url("schema=" + postgres_target::schema(folder)));
            settings.postgres.pool_min_size = 1;
            settings.postgres.hypertables = true;
            return settings;
        };
        target.owner_config = target.config;
        return target;
    }
    static std::unique_ptr<PostgresSession> session(std::string_view role = kTestRole) {
        return std::make_unique<PostgresSession>(server_->conninfo(kTestDatabase, role));
    }
    Lines query(const std::string& sql) {
        const auto open = session();
        open->run("SET search_path = " + quoted_identifier(postgres_target::schema(folder())));
        return open->rows(sql);
    }
    std::string chunks(const std::string& table = "book_ticker_snapshots") {
        return query(
                   "SELECT count(*) FROM timescaledb_information.chunks WHERE hypertable_schema = current_schema() AND "
                   "hypertable_name = '" +
                   table + "'")
            .front();
    }
    Lines counted() {
        return query("SELECT (SELECT sum(rows) FROM series), (SELECT count(*) FROM book_ticker_snapshots)");
    }

    static std::unique_ptr<PostgresServer> server_;
};

std::unique_ptr<PostgresServer> Hypertables::server_;

TEST_F(Hypertables, AreMadeAndHoldWhatThePartitionsWould) {
    EXPECT_EQ(query("SELECT 1 FROM pg_tables WHERE schemaname = current_schema()"), Lines{});
    const DatabaseStats made = wait(db().get_database_stats());
    EXPECT_TRUE(made.has_hypertables);
    EXPECT_NE(made.engine.find(", TimescaleDB 2."), std::string::npos) << made.engine;
    EXPECT_TRUE(made.engine.ends_with(" (" + query("SHOW timescaledb.license").front() + ")")) << made.engine;
    EXPECT_EQ(query("SELECT hypertable_name FROM timescaledb_information.hypertables WHERE hypertable_schema = "
                    "current_schema() ORDER BY 1"),
              (Lines{"book_ticker_snapshots", "trade_snapshots"}));

    const SymbolId symbol = make_symbol().id;
    std::vector<BookTicker> rows;
    for (int i = 0; i < 12'000; ++i)
        rows.push_back(quote(symbol, kNoon - hours(24 * 100) + std::chrono::seconds(i), 1, 2));
    rows.push_back(quote(symbol, kNoon - hours(24 * 50), 3, 4));
    rows.push_back(quote(symbol, kNoon, 5, 6));
    EXPECT_EQ(store(rows), result(12'002));
    EXPECT_EQ(store(rows), result(0, 0, 12'002));
    rows.back() = quote(symbol, kNoon, 5, 7);
    EXPECT_EQ(store(rows), result(0, 1, 12'001));
    EXPECT_EQ(chunks(), "3");
    EXPECT_EQ(counted(), Lines{"12002|12002"});

    reopen();
    HistoryFilter filter;
    filter.limit = 3;
    filter.order = Order::descending;
    EXPECT_EQ(stored_quotes(filter).front(), lines_of(std::vector<BookTicker>{rows.back()}).front());
    EXPECT_EQ(stored_quotes().size(), 12'002U);
    const auto latest = wait(db().get_latest_book_tickers());
    ASSERT_EQ(latest.size(), 1U);
    EXPECT_EQ(latest.front().row.ask_price, 7);
    EXPECT_EQ(query("SELECT ask_price FROM latest_quotes"), Lines{"7"});
    EXPECT_GT(wait(db().get_database_stats()).bytes, made.bytes + 500'000);
}

TEST_F(Hypertables, CleanUpDropsWholeChunksAndTheirRowsLeaveTheCounts) {
    const SymbolId symbol = make_symbol().id;
    const SymbolId other = make_symbol("ETH").id;
    store({quote(symbol, kNoon - hours(24 * 100), 1, 2), quote(other, kNoon - hours(24 * 100), 1, 2),
           quote(symbol, kNoon - hours(24 * 50), 3, 4), quote(symbol, kNoon, 5, 6)});
    EXPECT_EQ(chunks(), "3");
    const auto reader = session();
    reader->run("BEGIN; SELECT * FROM " + quoted_identifier(postgres_target::schema(folder())) +
                ".book_ticker_snapshots");
    expect_error(ErrorCode::timeout, [&] {
        static_cast<void>(wait(db().cleanup_old_data(a_week(), Deadline::in(std::chrono::seconds(1)))));
    });
    EXPECT_EQ(counted(), Lines{"4|4"});
    reader->run("COMMIT");
    EXPECT_EQ(wait(db().cleanup_old_data(a_week())).book_tickers, 3U);
    EXPECT_EQ(chunks(), "1");
    EXPECT_EQ(counted(), Lines{"1|1"});
    EXPECT_EQ(query("SELECT series_id, first_timestamp = last_timestamp FROM series"),
              Lines{std::to_string(static_cast<int>(symbol)) + "|t"});
    EXPECT_EQ(store(quote(symbol, kNoon - hours(24 * 100), 1, 2)), result(1)) << "the chunk is made anew";
}

TEST_F(Hypertables, AWriterThatOwnsNothingWritesAndCleansUp) {
    const SymbolId symbol = make_symbol().id;
    close();
    server_->run_sql(
        kTestDatabase,
        role_scripts(config(), {.owner = std::string(kTestRole), .writer = "hyper_writer", .reader = "hyper_reader"})
            .writer);
    Config settings = config();
    settings.postgres.conninfo += "&user=hyper_writer";
    const auto writer = open(settings);
    std::vector<BookTicker> rows{quote(symbol, kNoon - hours(24 * 100), 1, 2), quote(symbol, kNoon, 5, 6)};
    EXPECT_EQ(writer->wait(writer->insert_book_ticker_snapshots(rows)), result(2));
    EXPECT_EQ(writer->wait(writer->cleanup_old_data(a_week())).book_tickers, 1U);
    EXPECT_EQ(chunks(), "1");
}

TEST_F(Hypertables, TheSchemaGoesDownAsItCameUp) {
    static_cast<void>(db());
    close();
    DatabaseManager manager(config());
    EXPECT_EQ(manager.wait(manager.migrate_down(0)).size(), storage::postgres::migrations().size());
    EXPECT_EQ(
        query("SELECT count(*) FROM timescaledb_information.hypertables WHERE hypertable_schema = current_schema()"),
        Lines{"0"});
}

TEST_F(Hypertables, AreMadeByTheStepThatMakesTheTables) {
    static_cast<void>(db());
    close();
    DatabaseManager manager(config());
    manager.wait(manager.migrate_down(1));
    manager.wait(manager.migrate_up());
    EXPECT_TRUE(wait(db().get_database_stats()).has_hypertables);
}

/// What the tables that stand for the extension's views are made after.
TEST_F(Hypertables, TheViewsThatAreAskedHaveTheColumnsThatTheirStandInsHave) {
    EXPECT_EQ(query("SELECT table_name || '.' || column_name || ' ' || data_type FROM information_schema.columns WHERE "
                    "table_schema = 'timescaledb_information' AND (table_name, column_name) IN (('hypertables', "
                    "'hypertable_schema'), ('hypertables', 'hypertable_name'), ('chunks', 'hypertable_schema'), "
                    "('chunks', 'hypertable_name'), ('chunks', 'chunk_schema'), ('chunks', 'chunk_name'), ('chunks', "
                    "'range_start'), ('chunks', 'range_end'), ('continuous_aggregates', 'hypertable_schema'), "
                    "('continuous_aggregates', 'hypertable_name'), ('continuous_aggregates', 'view_schema'), "
                    "('continuous_aggregates', 'view_name'), ('continuous_aggregates', "
                    "'materialization_hypertable_schema'), ('continuous_aggregates', "
                    "'materialization_hypertable_name')) ORDER BY 1"),
              (Lines{"chunks.chunk_name name", "chunks.chunk_schema name", "chunks.hypertable_name name",
                     "chunks.hypertable_schema name", "chunks.range_end timestamp with time zone",
                     "chunks.range_start timestamp with time zone", "continuous_aggregates.hypertable_name name",
                     "continuous_aggregates.hypertable_schema name",
                     "continuous_aggregates.materialization_hypertable_name name",
                     "continuous_aggregates.materialization_hypertable_schema name",
                     "continuous_aggregates.view_name name", "continuous_aggregates.view_schema name",
                     "hypertables.hypertable_name name", "hypertables.hypertable_schema name"}));
}

TEST_F(Hypertables, TheDoctorCountsTheirChunksAndFindsNothingWrong) {
    store(quote(make_symbol().id, kNoon, 1, 2));
    Lines wrong;
    std::string chunks_found;
    for (const Finding& one : wait(diagnose(db()))) {
        EXPECT_FALSE(one.what.starts_with("could not be looked at")) << one.check << ": " << one.what;
        const bool is_of_tables = one.check == "indexes" || one.check == "triggers" || one.check == "orphans";
        if (is_of_tables && one.severity != Severity::fine) wrong.push_back(one.check + " " + one.where);
        if (one.check == "partitions" && one.where == "book_ticker_snapshots") chunks_found = one.what;
    }
    EXPECT_EQ(wrong, Lines{});
    EXPECT_TRUE(chunks_found.starts_with("1 chunks of TimescaleDB, each ")) << chunks_found;
}

/// The same questions of the catalogue, answered by tables in the place of the extension's views: for machines without it.
class HypertableCatalogue : public ::testing::Test {
 protected:
    HypertableCatalogue() {
        PostgresServer::shared().run_sql(kTestDatabase, "CREATE DATABASE " + name_ + " OWNER marketdb");
        PostgresSession session(PostgresServer::shared().conninfo(name_, kTestRole));
        session.run("CREATE SCHEMA desk; CREATE SCHEMA timescaledb_information");
        session.run(
            "CREATE TABLE timescaledb_information.hypertables (hypertable_schema name, hypertable_name name);"
            "INSERT INTO timescaledb_information.hypertables VALUES ('desk', 'book_ticker_snapshots'), ('desk', "
            "'trade_snapshots'), ('other', 'trade_snapshots');"
            "CREATE TABLE timescaledb_information.chunks (hypertable_schema name, hypertable_name name, chunk_schema "
            "name,"
            " chunk_name name, range_start timestamptz, range_end timestamptz);"
            "INSERT INTO timescaledb_information.chunks SELECT 'desk', 'book_ticker_snapshots', 'x', 'chunk' || i,"
            " timestamptz '2024-01-01Z' + i * interval '30 days', timestamptz '2024-01-31Z' + i * interval '30 days'"
            " FROM generate_series(0, 6) AS i");
    }
    ~HypertableCatalogue() override {
        PostgresServer::shared().run_sql(kTestDatabase, "DROP DATABASE " + name_ + " WITH (FORCE)");
    }
    [[nodiscard]] Config config() const {
        Config settings = Config::from_url(PostgresServer::shared().url("schema=desk", name_));
        settings.postgres.pool_min_size = 1;
        return settings;
    }

    /// As the tables are made for TimescaleDB.
    void make_tables_in_one_piece() {
        PostgresSession session(PostgresServer::shared().conninfo(name_, kTestRole));
        const storage::postgres::SchemaName schema("desk");
        DatabaseManager maker(config());
        maker.wait(maker.initialize());
        maker.wait(maker.close());
        session.run("SET search_path = pg_catalog");
        const auto steps = storage::postgres::migrations();
        for (std::size_t i = steps.size(); i-- > 0;) {
            session.run(storage::postgres::for_schema(steps[i].down.front(), schema));
        }
        for (const storage::Migration& step : steps) {
            std::string text = storage::postgres::for_schema(step.up.front(), schema);
            storage::postgres::remove_partitions(text);
            session.run(text);
        }
    }
    /// What CREATE EXTENSION leaves in the catalogue of this one database, without the extension.
    void note_extension(const std::string& version) {
        PostgresServer::shared().run_sql(
            name_,
            "INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion) VALUES "
            "(987654, 'timescaledb', 'postgres'::regrole, 'public'::regnamespace, false, '" +
                version + "')");
    }
    void set_edition(const std::string& edition) {
        PostgresServer::shared().run_sql(name_,
                                         "ALTER DATABASE " + name_ + " SET timescaledb.license = '" + edition + "'");
    }
    std::string engine() {
        DatabaseManager manager(config());
        manager.wait(manager.initialize());
        return manager.wait(manager.get_database_stats()).engine;
    }

    std::string name_ = "hyper_" + std::to_string(::getpid());
};

TEST_F(HypertableCatalogue, JobsOfTheServerAreListedAndThoseThatFailedAreAWarning) {
    PostgresSession session(PostgresServer::shared().conninfo(name_, kTestRole));
    session.run(
        "DROP TABLE timescaledb_information.hypertables, timescaledb_information.chunks;"
        "CREATE TABLE timescaledb_information.jobs (job_id integer, proc_name name, hypertable_schema name, "
        "hypertable_name name, schedule_interval interval, scheduled boolean, config jsonb);"
        "CREATE TABLE timescaledb_information.job_stats (job_id integer, last_run_status text);"
        "INSERT INTO timescaledb_information.jobs VALUES (1, 'policy_telemetry', NULL, NULL, '1 day', true, NULL), "
        "(1000, 'policy_retention', 'desk', 'trade_snapshots', '1 day', true, '{\"drop_after\": \"3 days\"}'), "
        "(1001, 'policy_compression', 'desk', 'book_ticker_snapshots', '12:00', false, NULL);"
        "INSERT INTO timescaledb_information.job_stats VALUES (1000, 'Failed'), (1001, 'Success')");
    DatabaseManager manager(config());
    manager.wait(manager.initialize());
    Lines jobs;
    for (const Finding& one : manager.wait(diagnose(manager))) {
        if (one.check != "jobs") continue;
        jobs.push_back(std::string(to_string(one.severity)) + " " + one.where + ": " + one.what);
    }
    EXPECT_EQ(jobs,
              (Lines{"warning desk.trade_snapshots: job 1000 of the server runs policy_retention every 1 day, with "
                     "{\"drop_after\": \"3 days\"}; its last run failed",
                     "note desk.book_ticker_snapshots: job 1001 of the server runs policy_compression every 12:00:00 "
                     "(paused)"}));
    const std::vector<ServerJob> listed = manager.wait(get_server_jobs(manager));
    ASSERT_EQ(listed.size(), 2U);
    EXPECT_EQ(listed[0].id, 1'000);
    EXPECT_EQ(listed[0].table, "desk.trade_snapshots");
    EXPECT_EQ(listed[0].settings, "{\"drop_after\": \"3 days\"}");
    EXPECT_TRUE(listed[0].has_failed && !listed[0].is_paused);
    EXPECT_TRUE(listed[1].is_paused && !listed[1].has_failed);
}

TEST_F(HypertableCatalogue, TablesThatItNamesAreReadByTheirChunks) {
    make_tables_in_one_piece();
    DatabaseManager manager(config());
    manager.wait(manager.initialize());
    const DatabaseStats stats = manager.wait(manager.get_database_stats());
    EXPECT_TRUE(stats.has_hypertables);
    EXPECT_EQ(stats.engine.find("TimescaleDB"), std::string::npos) << stats.engine;

    Symbol symbol;
    symbol.exchange_id = manager.wait(manager.ensure_exchange("ALPHA_SPOT")).id;
    symbol.symbol_base = "BTC";
    symbol.symbol_quote = "USDT";
    symbol.exchange_symbol = "BTCUSDT";
    const SymbolId id = manager.wait(manager.ensure_symbol(symbol)).id;
    std::vector<BookTicker> rows;
    for (int day = 0; day < 300; ++day) rows.push_back(quote(id, kNoon - hours(24 * day), 1, 2 + day));
    EXPECT_EQ(manager.wait(manager.insert_book_ticker_snapshots(rows)), result(300));
    HistoryFilter filter;
    filter.limit = 250;  // Read piece by piece.
    EXPECT_EQ(manager.wait(manager.get_book_ticker_history(filter)).rows.size(), 250U);
    manager.wait(manager.close());
    DatabaseManager reader(config());
    reader.wait(reader.initialize());
    const auto latest = reader.wait(reader.get_latest_book_tickers());
    ASSERT_EQ(latest.size(), 1U);
    EXPECT_EQ(latest.front().row.ask_price, 2);
}

TEST_F(HypertableCatalogue, TheEngineIsNamedWithVersionAndEditionOfTimescale) {
    if (tests_hypertables()) GTEST_SKIP() << "the shared server has the extension itself";
    make_tables_in_one_piece();
    note_extension("2.22.1");
    EXPECT_TRUE(engine().ends_with(", TimescaleDB 2.22.1")) << engine();
    set_edition("apache");
    EXPECT_TRUE(engine().ends_with(", TimescaleDB 2.22.1 (apache)")) << engine();
    set_edition("timescale");
    EXPECT_TRUE(engine().ends_with(", TimescaleDB 2.22.1 (timescale)")) << engine();
}

TEST_F(HypertableCatalogue, AnOlderExtensionIsRefusedByItsVersion) {
    if (tests_hypertables()) GTEST_SKIP() << "the shared server has the extension itself";
    note_extension("2.17.2");
    Config settings = config();
    settings.postgres.hypertables = true;
    DatabaseManager manager(settings);
    expect_error(ErrorCode::schema_mismatch, [&] { manager.wait(manager.initialize()); },
                 {"TimescaleDB 2.18", "has 2.17.2", "nothing was made"});
    PostgresSession session(PostgresServer::shared().conninfo(name_, kTestRole));
    EXPECT_EQ(session.value("SELECT count(*) FROM pg_class WHERE relnamespace = 'desk'::regnamespace"), "0");
}

TEST(HypertableRefusal, WithoutTheExtensionNothingIsMade) {
    if (tests_hypertables()) GTEST_SKIP() << "the shared server has the extension";
    const TemporaryFolder folder;
    postgres_target::make_schema(folder.path());
    Config settings = postgres_target::config(folder.path());
    settings.postgres.hypertables = true;
    DatabaseManager manager(settings);
    expect_error(ErrorCode::schema_mismatch, [&] { manager.wait(manager.initialize()); },
                 {"TimescaleDB 2.18", "CREATE EXTENSION timescaledb", "nothing was made"});
    EXPECT_EQ(postgres_target::tables(folder.path()), Lines{});
    postgres_target::drop_schema(folder.path());
}

}  // namespace
}  // namespace marketdb::testing
