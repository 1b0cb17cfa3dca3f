#pragma once

#include <string>
#include <string_view>

namespace marketdb::cli {

/// Writes a file whole or not at all: whoever reads it meanwhile sees what was there before, or all of the text.
/// Errors: Failure  names the file and what went wrong; what was there before is as it was.
void write_whole_file(const std::string& file, std::string_view text);

}  // namespace marketdb::cli
