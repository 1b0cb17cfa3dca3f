#include "chart.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>

#include <fmt/format.h>

#include <marketdb/models.hpp>

namespace marketdb::cli {

std::vector<std::string> chart_lines(std::span<const double> values, std::size_t height, bool utf8) {
    constexpr std::string_view kEighths[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    std::vector<double> present;
    std::copy_if(values.begin(), values.end(), std::back_inserter(present),
                 [](double value) { return is_present(value); });
    const auto [low, high] = std::minmax_element(present.begin(), present.end());
    const double range = *high > *low ? *high - *low : 1;
    std::vector<std::string> lines(height);
    for (std::size_t row = 0; row < height; ++row) {
        const auto floor_of_row = static_cast<double>(height - 1 - row);
        for (const double value : values) {
            if (!is_present(value)) {
                lines[row] += ' ';
                continue;
            }
            // An eighth is kept for the lowest, so that every column shows something.
            const double level = 0.125 + (value - *low) / range * (static_cast<double>(height) - 0.125);
            const int eighths = std::clamp(static_cast<int>(std::lround((level - floor_of_row) * 8)), 0, 8);
            lines[row] += utf8 ? kEighths[eighths] : (eighths >= 4 || (eighths > 0 && floor_of_row == 0) ? "#" : " ");
        }
    }
    const std::string top = fmt::format("{:.2f}", *high), bottom = fmt::format("{:.2f}", *low);
    const std::size_t width = std::max(top.size(), bottom.size());
    for (std::size_t row = 0; row < height; ++row) {
        const std::string_view label = row == 0            ? std::string_view(top)
                                       : row + 1 == height ? std::string_view(bottom)
                                                           : "";
        lines[row] = fmt::format("{:>{}} {} {}", label, width, utf8 ? "│" : "|", lines[row]);
    }
    return lines;
}

}  // namespace marketdb::cli
