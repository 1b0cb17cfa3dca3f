#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <string>
#include <vector>

#include "support/rows.hpp"
#include "transfer/series_digest.hpp"

/// The expected sums were computed by another program (Python's hashlib and struct) from the formula of docs/reference.md.
namespace marketdb::transfer {
namespace {

using testing::kNoon;
using namespace std::chrono_literals;

const SeriesName kQuotes{Dataset::book_tickers, "ALPHA_SPOT", "BTCUSDT", ""};
const SeriesName kTrades{Dataset::trades, "ALPHA_SPOT", "BTCUSDT", ""};

template <class Row>
SeriesChecksum checksum(const SeriesName& name, std::vector<Row> rows) {
    SeriesDigest digest(name);
    digest.add(storage::as_rows(rows));
    return digest.checksum();
}

std::vector<BookTicker> two_quotes() {
    BookTicker second = testing::quote(SymbolId{3}, kNoon + 1ms, 100.5, kNoNumber, 7);
    second.ask_qty = kNoNumber;
    second.received_at = kNoon + 2ms;
    return {testing::quote(SymbolId{3}, kNoon, 100, 101), second};
}

TEST(SeriesDigest, OfQuotesWithAnAbsentSideAndAnAbsentTime) {
    const SeriesChecksum sum = checksum(kQuotes, two_quotes());
    EXPECT_EQ(sum.sha256, "9688770316aceeb8679eefba1551f36107e5df92a1ec9e0c8890f5bd119f77e5");
    EXPECT_EQ(sum.rows, 2U);
    EXPECT_EQ(sum.first, kNoon);
    EXPECT_EQ(sum.last, kNoon + 1ms);
    EXPECT_EQ(sum.name, kQuotes);
}

TEST(SeriesDigest, OfATradeWithAllItsTexts) {
    Trade trade = testing::trade(SymbolId{3}, kNoon, "a7");
    trade.sequence = 5;
    trade.received_at = kNoon + 10us;
    trade.quote_quantity = 12.5;
    trade.is_buyer = Tristate::yes;
    trade.is_maker = Tristate::no;
    EXPECT_EQ(checksum(kTrades, std::vector<Trade>{trade}).sha256,
              "daf0b73086e691bb133bb1d7963d8fc58c804edc4811c1a11ea9b3537a4d0883");
}

TEST(SeriesDigest, OfFundingRatesOfBothKinds) {
    FundingRate predicted = testing::funding(SymbolId{3}, kNoon, -0.0001);
    predicted.interval_minutes = 480;
    predicted.funding_time = kNoon + 1s;
    FundingRate settled = testing::funding(SymbolId{3}, kNoon, 0.0001, FundingKind::settled);
    settled.received_at = kNoon;
    settled.mark_price = 61000.5;
    const SeriesName name{Dataset::funding_rates, "ALPHA_FUTURES", "BTCUSDT", ""};
    EXPECT_EQ(checksum(name, std::vector<FundingRate>{predicted, settled}).sha256,
              "1e9f34608646b9dc1b140654a0748b4d54a659b5b3a20a73f2a2d7b5c2af4dac");
}

TEST(SeriesDigest, OfABalanceWithoutItsComputedTotal) {
    Balance balance = testing::balance(ExchangeId{3}, "USDT", kNoon, 10, 2);
    balance.borrowing_balance = 3.5;
    const SeriesName name{Dataset::balances, "ALPHA_SPOT", "USDT", "main"};
    EXPECT_EQ(checksum(name, std::vector<Balance>{balance}).sha256,
              "6d03e28eec63f499a99a0a73cdc9b3ae2ba035d4dbb2b9a13ce64996ac46bece");
    balance.total_balance = 12;
    EXPECT_EQ(checksum(name, std::vector<Balance>{balance}).sha256,
              "6d03e28eec63f499a99a0a73cdc9b3ae2ba035d4dbb2b9a13ce64996ac46bece");
}

TEST(SeriesDigest, OfNoRowsIsThatOfTheName) {
    EXPECT_EQ(checksum(kTrades, std::vector<Trade>{}).sha256,
              "52a3dde8ab3d44bd1d4be0faf0458c0a01c99a7ec4285b00004754a312fc7365");
}

TEST(SeriesDigest, IdsAndSourcesDoNotCount) {
    std::vector<BookTicker> rows = two_quotes();
    for (BookTicker& row : rows) {
        row.symbol_id = SymbolId{77};
        row.source_id = SourceId{5};
    }
    EXPECT_EQ(checksum(kQuotes, rows).sha256, "9688770316aceeb8679eefba1551f36107e5df92a1ec9e0c8890f5bd119f77e5");
}

TEST(SeriesDigest, EveryOtherValueCounts) {
    const std::string sum = checksum(kQuotes, two_quotes()).sha256;
    const auto changed = [&](auto change) {
        std::vector<BookTicker> rows = two_quotes();
        change(rows[1]);
        return checksum(kQuotes, rows).sha256;
    };
    EXPECT_NE(changed([](BookTicker& row) { row.timestamp += 1us; }), sum);
    EXPECT_NE(changed([](BookTicker& row) { row.sequence = 8; }), sum);
    EXPECT_NE(changed([](BookTicker& row) { row.received_at = kNoTime; }), sum);
    EXPECT_NE(changed([](BookTicker& row) { row.bid_price = 100.50000000000001; }), sum);
    EXPECT_NE(changed([](BookTicker& row) { row.bid_qty = 2; }), sum);
    EXPECT_NE(changed([](BookTicker& row) { row.ask_price = 101; }), sum);
    EXPECT_NE(changed([](BookTicker& row) { row.ask_qty = 1; }), sum);
    EXPECT_NE(checksum({Dataset::book_tickers, "ALPHA_SPOT", "ETHUSDT", ""}, two_quotes()).sha256, sum);
    EXPECT_NE(checksum({Dataset::book_tickers, "BETA_SPOT", "BTCUSDT", ""}, two_quotes()).sha256, sum);
}

TEST(SeriesDigest, BatchesDoNotCountAndACopyGoesOnByItself) {
    std::vector<BookTicker> rows = two_quotes();
    std::vector<BookTicker> first(rows.begin(), rows.begin() + 1);
    std::vector<BookTicker> second(rows.begin() + 1, rows.end());
    SeriesDigest digest(kQuotes);
    digest.add(storage::as_rows(first));
    SeriesDigest copy = digest;
    const std::string half = digest.checksum().sha256;
    copy.add(storage::as_rows(second));
    EXPECT_EQ(copy.checksum().sha256, "9688770316aceeb8679eefba1551f36107e5df92a1ec9e0c8890f5bd119f77e5");
    EXPECT_EQ(digest.checksum().sha256, half);
    EXPECT_EQ(digest.checksum().rows, 1U);
}

TEST(SeriesDigest, EveryBitPatternOfNoNumberIsTheSame) {
    std::vector<BookTicker> rows = two_quotes();
    const std::uint64_t other = 0xfff8000000000001;
    rows[1].ask_price = std::bit_cast<double>(other);
    EXPECT_EQ(checksum(kQuotes, rows).sha256, "9688770316aceeb8679eefba1551f36107e5df92a1ec9e0c8890f5bd119f77e5");
}

}  // namespace
}  // namespace marketdb::transfer
