#include <marketdb/doctor.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "manager/access.hpp"
#include "manager/row_sinks.hpp"

namespace marketdb {

using boost::asio::awaitable;
using storage::SeriesKey;
using storage::Table;

namespace {

// What the layer that marketdb replaces asked of its cache.
constexpr std::chrono::nanoseconds kMeanLookup{1'000};
constexpr std::chrono::nanoseconds kP95Lookup{2'000};
constexpr std::chrono::nanoseconds kP99Lookup{5'000};
constexpr std::size_t kLookups = 5'000;  // by id, and as many by spelling
constexpr double kHitRatio = 0.95;
constexpr std::uint64_t kRequestsThatTell = 1'000;

/// Balances have no symbols by which to ask for what memory has.

using Durations = std::vector<std::chrono::nanoseconds>;

/// Looks symbols up one after another, each by its id or by its spelling, and times each.
Durations time_lookups(const cache::ReferenceTable& reference, bool by_text) {
    const std::vector<const Symbol*> symbols = reference.symbols();
    Durations took;
    if (symbols.empty()) return took;
    took.reserve(kLookups);
    for (std::size_t i = 0; i < kLookups; ++i) {
        const Symbol& wanted = *symbols[i % symbols.size()];
        const auto begun = std::chrono::steady_clock::now();
        const Symbol* found = by_text ? reference.find_symbol(wanted.exchange_id, wanted.exchange_symbol.view())
                                      : reference.find_symbol(wanted.id);
        const auto ended = std::chrono::steady_clock::now();
        // What was found is used, so that the look-up is not left out.
        if (found != nullptr && found->id == SymbolId{}) break;
        took.push_back(ended - begun);
    }
    std::sort(took.begin(), took.end());
    return took;
}

Finding lookups_finding(const Durations& took, std::string_view by) {
    Finding finding{Severity::fine, "lookups", std::string(by), {}, {}};
    if (took.empty()) {
        finding.severity = Severity::note;
        finding.what = "there is no symbol to look up";
        return finding;
    }
    std::chrono::nanoseconds sum{0};
    for (const std::chrono::nanoseconds one : took) sum += one;
    const auto mean = sum / static_cast<std::int64_t>(took.size());
    const auto at = [&](std::size_t percent) { return took[(took.size() - 1) * percent / 100]; };
    finding.what = fmt::format("{} look-ups by {}, the clock's reading included: mean {} ns, p50 {}, p95 {}, p99 {} ns",
                               took.size(), by, mean.count(), at(50).count(), at(95).count(), at(99).count());
    if (mean <= kMeanLookup && at(95) <= kP95Lookup && at(99) <= kP99Lookup) return finding;
    finding.severity = Severity::warning;
    finding.what += "; expected are 1,000, 2,000 and 5,000 ns at most (mean, p95, p99)";
    finding.remedy = "look what else runs on this machine, and whether the program was built with optimisation";
    return finding;
}

Finding hit_ratio_finding(const PerformanceStats& stats) {
    Finding finding{Severity::fine, "hit ratio", {}, {}, {}};
    if (stats.total_requests == 0) {
        finding.what = "nothing was looked up yet";
        return finding;
    }
    finding.what = fmt::format("{:.1f} % of {} look-ups found something", *stats.hit_ratio * 100, stats.total_requests);
    if (*stats.hit_ratio >= kHitRatio || stats.total_requests < kRequestsThatTell) return finding;
    finding.severity = Severity::warning;
    finding.what += "; expected are 95 %";
    finding.remedy = "see which exchange or symbol is asked for and not known: `marketdb symbols resolve TEXT`";
    return finding;
}

Finding existing_schema_finding() {
    return {Severity::note,
            "schema",
            {},
            "the tables are those of older programs, and are used as they are",
            "`marketdb migrate plan` says what converting them would take"};
}

Finding schema_finding(const MigrationStatus& status) {
    Finding finding{Severity::fine, "schema", {}, {}, {}};
    finding.what = fmt::format("version {}, this program knows versions up to {}", status.version, status.newest);
    if (status.version < status.newest) {
        finding.severity = Severity::warning;
        finding.remedy = "`marketdb migrate up`, once no older program uses it";
    } else if (status.version > status.newest) {
        finding.severity = Severity::note;
        finding.remedy = "a newer marketdb for this program, too";
    }
    return finding;
}

struct Limit {
    std::string_view key;  ///< As in `Config::set_keys`.
    double value;
    double lowest;
    double highest;
};

/// Settings that the layer before warned of, where the configuration gives them.
std::vector<Finding> settings_findings(const Config& config) {
    const PostgresConfig& postgres = config.postgres;
    const std::array limits{
        Limit{"pool.min_size", static_cast<double>(postgres.pool_min_size), 5, 50},
        Limit{"pool.max_size", static_cast<double>(postgres.pool_max_size), 5, 50},
        Limit{"pool.max_queries", static_cast<double>(postgres.max_queries), 10'000, 1e9},
        Limit{"pool.max_inactive_connection_lifetime", postgres.max_idle_seconds, 1, 600},
        Limit{"pool.command_timeout", std::chrono::duration<double>(config.command_timeout).count(), 5, 60},
        Limit{"performance.statement_cache_size", static_cast<double>(postgres.statement_cache_size), 512, 4096}};
    std::vector<Finding> findings;
    for (const Limit& limit : limits) {
        const bool is_given =
            std::find(config.set_keys.begin(), config.set_keys.end(), limit.key) != config.set_keys.end();
        if (!is_given || (limit.value >= limit.lowest && limit.value <= limit.highest)) continue;
        findings.push_back({Severity::warning, "settings", std::string(limit.key),
                            fmt::format("is {}, outside {} to {}", limit.value, limit.lowest, limit.highest),
                            "a value within, unless there is a reason"});
    }
    if (findings.empty()) findings.push_back({Severity::fine, "settings", {}, "none is out of the ordinary", {}});
    return findings;
}

template <class Row>
bool are_equal(const Row& a, const Row& b) {
    const Table& table = storage::table_of<Row>();
    return std::all_of(table.columns.begin(), table.columns.end(), [&](const storage::Column& column) {
        return storage::equal(reinterpret_cast<const std::byte*>(&a), reinterpret_cast<const std::byte*>(&b), column);
    });
}

/// How the rows of a table differ from those in memory, as they come from the database.
template <class Row>
class Comparison final {
 public:
    explicit Comparison(const std::vector<const Row*>& in_memory) {
        for (const Row* row : in_memory) memory_.emplace(row->id, row);
    }

    void take(const Row& stored) {
        const auto found = memory_.find(stored.id);
        if (found == memory_.end() || !are_equal(*found->second, stored)) ++differing_;
        if (found != memory_.end()) memory_.erase(found);
    }

    /// Rows that differ, or that only one side has.
    [[nodiscard]] std::size_t differing() const noexcept { return differing_ + memory_.size(); }

 private:
    std::map<decltype(Row::id), const Row*> memory_;  // those that did not come yet
    std::size_t differing_ = 0;
};

Finding memory_finding(std::string_view table, std::size_t differing) {
    Finding finding{Severity::fine, "memory", std::string(table), "memory has what the database has", {}};
    if (differing == 0) return finding;
    finding.severity = Severity::warning;
    finding.what = fmt::format("{} in memory and in the database differ, though no change was announced",
                               differing == 1 ? "1 row" : fmt::format("{} rows", differing));
    finding.remedy = "`refresh_reference()`; change exchanges and symbols through marketdb, which announces it";
    return finding;
}

}  // namespace

std::string_view to_string(Severity severity) noexcept {
    constexpr std::array<std::string_view, 4> kTexts{"fine", "note", "warning", "critical"};
    return kTexts.at(static_cast<std::size_t>(severity));
}

awaitable<std::vector<Finding>> DatabaseManager::Impl::diagnose(Deadline deadline) {
    std::vector<Finding> findings;
    const PerformanceStats counted = performance();
    if (engine_->capabilities().own_tables) {
        const MigrationStatus status = co_await engine_->migrate_status(deadline);
        findings.push_back(schema_finding(status));
    } else {
        findings.push_back(existing_schema_finding());
    }
    co_await compare_reference(findings, deadline);
    for (const Dataset dataset : kSymbolDatasets) {
        co_await compare_latest(storage::table_of(dataset), findings, deadline);
    }
    findings.push_back(lookups_finding(time_lookups(reference_, false), "id"));
    findings.push_back(lookups_finding(time_lookups(reference_, true), "spelling"));
    findings.push_back(hit_ratio_finding(counted));
    if (config_.engine == EngineKind::postgres) {
        for (Finding& finding : settings_findings(config_)) findings.push_back(std::move(finding));
    }
    std::vector<Finding> of_engine = co_await engine_->examine(deadline);
    for (Finding& finding : of_engine) findings.push_back(std::move(finding));
    co_return findings;
}

/// What was announced is taken over first: only what was not is wrong.
awaitable<void> DatabaseManager::Impl::compare_reference(std::vector<Finding>& findings, Deadline deadline) {
    co_await refresh_if_changed(deadline);
    const std::vector<const Exchange*> known_exchanges = reference_.exchanges();
    const std::vector<const Symbol*> known_symbols = reference_.symbols();
    Comparison<Exchange> exchanges(known_exchanges);
    Comparison<Symbol> symbols(known_symbols);
    EachRow<Exchange> take_exchange([&exchanges](const Exchange& row) { exchanges.take(row); });
    EachRow<Symbol> take_symbol([&symbols](const Symbol& row) { symbols.take(row); });
    storage::ScanRequest request;
    request.table = &storage::table_of<Exchange>();
    co_await engine_->scan(request, take_exchange, deadline);
    request.table = &storage::table_of<Symbol>();
    co_await engine_->scan(request, take_symbol, deadline);
    findings.push_back(memory_finding("exchanges", exchanges.differing()));
    findings.push_back(memory_finding("symbols", symbols.differing()));
}

/// Memory may lag behind within its time; it may not be ahead.
awaitable<void> DatabaseManager::Impl::compare_latest(const Table& table, std::vector<Finding>& findings,
                                                      Deadline deadline) {
    RowBuffer in_memory(table);
    std::vector<SeriesKey> series;
    std::vector<std::byte> row(table.row_size);
    for (const Symbol* symbol : reference_.symbols()) {
        SeriesKey one;
        one.id = static_cast<std::int32_t>(symbol->id);
        const auto answer = latest_cache(*table.dataset)
                                .find(one, clock_->steady_now(), std::chrono::microseconds(-1), false, row.data());
        if (answer != cache::LatestCache::Answer::row) continue;
        series.push_back(one);
        in_memory.push(row.data());
    }
    if (series.empty()) co_return;
    RowBuffer stored(table);
    co_await engine_->latest(table, series, stored, deadline);

    std::map<SeriesKey, const std::byte*> by_series;
    for (std::size_t i = 0; i < stored.size(); ++i) by_series.emplace(storage::series_of(table, stored[i]), stored[i]);
    const auto is_ahead = [&](std::size_t i) {
        const auto found = by_series.find(series[i]);
        return found == by_series.end() || storage::compare(in_memory[i], found->second, table, table.order) > 0;
    };
    std::size_t ahead = 0;
    for (std::size_t i = 0; i < series.size(); ++i) ahead += is_ahead(i) ? 1 : 0;
    Finding finding{Severity::fine,
                    "memory",
                    fmt::format("latest {}", to_string(*table.dataset)),
                    fmt::format("the newest rows of {} series are in the database, too", series.size()),
                    {}};
    if (ahead > 0) {
        finding.severity = Severity::warning;
        finding.what = fmt::format(
            "of {} of {} series memory has a newest row that the database has no longer: another program deleted it",
            ahead, series.size());
        finding.remedy =
            "`cache_invalidate(CacheCategory::latest)`; else it is answered until its time in memory is over";
    }
    findings.push_back(std::move(finding));
}

awaitable<std::vector<Finding>> diagnose(DatabaseManager& db, Deadline deadline) {
    return ManagerAccess::impl(db)->start(&ManagerAccess::Impl::diagnose, deadline);
}

}  // namespace marketdb
