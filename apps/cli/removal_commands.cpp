#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <marketdb/removal.hpp>

#include "commands.hpp"
#include "diagnostics.hpp"
#include "exit_code.hpp"
#include "query.hpp"
#include "session_impl.hpp"
#include "terminal.hpp"

namespace marketdb::cli {
namespace {

bool is_undoable(const Source& source) {
    return source.kind == "import" || source.kind == "copy" || source.kind == "undone";
}

std::vector<Source> undoable_sources(Session& session) {
    std::vector<Source> sources = session.impl().run(session.impl().manager.get_sources());
    std::erase_if(sources, [](const Source& one) { return !is_undoable(one); });
    return sources;
}

std::string id_text(SourceId id) { return fmt::format("{}", static_cast<std::int32_t>(id)); }

Source find_source(Session& session, std::int32_t id) {
    for (const Source& one : undoable_sources(session)) {
        if (one.id == SourceId{id}) return one;
    }
    throw Failure(kFailure, fmt::format("there is no import {}; `marketdb imports list` shows those there are", id));
}

std::string count_cell(std::uint64_t count, OutputFormat format) {
    return format == OutputFormat::table ? with_commas(count) : fmt::format("{}", count);
}

/// @param rows_stored  How many rows of the one source there are; absent: that was not asked.
void print_sources(const std::vector<Source>& sources, OutputFormat format,
                   std::optional<std::uint64_t> rows_stored = {}) {
    std::vector<Field> fields = {{"id", FieldKind::number},
                                 {"kind"},
                                 {"name"},
                                 {"rows_read", FieldKind::number},
                                 {"started"},
                                 {"finished", FieldKind::text, 2},
                                 {"program", FieldKind::text, 3},
                                 {"host", FieldKind::text, 4},
                                 {"sha256", FieldKind::text, 5}};
    if (rows_stored) fields.push_back({"rows_stored", FieldKind::number});
    std::vector<std::vector<std::string>> records;
    for (const Source& one : sources) {
        const bool is_finished = is_present(one.finished_at);
        records.push_back({id_text(one.id), one.kind.str(), one.name.str(),
                           is_finished ? count_cell(static_cast<std::uint64_t>(one.rows), format) : std::string(),
                           to_string(one.started_at), to_string(one.finished_at), one.program.str(), one.host.str(),
                           one.sha256.str()});
        if (rows_stored) records.back().push_back(count_cell(*rows_stored, format));
    }
    print_records(output(), format, fields, records);
}

void print_removal(Session& session, const Removal& removal, OutputFormat format) {
    const std::vector<Field> fields = {{"dataset"}, {"exchange"},   {"symbol"},
                                       {"account"}, {"asset_name"}, {"rows", FieldKind::number}};
    std::vector<std::vector<std::string>> records;
    for (const SeriesStats& one : removal.series) {
        const bool is_balance = one.dataset == Dataset::balances;
        const SeriesNames names = is_balance ? session.names(one.exchange_id) : session.names(one.symbol_id);
        records.push_back({std::string(to_string(one.dataset)), names.exchange, names.symbol,
                           is_balance ? one.account.str() : std::string(), one.asset_name.str(),
                           count_cell(one.rows, format)});
    }
    print_records(output(), format, fields, records);
}

/// Runs a removal that may be stopped at any time.
Removal run_removal(Session& session, boost::asio::awaitable<Removal> operation) {
    try {
        return session.impl().run(std::move(operation));
    } catch (const Interrupted&) {
        note(fmt::format("interrupted: what was removed from {} stays removed; the same command goes on",
                         session.name()));
        throw;
    }
}

void print_outcome(Session& session, const Removal& removal, std::string_view verb, const RemovalArguments& arguments) {
    const OutputFormat format = arguments.json ? OutputFormat::json : OutputFormat::table;
    if (format == OutputFormat::table) {
        output().line(fmt::format("{} {} from {}{}", verb, counted(removal.rows, "row"), session.name(),
                                  removal.series.empty() ? "" : ":"));
    }
    print_removal(session, removal, format);
    output().flush();
}

}  // namespace

int run_imports_list(const GlobalOptions& global, const FormatFlags& flags) {
    Session session(choose_database(global), Access::read);
    const std::vector<Source> sources = undoable_sources(session);
    print_sources(sources, flags.format());
    output().flush();
    if (sources.empty()) note(fmt::format("no imports in {}", session.name()));
    return kOk;
}

int run_imports_show(const GlobalOptions& global, const RemovalArguments& arguments) {
    Session session(choose_database(global), Access::read);
    const Source source = find_source(session, arguments.id);
    UndoOptions options;
    options.source = source.id;
    options.dry_run = true;
    const Removal rows = run_removal(session, undo_import(session.impl().manager, options));
    if (arguments.json) {
        print_sources({source}, OutputFormat::json, rows.rows);
        output().flush();
        return kOk;
    }
    output().line(fmt::format("import     {} ({})", arguments.id, source.kind.view()));
    output().line(fmt::format("name       {}", printable(source.name.view())));
    if (!source.sha256.empty()) output().line(fmt::format("sha256     {}", source.sha256.view()));
    output().line(fmt::format("by         {} on {}", printable(source.program.view()), printable(source.host.view())));
    output().line(fmt::format("started    {}", to_string(source.started_at)));
    output().line(is_present(source.finished_at) ? fmt::format("finished   {}, {} read", to_string(source.finished_at),
                                                               counted(static_cast<std::uint64_t>(source.rows), "row"))
                                                 : std::string("finished   no: it runs, or was interrupted"));
    output().line(fmt::format("stored     {} that say they come from it", counted(rows.rows, "row")));
    if (!rows.series.empty()) output().line("");
    print_removal(session, rows, OutputFormat::table);
    output().flush();
    return kOk;
}

int run_imports_undo(const GlobalOptions& global, const RemovalArguments& arguments) {
    const bool deletes = arguments.yes && !arguments.dry_run;
    Session session(choose_database(global), deletes ? Access::write : Access::read);
    const Source source = find_source(session, arguments.id);
    UndoOptions options;
    options.source = source.id;
    options.dry_run = !deletes;
    const Removal removal = run_removal(session, undo_import(session.impl().manager, options));
    print_outcome(session, removal, deletes ? "removed" : "would remove", arguments);
    if (is_present(source.finished_at) && source.kind != "undone") {
        const auto read = static_cast<std::uint64_t>(source.rows);
        const std::uint64_t others = read - std::min(read, removal.rows);
        if (others > 0) {
            note(
                fmt::format("{} of the {} that it read are not among them: they were stored before it, or belong to "
                            "whoever changed or removed them later",
                            with_commas(others), counted(read, "row")));
        }
    }
    if (removal.rows > 0) {
        note("rows that were there before and that it changed are among them; what they were is not kept");
    }
    if (deletes) {
        session.close();
        return kOk;
    }
    if (arguments.dry_run) return kOk;
    throw UsageError("nothing was removed: add --yes to undo this import");
}

int run_delete(const GlobalOptions& global, const RemovalArguments& arguments, const ReadOptions& read) {
    Query query(read);
    const bool deletes = arguments.yes && !arguments.dry_run;
    Session session(choose_database(global), deletes ? Access::write : Access::read);
    query.resolve(session);
    const HistoryFilter chosen = query.history_filter();
    DeleteOptions options;
    options.dataset = query.dataset();
    options.series = chosen.series;
    options.start = chosen.start;
    options.end = chosen.end;
    options.dry_run = !deletes;
    const Removal removal = run_removal(session, delete_rows(session.impl().manager, options));
    print_outcome(session, removal, deletes ? "removed" : "would remove", arguments);
    if (deletes) {
        session.close();
        return kOk;
    }
    if (arguments.dry_run) return kOk;
    throw UsageError("nothing was removed: add --yes to remove these rows");
}

}  // namespace marketdb::cli
