#pragma once

#include <chrono>
#include <memory>

#include <marketdb/time.hpp>

namespace marketdb {

/// Where a manager gets the time from, so that a test can walk it. Threads: both functions are called from any thread.
class Clock {
 public:
    virtual ~Clock() = default;

    /// The wall clock, for the age of rows and for created_at.
    [[nodiscard]] virtual Timestamp now() const noexcept = 0;

    /// A clock that never jumps, for lifetimes of cached entries. Deadlines always use the real one.
    [[nodiscard]] virtual std::chrono::steady_clock::time_point steady_now() const noexcept = 0;
};

/// The machine's clocks.
[[nodiscard]] std::shared_ptr<const Clock> system_clock();

}  // namespace marketdb
