#include <marketdb/format.hpp>
#include <marketdb/status.hpp>

#include <algorithm>
#include <chrono>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "manager/access.hpp"

namespace marketdb {
namespace {

using Impl = ManagerAccess::Impl;
using Label = std::pair<std::string_view, std::string_view>;
using Labels = std::initializer_list<Label>;

/// Writes families of samples, one after the other.
class MetricsWriter {
 public:
    void begin(std::string_view name, std::string_view type, std::string_view help) {
        name_ = fmt::format("marketdb_{}", name);
        text_ += fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n", name_, help, type);
    }
    void add(Labels labels, double value) {
        text_ += name_;
        std::string list;
        for (const auto& [name, text] : labels) {
            list += fmt::format("{}{}=\"{}\"", list.empty() ? "" : ",", name, escaped(text));
        }
        if (!list.empty()) text_ += fmt::format("{{{}}}", list);
        text_ += fmt::format(" {}\n", format_number(value));
    }
    void add(Labels labels, std::uint64_t value) { add(labels, static_cast<double>(value)); }
    /// A family of one sample.
    template <class Number>
    void single(std::string_view name, std::string_view type, std::string_view help, Number value) {
        begin(name, type, help);
        add({}, value);
    }

    [[nodiscard]] std::string take() { return std::move(text_); }

 private:
    /// https://prometheus.io/docs/instrumenting/exposition_formats/: backslash, quote and line feed.
    static std::string escaped(std::string_view text) {
        std::string result;
        for (const char c : text) {
            if (c == '\\' || c == '"') result += '\\';
            if (c == '\n') {
                result += "\\n";
            } else {
                result += c;
            }
        }
        return result;
    }

    std::string text_;
    std::string name_;
};

double seconds_of(std::chrono::microseconds length) { return std::chrono::duration<double>(length).count(); }

void write_database(MetricsWriter& out, const DatabaseStatus& status) {
    const DatabaseStats& stats = status.database;
    out.begin("info", "gauge", "The engine of the database; always 1.");
    out.add({{"engine", stats.engine}}, std::uint64_t{1});
    out.single("collected_timestamp_seconds", "gauge", "When these figures were collected.",
               seconds_of(status.at.time_since_epoch()));
    out.single("schema_version", "gauge", "Version of the schema; 0 of other programs' tables.", stats.schema_version);
    out.single("size_bytes", "gauge", "Size of the database on disk, its log included.", stats.bytes);
    if (status.disk) {
        out.single("disk_free_bytes", "gauge", "Free room on the disk of the database.", status.disk->free_bytes);
        out.single("disk_size_bytes", "gauge", "Size of the disk of the database.", status.disk->total_bytes);
    }
    out.single("exchanges", "gauge", "Exchanges that are known.", stats.exchanges);
    out.single("active_exchanges", "gauge", "Exchanges that are active.", stats.active_exchanges);
    out.single("symbols", "gauge", "Symbols that are known.", stats.symbols);
    out.single("active_symbols", "gauge", "Symbols that are active.", stats.active_symbols);
    out.single("sources", "gauge", "Sources of rows: imports, sessions, copies.", stats.sources);
    out.single("quarantined_rows", "gauge", "Rows of files that could not be stored.", stats.quarantined);
}

void write_datasets(MetricsWriter& out, const DatabaseStats& stats) {
    out.begin("rows", "gauge", "Rows stored.");
    for (const DatasetStats& one : stats.datasets) out.add({{"dataset", to_string(one.dataset)}}, one.rows);
    out.begin("series", "gauge", "Series that have rows.");
    for (const DatasetStats& one : stats.datasets) out.add({{"dataset", to_string(one.dataset)}}, one.series);
    out.begin("dataset_size_bytes", "gauge", "Size of a dataset on disk, its indexes included; on SQLite an estimate.");
    for (const DatasetStats& one : stats.datasets) out.add({{"dataset", to_string(one.dataset)}}, one.bytes);
}

void write_exchanges(MetricsWriter& out, const DatabaseStatus& status) {
    const auto add = [&out](const ExchangeStatus& one, auto value) {
        out.add({{"dataset", to_string(one.dataset)}, {"exchange", one.exchange.view()}}, value);
    };
    out.begin("newest_age_seconds", "gauge", "Age of the newest row of an exchange, by event time.");
    for (const ExchangeStatus& one : status.exchanges) add(one, seconds_of(one.newest_age));
    const auto has_feed = [](const ExchangeStatus& one) { return one.feed_age.has_value(); };
    if (std::any_of(status.exchanges.begin(), status.exchanges.end(), has_feed)) {
        out.begin("feed_age_seconds", "gauge", "Since a feed of an exchange last said that it is up.");
    }
    for (const ExchangeStatus& one : status.exchanges) {
        if (one.feed_age) add(one, seconds_of(*one.feed_age));
    }
    out.begin("last_minute_rows", "gauge", "Rows of an exchange whose event time is within the last minute.");
    for (const ExchangeStatus& one : status.exchanges) add(one, one.recent_rows);
    out.begin("stale_series", "gauge", "Active series of an exchange whose newest row is too old.");
    for (const ExchangeStatus& one : status.exchanges) add(one, one.stale);
}

/// The names of a series in labels.
struct SeriesLabels {
    std::string dataset, exchange, symbol, account;
};

SeriesLabels labels_of(const Impl& impl, const SeriesStatus& series) {
    SeriesLabels labels;
    labels.dataset = to_string(series.dataset);
    if (const Exchange* exchange = impl.reference().find_exchange(series.exchange_id)) {
        labels.exchange = exchange->enum_value.str();
    }
    if (series.dataset == Dataset::balances) {
        labels.symbol = series.asset_name.str();
        labels.account = series.account.str();
    } else if (const Symbol* symbol = impl.reference().find_symbol(series.symbol_id)) {
        labels.symbol = symbol->exchange_symbol.str();  // a pair may be that of several contracts
    }
    return labels;
}

void write_series(MetricsWriter& out, const Impl& impl, const DatabaseStatus& status) {
    const auto add = [&](const SeriesStatus& series, auto value) {
        const SeriesLabels of = labels_of(impl, series);
        out.add({{"dataset", of.dataset}, {"exchange", of.exchange}, {"symbol", of.symbol}, {"account", of.account}},
                value);
    };
    out.begin("series_newest_age_seconds", "gauge", "Age of the newest row of a series, by event time.");
    for (const SeriesStatus& one : status.series) add(one, seconds_of(one.age));
    out.begin("series_last_minute_rows", "gauge", "Rows of a series whose event time is within the last minute.");
    for (const SeriesStatus& one : status.series) add(one, one.recent_rows);
}

void write_counters(MetricsWriter& out, const PerformanceStats& stats) {
    out.single("lookup_hits_total", "counter", "Look-ups in memory that found something.", stats.hits);
    out.single("lookup_misses_total", "counter", "Look-ups in memory that found nothing.", stats.misses);
    out.single("latest_hits_total", "counter", "Latest rows that were found in memory.", stats.latest_hits);
    out.single("latest_misses_total", "counter", "Latest rows that were not in memory.", stats.latest_misses);
    out.single("refreshes_total", "counter", "How often exchanges and symbols were read.", stats.refreshes);
    out.single("written_rows_total", "counter", "Rows that were inserted or updated.", stats.rows_written);
    out.single("pending_operations", "gauge", "Operations that wait or run.", stats.pending_operations);
}

}  // namespace

std::string metrics_text(const DatabaseManager& db, const DatabaseStatus& status, MetricsOptions options) {
    const Impl& impl = *ManagerAccess::impl(db);
    MetricsWriter out;
    write_database(out, status);
    write_datasets(out, status.database);
    write_exchanges(out, status);
    if (options.symbols) write_series(out, impl, status);
    if (options.counters) write_counters(out, impl.performance());
    return out.take();
}

}  // namespace marketdb
