#include "storage/sqlite/file_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include <marketdb/error.hpp>

namespace marketdb::storage::sqlite {
namespace {

std::string words_of(int error) { return std::generic_category().message(error); }

}  // namespace

FileLock::FileLock(const std::string& database_file) : path_(database_file + "-lock") {
    // Whoever may write the database must be able to lock it: the same rights as the database has.
    struct stat database {};
    const bool exists = ::stat(database_file.c_str(), &database) == 0;
    const mode_t mode = exists ? database.st_mode & 0777 : 0666;
    descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, mode);
    if (descriptor_ >= 0) return;
    // flock needs no right to write.
    const int first_error = errno;
    descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor_ >= 0) return;
    throw Error(ErrorCode::unavailable,
                fmt::format("{}: the lock file cannot be opened: {}", path_, words_of(first_error)));
}

FileLock::~FileLock() {
    if (descriptor_ < 0) return;
    // A child that was forked meanwhile holds the same lock: closing alone would leave it there.
    unlock();
    ::close(descriptor_);
}

FileLock::FileLock(FileLock&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(descriptor_, other.descriptor_);
    return *this;
}

bool FileLock::try_shared() { return try_lock(LOCK_SH | LOCK_NB); }
bool FileLock::try_exclusive() { return try_lock(LOCK_EX | LOCK_NB); }

bool FileLock::try_lock(int operation) {
    if (descriptor_ < 0) return true;
    for (;;) {
        if (::flock(descriptor_, operation) == 0) return true;
        if (errno == EWOULDBLOCK) return false;
        if (errno != EINTR)
            throw Error(ErrorCode::unavailable, fmt::format("{}: cannot be locked: {}", path_, words_of(errno)));
    }
}

void FileLock::unlock() noexcept {
    if (descriptor_ >= 0) ::flock(descriptor_, LOCK_UN);
}

bool FileLock::was_replaced() const noexcept {
    if (descriptor_ < 0) return false;
    struct stat held {};
    struct stat there {};
    if (::fstat(descriptor_, &held) != 0 || ::stat(path_.c_str(), &there) != 0) return true;
    return held.st_ino != there.st_ino || held.st_dev != there.st_dev;
}

}  // namespace marketdb::storage::sqlite
