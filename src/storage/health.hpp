#pragma once

#include <string>
#include <string_view>

#include <marketdb/doctor.hpp>

#include "storage/table.hpp"

/// What the engines' checks (see `Engine::examine`) have in common.
namespace marketdb::storage {

/// Looks for ids of a dataset that no row of `exchanges` or `symbols` has: in the gaps between the ids that there are, so that
/// it costs an index probe a gap and not one a row. Answers how many gaps have such an id, and the least one.
///
/// @param table, column  As they stand in SQL; an index of the table begins with the column.
[[nodiscard]] std::string orphans_sql(std::string_view table, std::string_view column, std::string_view reference);

/// What that came to.
[[nodiscard]] Finding orphans_finding(const Table& table, std::int64_t gaps, std::int64_t least);

/// A check that failed, and why.
[[nodiscard]] Finding not_made(std::string_view check, std::string_view where, std::string_view reason);

}  // namespace marketdb::storage
