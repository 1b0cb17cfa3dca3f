#include "storage/table.hpp"

#include <algorithm>
#include <cmath>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "unit/storage/rows.hpp"

namespace marketdb::storage {
namespace {

std::vector<std::string_view> names(const Table& table, std::span<const std::uint8_t> indexes) {
    std::vector<std::string_view> names;
    for (const std::uint8_t index : indexes) names.push_back(table.at(index).name);
    return names;
}

using Names = std::vector<std::string_view>;

TEST(Tables, HaveTheKeysOfTheDesign) {
    const Table& quotes = table_of<BookTicker>();
    EXPECT_EQ(quotes.name, "book_ticker_snapshots");
    EXPECT_EQ(names(quotes, quotes.key), (Names{"symbol_id", "timestamp", "sequence"}));
    EXPECT_EQ(names(quotes, quotes.order), (Names{"timestamp", "sequence"}));
    EXPECT_EQ(names(quotes, quotes.series), (Names{"symbol_id"}));

    const Table& trades = table_of<Trade>();
    EXPECT_EQ(names(trades, trades.key), (Names{"symbol_id", "timestamp", "trade_id"}));
    EXPECT_EQ(names(trades, trades.order), (Names{"timestamp", "sequence", "trade_id"}));

    const Table& rates = table_of<FundingRate>();
    EXPECT_EQ(names(rates, rates.key), (Names{"symbol_id", "timestamp", "kind"}));
    EXPECT_EQ(names(rates, rates.order), (Names{"timestamp", "kind"}));

    const Table& balances = table_of<Balance>();
    EXPECT_EQ(names(balances, balances.key), (Names{"exchange_id", "account", "asset_name", "timestamp"}));
    EXPECT_EQ(names(balances, balances.series), (Names{"exchange_id", "account", "asset_name"}));

    EXPECT_EQ(names(table_of<Exchange>(), table_of<Exchange>().key), (Names{"enum_value"}));
    EXPECT_EQ(names(table_of<Symbol>(), table_of<Symbol>().key), (Names{"exchange_id", "exchange_symbol"}));
    EXPECT_EQ(names(table_of<Source>(), table_of<Source>().key), (Names{"id"}));
    EXPECT_EQ(names(table_of<QuarantinedRow>(), table_of<QuarantinedRow>().key), (Names{"source_id", "line"}));
}

TEST(Tables, ComeParentsFirst) {
    Names order;
    for (const Table* table : all_tables()) order.push_back(table->name);
    EXPECT_EQ(order,
              (Names{"exchanges", "symbols", "sources", "quarantined_rows", "retention_policies", "retention_holds",
                     "book_ticker_snapshots", "trade_snapshots", "funding_rate_snapshots", "balance_snapshots"}));
}

TEST(Tables, AreFoundByDataset) {
    EXPECT_EQ(&table_of(Dataset::book_tickers), &table_of<BookTicker>());
    EXPECT_EQ(&table_of(Dataset::trades), &table_of<Trade>());
    EXPECT_EQ(&table_of(Dataset::funding_rates), &table_of<FundingRate>());
    EXPECT_EQ(&table_of(Dataset::balances), &table_of<Balance>());
    for (const Table* table : all_tables()) {
        if (!table->dataset) continue;
        EXPECT_EQ(&table_of(*table->dataset), table);
    }
}

TEST(Tables, EveryColumnLiesInItsRowAndHasItsOwnName) {
    for (const Table* table : all_tables()) {
        std::set<std::string_view> seen;
        std::set<std::uint16_t> offsets;
        for (const Column& column : table->columns) {
            EXPECT_TRUE(seen.insert(column.name).second) << column.name;
            EXPECT_TRUE(offsets.insert(column.offset).second) << column.name;
            EXPECT_LT(column.offset, table->row_size);
            EXPECT_EQ(table->find(column.name), &column);
            EXPECT_EQ(column.labels.empty(), column.kind != Kind::label);
        }
        EXPECT_EQ(table->find("no such column"), nullptr);
    }
}

TEST(Tables, KnowTheirRoles) {
    const Table& trades = table_of<Trade>();
    EXPECT_EQ(trades.find(Role::event_time)->name, "timestamp");
    EXPECT_EQ(trades.find(Role::received_at)->name, "received_at");
    EXPECT_EQ(trades.find(Role::sequence)->name, "sequence");
    EXPECT_EQ(trades.find(Role::source)->name, "source_id");
    EXPECT_EQ(trades.find(Role::series)->name, "symbol_id");
    EXPECT_EQ(trades.find(Role::generated), nullptr);
    EXPECT_EQ(table_of<Symbol>().find(Role::generated)->name, "id");
    EXPECT_EQ(table_of<Balance>().find(Role::computed)->name, "total_balance");
    EXPECT_EQ(trades.find("trade_id")->capacity, 63);
    EXPECT_EQ(trades.find("symbol_id")->references, "symbols(id)");
}

TEST(Columns, TellAbsentFromPresent) {
    Symbol row;
    const Table& table = table_of<Symbol>();
    for (const std::string_view name :
         {"precision_price", "settle_asset", "tick_size", "expires_at", "contract_type"}) {
        EXPECT_TRUE(is_absent(bytes_of(row), *table.find(name))) << name;
    }
    for (const std::string_view name : {"id", "exchange_symbol", "is_active"}) {
        EXPECT_FALSE(is_absent(bytes_of(row), *table.find(name))) << name;
    }
    Trade trade_row = trade();
    EXPECT_TRUE(is_absent(bytes_of(trade_row), *table_of<Trade>().find("is_buyer")));
    EXPECT_FALSE(is_absent(bytes_of(trade_row), *table_of<Trade>().find("sequence")));
}

TEST(Columns, CanBeSetAbsent) {
    Symbol row;
    row.precision_price = 8;
    row.settle_asset = "USDT";
    row.tick_size = 0.1;
    row.expires_at = at(1);
    row.contract_type = ContractType::dated;
    row.is_active = true;
    for (const Column& column : table_of<Symbol>().columns) set_absent(bytes_of(row), column);
    EXPECT_EQ(row.precision_price, 0);
    EXPECT_EQ(row.settle_asset, "");
    EXPECT_FALSE(is_present(row.tick_size));
    EXPECT_EQ(row.expires_at, kNoTime);
    EXPECT_EQ(row.contract_type, ContractType::unknown);
    EXPECT_FALSE(row.is_active);
    Trade trade_row = trade();
    trade_row.sequence = 4;
    trade_row.is_maker = Tristate::yes;
    set_absent(bytes_of(trade_row), *table_of<Trade>().find("sequence"));
    set_absent(bytes_of(trade_row), *table_of<Trade>().find("is_maker"));
    EXPECT_EQ(trade_row.sequence, 0);
    EXPECT_EQ(trade_row.is_maker, Tristate::unknown);
}

TEST(Columns, AreComparedByKind) {
    const Table& table = table_of<Trade>();
    Trade a = trade(1'000, "10");
    Trade b = trade(2'000, "9");
    const auto order = [&](std::string_view name) { return compare(bytes_of(a), bytes_of(b), *table.find(name)); };
    EXPECT_EQ(order("timestamp"), -1);
    EXPECT_EQ(order("trade_id"), -1);  // byte by byte
    EXPECT_EQ(order("price"), 0);
    b.price = 99;
    EXPECT_EQ(order("price"), 1);
    a.quote_quantity = 1;
    EXPECT_EQ(order("quote_quantity"), 1);  // absent first
    b.quote_quantity = 2;
    EXPECT_EQ(order("quote_quantity"), -1);
    b.side = Side::sell;
    EXPECT_EQ(order("side"), -1);
    a.trade_id = "\xff";
    EXPECT_EQ(order("trade_id"), 1);
    EXPECT_TRUE(storage::equal(bytes_of(a), bytes_of(b), *table.find("symbol_id")));
    EXPECT_FALSE(storage::equal(bytes_of(a), bytes_of(b), *table.find("price")));
    EXPECT_EQ(compare(bytes_of(a), bytes_of(b), table, table.key), -1);
    EXPECT_EQ(compare(bytes_of(a), bytes_of(a), table, table.key), 0);
}

TEST(Columns, AbsentNumbersAreEqualWhateverTheirBits) {
    BookTicker a = quote();
    BookTicker b = quote();
    a.bid_price = std::nan("1");
    b.bid_price = -std::nan("2");
    EXPECT_TRUE(storage::equal(bytes_of(a), bytes_of(b), *table_of<BookTicker>().find("bid_price")));
}

TEST(Series, OfARowIsItsIdAndOfABalanceItsNamesToo) {
    BookTicker row = quote(1, 1, 42);
    EXPECT_EQ(series_of(table_of<BookTicker>(), bytes_of(row)), (SeriesKey{.id = 42, .account = {}, .asset = {}}));

    Balance holding = balance();
    holding.account = "margin";
    const SeriesKey key = series_of(table_of<Balance>(), bytes_of(holding));
    EXPECT_EQ(key, (SeriesKey{.id = 1, .account = "margin", .asset = "USDT"}));

    Balance other;
    set_series(table_of<Balance>(), bytes_of(other), key);
    EXPECT_EQ(other.exchange_id, ExchangeId{1});
    EXPECT_EQ(other.account, "margin");
    EXPECT_EQ(other.asset_name, "USDT");
}

template <class Row>
std::string refusal_of(std::vector<Row> rows) {
    try {
        static_cast<void>(prepare_batch(as_rows(rows)));
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
        return error.what();
    }
    ADD_FAILURE() << "accepted";
    return {};
}

TEST(PrepareBatch, NamesTableRowColumnAndValue) {
    std::vector<BookTicker> rows{quote(4, 1), quote(3, 1), quote(2, 1), quote(1, 1)};
    rows[3].bid_price = -1;
    EXPECT_EQ(refusal_of(rows), "book_ticker_snapshots row 3: column bid_price: -1 is not finite and positive");

    std::vector<Trade> trades{trade(1, "1"), trade(1, std::string(64, 'x'))};
    EXPECT_EQ(refusal_of(trades),
              "trade_snapshots row 1: column trade_id: '" + std::string(63, 'x') + "...' is longer than 63 bytes");
    EXPECT_EQ(refusal_of(std::vector<Balance>{balance(1, "")}), "balance_snapshots row 0: column asset_name: is empty");
}

TEST(PrepareBatch, OfNothingIsNothing) {
    std::vector<BookTicker> rows;
    EXPECT_EQ(prepare_batch(as_rows(rows)), 0U);
}

TEST(PrepareBatch, LeavesSortedRowsWhereTheyAre) {
    std::vector<BookTicker> rows{quote(1, 1, 1), quote(1, 2, 1), quote(2, 0, 1), quote(1, 1, 2)};
    EXPECT_EQ(prepare_batch(as_rows(rows)), 4U);
    EXPECT_EQ(rows[2].timestamp, at(2));
    EXPECT_EQ(rows[3].symbol_id, SymbolId{2});
}

TEST(PrepareBatch, SortsByKey) {
    std::vector<BookTicker> rows{quote(1, 1, 2), quote(2, 5, 1), quote(2, 4, 1), quote(1, 9, 1)};
    ASSERT_EQ(prepare_batch(as_rows(rows)), 4U);
    EXPECT_EQ(rows[0].sequence, 9);
    EXPECT_EQ(rows[1].sequence, 4);
    EXPECT_EQ(rows[2].sequence, 5);
    EXPECT_EQ(rows[3].symbol_id, SymbolId{2});
}

TEST(PrepareBatch, SortsTextsByteByByte) {
    std::vector<Trade> trades{trade(1, "~7"), trade(1, "a1"), trade(1, "9"), trade(1, "10"), trade(0, "zz")};
    ASSERT_EQ(prepare_batch(as_rows(trades)), 5U);
    EXPECT_EQ(trades[0].trade_id, "zz");
    EXPECT_EQ(trades[1].trade_id, "10");
    EXPECT_EQ(trades[2].trade_id, "9");
    EXPECT_EQ(trades[3].trade_id, "a1");
    EXPECT_EQ(trades[4].trade_id, "~7");

    std::vector<Balance> balances{balance(2, "USDT"), balance(1, "USDT"), balance(3, "BTC")};
    ASSERT_EQ(prepare_batch(as_rows(balances)), 3U);
    EXPECT_EQ(balances[0].asset_name, "BTC");
    EXPECT_EQ(balances[1].timestamp, at(1));
    EXPECT_EQ(balances[2].timestamp, at(2));
}

TEST(PrepareBatch, LaterOfTwoWithOneKeyWins) {
    std::vector<BookTicker> rows{quote(), quote()};
    rows[0].bid_price = 1;
    rows[1].bid_price = 2;
    ASSERT_EQ(prepare_batch(as_rows(rows)), 1U);
    EXPECT_EQ(rows[0].bid_price, 2);
}

TEST(PrepareBatch, FoldsByTheRuleOfMerging) {
    std::vector<Trade> trades{trade(5, "z"), trade(1, "x"), trade(3, "y"), trade(1, "x"), trade(1, "x")};
    trades[1].received_at = at(50);
    trades[1].quote_quantity = 7;
    trades[1].sequence = 1;
    trades[3].received_at = at(40);
    trades[3].sequence = 2;
    trades[4].price = 3;
    trades[4].sequence = 3;
    ASSERT_EQ(prepare_batch(as_rows(trades)), 3U);
    EXPECT_EQ(trades[0].trade_id, "x");
    EXPECT_EQ(trades[0].received_at, at(40));
    EXPECT_EQ(trades[0].quote_quantity, 7);
    EXPECT_EQ(trades[0].price, 3);
    EXPECT_EQ(trades[0].sequence, 1);
    EXPECT_EQ(trades[1].trade_id, "y");
    EXPECT_EQ(trades[2].trade_id, "z");
}

TEST(PrepareBatch, TakesTheIdThatATradeGetsAsItsKey) {
    Trade first = trade(1, "");
    first.sequence = 1;
    Trade second = trade(1, "");
    second.sequence = 2;
    std::vector<Trade> trades{second, first, trade(1, "~1")};
    ASSERT_EQ(prepare_batch(as_rows(trades)), 2U);
    EXPECT_EQ(trades[0].trade_id, "~1");
    EXPECT_EQ(trades[1].trade_id, "~2");
}

TEST(PrepareBatch, OfShuffledRowsEqualsThatOfSortedOnes) {
    std::vector<BookTicker> rows;
    for (int index = 0; index < 5'000; ++index) rows.push_back(quote(index / 3, index, index % 7));
    std::vector<BookTicker> shuffled = rows;
    std::shuffle(shuffled.begin(), shuffled.end(), std::mt19937(20'261'123));
    ASSERT_EQ(prepare_batch(as_rows(rows)), 5'000U);
    ASSERT_EQ(prepare_batch(as_rows(shuffled)), 5'000U);
    for (std::size_t index = 0; index < rows.size(); ++index) {
        ASSERT_EQ(rows[index].symbol_id, shuffled[index].symbol_id);
        ASSERT_EQ(rows[index].timestamp, shuffled[index].timestamp);
        ASSERT_EQ(rows[index].sequence, shuffled[index].sequence);
        if (index == 0) continue;
        ASSERT_LE(rows[index - 1].symbol_id, rows[index].symbol_id);
    }
}

}  // namespace
}  // namespace marketdb::storage
