#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "io/input.hpp"

/// What `open_input` chooses from.
namespace marketdb::io {

/// `.gz`, `.zst`, `.xz` or `.zip` if the name ends in it, in any case; else empty.
[[nodiscard]] std::string_view compression_ending(std::string_view name) noexcept;

/// A regular file, open for reading.
class OpenFile {
 public:
    /// Errors: unavailable  cannot be opened, is a folder or a pipe; names the display path.
    OpenFile(const std::filesystem::path& file, const std::filesystem::path& display_path);
    OpenFile(OpenFile&& other) noexcept;
    OpenFile& operator=(OpenFile&&) = delete;
    ~OpenFile();

    /// 0 at the end. Errors: unavailable.
    std::size_t read(std::span<char> buffer);
    /// Without moving on.
    [[nodiscard]] std::string first_bytes(std::size_t count);
    [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
    [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }

 private:
    [[noreturn]] void fail(int error_number, std::string_view what) const;

    int descriptor_;
    std::filesystem::path path_;
    std::uint64_t size_ = 0;
    std::uint64_t offset_ = 0;
};

/// One or more gzip members. Their checksums and lengths are verified; zeros after the last one are padding, anything
/// else is an error.
[[nodiscard]] std::unique_ptr<Input> open_gzip(OpenFile file, std::string inner_name);

/// .xz and .zst.
[[nodiscard]] std::unique_ptr<Input> open_filtered(OpenFile file, std::string inner_name);

/// The only file in a .zip.
/// Errors: invalid_argument  damaged, or not exactly one file.
[[nodiscard]] std::unique_ptr<Input> open_zip(OpenFile file);

}  // namespace marketdb::io
