#pragma once

#include <string>
#include <vector>

#include <marketdb/models.hpp>

#include "records.hpp"

/// Symbols as small records.
namespace marketdb::cli {

[[nodiscard]] const std::vector<Field>& symbol_fields();
[[nodiscard]] std::vector<std::string> symbol_record(const std::string& exchange, const Symbol& symbol);

}  // namespace marketdb::cli
