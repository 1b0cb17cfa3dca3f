#include "io/input.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "core/text.hpp"
#include "io/decoders.hpp"

namespace marketdb::io {
namespace {

using namespace std::string_view_literals;

constexpr std::array kEndings{".gz"sv, ".zst"sv, ".xz"sv, ".zip"sv};

std::string name_without_ending(const std::filesystem::path& path) {
    std::string name = path.filename().string();
    if (!compression_ending(name).empty()) name.resize(name.size() - compression_ending(name).size());
    return name;
}

/// The bytes as they are.
class PlainInput final : public Input {
 public:
    explicit PlainInput(OpenFile file) : file_(std::move(file)), inner_name_(name_without_ending(file_.path())) {}

    std::size_t read(std::span<char> buffer) override { return file_.read(buffer); }
    const std::filesystem::path& path() const noexcept override { return file_.path(); }
    const std::string& inner_name() const noexcept override { return inner_name_; }
    std::uint64_t bytes_read() const noexcept override { return file_.offset(); }
    std::uint64_t total_bytes() const noexcept override { return file_.size(); }

 private:
    OpenFile file_;
    std::string inner_name_;
};

}  // namespace

std::string_view compression_ending(std::string_view name) noexcept {
    for (const std::string_view ending : kEndings) {
        if (name.size() <= ending.size()) continue;
        const std::string_view tail = name.substr(name.size() - ending.size());
        if (core::matches_pattern(ending, tail)) return ending;
    }
    return {};
}

OpenFile::OpenFile(const std::filesystem::path& file, const std::filesystem::path& display_path)
    : descriptor_(::open(file.c_str(), O_RDONLY | O_CLOEXEC)), path_(display_path) {
    if (descriptor_ < 0) fail(errno, "cannot be opened");
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
        ::close(std::exchange(descriptor_, -1));
        throw Error(ErrorCode::unavailable,
                    fmt::format("{}: not a regular file; pipe it to standard input and import `-`", path_.string()));
    }
    size_ = static_cast<std::uint64_t>(status.st_size);
}

OpenFile::OpenFile(OpenFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      path_(std::move(other.path_)),
      size_(other.size_),
      offset_(other.offset_) {}

OpenFile::~OpenFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

std::size_t OpenFile::read(std::span<char> buffer) {
    while (true) {
        const ssize_t count = ::read(descriptor_, buffer.data(), buffer.size());
        if (count >= 0) {
            offset_ += static_cast<std::uint64_t>(count);
            return static_cast<std::size_t>(count);
        }
        if (errno != EINTR) fail(errno, "cannot be read");
    }
}

std::string OpenFile::first_bytes(std::size_t count) {
    std::string bytes(count, '\0');
    const ssize_t got = ::pread(descriptor_, bytes.data(), count, 0);
    if (got < 0) fail(errno, "cannot be read");
    bytes.resize(static_cast<std::size_t>(got));
    return bytes;
}

void OpenFile::fail(int error_number, std::string_view what) const {
    const std::string reason = std::system_category().message(error_number);
    throw Error(ErrorCode::unavailable, fmt::format("{}: {}: {}", path_.string(), what, reason));
}

std::unique_ptr<Input> open_input(const std::filesystem::path& file, const std::filesystem::path& display_path) {
    OpenFile opened(file, display_path);
    const std::string magic = opened.first_bytes(6);
    if (magic.starts_with("\x1f\x8b")) return open_gzip(std::move(opened), name_without_ending(display_path));
    if (magic.starts_with("PK\x03\x04") || magic.starts_with("PK\x05\x06")) return open_zip(std::move(opened));

    // RFC 8878, 3.1.2: a zstd file may begin with a frame to be skipped, 0x184D2A50 to 5F.
    const bool skippable = magic.size() >= 4 && (magic[0] & 0xF0) == 0x50 && magic.substr(1, 3) == "\x2a\x4d\x18";
    const bool zstd = skippable || magic.starts_with("\x28\xb5\x2f\xfd");
    if (zstd || magic ==
                    "\xfd"
                    "7zXZ\0"sv) {
        return open_filtered(std::move(opened), name_without_ending(display_path));
    }
    return std::make_unique<PlainInput>(std::move(opened));
}

}  // namespace marketdb::io
