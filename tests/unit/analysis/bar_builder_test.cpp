#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "analysis/bar_builder.hpp"

namespace marketdb::analysis {
namespace {

constexpr Timestamp at(std::int64_t microseconds) { return Timestamp{std::chrono::microseconds{microseconds}}; }

Trade trade(std::int64_t microseconds, double price) {
    Trade row;
    row.timestamp = at(microseconds);
    row.received_at = at(microseconds + 7);
    row.price = price;
    row.quantity = 1;
    return row;
}

BarOptions options(EmptyIntervals empty, Timestamp start = kNoTime, Timestamp end = kNoTime) {
    BarOptions options;
    options.every = std::chrono::microseconds(10);
    options.start = start;
    options.end = end;
    options.empty = empty;
    return options;
}

/// `10 x2 5..6` of each bar: start, count, first and last price; what the rows come to when nothing follows.
std::vector<std::string> bars_of(BarBuilder<TradeBar> builder, const std::vector<Trade>& rows) {
    std::vector<std::string> bars;
    const auto take = [&] {
        const TradeBar bar = builder.take();
        std::string text = std::to_string(bar.start.time_since_epoch().count()) + " x" + std::to_string(bar.count);
        if (is_present(bar.price.open)) {
            text += " " + std::to_string(static_cast<int>(bar.price.open)) + ".." +
                    std::to_string(static_cast<int>(bar.price.close));
        }
        bars.push_back(text);
    };
    for (const Trade& row : rows) {
        while (builder.is_due_before(row)) take();
        builder.add(row);
    }
    while (builder.is_due_at_end()) take();
    return bars;
}

using Texts = std::vector<std::string>;
const std::vector<Trade> kRows = {trade(3, 5), trade(9, 6), trade(10, 7), trade(45, 8)};

TEST(BarBuilder, EmptyIntervalsAreLeftOut) {
    EXPECT_EQ(bars_of(BarBuilder<TradeBar>(options(EmptyIntervals::skip)), kRows),
              (Texts{"0 x2 5..6", "10 x1 7..7", "40 x1 8..8"}));
    EXPECT_EQ(bars_of(BarBuilder<TradeBar>(options(EmptyIntervals::skip, at(0), at(100))), kRows),
              (Texts{"0 x2 5..6", "10 x1 7..7", "40 x1 8..8"}));
}

TEST(BarBuilder, EmptyIntervalsAreShownFromStartToEnd) {
    EXPECT_EQ(bars_of(BarBuilder<TradeBar>(options(EmptyIntervals::show)), kRows),
              (Texts{"0 x2 5..6", "10 x1 7..7", "20 x0", "30 x0", "40 x1 8..8"}));
    EXPECT_EQ(bars_of(BarBuilder<TradeBar>(options(EmptyIntervals::show, at(25), at(61))), {trade(45, 8)}),
              (Texts{"20 x0", "30 x0", "40 x1 8..8", "50 x0", "60 x0"}));
    EXPECT_EQ(bars_of(BarBuilder<TradeBar>(options(EmptyIntervals::show, at(20), at(40))), {}),
              (Texts{"20 x0", "30 x0"}))
        << "the end is exclusive";
}

TEST(BarBuilder, WithoutAnEndOrABeginningThereIsNothingToShow) {
    EXPECT_EQ(bars_of(BarBuilder<TradeBar>(options(EmptyIntervals::show)), {}), Texts{});
    EXPECT_EQ(bars_of(BarBuilder<TradeBar>(options(EmptyIntervals::show, at(20))), {}), Texts{});
    EXPECT_EQ(bars_of(BarBuilder<TradeBar>(options(EmptyIntervals::show, kNoTime, at(20))), {}), Texts{});
    EXPECT_EQ(bars_of(BarBuilder<TradeBar>(options(EmptyIntervals::show, at(20), at(20))), {}), Texts{});
    EXPECT_EQ(bars_of(BarBuilder<TradeBar>(options(EmptyIntervals::show, at(0), at(0))), {}), Texts{});
}

TEST(BarBuilder, EmptyIntervalsAreFilledFromTheRowBefore) {
    BarBuilder<TradeBar> builder(options(EmptyIntervals::fill, at(20), at(70)));
    builder.begin_after(trade(2, 4));
    EXPECT_EQ(bars_of(builder, {trade(45, 8)}),
              (Texts{"20 x0 4..4", "30 x0 4..4", "40 x1 8..8", "50 x0 8..8", "60 x0 8..8"}));
    EXPECT_EQ(bars_of(BarBuilder<TradeBar>(options(EmptyIntervals::fill, at(20), at(60))), {trade(45, 8)}),
              (Texts{"20 x0", "30 x0", "40 x1 8..8", "50 x0 8..8"}))
        << "nothing is known of the time before the first row";
}

TEST(BarBuilder, TheReceivedClockPutsRowsElsewhere) {
    BarOptions received = options(EmptyIntervals::skip);
    received.clock = ClockKind::received;
    EXPECT_EQ(bars_of(BarBuilder<TradeBar>(received), kRows), (Texts{"10 x3 5..7", "50 x1 8..8"}));
}

TEST(BarBuilder, AnIntervalMayBeLongerThanTime) {
    BarOptions forever = options(EmptyIntervals::fill, kMinTime, kMaxTime);
    forever.every = std::chrono::microseconds::max();
    EXPECT_EQ(bars_of(BarBuilder<TradeBar>(forever), kRows), Texts{"0 x4 5..8"});
}

}  // namespace
}  // namespace marketdb::analysis
