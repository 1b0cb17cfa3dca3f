#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>

#include <unistd.h>

#include <fmt/format.h>

#include <marketdb/transfer.hpp>

#include "answer.hpp"
#include "commands.hpp"
#include "diagnostics.hpp"
#include "interrupt.hpp"
#include "session_impl.hpp"
#include "terminal.hpp"

namespace marketdb::cli {
namespace {

bool ends_with_compressed(std::string_view name, std::string_view ending) {
    for (const std::string_view compression : {"", ".gz", ".zst", ".xz"}) {
        if (name.ends_with(std::string(ending) + std::string(compression))) return true;
    }
    return false;
}

/// `--csv`, `--ndjson` or `--format`; else by the file's ending; else CSV.
ExportFormat format_of(const ReadOptions& options) {
    const bool wants_csv = options.flags.csv || options.file_format == "csv";
    const bool wants_ndjson = options.flags.ndjson || options.file_format == "ndjson";
    if (wants_csv && wants_ndjson) throw UsageError("csv and ndjson exclude each other");
    if (wants_csv) return ExportFormat::csv;
    if (wants_ndjson) return ExportFormat::ndjson;
    if (ends_with_compressed(options.file, ".jsonl") || ends_with_compressed(options.file, ".ndjson")) {
        return ExportFormat::ndjson;
    }
    if (options.file != "-" && !ends_with_compressed(options.file, ".csv")) {
        throw UsageError(
            fmt::format("--output {}: expected a name ending in .csv or .jsonl (.gz, .zst and .xz may follow), "
                        "or --format csv|ndjson",
                        options.file));
    }
    return ExportFormat::csv;
}

/// A folder that is missing is no fault of the database, so it is found before that is asked.
void check_folder(const std::string& file) {
    const std::filesystem::path folder = std::filesystem::absolute(file).parent_path();
    if (::access(folder.c_str(), W_OK | X_OK) == 0) return;
    throw Failure(kFailure, fmt::format("--output {}: folder {}: {}", file, folder.string(), std::strerror(errno)));
}

ExportReport export_to_output(Session& session, Dataset dataset, const HistoryFilter& filter, ExportFormat format) {
    std::exception_ptr failure;
    std::atomic<bool> stop{false};
    // Nothing may be thrown through the library; it is told to stop instead.
    const auto write = [&](std::string_view lines) {
        if (stop) return;
        try {
            throw_if_interrupted();
            output().write(lines);
        } catch (...) {
            failure = std::current_exception();
            stop = true;
        }
    };
    try {
        const ExportReport report =
            session.impl().run(export_rows(session.impl().manager, dataset, filter, format, write, &stop));
        if (failure) std::rethrow_exception(failure);
        output().flush();
        return report;
    } catch (const Error&) {
        if (failure) std::rethrow_exception(failure);
        throw;
    }
}

ExportReport export_to_file(Session& session, Dataset dataset, const HistoryFilter& filter, ExportFormat format,
                            const std::string& file) {
    try {
        return session.impl().run(export_file(session.impl().manager, dataset, filter, file, format, interrupt_flag()),
                                  OnInterrupt::finish);
    } catch (const Error& error) {
        if (error.code() == ErrorCode::cancelled) throw Interrupted{};
        throw;
    }
}

/// `--json`: for programs; `import` does not read an array.
template <class Row>
ExportReport print_array(Session& session, const HistoryFilter& filter) {
    RowStyle style;
    style.format = OutputFormat::json;
    style.with_exchange_symbol = kDatasetOf<Row> != Dataset::balances;
    RowPrinter<Row> printer(output(), session, style);
    ExportReport report;
    report.without_received_at = session.read_history<Row>(filter, kReadRows, [&](std::span<const Row> rows) {
        for (const Row& row : rows) printer.add(row);
        return true;
    });
    printer.finish();
    output().flush();
    report.rows = printer.rows();
    return report;
}

template <class Row>
ExportReport run_query(Session& session, const Query& query, const ReadOptions& options, ExportFormat format) {
    const HistoryFilter filter = filter_with_tail<Row>(session, query);
    if (options.flags.json) return print_array<Row>(session, filter);
    if (options.file == "-") return export_to_output(session, query.dataset(), filter, format);
    return export_to_file(session, query.dataset(), filter, format, options.file);
}

}  // namespace

int run_export(const GlobalOptions& global, const ReadOptions& options) {
    Query query(options);
    if (options.flags.json && (options.file != "-" || !options.file_format.empty())) {
        throw UsageError(
            "--json writes an array to standard output, which import does not read; use --ndjson for files");
    }
    const ExportFormat format = format_of(options);
    if (options.file != "-") check_folder(options.file);

    Session session(choose_database(global), Access::read);
    query.resolve(session);
    const ExportReport report = with_row_type(query.dataset(), [&]<class Row>(std::type_identity<Row>) {
        return run_query<Row>(session, query, options, format);
    });
    note_left_out(report.without_received_at, query);
    if (report.rows == 0) explain_empty_answer(session, query);
    if (options.file != "-") note(fmt::format("{}: {}", options.file, counted(report.rows, "row")));
    return kOk;
}

}  // namespace marketdb::cli
