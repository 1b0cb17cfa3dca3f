#pragma once

#include <string>

namespace marketdb::storage::sqlite {

/// The lock beside a database file, `<file>-lock`: writers hold it shared for one transaction, whoever folds the log back
/// or makes the database holds it alone. It is a file of its own because closing any descriptor of the database file would
/// drop SQLite's locks on it (https://www.sqlite.org/howtocorrupt.html, 2.2).
///
/// Threads: one at a time. The file stays when the lock is gone: removing it could leave two processes with two locks.
class FileLock {
 public:
    /// A lock that is always free, for a database in memory.
    FileLock() = default;
    /// Errors: unavailable  the lock file cannot be opened.
    explicit FileLock(const std::string& database_file);
    ~FileLock();
    FileLock(FileLock&& other) noexcept;
    FileLock& operator=(FileLock&& other) noexcept;

    /// Never wait. Errors: unavailable  the file system knows no such locks.
    [[nodiscard]] bool try_shared();
    [[nodiscard]] bool try_exclusive();
    void unlock() noexcept;

    /// Whether the file is gone or another has its place; then the lock guards nothing.
    [[nodiscard]] bool was_replaced() const noexcept;
    void abandon() noexcept { descriptor_ = -1; }

 private:
    [[nodiscard]] bool try_lock(int operation);

    std::string path_;
    int descriptor_ = -1;
};

/// Unlocks at the end of a scope.
class Unlock {
 public:
    explicit Unlock(FileLock& lock) noexcept : lock_(lock) {}
    ~Unlock() { lock_.unlock(); }
    Unlock(const Unlock&) = delete;
    Unlock& operator=(const Unlock&) = delete;

 private:
    FileLock& lock_;
};

}  // namespace marketdb::storage::sqlite
