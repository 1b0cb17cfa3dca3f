#include <exception>
#include <functional>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "diagnostics.hpp"
#include "env_file.hpp"
#include "exit_code.hpp"
#include "grammar.hpp"
#include "interrupt.hpp"
#include "output.hpp"
#include "terminal.hpp"

namespace marketdb::cli {
namespace {

ExitCode exit_code_of(ErrorCode code) {
    switch (code) {
        case ErrorCode::unavailable:
        case ErrorCode::unauthorized:
        case ErrorCode::timeout:
        case ErrorCode::in_doubt: return kUnavailable;
        case ErrorCode::cancelled: return is_interrupted() ? kInterrupted : kFailure;
        default: return kFailure;
    }
}

std::string command_path(const CLI::App& app) {
    std::string path = "marketdb";
    const CLI::App* at = &app;
    while (!at->get_subcommands().empty()) {
        at = at->get_subcommands().front();
        path += " " + at->get_name();
    }
    return path;
}

int print_help(const CLI::App& app, const CLI::ParseError& error) {
    std::ostringstream text;
    app.exit(error, text, text);
    output().write(text.str());
    output().flush();
    return kOk;
}

int report_parse_error(const CLI::App& app, const CLI::ParseError& error) {
    std::string message = error.what();
    if (app.get_subcommands().empty() && dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
        const std::vector<std::string> unknown = app.remaining();
        message = fmt::format("no such command or option: {}", unknown.empty() ? std::string() : unknown.front());
    }
    report_error(fmt::format("{} (see {} --help)", message, command_path(app)));
    return kUsage;
}

/// What `command` throws becomes a message and an exit code.
int run_command(const std::function<int()>& command) {
    try {
        return command();
    } catch (const Failure& failure) {
        report_error(failure.what());
        return failure.exit_code();
    } catch (const Error& error) {
        report_error(error.what());
        if (const std::string_view help = advice(error.code()); !help.empty()) note(help);
        return exit_code_of(error.code());
    } catch (const Interrupted&) {
        return kInterrupted;
    } catch (const BrokenPipe&) {
        return kBrokenPipe;
    } catch (const std::exception& error) {
        report_error(fmt::format("internal: {}", error.what()));
        return kFailure;
    }
}

int run(int argc, char** argv) {
    guard_standard_streams();
    install_interrupt_handler();
    CLI::App app("", "marketdb");
    CommandLine line;
    line.global.program = argc > 0 ? argv[0] : "marketdb";
    describe_grammar(app, line);
    set_up_diagnostics({});
    try {
        app.parse(argc, argv);
        refuse_empty_values(app);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() != 0) return report_parse_error(app, error);
        return run_command([&] { return print_help(app, error); });
    }
    set_up_diagnostics({line.global.quiet, line.global.verbose, line.global.no_progress});
    if (!line.run) {
        std::cerr << app.help();
        return kUsage;
    }
    const int status = run_command([&line] {
        if (line.global.env_file) set_environment_from(*line.global.env_file);
        return line.run();
    });
    clear_status();
    return status;
}

}  // namespace
}  // namespace marketdb::cli

int main(int argc, char** argv) { return marketdb::cli::run(argc, argv); }
