#include <cstring>
#include <span>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "storage/sql.hpp"
#include "storage/sqlite/row_codec.hpp"
#include "storage/sqlite/store.hpp"

namespace marketdb::storage::sqlite {
namespace {

ErrorCode code_of_unknown(const Table& table) noexcept {
    return &table == &table_of<Exchange>() ? ErrorCode::unknown_exchange : ErrorCode::unknown_symbol;
}

}  // namespace

void Store::change_rows(RowSpan added, RowSpan changed, std::span<const ColumnSet> columns, Timestamp now) {
    for (std::size_t i = 0; i < added.count; ++i) insert_one(*added.table, added.row(i), now);
    for (std::size_t i = 0; i < changed.count; ++i) change_row(*changed.table, changed.row(i), columns[i], now);
}

void Store::change_row(const Table& table, std::byte* row, ColumnSet columns, Timestamp now) {
    ScratchRow stored(table);
    if (!read_row_of_id(table, row, stored.get())) {
        throw Error(code_of_unknown(table), fmt::format("{}: no row has the id {}", table.name,
                                                        load<std::int32_t>(row, *table.find(Role::generated))));
    }
    bool differs = false;
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
        const Column& column = table.columns[i];
        if ((columns >> i & 1) == 0 || storage::equal(stored.get(), row, column)) continue;
        copy_column(stored.get(), row, column);
        differs = true;
    }
    if (differs) {
        if (const Column* updated = table.find("updated_at")) store(stored.get(), *updated, now);
        update_one(table, stored.get(), now);
    }
    std::memcpy(row, stored.get(), table.row_size);
}

bool Store::read_row_of_id(const Table& table, const std::byte* row, std::byte* stored) {
    const Column& id = *table.find(Role::generated);
    StatementUse find(connection_.statement(fmt::format("SELECT {} FROM {} WHERE {} = ?1", column_list(table),
                                                        quote_identifier(table.name), quote_identifier(id.name))));
    bind_column(*find, 1, row, id);
    if (!find->step()) return false;
    decode_row(*find, stored, table);
    return true;
}

WriteResult Store::move_rows(const Table& table, const SeriesKey& from, const SeriesKey& to, std::uint64_t limit,
                             const Control& control) {
    std::vector<std::byte> bytes = first_rows(table, from, limit);
    const RowSpan rows{&table, bytes.data(), bytes.size() / table.row_size};
    for (std::size_t i = 0; i < rows.count; ++i) set_series(table, rows.row(i), to);
    const WriteResult result = write(rows, control);
    // The same rows: both go by the key, and nobody else writes within this transaction.
    RowChoice gone;
    gone.table = &table;
    gone.series = from;
    if (rows.count > 0) erase(gone, rows.count);
    return result;
}

/// By key, which is not the order in which trades are read.
std::vector<std::byte> Store::first_rows(const Table& table, const SeriesKey& series, std::uint64_t limit) {
    std::string order;
    for (const std::uint8_t index : table.key) {
        order += fmt::format("{}{}", order.empty() ? "" : ", ", quote_identifier(table.at(index).name));
    }
    std::string conditions;
    int parameter = 1;
    for (const std::uint8_t index : table.series) {
        conditions +=
            fmt::format("{}{} = ?{}", parameter == 1 ? "" : " AND ", quote_identifier(table.at(index).name), parameter);
        ++parameter;
    }
    ScratchRow row(table);
    set_series(table, row.get(), series);
    StatementUse find(
        connection_.statement(fmt::format("SELECT {} FROM {} WHERE {} ORDER BY {} LIMIT ?{}", column_list(table),
                                          quote_identifier(table.name), conditions, order, parameter)));
    const int next = bind_in_turn(*find, 1, row.get(), table, table.series);
    find->bind(next, static_cast<std::int64_t>(limit));
    std::vector<std::byte> bytes;
    while (find->step()) {
        decode_row(*find, row.get(), table);
        bytes.insert(bytes.end(), row.get(), row.get() + table.row_size);
    }
    return bytes;
}

}  // namespace marketdb::storage::sqlite
