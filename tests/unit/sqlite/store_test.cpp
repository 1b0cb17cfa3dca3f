#include "sqlite_fixture.hpp"

#include <cstring>

namespace marketdb::testing {
namespace {

using storage::ScanRequest;
using storage::SeriesKey;
using storage::table_of;

WriteResult result(std::uint64_t inserted, std::uint64_t updated = 0, std::uint64_t unchanged = 0) {
    WriteResult expected;
    expected.inserted = inserted;
    expected.updated = updated;
    expected.unchanged = unchanged;
    return expected;
}

TEST_F(StoreTest, AQuoteComesBackBitForBit) {
    BookTicker row = quote(kBtc, kNoon + 1us, 0.1 + 0.2, 123456789.12345678, 9'007'199'254'740'991);
    row.received_at = kNoon + 4ms;
    row.source_id = SourceId{5};
    EXPECT_EQ(write(row), result(1));
    const auto rows = scan<BookTicker>();
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(std::memcmp(&rows[0].bid_price, &row.bid_price, sizeof(double)), 0);
    EXPECT_EQ(rows[0].bid_price, 0.30000000000000004);
    EXPECT_EQ(rows[0].ask_price, 123456789.12345678);
    EXPECT_EQ(rows[0].sequence, 9'007'199'254'740'991);
    EXPECT_EQ(rows[0].received_at, kNoon + 4ms);
    EXPECT_EQ(rows[0].source_id, SourceId{5});
}

TEST_F(StoreTest, AMissingSideIsNullAndComesBackMissing) {
    BookTicker row = quote(kBtc, kNoon, 100, 101);
    row.bid_price = row.bid_qty = kNoNumber;
    write(row);
    EXPECT_EQ(query("SELECT bid_price, bid_qty, ask_price, ask_qty, received_at, source_id FROM book_ticker_snapshots"),
              "-|-|101.0|2.0|-|-");
    EXPECT_EQ(lines_of(scan<BookTicker>()), (Lines{"+0ms #0 bid -x- ask 101x2"}));
}

TEST_F(StoreTest, ATradeComesBackWithAllThatIsKnownOfIt) {
    Trade row = trade(kBtc, kNoon, "42", 100.5, 3, Side::sell);
    row.quote_quantity = 301.5;
    row.is_buyer = Tristate::no;
    row.is_maker = Tristate::yes;
    row.received_at = kNoon + 1ms;
    write(row);
    EXPECT_EQ(lines_of(scan<Trade>()), (Lines{"+0ms #42 id 42 sell 100.5x3 quote 301.5 not-buyer maker rx +1ms"}));
}

TEST_F(StoreTest, ATradeComesBackWithNothingMoreThanIsKnown) {
    Trade row = trade(kBtc, kNoon, "42");
    row.side = Side::unknown;
    write(row);
    EXPECT_EQ(lines_of(scan<Trade>()), (Lines{"+0ms #42 id 42 - 100x1"}));
    EXPECT_EQ(query("SELECT side, quote_quantity, is_buyer, is_maker, received_at FROM trade_snapshots"), "-|-|-|-|-");
}

TEST_F(StoreTest, AFundingRateComesBack) {
    FundingRate row = funding(kBtc, kNoon, -0.0001, FundingKind::settled);
    row.interval_minutes = 480;
    row.mark_price = 61000;
    row.funding_time = kNoon + 8ms;
    write(std::vector<FundingRate>{row, funding(kBtc, kNoon, 0.0002)});
    EXPECT_EQ(lines_of(scan<FundingRate>()),
              (Lines{"+0ms predicted 2e-04", "+0ms settled -1e-04 every 480 mark 61000 for +8ms"}));
}

TEST_F(StoreTest, ABalanceComesBackWithItsTotal) {
    Balance row = balance(ExchangeId{1}, "USDT", kNoon, -10.5, 2);
    row.borrowing_balance = 20;
    write(row);
    EXPECT_EQ(lines_of(scan<Balance>()), (Lines{"+0ms main USDT -10.5+2=-8.5 borrowed 20"}));
}

TEST_F(StoreTest, ASourceAndAQuarantinedRowComeBack) {
    Source source;
    source.kind = "import";
    source.name = "quotes '%s' \xC3\xA9.csv";
    source.started_at = kNoon;
    insert(source);
    EXPECT_EQ(source.id, SourceId{1});
    QuarantinedRow row;
    row.source_id = source.id;
    row.line = 7;
    row.dataset = "trades";
    row.reason = "column price: -1 is not positive";
    row.text = "1,2,-1";
    EXPECT_EQ(write(row), result(1));
    EXPECT_EQ(write(row), result(0, 0, 1));
    const auto rows = scan<QuarantinedRow>();
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].reason, "column price: -1 is not positive");
    EXPECT_EQ(rows[0].text, "1,2,-1");
    const auto sources = scan<Source>();
    ASSERT_EQ(sources.size(), 1U);
    EXPECT_EQ(sources[0].name, "quotes '%s' \xC3\xA9.csv");
    EXPECT_TRUE(sources[0].sha256.empty());
    EXPECT_FALSE(is_present(sources[0].finished_at));
}

TEST_F(StoreTest, AnUnchangedRowWritesNothing) {
    const std::vector<BookTicker> rows{quote(kBtc, kNoon, 100, 101), quote(kEth, kNoon, 10, 11)};
    EXPECT_EQ(write(rows), result(2));
    const int before = sqlite3_total_changes(database_->connection().handle());
    EXPECT_EQ(write(rows), result(0, 0, 2));
    EXPECT_EQ(sqlite3_total_changes(database_->connection().handle()), before);
}

TEST_F(StoreTest, TheLaterWriteWinsAndIsCounted) {
    BookTicker row = quote(kBtc, kNoon, 100, 101);
    row.received_at = kNoon + 5ms;
    row.source_id = SourceId{1};
    write(row);
    row.bid_price = 99;
    row.received_at = kNoon + 9ms;
    row.source_id = SourceId{2};
    EXPECT_EQ(write(row), result(0, 1));
    EXPECT_EQ(lines_of(scan<BookTicker>()), (Lines{"+0ms #0 bid 99x1 ask 101x2 rx +5ms"}));
    EXPECT_EQ(query("SELECT source_id FROM book_ticker_snapshots"), "2");
}

TEST_F(StoreTest, ARowThatComesOutAsItWasIsUnchanged) {
    BookTicker row = quote(kBtc, kNoon, 100, 101);
    row.received_at = kNoon + 5ms;
    row.source_id = SourceId{1};
    write(row);
    row.received_at = kNoTime;
    row.source_id = SourceId{2};
    EXPECT_EQ(write(row), result(0, 0, 1));
    EXPECT_EQ(query("SELECT source_id FROM book_ticker_snapshots"), "1");
}

TEST_F(StoreTest, SeriesKeepRowsTimesAndSkew) {
    BookTicker first = quote(kBtc, kNoon, 100, 101);
    BookTicker second = quote(kBtc, kNoon + 10ms, 100, 101);
    first.received_at = kNoon - 2ms;
    second.received_at = kNoon + 17ms;
    write(std::vector<BookTicker>{second, quote(kEth, kNoon + 1ms, 10, 11), first});
    EXPECT_EQ(query("SELECT dataset, series_id, account, asset_name, rows, first_timestamp - 1723118400000000, "
                    "last_timestamp - 1723118400000000, min_skew, max_skew FROM series ORDER BY series_id"),
              "book-tickers|1|||2|0|10000|-2000|7000;book-tickers|2|||1|1000|1000|-|-");
    // The key is known, its arrival is not: an update that widens the skew and adds no row.
    BookTicker known = quote(kEth, kNoon + 1ms, 10, 11);
    known.received_at = kNoon + 4ms;
    EXPECT_EQ(write(known), result(0, 1));
    EXPECT_EQ(query("SELECT rows, min_skew, max_skew FROM series WHERE series_id = 2"), "1|3000|3000");
}

TEST_F(StoreTest, BalancesAreSeriesOfAccountAndAsset) {
    Balance other = balance(ExchangeId{1}, "USDT", kNoon, 5);
    other.account = "desk-2";
    write(
        std::vector<Balance>{balance(ExchangeId{1}, "USDT", kNoon, 1), other, balance(ExchangeId{1}, "BTC", kNoon, 2)});
    EXPECT_EQ(query("SELECT series_id, account, asset_name, rows FROM series"),
              "1|desk-2|USDT|1;1|main|BTC|1;1|main|USDT|1");
    ScanRequest request;
    request.series = SeriesKey{1, "main", "USDT"};
    EXPECT_EQ(lines_of(scan<Balance>(request)), (Lines{"+0ms main USDT 1+0=1"}));
}

TEST_F(StoreTest, AnUnknownSymbolIsNamedAndNothingOfTheBatchIsStored) {
    expect_error(ErrorCode::unknown_symbol,
                 [&] {
                     write(std::vector<BookTicker>{quote(kBtc, kNoon, 1, 2), quote(SymbolId{77}, kNoon, 1, 2)});
                 },
                 {"row 1", "symbol_id 77"});
    EXPECT_EQ(query("SELECT (SELECT count(*) FROM book_ticker_snapshots), (SELECT count(*) FROM series)"), "0|0");
    EXPECT_EQ(write(quote(kBtc, kNoon, 1, 2)), result(1));
}

TEST_F(StoreTest, AnUnknownExchangeOrSourceIsNamed) {
    expect_error(ErrorCode::unknown_exchange, [&] { write(balance(ExchangeId{9}, "USDT", kNoon, 1)); },
                 {"exchange_id 9"});
    Symbol lost = symbol("XRP");
    lost.exchange_id = ExchangeId{8};
    expect_error(ErrorCode::unknown_exchange, [&] { insert(lost); }, {"exchange_id 8"});
    QuarantinedRow row;
    row.source_id = SourceId{3};
    row.line = 1;
    row.dataset = "trades";
    row.reason = "x";
    expect_error(ErrorCode::constraint, [&] { write(row); }, {"source_id 3"});
    EXPECT_EQ(query("SELECT (SELECT count(*) FROM symbols), (SELECT count(*) FROM quarantined_rows)"), "3|0");
}

TEST_F(StoreTest, TheDatabaseRefusesAValueThatSlippedThrough) {
    // Not prepared on purpose: what a fault of the layers above would send.
    std::vector<BookTicker> rows{quote(kBtc, kNoon, 100, 99)};
    expect_error(ErrorCode::constraint, [&] { database_->write(storage::as_rows(rows), forever_); },
                 {"book_ticker_snapshots row 0", "symbol_id 1, timestamp 2024-08-08T12:00:00.000000Z", "ask_price"});
    std::vector<Trade> trades{trade(kBtc, kNoon, "1")};
    trades[0].price = kNoNumber;
    expect_error(ErrorCode::constraint, [&] { database_->write(storage::as_rows(trades), forever_); },
                 {"trade_snapshots row 0", "trade_id 1", "trade_snapshots.price"});
    EXPECT_EQ(count("book_ticker_snapshots") + count("trade_snapshots"), 0);
}

TEST_F(StoreTest, AnUpdateThatTheDatabaseRefusesUndoesTheBatch) {
    write(quote(kBtc, kNoon, 100, 101));
    std::vector<BookTicker> rows{quote(kBtc, kNoon - 1ms, 1, 2), quote(kBtc, kNoon, 100, 99)};
    expect_error(ErrorCode::constraint, [&] { database_->write(storage::as_rows(rows), forever_); },
                 {"row 1", "sequence 0"});
    EXPECT_EQ(lines_of(scan<BookTicker>()), (Lines{"+0ms #0 bid 100x1 ask 101x2"}));
}

TEST_F(StoreTest, ASecondRowOfANaturalKeyIsRefused) {
    expect_error(ErrorCode::constraint, [&] { insert(symbol("BTC")); }, {"symbols", "exchange_symbol BTCUSDT"});
    EXPECT_EQ(count("symbols"), 3);
}

TEST_F(StoreTest, NewReferenceRowsAreStampedAndCounted) {
    EXPECT_EQ(query("SELECT version FROM reference_version"), "5");  // One exchange and three symbols after the first.
    clock_->walk(7ms);
    Symbol row = symbol("XRP");
    insert(row);
    EXPECT_EQ(row.id, SymbolId{4});
    EXPECT_EQ(row.created_at, kNoon + 7ms);
    EXPECT_EQ(row.updated_at, kNoon + 7ms);
    EXPECT_EQ(query("SELECT version FROM reference_version"), "6");
    Source source;
    source.kind = "import";
    source.name = "x";
    source.started_at = kNoon;
    insert(source);
    EXPECT_EQ(query("SELECT version FROM reference_version"), "6");
}

TEST_F(StoreTest, AReferenceRowIsReplacedById) {
    Symbol row = symbol("BTC");
    row.id = kBtc;
    row.is_active = false;
    row.tick_size = 0.01;
    clock_->walk(9ms);
    EXPECT_TRUE(database_->update_one(table_of<Symbol>(), reinterpret_cast<std::byte*>(&row), forever_));
    EXPECT_EQ(query("SELECT is_active, tick_size, created_at - 1723118400000000, updated_at - 1723118400000000 "
                    "FROM symbols WHERE id = 1"),
              "0|0.01|0|9000");
    EXPECT_EQ(query("SELECT version FROM reference_version"), "6");
    row.id = SymbolId{99};
    row.exchange_symbol = "other";
    EXPECT_FALSE(database_->update_one(table_of<Symbol>(), reinterpret_cast<std::byte*>(&row), forever_));
    row.id = kEth;
    row.exchange_symbol = "BTCUSDT";
    expect_error(ErrorCode::constraint,
                 [&] { database_->update_one(table_of<Symbol>(), reinterpret_cast<std::byte*>(&row), forever_); });
    EXPECT_EQ(query("SELECT exchange_symbol FROM symbols ORDER BY id"), "BTCUSDT;ETHUSDT;SOLUSDT");
}

class EraseTest : public StoreTest {
 public:
    EraseTest() {
        write(std::vector<BookTicker>{quote(kBtc, kNoon, 1, 2, 1), quote(kBtc, kNoon, 1, 2, 2),
                                      quote(kBtc, kNoon, 1, 2, 3), quote(kBtc, kNoon + 5ms, 1, 2, 1),
                                      quote(kEth, kNoon, 1, 2)});
    }
    /// Rows of a series before a moment.
    template <class Row>
    static storage::RowChoice before(const SeriesKey& series, Timestamp end) {
        storage::RowChoice choice;
        choice.table = &table_of<Row>();
        choice.series = series;
        choice.end = end;
        return choice;
    }
    std::uint64_t erase(Timestamp cutoff, std::uint64_t limit) {
        return database_->erase(before<BookTicker>(series(1), cutoff), limit, forever_).rows;
    }
    std::string left() {
        return query(
            "SELECT rows, first_timestamp - 1723118400000000, last_timestamp - 1723118400000000 FROM series "
            "WHERE series_id = 1");
    }
};

TEST_F(EraseTest, TakesTheOldestFirstEvenWithinOneTimestamp) {
    EXPECT_EQ(erase(kNoon + 1ms, 2), 2U);
    EXPECT_EQ(left(), "2|0|5000");
    EXPECT_EQ(erase(kNoon + 1ms, 2), 1U);
    EXPECT_EQ(left(), "1|5000|5000");
    EXPECT_EQ(erase(kNoon + 1ms, 2), 0U);
    EXPECT_EQ(query("SELECT symbol_id, sequence FROM book_ticker_snapshots"), "1|1;2|0");
}

TEST_F(EraseTest, SaysWhereToGoOn) {
    const storage::Erased first = database_->erase(before<BookTicker>(series(1), kNoTime), 3, forever_);
    EXPECT_EQ(first.rows, 3U);
    EXPECT_EQ(first.next, kNoon + 5ms);
    const storage::Erased rest = database_->erase(before<BookTicker>(series(1), kNoTime), 3, forever_);
    EXPECT_EQ(rest.rows, 1U);
    EXPECT_EQ(rest.next, kNoTime);
}

TEST_F(EraseTest, TheNewestRowsGoAsWellAsTheOldest) {
    storage::RowChoice newest = before<BookTicker>(series(1), kNoTime);
    newest.start = kNoon + 1ms;
    EXPECT_EQ(database_->erase(newest, 0, forever_).rows, 1U);
    EXPECT_EQ(left(), "3|0|0");
}

TEST_F(EraseTest, ASeriesWithoutRowsGoes) {
    EXPECT_EQ(erase(kNoon + 6ms, 0), 4U);
    EXPECT_EQ(query("SELECT series_id FROM series"), "2");
}

TEST_F(EraseTest, TheCutoffItselfStays) {
    EXPECT_EQ(erase(kNoon, 100), 0U);
    EXPECT_EQ(erase(kNoon + 5ms, 100), 3U);
}

TEST_F(EraseTest, CountsWithoutErasing) {
    storage::sqlite::Store& store = database_->store();
    EXPECT_EQ(store.count(before<BookTicker>(series(1), kNoon + 6ms), forever_), 4U);
    EXPECT_EQ(store.count(before<BookTicker>(series(1), kNoon), forever_), 0U);
    storage::RowChoice late = before<BookTicker>(series(1), kNoTime);
    late.start = kNoon + 1us;
    EXPECT_EQ(store.count(late, forever_), 1U);
    EXPECT_EQ(count("book_ticker_snapshots"), 5);
}

TEST_F(EraseTest, OfBalancesAndTradesGoesByTheirKeys) {
    write(std::vector<Balance>{balance(ExchangeId{1}, "BTC", kNoon, 1), balance(ExchangeId{1}, "BTC", kNoon + 1ms, 2)});
    write(std::vector<Trade>{trade(kBtc, kNoon, "1"), trade(kBtc, kNoon, "2"), trade(kBtc, kNoon + 1ms, "3")});
    const SeriesKey btc{1, "main", "BTC"};
    EXPECT_EQ(database_->erase(before<Balance>(btc, kNoon + 9ms), 1, forever_).rows, 1U);
    EXPECT_EQ(database_->erase(before<Trade>(series(1), kNoon + 9ms), 2, forever_).rows, 2U);
    EXPECT_EQ(query("SELECT trade_id FROM trade_snapshots"), "3");
    EXPECT_EQ(query("SELECT dataset, rows, first_timestamp - 1723118400000000 FROM series WHERE dataset IN ('trades', "
                    "'balances')"),
              "balances|1|1000;trades|1|1000");
}

TEST_F(EraseTest, FreedPagesGoBackToTheFileSystem) {
    std::vector<BookTicker> rows;
    for (int i = 0; i < 20'000; ++i) rows.push_back(quote(SymbolId{3}, kNoon, 1, 2, i));
    write(rows);
    EXPECT_EQ(database_->erase(before<BookTicker>(series(3), kNoon + 1ms), 0, forever_).rows, 20'000U);
    EXPECT_GT(database_->connection().query_integer("PRAGMA freelist_count"), 100);
    database_->reclaim(forever_);
    EXPECT_EQ(database_->connection().query_integer("PRAGMA freelist_count"), 0);
    EXPECT_LT(database_->connection().query_integer("PRAGMA page_count"), 60);
}

TEST_F(StoreTest, StatsAreKeptCounts) {
    write(std::vector<BookTicker>{quote(kBtc, kNoon, 1, 2), quote(kEth, kNoon + 1ms, 1, 2)});
    const DatabaseStats stats = database_->store().stats();
    ASSERT_EQ(stats.datasets.size(), 4U);
    EXPECT_EQ(stats.datasets[0].rows, 2U);
    EXPECT_EQ(stats.datasets[0].series, 2U);
    EXPECT_EQ(stats.datasets[0].first, kNoon);
    EXPECT_EQ(stats.datasets[0].last, kNoon + 1ms);
    EXPECT_EQ(stats.datasets[1].rows, 0U);
    EXPECT_FALSE(is_present(stats.datasets[1].first));
    EXPECT_EQ(stats.exchanges, 1U);
    EXPECT_EQ(stats.active_exchanges, 1U);
    EXPECT_EQ(stats.symbols, 3U);
    EXPECT_EQ(stats.active_symbols, 3U);
    EXPECT_EQ(stats.sources, 0U);
    EXPECT_EQ(stats.quarantined, 0U);
    EXPECT_EQ(stats.schema_version, 7U);
    EXPECT_GT(stats.bytes, 50'000U);
    EXPECT_EQ(stats.engine, std::string("SQLite ") + sqlite3_libversion());
}

TEST_F(StoreTest, ChangesOfOthersShowAndOwnOnesDoNot) {
    const storage::ChangeMarks before = database_->poll_changes(forever_);
    write(quote(kBtc, kNoon, 1, 2));
    EXPECT_EQ(database_->poll_changes(forever_), before);
    ForeignConnection(file()).execute("UPDATE book_ticker_snapshots SET bid_qty = 3");
    const storage::ChangeMarks after = database_->poll_changes(forever_);
    EXPECT_NE(after.data, before.data);
    EXPECT_EQ(after.reference, before.reference);
    insert(symbol("XRP"));
    EXPECT_EQ(database_->poll_changes(forever_).reference, before.reference + 1);
}

TEST_F(StoreTest, ValuesThatNoProgramOfOursWroteAreCorrupt) {
    write(trade(kBtc, kNoon, "1"));
    ForeignConnection other(file());
    other.execute("UPDATE trade_snapshots SET trade_id = '" + std::string(64, 'x') + "'");
    expect_error(ErrorCode::corrupt, [&] { scan<Trade>(); }, {"trade_snapshots.trade_id"});
    other.execute("UPDATE trade_snapshots SET trade_id = '1', source_id = 9999999999");
    expect_error(ErrorCode::corrupt, [&] { scan<Trade>(); }, {"trade_snapshots.source_id", "9999999999"});
    other.execute("PRAGMA ignore_check_constraints = ON");
    other.execute("UPDATE trade_snapshots SET source_id = 1, side = 'up'");
    expect_error(ErrorCode::corrupt, [&] { scan<Trade>(); }, {"trade_snapshots.side", "up"});
}

TEST_F(StoreTest, ADeadlineThatHasPassedStopsAWriteAndUndoesIt) {
    std::vector<BookTicker> rows{quote(kBtc, kNoon, 1, 2)};
    const Control late(Deadline::in(0ms));
    expect_error(ErrorCode::timeout, [&] { database_->write(storage::as_rows(rows), late); });
    Control cancelled(Deadline::never());
    cancelled.cancel();
    expect_error(ErrorCode::cancelled, [&] { database_->write(storage::as_rows(rows), cancelled); });
    expect_error(ErrorCode::cancelled, [&] {
        std::vector<BookTicker> none;
        VectorSink<BookTicker> sink(none);
        const std::vector<SeriesKey> asked{series(1)};
        database_->store().latest(table_of<BookTicker>(), asked, sink, cancelled);
    });
    EXPECT_EQ(count("book_ticker_snapshots"), 0);
}

TEST_F(StoreTest, ACancelInTheMiddleOfAWriteUndoesAllOfIt) {
    std::vector<BookTicker> rows;
    for (int i = 0; i < 200'000; ++i) rows.push_back(quote(kBtc, kNoon, 1, 2, i));
    Control control(Deadline::in(20ms));
    expect_error(ErrorCode::timeout, [&] { database_->write(storage::as_rows(rows), control); });
    EXPECT_EQ(query("SELECT (SELECT count(*) FROM book_ticker_snapshots), (SELECT count(*) FROM series)"), "0|0");
    EXPECT_EQ(write(quote(kBtc, kNoon, 1, 2)), result(1));
}

}  // namespace
}  // namespace marketdb::testing
