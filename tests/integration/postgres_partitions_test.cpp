#include <future>
#include <string>
#include <vector>

#include "postgres_schema_fixture.hpp"

/// Partitions of the lean schema: made when a row needs one, dropped when they are old, by anybody and at the same time.
namespace marketdb::testing {
namespace {

class PostgresPartitions : public PostgresSchemaTest {
 protected:
    void set_width(const std::string& width) {
        sql().run("UPDATE partitioning SET width = '" + width + "' WHERE table_name = 'book_ticker_snapshots'");
    }
    Rows names() {
        return sql().rows(
            "SELECT partition_name FROM marketdb_partitions('book_ticker_snapshots') ORDER BY start_time");
    }
    /// `rows` of `series` and of the table, by symbol: what must always be the same.
    Rows kept() { return sql().rows("SELECT series_id, rows, first_timestamp, last_timestamp FROM series ORDER BY 1"); }
    Rows counted() {
        return sql().rows(
            "SELECT symbol_id, count(*), min(\"timestamp\"), max(\"timestamp\") FROM book_ticker_snapshots"
            " GROUP BY 1 ORDER BY 1");
    }
    static std::string drop_sql(const std::string& cutoff) {
        return "SELECT marketdb_drop_partitions('book_ticker_snapshots', '" + cutoff + "')";
    }
    /// Runs a statement on a connection of its own; its value, or the SQLSTATE that refused it.
    std::future<std::string> in_background(const std::string& statement) {
        return std::async(std::launch::async, [this, statement] {
            const auto session = open();
            session->run("SET application_name = " + quoted_text(background_));
            try {
                return session->value(statement);
            } catch (const PostgresFailure& refused) {
                return refused.sqlstate();
            }
        });
    }
    /// Whether the background statement comes to wait for a lock of somebody else's.
    [[nodiscard]] bool waits() const {
        const std::string waiting =
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND"
            " application_name = " +
            quoted_text(background_);
        return wait_until([&] { return server().query(kTestDatabase, waiting) == Rows{"1"}; });
    }

 private:
    const std::string background_ = unique_name("in background ");
};

// --- making --------------------------------------------------------------------------------------------------------

TEST_F(PostgresPartitions, AreAMonthWideAndMadeOnce) {
    EXPECT_EQ(partitions(), Rows{});
    EXPECT_EQ(ensure("2026-11-25 10:00Z", "2026-11-25 10:00:00.000001Z"), 1);
    EXPECT_EQ(ensure("2026-11-01Z", "2026-12-01Z"), 0);
    EXPECT_EQ(ensure("2026-10-31 23:59:59.999999Z", "2026-12-01 00:00:00.000001Z"), 2);
    EXPECT_EQ(partitions(), (Rows{"book_ticker_snapshots_2026_10|2026-10-01 00:00:00|2026-11-01 00:00:00",
                                  "book_ticker_snapshots_2026_11|2026-11-01 00:00:00|2026-12-01 00:00:00",
                                  "book_ticker_snapshots_2026_12|2026-12-01 00:00:00|2027-01-01 00:00:00"}));
    EXPECT_EQ(partitions("trade_snapshots"), Rows{});
}

TEST_F(PostgresPartitions, ARowThatNoneTakesNamesNoConstraint) {
    add_symbols();
    PGresult* result = PQexec(sql().handle(), quotes_sql(1, {"2026-11-25Z"}).c_str());
    EXPECT_STREQ(PQresultErrorField(result, PG_DIAG_SQLSTATE), "23514");
    EXPECT_EQ(PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME), nullptr);
    PQclear(result);
    ensure("2026-11-25Z", "2026-11-26Z");
    sql().run(quotes_sql(1, {"2026-11-25Z"}));
    EXPECT_EQ(counted().size(), 1U);
}

TEST_F(PostgresPartitions, AChangeOfWidthFillsTheGapsBetweenThoseThatExist) {
    ensure("2026-11-25Z", "2026-11-26Z");
    set_width("day");
    EXPECT_EQ(ensure("2026-10-31Z", "2026-12-02 12:00Z"), 3);
    set_width("month");
    EXPECT_EQ(ensure("2026-10-15 03:00Z", "2026-12-26Z"), 2);
    EXPECT_EQ(partitions(), (Rows{"book_ticker_snapshots_2026_10_01|2026-10-01 00:00:00|2026-10-31 00:00:00",
                                  "book_ticker_snapshots_2026_10_31|2026-10-31 00:00:00|2026-11-01 00:00:00",
                                  "book_ticker_snapshots_2026_11|2026-11-01 00:00:00|2026-12-01 00:00:00",
                                  "book_ticker_snapshots_2026_12_01|2026-12-01 00:00:00|2026-12-02 00:00:00",
                                  "book_ticker_snapshots_2026_12_02|2026-12-02 00:00:00|2026-12-03 00:00:00",
                                  "book_ticker_snapshots_2026_12_03|2026-12-03 00:00:00|2027-01-01 00:00:00"}));
    expect_refused("23514", [&] { set_width("week"); });
}

TEST_F(PostgresPartitions, ThoseOfOthersAreTakenAsTheyAre) {
    sql().run(
        "CREATE TABLE archive PARTITION OF book_ticker_snapshots FOR VALUES FROM (MINVALUE) TO ('2020-01-01Z');"
        "CREATE TABLE odd PARTITION OF book_ticker_snapshots"
        " FOR VALUES FROM ('2026-11-03 12:30Z') TO ('2026-11-20 06:15:30.5Z');"
        "CREATE TABLE book_ticker_snapshots_2026_11_01 (taken text)");
    EXPECT_EQ(ensure("2019-12-31Z", "2020-01-01 00:00:01Z"), 1);
    EXPECT_EQ(ensure("2026-11-01Z", "2026-12-01Z"), 2);
    EXPECT_EQ(partitions(),
              (Rows{"archive|-infinity|2020-01-01 00:00:00",
                    "book_ticker_snapshots_2020_01|2020-01-01 00:00:00|2020-02-01 00:00:00",
                    "book_ticker_snapshots_2026_11_01_2|2026-11-01 00:00:00|2026-11-03 12:30:00",
                    "odd|2026-11-03 12:30:00|2026-11-20 06:15:30.5",
                    "book_ticker_snapshots_2026_11_20_061530500000|2026-11-20 06:15:30.5|2026-12-01 00:00:00"}));
}

TEST_F(PostgresPartitions, AHistoryFrom2017FitsInOneCall) {
    EXPECT_EQ(ensure("2017-08-17Z", "2026-11-26Z"), 112);
    EXPECT_EQ(names().front(), "book_ticker_snapshots_2017_08");
    EXPECT_EQ(names().back(), "book_ticker_snapshots_2026_11");
}

TEST_F(PostgresPartitions, TooManyAtOnceAreRefusedAndNoneIsMade) {
    set_width("day");
    expect_refused("54000", [&] { ensure("2025-01-01Z", "2026-02-06Z"); },
                   {"401 to make, at most 400 at once", "set the width to month"});
    EXPECT_EQ(partitions(), Rows{});
}

TEST_F(PostgresPartitions, TimesAndTablesThatCannotBeAreRefused) {
    expect_refused("22008", [&] { ensure("1969-12-31 23:59:59Z", "1970-01-02Z"); }, {"1970 to 2262"});
    expect_refused("22008", [&] { ensure("2262-04-11Z", "2262-04-12 00:00:00.000001Z"); });
    expect_refused("22008", [&] { ensure("2026-01-01Z", "infinity"); });
    expect_refused("22023", [&] { ensure("2026-01-01Z", "2026-01-01Z"); }, {"no time at all"});
    expect_refused("22023", [&] { ensure("2026-01-01Z", "2025-01-01Z"); });
    expect_refused("22023", [&] { sql().run("SELECT marketdb_ensure_partitions('trade_snapshots', NULL, now())"); });
    expect_refused("22023", [&] { ensure("2026-01-01Z", "2026-01-02Z", "balance_snapshots"); }, {"has no partitions"});
    expect_refused("22023", [&] { ensure("2026-01-01Z", "2026-01-02Z", "pg_class"); });
    EXPECT_EQ(partitions(), Rows{});
    EXPECT_EQ(ensure("1970-01-01Z", "1970-01-02Z"), 1);
    EXPECT_EQ(ensure("2262-04-11 23:47:16.854775Z", "2262-04-12Z"), 1);
}

TEST_F(PostgresPartitions, OneWriterWaitsForTheOtherAndFindsWhatItMade) {
    sql().run("BEGIN; " + ensure_sql("2026-11-25Z", "2026-11-26Z"));
    std::future<std::string> other = in_background(ensure_sql("2026-11-20Z", "2026-12-02Z"));
    EXPECT_TRUE(waits());
    sql().run("COMMIT");
    EXPECT_EQ(other.get(), "1") << "December is left";
    EXPECT_EQ(names(), (Rows{"book_ticker_snapshots_2026_11", "book_ticker_snapshots_2026_12"}));
}

TEST_F(PostgresPartitions, EightWritersAtOnceMakeEachOnce) {
    for (int round = 0; round < 5; ++round) {
        const std::string year = std::to_string(2010 + round);
        std::vector<std::future<std::string>> writers;
        for (int i = 0; i < 8; ++i) writers.push_back(in_background(ensure_sql(year + "-01-01Z", year + "-06-15Z")));
        int made = 0;
        for (auto& writer : writers) made += std::stoi(writer.get());
        EXPECT_EQ(made, 6);
    }
    EXPECT_EQ(names().size(), 30U);
}

TEST_F(PostgresPartitions, MakingStopsNeitherReadersNorWritersAndWaitsForNone) {
    add_symbols(2);
    ensure("2026-11-25Z", "2026-11-26Z");
    sql().run("BEGIN; " + quotes_sql(1, {"2026-11-25Z"}));
    const auto reader = open();
    reader->run("BEGIN; SELECT * FROM book_ticker_snapshots");
    const auto maker = open();
    maker->run("SET lock_timeout = '100ms'; BEGIN");
    EXPECT_EQ(maker->number(ensure_sql("2026-12-25Z", "2026-12-26Z")), 1);
    const auto other = open();
    other->run("SET lock_timeout = '100ms'");
    other->run(quotes_sql(2, {"2026-11-26Z"}));
    EXPECT_EQ(other->number("SELECT count(*) FROM book_ticker_snapshots"), 1);
    maker->run("COMMIT");
    sql().run("COMMIT");
    EXPECT_EQ(counted().size(), 2U);
}

// --- dropping ------------------------------------------------------------------------------------------------------

TEST_F(PostgresPartitions, OldOnesGoOneByOneAndTheirRowsLeaveTheCounts) {
    add_symbols(3);
    ensure("2026-08-01Z", "2026-12-01Z");
    sql().run(
        quotes_sql(1, {"2026-08-01Z", "2026-08-31Z", "2026-09-30 23:59:59.999999Z", "2026-10-01Z", "2026-11-02Z"}));
    sql().run(quotes_sql(2, {"2026-08-05Z", "2026-09-05Z"}));
    sql().run(quotes_sql(3, {"2026-08-06Z", "2026-11-25Z"}));
    EXPECT_EQ(kept(), counted());
    EXPECT_EQ(sql().value(drop_sql("2026-10-30Z")), "4");
    EXPECT_EQ(kept(), counted());
    EXPECT_EQ(sql().value(drop_sql("2026-10-30Z")), "2");
    EXPECT_EQ(names(), (Rows{"book_ticker_snapshots_2026_10", "book_ticker_snapshots_2026_11"}));
    EXPECT_EQ(counted().size(), 2U);
    EXPECT_EQ(kept(), counted());
    EXPECT_EQ(sql().value("SELECT marketdb_drop_partitions('book_ticker_snapshots', '2026-10-31Z') IS NULL"), "t");
    EXPECT_EQ(sql().value(drop_sql("2026-11-01Z")), "1") << "it ends at the cut-off";
    EXPECT_EQ(kept(), counted());
}

TEST_F(PostgresPartitions, AnEmptyOneGoesTooAndWithTheLastTheSeries) {
    add_symbols();
    ensure("2026-10-01Z", "2026-12-01Z");
    sql().run(quotes_sql(1, {"2026-11-25Z"}));
    EXPECT_EQ(sql().value(drop_sql("2026-12-01Z")), "0");
    EXPECT_EQ(names(), Rows{"book_ticker_snapshots_2026_11"});
    EXPECT_EQ(sql().value(drop_sql("2026-12-01Z")), "1");
    EXPECT_EQ(names(), Rows{});
    EXPECT_EQ(kept(), Rows{});
    EXPECT_EQ(sql().value("SELECT marketdb_drop_partitions('book_ticker_snapshots', '2026-12-01Z') IS NULL"), "t");
}

TEST_F(PostgresPartitions, HeldOnesStayAndYoungerOnesGo) {
    add_symbols();
    ensure("2026-08-01Z", "2026-12-01Z");
    sql().run(quotes_sql(1, {"2026-08-10Z", "2026-09-10Z", "2026-10-10Z", "2026-11-10Z"}));
    sql().run(
        "INSERT INTO retention_holds (dataset, start_time, end_time, reason) VALUES"
        " ('book-tickers', '2026-08-31 23:59:59.999999Z', '2026-09-01Z', 'August'),"
        " (NULL, '2026-10-01Z', '2026-10-01 00:00:00.000001Z', 'October'), ('trades', NULL, NULL, 'trades')");
    EXPECT_EQ(sql().value(drop_sql("2026-11-01Z")), "1");
    EXPECT_EQ(names(), (Rows{"book_ticker_snapshots_2026_08", "book_ticker_snapshots_2026_10",
                             "book_ticker_snapshots_2026_11"}));
    EXPECT_EQ(sql().value("SELECT (" + drop_sql("2026-11-01Z") + ") IS NULL"), "t");
    sql().run("UPDATE retention_holds SET released_at = now() WHERE reason = 'August'");
    EXPECT_EQ(sql().value(drop_sql("2026-11-01Z")), "1");
    EXPECT_EQ(sql().value("SELECT (" + drop_sql("2026-11-01Z") + ") IS NULL"), "t") << "October is held for all";
    EXPECT_EQ(kept(), counted());
}

TEST_F(PostgresPartitions, OnesWithImportedRowsStayWhereThatIsAskedForAndTheTimeOfTheOthersIsTold) {
    add_symbols();
    ensure("2026-08-01Z", "2026-11-01Z");
    sql().run(quotes_sql(1, {"2026-08-10Z", "2026-09-10Z", "2026-10-10Z"}));
    sql().run(
        "INSERT INTO sources (kind, name, started_at, rows) VALUES ('import', 'x.csv', now(), 0), ('session', 's', "
        "now(), 0);"
        "UPDATE book_ticker_snapshots SET source_id = CASE WHEN \"timestamp\" < '2026-09-01Z' THEN 1 ELSE 2 END");
    const auto spare = [this](const char* what) {
        sql().run("BEGIN; SET LOCAL marketdb.spare_imports = '" + std::string(what) + "'");
        const std::string rows = sql().value("SELECT coalesce((" + drop_sql("2026-10-01Z") + ")::text, 'none')");
        const std::string time = sql().value("SELECT current_setting('marketdb.dropped_start', true)");
        sql().run("COMMIT");
        return rows + " " + time;
    };
    EXPECT_EQ(spare("on"), "1 2026-09-01 00:00:00+00");
    EXPECT_EQ(spare("on"), "none ");
    EXPECT_EQ(spare("off"), "1 2026-08-01 00:00:00+00");
    EXPECT_EQ(kept(), counted());
}

TEST_F(PostgresPartitions, DroppingIsRefusedWhereItCannotBeRight) {
    ensure("2026-08-01Z", "2026-09-01Z");
    expect_refused("22023", [&] { sql().run("SELECT marketdb_drop_partitions('balance_snapshots', now())"); });
    expect_refused("22023", [&] { sql().run("SELECT marketdb_drop_partitions('pg_class', now())"); });
    expect_refused("22023", [&] { sql().run("SELECT marketdb_drop_partitions('trade_snapshots', NULL)"); });
    sql().run("BEGIN ISOLATION LEVEL REPEATABLE READ");
    expect_refused("25001", [&] { sql().run(drop_sql("2026-12-01Z")); }, {"read committed"});
    sql().run("ROLLBACK");
    EXPECT_EQ(names().size(), 1U);
}

TEST_F(PostgresPartitions, RowsOnTheirWayIntoAnOldOneAreWaitedForAndCounted) {
    add_symbols();
    ensure("2026-08-01Z", "2026-12-01Z");
    sql().run(quotes_sql(1, {"2026-08-25Z", "2026-11-25Z"}));
    const auto writer = open();
    writer->run("BEGIN; " + quotes_sql(1, {"2026-08-26Z"}));
    std::future<std::string> dropped = in_background(drop_sql("2026-09-01Z"));
    EXPECT_TRUE(waits());
    writer->run("COMMIT");
    EXPECT_EQ(dropped.get(), "2");
    EXPECT_EQ(kept(), counted());
}

TEST_F(PostgresPartitions, AReaderThatStaysMakesDroppingGiveUpWithoutStoppingOthers) {
    add_symbols();
    ensure("2026-08-01Z", "2026-12-01Z");
    sql().run(quotes_sql(1, {"2026-08-25Z", "2026-11-25Z"}));
    const auto reader = open();
    reader->run("BEGIN; SELECT * FROM book_ticker_snapshots");
    std::future<std::string> dropped = in_background(drop_sql("2026-09-01Z"));
    EXPECT_TRUE(waits());
    const auto other = open();
    other->run("SET lock_timeout = '1s'");
    other->run(quotes_sql(1, {"2026-11-26Z"}));
    EXPECT_EQ(other->number("SELECT count(*) FROM book_ticker_snapshots"), 3);
    EXPECT_EQ(dropped.get(), "55P03");
    EXPECT_EQ(names().size(), 4U);
    reader->run("COMMIT");
    EXPECT_EQ(kept(), counted());
}

TEST_F(PostgresPartitions, DroppingGivesWayToAWriterThatWouldWaitForIt) {
    add_symbols();
    ensure("2026-08-01Z", "2026-12-01Z");
    sql().run(quotes_sql(1, {"2026-08-25Z"}));
    for (int round = 0; round < 3; ++round) {
        const std::string second = std::to_string(round);
        const auto writer = open();
        writer->run("BEGIN; " + quotes_sql(1, {"2026-11-25 00:00:0" + second + "Z"}));
        std::future<std::string> dropped = in_background(drop_sql("2026-09-01Z"));
        // It has the old partition by now, and waits for the table.
        EXPECT_TRUE(waits());
        writer->run(quotes_sql(1, {"2026-08-26 00:00:0" + second + "Z"}));
        writer->run("COMMIT");
        EXPECT_EQ(dropped.get(), "55P03");
    }
    EXPECT_EQ(counted().front().substr(0, 4), "1|7|");
    EXPECT_EQ(kept(), counted());
    EXPECT_EQ(sql().value(drop_sql("2026-09-01Z")), "4");
    EXPECT_EQ(kept(), counted());
}

}  // namespace
}  // namespace marketdb::testing
