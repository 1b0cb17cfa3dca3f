#pragma once

#include <cstddef>
#include <vector>

#include <marketdb/models.hpp>

namespace marketdb::analysis {

/// The value at a share of a sorted list: between two values linear, as NumPy's default; absent of an empty list.
[[nodiscard]] inline double percentile(const std::vector<double>& sorted, double share) noexcept {
    if (sorted.empty()) return kNoNumber;
    const double place = share * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    if (below + 1 >= sorted.size()) return sorted.back();
    return sorted[below] + (place - static_cast<double>(below)) * (sorted[below + 1] - sorted[below]);
}

}  // namespace marketdb::analysis
