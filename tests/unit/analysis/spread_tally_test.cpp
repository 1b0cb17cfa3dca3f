#include "analysis/spread_tally.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "analysis/percentile.hpp"
#include "support/expect.hpp"
#include "support/rows.hpp"

namespace marketdb::analysis {
namespace {

using testing::expect_error;
using testing::kNoon;
using namespace std::chrono_literals;

TEST(Percentile, IsLinearBetweenTwoValues) {
    const std::vector<double> values{1, 2, 4, 8};
    EXPECT_EQ(percentile(values, 0), 1);
    EXPECT_EQ(percentile(values, 0.5), 3);
    EXPECT_EQ(percentile(values, 0.75), 5);
    EXPECT_EQ(percentile(values, 1), 8);
    EXPECT_EQ(percentile({7}, 0.99), 7);
}

TEST(BaseQuantity, FollowsWhatTheSymbolSays) {
    Symbol symbol;
    EXPECT_FALSE(is_present(base_quantity(symbol, 5, 100))) << "the unit is unknown";
    symbol.quantity_unit = QuantityUnit::base;
    EXPECT_EQ(base_quantity(symbol, 5, 100), 5);
    symbol.quantity_unit = QuantityUnit::quote;
    EXPECT_EQ(base_quantity(symbol, 5, 100), 0.05);
    symbol.quantity_unit = QuantityUnit::contracts;
    EXPECT_FALSE(is_present(base_quantity(symbol, 5, 100))) << "the contract size is unknown";
    symbol.contract_size = 0.01;
    EXPECT_EQ(base_quantity(symbol, 5, 100), 0.05);
    symbol.contract_type = ContractType::inverse;
    symbol.contract_size = 10;
    EXPECT_EQ(base_quantity(symbol, 5, 100), 0.5);
    EXPECT_FALSE(is_present(base_quantity(symbol, kNoNumber, 100)));
}

TEST(SpreadTally, MoreValuesThanTheBoundAreRefusedBeforeTheyAreKept) {
    SpreadTally::Question question;
    question.series.resize(64);
    question.fees_bps.resize(64);
    SpreadTally tally(question);
    AlignedBookTickers batch;
    batch.series.resize(64);
    batch.instants.assign(8'323, kNoon);
    batch.quotes.resize(8'323 * 64);
    expect_error(ErrorCode::resource_exhausted, [&] { tally.add(batch); },
                 {"more than 33554432 spreads", "expected a longer `every`"});
    EXPECT_EQ(tally.report().instants, 0U);
}

}  // namespace
}  // namespace marketdb::analysis
