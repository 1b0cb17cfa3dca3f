#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/program.hpp"
#include "conversion_fixture.hpp"
#include "support/expect.hpp"

/// Continuous aggregates of TimescaleDB over tables of older programs.
namespace marketdb::testing {
namespace {

/// Only the community edition makes continuous aggregates. This is what one leaves in the catalogue, with a second on top of it and
/// one of another desk: two views of TimescaleDB's own on the table, and the user's view on what they fill.
constexpr const char* kAggregates = R"(
CREATE SCHEMA timescaledb_information;
CREATE TABLE timescaledb_information.continuous_aggregates (
    hypertable_schema name, hypertable_name name, view_schema name, view_name name, view_owner name,
    materialized_only boolean, compression_enabled boolean, materialization_hypertable_schema name,
    materialization_hypertable_name name, view_definition text, finalized boolean);
CREATE SCHEMA _timescaledb_internal;
CREATE TABLE _timescaledb_internal._materialized_hypertable_2 (
    hour timestamptz NOT NULL, symbol_id integer, bid_price numeric);
CREATE TABLE _timescaledb_internal._materialized_hypertable_3 (
    day timestamptz NOT NULL, symbol_id integer, bid_price numeric);
CREATE VIEW _timescaledb_internal._partial_view_2 AS
    SELECT date_trunc('hour', b."timestamp") AS hour, b.symbol_id, max(b.bid_price) AS bid_price
    FROM book_ticker_snapshots AS b GROUP BY 1, 2;
CREATE VIEW _timescaledb_internal._direct_view_2 AS
    SELECT date_trunc('hour', b."timestamp") AS hour, b.symbol_id, max(b.bid_price) AS bid_price
    FROM book_ticker_snapshots AS b GROUP BY 1, 2;
CREATE VIEW highs_by_hour AS
    SELECT m.hour, m.symbol_id, m.bid_price FROM _timescaledb_internal._materialized_hypertable_2 AS m;
CREATE VIEW "Highs by day" AS
    SELECT m.day, m.symbol_id, m.bid_price FROM _timescaledb_internal._materialized_hypertable_3 AS m;
INSERT INTO timescaledb_information.continuous_aggregates VALUES
    ('desk', 'book_ticker_snapshots', 'desk', 'highs_by_hour', 'marketdb', true, false, '_timescaledb_internal',
     '_materialized_hypertable_2', 'SELECT ..', true),
    ('_timescaledb_internal', '_materialized_hypertable_2', 'desk', 'Highs by day', 'marketdb', true, false,
     '_timescaledb_internal', '_materialized_hypertable_3', 'SELECT ..', true),
    ('other', 'book_ticker_snapshots', 'other', 'lows_by_hour', 'marketdb', true, false, '_timescaledb_internal',
     '_materialized_hypertable_4', 'SELECT ..', true);
)";

class PostgresConversionAggregates : public CliTest {
 protected:
    PostgresConversionAggregates() { database_.run(kAggregates); }

    Outcome migrate(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"--db", database_.url(), "migrate"});
        return run(std::move(arguments));
    }

    ConversionDatabase database_{{"complete"}};
};

TEST_F(PostgresConversionAggregates, AreRefusedByTheNamesThatTheirUsersKnow) {
    const std::string before = database_.definitions();
    EXPECT_EQ(
        found(plan_of(database_.config()), "refused"),
        (Rows{"view _timescaledb_internal._direct_view_2: 0 it belongs to a continuous aggregate",
              "view _timescaledb_internal._partial_view_2: 0 it belongs to a continuous aggregate",
              "continuous aggregate desk.\"Highs by day\": 0 TimescaleDB fills it from book_ticker_snapshots; drop "
              "it first",
              "continuous aggregate desk.highs_by_hour: 0 TimescaleDB fills it from book_ticker_snapshots; drop "
              "it first"}));
    expect_error(ErrorCode::schema_mismatch, [&] { convert(database_.config(), ConversionStep::up); },
                 {"continuous aggregate desk.highs_by_hour", "nothing was changed"});
    EXPECT_EQ(database_.definitions(), before);
    EXPECT_EQ(database_.value("SELECT count(*) FROM book_ticker_snapshots"), "3000");
}

TEST_F(PostgresConversionAggregates, ThePlanOnTheCommandLineNamesThemAndUpChangesNothing) {
    const std::string before = database_.definitions();
    const Outcome plan = migrate({"plan"});
    EXPECT_EQ(plan.code, 0) << plan.err;
    const std::size_t line = plan.out.find("highs_by_hour");
    ASSERT_NE(line, std::string::npos) << plan.out;
    EXPECT_NE(plan.out.substr(line, plan.out.find('\n', line) - line).find("refused"), std::string::npos) << plan.out;
    const Outcome up = migrate({"up", "--yes", "--despite-sessions"});
    EXPECT_NE(up.code, 0);
    EXPECT_NE(up.err.find("continuous aggregate desk.highs_by_hour"), std::string::npos) << up.err;
    EXPECT_EQ(database_.definitions(), before);
}

TEST_F(PostgresConversionAggregates, WhenTheyAreDroppedTheTablesAreConverted) {
    database_.run(
        "DROP VIEW \"Highs by day\", highs_by_hour; DROP SCHEMA _timescaledb_internal CASCADE; DELETE FROM "
        "timescaledb_information.continuous_aggregates WHERE view_schema = 'desk'");
    EXPECT_EQ(convert(database_.config(), ConversionStep::up).phase, "converted");
    EXPECT_EQ(database_.value("SELECT count(*) FROM book_ticker_snapshots"), "3000");
}

/// The extension's own view of a continuous aggregate, which is noted here in its catalogue by hand.
TEST(PostgresConversionOfHypertables, IsRefusedWithTheNamesOfItsContinuousAggregates) {
    if (PostgresServer::shared()
            .query("postgres", "SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb'")
            .empty()) {
        GTEST_SKIP() << "TimescaleDB is not installed on this machine";
    }
    PostgresOptions with_timescale;
    with_timescale.timescale = true;
    const PostgresServer server(with_timescale);
    {
        PostgresSession owner(server.conninfo(kTestDatabase, kTestRole));
        owner.run("CREATE SCHEMA desk; SET search_path TO desk, public");
        make_existing_tables(owner, "complete");
        owner.run(
            "SELECT create_hypertable('book_ticker_snapshots', by_range('timestamp')); CREATE TABLE highs (hour "
            "timestamptz NOT NULL, symbol_id integer, bid_price numeric); SELECT create_hypertable('highs', "
            "by_range('hour')); CREATE VIEW highs_by_hour AS SELECT * FROM highs");
    }
    server.run_sql(
        kTestDatabase,
        "INSERT INTO _timescaledb_catalog.continuous_agg (mat_hypertable_id, raw_hypertable_id, "
        "user_view_schema, user_view_name, partial_view_schema, partial_view_name, direct_view_schema, "
        "direct_view_name) SELECT m.id, r.id, 'desk', 'highs_by_hour', 'desk', 'highs_by_hour', 'desk', "
        "'highs_by_hour' FROM _timescaledb_catalog.hypertable AS m, _timescaledb_catalog.hypertable AS r WHERE "
        "m.table_name = 'highs' AND r.table_name = 'book_ticker_snapshots'");
    const Config settings = Config::from_url(server.url("schema=desk"));
    const Rows refused = found(plan_of(settings), "refused");
    EXPECT_EQ(
        std::count(refused.begin(), refused.end(),
                   "continuous aggregate desk.highs_by_hour: 0 TimescaleDB fills it from book_ticker_snapshots; drop "
                   "it first"),
        1)
        << fmt::format("{}", fmt::join(refused, "\n"));
    EXPECT_EQ(
        std::count(refused.begin(), refused.end(),
                   "trigger ts_insert_blocker of book_ticker_snapshots: 0 the table is a hypertable of TimescaleDB"),
        1);
    expect_error(ErrorCode::schema_mismatch, [&] { convert(settings, ConversionStep::up); },
                 {"continuous aggregate desk.highs_by_hour", "nothing was changed"});
    PostgresSession session(server.conninfo(kTestDatabase, kTestRole));
    EXPECT_EQ(session.value("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'marketdb%'"), "0");
}

}  // namespace
}  // namespace marketdb::testing
