#include "io/record_reader.hpp"

#include <cstring>
#include <span>
#include <utility>

#include <fmt/format.h>

#include <marketdb/error.hpp>

namespace marketdb::io {
namespace {

constexpr std::size_t kBufferSize = 2 * RecordReader::kMaxLine;

/// Whether a quoted field is open after `text`, given whether one was before it.
bool open_quote_after(std::string_view text, bool open) noexcept {
    bool at_field_start = !open;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const char c = text[at];
        if (open) {
            if (c != '"') continue;
            const bool doubled = at + 1 < text.size() && text[at + 1] == '"';
            at += doubled ? 1U : 0U;
            open = doubled;
        } else if (c == '"' && at_field_start) {
            open = true;
        }
        at_field_start = c == ',';
    }
    return open;
}

std::string_view without_carriage_return(std::string_view line) noexcept {
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

}  // namespace

RecordReader::RecordReader(std::unique_ptr<Input> input)
    : input_(std::move(input)), buffer_(std::make_unique_for_overwrite<char[]>(kBufferSize)) {}

bool RecordReader::next(std::string_view& record) {
    if (std::exchange(again_, false)) {
        record = record_;
        return true;
    }
    while (next_line(record)) {
        line_ = lines_taken_;
        if (line_ == 1 && record.starts_with("\xEF\xBB\xBF")) record.remove_prefix(3);
        if (quotes_ && std::memchr(record.data(), '"', record.size()) != nullptr) record = join_quoted(record);
        record = record_ = without_carriage_return(record);
        if (!record.empty()) return true;
    }
    return false;
}

void RecordReader::unread() noexcept { again_ = true; }

std::string RecordReader::place() const { return fmt::format("{}:{}", input_->path().string(), line_); }

bool RecordReader::next_line(std::string_view& line) {
    std::size_t searched = 0;
    while (true) {
        const char* const from = buffer_.get() + begin_;
        const auto* const newline =
            static_cast<const char*>(std::memchr(from + searched, '\n', end_ - begin_ - searched));
        if (newline != nullptr) {
            line = take(static_cast<std::size_t>(newline - from));
            ++begin_;
            return true;
        }
        searched = end_ - begin_;
        refuse_long(searched, lines_taken_ + 1);
        if (!refill()) break;
    }
    if (begin_ == end_) return false;
    line = take(end_ - begin_);
    return true;
}

std::string_view RecordReader::take(std::size_t length) {
    refuse_long(length, lines_taken_ + 1);
    const std::string_view line(buffer_.get() + begin_, length);
    begin_ += length;
    ++lines_taken_;
    return line;
}

bool RecordReader::refill() {
    if (ended_) return false;
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= std::exchange(begin_, 0);
    std::size_t count = 0;
    try {
        count = input_->read(std::span(buffer_.get() + end_, kBufferSize - end_));
    } catch (const Error& error) {
        throw Error(error.code(), fmt::format("{}; whole lines before it: {}", error.what(), lines_taken_));
    }
    end_ += count;
    ended_ = count == 0;
    return !ended_;
}

std::string_view RecordReader::join_quoted(std::string_view line) {
    bool open = open_quote_after(line, false);
    if (!open) return line;
    joined_.assign(line);
    while (open && next_line(line)) {
        refuse_long(joined_.size() + 1 + line.size(), line_);
        joined_ += '\n';
        joined_ += line;
        open = open_quote_after(line, true);
    }
    return joined_;
}

void RecordReader::refuse_long(std::size_t length, std::int64_t line) const {
    if (length <= kMaxLine) return;
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{}:{}: the line is longer than {} bytes", input_->path().string(), line, kMaxLine));
}

}  // namespace marketdb::io
