#include "storage/sqlite/file_identity.hpp"

#include <sys/stat.h>

#include <utility>

#include <fmt/format.h>

#include <marketdb/error.hpp>

namespace marketdb::storage::sqlite {
namespace {

[[noreturn]] void refuse(const std::string& path) {
    throw Error(ErrorCode::unavailable,
                fmt::format("{}: was removed or replaced while it was open; close and open the database again", path));
}

}  // namespace

FileIdentity::FileIdentity(std::string database_file)
    : path_(std::move(database_file)),
      log_path_(path_ + "-wal"),
      database_(place_of(path_)),
      log_(place_of(log_path_)) {}

void FileIdentity::require_same() {
    if (path_.empty()) return;
    const std::optional<Place> database = place_of(path_);
    if (!database || database != database_) refuse(path_);
    // SQLite makes the log at its first need and keeps it while a connection is open.
    const std::optional<Place> log = place_of(log_path_);
    if (log_ && log != log_) refuse(log_path_);
    log_ = log;
}

std::optional<FileIdentity::Place> FileIdentity::place_of(const std::string& path) noexcept {
    struct stat found {};
    if (::stat(path.c_str(), &found) != 0) return std::nullopt;
    return Place{found.st_dev, found.st_ino};
}

}  // namespace marketdb::storage::sqlite
