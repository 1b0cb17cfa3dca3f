#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "io/input.hpp"

namespace marketdb::io {

/// Lines out of an input, without copying them. LF or CRLF; a byte order mark at the beginning and empty lines are
/// passed over; the last line needs no newline. With quoting, newlines inside a quoted field (RFC 4180) belong to the
/// record.
///
/// Memory: two times kMaxLine, however long the lines are.
class RecordReader {
 public:
    static constexpr std::size_t kMaxLine = std::size_t{1} << 20;

    explicit RecordReader(std::unique_ptr<Input> input);

    /// From here on quotes hold records together.
    void allow_quotes() noexcept { quotes_ = true; }

    /// False at the end. The text is valid until the next call.
    /// Errors: invalid_argument  a record is longer than kMaxLine, or the compression is damaged; names file and line.
    bool next(std::string_view& record);

    /// The next call of `next` gives the last record again.
    void unread() noexcept;

    /// Of the record that `next` gave, 1 for the first; of several lines the first of them.
    [[nodiscard]] std::int64_t line() const noexcept { return line_; }
    [[nodiscard]] const Input& input() const noexcept { return *input_; }
    /// `FILE:LINE` of the current record.
    [[nodiscard]] std::string place() const;

 private:
    bool next_line(std::string_view& line);
    bool refill();
    [[nodiscard]] std::string_view take(std::size_t length);
    std::string_view join_quoted(std::string_view line);
    void refuse_long(std::size_t length, std::int64_t line) const;

    std::unique_ptr<Input> input_;
    std::unique_ptr<char[]> buffer_;  ///< 2 * kMaxLine bytes.
    std::size_t begin_ = 0;           ///< Of what is not given out yet, in buffer_.
    std::size_t end_ = 0;
    bool ended_ = false;
    bool quotes_ = false;
    std::int64_t line_ = 0;
    std::int64_t lines_taken_ = 0;
    std::string joined_;
    std::string_view record_;
    bool again_ = false;
};

}  // namespace marketdb::io
