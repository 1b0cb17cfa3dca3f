#include <cmath>
#include <string>

#include <gtest/gtest.h>

#include "unit/storage/rows.hpp"

namespace marketdb::storage {
namespace {

/// Merges the later row into the stored one, which is returned with whether that was an update.
template <class Row>
std::pair<Row, bool> merged(Row stored, Row later) {
    stored = prepared(stored);
    later = prepared(later);
    const bool updated = merge(table_of<Row>(), bytes_of(stored), bytes_of(later));
    return {stored, updated};
}

TEST(Merge, EqualRowsChangeNothing) {
    BookTicker stored = quote();
    stored.source_id = SourceId{1};
    BookTicker later = stored;
    later.source_id = SourceId{2};
    const auto [row, updated] = merged(stored, later);
    EXPECT_FALSE(updated);
    EXPECT_EQ(row.source_id, SourceId{1});
}

TEST(Merge, LaterValueWinsAndTheSourceFollows) {
    BookTicker stored = quote();
    stored.source_id = SourceId{1};
    BookTicker later = quote();
    later.source_id = SourceId{2};
    later.ask_qty = 5;
    const auto [row, updated] = merged(stored, later);
    EXPECT_TRUE(updated);
    EXPECT_EQ(row.ask_qty, 5);
    EXPECT_EQ(row.bid_qty, 1);
    EXPECT_EQ(row.source_id, SourceId{2});
}

TEST(Merge, UnknownSourceReplacesNone) {
    BookTicker stored = quote();
    stored.source_id = SourceId{1};
    BookTicker later = quote();
    later.ask_qty = 5;
    EXPECT_EQ(merged(stored, later).first.source_id, SourceId{1});
}

TEST(Merge, SidesOfABookTickerAreReplacedTogether) {
    BookTicker one_sided = quote();
    one_sided.bid_price = kNoNumber;
    one_sided.bid_qty = kNoNumber;
    const auto [row, updated] = merged(quote(), one_sided);
    EXPECT_TRUE(updated);
    EXPECT_TRUE(std::isnan(row.bid_price));
    EXPECT_TRUE(std::isnan(row.bid_qty));
    EXPECT_EQ(row.ask_price, 101);

    EXPECT_FALSE(merged(one_sided, one_sided).second);
    const auto [back, back_updated] = merged(one_sided, quote());
    EXPECT_TRUE(back_updated);
    EXPECT_EQ(back.bid_price, 100);
}

TEST(Merge, AbsentNeverReplacesPresent) {
    Trade stored = trade();
    stored.received_at = at(2'000);
    stored.quote_quantity = 50;
    stored.is_maker = Tristate::yes;
    Trade later = trade();
    later.side = Side::unknown;
    const auto [row, updated] = merged(stored, later);
    EXPECT_FALSE(updated);
    EXPECT_EQ(row.received_at, at(2'000));
    EXPECT_EQ(row.quote_quantity, 50);
    EXPECT_EQ(row.is_maker, Tristate::yes);
    EXPECT_EQ(row.side, Side::buy);
}

TEST(Merge, PresentReplacesAbsent) {
    Trade later = trade();
    later.received_at = at(2'000);
    later.quote_quantity = 50;
    later.is_buyer = Tristate::no;
    later.source_id = SourceId{3};
    const auto [row, updated] = merged(trade(), later);
    EXPECT_TRUE(updated);
    EXPECT_EQ(row.received_at, at(2'000));
    EXPECT_EQ(row.quote_quantity, 50);
    EXPECT_EQ(row.is_buyer, Tristate::no);
    EXPECT_EQ(row.source_id, SourceId{3});
}

TEST(Merge, ReceivedAtKeepsTheEarlier) {
    Trade stored = trade();
    stored.received_at = at(2'000);
    Trade later = trade();
    later.received_at = at(3'000);
    EXPECT_FALSE(merged(stored, later).second);
    EXPECT_EQ(merged(stored, later).first.received_at, at(2'000));

    later.received_at = at(1'500);
    EXPECT_TRUE(merged(stored, later).second);
    EXPECT_EQ(merged(stored, later).first.received_at, at(1'500));
}

TEST(Merge, StoredSequenceOfATradeStays) {
    Trade stored = trade(1'000, "x");
    stored.sequence = 5;
    Trade later = trade(1'000, "x");
    later.sequence = 6;
    EXPECT_FALSE(merged(stored, later).second);
    later.price = 99;
    const auto [row, updated] = merged(stored, later);
    EXPECT_TRUE(updated);
    EXPECT_EQ(row.sequence, 5);
    EXPECT_EQ(row.price, 99);
}

TEST(Merge, FundingKeepsWhatTheLaterDoesNotKnow) {
    FundingRate stored = funding();
    stored.interval_minutes = 480;
    stored.mark_price = 60'000;
    stored.funding_time = at(5'000);
    FundingRate later = funding();
    later.funding_rate = -0.0002;
    const auto [row, updated] = merged(stored, later);
    EXPECT_TRUE(updated);
    EXPECT_EQ(row.funding_rate, -0.0002);
    EXPECT_EQ(row.interval_minutes, 480);
    EXPECT_EQ(row.mark_price, 60'000);
    EXPECT_EQ(row.funding_time, at(5'000));
}

TEST(Merge, ComputedColumnFollowsAndIsNotCompared) {
    Balance stored = prepared(balance());
    Balance later = stored;
    later.total_balance = 77;
    EXPECT_FALSE(merge(table_of<Balance>(), bytes_of(stored), bytes_of(later)));
    EXPECT_EQ(stored.total_balance, 12);

    later.available_balance = 0;
    EXPECT_TRUE(merge(table_of<Balance>(), bytes_of(stored), bytes_of(later)));
    EXPECT_EQ(stored.total_balance, 2);
}

TEST(Merge, TextAndBooleanOfReferenceRows) {
    Exchange stored;
    stored.id = ExchangeId{4};
    stored.enum_value = "MEXC_SPOT";
    Exchange later = stored;
    later.id = ExchangeId{};
    later.exchange_name = "Mexc Global";
    later.is_active = false;
    const auto [row, updated] = merged(stored, later);
    EXPECT_TRUE(updated);
    EXPECT_EQ(row.id, ExchangeId{4});
    EXPECT_EQ(row.exchange_name, "Mexc Global");
    EXPECT_FALSE(row.is_active);
}

}  // namespace
}  // namespace marketdb::storage
