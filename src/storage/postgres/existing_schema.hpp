#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "storage/engine.hpp"
#include "storage/postgres/physical_table.hpp"
#include "storage/postgres/statements.hpp"
#include "storage/table.hpp"

/// The schema of the programs that marketdb replaces, recognised by its columns and used as it is. Pure functions: what
/// installations have differs, and all of it is read from the catalogue.
namespace marketdb::storage::postgres {

/// A column as the catalogue lists it.
struct CatalogueColumn {
    std::string name;
    TypeId type{};
    std::int32_t modifier = -1;
    bool is_nullable = true;
    bool is_generated = false;
};

struct CatalogueIndex {
    std::vector<std::string> columns;
    bool is_unique = false;
};

/// A table, view or sequence as the catalogue lists it.
struct Relation {
    char kind = 'r';            ///< pg_class.relkind
    bool has_children = false;  ///< Partitions, or chunks of a hypertable.
    std::vector<CatalogueColumn> columns;
    std::vector<CatalogueIndex> indexes;        ///< Valid, of all rows, on columns only.
    std::map<std::string, std::string> checks;  ///< Constraints: name and columns (`bid_price, ask_price`).

    [[nodiscard]] bool is_table() const noexcept { return kind == 'r' || kind == 'p'; }
    [[nodiscard]] const CatalogueColumn* find(std::string_view column) const noexcept;
};
using Relations = std::map<std::string, Relation, std::less<>>;
using PhysicalTables = std::map<const Table*, PhysicalTable>;

/// Whether any relation has the name of one of our tables.
[[nodiscard]] bool has_our_names(const Relations& relations);

/// The tables of an existing schema. Those that are not there are left out; of those that lack a column that cannot be done
/// without, `ExistingTable::missing` says so.
///
/// Errors: schema_mismatch  an older shape (flat tables, views under these names, other names of columns); names what was
///                          found.
[[nodiscard]] PhysicalTables recognise(const Relations& relations, const SchemaName& schema, std::string_view where);

/// What the tables can hold.
[[nodiscard]] Capabilities capabilities_of(const PhysicalTables& tables, const Relations& relations);

}  // namespace marketdb::storage::postgres
