#pragma once

#include <cstdint>
#include <type_traits>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include <marketdb/database_manager.hpp>

/// Taking rows out again: those of a stretch of time, or those that an import brought. Free functions over `DatabaseManager`. Both run
/// in transactions of at most 10,000 rows, so that other writers go on: what an error or an interruption leaves is whole, and
/// the same call goes on with it. Counts, first and last of each series stay right, and latest rows in memory are forgotten.
namespace marketdb {

/// Which rows go.
struct DeleteOptions {
    Dataset dataset{};
    SeriesFilter series;        ///< Something must be given; `exchange = "*"` is everything.
    Timestamp start = kNoTime;  ///< Inclusive; absent: from the first row.
    Timestamp end = kNoTime;    ///< Exclusive; absent: to the last row.
    bool dry_run = false;       ///< Count only.
};

/// What was removed.
struct Removal {
    /// Those that had any, by dataset, exchange, symbol, with how many rows went or would; without first and last.
    std::vector<SeriesStats> series;
    std::uint64_t rows = 0;
};

/// Removes rows of the chosen series, by event time.
///
/// Errors: invalid_argument  no series is chosen, or end is before start.
///         unknown_exchange, unknown_symbol  the filter names what does not exist. read_only.
///         What was removed before an error stays removed.
boost::asio::awaitable<Removal> delete_rows(DatabaseManager& db, DeleteOptions options,
                                            Deadline deadline = Deadline::never());

/// What undoing does.
struct UndoOptions {
    SourceId source{};
    bool dry_run = false;  ///< Count only.
};

/// Removes exactly the rows that say that they come from this source, an import or a copy. Rows that the source changed say so
/// too, so they go as well: what they were before is not kept anywhere. Rows of it that were changed later by others are those
/// others' now, and stay; so do rows of a file that were set aside.
///
/// The source stays in `sources`, of kind `undone`; its file counts as not imported. An undone source may be undone again, which
/// takes what an interruption left.
///
/// Errors: invalid_argument  there is no such source, or it is a session or a migration.
///         schema_mismatch   rows of an existing schema do not say where they come from.
///         read_only. What was removed before an error stays removed.
/// Cost:   rows are not ordered by their source: every row of the four datasets is read once, and a second time in the series
///         that have some.
boost::asio::awaitable<Removal> undo_import(DatabaseManager& db, UndoOptions options,
                                            Deadline deadline = Deadline::never());

static_assert(std::is_trivially_copyable_v<DeleteOptions> && std::is_trivially_copyable_v<UndoOptions>);

}  // namespace marketdb
