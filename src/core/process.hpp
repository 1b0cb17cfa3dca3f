#pragma once

#include <cstdint>

namespace marketdb::core {

/// Tells the process in which it was made from the children that `fork` makes of it, without asking the kernel each time.
/// (A bare `clone` that runs no handlers of `pthread_atfork` is not noticed.)
///
/// Threads:  any.
class ProcessMark {
 public:
    /// Errors: std::bad_alloc.
    ProcessMark();
    [[nodiscard]] bool is_here() const noexcept;

 private:
    std::uint64_t forks_;
};

}  // namespace marketdb::core
