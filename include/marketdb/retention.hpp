#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include <marketdb/database_manager.hpp>

/// How long rows stay: policies and held times, stored with the data, so that every program that cleans up does it alike. Free
/// functions over the public `DatabaseManager`. `cleanup_old_data` without a length applies them. An existing schema stores
/// none: `schema_mismatch`.
namespace marketdb {

/// How long the rows of a dataset stay.
struct RetentionPolicy {
    Dataset dataset{};
    std::chrono::microseconds max_age{0};  ///< By event time; >= 0. 0: for ever, as without a policy.
    /// Of all rows of the dataset, held and imported ones too, each with its usual size on disk (see `usual_row_bytes`): room that
    /// rows which went have left in the file does not count. While there are more, the oldest that may go do. Where all that may
    /// go would not be enough, none goes (see `CleanupResult::beyond_limit`). On PostgreSQL quotes and trades go by whole partitions
    /// unless `CleanupOptions::exact` is set: up to a partition more stays. 0: any size.
    std::uint64_t max_bytes = 0;
    bool takes_imports = false;      ///< Rows of imports and copies go too; else they stay whatever their age.
    Timestamp updated_at = kNoTime;  ///< When it was set; not looked at by `set_retention`.
};

/// Stores the policy of its dataset in place of the one before.
///
/// On PostgreSQL the partitions of the dataset that are made from now on are a day wide where rows go after 31 days or earlier,
/// or by size, else a month.
///
/// Errors: invalid_argument  a negative age or one above 292 years, a size of 2^63 bytes or more. read_only, schema_mismatch.
///         No policy was stored.
boost::asio::awaitable<void> set_retention(DatabaseManager& db, RetentionPolicy policy,
                                           Deadline deadline = Deadline::never());

/// The policies that were set, by dataset. Errors: schema_mismatch.
boost::asio::awaitable<std::vector<RetentionPolicy>> get_retention(DatabaseManager& db,
                                                                   Deadline deadline = Deadline::never());

/// A stretch of event time whose rows stay, whatever a policy or `cleanup_old_data` says. `delete_rows` and `undo_import` are a
/// user's own word and take them.
struct RetentionHold {
    std::int32_t id = 0;              ///< Given by `hold_rows`.
    std::optional<Dataset> dataset;   ///< None: all.
    Timestamp start = kNoTime;        ///< Inclusive; absent: from the first row.
    Timestamp end = kNoTime;          ///< Exclusive; absent: for ever.
    InlineString<254> reason;         ///< Not empty.
    Timestamp created_at = kNoTime;   ///< Given by `hold_rows`.
    Timestamp released_at = kNoTime;  ///< Absent: it holds.
};

/// Holds rows from now on; returns the hold with its id. A clean-up that runs already may not know it: it counts for every
/// partition that is dropped later and for every clean-up that begins later.
///
/// Errors: invalid_argument  no reason, an end that is not after the start, a time that no row can have. read_only,
///         schema_mismatch. Nothing was stored.
boost::asio::awaitable<RetentionHold> hold_rows(DatabaseManager& db, RetentionHold hold,
                                                Deadline deadline = Deadline::never());

/// Lets the rows of a hold go; it stays in the list with the time. One that was released before keeps its time.
///
/// Errors: invalid_argument  there is no hold of this id. read_only, schema_mismatch.
boost::asio::awaitable<void> release_hold(DatabaseManager& db, std::int32_t id, Deadline deadline = Deadline::never());

/// The holds that hold, or all that there ever were, by id. Errors: schema_mismatch.
boost::asio::awaitable<std::vector<RetentionHold>> get_holds(DatabaseManager& db, bool with_released = false,
                                                             Deadline deadline = Deadline::never());

/// What a row of the dataset usually takes on disk in this database, its share of the indexes included. Memory only.
[[nodiscard]] std::uint64_t usual_row_bytes(const DatabaseManager& db, Dataset dataset);

/// A job by which the server itself looks after a table (TimescaleDB: retention, compression, ..), whatever the policies here say.
struct ServerJob {
    std::int64_t id = 0;
    std::string table;     ///< With its schema.
    std::string what;      ///< `policy_retention`.
    std::string every;     ///< `1 day`, as the server spells it.
    std::string settings;  ///< `{"drop_after": "30 days"}`; may be empty.
    bool is_paused = false;
    bool has_failed = false;  ///< The last time it ran.
};

/// The jobs of the tables in this database, by id; none without TimescaleDB.
boost::asio::awaitable<std::vector<ServerJob>> get_server_jobs(DatabaseManager& db,
                                                               Deadline deadline = Deadline::never());

static_assert(std::is_trivially_copyable_v<RetentionPolicy> && std::is_trivially_copyable_v<RetentionHold>);

}  // namespace marketdb
