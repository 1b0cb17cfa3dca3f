#pragma once

#include <cstdint>
#include <functional>
#include <utility>

#include <boost/asio/awaitable.hpp>

#include <marketdb/deadline.hpp>

#include "cache/latest_cache.hpp"
#include "storage/engine.hpp"

/// The one way by which rows go: all of them one by one through `remove_rows`, or with their partition through `drop_partitions`.
/// What is kept about rows has to shrink here, before they go.
namespace marketdb {

/// Takes latest rows out of memory however a removal ends: after an error some of them are gone.
class ForgetsLatest {
 public:
    using Fits = std::function<bool(const storage::SeriesKey& series, const std::byte* row)>;
    ForgetsLatest(cache::LatestCache& cache, Fits fits) : cache_(cache), fits_(std::move(fits)) {}
    ~ForgetsLatest() {
        cache_.erase_if([this](const storage::SeriesKey& series, const std::byte* row) {
            return row != nullptr && fits_(series, row);
        });
    }
    ForgetsLatest(const ForgetsLatest&) = delete;
    ForgetsLatest& operator=(const ForgetsLatest&) = delete;

 private:
    cache::LatestCache& cache_;
    const Fits fits_;
};

/// Removes the chosen rows in transactions of bounded size, so that other writers go on. Returns how many they were.
boost::asio::awaitable<std::uint64_t> remove_rows(storage::Engine& engine, storage::RowChoice choice,
                                                  Deadline deadline);

/// Drops all partitions that end at the cut-off or before it and need not stay. Returns how many rows went with them.
boost::asio::awaitable<std::uint64_t> drop_partitions(storage::Engine& engine, const storage::Table& table,
                                                      Timestamp cutoff, bool spares_imports, Deadline deadline);

}  // namespace marketdb
