#include "progress.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "terminal.hpp"

namespace marketdb::cli {

std::string bar(double fraction) {
    constexpr int kWidth = 24;
    const int full = std::clamp(static_cast<int>(fraction * kWidth), 0, kWidth);
    const std::string_view on = terminal().utf8 ? "█" : "#";
    const std::string_view off = terminal().utf8 ? "░" : ".";
    std::string text;
    for (int i = 0; i < kWidth; ++i) text += i < full ? on : off;
    return text;
}

std::string duration(double seconds) {
    if (seconds < 60) return fmt::format("{:.0f} s", seconds);
    if (seconds < 3'600) return fmt::format("{:.0f} min {:.0f} s", std::floor(seconds / 60), std::fmod(seconds, 60.0));
    return fmt::format("{:.0f} h {:.0f} min", std::floor(seconds / 3'600), std::fmod(seconds, 3'600.0) / 60);
}

std::string counts(const WriteResult& written, std::uint64_t rejected) {
    const std::pair<std::uint64_t, std::string_view> parts[] = {
        {written.inserted, "inserted"}, {written.updated, "updated"}, {written.unchanged, "unchanged"},
        {written.folded, "folded"},     {written.rounded, "rounded"}, {rejected, "quarantined"}};
    std::string text;
    for (const auto& [count, name] : parts) {
        if (count > 0) text += fmt::format(", {} {}", with_commas(count), name);
    }
    return text;
}

}  // namespace marketdb::cli
