#include "transfer/spool.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <string>
#include <system_error>

#include <fmt/format.h>

#include <marketdb/error.hpp>

namespace marketdb::transfer {
namespace {

constexpr std::size_t kBufferBytes = 1 << 18;
constexpr auto kSlice = std::chrono::milliseconds(500);
constexpr int kPollMilliseconds = 100;

std::string reason_of(int error) { return std::generic_category().message(error); }

std::filesystem::path folder_or_default(const std::filesystem::path& folder) {
    return folder.empty() ? std::filesystem::temp_directory_path() : folder;
}

}  // namespace

Spool::Descriptor::~Descriptor() {
    if (owned_ && number_ >= 0) ::close(number_);
}

Spool::Descriptor Spool::open_input(const std::filesystem::path& input) {
    if (input == "-") return {STDIN_FILENO, false};
    // Without O_NONBLOCK opening a named pipe would wait for its writer, and a stop would not be noticed.
    const int number = ::open(input.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (number < 0) {
        throw Error(ErrorCode::unavailable, fmt::format("cannot open {}: {}", input.string(), reason_of(errno)));
    }
    return {number, true};
}

Spool::Descriptor Spool::make_file(const std::filesystem::path& folder) {
    std::string name = (folder / "marketdb-XXXXXX").string();
    const int number = ::mkostemp(name.data(), O_CLOEXEC);  // creates with mode 0600
    if (number < 0) {
        throw Error(ErrorCode::unavailable,
                    fmt::format("cannot make a temporary file in {}: {}", folder.string(), reason_of(errno)));
    }
    ::unlink(name.c_str());
    return {number, true};
}

Spool::Spool(const std::filesystem::path& input, const std::filesystem::path& folder)
    : folder_(folder_or_default(folder)), input_(open_input(input)), file_(make_file(folder_)), buffer_(kBufferBytes) {}

bool Spool::copy_some(const std::atomic<bool>* stop) {
    const auto until = std::chrono::steady_clock::now() + kSlice;
    while (std::chrono::steady_clock::now() < until) {
        if (stop != nullptr && stop->load()) return true;
        // Waits in slices: a read would not notice that the import is to stop.
        pollfd ready{input_.get(), POLLIN, 0};
        if (::poll(&ready, 1, kPollMilliseconds) == 0) continue;
        const ssize_t count = ::read(input_.get(), buffer_.data(), buffer_.size());
        if (count == 0) return false;
        if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (count < 0) {
            throw Error(ErrorCode::unavailable, fmt::format("the input cannot be read: {}", reason_of(errno)));
        }
        write_all(buffer_.data(), static_cast<std::size_t>(count));
    }
    return true;
}

std::filesystem::path Spool::path() const { return fmt::format("/proc/self/fd/{}", file_.get()); }

void Spool::write_all(const char* bytes, std::size_t count) {
    while (count > 0) {
        const ssize_t written = ::write(file_.get(), bytes, count);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) {
            throw Error(ErrorCode::resource_exhausted,
                        fmt::format("the input cannot be kept in {}: {}", folder_.string(), reason_of(errno)));
        }
        bytes += written;
        count -= static_cast<std::size_t>(written);
        bytes_ += static_cast<std::uint64_t>(written);
    }
}

}  // namespace marketdb::transfer
