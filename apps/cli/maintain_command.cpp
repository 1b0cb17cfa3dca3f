#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include <marketdb/maintenance.hpp>

#include "commands.hpp"
#include "diagnostics.hpp"
#include "exit_code.hpp"
#include "findings.hpp"
#include "query.hpp"
#include "session_impl.hpp"
#include "terminal.hpp"

namespace marketdb::cli {
namespace {

constexpr std::chrono::days kLongest{366};

std::chrono::microseconds read_length(std::string_view option, const std::string& text) {
    const std::chrono::microseconds length = read_duration_option(option, text);
    if (length > kLongest) throw UsageError(fmt::format("{}: expected at most 366d", option));
    return length;
}

ForecastOptions forecast_options(const MaintainArguments& arguments) {
    ForecastOptions options;
    if (!arguments.window.empty()) options.window = read_length("--window", arguments.window);
    if (options.window < std::chrono::minutes(1)) throw UsageError("--window: expected at least 1m");
    options.free_bytes = arguments.free_bytes;
    return options;
}

/// An amount that may be none.
std::string bytes_cell(double bytes, OutputFormat format) {
    const auto whole = static_cast<std::uint64_t>(bytes);
    return format == OutputFormat::table ? human_bytes(whole) : fmt::format("{}", whole);
}

void print_forecast(const DiskForecast& forecast, OutputFormat format) {
    std::vector<Field> fields = {{"dataset"},
                                 {"rows", FieldKind::number},
                                 {"rows_per_day", FieldKind::number},
                                 {"bytes_per_day", FieldKind::number},
                                 {"grows_by_bytes", FieldKind::number}};
    // Of the whole database, so in the summary of people and in each record for programs.
    const bool is_table = format == OutputFormat::table;
    if (!is_table) {
        fields.push_back({"disk_free_bytes", FieldKind::number});
        fields.push_back({"full_at"});
    }
    const auto count = [is_table](std::uint64_t rows) {
        return is_table ? with_commas(rows) : fmt::format("{}", rows);
    };
    std::vector<std::vector<std::string>> records;
    for (const DatasetForecast& one : forecast.datasets) {
        const bool is_growing = one.bytes_per_day > 0;
        const std::string unlimited = is_table && is_growing ? "no limit" : "";
        records.push_back({std::string(to_string(one.dataset)), count(one.rows),
                           count(static_cast<std::uint64_t>(one.rows_per_day)), bytes_cell(one.bytes_per_day, format),
                           one.grows_by_bytes ? bytes_cell(*one.grows_by_bytes, format) : unlimited});
        if (is_table) continue;
        records.back().push_back(forecast.free_bytes ? fmt::format("{}", *forecast.free_bytes) : std::string());
        records.back().push_back(to_string(forecast.full_at));
    }
    print_records(output(), format, fields, records);
    if (!is_table) return;
    const std::string growth = human_bytes(static_cast<std::uint64_t>(forecast.bytes_per_day));
    if (!forecast.free_bytes) {
        output().line(
            fmt::format("rows of {} come a day; the room on the server's disk cannot be seen: --free", growth));
        return;
    }
    const std::string end = is_present(forecast.full_at) ? "the disk is full at " + to_string(forecast.full_at)
                                                         : std::string("the disk will do");
    output().line(
        fmt::format("rows of {} come a day, {} are free: {}", growth, human_bytes(*forecast.free_bytes), end));
}

}  // namespace

int run_retention_forecast(const GlobalOptions& global, const MaintainArguments& arguments) {
    const ForecastOptions options = forecast_options(arguments);
    Session session(choose_database(global), Access::read);
    const DiskForecast forecast = session.impl().run(forecast_disk(session.impl().manager, options));
    print_forecast(forecast, arguments.flags.format());
    output().flush();
    return kOk;
}

int run_maintain(const GlobalOptions& global, const MaintainArguments& arguments) {
    MaintenanceOptions options;
    if (!arguments.ahead.empty()) options.ahead = read_length("--ahead", arguments.ahead);
    options.forecast = forecast_options(arguments);
    Session session(choose_database(global), Access::write);
    const MaintenanceReport report = session.impl().run(maintain(session.impl().manager, options));
    const std::string name = session.name();
    session.close();
    print_findings(report.steps, FindingOrder::as_given, name, arguments.flags.format());
    return are_well(report.steps) ? kOk : kFailure;
}

}  // namespace marketdb::cli
