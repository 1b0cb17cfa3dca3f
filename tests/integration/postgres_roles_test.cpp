#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <marketdb/config.hpp>
#include <marketdb/database_manager.hpp>
#include <marketdb/doctor.hpp>
#include <marketdb/maintenance.hpp>
#include <marketdb/retention.hpp>
#include <marketdb/roles.hpp>
#include <marketdb/time.hpp>

#include "cli/program.hpp"
#include "postgres_schema_fixture.hpp"
#include "support/rows.hpp"
#include "support/temporary_folder.hpp"
#include "support/walkable_clock.hpp"

/// The roles that `marketdb init --roles` makes, and the views for people.
namespace marketdb::testing {
namespace {

std::string percent_encoded(const std::string& text) {
    constexpr const char* kDigits = "0123456789ABCDEF";
    std::string encoded;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        encoded += '%';
        encoded += kDigits[byte / 16];
        encoded += kDigits[byte % 16];
    }
    return encoded;
}

/// A schema whose owner, writer and reader came from what the program prints; run by the superuser, as an administrator would.
class PostgresRoles : public PostgresSchemaTest {
 protected:
    PostgresRoles()
        : desk_(unique_name("desk \"b\" ")),
          owner_(unique_name("owner \"x\" ")),
          writer_(unique_name("Writer ")),
          reader_(unique_name("reader'")) {
        run_script(printed("owner"));
        program({"--db", url(owner_), "init"});
        run_script(printed("writer"));
        run_script(printed("reader"));
    }
    ~PostgresRoles() override {
        for (const std::string& role : {reader_, writer_, owner_}) {
            server().run_sql(kTestDatabase, "DROP OWNED BY " + quoted_identifier(role) + " CASCADE");
            server().run_sql(kTestDatabase, "DROP ROLE " + quoted_identifier(role));
        }
    }

    [[nodiscard]] std::string url(const std::string& role) const {
        return server().url("schema=" + percent_encoded(desk_) + "&user=" + percent_encoded(role));
    }
    /// What a run of the program that succeeds prints.
    std::string program(const std::vector<std::string>& arguments) const {
        const Outcome outcome = Program(folder_.path(), arguments).wait();
        EXPECT_EQ(outcome.code, 0) << outcome.err;
        return outcome.out;
    }
    [[nodiscard]] std::string printed(const std::string& role) const { return printed_for(desk_, role, names()); }
    [[nodiscard]] std::string printed_for(const std::string& schema, const std::string& role,
                                          const RoleNames& roles) const {
        return program({"--db", "postgresql://nowhere.invalid/market?schema=" + percent_encoded(schema), "init",
                        "--roles", role, "--owner", roles.owner, "--writer", roles.writer, "--reader", roles.reader});
    }
    [[nodiscard]] RoleNames names() const { return {.owner = owner_, .writer = writer_, .reader = reader_}; }
    static void run_script(const std::string& script) { server().run_sql(kTestDatabase, script); }
    [[nodiscard]] std::unique_ptr<PostgresSession> as(const std::string& role) const { return open_in(desk_, role); }

    const std::string desk_;
    const std::string owner_;
    const std::string writer_;
    const std::string reader_;
    const TemporaryFolder folder_;
};

void write_a_little(PostgresSession& writer) {
    writer.run(
        "INSERT INTO exchanges (enum_value, exchange_name, market_type, is_active)"
        " VALUES ('DEMOA_SPOT', 'DEMOA', 'SPOT', true)");
    writer.run(
        "INSERT INTO symbols (exchange_id, symbol_base, symbol_quote, exchange_symbol, symbol_type, contract_type,"
        " quantity_unit, is_active) VALUES (1, 'BTC', 'USDT', 'BTCUSDT', 'SPOT', 'spot', 'base', true)");
    writer.run("SELECT marketdb_ensure_partitions('book_ticker_snapshots', '2026-11-25Z', '2026-12-25Z')");
    writer.run("INSERT INTO book_ticker_snapshots VALUES (1, '2026-11-25Z', 0, NULL, 1, 1, 2, 2, NULL)");
    writer.run("INSERT INTO book_ticker_snapshots_2026_12 VALUES (1, '2026-12-01Z', 0, NULL, 1, 1, 2, 2, NULL)");
}

TEST_F(PostgresRoles, TheWriterDoesItsWork) {
    const auto writer = as(writer_);
    write_a_little(*writer);
    EXPECT_EQ(writer->number("SELECT version FROM reference_version"), 3);
    writer->run("UPDATE symbols SET is_active = false; UPDATE exchanges SET is_active = false");
    writer->run(
        "UPDATE book_ticker_snapshots SET bid_qty = 3; DELETE FROM book_ticker_snapshots WHERE \"timestamp\" > "
        "'2026-11-30Z'; DELETE FROM series");
    writer->run(
        "INSERT INTO sources (kind, name, started_at, rows) VALUES ('import', 'x', now(), 0);"
        "INSERT INTO quarantined_rows VALUES (1, 1, 'trades', 'r', 't');"
        "INSERT INTO coverage VALUES ('trades', 1, 'event', 'file', 1, '2026-11-25Z', '2026-11-26Z');"
        "UPDATE coverage SET end_time = '2026-11-27Z'; INSERT INTO pending_claims SELECT * FROM coverage;"
        "DELETE FROM coverage; DELETE FROM pending_claims");
    writer->run("UPDATE partitioning SET width = 'day'");
    EXPECT_EQ(writer->number("SELECT marketdb_drop_partitions('book_ticker_snapshots', '2026-12-01Z')"), 1);
    writer->run("LISTEN " + quoted_identifier(writer->value("SELECT marketdb_reference_channel()")));
    EXPECT_EQ(writer->number("SELECT count(*) FROM schema_migrations"), 7);
}

TEST_F(PostgresRoles, TheWriterOwnsNothingAndMayDoNothingElse) {
    const auto writer = as(writer_);
    write_a_little(*writer);
    for (const char* statement : {"DELETE FROM symbols", "DELETE FROM exchanges", "TRUNCATE book_ticker_snapshots",
                                  "UPDATE reference_version SET version = 9", "DELETE FROM schema_migrations",
                                  "INSERT INTO schema_migrations VALUES (9)", "UPDATE partitioning SET dataset = 'x'",
                                  "DELETE FROM partitioning", "DROP TABLE book_ticker_snapshots_2026_11",
                                  "CREATE TABLE mine (id integer)", "ALTER TABLE symbols DISABLE TRIGGER USER",
                                  "SELECT marketdb_make_partition('trade_snapshots', '2026-01-01', '2026-02-01')",
                                  "DROP FUNCTION marketdb_partitions(text)"}) {
        SCOPED_TRACE(statement);
        expect_refused("42501", [&] { writer->run(statement); });
    }
    EXPECT_EQ(server().query(kTestDatabase,
                             "SELECT count(*) FROM pg_class JOIN pg_roles ON relowner = pg_roles.oid"
                             " WHERE rolname = " +
                                 quoted_text(writer_)),
              Rows{"0"});
    EXPECT_EQ(writer->rows("SELECT count(*) FROM symbols"), Rows{"1"});
}

TEST_F(PostgresRoles, TheReaderSeesEverythingAndChangesNothing) {
    write_a_little(*as(writer_));
    const auto reader = as(reader_);
    EXPECT_EQ(reader->value("SHOW default_transaction_read_only"), "on");
    for (const char* table :
         {"exchanges", "symbols", "sources", "series", "reference_version", "schema_migrations", "partitioning",
          "book_ticker_snapshots", "trade_snapshots", "funding_rate_snapshots", "balance_snapshots", "quarantined_rows",
          "coverage", "pending_claims", "quotes", "latest_quotes", "funding", "book_ticker_snapshots_2026_12",
          "marketdb_partitions('book_ticker_snapshots')"}) {
        EXPECT_NO_THROW(reader->run(std::string("SELECT * FROM ") + table));
    }
    EXPECT_EQ(reader->number("SELECT count(*) FROM latest_quotes"), 1);
    reader->run("LISTEN " + quoted_identifier(reader->value("SELECT marketdb_reference_channel()")));
    expect_refused("25006", [&] { reader->run("UPDATE symbols SET is_active = false"); });
    reader->run("SET default_transaction_read_only = off");
    for (const char* statement :
         {"UPDATE symbols SET is_active = false", "DELETE FROM series", "INSERT INTO schema_migrations VALUES (9)",
          "SELECT marketdb_ensure_partitions('trade_snapshots', '2026-11-25Z', '2026-12-25Z')",
          "SELECT marketdb_drop_partitions('book_ticker_snapshots', '2027-12-25Z')"}) {
        SCOPED_TRACE(statement);
        expect_refused("42501", [&] { reader->run(statement); });
    }
}

TEST_F(PostgresRoles, RunningTheScriptsAgainChangesNothing) {
    write_a_little(*as(writer_));
    const std::string rights =
        "SELECT relname, relacl FROM pg_class WHERE relnamespace = " + quoted_text(quoted_identifier(desk_)) +
        "::regnamespace ORDER BY 1";
    const Rows before = server().query(kTestDatabase, rights);
    run_script(printed("owner"));
    run_script(printed("writer"));
    run_script(printed("reader"));
    EXPECT_EQ(server().query(kTestDatabase, rights), before);
}

TEST_F(PostgresRoles, WhoMayUseTheCountsMayUseTheLedgerThatALaterStepAdds) {
    program({"--db", url(owner_), "migrate", "down", "--to", "4", "--yes"});
    for (const std::string& role : {writer_, reader_}) {
        run_script("ALTER DEFAULT PRIVILEGES FOR ROLE " + quoted_identifier(owner_) + " IN SCHEMA " +
                   quoted_identifier(desk_) + " REVOKE ALL ON TABLES FROM " + quoted_identifier(role));
    }
    program({"--db", url(owner_), "migrate", "up"});
    std::string rights = "SELECT concat_ws(' '";
    for (const std::string& role : {reader_, writer_}) {
        for (const char* right : {"SELECT", "INSERT", "UPDATE", "DELETE"}) {
            rights += ", has_table_privilege(" + quoted_text(role) + ", c.oid, '" + right + "')";
        }
    }
    rights +=
        ") FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.relname IN ('coverage', "
        "'pending_claims', 'retention_holds', 'retention_policies') AND n.nspname = " +
        quoted_text(desk_) + " ORDER BY c.relname";
    EXPECT_EQ(server().query(kTestDatabase, rights),
              (Rows{"t f f f t t t t", "f f f f t t t t", "t f f f t t t t", "t f f f t t t t"}));
}

TEST_F(PostgresRoles, ScriptsThatNeedTheTablesChangeNothingWithoutThem) {
    const std::string writer = unique_name("early_");
    const RoleNames early{.owner = owner_, .writer = writer, .reader = reader_};
    const std::string empty = unique_name("empty_");
    run_script(printed_for(empty, "owner", early));
    const std::string script = printed_for(empty, "writer", early);
    expect_refused("42P01", [&] { run_script(script); });
    EXPECT_EQ(server().query(kTestDatabase, "SELECT count(*) FROM pg_roles WHERE rolname = " + quoted_text(writer)),
              Rows{"0"});
}

TEST_F(PostgresRoles, WithoutANameTheProgramPrintsAllThreeAndRunTwiceAroundInitTheySuffice) {
    const std::string schema = unique_name("both_");
    const RoleNames roles{.owner = owner_, .writer = writer_, .reader = reader_};
    const std::string database = server().url("schema=" + schema + "&user=" + percent_encoded(owner_));
    const std::string all = program({"--db", database, "init", "--roles", "--owner", roles.owner, "--writer",
                                     roles.writer, "--reader", roles.reader});
    EXPECT_EQ(all, printed_for(schema, "owner", roles) + "\n" + printed_for(schema, "writer", roles) + "\n" +
                       printed_for(schema, "reader", roles));
    expect_refused("42P01", [&] { run_script(all); });
    program({"--db", database, "init"});
    run_script(all);
    const auto reader = open_in(schema, reader_);
    EXPECT_EQ(reader->number("SELECT count(*) FROM quotes"), 0);
}

TEST_F(PostgresRoles, AWriterCleansUpThroughTheOwnersFunctionOrIsToldWhatIsMissing) {
    write_a_little(*as(writer_));
    Config config = Config::from_url(url(writer_));
    config.open_mode = OpenMode::existing;
    // The cut-off of seven days lies in the partition of December: that of November may go.
    const auto clock = std::make_shared<WalkableClock>();
    clock->walk(parse_timestamp("2026-12-09T00:00:00Z") - kNoon);
    config.clock = clock;
    DatabaseManager manager(config);
    manager.wait(manager.initialize());
    server().run_sql(kTestDatabase, "REVOKE EXECUTE ON FUNCTION " + quoted_identifier(desk_) +
                                        ".marketdb_drop_partitions(text, timestamptz) FROM " +
                                        quoted_identifier(writer_));
    expect_error(ErrorCode::unauthorized, [&] { static_cast<void>(manager.wait(manager.cleanup_old_data(a_week()))); },
                 {"book_ticker_snapshots: this role may not drop old partitions", "marketdb_drop_partitions",
                  "`marketdb init --roles`"});
    EXPECT_EQ(as(reader_)->number("SELECT count(*) FROM quotes"), 2);
    run_script(printed("writer"));
    const CleanupResult cleaned = manager.wait(manager.cleanup_old_data(a_week()));
    EXPECT_EQ(cleaned.book_tickers, 1U);
    EXPECT_EQ(cleaned.book_tickers_staying, 1U);
    // Of what is the owner's the writer makes the partitions; the rest is left.
    RetentionPolicy policy;
    policy.dataset = Dataset::book_tickers;
    policy.max_age = std::chrono::hours(24 * 5);
    manager.wait(set_retention(manager, policy));
    for (const Finding& step : manager.wait(maintain(manager)).steps) {
        EXPECT_LE(step.severity, Severity::note) << step.check << " " << step.what;
    }
}

TEST_F(PostgresRoles, AReaderAsksWhatHeLikesLooksForWhatIsWrongAndWritesNothing) {
    write_a_little(*as(writer_));
    Config config = Config::from_url(url(reader_));
    config.open_mode = OpenMode::read_only;
    DatabaseManager manager(config);
    manager.wait(manager.initialize());
    const std::optional<Value> rows = manager.wait(manager.fetch_value("SELECT count(*) FROM book_ticker_snapshots"));
    EXPECT_EQ(std::get<std::int64_t>(rows.value()), 2);
    EXPECT_TRUE(manager.wait(manager.get_active_balances()).empty());
    EXPECT_EQ(manager.find_candidates("btc/usdt").size(), 1U);

    const std::vector<Finding> findings = manager.wait(diagnose(manager));
    for (const Finding& one : findings) {
        EXPECT_FALSE(one.what.starts_with("could not be looked at")) << one.check << ": " << one.what;
        // The server of the tests does not wait for its disk.
        const bool is_wrong = one.severity >= Severity::warning && one.check != "durability" && one.check != "lookups";
        EXPECT_FALSE(is_wrong) << one.check << " " << one.where << ": " << one.what;
    }
    const auto has = [&](std::string_view check) {
        return std::any_of(findings.begin(), findings.end(), [&](const Finding& one) { return one.check == check; });
    };
    for (const char* check : {"schema", "memory", "triggers", "indexes", "orphans", "partitions", "connections"}) {
        EXPECT_TRUE(has(check)) << check;
    }
    const std::vector<std::vector<Value>> lists{{std::string("X_SPOT")}};
    const std::vector<std::string> columns{"enum_value"};
    expect_error(ErrorCode::read_only, [&] {
        static_cast<void>(manager.wait(manager.execute_many("DELETE FROM symbols WHERE symbol_base = $1", lists)));
    });
    expect_error(ErrorCode::read_only,
                 [&] { static_cast<void>(manager.wait(manager.copy_rows("exchanges", columns, lists))); });
    EXPECT_EQ(as(reader_)->number("SELECT count(*) FROM symbols"), 1);
}

// --- views ---------------------------------------------------------------------------------------------------------

class PostgresViews : public PostgresSchemaTest {
 protected:
    void SetUp() override {
        add_symbols(3);
        sql().run("UPDATE symbols SET contract_type = 'dated', expires_at = '2026-12-25 08:00Z' WHERE id = 2");
        ensure("2026-08-01Z", "2026-12-01Z");
    }
};

TEST_F(PostgresViews, QuotesHaveNamesMidAndSpread) {
    sql().run(
        "INSERT INTO book_ticker_snapshots VALUES (2, '2026-11-25 10:00Z', 7, '2026-11-25 10:00:01Z', 100, 1, 101, 2),"
        " (1, '2026-11-25 11:00Z', 0, NULL, NULL, NULL, 5, 6)");
    EXPECT_EQ(
        sql().rows(
            "SELECT exchange, symbol, exchange_symbol, symbol_base, symbol_quote, \"timestamp\" AT TIME ZONE 'UTC',"
            " received_at AT TIME ZONE 'UTC', sequence, bid_price, bid_qty, ask_price, ask_qty, mid_price,"
            " round(spread_bps::numeric, 6), symbol_id FROM quotes ORDER BY \"timestamp\""),
        (Rows{"DEMOA_SPOT|B2/USDT-261225|B2USDT|B2|USDT|2026-11-25 10:00:00|2026-11-25 10:00:01|7|100|1|101|2|100.5|"
              "99.502488|2",
              "DEMOA_SPOT|B1/USDT|B1USDT|B1|USDT|2026-11-25 11:00:00||0|||5|6|||1"}));
}

TEST_F(PostgresViews, LatestQuotesAreTheNewestOfEachSeriesWithTheirAge) {
    sql().run(quotes_sql(1, {"2026-08-25Z", "2026-11-25Z", "2026-11-24Z"}));
    sql().run(quotes_sql(3, {"2026-08-01Z", "2026-08-26Z"}));
    sql().run(
        "INSERT INTO book_ticker_snapshots VALUES (1, '2026-11-25Z', 9, now() - interval '90 seconds', 100, 1, 102, "
        "2)");
    EXPECT_EQ(sql().rows("SELECT symbol, \"timestamp\" AT TIME ZONE 'UTC', sequence, ask_price FROM latest_quotes"
                         " ORDER BY symbol"),
              (Rows{"B1/USDT|2026-11-25 00:00:00|9|102", "B3/USDT|2026-08-26 00:00:00|0|101"}));
    EXPECT_EQ(sql().value("SELECT age_seconds BETWEEN 90 AND 150 FROM latest_quotes WHERE symbol = 'B1/USDT'"), "t");
}

TEST_F(PostgresViews, LatestQuotesTouchNoPartitionThatHasNoneOfThem) {
    sql().run(quotes_sql(1, {"2026-08-25Z", "2026-09-25Z", "2026-10-25Z", "2026-11-25Z"}));
    sql().run(quotes_sql(2, {"2026-09-26Z"}));
    const auto session = open();
    session->run("BEGIN");
    EXPECT_EQ(session->number("SELECT count(*) FROM latest_quotes"), 2);
    EXPECT_EQ(session->rows("SELECT DISTINCT relname FROM pg_locks JOIN pg_class ON pg_class.oid = relation"
                            " WHERE pid = pg_backend_pid() AND relispartition AND relkind = 'r' ORDER BY 1"),
              (Rows{"book_ticker_snapshots_2026_09", "book_ticker_snapshots_2026_11"}));
}

TEST_F(PostgresViews, FundingShowsItsTimeUnderBothNames) {
    sql().run(
        "INSERT INTO funding_rate_snapshots VALUES (1, '2026-11-25 07:00Z', 'predicted', NULL, 0.0001, 480,"
        " '2026-11-25 08:00Z', NULL), (3, '2026-11-25 08:00Z', 'settled', NULL, -0.0002, NULL, NULL, 7.5)");
    EXPECT_EQ(
        sql().rows("SELECT exchange, symbol, \"timestamp\" AT TIME ZONE 'UTC', funding_rate, interval_minutes, kind,"
                   " funding_time AT TIME ZONE 'UTC', next_funding_time AT TIME ZONE 'UTC', mark_price FROM funding"
                   " ORDER BY \"timestamp\""),
        (Rows{"DEMOA_SPOT|B1/USDT|2026-11-25 07:00:00|0.0001|480|predicted|2026-11-25 08:00:00|2026-11-25 08:00:00|",
              "DEMOA_SPOT|B3/USDT|2026-11-25 08:00:00|-0.0002||settled|||7.5"}));
}

}  // namespace
}  // namespace marketdb::testing
