#include <algorithm>
#include <utility>

#include "manager/impl.hpp"

namespace marketdb {
namespace {

using storage::SeriesInfo;
using storage::SeriesKey;

void refuse(bool wrong, const char* message) {
    if (wrong) throw Error(ErrorCode::invalid_argument, message);
}

}  // namespace

HistoryPlan DatabaseManager::Impl::check_history(const storage::Table& table, const HistoryFilter& filter) {
    refuse(filter.every.count() < 0, "every: expected a positive length of time");
    refuse(filter.last.count() < 0, "last: expected a positive length of time");
    refuse(filter.last.count() > 0 && is_present(filter.start), "last and start exclude each other");
    refuse(is_present(filter.start) && is_present(filter.end) && filter.end < filter.start,
           "end lies before start: a range is [start, end)");
    HistoryPlan plan;
    plan.table = &table;
    plan.start = filter.start;
    plan.end = filter.end;
    plan.last = filter.last;
    plan.descending = filter.order == Order::descending;
    plan.clock = filter.clock;
    plan.every = filter.every;
    plan.limit = filter.limit;
    if (is_present(filter.after.timestamp)) {
        refuse(filter.clock == ClockKind::received && !is_present(filter.after.received_at),
               "after: reading by the received clock goes on after a row that has received_at");
        plan.after = filter.after;
    }
    return plan;
}

boost::asio::awaitable<HistoryStream> DatabaseManager::Impl::open_history(HistoryPlan plan, OwnedSeriesFilter series,
                                                                          Deadline deadline) {
    plan.series = co_await choose_series(*plan.table, series, deadline);
    std::vector<SeriesInfo> known;
    if (plan.series.size() > 1 || plan.clock == ClockKind::received) {
        known = co_await engine_->series(plan.table->dataset, deadline);
        // Series without rows need no cursor.
        std::vector<SeriesKey> stored(known.size());
        std::transform(known.begin(), known.end(), stored.begin(), [](const SeriesInfo& one) { return one.series; });
        std::sort(stored.begin(), stored.end());
        std::erase_if(plan.series,
                      [&](const SeriesKey& one) { return !std::binary_search(stored.begin(), stored.end(), one); });
    }
    if (plan.last.count() > 0) {
        auto newest_plan = std::make_unique<HistoryPlan>(plan);
        newest_plan->descending = true;
        newest_plan->every = {};
        newest_plan->after.reset();
        HistoryStream newest(std::move(newest_plan), known);
        RowBuffer row(*plan.table);
        co_await newest.read(*engine_, row, 1, deadline);
        if (row.size() > 0) {
            const AnswerOrder order(*plan.table, plan.clock, true);
            plan.start = std::max(order.time(row[0]) - plan.last, kMinTime);
        }
        plan.last = {};
    }
    auto owned = std::make_unique<HistoryPlan>(std::move(plan));
    HistoryStream stream(std::move(owned), std::move(known));
    co_return stream;
}

template <class Row>
boost::asio::awaitable<History<Row>> DatabaseManager::Impl::get_history(HistoryPlan plan, OwnedSeriesFilter series,
                                                                        Deadline deadline) {
    const std::uint64_t limit = plan.limit;
    HistoryStream stream = co_await open_history(std::move(plan), std::move(series), deadline);
    History<Row> history;
    VectorSink<Row> sink(history.rows);
    // One more than asked tells whether the answer was cut.
    constexpr std::uint64_t kAll = std::numeric_limits<std::uint64_t>::max();
    const std::uint64_t wanted = limit > 0 && limit < kAll ? limit + 1 : kAll;
    co_await stream.read(*engine_, sink, wanted, deadline);
    if (limit > 0 && history.rows.size() > limit) {
        history.rows.resize(limit);
        history.truncated = true;
    }
    history.without_received_at = stream.without_received_at();
    co_return history;
}

template boost::asio::awaitable<History<BookTicker>> DatabaseManager::Impl::get_history(HistoryPlan, OwnedSeriesFilter,
                                                                                        Deadline);
template boost::asio::awaitable<History<Trade>> DatabaseManager::Impl::get_history(HistoryPlan, OwnedSeriesFilter,
                                                                                   Deadline);
template boost::asio::awaitable<History<FundingRate>> DatabaseManager::Impl::get_history(HistoryPlan, OwnedSeriesFilter,
                                                                                         Deadline);
template boost::asio::awaitable<History<Balance>> DatabaseManager::Impl::get_history(HistoryPlan, OwnedSeriesFilter,
                                                                                     Deadline);

boost::asio::awaitable<std::vector<SeriesStats>> DatabaseManager::Impl::series_stats(Deadline deadline) {
    const std::vector<SeriesInfo> stored = co_await engine_->series(std::nullopt, deadline);
    std::vector<SeriesStats> result;
    for (const SeriesInfo& one : stored) {
        SeriesStats stats;
        stats.dataset = one.dataset;
        stats.rows = one.rows;
        stats.first = one.first;
        stats.last = one.last;
        if (one.dataset == Dataset::balances) {
            stats.exchange_id = ExchangeId{one.series.id};
            stats.account = one.series.account;
            stats.asset_name = one.series.asset;
        } else {
            stats.symbol_id = SymbolId{one.series.id};
            if (const Symbol* symbol = reference_.find_symbol(stats.symbol_id)) stats.exchange_id = symbol->exchange_id;
        }
        result.push_back(stats);
    }
    const auto name = [this](const SeriesStats& stats) {
        const Exchange* exchange = reference_.find_exchange(stats.exchange_id);
        const Symbol* symbol = reference_.find_symbol(stats.symbol_id);
        return std::pair(exchange == nullptr ? std::string() : exchange->enum_value.str(),
                         symbol == nullptr ? stats.account.str() + "/" + stats.asset_name.str() : pair(*symbol));
    };
    std::stable_sort(result.begin(), result.end(), [&name](const SeriesStats& a, const SeriesStats& b) {
        if (a.dataset != b.dataset) return a.dataset < b.dataset;
        return name(a) < name(b);
    });
    co_return result;
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

boost::asio::awaitable<std::vector<MigrationStep>> DatabaseManager::Impl::migrate_plan(Deadline deadline) {
    const MigrationStatus status = co_await engine_->migrate_status(deadline);
    std::vector<MigrationStep> pending;
    for (const MigrationStep& step : status.steps) {
        if (!step.applied) pending.push_back(step);
    }
    co_return pending;
}

}  // namespace marketdb
