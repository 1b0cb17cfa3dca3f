#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace marketdb::storage::sqlite {

/// Notices that the database file or its log was removed or replaced behind an open connection: what is written then goes
/// into files that nobody will ever find again. Only looks at names (stat); opening one of these files would drop locks.
class FileIdentity {
 public:
    /// Watches nothing (a database in memory).
    FileIdentity() = default;
    /// Remembers the files as they are now. Call while a connection is open on them.
    explicit FileIdentity(std::string database_file);

    /// Errors: unavailable  the file, or the log that was seen before, is gone or is another; names it.
    void require_same();

 private:
    struct Place {
        dev_t device = 0;
        ino_t node = 0;
        friend bool operator==(const Place&, const Place&) = default;
    };
    [[nodiscard]] static std::optional<Place> place_of(const std::string& path) noexcept;

    std::string path_;
    std::string log_path_;
    std::optional<Place> database_;
    std::optional<Place> log_;
};

}  // namespace marketdb::storage::sqlite
