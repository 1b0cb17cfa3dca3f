#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <marketdb/backup.hpp>
#include <marketdb/status.hpp>

#include "commands.hpp"
#include "diagnostics.hpp"
#include "exit_code.hpp"
#include "postgres_dump.hpp"
#include "session_impl.hpp"
#include "terminal.hpp"

namespace marketdb::cli {
namespace {

std::uint64_t rows_in(const DatabaseStats& stats) {
    std::uint64_t rows = 0;
    for (const DatasetStats& one : stats.datasets) rows += one.rows;
    return rows;
}

std::uint64_t series_in(const DatabaseStats& stats) {
    std::uint64_t series = 0;
    for (const DatasetStats& one : stats.datasets) series += one.series;
    return series;
}

void print_report(std::string_view sentence, const BackupReport& report, bool json) {
    if (json) {
        const std::vector<Field> fields = {{"file"},
                                           {"bytes", FieldKind::number},
                                           {"series", FieldKind::number},
                                           {"rows", FieldKind::number},
                                           {"miscounted_series", FieldKind::number}};
        print_records(output(), OutputFormat::json, fields,
                      {{report.file, fmt::format("{}", report.bytes), fmt::format("{}", report.series),
                        fmt::format("{}", report.rows), fmt::format("{}", report.miscounted)}});
    } else {
        output().line(fmt::format("{}: {}, {} series, {}", sentence, human_bytes(report.bytes),
                                  with_commas(report.series), counted(report.rows, "row")));
    }
    output().flush();
    if (report.miscounted == 0) return;
    warn(
        fmt::format("{} series {} more or fewer rows than are kept count of: other programs changed them; they are "
                    "copied as they are",
                    report.miscounted, report.miscounted == 1 ? "has" : "have"));
}

/// Of the database itself nothing is wrong then, as `unavailable` would say.
void refuse_without_folder(const std::string& file) {
    const std::filesystem::path folder = std::filesystem::absolute(file).parent_path();
    std::error_code error;
    if (std::filesystem::is_directory(folder, error)) return;
    throw Failure(kFailure, fmt::format("{}: there is no folder {}", file, folder.string()));
}

/// What the copy of a server's schema has, as far as can be told without restoring it.
int back_up_schema(Session& session, const Config& config, const BackupArguments& arguments) {
    const DatabaseStats stats = session.stats();
    if (stats.has_hypertables) {
        throw Failure(kFailure,
                      "hypertables keep their rows outside of their schema, so pg_dump has to save the whole database; "
                      "`marketdb copy` into a file keeps rows, exchanges and symbols");
    }
    dump_schema(config, schema_of(config), arguments.file);
    BackupReport report;
    report.file = arguments.file;
    report.bytes = std::filesystem::file_size(arguments.file);
    report.rows = rows_in(stats);
    report.series = series_in(stats);
    print_report(fmt::format("backed up {} to {}", session.name(), arguments.file), report, arguments.json);
    return kOk;
}

/// What was brought back is counted, and compared with the counts that came along.
void compare_counts(Session& session, const std::string& file, bool json) {
    const DatabaseStats kept = session.stats();
    const DatabaseStats found = session.impl().run(get_exact_database_stats(session.impl().manager));
    BackupReport report;
    report.file = file;
    report.bytes = found.bytes;
    report.rows = rows_in(found);
    report.series = series_in(found);
    for (std::size_t i = 0; i < found.datasets.size(); ++i) {
        if (found.datasets[i].rows != kept.datasets[i].rows) ++report.miscounted;
    }
    print_report(fmt::format("restored {} from {}", session.name(), file), report, json);
}

int restore_dump(DatabaseChoice choice, const BackupArguments& arguments) {
    const Config config = choice.config;
    const std::string schema = schema_of(config);
    make_schema(config, schema);
    {
        Session target = Session::unopened(choice, Access::create);
        if (target.migrate_status().exists) {
            throw Failure(kFailure,
                          fmt::format("{} has tables already; only an empty schema is restored into", target.name()));
        }
    }
    restore_schema(config, schema, arguments.file);
    Session session(std::move(choice), Access::read);
    compare_counts(session, arguments.file, arguments.json);
    return kOk;
}

int restore_file(const DatabaseChoice& target, const BackupArguments& arguments) {
    DatabaseChoice source = target;
    source.config.sqlite_path = arguments.file;
    source.origin = "the backup";
    const std::string name = target.name();
    Session session(std::move(source), Access::read);
    BackupReport report =
        session.impl().run(back_up(session.impl().manager, std::filesystem::path(target.config.sqlite_path)));
    report.file = arguments.file;
    print_report(fmt::format("restored {} from {}", name, arguments.file), report, arguments.json);
    return kOk;
}

}  // namespace

int run_backup(const GlobalOptions& global, const BackupArguments& arguments) {
    DatabaseChoice choice = choose_database(global);
    const Config config = choice.config;
    Session session(std::move(choice), Access::read);
    if (config.engine == EngineKind::postgres) return back_up_schema(session, config, arguments);
    refuse_without_folder(arguments.file);
    const BackupReport report = session.impl().run(back_up(session.impl().manager, arguments.file));
    print_report(fmt::format("backed up {} to {}", session.name(), arguments.file), report, arguments.json);
    return kOk;
}

int run_restore(const GlobalOptions& global, const BackupArguments& arguments) {
    DatabaseChoice choice = choose_database(global);
    std::error_code error;
    if (!std::filesystem::is_regular_file(arguments.file, error)) {
        throw Failure(kFailure, fmt::format("there is no file {} to restore from", arguments.file));
    }
    if (choice.config.engine == EngineKind::postgres) return restore_dump(std::move(choice), arguments);
    return restore_file(choice, arguments);
}

}  // namespace marketdb::cli
