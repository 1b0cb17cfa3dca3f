#include "io/sequencer.hpp"

#include <gtest/gtest.h>

#include "support/expect.hpp"

namespace marketdb::testing {
namespace {

Timestamp at(std::int64_t microseconds) { return Timestamp{std::chrono::microseconds{microseconds}}; }

TEST(Sequencer, CountsRowsOfEqualInstrumentAndTimes) {
    io::Sequencer sequencer;
    EXPECT_EQ(sequencer.next(0, at(100), at(150)), 51'200);
    EXPECT_EQ(sequencer.next(0, at(100), at(150)), 51'201);
    EXPECT_EQ(sequencer.next(1, at(100), at(150)), 51'200);
    EXPECT_EQ(sequencer.next(0, at(100), at(151)), 52'224);
    EXPECT_EQ(sequencer.next(0, at(200), at(150)), -51'200);
    EXPECT_EQ(sequencer.next(0, at(100), at(150)), 51'202);
    EXPECT_EQ(sequencer.next(0, at(100), kNoTime), 0);
    EXPECT_EQ(sequencer.next(0, at(100), kNoTime), 1);
}

TEST(Sequencer, OneThousandAndTwentyFourthRowOfAMomentIsRefused) {
    io::Sequencer sequencer;
    for (std::int64_t n = 0; n < 1024; ++n) EXPECT_EQ(sequencer.next(0, at(5), at(5)), n);
    expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(sequencer.next(0, at(5), at(5))); });
    EXPECT_EQ(sequencer.next(0, at(6), at(6)), 0);
}

TEST(Sequencer, ClocksTooFarApartCannotBeNumbered) {
    io::Sequencer sequencer;
    expect_error(ErrorCode::invalid_argument,
                 [&] { static_cast<void>(sequencer.next(0, at(0), at(9'000'000'000'000))); });
}

TEST(Sequencer, OldKeysAreForgottenAndRowsBeforeThemRefused) {
    io::Sequencer sequencer;
    const auto count = static_cast<std::int64_t>(io::Sequencer::kMaxKeys);
    for (std::int64_t row = 1; row < count; ++row) ASSERT_EQ(sequencer.next(0, at(row), at(row)), 0);
    // Any order is fine until the memory is full.
    EXPECT_EQ(sequencer.next(0, at(3), at(3)), 1);
    EXPECT_EQ(sequencer.next(0, at(0), at(0)), 0);
    EXPECT_EQ(sequencer.next(0, at(count), at(count)), 0);
    EXPECT_EQ(sequencer.next(0, at(count), at(count)), 1);
    expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(sequencer.next(0, at(3), at(3))); },
                 {"column received_at: 1970-01-01T00:00:00.000003Z", "not ordered by received time"});
    // Another instrument has an order of its own.
    EXPECT_EQ(sequencer.next(1, at(3), at(3)), 0);
}

TEST(Sequencer, RowsWithoutReceivedTimeAreForgottenByTheirTimestamp) {
    io::Sequencer sequencer;
    const auto count = static_cast<std::int64_t>(io::Sequencer::kMaxKeys);
    for (std::int64_t row = 0; row <= count; ++row) ASSERT_EQ(sequencer.next(0, at(row), kNoTime), 0);
    expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(sequencer.next(0, at(3), kNoTime)); },
                 {"000003Z"});
}

TEST(Sequencer, TooManyTimestampsOfOneReceivedTimeAreRefused) {
    io::Sequencer sequencer;
    const auto count = static_cast<std::int64_t>(io::Sequencer::kMaxKeys);
    for (std::int64_t row = 0; row < count; ++row) static_cast<void>(sequencer.next(0, at(row), at(5)));
    expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(sequencer.next(0, at(count), at(5))); },
                 {"column timestamp: more than 262144 timestamps at one received time"});
}

}  // namespace
}  // namespace marketdb::testing
