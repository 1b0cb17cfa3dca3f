#pragma once

#include <marketdb/maintenance.hpp>

namespace marketdb {

/// Errors: invalid_argument  of the window.
void refuse_window(const ForecastOptions& options);

/// When the growth of the datasets will have used up the room from `at` on. Absent: never, or later than 2262. Pure.
[[nodiscard]] Timestamp full_at(const std::array<DatasetForecast, 4>& datasets, std::uint64_t free_bytes, Timestamp at);

}  // namespace marketdb
