#include "commands.hpp"
#include "grammar_parts.hpp"

namespace marketdb::cli {
namespace {

void add_series(CLI::App* command, ReadOptions& read) {
    command->add_option("SERIES", read.series, "EXCHANGE:SYMBOL in any spelling; '*' stands for any")->required();
}

void describe_bars(CLI::App& app, CommandLine& line) {
    CLI::App* bars =
        add_command(app, "bars", "Open, high, low, close and means of quotes, or of trades with volume and VWAP",
                    {"marketdb --db sqlite:marketdb-demo.db bars DEMOA_SPOT:BTC/USDT --every 10s",
                     "marketdb --db sqlite:marketdb-demo.db bars '*:ETH/USDT' --every 1m --dataset trades --csv",
                     "marketdb --db sqlite:marketdb-demo.db bars DEMOA_SPOT:BTC/USDT --every 1s --empty fill --json"});
    add_series(bars, line.read);
    bars->add_option("--every", line.read.every, "Length of the intervals, which begin at its multiples: 1s, 1m, 1h")
        ->type_name("LENGTH")
        ->required()
        ->group("Rows");
    bars->add_option("--dataset", line.bars.dataset, "book-tickers (quotes) or trades (book-tickers)")
        ->type_name("D")
        ->group("Rows");
    add_time_options(bars, line.read);
    add_clock_option(bars, line.read);
    bars->add_option("--empty", line.bars.empty,
                     "Intervals without rows: skip, show (count 0) or fill (with the prices before) (skip)")
        ->type_name("WHAT")
        ->check(CLI::IsMember({"skip", "show", "fill"}))
        ->group("Rows");
    bars->add_flag("--all", line.read.all, "All bars, on a terminal too (it shows 100)")->group("Output");
    add_format_flags(bars, line.read.flags);
    bars->callback([&line] { line.run = [&line] { return run_bars(line.global, line.bars, line.read); }; });
}

void describe_liquidity(CLI::App& app, CommandLine& line) {
    CLI::App* liquidity =
        add_command(app, "liquidity", "Spread, value and imbalance of quotes and volume of trades over a time",
                    {"marketdb --db sqlite:marketdb-demo.db liquidity '*:BTC/USDT'",
                     "marketdb --db sqlite:marketdb-demo.db liquidity DEMOA_SPOT:BTC/USDT --from 2024-08-08 --json"});
    add_series(liquidity, line.read);
    add_time_options(liquidity, line.read);
    add_clock_option(liquidity, line.read);
    add_format_flags(liquidity, line.read.flags);
    liquidity->callback([&line] { line.run = [&line] { return run_liquidity(line.global, line.read); }; });
}

void describe_funding(CLI::App& app, CommandLine& line) {
    CLI::App* funding =
        add_command(app, "funding", "Funding rates of one asset on all exchanges: the newest, or those that were paid",
                    {"marketdb --db sqlite:marketdb-demo.db funding BTC",
                     "marketdb --db sqlite:marketdb-demo.db funding BTC --history --from 2024-08-08 --json"});
    funding->add_option("BASE", line.funding.base, "The base asset: BTC")->required();
    funding->add_flag("--history", line.funding.history, "Rates that were paid, instead of the newest of each exchange")
        ->group("Rows");
    add_time_options(funding, line.read);
    for (const char* name : {"--from", "--to"}) funding->get_option(name)->needs("--history");
    add_format_flags(funding, line.read.flags);
    funding->callback([&line] { line.run = [&line] { return run_funding(line.global, line.funding, line.read); }; });

    CLI::App* basis = add_command(
        app, "basis", "Perpetuals beside spot of the same pair, in basis points of spot, from the newest quotes",
        {"marketdb --db sqlite:marketdb-demo.db basis BTC",
         "marketdb --db sqlite:marketdb-demo.db basis BTC --max-age 10s --json"});
    basis->add_option("BASE", line.funding.base, "The base asset: BTC")->required();
    basis->add_option("--max-age", line.read.max_age, "Leave out quotes that are older: 10s")
        ->type_name("LENGTH")
        ->group("Rows");
    add_format_flags(basis, line.read.flags);
    basis->callback([&line] { line.run = [&line] { return run_basis(line.global, line.funding, line.read); }; });
}

}  // namespace

void describe_analysis(CLI::App& app, CommandLine& line) {
    describe_bars(app, line);
    describe_liquidity(app, line);
    describe_funding(app, line);
}

}  // namespace marketdb::cli
