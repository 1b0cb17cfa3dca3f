#include "storage/table.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <compare>
#include <cstring>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "core/text.hpp"

namespace marketdb::storage {
namespace {

std::size_t width_of(Kind kind) noexcept {
    switch (kind) {
        case Kind::int32: return sizeof(std::int32_t);
        case Kind::int64:
        case Kind::float64:
        case Kind::time: return sizeof(std::int64_t);
        case Kind::boolean:
        case Kind::tristate:
        case Kind::label:
        case Kind::text: break;
    }
    return 1;
}

/// The value of a column that is ordered as an integer (all kinds but float64 and text).
std::int64_t integer_of(const std::byte* row, const Column& column) noexcept {
    switch (width_of(column.kind)) {
        case sizeof(std::int32_t): return load<std::int32_t>(row, column);
        case sizeof(std::int64_t): return load<std::int64_t>(row, column);
        default: return load<std::uint8_t>(row, column);
    }
}

int sign_of(std::strong_ordering order) noexcept {
    return static_cast<int>(std::is_gt(order)) - static_cast<int>(std::is_lt(order));
}

/// Whether the later row's value goes into the stored row, and puts it there.
bool merge_column(std::byte* stored, const std::byte* later, const Column& column) noexcept {
    if (equal(stored, later, column)) return false;
    const bool absent = is_absent(later, column);
    if (absent && column.group == 0) return false;
    if (column.role == Role::received_at && !is_absent(stored, column) && compare(stored, later, column) < 0)
        return false;
    copy_column(stored, later, column);
    return true;
}

std::optional<std::string> text_problem(const std::byte* member, const Column& column) {
    const std::string_view text = column.get_text(member);
    if (column.is_overlong(member)) {
        return fmt::format("'{}' is longer than {} bytes", core::printable(text) + "...", column.capacity);
    }
    if (!core::is_clean_utf8(text)) return fmt::format("'{}' is not UTF-8 without a zero byte", core::printable(text));
    return std::nullopt;
}

std::optional<std::string> time_problem(Timestamp time, bool nullable) {
    if (is_storable(time)) return std::nullopt;
    if (is_present(time)) {
        return fmt::format("{} lies outside {} to {}", to_string(time), to_string(kMinTime), to_string(kMaxTime));
    }
    if (nullable) return std::nullopt;
    return "is absent";
}

/// What the descriptor alone demands of a value.
std::optional<std::string> column_problem(const std::byte* row, const Column& column) {
    switch (column.kind) {
        case Kind::time: return time_problem(load<Timestamp>(row, column), column.nullable);
        case Kind::text: return text_problem(row + column.offset, column);
        case Kind::tristate:
            if (load<std::uint8_t>(row, column) <= static_cast<std::uint8_t>(Tristate::yes)) return std::nullopt;
            return fmt::format("{} is not a value of Tristate", load<std::uint8_t>(row, column));
        case Kind::label:
            if (load<std::uint8_t>(row, column) < column.labels.size()) return std::nullopt;
            return fmt::format("{} is not a value of the enumeration", load<std::uint8_t>(row, column));
        case Kind::int32:
        case Kind::int64:
        case Kind::float64:
        case Kind::boolean: break;
    }
    return std::nullopt;
}

constexpr bool has_value_rule(Kind kind) noexcept {
    return kind == Kind::time || kind == Kind::text || kind == Kind::tristate || kind == Kind::label;
}

/// The first columns of the key as integers, beside the row's place: sorting these touches no rows.
struct SortEntry {
    std::array<std::int64_t, 3> prefix{};
    std::size_t index = 0;
};

std::size_t integer_prefix(const Table& table) noexcept {
    std::size_t count = 0;
    while (count < table.key.size() && count < std::tuple_size_v<decltype(SortEntry::prefix)>) {
        const Kind kind = table.at(table.key[count]).kind;
        if (kind == Kind::text || kind == Kind::float64) break;
        ++count;
    }
    return count;
}

/// Stable: rows of equal keys keep their order, because the later one wins.
void sort_by_key(RowSpan rows) {
    const Table& table = *rows.table;
    const std::size_t prefix = integer_prefix(table);
    const auto rest = table.key.subspan(prefix);
    std::vector<SortEntry> entries(rows.count);
    for (std::size_t index = 0; index < rows.count; ++index) {
        entries[index].index = index;
        for (std::size_t part = 0; part < prefix; ++part) {
            entries[index].prefix[part] = integer_of(rows.row(index), table.at(table.key[part]));
        }
    }
    std::sort(entries.begin(), entries.end(), [&](const SortEntry& a, const SortEntry& b) {
        if (a.prefix != b.prefix) return a.prefix < b.prefix;
        if (!rest.empty()) {
            const int order = compare(rows.row(a.index), rows.row(b.index), table, rest);
            if (order != 0) return order < 0;
        }
        return a.index < b.index;
    });

    const auto sorted = std::make_unique_for_overwrite<std::byte[]>(rows.count * table.row_size);
    for (std::size_t index = 0; index < rows.count; ++index) {
        std::memcpy(sorted.get() + index * table.row_size, rows.row(entries[index].index), table.row_size);
    }
    std::memcpy(rows.data, sorted.get(), rows.count * table.row_size);
}

/// Of sorted rows; returns how many are left.
std::size_t fold_equal_keys(RowSpan rows) noexcept {
    std::size_t last = 0;
    for (std::size_t index = 1; index < rows.count; ++index) {
        if (compare(rows.row(last), rows.row(index), *rows.table, rows.table->key) == 0) {
            merge(*rows.table, rows.row(last), rows.row(index));
        } else if (++last != index) {
            std::memcpy(rows.row(last), rows.row(index), rows.table->row_size);
        }
    }
    return last + 1;
}

std::optional<Problem> check_column(const std::byte* row, const Column& column) {
    if (column.kind == Kind::time && is_storable(load<Timestamp>(row, column))) return std::nullopt;
    auto reason = column_problem(row, column);
    if (!reason) return std::nullopt;
    return Problem{column.name, *std::move(reason)};
}

/// The columns whose values have a rule of their own, so that the pass over a million rows looks at no others.
std::vector<const Column*> columns_with_rules(const Table& table) {
    std::vector<const Column*> columns;
    for (const Column& column : table.columns) {
        if (has_value_rule(column.kind)) columns.push_back(&column);
    }
    return columns;
}

std::optional<Problem> check_row(const std::byte* row, std::span<const Column* const> columns) {
    for (const Column* column : columns) {
        if (auto problem = check_column(row, *column)) return problem;
    }
    return std::nullopt;
}

}  // namespace

const Column* Table::find(Role role) const noexcept {
    const auto found = std::find_if(columns.begin(), columns.end(), [role](const Column& c) { return c.role == role; });
    return found == columns.end() ? nullptr : &*found;
}

const Column* Table::find(std::string_view column) const noexcept {
    const auto found =
        std::find_if(columns.begin(), columns.end(), [column](const Column& c) { return c.name == column; });
    return found == columns.end() ? nullptr : &*found;
}

bool is_absent(const std::byte* row, const Column& column) noexcept {
    switch (column.kind) {
        case Kind::float64: return std::isnan(load<double>(row, column));
        case Kind::time: return !is_present(load<Timestamp>(row, column));
        case Kind::tristate:
        case Kind::label: return load<std::uint8_t>(row, column) == 0;
        case Kind::int32:
        case Kind::int64: return column.nullable && integer_of(row, column) == 0;
        case Kind::text: return column.nullable && column.get_text(row + column.offset).empty();
        case Kind::boolean: break;
    }
    return false;
}

void set_absent(std::byte* row, const Column& column) noexcept {
    switch (column.kind) {
        case Kind::float64: return store(row, column, kNoNumber);
        case Kind::time: return store(row, column, kNoTime);
        case Kind::text: return column.set_text(row + column.offset, {});
        case Kind::int32:
        case Kind::int64:
        case Kind::boolean:
        case Kind::tristate:
        case Kind::label: break;
    }
    std::memset(row + column.offset, 0, width_of(column.kind));
}

void copy_column(std::byte* to, const std::byte* from, const Column& column) noexcept {
    if (column.kind == Kind::text) {
        column.set_text(to + column.offset, column.get_text(from + column.offset));
    } else {
        std::memcpy(to + column.offset, from + column.offset, width_of(column.kind));
    }
}

bool equal(const std::byte* a, const std::byte* b, const Column& column) noexcept {
    if (column.kind == Kind::text) {
        return column.get_text(a + column.offset) == column.get_text(b + column.offset);
    }
    if (std::memcmp(a + column.offset, b + column.offset, width_of(column.kind)) == 0) return true;
    return column.kind == Kind::float64 && is_absent(a, column) && is_absent(b, column);
}

int compare(const std::byte* a, const std::byte* b, const Column& column) noexcept {
    if (column.kind == Kind::text) {
        return sign_of(column.get_text(a + column.offset) <=> column.get_text(b + column.offset));
    }
    if (column.kind == Kind::float64) {
        const auto left = load<double>(a, column);
        const auto right = load<double>(b, column);
        // Absent comes first, as null does in an SQLite index.
        if (std::isnan(left) || std::isnan(right))
            return static_cast<int>(std::isnan(right)) - static_cast<int>(std::isnan(left));
        return left < right ? -1 : left > right ? 1 : 0;
    }
    return sign_of(integer_of(a, column) <=> integer_of(b, column));
}

int compare(const std::byte* a, const std::byte* b, const Table& table,
            std::span<const std::uint8_t> columns) noexcept {
    for (const std::uint8_t index : columns) {
        const int order = compare(a, b, table.at(index));
        if (order != 0) return order;
    }
    return 0;
}

bool merge(const Table& table, std::byte* stored, const std::byte* later) noexcept {
    bool changed = false;
    for (const Column& column : table.columns) {
        switch (column.role) {
            case Role::value:
            case Role::received_at: changed |= merge_column(stored, later, column); break;
            case Role::generated:
            case Role::series:
            case Role::event_time:
            case Role::sequence:
            case Role::source:
            case Role::computed: break;
        }
    }
    if (!changed) return false;

    const Column* source = table.find(Role::source);
    if (source != nullptr && !is_absent(later, *source)) copy_column(stored, later, *source);
    if (table.find(Role::computed) != nullptr) {
        // Both rows had passed `prepare`, and it takes what it computes from columns that were replaced whole.
        [[maybe_unused]] const auto problem = table.prepare(stored);
    }
    return true;
}

std::optional<Problem> prepare_row(const Table& table, std::byte* row) {
    for (const Column& column : table.columns) {
        if (auto problem = check_column(row, column)) return problem;
    }
    return table.prepare(row);
}

std::size_t prepare_batch(RowSpan rows) {
    if (rows.count == 0) return 0;
    const Table& table = *rows.table;
    const std::vector<const Column*> rules = columns_with_rules(table);
    bool sorted = true;
    bool distinct = true;
    for (std::size_t index = 0; index < rows.count; ++index) {
        std::byte* row = rows.row(index);
        auto problem = check_row(row, rules);
        if (!problem) problem = table.prepare(row);
        if (problem) {
            throw Error(ErrorCode::invalid_argument,
                        fmt::format("{} row {}: column {}: {}", table.name, index, problem->column, problem->reason));
        }
        if (index == 0 || !sorted) continue;
        const int order = compare(rows.row(index - 1), row, table, table.key);
        sorted = order <= 0;
        distinct = distinct && order != 0;
    }
    if (sorted && distinct) return rows.count;
    if (!sorted) sort_by_key(rows);
    return fold_equal_keys(rows);
}

SeriesKey series_of(const Table& table, const std::byte* row) noexcept {
    SeriesKey key;
    bool first_text = true;
    for (const std::uint8_t index : table.series) {
        const Column& column = table.at(index);
        if (column.kind != Kind::text) {
            key.id = load<std::int32_t>(row, column);
        } else if (std::exchange(first_text, false)) {
            key.account = column.get_text(row + column.offset);
        } else {
            key.asset = column.get_text(row + column.offset);
        }
    }
    return key;
}

void set_series(const Table& table, std::byte* row, const SeriesKey& series) noexcept {
    bool first_text = true;
    for (const std::uint8_t index : table.series) {
        const Column& column = table.at(index);
        if (column.kind != Kind::text) {
            store(row, column, series.id);
        } else {
            column.set_text(row + column.offset,
                            std::exchange(first_text, false) ? series.account.view() : series.asset.view());
        }
    }
}

std::string describe_key(const Table& table, const std::byte* row) {
    std::string text;
    for (const std::uint8_t index : table.key) {
        const Column& column = table.at(index);
        if (!text.empty()) text += ", ";
        text += fmt::format("{} ", column.name);
        switch (column.kind) {
            case Kind::int32: text += std::to_string(load<std::int32_t>(row, column)); break;
            case Kind::int64: text += std::to_string(load<std::int64_t>(row, column)); break;
            case Kind::time: text += to_string(load<Timestamp>(row, column)); break;
            case Kind::label: text += column.labels[load<std::uint8_t>(row, column)]; break;
            case Kind::text: text += column.get_text(row + column.offset); break;
            default: break;
        }
    }
    return text;
}

}  // namespace marketdb::storage
