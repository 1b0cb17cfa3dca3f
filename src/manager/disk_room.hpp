#pragma once

#include <optional>

#include <marketdb/config.hpp>
#include <marketdb/status.hpp>

namespace marketdb {

/// Room on the disk of a database that lies on this machine; none of a server's or of one in memory.
[[nodiscard]] std::optional<DiskRoom> disk_room(const Config& config);

}  // namespace marketdb
