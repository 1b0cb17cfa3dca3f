#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <marketdb/clock.hpp>
#include <marketdb/config.hpp>
#include <marketdb/error.hpp>
#include <marketdb/roles.hpp>

#include "commands.hpp"
#include "diagnostics.hpp"
#include "exit_code.hpp"
#include "query.hpp"
#include "session.hpp"
#include "terminal.hpp"

namespace marketdb::cli {
namespace {

std::uint64_t removed_of(const CleanupResult& result, Dataset dataset) {
    switch (dataset) {
        case Dataset::book_tickers: return result.book_tickers;
        case Dataset::trades: return result.trades;
        case Dataset::funding_rates: return result.funding_rates;
        case Dataset::balances: break;
    }
    return result.balances;
}

/// Of rows before the cut-off.
std::uint64_t staying_of(const CleanupResult& result, Dataset dataset) {
    switch (dataset) {
        case Dataset::book_tickers: return result.book_tickers_staying;
        case Dataset::trades: return result.trades_staying;
        case Dataset::funding_rates: return result.funding_rates_staying;
        case Dataset::balances: break;
    }
    return result.balances_staying;
}

/// Of the one dataset that was asked for, or of all; absent: none was to be cleaned.
std::vector<Timestamp> cutoffs_of(const CleanupResult& result, const std::optional<Dataset>& only) {
    std::vector<Timestamp> cutoffs;
    for (const Dataset dataset : kDatasets) {
        const Timestamp cutoff = result.cutoffs.at(static_cast<std::size_t>(dataset));
        if ((!only || *only == dataset) && is_present(cutoff)) cutoffs.push_back(cutoff);
    }
    return cutoffs;
}

/// ` before 2024-08-01T12:00:00.000000Z`, if that is so of all.
std::string before_text(const std::vector<Timestamp>& cutoffs, std::string_view otherwise) {
    const bool are_same = !cutoffs.empty() && std::count(cutoffs.begin(), cutoffs.end(), cutoffs.front()) ==
                                                  static_cast<std::ptrdiff_t>(cutoffs.size());
    return fmt::format(" before {}", are_same ? to_string(cutoffs.front()) : otherwise);
}

void print_cleanup(const CleanupResult& result, const std::optional<Dataset>& only, std::string_view verb,
                   const CleanupArguments& arguments) {
    const std::vector<Timestamp> cutoffs = cutoffs_of(result, only);
    const std::string before = before_text(cutoffs, "the time of their dataset");
    if (!arguments.json) output().line(fmt::format("{} from {}, rows{}:", verb, database_name(), before));
    const std::vector<Field> fields = {
        {"dataset"}, {"rows", FieldKind::number}, {"staying", FieldKind::number}, {"before"}};
    const auto number = [&](std::uint64_t rows) {
        return arguments.json ? fmt::format("{}", rows) : with_commas(rows);
    };
    std::vector<std::vector<std::string>> records;
    std::uint64_t staying = 0;
    for (const Dataset dataset : kDatasets) {
        if (only && *only != dataset) continue;
        staying += staying_of(result, dataset);
        records.push_back({std::string(to_string(dataset)), number(removed_of(result, dataset)),
                           number(staying_of(result, dataset)),
                           to_string(result.cutoffs.at(static_cast<std::size_t>(dataset)))});
    }
    print_records(output(), arguments.json ? OutputFormat::json : OutputFormat::table, fields, records);
    output().flush();
    bool has_unmet = false;
    for (const Dataset dataset : kDatasets) {
        const std::uint64_t beyond = result.beyond_limit.at(static_cast<std::size_t>(dataset));
        if (beyond == 0) continue;
        has_unmet = true;
        warn(fmt::format(
            "{}: {} too many for the size that the policy allows, and fewer than that may go, so none does for "
            "its sake: release holds, let imported rows go too, or allow more",
            to_string(dataset), counted(beyond, "row")));
    }
    if (cutoffs.empty() && !has_unmet)
        note("no policy lets any of these rows go: see `retention show`, or give --older-than");
    if (staying == 0) return;
    note(
        fmt::format("{}{} {}: their time is held, the policy spares imports, or their partition ends later and goes as "
                    "a whole (--exact removes those)",
                    counted(staying, "row"), before, staying == 1 ? "stays" : "stay"));
}

int print_roles(const DatabaseChoice& choice, const InitOptions& options) {
    RoleScripts scripts;
    try {
        scripts = role_scripts(choice.config, {options.owner, options.writer, options.reader});
    } catch (const Error& error) {
        throw UsageError(error.what());
    }
    const std::pair<std::string_view, const std::string*> all[] = {
        {"owner", &scripts.owner}, {"writer", &scripts.writer}, {"reader", &scripts.reader}};
    for (const auto& [role, script] : all) {
        if (!options.which.empty() && options.which != role) continue;
        if (options.which.empty() && role != "owner") output().line("");
        output().write(*script);
    }
    output().flush();
    return kOk;
}

std::uint64_t rows_stored(Session& session) {
    std::uint64_t rows = 0;
    for (const DatasetStats& one : session.stats().datasets) rows += one.rows;
    return rows;
}

CleanupResult clean_up(Session& session, const CleanupOptions& options) {
    const std::uint64_t before = rows_stored(session);
    note(fmt::format("removing old rows from {}", session.name()));
    try {
        return session.cleanup(options);
    } catch (const Interrupted&) {
        const std::uint64_t after = rows_stored(session);
        note(fmt::format("interrupted: {} removed from {}; the same command goes on",
                         counted(before - std::min(before, after), "row"), session.name()));
        throw;
    }
}

}  // namespace

int run_init(const GlobalOptions& global, const InitOptions& options) {
    DatabaseChoice choice = choose_database(global);
    if (options.prints_roles) return print_roles(choice, options);
    const bool is_postgres = choice.config.engine == EngineKind::postgres;
    for (const auto& [is_asked, name] :
         {std::pair(options.hypertables, "--hypertables"), std::pair(options.side_tables, "--side-tables")}) {
        if (is_asked && !is_postgres)
            throw UsageError(fmt::format("{}: {} is no PostgreSQL database", name, choice.name()));
    }
    if (options.hypertables) choice.config.postgres.hypertables = true;
    if (options.side_tables) choice.config.postgres.side_tables = true;
    const Timestamp begun = system_clock()->now();
    Session session(std::move(choice), Access::create);
    if (has_existing_tables(session.plan_conversion(ConversionDetail::phase))) {
        // Its rows would have to be counted for more.
        output().line(fmt::format("ready: {}: existing schema{}", session.name(),
                                  options.side_tables ? ", with side tables in the schema marketdb" : ""));
        output().flush();
        if (options.hypertables) warn("its tables were there before, and are not changed");
        return kOk;
    }
    const DatabaseStats stats = session.stats();
    const bool was_there = session.migrate_status().steps.front().applied_at < begun;
    session.close();
    output().line(fmt::format("{} {}: {}, schema version {}", was_there ? "ready:" : "made", session.name(),
                              stats.engine, stats.schema_version));
    output().flush();
    if (options.hypertables && !stats.has_hypertables) warn("its tables were there before, and are no hypertables");
    if (options.side_tables) warn("its tables are marketdb's own, which need no others beside them");
    return kOk;
}

int run_cleanup(const GlobalOptions& global, const CleanupArguments& arguments) {
    CleanupOptions options;
    if (!arguments.older_than.empty()) {
        options.older_than = read_duration_option("--older-than", arguments.older_than);
    }
    if (!arguments.dataset.empty()) options.dataset = read_dataset(arguments.dataset, "--dataset");
    options.exact = arguments.exact;

    const bool deletes = arguments.yes && !arguments.dry_run;
    Session session(choose_database(global), deletes ? Access::write : Access::read);
    if (deletes) {
        const CleanupResult removed = clean_up(session, options);
        session.close();
        print_cleanup(removed, options.dataset, "removed", arguments);
        return kOk;
    }
    options.dry_run = true;
    print_cleanup(session.cleanup(options), options.dataset, "would remove", arguments);
    if (arguments.dry_run) return kOk;
    throw UsageError("nothing was removed: add --yes to remove these rows");
}

std::string version_text() {
    DatabaseChoice choice;
    choice.config.sqlite_path = ":memory:";
    Session session(std::move(choice), Access::create);
    return fmt::format("marketdb {} ({})", version(), session.stats().engine);
}

}  // namespace marketdb::cli
