#pragma once

#include <string>

#include <marketdb/symbols.hpp>

#include "options.hpp"

namespace marketdb::cli {

/// Prints what a synchronisation did, or would do: counts with the first names of each, or one JSON array with all of them.
void print_sync(const SyncReport& report, const SyncArguments& arguments, const std::string& database);

}  // namespace marketdb::cli
