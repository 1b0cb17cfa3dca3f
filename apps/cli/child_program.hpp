#pragma once

#include <string>
#include <utility>
#include <vector>

namespace marketdb::cli {

/// A program to run, found by PATH. What is secret goes into the environment: everybody can see arguments.
struct ChildProgram {
    std::vector<std::string> arguments;                            ///< The first is the program.
    std::vector<std::pair<std::string, std::string>> environment;  ///< Added to ours.
};

/// Runs it to its end; its standard error is ours. Returns what it wrote to standard output.
///
/// Errors: Failure      kFailure  there is no such program, or it failed; names it. Interrupted.
std::string run_program(const ChildProgram& program);

}  // namespace marketdb::cli
