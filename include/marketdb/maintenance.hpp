#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include <marketdb/database_manager.hpp>
#include <marketdb/doctor.hpp>

/// What a database needs done from time to time, and how long its disk will do. Free functions over the public `DatabaseManager`.
namespace marketdb {

/// How a forecast is made.
struct ForecastOptions {
    /// The rate at which rows come is that of the rows of so long before now, by event time; of a dataset that began later, since
    /// then. From a minute to 366 days.
    std::chrono::microseconds window{std::chrono::hours(24)};
    /// Room on the disk, for a database that cannot see its own (a server's). Absent: what can be seen.
    std::optional<std::uint64_t> free_bytes;
};

/// How one dataset grows.
struct DatasetForecast {
    Dataset dataset{};
    std::uint64_t rows = 0;
    double rows_per_day = 0;
    double bytes_per_day = 0;  ///< The same in usual sizes of rows (`usual_row_bytes`).
    /// What it can still grow by until its policy lets as much go as comes: until its first row has the greatest age, or until it has
    /// the greatest size; a partition's width more where rows go by whole partitions. Absent: nothing ends it: there is no policy, the
    /// time to come is held, or what may go is too little for the size.
    std::optional<double> grows_by_bytes;
};

/// When the disk will be full if rows go on coming as they do.
struct DiskForecast {
    Timestamp at = kNoTime;
    std::array<DatasetForecast, 4> datasets;  ///< By `Dataset`.
    double bytes_per_day = 0;                 ///< Of all, now.
    std::optional<std::uint64_t> free_bytes;  ///< Absent: nobody knows.
    /// When that is used up. Absent: never (`bytes_per_day` is 0, or the policies end the growth before), later than 2262, or
    /// `free_bytes` is not known.
    Timestamp full_at = kNoTime;
};

/// Works out when the disk is full: each dataset goes on growing as in the window, until its policy ends that. Room that rows which
/// went have left in the database itself is not counted, so the day may be later.
///
/// Errors: invalid_argument  a window below a minute or above 366 days.
/// Cost:   an index probe for each series, and reading the index entries of the rows in the window.
boost::asio::awaitable<DiskForecast> forecast_disk(DatabaseManager& db, ForecastOptions options = {},
                                                   Deadline deadline = Deadline::never());

/// What maintenance sees to.
struct MaintenanceOptions {
    /// On PostgreSQL: from now on so long there are partitions for rows to come. 0 to 366 days.
    std::chrono::microseconds ahead{std::chrono::hours(7 * 24)};
    ForecastOptions forecast;
};

/// What maintenance did.
struct MaintenanceReport {
    CleanupResult cleaned;  ///< What the policies let go.
    /// What was done, one after another, each with its figures: `check` is `partitions`, `rows`, `vacuum`, `statistics`, `log` or
    /// `disk`. `fine` was done; `note` is left to others, and why; `warning` and `critical` could not be done, or need a hand.
    std::vector<Finding> steps;
    DiskForecast forecast;
};

/// Does what a database needs from time to time; for a timer, an hour or a day apart. Each step by itself, and each again does no
/// harm: makes partitions for the time to come; removes rows as `cleanup_old_data` does without a length; gives freed pages back
/// (SQLite: all of them, PostgreSQL: VACUUM of tables and partitions with many rows that went or came, if they are this role's);
/// brings the planner's statistics up to date; folds SQLite's log back into the file; forecasts when the disk is full. Others read
/// and write meanwhile.
///
/// A step that fails is a `warning` in the report, and the next one is done.
/// Errors: invalid_argument  of the options. read_only. closed, unavailable, timeout, cancelled  the steps before are done.
boost::asio::awaitable<MaintenanceReport> maintain(DatabaseManager& db, MaintenanceOptions options = {},
                                                   Deadline deadline = Deadline::never());

static_assert(std::is_trivially_copyable_v<ForecastOptions> && std::is_trivially_copyable_v<MaintenanceOptions>);

}  // namespace marketdb
