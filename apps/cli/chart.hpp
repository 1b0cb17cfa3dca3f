#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace marketdb::cli {

/// A line chart.
/// @param values  One a column, an absent one leaves it blank; at least one is there.
/// @param utf8    Blocks in eighths of a line; else `#`.
[[nodiscard]] std::vector<std::string> chart_lines(std::span<const double> values, std::size_t height, bool utf8);

}  // namespace marketdb::cli
