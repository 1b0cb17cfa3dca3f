#include "storage/sequence.hpp"

#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "unit/storage/rows.hpp"

namespace marketdb::storage {
namespace {

std::string refusal_of(const std::function<void()>& call) {
    try {
        call();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
        return error.what();
    }
    ADD_FAILURE() << "accepted";
    return {};
}

TEST(ArrivalSequence, IsTheDelayAndThePlace) {
    EXPECT_EQ(arrival_sequence(at(1'000), at(1'000), 0), 0);
    EXPECT_EQ(arrival_sequence(at(1'000), at(4'250), 3), 3'328'003);
    EXPECT_EQ(arrival_sequence(at(1'000), at(990), 1), -10'239);
    EXPECT_EQ(arrival_sequence(at(1'000), kNoTime, 1'023), 1'023);
}

TEST(ArrivalSequence, StaysBelow53Bits) {
    EXPECT_EQ(arrival_sequence(at(0), at(8'796'093'022'207), 1'023), 9'007'199'254'740'991);
    const std::string message =
        refusal_of([] { static_cast<void>(arrival_sequence(at(0), at(8'796'093'022'208), 0)); });
    EXPECT_EQ(message,
              "column received_at: 1970-04-12T19:21:33.022208Z is too far from timestamp 1970-01-01T00:00:00.000000Z "
              "(about 101 "
              "days at most)");
    refusal_of([] { static_cast<void>(arrival_sequence(at(8'796'093'022'208), at(0), 0)); });
    refusal_of([] { static_cast<void>(arrival_sequence(Timestamp::max(), at(-5), 0)); });
    refusal_of([] { static_cast<void>(arrival_sequence(at(0), Timestamp::max(), 0)); });
}

TEST(ArrivalSequence, RefusesWhatCannotBeTold) {
    EXPECT_EQ(refusal_of([] { static_cast<void>(arrival_sequence(at(0), at(0), 1'024)); }),
              "column sequence: more than 1024 rows of one series, timestamp and received_at cannot be told apart");
    refusal_of([] { static_cast<void>(arrival_sequence(at(0), at(0), -1)); });
    EXPECT_EQ(refusal_of([] { static_cast<void>(arrival_sequence(kNoTime, at(0), 0)); }),
              "column timestamp: is absent");
}

TEST(NumberTrades, CountsRowsOfOneMomentInTheirOrder) {
    std::vector<Trade> trades{trade(1'000, ""),   trade(1'000, ""), trade(2'000, ""), trade(1'000, ""),
                              trade(1'000, "77"), trade(1'000, ""), trade(1'000, "")};
    trades[3].received_at = at(1'002);
    trades[5].symbol_id = SymbolId{2};
    trades[6].sequence = 55;
    number_trades(trades);
    EXPECT_EQ(trades[0].sequence, 0);
    EXPECT_EQ(trades[1].sequence, 1);
    EXPECT_EQ(trades[2].sequence, 0);
    EXPECT_EQ(trades[3].sequence, 2'048);
    EXPECT_EQ(trades[4].sequence, 0);
    EXPECT_EQ(trades[5].sequence, 0);
    EXPECT_EQ(trades[6].sequence, 55);
}

TEST(NumberTrades, MakesTwoTradesWithoutIdTwoRows) {
    std::vector<Trade> trades{trade(1'000, ""), trade(1'000, "")};
    number_trades(trades);
    ASSERT_EQ(prepare_batch(as_rows(trades)), 2U);
    EXPECT_EQ(trades[0].trade_id, "~0");
    EXPECT_EQ(trades[1].trade_id, "~1");
}

TEST(NumberTrades, NamesTheRowThatIsOneTooMany) {
    std::vector<Trade> trades(1'025, trade(1'000, ""));
    EXPECT_EQ(refusal_of([&] { number_trades(trades); }),
              "trade_snapshots row 1024: column sequence: more than 1024 rows of one series, timestamp and received_at "
              "cannot "
              "be told apart");
    trades.pop_back();
    for (Trade& row : trades) row.sequence = 0;
    number_trades(trades);
    EXPECT_EQ(trades.back().sequence, 1'023);
}

TEST(NumberTrades, NamesARowWithoutTime) {
    std::vector<Trade> trades{trade(1, "x"), trade(1, "")};
    trades[1].timestamp = kNoTime;
    EXPECT_EQ(refusal_of([&] { number_trades(trades); }), "trade_snapshots row 1: column timestamp: is absent");
}

}  // namespace
}  // namespace marketdb::storage
