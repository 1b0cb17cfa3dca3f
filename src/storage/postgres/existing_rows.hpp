#pragma once

#include <cstddef>
#include <cstdint>

#include "storage/postgres/physical_table.hpp"
#include "storage/table.hpp"

namespace marketdb::storage::postgres {

/// What is left of a batch, and what its rows lost.
struct Conformed {
    std::size_t count = 0;      ///< Rows; the first so many of the span.
    std::uint64_t folded = 0;   ///< Rows that another one of the same key here replaced.
    std::uint64_t rounded = 0;  ///< Rows of which a number is not stored as it was given.
};

/// Brings prepared rows into the form in which a table of other programs keeps them, and in which they will be read: numbers
/// rounded as its types round, the time of arrival as the time, columns that it lacks as a blank row has them. Rows that have
/// one key there are folded, the later in the span wins.
///
/// @param allow_rounding  Also by more than a relative 1e-6.
/// Errors: constraint  a row that cannot be kept without changing what it says; names row (of the span) and column. The rows
///                     before it are changed then.
[[nodiscard]] Conformed conform(const PhysicalTable& table, RowSpan rows, bool allow_rounding);

}  // namespace marketdb::storage::postgres
