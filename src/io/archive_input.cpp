#include <archive.h>
#include <archive_entry.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "io/decoders.hpp"

namespace marketdb::io {
namespace {

constexpr std::size_t kBlock = 256 * 1024;

struct ArchiveCloser {
    void operator()(archive* handle) const noexcept { archive_read_free(handle); }
};
using ArchiveHandle = std::unique_ptr<archive, ArchiveCloser>;

ArchiveHandle new_archive() {
    ArchiveHandle handle(archive_read_new());
    if (!handle) throw Error(ErrorCode::resource_exhausted, "libarchive: out of memory");
    return handle;
}

/// .zst, .xz and the file inside a .zip.
class ArchiveInput final : public Input {
 public:
    ArchiveInput(OpenFile file, ArchiveHandle handle, std::string inner_name, bool empty)
        : file_(std::move(file)), handle_(std::move(handle)), inner_name_(std::move(inner_name)), empty_(empty) {}

    std::size_t read(std::span<char> buffer) override {
        if (empty_) return 0;
        const la_ssize_t count = archive_read_data(handle_.get(), buffer.data(), buffer.size());
        if (count < 0) fail(file_, handle_.get());
        return static_cast<std::size_t>(count);
    }
    const std::filesystem::path& path() const noexcept override { return file_.path(); }
    const std::string& inner_name() const noexcept override { return inner_name_; }
    std::uint64_t bytes_read() const noexcept override {
        return static_cast<std::uint64_t>(archive_filter_bytes(handle_.get(), -1));
    }
    std::uint64_t total_bytes() const noexcept override { return file_.size(); }

    [[noreturn]] static void fail(const OpenFile& file, archive* handle) {
        const char* const reason = archive_error_string(handle);
        throw Error(ErrorCode::invalid_argument,
                    fmt::format("{}: truncated or damaged: {}", file.path().string(),
                                reason != nullptr ? reason : "no reason given by libarchive"));
    }

 private:
    OpenFile file_;
    ArchiveHandle handle_;
    std::string inner_name_;
    bool empty_;
};

/// From the beginning of the file. Of the two readers of .zip the seeking one: the other accepts a file without its
/// directory, that is, one that was cut.
ArchiveHandle open_zip_reader(const OpenFile& file) {
    ArchiveHandle handle = new_archive();
    archive_read_support_format_zip_seekable(handle.get());
    if (::lseek(file.descriptor(), 0, SEEK_SET) != 0 ||
        archive_read_open_fd(handle.get(), file.descriptor(), kBlock) != ARCHIVE_OK) {
        ArchiveInput::fail(file, handle.get());
    }
    return handle;
}

bool next_entry(const OpenFile& file, archive* handle, archive_entry*& entry) {
    const int result = archive_read_next_header(handle, &entry);
    if (result == ARCHIVE_EOF) return false;
    // ARCHIVE_WARN: a name that is no text of this locale; the data can be read.
    if (result != ARCHIVE_OK && result != ARCHIVE_WARN) ArchiveInput::fail(file, handle);
    return true;
}

bool is_file(archive_entry* entry) { return archive_entry_filetype(entry) == AE_IFREG; }

std::string name_of(archive_entry* entry) {
    const char* name = archive_entry_pathname_utf8(entry);
    if (name == nullptr) name = archive_entry_pathname(entry);
    return name != nullptr ? std::filesystem::path(name).filename().string() : std::string();
}

void require_one_file(const OpenFile& file) {
    const ArchiveHandle handle = open_zip_reader(file);
    archive_entry* entry = nullptr;
    std::size_t files = 0;
    while (next_entry(file, handle.get(), entry)) files += is_file(entry) ? 1U : 0U;
    if (files == 1) return;
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{}: the .zip holds {} files, expected one", file.path().string(), files));
}

}  // namespace

std::unique_ptr<Input> open_filtered(OpenFile file, std::string inner_name) {
    ArchiveHandle handle = new_archive();
    archive_read_support_filter_xz(handle.get());
    archive_read_support_filter_zstd(handle.get());
    archive_read_support_format_raw(handle.get());
    archive_read_support_format_empty(handle.get());
    if (archive_read_open_fd(handle.get(), file.descriptor(), kBlock) != ARCHIVE_OK) {
        ArchiveInput::fail(file, handle.get());
    }
    archive_entry* entry = nullptr;
    const bool empty = !next_entry(file, handle.get(), entry);
    return std::make_unique<ArchiveInput>(std::move(file), std::move(handle), std::move(inner_name), empty);
}

std::unique_ptr<Input> open_zip(OpenFile file) {
    require_one_file(file);
    ArchiveHandle handle = open_zip_reader(file);
    archive_entry* entry = nullptr;
    while (next_entry(file, handle.get(), entry)) {
        if (is_file(entry)) break;
    }
    std::string name = name_of(entry);
    return std::make_unique<ArchiveInput>(std::move(file), std::move(handle), std::move(name), false);
}

}  // namespace marketdb::io
