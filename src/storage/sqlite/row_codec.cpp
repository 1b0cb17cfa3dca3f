#include "storage/sqlite/row_codec.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "core/text.hpp"

namespace marketdb::storage::sqlite {
namespace {

std::int64_t count_of(Timestamp time) noexcept { return time.time_since_epoch().count(); }

int bind_text(sqlite3_stmt* statement, int parameter, std::string_view text) noexcept {
    return sqlite3_bind_text(statement, parameter, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
}

int bind_value(sqlite3_stmt* statement, int parameter, const std::byte* row, const Column& column) {
    switch (column.kind) {
        case Kind::int32: {
            const auto value = load<std::int32_t>(row, column);
            if (value == 0 && column.nullable) return sqlite3_bind_null(statement, parameter);
            return sqlite3_bind_int(statement, parameter, value);
        }
        case Kind::int64: return sqlite3_bind_int64(statement, parameter, load<std::int64_t>(row, column));
        case Kind::float64:
            return sqlite3_bind_double(statement, parameter, load<double>(row, column));  // NaN is null.
        case Kind::time: {
            const auto time = load<Timestamp>(row, column);
            if (!is_present(time)) return sqlite3_bind_null(statement, parameter);
            return sqlite3_bind_int64(statement, parameter, count_of(time));
        }
        case Kind::boolean: return sqlite3_bind_int(statement, parameter, load<std::uint8_t>(row, column) != 0 ? 1 : 0);
        case Kind::tristate: {
            const auto value = load<Tristate>(row, column);
            if (value == Tristate::unknown) return sqlite3_bind_null(statement, parameter);
            return sqlite3_bind_int(statement, parameter, value == Tristate::yes ? 1 : 0);
        }
        case Kind::label: {
            const auto value = load<std::uint8_t>(row, column);
            if (value == 0 || value >= column.labels.size()) return sqlite3_bind_null(statement, parameter);
            return bind_text(statement, parameter, column.labels[value]);
        }
        case Kind::text: {
            const std::string_view text = column.get_text(row + column.offset);
            if (text.empty() && column.nullable) return sqlite3_bind_null(statement, parameter);
            return bind_text(statement, parameter, text);
        }
    }
    return SQLITE_MISUSE;
}

/// A row as it lies in the database, with what is needed to complain about it.
class StoredRow {
 public:
    StoredRow(const Statement& statement, const Table& table) : statement_(statement.handle()), table_(table) {}

    void decode(int index, std::byte* row) const {
        const Column& column = table_.columns[static_cast<std::size_t>(index)];
        switch (column.kind) {
            case Kind::float64: {
                const double value = sqlite3_column_double(statement_, index);
                // A type costs as much as a value, so it is asked for only where null is possible.
                store(row, column, value == 0 && is_null(index) ? kNoNumber : value);
                return;
            }
            case Kind::time: {
                const std::int64_t value = sqlite3_column_int64(statement_, index);
                const Timestamp time{std::chrono::microseconds(value)};
                store(row, column, value == 0 && is_null(index) ? kNoTime : time);
                return;
            }
            case Kind::int64: store(row, column, std::int64_t{sqlite3_column_int64(statement_, index)}); return;
            case Kind::int32: store(row, column, int32(index, column)); return;
            case Kind::boolean: store(row, column, sqlite3_column_int64(statement_, index) != 0); return;
            case Kind::tristate: store(row, column, tristate(index)); return;
            case Kind::label: store(row, column, label(index, column)); return;
            case Kind::text:
                column.set_text(row + column.offset, text(index));
                if (column.is_overlong(row + column.offset)) refuse(column, text(index));
                return;
        }
    }

 private:
    [[nodiscard]] bool is_null(int index) const noexcept {
        return sqlite3_column_type(statement_, index) == SQLITE_NULL;
    }

    [[nodiscard]] std::string_view text(int index) const noexcept {
        const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, index));
        if (bytes == nullptr) return {};
        return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, index))};
    }

    [[nodiscard]] std::int32_t int32(int index, const Column& column) const {
        const std::int64_t value = sqlite3_column_int64(statement_, index);
        using Limits = std::numeric_limits<std::int32_t>;
        if (value < Limits::min() || value > Limits::max()) refuse(column, std::to_string(value));
        return static_cast<std::int32_t>(value);
    }

    [[nodiscard]] Tristate tristate(int index) const noexcept {
        if (is_null(index)) return Tristate::unknown;
        return sqlite3_column_int64(statement_, index) != 0 ? Tristate::yes : Tristate::no;
    }

    [[nodiscard]] std::uint8_t label(int index, const Column& column) const {
        const std::string_view stored = text(index);
        if (stored.empty()) return 0;
        const auto found = std::find(column.labels.begin(), column.labels.end(), stored);
        if (found == column.labels.end()) refuse(column, stored);
        return static_cast<std::uint8_t>(found - column.labels.begin());
    }

    [[noreturn]] void refuse(const Column& column, std::string_view value) const {
        throw Error(ErrorCode::corrupt,
                    fmt::format("{}.{}: the database holds '{}', which no program of this version wrote", table_.name,
                                column.name, core::printable(value)));
    }

    sqlite3_stmt* statement_;
    const Table& table_;
};

}  // namespace

void bind_column(Statement& statement, int parameter, const std::byte* row, const Column& column) {
    const int code = bind_value(statement.handle(), parameter, row, column);
    if (code == SQLITE_OK) return;
    throw Error(ErrorCode::internal,
                fmt::format("column {}: parameter {}: {}", column.name, parameter, sqlite3_errstr(code)));
}

void bind_row(Statement& statement, const std::byte* row, const Table& table) {
    int parameter = 0;
    for (const Column& column : table.columns) {
        ++parameter;
        if (column.role != Role::generated) bind_column(statement, parameter, row, column);
    }
}

void bind_columns(Statement& statement, const std::byte* row, const Table& table,
                  std::span<const std::uint8_t> indexes) {
    for (const std::uint8_t index : indexes) bind_column(statement, index + 1, row, table.at(index));
}

int bind_in_turn(Statement& statement, int parameter, const std::byte* row, const Table& table,
                 std::span<const std::uint8_t> indexes) {
    for (const std::uint8_t index : indexes) bind_column(statement, parameter++, row, table.at(index));
    return parameter;
}

void decode_row(const Statement& statement, std::byte* row, const Table& table) {
    const StoredRow stored(statement, table);
    const int count = static_cast<int>(table.columns.size());
    for (int index = 0; index < count; ++index) stored.decode(index, row);
}

}  // namespace marketdb::storage::sqlite
