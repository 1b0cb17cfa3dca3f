#include <algorithm>
#include <array>
#include <chrono>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <marketdb/coverage.hpp>

#include "commands.hpp"
#include "diagnostics.hpp"
#include "exit_code.hpp"
#include "query.hpp"
#include "session_impl.hpp"
#include "table.hpp"
#include "terminal.hpp"

namespace marketdb::cli {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::year_month;
using std::chrono::year_month_day;

constexpr std::size_t kDaysShown = 31;

/// What is known of a series.
struct SeriesCoverage {
    std::vector<CoveredTime> covered;
    std::vector<CoverageClaim> gaps;
};
using Coverage = std::map<std::pair<Dataset, SymbolId>, SeriesCoverage>;

std::optional<ClockKind> read_clock(const std::string& text) {
    if (text.empty()) return std::nullopt;
    return text == "event" ? ClockKind::event : ClockKind::received;
}

/// The symbols that were asked for; {0}: all.
std::vector<SymbolId> chosen_symbols(Session& session, const HistorySelection& selection) {
    std::vector<SymbolId> symbols;
    for (const std::string& series : selection.series) {
        for (const Symbol& symbol : session.resolve_series(series)) symbols.push_back(symbol.id);
    }
    if (selection.series.empty()) symbols.emplace_back();
    return symbols;
}

Coverage read_coverage(Session& session, const HistorySelection& selection, std::optional<ClockKind> clock) {
    Coverage coverage;
    DatabaseManager& db = session.impl().manager;
    for (const SymbolId symbol : chosen_symbols(session, selection)) {
        CoverageFilter filter;
        filter.dataset = selection.dataset;
        filter.symbol = symbol;
        filter.clock = clock;
        filter.start = selection.start;
        filter.end = selection.end;
        for (CoveredTime& one : session.impl().run(get_coverage(db, filter))) {
            coverage[{one.dataset, one.symbol}].covered.push_back(std::move(one));
        }
        for (const CoverageClaim& one : session.impl().run(get_declared_gaps(db, filter))) {
            coverage[{one.dataset, one.symbol}].gaps.push_back(one);
        }
    }
    return coverage;
}

/// The days of a month, each a character.
class Month {
 public:
    void cover(unsigned day, std::chrono::microseconds time) { covered_.at(day - 1) += time; }
    void miss(unsigned day) { has_gap_.at(day - 1) = true; }

    [[nodiscard]] std::string text(year_month month) const {
        const auto last = static_cast<unsigned>(std::chrono::year_month_day_last(month / std::chrono::last).day());
        std::string text;
        for (unsigned i = 0; i < last; ++i) {
            const bool is_full = covered_.at(i) >= days(1);
            const bool is_empty = covered_.at(i).count() == 0;
            text += has_gap_.at(i) ? '!' : is_full ? '#' : is_empty ? '.' : '+';
        }
        return text;
    }

 private:
    std::array<std::chrono::microseconds, kDaysShown> covered_{};
    std::array<bool, kDaysShown> has_gap_{};
};
using Months = std::map<year_month, Month>;

/// Calls `use(month, day, time)` for each day of a stretch.
template <class Use>
void for_each_day(Timestamp start, Timestamp end, Use use) {
    while (start < end) {
        const auto day = floor<days>(start);
        const Timestamp next = std::min<Timestamp>(end, day + days(1));
        const year_month_day date(day);
        use(date.year() / date.month(), static_cast<unsigned>(date.day()), next - start);
        start = next;
    }
}

/// By whichever clock: for a day that makes no difference that could be seen.
Months months_of(SeriesCoverage series) {
    Months months;
    std::sort(series.covered.begin(), series.covered.end(),
              [](const CoveredTime& one, const CoveredTime& other) { return one.start < other.start; });
    Timestamp reached = kNoTime;
    for (const CoveredTime& piece : series.covered) {
        for_each_day(std::max(piece.start, reached), piece.end,
                     [&months](year_month month, unsigned day, auto time) { months[month].cover(day, time); });
        reached = std::max(reached, piece.end);
    }
    for (const CoverageClaim& gap : series.gaps) {
        for_each_day(gap.start, gap.end, [&months](year_month month, unsigned day, auto) { months[month].miss(day); });
    }
    return months;
}

void print_calendar(Session& session, const Coverage& coverage) {
    if (coverage.empty()) return;
    Table table(output(), {{"dataset"}, {"series"}, {"month"}, {"1   5    10   15   20   25   30"}},
                terminal().columns);
    for (const auto& [series, known] : coverage) {
        const std::string name = session.names(series.second).text();
        for (const auto& [month, days_of_month] : months_of(known)) {
            table.add({std::string(to_string(series.first)), name,
                       fmt::format("{:04}-{:02}", static_cast<int>(month.year()), static_cast<unsigned>(month.month())),
                       days_of_month.text(month)});
        }
    }
    table.finish();
    output().line("# whole day  + part of it  ! with a declared gap  . nothing known (days of UTC)");
}

std::string kinds_text(const CoveredTime& piece) {
    std::vector<std::string_view> kinds;
    std::string text;
    for (const CoverageReason& reason : piece.reasons) {
        const std::string_view kind = to_string(reason.kind);
        if (std::find(kinds.begin(), kinds.end(), kind) != kinds.end()) continue;
        kinds.push_back(kind);
        text += fmt::format("{}{}", text.empty() ? "" : " ", kind);
    }
    return text;
}

std::string sources_text(const CoveredTime& piece) {
    std::string text;
    for (const CoverageReason& reason : piece.reasons) {
        text += fmt::format("{}{}", text.empty() ? "" : " ", static_cast<std::int32_t>(reason.source));
    }
    return text;
}

void print_pieces(Session& session, const Coverage& coverage, OutputFormat format) {
    RecordPrinter printer(
        output(), format,
        {{"dataset"}, {"exchange"}, {"symbol"}, {"clock"}, {"state"}, {"start"}, {"end"}, {"kinds"}, {"sources"}});
    const auto add = [&](const auto& piece, std::string state, std::string kinds, std::string sources) {
        const SeriesNames& names = session.names(piece.symbol);
        printer.add({std::string(to_string(piece.dataset)), names.exchange, names.symbol,
                     piece.clock == ClockKind::event ? "event" : "received", std::move(state), to_string(piece.start),
                     to_string(piece.end), std::move(kinds), std::move(sources)});
    };
    for (const auto& [series, known] : coverage) {
        for (const CoveredTime& piece : known.covered) add(piece, "covered", kinds_text(piece), sources_text(piece));
        for (const CoverageClaim& gap : known.gaps) {
            add(gap, "gap", "gap", fmt::format("{}", static_cast<std::int32_t>(gap.source)));
        }
    }
    printer.finish();
}

}  // namespace

int run_coverage(const GlobalOptions& global, const CoverageArguments& arguments, const ReadOptions& options) {
    const HistorySelection selection = read_selection(options);
    if (selection.dataset == Dataset::balances) throw UsageError("DATASET: the coverage of balances is not kept");
    const std::optional<ClockKind> clock = read_clock(arguments.clock);
    Session session(choose_database(global), Access::read);
    const Coverage coverage = read_coverage(session, selection, clock);
    const OutputFormat format = options.flags.format();
    if (format == OutputFormat::table) {
        print_calendar(session, coverage);
    } else {
        print_pieces(session, coverage, format);
    }
    output().flush();
    if (coverage.empty()) {
        note(
            "nothing is known to be complete there; imports say what their files hold, `coverage declare` what you "
            "know");
    }
    return kOk;
}

int run_coverage_declare(const GlobalOptions& global, const CoverageArguments& arguments, const ReadOptions& options) {
    const HistorySelection selection = read_selection(options);
    if (selection.dataset == Dataset::balances) throw UsageError("DATASET: the coverage of balances is not kept");
    if (!is_present(selection.start) || !is_present(selection.end) || selection.end == selection.start) {
        throw UsageError("--from and --to: expected both, and --to after --from");
    }
    Session session(choose_database(global), Access::write);
    const OutputFormat format = options.flags.format();
    std::vector<std::vector<std::string>> records;
    for (const SymbolId symbol : chosen_symbols(session, selection)) {
        CoverageDeclaration declaration;
        declaration.dataset = *selection.dataset;
        declaration.symbol = symbol;
        declaration.clock = read_clock(arguments.clock).value_or(ClockKind::event);
        declaration.start = selection.start;
        declaration.end = selection.end;
        declaration.reason = arguments.reason;
        DatabaseManager& db = session.impl().manager;
        session.impl().run(arguments.gap ? declare_gap(db, declaration) : declare_coverage(db, declaration));
        const SeriesNames& names = session.names(symbol);
        records.push_back({std::string(to_string(declaration.dataset)), names.exchange, names.symbol,
                           declaration.clock == ClockKind::event ? "event" : "received",
                           arguments.gap ? "gap" : "covered", to_string(declaration.start),
                           to_string(declaration.end)});
        if (format != OutputFormat::table) continue;
        output().line(fmt::format("{} {}: {} .. {} ({} time) is {}", records.back()[0], names.text(), records.back()[5],
                                  records.back()[6], records.back()[3], arguments.gap ? "a gap" : "complete"));
    }
    if (format != OutputFormat::table) {
        print_records(output(), format,
                      {{"dataset"}, {"exchange"}, {"symbol"}, {"clock"}, {"state"}, {"start"}, {"end"}}, records);
    }
    output().flush();
    session.close();
    return kOk;
}

}  // namespace marketdb::cli
