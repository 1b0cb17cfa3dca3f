#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

struct archive;

namespace marketdb::transfer {

/// A file that appears under its name only when it is whole: it is written to `<name>.part`, synced and renamed.
/// `.gz`, `.zst` and `.xz` at the end of the name compress.
class PartFile {
 public:
    /// Errors: unavailable       the folder cannot be written.
    ///         invalid_argument  there is something of this name that is no regular file.
    explicit PartFile(const std::filesystem::path& file);
    /// Removes the `.part` unless `finish` was reached.
    ~PartFile();
    PartFile(const PartFile&) = delete;
    PartFile& operator=(const PartFile&) = delete;

    /// Errors: unavailable, resource_exhausted  names the file.
    void write(std::string_view text);
    /// Everything reaches the disk, then the name. Errors: as `write`.
    void finish();

 private:
    void open_filter();
    void write_plain(std::string_view bytes);
    void check_filter(int result);
    void sync_folder();
    [[noreturn]] void fail(int error) const;

    std::filesystem::path file_;
    std::filesystem::path part_;
    int descriptor_ = -1;
    archive* filter_ = nullptr;  // null: not compressed
    int write_error_ = 0;        // errno of the write that the filter asked for
};

}  // namespace marketdb::transfer
