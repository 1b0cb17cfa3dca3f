#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "contract/engine_fixture.hpp"

/// What `diagnose` finds of a PostgreSQL server and its catalogue.
namespace marketdb::testing {
namespace {

using Findings = std::vector<Finding>;

Findings of_check(const Findings& findings, std::string_view check, std::string_view where = {}) {
    Findings found;
    for (const Finding& one : findings) {
        if (one.check == check && (where.empty() || one.where == where)) found.push_back(one);
    }
    return found;
}

/// `critical book_ticker_snapshots`
Lines wrong(const Findings& findings, std::string_view check) {
    Lines lines;
    for (const Finding& one : of_check(findings, check)) {
        if (one.severity >= Severity::warning) lines.push_back(std::string(to_string(one.severity)) + " " + one.where);
    }
    return lines;
}

class DoctorPostgres : public ::testing::Test, public EngineFixture {
 protected:
    DoctorPostgres() : EngineFixture(postgres_lean_target()) {}

    void run(const std::string& sql) { target().run_sql(folder(), sql); }
    Findings diagnosed() { return wait(diagnose(db())); }
    static Findings diagnosed(const Config& settings) {
        const auto manager = open(settings);
        return manager->wait(diagnose(*manager));
    }
    /// A table's name as the server writes it.
    [[nodiscard]] std::string named(const std::string& table) const {
        return quoted_identifier(postgres_target::schema(folder())) + "." + table;
    }
};

class DoctorPostgresExisting : public ::testing::Test, public EngineFixture {
 protected:
    DoctorPostgresExisting() : EngineFixture(postgres_existing_target()) {}
};

TEST_F(DoctorPostgres, AKeyWithoutItsIndexIsCritical) {
    store(quote(make_symbol().id, kNoon, 100, 101));
    EXPECT_EQ(wrong(diagnosed(), "indexes"), Lines{});
    run("ALTER TABLE funding_rate_snapshots DROP CONSTRAINT funding_rate_snapshots_pkey; ALTER TABLE "
        "book_ticker_snapshots DROP CONSTRAINT book_ticker_snapshots_pkey");
    const Findings findings = diagnosed();
    EXPECT_EQ(wrong(findings, "indexes"),
              (Lines{"critical " + named("book_ticker_snapshots"), "critical " + named("book_ticker_snapshots_2024_08"),
                     "critical " + named("funding_rate_snapshots")}));
    const std::string remedy = of_check(findings, "indexes", named("funding_rate_snapshots")).at(0).remedy;
    EXPECT_EQ(remedy, "CREATE UNIQUE INDEX ON " + named("funding_rate_snapshots") +
                          " (\"symbol_id\", \"timestamp\", \"kind\")");
    run(remedy);
    run(of_check(findings, "indexes", named("book_ticker_snapshots")).at(0).remedy);
    EXPECT_EQ(wrong(diagnosed(), "indexes"), Lines{}) << "the remedy helps";
}

TEST_F(DoctorPostgres, ATriggerThatIsOffOrMissingIsCritical) {
    store(quote(make_symbol().id, kNoon, 100, 101));
    EXPECT_EQ(wrong(diagnosed(), "triggers"), Lines{});
    run("ALTER TABLE trade_snapshots DISABLE TRIGGER adds_rows; ALTER TABLE book_ticker_snapshots_2024_08 DISABLE "
        "TRIGGER adds_rows; DROP TRIGGER tells_update ON symbols");
    const Findings findings = diagnosed();
    EXPECT_EQ(wrong(findings, "triggers"),
              (Lines{"critical " + named("book_ticker_snapshots_2024_08"), "critical " + named("symbols"),
                     "critical " + named("trade_snapshots")}));
    const Finding off = of_check(findings, "triggers", named("trade_snapshots")).at(0);
    EXPECT_TRUE(off.what.starts_with("the trigger adds_rows is switched off")) << off.what;
    run(off.remedy);
    EXPECT_TRUE(of_check(diagnosed(), "triggers", named("trade_snapshots")).empty()) << "the remedy helps";
}

TEST_F(DoctorPostgres, PartitionsAreCountedAndTooManyAreAWarning) {
    store(quote(make_symbol().id, kNoon, 100, 101));
    const Findings few = of_check(diagnosed(), "partitions", "book_ticker_snapshots");
    ASSERT_EQ(few.size(), 1U);
    EXPECT_EQ(few[0].what, "1 in all, from 2024-08-01 to 2024-09-01, 0 ahead of now; new ones are a month wide");
    EXPECT_EQ(of_check(diagnosed(), "partitions", "trade_snapshots").at(0).what,
              "none yet; rows have one made when they need it, a month wide");
    run("UPDATE partitioning SET width = 'day'");
    for (const char* years :
         {"'2010-01-01Z', '2011-01-01Z'", "'2011-01-01Z', '2012-01-01Z'", "'2012-01-01Z', '2012-12-31Z'"}) {
        run(std::string("SELECT marketdb_ensure_partitions('book_ticker_snapshots', ") + years + ")");
    }
    const Finding many = of_check(diagnosed(), "partitions", "book_ticker_snapshots").at(0);
    EXPECT_EQ(to_string(many.severity), "warning");
    EXPECT_TRUE(many.what.starts_with("1096 in all, from 2010-01-01 to 2024-09-01")) << many.what;
    run("DELETE FROM partitioning WHERE table_name = 'trade_snapshots'");
    EXPECT_EQ(wrong(diagnosed(), "partitions"), (Lines{"warning book_ticker_snapshots", "critical trade_snapshots"}));
}

TEST_F(DoctorPostgres, APoolThatTheServerCannotServeIsAWarning) {
    EXPECT_EQ(wrong(diagnosed(), "connections"), Lines{});
    Config settings = config();
    settings.postgres.pool_max_size = 500;
    const Findings findings = diagnosed(settings);
    EXPECT_EQ(wrong(findings, "connections"), Lines{"warning pool.max_size"});
    EXPECT_EQ(of_check(findings, "connections").at(0).what,
              "this pool may want 500 connections, and the server allows 197");
    settings.postgres.pool_max_size = 196;
    settings.postgres.pool_min_size = 1;
    const auto other = open(config());
    EXPECT_EQ(wrong(diagnosed(settings), "connections"), Lines{"warning pool.max_size"}) << "others are connected";
}

TEST_F(DoctorPostgres, AServerThatDoesNotWaitForTheDiskIsCritical) {
    EXPECT_EQ(wrong(diagnosed(), "durability"), (Lines{"critical fsync", "critical full_page_writes"}))
        << "so is the server of the tests";
    Config settings = Config::from_url(PostgresServer::shared().url("schema=" + postgres_target::schema(folder()) +
                                                                    "&options=-csynchronous_commit%3Doff"));
    EXPECT_EQ(wrong(diagnosed(settings), "durability"),
              (Lines{"critical fsync", "critical full_page_writes", "warning synchronous_commit"}));
}

TEST_F(DoctorPostgres, AClockThatIsWrongIsAWarning) {
    Config settings = config();
    settings.clock = nullptr;
    const Findings right = of_check(diagnosed(settings), "clock");
    ASSERT_EQ(right.size(), 1U);
    EXPECT_EQ(to_string(right[0].severity), "fine") << right[0].what;
    EXPECT_EQ(wrong(diagnosed(), "clock"), Lines{"warning "}) << "the test's clock stands still in the past";
}

TEST_F(DoctorPostgres, SettingsOutOfTheOrdinaryAreAWarningWhereTheConfigurationGivesThem) {
    Config settings = config();
    settings.postgres.pool_min_size = 2;
    settings.postgres.statement_cache_size = 10;
    EXPECT_EQ(wrong(diagnosed(settings), "settings"), Lines{});
    settings.set_keys = {"pool.min_size", "performance.statement_cache_size", "pool.max_size"};
    const Findings findings = diagnosed(settings);
    EXPECT_EQ(wrong(findings, "settings"),
              (Lines{"warning pool.min_size", "warning performance.statement_cache_size"}));
    EXPECT_EQ(of_check(findings, "settings").at(0).what, "is 2, outside 5 to 50");
}

TEST_F(DoctorPostgres, WhatCannotBeLookedAtIsANote) {
    make_symbol();
    static_cast<void>(db());
    run("DROP FUNCTION marketdb_partitions(text) CASCADE");
    const Findings findings = of_check(diagnosed(), "partitions");
    ASSERT_EQ(findings.size(), 2U);
    EXPECT_EQ(to_string(findings[0].severity), "note");
    EXPECT_TRUE(findings[0].what.starts_with("could not be looked at: ")) << findings[0].what;
    EXPECT_EQ(of_check(diagnosed(), "orphans").size(), 4U) << "the others are made";
}

TEST_F(DoctorPostgresExisting, AnIndexThatIsMissingIsNamedWithItsRemedy) {
    static_cast<void>(db());
    EXPECT_EQ(wrong(wait(diagnose(db())), "indexes"), Lines{});
    target().run_sql(folder(), "DROP INDEX book_ticker_snapshots_symbol_id_timestamp_idx");
    reopen();
    const Findings findings = wait(diagnose(db()));
    EXPECT_EQ(wrong(findings, "indexes"), Lines{"warning book_ticker_snapshots"});
    const std::string remedy = of_check(findings, "indexes", "book_ticker_snapshots").at(0).remedy;
    EXPECT_EQ(remedy, "CREATE INDEX ON " + quoted_identifier(postgres_target::schema(folder())) +
                          ".\"book_ticker_snapshots\" (\"symbol_id\", \"timestamp\")");
    target().run_sql(folder(), remedy);
    reopen();
    EXPECT_EQ(wrong(wait(diagnose(db())), "indexes"), Lines{}) << "the remedy helps";
}

TEST_F(DoctorPostgresExisting, SaysWhoseTablesTheseAreAndWhatTheyLack) {
    const Findings findings = wait(diagnose(db()));
    EXPECT_EQ(of_check(findings, "schema").at(0).what,
              "the tables are those of older programs, and are used as they are");
    const Findings trades = of_check(findings, "indexes", "trade_snapshots");
    ASSERT_EQ(trades.size(), 1U);
    EXPECT_EQ(to_string(trades[0].severity), "note");
    EXPECT_TRUE(trades[0].what.starts_with("there is no unique key")) << trades[0].what;
    EXPECT_EQ(of_check(findings, "orphans", "trade_snapshots").at(0).what,
              "a foreign key sees to it that each id is known");
}

}  // namespace
}  // namespace marketdb::testing
