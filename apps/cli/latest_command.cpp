#include <chrono>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "answer.hpp"
#include "commands.hpp"
#include "exit_code.hpp"
#include "interrupt.hpp"
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

template <class Row>
std::size_t print_once(Session& session, const Query& query, const ReadOptions& options) {
    const std::vector<Latest<Row>> rows = session.latest<Row>(query.latest_filter());
    RowStyle style = style_of(options);
    style.units = units_of(session, rows);
    RowPrinter<Row> printer(output(), session, style);
    for (const Latest<Row>& one : rows) printer.add(one.row, one.age);
    printer.finish();
    output().flush();
    printer.note_hidden();
    return rows.size();
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
            for (const Latest<Row>& one : session.latest<Row>(query.latest_filter())) {
                appended.add(one.row, one.age);
                ++rows;
            }
        }
        output().flush();
        if (rows == 0 && is_first) explain_empty_answer(session, query);
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
    if (rows == 0) explain_empty_answer(session, query);
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
