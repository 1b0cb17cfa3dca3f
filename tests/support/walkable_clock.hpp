#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include <marketdb/clock.hpp>

#include "rows.hpp"

namespace marketdb::testing {

/// A clock that goes only where a test walks it. Starts at noon of 2024-08-08 UTC.
class WalkableClock final : public Clock {
 public:
    [[nodiscard]] Timestamp now() const noexcept override {
        return kNoon + std::chrono::microseconds(wall_offset_.load());
    }
    [[nodiscard]] std::chrono::steady_clock::time_point steady_now() const noexcept override {
        return std::chrono::steady_clock::time_point(std::chrono::hours(1) +
                                                     std::chrono::microseconds(steady_offset_.load()));
    }

    /// Both clocks go on.
    void walk(std::chrono::microseconds length) noexcept {
        wall_offset_ += length.count();
        steady_offset_ += length.count();
    }
    /// The wall clock alone jumps, as after a correction of the machine's time.
    void jump_wall(std::chrono::microseconds length) noexcept { wall_offset_ += length.count(); }

 private:
    std::atomic<std::int64_t> wall_offset_{0};
    std::atomic<std::int64_t> steady_offset_{0};
};

}  // namespace marketdb::testing
