#pragma once

#include <cstddef>
#include <optional>

#include "storage/table.hpp"

/// What each table's rows must hold beyond their column's kind, and the one form in which they are stored. All functions
/// change nothing when called again on a row that passed. Column names in a `Problem` are the members' names.
namespace marketdb::storage {

[[nodiscard]] std::optional<Problem> prepare_exchange(std::byte* row);
[[nodiscard]] std::optional<Problem> prepare_symbol(std::byte* row);
[[nodiscard]] std::optional<Problem> prepare_source(std::byte* row);
[[nodiscard]] std::optional<Problem> prepare_quarantined_row(std::byte* row);
[[nodiscard]] std::optional<Problem> prepare_retention_policy(std::byte* row);
[[nodiscard]] std::optional<Problem> prepare_retention_hold(std::byte* row);
[[nodiscard]] std::optional<Problem> prepare_book_ticker(std::byte* row);
[[nodiscard]] std::optional<Problem> prepare_trade(std::byte* row);
[[nodiscard]] std::optional<Problem> prepare_funding_rate(std::byte* row);
[[nodiscard]] std::optional<Problem> prepare_balance(std::byte* row);

}  // namespace marketdb::storage
