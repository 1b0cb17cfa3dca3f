#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include <marketdb/deadline.hpp>
#include <marketdb/queries.hpp>
#include <marketdb/time.hpp>

#include "cache/latest_cache.hpp"
#include "core/intervals.hpp"
#include "storage/engine.hpp"
#include "storage/table.hpp"

namespace marketdb {

/// What a clean-up did with one dataset.
struct CleanedDataset {
    std::uint64_t removed = 0;
    std::uint64_t staying = 0;  ///< Though older than the cut-off.
};

/// The one that is asked for, else all that can have rows.
boost::asio::awaitable<std::vector<Dataset>> datasets_to_clean(storage::Engine& engine, std::optional<Dataset> only,
                                                               Deadline deadline);

/// What has to go of a dataset.
struct CleanupRule {
    Timestamp cutoff = kNoTime;  ///< Rows before it.
    bool spares_imports = false;
    core::Intervals held;
    bool exact = false;  ///< See `CleanupOptions`.
    bool dry_run = false;
};

/// What the size of a dataset asks for.
struct SizeCutoff {
    Timestamp cutoff = kNoTime;  ///< Rows before it that may go have to; absent: none.
    std::uint64_t beyond = 0;    ///< So many rows too many there are, and fewer than that may go.
};

/// @param rule  What may go; its cut-off is not looked at.
boost::asio::awaitable<SizeCutoff> cutoff_for_size(storage::Engine& engine, const storage::Table& table,
                                                   CleanupRule rule, std::uint64_t max_bytes, Deadline deadline);

/// Removes, or only counts, the rows of a dataset that have to go: whole partitions where there are such, else row by row.
/// The cache forgets what went, also when an error ends it half-way.
boost::asio::awaitable<CleanedDataset> clean_dataset(storage::Engine& engine, cache::LatestCache& cache,
                                                     const storage::Table& table, CleanupRule rule, Deadline deadline);

}  // namespace marketdb
