#include "commands.hpp"
#include "grammar_parts.hpp"

namespace marketdb::cli {

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
                     "marketdb --db sqlite:marketdb-demo.db retention set trades --keep"});
    set->add_option("DATASET", line.retention.dataset,
                    "book-tickers (quotes), trades, funding-rates (funding) or balances")
        ->required();
    CLI::Option* age = set->add_option("--max-age", line.retention.max_age, "Older rows go: 30d")->type_name("LENGTH");
    CLI::Option* keep = set->add_flag("--keep", line.retention.keeps_all, "All rows stay");
    age->excludes(keep);
    set->add_flag("--take-imports", line.retention.takes_imports,
                  "Rows of imports and copies go too; without it they stay whatever their age")
        ->excludes(keep);
    set->callback([&line] { line.run = [&line] { return run_retention_set(line.global, line.retention); }; });

    CLI::App* hold = add_command(*retention, "hold", "Hold the rows of a time: no clean-up takes them",
                                 {"marketdb --db sqlite:marketdb-demo.db retention hold trades --from 2024-08-08 --to "
                                  "2024-08-09 --reason audit"});
    hold->add_option("DATASET", line.retention.dataset, "None: all");
    hold->add_option("--from", line.retention.start, "From this event time on. None: from the first row")
        ->type_name("TIME");
    hold->add_option("--to", line.retention.end, "Before this event time. None: for ever")->type_name("TIME");
    hold->add_option("--reason", line.retention.reason, "Why")->type_name("TEXT")->required();
    hold->callback([&line] { line.run = [&line] { return run_retention_hold(line.global, line.retention); }; });

    CLI::App* release = add_command(*retention, "release", "Let the rows of a hold go",
                                    {"marketdb --db sqlite:marketdb-demo.db retention release 1"});
    release->add_option("ID", line.retention.id, "Of the hold, as `retention show` lists it")->required();
    release->callback([&line] { line.run = [&line] { return run_retention_release(line.global, line.retention); }; });
}

}  // namespace marketdb::cli
