#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <utility>

#include "io/input.hpp"

namespace marketdb::testing {

/// Bytes as if they had been decompressed from `path`.
class TextInput final : public io::Input {
 public:
    explicit TextInput(std::string text, std::filesystem::path path = "folder/file.csv", std::string inner_name = {})
        : text_(std::move(text)), path_(std::move(path)), inner_name_(std::move(inner_name)) {
        if (inner_name_.empty()) inner_name_ = path_.filename().string();
    }
    /// No read gives more than so many bytes, so that lines lie across them.
    void give_at_most(std::size_t bytes) noexcept { most_ = bytes; }

    std::size_t read(std::span<char> buffer) override {
        const std::size_t count = std::min({buffer.size(), text_.size() - given_, most_});
        std::copy_n(text_.data() + given_, count, buffer.data());
        given_ += count;
        return count;
    }
    const std::filesystem::path& path() const noexcept override { return path_; }
    const std::string& inner_name() const noexcept override { return inner_name_; }
    std::uint64_t bytes_read() const noexcept override { return given_; }
    std::uint64_t total_bytes() const noexcept override { return text_.size(); }

 private:
    std::string text_;
    std::filesystem::path path_;
    std::string inner_name_;
    std::size_t most_ = std::numeric_limits<std::size_t>::max();
    std::size_t given_ = 0;
};

}  // namespace marketdb::testing
