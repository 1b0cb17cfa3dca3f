#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "cli/program.hpp"
#include "cli/sample_files.hpp"

namespace marketdb::testing {
namespace {

class Usage : public CliTest {};

struct Mistake {
    std::vector<std::string> arguments;
    std::string expected;  ///< A part of what standard error says.
};

TEST_F(Usage, AMistakeEndsWithTwoAndSaysWhatWasExpected) {
    const std::vector<Mistake> mistakes = {
        {{"nonsense"}, "no such command or option: nonsense (see"},
        {{"nonsense", "with", "--json"}, "no such command or option: nonsense (see"},
        {{"history"}, "DATASET is required"},
        {{"history", "candles"}, "expected book-tickers (quotes), trades, funding-rates (funding) or balances"},
        {{"history", "quotes", "BTCUSDT"}, "expected EXCHANGE:SYMBOL"},
        {{"history", "quotes", ":BTCUSDT"}, "expected EXCHANGE:SYMBOL"},
        {{"history", "quotes", "BINANCE_SPOT:"}, "expected EXCHANGE:SYMBOL"},
        {{"history", "balances", "USDT"}, "expected EXCHANGE:ASSET"},
        {{"history", "quotes", "--account", "main"}, "only balances have one"},
        {{"history", "quotes", "A:B", "--exchange", "A"}, "SERIES and --exchange/--symbol exclude each other"},
        {{"history", "quotes", "--from", "yesterday"}, "--from: time 'yesterday'"},
        {{"history", "quotes", "--from", "2025-01-02", "--to", "2025-01-01"},
         "--to 2025-01-01 lies before --from 2025-01-02"},
        {{"history", "quotes", "--last", "ten"}, "--last: length of time 'ten'"},
        {{"history", "quotes", "--last", "10"}, "--last: '10' has no unit; expected 10s, 10m, 10h or 10d"},
        {{"history", "quotes", "--to", "20240808"}, "--to: '20240808' is no time; expected 2024-08-08"},
        {{"history", "quotes", "--from", ""}, "--from: is empty; expected a value"},
        {{"history", "quotes", "--symbol", ""}, "--symbol: is empty; expected a value"},
        {{"history", "quotes", ""}, "SERIES: is empty; expected a value"},
        {{"checksum", "--to", ""}, "--to: is empty; expected a value"},
        {{"history", "quotes", "--last", "10m", "--from", "2024-01-01"}, "--last and --from/--to exclude each other"},
        {{"history", "quotes", "--limit", "3", "--tail", "3"}, "--limit and --tail exclude each other"},
        {{"history", "quotes", "--limit", "0"}, "expected a whole number, 1 or more"},
        {{"history", "quotes", "--tail", "-1"}, "expected a whole number, 1 or more"},
        {{"history", "quotes", "--limit", "many"}, "expected a whole number, 1 or more"},
        {{"history", "quotes", "--every", "-1s"}, "--every"},
        {{"history", "quotes", "--order", "sideways"}, "--order"},
        {{"history", "quotes", "--clock", "wall"}, "--clock"},
        {{"history", "quotes", "--json", "--csv"}, "--json excludes --csv"},
        {{"history", "quotes", "--watch", "1s"}, "--watch"},
        {{"latest", "quotes", "--watch", "soon"}, "--watch: length of time 'soon'"},
        {{"latest", "quotes", "--watch", "1s", "--json"}, "use --ndjson"},
        {{"latest", "quotes", "--max-age", "x"}, "--max-age"},
        {{"export", "trades", "--output", "trades.parquet"}, "expected a name ending in .csv or .jsonl"},
        {{"export", "trades", "--csv", "--format", "ndjson"}, "csv and ndjson exclude each other"},
        {{"export", "trades", "--json", "--output", "trades.csv"}, "use --ndjson"},
        {{"bars", "A_SPOT:B"}, "--every is required"},
        {{"bars", "--every", "1m"}, "SERIES is required"},
        {{"bars", "A_SPOT:B", "--every", "0s"}, "--every: length of time '0s'"},
        {{"bars", "A_SPOT:B", "--every", "1"}, "--every: '1' has no unit"},
        {{"bars", "A_SPOT:B", "--every", "1m", "--dataset", "funding"}, "expected book-tickers or trades"},
        {{"bars", "A_SPOT:B", "--every", "1m", "--empty", "guess"}, "--empty"},
        {{"bars", "A_SPOT:B", "--every", "1m", "--from", "2025-01-02", "--to", "2025-01-01"},
         "--to 2025-01-01 lies before --from 2025-01-02"},
        {{"liquidity", "BTCUSDT"}, "expected EXCHANGE:SYMBOL"},
        {{"funding"}, "BASE is required"},
        {{"funding", "BTC", "--from", "2025-01-01"}, "--from requires --history"},
        {{"basis", "BTC", "--max-age", "soon"}, "--max-age: length of time 'soon'"},
        {{"import"}, "FILE is required"},
        {{"import", "x.csv", "--on-error", "shrug"}, "--on-error"},
        {{"import", "x.csv", "--layout", "kaiko"}, "--layout"},
        {{"import", "x.csv", "--batch-rows", "0"}, "--batch-rows"},
        {{"import", "x.csv", "--dataset", "candles"}, "--dataset: dataset 'candles'"},
        {{"cleanup", "--older-than", "-1d"}, "--older-than"},
        {{"cleanup", "--older-than", "7"}, "--older-than: '7' has no unit"},
        {{"cleanup", "--older-than", "1d", "--dataset", "", "--yes"}, "--dataset: is empty; expected a value"},
        {{"cleanup", "--older-than", "1d", "--dataset", "candles"}, "--dataset: dataset 'candles'"},
        {{"init", "--hypertables"}, "is no PostgreSQL database"},
        {{"init", "--side-tables"}, "is no PostgreSQL database"},
        {{"init", "--hypertables", "--roles"}, "--roles excludes --hypertables"},
        {{"migrate"}, "subcommand is required"},
        {{"migrate", "down", "--yes"}, "--to is required"},
        {{"completion", "tcsh"}, "SHELL"},
        {{"config"}, "subcommand is required"},
        {{"--db", "mysql:x", "stats"}, "expected sqlite:"},
        {{"--db", "", "stats"}, "--db: is empty; expected a value"},
        {{"--config", "missing.yaml", "stats"}, "missing.yaml"},
        {{"--db", "sqlite:x.db", "demo"}, "--file FILE instead of --db"},
    };
    for (const Mistake& mistake : mistakes) {
        const Outcome outcome = run(mistake.arguments);
        std::string typed;
        for (const std::string& argument : mistake.arguments) typed += argument + " ";
        EXPECT_EQ(outcome.code, 2) << typed << outcome.err;
        EXPECT_EQ(outcome.out, "") << typed;
        EXPECT_EQ(outcome.err.rfind("marketdb: error: ", 0), 0U) << typed << outcome.err;
        EXPECT_NE(outcome.err.find(mistake.expected), std::string::npos) << typed << outcome.err;
    }
    EXPECT_EQ(file_names(), std::vector<std::string>{});
}

TEST_F(Usage, NothingTypedShowsTheCommands) {
    const Outcome outcome = run({});
    EXPECT_EQ(outcome.code, 2);
    EXPECT_EQ(outcome.out, "");
    EXPECT_NE(outcome.err.find("Start with: marketdb demo"), std::string::npos);
}

TEST_F(Usage, VersionNamesTheProgramAndItsEngine) {
    const std::string text = answer({"--version"});
    EXPECT_EQ(text.rfind("marketdb 0.1.0 (SQLite 3.", 0), 0U) << text;
    EXPECT_EQ(file_names(), std::vector<std::string>{});
}

TEST_F(Usage, EachCommandHasHelpWithExamples) {
    for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{{"init"},
                                                                                         {"import"},
                                                                                         {"export"},
                                                                                         {"copy"},
                                                                                         {"checksum"},
                                                                                         {"latest"},
                                                                                         {"history"},
                                                                                         {"bars"},
                                                                                         {"liquidity"},
                                                                                         {"funding"},
                                                                                         {"basis"},
                                                                                         {"align"},
                                                                                         {"spread"},
                                                                                         {"exchanges"},
                                                                                         {"symbols"},
                                                                                         {"stats"},
                                                                                         {"cleanup"},
                                                                                         {"migrate"},
                                                                                         {"migrate", "status"},
                                                                                         {"migrate", "plan"},
                                                                                         {"migrate", "up"},
                                                                                         {"migrate", "finish"},
                                                                                         {"migrate", "down"},
                                                                                         {"demo"},
                                                                                         {"completion"},
                                                                                         {"config", "show"}}) {
        std::vector<std::string> arguments = command;
        arguments.push_back("--help");
        const std::string text = answer(arguments);
        EXPECT_NE(text.find("Examples:\n  "), std::string::npos) << text;
    }
}

/// The lines under `Examples:`.
std::vector<std::string> examples_of(const std::string& help) {
    std::vector<std::string> lines;
    std::istringstream text(help.substr(help.find("Examples:\n") + 10));
    for (std::string line; std::getline(text, line) && line.rfind("  ", 0) == 0;) lines.push_back(line.substr(2));
    return lines;
}

TEST_F(Usage, TheExamplesOfTheHelpWork) {
    // In an order in which each finds what it needs; `down` wants a database without rows and stands alone.
    for (const char* command :
         {"demo",        "latest",         "history",      "bars",       "liquidity", "funding",   "basis", "align",
          "spread",      "export",         "import",       "exchanges",  "symbols",   "stats",     "sql",   "init",
          "config show", "migrate status", "migrate plan", "migrate up", "cleanup",   "completion"}) {
        const Outcome help = run_in_shell(std::string("marketdb ") + command + " --help");
        ASSERT_EQ(help.code, 0) << help.err;
        for (std::string example : examples_of(help.out)) {
            if (example.find("--watch") != std::string::npos)
                example = "timeout --signal=INT 1 " + example + "; [ $? = 124 ]";
            if (example.find("fish") != std::string::npos) example = example.substr(0, example.find('|'));
            // What stands there may be another program's, or an older one's.
            if (const auto shared = example.find("/tmp/"); shared != std::string::npos) example.erase(shared, 5);
            const Outcome outcome = run_in_shell(example);
            EXPECT_EQ(outcome.code, 0) << example << "\n" << outcome.out << outcome.err;
        }
    }
    std::filesystem::remove(path("marketdb.db"));
    const Outcome help = run_in_shell("marketdb migrate down --help");
    for (const std::string& example : examples_of(help.out)) {
        const Outcome outcome = run_in_shell(example);
        EXPECT_EQ(outcome.code, 0) << example << "\n" << outcome.out << outcome.err;
    }
}

TEST_F(Usage, CompletionScriptsParseAndComplete) {
    write_file("bash.sh", answer({"completion", "bash"}));
    write_file("zsh.sh", answer({"completion", "zsh"}));
    write_file("fish.fish", answer({"completion", "fish"}));
    EXPECT_EQ(run_in_shell("bash -n bash.sh").err, "");
    EXPECT_EQ(run_in_shell("bash -n bash.sh").code, 0);
    EXPECT_EQ(run_in_shell("if command -v zsh; then zsh -n zsh.sh; fi").err, "");
    EXPECT_EQ(run_in_shell("if command -v fish; then fish -n fish.fish; fi").err, "");
    const std::string complete =
        "source ./bash.sh; try() { COMP_WORDS=(marketdb \"$@\"); COMP_CWORD=$#; _marketdb; echo \"${COMPREPLY[*]}\"; "
        "}; ";
    EXPECT_EQ(run_in_shell(complete + "try hi").out, "history\n");
    EXPECT_EQ(run_in_shell(complete + "try migrate d").out, "down\n");
    EXPECT_EQ(run_in_shell(complete + "try history t").out, "trades\n");
    EXPECT_EQ(run_in_shell(complete + "try history trades --ta").out, "--tail\n");
    EXPECT_EQ(run_in_shell(complete + "try history trades --order d").out, "desc\n");
    EXPECT_EQ(run_in_shell(complete + "try bars A_SPOT:B --empty f").out, "fill\n");
    EXPECT_EQ(run_in_shell(complete + "touch some.csv; try import some").out, "some.csv\n");
    EXPECT_NE(read_file("fish.fish").find("complete -c marketdb -n '__fish_use_subcommand' -a history"),
              std::string::npos);
}

}  // namespace
}  // namespace marketdb::testing
