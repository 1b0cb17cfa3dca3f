#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <marketdb/doctor.hpp>
#include <marketdb/error.hpp>

#include "commands.hpp"
#include "exit_code.hpp"
#include "session_impl.hpp"
#include "terminal.hpp"

namespace marketdb::cli {
namespace {

/// What is wrong first.
constexpr std::array kOrder{Severity::critical, Severity::warning, Severity::note, Severity::fine};

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

void print_text(const std::vector<Finding>& findings, const std::string& database) {
    output().line(fmt::format("database {}", database));
    for (const Severity severity : kOrder) {
        for (const Finding& finding : findings) {
            if (finding.severity == severity) print_finding(finding);
        }
    }
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

/// A database that is there and cannot be opened is a finding; one that cannot be reached is an error.
std::vector<Finding> examine(DatabaseChoice choice) {
    try {
        Session session(std::move(choice), Access::read);
        return session.impl().run(diagnose(session.impl().manager));
    } catch (const Error& error) {
        const bool is_corrupt = error.code() == ErrorCode::corrupt;
        if (!is_corrupt && error.code() != ErrorCode::schema_mismatch) throw;
        return {{Severity::critical,
                 is_corrupt ? "damage" : "schema",
                 {},
                 error.what(),
                 is_corrupt ? "restore it from a backup" : "`marketdb migrate status` says more"}};
    }
}

}  // namespace

int run_doctor(const GlobalOptions& global, const FormatFlags& flags) {
    DatabaseChoice choice = choose_database(global);
    const std::string name = choice.name();
    const std::vector<Finding> findings = examine(std::move(choice));
    if (flags.format() == OutputFormat::table) {
        print_text(findings, name);
    } else {
        print_records_of(findings, flags.format());
    }
    output().flush();
    const std::size_t wrong = count_of(findings, Severity::critical) + count_of(findings, Severity::warning);
    return wrong == 0 ? kOk : kFailure;
}

}  // namespace marketdb::cli
