#include <marketdb/status.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "core/text.hpp"
#include "manager/access.hpp"
#include "manager/disk_room.hpp"

namespace marketdb {
namespace {

using boost::asio::awaitable;
using std::chrono::microseconds;
using storage::SeriesInfo;
using storage::SeriesKey;
using Impl = ManagerAccess::Impl;

bool is_active(const cache::ReferenceTable& reference, const SeriesStatus& series) {
    const Exchange* exchange = reference.find_exchange(series.exchange_id);
    if (exchange == nullptr || !exchange->is_active) return false;
    if (series.dataset == Dataset::balances) return true;
    const Symbol* symbol = reference.find_symbol(series.symbol_id);
    return symbol != nullptr && symbol->is_active;
}

SeriesKey key_of_series(const SeriesStats& stats) {
    SeriesKey key;
    key.id = stats.dataset == Dataset::balances ? static_cast<std::int32_t>(stats.exchange_id)
                                                : static_cast<std::int32_t>(stats.symbol_id);
    key.account = stats.account;
    key.asset = stats.asset_name;
    return key;
}

/// What one adds to its exchange.
void add_to(std::vector<ExchangeStatus>& exchanges, const SeriesStatus& series) {
    const auto is_of = [&series](const ExchangeStatus& one) {
        return one.dataset == series.dataset && one.exchange_id == series.exchange_id;
    };
    auto found = std::find_if(exchanges.begin(), exchanges.end(), is_of);
    if (found == exchanges.end()) {
        found = exchanges.insert(exchanges.end(), ExchangeStatus{});
        found->dataset = series.dataset;
        found->exchange_id = series.exchange_id;
        found->newest_age = series.age;
    }
    ++found->series;
    found->stale += series.is_stale ? 1 : 0;
    found->newest_age = std::min(found->newest_age, series.age);
    found->recent_rows += series.recent_rows;
}

/// The exchanges of the answer; empty: all.
std::vector<ExchangeId> chosen_exchanges(const cache::ReferenceTable& reference, const std::string& pattern) {
    std::vector<ExchangeId> chosen;
    if (pattern.empty()) return chosen;
    for (const Exchange* one : reference.exchanges()) {
        if (core::matches_pattern(pattern, one->enum_value)) chosen.push_back(one->id);
    }
    if (chosen.empty()) throw unknown_exchange(pattern);
    return chosen;
}

void name_exchanges(const cache::ReferenceTable& reference, std::vector<ExchangeStatus>& exchanges) {
    for (ExchangeStatus& one : exchanges) {
        const Exchange* exchange = reference.find_exchange(one.exchange_id);
        if (exchange == nullptr) continue;
        one.exchange = exchange->enum_value;
        one.is_active = exchange->is_active;
    }
    std::sort(exchanges.begin(), exchanges.end(), [](const ExchangeStatus& a, const ExchangeStatus& b) {
        return a.exchange != b.exchange ? a.exchange < b.exchange : a.dataset < b.dataset;
    });
}

/// When the feeds of an exchange were last up.
awaitable<void> look_at_feeds(Impl& impl, DatabaseStatus& status, std::optional<Dataset> dataset, Deadline deadline) {
    constexpr std::chrono::days kRecent{1};  // stated in the public header
    CoverageFilter filter;
    filter.dataset = dataset;
    filter.clock = ClockKind::received;
    filter.start = status.at - kRecent;
    const std::vector<CoverageClaim> claims = co_await impl.engine().claims(filter, deadline);
    for (const CoverageClaim& claim : claims) {
        const Symbol* symbol = impl.reference().find_symbol(claim.symbol);
        if (claim.kind != CoverageKind::feed || symbol == nullptr) continue;
        const auto found =
            std::find_if(status.exchanges.begin(), status.exchanges.end(), [&](const ExchangeStatus& one) {
                return one.dataset == claim.dataset && one.exchange_id == symbol->exchange_id;
            });
        if (found == status.exchanges.end()) continue;
        const microseconds age = status.at - claim.end;
        found->feed_age = found->feed_age ? std::min(*found->feed_age, age) : age;
    }
}

awaitable<DatabaseStatus> look_at(Impl& impl, StatusOptions options, std::string pattern, Deadline deadline) {
    DatabaseStatus status;
    status.at = impl.now();
    status.dataset = options.dataset;
    status.exchange = pattern;
    Impl::RecentRows recent;
    status.database = co_await impl.stats_and_recent(recent, status.at, deadline);
    const std::vector<SeriesInfo> stored = co_await impl.engine().series(options.dataset, deadline);
    const std::vector<ExchangeId> chosen = chosen_exchanges(impl.reference(), pattern);
    for (const SeriesStats& one : describe_series(impl.reference(), stored)) {
        if (!chosen.empty() && std::find(chosen.begin(), chosen.end(), one.exchange_id) == chosen.end()) continue;
        SeriesStatus& series = status.series.emplace_back();
        series.dataset = one.dataset;
        series.symbol_id = one.symbol_id;
        series.exchange_id = one.exchange_id;
        series.account = one.account;
        series.asset_name = one.asset_name;
        series.last = one.last;
        series.age = status.at - one.last;
        const auto counted = recent.find({one.dataset, key_of_series(one)});
        if (counted != recent.end()) series.recent_rows = counted->second;
        series.is_active = is_active(impl.reference(), series);
        series.is_stale = series.is_active && series.age > options.max_age;
        add_to(status.exchanges, series);
    }
    name_exchanges(impl.reference(), status.exchanges);
    co_await look_at_feeds(impl, status, options.dataset, deadline);
    status.disk = disk_room(impl.config());
    co_return status;
}

awaitable<DatabaseStats> count_exactly(Impl& impl, Deadline deadline) {
    DatabaseStats stats = co_await impl.database_stats(deadline);
    for (DatasetStats& one : stats.datasets) {
        const std::vector<storage::SeriesCount> counts =
            co_await impl.engine().count_since(storage::table_of(one.dataset), kNoTime, deadline);
        one.rows = 0;
        for (const storage::SeriesCount& series : counts) one.rows += series.rows;
        one.series = counts.size();
        one.is_estimated = false;
    }
    co_return stats;
}

double seconds_of(microseconds length) { return std::chrono::duration<double>(length).count(); }

std::string subject_of(const Impl& impl, const SeriesStatus& series) {
    const Exchange* exchange = impl.reference().find_exchange(series.exchange_id);
    const std::string venue = exchange == nullptr ? std::string("?") : exchange->enum_value.str();
    if (series.dataset == Dataset::balances) {
        return fmt::format("{}:{}/{}", venue, series.account.view(), series.asset_name.view());
    }
    const Symbol* symbol = impl.reference().find_symbol(series.symbol_id);
    return fmt::format("{}:{}", venue, symbol == nullptr ? std::string("?") : pair(*symbol));
}

/// `75 s`, `2.5 h`, `840 d`.
std::string shown(microseconds length) {
    const double seconds = seconds_of(length);
    if (seconds < 3 * 3600) return fmt::format("{:.6g} s", seconds);
    if (seconds < 48 * 3600) return fmt::format("{:.1f} h", seconds / 3600);
    return fmt::format("{:.0f} d", seconds / 86400);
}

HealthFinding stale(Dataset dataset, std::string subject, microseconds age, microseconds max_age) {
    HealthFinding finding;
    finding.dataset = dataset;
    finding.subject = std::move(subject);
    finding.kind = "stale";
    finding.detail = fmt::format("newest row {} old, expected at most {}", shown(age), shown(max_age));
    return finding;
}

/// Else a row dated ahead would look fresh until then.
HealthFinding ahead(Dataset dataset, std::string subject, microseconds age) {
    HealthFinding finding;
    finding.dataset = dataset;
    finding.subject = std::move(subject);
    finding.kind = "ahead";
    finding.detail = fmt::format("newest row dated {} ahead of now", shown(-age));
    return finding;
}

HealthFinding slow(const ExchangeStatus& exchange, double min_rate) {
    HealthFinding finding;
    finding.dataset = exchange.dataset;
    finding.subject = exchange.exchange.str();
    finding.kind = "slow";
    finding.detail =
        fmt::format("{} rows in the last minute, expected at least {:.6g}", exchange.recent_rows, min_rate);
    return finding;
}

}  // namespace

awaitable<DatabaseStatus> get_status(DatabaseManager& db, StatusOptions options, Deadline deadline) {
    if (options.max_age.count() <= 0) {
        throw Error(ErrorCode::invalid_argument, "max_age: expected a positive length of time");
    }
    const std::shared_ptr<Impl>& impl = ManagerAccess::impl(db);
    const Deadline resolved = impl->resolve(deadline);
    return Impl::run(impl, look_at(*impl, options, std::string(options.exchange), resolved));
}

awaitable<DatabaseStats> get_exact_database_stats(DatabaseManager& db, Deadline deadline) {
    const std::shared_ptr<Impl>& impl = ManagerAccess::impl(db);
    const Deadline resolved = impl->resolve(deadline);
    return Impl::run(impl, count_exactly(*impl, resolved));
}

std::vector<HealthFinding> find_unhealthy(const DatabaseManager& db, const DatabaseStatus& status,
                                          const HealthLimits& limits) {
    const Impl& impl = *ManagerAccess::impl(db);
    std::vector<HealthFinding> findings;
    if (status.exchanges.empty()) {
        HealthFinding& nothing = findings.emplace_back();
        nothing.dataset = status.dataset.value_or(Dataset{});
        nothing.subject = status.exchange;
        nothing.kind = "empty";
        nothing.detail = "no rows are stored";
    }
    for (const ExchangeStatus& one : status.exchanges) {
        if (!one.is_active) continue;
        if (limits.max_age && one.newest_age > *limits.max_age) {
            findings.push_back(stale(one.dataset, one.exchange.str(), one.newest_age, *limits.max_age));
        }
        if (limits.max_age && one.newest_age < -*limits.max_age) {
            findings.push_back(ahead(one.dataset, one.exchange.str(), one.newest_age));
        }
        if (limits.min_rate && static_cast<double>(one.recent_rows) < *limits.min_rate) {
            findings.push_back(slow(one, *limits.min_rate));
        }
    }
    if (!limits.each_series || !limits.max_age) return findings;
    for (const SeriesStatus& one : status.series) {
        if (!one.is_active) continue;
        if (one.age > *limits.max_age) {
            findings.push_back(stale(one.dataset, subject_of(impl, one), one.age, *limits.max_age));
        } else if (one.age < -*limits.max_age) {
            findings.push_back(ahead(one.dataset, subject_of(impl, one), one.age));
        }
    }
    return findings;
}

}  // namespace marketdb
