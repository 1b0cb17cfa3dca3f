#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "storage/postgres/parameters.hpp"
#include "storage/postgres/physical_table.hpp"
#include "storage/postgres/result.hpp"
#include "storage/table.hpp"

/// Rows into binary parameters and COPY streams and out of binary results, by the types that the catalogue reports.
namespace marketdb::storage::postgres {

/// Whether a column of this kind can be read from and written to a column of this type.
[[nodiscard]] bool can_hold(TypeId type, Kind kind) noexcept;
/// The same for tables of other programs: also numbers that keep less than a double, other widths of integers, and times as
/// milliseconds since 1970 in a bigint.
[[nodiscard]] bool can_convert(TypeId type, Kind kind) noexcept;

/// Appends one value with its length in front (-1: null), as both COPY and arrays have it.
/// Errors: invalid_argument  the type cannot hold the value; names the column.
void append_value(std::string& bytes, const PhysicalColumn& column, const std::byte* row);

/// Adds one value as a parameter of its own.
void add_parameter(Parameters& parameters, const PhysicalColumn& column, const std::byte* row);

/// Adds one array parameter for each written column: its values of all rows.
void add_columns(Parameters& parameters, const PhysicalTable& table, RowSpan rows);

/// Adds one array parameter for each column that tells series apart, and two for the least and the greatest
/// received_at - timestamp in microseconds: of each series of the rows, which are sorted by key, that has a row with both.
void add_skews(Parameters& parameters, const PhysicalTable& table, RowSpan rows);

/// Appends rows as COPY .. FROM STDIN (FORMAT binary) takes them, the written columns of the table in order. The stream's header
/// and end are `kCopyHeader` and `kCopyEnd`.
/// https://www.postgresql.org/docs/15/sql-copy.html, Binary Format
void append_copy_rows(std::string& bytes, const PhysicalTable& table, RowSpan rows);
inline constexpr std::string_view kCopyHeader{"PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19};
inline constexpr std::string_view kCopyEnd{"\377\377", 2};

/// Fills a row from a row of a result that has the table's columns, in order, from `first_column` on.
/// Errors: corrupt  a value that the column cannot hold; names table and column.
void decode_row(const Result& result, int row, int first_column, const PhysicalTable& table, std::byte* into);

/// The same from a row of COPY .. TO STDOUT.
void decode_copy_row(std::string_view bytes, const PhysicalTable& table, std::byte* into);

/// A value as a literal of SQL, for statements that take no parameters: `'2024-08-08 00:00:00.000001+00'::timestamptz`.
[[nodiscard]] std::string literal(const PhysicalColumn& column, const std::byte* row);
[[nodiscard]] std::string literal(Timestamp time);
[[nodiscard]] std::string literal(std::string_view text);

}  // namespace marketdb::storage::postgres
