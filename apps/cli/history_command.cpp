#include <chrono>
#include <cstdint>
#include <span>
#include <string>

#include <fmt/format.h>

#include "answer.hpp"
#include "commands.hpp"
#include "diagnostics.hpp"
#include "exit_code.hpp"
#include "terminal.hpp"

namespace marketdb::cli {
namespace {

constexpr std::uint64_t kRowsOnTerminal = 100;
constexpr auto kTimeForCounting = std::chrono::seconds(2);

/// How many rows an answer has that is longer than what is shown.
struct Total {
    std::uint64_t rows = 0;
    bool is_complete = true;  ///< False: counting took too long.
};

std::uint64_t stored_rows(Session& session, const Query& query, std::uint64_t limit) {
    std::uint64_t rows = 0;
    for (const SeriesStats& series : session.series_stats()) {
        if (query.chooses(session, series)) rows += series.rows;
    }
    return limit > 0 ? std::min(rows, limit) : rows;
}

/// Prints the first rows and counts the others.
template <class Row>
Total print_cut(Session& session, const Query& query, const HistoryFilter& filter, RowPrinter<Row>& printer,
                std::uint64_t& without_received_at) {
    Total total;
    const bool count_is_kept = query.is_whole_series();
    const auto give_up = std::chrono::steady_clock::now() + kTimeForCounting;
    without_received_at = session.read_history<Row>(filter, kReadRows, [&](std::span<const Row> rows) {
        for (const Row& row : rows) {
            if (printer.rows() < kRowsOnTerminal) printer.add(row);
        }
        total.rows += rows.size();
        if (total.rows <= kRowsOnTerminal) return true;
        if (count_is_kept) return false;
        total.is_complete = std::chrono::steady_clock::now() < give_up;
        return total.is_complete;
    });
    if (count_is_kept && total.rows > kRowsOnTerminal) total.rows = stored_rows(session, query, filter.limit);
    return total;
}

template <class Row>
int print_history(Session& session, const Query& query, const ReadOptions& options) {
    const HistoryFilter filter = filter_with_tail<Row>(session, query);
    RowStyle style;
    style.format = options.flags.format();
    if (style.format == OutputFormat::table) style.units = units_of_query(session, query);
    RowPrinter<Row> printer(output(), session, style);

    Total total;
    std::uint64_t without_received_at = 0;
    if (style.format == OutputFormat::table && terminal().output_is_terminal && !options.all) {
        total = print_cut(session, query, filter, printer, without_received_at);
    } else {
        without_received_at = session.read_history<Row>(filter, kReadRows, [&](std::span<const Row> rows) {
            for (const Row& row : rows) printer.add(row);
            return true;
        });
    }
    printer.finish();
    if (total.rows > printer.rows()) {
        output().line(fmt::format("{} of {}{}; --all", with_commas(printer.rows()),
                                  total.is_complete ? "" : "more than ", with_commas(total.rows)));
    }
    output().flush();
    printer.note_hidden();
    note_left_out(without_received_at, query);
    if (printer.rows() == 0) explain_empty_answer(session, query);
    return kOk;
}

}  // namespace

int run_history(const GlobalOptions& global, const ReadOptions& options) {
    Query query(options);
    Session session(choose_database(global), Access::read);
    query.resolve(session);
    return with_row_type(query.dataset(), [&]<class Row>(std::type_identity<Row>) {
        return print_history<Row>(session, query, options);
    });
}

}  // namespace marketdb::cli
