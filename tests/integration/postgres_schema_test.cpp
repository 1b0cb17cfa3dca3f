#include <string>

#include "postgres_schema_fixture.hpp"
#include "storage/sql.hpp"
#include "storage/table.hpp"

/// The lean schema as other programs meet it: plain SQL, none of the engine.
namespace marketdb::testing {
namespace {

using storage::Dialect;
using storage::Table;

class PostgresSchema : public PostgresSchemaTest {
 protected:
    void step_down_to(std::size_t version) {
        const auto steps = storage::postgres::migrations();
        for (std::size_t last = steps.size(); last > version; --last) {
            apply(sql(), schema(), steps[last - 1].down.front());
        }
    }
    /// What the catalogue says of one table: columns, then constraints other than those of datasets on other tables.
    static Rows described(PostgresSession& session, const Table& table) {
        const std::string of_table = "'" + std::string(table.name) + "'::regclass";
        Rows lines = session.rows(
            "SELECT attname, format_type(atttypid, atttypmod), attnotnull, attidentity, collname, atthasdef"
            " FROM pg_attribute LEFT JOIN pg_collation AS c ON c.oid = attcollation AND attcollation <> 0"
            " WHERE attrelid = " +
            of_table + " AND attnum > 0 ORDER BY attnum");
        const Rows constraints =
            session.rows("SELECT contype, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = " + of_table +
                         (table.dataset ? " AND contype <> 'f'" : "") + " ORDER BY 1, 2");
        lines.insert(lines.end(), constraints.begin(), constraints.end());
        return lines;
    }

    Rows versions() { return sql().rows("SELECT version FROM reference_version"); }

    /// The payloads on the channel until the one that is waited for, which is the last.
    static Rows told(PostgresSession& listener, const std::string& last) {
        Rows payloads;
        static_cast<void>(wait_until([&] {
            PQconsumeInput(listener.handle());
            while (PGnotify* heard = PQnotifies(listener.handle())) {
                payloads.emplace_back(heard->extra);
                PQfreemem(heard);
            }
            return !payloads.empty() && payloads.back() == last;
        }));
        return payloads;
    }
};

TEST_F(PostgresSchema, TablesAreThoseOfTheDescriptors) {
    const std::string other = unique_name("descriptors_");
    sql().run("CREATE SCHEMA " + quoted_identifier(other));
    const auto generated = open_in(other);
    for (const Table* table : storage::all_tables()) {
        generated->run(create_table_sql(*table, Dialect::postgres));
        const Rows reviewed = described(sql(), *table);
        EXPECT_GT(reviewed.size(), table->columns.size());
        EXPECT_EQ(reviewed, described(*generated, *table)) << table->name;
    }
    sql().run("DROP SCHEMA " + quoted_identifier(other) + " CASCADE");
}

TEST_F(PostgresSchema, DownStepsLeaveNothingAndUpStepsCanFollow) {
    const auto left = [this] {
        const std::string here = " (SELECT oid FROM pg_namespace WHERE nspname = current_schema())";
        return sql().rows("SELECT relname::text FROM pg_class WHERE relnamespace =" + here +
                          " UNION ALL SELECT proname::text FROM pg_proc WHERE pronamespace =" + here +
                          " UNION ALL SELECT typname::text FROM pg_type WHERE typnamespace =" + here);
    };
    EXPECT_EQ(ensure("2026-11-25Z", "2026-11-26Z"), 1);
    const Rows before = left();
    step_down_to(0);
    EXPECT_EQ(left(), Rows{});
    for (const auto& step : storage::postgres::migrations()) apply(sql(), schema(), step.up.front());
    EXPECT_EQ(ensure("2026-11-25Z", "2026-11-26Z"), 1);
    EXPECT_EQ(left().size(), before.size());
}

TEST_F(PostgresSchema, AStepUndoneLeavesThoseBeforeIt) {
    add_symbols();
    step_down_to(1);
    EXPECT_EQ(sql().rows("SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"
                         " ORDER BY 1"),
              (Rows{"exchanges", "reference_version", "series", "sources", "symbols"}));
    EXPECT_EQ(sql().number("SELECT count(*) FROM symbols"), 1);
}

// --- exchanges and symbols -----------------------------------------------------------------------------------------

TEST_F(PostgresSchema, ReferenceRowsAreNeverRemovedOrRenumbered) {
    add_symbols(2);
    expect_refused("23001", [&] { sql().run("DELETE FROM symbols WHERE id = 2"); },
                   {"symbols cannot lose the row of id 2", "is_active"});
    expect_refused("23001", [&] { sql().run("DELETE FROM exchanges"); }, {"exchanges cannot lose the row of id 1"});
    expect_refused("23001", [&] { sql().run("UPDATE symbols SET id = DEFAULT WHERE id = 1"); },
                   {"symbols cannot change the id 1"});
    expect_refused("23001", [&] { sql().run("UPDATE exchanges SET id = DEFAULT"); });
    expect_refused("23001", [&] { sql().run("TRUNCATE symbols"); }, {"symbols cannot be emptied"});
    expect_refused("23001", [&] { sql().run("TRUNCATE exchanges CASCADE"); });
    EXPECT_EQ(sql().rows("SELECT id, is_active FROM symbols ORDER BY id"), (Rows{"1|t", "2|t"}));
    sql().run("UPDATE symbols SET is_active = false WHERE id = 2");
    sql().run("DELETE FROM symbols WHERE id = 3");
    EXPECT_EQ(sql().rows("SELECT id, is_active FROM symbols ORDER BY id"), (Rows{"1|t", "2|f"}));
}

TEST_F(PostgresSchema, ChangesOfReferenceRowsAreCountedAndTold) {
    const auto listener = open();
    const std::string channel = sql().value("SELECT marketdb_reference_channel()");
    EXPECT_EQ(channel, "marketdb_reference_" + schema());
    listener->run("LISTEN " + quoted_identifier(channel));
    EXPECT_EQ(versions(), Rows{"1"});
    add_symbols(2);
    EXPECT_EQ(versions(), Rows{"3"});
    sql().run("UPDATE exchanges SET is_active = false");
    sql().run("UPDATE symbols SET contract_size = 'NaN' WHERE id = 1");
    EXPECT_EQ(versions(), Rows{"5"});
    EXPECT_EQ(told(*listener, "5"), (Rows{"2", "3", "4", "5"}));
}

TEST_F(PostgresSchema, StatementsThatChangeNothingAreNotTold) {
    add_symbols(2);
    const auto listener = open();
    listener->run("LISTEN " + quoted_identifier("marketdb_reference_" + schema()));
    sql().run(
        "INSERT INTO exchanges (enum_value, exchange_name, market_type, is_active)"
        " VALUES ('DEMOA_SPOT', 'X', 'SPOT', true) ON CONFLICT DO NOTHING");
    sql().run("UPDATE symbols SET is_active = true, contract_size = contract_size");
    sql().run("UPDATE symbols SET is_active = false WHERE id = 99");
    sql().run("BEGIN; UPDATE symbols SET is_active = false; ROLLBACK");
    EXPECT_EQ(versions(), Rows{"3"});
    sql().run("UPDATE symbols SET is_active = false");
    EXPECT_EQ(told(*listener, "4"), Rows{"4"});
}

TEST_F(PostgresSchema, NothingInTheIngestPathNotifies) {
    add_symbols();
    ensure("2026-11-25Z", "2026-11-26Z");
    ensure("2026-11-25Z", "2026-11-26Z", "trade_snapshots");
    const auto listener = open();
    listener->run("LISTEN " + quoted_identifier("marketdb_reference_" + schema()));
    sql().run(quotes_sql(1, {"2026-11-25Z"}));
    sql().run(
        "INSERT INTO trade_snapshots (symbol_id, \"timestamp\", trade_id, sequence, price, quantity)"
        " VALUES (1, '2026-11-25Z', '1', 1, 1, 1)");
    sql().run(
        "INSERT INTO funding_rate_snapshots (symbol_id, \"timestamp\", kind, funding_rate)"
        " VALUES (1, '2026-11-25Z', 'settled', 0.0001)");
    sql().run(
        "INSERT INTO balance_snapshots (exchange_id, account, asset_name, \"timestamp\", available_balance,"
        " locked_balance, total_balance) VALUES (1, 'main', 'USDT', '2026-11-25Z', 1, 0, 1)");
    sql().run("INSERT INTO sources (kind, name, started_at, rows) VALUES ('import', 'x', '2026-11-25Z', 0)");
    sql().run("INSERT INTO quarantined_rows VALUES (1, 1, 'trades', 'r', 't')");
    sql().run("UPDATE exchanges SET is_active = false");
    EXPECT_EQ(told(*listener, "4"), Rows{"4"});
}

TEST_F(PostgresSchema, ALongNameOfASchemaGivesAShorterChannelOfItsOwn) {
    const std::string longest = unique_name(std::string(44, 'a')).substr(0, 44);
    const std::string too_long = unique_name(std::string(50, 'b'));
    make_schema(longest);
    make_schema(too_long);
    EXPECT_EQ(open_in(longest)->value("SELECT marketdb_reference_channel()"), "marketdb_reference_" + longest);
    const auto session = open_in(too_long);
    const std::string channel = session->value("SELECT marketdb_reference_channel()");
    EXPECT_EQ(channel.size(), 51U);
    EXPECT_EQ(channel, session->value("SELECT 'marketdb_reference_' || md5(current_schema())"));
    session->run("LISTEN " + quoted_identifier(channel));
    session->run(
        "INSERT INTO exchanges (enum_value, exchange_name, market_type, is_active)"
        " VALUES ('DEMOA_SPOT', 'DEMOA', 'SPOT', true)");
    EXPECT_TRUE(session->hears(channel));
}

TEST_F(PostgresSchema, TwoDesksInOneDatabaseDoNotDisturbEachOther) {
    const std::string other = unique_name("other_desk_");
    make_schema(other);
    add_symbols(3);
    ensure("2026-11-25Z", "2026-11-26Z");
    const auto desk = open_in(other);
    EXPECT_EQ(desk->number("SELECT version FROM reference_version"), 1);
    EXPECT_EQ(desk->number("SELECT count(*) FROM marketdb_partitions('book_ticker_snapshots')"), 0);
    sql().run("BEGIN; " + ensure_sql("2026-12-25Z", "2026-12-26Z"));
    desk->run("SET lock_timeout = '100ms'");
    EXPECT_EQ(desk->number(ensure_sql("2026-12-25Z", "2026-12-26Z")), 1) << "the lock is the other schema's";
    expect_refused("23503", [&] { desk->run(quotes_sql(3, {"2026-12-25Z"})); }, {"symbol_id 3"});
    sql().run("COMMIT");
}

// --- references of the four datasets -------------------------------------------------------------------------------

struct DatasetCase {
    const char* table;
    const char* column;
    const char* insert;  ///< `%` stands for ids.
};

constexpr DatasetCase kDatasets[] = {
    {"book_ticker_snapshots", "symbol_id",
     "INSERT INTO book_ticker_snapshots (symbol_id, \"timestamp\", sequence, bid_price, bid_qty)"
     " SELECT id, '2026-11-25Z', 0, 1, 1 FROM unnest('{%}'::integer[]) AS id"},
    {"trade_snapshots", "symbol_id",
     "INSERT INTO trade_snapshots (symbol_id, \"timestamp\", trade_id, sequence, price, quantity)"
     " SELECT id, '2026-11-25Z', '7', 7, 1, 1 FROM unnest('{%}'::integer[]) AS id"},
    {"funding_rate_snapshots", "symbol_id",
     "INSERT INTO funding_rate_snapshots (symbol_id, \"timestamp\", kind, funding_rate)"
     " SELECT id, '2026-11-25Z', 'settled', 0.0001 FROM unnest('{%}'::integer[]) AS id"},
    {"balance_snapshots", "exchange_id",
     "INSERT INTO balance_snapshots (exchange_id, account, asset_name, \"timestamp\", available_balance, "
     "locked_balance,"
     " total_balance) SELECT id, 'main', 'USDT', '2026-11-25Z', 1, 0, 1 FROM unnest('{%}'::integer[]) AS id"}};

std::string with_ids(const DatasetCase& dataset, const std::string& ids) {
    std::string text = dataset.insert;
    return text.replace(text.find('%'), 1, ids);
}

class PostgresReferences : public PostgresSchema {
 protected:
    void SetUp() override {
        add_symbols(2);
        sql().run(
            "INSERT INTO exchanges (enum_value, exchange_name, market_type, is_active)"
            " VALUES ('DEMOB_SPOT', 'DEMOB', 'SPOT', true)");
        ensure("2026-11-25Z", "2026-11-26Z");
        ensure("2026-11-25Z", "2026-11-26Z", "trade_snapshots");
    }
    long long count(const std::string& table) { return sql().number("SELECT count(*) FROM " + table); }
};

TEST_F(PostgresReferences, AnUnknownIdRefusesTheWholeStatement) {
    for (const DatasetCase& dataset : kDatasets) {
        const std::string unknown = std::string(dataset.column) + " 77 is in no row of ";
        expect_refused("23503", [&] { sql().run(with_ids(dataset, "1,77,2")); }, {unknown});
        EXPECT_EQ(count(dataset.table), 0) << dataset.table;
        sql().run(with_ids(dataset, "1,2"));
        EXPECT_EQ(count(dataset.table), 2) << dataset.table;
    }
}

TEST_F(PostgresReferences, AnUnknownIdIsRefusedByAPartitionToo) {
    const std::string table = partitions().front().substr(0, partitions().front().find('|'));
    EXPECT_EQ(table, "book_ticker_snapshots_2026_11");
    expect_refused("23503", [&] { sql().run(quotes_sql(77, {"2026-11-25Z"}, table)); }, {"symbol_id 77"});
    sql().run(quotes_sql(2, {"2026-11-25Z"}, table));
    expect_refused("23503", [&] { sql().run("UPDATE " + table + " SET symbol_id = 77"); }, {"symbol_id 77"});
    EXPECT_EQ(sql().rows("SELECT symbol_id FROM book_ticker_snapshots"), Rows{"2"});
}

TEST_F(PostgresReferences, AnUpdateCannotSetAnUnknownId) {
    ensure("2027-01-01Z", "2027-02-01Z");
    for (const DatasetCase& dataset : kDatasets) {
        sql().run(with_ids(dataset, "1"));
        const std::string set_id = std::string("UPDATE ") + dataset.table + " SET " + dataset.column + " = ";
        expect_refused("23503", [&] { sql().run(set_id + "77"); }, {"77 is in no row of"});
        sql().run(set_id + "2");
        EXPECT_EQ(sql().rows(std::string("SELECT ") + dataset.column + " FROM " + dataset.table), Rows{"2"});
    }
    expect_refused(
        "23503", [&] { sql().run("UPDATE book_ticker_snapshots SET symbol_id = 77, \"timestamp\" = '2027-01-25Z'"); });
    sql().run("UPDATE book_ticker_snapshots SET \"timestamp\" = '2027-01-25Z'");
    EXPECT_EQ(sql().rows("SELECT symbol_id FROM book_ticker_snapshots WHERE \"timestamp\" > '2027-01-01Z'"), Rows{"2"});
}

// A trigger of that kind has every UPDATE lock each row before it writes it, whatever column the trigger is for.
TEST_F(PostgresReferences, NoTriggerIsAskedBeforeEachRowIsUpdated) {
    EXPECT_EQ(
        sql().rows("SELECT c.relname::text, t.tgname::text FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid"
                   " WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())"
                   " AND NOT t.tgisinternal AND t.tgtype & 19 = 19 AND c.relname LIKE '%snapshots%'"),
        Rows{});
}

TEST_F(PostgresReferences, AreCheckedInPartitionsThatWereMadeBeforeThisStep) {
    const auto& step = storage::postgres::migrations()[3];
    const auto refuses = [this](const std::string& table) {
        expect_refused("23503", [&] { sql().run("UPDATE " + table + " SET symbol_id = 77"); }, {"symbol_id 77"});
        sql().run("UPDATE " + table + " SET symbol_id = 1");
    };
    sql().run(quotes_sql(2, {"2026-11-25Z"}));
    for (const std::string& text : {step.down.front(), step.up.front()}) {
        apply(sql(), schema(), text);
        refuses("book_ticker_snapshots");
        refuses("book_ticker_snapshots_2026_11");
        ensure(text == step.up.front() ? "2027-01-01Z" : "2026-12-01Z",
               text == step.up.front() ? "2027-01-02Z" : "2026-12-02Z");
    }
    sql().run(quotes_sql(2, {"2026-12-01Z", "2027-01-01Z"}));
    refuses("book_ticker_snapshots_2026_12");
    refuses("book_ticker_snapshots_2027_01");
    EXPECT_EQ(sql().rows("SELECT DISTINCT symbol_id FROM book_ticker_snapshots"), Rows{"1"});
}

TEST_F(PostgresReferences, NoSearchPathLeadsTheCheckAstray) {
    const std::string evil = unique_name("evil_");
    sql().run("CREATE SCHEMA " + evil + "; CREATE TABLE " + evil + ".symbols (id integer); INSERT INTO " + evil +
              ".symbols VALUES (77); CREATE FUNCTION " + evil +
              ".yes(integer, integer) RETURNS boolean LANGUAGE sql AS 'SELECT true'; CREATE OPERATOR " + evil +
              ".= (FUNCTION = " + evil + ".yes, LEFTARG = integer, RIGHTARG = integer)");
    const auto session = open();
    session->run("SET search_path = " + evil + ", pg_catalog, " + quoted_identifier(schema()));
    EXPECT_EQ(session->value("SELECT 1 = 2"), "t");
    expect_refused("23503", [&] { session->run(with_ids(kDatasets[0], "77")); }, {"symbol_id 77"});
    sql().run(with_ids(kDatasets[0], "1"));
    expect_refused("23503", [&] { session->run("UPDATE book_ticker_snapshots SET symbol_id = 77"); }, {"symbol_id 77"});
    session->run("UPDATE book_ticker_snapshots SET symbol_id = 2");
    EXPECT_EQ(session->number(ensure_sql("2028-01-01Z", "2028-02-01Z")), 1);
    sql().run("DROP SCHEMA " + evil + " CASCADE");
}

TEST_F(PostgresReferences, ValuesThatTheDesignForbidsAreRefusedByName) {
    const auto insert = [this](const std::string& sides) {
        sql().run("INSERT INTO book_ticker_snapshots VALUES (1, '2026-11-25Z', 0, NULL, " + sides + ", NULL)");
    };
    expect_refused("23514", [&] { insert("2, 1, 1, 1"); }, {"is_not_crossed"});
    expect_refused("23514", [&] { insert("0, 1, NULL, NULL"); }, {"bid_is_positive"});
    expect_refused("23514", [&] { insert("NULL, NULL, 1, -1"); }, {"ask_is_positive"});
    expect_refused("23514", [&] { insert("1, NULL, 1, 1"); }, {"sides_are_whole"});
    expect_refused("23514", [&] { insert("NULL, NULL, NULL, NULL"); }, {"a_side_is_there"});
    insert("NULL, NULL, 1, 1");
    EXPECT_EQ(count("book_ticker_snapshots"), 1);
}

TEST_F(PostgresReferences, SeriesCountsWhatIsInsertedWhoeverInserts) {
    sql().run(quotes_sql(1, {"2026-11-25Z", "2026-11-24Z"}));
    sql().run(quotes_sql(1, {"2026-11-26Z"}, "book_ticker_snapshots_2026_11"));
    sql().run(quotes_sql(1, {"2026-11-26Z", "2026-11-27Z"}) +
              " ON CONFLICT (symbol_id, \"timestamp\", sequence) DO UPDATE SET bid_qty = 3");
    expect_refused("23503", [&] { sql().run(with_ids(kDatasets[0], "2,77")); });
    sql().run(with_ids(kDatasets[3], "1,2"));
    EXPECT_EQ(sql().rows("SELECT dataset, series_id, account, asset_name, rows, first_timestamp AT TIME ZONE 'UTC',"
                         " last_timestamp AT TIME ZONE 'UTC', min_skew FROM series ORDER BY 1, 2"),
              (Rows{"balances|1|main|USDT|1|2026-11-25 00:00:00|2026-11-25 00:00:00|",
                    "balances|2|main|USDT|1|2026-11-25 00:00:00|2026-11-25 00:00:00|",
                    "book-tickers|1|||4|2026-11-24 00:00:00|2026-11-27 00:00:00|"}));
}

}  // namespace
}  // namespace marketdb::testing
