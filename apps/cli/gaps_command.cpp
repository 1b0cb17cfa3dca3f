#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <marketdb/coverage.hpp>
#include <marketdb/format.hpp>

#include "commands.hpp"
#include "diagnostics.hpp"
#include "exit_code.hpp"
#include "interrupt.hpp"
#include "query.hpp"
#include "records.hpp"
#include "session_impl.hpp"

namespace marketdb::cli {
namespace {

constexpr std::size_t kGapsAtOnce = 4'096;

const std::vector<Field>& fields() {
    static const std::vector<Field> fields = {
        {"exchange"},
        {"symbol"},
        {"evidence"},
        {"start"},
        {"end"},
        {"seconds", FieldKind::number},
        {"missing", FieldKind::number, 1},
        {"first_id", FieldKind::number, 2},
        {"last_id", FieldKind::number, 2},
    };
    return fields;
}

std::vector<std::string> record_of(const SeriesNames& names, const FoundGap& gap) {
    const bool is_of_ids = gap.evidence == GapEvidence::trade_ids;
    const auto number = [is_of_ids](auto value) { return is_of_ids ? fmt::format("{}", value) : std::string(); };
    return {names.exchange,
            names.symbol,
            std::string(to_string(gap.evidence)),
            to_string(gap.start),
            to_string(gap.end),
            format_number(std::chrono::duration<double>(gap.end - gap.start).count()),
            number(gap.missing),
            number(gap.first_id),
            number(gap.last_id)};
}

void print_gaps(Session& session, const GapSearch& search, RecordPrinter& printer) {
    const SeriesNames& names = session.names(search.symbol);
    GapReader reader = read_gaps(session.impl().manager, search);
    for (;;) {
        throw_if_interrupted();
        const std::vector<FoundGap> gaps = session.impl().run(reader.next(kGapsAtOnce));
        if (gaps.empty()) return;
        for (const FoundGap& gap : gaps) printer.add(record_of(names, gap));
    }
}

/// Silences are looked for in covered time alone.
void note_uncovered(Session& session, const GapSearch& search) {
    CoverageFilter filter;
    filter.dataset = search.dataset;
    filter.symbol = search.symbol;
    filter.clock = search.clock;
    filter.start = search.start;
    filter.end = search.end;
    if (!session.impl().run(get_coverage(session.impl().manager, filter)).empty()) return;
    note(fmt::format("{}: no {} time of it is covered, so no silence was looked for; see `marketdb coverage`",
                     session.names(search.symbol).text(), search.clock == ClockKind::event ? "event" : "received"));
}

}  // namespace

int run_gaps(const GlobalOptions& global, const CoverageArguments& arguments, const ReadOptions& options) {
    const HistorySelection selection = read_selection(options);
    if (selection.dataset == Dataset::balances) throw UsageError("DATASET: the coverage of balances is not kept");
    GapSearch search;
    search.dataset = *selection.dataset;
    search.start = selection.start;
    search.end = selection.end;
    search.clock = arguments.clock == "received" ? ClockKind::received : ClockKind::event;
    if (!arguments.silence.empty()) search.silence = read_duration_option("--silence", arguments.silence);
    if (search.silence.count() <= 0 && !arguments.silence.empty()) {
        throw UsageError("--silence: expected a length of time greater than 0, such as 5s");
    }
    Session session(choose_database(global), Access::read);
    RecordPrinter printer(output(), options.flags.format(), fields());
    std::vector<SymbolId> symbols;
    for (const std::string& series : selection.series) {
        const std::vector<Symbol> known = with_known_names([&] { return session.resolve_series(series); });
        for (const Symbol& symbol : known) symbols.push_back(symbol.id);
    }
    for (const SymbolId symbol : symbols) {
        search.symbol = symbol;
        print_gaps(session, search, printer);
    }
    printer.finish();
    output().flush();
    if (printer.records() == 0) note("no gap was found");
    for (const SymbolId symbol : symbols) {
        search.symbol = symbol;
        if (search.silence.count() > 0) note_uncovered(session, search);
    }
    return printer.records() == 0 ? kOk : kFailure;
}

}  // namespace marketdb::cli
