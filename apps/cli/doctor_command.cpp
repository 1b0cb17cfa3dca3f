#include <string>
#include <utility>
#include <vector>

#include <marketdb/doctor.hpp>
#include <marketdb/error.hpp>

#include "commands.hpp"
#include "exit_code.hpp"
#include "findings.hpp"
#include "session_impl.hpp"

namespace marketdb::cli {
namespace {

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
    print_findings(findings, FindingOrder::by_severity, name, flags.format());
    return are_well(findings) ? kOk : kFailure;
}

}  // namespace marketdb::cli
