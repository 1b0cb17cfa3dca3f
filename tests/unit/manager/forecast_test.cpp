#include "manager/forecast.hpp"

#include <gtest/gtest.h>

#include <optional>

namespace marketdb::testing {
namespace {

constexpr Timestamp kNow{std::chrono::hours(24 * 20'000)};

std::array<DatasetForecast, 4> growing(double a_day, std::optional<double> most = std::nullopt) {
    std::array<DatasetForecast, 4> datasets;
    datasets[0].bytes_per_day = a_day;
    datasets[0].grows_by_bytes = most;
    return datasets;
}
Timestamp after(double days) { return kNow + std::chrono::microseconds(static_cast<std::int64_t>(days * 86'400e6)); }

TEST(FullAt, IsTheRoomByTheRate) {
    EXPECT_EQ(full_at(growing(100), 250, kNow), after(2.5));
    EXPECT_EQ(full_at(growing(100), 0, kNow), kNow);
}

TEST(FullAt, IsNeverWhereNothingGrowsOrThePoliciesEndItBefore) {
    EXPECT_EQ(full_at(growing(0), 250, kNow), kNoTime);
    EXPECT_EQ(full_at(growing(100, 200), 250, kNow), kNoTime);
    EXPECT_EQ(full_at(growing(100, 0), 250, kNow), kNoTime);
    EXPECT_EQ(full_at(growing(1e-9), 1'000'000'000, kNow), kNoTime) << "later than 2262";
}

TEST(FullAt, CountsWhatStopsGrowingOnlyUntilThen) {
    std::array<DatasetForecast, 4> datasets = growing(100, 200);
    datasets[1].bytes_per_day = 50;
    // Two days of 150, then 50 a day.
    EXPECT_EQ(full_at(datasets, 300, kNow), after(2));
    EXPECT_EQ(full_at(datasets, 400, kNow), after(4));
    datasets[1].grows_by_bytes = 500;
    EXPECT_EQ(full_at(datasets, 700, kNow), after(10));
    EXPECT_EQ(full_at(datasets, 701, kNow), kNoTime);
}

}  // namespace
}  // namespace marketdb::testing
