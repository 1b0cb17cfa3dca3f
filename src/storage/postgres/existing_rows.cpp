#include "storage/postgres/existing_rows.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstring>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "core/text.hpp"
#include "storage/postgres/numeric.hpp"

namespace marketdb::storage::postgres {
namespace {

/// What a stored number may differ from the one that was given without being asked.
constexpr double kMaxRelativeChange = 1e-6;

/// Columns that change what a row means when they come back as something else. Others are just not kept.
constexpr std::array<std::string_view, 5> kMeaningful{"account", "kind", "contract_type", "quantity_unit",
                                                      "expires_at"};

[[noreturn]] void refuse(RowSpan rows, std::size_t index, std::string_view column, std::string_view reason) {
    const Table& table = *rows.table;
    throw Error(ErrorCode::constraint, fmt::format("{} row {} ({}): column {}: {}", table.name, index,
                                                   describe_key(table, rows.row(index)), column, reason));
}

bool is_limited(const PhysicalColumn& column) noexcept {
    switch (column.type) {
        case TypeId::numeric:
        case TypeId::float4:
        case TypeId::int2:
        case TypeId::varchar:
        case TypeId::bpchar: return true;
        case TypeId::int8: return column.column->kind == Kind::time;
        case TypeId::int4: return column.column->kind == Kind::int64;
        default: return false;
    }
}

std::optional<double> as_stored(double value, const PhysicalColumn& column) noexcept {
    if (column.type == TypeId::float4) return as_real(value);
    return as_numeric(value, NumericType::from(column.modifier));
}

/// Characters, which is what the server counts.
std::size_t length_of(std::string_view text) noexcept {
    return static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

/// Brings the rows of one batch into form, one after the other.
class Conformer {
 public:
    Conformer(const PhysicalTable& table, RowSpan rows, bool allow_rounding)
        : table_(table), rows_(rows), allow_rounding_(allow_rounding), given_(rows.table->row_size) {
        for (const PhysicalColumn& column : table.written) {
            if (is_limited(column)) limited_.push_back(&column);
        }
        for (const Column* column : table.existing->lacking) {
            if (std::find(kMeaningful.begin(), kMeaningful.end(), column->name) != kMeaningful.end()) {
                meaningful_.push_back(column);
            }
        }
    }

    /// Returns whether a number was rounded.
    bool conform(std::size_t index) {
        bool is_rounded = false;
        for (const PhysicalColumn* column : limited_) is_rounded |= limit(index, *column);
        fill_lacking(index);
        return is_rounded;
    }

 private:
    bool limit(std::size_t index, const PhysicalColumn& column) {
        std::byte* row = rows_.row(index);
        if (is_absent(row, *column.column)) return false;
        switch (column.column->kind) {
            case Kind::float64: return round(index, column);
            case Kind::time: return cut_to_milliseconds(row, *column.column);
            case Kind::text: require_length(index, column); break;
            case Kind::int32: require_range(index, column, load<std::int32_t>(row, *column.column)); break;
            case Kind::int64: require_range(index, column, load<std::int64_t>(row, *column.column)); break;
            case Kind::boolean:
            case Kind::tristate:
            case Kind::label: break;
        }
        return false;
    }

    bool round(std::size_t index, const PhysicalColumn& column) {
        const auto value = load<double>(rows_.row(index), *column.column);
        const std::optional<double> stored = as_stored(value, column);
        if (stored == value) return false;
        const std::string given = core::format_double(value);
        if (!stored) refuse(rows_, index, column.column->name, fmt::format("{} is too large for its type", given));
        if (*stored == 0) refuse(rows_, index, column.column->name, fmt::format("{} rounds to 0", given));
        if (!allow_rounding_ && std::abs(*stored - value) > kMaxRelativeChange * std::abs(value)) {
            refuse(rows_, index, column.column->name,
                   fmt::format("{} would be rounded to {} (allow_rounding stores it)", given,
                               core::format_double(*stored)));
        }
        store(rows_.row(index), *column.column, *stored);
        return true;
    }

    static bool cut_to_milliseconds(std::byte* row, const Column& column) {
        const auto time = load<Timestamp>(row, column);
        const Timestamp stored = std::chrono::floor<std::chrono::milliseconds>(time);
        store(row, column, stored);
        return stored != time;
    }

    void require_length(std::size_t index, const PhysicalColumn& column) const {
        constexpr std::int32_t kHeader = 4;
        if (column.modifier < kHeader) return;
        const std::string_view text = column.column->get_text(rows_.row(index) + column.column->offset);
        const auto most = static_cast<std::size_t>(column.modifier - kHeader);
        if (length_of(text) <= most) return;
        refuse(rows_, index, column.column->name,
               fmt::format("'{}' is longer than {} characters", core::printable(text), most));
    }

    void require_range(std::size_t index, const PhysicalColumn& column, std::int64_t value) const {
        const bool fits = column.type == TypeId::int2 ? value == static_cast<std::int16_t>(value)
                                                      : value == static_cast<std::int32_t>(value);
        if (!fits) refuse(rows_, index, column.column->name, fmt::format("{} is too large for its type", value));
    }

    void fill_lacking(std::size_t index) {
        std::byte* row = rows_.row(index);
        if (!meaningful_.empty()) std::memcpy(given_.data(), row, given_.size());
        for (const Column* column : table_.existing->lacking) copy_column(row, table_.existing->blank.data(), *column);
        complete_row(table_, row);
        for (const Column* column : meaningful_) {
            if (storage::equal(row, given_.data(), *column)) continue;
            std::memcpy(row, given_.data(), given_.size());
            refuse(rows_, index, column->name,
                   "this database has no such column, and the row would be read as another");
        }
    }

    const PhysicalTable& table_;
    RowSpan rows_;
    bool allow_rounding_;
    std::vector<std::byte> given_;
    std::vector<const PhysicalColumn*> limited_;
    std::vector<const Column*> meaningful_;
};

bool is_before(const std::byte* a, const std::byte* b, const Table& table) noexcept {
    const int series = compare(a, b, table, table.series);
    return series != 0 ? series < 0 : compare(a, b, table, table.order) < 0;
}

/// Into the order in which they are read, so that ids are given in the order of arrival.
void sort_by_order(RowSpan rows) {
    const Table& table = *rows.table;
    std::vector<std::size_t> places(rows.count);
    std::iota(places.begin(), places.end(), std::size_t{0});
    const auto earlier = [&](std::size_t a, std::size_t b) { return is_before(rows.row(a), rows.row(b), table); };
    if (std::is_sorted(places.begin(), places.end(), earlier)) return;
    std::stable_sort(places.begin(), places.end(), earlier);
    std::vector<std::byte> sorted(rows.count * table.row_size);
    for (std::size_t i = 0; i < rows.count; ++i) {
        std::memcpy(sorted.data() + i * table.row_size, rows.row(places[i]), table.row_size);
    }
    std::memcpy(rows.data, sorted.data(), sorted.size());
}

/// `timestamp` becomes the time of arrival. Returns how many rows are left.
std::size_t take_arrival_times(RowSpan rows) {
    const Column& event = *rows.table->find(Role::event_time);
    const Column& received = *rows.table->find(Role::received_at);
    for (std::size_t i = 0; i < rows.count; ++i) {
        if (is_absent(rows.row(i), received)) {
            refuse(rows, i, received.name,
                   "is absent, and this database keeps the time of arrival (legacy_clock: received)");
        }
        store(rows.row(i), event, load<Timestamp>(rows.row(i), received));
    }
    return prepare_batch(rows);
}

bool is_same_key(const PhysicalTable& table, const std::byte* a, const std::byte* b) noexcept {
    return std::all_of(table.key.begin(), table.key.end(),
                       [&](const Column* column) { return compare(a, b, *column) == 0; });
}

/// Of rows that are sorted by the descriptor's key. Returns how many are left.
std::size_t fold(const PhysicalTable& table, RowSpan rows) {
    const Column* sequence = table.table->find(Role::sequence);
    std::size_t last = 0;
    for (std::size_t i = 1; i < rows.count; ++i) {
        if (is_same_key(table, rows.row(last), rows.row(i))) {
            merge(*table.table, rows.row(last), rows.row(i));
            if (sequence != nullptr) copy_column(rows.row(last), rows.row(i), *sequence);
        } else if (++last != i) {
            std::memcpy(rows.row(last), rows.row(i), table.table->row_size);
        }
    }
    return last + 1;
}

/// An id that was only made up (`~` and the sequence) is none here.
void drop_made_up_ids(RowSpan rows) {
    const Column& id = *rows.table->find("trade_id");
    for (std::size_t i = 0; i < rows.count; ++i) {
        std::byte* member = rows.row(i) + id.offset;
        if (id.get_text(member).starts_with('~')) id.set_text(member, {});
    }
}

}  // namespace

Conformed conform(const PhysicalTable& table, RowSpan rows, bool allow_rounding) {
    Conformed result;
    if (rows.count == 0) return result;
    const std::size_t given = rows.count;
    if (table.existing->keeps_arrival_as_time) rows.count = take_arrival_times(rows);
    Conformer conformer(table, rows, allow_rounding);
    for (std::size_t i = 0; i < rows.count; ++i) result.rounded += conformer.conform(i) ? 1 : 0;
    if (table.table->dataset) rows.count = fold(table, rows);
    if (table.table->dataset == Dataset::trades) {
        sort_by_order(rows);
        drop_made_up_ids(rows);
    }
    result.count = rows.count;
    result.folded = given - rows.count;
    return result;
}

}  // namespace marketdb::storage::postgres
