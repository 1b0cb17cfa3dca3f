#pragma once

#include <chrono>

#include <marketdb/deadline.hpp>
#include <marketdb/error.hpp>

/// What becomes of an operation whose deadline has passed, on every engine.
namespace marketdb::core {

[[nodiscard]] inline bool has_passed(Deadline deadline) noexcept {
    return deadline.at != Deadline::never().at && std::chrono::steady_clock::now() >= deadline.at;
}

[[noreturn]] inline void refuse_late() {
    throw Error(ErrorCode::timeout, "the deadline passed; the operation was undone");
}

/// Errors: timeout.
inline void require_time(Deadline deadline) {
    if (has_passed(deadline)) refuse_late();
}

}  // namespace marketdb::core
