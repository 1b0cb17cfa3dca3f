#include "import_report.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include <marketdb/format.hpp>

#include "diagnostics.hpp"
#include "output.hpp"
#include "progress.hpp"
#include "terminal.hpp"

namespace marketdb::cli {
namespace {

constexpr std::size_t kNamesListed = 10;

std::string list(const std::vector<std::string>& names) {
    std::string text;
    for (std::size_t i = 0; i < std::min(names.size(), kNamesListed); ++i) text += (i == 0 ? "" : ", ") + names[i];
    if (names.size() > kNamesListed) text += fmt::format(" and {} more", names.size() - kNamesListed);
    return printable(text);
}

// Validating is about an eighth of the work; quarantining reads once.
constexpr double kShareOfValidating = 0.12;

double ratio(std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

/// Of the pass that runs.
double pass_done(const ImportProgress& progress) {
    return progress.total_rows > 0 ? ratio(progress.rows, progress.total_rows)
                                   : ratio(progress.bytes, progress.total_bytes);
}

double all_done(const ImportProgress& progress) {
    if (progress.validating) return kShareOfValidating * pass_done(progress);
    if (progress.total_rows == 0) return pass_done(progress);
    return kShareOfValidating + (1 - kShareOfValidating) * pass_done(progress);
}

/// By the speed of the pass that runs; the storing that follows validating takes in proportion.
double seconds_left(const ImportProgress& progress, double seconds) {
    const double done = pass_done(progress);
    const double left_in_pass = seconds * (1 - done) / done;
    if (!progress.validating) return left_in_pass;
    return left_in_pass + seconds / done * (1 - kShareOfValidating) / kShareOfValidating;
}

/// A text about the file, which it names once.
std::string with_file(const ImportReport& report, const std::string& text) {
    return text.find(report.file) != std::string::npos ? text : fmt::format("{}: {}", report.file, text);
}

/// `BINANCE_SPOT BTC/USDT`; of several exchanges `BYBIT_SPOT, BYBIT_FUTURES: BTC/USDT, ETH/USDT`.
std::string instruments(const ImportReport& report) {
    std::string exchanges;
    for (const char c : printable(report.exchange)) {
        exchanges += c;
        if (c == ',') exchanges += ' ';
    }
    const bool several = report.exchange.find(',') != std::string::npos;
    return fmt::format("{}{} {}", exchanges, several ? ":" : "", list(report.symbols));
}

void append_field(std::string& out, std::string_view name, std::uint64_t value) {
    out += fmt::format(",\"{}\":{}", name, value);
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
    out += fmt::format(",\"{}\":", name);
    if (value.empty()) {
        out += "null";
    } else {
        append_json_string(out, value);
    }
}

void append_field(std::string& out, std::string_view name, const std::vector<std::string>& values) {
    out += fmt::format(",\"{}\":[", name);
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (i > 0) out += ',';
        append_json_string(out, values[i]);
    }
    out += ']';
}

}  // namespace

void ImportBar::show(const ImportProgress& progress) {
    constexpr auto kBetween = std::chrono::milliseconds(100);
    const auto now = std::chrono::steady_clock::now();
    if (!shows_progress() || now - last_shown_ < kBetween) return;
    last_shown_ = now;
    if (!progress.validating && !is_storing_) {
        is_storing_ = true;
        start_ = now;
        first_row_ = progress.rows;
    }
    const double seconds = std::chrono::duration<double>(now - start_).count();
    const double speed = seconds > 0 ? static_cast<double>(progress.rows - first_row_) / seconds : 0;
    std::string text =
        fmt::format("{} {} {} rows, {} rows/s", bar(all_done(progress)), progress.validating ? "checking" : "storing",
                    with_commas(progress.rows), with_commas(static_cast<std::uint64_t>(speed)));
    if (pass_done(progress) > 0.01) text += fmt::format(", {} left", duration(seconds_left(progress, seconds)));
    text += count_ > 1 ? fmt::format("  [{} of {}] {}", number_, count_, progress.file) : "  " + progress.file;
    show_status(text);
}

void ImportReporter::warn_early(std::string_view warning) {
    clear_status();
    warn(warning);
    told_early_ = warning;
}

void ImportReporter::add(const ImportReport& report) {
    ++files_;
    clear_status();
    for (const std::string& warning : report.warnings) {
        if (warning != told_early_) warn(with_file(report, warning));
    }
    told_early_.clear();
    if (!report.error.empty()) report_problem(report);
    if (report.skipped) ++skipped_;
    total_.read += report.read;
    total_.written += report.written;
    total_.rejected += report.rejected;
    total_.seconds += report.seconds;
    if (arguments_.json) {
        print_json(report);
    } else {
        print_text(report);
    }
    output().flush();
}

void ImportReporter::report_problem(const ImportReport& report) {
    const std::string text = with_file(report, report.error);
    if (report.error_code == ErrorCode::cancelled) {
        ++interrupted_;
        note(text);
        return;
    }
    ++failed_;
    report_error(text);
    if (arguments_.on_error == "stop" && report.error.find(": column ") != std::string::npos) {
        note("nothing of this file was stored; --on-error quarantine sets bad rows aside and stores the rest");
    }
}

void ImportReporter::print_text(const ImportReport& report) {
    const bool says_all = report.error_code == ErrorCode::cancelled || report.written == WriteResult{};
    if (!report.error.empty() && says_all) return;
    const std::string file = printable(report.file);
    if (report.skipped) {
        output().line(fmt::format("{}: imported before, skipped (--force reads it again)", file));
        return;
    }
    if (report.dataset.empty()) {
        output().line(fmt::format("{}: empty, 0 rows", file));
        return;
    }
    output().line(file);
    const std::string of = report.exchange.empty() ? std::string() : " of " + instruments(report);
    output().line(fmt::format("  {}: {}{}", report.layout, report.dataset, of));
    if (is_present(report.first)) {
        output().line(fmt::format("  {} .. {}", to_string(report.first), to_string(report.last)));
    }
    for (const std::string& symbol : report.new_symbols) {
        output().line(fmt::format("  {} {}", arguments_.dry_run ? "would create" : "new symbol", printable(symbol)));
    }
    print_counts(report);
}

void ImportReporter::print_counts(const ImportReport& report) const {
    const std::string rows =
        fmt::format("  {} read{}{}", with_commas(report.read), counts(report.written, report.rejected),
                    report.covered > 0 ? fmt::format(", {} in covered time", with_commas(report.covered)) : "");
    if (arguments_.dry_run) {
        output().line(rows + "; nothing was written (--dry-run)");
        return;
    }
    const double speed = report.seconds > 0 ? static_cast<double>(report.read) / report.seconds : 0;
    output().line(fmt::format("{} in {:.2f} s ({} rows/s)", rows, report.seconds,
                              with_commas(static_cast<std::uint64_t>(speed))));
}

void ImportReporter::print_json(const ImportReport& report) {
    std::string text = files_ == 1 ? "[{\"file\":" : ",\n{\"file\":";
    append_json_string(text, report.file);
    append_field(text, "dataset", report.dataset);
    append_field(text, "exchange", report.exchange);
    append_field(text, "symbols", report.symbols);
    append_field(text, "read", report.read);
    append_field(text, "inserted", report.written.inserted);
    append_field(text, "updated", report.written.updated);
    append_field(text, "unchanged", report.written.unchanged);
    append_field(text, "folded", report.written.folded);
    append_field(text, "rounded", report.written.rounded);
    append_field(text, "rejected", report.rejected);
    if (arguments_.only_gaps) append_field(text, "covered", report.covered);
    text += report.skipped ? ",\"skipped\":true" : ",\"skipped\":false";
    text += ",\"seconds\":" + format_number(report.seconds);
    if (arguments_.dry_run) {
        append_field(text, "layout", report.layout);
        append_field(text, "first", to_string(report.first));
        append_field(text, "last", to_string(report.last));
        append_field(text, "new_symbols", report.new_symbols);
    }
    if (!report.error.empty()) append_field(text, "error", report.error);
    output().write(text + "}");
}

void ImportReporter::finish(std::uint64_t ignored, const std::string& database) {
    clear_status();
    if (arguments_.json) {
        output().line(files_ == 0 ? "[]" : "]");
        output().flush();
        return;
    }
    std::string text = fmt::format("{}: {} read{}", counted(files_, "file"), counted(total_.read, "row"),
                                   counts(total_.written, total_.rejected));
    if (skipped_ > 0) text += fmt::format("; {} skipped", skipped_);
    if (interrupted_ > 0) text += fmt::format("; {} interrupted", interrupted_);
    if (failed_ > 0) text += fmt::format("; {} failed", failed_);
    if (ignored > 0) text += fmt::format("; {} ignored", counted(ignored, "other file"));
    output().line(fmt::format("{}; {} {}", text, arguments_.dry_run ? "nothing was written to" : "database", database));
    output().flush();
}

}  // namespace marketdb::cli
