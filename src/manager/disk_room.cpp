#include "manager/disk_room.hpp"

#include <sys/statvfs.h>

#include <filesystem>

namespace marketdb {

std::optional<DiskRoom> disk_room(const Config& config) {
    if (config.engine != EngineKind::sqlite || config.sqlite_path == ":memory:") return std::nullopt;
    const std::filesystem::path folder = std::filesystem::absolute(config.sqlite_path).parent_path();
    struct statvfs found {};
    if (::statvfs(folder.c_str(), &found) != 0) return std::nullopt;
    DiskRoom room;
    room.free_bytes = std::uint64_t{found.f_bavail} * found.f_frsize;
    room.total_bytes = std::uint64_t{found.f_blocks} * found.f_frsize;
    return room;
}

}  // namespace marketdb
