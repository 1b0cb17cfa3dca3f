#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "io/input.hpp"

/// Compressed files, made for tests.
namespace marketdb::testing {

inline void write_file(const std::filesystem::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
}

inline std::string read_file(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// One gzip member.
inline std::string gzip(const std::string& text) {
    z_stream stream{};
    if (deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) throw std::runtime_error("zlib");
    std::string bytes(deflateBound(&stream, text.size()) + 32, '\0');
    std::string input = text;
    stream.next_in = reinterpret_cast<Bytef*>(input.data());
    stream.avail_in = static_cast<uInt>(input.size());
    stream.next_out = reinterpret_cast<Bytef*>(bytes.data());
    stream.avail_out = static_cast<uInt>(bytes.size());
    deflate(&stream, Z_FINISH);
    bytes.resize(stream.total_out);
    deflateEnd(&stream);
    return bytes;
}

using Entries = std::vector<std::pair<std::string, std::string>>;  ///< A name that ends in `/` is a folder.

inline void write_archive(archive* writer, const std::filesystem::path& path, const Entries& entries) {
    if (archive_write_open_filename(writer, path.c_str()) != ARCHIVE_OK) throw std::runtime_error("libarchive");
    for (const auto& [name, text] : entries) {
        archive_entry* entry = archive_entry_new();
        archive_entry_set_pathname(entry, name.c_str());
        archive_entry_set_filetype(entry, name.ends_with('/') ? AE_IFDIR : AE_IFREG);
        archive_entry_set_perm(entry, 0644);
        archive_entry_set_size(entry, static_cast<la_int64_t>(text.size()));
        archive_write_header(writer, entry);
        archive_write_data(writer, text.data(), text.size());
        archive_entry_free(entry);
    }
    archive_write_close(writer);
    archive_write_free(writer);
}

inline void write_zip(const std::filesystem::path& path, const Entries& entries) {
    archive* const writer = archive_write_new();
    archive_write_set_format_zip(writer);
    write_archive(writer, path, entries);
}

inline void write_xz(const std::filesystem::path& path, const std::string& text) {
    archive* const writer = archive_write_new();
    archive_write_set_format_raw(writer);
    archive_write_add_filter_xz(writer);
    archive_write_set_filter_option(writer, "xz", "compression-level", "0");
    write_archive(writer, path, {{"data", text}});
}

inline void write_zstd(const std::filesystem::path& path, const std::string& text) {
    archive* const writer = archive_write_new();
    archive_write_set_format_raw(writer);
    archive_write_add_filter_zstd(writer);
    write_archive(writer, path, {{"data", text}});
}

/// All bytes that an input gives, in reads of `step`.
inline std::string read_all(io::Input& input, std::size_t step = 1000) {
    std::string text;
    std::vector<char> buffer(step);
    while (const std::size_t count = input.read(buffer)) text.append(buffer.data(), count);
    return text;
}

inline std::string read_all(const std::filesystem::path& path) { return read_all(*io::open_input(path, path)); }

}  // namespace marketdb::testing
