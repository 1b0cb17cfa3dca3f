#include <zlib.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "io/decoders.hpp"

namespace marketdb::io {
namespace {

constexpr std::size_t kChunk = 256 * 1024;
constexpr int kGzipWindow = 15 + 16;  // zlib.h, inflateInit2: the largest window, gzip only.

/// zlib itself and not libarchive: libarchive 3.6 skips a member's checksum and length, and with two bytes changed in
/// the middle of a file it returned other text of another length without an error.
class GzipInput final : public Input {
 public:
    GzipInput(OpenFile file, std::string inner_name)
        : file_(std::move(file)), inner_name_(std::move(inner_name)), chunk_(kChunk) {
        if (inflateInit2(&stream_, kGzipWindow) != Z_OK)
            throw Error(ErrorCode::resource_exhausted, "zlib: out of memory");
    }
    ~GzipInput() override { inflateEnd(&stream_); }

    std::size_t read(std::span<char> buffer) override {
        if (buffer.empty()) return 0;
        stream_.next_out = reinterpret_cast<Bytef*>(buffer.data());
        stream_.avail_out = static_cast<uInt>(std::min<std::size_t>(buffer.size(), 1U << 30U));
        const uInt wanted = stream_.avail_out;
        while (stream_.avail_out == wanted && fill()) step();
        return wanted - stream_.avail_out;
    }
    const std::filesystem::path& path() const noexcept override { return file_.path(); }
    const std::string& inner_name() const noexcept override { return inner_name_; }
    std::uint64_t bytes_read() const noexcept override { return file_.offset() - stream_.avail_in; }
    std::uint64_t total_bytes() const noexcept override { return file_.size(); }

 private:
    /// False at the end of the file.
    bool fill() {
        if (stream_.avail_in > 0) return true;
        const std::size_t count = file_.read(chunk_);
        stream_.next_in = reinterpret_cast<Bytef*>(chunk_.data());
        stream_.avail_in = static_cast<uInt>(count);
        if (count == 0 && in_member_) fail("ends in the middle (truncated)");
        return count > 0;
    }

    void step() {
        if (!in_member_) return start_member();
        const int result = inflate(&stream_, Z_NO_FLUSH);
        if (result == Z_STREAM_END) {
            in_member_ = false;
        } else if (result == Z_MEM_ERROR) {
            throw Error(ErrorCode::resource_exhausted, "zlib: out of memory");
        } else if (result != Z_OK && result != Z_BUF_ERROR) {
            fail(stream_.msg != nullptr ? fmt::format("is damaged ({})", stream_.msg) : "is damaged");
        }
    }

    void start_member() {
        if (*stream_.next_in == 0x1f && !padding_) {
            inflateReset(&stream_);
            in_member_ = true;
            return;
        }
        // gzip.org, "The gzip home page": zeros after the data are the padding of tape blocks.
        const std::span<const Bytef> rest(stream_.next_in, stream_.avail_in);
        if (std::any_of(rest.begin(), rest.end(), [](Bytef byte) { return byte != 0; })) {
            fail("is followed by other bytes");
        }
        padding_ = true;
        stream_.avail_in = 0;
    }

    [[noreturn]] void fail(const std::string& what) const {
        throw Error(ErrorCode::invalid_argument, fmt::format("{}: the gzip data {}", path().string(), what));
    }

    OpenFile file_;
    std::string inner_name_;
    std::vector<char> chunk_;
    z_stream stream_{};
    bool in_member_ = true;
    bool padding_ = false;
};

}  // namespace

std::unique_ptr<Input> open_gzip(OpenFile file, std::string inner_name) {
    return std::make_unique<GzipInput>(std::move(file), std::move(inner_name));
}

}  // namespace marketdb::io
