#pragma once

#include <filesystem>

namespace marketdb::cli {

/// Sets the environment variables that a file names, but for those that are set already: what python-dotenv and docker call an
/// env file. Lines are `NAME=VALUE`, with `export ` before it or not; empty lines and those that begin with `#` say nothing.
/// One pair of quotes around a value goes; outside of quotes ` #` begins a comment. Nothing is expanded.
///
/// Errors: UsageError  the file cannot be read, or a line is something else; names file and line, never a value.
void set_environment_from(const std::filesystem::path& file);

}  // namespace marketdb::cli
