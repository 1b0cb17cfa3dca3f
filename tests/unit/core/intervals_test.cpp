#include "core/intervals.hpp"
#include "support/sanitized.hpp"

#include <gtest/gtest.h>

#include <bitset>
#include <cstddef>
#include <random>

namespace marketdb::testing {
namespace {

using core::Interval;
using core::Intervals;

constexpr std::size_t kMoments = 64;
using Bits = std::bitset<kMoments>;

Timestamp moment(std::size_t number) { return Timestamp{std::chrono::microseconds(number)}; }

Interval between(std::size_t start, std::size_t end) { return {moment(start), moment(end)}; }

/// The same set, moment by moment.
Bits bits_of(const Intervals& set) {
    Bits bits;
    for (std::size_t at = 0; at < kMoments; ++at) {
        for (const Interval& one : set) bits[at] = bits[at] || (one.start <= moment(at) && moment(at) < one.end);
    }
    return bits;
}

bool is_in_order_and_apart(const Intervals& set) {
    for (std::size_t i = 0; i < set.size(); ++i) {
        if (set[i].end <= set[i].start) return false;
        if (i > 0 && set[i].start <= set[i - 1].end) return false;
    }
    return true;
}

Intervals some(std::minstd_rand& random) {
    std::uniform_int_distribution<std::size_t> count(0, 6);
    std::uniform_int_distribution<std::size_t> place(0, kMoments);
    Intervals any;
    for (std::size_t i = count(random); i > 0; --i) any.push_back(between(place(random), place(random)));
    return any;
}

TEST(Intervals, AreTheSetsThatTheirMomentsMake) {
    std::minstd_rand random(20261126);
    for (int round = 0; round < fewer_if_sanitized(20'000, 10); ++round) {
        const Intervals any = some(random);
        const Intervals one = core::united(any);
        const Intervals other = core::united(some(random));
        ASSERT_TRUE(is_in_order_and_apart(one));
        ASSERT_EQ(bits_of(one), bits_of(any));
        const Intervals left = core::without(one, other);
        ASSERT_TRUE(is_in_order_and_apart(left));
        ASSERT_EQ(bits_of(left), bits_of(one) & ~bits_of(other));
        const Intervals both = core::common(one, other);
        ASSERT_TRUE(is_in_order_and_apart(both));
        ASSERT_EQ(bits_of(both), bits_of(one) & bits_of(other));
        const Bits bits = bits_of(one);
        for (std::size_t at = 0; at < kMoments; ++at) ASSERT_EQ(core::contains(one, moment(at)), bits[at]);
        const Intervals inner = core::inner(one);
        ASSERT_TRUE(is_in_order_and_apart(inner));
        ASSERT_EQ(bits_of(inner), bits & (bits << 1) & (bits >> 1));
    }
}

TEST(Intervals, OnesThatTouchBecomeOne) {
    EXPECT_EQ(core::united({between(5, 9), between(1, 3), between(3, 5), between(7, 7)}), Intervals{between(1, 9)});
}

}  // namespace
}  // namespace marketdb::testing
