#include "interrupt.hpp"

#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "exit_code.hpp"

namespace marketdb::cli {
namespace {

std::atomic<bool> interrupted{false};
int wake_pipe[2] = {-1, -1};

static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may touch lock-free atomics only");

extern "C" void on_signal(int) {
    const int saved_errno = errno;
    if (interrupted.exchange(true)) _exit(kInterrupted);
    // The pipe wakes a sleeper; that it is full can only mean that it was woken before.
    [[maybe_unused]] const auto written = ::write(wake_pipe[1], "x", 1);
    errno = saved_errno;
}

}  // namespace

void install_interrupt_handler() {
    if (::pipe2(wake_pipe, O_CLOEXEC | O_NONBLOCK) != 0) throw Failure(kFailure, "cannot make a pipe");
    struct sigaction action {};
    action.sa_handler = on_signal;  // Without SA_RESTART, so that a blocked write() sees the signal.
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
        struct sigaction before {};
        ::sigaction(signal, nullptr, &before);
        if (before.sa_handler == SIG_IGN) continue;  // nohup, or a shell's background job.
        ::sigaction(signal, &action, nullptr);
    }
    std::signal(SIGPIPE, SIG_IGN);
}

bool is_interrupted() noexcept { return interrupted.load(); }

const std::atomic<bool>* interrupt_flag() noexcept { return &interrupted; }

void throw_if_interrupted() {
    if (is_interrupted()) throw Interrupted{};
}

void sleep_unless_interrupted(std::chrono::microseconds length) {
    const auto end = std::chrono::steady_clock::now() + length;
    for (;;) {
        throw_if_interrupted();
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        if (left.count() <= 0) return;
        pollfd woken{wake_pipe[0], POLLIN, 0};
        const auto slice = std::min<std::int64_t>(left.count(), 3'600'000);
        ::poll(&woken, 1, static_cast<int>(slice));
    }
}

}  // namespace marketdb::cli
