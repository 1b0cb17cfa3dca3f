#include "transfer/part_file.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "core/text.hpp"

namespace marketdb::transfer {
namespace {

/// The file that is really meant, so that a link is not replaced by a file.
std::filesystem::path target_of(const std::filesystem::path& file) {
    std::error_code error;
    std::filesystem::path target = file;
    if (std::filesystem::symlink_status(file, error).type() == std::filesystem::file_type::symlink) {
        target = std::filesystem::canonical(file, error);
        if (error) {
            throw Error(ErrorCode::unavailable, fmt::format("cannot write {}: {}", file.string(), error.message()));
        }
    }
    const std::filesystem::file_status status = std::filesystem::status(target, error);
    if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
        // A rename would put a file in the place of a device such as /dev/null.
        throw Error(ErrorCode::invalid_argument, fmt::format("{} is not a regular file", file.string()));
    }
    return target;
}

/// The filter that the end of the name asks for; none for anything else.
int filter_code(const std::filesystem::path& file) {
    const std::string ending = core::to_lower(file.extension().string());
    if (ending == ".gz") return ARCHIVE_FILTER_GZIP;
    if (ending == ".zst") return ARCHIVE_FILTER_ZSTD;
    if (ending == ".xz") return ARCHIVE_FILTER_XZ;
    return ARCHIVE_FILTER_NONE;
}

}  // namespace

PartFile::PartFile(const std::filesystem::path& file) : file_(target_of(file)), part_(file_.string() + ".part") {
    descriptor_ = ::open(part_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (descriptor_ < 0) fail(errno);
    if (filter_code(file_) != ARCHIVE_FILTER_NONE) open_filter();
}

PartFile::~PartFile() {
    if (filter_ != nullptr) ::archive_write_free(filter_);
    if (descriptor_ < 0) return;
    ::close(descriptor_);
    ::unlink(part_.c_str());
}

void PartFile::open_filter() {
    filter_ = ::archive_write_new();
    check_filter(::archive_write_add_filter(filter_, filter_code(file_)));
    check_filter(::archive_write_set_format_raw(filter_));
    check_filter(::archive_write_set_bytes_in_last_block(filter_, 1));  // else zeros fill up the last block
    // The default levels of xz need ten times as long for a tenth less.
    if (filter_code(file_) == ARCHIVE_FILTER_XZ) {
        check_filter(::archive_write_set_filter_option(filter_, "xz", "compression-level", "2"));
    }
    if (filter_code(file_) == ARCHIVE_FILTER_GZIP) {
        // Without the time of writing equal rows make equal files.
        check_filter(::archive_write_set_filter_option(filter_, "gzip", "timestamp", nullptr));
    }
    const auto write_bytes = [](archive*, void* self, const void* bytes, std::size_t count) -> la_ssize_t {
        auto* file = static_cast<PartFile*>(self);
        try {
            file->write_plain({static_cast<const char*>(bytes), count});
        } catch (const Error&) {
            return -1;  // write_error_ says why; an exception must not pass through C
        }
        return static_cast<la_ssize_t>(count);
    };
    check_filter(::archive_write_open(filter_, this, nullptr, write_bytes, nullptr));
    archive_entry* entry = ::archive_entry_new();
    ::archive_entry_set_filetype(entry, AE_IFREG);
    const int result = ::archive_write_header(filter_, entry);
    ::archive_entry_free(entry);
    check_filter(result);
}

void PartFile::write(std::string_view text) {
    if (filter_ == nullptr) {
        write_plain(text);
        return;
    }
    const la_ssize_t written = ::archive_write_data(filter_, text.data(), text.size());
    check_filter(written < 0 ? ARCHIVE_FATAL : ARCHIVE_OK);
}

void PartFile::write_plain(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) {
            write_error_ = errno;
            fail(errno);
        }
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
}

void PartFile::finish() {
    if (filter_ != nullptr) check_filter(::archive_write_close(filter_));
    if (::fsync(descriptor_) != 0) fail(errno);
    if (::rename(part_.c_str(), file_.c_str()) != 0) fail(errno);
    ::close(descriptor_);
    descriptor_ = -1;
    sync_folder();
}

void PartFile::sync_folder() {
    // The name is an entry of the folder and reaches the disk only with it.
    const std::string folder = file_.has_parent_path() ? file_.parent_path().string() : ".";
    const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) fail(errno);
    const int result = ::fsync(descriptor);
    const int error = errno;
    ::close(descriptor);
    if (result != 0) fail(error);
}

void PartFile::check_filter(int result) {
    if (result >= ARCHIVE_WARN) return;
    if (write_error_ != 0) fail(write_error_);
    throw Error(ErrorCode::unavailable,
                fmt::format("cannot compress {}: {}", file_.string(), ::archive_error_string(filter_)));
}

void PartFile::fail(int error) const {
    const bool is_full = error == ENOSPC || error == EDQUOT || error == EFBIG;
    throw Error(is_full ? ErrorCode::resource_exhausted : ErrorCode::unavailable,
                fmt::format("cannot write {}: {}", file_.string(), std::generic_category().message(error)));
}

}  // namespace marketdb::transfer
