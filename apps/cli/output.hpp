#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace marketdb::cli {

/// Standard output, buffered. Results only.
///
/// Errors of write and flush: BrokenPipe  the reader went away. Interrupted. Failure  anything else (disk full, closed).
class Output {
 public:
    void write(std::string_view text);
    void line(std::string_view text) {
        write(text);
        write("\n");
    }
    void flush();
    /// Forgets what was not flushed.
    void discard() noexcept { buffer_.clear(); }

 private:
    static constexpr std::size_t kBufferBytes = 64 * 1024;
    std::string buffer_;
};

[[nodiscard]] Output& output();

}  // namespace marketdb::cli
