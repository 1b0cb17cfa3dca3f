#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>

#include <marketdb/marketdb.hpp>

#include "support/started.hpp"

/// Operations that are cancelled wherever they wait: step by step, in one thread.
namespace marketdb::testing {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

/// In the first step the coroutine begins. Boost 1.83 lets the exception of one that is cancelled before leave run().
inline constexpr int kFirstStep = 1;

template <class T>
asio::awaitable<void> ignoring(asio::awaitable<T> operation) {
    static_cast<void>(co_await std::move(operation));
}

/// The coroutine of a program that hears of every kind of wish to cancel.
inline asio::awaitable<void> listening(asio::awaitable<void> operation) {
    co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
    co_await std::move(operation);
}

/// The manager's context and that of its caller, turned by hand in one thread: each step is a point where an operation waits.
class Steps {
 public:
    [[nodiscard]] asio::io_context& managers() noexcept { return managers_; }
    [[nodiscard]] asio::io_context& callers() noexcept { return callers_; }

    /// Runs one function of either. Waits for one if there is none yet.
    void step() {
        const auto until = Clock::now() + std::chrono::seconds(30);
        while (Clock::now() < until) {
            managers_.restart();
            callers_.restart();
            if (callers_.poll_one() > 0 || managers_.poll_one() > 0) return;
            if (managers_.run_one_for(std::chrono::milliseconds(1)) > 0) return;
        }
        throw std::runtime_error("nothing happens any more");
    }
    /// At most so many steps. Returns whether the operation was done before.
    bool step(const Started& running, int count) {
        for (int i = 0; i < count && !running.is_done(); ++i) step();
        return running.is_done();
    }
    /// Runs what is ready, and waits for nothing.
    void turn() {
        managers_.restart();
        callers_.restart();
        managers_.poll();
        callers_.poll();
    }
    void finish(const Started& running) {
        while (!running.is_done()) step();
    }
    void run(asio::awaitable<void> operation) {
        const Started running(callers_.get_executor(), listening(std::move(operation)));
        finish(running);
        EXPECT_EQ(running.code(), std::nullopt) << running.what();
    }

 private:
    asio::io_context managers_;
    asio::io_context callers_;
};

/// What is cancelled once.
struct Attempt {
    std::function<asio::awaitable<void>()> act;
    std::function<asio::awaitable<void>()> again;  ///< The operation that follows; empty: the same.
    std::function<void(bool is_there)> check;  ///< Whether all of it is stored or nothing; empty: it stores nothing.
};

/// How, and where the coroutine runs.
struct Wish {
    bool is_on_the_managers_executor = true;
    asio::cancellation_type type = asio::cancellation_type::terminal;
};

/// Cancels at the first, the second, .. step until the operation succeeds before: each time its code is `cancelled`, or it is done, and
/// what follows succeeds. Notes how long the answer to each wish took.
///
/// @param next           Makes what is cancelled, on a symbol or a name of its own.
/// @param min_cancelled  0 for what is one round trip: the server may have answered before each wish reaches it.
inline void cancel_at_each_step(Steps& steps, DatabaseManager& db, Wish wish, const std::function<Attempt()>& next,
                                std::vector<Clock::duration>& delays, int min_cancelled = 1) {
    asio::io_context& context = wish.is_on_the_managers_executor ? steps.managers() : steps.callers();
    int cancelled = 0;
    for (int count = kFirstStep;; ++count) {
        ASSERT_LT(count, 1000);
        SCOPED_TRACE("cancelled at step " + std::to_string(count));
        const Attempt attempt = next();
        const auto check = [&](bool is_there) {
            if (attempt.check) attempt.check(is_there);
        };
        steps.run(ignoring(db.refresh_reference()));
        Started running(context.get_executor(), listening(attempt.act()));
        const bool was_done = steps.step(running, count);
        const auto begin = Clock::now();
        running.cancel(wish.type);
        steps.finish(running);
        delays.push_back(Clock::now() - begin);
        const auto code = running.code();
        if (code) {
            EXPECT_EQ(to_string(*code), "cancelled") << running.what();
            ++cancelled;
        }
        check(!code);
        // The next one has nothing to do with it.
        running.cancel(wish.type);
        steps.run(attempt.again ? attempt.again() : attempt.act());
        // Asio has put the wish into the context's queue, and it refers to the signal of `running`.
        steps.turn();
        check(true);
        EXPECT_EQ(db.get_performance_stats().pending_operations, 0U);
        if (was_done) break;
    }
    EXPECT_GE(cancelled, min_cancelled);
}

inline void check_delays(std::vector<Clock::duration> delays) {
    std::sort(delays.begin(), delays.end());
    EXPECT_LT(delays.at(delays.size() / 2), std::chrono::milliseconds(100));
    EXPECT_LT(delays.back(), std::chrono::seconds(5)) << "on a machine that does other things too";
}

}  // namespace marketdb::testing
