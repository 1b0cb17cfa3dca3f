#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <marketdb/format.hpp>

#include "answer.hpp"
#include "chart.hpp"
#include "commands.hpp"
#include "comparison.hpp"
#include "diagnostics.hpp"
#include "exit_code.hpp"
#include "query.hpp"
#include "session_impl.hpp"
#include "terminal.hpp"

namespace marketdb::cli {
namespace {

constexpr std::size_t kChartHeight = 5;
constexpr std::size_t kChartLabels = 14;  // columns beside the chart
constexpr std::size_t kMaxCharts = 6;

using Record = std::vector<std::string>;

// --- over time ---------------------------------------------------------------------------------------------------------

/// What programs read. The keys of JSON are fixed; CSV goes on with the other figures.
void print_for_programs(const Comparison& comparison, const SpreadReport& report, OutputFormat format) {
    std::vector<Field> fields = {{"buy"}, {"sell"}};
    for (const char* name :
         {"samples", "missing", "mean_bps", "min_bps", "max_bps", "p50_bps", "p99_bps", "share_above"}) {
        fields.push_back({name, FieldKind::number});
    }
    if (format == OutputFormat::csv) {
        for (const char* name : {"std_bps", "p1_bps", "p5_bps", "p25_bps", "p75_bps", "p95_bps", "above",
                                 "time_share_above", "mean_fillable", "mean_fillable_above"}) {
            fields.push_back({name, FieldKind::number});
        }
    }
    std::vector<Record> records;
    for (const SpreadStats& pair : report.pairs) {
        Record record = {comparison.name(pair.buy), comparison.name(pair.sell), fmt::format("{}", pair.samples),
                         fmt::format("{}", pair.missing)};
        for (const double number :
             {pair.mean_bps, pair.min_bps, pair.max_bps, pair.p50_bps, pair.p99_bps, pair.share_above, pair.std_bps,
              pair.p1_bps, pair.p5_bps, pair.p25_bps, pair.p75_bps, pair.p95_bps, static_cast<double>(pair.above),
              pair.time_share_above, pair.mean_fillable, pair.mean_fillable_above}) {
            record.push_back(format_number(number));
        }
        record.resize(fields.size());
        records.push_back(std::move(record));
    }
    print_records(output(), format, fields, records);
}

std::string bps_text(double bps) { return is_present(bps) ? fmt::format("{:.4f}", bps) : std::string(); }

std::string percent_text(double share) {
    return is_present(share) ? fmt::format("{:.2f} %", share * 100) : std::string();
}

void print_for_people(const Comparison& comparison, const SpreadReport& report) {
    const std::vector<Field> fields = {{"sell"},
                                       {"buy"},
                                       {"samples", FieldKind::number, 6},
                                       {"missing", FieldKind::number, 5},
                                       {"mean_bps", FieldKind::number},
                                       {"std", FieldKind::number, 4},
                                       {"min", FieldKind::number},
                                       {"p1", FieldKind::number, 9},
                                       {"p5", FieldKind::number, 3},
                                       {"p25", FieldKind::number, 8},
                                       {"p50", FieldKind::number, 2},
                                       {"p75", FieldKind::number, 8},
                                       {"p95", FieldKind::number, 3},
                                       {"p99", FieldKind::number, 9},
                                       {"max", FieldKind::number},
                                       {"above", FieldKind::number, 1},
                                       {"time_above", FieldKind::number, 7},
                                       {"fillable", FieldKind::number, 6}};
    std::vector<Record> records;
    for (const SpreadStats& pair : report.pairs) {
        Record record = {comparison.name(pair.sell), comparison.name(pair.buy), with_commas(pair.samples),
                         with_commas(pair.missing)};
        for (const double bps : {pair.mean_bps, pair.std_bps, pair.min_bps, pair.p1_bps, pair.p5_bps, pair.p25_bps,
                                 pair.p50_bps, pair.p75_bps, pair.p95_bps, pair.p99_bps, pair.max_bps}) {
            record.push_back(bps_text(bps));
        }
        record.push_back(percent_text(pair.share_above));
        record.push_back(percent_text(pair.time_share_above));
        record.push_back(is_present(pair.mean_fillable) ? fmt::format("{:.6g}", pair.mean_fillable) : std::string());
        records.push_back(std::move(record));
    }
    print_records(output(), OutputFormat::table, fields, records);
}

/// Of each pair the mean over time, as wide as the terminal.
void print_charts(const Comparison& comparison, const SpreadReport& report) {
    std::size_t charts = 0;
    for (const SpreadStats& pair : report.pairs) {
        std::vector<double> means = pair.means_bps;
        // Fewer instants than columns: those between them are no gaps.
        if (report.instants < means.size()) std::erase_if(means, [](double bps) { return !is_present(bps); });
        if (pair.samples == 0 || means.empty() || ++charts > kMaxCharts) continue;
        output().line(fmt::format("\nsell {}, buy {}: mean bps, {} to {}", comparison.name(pair.sell),
                                  comparison.name(pair.buy), to_string(report.first), to_string(report.last)));
        for (const std::string& line : chart_lines(means, kChartHeight, terminal().utf8)) output().line(line);
    }
}

void note_coverage(const Comparison& comparison, const SpreadReport& report) {
    if (report.coverage.empty()) note("nothing is known of how complete the quotes are");
    for (std::size_t i = 0; i < report.coverage.size(); ++i) {
        note(fmt::format("{}: {:.1f} % of the time is known to be complete", comparison.names().at(i),
                         report.coverage[i].share() * 100));
    }
}

int print_over_time(Session& session, const Comparison& comparison, const CompareArguments& arguments) {
    const OutputFormat format = arguments.flags.format();
    const bool has_charts = format == OutputFormat::table && terminal().output_is_terminal;
    SpreadOptions options;
    options.alignment = comparison.alignment();
    options.fees_bps = comparison.fees();
    options.threshold_bps = arguments.threshold.value_or(0);
    options.with_coverage = arguments.with_coverage;
    if (has_charts) options.stretches = std::max(terminal().columns, kChartLabels + 10) - kChartLabels;
    const SpreadReport report = session.impl().run(get_spreads(session.impl().manager, std::move(options)));

    if (format == OutputFormat::table) {
        print_for_people(comparison, report);
    } else {
        print_for_programs(comparison, report, format);
    }
    if (has_charts) print_charts(comparison, report);
    output().flush();
    note_left_out(report.without_received_at, true);
    if (arguments.with_coverage) note_coverage(comparison, report);
    const bool is_empty =
        std::all_of(report.pairs.begin(), report.pairs.end(), [](const SpreadStats& one) { return one.samples == 0; });
    if (is_empty) comparison.explain_empty_answer(session);
    return kOk;
}

// --- now ---------------------------------------------------------------------------------------------------------------

std::string seconds_text(std::chrono::microseconds age) {
    return format_number(std::chrono::duration<double>(age).count());
}

int print_now(Session& session, const Comparison& comparison, const CompareArguments& arguments) {
    const OutputFormat format = arguments.flags.format();
    LiveSpreadOptions options;
    options.series.symbols = comparison.alignment().series;
    options.min_bps = arguments.min_bps.value_or(0);
    if (!arguments.max_age.empty()) options.max_age = read_duration_option("--max-age", arguments.max_age);
    const std::vector<LiveSpread> spreads = session.impl().run(get_live_spreads(session.impl().manager, options));

    const std::vector<Field> fields = {{"buy"},
                                       {"sell"},
                                       {"bps", FieldKind::number},
                                       {"ask_price", FieldKind::number, 2},
                                       {"bid_price", FieldKind::number, 2},
                                       {"fillable", FieldKind::number, 1},
                                       {"buy_age_seconds", FieldKind::number, 3},
                                       {"sell_age_seconds", FieldKind::number, 3}};
    std::vector<Record> records;
    for (const LiveSpread& one : spreads) {
        records.push_back({session.names(one.buy).text(), session.names(one.sell).text(),
                           format == OutputFormat::table ? bps_text(one.bps) : format_number(one.bps),
                           format_number(one.ask_price), format_number(one.bid_price), format_number(one.fillable),
                           seconds_text(one.buy_age), seconds_text(one.sell_age)});
    }
    print_records(output(), format, fields, records);
    output().flush();
    if (spreads.empty()) {
        note(fmt::format("no spread of {} bps or more between quotes of one pair that are at most {} s old",
                         format_number(options.min_bps), seconds_text(options.max_age)));
    }
    return kOk;
}

void refuse_beside_now(const CompareArguments& arguments) {
    const bool has_time = !arguments.every.empty() || !arguments.driver.empty() || arguments.each_change ||
                          !arguments.at.empty() || !arguments.at_file.empty() || !arguments.from.empty() ||
                          !arguments.to.empty() || !arguments.tolerance.empty();
    if (has_time) {
        throw UsageError(
            "--now and --every, --driver, --each-change, --at, --from, --to, --tolerance exclude each other");
    }
    if (arguments.threshold)
        throw UsageError("--now and --threshold exclude each other: --min-bps says which are shown");
    if (!arguments.fees.empty())
        throw UsageError("--now and --fee exclude each other: the spreads of now are without fees");
}

}  // namespace

int run_spread(const GlobalOptions& global, const CompareArguments& arguments) {
    if (arguments.now) {
        refuse_beside_now(arguments);
        if (!arguments.max_age.empty()) (void)read_duration_option("--max-age", arguments.max_age);
    } else {
        if (arguments.min_bps || !arguments.max_age.empty()) throw UsageError("--min-bps and --max-age need --now");
        if (arguments.series.empty()) throw UsageError("SERIES is required, or --now");
    }
    Comparison comparison(arguments);
    Session session(choose_database(global), Access::read);
    comparison.resolve(session, arguments.now && !comparison.chooses_series() ? 0 : 2);
    return arguments.now ? print_now(session, comparison, arguments) : print_over_time(session, comparison, arguments);
}

}  // namespace marketdb::cli
