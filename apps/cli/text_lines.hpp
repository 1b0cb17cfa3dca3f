#pragma once

#include <string>
#include <vector>

namespace marketdb::cli {

/// All of standard input.
/// Errors: Failure  it cannot be read, or is longer than 16 MiB.
[[nodiscard]] std::string read_standard_input();

/// The lines of a file, or of standard input (`-`), that are not empty, without blanks around them; what follows a `#` is left out.
/// Errors: Failure  names the file; as `read_standard_input`.
[[nodiscard]] std::vector<std::string> read_lines(const std::string& file);

}  // namespace marketdb::cli
