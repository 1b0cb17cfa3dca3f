#include "storage/sql.hpp"

#include <string>

#include <gtest/gtest.h>

namespace marketdb::storage {
namespace {

TEST(Sql, QuotesEveryIdentifier) {
    EXPECT_EQ(quote_identifier("timestamp"), "\"timestamp\"");
    EXPECT_EQ(quote_identifier("a\"b"), "\"a\"\"b\"");
    EXPECT_EQ(column_list(table_of<QuarantinedRow>()), R"("source_id", "line", "dataset", "reason", "text")");
}

TEST(CreateTable, OfADatasetLiesInKeyOrder) {
    EXPECT_EQ(create_table_sql(table_of<BookTicker>(), Dialect::sqlite), R"(CREATE TABLE "book_ticker_snapshots" (
  "symbol_id" INTEGER NOT NULL REFERENCES "symbols" ("id"),
  "timestamp" INTEGER NOT NULL,
  "sequence" INTEGER NOT NULL,
  "received_at" INTEGER,
  "bid_price" REAL,
  "bid_qty" REAL,
  "ask_price" REAL,
  "ask_qty" REAL,
  "source_id" INTEGER,
  PRIMARY KEY ("symbol_id", "timestamp", "sequence"),
  CHECK ("bid_price" > 0 AND "bid_qty" > 0),
  CHECK ("ask_price" > 0 AND "ask_qty" > 0),
  CHECK (("bid_price" IS NULL) = ("bid_qty" IS NULL) AND ("ask_price" IS NULL) = ("ask_qty" IS NULL)),
  CHECK ("bid_price" IS NOT NULL OR "ask_price" IS NOT NULL),
  CHECK ("ask_price" >= "bid_price")
) STRICT, WITHOUT ROWID)");
}

TEST(CreateTable, WithAGeneratedIdHasItsNaturalKeyUnique) {
    EXPECT_EQ(create_table_sql(table_of<Exchange>(), Dialect::sqlite), R"(CREATE TABLE "exchanges" (
  "id" INTEGER PRIMARY KEY AUTOINCREMENT,
  "enum_value" TEXT NOT NULL,
  "exchange_name" TEXT NOT NULL,
  "market_type" TEXT NOT NULL CHECK ("market_type" IN ('SPOT', 'FUTURES')),
  "is_active" INTEGER NOT NULL CHECK ("is_active" IN (0, 1)),
  "created_at" INTEGER,
  UNIQUE ("enum_value")
) STRICT)");
    EXPECT_EQ(create_table_sql(table_of<Source>(), Dialect::sqlite), R"(CREATE TABLE "sources" (
  "id" INTEGER PRIMARY KEY AUTOINCREMENT,
  "kind" TEXT NOT NULL,
  "name" TEXT NOT NULL,
  "sha256" TEXT,
  "program" TEXT,
  "host" TEXT,
  "started_at" INTEGER NOT NULL,
  "finished_at" INTEGER,
  "rows" INTEGER NOT NULL
) STRICT)");
}

TEST(CreateTable, SpeaksPostgresToo) {
    EXPECT_EQ(create_table_sql(table_of<Trade>(), Dialect::postgres), R"(CREATE TABLE "trade_snapshots" (
  "symbol_id" integer NOT NULL REFERENCES "symbols" ("id"),
  "timestamp" timestamptz NOT NULL,
  "trade_id" text COLLATE "C" NOT NULL,
  "sequence" bigint NOT NULL,
  "received_at" timestamptz,
  "price" double precision NOT NULL,
  "quantity" double precision NOT NULL,
  "side" text COLLATE "C" CHECK ("side" IN ('buy', 'sell')),
  "quote_quantity" double precision,
  "is_buyer" boolean,
  "is_maker" boolean,
  "source_id" integer,
  PRIMARY KEY ("symbol_id", "timestamp", "trade_id"),
  CHECK ("price" > 0 AND "quantity" > 0 AND "quote_quantity" >= 0)
))");
    EXPECT_EQ(create_table_sql(table_of<Exchange>(), Dialect::postgres).substr(0, 95),
              "CREATE TABLE \"exchanges\" (\n  \"id\" integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,\n  \"enum_val");
}

TEST(InsertSql, NumbersParametersByColumn) {
    EXPECT_EQ(insert_sql(table_of<Exchange>(), Dialect::sqlite),
              R"(INSERT INTO "exchanges" ("enum_value", "exchange_name", "market_type", "is_active", "created_at") )"
              "VALUES (?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING");
    EXPECT_EQ(insert_sql(table_of<QuarantinedRow>(), Dialect::postgres),
              R"(INSERT INTO "quarantined_rows" ("source_id", "line", "dataset", "reason", "text") )"
              "VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING");
}

TEST(KeySql, SelectsAndUpdatesOneRow) {
    EXPECT_EQ(
        select_by_key_sql(table_of<QuarantinedRow>(), Dialect::sqlite),
        R"(SELECT "source_id", "line", "dataset", "reason", "text" FROM "quarantined_rows" WHERE "source_id" = ?1 AND "line" = ?2)");
    EXPECT_EQ(
        update_by_key_sql(table_of<FundingRate>(), Dialect::sqlite),
        R"(UPDATE "funding_rate_snapshots" SET "received_at" = ?4, "funding_rate" = ?5, "interval_minutes" = ?6, )"
        R"("funding_time" = ?7, "mark_price" = ?8, "source_id" = ?9 )"
        R"(WHERE "symbol_id" = ?1 AND "timestamp" = ?2 AND "kind" = ?3)");
    EXPECT_EQ(
        update_by_id_sql(table_of<Exchange>(), Dialect::postgres),
        R"(UPDATE "exchanges" SET "enum_value" = $2, "exchange_name" = $3, "market_type" = $4, "is_active" = $5, )"
        R"("created_at" = $6 WHERE "id" = $1)");
}

/// What stands behind the table's name.
std::string tail(const Table& table, const ScanShape& shape, Dialect dialect = Dialect::sqlite) {
    const std::string sql = scan_sql(table, shape, dialect);
    const std::string head = "SELECT " + column_list(table) + " FROM " + quote_identifier(table.name);
    EXPECT_EQ(sql.substr(0, head.size()), head);
    return sql.substr(head.size());
}

TEST(ScanSql, OfOneSeries) {
    const Table& quotes = table_of<BookTicker>();
    EXPECT_EQ(tail(quotes, {.series = true}), R"( WHERE "symbol_id" = ?1 ORDER BY "timestamp", "sequence")");
    EXPECT_EQ(
        tail(quotes, {.series = true, .start = true, .end = true, .limit = true}),
        R"( WHERE "symbol_id" = ?1 AND "timestamp" >= ?2 AND "timestamp" < ?3 ORDER BY "timestamp", "sequence" LIMIT ?4)");
    EXPECT_EQ(tail(quotes, {.series = true, .descending = true, .limit = true}),
              R"( WHERE "symbol_id" = ?1 ORDER BY "timestamp" DESC, "sequence" DESC LIMIT ?2)");
    EXPECT_EQ(
        tail(table_of<Balance>(), {.series = true, .end = true}),
        R"( WHERE "exchange_id" = ?1 AND "account" = ?2 AND "asset_name" = ?3 AND "timestamp" < ?4 ORDER BY "timestamp")");
    EXPECT_EQ(tail(table_of<QuarantinedRow>(), {.series = true}), R"( WHERE "source_id" = ?1 ORDER BY "line")");
}

TEST(ScanSql, GoesOnAfterARow) {
    const Table& trades = table_of<Trade>();
    EXPECT_EQ(
        tail(trades, {.series = true, .after = true, .limit = true}),
        R"( WHERE "symbol_id" = ?1 AND ("timestamp", "sequence", "trade_id") > (?2, ?3, ?4) AND "timestamp" >= ?2 )"
        R"(ORDER BY "timestamp", "sequence", "trade_id" LIMIT ?5)");
    EXPECT_EQ(
        tail(trades, {.series = true, .after = true, .descending = true}),
        R"( WHERE "symbol_id" = ?1 AND ("timestamp", "sequence", "trade_id") < (?2, ?3, ?4) AND "timestamp" <= ?2 )"
        R"(ORDER BY "timestamp" DESC, "sequence" DESC, "trade_id" DESC)");
    EXPECT_EQ(
        tail(table_of<Balance>(), {.series = true, .after = true}),
        R"( WHERE "exchange_id" = ?1 AND "account" = ?2 AND "asset_name" = ?3 AND ("timestamp") > (?4) AND "timestamp" >= ?4 )"
        R"(ORDER BY "timestamp")");
}

TEST(ScanSql, JoinsTheBoundsOfRangeAndRow) {
    const ScanShape forward{.series = true, .start = true, .end = true, .after = true};
    ScanShape backward = forward;
    backward.descending = true;
    const Table& rates = table_of<FundingRate>();
    EXPECT_EQ(
        tail(rates, forward),
        R"( WHERE "symbol_id" = ?1 AND ("timestamp", "kind") > (?4, ?5) AND "timestamp" >= max(?2, ?4) AND "timestamp" < ?3 )"
        R"(ORDER BY "timestamp", "kind")");
    EXPECT_EQ(
        tail(rates, backward),
        R"( WHERE "symbol_id" = ?1 AND ("timestamp", "kind") < (?4, ?5) AND "timestamp" >= ?2 AND "timestamp" <= min(?3 - 1, ?4) )"
        R"(ORDER BY "timestamp" DESC, "kind" DESC)");
    EXPECT_EQ(
        tail(rates, forward, Dialect::postgres),
        R"( WHERE "symbol_id" = $1 AND ("timestamp", "kind") > ($4, $5) AND "timestamp" >= greatest($2, $4) AND "timestamp" < $3 )"
        R"(ORDER BY "timestamp", "kind")");
    EXPECT_EQ(tail(rates, backward, Dialect::postgres),
              R"( WHERE "symbol_id" = $1 AND ("timestamp", "kind") < ($4, $5) AND "timestamp" >= $2 AND )"
              R"("timestamp" <= least($3 - interval '1 microsecond', $4) ORDER BY "timestamp" DESC, "kind" DESC)");
}

TEST(ScanSql, OfAWholeTableGoesByItsKey) {
    EXPECT_EQ(tail(table_of<Exchange>(), {}), R"( ORDER BY "id")");
    EXPECT_EQ(tail(table_of<Source>(), {.after = true, .limit = true}),
              R"( WHERE ("id") > (?1) ORDER BY "id" LIMIT ?2)");
    EXPECT_EQ(
        tail(table_of<BookTicker>(), {.after = true}),
        R"( WHERE ("symbol_id", "timestamp", "sequence") > (?1, ?2, ?3) ORDER BY "symbol_id", "timestamp", "sequence")");
    EXPECT_EQ(tail(table_of<QuarantinedRow>(), {}), R"( ORDER BY "source_id", "line")");
}

}  // namespace
}  // namespace marketdb::storage
