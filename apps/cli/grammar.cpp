#include "grammar.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "commands.hpp"
#include "exit_code.hpp"
#include "grammar_parts.hpp"
#include "numbers.hpp"
#include "output.hpp"

namespace marketdb::cli {
namespace {

const std::string kDatasets = "book-tickers (quotes), trades, funding-rates (funding) or balances";
const std::string kAllowRounding = "Store numbers that an existing schema rounds by more than a millionth";

CLI::Validator at_least_one() {
    const auto check = [](std::string& text) -> std::string {
        const bool is_number = read_number<std::uint64_t>(text).value_or(0) > 0;
        return is_number ? "" : "'" + text + "': expected a whole number, 1 or more";
    };
    return CLI::Validator(check, "");
}

enum class DatasetIs { required, optional };

void add_series_options(CLI::App* command, ReadOptions& read, DatasetIs dataset = DatasetIs::required) {
    const bool is_required = dataset == DatasetIs::required;
    command->add_option("DATASET", read.dataset, is_required ? kDatasets : kDatasets + ". None: all four")
        ->required(is_required);
    command->add_option("SERIES", read.series,
                        "EXCHANGE:SYMBOL in any spelling, of balances EXCHANGE:ASSET; '*' stands for any. None: all");
    command->add_option("--exchange", read.exchange, "The left side of SERIES")->type_name("E")->group("Rows");
    command->add_option("--symbol", read.symbol, "The right side of SERIES")->type_name("S")->group("Rows");
    command->add_option("--account", read.account, "Balances of this account only")->type_name("A")->group("Rows");
}

void add_range_options(CLI::App* command, ReadOptions& read, const std::string& default_order) {
    add_time_options(command, read);
    command->add_option("--last", read.last, "So far back from the newest row of all chosen series: 10m, 36h, 7d")
        ->type_name("LENGTH")
        ->group("Rows");
    command->add_option("--every", read.every, "Only the last row of each stretch: 1s, 1m")
        ->type_name("LENGTH")
        ->group("Rows");
    command->add_option("--limit", read.limit, "The first N rows in the order asked")
        ->type_name("N")
        ->check(at_least_one())
        ->group("Rows");
    command->add_option("--tail", read.tail, "The last N rows in the order asked")
        ->type_name("N")
        ->check(at_least_one())
        ->group("Rows");
    command->add_option("--order", read.order, "asc or desc (" + default_order + ")")
        ->type_name("ORDER")
        ->check(CLI::IsMember({"asc", "desc"}))
        ->group("Rows");
    add_clock_option(command, read);
}

void describe_reading(CLI::App& app, CommandLine& line) {
    CLI::App* latest =
        add_command(app, "latest", "The newest row of each series, or of a stretch of time, and how old it is now",
                    {"marketdb --db sqlite:marketdb-demo.db latest quotes",
                     "marketdb --db sqlite:marketdb-demo.db latest trades 'DEMOA_SPOT:*' --json",
                     "marketdb --db sqlite:marketdb-demo.db latest quotes --last 10s --order asc",
                     "marketdb --db sqlite:marketdb-demo.db latest quotes '*:BTC/USDT' --watch 1s"});
    add_series_options(latest, line.read);
    add_range_options(latest, line.read, "desc");
    latest->add_option("--max-age", line.read.max_age, "Leave out rows that are older: 10s")
        ->type_name("LENGTH")
        ->group("Rows");
    latest->add_flag("--active", line.read.active, "Balances whose total is above 0.001 only")->group("Rows");
    latest->add_option("--min-total", line.read.min_total, "Balances whose total is above this only")
        ->type_name("N")
        ->check(finite_number())
        ->group("Rows");
    latest->add_option("--watch", line.read.watch, "Again and again, until Ctrl-C: 1s")
        ->type_name("LENGTH")
        ->group("Output");
    add_format_flags(latest, line.read.flags);
    latest->callback([&line] { line.run = [&line] { return run_latest(line.global, line.read); }; });

    CLI::App* history =
        add_command(app, "history", "Rows of a stretch of time",
                    {"marketdb --db sqlite:marketdb-demo.db history quotes DEMOA_SPOT:BTC/USDT --last 10s",
                     "marketdb --db sqlite:marketdb-demo.db history trades '*:ETH/USDT' --tail 20 --order desc",
                     "marketdb --db sqlite:marketdb-demo.db history quotes DEMOC_FUTURES:btc-usdt --every 10s --csv"});
    add_series_options(history, line.read);
    add_range_options(history, line.read, "asc");
    history->add_flag("--all", line.read.all, "All rows, on a terminal too (it shows 100)")->group("Output");
    add_format_flags(history, line.read.flags);
    history->callback([&line] { line.run = [&line] { return run_history(line.global, line.read); }; });

    CLI::App* exporting =
        add_command(app, "export", "Write rows as `import` reads them",
                    {"marketdb --db sqlite:marketdb-demo.db export trades --output demo-trades.csv.gz",
                     "marketdb --db sqlite:marketdb-demo.db export quotes 'DEMOA_SPOT:*' --last 30s --ndjson",
                     "marketdb --db sqlite:marketdb-demo.db export balances --output demo-balances.jsonl"});
    add_series_options(exporting, line.read);
    add_range_options(exporting, line.read, "asc");
    exporting
        ->add_option(
            "-o,--output", line.read.file,
            "A file in .csv or .jsonl (.gz, .zst, .xz may follow), whole or not at all; -: standard output (-)")
        ->type_name("FILE")
        ->group("Output");
    exporting->add_option("--format", line.read.file_format, "csv or ndjson, whatever the file is called")
        ->type_name("FORMAT")
        ->check(CLI::IsMember({"csv", "ndjson"}))
        ->group("Output");
    add_format_flags(exporting, line.read.flags);
    exporting->callback([&line] { line.run = [&line] { return run_export(line.global, line.read); }; });
}

void describe_import(CLI::App& app, CommandLine& line) {
    ImportArguments& import = line.import;
    CLI::App* command = add_command(
        app, "import",
        "Read market data files: Tardis.dev and Binance CSV, marketdb's own CSV and JSON lines; plain, .gz, .zip, "
        ".zst, .xz",
        {"marketdb import demo-trades.csv.gz", "marketdb import --dry-run demo-trades.csv.gz demo-balances.jsonl",
         "marketdb --db sqlite:copy.db import --json - < demo-balances.jsonl"});
    command
        ->add_option("FILE", import.files, "Files, folders (searched for .csv, .jsonl, .zip), or - for standard input")
        ->required();
    command->add_flag("--dry-run", import.dry_run, "Check the files and say what would happen; write nothing");
    command->add_flag("--force", import.force, "Read files again that were imported before");
    command->add_flag("--only-gaps", import.only_gaps,
                      "Store only rows in time that is not covered yet (see coverage)");
    CLI::Option* complete = command->add_flag(
        "--complete", import.complete, "The files have every row from --from to --to, also where they begin later");
    command->add_option("--from", import.from, "With --complete: 2024-08-08")->type_name("T")->needs(complete);
    command->add_option("--to", import.to, "With --complete: 2024-08-09, not included any more")
        ->type_name("T")
        ->needs(complete);
    complete->needs("--from")->needs("--to");
    command
        ->add_option("--on-error", import.on_error,
                     "What a bad row does: stop (nothing of the file is stored) or quarantine")
        ->type_name("WHAT")
        ->check(CLI::IsMember({"stop", "quarantine"}));
    command->add_flag("--allow-rounding", import.allow_rounding, kAllowRounding);
    command->add_flag("--json", import.json, "One JSON array, an object a file")->group("Output");
    command->add_option("--layout", import.layout, "tardis, binance, marketdb or marketdb-jsonl")
        ->type_name("L")
        ->check(CLI::IsMember({"tardis", "binance", "marketdb", "marketdb-jsonl"}))
        ->group("What the file does not say");
    command->add_option("--dataset", import.dataset, kDatasets)->type_name("D")->group("What the file does not say");
    command->add_option("--exchange", import.exchange, "BINANCE_FUTURES")
        ->type_name("E")
        ->group("What the file does not say");
    command->add_option("--symbol", import.symbol, "The exchange's spelling: BTCUSDT")
        ->type_name("S")
        ->group("What the file does not say");
    command->add_option("--base", import.base, "BTC")->type_name("B")->group("What the file does not say");
    command->add_option("--quote", import.quote, "USDT")->type_name("Q")->group("What the file does not say");
    command->add_option("--time-unit", import.time_unit, "Of integer times: s, ms, us or ns")
        ->type_name("U")
        ->check(CLI::IsMember({"s", "ms", "us", "ns"}))
        ->group("What the file does not say");
    command->add_option("--batch-rows", import.batch_rows, "Rows a transaction (10000)")
        ->type_name("N")
        ->check(CLI::Range(1, 1'000'000));
    command->callback([&line] { line.run = [&line] { return run_import(line.global, line.import); }; });
}

void describe_copying(CLI::App& app, CommandLine& line) {
    CopyArguments& copy = line.copy;
    CLI::App* command =
        add_command(app, "copy", "Copy everything or a part from one database to another, and compare both afterwards",
                    {"marketdb copy sqlite:marketdb-demo.db sqlite:copy.db",
                     "marketdb copy sqlite:marketdb-demo.db sqlite:copy.db quotes 'DEMOA_SPOT:*' --from 2024-08-08",
                     "marketdb copy --dry-run sqlite:marketdb-demo.db sqlite:copy.db --json"});
    command->add_option("FROM_URL", copy.from_url, "The database to read: sqlite:FILE or postgresql://HOST/NAME")
        ->required();
    command->add_option("TO_URL", copy.to_url, "The database to write; made if it does not exist")->required();
    add_series_options(command, line.read, DatasetIs::optional);
    add_time_options(command, line.read);
    command->add_flag("--dry-run", copy.dry_run, "Read and compare, and say what would be written; write nothing");
    command->add_flag("--only-gaps", copy.only_gaps,
                      "Copy only rows in time that the target has not covered yet (see coverage)");
    command->add_flag("--allow-rounding", copy.allow_rounding, kAllowRounding);
    command->add_option("--batch-rows", copy.batch_rows, "Rows a transaction (50000)")
        ->type_name("N")
        ->check(CLI::Range(1, 1'000'000));
    command->add_flag("--json", copy.json, "One JSON array, an object a series")->group("Output");
    command->callback([&line] { line.run = [&line] { return run_copy(line.global, line.copy, line.read); }; });

    CLI::App* checksum =
        add_command(app, "checksum", "Checksums of each series and of all, the same on every engine for the same rows",
                    {"marketdb --db sqlite:marketdb-demo.db checksum",
                     "marketdb --db sqlite:marketdb-demo.db checksum trades 'DEMOA_SPOT:*' --json",
                     "marketdb --db sqlite:marketdb-demo.db checksum quotes --from 2024-08-08 --to 2024-08-09"});
    add_series_options(checksum, line.read, DatasetIs::optional);
    add_time_options(checksum, line.read);
    add_format_flags(checksum, line.read.flags);
    checksum->callback([&line] { line.run = [&line] { return run_checksum(line.global, line.read); }; });
}

void describe_looking(CLI::App& app, CommandLine& line) {
    CLI::App* exchanges = add_command(
        app, "exchanges", "The exchanges that are known",
        {"marketdb --db sqlite:marketdb-demo.db exchanges", "marketdb --db sqlite:marketdb-demo.db exchanges --json"});
    add_format_flags(exchanges, line.flags);
    exchanges->callback([&line] { line.run = [&line] { return run_exchanges(line.global, line.flags); }; });

    CLI::App* stats = add_command(
        app, "stats", "How much of what is stored",
        {"marketdb --db sqlite:marketdb-demo.db stats", "marketdb --db sqlite:marketdb-demo.db stats --series --csv"});
    CLI::Option* series = stats->add_flag("--series", line.stats.series, "Each series instead of each dataset");
    CLI::Option* exact =
        stats->add_flag("--exact", line.stats.exact, "Count every row, also where counts are kept; reads everything")
            ->excludes(series);
    stats
        ->add_flag("--counters", line.stats.counters,
                   "What this run's memory and connections did since it opened the database")
        ->excludes(series)
        ->excludes(exact);
    add_format_flags(stats, line.stats.flags);
    stats->callback([&line] { line.run = [&line] { return run_stats(line.global, line.stats); }; });

    CLI::App* doctor =
        add_command(app, "doctor", "Look for what is wrong with the database, or soon will be, and say what helps",
                    {"marketdb doctor", "marketdb --db postgresql://host/market doctor --json"});
    add_format_flags(doctor, line.flags);
    doctor->callback([&line] { line.run = [&line] { return run_doctor(line.global, line.flags); }; });
}

/// A command below another that takes an argument itself: what is too much must not become that.
void refuse_rest(const std::string& rest) {
    if (!rest.empty()) throw CLI::ExtrasError(std::vector<std::string>{rest});
}

void describe_sync(CLI::App& symbols, CommandLine& line) {
    SyncArguments& sync = line.sync;
    CLI::App* command = add_command(
        symbols, "sync",
        "Take over an exchange's listing, as its REST API returns it: add, update, reactivate, deactivate symbols",
        {"curl -s https://api.binance.com/api/v3/exchangeInfo | marketdb symbols sync BINANCE_SPOT -",
         "marketdb symbols sync --dry-run GATEIO_FUTURES contracts.json.gz --json"});
    command->add_option("EXCHANGE", sync.exchange, "Whose listing it is: BINANCE_SPOT")->required();
    command->add_option("FILE", sync.file, "The listing, plain or compressed; - for standard input")->required();
    command->add_flag("--dry-run", sync.dry_run, "Compare and say what would change; write nothing");
    command->add_flag("--dated", sync.dated, "Dated contracts too");
    command->add_flag("--allow", sync.allow, "Deactivate more than a fifth of the active symbols");
    command->add_flag("--json", sync.json, "One JSON array, an object for each kind of change")->group("Output");
    command->callback([&line] {
        refuse_rest(line.symbols.exchange);
        line.run = [&line] { return run_symbols_sync(line.global, line.sync); };
    });
}

void describe_setting(CLI::App& symbols, CommandLine& line) {
    SymbolSetArguments& set = line.symbol_set;
    CLI::App* command = add_command(symbols, "set", "Change what is known of a symbol, and show it",
                                    {"marketdb symbols set GATEIO_FUTURES:BTC_USDT --contract-size 0.0001",
                                     "marketdb symbols set BYBIT_FUTURES:1000BONKPERP --base 1000BONK --quote USDC",
                                     "marketdb symbols set MEXC_SPOT:LUNAUSDT --inactive"});
    command->add_option("SERIES", set.series, "EXCHANGE:SYMBOL in any spelling")->required();
    const auto add = [command](const std::string& name, auto& value, const char* type, const std::string& text) {
        command->add_option(name, value, text)->type_name(type)->group("What changes");
    };
    add("--base", set.base, "B", "BTC");
    add("--quote", set.quote, "Q", "USDT");
    add("--spelling", set.spelling, "S", "The exchange's own: BTC_USDT");
    add("--contract-type", set.contract_type, "T", "spot, perpetual, inverse or dated");
    add("--contract-size", set.contract_size, "N", "Base units (inverse: quote units) of one contract");
    add("--quantity-unit", set.quantity_unit, "U", "What sizes count: base, quote or contracts");
    add("--settle-asset", set.settle_asset, "A", "USDT");
    add("--expires-at", set.expires_at, "TIME", "Of a dated contract: 2026-12-25T08:00Z");
    add("--tick-size", set.tick_size, "N", "Smallest price step");
    add("--lot-size", set.lot_size, "N", "Smallest size step");
    add("--min-quantity", set.min_quantity, "N", "Smallest order");
    add("--min-notional", set.min_notional, "N", "Smallest value of an order");
    for (const char* number : {"--contract-size", "--tick-size", "--lot-size", "--min-quantity", "--min-notional"}) {
        command->get_option(number)->check(finite_number());
    }
    command->get_option("--contract-type")->check(CLI::IsMember({"spot", "perpetual", "inverse", "dated"}));
    command->get_option("--quantity-unit")->check(CLI::IsMember({"base", "quote", "contracts"}));
    CLI::Option* active = command->add_flag("--active", set.active, "It is traded")->group("What changes");
    command->add_flag("--inactive", set.inactive, "It is not traded any more")->excludes(active)->group("What changes");
    add_format_flags(command, line.symbols.flags);
    command->callback([&line] {
        refuse_rest(line.symbols.exchange);
        line.run = [&line] { return run_symbols_set(line.global, line.symbol_set, line.symbols.flags); };
    });
}

void describe_symbols(CLI::App& app, CommandLine& line) {
    CLI::App* symbols = add_command(app, "symbols", "The symbols that are known, with their contracts",
                                    {"marketdb --db sqlite:marketdb-demo.db symbols",
                                     "marketdb --db sqlite:marketdb-demo.db symbols DEMOC_FUTURES --csv"});
    symbols->add_option("EXCHANGE", line.symbols.exchange, "Of this exchange only");
    symbols->add_flag("--active", line.symbols.active, "Leave out what is not traded any more");
    add_format_flags(symbols, line.symbols.flags);
    symbols->require_subcommand(0, 1);
    describe_sync(*symbols, line);

    CLI::App* resolve = add_command(*symbols, "resolve", "Every symbol on every exchange that a text may mean",
                                    {"marketdb --db sqlite:marketdb-demo.db symbols resolve btc-usdt"});
    resolve->add_option("TEXT", line.text, "A symbol in any spelling")->required();
    add_format_flags(resolve, line.symbols.flags);
    resolve->callback([&line] {
        refuse_rest(line.symbols.exchange);
        line.run = [&line] { return run_symbols_resolve(line.global, line.text, line.symbols.flags); };
    });
    describe_setting(*symbols, line);

    CLI::App* merge =
        add_command(*symbols, "merge",
                    "Move all rows of a symbol to another of the same exchange, where one was split wrongly into two",
                    {"marketdb symbols merge BYBIT_FUTURES:1000BONKPERP_OLD BYBIT_FUTURES:1000BONKPERP --yes"});
    merge->add_option("FROM", line.symbol_merge.from, "EXCHANGE:SYMBOL; it becomes inactive")->required();
    merge->add_option("INTO", line.symbol_merge.into, "EXCHANGE:SYMBOL")->required();
    merge->add_flag("--yes", line.symbol_merge.yes, "Do it; without it only the counts are shown");
    merge->add_flag("--json", line.symbol_merge.json, "One JSON array")->group("Output");
    merge->callback([&line] {
        refuse_rest(line.symbols.exchange);
        line.run = [&line] { return run_symbols_merge(line.global, line.symbol_merge); };
    });
    symbols->callback([symbols, &line] {
        // Called after the command below it, which has chosen.
        if (!symbols->get_subcommands().empty()) return;
        line.run = [&line] { return run_symbols(line.global, line.symbols); };
    });
}

void describe_upkeep(CLI::App& app, CommandLine& line) {
    CLI::App* init = add_command(app, "init", "Make the database, if it is not there yet",
                                 {"marketdb init", "marketdb --db sqlite:other.db init",
                                  "marketdb --db 'postgresql://localhost/market?schema=desk' init --roles"});
    CLI::Option* roles =
        init->add_option("--roles", line.init.which,
                         "Make nothing: print SQL for psql that makes an owner, a writer and a reader (or only one) of "
                         "a PostgreSQL schema")
            ->type_name("[owner|writer|reader]")
            ->expected(0, 1)
            ->check(CLI::IsMember({"", "owner", "writer", "reader"}));
    init->add_option("--owner", line.init.owner, "The owner's name (that of the schema and _owner)")->type_name("ROLE");
    init->add_option("--writer", line.init.writer, "The writer's")->type_name("ROLE");
    init->add_option("--reader", line.init.reader, "The reader's")->type_name("ROLE");
    for (const char* name : {"--owner", "--writer", "--reader"}) init->get_option(name)->needs(roles);
    init->add_flag("--hypertables", line.init.hypertables,
                   "Make book tickers and trades hypertables of TimescaleDB, which has to be installed in the database")
        ->excludes(roles);
    init->add_flag("--side-tables", line.init.side_tables,
                   "Beside an existing schema: make a schema named marketdb for sources and rows that were set aside")
        ->excludes(roles);
    init->callback([&line, roles] {
        line.init.prints_roles = roles->count() > 0;
        line.run = [&line] { return run_init(line.global, line.init); };
    });

    CLI::App* cleanup =
        add_command(app, "cleanup", "Remove old rows, by event time",
                    {"marketdb --db sqlite:marketdb-demo.db cleanup --dry-run",
                     "marketdb --db sqlite:marketdb-demo.db cleanup --older-than 7d --dataset trades --yes"});
    cleanup
        ->add_option("--older-than", line.cleanup.older_than,
                     "Rows older than this go, imported or not: 7d. Without it: as the policies say (see retention)")
        ->type_name("LENGTH");
    cleanup->add_option("--dataset", line.cleanup.dataset, "Only " + kDatasets)->type_name("D");
    cleanup->add_flag("--exact", line.cleanup.exact,
                      "On PostgreSQL remove older rows whose partition ends later too, one by one");
    cleanup->add_flag("--dry-run", line.cleanup.dry_run, "Count only");
    cleanup->add_flag("--yes", line.cleanup.yes, "Do it; without it only the counts are shown");
    cleanup->add_flag("--json", line.cleanup.json, "One JSON array")->group("Output");
    cleanup->callback([&line] { line.run = [&line] { return run_cleanup(line.global, line.cleanup); }; });

    CLI::App* config = add_command(app, "config", "The configuration", {"marketdb config show"});
    config->require_subcommand(1);
    CLI::App* show =
        add_command(*config, "show", "The settings in effect and where each comes from; no password is shown",
                    {"marketdb config show", "marketdb --db sqlite:marketdb-demo.db config show --json"});
    add_format_flags(show, line.flags);
    show->callback([&line] { line.run = [&line] { return run_config_show(line.global, line.flags); }; });
}

void add_conversion_flags(CLI::App* command, MigrateOptions& options) {
    command->add_flag("--leave-behind", options.conversion.leave_behind,
                      "Leave out rows that the other tables cannot hold, else they are an error");
    command->add_flag("--despite-sessions", options.conversion.despite_sessions,
                      "Go on although programs are connected that may write to the tables");
}

void describe_migrate(CLI::App& app, CommandLine& line) {
    CLI::App* migrate =
        add_command(app, "migrate", "The schema's versions", {"marketdb --db sqlite:marketdb-demo.db migrate status"});
    migrate->require_subcommand(1);

    CLI::App* status = add_command(*migrate, "status", "Which steps were applied, and when",
                                   {"marketdb --db sqlite:marketdb-demo.db migrate status"});
    add_format_flags(status, line.migrate.flags);
    status->callback([&line] { line.run = [&line] { return run_migrate_status(line.global, line.migrate); }; });

    CLI::App* plan = add_command(*migrate, "plan", "What `up` would do; changes nothing",
                                 {"marketdb --db sqlite:marketdb-demo.db migrate plan"});
    add_format_flags(plan, line.migrate.flags);
    plan->callback([&line] { line.run = [&line] { return run_migrate_plan(line.global, line.migrate); }; });

    CLI::App* up =
        add_command(*migrate, "up", "Apply the steps that are pending, or convert the tables of older programs",
                    {"marketdb --db sqlite:marketdb-demo.db migrate up"});
    up->add_flag("--yes", line.migrate.yes, "Convert; without it only the plan is shown");
    add_conversion_flags(up, line.migrate);
    up->add_option("--piece-rows", line.migrate.conversion.piece_rows, "Rows that are converted at a time")
        ->type_name("N");
    up->callback([&line] { line.run = [&line] { return run_migrate_up(line.global, line.migrate); }; });

    CLI::App* finish = add_command(*migrate, "finish", "Drop the old tables of a conversion",
                                   {"marketdb --db postgresql://owner@host/market migrate finish --yes"});
    finish->add_flag("--yes", line.migrate.yes, "Do it; without it only the tables are shown");
    finish->callback([&line] { line.run = [&line] { return run_migrate_finish(line.global, line.migrate); }; });

    CLI::App* down = add_command(*migrate, "down", "Undo steps, never of a table that has rows, or a conversion",
                                 {"marketdb init && marketdb migrate down --to 0 --yes"});
    down->add_option("--to", line.migrate.to, "The version to go back to; for a conversion leave it out")
        ->type_name("VERSION");
    down->add_flag("--yes", line.migrate.yes, "Do it; without it only the plan is shown");
    add_conversion_flags(down, line.migrate);
    down->callback([&line] { line.run = [&line] { return run_migrate_down(line.global, line.migrate); }; });
}

void describe_demo(CLI::App& app, CommandLine& line) {
    CLI::App* demo =
        add_command(app, "demo", "Record a minute of a simulated market into a file of its own, and look at it",
                    {"marketdb demo", "marketdb demo --file /tmp/other-demo.db --seed 7"});
    demo->add_option("--file", line.demo.file, "The database file (marketdb-demo.db)")->type_name("FILE");
    demo->add_option("--seed", line.demo.seed, "Another number, another market (1)")->type_name("N");
    demo->callback([&line] { line.run = [&line] { return run_demo(line.global, line.demo); }; });
}

void describe_completion(CLI::App& app, CommandLine& line) {
    CLI::App* completion = add_command(app, "completion", "Print a script that completes commands and options",
                                       {"eval \"$(marketdb completion bash)\"", "marketdb completion fish | source"});
    completion->add_option("SHELL", line.shell, "bash, zsh or fish")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}));
    completion->callback([&app, &line] {
        line.run = [&app, &line]() -> int {
            output().write(completion_script(app, line.shell));
            output().flush();
            return kOk;
        };
    });
}

}  // namespace

void describe_grammar(CLI::App& app, CommandLine& line) {
    app.description("marketdb keeps quotes, trades, funding rates and balances, and answers from them.");
    app.footer(
        "The database is the first of: --db, --config, $MARKETDB_URL, $MARKETDB_CONFIG, ./config.yaml (if it has\n"
        "`database:`), sqlite:marketdb.db here. NO_COLOR turns colours off. Exit status: 0 done, 1 failed, 2 wrong "
        "usage,\n"
        "3 done but rows were quarantined, 4 database unavailable, 130 interrupted.\n\n"
        "Start with: marketdb demo");
    app.require_subcommand(0, 1);
    app.set_version_flag("--version", version_text);
    app.add_option("--db", line.global.db, "sqlite:FILE or postgresql://HOST/NAME")->type_name("URL");
    app.add_option("--config", line.global.config, "A YAML file with a `database:` section")->type_name("FILE");
    app.add_option("--env-file", line.global.env_file, "NAME=VALUE lines for variables that are not set")
        ->type_name("FILE");
    app.add_flag("--migrate", line.global.migrate, "Commands that write apply pending steps of the schema first");
    app.add_flag("-q,--quiet", line.global.quiet, "Errors only on standard error");
    app.add_flag("-v,--verbose", line.global.verbose, "What the library has to say, too");
    app.add_flag("--no-progress", line.global.no_progress, "No progress bar");

    describe_import(app, line);
    describe_reading(app, line);
    describe_copying(app, line);
    describe_analysis(app, line);
    describe_comparison(app, line);
    describe_coverage(app, line);
    describe_looking(app, line);
    describe_symbols(app, line);
    describe_operation(app, line);
    describe_upkeep(app, line);
    describe_retention(app, line);
    describe_migrate(app, line);
    describe_demo(app, line);
    describe_completion(app, line);
}

void refuse_empty_values(const CLI::App& app) {
    for (const CLI::Option* option : app.get_options()) {
        if (option->get_expected_min() == 0) continue;
        const std::vector<std::string>& values = option->results();
        if (std::find(values.begin(), values.end(), "") == values.end()) continue;
        throw CLI::ValidationError(option->get_name(), "is empty; expected a value");
    }
    for (const CLI::App* command : app.get_subcommands()) refuse_empty_values(*command);
}

}  // namespace marketdb::cli
