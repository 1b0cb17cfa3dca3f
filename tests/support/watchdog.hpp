#pragma once

#include <filesystem>

namespace marketdb::testing {

/// A process beside this one that clears away what this one leaves: when it has gone, however it ended, the last program
/// that was announced is stopped (SIGQUIT, later SIGKILL) if it works in the folder still, and the folder is removed.
/// It is no descendant of this process, so that whoever kills a process with its children does not reach it.
class Watchdog {
 public:
    /// `folder` is absolute and without symbolic links.
    explicit Watchdog(const std::filesystem::path& folder);
    ~Watchdog();
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;

    /// Where a program that is to be watched writes its process id as a line, before it is executed. Until then the
    /// program itself counts as this process: nothing can start unseen.
    [[nodiscard]] int announcements() const noexcept { return write_end_; }

 private:
    int write_end_ = -1;
};

}  // namespace marketdb::testing
