#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <marketdb/transfer.hpp>

#include "commands.hpp"
#include "diagnostics.hpp"
#include "exit_code.hpp"
#include "import_report.hpp"
#include "interrupt.hpp"
#include "query.hpp"
#include "session_impl.hpp"
#include "terminal.hpp"

namespace marketdb::cli {
namespace {

ImportOptions library_options(const ImportArguments& arguments) {
    ImportOptions options;
    options.layout = arguments.layout;
    options.dataset =
        arguments.dataset.empty() ? "" : std::string(to_string(read_dataset(arguments.dataset, "--dataset")));
    options.exchange = arguments.exchange;
    options.symbol = arguments.symbol;
    options.base = arguments.base;
    options.quote = arguments.quote;
    options.time_unit = arguments.time_unit;
    options.on_error = arguments.on_error == "quarantine" ? OnError::quarantine : OnError::stop;
    options.force = arguments.force;
    options.dry_run = arguments.dry_run;
    options.only_gaps = arguments.only_gaps;
    if (arguments.only_gaps && options.on_error == OnError::quarantine) {
        throw UsageError("--only-gaps and --on-error quarantine exclude each other");
    }
    if (arguments.complete) {
        options.complete_from = read_time_option("--from", arguments.from);
        options.complete_to = read_time_option("--to", arguments.to);
        if (options.complete_to <= options.complete_from) throw UsageError("--to: expected a time after --from");
    }
    options.batch_rows = arguments.batch_rows;
    options.stop = interrupt_flag();
    return options;
}

/// One path at a time, so that one that does not exist is a failed file among others.
ImportList list_files(const std::vector<std::string>& paths, ImportReporter& reporter) {
    ImportList all;
    for (const std::string& path : paths) {
        try {
            ImportList found = list_import_files({path});
            all.ignored += found.ignored;
            all.files.insert(all.files.end(), found.files.begin(), found.files.end());
        } catch (const Error& error) {
            ImportReport report;
            report.file = path;
            report.error = error.what();
            reporter.add(report);
        }
    }
    return all;
}

ImportReport import_one(Session& session, const std::filesystem::path& file, ImportOptions options, ImportBar& bar,
                        ImportReporter& reporter) {
    ImportReport so_far;
    options.on_progress = [&bar, &so_far](const ImportProgress& progress) {
        bar.show(progress);
        so_far.read = progress.rows;
        so_far.written = progress.written;
        so_far.rejected = progress.rejected;
    };
    options.on_warning = [&reporter](std::string_view warning) { reporter.warn_early(warning); };
    try {
        return session.impl().run(import_file(session.impl().manager, file, std::move(options)), OnInterrupt::finish);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::cancelled || !is_interrupted()) throw;
        so_far.file = file.string();
        so_far.error = error.what();  // Says how much of the file is stored.
        so_far.error_code = ErrorCode::cancelled;
        return so_far;
    }
}

void import_all(Session& session, const ImportList& list, const ImportArguments& arguments, ImportReporter& reporter) {
    const ImportOptions options = library_options(arguments);
    for (std::size_t i = 0; i < list.files.size() && !is_interrupted(); ++i) {
        ImportBar bar(i + 1, list.files.size());
        reporter.add(import_one(session, list.files[i], options, bar, reporter));
    }
}

}  // namespace

int run_import(const GlobalOptions& global, const ImportArguments& arguments) {
    (void)library_options(arguments);  // Wrong options are reported before anything is opened.
    DatabaseChoice choice = choose_database(global);
    choice.config.allow_rounding = choice.config.allow_rounding || arguments.allow_rounding;
    ImportReporter reporter(arguments);
    const ImportList list = list_files(arguments.files, reporter);
    const auto finish = [&] { reporter.finish(list.ignored, database_name()); };
    if (list.files.empty()) {
        if (!reporter.has_failures())
            note("no file there ends in .csv or .jsonl (.gz, .zst and .xz may follow) or .zip");
        finish();
        return reporter.has_failures() ? kFailure : kOk;
    }
    Session session = Session::target(std::move(choice), arguments.dry_run);
    try {
        import_all(session, list, arguments, reporter);
    } catch (const Error&) {
        finish();
        throw;
    }
    finish();
    session.close();
    if (is_interrupted()) {
        return kInterrupted;
    }
    if (reporter.has_failures()) return kFailure;
    return reporter.has_rejected() ? kQuarantined : kOk;
}

}  // namespace marketdb::cli
