#include "io/record_reader.hpp"

#include <gtest/gtest.h>

#include "parsed_file.hpp"
#include "support/expect.hpp"

namespace marketdb::testing {
namespace {

struct Record {
    std::string text;
    std::int64_t line;
    friend bool operator==(const Record&, const Record&) = default;
    friend std::ostream& operator<<(std::ostream& out, const Record& record) {
        return out << record.line << ":" << record.text;
    }
};
using Records = std::vector<Record>;

Records records_of(std::string text, bool quotes = false) {
    io::RecordReader reader(std::make_unique<TextInput>(std::move(text)));
    if (quotes) reader.allow_quotes();
    Records records;
    std::string_view record;
    while (reader.next(record)) records.push_back({std::string(record), reader.line()});
    EXPECT_FALSE(reader.next(record));
    return records;
}

/// A line of any length that is never in memory.
class LongLineInput final : public io::Input {
 public:
    LongLineInput(std::string start, std::uint64_t length) : start_(std::move(start)), length_(length) {}

    std::size_t read(std::span<char> buffer) override {
        if (given_ == 0) {
            std::copy(start_.begin(), start_.end(), buffer.begin());
            given_ = start_.size();
            return given_;
        }
        const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), length_ - given_));
        std::fill_n(buffer.begin(), count, 'x');
        given_ += count;
        return count;
    }
    const std::filesystem::path& path() const noexcept override { return path_; }
    const std::string& inner_name() const noexcept override { return name_; }
    std::uint64_t bytes_read() const noexcept override { return given_; }
    std::uint64_t total_bytes() const noexcept override { return length_; }

 private:
    std::filesystem::path path_ = "long.csv";
    std::string name_ = "long.csv";
    std::string start_;
    std::uint64_t length_;
    std::uint64_t given_ = 0;
};

TEST(RecordReader, LinesEndWithLfOrCrlfOrTheFile) {
    EXPECT_EQ(records_of("a\nb\r\nc"), Records({{"a", 1}, {"b", 2}, {"c", 3}}));
    EXPECT_EQ(records_of("a\n"), Records({{"a", 1}}));
    EXPECT_EQ(records_of(""), Records());
    EXPECT_EQ(records_of("\n\r\n\n"), Records());
}

TEST(RecordReader, EmptyLinesArePassedOverAndCounted) {
    EXPECT_EQ(records_of("\n\na\n\r\n\nb\n\n"), Records({{"a", 3}, {"b", 6}}));
}

TEST(RecordReader, AByteOrderMarkIsNoText) {
    EXPECT_EQ(records_of("\xEF\xBB\xBF"
                         "a\n\xEF\xBB\xBF"
                         "b\n"),
              Records({{"a", 1},
                       {"\xEF\xBB\xBF"
                        "b",
                        2}}));
    EXPECT_EQ(records_of("\xEF\xBB\xBF"), Records());
}

TEST(RecordReader, LinesAcrossTheBufferAreWhole) {
    std::string text;
    Records expected;
    for (std::int64_t line = 1; line <= 300; ++line) {
        expected.push_back({std::string(20'011, static_cast<char>('a' + line % 26)), line});
        text += expected.back().text + "\n";
    }
    EXPECT_EQ(records_of(text), expected);
}

TEST(RecordReader, QuotedNewlinesBelongToTheRecordOnlyIfAllowed) {
    const std::string text = "a,\"b\nc\"\"\n\",d\r\ne,\"f\"\ng\n";
    EXPECT_EQ(records_of(text, true), Records({{"a,\"b\nc\"\"\n\",d", 1}, {"e,\"f\"", 4}, {"g", 5}}));
    EXPECT_EQ(records_of(text).size(), 5U);
    EXPECT_EQ(records_of("a\"b\nc\"d\n", true), Records({{"a\"b", 1}, {"c\"d", 2}}));
    EXPECT_EQ(records_of("\"a\nb", true), Records({{"\"a\nb", 1}}));
    EXPECT_EQ(records_of("\"a\"\"\nb\"\n", true), Records({{"\"a\"\"\nb\"", 1}}));
}

TEST(RecordReader, UnreadGivesTheRecordAgain) {
    io::RecordReader reader(std::make_unique<TextInput>("a\nb\n"));
    std::string_view record;
    ASSERT_TRUE(reader.next(record));
    reader.unread();
    ASSERT_TRUE(reader.next(record));
    EXPECT_EQ(record, "a");
    EXPECT_EQ(reader.line(), 1);
    EXPECT_EQ(reader.place(), "folder/file.csv:1");
    ASSERT_TRUE(reader.next(record));
    EXPECT_EQ(record, "b");
    EXPECT_EQ(reader.line(), 2);
}

TEST(RecordReader, ALineOfOneMebibyteIsFineAndAByteMoreIsNot) {
    const std::string longest(io::RecordReader::kMaxLine, 'x');
    EXPECT_EQ(records_of("a\n" + longest + "\nb\n").at(1).text.size(), 1'048'576U);
    EXPECT_EQ(records_of(longest).size(), 1U);
    for (const std::string end : {"", "\nb\n"}) {
        expect_error(ErrorCode::invalid_argument, [&] { records_of("a\n" + longest + "x" + end); },
                     {"folder/file.csv:2: the line is longer than 1048576 bytes"});
    }
    const std::string half(600'000, 'x');
    expect_error(ErrorCode::invalid_argument, [&] { records_of("a\n\"" + half + "\n" + half + "\"\n", true); },
                 {":2: the line is longer"});
}

TEST(RecordReader, ALineOf100MegabytesIsRefusedAfterTwo) {
    auto input = std::make_unique<LongLineInput>("a\nb\n", 100'000'000);
    const LongLineInput& watched = *input;
    io::RecordReader reader(std::move(input));
    std::string_view record;
    ASSERT_TRUE(reader.next(record));
    ASSERT_TRUE(reader.next(record));
    expect_error(ErrorCode::invalid_argument, [&] { reader.next(record); }, {"long.csv:3: the line is longer than"});
    EXPECT_LE(watched.bytes_read(), 2'100'000U);
}

}  // namespace
}  // namespace marketdb::testing
