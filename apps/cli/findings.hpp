#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <marketdb/doctor.hpp>

#include "records.hpp"

namespace marketdb::cli {

enum class FindingOrder : std::uint8_t {
    as_given,
    by_severity,  ///< What is wrong first.
};

/// In a table for people with their counts, else one record each.
void print_findings(const std::vector<Finding>& findings, FindingOrder order, const std::string& database,
                    OutputFormat format);

/// Whether none of them is a warning, or worse.
[[nodiscard]] bool are_well(const std::vector<Finding>& findings);

}  // namespace marketdb::cli
