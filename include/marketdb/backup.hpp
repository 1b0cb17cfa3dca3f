#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include <marketdb/config.hpp>
#include <marketdb/deadline.hpp>

/// Copies of a whole database file, made while it is in use; and what programs that save a PostgreSQL database need.
namespace marketdb {

class DatabaseManager;

/// What a backup holds.
struct BackupReport {
    std::string file;
    std::uint64_t bytes = 0;
    std::uint64_t series = 0;
    std::uint64_t rows = 0;  ///< Of the four datasets, counted in the copy.
    /// Series that have more or fewer rows than the database keeps count of: somebody changed them by other means. The copy has
    /// them as they are.
    std::uint64_t miscounted = 0;
};

/// Copies the database as it is at one moment into a new file, while others read and write. The copy is written under another
/// name beside it (`FILE.part-..`), brought to the disk, checked (`PRAGMA integrity_check`, and every row is counted), and only then
/// gets its name: what has the name is whole. It is an ordinary database; `back_up` of it to where the first was restores that.
///
/// While the copy is read the log of the database cannot be folded back: it grows by what others write meanwhile.
///
/// @param target  Must not exist.
///
/// Errors: invalid_argument  the database is on PostgreSQL, which has `pg_dump` for it.
///         constraint        `target` exists.
///         unavailable       its folder does not exist or cannot be written. resource_exhausted  the disk is full.
///         corrupt           the copy is not sound, so the database itself is damaged. On any error nothing has the name.
/// Cost:   reads the database once, writes the copy and reads it.
boost::asio::awaitable<BackupReport> back_up(DatabaseManager& db, const std::filesystem::path& target,
                                             Deadline deadline = Deadline::never());

/// How a PostgreSQL configuration connects, as libpq's environment variables (`PGHOST`, `PGPASSWORD`, ..), for programs such as
/// pg_dump: everybody on a machine can see what a program was given as arguments. What the configuration leaves open stays open.
/// Memory only.
///
/// Errors: invalid_argument  not a PostgreSQL configuration, or a URL that libpq does not understand.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> connection_environment(const Config& config);

}  // namespace marketdb
