#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/postgres/wire.hpp"
#include "storage/table.hpp"

namespace marketdb::storage::postgres {

/// A descriptor's column as this database has it.
struct PhysicalColumn {
    std::string name;                ///< Quoted: `"timestamp"`. Of a column that is only read also an expression.
    TypeId type{};                   ///< As the catalogue says.
    const Column* column = nullptr;  ///< Of the descriptor.
    std::int32_t modifier = -1;  ///< pg_attribute.atttypmod: the length of a varchar, precision and scale of a numeric.
    bool absent_is_null = false;  ///< An empty text or a 0 is null here, though the descriptor's column takes no null.
    bool orders = true;           ///< Else its values are no part of the key here, though of the descriptor's.
};

/// What a database of other programs lacks, and how marketdb makes up for it.
struct ExistingTable {
    std::vector<std::byte> blank;        ///< A row as it is read where the table has no columns.
    std::vector<const Column*> lacking;  ///< Of the descriptor.
    std::vector<std::string> missing;    ///< Columns without which the table cannot be used.
    std::string found;                   ///< For messages: the columns that it has.
    bool has_unique_key = false;         ///< On `PhysicalTable::key`. Else only a lock keeps rows from being doubled.
    bool has_series_index = false;       ///< One index finds the newest row of a series.
    bool is_chunked = false;             ///< Partitions or chunks by time, which are not ours to make.
    bool keeps_arrival_as_time = false;  ///< `timestamp` is when the row was received (Config::legacy_clock).
    std::map<std::string, std::string> checks;  ///< Constraints: name and columns, for messages.
};

/// A descriptor's table as this database has it: what is read and written of it, and how.
struct PhysicalTable {
    const Table* table = nullptr;
    std::string name;                       ///< Qualified and quoted: `"desk"."trade_snapshots"`.
    std::vector<PhysicalColumn> columns;    ///< What is read: the descriptor's columns that exist, in its order.
    std::vector<PhysicalColumn> written;    ///< What is written; the same on our own schema.
    std::vector<const Column*> key;         ///< What makes a row distinct here.
    bool is_partitioned = false;            ///< By ranges of the event time, which marketdb or TimescaleDB makes.
    bool is_hypertable = false;             ///< By TimescaleDB.
    std::optional<ExistingTable> existing;  ///< None: the table is our own.

    /// The physical column of a descriptor's; null if this database has none.
    [[nodiscard]] const PhysicalColumn* find(const Column& column) const noexcept;
    /// Its quoted name. Only for columns that exist.
    [[nodiscard]] const std::string& name_of(const Column& column) const;
    [[nodiscard]] bool is_own() const noexcept { return !existing.has_value(); }
    [[nodiscard]] bool is_chunked() const noexcept { return existing && existing->is_chunked; }
};

/// Brings a row that was read of an existing table into the form that callers know: what it lacks follows from what it has.
void complete_row(const PhysicalTable& table, std::byte* row);

}  // namespace marketdb::storage::postgres
