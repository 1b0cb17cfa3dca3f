#include <ranges>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "commands.hpp"
#include "diagnostics.hpp"
#include "exit_code.hpp"
#include "session.hpp"

namespace marketdb::cli {
namespace {

const std::vector<Field>& step_fields() {
    static const std::vector<Field> fields = {
        {"version", FieldKind::number}, {"name"}, {"applied", FieldKind::boolean}, {"applied_at"}};
    return fields;
}

void print_steps(const std::vector<MigrationStep>& steps, OutputFormat format) {
    std::vector<std::vector<std::string>> records;
    for (const MigrationStep& step : steps) {
        records.push_back(
            {fmt::format("{}", step.version), step.name, step.applied ? "true" : "false", to_string(step.applied_at)});
    }
    print_records(output(), format, step_fields(), records);
}

void print_done(const std::vector<MigrationStep>& steps, std::string_view verb, const std::string& name) {
    for (const MigrationStep& step : steps) output().line(fmt::format("{} {} {}", verb, step.version, step.name));
    if (steps.empty()) output().line(fmt::format("{}: nothing to do", name));
    output().flush();
}

void print_down_plan(const std::vector<MigrationStep>& steps, std::uint32_t version) {
    for (const MigrationStep& step : std::views::reverse(steps)) {
        if (step.applied && step.version > version) output().line(fmt::format("undoes {} {}", step.version, step.name));
    }
    output().flush();
}

const std::vector<Field>& finding_fields() {
    static const std::vector<Field> fields = {{"kind"},
                                              {"name"},
                                              {"outcome"},
                                              {"rows", FieldKind::number},
                                              {"bytes", FieldKind::number, 2},
                                              {"detail", FieldKind::text, 1}};
    return fields;
}

void print_findings(const ConversionReport& report, OutputFormat format) {
    const auto number = [](std::int64_t value) { return value == 0 ? std::string() : fmt::format("{}", value); };
    std::vector<std::vector<std::string>> records;
    for (const ConversionFinding& one : report.findings) {
        records.push_back({one.kind, one.name, one.outcome, number(one.rows), number(one.bytes), one.detail});
    }
    print_records(output(), format, finding_fields(), records);
    output().flush();
}

/// Whether the database is one that is converted, or was and keeps the old tables; then it prints how far it is.
bool is_converted(const ConversionReport& report, const std::string& name, OutputFormat format) {
    if (report.phase == "none") return false;
    if (format == OutputFormat::table)
        output().line(fmt::format("{}: tables of older programs; {}", name, report.phase));
    return true;
}

int convert(const GlobalOptions& global, const MigrateOptions& options, ConversionStep step) {
    Session session = Session::unopened(choose_database(global), Access::write);
    const ConversionReport report = session.convert(step, options.conversion);
    output().line(fmt::format("{}: {}", session.name(), report.phase));
    print_findings(report, OutputFormat::table);
    session.close();
    return kOk;
}

}  // namespace

int run_migrate_status(const GlobalOptions& global, const MigrateOptions& options) {
    Session session = Session::unopened(choose_database(global), Access::read);
    const OutputFormat format = options.flags.format();
    const ConversionReport conversion = session.plan_conversion(ConversionDetail::phase);
    if (has_existing_tables(conversion)) {
        is_converted(conversion, session.name(), format);
        if (format != OutputFormat::table) print_steps({}, format);
        output().flush();
        note("`marketdb migrate plan` says more");
        return kOk;
    }
    const MigrationStatus status = session.migrate_status();
    if (format == OutputFormat::table) {
        output().line(fmt::format(
            "{}: {}", session.name(),
            status.exists ? fmt::format("schema version {}, this program knows {}", status.version, status.newest)
                          : std::string("no marketdb schema; `marketdb init` makes one")));
    }
    print_steps(status.steps, format);
    output().flush();
    if (conversion.phase != "none") note("the old tables are kept until `marketdb migrate finish`");
    return kOk;
}

int run_migrate_plan(const GlobalOptions& global, const MigrateOptions& options) {
    Session session = Session::unopened(choose_database(global), Access::read);
    const ConversionReport report = session.plan_conversion();
    if (is_converted(report, session.name(), options.flags.format())) {
        print_findings(report, options.flags.format());
        return kOk;
    }
    const std::vector<MigrationStep> steps = session.migrate_plan();
    if (options.flags.format() != OutputFormat::table) {
        print_steps(steps, options.flags.format());
        output().flush();
        return kOk;
    }
    if (steps.empty()) output().line(fmt::format("{}: nothing to do", session.name()));
    for (const MigrationStep& step : steps) {
        output().line(fmt::format("-- {} {}", step.version, step.name));
        if (step.statements.empty()) output().line("-- changes nothing on this engine");
        for (const std::string& statement : step.statements) output().line(statement + ";");
    }
    output().flush();
    return kOk;
}

int run_migrate_up(const GlobalOptions& global, const MigrateOptions& options) {
    Session reader = Session::unopened(choose_database(global), Access::read);
    const ConversionReport plan = reader.plan_conversion(ConversionDetail::phase);
    if (has_existing_tables(plan) && is_converted(plan, reader.name(), OutputFormat::table)) {
        if (options.yes) return convert(global, options, ConversionStep::up);
        print_findings(reader.plan_conversion(), OutputFormat::table);
        throw UsageError("nothing was changed: add --yes to convert the tables");
    }
    Session session = Session::unopened(choose_database(global), Access::write);
    print_done(session.migrate_up(), "applied", session.name());
    session.close();
    return kOk;
}

int run_migrate_finish(const GlobalOptions& global, const MigrateOptions& options) {
    if (options.yes) return convert(global, options, ConversionStep::finish);
    Session session = Session::unopened(choose_database(global), Access::read);
    const ConversionReport report = session.plan_conversion();
    if (report.phase != "completing" && report.phase != "converted") {
        throw UsageError(session.name() + ": no conversion that could be finished");
    }
    is_converted(report, session.name(), OutputFormat::table);
    print_findings(report, OutputFormat::table);
    throw UsageError("nothing was changed: add --yes to drop the old tables");
}

int run_migrate_down(const GlobalOptions& global, const MigrateOptions& options) {
    DatabaseChoice choice = choose_database(global);
    if (!options.to) {
        if (choice.config.engine != EngineKind::postgres) throw UsageError("--to is required: VERSION");
        Session session = Session::unopened(choice, Access::read);
        const ConversionReport report = session.plan_conversion(ConversionDetail::phase);
        if (report.phase == "none") throw UsageError("--to is required: VERSION");
        if (report.phase == "existing") throw UsageError(session.name() + ": no conversion that could be undone");
        is_converted(report, session.name(), OutputFormat::table);
        if (options.yes) return convert(global, options, ConversionStep::down);
        throw UsageError("nothing was changed: add --yes to put the old tables back, with what was written since");
    }
    const MigrationStatus status = Session::unopened(choice, Access::read).migrate_status();
    if (*options.to > status.version) {
        throw UsageError(fmt::format("--to {}: the schema has version {}; expected 0 to {}", *options.to,
                                     status.version, status.version));
    }
    output().line(fmt::format("{}: schema version {} down to {}", choice.name(), status.version, *options.to));
    if (!options.yes) {
        print_down_plan(status.steps, *options.to);
        throw UsageError("nothing was changed: add --yes to undo these steps");
    }
    Session session = Session::unopened(std::move(choice), Access::write);
    print_done(session.migrate_down(*options.to), "undid", session.name());
    session.close();
    return kOk;
}

}  // namespace marketdb::cli
