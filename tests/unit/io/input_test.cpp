#include <gtest/gtest.h>
#include <sys/stat.h>

#include "compressed.hpp"
#include "io/decoders.hpp"
#include "parsed_file.hpp"
#include "support/expect.hpp"
#include "support/temporary_folder.hpp"

namespace marketdb::testing {
namespace {

/// Text that does not compress to nothing, longer than every buffer on the way.
std::string long_text() {
    std::string text;
    std::uint64_t state = 1;
    while (text.size() < 700'000) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        text += std::to_string(state) + "\n";
    }
    return text;
}

TEST(Input, APlainFileIsReadAsItIs) {
    const TemporaryFolder folder;
    write_file(folder / "a.csv", "x,y\n1,2\n");
    const auto input = io::open_input(folder / "a.csv", "shown/a.csv");
    EXPECT_EQ(input->path(), "shown/a.csv");
    EXPECT_EQ(input->inner_name(), "a.csv");
    EXPECT_EQ(input->total_bytes(), 8U);
    EXPECT_EQ(read_all(*input), "x,y\n1,2\n");
    EXPECT_EQ(input->bytes_read(), 8U);
}

TEST(Input, EveryCompressionIsToldByContentAndNotByName) {
    const TemporaryFolder folder;
    const std::string text = long_text();
    write_file(folder / "a.csv.gz", gzip(text));
    write_xz(folder / "a.csv.xz", text);
    write_zstd(folder / "a.csv.zst", text);
    write_zip(folder / "a.zip", {{"inner.csv", text}});
    write_file(folder / "plain.csv.gz", text);
    for (const std::string name : {"a.csv.gz", "a.csv.xz", "a.csv.zst", "a.zip", "plain.csv.gz"}) {
        EXPECT_EQ(read_all(folder / name), text) << name;
        std::filesystem::rename(folder / name, folder / "unnamed");
        const auto input = io::open_input(folder / "unnamed", folder / name);
        EXPECT_EQ(read_all(*input, 300'000), text) << name;
        EXPECT_EQ(input->total_bytes(), std::filesystem::file_size(folder / "unnamed")) << name;
        EXPECT_GT(input->bytes_read(), 0U) << name;
        EXPECT_EQ(input->inner_name(), name == "a.zip"             ? "inner.csv"
                                       : name.starts_with("plain") ? "plain.csv"
                                                                   : "a.csv");
        EXPECT_EQ(input->path(), folder / name);
    }
}

TEST(Input, EmptyFilesOfEveryKindAreEmpty) {
    const TemporaryFolder folder;
    write_file(folder / "a.csv", "");
    write_file(folder / "a.gz", gzip(""));
    write_xz(folder / "a.xz", "");
    write_zstd(folder / "a.zst", "");
    write_zip(folder / "a.zip", {{"a.csv", ""}});
    for (const std::string name : {"a.csv", "a.gz", "a.xz", "a.zst", "a.zip"}) {
        EXPECT_EQ(read_all(folder / name), "") << name;
    }
    EXPECT_EQ(io::open_input(folder / "a.gz", "a.gz")->read({}), 0U);
}

TEST(Input, SeveralGzipMembersAreOneTextAndZerosArePadding) {
    const TemporaryFolder folder;
    write_file(folder / "a.gz", gzip("one\n") + gzip("") + gzip("two\n"));
    EXPECT_EQ(read_all(folder / "a.gz"), "one\ntwo\n");
    write_file(folder / "b.gz", gzip("one\n") + std::string(600'000, '\0'));
    EXPECT_EQ(read_all(folder / "b.gz"), "one\n");
}

TEST(Input, AGzipCutAnywhereIsAnError) {
    const TemporaryFolder folder;
    const std::string whole = gzip("exchange,symbol\n1,2\n3,4\n");
    for (std::size_t length = 2; length < whole.size(); ++length) {
        write_file(folder / "cut.gz", whole.substr(0, length));
        expect_error(ErrorCode::invalid_argument, [&] { read_all(folder / "cut.gz"); }, {"cut.gz", "truncated"});
    }
    write_file(folder / "cut.gz", whole + whole.substr(0, whole.size() - 3));
    expect_error(ErrorCode::invalid_argument, [&] { read_all(folder / "cut.gz"); }, {"truncated"});
}

TEST(Input, ADamagedGzipIsAnErrorAtEveryByteThatMatters) {
    const TemporaryFolder folder;
    const std::string whole = gzip(long_text());
    // Bytes 4 to 9 are time, flags and system, which nothing depends on.
    for (const std::size_t at : {std::size_t{2}, std::size_t{3}, std::size_t{10}, whole.size() / 3, whole.size() / 2,
                                 whole.size() - 8, whole.size() - 1}) {
        std::string damaged = whole;
        damaged[at] = static_cast<char>(damaged[at] ^ 0x55);
        write_file(folder / "damaged.gz", damaged);
        expect_error(ErrorCode::invalid_argument, [&] { read_all(folder / "damaged.gz"); }, {"damaged.gz", "gzip"});
    }
}

TEST(Input, OtherBytesBehindAGzipAreAnError) {
    const TemporaryFolder folder;
    write_file(folder / "a.gz", gzip("one\n") + "two\n");
    expect_error(ErrorCode::invalid_argument, [&] { read_all(folder / "a.gz"); }, {"followed by other bytes"});
    write_file(folder / "b.gz", gzip("one\n") + std::string(3, '\0') + gzip("two\n"));
    expect_error(ErrorCode::invalid_argument, [&] { read_all(folder / "b.gz"); }, {"followed by other bytes"});
    write_file(folder / "c.gz", gzip("one\n") + std::string(600'000, '\0') + gzip("two\n"));
    expect_error(ErrorCode::invalid_argument, [&] { read_all(folder / "c.gz"); }, {"followed by other bytes"});
}

TEST(Input, OtherCompressionsCutOrDamagedAreErrors) {
    const TemporaryFolder folder;
    const std::string text = long_text();
    write_xz(folder / "a.xz", text);
    write_zstd(folder / "a.zst", text);
    write_zip(folder / "a.zip", {{"a.csv", text}});
    for (const std::string name : {"a.xz", "a.zst", "a.zip"}) {
        const std::string whole = read_file(folder / name);
        for (const std::size_t length : {whole.size() / 2, whole.size() - 4}) {
            write_file(folder / "cut", whole.substr(0, length));
            expect_error(ErrorCode::invalid_argument, [&] { read_all(folder / "cut"); },
                         {"cut", "truncated or damaged"});
        }
    }
    for (const std::string name : {"a.xz", "a.zip"}) {
        std::string damaged = read_file(folder / name);
        damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 0x55);
        write_file(folder / "damaged", damaged);
        expect_error(ErrorCode::invalid_argument, [&] { read_all(folder / "damaged"); }, {"truncated or damaged"});
    }
    write_file(folder / "header", std::string("\xfd"
                                              "7zXZ\0",
                                              6));
    expect_error(ErrorCode::invalid_argument, [&] { read_all(folder / "header"); }, {"header"});
}

TEST(Input, AZipMustHoldExactlyOneFile) {
    const TemporaryFolder folder;
    write_zip(folder / "two.zip", {{"a.csv", "1\n"}, {"b.csv", "2\n"}});
    expect_error(ErrorCode::invalid_argument, [&] { read_all(folder / "two.zip"); }, {"two.zip", "holds 2 files"});
    write_zip(folder / "none.zip", {});
    expect_error(ErrorCode::invalid_argument, [&] { read_all(folder / "none.zip"); }, {"none.zip"});
    write_zip(folder / "folder.zip", {{"data/", ""}, {"data/\xC3\xA9.csv", "1\n"}});
    const auto input = io::open_input(folder / "folder.zip", folder / "folder.zip");
    EXPECT_EQ(input->inner_name(), "\xC3\xA9.csv");
    EXPECT_EQ(read_all(*input), "1\n");
}

TEST(Input, WhatCannotBeOpenedIsUnavailable) {
    const TemporaryFolder folder;
    expect_error(ErrorCode::unavailable, [&] { static_cast<void>(io::open_input(folder / "absent.csv", "shown.csv")); },
                 {"shown.csv: cannot be opened: No such file"});
    expect_error(ErrorCode::unavailable, [&] { static_cast<void>(io::open_input(folder.path(), folder.path())); },
                 {"not a regular file"});
    ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
    // Opened for writing too, so that opening it for reading does not wait.
    const std::fstream writer(folder / "pipe");
    expect_error(ErrorCode::unavailable, [&] { static_cast<void>(io::open_input(folder / "pipe", "pipe")); },
                 {"pipe: not a regular file"});
}

TEST(Input, EndingsOfCompressionAreToldInAnyCase) {
    EXPECT_EQ(io::compression_ending("a.csv.GZ"), ".gz");
    EXPECT_EQ(io::compression_ending("a.Zip"), ".zip");
    EXPECT_EQ(io::compression_ending("a.csv"), "");
    EXPECT_EQ(io::compression_ending(".gz"), "");
}

TEST(Input, AZstdFileMayBeginWithASkippableFrame) {
    const TemporaryFolder folder;
    write_zstd(folder / "a.zst", "one\n");
    const std::string frame("\x50\x2a\x4d\x18\x04\x00\x00\x00skip", 12);
    write_file(folder / "b.zst", frame + read_file(folder / "a.zst"));
    EXPECT_EQ(read_all(folder / "b.zst"), "one\n");
}

TEST(Sha256, IsOfTheBytesAsGiven) {
    const TemporaryFolder folder;
    write_file(folder / "empty", "");
    write_file(folder / "abc", "abc");
    write_file(folder / "a", std::string(3'000'000, 'a'));
    // FIPS 180-2, appendix B, and sha256sum.
    EXPECT_EQ(io::sha256_of_file(folder / "empty"), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(io::sha256_of_file(folder / "abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(io::sha256_of_file(folder / "a"), "2a152c894398719c0570f83fac34ac03a0f6e8e474b995c2403aa5434f7b9dd4");
    expect_error(ErrorCode::unavailable, [&] { static_cast<void>(io::sha256_of_file(folder / "absent")); },
                 {"absent", "cannot be opened"});
}

TEST(Parser, ACompressedFileIsReadToItsBreakAndThenRefusedWithItsLine) {
    const TemporaryFolder folder;
    std::string text = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n";
    for (int row = 0; row < 20'000; ++row) text += "bybit,BTCUSDT," + std::to_string(row) + ",9,x,buy,1,1\n";
    const std::string whole = gzip(text);
    write_file(folder / "cut_trades_1.csv.gz", whole.substr(0, whole.size() - 9));
    expect_error(ErrorCode::invalid_argument,
                 [&] {
                     const auto parser = io::open_parser(
                         io::open_input(folder / "cut_trades_1.csv.gz", folder / "cut_trades_1.csv.gz"), {});
                     drain(*parser, 1000);
                 },
                 {"cut_trades_1.csv.gz", "truncated", "whole lines before it: "});
}

}  // namespace
}  // namespace marketdb::testing
