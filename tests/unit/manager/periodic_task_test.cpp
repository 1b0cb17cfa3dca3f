#include "manager/periodic_task.hpp"

#include <gtest/gtest.h>

#include <chrono>

#include <boost/asio/io_context.hpp>

namespace marketdb::testing {
namespace {

using namespace std::chrono_literals;

/// Counts its turns and ends after the last one.
PeriodicTask::Turn turns(int& count, int last) {
    return [&count, last]() -> boost::asio::awaitable<bool> { co_return ++count < last; };
}

TEST(PeriodicTask, TurnsUntilItsWorkSaysThatItIsDone) {
    boost::asio::io_context context;
    PeriodicTask task;
    int count = 0;
    task.start(context.get_executor(), 1us, turns(count, 3));
    context.run();
    EXPECT_EQ(count, 3);
}

TEST(PeriodicTask, PausesBeforeTheFirstTurn) {
    boost::asio::io_context context;
    PeriodicTask task;
    int count = 0;
    task.start(context.get_executor(), std::chrono::hours(1), turns(count, 1));
    context.poll();
    EXPECT_EQ(count, 0);
}

TEST(PeriodicTask, StoppingEndsThePauseAtOnceAndNoTurnFollows) {
    boost::asio::io_context context;
    PeriodicTask task;
    int count = 0;
    task.start(context.get_executor(), std::chrono::hours(1), turns(count, 1));
    context.poll();
    task.stop();
    task.stop();
    context.run();
    EXPECT_EQ(count, 0);
}

TEST(PeriodicTask, ATurnThatStopsTheTaskIsTheLast) {
    boost::asio::io_context context;
    PeriodicTask task;
    int count = 0;
    task.start(context.get_executor(), 1us, [&]() -> boost::asio::awaitable<bool> {
        ++count;
        task.stop();
        co_return true;
    });
    context.run();
    EXPECT_EQ(count, 1);
}

TEST(PeriodicTask, MayGoWhileItWaits) {
    boost::asio::io_context context;
    int count = 0;
    {
        PeriodicTask task;
        task.start(context.get_executor(), 1us, turns(count, 2));
    }
    context.run();
    EXPECT_EQ(count, 2);
}

TEST(PeriodicTask, StoppingWhatNeverStartedDoesNothing) {
    PeriodicTask task;
    task.stop();
}

}  // namespace
}  // namespace marketdb::testing
