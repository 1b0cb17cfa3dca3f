#include <array>
#include <utility>

#include "manager/impl.hpp"

namespace marketdb {
namespace {

using boost::asio::awaitable;
using storage::Table;

constexpr std::uint64_t kCleanupRows = 10'000;  // of one transaction, so that other writers go on

}  // namespace

awaitable<std::uint64_t> DatabaseManager::Impl::cleanup_series(const storage::SeriesInfo& series, Timestamp cutoff,
                                                               bool dry_run, Deadline deadline) {
    std::uint64_t total = 0;
    if (series.first >= cutoff) co_return total;
    const Table& table = storage::table_of(series.dataset);
    const std::uint64_t limit = dry_run ? 0 : kCleanupRows;
    std::uint64_t gone = 0;
    do {
        gone = co_await engine_->erase_before(table, series.series, cutoff, limit, dry_run, deadline);
        total += gone;
    } while (!dry_run && gone == kCleanupRows);
    co_return total;
}

awaitable<CleanupResult> DatabaseManager::Impl::cleanup(CleanupOptions options, Deadline deadline) {
    if (!options.dry_run) refuse_read_only();
    CleanupResult result;
    result.cutoff = clock_->now() - options.older_than;
    const std::array<std::uint64_t*, 4> counts = {&result.book_tickers, &result.trades, &result.funding_rates,
                                                  &result.balances};
    // A database of other programs may lack tables; there is nothing to delete then, unless one of them is asked for.
    const std::vector<storage::SeriesInfo> stored = co_await engine_->series(options.dataset, deadline);
    for (const storage::SeriesInfo& one : stored) {
        const std::uint64_t gone = co_await cleanup_series(one, result.cutoff, options.dry_run, deadline);
        *counts[static_cast<std::size_t>(one.dataset)] += gone;
    }
    for (std::size_t i = 0; i < counts.size(); ++i) {
        const auto dataset = static_cast<Dataset>(i);
        if (options.dry_run || (options.dataset && *options.dataset != dataset)) continue;
        const storage::Column& time = *storage::table_of(dataset).find(storage::Role::event_time);
        const Timestamp cutoff = result.cutoff;
        latest_cache(dataset).erase_if([&time, cutoff](const storage::SeriesKey&, const std::byte* row) {
            return row != nullptr && storage::load<Timestamp>(row, time) < cutoff;
        });
    }
    if (!options.dry_run) co_await engine_->reclaim(deadline);
    co_return result;
}

awaitable<std::vector<SeriesStats>> DatabaseManager::Impl::series_stats(Deadline deadline) {
    std::vector<storage::SeriesInfo> stored = co_await engine_->series(std::nullopt, deadline);
    co_await engine_->count_rows(stored, deadline);
    co_return describe_series(reference_, stored);
}

PerformanceStats DatabaseManager::Impl::performance() const {
    const cache::LookupCounts counts = reference_.counts();
    PerformanceStats stats;
    stats.hits = counts.hits;
    stats.misses = counts.misses;
    stats.total_requests = counts.hits + counts.misses;
    if (stats.total_requests > 0) {
        stats.hit_ratio = static_cast<double>(counts.hits) / static_cast<double>(stats.total_requests);
    }
    if (counts.samples > 0) {
        stats.avg_lookup_time_ns = static_cast<double>(counts.sampled_ns) / static_cast<double>(counts.samples);
        stats.avg_lookup_time_us = stats.avg_lookup_time_ns / 1'000;
    }
    stats.last_refresh = Timestamp{std::chrono::microseconds{last_refresh_us_.load()}};
    stats.refreshes = refreshes_.load();
    stats.cache_size = reference_.size();
    for (const auto& cache : latest_) {
        stats.latest_size += cache->size();
        stats.latest_hits += cache->hits();
        stats.latest_misses += cache->misses();
    }
    stats.pending_operations = engine_->pending();
    stats.rows_written = rows_written_.load();
    return stats;
}

void DatabaseManager::Impl::reset_counts() noexcept {
    reference_.reset_counts();
    for (const auto& cache : latest_) cache->reset_counts();
    refreshes_.store(0);
}

awaitable<std::vector<MigrationStep>> DatabaseManager::Impl::migrate_plan(Deadline deadline) {
    MigrationStatus status = co_await engine_->migrate_status(deadline);
    std::erase_if(status.steps, [](const MigrationStep& step) { return step.applied; });
    co_return std::move(status.steps);
}

awaitable<CleanupResult> DatabaseManager::cleanup_old_data(CleanupOptions options, Deadline deadline) {
    if (options.older_than.count() <= 0) {
        throw Error(ErrorCode::invalid_argument, "older_than: expected a positive length of time");
    }
    return impl_->start(&Impl::cleanup, deadline, options);
}

awaitable<DatabaseStats> DatabaseManager::get_database_stats(Deadline deadline) {
    return Impl::run(impl_, impl_->engine().stats(impl_->resolve(deadline)));
}

awaitable<std::vector<SeriesStats>> DatabaseManager::get_series_stats(Deadline deadline) {
    return impl_->start(&Impl::series_stats, deadline);
}

PerformanceStats DatabaseManager::get_performance_stats() const { return impl_->performance(); }

void DatabaseManager::reset_cache_stats() noexcept { impl_->reset_counts(); }

awaitable<PoolStats> DatabaseManager::get_pool_stats() { return Impl::run(impl_, impl_->engine().pool_stats()); }

awaitable<MigrationStatus> DatabaseManager::migrate_status(Deadline deadline) {
    return Impl::run(impl_, impl_->engine().migrate_status(impl_->resolve(deadline)), Impl::Needs::nothing);
}

awaitable<std::vector<MigrationStep>> DatabaseManager::migrate_plan(Deadline deadline) {
    return Impl::run(impl_, impl_->migrate_plan(impl_->resolve(deadline)), Impl::Needs::nothing);
}

awaitable<std::vector<MigrationStep>> DatabaseManager::migrate_up(Deadline deadline) {
    return Impl::run(impl_, impl_->engine().migrate_up(impl_->resolve(deadline)), Impl::Needs::nothing);
}

awaitable<std::vector<MigrationStep>> DatabaseManager::migrate_down(std::uint32_t version, Deadline deadline) {
    return Impl::run(impl_, impl_->engine().migrate_down(version, impl_->resolve(deadline)), Impl::Needs::nothing);
}

}  // namespace marketdb
