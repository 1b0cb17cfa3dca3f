#include <cstdint>
#include <string>
#include <vector>

#include "sqlite_fixture.hpp"

namespace marketdb::testing {
namespace {

using storage::ScanRequest;
using storage::SeriesKey;
using storage::table_of;

class ScanTest : public StoreTest {
 public:
    ScanTest() {
        write(std::vector<BookTicker>{quote(kBtc, kNoon, 1, 2, 1), quote(kBtc, kNoon, 1, 2, 2),
                                      quote(kBtc, kNoon + 1ms, 1, 2, 1), quote(kBtc, kNoon + 2ms, 1, 2, 1),
                                      quote(kEth, kNoon, 5, 6, 1)});
    }
    Lines keys(ScanRequest request, std::size_t most = SIZE_MAX) {
        Lines lines;
        for (const BookTicker& row : scan<BookTicker>(request, most)) {
            lines.push_back(std::to_string(static_cast<int>(row.symbol_id)) + text_of(row.timestamp) + "#" +
                            std::to_string(row.sequence));
        }
        return lines;
    }
};

TEST_F(ScanTest, OfOneSeriesIsInItsOrder) {
    EXPECT_EQ(keys({.series = series(1)}), (Lines{"1+0ms#1", "1+0ms#2", "1+1ms#1", "1+2ms#1"}));
    EXPECT_EQ(keys({.series = series(1), .descending = true}), (Lines{"1+2ms#1", "1+1ms#1", "1+0ms#2", "1+0ms#1"}));
    EXPECT_EQ(keys({.series = series(3)}), Lines{});
}

TEST_F(ScanTest, OfAllIsByKey) {
    EXPECT_EQ(keys({}), (Lines{"1+0ms#1", "1+0ms#2", "1+1ms#1", "1+2ms#1", "2+0ms#1"}));
    EXPECT_EQ(keys({.series = {}, .start = kNoon + 1ms}), (Lines{"1+1ms#1", "1+2ms#1"}));
}

TEST_F(ScanTest, ARangeHasItsStartAndNotItsEnd) {
    EXPECT_EQ(keys({.series = series(1), .start = kNoon + 1ms}), (Lines{"1+1ms#1", "1+2ms#1"}));
    EXPECT_EQ(keys({.series = series(1), .end = kNoon + 1ms}), (Lines{"1+0ms#1", "1+0ms#2"}));
    EXPECT_EQ(keys({.series = series(1), .start = kNoon + 1ms, .end = kNoon + 2ms}), (Lines{"1+1ms#1"}));
}

TEST_F(ScanTest, GoesOnAfterARowInEitherDirection) {
    const BookTicker after = quote(kBtc, kNoon, 1, 2, 1);
    const auto* row = reinterpret_cast<const std::byte*>(&after);
    EXPECT_EQ(keys({.series = series(1), .after = row}), (Lines{"1+0ms#2", "1+1ms#1", "1+2ms#1"}));
    EXPECT_EQ(keys({.series = series(1), .end = kNoon + 1ms, .after = row}), (Lines{"1+0ms#2"}));
    const BookTicker before = quote(kBtc, kNoon + 1ms, 1, 2, 1);
    const auto* last = reinterpret_cast<const std::byte*>(&before);
    EXPECT_EQ(keys({.series = series(1), .descending = true, .after = last}), (Lines{"1+0ms#2", "1+0ms#1"}));
    EXPECT_EQ(keys({.series = series(1), .end = kNoon + 5ms, .descending = true, .after = last}),
              (Lines{"1+0ms#2", "1+0ms#1"}));
    EXPECT_EQ(keys({.series = series(1), .end = kNoon, .descending = true, .after = last}), Lines{});
}

TEST_F(ScanTest, StopsAtTheLimitOrWhenTheSinkHasEnough) {
    EXPECT_EQ(keys({.series = series(1), .limit = 2}), (Lines{"1+0ms#1", "1+0ms#2"}));
    EXPECT_EQ(keys({.series = series(1)}, 1), (Lines{"1+0ms#1"}));
}

TEST_F(StoreTest, TradesOfOneTimestampAreReadBySequence) {
    Trade a = trade(kBtc, kNoon, "zzz");
    Trade b = trade(kBtc, kNoon, "aaa");
    a.sequence = 1;
    b.sequence = 2;
    write(std::vector<Trade>{b, a, trade(kBtc, kNoon - 1ms, "9")});
    EXPECT_EQ(lines_of(scan<Trade>({.series = series(1)})),
              (Lines{"-1ms #9 id 9 buy 100x1", "+0ms #1 id zzz buy 100x1", "+0ms #2 id aaa buy 100x1"}));
    EXPECT_EQ(lines_of(scan<Trade>({.series = series(1), .limit = 1, .after = reinterpret_cast<std::byte*>(&a)})),
              (Lines{"+0ms #2 id aaa buy 100x1"}));
}

TEST_F(StoreTest, AScanLetsGoOfItsSnapshotWhenTheWriterAsks) {
    std::vector<BookTicker> rows;
    for (int i = 0; i < 1000; ++i) rows.push_back(quote(kBtc, kNoon, 1, 2, i));
    write(rows);
    // Asks once at the 300th row: the scan notices at the next look, and goes on behind its last row.
    class AskingSink final : public storage::RowSink {
     public:
        explicit AskingSink(storage::sqlite::SnapshotTicket& ticket) : ticket_(ticket) {}
        std::byte* slot() override { return reinterpret_cast<std::byte*>(&row_); }
        bool commit() override {
            in_order_ = in_order_ && row_.sequence == static_cast<std::int64_t>(seen_);
            if (++seen_ == 300) ++ticket_;
            return true;
        }
        std::size_t seen_ = 0;
        bool in_order_ = true;

     private:
        storage::sqlite::SnapshotTicket& ticket_;
        BookTicker row_;
    };
    storage::sqlite::SnapshotTicket ticket{0};
    AskingSink sink(ticket);
    database_->store().scan({.table = &table_of<BookTicker>(), .series = series(1)}, sink, forever_, ticket);
    EXPECT_EQ(sink.seen_, 1000U);
    EXPECT_TRUE(sink.in_order_);
    // And with a limit and backwards.
    AskingSink limited(ticket);
    database_->store().scan({.table = &table_of<BookTicker>(), .series = series(1), .limit = 700}, limited, forever_,
                            ticket);
    EXPECT_EQ(limited.seen_, 700U);
    EXPECT_TRUE(limited.in_order_);
}

TEST_F(StoreTest, LatestGivesTheNewestOfEachSeriesInTheOrderAsked) {
    write(std::vector<BookTicker>{quote(kBtc, kNoon, 1, 2, 1), quote(kBtc, kNoon, 3, 4, 2),
                                  quote(kEth, kNoon + 1ms, 5, 6)});
    const std::vector<SeriesKey> asked{series(2), series(3), series(1)};
    std::vector<BookTicker> rows;
    VectorSink<BookTicker> sink(rows);
    database_->store().latest(table_of<BookTicker>(), asked, sink, forever_);
    EXPECT_EQ(lines_of(rows), (Lines{"+1ms #0 bid 5x1 ask 6x2", "+0ms #2 bid 3x1 ask 4x2"}));
    rows.clear();
    VectorSink<BookTicker> one(rows, 1);
    database_->store().latest(table_of<BookTicker>(), asked, one, forever_);
    EXPECT_EQ(rows.size(), 1U);
}

TEST_F(StoreTest, LatestOfTradesFundingAndBalances) {
    Trade early = trade(kBtc, kNoon, "b");
    Trade late = trade(kBtc, kNoon, "a");
    early.sequence = 1;
    late.sequence = 2;
    write(std::vector<Trade>{early, late});
    write(std::vector<FundingRate>{funding(kBtc, kNoon, 0.1), funding(kBtc, kNoon, 0.2, FundingKind::settled)});
    write(std::vector<Balance>{balance(ExchangeId{1}, "BTC", kNoon, 1), balance(ExchangeId{1}, "BTC", kNoon + 1ms, 2)});
    std::vector<Trade> trades;
    std::vector<FundingRate> rates;
    std::vector<Balance> balances;
    VectorSink<Trade> trade_sink(trades);
    VectorSink<FundingRate> rate_sink(rates);
    VectorSink<Balance> balance_sink(balances);
    const std::vector<SeriesKey> symbols{series(1)};
    const std::vector<SeriesKey> assets{SeriesKey{1, "main", "BTC"}, SeriesKey{1, "main", "XRP"}};
    database_->store().latest(table_of<Trade>(), symbols, trade_sink, forever_);
    database_->store().latest(table_of<FundingRate>(), symbols, rate_sink, forever_);
    database_->store().latest(table_of<Balance>(), assets, balance_sink, forever_);
    EXPECT_EQ(lines_of(trades), (Lines{"+0ms #2 id a buy 100x1"}));
    EXPECT_EQ(lines_of(rates), (Lines{"+0ms settled 0.2"}));
    EXPECT_EQ(lines_of(balances), (Lines{"+1ms main BTC 2+0=2"}));
}

}  // namespace
}  // namespace marketdb::testing
