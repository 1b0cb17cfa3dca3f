#pragma once

#include <atomic>
#include <cstddef>

#include <marketdb/deadline.hpp>
#include <marketdb/error.hpp>

#include "core/late.hpp"

namespace marketdb::storage::sqlite {

/// How many rows go by between two looks at the deadline.
inline constexpr std::size_t kRowsBetweenChecks = 256;

/// What may end an operation early: its deadline, and its caller's wish. Looked at between rows, while waiting for a lock,
/// and by SQLite inside long statements.
///
/// Threads: `cancel` from any thread; the rest from the thread that runs the operation.
class Control {
 public:
    explicit Control(Deadline deadline) noexcept : deadline_(deadline) {}
    Control(const Control&) = delete;
    Control& operator=(const Control&) = delete;

    void cancel() noexcept { cancelled_.store(true, std::memory_order_relaxed); }
    [[nodiscard]] bool is_cancelled() const noexcept { return cancelled_.load(std::memory_order_relaxed); }
    [[nodiscard]] bool is_late() const noexcept { return core::has_passed(deadline_); }
    [[nodiscard]] bool must_stop() const noexcept { return is_cancelled() || is_late(); }
    [[nodiscard]] Deadline deadline() const noexcept { return deadline_; }

    /// Errors: cancelled, timeout.
    void check() const {
        if (is_cancelled()) throw Error(ErrorCode::cancelled, "the operation was cancelled and undone");
        core::require_time(deadline_);
    }

 private:
    Deadline deadline_;
    std::atomic<bool> cancelled_{false};
};

}  // namespace marketdb::storage::sqlite
