#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include <marketdb/error.hpp>
#include <marketdb/models.hpp>

#include "storage/postgres/existing_rows.hpp"
#include "storage/postgres/existing_schema.hpp"
#include "support/expect.hpp"
#include "support/rows.hpp"

namespace marketdb::storage::postgres {
namespace {

using testing::balance;
using testing::expect_error;
using testing::funding;
using testing::kNoon;
using testing::quote;
using testing::trade;
using namespace std::chrono_literals;

CatalogueColumn number(std::string name) { return {std::move(name), TypeId::numeric, (20 << 16 | 8) + 4, false}; }
CatalogueColumn plain(std::string name, TypeId type) { return {std::move(name), type, -1, false}; }
CatalogueColumn chars(std::string name, int length) { return {std::move(name), TypeId::varchar, length + 4, false}; }

Relation with_key(std::vector<CatalogueColumn> columns, std::vector<std::string> key) {
    Relation relation;
    relation.columns = std::move(columns);
    relation.indexes = {{std::move(key), true}};
    return relation;
}

/// The tables of a complete installation, as its catalogue lists them.
Relations complete() {
    Relations all;
    all["exchanges"] = with_key({plain("id", TypeId::int4), chars("enum_value", 30), chars("exchange_name", 20),
                                 chars("market_type", 10), plain("is_active", TypeId::boolean)},
                                {"id"});
    all["symbols"] = with_key({plain("id", TypeId::int4), plain("exchange_id", TypeId::int4), chars("symbol_base", 20),
                               chars("symbol_quote", 20), chars("exchange_symbol", 30), chars("symbol_type", 10)},
                              {"id"});
    all["book_ticker_snapshots"] =
        with_key({plain("id", TypeId::int8), plain("timestamp", TypeId::timestamptz), plain("symbol_id", TypeId::int4),
                  number("bid_price"), number("bid_qty"), number("ask_price"), number("ask_qty"),
                  plain("sequence_number", TypeId::int8)},
                 {"timestamp", "symbol_id"});
    all["trade_snapshots"] =
        with_key({plain("id", TypeId::int8), plain("timestamp", TypeId::timestamptz), plain("symbol_id", TypeId::int4),
                  number("price"), number("quantity"), chars("side", 10), plain("trade_id", TypeId::text)},
                 {"timestamp", "symbol_id", "id"});
    all["funding_rate_snapshots"] = with_key({plain("timestamp", TypeId::timestamptz),
                                              plain("symbol_id", TypeId::int4),
                                              {"funding_rate", TypeId::numeric, (12 << 16 | 8) + 4, false},
                                              plain("funding_time", TypeId::int8)},
                                             {"timestamp", "symbol_id"});
    all["balance_snapshots"] =
        with_key({plain("timestamp", TypeId::timestamptz), plain("exchange_id", TypeId::int4), chars("asset_name", 20),
                  plain("available_balance", TypeId::float4), plain("locked_balance", TypeId::float4)},
                 {"timestamp", "exchange_id", "asset_name"});
    return all;
}

class ExistingRows : public ::testing::Test {
 protected:
    const PhysicalTable& table(Dataset dataset) { return tables_.at(&table_of(dataset)); }
    void keep_arrival_as_time(Dataset dataset) {
        tables_.at(&table_of(dataset)).existing->keeps_arrival_as_time = true;
    }

    /// As the manager hands them over: prepared, and then as they are stored.
    template <class Row>
    Conformed conform_all(std::vector<Row>& rows, bool allow_rounding = false) {
        rows.resize(prepare_batch(as_rows(rows)));
        const Conformed result = conform(tables_.at(&table_of<Row>()), as_rows(rows), allow_rounding);
        rows.resize(result.count);
        return result;
    }

 private:
    PhysicalTables tables_ = recognise(complete(), SchemaName("desk"), "here");
};

constexpr SymbolId kSymbol{7};

TEST_F(ExistingRows, ANumberIsRoundedAndItsRowCounted) {
    std::vector<BookTicker> rows{quote(kSymbol, kNoon, 61837.631234567891, 61838), quote(kSymbol, kNoon + 1ms, 1, 2)};
    const Conformed result = conform_all(rows);
    EXPECT_EQ(result.rounded, 1U);
    EXPECT_EQ(rows[0].bid_price, 61837.63123457);
    EXPECT_EQ(rows[1].bid_price, 1);
}

TEST_F(ExistingRows, ALargerChangeIsRefusedUnlessItIsAllowed) {
    std::vector<BookTicker> rows{quote(kSymbol, kNoon, 0.000012345678, 1)};
    std::vector<BookTicker> again = rows;
    expect_error(ErrorCode::constraint, [&] { conform_all(rows); },
                 {"book_ticker_snapshots row 0 (symbol_id 7, timestamp 2024-08-08T12:00:00.000000Z, sequence 0)",
                  "column bid_price: 1.2345678e-05 would be rounded to 1.235e-05"});
    EXPECT_EQ(conform_all(again, true).rounded, 1U);
    EXPECT_EQ(again[0].bid_price, 0.00001235);
}

TEST_F(ExistingRows, WhatRoundsToZeroOrIsTooLargeIsRefusedEvenIfRoundingIsAllowed) {
    std::vector<BookTicker> small{quote(kSymbol, kNoon, 1, 2), quote(kSymbol, kNoon + 1ms, 4e-9, 1)};
    expect_error(ErrorCode::constraint, [&] { conform_all(small, true); },
                 {"row 1", "column bid_price: 4e-09 rounds to 0"});
    std::vector<BookTicker> large{quote(kSymbol, kNoon, 1, 1e12)};
    expect_error(ErrorCode::constraint, [&] { conform_all(large, true); }, {"column ask_price", "too large"});
    std::vector<Balance> huge{balance(ExchangeId{1}, "USDT", kNoon, 1e39)};
    expect_error(ErrorCode::constraint, [&] { conform_all(huge, true); }, {"column available_balance", "too large"});
}

TEST_F(ExistingRows, QuotesOfOneTimeFoldIntoTheLast) {
    std::vector<BookTicker> rows{quote(kSymbol, kNoon, 2, 3, 9), quote(kSymbol, kNoon, 1, 2, 5),
                                 quote(SymbolId{8}, kNoon, 5, 6, 1)};
    const Conformed result = conform_all(rows);
    EXPECT_EQ(result.folded, 1U);
    ASSERT_EQ(rows.size(), 2U);
    EXPECT_EQ(rows[0].bid_price, 2);
    EXPECT_EQ(rows[0].sequence, 9);
}

TEST_F(ExistingRows, TheTimeOfArrivalBecomesTheTime) {
    keep_arrival_as_time(Dataset::book_tickers);
    BookTicker first = quote(kSymbol, kNoon + 5ms, 1, 2);
    first.received_at = kNoon + 7ms;
    BookTicker second = quote(kSymbol, kNoon + 6ms, 3, 4);
    second.received_at = kNoon + 6ms;
    std::vector<BookTicker> rows{first, second};
    conform_all(rows);
    ASSERT_EQ(rows.size(), 2U);
    EXPECT_EQ(rows[0].timestamp, kNoon + 6ms);
    EXPECT_EQ(rows[0].bid_price, 3);
    EXPECT_EQ(rows[1].timestamp, kNoon + 7ms);
    EXPECT_EQ(rows[1].received_at, kNoon + 7ms);
}

TEST_F(ExistingRows, ARowWithoutATimeOfArrivalIsRefusedWhereThatIsTheTime) {
    keep_arrival_as_time(Dataset::book_tickers);
    std::vector<BookTicker> rows{quote(kSymbol, kNoon, 1, 2)};
    expect_error(ErrorCode::constraint, [&] { conform_all(rows); }, {"row 0", "column received_at", "legacy_clock"});
}

TEST_F(ExistingRows, WithTheExchangesClockTheTimeOfArrivalIsNotKept) {
    BookTicker row = quote(kSymbol, kNoon, 1, 2);
    row.received_at = kNoon + 7ms;
    row.source_id = SourceId{4};
    std::vector<BookTicker> rows{row};
    conform_all(rows);
    EXPECT_EQ(rows[0].timestamp, kNoon);
    EXPECT_EQ(rows[0].received_at, kNoTime);
    EXPECT_EQ(rows[0].source_id, SourceId{});
}

TEST_F(ExistingRows, TradesComeInTheOrderOfArrivalAndMadeUpIdsGo) {
    Trade nameless = trade(kSymbol, kNoon + 1ms, "");
    nameless.sequence = 3;
    std::vector<Trade> rows{trade(kSymbol, kNoon, "10"), trade(kSymbol, kNoon, "9"), nameless};
    const Conformed result = conform_all(rows);
    EXPECT_EQ(result.folded, 0U);
    ASSERT_EQ(rows.size(), 3U);
    EXPECT_EQ(rows[0].trade_id, "9");
    EXPECT_EQ(rows[1].trade_id, "10");
    EXPECT_EQ(rows[2].trade_id, "");
}

TEST_F(ExistingRows, TheKindOfAFundingRateFollowsFromItsTimes) {
    FundingRate predicted = funding(kSymbol, kNoon, 0.0001);
    predicted.funding_time = kNoon + 4h;
    predicted.mark_price = 60000;
    FundingRate settled = funding(kSymbol, kNoon + 4h, 0.0002, FundingKind::settled);
    settled.funding_time = kNoon + 4h;
    std::vector<FundingRate> rows{predicted, settled};
    EXPECT_EQ(conform_all(rows).rounded, 0U);
    EXPECT_EQ(rows[0].kind, FundingKind::predicted);
    EXPECT_FALSE(is_present(rows[0].mark_price)) << "there is no column for it";
    EXPECT_EQ(rows[1].kind, FundingKind::settled);

    settled.funding_time = kNoon + 12h;
    std::vector<FundingRate> wrong{settled};
    expect_error(ErrorCode::constraint, [&] { conform_all(wrong); }, {"row 0", "column kind"});
}

TEST_F(ExistingRows, OnlyTheMainAccountAndShortNamesFit) {
    Balance other = balance(ExchangeId{1}, "USDT", kNoon, 5);
    other.account = "sub1";
    std::vector<Balance> rows{balance(ExchangeId{1}, "BTC", kNoon, 0.1, 0.2), other};
    expect_error(ErrorCode::constraint, [&] { conform_all(rows); }, {"row 1", "column account"});
    std::vector<Balance> named{balance(ExchangeId{1}, "ABCDEFGHIJKLMNOPQRSTU", kNoon, 5)};
    expect_error(ErrorCode::constraint, [&] { conform_all(named); },
                 {"column asset_name: 'ABCDEFGHIJKLMNOPQRSTU' is longer than 20 characters"});
    std::vector<Balance> kept{balance(ExchangeId{1}, "BTC", kNoon, 0.1, 0.2)};
    EXPECT_EQ(conform_all(kept).rounded, 0U);
    EXPECT_EQ(kept[0].available_balance, 0.1);
}

TEST_F(ExistingRows, AContractThatWouldBeReadAsAnotherIsRefused) {
    Symbol symbol;
    symbol.exchange_id = ExchangeId{1};
    symbol.symbol_base = "BTC";
    symbol.symbol_quote = "USDT";
    symbol.exchange_symbol = "BTCUSDT_241227";
    symbol.symbol_type = MarketType::futures;
    symbol.expires_at = kNoon + 24h;
    std::vector<Symbol> dated{symbol};
    expect_error(ErrorCode::constraint, [&] { conform_all(dated); }, {"symbols row 0", "column contract_type"});
    symbol.expires_at = kNoTime;
    symbol.tick_size = 0.1;
    std::vector<Symbol> perpetual{symbol};
    conform_all(perpetual);
    EXPECT_EQ(perpetual[0].contract_type, ContractType::perpetual);
    EXPECT_FALSE(is_present(perpetual[0].tick_size));
}

using ExistingSchema = ExistingRows;

TEST_F(ExistingSchema, IsRecognisedByItsColumns) {
    EXPECT_TRUE(has_our_names(complete()));
    EXPECT_FALSE(has_our_names({{"orders", Relation{}}}));
    const PhysicalTable& quotes = table(Dataset::book_tickers);
    EXPECT_EQ(quotes.name, R"("desk"."book_ticker_snapshots")");
    EXPECT_TRUE(quotes.existing->has_unique_key);
    EXPECT_FALSE(quotes.existing->has_series_index);
    ASSERT_EQ(quotes.key.size(), 2U);
    EXPECT_EQ(quotes.key[0]->name, "symbol_id");
    EXPECT_EQ(quotes.key[1]->name, "timestamp");
    EXPECT_FALSE(table(Dataset::trades).existing->has_unique_key);
}

TEST_F(ExistingSchema, SaysWhatItCanHold) {
    const Relations relations = complete();
    const Capabilities able = capabilities_of(recognise(relations, SchemaName("desk"), "here"), relations);
    EXPECT_FALSE(able.keeps_sequence);
    EXPECT_FALSE(able.keeps_received_at);
    EXPECT_FALSE(able.exact_doubles);
    EXPECT_FALSE(able.unknown_side);
    EXPECT_FALSE(able.unique_trades);
    EXPECT_FALSE(able.dated_contracts);
    EXPECT_FALSE(able.own_tables);
    EXPECT_FALSE(able.keeps_sources);
}

TEST_F(ExistingSchema, AUniqueKeyOfTradesIsUsedWhereThereIsOne) {
    Relations relations = complete();
    relations["trade_snapshots"].indexes.push_back({{"symbol_id", "timestamp", "trade_id"}, true});
    const PhysicalTables tables = recognise(relations, SchemaName("desk"), "here");
    EXPECT_TRUE(capabilities_of(tables, relations).unique_trades);
}

TEST_F(ExistingSchema, AMissingColumnOfOneTableHindersOnlyThat) {
    Relations relations = complete();
    std::erase_if(relations["funding_rate_snapshots"].columns,
                  [](const auto& one) { return one.name == "funding_time"; });
    relations.erase("balance_snapshots");
    const PhysicalTables tables = recognise(relations, SchemaName("desk"), "here");
    EXPECT_EQ(tables.at(&table_of<FundingRate>()).existing->missing, std::vector<std::string>{"funding_time"});
    EXPECT_FALSE(tables.contains(&table_of<Balance>()));
}

TEST_F(ExistingSchema, OlderShapesAreRefusedByWhatIsFound) {
    const SchemaName schema("desk");
    Relations view = complete();
    view["book_ticker_snapshots"].kind = 'v';
    expect_error(
        ErrorCode::schema_mismatch, [&] { static_cast<void>(recognise(view, schema, "here")); },
        {"here: schema \"desk\"", "book_ticker_snapshots is a view, with the columns id, timestamp, symbol_id"});
    Relations flat;
    flat["book_ticker_snapshots"].columns = {plain("exchange", TypeId::text), plain("timestamp", TypeId::timestamptz)};
    expect_error(ErrorCode::schema_mismatch, [&] { static_cast<void>(recognise(flat, schema, "here")); },
                 {"book_ticker_snapshots has no column symbol_id; it has exchange, timestamp"});
    Relations renamed = complete();
    renamed["exchanges"].columns[1].name = "exchange_code";
    expect_error(ErrorCode::schema_mismatch, [&] { static_cast<void>(recognise(renamed, schema, "here")); },
                 {"exchanges has no column enum_value; it has id, exchange_code"});
}

}  // namespace
}  // namespace marketdb::storage::postgres
