#include <algorithm>
#include <csignal>
#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/program.hpp"
#include "cli/sample_files.hpp"
#include "support/sanitized.hpp"

/// Terminals, pipes and signals.
namespace marketdb::testing {
namespace {

using nlohmann::json;

constexpr const char* kManyName = "okex_quotes_2024-08-09_BTC-USDT.csv";

class Streams : public CliTest {
 protected:
    void import_many(std::int64_t rows) {
        write_file(kManyName, many_quotes(rows));
        answer({"import", kManyName});
    }
    static Surroundings on_terminal(int columns = 200) {
        Surroundings surroundings;
        surroundings.terminal_columns = columns;
        return surroundings;
    }
    static std::size_t lines(const std::string& text) {
        return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
    }
};

TEST_F(Streams, ATerminalShowsAHundredRowsAndSaysHowManyThereAre) {
    import_many(1'234);
    const Outcome cut = run({"history", "quotes"}, on_terminal());
    EXPECT_EQ(cut.code, 0);
    EXPECT_EQ(lines(cut.out), 102U) << cut.out;
    EXPECT_NE(cut.out.find("\r\n100 of 1,234; --all\r\n"), std::string::npos) << cut.out.substr(cut.out.size() - 300);
    EXPECT_NE(run({"history", "quotes", "--last", "1m"}, on_terminal()).out.find("100 of 601; --all"),
              std::string::npos);
    EXPECT_NE(run({"history", "quotes", "--limit", "150"}, on_terminal()).out.find("100 of 150; --all"),
              std::string::npos);
    EXPECT_NE(run({"history", "quotes", "--tail", "140"}, on_terminal()).out.find("100 of 140; --all"),
              std::string::npos);
    EXPECT_EQ(run({"history", "quotes", "--limit", "100"}, on_terminal()).out.find("--all"), std::string::npos);
    EXPECT_EQ(lines(run({"history", "quotes", "--all"}, on_terminal()).out), 1'235U);
}

TEST_F(Streams, ATerminalShowsTheLatestOfAllSeries) {
    std::string text = many_quotes(0);
    for (int i = 0; i < 150; ++i) {
        text += "okex,C" + std::to_string(i) + "-USDT,1723161600000000,1723161600000000,1,60001,60000,2\n";
    }
    write_file(kManyName, text);
    answer({"import", kManyName});
    EXPECT_EQ(lines(run({"latest", "quotes"}, on_terminal()).out), 151U);
}

TEST_F(Streams, APipeAndMachineFormatsAreNeverCut) {
    import_many(1'234);
    EXPECT_EQ(lines(answer({"history", "quotes"})), 1'235U);
    EXPECT_EQ(lines(run({"history", "quotes", "--csv"}, on_terminal()).out), 1'235U);
    EXPECT_EQ(lines(run({"history", "quotes", "--ndjson"}, on_terminal()).out), 1'234U);
    EXPECT_EQ(json::parse(answer({"history", "quotes", "--json"})).size(), 1'234U);
}

TEST_F(Streams, ANarrowTerminalLeavesOutColumnsAndSaysWhich) {
    import_many(3);
    const Outcome outcome = run({"history", "quotes"}, on_terminal(110));
    EXPECT_EQ(outcome.out.find("sequence  "), std::string::npos) << outcome.out;
    const std::size_t said = outcome.out.find("the terminal is too narrow for: sequence");
    ASSERT_NE(said, std::string::npos) << outcome.out;
    EXPECT_GT(said, outcome.out.find("OKX_SPOT")) << "under the table";
}

TEST_F(Streams, ALongTableIsAlignedThroughout) {
    import_many(12'000);
    std::istringstream text(answer({"history", "quotes"}));
    std::string first, line;
    std::getline(text, first);
    while (std::getline(text, line)) ASSERT_EQ(line.size(), first.size()) << line;
}

TEST_F(Streams, ProgressIsShownOnATerminalOnly) {
    write_file(kManyName, many_quotes(fewer_if_sanitized(300'000)));
    const Outcome shown = run({"import", kManyName}, on_terminal());
    EXPECT_EQ(shown.code, 0);
    EXPECT_NE(shown.out.find(" rows/s"), std::string::npos);
    EXPECT_NE(shown.out.find(" left"), std::string::npos);
    EXPECT_NE(shown.out.find("\x1b[K"), std::string::npos);
    for (const char* option : {"--no-progress", "--quiet"}) {
        EXPECT_EQ(run({"import", "--force", option, kManyName}, on_terminal()).out.find("\x1b["), std::string::npos)
            << option;
    }
    EXPECT_EQ(run({"import", "--force", kManyName}).err, "");
}

TEST_F(Streams, ColoursAreForTerminalsAndNoColorTurnsThemOff) {
    Surroundings plain = on_terminal();
    plain.environment["NO_COLOR"] = "1";
    EXPECT_NE(run({"stats"}, on_terminal()).out.find("\x1b[31m"), std::string::npos);
    EXPECT_EQ(run({"stats"}, plain).out.find('\x1b'), std::string::npos);
    EXPECT_EQ(run({"stats"}).err.find('\x1b'), std::string::npos);
}

TEST_F(Streams, WatchRedrawsOnATerminalAndEndsAtCtrlC) {
    import_samples();
    Program watch(folder(), {"latest", "quotes", "--watch", "50ms"}, on_terminal());
    ASSERT_TRUE(watch.wait_for_output("\x1b[2J"));
    ASSERT_TRUE(watch.wait_for_output("61802"));
    watch.send_signal(SIGINT);
    EXPECT_EQ(watch.wait().code, 130);
}

TEST_F(Streams, WatchAppendsIntoAPipeAndSeesWhatAnotherProcessWrites) {
    import_samples();
    Program watch(folder(), {"latest", "quotes", "--watch", "50ms", "--csv"});
    ASSERT_TRUE(watch.wait_for_output("61802"));
    write_file("binance_book_ticker_2024-08-09_BTCUSDT.csv",
               "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n"
               "binance,BTCUSDT,1723161299000000,1723161299010000,1,62001,62000,1\n");
    answer({"import", "binance_book_ticker_2024-08-09_BTCUSDT.csv"});
    ASSERT_TRUE(watch.wait_for_output("62001"));
    watch.send_signal(SIGTERM);
    const Outcome outcome = watch.wait();
    EXPECT_EQ(outcome.code, 130);
    EXPECT_EQ(outcome.out.find("exchange,", 1), std::string::npos) << "one heading";
    EXPECT_EQ(outcome.err, "");
}

TEST_F(Streams, ABrokenPipeEndsQuietly) {
    import_many(fewer_if_sanitized(100'000));
    for (const std::vector<std::string>& arguments :
         std::vector<std::vector<std::string>>{{"history", "quotes", "--csv"},
                                               {"history", "quotes"},
                                               {"export", "quotes"},
                                               {"history", "quotes", "--json"}}) {
        Program program(folder(), arguments);
        ASSERT_TRUE(program.wait_for_output("60001"));
        program.close_output();
        const Outcome outcome = program.wait();
        EXPECT_EQ(outcome.code, 141) << arguments[0];
        EXPECT_EQ(outcome.err, "");
    }
}

TEST_F(Streams, AFullDiskBehindStandardOutputIsAnError) {
    import_samples();
    for (const char* command : {"marketdb history quotes", "marketdb history quotes --csv", "marketdb export trades",
                                "marketdb stats --json", "marketdb --help", "marketdb --version"}) {
        const Outcome outcome = run_in_shell(std::string(command) + " > /dev/full");
        EXPECT_EQ(outcome.code, 1) << command;
        EXPECT_NE(outcome.err.find("No space left on device"), std::string::npos) << command << outcome.err;
    }
}

TEST_F(Streams, AClosedStandardOutputIsAnErrorAndTheDatabaseStaysWhole) {
    import_samples();
    Surroundings closed;
    closed.close_output = true;
    const Outcome outcome = run({"history", "quotes"}, closed);
    EXPECT_EQ(outcome.code, 1);
    EXPECT_NE(outcome.err.find("standard output"), std::string::npos) << outcome.err;
    write_file(kManyName, many_quotes(10));
    run({"import", kManyName}, closed);
    EXPECT_EQ(lines(answer({"history", "quotes", "--csv"})), 14U);
}

TEST_F(Streams, AClosedStandardInputIsNotAnEmptyFile) {
    const Outcome outcome = run_in_shell("marketdb import - <&-");
    EXPECT_EQ(outcome.code, 1);
    EXPECT_NE(outcome.err.find("-: "), std::string::npos) << outcome.err;
    EXPECT_NE(outcome.err.find("Bad file descriptor"), std::string::npos) << outcome.err;
}

TEST_F(Streams, CtrlCDuringAnImportKeepsWholeBatchesAndTheSameCommandGoesOn) {
    constexpr std::int64_t kRows = fewer_if_sanitized(400'000);
    write_file(kManyName, many_quotes(kRows));
    Program import(folder(), {"import", "--batch-rows", "250", kManyName}, on_terminal());
    ASSERT_TRUE(import.wait_for_output("storing"));
    import.send_signal(SIGINT);
    const Outcome interrupted = import.wait();
    EXPECT_EQ(interrupted.code, 130) << interrupted.out;
    EXPECT_NE(interrupted.out.find("interrupted"), std::string::npos) << interrupted.out;
    const std::int64_t stored = json::parse(answer({"stats", "--json"}))[0].at("rows");
    std::string summary = interrupted.out.substr(interrupted.out.rfind("1 file: "));
    std::erase(summary, ',');
    const std::string rows = std::to_string(stored);
    EXPECT_EQ(summary.rfind("1 file: " + rows + " rows read " + rows + " inserted; 1 interrupted", 0), 0U) << summary;
    EXPECT_GT(stored, 0);
    EXPECT_LT(stored, kRows);
    EXPECT_EQ(stored % 250, 0);
    const json again = json::parse(answer({"import", "--json", kManyName}));
    EXPECT_EQ(again[0].at("skipped"), false);
    EXPECT_EQ(again[0].at("inserted").get<std::int64_t>() + stored, kRows);
    EXPECT_EQ(json::parse(answer({"stats", "--json"}))[0].at("rows"), kRows);
}

TEST_F(Streams, CtrlCDuringAQueryEndsWithOneHundredThirty) {
    import_many(fewer_if_sanitized(100'000));
    Program history(folder(), {"history", "quotes", "--csv"});
    ASSERT_TRUE(history.wait_for_output("60001"));
    history.send_signal(SIGINT);
    const Outcome outcome = history.wait();
    EXPECT_TRUE(outcome.code == 130 || outcome.code == 0)
        << outcome.code << outcome.err;  // It may just have been ready.
    EXPECT_EQ(outcome.err, "");
}

TEST_F(Streams, CtrlCDuringACleanupSaysWhatIsGone) {
    constexpr std::int64_t kRows = fewer_if_sanitized(300'000);
    import_many(kRows);
    Program cleanup(folder(), {"cleanup", "--older-than", "1d", "--yes"});
    ASSERT_TRUE(cleanup.wait_for_error("removing old rows from sqlite:marketdb.db (default)"));
    cleanup.send_signal(SIGINT);
    const Outcome outcome = cleanup.wait();
    const std::int64_t left = json::parse(answer({"stats", "--json"}))[0].at("rows");
    EXPECT_EQ(lines(answer({"history", "quotes", "--ndjson"})), static_cast<std::size_t>(left));
    if (outcome.code == 0) {  // It was quicker than the signal.
        EXPECT_EQ(left, 0);
        return;
    }
    EXPECT_EQ(outcome.code, 130) << outcome.err;
    EXPECT_NE(outcome.err.find("interrupted: "), std::string::npos) << outcome.err;
    answer({"cleanup", "--older-than", "1d", "--yes"});
    EXPECT_EQ(json::parse(answer({"stats", "--json"}))[0].at("rows"), 0);
}

TEST_F(Streams, NamesFromFilesCannotDriveTheTerminal) {
    write_file("evil.jsonl",
               "{\"exchange\":\"OKX_SPOT\",\"symbol\":\"X/"
               "Y\",\"exchange_symbol\":\"X\\u001b[31mY\",\"timestamp\":\"2024-08-08T00:00:00Z\","
               "\"received_at\":null,\"sequence\":1,\"bid_price\":1,\"bid_qty\":1,\"ask_price\":2,\"ask_qty\":1}\n");
    const Outcome import = run({"import", "evil.jsonl"});
    EXPECT_EQ((import.out + import.err).find('\x1b'), std::string::npos);
    EXPECT_EQ(run({"symbols"}).out.find('\x1b'), std::string::npos);
    EXPECT_EQ(run({"symbols", "--json"}).out.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace marketdb::testing
