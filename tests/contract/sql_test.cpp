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
