#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace marketdb::io {

/// The bytes of a file after decompression (.gz, .zip with one entry, .zst, .xz, or as it is), told by content.
class Input {
 public:
    virtual ~Input() = default;
    /// Fills the buffer; 0 at the end.
    /// Errors: invalid_argument  truncated or damaged compression, a .zip with several files; unavailable  cannot be
    ///                           read.
    virtual std::size_t read(std::span<char> buffer) = 0;
    [[nodiscard]] virtual const std::filesystem::path& path() const noexcept = 0;
    /// The name of the entry inside a .zip, else the file's name without the compression's ending.
    [[nodiscard]] virtual const std::string& inner_name() const noexcept = 0;
    [[nodiscard]] virtual std::uint64_t bytes_read() const noexcept = 0;  ///< Of the file as given.
    [[nodiscard]] virtual std::uint64_t total_bytes() const noexcept = 0;
};

/// @param display_path  What messages and name detection use (differs for spooled standard input: `-`).
/// Errors: unavailable  cannot be opened; names the path.
[[nodiscard]] std::unique_ptr<Input> open_input(const std::filesystem::path& file,
                                                const std::filesystem::path& display_path);

/// sha256 of a file's bytes as given, 64 lower-case hex digits.
[[nodiscard]] std::string sha256_of_file(const std::filesystem::path& file);

}  // namespace marketdb::io
