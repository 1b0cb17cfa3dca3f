#include "whole_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

#include <fmt/format.h>

#include "exit_code.hpp"

namespace marketdb::cli {
namespace {

[[noreturn]] void fail(const std::string& file, int error) {
    throw Failure(kFailure, fmt::format("{} cannot be written: {}", file, std::generic_category().message(error)));
}

/// Zero, or what went wrong.
int write_all(int descriptor, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(descriptor, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return errno;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return ::fsync(descriptor) == 0 ? 0 : errno;
}

}  // namespace

void write_whole_file(const std::string& file, std::string_view text) {
    // In the same folder, so that it can take the file's place, and with an ending that no collector looks for.
    const std::string part = fmt::format("{}.{}.part", file, ::getpid());
    const int descriptor = ::open(part.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0666);
    if (descriptor < 0) fail(file, errno);
    int error = write_all(descriptor, text);
    if (::close(descriptor) != 0 && error == 0) error = errno;
    if (error == 0 && std::rename(part.c_str(), file.c_str()) != 0) error = errno;
    if (error == 0) return;
    ::unlink(part.c_str());
    fail(file, error);
}

}  // namespace marketdb::cli
