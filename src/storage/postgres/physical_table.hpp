#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/postgres/wire.hpp"
#include "storage/table.hpp"

namespace marketdb::storage::postgres {

/// A descriptor's column as this database has it.
struct PhysicalColumn {
    std::string name;                ///< Quoted: `"timestamp"`.
    TypeId type{};                   ///< As the catalogue says.
    const Column* column = nullptr;  ///< Of the descriptor.
};

/// A descriptor's table as this database has it: what is read and written of it, and how.
struct PhysicalTable {
    const Table* table = nullptr;
    std::string name;                     ///< Qualified and quoted: `"desk"."trade_snapshots"`.
    std::vector<PhysicalColumn> columns;  ///< The descriptor's that exist, in its order.
    bool is_partitioned = false;          ///< By ranges of the event time.

    /// The physical column of a descriptor's; null if this database has none.
    [[nodiscard]] const PhysicalColumn* find(const Column& column) const noexcept;
    /// Its quoted name. Only for columns that exist.
    [[nodiscard]] const std::string& name_of(const Column& column) const;
};

}  // namespace marketdb::storage::postgres
