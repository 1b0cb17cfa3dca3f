#include "ages.hpp"

#include <cmath>

#include <fmt/format.h>

#include <marketdb/format.hpp>

namespace marketdb::cli {

std::string human_age(std::chrono::microseconds age) {
    const double seconds = std::chrono::duration<double>(age).count();
    const double size = std::abs(seconds);
    if (size < 10) return fmt::format("{:.1f} s", seconds);
    if (size < 120) return fmt::format("{:.0f} s", seconds);
    if (size < 120 * 60) return fmt::format("{:.0f} min", seconds / 60);
    if (size < 48 * 3600) return fmt::format("{:.1f} h", seconds / 3600);
    return fmt::format("{:.0f} d", seconds / 86400);
}

std::string age_cell(std::chrono::microseconds age, OutputFormat format) {
    if (format == OutputFormat::table) return human_age(age);
    return format_number(std::chrono::duration<double>(age).count());
}

}  // namespace marketdb::cli
