#include "support/watchdog.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>

namespace marketdb::testing {
namespace {

/// Reads until the last writer is gone. A number may have gone to another program meanwhile, hence the look at its folder;
/// a program that is just ending may make a file once more, hence the second removal.
constexpr const char* kScript = R"(
pid=
while read -r line; do pid=$line; done
is_there() {
    [ -n "$pid" ] || return 1
    case $(readlink "/proc/$pid/cwd") in "$1"*) return 0 ;; *) return 1 ;; esac
}
if is_there "$1"; then
    kill -QUIT "$pid"
    for i in 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9; do
        is_there "$1" || break
        sleep 0.1
    done
    is_there "$1" && kill -KILL "$pid"
fi
rm -rf "$1"
[ ! -e "$1" ] || { sleep 1 && rm -rf "$1"; }
)";

[[noreturn]] void become_watchdog(int read_end, const char* folder) {
    ::setsid();
    if (::fork() != 0) ::_exit(0);
    const int nowhere = ::open("/dev/null", O_RDWR);
    ::dup2(read_end, STDIN_FILENO);
    ::dup2(nowhere, STDOUT_FILENO);
    ::dup2(nowhere, STDERR_FILENO);
    // The end for writing too, and whatever somebody waits for.
    ::close_range(3, ~0U, 0);
    if (::chdir("/") == 0) ::execl("/bin/sh", "sh", "-c", kScript, "watchdog", folder, nullptr);
    ::_exit(127);
}

}  // namespace

Watchdog::Watchdog(const std::filesystem::path& folder) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    const pid_t child = ::fork();
    if (child < 0) throw std::runtime_error("no fork");
    if (child == 0) become_watchdog(ends[0], folder.c_str());
    ::close(ends[0]);
    write_end_ = ends[1];
    ::waitpid(child, nullptr, 0);
}

Watchdog::~Watchdog() { ::close(write_end_); }

}  // namespace marketdb::testing
