#include "output.hpp"

#include <cerrno>
#include <cstring>

#include <unistd.h>

#include <fmt/format.h>

#include "exit_code.hpp"
#include "interrupt.hpp"

namespace marketdb::cli {

void Output::write(std::string_view text) {
    buffer_ += text;
    if (buffer_.size() >= kBufferBytes) flush();
}

void Output::flush() {
    std::string_view left = buffer_;
    while (!left.empty()) {
        const ssize_t written = ::write(STDOUT_FILENO, left.data(), left.size());
        if (written >= 0) {
            left.remove_prefix(static_cast<std::size_t>(written));
            continue;
        }
        if (errno == EINTR && !is_interrupted()) continue;
        const int error = errno;
        buffer_.clear();
        if (error == EINTR) throw Interrupted{};
        if (error == EPIPE) throw BrokenPipe{};
        throw Failure(kFailure, fmt::format("standard output: {}", std::strerror(error)));
    }
    buffer_.clear();
}

Output& output() {
    static Output instance;
    return instance;
}

}  // namespace marketdb::cli
