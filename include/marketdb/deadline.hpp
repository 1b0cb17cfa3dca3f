#pragma once

#include <chrono>

namespace marketdb {

/// The moment at which an operation gives up with `timeout`. Absolute, so it is passed down and never restarted.
/// The default means: the configuration's `command_timeout` from the call on.
struct Deadline {
    std::chrono::steady_clock::time_point at = std::chrono::steady_clock::time_point::min();

    /// So long from now.
    template <class Rep, class Period>
    [[nodiscard]] static Deadline in(std::chrono::duration<Rep, Period> length) {
        return Deadline{std::chrono::steady_clock::now() +
                        std::chrono::duration_cast<std::chrono::steady_clock::duration>(length)};
    }

    /// No limit.
    [[nodiscard]] static constexpr Deadline never() noexcept {
        return Deadline{std::chrono::steady_clock::time_point::max()};
    }

    /// Whether the configuration's limit is to be used.
    [[nodiscard]] constexpr bool is_default() const noexcept {
        return at == std::chrono::steady_clock::time_point::min();
    }
};

}  // namespace marketdb
