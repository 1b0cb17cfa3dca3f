#pragma once

#include <chrono>
#include <string>

#include "records.hpp"

namespace marketdb::cli {

/// `0.4 s`, `75 s`, `12 min`, `5.2 h`, `840 d`.
[[nodiscard]] std::string human_age(std::chrono::microseconds age);

/// An age for a record: in a table for people, else in seconds.
[[nodiscard]] std::string age_cell(std::chrono::microseconds age, OutputFormat format);

}  // namespace marketdb::cli
