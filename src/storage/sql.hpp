#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/table.hpp"

/// SQL text made from descriptors. Pure functions: they know no database.
///
/// Identifiers are quoted. Every row comes as all columns in the descriptor's order. In a statement that takes a row
/// (insert, select by key, update) the parameter of the column with index i is number i + 1 (`?3`, `$3`), so that one
/// binding function serves them all; numbers of columns that a statement does not use are left out.
namespace marketdb::storage {

/// How a parameter, a type and a table option are written.
enum class Dialect : std::uint8_t { sqlite, postgres };

/// `"timestamp"`; a quote inside is doubled.
[[nodiscard]] std::string quote_identifier(std::string_view name);

/// Names that a caller gave, quoted, when they are among those that the table has.
/// Errors: invalid_argument  one is not; no name is known: there is no such table.
[[nodiscard]] std::vector<std::string> quote_known_columns(std::string_view table, std::span<const std::string> wanted,
                                                           std::span<const std::string> known);

/// `"id", "name", ...`: all columns, in order.
[[nodiscard]] std::string column_list(const Table& table);

/// The column's type: on SQLite INTEGER, REAL or TEXT (times are microseconds, booleans 0 or 1).
[[nodiscard]] std::string_view sql_type(const Column& column, Dialect dialect) noexcept;

/// One CREATE TABLE statement. A table with a generated id has it as primary key (never given twice) and its natural key
/// UNIQUE; any other has its key as primary key and, on SQLite, lies in its order (WITHOUT ROWID). SQLite tables are STRICT.
[[nodiscard]] std::string create_table_sql(const Table& table, Dialect dialect);

/// `INSERT INTO .. (..) VALUES (..) ON CONFLICT DO NOTHING`: all columns but a generated id. A row whose key is there
/// already changes nothing and counts as no change.
[[nodiscard]] std::string insert_sql(const Table& table, Dialect dialect);

/// The row of a key. Takes the key's columns.
[[nodiscard]] std::string select_by_key_sql(const Table& table, Dialect dialect);

/// Replaces all columns but key and generated id, of the row of a key. Takes all columns but a generated id.
[[nodiscard]] std::string update_by_key_sql(const Table& table, Dialect dialect);

/// Replaces all columns of the row of a generated id (tables that have one). Takes all columns.
[[nodiscard]] std::string update_by_id_sql(const Table& table, Dialect dialect);

/// Which clauses a scan has. Its parameters, numbered without gaps: the series columns (if `series`, in the order of
/// `Table::series`), `start`, `end`, the columns of `scan_order` of the row to go on after (if `after`), `limit`.
/// The newest row of a series is {.series = true, .descending = true, .limit = true} with a limit of 1.
struct ScanShape {
    bool series = false;
    bool start = false;  ///< event time >= it.
    bool end = false;    ///< event time < it.
    bool after = false;  ///< Behind that row in reading order (for `descending`: before it).
    bool descending = false;
    bool limit = false;

    friend bool operator==(const ScanShape&, const ScanShape&) = default;
};

/// The columns by which a scan is ordered: within one series `Table::order`; over all series `Table::key`. A table without
/// series has `Table::order` (its id).
[[nodiscard]] std::span<const std::uint8_t> scan_order(const Table& table, bool with_series) noexcept;

/// Rows in order. A scan of one series reads only the key's range between its bounds; of trades the rows of one timestamp
/// are sorted in memory.
[[nodiscard]] std::string scan_sql(const Table& table, const ScanShape& shape, Dialect dialect);

}  // namespace marketdb::storage
