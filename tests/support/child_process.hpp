#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace marketdb::testing {

/// One end of a pair of pipes that carry lines.
class LineChannel {
 public:
    LineChannel(int read_end, int write_end) : read_(read_end), write_(write_end) {}
    ~LineChannel() {
        ::close(read_);
        ::close(write_);
    }
    LineChannel(const LineChannel&) = delete;
    LineChannel& operator=(const LineChannel&) = delete;

    void say(std::string_view line) const {
        const std::string text = std::string(line) + '\n';
        if (::write(write_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
            throw std::runtime_error("the other process has gone");
        }
    }

    /// The next line; none when the other side has closed or `limit` has passed.
    [[nodiscard]] std::optional<std::string> hear(std::chrono::milliseconds limit = std::chrono::seconds(30)) {
        const auto until = std::chrono::steady_clock::now() + limit;
        for (;;) {
            if (const auto end = buffer_.find('\n'); end != std::string::npos) {
                std::string line = buffer_.substr(0, end);
                buffer_.erase(0, end + 1);
                return line;
            }
            const auto left =
                std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
            if (left.count() <= 0 || !read_more(left)) return std::nullopt;
        }
    }

 private:
    bool read_more(std::chrono::milliseconds limit) {
        pollfd ready{read_, POLLIN, 0};
        if (::poll(&ready, 1, static_cast<int>(limit.count())) <= 0) return false;
        char bytes[4096];
        const ssize_t count = ::read(read_, bytes, sizeof bytes);
        if (count <= 0) return false;
        buffer_.append(bytes, static_cast<std::size_t>(count));
        return true;
    }

    int read_;
    int write_;
    std::string buffer_;
};

/// A second process that runs a function and talks with this one in lines. It is forked without exec: make it while no
/// manager is open here, because threads and open databases do not survive a fork. The body's result is the exit code;
/// an exception prints itself and gives 99.
class ChildProcess {
 public:
    using Body = std::function<int(LineChannel& parent)>;

    explicit ChildProcess(const Body& body) {
        int down[2];
        int up[2];
        if (::pipe2(down, O_CLOEXEC) != 0 || ::pipe2(up, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
        std::fflush(nullptr);
        pid_ = ::fork();
        if (pid_ < 0) throw std::runtime_error("no fork");
        if (pid_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            ::close(down[1]);
            ::close(up[0]);
            ::_exit(run_body(body, down[0], up[1]));
        }
        ::close(down[0]);
        ::close(up[1]);
        channel_.emplace(up[0], down[1]);
    }
    ~ChildProcess() {
        if (pid_ > 0) kill();
    }
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;

    void say(std::string_view line) const { channel_->say(line); }
    [[nodiscard]] std::optional<std::string> hear(std::chrono::milliseconds limit = std::chrono::seconds(30)) {
        return channel_->hear(limit);
    }

    void send_signal(int signal) const { ::kill(pid_, signal); }

    /// SIGKILL, and waits until it is gone.
    void kill() {
        ::kill(pid_, SIGKILL);
        wait();
    }

    /// Waits for its end. Returns the exit code, or minus the signal that ended it.
    int wait() {
        int status = 0;
        ::waitpid(pid_, &status, 0);
        pid_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }

 private:
    static int run_body(const Body& body, int read_end, int write_end) {
        try {
            LineChannel parent(read_end, write_end);
            const int code = body(parent);
            std::fflush(nullptr);
            return code;
        } catch (const std::exception& failure) {
            std::fprintf(stderr, "child process: %s\n", failure.what());
            return 99;
        }
    }

    pid_t pid_ = -1;
    std::optional<LineChannel> channel_;
};

}  // namespace marketdb::testing
