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

namespace {

/// A rate that is asked for is one to come; one whose settlement is over was paid.
void complete_funding_rate(FundingRate& rate) noexcept {
    const bool is_settled = is_present(rate.funding_time) && rate.funding_time <= rate.timestamp;
    rate.kind = is_settled ? FundingKind::settled : FundingKind::predicted;
}

}  // namespace

void complete_row(const PhysicalTable& table, std::byte* row) {
    const Table& logical = *table.table;
    if (table.existing->keeps_arrival_as_time) {
        store(row, *logical.find(Role::received_at), load<Timestamp>(row, *logical.find(Role::event_time)));
    }
    const bool lacks_kind = logical.dataset == Dataset::funding_rates && table.find(*logical.find("kind")) == nullptr;
    if (lacks_kind) complete_funding_rate(*reinterpret_cast<FundingRate*>(row));
    // Of trades `prepare` would make up an id; of the others it derives what is computed. What it finds wrong is theirs.
    if (logical.dataset == Dataset::balances || &logical == &table_of<Symbol>()) {
        [[maybe_unused]] const auto problem = logical.prepare(row);
    }
}

}  // namespace marketdb::storage::postgres
