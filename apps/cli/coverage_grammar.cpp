#include "commands.hpp"
#include "grammar_parts.hpp"

namespace marketdb::cli {
namespace {

void add_ledger_clock(CLI::App* command, CoverageArguments& coverage, const std::string& description) {
    command->add_option("--clock", coverage.clock, description)
        ->type_name("CLOCK")
        ->check(CLI::IsMember({"event", "received"}))
        ->group("Rows");
}

void describe_declare(CLI::App& parent, CommandLine& line) {
    CLI::App* declare = add_command(
        parent, "declare", "Say that rows of a time are complete, or that some were missed",
        {"marketdb --db sqlite:marketdb-demo.db coverage declare trades DEMOA_SPOT:BTC/USDT --from 2024-08-08 --to "
         "2024-08-09",
         "marketdb --db sqlite:marketdb-demo.db coverage declare quotes '*:BTC/USDT' --gap --from 2024-08-08T10:00Z "
         "--to "
         "2024-08-08T10:05Z --reason 'switch failed'"});
    declare->add_option("DATASET", line.read.dataset, "book-tickers (quotes), trades or funding-rates (funding)")
        ->required();
    declare->add_option("SERIES", line.read.series, "EXCHANGE:SYMBOL in any spelling; '*' stands for any")->required();
    add_time_options(declare, line.read);
    declare->add_flag("--gap", line.coverage.gap, "Rows of this time were missed, whatever was claimed before");
    declare->add_option("--reason", line.coverage.reason, "Under which name it is kept")->type_name("TEXT");
    add_ledger_clock(declare, line.coverage, "Times by event (the exchange's clock) or received (ours) (event)");
    add_format_flags(declare, line.read.flags);
    declare->callback(
        [&line] { line.run = [&line] { return run_coverage_declare(line.global, line.coverage, line.read); }; });
}

void describe_gaps(CLI::App& app, CommandLine& line) {
    CLI::App* gaps =
        add_command(app, "gaps", "What is missing: declared gaps, holes in trade ids, and silences in covered time",
                    {"marketdb --db sqlite:marketdb-demo.db gaps trades DEMOA_SPOT:BTC/USDT",
                     "marketdb --db sqlite:marketdb-demo.db gaps quotes '*:BTC/USDT' --silence 5s --json"});
    gaps->add_option("DATASET", line.read.dataset, "book-tickers (quotes), trades or funding-rates (funding)")
        ->required();
    gaps->add_option("SERIES", line.read.series, "EXCHANGE:SYMBOL in any spelling; '*' stands for any")->required();
    add_time_options(gaps, line.read);
    gaps->add_option("--silence", line.coverage.silence, "No row for longer than this, within covered time: 5s")
        ->type_name("LENGTH")
        ->group("Rows");
    add_ledger_clock(gaps, line.coverage, "Times by event (the exchange's clock) or received (ours) (event)");
    add_format_flags(gaps, line.read.flags);
    gaps->callback([&line] { line.run = [&line] { return run_gaps(line.global, line.coverage, line.read); }; });
}

}  // namespace

void describe_coverage(CLI::App& app, CommandLine& line) {
    CLI::App* coverage =
        add_command(app, "coverage", "The time for which rows are known to be complete, day by day",
                    {"marketdb --db sqlite:marketdb-demo.db coverage",
                     "marketdb --db sqlite:marketdb-demo.db coverage trades 'DEMOA_SPOT:*' --from 2024-08-01 --json"});
    coverage->add_option("DATASET", line.read.dataset,
                         "book-tickers (quotes), trades or funding-rates (funding). None: all three");
    coverage->add_option("SERIES", line.read.series, "EXCHANGE:SYMBOL in any spelling; '*' stands for any. None: all");
    add_time_options(coverage, line.read);
    add_ledger_clock(coverage, line.coverage, "What is known by event time or by received time only. None: by either");
    add_format_flags(coverage, line.read.flags);
    coverage->callback([&line, coverage] {
        if (!coverage->get_subcommands().empty()) return;  // That one was called before.
        line.run = [&line] { return run_coverage(line.global, line.coverage, line.read); };
    });
    describe_declare(*coverage, line);
    describe_gaps(app, line);
}

}  // namespace marketdb::cli
