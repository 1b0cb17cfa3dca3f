#include <string>
#include <variant>

#include "engine_fixture.hpp"

/// Statements of the caller's own: the escape hatch.
namespace marketdb::testing {
namespace {

MARKETDB_CONTRACT_SUITE(Sql);

std::int64_t number(const Value& value) { return std::get<std::int64_t>(value); }
const std::string& text(const Value& value) { return std::get<std::string>(value); }

TEST_P(Sql, RowsComeWithTheNamesOfTheirColumns) {
    make_symbol("ETH", "USDT");
    make_symbol("BTC", "USDT");
    const SqlResult result =
        wait(db().fetch("SELECT symbol_base, id FROM symbols WHERE symbol_quote = $1 ORDER BY symbol_base", {"USDT"}));
    EXPECT_EQ(result.columns, (Lines{"symbol_base", "id"}));
    ASSERT_EQ(result.rows.size(), 2U);
    EXPECT_EQ(text(result.rows[0][0]), "BTC");
    EXPECT_EQ(text(result.rows[1][0]), "ETH");
    EXPECT_GT(number(result.rows[0][1]), 0);
    EXPECT_FALSE(result.truncated);
    EXPECT_EQ(result.affected, 0U);
}

TEST_P(Sql, ParametersAreValuesAndNeverText) {
    make_symbol();
    const char* attack = "USDT'; DELETE FROM symbols; --";
    const std::vector<Value> parameters{std::string(attack), std::int64_t{2}};
    EXPECT_EQ(wait(db().fetch("SELECT id FROM symbols WHERE symbol_quote = $1", parameters)).rows.size(), 0U);
    const std::optional<Value> twice = wait(db().fetch_value("SELECT $2 + $2", parameters));
    EXPECT_EQ(number(twice.value()), 4) << "numbered, wherever they stand";
    EXPECT_EQ(wait(db().get_database_stats()).symbols, 1U);
}

TEST_P(Sql, EveryKindOfValueGoesInAndComesOut) {
    const std::string sql = target().is_shared && !target().is_file
                                ? "SELECT $1::bigint, $2, $3, $4, $5::boolean, $6::bytea, $7::timestamptz"
                                : "SELECT $1, $2, $3, $4, $5, $6, $7";
    const std::vector<Value> parameters{
        Value{}, std::int64_t{-7}, 0.1, std::string("a'b"), true, std::vector<std::byte>{std::byte{0}, std::byte{255}},
        kNoon};
    const std::optional<std::vector<Value>> row = wait(db().fetch_row(sql, parameters));
    ASSERT_TRUE(row.has_value());
    EXPECT_TRUE(std::holds_alternative<std::monostate>((*row)[0]));
    EXPECT_EQ(number((*row)[1]), -7);
    EXPECT_EQ(std::get<double>((*row)[2]), 0.1);
    EXPECT_EQ(text((*row)[3]), "a'b");
    EXPECT_EQ(std::get<std::vector<std::byte>>((*row)[5]), (std::vector<std::byte>{std::byte{0}, std::byte{255}}));
    if (std::holds_alternative<bool>((*row)[4])) {
        EXPECT_TRUE(std::get<bool>((*row)[4]));
        EXPECT_EQ(std::get<Timestamp>((*row)[6]), kNoon);
    } else {
        EXPECT_EQ(number((*row)[4]), 1) << "SQLite has neither booleans nor times";
        EXPECT_EQ(number((*row)[6]), 1'723'118'400'000'000);
    }
}

TEST_P(Sql, AnAnswerThatIsCutSaysSo) {
    for (const char* base : {"BTC", "ETH", "SOL"}) make_symbol(base, "USDT");
    const auto fetch = [&](std::uint64_t limit) { return wait(db().fetch("SELECT id FROM symbols", {}, limit)); };
    EXPECT_EQ(fetch(2).rows.size(), 2U);
    EXPECT_TRUE(fetch(2).truncated);
    EXPECT_FALSE(fetch(3).truncated);
    EXPECT_EQ(fetch(0).rows.size(), 3U);
    EXPECT_EQ(wait(db().fetch_row("SELECT id FROM symbols WHERE id < 0")), std::nullopt);
    EXPECT_EQ(wait(db().fetch_value("SELECT id FROM symbols WHERE id < 0")), std::nullopt);
}

TEST_P(Sql, AStatementThatWritesIsCountedAndReachesMemoryWhenAsked) {
    const Symbol symbol = make_symbol();
    const SqlResult result = wait(db().execute("UPDATE symbols SET min_quantity = $1 WHERE id = $2",
                                               {0.5, static_cast<std::int64_t>(symbol.id)}));
    EXPECT_EQ(result.affected, 1U);
    EXPECT_TRUE(result.columns.empty());
    wait(db().refresh_reference());
    EXPECT_EQ(db().find_symbol(symbol.id)->min_quantity, 0.5);
    const SqlResult returning =
        wait(db().execute("UPDATE symbols SET min_quantity = 0.25 WHERE id = $1 RETURNING symbol_base",
                          {static_cast<std::int64_t>(symbol.id)}));
    EXPECT_EQ(returning.affected, 1U);
    EXPECT_EQ(text(returning.rows.at(0).at(0)), "BTC");
}

TEST_P(Sql, AStatementThatFailsStoresNothing) {
    make_symbol("BTC", "USDT");
    make_symbol("ETH", "USDT");
    expect_error(ErrorCode::constraint,
                 [&] { static_cast<void>(wait(db().execute("UPDATE symbols SET exchange_symbol = 'X'"))); });
    EXPECT_EQ(wait(db().fetch("SELECT id FROM symbols WHERE exchange_symbol = 'X'")).rows.size(), 0U);
}

TEST_P(Sql, FetchRefusesWhatWrites) {
    make_symbol();
    expect_error(ErrorCode::read_only,
                 [&] { static_cast<void>(wait(db().fetch("UPDATE symbols SET is_active = 'f'"))); });
    EXPECT_TRUE(db().find_symbol(db().find_exchange("ALPHA_SPOT")->id, "BTCUSDT")->is_active);
    if (!target().is_shared) return;
    close();
    Config settings = config();
    settings.open_mode = OpenMode::read_only;
    const auto reader = open(settings);
    expect_error(ErrorCode::read_only,
                 [&] { static_cast<void>(reader->wait(reader->execute("UPDATE symbols SET symbol_base = 'X'"))); });
    EXPECT_EQ(text(reader->wait(reader->fetch_value("SELECT symbol_base FROM symbols")).value()), "BTC");
}

TEST_P(Sql, ATextThatIsNoStatementOfItsOwnIsRefused) {
    make_symbol();
    for (const char* sql : {"SELEC 1", "SELECT nothing FROM symbols", "SELECT id FROM no_such_table", "",
                            "SELECT 1; SELECT 2", "BEGIN", " /* quiet */ COMMIT", "SELECT $1"}) {
        SCOPED_TRACE(sql);
        expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(wait(db().execute(sql))); });
    }
    EXPECT_EQ(wait(db().fetch("SELECT id FROM symbols; ")).rows.size(), 1U) << "the pool is as it was";
}

TEST_P(Sql, OneStatementRunsForManyListsOfValuesOrForNone) {
    const std::int64_t exchange = static_cast<std::int64_t>(make_symbol("BTC", "USDT").exchange_id);
    const std::string sql = "UPDATE symbols SET min_quantity = $2 WHERE exchange_id = $3 AND symbol_base = $1";
    make_symbol("ETH", "USDT");
    make_symbol("SOL", "USDT");
    const auto stored = [&] {
        Lines lines;
        const SqlResult rows = wait(db().fetch("SELECT symbol_base, min_quantity FROM symbols ORDER BY symbol_base"));
        for (const auto& row : rows.rows) {
            const double* quantity = std::get_if<double>(&row[1]);
            lines.push_back(text(row[0]) + (quantity == nullptr ? " none" : " " + std::to_string(*quantity)));
        }
        return lines;
    };
    const Lines before = stored();
    std::vector<std::vector<Value>> lists{{std::string("BTC"), 0.5, exchange}, {std::string("ETH"), 0.25, exchange}};
    EXPECT_EQ(wait(db().execute_many(sql, lists)), 2U);
    EXPECT_EQ(stored(), (Lines{"BTC 0.500000", "ETH 0.250000", before.at(2)}));
    lists = {{std::string("BTC"), 7.0, exchange}, {std::string("SOL"), 8.0, exchange}, {std::string("SOL"), 8.0}};
    expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(wait(db().execute_many(sql, lists))); });
    EXPECT_EQ(stored(), (Lines{"BTC 0.500000", "ETH 0.250000", before.at(2)})) << "all or nothing";
    const std::vector<std::vector<Value>> none;
    EXPECT_EQ(wait(db().execute_many(sql, none)), 0U);
    expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(wait(db().execute_many("COMMIT", lists))); });
}

TEST_P(Sql, ManyListsGoInMoreThanOneRoundTrip) {
    const std::int64_t exchange = static_cast<std::int64_t>(make_exchange().id);
    const std::string sql =
        "INSERT INTO symbols (exchange_id, symbol_base, symbol_quote, exchange_symbol, symbol_type, is_active" +
        std::string(target().can.own_tables ? ", contract_type, quantity_unit) VALUES ($1, $2, 'USDT', $2, 'SPOT', $3, "
                                              "'spot', 'base')"
                                            : ") VALUES ($1, $2, 'USDT', $2, 'SPOT', $3)");
    std::vector<std::vector<Value>> lists;
    for (int i = 0; i < 600; ++i) lists.push_back({exchange, "B" + std::to_string(i), true});
    EXPECT_EQ(wait(db().execute_many(sql, lists)), 600U);
    EXPECT_EQ(number(wait(db().fetch_value("SELECT count(*) FROM symbols")).value()), 600);
    lists.front()[1] = std::string("FIRST");
    expect_error(ErrorCode::constraint, [&] { static_cast<void>(wait(db().execute_many(sql, lists))); });
    EXPECT_EQ(number(wait(db().fetch_value("SELECT count(*) FROM symbols")).value()), 600) << "all or nothing";
}

TEST_P(Sql, RowsAreCopiedIntoATable) {
    const Symbol symbol = make_symbol();
    const auto id = static_cast<std::int64_t>(symbol.id);
    const std::vector<std::string> columns{"symbol_id", "timestamp", "funding_rate",
                                           target().can.own_tables ? "kind" : "funding_time"};
    const Value settled =
        target().can.own_tables ? Value{std::string("settled")} : Value{std::int64_t{1'723'118'400'000}};
    std::vector<std::vector<Value>> rows{{id, kNoon, 0.0001, settled}, {id, kNoon + 1s, -0.5, settled}};
    EXPECT_EQ(wait(db().copy_rows("funding_rate_snapshots", columns, rows)), 2U);
    const History<FundingRate> stored = wait(db().get_funding_rate_history());
    ASSERT_EQ(stored.rows.size(), 2U);
    EXPECT_EQ(stored.rows[0].funding_rate, 0.0001);
    EXPECT_EQ(stored.rows[1].timestamp, kNoon + 1s);
    EXPECT_EQ(stored.rows[1].funding_rate, -0.5);

    rows.front()[1] = kNoon + 2s;
    expect_error(ErrorCode::constraint,
                 [&] { static_cast<void>(wait(db().copy_rows("funding_rate_snapshots", columns, rows))); });
    rows = {{id, kNoon + 3s, 0.1, settled}, {id, kNoon + 4s, std::string("much"), settled}};
    EXPECT_THROW(static_cast<void>(wait(db().copy_rows("funding_rate_snapshots", columns, rows))), Error);
    EXPECT_EQ(stored_funding().size(), 2U) << "all or nothing";
}

TEST_P(Sql, WhateverATextHoldsIsCopiedAsItIs) {
    const std::int64_t exchange = static_cast<std::int64_t>(make_exchange().id);
    const std::vector<std::string> columns{"exchange_id", "symbol_base", "symbol_quote", "exchange_symbol",
                                           "symbol_type", "is_active",   "min_notional"};
    std::vector<std::string> all = columns;
    if (target().can.own_tables) all.insert(all.end(), {"contract_type", "quantity_unit"});
    const Lines texts{"a\tb\nc\\d\re", "\\N", "\\.", "'; DROP TABLE symbols; --", "\xC3\xA4"};
    std::vector<std::vector<Value>> rows;
    for (const std::string& one : texts) {
        rows.push_back({exchange, "B" + std::to_string(rows.size()), std::string("USDT"), one, std::string("SPOT"),
                        true, Value{}});
        if (target().can.own_tables) rows.back().insert(rows.back().end(), {std::string("spot"), std::string("base")});
    }
    EXPECT_EQ(wait(db().copy_rows("symbols", all, rows)), 5U);
    const SqlResult stored = wait(db().fetch(
        "SELECT exchange_symbol, min_notional FROM symbols WHERE exchange_id = $1 ORDER BY symbol_base", {exchange}));
    ASSERT_EQ(stored.rows.size(), 5U);
    for (std::size_t i = 0; i < texts.size(); ++i) {
        EXPECT_EQ(text(stored.rows[i][0]), texts[i]);
        EXPECT_TRUE(std::holds_alternative<std::monostate>(stored.rows[i][1]));
    }
}

TEST_P(Sql, NamesOfTablesAndColumnsAreLookedUpAndNeverBecomeText) {
    const std::int64_t exchange = static_cast<std::int64_t>(make_exchange().id);
    const std::vector<std::vector<Value>> rows{{exchange}};
    const auto copy = [&](const std::string& table, const std::vector<std::string>& columns) {
        return [&, table, columns] { static_cast<void>(wait(db().copy_rows(table, columns, rows))); };
    };
    expect_error(ErrorCode::invalid_argument, copy("no_such_table", {"exchange_id"}), {"no table no_such_table"});
    expect_error(ErrorCode::invalid_argument, copy("symbols; DROP TABLE symbols", {"exchange_id"}), {"no table"});
    expect_error(ErrorCode::invalid_argument, copy("symbols", {"no_such"}), {"symbols has no column no_such"});
    expect_error(ErrorCode::invalid_argument, copy("symbols", {"exchange_id) SELECT 1 --"}), {"has no column"});
    expect_error(ErrorCode::invalid_argument, copy("symbols", {}), {"no column is named"});
    expect_error(ErrorCode::invalid_argument, copy("symbols", {"exchange_id", "symbol_base"}),
                 {"row 0 has 1 values, expected one for each of 2 columns"});
    const std::vector<std::string> twice{"exchange_id", "exchange_id"};
    const std::vector<std::vector<Value>> pair{{exchange, exchange}};
    expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(wait(db().copy_rows("symbols", twice, pair))); },
                 {"named twice"});
    EXPECT_EQ(wait(db().get_database_stats()).symbols, 0U);
}

TEST_P(Sql, ADeadlineEndsALongStatement) {
    make_symbol();
    const std::string sql =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000000) "
        "SELECT count(*) FROM n";
    expect_error(ErrorCode::timeout, [&] {
        static_cast<void>(wait(db().fetch(sql, {}, 1, Deadline::in(std::chrono::milliseconds(200)))));
    });
    EXPECT_EQ(number(wait(db().fetch_value("SELECT 7")).value()), 7);
}

}  // namespace
}  // namespace marketdb::testing
