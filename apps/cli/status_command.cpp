#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <marketdb/status.hpp>

#include "ages.hpp"
#include "commands.hpp"
#include "diagnostics.hpp"
#include "exit_code.hpp"
#include "query.hpp"
#include "session_impl.hpp"
#include "terminal.hpp"
#include "whole_file.hpp"

namespace marketdb::cli {
namespace {

/// `exchange` of the answer looks at the arguments' text.
StatusOptions status_options(const StatusArguments& arguments) {
    StatusOptions options;
    options.exchange = arguments.exchange;
    if (!arguments.dataset.empty()) options.dataset = read_dataset(arguments.dataset, "--dataset");
    if (!arguments.max_age.empty()) options.max_age = read_duration_option("--max-age", arguments.max_age);
    if (options.max_age.count() <= 0) throw UsageError("--max-age: expected a length above zero");
    return options;
}

DatabaseStatus look_at(Session& session, const StatusOptions& options) {
    return session.impl().run(get_status(session.impl().manager, options));
}

std::string count_cell(std::uint64_t count, OutputFormat format) {
    return format == OutputFormat::table ? with_commas(count) : fmt::format("{}", count);
}

void print_summary(const DatabaseStatus& status, const std::string& name) {
    const DatabaseStats& stats = status.database;
    output().line(fmt::format("database   {}", name));
    const std::string version =
        stats.schema_version == 0 ? std::string() : fmt::format(", schema version {}", stats.schema_version);
    output().line(fmt::format("engine     {}{}", stats.engine, version));
    const std::string disk = status.disk ? fmt::format("; disk {} free of {}", human_bytes(status.disk->free_bytes),
                                                       human_bytes(status.disk->total_bytes))
                                         : std::string();
    output().line(fmt::format("size       {}{}", human_bytes(stats.bytes), disk));
    output().line(fmt::format("as of      {}", to_string(status.at)));
}

void print_exchanges(const DatabaseStatus& status, OutputFormat format) {
    std::vector<Field> fields = {{"exchange"},
                                 {"dataset"},
                                 {format == OutputFormat::table ? "newest" : "newest_age_seconds", FieldKind::number},
                                 {"last_minute_rows", FieldKind::number},
                                 {format == OutputFormat::table ? "feed" : "feed_age_seconds", FieldKind::number},
                                 {"series", FieldKind::number},
                                 {"stale_series", FieldKind::number}};
    // Of the whole database, so in the summary of people and in each record for programs.
    if (format != OutputFormat::table) {
        fields.push_back({"database_bytes", FieldKind::number});
        fields.push_back({"disk_free_bytes", FieldKind::number});
    }
    std::vector<std::vector<std::string>> records;
    for (const ExchangeStatus& one : status.exchanges) {
        records.push_back({one.exchange.str(), std::string(to_string(one.dataset)), age_cell(one.newest_age, format),
                           count_cell(one.recent_rows, format),
                           one.feed_age ? age_cell(*one.feed_age, format) : std::string(),
                           count_cell(one.series, format), count_cell(one.stale, format)});
        if (format == OutputFormat::table) continue;
        records.back().push_back(fmt::format("{}", status.database.bytes));
        records.back().push_back(status.disk ? fmt::format("{}", status.disk->free_bytes) : std::string());
    }
    print_records(output(), format, fields, records);
}

void print_findings(const std::vector<HealthFinding>& findings, OutputFormat format) {
    const std::vector<Field> fields = {{"finding"}, {"dataset"}, {"subject"}, {"detail"}};
    std::vector<std::vector<std::string>> records;
    for (const HealthFinding& one : findings) {
        const bool is_of_database = one.subject.empty();
        records.push_back(
            {one.kind, is_of_database ? std::string() : std::string(to_string(one.dataset)), one.subject, one.detail});
    }
    print_records(output(), format, fields, records);
}

}  // namespace

int run_status(const GlobalOptions& global, const StatusArguments& arguments) {
    const StatusOptions options = status_options(arguments);
    Session session(choose_database(global), Access::read);
    const DatabaseStatus status = look_at(session, options);
    const OutputFormat format = arguments.flags.format();
    if (format == OutputFormat::table) {
        print_summary(status, session.name());
        if (!status.exchanges.empty()) output().line("");
    }
    print_exchanges(status, format);
    output().flush();
    if (status.exchanges.empty()) note(fmt::format("no rows in {}", session.name()));
    return kOk;
}

int run_check(const GlobalOptions& global, const StatusArguments& arguments) {
    StatusOptions options = status_options(arguments);
    if (!options.dataset) options.dataset = Dataset::book_tickers;
    if (arguments.max_age.empty() && !arguments.min_rate) {
        throw UsageError("nothing to check: add --max-age 60s or --min-rate 10, or both");
    }
    if (arguments.min_rate && !(*arguments.min_rate >= 0)) {
        throw UsageError("--min-rate: expected rows a minute, 0 or more");
    }
    if (arguments.each_series && arguments.max_age.empty()) throw UsageError("--each-series needs --max-age");
    HealthLimits limits;
    if (!arguments.max_age.empty()) limits.max_age = options.max_age;
    limits.min_rate = arguments.min_rate;
    limits.each_series = arguments.each_series;

    Session session(choose_database(global), Access::read);
    const DatabaseStatus status = with_known_names([&] { return look_at(session, options); });
    const std::vector<HealthFinding> findings = find_unhealthy(session.impl().manager, status, limits);
    const OutputFormat format = arguments.flags.format();
    if (findings.empty() && format == OutputFormat::table) {
        output().line(
            fmt::format("ok: {} of {}", to_string(*options.dataset), counted(status.exchanges.size(), "exchange")));
    } else {
        print_findings(findings, format);
    }
    output().flush();
    return findings.empty() ? kOk : kFailure;
}

int run_metrics(const GlobalOptions& global, const StatusArguments& arguments) {
    const StatusOptions options = status_options(arguments);
    Session session(choose_database(global), Access::read);
    const DatabaseStatus status = look_at(session, options);
    MetricsOptions chosen;
    chosen.symbols = arguments.symbols;
    const std::string text = metrics_text(session.impl().manager, status, chosen);
    if (arguments.output != "-") {
        write_whole_file(arguments.output, text);
        return kOk;
    }
    output().write(text);
    output().flush();
    return kOk;
}

}  // namespace marketdb::cli
