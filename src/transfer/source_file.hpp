#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace marketdb::transfer {

/// Size and time of change of a file, to notice that it was written while it was imported.
struct FileStamp {
    std::uintmax_t bytes = 0;
    std::filesystem::file_time_type changed_at;
    friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

/// Errors: unavailable  names the file.
[[nodiscard]] FileStamp stamp_of(const std::filesystem::path& file);

/// Whether the path has to be copied first because it can be read only once (`-`, a pipe, a device).
/// Errors: unavailable  does not exist; invalid_argument  a folder.
[[nodiscard]] bool needs_spool(const std::filesystem::path& file);

/// Compares a file with the `.CHECKSUM` beside it, if there is one.
///
/// @param sha256  Of the file's bytes.
/// Errors: invalid_argument  they differ, or the `.CHECKSUM` holds no sha256; names both.
void verify_checksum(const std::filesystem::path& file, const std::string& sha256);

}  // namespace marketdb::transfer
