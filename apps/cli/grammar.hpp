#pragma once

#include <functional>

#include <CLI/CLI.hpp>

#include "options.hpp"

namespace marketdb::cli {

/// All that can be typed, and where it goes.
struct CommandLine {
    GlobalOptions global;
    ReadOptions read;
    ImportArguments import;
    CopyArguments copy;
    BarArguments bars;
    FundingArguments funding;
    CompareArguments compare;
    CoverageArguments coverage;
    FormatFlags flags;
    SymbolsOptions symbols;
    SyncArguments sync;
    SymbolSetArguments symbol_set;
    SymbolMergeArguments symbol_merge;
    std::string text;
    SqlArguments sql;
    StatsOptions stats;
    InitOptions init;
    CleanupArguments cleanup;
    RetentionArguments retention;
    MaintainArguments maintain;
    StatusArguments status;
    RemovalArguments removal;
    BackupArguments backup;
    MigrateOptions migrate;
    DemoOptions demo;
    std::string shell;
    std::function<int()> run;  ///< The command that was chosen; none if nothing was.
};

/// Describes the command line. `line` must outlive `app`.
void describe_grammar(CLI::App& app, CommandLine& line);

/// Refuses options and arguments that were given as empty texts, as a variable that is not set gives them: to most commands they
/// would mean `none`, which is everything.
/// Errors: CLI::ValidationError  names the option.
void refuse_empty_values(const CLI::App& app);

/// A script that completes commands, options and their values.
/// @param shell  bash, zsh or fish.
[[nodiscard]] std::string completion_script(const CLI::App& app, const std::string& shell);

}  // namespace marketdb::cli
