#include "copy_report.hpp"

#include <string_view>
#include <vector>

#include <fmt/format.h>

#include <marketdb/format.hpp>

#include "diagnostics.hpp"
#include "output.hpp"
#include "progress.hpp"
#include "records.hpp"
#include "terminal.hpp"

namespace marketdb::cli {
namespace {

std::string number(std::uint64_t value) { return fmt::format("{}", value); }

void print_json(const CopyReport& report, bool is_dry_run) {
    const std::vector<Field> fields = {{"dataset"},
                                       {"exchange"},
                                       {"symbol"},
                                       {"account"},
                                       {"first"},
                                       {"last"},
                                       {"rows", FieldKind::number},
                                       {"found", FieldKind::number},
                                       {"inserted", FieldKind::number},
                                       {"updated", FieldKind::number},
                                       {"unchanged", FieldKind::number},
                                       {"folded", FieldKind::number},
                                       {"rounded", FieldKind::number},
                                       {"sha256"},
                                       {"target_rows", FieldKind::number},
                                       {"target_sha256"},
                                       {"equal", FieldKind::boolean},
                                       {"first_difference"}};
    std::vector<std::vector<std::string>> records;
    for (const CopiedSeries& one : report.series) {
        const SeriesName& name = one.source.name;
        records.push_back({std::string(to_string(name.dataset)), name.exchange, name.symbol, name.account,
                           to_string(one.source.first), to_string(one.source.last), number(one.source.rows),
                           number(one.found), number(one.written.inserted), number(one.written.updated),
                           number(one.written.unchanged), number(one.written.folded), number(one.written.rounded),
                           one.source.sha256, is_dry_run ? "" : number(one.target.rows), one.target.sha256,
                           is_dry_run     ? ""
                           : one.is_equal ? "true"
                                          : "false",
                           to_string(one.first_difference)});
    }
    print_records(output(), OutputFormat::json, fields, records);
}

/// What became of one series, in one line.
std::string describe(const CopiedSeries& one, bool is_dry_run) {
    std::string text = fmt::format("{}: {} rows", printable(to_string(one.source.name)), with_commas(one.source.rows));
    if (one.found > 0) text += fmt::format(", {} there already", with_commas(one.found));
    if (is_dry_run) {
        const std::uint64_t left = one.source.rows - one.found;
        return left == 0 ? text : text + fmt::format(", {} to write", with_commas(left));
    }
    return text + counts(one.written) + (one.is_equal ? "; equal" : "; DIFFERENT");
}

/// On standard error, so that it is seen whatever becomes of the report.
void report_differences(const CopyReport& report) {
    for (const CopiedSeries& one : report.series) {
        if (one.is_equal) continue;
        report_error(
            fmt::format("{} is not the same on both sides: {} rows here and {} in the target from {} to {}; the "
                        "first difference is at {}",
                        to_string(one.source.name), with_commas(one.source.rows), with_commas(one.target.rows),
                        to_string(one.source.first), to_string(one.source.last), to_string(one.first_difference)));
    }
}

void print_text(const CopyReport& report, bool is_dry_run, const std::string& from, const std::string& to) {
    const std::string_view verb = is_dry_run ? "would create" : "new";
    for (const std::string& exchange : report.new_exchanges) {
        output().line(fmt::format("{} exchange {}", verb, printable(exchange)));
    }
    for (const std::string& symbol : report.new_symbols) {
        output().line(fmt::format("{} symbol {}", verb, printable(symbol)));
    }
    for (const CopiedSeries& one : report.series) output().line(describe(one, is_dry_run));
    std::string text =
        fmt::format("{} series: {} rows read", with_commas(report.series.size()), with_commas(report.rows));
    if (report.found > 0) text += fmt::format(", {} there already", with_commas(report.found));
    text += counts(report.written);
    if (is_dry_run) {
        text += "; nothing was written (--dry-run)";
    } else {
        const double speed = report.seconds > 0 ? static_cast<double>(report.rows) / report.seconds : 0;
        text += fmt::format(" in {:.2f} s ({} rows/s)", report.seconds, with_commas(static_cast<std::uint64_t>(speed)));
        text += report.different == 0 ? "; all equal" : fmt::format("; {} different", with_commas(report.different));
    }
    output().line(fmt::format("{}; {} to {}", text, from, to));
}

}  // namespace

void CopyBar::show(const CopyProgress& progress) {
    constexpr auto kBetween = std::chrono::milliseconds(100);
    const auto now = std::chrono::steady_clock::now();
    if (!shows_progress() || now - last_shown_ < kBetween) return;
    last_shown_ = now;
    const double seconds = std::chrono::duration<double>(now - start_).count();
    const double speed = seconds > 0 ? static_cast<double>(progress.rows) / seconds : 0;
    std::string text = fmt::format("{} {} rows, {} rows/s", progress.verifying ? "comparing" : "copying",
                                   with_commas(progress.rows), with_commas(static_cast<std::uint64_t>(speed)));
    if (progress.total_rows > 0) {
        const double done = static_cast<double>(progress.rows) / static_cast<double>(progress.total_rows);
        text = bar(done) + " " + text;
        if (done > 0.01) text += fmt::format(", {} left", duration(seconds * (1 - done) / done));
    }
    show_status(fmt::format("{}  [{} of {}] {}", text, progress.number, progress.count, to_string(progress.series)));
}

void print_copy(const CopyReport& report, const CopyArguments& arguments, const std::string& from,
                const std::string& to) {
    clear_status();
    for (const std::string& text : report.notes) warn(text);
    if (arguments.json) {
        print_json(report, arguments.dry_run);
    } else {
        print_text(report, arguments.dry_run, from, to);
    }
    output().flush();
    if (!arguments.dry_run) report_differences(report);
}

}  // namespace marketdb::cli
