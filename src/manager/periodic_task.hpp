#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

namespace marketdb {

/// Work that is done again and again, with a pause before each turn.
///
/// Threads:  `start` once; `stop` from any thread and any number of times. A turn that runs by then runs to its end.
/// Lifetime: may go while a turn runs or waits; holds nothing of the executor after `stop`.
class PeriodicTask {
 public:
    /// One turn, which must not throw; false ends the task.
    using Turn = std::function<boost::asio::awaitable<bool>()>;

    void start(const boost::asio::any_io_executor& executor, std::chrono::microseconds pause, Turn turn);
    void stop();

 private:
    struct State;

    std::mutex mutex_;
    std::shared_ptr<State> state_;  // guarded by mutex_; null when not running
};

}  // namespace marketdb
