#include "commands.hpp"
#include "grammar_parts.hpp"

namespace marketdb::cli {
namespace {

void add_comparison_options(CLI::App* command, CompareArguments& compare) {
    command
        ->add_option("--exchanges", compare.exchanges,
                     "SERIES is one symbol, on each of these: BINANCE_SPOT,BYBIT_SPOT")
        ->type_name("E,E")
        ->group("Rows");
    command->add_option("--every", compare.every, "At each multiple of this length: 250ms, 1m (1s)")
        ->type_name("LENGTH")
        ->group("Times");
    command->add_option("--driver", compare.driver, "At each quote of this one of the series")
        ->type_name("SERIES")
        ->group("Times");
    command->add_flag("--each-change", compare.each_change, "At each quote of any of the series")->group("Times");
    command->add_option("--at", compare.at, "At these times, ascending: T,T; may be repeated")
        ->type_name("T,T")
        ->allow_extra_args(false)
        ->group("Times");
    command->add_option("--at-file", compare.at_file, "At the times of a file, one a line; -: standard input")
        ->type_name("FILE")
        ->group("Times");
    command
        ->add_option("--from", compare.from,
                     "First time: 2024-08-08T23:54Z, 1723161257. None: when all series have a quote")
        ->type_name("T")
        ->group("Times");
    command->add_option("--to", compare.to, "Last time, included with --every. None: when the first series ends")
        ->type_name("T")
        ->group("Times");
    command
        ->add_option("--tolerance", compare.tolerance,
                     "Older quotes are none: 5s; 0s: of the very time. None: any age will do")
        ->type_name("LENGTH")
        ->group("Times");
    command
        ->add_option("--clock", compare.clock,
                     "Times by received (our clock) or event (the exchanges', which may not agree) (received)")
        ->type_name("CLOCK")
        ->check(CLI::IsMember({"event", "received"}))
        ->group("Times");
}

void describe_align(CLI::App& app, CommandLine& line) {
    CLI::App* align = add_command(
        app, "align", "Quotes of several series side by side, as they stood at the same times",
        {"marketdb --db sqlite:marketdb-demo.db align DEMOA_SPOT:BTC/USDT DEMOC_FUTURES:BTC/USDT --every 10s",
         "marketdb --db sqlite:marketdb-demo.db align '*:ETH/USDT' --every 1s --tolerance 500ms --csv",
         "marketdb --db sqlite:marketdb-demo.db align BTC/USDT --exchanges DEMOA_SPOT,DEMOB_SPOT --each-change "
         "--ndjson"});
    align->add_option("SERIES", line.compare.series, "EXCHANGE:SYMBOL in any spelling; '*' stands for any")->required();
    add_comparison_options(align, line.compare);
    align->add_flag("--all", line.compare.all, "All times, on a terminal too (it shows 100)")->group("Output");
    add_format_flags(align, line.compare.flags);
    align->callback([&line] { line.run = [&line] { return run_align(line.global, line.compare); }; });
}

void describe_spread(CLI::App& app, CommandLine& line) {
    CompareArguments& compare = line.compare;
    CLI::App* spread = add_command(
        app, "spread", "What selling on one exchange and buying on another brings, in basis points, over time or now",
        {"marketdb --db sqlite:marketdb-demo.db spread BTC/USDT --exchanges DEMOA_SPOT,DEMOC_FUTURES --every 1s",
         "marketdb --db sqlite:marketdb-demo.db spread '*:ETH/USDT' --threshold 2 --fee 1 --fee DEMOA_SPOT=0.5 --json",
         "marketdb --db sqlite:marketdb-demo.db spread --now --min-bps 1 --max-age 1h"});
    spread->add_option("SERIES", compare.series,
                       "EXCHANGE:SYMBOL in any spelling, two or more; '*' stands for any. With --now none: all");
    add_comparison_options(spread, compare);
    spread->add_option("--threshold", compare.threshold, "Count the spreads greater than this (0)")
        ->type_name("BPS")
        ->check(finite_number())
        ->group("Spreads");
    spread
        ->add_option("--fee", compare.fees,
                     "Taken off for each side, of all or of one exchange: 2.5, BINANCE_SPOT=7.5; may be repeated")
        ->type_name("[E=]BPS")
        ->allow_extra_args(false)
        ->group("Spreads");
    spread->add_flag("--coverage", compare.with_coverage,
                     "Say how much of the time is known to be complete, of each series");
    spread->add_flag("--now", compare.now, "Between the newest quotes of one pair on different exchanges")
        ->group("Now");
    spread->add_option("--min-bps", compare.min_bps, "Only spreads of this or more (0)")
        ->type_name("BPS")
        ->check(finite_number())
        ->group("Now");
    spread->add_option("--max-age", compare.max_age, "Older quotes are none (10s)")->type_name("LENGTH")->group("Now");
    add_format_flags(spread, compare.flags);
    spread->callback([&line] { line.run = [&line] { return run_spread(line.global, line.compare); }; });
}

}  // namespace

void describe_comparison(CLI::App& app, CommandLine& line) {
    describe_align(app, line);
    describe_spread(app, line);
}

}  // namespace marketdb::cli
