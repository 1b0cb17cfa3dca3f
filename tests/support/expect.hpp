#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <initializer_list>
#include <source_location>
#include <string>
#include <string_view>
#include <thread>

#include <marketdb/error.hpp>

namespace marketdb::testing {

/// Expects that the call fails with this code, and that the message holds every one of the texts.
template <class Call>
void expect_error(ErrorCode code, Call&& call, std::initializer_list<std::string_view> texts = {},
                  std::source_location where = std::source_location::current()) {
    const ::testing::ScopedTrace trace(where.file_name(), static_cast<int>(where.line()), "expect_error");
    try {
        call();
    } catch (const Error& error) {
        EXPECT_EQ(to_string(error.code()), to_string(code)) << error.what();
        for (const std::string_view text : texts) {
            EXPECT_NE(std::string_view(error.what()).find(text), std::string_view::npos)
                << "'" << text << "' is not in: " << error.what();
        }
        return;
    } catch (const std::exception& other) {
        ADD_FAILURE() << "not a marketdb::Error: " << other.what();
        return;
    }
    ADD_FAILURE() << "nothing was thrown, expected " << to_string(code);
}

/// Waits until the condition holds. Returns whether it did within `limit`.
template <class Condition>
[[nodiscard]] bool wait_until(Condition&& holds, std::chrono::milliseconds limit = std::chrono::seconds(10)) {
    const auto until = std::chrono::steady_clock::now() + limit;
    while (!holds()) {
        if (std::chrono::steady_clock::now() >= until) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
}

/// For what is to happen within a second: the fastest of up to five rounds, as a machine that does other things holds up any of them.
///
/// @param round  `round(number)` makes it happen once more, and returns the condition that holds when it has.
template <class Round>
void expect_within_a_second(Round&& round) {
    using Clock = std::chrono::steady_clock;
    auto fastest = Clock::duration::max();
    for (int number = 0; number < 5 && fastest >= std::chrono::seconds(1); ++number) {
        const auto has_happened = round(number);
        const auto begin = Clock::now();
        ASSERT_TRUE(wait_until(has_happened)) << "round " << number;
        fastest = std::min(fastest, Clock::now() - begin);
    }
    EXPECT_LT(fastest, std::chrono::seconds(1));
}

}  // namespace marketdb::testing
