#include "manager/forecast.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>
#include <vector>

#include <marketdb/retention.hpp>

#include "core/refuse.hpp"
#include "manager/access.hpp"
#include "manager/cleanup.hpp"
#include "manager/disk_room.hpp"
#include "manager/retention.hpp"

namespace marketdb {
namespace {

using boost::asio::awaitable;
using std::chrono::microseconds;
using Impl = ManagerAccess::Impl;
using Days = std::chrono::duration<double, std::ratio<86'400>>;

constexpr std::chrono::minutes kShortestWindow{1};
constexpr std::chrono::days kLongestWindow{366};
constexpr double kDaysOfMonth = 31;

/// Rows from a moment on.
awaitable<double> count_from(storage::Engine& engine, const storage::Table& table, Timestamp start, Deadline deadline) {
    const std::vector<storage::SeriesCount> counts = co_await engine.count_since(table, start, deadline);
    double rows = 0;
    for (const storage::SeriesCount& one : counts) rows += static_cast<double>(one.rows);
    co_return rows;
}

/// What is known of a dataset, and what ends its growth.
struct Growing {
    DatasetStats stats;
    RetentionPolicy policy;
    core::Intervals held;
    DatasetForecast forecast;
    double row_bytes = 0;
    double days_of_partition = 0;  ///< Rows stay until all of their partition is to go.
};

constexpr double kNoEnd = std::numeric_limits<double>::infinity();

/// By how many bytes a dataset can still grow until as much goes by age as comes.
awaitable<double> growth_until_age(storage::Engine& engine, const Growing& one, Timestamp now, Deadline deadline) {
    if (one.policy.max_age.count() == 0) co_return kNoEnd;
    const Timestamp oldest = now - one.policy.max_age;
    const double more = one.forecast.bytes_per_day * one.days_of_partition;
    if (one.stats.first >= oldest) {
        co_return more + one.forecast.bytes_per_day* std::chrono::duration_cast<Days>(one.stats.first - oldest).count();
    }
    // What is older may be imported rows that stay, and those which go may have begun long after them.
    const storage::Table& table = storage::table_of(one.stats.dataset);
    const double within = co_await count_from(engine, table, oldest, deadline);
    const double in_the_end = one.forecast.rows_per_day * std::chrono::duration_cast<Days>(one.policy.max_age).count();
    co_return more + std::max(0.0, (in_the_end - within) * one.row_bytes);
}

/// The same by size. No end where what may go is too little.
awaitable<double> growth_until_size(storage::Engine& engine, const Growing& one, Deadline deadline) {
    if (one.policy.max_bytes == 0) co_return kNoEnd;
    const double left = static_cast<double>(one.policy.max_bytes) - static_cast<double>(one.stats.rows) * one.row_bytes;
    const double more = one.forecast.bytes_per_day * one.days_of_partition;
    if (left >= 0) co_return more + left;
    CleanupRule rule;
    rule.spares_imports = !one.policy.takes_imports;
    rule.held = one.held;
    const storage::Table& table = storage::table_of(one.stats.dataset);
    const SizeCutoff cutoff = co_await cutoff_for_size(engine, table, rule, one.policy.max_bytes, deadline);
    co_return cutoff.beyond > 0 ? kNoEnd : more;
}

awaitable<DatasetForecast> forecast_dataset(storage::Engine& engine, DatasetStats stats, microseconds window,
                                            const RetentionRules& rules, Timestamp now, Deadline deadline) {
    const storage::Table& table = storage::table_of(stats.dataset);
    Growing one;
    one.stats = stats;
    one.forecast.dataset = stats.dataset;
    one.forecast.rows = stats.rows;
    if (!is_present(stats.first)) co_return one.forecast;
    const Timestamp since = std::max(stats.first, now - window);
    const microseconds watched = std::max<microseconds>(now - since, kShortestWindow);
    one.row_bytes = static_cast<double>(engine.usual_row_bytes(stats.dataset));
    if (stats.last >= since) {
        const double rows = co_await count_from(engine, table, since, deadline);
        one.forecast.rows_per_day = rows / std::chrono::duration_cast<Days>(watched).count();
        one.forecast.bytes_per_day = one.forecast.rows_per_day * one.row_bytes;
    }
    const RetentionPolicy* policy = rules.policy_of(stats.dataset);
    one.held = rules.held(stats.dataset);
    // Of what comes nothing goes while that is held.
    const bool is_held =
        std::any_of(one.held.begin(), one.held.end(), [now](const core::Interval& held) { return held.end > now; });
    if (policy == nullptr || is_held) co_return one.forecast;
    one.policy = *policy;
    const Timestamp partition = co_await engine.partition_start(table, now, deadline);
    if (partition < now) one.days_of_partition = wants_days(one.policy) ? 1 : kDaysOfMonth;
    const double by_age = co_await growth_until_age(engine, one, now, deadline);
    const double by_size = co_await growth_until_size(engine, one, deadline);
    const double most = std::min(by_age, by_size);
    if (most < kNoEnd) one.forecast.grows_by_bytes = most;
    co_return one.forecast;
}

awaitable<DiskForecast> forecast(Impl& impl, ForecastOptions options, Deadline deadline) {
    DiskForecast made;
    made.at = impl.now();
    made.free_bytes = options.free_bytes;
    const std::optional<DiskRoom> room = disk_room(impl.config());
    if (!made.free_bytes && room) made.free_bytes = room->free_bytes;
    const RetentionRules rules = co_await read_retention_rules(impl.engine(), deadline);
    const DatabaseStats stats = co_await impl.engine().stats(deadline);
    for (const DatasetStats& one : stats.datasets) {
        DatasetForecast& place = made.datasets.at(static_cast<std::size_t>(one.dataset));
        place = co_await forecast_dataset(impl.engine(), one, options.window, rules, made.at, deadline);
        made.bytes_per_day += place.bytes_per_day;
    }
    if (made.free_bytes) made.full_at = full_at(made.datasets, *made.free_bytes, made.at);
    co_return made;
}

}  // namespace

Timestamp full_at(const std::array<DatasetForecast, 4>& datasets, std::uint64_t free_bytes, Timestamp at) {
    // Days until a dataset grows no more, and what it grows by a day until then.
    std::vector<std::pair<double, double>> growing;
    double rate = 0;
    for (const DatasetForecast& one : datasets) {
        if (one.bytes_per_day <= 0) continue;
        const double most = one.grows_by_bytes.value_or(std::numeric_limits<double>::infinity());
        growing.emplace_back(most / one.bytes_per_day, one.bytes_per_day);
        rate += one.bytes_per_day;
    }
    std::sort(growing.begin(), growing.end());
    auto room = static_cast<double>(free_bytes);
    double day = 0;
    for (const auto& [end, of_dataset] : growing) {
        const double full_in = room / rate;
        if (day + full_in <= end) {
            const double days = day + full_in;
            if (days >= std::chrono::duration_cast<Days>(kMaxTime - at).count()) return kNoTime;
            return at + std::chrono::duration_cast<microseconds>(Days(days));
        }
        room -= rate * (end - day);
        rate -= of_dataset;
        day = end;
    }
    return kNoTime;
}

void refuse_window(const ForecastOptions& options) {
    const bool is_out_of_range = options.window < kShortestWindow || options.window > kLongestWindow;
    core::refuse(is_out_of_range, "window: expected a length of one minute to 366 days");
}

awaitable<DiskForecast> forecast_disk(DatabaseManager& db, ForecastOptions options, Deadline deadline) {
    refuse_window(options);
    const std::shared_ptr<Impl>& impl = ManagerAccess::impl(db);
    const Deadline resolved = impl->resolve(deadline);
    return Impl::run(impl, forecast(*impl, options, resolved));
}

}  // namespace marketdb
