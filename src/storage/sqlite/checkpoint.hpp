#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "storage/sqlite/connection.hpp"
#include "storage/sqlite/control.hpp"
#include "storage/sqlite/file_lock.hpp"

namespace marketdb::storage::sqlite {

/// Of each page in the log: https://www.sqlite.org/fileformat2.html#wal_file_format
inline constexpr std::uint64_t kFrameHeaderBytes = 24;

struct CheckpointLimits {
    std::uint64_t wanted_bytes = 0;  ///< A longer log is folded back when nobody is in the way.
    std::uint64_t limit_bytes = 0;   ///< A longer log makes the writer wait for it, a bounded time.
};

/// Folds the log (WAL) back into the database file and cuts it to nothing.
///
/// SQLite before 3.51.3 can lose commits when one connection folds the log back while another writes
/// (https://www.sqlite.org/wal.html#walresetbug). So: only from the writing connection, only with marketdb's lock held
/// exclusively (every writer holds it shared), and never in the passive mode.
///
/// Threads: the writer's. Lifetime: within that of connection and lock.
class Checkpointer {
 public:
    enum class Outcome : std::uint8_t { done, busy, failed };
    using Notice = std::function<void(std::string_view)>;

    Checkpointer(Connection& connection, FileLock& lock, CheckpointLimits limits, Notice notice);

    /// One attempt, if the log is long enough and the last attempt was not just now. After a commit. No throw.
    void after_commit() noexcept;
    /// Before a write: if the log is at its limit, keeps trying for a bounded time; then says so and goes on. `on_wait` runs
    /// between two attempts: it asks the readers of this process to let go of their snapshots.
    void before_write(const Control& control, const std::function<void()>& on_wait);
    /// Keeps trying for a bounded time; `on_wait` as above.
    [[nodiscard]] Outcome fold(const Control& control, const std::function<void()>& on_wait);
    /// At closing: one attempt. Leaves the lock held if it is done, so that the log can be removed.
    [[nodiscard]] Outcome at_close();

    [[nodiscard]] std::uint64_t log_bytes() const noexcept;

 private:
    [[nodiscard]] Outcome try_now() noexcept;
    [[nodiscard]] Outcome run() noexcept;

    Connection& connection_;
    FileLock& lock_;
    CheckpointLimits limits_;
    Notice notice_;
    std::uint64_t frame_bytes_;
    std::uint64_t next_attempt_bytes_;
    std::uint64_t next_wait_bytes_;
};

}  // namespace marketdb::storage::sqlite
