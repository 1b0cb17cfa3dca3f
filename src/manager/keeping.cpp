#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <utility>

#include "manager/cleanup.hpp"
#include "manager/impl.hpp"
#include "manager/retention.hpp"

namespace marketdb {

using boost::asio::awaitable;
using storage::Table;

namespace {

constexpr std::chrono::minutes kRecent{1};  // stated in the public header

/// No row is older than the least time.
Timestamp before(Timestamp now, std::chrono::microseconds age) noexcept {
    return age < now - kMinTime ? now - age : kMinTime;
}

struct WhatGoes {
    std::optional<CleanupRule> rule;  ///< None: all rows stay.
    std::uint64_t beyond_limit = 0;
};

/// What has to go of a dataset.
awaitable<WhatGoes> what_goes(storage::Engine& engine, const RetentionRules& rules, CleanupOptions options,
                              Dataset dataset, Timestamp now, Deadline deadline) {
    WhatGoes goes;
    CleanupRule rule;
    rule.exact = options.exact;
    rule.dry_run = options.dry_run;
    rule.held = rules.held(dataset);
    if (options.older_than) {
        rule.cutoff = before(now, *options.older_than);
        goes.rule = rule;
        co_return goes;
    }
    const RetentionPolicy* policy = rules.policy_of(dataset);
    if (policy == nullptr) co_return goes;
    rule.spares_imports = !policy->takes_imports;
    if (policy->max_age.count() > 0) rule.cutoff = before(now, policy->max_age);
    if (policy->max_bytes > 0) {
        const SizeCutoff by_size =
            co_await cutoff_for_size(engine, storage::table_of(dataset), rule, policy->max_bytes, deadline);
        goes.beyond_limit = by_size.beyond;
        const bool is_later = !is_present(rule.cutoff) || by_size.cutoff > rule.cutoff;
        if (is_present(by_size.cutoff) && is_later) rule.cutoff = by_size.cutoff;
    }
    if (is_present(rule.cutoff)) goes.rule = rule;
    co_return goes;
}

}  // namespace

awaitable<CleanupResult> DatabaseManager::Impl::cleanup(CleanupOptions options, Deadline deadline) {
    if (!options.dry_run) refuse_read_only();
    if (!options.older_than && !engine_->capabilities().own_tables) {
        throw Error(ErrorCode::schema_mismatch,
                    "an existing schema stores no retention policies: give the age from which rows go");
    }
    CleanupResult result;
    const Timestamp now = clock_->now();
    const std::array<std::uint64_t*, 4> removed = {&result.book_tickers, &result.trades, &result.funding_rates,
                                                   &result.balances};
    const std::array<std::uint64_t*, 4> staying = {&result.book_tickers_staying, &result.trades_staying,
                                                   &result.funding_rates_staying, &result.balances_staying};
    const std::vector<Dataset> datasets = co_await datasets_to_clean(*engine_, options.dataset, deadline);
    for (const Dataset dataset : datasets) {
        const auto i = static_cast<std::size_t>(dataset);
        const Table& table = storage::table_of(dataset);
        // For each anew: what went before may have taken long.
        const RetentionRules rules = co_await read_retention_rules(*engine_, deadline);
        const WhatGoes goes = co_await what_goes(*engine_, rules, options, dataset, now, deadline);
        result.beyond_limit.at(i) = goes.beyond_limit;
        if (!goes.rule) continue;
        const CleanedDataset cleaned = co_await clean_dataset(*engine_, *latest_[i], table, *goes.rule, deadline);
        result.cutoffs[i] = goes.rule->cutoff;
        // What goes by age makes room too.
        result.beyond_limit.at(i) -= std::min(goes.beyond_limit, cleaned.removed);
        *removed[i] = cleaned.removed;
        *staying[i] = cleaned.staying;
    }
    if (!options.dry_run) co_await engine_->reclaim(deadline);
    co_return result;
}

awaitable<DatabaseStats> DatabaseManager::Impl::database_stats(Deadline deadline) {
    RecentRows recent;
    DatabaseStats stats = co_await stats_and_recent(recent, clock_->now(), deadline);
    co_return stats;
}

awaitable<DatabaseStats> DatabaseManager::Impl::stats_and_recent(RecentRows& recent, Timestamp now, Deadline deadline) {
    DatabaseStats stats = co_await engine_->stats(deadline);
    const Timestamp since = now - kRecent;
    for (DatasetStats& one : stats.datasets) {
        if (!is_present(one.last)) continue;
        one.newest_age = now - one.last;
        // The database is asked only where there are any.
        if (one.last < since) continue;
        const std::vector<storage::SeriesCount> counts =
            co_await engine_->count_since(storage::table_of(one.dataset), since, deadline);
        for (const storage::SeriesCount& series : counts) {
            one.recent_rows += series.rows;
            recent[{one.dataset, series.series}] = series.rows;
        }
    }
    co_return stats;
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
    if (options.older_than && options.older_than->count() <= 0) {
        throw Error(ErrorCode::invalid_argument, "older_than: expected a positive length of time");
    }
    return impl_->start(&Impl::cleanup, deadline, options);
}

awaitable<DatabaseStats> DatabaseManager::get_database_stats(Deadline deadline) {
    return impl_->start(&Impl::database_stats, deadline);
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

awaitable<ConversionReport> DatabaseManager::plan_conversion(ConversionDetail detail, Deadline deadline) {
    return Impl::run(impl_, impl_->engine().plan_conversion(detail, deadline), Impl::Needs::nothing);
}

awaitable<ConversionReport> DatabaseManager::convert(ConversionStep step, ConversionOptions options,
                                                     Deadline deadline) {
    return Impl::run(impl_, impl_->engine().convert(step, options, deadline), Impl::Needs::nothing);
}

}  // namespace marketdb
