#include <marketdb/maintenance.hpp>

#include <algorithm>
#include <string>

#include <marketdb/retention.hpp>

#include "contract/engine_fixture.hpp"

namespace marketdb::testing {
namespace {

constexpr auto kADay = std::chrono::hours(24);

/// What a timer runs, and how long the disk will do.
class MaintenanceContract : public EngineTest {
 protected:
    static std::string words(const Finding& one) {
        return std::string(to_string(one.severity)) + " " + one.check + (one.where.empty() ? "" : " " + one.where) +
               ": " + one.what;
    }
    static Lines steps_of(const MaintenanceReport& report, std::string_view check) {
        Lines lines;
        for (const Finding& one : report.steps) {
            if (one.check == check) lines.push_back(words(one));
        }
        return lines;
    }
    [[nodiscard]] bool is_own() const { return target().can.own_tables; }
    void keep(std::chrono::microseconds max_age, std::uint64_t max_bytes = 0) {
        RetentionPolicy policy;
        policy.dataset = Dataset::book_tickers;
        policy.max_age = max_age;
        policy.max_bytes = max_bytes;
        wait(set_retention(db(), policy));
    }
    /// A quote every minute of the last days.
    void fill(int days) {
        const SymbolId symbol = make_symbol().id;
        std::vector<BookTicker> rows;
        for (int i = days * 1'440; i > 0; --i) {
            rows.push_back(quote(symbol, kNoon - std::chrono::minutes(i), 1, 2));
        }
        store(rows);
    }
    static std::string removed_text(const MaintenanceReport& report) {
        const std::uint64_t staying = report.cleaned.book_tickers_staying;
        return "fine rows book-tickers: " + std::to_string(report.cleaned.book_tickers) + " removed from before " +
               to_string(kNoon - kADay) +
               (staying > 0
                    ? "; " + std::to_string(staying) + " stay: held, imported, or in a partition with newer ones"
                    : "");
    }
    DiskForecast forecast(std::optional<std::uint64_t> free_bytes = std::nullopt) {
        ForecastOptions options;
        options.free_bytes = free_bytes;
        return wait(forecast_disk(db(), options));
    }
    std::uint64_t day_bytes() { return 1'440 * usual_row_bytes(db(), Dataset::book_tickers); }
};
INSTANTIATE_TEST_SUITE_P(On, MaintenanceContract, ::testing::ValuesIn(all_engines()), engine_name);

TEST_P(MaintenanceContract, DoesAllOfItAndAgainDoesNoHarm) {
    fill(3);
    if (is_own()) keep(kADay);
    const MaintenanceReport report = wait(maintain(db()));
    EXPECT_EQ(
        steps_of(report, "rows"),
        Lines{is_own() ? removed_text(report)
                       : "note rows: an existing schema stores no policies: `cleanup --older-than` removes rows"});
    EXPECT_EQ(steps_of(report, "vacuum").size(), 1U);
    EXPECT_EQ(steps_of(report, "disk").size(), 1U);
    EXPECT_EQ(steps_of(report, "partitions").size(), target().has_partitions ? 2U : 0U);
    if (is_own() && !target().has_partitions) {
        EXPECT_EQ(report.cleaned.book_tickers, 2 * 1'440U);
    }
    const MaintenanceReport again = wait(maintain(db()));
    EXPECT_EQ(again.cleaned.book_tickers, 0U);
    EXPECT_EQ(again.steps.size(), report.steps.size());
    for (const Finding& one : again.steps) EXPECT_LE(one.severity, Severity::note) << words(one);
}

TEST_P(MaintenanceContract, PartitionsAreThereForTheTimeToCome) {
    if (!target().has_partitions) GTEST_SKIP() << "rows lie in one table here";
    MaintenanceOptions options;
    options.ahead = 40 * kADay;
    EXPECT_EQ(steps_of(wait(maintain(db(), options)), "partitions"),
              (Lines{"fine partitions book-tickers: 2 made, there are some until 2024-09-17T12:00:00.000000Z",
                     "fine partitions trades: 2 made, there are some until 2024-09-17T12:00:00.000000Z"}));
    EXPECT_EQ(steps_of(wait(maintain(db(), options)), "partitions").at(0),
              "fine partitions book-tickers: 0 made, there are some until 2024-09-17T12:00:00.000000Z");
    options.ahead = 0s;
    EXPECT_EQ(steps_of(wait(maintain(db(), options)), "partitions"), Lines{});
}

TEST_P(MaintenanceContract, TheForecastIsWhatComesUntilTheRoomIsUsedUp) {
    fill(2);
    const DiskForecast found = forecast(day_bytes() * 10);
    EXPECT_EQ(found.at, kNoon);
    EXPECT_DOUBLE_EQ(found.datasets[0].rows_per_day, 1'440);
    EXPECT_DOUBLE_EQ(found.bytes_per_day, static_cast<double>(day_bytes()));
    EXPECT_EQ(found.datasets[0].grows_by_bytes, std::nullopt);
    EXPECT_EQ(found.full_at, kNoon + 10 * kADay);
    EXPECT_DOUBLE_EQ(found.datasets[1].rows_per_day, 0);
    EXPECT_EQ(forecast(0).full_at, kNoon);
}

TEST_P(MaintenanceContract, ADatasetThatBeganJustNowIsNotTakenForAQuietOne) {
    const SymbolId symbol = make_symbol().id;
    std::vector<BookTicker> rows;
    for (int i = 60; i > 0; --i) rows.push_back(quote(symbol, kNoon - std::chrono::minutes(i), 1, 2));
    store(rows);
    EXPECT_DOUBLE_EQ(forecast().datasets[0].rows_per_day, 1'440) << "sixty of the last hour";
}

TEST_P(MaintenanceContract, APolicyEndsTheGrowth) {
    if (!is_own()) GTEST_SKIP() << "an existing schema stores no policies";
    fill(2);
    // Of a day, by these policies.
    const std::uint64_t partition = target().has_partitions ? 1 : 0;
    const auto days = [this] { return *forecast().datasets[0].grows_by_bytes / static_cast<double>(day_bytes()); };
    constexpr double kClose = 1e-6;
    keep(5 * kADay);
    EXPECT_NEAR(days(), static_cast<double>(3 + partition), kClose);
    EXPECT_EQ(forecast(day_bytes() * 2).full_at, kNoon + 2 * kADay);
    EXPECT_EQ(forecast(day_bytes() * (4 + partition)).full_at, kNoTime) << "then as much goes as comes";
    keep(0s, day_bytes() * 3);
    EXPECT_NEAR(days(), static_cast<double>(1 + partition), kClose);
    keep(0s, day_bytes());
    EXPECT_NEAR(days(), static_cast<double>(partition), kClose) << "the next clean-up brings it down";
    keep(kADay);
    EXPECT_NEAR(days(), static_cast<double>(partition), kClose);
    keep(40 * kADay);
    EXPECT_NEAR(days(), 38.0 + (target().has_partitions ? 31 : 0), kClose);
}

TEST_P(MaintenanceContract, NothingEndsTheGrowthOfWhatMayNotGo) {
    if (!is_own()) GTEST_SKIP() << "an existing schema stores no policies";
    fill(2);
    keep(5 * kADay);
    RetentionHold hold;
    hold.start = kNoon - 2 * kADay;
    hold.end = kNoon;
    hold.reason = "audit";
    const std::int32_t past = wait(hold_rows(db(), hold)).id;
    EXPECT_TRUE(forecast().datasets[0].grows_by_bytes.has_value());
    keep(0s, day_bytes());
    EXPECT_EQ(forecast().datasets[0].grows_by_bytes, std::nullopt) << "all of it is held";
    wait(release_hold(db(), past));
    EXPECT_TRUE(forecast().datasets[0].grows_by_bytes.has_value());
    hold.end = kNoTime;
    wait(hold_rows(db(), hold));
    EXPECT_EQ(forecast().datasets[0].grows_by_bytes, std::nullopt) << "what comes is held too";
}

TEST_P(MaintenanceContract, WhatMakesNoSenseIsRefused) {
    const auto refused = [](auto call) { expect_error(ErrorCode::invalid_argument, call); };
    const auto with_ahead = [this](std::chrono::microseconds ahead) {
        MaintenanceOptions options;
        options.ahead = ahead;
        wait(maintain(db(), options));
    };
    refused([&] { with_ahead(-1us); });
    refused([&] { with_ahead(367 * kADay); });
    ForecastOptions window;
    window.window = 59s;
    refused([&] { wait(forecast_disk(db(), window)); });
    MaintenanceOptions options;
    options.forecast.window = 367 * kADay;
    refused([&] { wait(maintain(db(), options)); });
}

}  // namespace
}  // namespace marketdb::testing
