#include "query.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <marketdb/error.hpp>

#include "exit_code.hpp"
#include "pattern.hpp"

namespace marketdb::cli {
namespace {

template <class Value, class Parse>
Value read_option(std::string_view option, const std::string& text, Parse parse) {
    try {
        return parse(text);
    } catch (const Error& error) {
        throw UsageError(fmt::format("{}: {}", option, error.what()));
    }
}

void refuse_both(bool first, std::string_view first_name, bool second, std::string_view second_name,
                 std::string_view why) {
    if (first && second)
        throw UsageError(fmt::format("{} and {} exclude each other: {}", first_name, second_name, why));
}

/// `EXCHANGE:SYMBOL` of each series that was asked for; empty: all.
std::vector<std::string> read_series(const ReadOptions& options, Dataset dataset) {
    const bool is_balances = dataset == Dataset::balances;
    const std::string_view form = is_balances ? "EXCHANGE:ASSET, such as 'BINANCE_SPOT:USDT'"
                                              : "EXCHANGE:SYMBOL, such as 'BINANCE_SPOT:BTC/USDT'";
    refuse_both(!options.series.empty(), "SERIES", !options.exchange.empty() || !options.symbol.empty(),
                "--exchange/--symbol", "both choose series");
    std::vector<std::string> all = options.series;
    if (!options.exchange.empty() || !options.symbol.empty()) {
        all = {fmt::format("{}:{}", options.exchange.empty() ? "*" : options.exchange,
                           options.symbol.empty() ? "*" : options.symbol)};
    }
    for (const std::string& series : all) {
        const std::size_t colon = series.find(':');
        if (colon == std::string::npos || colon == 0 || colon + 1 == series.size()) {
            throw UsageError(fmt::format("SERIES '{}': expected {} ('*' stands for any)", series, form));
        }
    }
    if (!options.account.empty() && !is_balances) {
        throw UsageError(fmt::format("--account: only balances have one, not {}", to_string(dataset)));
    }
    return all;
}

struct Times {
    Timestamp start = kNoTime, end = kNoTime;
};

/// `--from` and `--to`.
Times read_times(const ReadOptions& options) {
    Times times;
    if (!options.from.empty()) times.start = read_time_option("--from", options.from);
    if (!options.to.empty()) times.end = read_time_option("--to", options.to);
    if (is_present(times.start) && is_present(times.end) && times.end < times.start) {
        throw UsageError(fmt::format("--to {} lies before --from {}", options.to, options.from));
    }
    return times;
}

}  // namespace

Timestamp read_time_option(std::string_view option, const std::string& text) {
    // Seconds of the year 1973 and before: a date without dashes, or a year, is what was meant.
    constexpr std::size_t kMaxDateDigits = 8;
    if (!text.empty() && text.size() <= kMaxDateDigits && text.find_first_not_of("0123456789") == std::string::npos) {
        throw UsageError(
            fmt::format("{}: '{}' is no time; expected 2024-08-08, 2024-08-08T23:54Z or seconds since 1970 of 9 "
                        "digits or more",
                        option, text));
    }
    return read_option<Timestamp>(option, text, [](const std::string& t) { return parse_timestamp(t); });
}

std::chrono::microseconds read_duration_option(std::string_view option, const std::string& text) {
    // Seconds to the library; who types 7 may mean days.
    if (!text.empty() && text.find_first_not_of("0123456789.") == std::string::npos) {
        throw UsageError(
            fmt::format("{}: '{}' has no unit; expected {}s, {}m, {}h or {}d", option, text, text, text, text, text));
    }
    return read_option<std::chrono::microseconds>(option, text, [](const std::string& t) { return parse_duration(t); });
}

Dataset read_dataset(const std::string& text, std::string_view option) {
    return read_option<Dataset>(option, text, [](const std::string& t) { return parse_dataset(t); });
}

HistorySelection read_selection(const ReadOptions& options) {
    HistorySelection selection;
    if (!options.dataset.empty()) {
        selection.dataset = read_dataset(options.dataset);
        selection.series = read_series(options, *selection.dataset);
        selection.account = options.account;
    } else if (!options.exchange.empty() || !options.symbol.empty() || !options.account.empty()) {
        throw UsageError("--exchange, --symbol and --account need a DATASET");
    }
    const Times times = read_times(options);
    selection.start = times.start;
    selection.end = times.end;
    return selection;
}

Query::Query(const ReadOptions& options)
    : dataset_(read_dataset(options.dataset)), series_(read_series(options, dataset_)), account_(options.account) {
    read_range(options);
    read_active(options);
}

void Query::read_active(const ReadOptions& options) {
    constexpr double kUsualTotal = 0.001;
    if (!options.active && !options.min_total) return;
    if (dataset_ != Dataset::balances) {
        throw UsageError(
            fmt::format("--active and --min-total: only balances have a total, not {}", to_string(dataset_)));
    }
    if (!is_whole_series()) {
        throw UsageError("--active and --min-total: expected no --from, --to, --last, --every and --clock received");
    }
    active_above_ = options.min_total.value_or(kUsualTotal);
}

void Query::read_range(const ReadOptions& options) {
    const bool has_range = !options.from.empty() || !options.to.empty();
    refuse_both(!options.last.empty(), "--last", has_range, "--from/--to", "--last counts back from the newest row");
    refuse_both(options.limit.has_value(), "--limit", options.tail.has_value(), "--tail",
                "one keeps the first rows, the other the last");
    const Times times = read_times(options);
    filter_.start = times.start;
    filter_.end = times.end;
    if (!options.last.empty()) filter_.last = read_duration_option("--last", options.last);
    if (!options.every.empty()) filter_.every = read_duration_option("--every", options.every);
    if (!options.max_age.empty()) max_age_ = read_duration_option("--max-age", options.max_age);
    order_ = options.order;
    filter_.order = order_ == "desc" ? Order::descending : Order::ascending;
    filter_.clock = options.clock == "received" ? ClockKind::received : ClockKind::event;
    filter_.limit = options.limit.value_or(0);
    tail_ = options.tail.value_or(0);
}

void Query::resolve(Session& session) {
    if (dataset_ == Dataset::balances) {
        resolve_balances(session);
        return;
    }
    for (const std::string& series : series_) {
        for (const Symbol& symbol : session.resolve_series(series)) symbols_.push_back(symbol.id);
    }
    std::sort(symbols_.begin(), symbols_.end());
    symbols_.erase(std::unique(symbols_.begin(), symbols_.end()), symbols_.end());
}

void Query::resolve_balances(Session& session) {
    if (series_.empty() && account_.empty()) return;
    for (const std::string& series : series_) {
        const std::string exchange = series.substr(0, series.find(':'));
        if (exchange.find('*') == std::string::npos && session.find_exchange(exchange) == nullptr) {
            throw Error(ErrorCode::unknown_exchange, fmt::format("no exchange '{}' in this database", exchange));
        }
    }
    for (const SeriesStats& stored : session.series_stats()) {
        if (!chooses(session, stored)) continue;
        balances_.push_back(BalanceSeries{stored.exchange_id, stored.account, stored.asset_name});
    }
    // An empty list would be no restriction; no row has exchange id 0.
    if (balances_.empty()) balances_.emplace_back();
}

SeriesFilter Query::series_filter() const {
    SeriesFilter filter;
    filter.symbols = symbols_;
    filter.balances = balances_;
    return filter;
}

HistoryFilter Query::history_filter() const {
    HistoryFilter filter = filter_;
    filter.series = series_filter();
    return filter;
}

LatestFilter Query::latest_filter() const {
    LatestFilter filter;
    filter.series = series_filter();
    filter.max_cache_age = std::chrono::microseconds{0};  // What is stored now, whoever wrote it.
    filter.max_age = max_age_;
    return filter;
}

bool Query::reads_to_the_end() const noexcept { return filter_.limit == 0 && tail_ == 0 && filter_.last.count() == 0; }

bool Query::is_whole_series() const noexcept {
    return !is_present(filter_.start) && !is_present(filter_.end) && filter_.last.count() == 0 &&
           filter_.every.count() == 0 && filter_.clock == ClockKind::event;
}

bool Query::chooses(Session& session, const SeriesStats& series) const {
    if (series.dataset != dataset_) return false;
    if (dataset_ != Dataset::balances) {
        return series_.empty() || std::binary_search(symbols_.begin(), symbols_.end(), series.symbol_id);
    }
    if (!account_.empty() && !fits_pattern(account_, series.account)) return false;
    if (series_.empty()) return true;
    const std::string text = fmt::format("{}:{}", session.names(series.exchange_id).exchange, series.asset_name.view());
    return std::any_of(series_.begin(), series_.end(), [&](const std::string& one) { return fits_pattern(one, text); });
}

std::string Query::series_text() const {
    const std::string text = series_.empty() ? "any series" : fmt::format("{}", fmt::join(series_, ", "));
    return account_.empty() ? text : fmt::format("{} of account {}", text, account_);
}

}  // namespace marketdb::cli
