#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "storage/table.hpp"

namespace marketdb::cache {

/// The newest row of each series of one dataset, with the moment at which memory learned it.
///
/// An entry is served until `ttl` after that moment; at that instant it is stale. A series that is known to have no rows is
/// an entry too. Bounded by the number of series.
///
/// Threads: all functions from any thread.
class LatestCache {
 public:
    using Moment = std::chrono::steady_clock::time_point;
    enum class Answer : std::uint8_t { unknown, no_rows, row };

    LatestCache(const storage::Table& table, std::chrono::microseconds ttl);
    ~LatestCache();

    /// Copies the newest row into `out` (table.row_size bytes) if an entry was learned less than `max_age` (< 0: ttl) before
    /// `now`. `allow_unverified`: entries marked by `mark_unverified` count as well.
    [[nodiscard]] Answer find(const storage::SeriesKey& series, Moment now, std::chrono::microseconds max_age,
                              bool allow_unverified, std::byte* out) const noexcept;

    /// What a completed write stored: series with a fresh entry take a row that is newer (by the table's order). Returns the
    /// series that have no fresh entry, or whose newest row was changed: the caller asks the database for them.
    std::vector<storage::SeriesKey> learn_written(storage::RowSpan rows, Moment now);

    /// What the database answered for `asked`, as of the token taken before asking: rows in any order; a series without row
    /// has none. Ignored for entries that were written or invalidated after the token.
    [[nodiscard]] std::uint64_t token() const noexcept;
    void learn_answer(std::span<const storage::SeriesKey> asked, storage::RowSpan rows, Moment now,
                      std::uint64_t token);

    /// Somebody else wrote: `get_` must ask the database again; returns the series that are in memory.
    std::vector<storage::SeriesKey> mark_unverified();

    /// Removes entries that fit; returns how many held a row.
    std::size_t erase_if(const std::function<bool(const storage::SeriesKey&, const std::byte* row_or_null)>& fits);
    /// Removes expired entries.
    void sweep(Moment now);
    [[nodiscard]] std::size_t size() const noexcept;  ///< Entries with a row.
    void count(std::uint64_t hits, std::uint64_t misses) noexcept;
    [[nodiscard]] std::uint64_t hits() const noexcept;
    [[nodiscard]] std::uint64_t misses() const noexcept;
    void reset_counts() noexcept;

 private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace marketdb::cache
