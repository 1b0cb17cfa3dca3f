#include "commands.hpp"
#include "grammar_parts.hpp"

namespace marketdb::cli {
namespace {

/// 1024, not 1000, as sizes are printed.
CLI::AsSizeValue size_in_bytes() { return CLI::AsSizeValue(false); }

void add_forecast_options(CLI::App* command, MaintainArguments& arguments) {
    command
        ->add_option("--window", arguments.window,
                     "Rows go on coming as in so long before now, by event time: 1m to 366d; by default 24h")
        ->type_name("LENGTH");
    command
        ->add_option("--free", arguments.free_bytes,
                     "Room on the disk of a server, which cannot be seen from here: 500G")
        ->type_name("SIZE")
        ->transform(size_in_bytes());
    add_format_flags(command, arguments.flags);
}

void describe_maintain(CLI::App& app, CommandLine& line) {
    CLI::App* maintain = add_command(
        app, "maintain",
        "All that a database needs from time to time, for a timer: partitions for rows to come, what the policies "
        "let go, vacuum, statistics, SQLite's log, and when the disk is full",
        {"marketdb --db sqlite:marketdb-demo.db maintain",
         "marketdb --db postgresql://server/market maintain --ahead 30d --free 500G --json"});
    maintain
        ->add_option("--ahead", line.maintain.ahead,
                     "On PostgreSQL partitions are there for so long from now on, at most 366d; by default 7d")
        ->type_name("LENGTH");
    add_forecast_options(maintain, line.maintain);
    maintain->callback([&line] { line.run = [&line] { return run_maintain(line.global, line.maintain); }; });
}

}  // namespace

void describe_retention(CLI::App& app, CommandLine& line) {
    CLI::App* retention =
        add_command(app, "retention", "How long rows stay: policies and held times, stored with the data",
                    {"marketdb --db sqlite:marketdb-demo.db retention show"});
    retention->require_subcommand(1);

    CLI::App* show = add_command(*retention, "show", "The policies, and the times whose rows are held",
                                 {"marketdb --db sqlite:marketdb-demo.db retention show --json"});
    show->add_flag("--released", line.retention.released, "Holds that were released, too");
    add_format_flags(show, line.retention.flags);
    show->callback([&line] { line.run = [&line] { return run_retention_show(line.global, line.retention); }; });

    CLI::App* set =
        add_command(*retention, "set", "Say how long the rows of a dataset stay; `cleanup` without a length does it",
                    {"marketdb --db sqlite:marketdb-demo.db retention set quotes --max-age 30d",
                     "marketdb --db sqlite:marketdb-demo.db retention set trades --max-age 365d --max-bytes 20G",
                     "marketdb --db sqlite:marketdb-demo.db retention set funding --keep"});
    set->add_option("DATASET", line.retention.dataset,
                    "book-tickers (quotes), trades, funding-rates (funding) or balances")
        ->required();
    CLI::Option* age = set->add_option("--max-age", line.retention.max_age, "Older rows go: 30d")->type_name("LENGTH");
    CLI::Option* size = set->add_option("--max-bytes", line.retention.max_bytes,
                                        "The oldest rows go while all of the dataset together usually take more: 20G")
                            ->type_name("SIZE")
                            ->transform(size_in_bytes());
    CLI::Option* keep = set->add_flag("--keep", line.retention.keeps_all, "All rows stay");
    age->excludes(keep);
    size->excludes(keep);
    set->add_flag("--take-imports", line.retention.takes_imports,
                  "Rows of imports and copies go too; without it they stay whatever their age")
        ->excludes(keep);
    add_format_flags(set, line.retention.flags);
    set->callback([&line] { line.run = [&line] { return run_retention_set(line.global, line.retention); }; });

    CLI::App* hold = add_command(*retention, "hold", "Hold the rows of a time: no clean-up takes them",
                                 {"marketdb --db sqlite:marketdb-demo.db retention hold trades --from 2024-08-08 --to "
                                  "2024-08-09 --reason audit"});
    hold->add_option("DATASET", line.retention.dataset, "None: all");
    hold->add_option("--from", line.retention.start, "From this event time on. None: from the first row")
        ->type_name("TIME");
    hold->add_option("--to", line.retention.end, "Before this event time. None: for ever")->type_name("TIME");
    hold->add_option("--reason", line.retention.reason, "Why")->type_name("TEXT")->required();
    add_format_flags(hold, line.retention.flags);
    hold->callback([&line] { line.run = [&line] { return run_retention_hold(line.global, line.retention); }; });

    CLI::App* release = add_command(*retention, "release", "Let the rows of a hold go",
                                    {"marketdb --db sqlite:marketdb-demo.db retention release 1"});
    release->add_option("ID", line.retention.id, "Of the hold, as `retention show` lists it")->required();
    add_format_flags(release, line.retention.flags);
    release->callback([&line] { line.run = [&line] { return run_retention_release(line.global, line.retention); }; });

    CLI::App* forecast = add_command(*retention, "forecast", "When the disk is full if rows go on coming as they do",
                                     {"marketdb --db sqlite:marketdb-demo.db retention forecast",
                                      "marketdb --db postgresql://server/market retention forecast --free 500G"});
    add_forecast_options(forecast, line.maintain);
    forecast->callback([&line] { line.run = [&line] { return run_retention_forecast(line.global, line.maintain); }; });

    describe_maintain(app, line);
}

}  // namespace marketdb::cli
