#pragma once

#include <string>

#include <marketdb/error.hpp>
#include <marketdb/time.hpp>

/// Checks of arguments. Errors: invalid_argument  says what was expected.
namespace marketdb::core {

inline void refuse(bool is_wrong, const std::string& message) {
    if (is_wrong) throw Error(ErrorCode::invalid_argument, message);
}
inline void refuse(bool is_wrong, const char* message) {
    if (is_wrong) throw Error(ErrorCode::invalid_argument, message);
}

/// An end before the start; either may be absent.
inline void refuse_backward(Timestamp start, Timestamp end) {
    refuse(is_present(start) && is_present(end) && end < start, "end lies before start: a range is [start, end)");
}

/// A time that no row can have; absent ones pass.
inline void refuse_unstorable(Timestamp time) {
    if (!is_present(time) || is_storable(time)) return;
    refuse(true, "expected times from " + to_string(kMinTime) + " to " + to_string(kMaxTime));
}

}  // namespace marketdb::core
