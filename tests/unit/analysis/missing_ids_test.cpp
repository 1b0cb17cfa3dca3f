#include "analysis/missing_ids.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace marketdb::testing {
namespace {

using analysis::MissingIds;
using analysis::number_of;

Timestamp second(std::int64_t number) { return Timestamp{std::chrono::seconds(number)}; }

/// `3..4 (2) between 2 and 5` of each hole; every trade comes in the second of its place.
std::vector<std::string> holes_of(const std::vector<std::int64_t>& numbers) {
    MissingIds ids;
    std::vector<std::string> texts;
    const auto take = [&] {
        for (auto hole = ids.next(); hole; hole = ids.next()) {
            texts.push_back(std::to_string(hole->first_id) + ".." + std::to_string(hole->last_id) + " (" +
                            std::to_string(hole->missing) + ") between " +
                            std::to_string((hole->start - second(0)) / std::chrono::seconds(1)) + " and " +
                            std::to_string((hole->end - second(0)) / std::chrono::seconds(1)));
        }
    };
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        ids.add(numbers[i], second(static_cast<std::int64_t>(i)));
        take();
    }
    ids.end();
    take();
    return texts;
}

std::vector<std::int64_t> from_to(std::int64_t first, std::int64_t last) {
    std::vector<std::int64_t> numbers;
    for (std::int64_t number = first; number <= last; ++number) numbers.push_back(number);
    return numbers;
}

using Texts = std::vector<std::string>;

TEST(NumberOf, ReadsIdsOfDigitsAndOfAggregates) {
    EXPECT_EQ(number_of("3689571042")->number, 3689571042);
    EXPECT_FALSE(number_of("3689571042")->is_aggregated);
    EXPECT_EQ(number_of("a7")->number, 7);
    EXPECT_TRUE(number_of("a7")->is_aggregated);
    for (const char* id : {"", "a", "~12", "12-3", "-1", "9223372036854775808", "b2c1"})
        EXPECT_FALSE(number_of(id)) << id;
}

TEST(MissingIds, AHoleIsWhatLiesBetweenTwoTrades) {
    std::vector<std::int64_t> numbers = from_to(100, 129);
    numbers.erase(numbers.begin() + 10, numbers.begin() + 13);
    EXPECT_EQ(holes_of(numbers), Texts{"110..112 (3) between 9 and 10"});
    EXPECT_EQ(holes_of(from_to(5, 50)), Texts{});
    EXPECT_EQ(holes_of({}), Texts{});
    EXPECT_EQ(holes_of({7}), Texts{});
}

TEST(MissingIds, ANumberThatComesLateIsNoneThatIsMissing) {
    std::vector<std::int64_t> numbers = from_to(1, 40);
    std::swap(numbers[20], numbers[24]);
    EXPECT_EQ(holes_of(numbers), Texts{});
    numbers = from_to(1, 40);
    numbers.erase(numbers.begin() + 20, numbers.begin() + 23);  // 21, 22, 23
    numbers.insert(numbers.begin() + 30, 22);
    EXPECT_EQ(holes_of(numbers), (Texts{"21..21 (1) between 19 and 20", "23..23 (1) between 19 and 20"}));
    EXPECT_EQ(holes_of({1, 2, 3, 3, 2, 4, 5, 6, 7, 8, 9, 10, 11}), Texts{}) << "a repeat is no hole";
}

TEST(MissingIds, NumbersThatDoNotFollowEachOtherSayNothing) {
    std::vector<std::int64_t> numbers;
    for (std::int64_t i = 0; i < 30'000; ++i) numbers.push_back(i * 3);
    EXPECT_EQ(holes_of(numbers), Texts{});
}

TEST(MissingIds, AHoleIsGivenOutBeforeTheEnd) {
    MissingIds ids;
    ids.add(1, second(1));
    ids.add(3, second(2));
    for (std::int64_t number = 4; number < 10'003; ++number) {
        ids.add(number, second(number));
        EXPECT_FALSE(ids.next());
    }
    ids.add(10'003, second(10'003));
    const auto hole = ids.next();
    ASSERT_TRUE(hole);
    EXPECT_EQ(hole->first_id, 2);
    EXPECT_EQ(hole->missing, 1U);
}

}  // namespace
}  // namespace marketdb::testing
