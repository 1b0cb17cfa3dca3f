#include "transfer/file_claims.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

namespace marketdb::testing {
namespace {

using core::Interval;
using transfer::FileClaims;

Timestamp moment(std::int64_t number) { return Timestamp{std::chrono::microseconds(number)}; }

/// A row of an invented file: what it says, and whether it can be stored.
struct Row {
    std::size_t series = 0;
    FileClaims::Times times;
    bool is_bad = false;
};

bool covers(const std::vector<FileClaims::Claim>& claims, const Row& row) {
    return std::any_of(claims.begin(), claims.end(), [&row](const FileClaims::Claim& claim) {
        const Timestamp time = row.times.of(claim.clock);
        return claim.series == row.series && claim.time.start <= time && time < claim.time.end;
    });
}

/// In the order of one clock at least, if rows can be bad: else nobody knows where a bad one belongs.
std::vector<Row> some_file(std::mt19937& random, bool has_bad_rows) {
    const auto upto = [&random](std::int64_t limit) {
        return std::uniform_int_distribution<std::int64_t>(0, limit)(random);
    };
    std::vector<Row> rows;
    const bool has_received = upto(2) > 0;
    const std::int64_t disorder = has_received || !has_bad_rows ? upto(3) : 0;
    std::int64_t arrival = 100;
    for (std::int64_t i = upto(40); i > 0; --i) {
        arrival += upto(3);
        Row& row = rows.emplace_back();
        row.series = static_cast<std::size_t>(upto(1));
        row.times.event = moment(arrival - upto(disorder));
        if (has_received) row.times.received = moment(arrival);
        row.is_bad = has_bad_rows && upto(19) == 0;
    }
    return rows;
}

TEST(FileClaims, NoClaimIsEverMadeOfARowThatIsNotStored) {
    std::mt19937 random(20261126);
    for (int round = 0; round < 5'000; ++round) {
        const bool is_surveyed_first = round % 2 == 0;
        const std::vector<Row> rows = some_file(random, /*has_bad_rows=*/!is_surveyed_first);
        FileClaims claims;
        for (const Row& row : rows) {
            if (is_surveyed_first && !row.is_bad) claims.survey(row.series, row.times);
        }
        if (is_surveyed_first) claims.end_survey();
        for (std::size_t at = 0; at < rows.size(); ++at) {
            if (rows[at].is_bad) {
                claims.cut();
            } else {
                if (!is_surveyed_first) claims.survey(rows[at].series, rows[at].times);
                claims.stored(rows[at].series, rows[at].times);
            }
            if (at % 5 != 0) continue;
            const std::vector<FileClaims::Claim> told = claims.so_far();
            for (std::size_t later = at + 1; later < rows.size(); ++later) ASSERT_FALSE(covers(told, rows[later]));
            for (const Row& row : rows) ASSERT_FALSE(row.is_bad && covers(told, row));
        }
        const std::vector<FileClaims::Claim> told = claims.at_end();
        for (const Row& row : rows) ASSERT_FALSE(row.is_bad && covers(told, row));
        for (const FileClaims::Claim& claim : told) ASSERT_LT(claim.time.start, claim.time.end);
    }
}

TEST(FileClaims, AFileInOrderIsClaimedFromItsFirstRowToItsLast) {
    FileClaims claims;
    for (const std::int64_t at : {5, 7, 7, 9}) claims.survey(0, {moment(at), moment(at + 1)});
    claims.end_survey();
    for (const std::int64_t at : {5, 7, 7, 9}) claims.stored(0, {moment(at), moment(at + 1)});
    EXPECT_EQ(claims.main_clock(0), ClockKind::received);
    const std::vector<FileClaims::Claim> told = claims.at_end();
    ASSERT_EQ(told.size(), 2U);
    EXPECT_EQ(told[0].time, (Interval{moment(5), moment(10)}));
    EXPECT_EQ(told[1].time, (Interval{moment(6), moment(11)}));
    const std::vector<FileClaims::Claim> whole = claims.of_complete({moment(0), moment(100)});
    ASSERT_EQ(whole.size(), 2U);
    EXPECT_EQ(whole[0].time, (Interval{moment(0), moment(100)}));
}

TEST(FileClaims, WithoutAClockForEveryRowTheExchangesCounts) {
    FileClaims claims;
    claims.survey(0, {moment(5), moment(6)});
    claims.survey(0, {moment(7), kNoTime});
    claims.stored(0, {moment(5), moment(6)});
    claims.stored(0, {moment(7), kNoTime});
    EXPECT_EQ(claims.main_clock(0), ClockKind::event);
    ASSERT_EQ(claims.at_end().size(), 1U);
    EXPECT_EQ(claims.at_end()[0].time, (Interval{moment(5), moment(8)}));
}

TEST(FileClaims, SeriesWithoutRowsClaimNothing) {
    FileClaims claims;
    claims.end_survey();
    EXPECT_TRUE(claims.so_far().empty());
    EXPECT_TRUE(claims.at_end().empty());
    EXPECT_TRUE(claims.of_complete({moment(0), moment(100)}).empty());
    EXPECT_TRUE(claims.whole(3, ClockKind::event).empty());
}

}  // namespace
}  // namespace marketdb::testing
