#pragma once

#include <marketdb/config.hpp>
#include <marketdb/deadline.hpp>

namespace marketdb::core {

/// The deadline of a whole operation: the configuration's from now on, if none was given.
[[nodiscard]] inline Deadline resolved(const Config& config, Deadline deadline) {
    if (!deadline.is_default()) return deadline;
    if (config.command_timeout.count() <= 0) return Deadline::never();
    return Deadline::in(config.command_timeout);
}

}  // namespace marketdb::core
