#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <marketdb/marketdb.hpp>

#include "support/existing_schema.hpp"
#include "support/expect.hpp"
#include "support/rows.hpp"

/// Many rows and many writers on the tables of the programs that marketdb replaces.
namespace marketdb::testing {
namespace {

constexpr SymbolId kSymbol{1};
constexpr ExchangeId kExchange{1};

constexpr const char* kReferenceOfWrites =
    "INSERT INTO exchanges (enum_value, exchange_name, market_type) VALUES ('ALPHA_SPOT', 'ALPHA', 'SPOT');"
    "INSERT INTO symbols (exchange_id, symbol_base, symbol_quote, exchange_symbol) VALUES (1, 'BTC', 'USDT', "
    "'BTCUSDT')";

/// A complete installation with one symbol, and a manager.
class PostgresExistingWrites : public ::testing::Test {
 protected:
    PostgresExistingWrites() : schema_({"complete"}) {
        schema_.run(kReferenceOfWrites);
        db_ = schema_.open();
    }
    [[nodiscard]] DatabaseManager& db() { return *db_; }
    [[nodiscard]] std::string count(const std::string& table) const {
        return schema_.value("SELECT count(*) FROM " + table);
    }

    // The manager goes first: it must not keep the schema from being dropped.
    ExistingSchema schema_;
    std::unique_ptr<DatabaseManager> db_;
};
using PostgresExistingWritesLong = PostgresExistingWrites;

std::vector<BookTicker> many_quotes(int rows) {
    std::vector<BookTicker> quotes;
    quotes.reserve(static_cast<std::size_t>(rows));
    for (int i = 0; i < rows; ++i) quotes.push_back(quote(kSymbol, kNoon + std::chrono::milliseconds(i), i + 1, i + 2));
    return quotes;
}

std::vector<Trade> many_trades(int rows) {
    std::vector<Trade> trades;
    trades.reserve(static_cast<std::size_t>(rows));
    for (int i = 0; i < rows; ++i) {
        trades.push_back(trade(kSymbol, kNoon + std::chrono::milliseconds(i), std::to_string(i + 1).c_str()));
    }
    return trades;
}

template <class Row>
std::vector<Row> part_of(const std::vector<Row>& rows, std::size_t first, std::size_t count) {
    const auto begin = rows.begin() + static_cast<std::ptrdiff_t>(first);
    return {begin, begin + static_cast<std::ptrdiff_t>(count)};
}

/// Returns how many rows were inserted.
boost::asio::awaitable<std::uint64_t> write_in_batches(DatabaseManager& db, std::vector<BookTicker> quotes,
                                                       std::vector<Trade> trades) {
    constexpr std::size_t kBatch = 50;
    std::uint64_t inserted = 0;
    for (std::size_t first = 0; first < quotes.size(); first += kBatch) {
        std::vector<BookTicker> some_quotes = part_of(quotes, first, kBatch);
        const WriteResult quoted = co_await db.insert_book_ticker_snapshots(std::move(some_quotes));
        std::vector<Trade> some_trades = part_of(trades, first, kBatch);
        const WriteResult traded = co_await db.insert_trades(std::move(some_trades));
        inserted += quoted.inserted + traded.inserted;
    }
    co_return inserted;
}

TEST_F(PostgresExistingWrites, ManyCoroutinesThatWriteTheSameRowsAtOnceStoreEachOnce) {
    constexpr int kRows = 1'000;
    boost::asio::io_context context;
    std::vector<std::future<std::uint64_t>> writers;
    for (int i = 0; i < 16; ++i) {
        writers.push_back(boost::asio::co_spawn(context, write_in_batches(db(), many_quotes(kRows), many_trades(kRows)),
                                                boost::asio::use_future));
    }
    context.run();
    std::uint64_t inserted = 0;
    for (std::future<std::uint64_t>& writer : writers) inserted += writer.get();
    EXPECT_EQ(inserted, 2'000U);
    EXPECT_EQ(count("book_ticker_snapshots"), "1000");
    EXPECT_EQ(schema_.value("SELECT count(*) || ' ' || count(DISTINCT trade_id) FROM trade_snapshots"), "1000 1000");
}

TEST_F(PostgresExistingWrites, ABatchThatWasRefusedIsStoredWholeWhenItsRowIsMended) {
    std::vector<Balance> rows;
    for (int i = 0; i < 5'000; ++i) {
        rows.push_back(balance(kExchange, "USDT", kNoon + std::chrono::milliseconds(i), i + 1));
    }
    rows[3'210].available_balance = -1;
    expect_error(ErrorCode::constraint, [&] { db().wait(db().insert_balance_snapshots(rows)); },
                 {"balance_snapshots row 3210", "column available_balance"});
    EXPECT_EQ(count("balance_snapshots"), "0");
    rows[3'210].available_balance = 1;
    EXPECT_EQ(db().wait(db().insert_balance_snapshots(rows)).inserted, 5'000U);
    EXPECT_EQ(count("balance_snapshots"), "5000");
}

TEST_F(PostgresExistingWrites, RowsThatARuleOrATriggerTakesAwayAreNotReportedAsStored) {
    const std::vector<Trade> trades = many_trades(3);
    const auto write = [&] { return db().wait(db().insert_trades(trades)); };
    schema_.run("CREATE TABLE elsewhere (LIKE trade_snapshots INCLUDING DEFAULTS)");
    for (const char* instead : {"NOTHING", "INSERT INTO elsewhere SELECT NEW.*"}) {
        SCOPED_TRACE(instead);
        schema_.run(std::string("CREATE OR REPLACE RULE meddles AS ON INSERT TO trade_snapshots DO INSTEAD ") +
                    instead);
        expect_error(ErrorCode::schema_mismatch, [&] { write(); });
    }
    schema_.run("DROP RULE meddles ON trade_snapshots");
    schema_.run(
        "CREATE FUNCTION drop_second() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.trade_id = '2' THEN RETURN "
        "NULL; END IF; RETURN NEW; END $$; CREATE TRIGGER drops BEFORE INSERT ON trade_snapshots FOR EACH ROW EXECUTE "
        "FUNCTION drop_second()");
    expect_error(ErrorCode::internal, [&] { write(); }, {"3 rows", "2 were"});
    EXPECT_EQ(count("trade_snapshots"), "0");
    EXPECT_EQ(count("elsewhere"), "0");
    schema_.run("DROP TRIGGER drops ON trade_snapshots");
    EXPECT_EQ(write().inserted, 3U);

    // One that is there already, with another price.
    std::vector<Trade> changed = trades;
    changed[1].price = 101;
    schema_.run("CREATE RULE meddles AS ON UPDATE TO trade_snapshots DO INSTEAD NOTHING");
    expect_error(ErrorCode::schema_mismatch, [&] { db().wait(db().insert_trades(changed)); });
    const std::vector<BookTicker> quotes = many_quotes(3);
    schema_.run("CREATE RULE meddles AS ON INSERT TO book_ticker_snapshots DO INSTEAD NOTHING");
    expect_error(ErrorCode::schema_mismatch, [&] { db().wait(db().insert_book_ticker_snapshots(quotes)); });
    schema_.run("DROP RULE meddles ON trade_snapshots; DROP RULE meddles ON book_ticker_snapshots");
    EXPECT_EQ(db().wait(db().insert_trades(changed)).updated, 1U);
    EXPECT_EQ(db().wait(db().insert_book_ticker_snapshots(quotes)).inserted, 3U);
    EXPECT_EQ(count("trade_snapshots"), "3");
}

TEST_F(PostgresExistingWrites, ABatchThatMetItsDeadlineIsStoredWholeWhenItIsSentAgain) {
    const std::vector<Trade> rows = many_trades(300);
    {
        PostgresSession other(PostgresServer::shared().conninfo(kTestDatabase, kTestRole));
        other.run("BEGIN; LOCK TABLE " + schema_.name() + ".trade_snapshots IN EXCLUSIVE MODE");
        expect_error(ErrorCode::timeout, [&] { db().wait(db().insert_trades(rows, Deadline::in(200ms))); });
        other.run("ROLLBACK");
    }
    EXPECT_EQ(count("trade_snapshots"), "0");
    EXPECT_EQ(db().wait(db().insert_trades(rows)).inserted, 300U);
    EXPECT_EQ(db().wait(db().insert_trades(rows)).unchanged, 300U);
    EXPECT_EQ(count("trade_snapshots"), "300");
}

TEST_F(PostgresExistingWritesLong, AMillionQuotesInOneBatchAreStoredAndFoundUnchanged) {
    const std::vector<BookTicker> rows = many_quotes(1'000'000);
    EXPECT_EQ(db().wait(db().insert_book_ticker_snapshots(rows, Deadline::never())).inserted, 1'000'000U);
    EXPECT_EQ(count("book_ticker_snapshots"), "1000000");
    EXPECT_EQ(db().wait(db().insert_book_ticker_snapshots(rows, Deadline::never())).unchanged, 1'000'000U);
    EXPECT_EQ(count("book_ticker_snapshots"), "1000000");
}

}  // namespace
}  // namespace marketdb::testing
