#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "storage/sqlite/statement.hpp"
#include "storage/table.hpp"

/// Rows into parameters and out of result columns, by their descriptor.
namespace marketdb::storage::sqlite {

/// Binds one column. Texts are not copied: the row must live until the statement is run.
void bind_column(Statement& statement, int parameter, const std::byte* row, const Column& column);

/// Binds all columns but a generated id, the column of index i to parameter i + 1.
void bind_row(Statement& statement, const std::byte* row, const Table& table);

/// Binds some columns, the column of index i to parameter i + 1.
void bind_columns(Statement& statement, const std::byte* row, const Table& table,
                  std::span<const std::uint8_t> indexes);

/// Binds some columns to consecutive parameters. Returns the parameter after the last.
int bind_in_turn(Statement& statement, int parameter, const std::byte* row, const Table& table,
                 std::span<const std::uint8_t> indexes);

/// Fills all columns of a row from the statement's current row (all columns, in order).
///
/// Errors: corrupt  a value that the column cannot hold; names table and column.
void decode_row(const Statement& statement, std::byte* row, const Table& table);

}  // namespace marketdb::storage::sqlite
