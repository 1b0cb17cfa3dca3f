#include <algorithm>
#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include <fmt/format.h>

#include "answer.hpp"
#include "commands.hpp"
#include "diagnostics.hpp"
#include "exit_code.hpp"
#include "interrupt.hpp"
#include "session_impl.hpp"
#include "terminal.hpp"

namespace marketdb::cli {
namespace {

constexpr auto kShortestWatch = std::chrono::milliseconds(50);

template <class Row>
Units units_of(Session& session, const std::vector<Latest<Row>>& rows) {
    if constexpr (std::is_same_v<Row, Balance>) {
        std::vector<std::string> assets;
        assets.reserve(rows.size());
        for (const auto& one : rows) assets.push_back(one.row.asset_name.str());
        return common_units(assets);
    } else {
        std::vector<const Symbol*> symbols;
        for (const auto& one : rows) {
            if (const Symbol* symbol = session.find_symbol(one.row.symbol_id)) symbols.push_back(symbol);
        }
        return common_units(symbols);
    }
}

RowStyle style_of(const ReadOptions& options) {
    RowStyle style;
    style.format = options.flags.format();
    style.with_age = true;
    return style;
}

/// By which rows of one time are ordered.
template <class Row>
auto series_of(const Row& row) {
    if constexpr (std::is_same_v<Row, Balance>) {
        return std::tuple(static_cast<int>(row.exchange_id), row.account.view(), row.asset_name.view());
    } else {
        return static_cast<int>(row.symbol_id);
    }
}

/// The newest row of each chosen series within the times asked: `--to T` is how things stood at T.
template <class Row>
std::vector<Latest<Row>> latest_within(Session& session, const Query& query, std::uint64_t& without_received_at) {
    const HistoryFilter asked = query.history_filter();
    HistoryFilter filter = asked;
    filter.order = Order::descending;
    filter.limit = 1;
    filter.last = {};   // Counts from the newest row of all series, not of one.
    filter.every = {};  // The newest row is the last of its stretch.

    std::vector<Latest<Row>> latest;
    const auto now = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
    const auto add = [&](std::span<const Row> rows) {
        for (const Row& row : rows) {
            latest.push_back({row, now - (is_present(row.received_at) ? row.received_at : row.timestamp)});
        }
        return true;
    };
    for (const SeriesStats& series : session.series_stats()) {
        if (!query.chooses(session, series)) continue;
        const BalanceSeries balance{series.exchange_id, series.account, series.asset_name};
        filter.series = {};
        if constexpr (std::is_same_v<Row, Balance>) {
            filter.series.balances = std::span(&balance, 1);
        } else {
            filter.series.symbols = std::span(&series.symbol_id, 1);
        }
        without_received_at += session.read_history<Row>(filter, 1, add);
    }

    const auto time_of = [&](const Latest<Row>& one) {
        return asked.clock == ClockKind::received ? one.row.received_at : one.row.timestamp;
    };
    std::sort(latest.begin(), latest.end(), [&](const Latest<Row>& a, const Latest<Row>& b) {
        if (time_of(a) != time_of(b)) return time_of(a) > time_of(b);
        return series_of(a.row) < series_of(b.row);
    });
    const Timestamp newest = latest.empty() ? kNoTime : time_of(latest.front());
    std::erase_if(latest, [&](const Latest<Row>& one) {
        return (asked.last.count() > 0 && time_of(one) < newest - asked.last) ||
               (query.max_age().count() > 0 && one.age > query.max_age());
    });
    return latest;
}

/// The newest row of each series that the filter chooses; of balances perhaps the active ones only.
template <class Row>
std::vector<Latest<Row>> newest_rows(Session& session, const Query& query) {
    const LatestFilter filter = query.latest_filter();
    if constexpr (std::is_same_v<Row, Balance>) {
        if (const std::optional<double> above = query.active_above()) {
            return session.impl().run(session.impl().manager.get_active_balances(filter, *above));
        }
    }
    return session.latest<Row>(filter);
}

template <class Row>
std::vector<Latest<Row>> latest_rows(Session& session, const Query& query, std::uint64_t& without_received_at) {
    std::vector<Latest<Row>> rows = query.is_whole_series() ? newest_rows<Row>(session, query)
                                                            : latest_within<Row>(session, query, without_received_at);
    if (query.is_oldest_first()) std::reverse(rows.begin(), rows.end());
    if (const std::uint64_t limit = query.history_filter().limit; limit > 0 && limit < rows.size()) {
        rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(limit), rows.end());
    }
    if (query.tail() > 0 && query.tail() < rows.size()) {
        rows.erase(rows.begin(), rows.end() - static_cast<std::ptrdiff_t>(query.tail()));
    }
    return rows;
}

template <class Row>
std::size_t print_once(Session& session, const Query& query, const ReadOptions& options) {
    std::uint64_t without_received_at = 0;
    const std::vector<Latest<Row>> rows = latest_rows<Row>(session, query, without_received_at);
    RowStyle style = style_of(options);
    style.units = units_of(session, rows);
    RowPrinter<Row> printer(output(), session, style);
    for (const Latest<Row>& one : rows) printer.add(one.row, one.age);
    printer.finish();
    output().flush();
    printer.note_hidden();
    note_left_out(without_received_at, query);
    return rows.size();
}

/// Why there is no row.
void explain(Session& session, const Query& query) {
    if (const std::optional<double> above = query.active_above()) {
        note(fmt::format("no balance of {} has a total above {} in {}", query.series_text(), *above, session.name()));
    } else {
        explain_empty_answer(session, query);
    }
}

/// Until Ctrl-C.
template <class Row>
void watch(Session& session, const Query& query, const ReadOptions& options, std::chrono::microseconds interval) {
    const bool is_table = options.flags.format() == OutputFormat::table;
    const bool redraws = is_table && terminal().output_is_terminal;
    RowPrinter<Row> appended(output(), session, style_of(options));  // CSV and NDJSON: one stream, one heading
    bool is_first = true;
    for (;; is_first = false) {
        if (redraws) output().write("\x1b[H\x1b[2J");
        std::size_t rows = 0;
        if (is_table) {
            rows = print_once<Row>(session, query, options);
        } else {
            std::uint64_t without_received_at = 0;
            for (const Latest<Row>& one : latest_rows<Row>(session, query, without_received_at)) {
                appended.add(one.row, one.age);
                ++rows;
            }
        }
        output().flush();
        if (rows == 0 && is_first) explain(session, query);
        sleep_unless_interrupted(interval);
    }
}

template <class Row>
int print_latest(Session& session, const Query& query, const ReadOptions& options) {
    if (!options.watch.empty()) {
        const auto interval = read_duration_option("--watch", options.watch);
        watch<Row>(session, query, options, std::max<std::chrono::microseconds>(interval, kShortestWatch));
    }
    const std::size_t rows = print_once<Row>(session, query, options);
    if (rows == 0) explain(session, query);
    return kOk;
}

}  // namespace

int run_latest(const GlobalOptions& global, const ReadOptions& options) {
    Query query(options);
    if (!options.watch.empty()) {
        (void)read_duration_option("--watch", options.watch);
        if (options.flags.json) {
            throw UsageError("--watch and --json exclude each other: an array never ends; use --ndjson");
        }
    }
    Session session(choose_database(global), Access::read);
    query.resolve(session);
    return with_row_type(query.dataset(), [&]<class Row>(std::type_identity<Row>) {
        return print_latest<Row>(session, query, options);
    });
}

}  // namespace marketdb::cli
