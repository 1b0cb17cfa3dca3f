#include "transfer/source_file.hpp"

#include <algorithm>
#include <fstream>
#include <string_view>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include <marketdb/error.hpp>
#include <marketdb/transfer.hpp>

#include "core/text.hpp"

namespace marketdb {
namespace transfer {
namespace {

constexpr std::size_t kSha256Digits = 64;

[[noreturn]] void throw_unavailable(const std::filesystem::path& path, const std::error_code& error) {
    throw Error(ErrorCode::unavailable, fmt::format("cannot read {}: {}", path.string(), error.message()));
}

/// The sha256 at the beginning of a line `<sha256>  <file>`; empty if there is none.
std::string sha256_of_line(std::string_view line) {
    const std::string digits = core::to_lower(line.substr(0, line.find_first_of(" \t\r")));
    const bool is_hex = digits.find_first_not_of("0123456789abcdef") == std::string::npos;
    return digits.size() == kSha256Digits && is_hex ? digits : std::string();
}

bool is_importable(const std::filesystem::path& file) {
    std::filesystem::path name = core::to_lower(file.filename().string());
    if (name.extension() == ".zip") return true;
    if (name.extension() == ".gz" || name.extension() == ".zst" || name.extension() == ".xz") name.replace_extension();
    return name.extension() == ".csv" || name.extension() == ".jsonl";
}

/// What stands against listing a folder, if anything does.
std::error_code listing_error(const std::filesystem::path& folder) {
    std::error_code error;
    const std::filesystem::directory_iterator first(folder, error);
    return error;
}

void list_folder(const std::filesystem::path& folder, ImportList& list) {
    std::error_code error;
    std::filesystem::recursive_directory_iterator entry(folder, error);
    std::vector<std::filesystem::path> files;
    for (; !error && entry != std::filesystem::recursive_directory_iterator(); entry.increment(error)) {
        std::error_code ignored;  // a link to nowhere is no file
        if (entry->is_directory(ignored) && !entry->is_symlink(ignored) && listing_error(entry->path())) {
            // Fails when its turn comes, as a file does that cannot be read; the others are imported.
            files.push_back(entry->path());
            entry.disable_recursion_pending();
        }
        if (!entry->is_regular_file(ignored)) continue;
        if (is_importable(entry->path())) {
            files.push_back(entry->path());
        } else {
            ++list.ignored;
        }
    }
    if (error) throw_unavailable(folder, error);
    std::sort(files.begin(), files.end());
    list.files.insert(list.files.end(), files.begin(), files.end());
}

}  // namespace

FileStamp stamp_of(const std::filesystem::path& file) {
    std::error_code error;
    FileStamp stamp;
    stamp.bytes = std::filesystem::file_size(file, error);
    if (!error) stamp.changed_at = std::filesystem::last_write_time(file, error);
    if (error) throw_unavailable(file, error);
    return stamp;
}

bool needs_spool(const std::filesystem::path& file) {
    if (file == "-") return true;
    std::error_code error;
    const std::filesystem::file_status status = std::filesystem::status(file, error);
    if (error) throw_unavailable(file, error);
    if (std::filesystem::is_directory(status)) {
        error = listing_error(file);
        if (error) throw_unavailable(file, error);
        throw Error(ErrorCode::invalid_argument, fmt::format("{} is a folder, not a file", file.string()));
    }
    return !std::filesystem::is_regular_file(status);
}

void verify_checksum(const std::filesystem::path& file, const std::string& sha256) {
    const std::filesystem::path beside = file.string() + ".CHECKSUM";
    std::ifstream stream(beside);
    if (!stream) return;
    std::string line;
    std::getline(stream, line);
    const std::string expected = sha256_of_line(line);
    if (expected.empty()) {
        throw Error(ErrorCode::invalid_argument, fmt::format("{}: holds no sha256 in its first line", beside.string()));
    }
    if (expected == sha256) return;
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{}: sha256 is {}, but {} says {}; the file is damaged, or is not the one that was "
                            "published",
                            file.string(), sha256, beside.filename().string(), expected));
}

}  // namespace transfer

ImportList list_import_files(const std::vector<std::filesystem::path>& paths) {
    ImportList list;
    for (const std::filesystem::path& path : paths) {
        std::error_code error;
        const std::filesystem::file_status status = std::filesystem::status(path, error);
        if (path != "-" && !std::filesystem::exists(status)) {
            const std::string name = path.empty() ? "''" : path.string();
            throw Error(ErrorCode::invalid_argument, fmt::format("{}: {}", name, error.message()));
        }
        if (std::filesystem::is_directory(status)) {
            transfer::list_folder(path, list);
        } else {
            list.files.push_back(path);
        }
    }
    return list;
}

}  // namespace marketdb
