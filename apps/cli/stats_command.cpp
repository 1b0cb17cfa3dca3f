#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <marketdb/status.hpp>

#include "ages.hpp"
#include "commands.hpp"
#include "diagnostics.hpp"
#include "exit_code.hpp"
#include "session_impl.hpp"
#include "terminal.hpp"

namespace marketdb::cli {
namespace {

std::string number(std::uint64_t value, OutputFormat format) {
    return format == OutputFormat::table ? with_commas(value) : fmt::format("{}", value);
}

void print_summary(const DatabaseStats& stats, const std::string& name) {
    output().line(fmt::format("database   {}", name));
    // Tables of other programs have no version of ours.
    const std::string version =
        stats.schema_version == 0 ? std::string() : fmt::format(", schema version {}", stats.schema_version);
    output().line(fmt::format("engine     {}{}", stats.engine, version));
    output().line(fmt::format("size       {} bytes ({})", with_commas(stats.bytes), human_bytes(stats.bytes)));
    output().line(
        fmt::format("exchanges  {} ({} active)", with_commas(stats.exchanges), with_commas(stats.active_exchanges)));
    output().line(
        fmt::format("symbols    {} ({} active)", with_commas(stats.symbols), with_commas(stats.active_symbols)));
    output().line(
        fmt::format("sources    {}, quarantined rows {}", with_commas(stats.sources), with_commas(stats.quarantined)));
    output().line("");
}

/// An estimate says so: `~20,000,000`.
std::string estimate(std::uint64_t value, bool is_estimated) { return (is_estimated ? "~" : "") + with_commas(value); }

void print_datasets_for_people(const DatabaseStats& stats) {
    constexpr OutputFormat kFormat = OutputFormat::table;
    const std::vector<Field> fields = {{"dataset"},
                                       {"rows", FieldKind::number},
                                       {"series", FieldKind::number},
                                       {"first", FieldKind::text, 1},
                                       {"last"},
                                       {"newest", FieldKind::number},
                                       {"last_minute_rows", FieldKind::number, 3},
                                       {"size", FieldKind::number, 2}};
    std::vector<std::vector<std::string>> records;
    for (const DatasetStats& one : stats.datasets) {
        records.push_back({std::string(to_string(one.dataset)), estimate(one.rows, one.is_estimated),
                           estimate(one.series, one.is_estimated), to_string(one.first), to_string(one.last),
                           one.newest_age ? human_age(*one.newest_age) : std::string(),
                           number(one.recent_rows, kFormat),
                           (one.bytes_are_estimated ? "~" : "") + human_bytes(one.bytes)});
    }
    print_records(output(), kFormat, fields, records);
}

/// What is of the whole database stands beside each dataset; what changes by itself comes last.
void print_datasets(const DatabaseStats& stats, OutputFormat format) {
    const std::vector<Field> fields = {{"dataset"},
                                       {"rows", FieldKind::number},
                                       {"series", FieldKind::number},
                                       {"first"},
                                       {"last"},
                                       {"database_bytes", FieldKind::number},
                                       {"quarantined", FieldKind::number},
                                       {"bytes", FieldKind::number},
                                       {"is_estimated", FieldKind::boolean},
                                       {"bytes_are_estimated", FieldKind::boolean},
                                       {"last_minute_rows", FieldKind::number},
                                       {"newest_age_seconds", FieldKind::number}};
    std::vector<std::vector<std::string>> records;
    for (const DatasetStats& one : stats.datasets) {
        records.push_back(
            {std::string(to_string(one.dataset)), number(one.rows, format), number(one.series, format),
             to_string(one.first), to_string(one.last), number(stats.bytes, format), number(stats.quarantined, format),
             number(one.bytes, format), one.is_estimated ? "true" : "false", one.bytes_are_estimated ? "true" : "false",
             number(one.recent_rows, format), one.newest_age ? age_cell(*one.newest_age, format) : std::string()});
    }
    print_records(output(), format, fields, records);
}

void print_series(Session& session, OutputFormat format) {
    const std::vector<Field> fields = {{"dataset"}, {"exchange"},   {"symbol"},
                                       {"account"}, {"asset_name"}, {"rows", FieldKind::number},
                                       {"first"},   {"last"}};
    std::vector<std::vector<std::string>> records;
    for (const SeriesStats& one : session.series_stats()) {
        const bool is_balance = one.dataset == Dataset::balances;
        const SeriesNames names = is_balance ? session.names(one.exchange_id) : session.names(one.symbol_id);
        records.push_back({std::string(to_string(one.dataset)), names.exchange, names.symbol, one.account.str(),
                           one.asset_name.str(), number(one.rows, format), to_string(one.first), to_string(one.last)});
        if (!is_balance) records.back()[3].clear();
    }
    print_records(output(), format, fields, records);
}

/// Of the caches and of the pool, which are this program's own.
void print_counters(Session& session, OutputFormat format) {
    const PerformanceStats memory = session.impl().manager.get_performance_stats();
    const PoolStats pool = session.impl().run(session.impl().manager.get_pool_stats());
    const std::vector<std::pair<std::string, std::string>> counters = {
        {"memory.hits", number(memory.hits, format)},
        {"memory.misses", number(memory.misses, format)},
        {"memory.hit_ratio", memory.hit_ratio ? number_cell(*memory.hit_ratio, format) : std::string()},
        {"memory.mean_lookup_ns", number_cell(memory.avg_lookup_time_ns, format)},
        {"memory.exchanges_and_symbols", number(memory.cache_size, format)},
        {"memory.refreshes", number(memory.refreshes, format)},
        {"memory.latest_rows", number(memory.latest_size, format)},
        {"memory.latest_hits", number(memory.latest_hits, format)},
        {"memory.latest_misses", number(memory.latest_misses, format)},
        {"operations.pending", number(memory.pending_operations, format)},
        {"rows.written", number(memory.rows_written, format)},
        {"connections.open", number(pool.size, format)},
        {"connections.idle", number(pool.idle, format)},
        {"connections.busy", number(pool.busy, format)},
        {"connections.min", number(pool.min_size, format)},
        {"connections.max", number(pool.max_size, format)},
        {"connections.waiting", number(pool.waiting, format)},
        {"connections.acquired", number(pool.acquired, format)},
        {"connections.waits", number(pool.waits, format)},
        {"connections.timeouts", number(pool.timeouts, format)},
        {"connections.made", number(pool.made, format)},
        {"connections.dropped", number(pool.dropped, format)}};
    std::vector<std::vector<std::string>> records;
    for (const auto& [name, value] : counters) records.push_back({name, value});
    print_records(output(), format, {{"counter"}, {"value", FieldKind::number}}, records);
}

}  // namespace

int run_stats(const GlobalOptions& global, const StatsOptions& options) {
    Session session(choose_database(global), Access::read);
    const OutputFormat format = options.flags.format();
    if (options.series) {
        print_series(session, format);
    } else if (options.counters) {
        print_counters(session, format);
    } else {
        const DatabaseStats stats =
            options.exact ? session.impl().run(get_exact_database_stats(session.impl().manager)) : session.stats();
        if (format == OutputFormat::table) {
            print_summary(stats, session.name());
            print_datasets_for_people(stats);
        } else {
            print_datasets(stats, format);
        }
    }
    output().flush();
    return kOk;
}

}  // namespace marketdb::cli
