#include "storage/postgres/physical_table.hpp"

#include <algorithm>

#include <fmt/format.h>

#include <marketdb/error.hpp>

namespace marketdb::storage::postgres {

const PhysicalColumn* PhysicalTable::find(const Column& column) const noexcept {
    const auto found =
        std::find_if(columns.begin(), columns.end(), [&](const PhysicalColumn& one) { return one.column == &column; });
    return found == columns.end() ? nullptr : &*found;
}

const std::string& PhysicalTable::name_of(const Column& column) const {
    const PhysicalColumn* found = find(column);
    if (found == nullptr) {
        throw Error(ErrorCode::schema_mismatch, fmt::format("{} has no column for {}", name, column.name));
    }
    return found->name;
}

}  // namespace marketdb::storage::postgres
