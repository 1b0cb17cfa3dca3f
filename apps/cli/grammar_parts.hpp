#pragma once

#include <initializer_list>
#include <string>

#include "grammar.hpp"

/// What the descriptions of commands share.
namespace marketdb::cli {

/// A command whose help ends with these examples.
CLI::App* add_command(CLI::App& parent, const std::string& name, const std::string& description,
                      std::initializer_list<const char*> examples);

/// Refuses what is no finite number.
CLI::Validator finite_number();

/// `--json`, `--ndjson`, `--csv`.
void add_format_flags(CLI::App* command, FormatFlags& flags);
/// `--from`, `--to`.
void add_time_options(CLI::App* command, ReadOptions& read);
/// `--clock`.
void add_clock_option(CLI::App* command, ReadOptions& read);

/// The commands that say what rows come to.
void describe_analysis(CLI::App& app, CommandLine& line);
/// The commands that say what is complete and what is missing.
void describe_coverage(CLI::App& app, CommandLine& line);
/// The commands that compare series with each other.
void describe_comparison(CLI::App& app, CommandLine& line);
/// The commands that say how a database does, and take rows out again.
void describe_operation(CLI::App& app, CommandLine& line);
/// retention set, show, hold, release, forecast; maintain
void describe_retention(CLI::App& app, CommandLine& line);

}  // namespace marketdb::cli
