#include "findings.hpp"

#include <algorithm>
#include <cstddef>

#include <fmt/format.h>

#include "terminal.hpp"

namespace marketdb::cli {
namespace {

std::size_t count_of(const std::vector<Finding>& findings, Severity severity) {
    return static_cast<std::size_t>(std::count_if(findings.begin(), findings.end(),
                                                  [severity](const Finding& one) { return one.severity == severity; }));
}

void print_finding(const Finding& finding) {
    const std::string where = finding.where.empty() ? "" : printable(finding.where) + ": ";
    output().line(
        fmt::format("{:<9} {:<12} {}{}", to_string(finding.severity), finding.check, where, printable(finding.what)));
    if (!finding.remedy.empty()) output().line(fmt::format("{:<9} {:<12} -> {}", "", "", printable(finding.remedy)));
}

void print_text(std::vector<Finding> findings, FindingOrder order, const std::string& database) {
    output().line(fmt::format("database {}", database));
    if (order == FindingOrder::by_severity) {
        std::stable_sort(findings.begin(), findings.end(),
                         [](const Finding& a, const Finding& b) { return a.severity > b.severity; });
    }
    for (const Finding& finding : findings) print_finding(finding);
    output().line(fmt::format("{} critical, {}, {}, {} fine", count_of(findings, Severity::critical),
                              counted(count_of(findings, Severity::warning), "warning"),
                              counted(count_of(findings, Severity::note), "note"), count_of(findings, Severity::fine)));
}

void print_records_of(const std::vector<Finding>& findings, OutputFormat format) {
    const std::vector<Field> fields = {{"severity"}, {"check"}, {"where"}, {"what"}, {"remedy"}};
    std::vector<std::vector<std::string>> records;
    for (const Finding& one : findings) {
        records.push_back({std::string(to_string(one.severity)), one.check, one.where, one.what, one.remedy});
    }
    print_records(output(), format, fields, records);
}

}  // namespace

void print_findings(const std::vector<Finding>& findings, FindingOrder order, const std::string& database,
                    OutputFormat format) {
    if (format == OutputFormat::table) {
        print_text(findings, order, database);
    } else {
        print_records_of(findings, format);
    }
    output().flush();
}

bool are_well(const std::vector<Finding>& findings) {
    return count_of(findings, Severity::critical) + count_of(findings, Severity::warning) == 0;
}

}  // namespace marketdb::cli
