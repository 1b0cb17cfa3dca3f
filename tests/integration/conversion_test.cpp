#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <memory>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <marketdb/marketdb.hpp>

#include "conversion_fixture.hpp"
#include "support/expect.hpp"
#include "support/rows.hpp"

/// Tables of older programs become a lean schema, and come back. (Suites are named so that they find a server.)
namespace marketdb::testing {
namespace {

TEST(PostgresConversion, EveryReadingCallAnswersAsBefore) {
    for (const LegacyClock clock : {LegacyClock::received, LegacyClock::event}) {
        for (const Rows& states :
             {Rows{"complete"}, Rows{"state_a"}, Rows{"complete", "state_b"}, Rows{"complete", "state_c"}}) {
            SCOPED_TRACE(states.back());
            const ConversionDatabase database(states);
            const bool has_funding = states.back() != "state_b";
            const Rows before = everything(database.config(clock), has_funding);
            ASSERT_GT(before.size(), 5000U);
            const ConversionReport report = convert(database.config(clock), ConversionStep::up);
            EXPECT_EQ(report.phase, "converted");
            EXPECT_EQ(database.value("SELECT relkind FROM pg_class WHERE oid = 'desk.book_ticker_snapshots'::regclass"),
                      "p");
            const Rows after = everything(database.config(clock), has_funding);
            ASSERT_EQ(after.size(), before.size());
            for (std::size_t i = 0; i < after.size(); ++i) ASSERT_EQ(after[i], before[i]);
        }
    }
}

TEST(PostgresConversion, TheResultIsTheSchemaThatANewDatabaseGets) {
    const ConversionDatabase database({"complete"});
    convert(database.config(), ConversionStep::up);
    convert(database.config(), ConversionStep::finish);
    const ConversionDatabase fresh;
    {
        DatabaseManager manager(fresh.config());
        manager.wait(manager.initialize());
        manager.wait(manager.close());
    }
    const auto lines_of = [](const std::string& text) {
        std::istringstream in(text);
        std::multiset<std::string> lines;
        for (std::string line; std::getline(in, line);) lines.insert(line);
        return lines;
    };
    const std::multiset<std::string> there = lines_of(database.definitions());
    const std::multiset<std::string> wanted = lines_of(fresh.definitions());
    Rows missing;
    std::set_difference(wanted.begin(), wanted.end(), there.begin(), there.end(), std::back_inserter(missing));
    EXPECT_EQ(missing, Rows{});
    EXPECT_EQ(database.value("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'marketdb%'"), "0");
    EXPECT_EQ(database.value("SELECT count(*) FROM pg_proc WHERE prosrc LIKE '%marketdb next%'"), "0");
    // Counts, ids and triggers work on.
    DatabaseManager manager(database.config());
    manager.wait(manager.initialize());
    Symbol symbol;
    symbol.exchange_id = ExchangeId{1};
    symbol.symbol_base = "NEW";
    symbol.symbol_quote = "USDT";
    symbol.exchange_symbol = "NEWUSDT";
    EXPECT_EQ(manager.wait(manager.insert_symbol(symbol)).id, SymbolId{21});
    const WriteResult written =
        manager.wait(manager.insert_book_ticker_snapshots({quote(SymbolId{21}, kNoon + 24h * 900, 1, 2)}));
    EXPECT_EQ(written.inserted, 1U);
    const DatabaseStats stats = manager.wait(manager.get_database_stats());
    EXPECT_EQ(stats.datasets.at(0).rows, 3001U);
    EXPECT_EQ(stats.datasets.at(1).rows, 2000U);
    EXPECT_EQ(database.value("SELECT sum(rows) FROM series WHERE dataset = 'trades'"), "2000");
    expect_error(ErrorCode::unknown_symbol,
                 [&] { manager.wait(manager.insert_trades({trade(SymbolId{99}, kNoon, "1")})); });
    manager.wait(manager.close());
}

TEST(PostgresConversion, APlanChangesNothingAndSaysWhatWillBe) {
    const ConversionDatabase database({"complete", "state_b", "state_c"});
    const std::string before = database.definitions();
    const ConversionReport report = plan_of(database.config());
    EXPECT_EQ(report.phase, "existing");
    EXPECT_EQ(found(report, "refused"), Rows{});
    EXPECT_EQ(found(report, "folded"),
              Rows{"rows trade_snapshots: 100 of one symbol, time and trade_id with a later one"});
    EXPECT_EQ(found(report, "recreated"), (Rows{"materialized view desk.book_ticker_1min: 0 ",
                                                "trigger trigger_validate_balance_snapshot of balance_snapshots: 0 "}));
    EXPECT_EQ(found(report, "converted").size(), 5U);
    EXPECT_EQ(found(report, "taken").size(), 3U);
    EXPECT_EQ(database.definitions(), before);
    DatabaseManager manager(database.config());
    expect_error(ErrorCode::schema_mismatch, [&] { manager.wait(manager.convert(ConversionStep::finish)); });
    expect_error(ErrorCode::schema_mismatch, [&] { manager.wait(manager.convert(ConversionStep::down)); });
    EXPECT_EQ(database.definitions(), before);
}

TEST(PostgresConversion, OlderShapesAreRefused) {
    const ConversionDatabase database;
    {
        const auto owner = database.session();
        make_existing_tables(*owner, "state_d_flat");
    }
    expect_error(ErrorCode::schema_mismatch, [&] { plan_of(database.config()); },
                 {"book_ticker_snapshots has no column symbol_id"});
    expect_error(ErrorCode::schema_mismatch, [&] { convert(database.config(), ConversionStep::up); });
    EXPECT_EQ(database.value("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'marketdb%'"), "0");
}

constexpr const char* kHanging =
    "CREATE VIEW spreads AS SELECT e.enum_value, s.symbol_base, b.\"timestamp\", b.ask_price - b.bid_price AS spread"
    " FROM book_ticker_snapshots b JOIN symbols s ON s.id = b.symbol_id JOIN exchanges e ON e.id = s.exchange_id;"
    "CREATE VIEW widest WITH (security_barrier) AS SELECT symbol_base, max(spread) AS spread FROM spreads GROUP BY 1;"
    "COMMENT ON VIEW widest IS 'the widest';"
    "CREATE UNIQUE INDEX minute_key ON book_ticker_1min (minute, symbol_id);"
    "CREATE TABLE orderbook_depth (id bigserial, symbol_id integer NOT NULL REFERENCES symbols (id), level smallint);"
    "INSERT INTO orderbook_depth (symbol_id, level) VALUES (3, 1);"
    "GRANT USAGE ON SCHEMA desk TO conversion_reader; GRANT SELECT ON ALL TABLES IN SCHEMA desk TO conversion_reader;"
    "GRANT UPDATE (is_active) ON symbols TO conversion_reader";

TEST(PostgresConversion, WhatHangsOnTheTablesSurvivesThereAndBack) {
    make_role("conversion_reader");
    const ConversionDatabase database({"complete", "state_b", "state_c"});
    database.run(kHanging);
    database.run("REFRESH MATERIALIZED VIEW book_ticker_1min");
    const std::string before = database.definitions();
    const std::string widest = "SELECT round(spread::numeric, 6) FROM widest WHERE symbol_base = 'B3'";
    const std::string minutes = "SELECT count(*), sum(update_count) FROM book_ticker_1min";
    const Rows minutes_before = database.rows(minutes);
    EXPECT_EQ(database.value(widest), "0.500000");

    convert(database.config(), ConversionStep::up);
    EXPECT_EQ(database.session("conversion_reader")->value(widest), "0.500000");
    EXPECT_EQ(database.rows(minutes), minutes_before);
    EXPECT_EQ(database.value("SELECT count(*) FROM pg_indexes WHERE indexname = 'minute_key'"), "1");
    EXPECT_EQ(database.value("SELECT obj_description('desk.widest'::regclass)"), "the widest");
    EXPECT_EQ(database.value("SELECT reloptions FROM pg_class WHERE oid = 'desk.widest'::regclass"),
              "{security_barrier=true}");
    EXPECT_EQ(database.value("SELECT convalidated || ' ' || confrelid::regclass FROM pg_constraint"
                             " WHERE conname = 'orderbook_depth_symbol_id_fkey'"),
              "true symbols");
    EXPECT_THROW(database.run("INSERT INTO orderbook_depth (symbol_id, level) VALUES (99, 1)"), PostgresFailure);
    EXPECT_THROW(database.run("INSERT INTO balance_snapshots (exchange_id, account, asset_name, \"timestamp\", "
                              "available_balance, locked_balance, total_balance)"
                              " VALUES (1, 'main', 'usdt.e', now(), 1, 0, 1)"),
                 PostgresFailure)
        << "the trigger stands";
    EXPECT_EQ(database.session("conversion_reader")->value("SELECT count(*) FROM latest_quotes"), "20");
    database.session("conversion_reader")->run("UPDATE symbols SET is_active = false WHERE id = 3");

    database.run("UPDATE symbols SET is_active = true WHERE id = 3");
    convert(database.config(), ConversionStep::down);
    EXPECT_EQ(database.definitions(), before);
    EXPECT_EQ(database.rows(minutes), minutes_before);
    EXPECT_EQ(database.session("conversion_reader")->value(widest), "0.500000");
}

TEST(PostgresConversion, WhatCannotBeMadeAnewIsRefusedByName) {
    const ConversionDatabase database({"complete"});
    database.run(
        "CREATE VIEW fresh AS SELECT symbol_id, created_at FROM book_ticker_snapshots;"
        "CREATE VIEW numbers AS SELECT sequence_number FROM book_ticker_snapshots;"
        "CREATE VIEW funding AS SELECT funding_rate FROM funding_rate_snapshots;"
        "ALTER TABLE trade_snapshots ENABLE ROW LEVEL SECURITY;"
        "CREATE PUBLICATION ours FOR TABLE balance_snapshots;"
        "CREATE RULE none AS ON DELETE TO balance_snapshots DO ALSO NOTHING;"
        "CREATE FUNCTION newest() RETURNS SETOF book_ticker_snapshots LANGUAGE sql AS 'SELECT * FROM "
        "desk.book_ticker_snapshots LIMIT 1'");
    const std::string before = database.definitions();
    const ConversionReport report = plan_of(database.config());
    EXPECT_EQ(found(report, "stays"),
              Rows{"function desk.newest(): 0 its text names book_ticker_snapshots: from then on it "
                   "meets the lean ones"});
    EXPECT_EQ(found(report, "refused"),
              (Rows{"name funding: 0 the lean schema has a relation of that name: rename this one",
                    "view desk.fresh: 0 it uses book_ticker_snapshots.created_at, which the lean tables do not have or "
                    "have as something else",
                    "view desk.numbers: 0 it uses book_ticker_snapshots.sequence_number, which the lean tables do not "
                    "have or have as something else",
                    "object function desk.newest(): 0 marketdb does not know how to make it anew",
                    "publication ours: 0 its subscribers have the old columns; take balance_snapshots out of it first",
                    "row security trade_snapshots: 0 COPY, by which rows are written, does not heed it",
                    "rule none of balance_snapshots: 0 a COPY passes it by"}));
    expect_error(ErrorCode::schema_mismatch, [&] { convert(database.config(), ConversionStep::up); },
                 {"view desk.fresh", "nothing was changed"});
    EXPECT_EQ(database.definitions(), before);
}

void expect_refused_unchanged(const ConversionDatabase& database, std::initializer_list<std::string_view> texts) {
    const std::string before = database.definitions();
    expect_error(
        ErrorCode::schema_mismatch, [&] { convert(database.config(), ConversionStep::up); }, texts);
    EXPECT_EQ(database.definitions(), before);
}

TEST(PostgresConversion, AViewWhoseTextDoesNotFitIsFoundBeforeRowsAreCopied) {
    const ConversionDatabase database({"complete"});
    database.run("CREATE VIEW rounded AS SELECT round(bid_price, 2) AS bid FROM book_ticker_snapshots");
    expect_refused_unchanged(
        database, {"view desk.rounded", "round(double precision, integer) does not exist", "nothing was changed"});
}

TEST(PostgresConversion, ATriggerThatRefusesLeanRowsIsFoundBeforeRowsAreCopied) {
    const ConversionDatabase database({"complete"});
    database.run(
        "CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.created_at := now(); RETURN NEW; END "
        "$$;"
        "CREATE TRIGGER stamps BEFORE INSERT ON trade_snapshots FOR EACH ROW EXECUTE FUNCTION stamp()");
    expect_refused_unchanged(database, {"triggers of trade_snapshots", "created_at"});
}

TEST(PostgresConversion, RowsThatCannotBeHeldAreCountedAndRefusedUnlessTheyMayStayBehind) {
    const ConversionDatabase database({"complete"});
    database.run(
        "INSERT INTO book_ticker_snapshots (\"timestamp\", symbol_id, bid_price, bid_qty, ask_price, ask_qty) VALUES"
        " ('2024-01-01', 1, 'NaN', 1, 'NaN', 1), ('2024-01-01', 2, 1, 'NaN', 2, 1), ('infinity', 1, 1, 1, 2, 1),"
        " ('1960-01-01', 1, 1, 1, 2, 1), ('2024-01-01', 3, 1, 1, 'NaN', 'NaN');"
        "INSERT INTO trade_snapshots (\"timestamp\", symbol_id, price, quantity, side, trade_id) VALUES"
        " ('2024-01-01', 1, 1, 1, 'buy', repeat('x', 64)), ('2024-01-01', 1, 'NaN', 1, 'buy', '1')");
    EXPECT_EQ(
        found(plan_of(database.config()), "left behind"),
        (Rows{"rows book_ticker_snapshots: 2 a time outside 1970 to 2262", "rows book_ticker_snapshots: 2 half a side",
              "rows trade_snapshots: 1 a price or quantity that is not positive and finite",
              "rows trade_snapshots: 1 a trade_id of more than 63 bytes"}));
    const std::string before = database.definitions();
    expect_error(ErrorCode::constraint, [&] { convert(database.config(), ConversionStep::up); },
                 {"2 rows of book_ticker_snapshots: half a side"});
    EXPECT_EQ(database.definitions(), before);

    ConversionOptions options = despite_tests_sessions();
    options.leave_behind = true;
    convert(database.config(), ConversionStep::up, options);
    EXPECT_EQ(database.value("SELECT count(*) FROM book_ticker_snapshots"), "3001");
    EXPECT_EQ(
        database.rows("SELECT bid_price, ask_price FROM book_ticker_snapshots WHERE \"timestamp\" = '2024-01-01'"),
        Rows{"1|"});
    EXPECT_EQ(database.value("SELECT count(*) FROM trade_snapshots"), "2000");
    EXPECT_EQ(database.value("SELECT count(*) FROM marketdb_before_desk.book_ticker_snapshots"), "3005");
}

TEST(PostgresConversion, SymbolsThatCannotBeHeldAreRefused) {
    const ConversionDatabase database({"complete"});
    database.run(
        "INSERT INTO symbols (exchange_id, symbol_base, symbol_quote, exchange_symbol, symbol_type) VALUES"
        " (1, 'X', 'USDT', 'XUSDT', 'SPOT'), (1, 'X', 'USDT', 'XUSDT', 'FUTURES')");
    EXPECT_EQ(found(plan_of(database.config()), "refused"),
              Rows{"rows symbols: 2 an exchange_symbol that its exchange has twice"});
}

TEST(PostgresConversion, NobodyMayDoMoreAfterwardsThanBelongsToWhatHeCouldDo) {
    for (const char* role : {"conversion_quotes", "conversion_writes", "conversion_inserts"}) {
        make_role(role);
    }
    const ConversionDatabase database({"complete"});
    database.run(
        "GRANT USAGE ON SCHEMA desk TO conversion_quotes, conversion_writes;"
        "GRANT SELECT ON exchanges, symbols, book_ticker_snapshots TO conversion_quotes;"
        "GRANT SELECT, INSERT, UPDATE ON exchanges, symbols, book_ticker_snapshots TO conversion_writes;"
        "GRANT USAGE ON SCHEMA desk TO conversion_inserts; GRANT INSERT ON trade_snapshots TO conversion_inserts");
    convert(database.config(), ConversionStep::up);
    const auto may = [&](const std::string& role, const std::string& relation, const std::string& privilege) {
        return database.value(
            fmt::format("SELECT has_table_privilege('{}', 'desk.{}', '{}')", role, relation, privilege));
    };
    for (const char* relation : {"book_ticker_snapshots", "series", "reference_version", "quotes", "latest_quotes"}) {
        EXPECT_EQ(may("conversion_quotes", relation, "SELECT"), "t") << relation;
        EXPECT_EQ(may("conversion_quotes", relation, "INSERT, UPDATE, DELETE"), "f") << relation;
    }
    for (const char* relation : {"balance_snapshots", "trade_snapshots", "funding", "quarantined_rows"}) {
        EXPECT_EQ(may("conversion_quotes", relation, "SELECT"), "f") << relation;
    }
    EXPECT_EQ(may("conversion_writes", "series", "UPDATE"), "t");
    EXPECT_EQ(may("conversion_writes", "series", "DELETE"), "f");
    EXPECT_EQ(may("conversion_writes", "quarantined_rows", "DELETE"), "f");
    EXPECT_EQ(database.value("SELECT has_function_privilege('conversion_writes', "
                             "'desk.marketdb_drop_partitions(text, timestamptz)', 'EXECUTE')"),
              "f");
    EXPECT_EQ(may("conversion_inserts", "trade_snapshots", "SELECT"), "f");
    database.session("conversion_inserts")
        ->run(
            "INSERT INTO trade_snapshots (symbol_id, \"timestamp\", trade_id, sequence, price, quantity)"
            " VALUES (1, '2024-08-08 12:00+00', 'inserted', 1, 1, 1)");
    // Until `finish` it may ask what there is to migrate, too.
    Config settings = database.config();
    settings.postgres.conninfo += "&user=conversion_quotes";
    EXPECT_EQ(plan_of(settings).phase, "none");
}

TEST(PostgresConversion, DownGoesOnWhereAViewWasDroppedAndCountsRowsThatWereSetAside) {
    const ConversionDatabase database({"complete"});
    database.run("CREATE VIEW newest AS SELECT symbol_id, max(\"timestamp\") FROM book_ticker_snapshots GROUP BY 1");
    const std::string before = database.definitions();
    convert(database.config(), ConversionStep::up);
    database.run(
        "DROP VIEW newest; INSERT INTO quarantined_rows (source_id, line, dataset, reason, text)"
        " SELECT min(id), 1, 'trades', 'no price', 'x' FROM sources");
    expect_error(ErrorCode::constraint, [&] { convert(database.config(), ConversionStep::down); },
                 {"1 rows of quarantined_rows: there was no such table"});
    ConversionOptions options = despite_tests_sessions();
    options.leave_behind = true;
    convert(database.config(), ConversionStep::down, options);
    EXPECT_EQ(database.definitions(), before);
}

/// The old table gives trades its own numbers.
Rows without_numbers_of_trades(Rows rows) {
    static const std::regex number(R"(^((?:latest )?trade \S+ \S+ \S+) \S+)");
    for (std::string& row : rows) row = std::regex_replace(row, number, "$1");
    return rows;
}

TEST(PostgresConversion, DownBringsBackWhatWasWrittenSince) {
    const ConversionDatabase database({"complete"});
    const Config settings = database.config(LegacyClock::event);
    convert(settings, ConversionStep::up);
    {
        DatabaseManager db(settings);
        db.wait(db.initialize());
        const Timestamp later = kNoon + 24h * 800;
        std::vector<BookTicker> quotes{quote(SymbolId{1}, later, 5, 6),
                                       quote(SymbolId{1}, later + 1s, 5, 123456789.12345678)};
        db.wait(db.insert_book_ticker_snapshots(std::move(quotes)));
        std::vector<Trade> trades{trade(SymbolId{1}, later, "new"), trade(SymbolId{1}, kNoon, "2", 777)};
        db.wait(db.insert_trades(std::move(trades)));
        FundingRate rate = funding(SymbolId{2}, later, 0.0002);
        rate.funding_time = later + 4h;
        std::vector<FundingRate> rates{rate};
        db.wait(db.insert_funding_rates(std::move(rates)));
        std::vector<Balance> balances{balance(ExchangeId{1}, "USDT", later, 5.5, 1)};
        db.wait(db.insert_balance_snapshots(std::move(balances)));
        Symbol symbol;
        symbol.exchange_id = ExchangeId{1};
        symbol.symbol_base = "NEW";
        symbol.symbol_quote = "USDT";
        symbol.exchange_symbol = "NEW_USDT";
        db.wait(db.insert_symbol(symbol));
        db.wait(db.close());
    }
    const Rows before = without_numbers_of_trades(everything(settings));
    const ConversionReport report = convert(settings, ConversionStep::down);
    EXPECT_EQ(found(report, "left behind"), Rows{});
    const Rows after = without_numbers_of_trades(everything(settings));
    ASSERT_EQ(after.size(), before.size());
    for (std::size_t i = 0; i < after.size(); ++i) ASSERT_EQ(after[i], before[i]);
    EXPECT_EQ(database.rows("SELECT ask_price, update_type FROM book_ticker_snapshots WHERE bid_price = 5 ORDER BY "
                            "\"timestamp\""),
              (Rows{"6.00000000|snapshot", "123456789.12345678|snapshot"}));
    EXPECT_EQ(database.value("SELECT DISTINCT price FROM trade_snapshots WHERE trade_id = '2'"), "777.00000000");
    EXPECT_EQ(database.value("INSERT INTO symbols (exchange_id, symbol_base, symbol_quote, exchange_symbol) VALUES "
                             "(1, 'Z', 'USDT', 'ZUSDT') RETURNING id"),
              "22");
}

TEST(PostgresConversion, DownRefusesWhatTheOldTablesCannotHoldUnlessItMayBeLost) {
    const ConversionDatabase database({"complete"});
    const Config settings = database.config(LegacyClock::event);
    convert(settings, ConversionStep::up);
    {
        DatabaseManager db(settings);
        db.wait(db.initialize());
        const Timestamp later = kNoon + 24h * 800;
        BookTicker one_sided = quote(SymbolId{1}, later, 5, 6);
        one_sided.ask_price = kNoNumber;
        one_sided.ask_qty = kNoNumber;
        std::vector<BookTicker> quotes{one_sided, quote(SymbolId{2}, later, 5, 6, 1),
                                       quote(SymbolId{2}, later, 7, 8, 2)};
        db.wait(db.insert_book_ticker_snapshots(std::move(quotes)));
        std::vector<Trade> trades{trade(SymbolId{1}, later, "1", 1, 1, Side::unknown), trade(SymbolId{1}, later, "")};
        db.wait(db.insert_trades(std::move(trades)));
        std::vector<Balance> balances{balance(ExchangeId{1}, "USDT", later, -5),
                                      balance(ExchangeId{1}, "BTC", later, 5)};
        db.wait(db.insert_balance_snapshots(std::move(balances)));
        Symbol dated;
        dated.exchange_id = ExchangeId{2};
        dated.symbol_base = "B3";
        dated.symbol_quote = "USDT";
        dated.exchange_symbol = "B3USDT_261225";
        dated.expires_at = later;
        dated.symbol_type = MarketType::futures;
        db.wait(db.insert_symbol(dated));
        db.wait(db.close());
    }
    const std::string lean = database.definitions();
    expect_error(
        ErrorCode::constraint, [&] { convert(settings, ConversionStep::down); },
        {"1 rows of balance_snapshots: refused by the old table", "1 rows of book_ticker_snapshots: a side is missing",
         "1 rows of book_ticker_snapshots: at one time with a later one",
         "1 rows of symbols: a contract that the old table cannot tell from the perpetual",
         "1 rows of trade_snapshots: an unknown side"});
    EXPECT_EQ(database.definitions(), lean);

    ConversionOptions options = despite_tests_sessions();
    options.leave_behind = true;
    const ConversionReport report = convert(settings, ConversionStep::down, options);
    EXPECT_EQ(found(report, "brought back"),
              (Rows{"rows balance_snapshots: 1 ", "rows book_ticker_snapshots: 1 ", "rows trade_snapshots: 1 "}));
    EXPECT_EQ(
        database.value("SELECT count(*) FROM trade_snapshots WHERE \"timestamp\" > '2025-01-01' AND trade_id IS NULL"),
        "1");
    EXPECT_EQ(database.rows("SELECT bid_price, sequence_number FROM book_ticker_snapshots WHERE symbol_id = 2 AND "
                            "\"timestamp\" > '2025-01-01'"),
              Rows{"7.00000000|2"});
    EXPECT_EQ(database.value("SELECT count(*) FROM symbols"), "20");
}

TEST(PostgresConversion, FinishDropsTheOldTablesAndEndsTheWayBack) {
    const ConversionDatabase database({"complete"});
    convert(database.config(), ConversionStep::up);
    EXPECT_EQ(plan_of(database.config()).phase, "converted");
    EXPECT_EQ(found(plan_of(database.config()), "kept").size(), 6U);
    const ConversionReport report = convert(database.config(), ConversionStep::finish);
    EXPECT_EQ(found(report, "dropped").size(), 6U);
    EXPECT_EQ(plan_of(database.config()).phase, "none");
    expect_error(ErrorCode::schema_mismatch, [&] { convert(database.config(), ConversionStep::down); });
    expect_error(ErrorCode::schema_mismatch, [&] { convert(database.config(), ConversionStep::up); });
    EXPECT_EQ(database.value("SELECT count(*) FROM book_ticker_snapshots"), "3000");
}

TEST(PostgresConversion, TriggersMeanWhatTheyMeant) {
    const ConversionDatabase database({"complete"});
    database.run(
        "CREATE TABLE audit (price numeric);"
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO audit VALUES (NEW.price); "
        "RETURN NULL; END $$;"
        "CREATE TRIGGER notes AFTER INSERT ON trade_snapshots FOR EACH ROW EXECUTE FUNCTION note()");
    const Config settings = database.config(LegacyClock::event);
    convert(settings, ConversionStep::up);
    EXPECT_EQ(database.value("SELECT count(*) FROM audit"), "0") << "rows are copied without the triggers";
    database.run(
        "INSERT INTO trade_snapshots (symbol_id, \"timestamp\", trade_id, sequence, price, quantity, side)"
        " VALUES (1, '2024-08-08 12:00+00', 'new', 1, 5, 1, 'buy')");
    EXPECT_EQ(database.value("SELECT count(*) FROM audit"), "1");
    convert(settings, ConversionStep::down);
    EXPECT_EQ(database.value("SELECT count(*) FROM trade_snapshots WHERE price = 5"), "1");
}

TEST(PostgresConversion, AViewThatCouldNotBeMadeAgainIsRefused) {
    const ConversionDatabase database({"complete"});
    database.session("postgres")
        ->run(
            "CREATE SCHEMA reports; CREATE VIEW reports.newest AS SELECT max(\"timestamp\") FROM "
            "desk.book_ticker_snapshots; ALTER VIEW reports.newest OWNER TO marketdb");
    EXPECT_EQ(found(plan_of(database.config()), "refused").at(0),
              "view reports.newest: 0 marketdb and marketdb would need CREATE on schema reports");
}

TEST(PostgresConversion, SchemasWhoseNamesCannotBePartOfOthersAreMigratedAsEver) {
    const ConversionDatabase database;
    PostgresSession owner(database.conninfo());
    const std::string name(50, 'x');
    owner.run("CREATE SCHEMA " + name);
    Config settings = database.config();
    settings.postgres.schema = name;
    EXPECT_EQ(plan_of(settings).phase, "none");
    expect_error(ErrorCode::schema_mismatch, [&] { convert(settings, ConversionStep::up); }, {"nothing to convert"});
    owner.run("SET search_path TO " + name);
    make_existing_tables(owner, "complete");
    expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(plan_of(settings)); }, {"too long"});
}

TEST(PostgresConversion, OnlyTheOwnerMayAndItSaysSo) {
    const ConversionDatabase database({"complete"});
    database.session("postgres")
        ->run("ALTER TABLE desk.trade_snapshots OWNER TO postgres; GRANT ALL ON desk.trade_snapshots TO marketdb");
    EXPECT_EQ(found(plan_of(database.config()), "refused").at(0),
              "owner trade_snapshots: 0 it belongs to postgres: run this as that role");
}

}  // namespace
}  // namespace marketdb::testing
