#include <cstdint>

#include <marketdb/sql.hpp>

#include "commands.hpp"
#include "grammar_parts.hpp"

namespace marketdb::cli {
namespace {

void add_status_options(CLI::App* command, StatusArguments& status, const char* which_dataset) {
    command->add_option("--exchange", status.exchange, "Only this exchange; '*' stands for any characters")
        ->type_name("E");
    command->add_option("--dataset", status.dataset, which_dataset)->type_name("D");
}

void describe_status(CLI::App& app, CommandLine& line) {
    CLI::App* status =
        add_command(app, "status", "One screen: how old the newest rows are, how many come in, size, disk",
                    {"marketdb --db sqlite:marketdb-demo.db status",
                     "marketdb --db sqlite:marketdb-demo.db status --dataset quotes --max-age 10s --json"});
    add_status_options(status, line.status, "Only this dataset (all)");
    status->add_option("--max-age", line.status.max_age, "Series whose newest row is older are stale (1m)")
        ->type_name("LENGTH");
    add_format_flags(status, line.status.flags);
    status->callback([&line] { line.run = [&line] { return run_status(line.global, line.status); }; });
}

void describe_check(CLI::App& app, CommandLine& line) {
    CLI::App* check =
        add_command(app, "check",
                    "For cron and probes: exit status 0 if rows come in as expected, 1 if not, 4 if it cannot be told",
                    {"marketdb check --max-age 60s --min-rate 10",
                     "marketdb check --dataset trades --max-age 5m --exchange OKX_SPOT",
                     "marketdb check --max-age 60s --each-series --json"});
    check->add_option("--max-age", line.status.max_age, "The newest row of each exchange is at most so old: 60s")
        ->type_name("LENGTH");
    check->add_option("--min-rate", line.status.min_rate, "Each exchange had at least so many rows in the last minute")
        ->type_name("N");
    check->add_flag("--each-series", line.status.each_series, "--max-age holds for each active series, too");
    add_status_options(check, line.status, "The dataset that is looked at (book-tickers)");
    add_format_flags(check, line.status.flags);
    check->callback([&line] { line.run = [&line] { return run_check(line.global, line.status); }; });
}

void describe_metrics(CLI::App& app, CommandLine& line) {
    CLI::App* metrics = add_command(app, "metrics", "The figures of `status` in Prometheus' text format",
                                    {"marketdb --db sqlite:marketdb-demo.db metrics",
                                     "marketdb metrics --output /var/lib/prometheus/node-exporter/marketdb.prom"});
    metrics->add_flag("--symbols", line.status.symbols, "Two lines for each series, too");
    add_status_options(metrics, line.status, "Only this dataset (all)");
    metrics->add_option("--max-age", line.status.max_age, "Series whose newest row is older are stale (1m)")
        ->type_name("LENGTH");
    metrics
        ->add_option("-o,--output", line.status.output,
                     "A file for a textfile collector, whole at any time; -: standard output (-)")
        ->type_name("FILE");
    metrics->callback([&line] { line.run = [&line] { return run_metrics(line.global, line.status); }; });
}

void describe_sql(CLI::App& app, CommandLine& line) {
    CLI::App* sql = add_command(
        app, "sql", "Run one statement of your own, in the database's dialect",
        {"marketdb --db sqlite:marketdb-demo.db sql 'SELECT exchange_name, market_type FROM exchanges'",
         "marketdb --db sqlite:marketdb-demo.db sql 'SELECT count(*) AS trades FROM trade_snapshots WHERE price > $1' "
         "--param 60000 --json"});
    sql->add_option("STATEMENT", line.sql.statement, "One statement; -: from standard input")->required();
    sql->add_option("--param", line.sql.parameters,
                    "The value of $1, of $2, ..: a number, true, false, null, time:2024-08-08T23:54Z, else a text "
                    "(text:42 too); may be repeated")
        ->type_name("VALUE")
        ->allow_extra_args(false)
        ->group("Rows");
    line.sql.limit = kSqlRowLimit;
    CLI::Option* limit = sql->add_option("--limit", line.sql.limit, "Of more rows the rest is left off (100000)")
                             ->type_name("N")
                             ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000'000}))
                             ->group("Rows");
    sql->add_flag("--write", line.sql.writes,
                  "The statement may write; counts and claims that are kept beside the rows do not learn of it")
        ->excludes(limit);
    add_format_flags(sql, line.sql.flags);
    sql->callback([&line] { line.run = [&line] { return run_sql(line.global, line.sql); }; });
}

void add_removal_flags(CLI::App* command, RemovalArguments& removal) {
    command->add_flag("--dry-run", removal.dry_run, "Count only");
    command->add_flag("--yes", removal.yes, "Do it; without it only the counts are shown");
    command->add_flag("--json", removal.json, "One JSON array")->group("Output");
}

void add_import_id(CLI::App* command, RemovalArguments& removal) {
    command->add_option("ID", removal.id, "The number that `imports list` shows")->required();
}

void describe_imports(CLI::App& app, CommandLine& line) {
    CLI::App* imports = add_command(app, "imports", "What was imported, and taking it out again",
                                    {"marketdb imports list", "marketdb imports undo 7 --dry-run"});
    imports->require_subcommand(1);

    CLI::App* list = add_command(*imports, "list", "Imports and copies, and those that were undone",
                                 {"marketdb imports list", "marketdb imports list --json"});
    add_format_flags(list, line.flags);
    list->callback([&line] { line.run = [&line] { return run_imports_list(line.global, line.flags); }; });

    CLI::App* show = add_command(*imports, "show", "One import, and the rows that say they come from it",
                                 {"marketdb imports show 7", "marketdb imports show 7 --json"});
    add_import_id(show, line.removal);
    show->add_flag("--json", line.removal.json, "One JSON array")->group("Output");
    show->callback([&line] { line.run = [&line] { return run_imports_show(line.global, line.removal); }; });

    CLI::App* undo = add_command(*imports, "undo", "Remove the rows that say they come from an import",
                                 {"marketdb imports undo 7 --dry-run", "marketdb imports undo 7 --yes"});
    add_import_id(undo, line.removal);
    add_removal_flags(undo, line.removal);
    undo->callback([&line] { line.run = [&line] { return run_imports_undo(line.global, line.removal); }; });
}

void describe_delete(CLI::App& app, CommandLine& line) {
    CLI::App* command = add_command(
        app, "delete", "Remove rows of some series, by event time",
        {"marketdb delete quotes BINANCE_SPOT:BTC/USDT --from 2024-08-08T23:54Z --to 2024-08-08T23:55Z --dry-run",
         "marketdb delete trades 'OKX_SPOT:*' --to 2024-01-01 --yes"});
    command
        ->add_option("DATASET", line.read.dataset, "book-tickers (quotes), trades, funding-rates (funding) or balances")
        ->required();
    command
        ->add_option("SERIES", line.read.series,
                     "EXCHANGE:SYMBOL in any spelling, of balances EXCHANGE:ASSET; '*' stands for any")
        ->required();
    command->add_option("--account", line.read.account, "Balances of this account only")->type_name("A")->group("Rows");
    add_time_options(command, line.read);
    add_removal_flags(command, line.removal);
    command->callback([&line] { line.run = [&line] { return run_delete(line.global, line.removal, line.read); }; });
}

void describe_backup(CLI::App& app, CommandLine& line) {
    CLI::App* backup = add_command(
        app, "backup", "Copy the whole database as it is at one moment, while it is in use, and check the copy",
        {"marketdb --db sqlite:market.db backup market-2026-11-26.db",
         "marketdb --db 'postgresql://host/market?schema=desk' backup desk-2026-11-26.dump"});
    backup
        ->add_option("FILE", line.backup.file,
                     "A new file: of SQLite an ordinary database, of PostgreSQL a custom archive of pg_dump")
        ->required();
    backup->add_flag("--json", line.backup.json, "One JSON array")->group("Output");
    backup->callback([&line] { line.run = [&line] { return run_backup(line.global, line.backup); }; });

    CLI::App* restore = add_command(app, "restore", "Bring a backup back, to where there is nothing yet",
                                    {"marketdb --db sqlite:restored.db restore market-2026-11-26.db"});
    restore->add_option("FILE", line.backup.file, "What `backup` wrote")->required();
    restore->add_flag("--json", line.backup.json, "One JSON array")->group("Output");
    restore->callback([&line] { line.run = [&line] { return run_restore(line.global, line.backup); }; });
}

}  // namespace

void describe_operation(CLI::App& app, CommandLine& line) {
    describe_status(app, line);
    describe_check(app, line);
    describe_metrics(app, line);
    describe_sql(app, line);
    describe_imports(app, line);
    describe_delete(app, line);
    describe_backup(app, line);
}

}  // namespace marketdb::cli
