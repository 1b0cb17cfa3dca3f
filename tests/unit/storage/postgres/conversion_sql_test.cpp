#include "storage/postgres/conversion_sql.hpp"

#include <gtest/gtest.h>

#include <string>

namespace marketdb::storage::postgres {
namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(ConversionSql, ItsSchemasAreNamedAfterTheOneThatIsConverted) {
    const ConversionSql sql(SchemaName("desk"), LegacyClock::received);
    EXPECT_EQ(sql.before().text(), "marketdb_before_desk");
    EXPECT_EQ(sql.next().quoted(), "\"marketdb next desk\"") << "in quotes wherever it stands";
    EXPECT_TRUE(sql.is_possible());
    EXPECT_FALSE(ConversionSql(SchemaName(std::string(48, 'x')), LegacyClock::event).is_possible());
    EXPECT_FALSE(ConversionSql(SchemaName("a'b"), LegacyClock::event).is_possible());
}

TEST(ConversionSql, RowsAreReadWithTheColumnsThatThereAre) {
    const ConversionSql sql(SchemaName("desk"), LegacyClock::received);
    const std::string quotes = sql.rows("book_ticker_snapshots", {{"bid_price", "numeric"}});
    EXPECT_TRUE(has(quotes, "nullif(o.\"bid_price\"::double precision, 'NaN') AS bid_price")) << quotes;
    EXPECT_TRUE(has(quotes, "coalesce(NULL::bigint, 0) AS sequence")) << quotes;
    EXPECT_TRUE(has(quotes, "o.\"timestamp\" AS received_at")) << quotes;
    EXPECT_TRUE(has(quotes, "FROM \"desk\".\"book_ticker_snapshots\" AS o")) << quotes;
    const std::string balances = sql.rows("balance_snapshots", {{"available_balance", "real"}});
    EXPECT_TRUE(has(balances, "o.\"available_balance\"::text::double precision AS available_balance")) << balances;
    const ConversionSql other(SchemaName("desk"), LegacyClock::event);
    EXPECT_TRUE(has(other.rows("balance_snapshots", {}), "NULL::timestamptz AS received_at"));
}

TEST(ConversionSql, NoPlaceholderIsLeft) {
    const ConversionSql sql(SchemaName("desk"), LegacyClock::received);
    const OldColumns columns{{"bid_price", "numeric"}};
    OldTables tables;
    for (const ConvertedTable& table : converted_tables()) tables[std::string(table.name)] = columns;
    for (const std::string& text : {sql.begin(tables), sql.file("conditions.sql"), sql.file("sessions.sql"),
                                    sql.file("dependents.sql"), sql.file("functions.sql"), sql.drop_lean()}) {
        for (const char* name : {"{schema", "{next", "{before", "{clock", "{rows", "{old_table", "{dependents"}) {
            EXPECT_FALSE(has(text, name)) << name;
        }
    }
}

TEST(ConversionSql, ColumnsThatHaveNoPlaceAreNamed) {
    EXPECT_EQ(ConversionSql::lost({{"id", "bigint"}, {"symbol_id", "integer"}, {"bid_price", "numeric"}}), "id");
    EXPECT_EQ(ConversionSql::lost({{"timestamp", "timestamptz"}, {"created_at", "timestamptz"}, {"mood", "text"}}),
              "created_at, mood");
}

}  // namespace
}  // namespace marketdb::storage::postgres
