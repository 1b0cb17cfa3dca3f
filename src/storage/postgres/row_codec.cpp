#include "storage/postgres/row_codec.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <optional>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "core/text.hpp"
#include "storage/postgres/numeric.hpp"

namespace marketdb::storage::postgres {
namespace {

/// A length word and the longest value that is no text.
constexpr std::size_t kMaxFixedBytes = 4 + 8;

[[noreturn]] void refuse_type(const PhysicalColumn& column) {
    throw Error(ErrorCode::schema_mismatch,
                fmt::format("column {}: its type (number {}) is not one that marketdb writes there", column.name,
                            static_cast<std::uint32_t>(column.type)));
}

/// The text of a label or text column.
std::string_view text_of(const Column& column, const std::byte* row) {
    if (column.kind == Kind::text) return column.get_text(row + column.offset);
    const auto value = load<std::uint8_t>(row, column);
    return value < column.labels.size() ? column.labels[value] : std::string_view();
}

bool is_null(const Column& column, const std::byte* row) noexcept {
    if (column.kind == Kind::label) return load<std::uint8_t>(row, column) == 0;
    return is_absent(row, column);
}

std::size_t max_bytes(const PhysicalColumn& physical) noexcept {
    const Column& column = *physical.column;
    if (physical.type == TypeId::numeric) return kMaxNumericBytes;
    if (column.kind == Kind::text) return 4 + std::size_t{column.capacity} + 1;
    if (column.kind != Kind::label) return kMaxFixedBytes;
    std::size_t longest = 0;
    for (const std::string_view label : column.labels) longest = std::max(longest, label.size());
    return 4 + longest;
}

/// The integer in a member of an integer kind.
std::int64_t integer_of(const Column& column, const std::byte* row) noexcept {
    return column.kind == Kind::int32 ? load<std::int32_t>(row, column) : load<std::int64_t>(row, column);
}

std::int64_t milliseconds_of(Timestamp time) noexcept {
    return std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch().count();
}

/// A time that marketdb cannot hold says nothing.
Timestamp from_milliseconds(std::int64_t milliseconds) noexcept {
    constexpr std::int64_t kPerMillisecond = 1000;
    if (milliseconds < 0 || milliseconds > kMaxTime.time_since_epoch().count() / kPerMillisecond) return kNoTime;
    return Timestamp{std::chrono::microseconds(milliseconds * kPerMillisecond)};
}

/// An empty text or a 0 where that means that there is no value.
bool is_empty(const Column& column, const std::byte* row) noexcept {
    return column.kind == Kind::text ? text_of(column, row).empty() : integer_of(column, row) == 0;
}

bool is_null(const PhysicalColumn& physical, const std::byte* row) noexcept {
    return is_null(*physical.column, row) || (physical.absent_is_null && is_empty(*physical.column, row));
}

void write_value(WireWriter& out, const PhysicalColumn& physical, const std::byte* row) {
    const Column& column = *physical.column;
    if (is_null(physical, row)) return out.int32(-1);
    switch (physical.type) {
        case TypeId::int2: out.int32(2); return out.int16(static_cast<std::int16_t>(integer_of(column, row)));
        case TypeId::int4: out.int32(4); return out.int32(static_cast<std::int32_t>(integer_of(column, row)));
        case TypeId::int8:
            out.int32(8);
            return out.int64(column.kind == Kind::time ? milliseconds_of(load<Timestamp>(row, column))
                                                       : integer_of(column, row));
        case TypeId::float4: out.int32(4); return out.float32(static_cast<float>(load<double>(row, column)));
        case TypeId::numeric: return write_numeric(out, load<double>(row, column));
        case TypeId::float8: out.int32(8); return out.float64(load<double>(row, column));
        case TypeId::timestamptz: out.int32(8); return out.int64(to_postgres(load<Timestamp>(row, column)));
        case TypeId::boolean: {
            const bool is_true = column.kind == Kind::tristate ? load<Tristate>(row, column) == Tristate::yes
                                                               : load<std::uint8_t>(row, column) != 0;
            out.int32(1);
            return out.byte(is_true ? '\1' : '\0');
        }
        case TypeId::text:
        case TypeId::varchar:
        case TypeId::bpchar: {
            const std::string_view text = text_of(column, row);
            out.int32(static_cast<std::int32_t>(text.size()));
            return out.bytes(text);
        }
        default: refuse_type(physical);
    }
}

/// Writes values into a string that grows in advance, so that each one costs no check of its own.
template <class Write>
void append_at_most(std::string& bytes, std::size_t most, Write write) {
    const std::size_t before = bytes.size();
    bytes.resize(before + most);
    WireWriter out(bytes.data() + before);
    write(out);
    bytes.resize(static_cast<std::size_t>(out.position() - bytes.data()));
}

std::size_t max_row_bytes(const PhysicalTable& table) noexcept {
    std::size_t most = 2;
    for (const PhysicalColumn& column : table.written) most += max_bytes(column);
    return most;
}

/// A series by one of its rows, and how far its clocks are apart.
struct Skew {
    const std::byte* row;
    std::int64_t least;
    std::int64_t greatest;
};

std::vector<Skew> skews_of(const Table& table, RowSpan rows) {
    const Column& event_time = *table.find(Role::event_time);
    const Column& received_at = *table.find(Role::received_at);
    std::vector<Skew> skews;
    for (std::size_t i = 0; i < rows.count; ++i) {
        const std::byte* row = rows.row(i);
        const auto received = load<Timestamp>(row, received_at);
        if (!is_present(received)) continue;
        const std::int64_t skew = (received - load<Timestamp>(row, event_time)).count();
        if (skews.empty() || compare(skews.back().row, row, table, table.series) != 0) {
            skews.push_back({row, skew, skew});
            continue;
        }
        skews.back().least = std::min(skews.back().least, skew);
        skews.back().greatest = std::max(skews.back().greatest, skew);
    }
    return skews;
}

[[noreturn]] void refuse_value(const PhysicalTable& table, const Column& column, std::string_view value) {
    throw Error(ErrorCode::corrupt,
                fmt::format("{}.{}: the database holds '{}', which no program of this version wrote", table.name,
                            column.name, core::printable(value)));
}

void decode_text(const PhysicalTable& table, const Column& column, std::string_view value, std::byte* into) {
    if (column.kind == Kind::text) {
        column.set_text(into + column.offset, value);
        if (column.is_overlong(into + column.offset)) refuse_value(table, column, value);
        return;
    }
    const auto found = std::find(column.labels.begin(), column.labels.end(), value);
    if (found == column.labels.end()) refuse_value(table, column, value);
    store(into, column, static_cast<std::uint8_t>(found - column.labels.begin()));
}

void store_integer(const PhysicalTable& table, const Column& column, std::int64_t value, std::byte* into) {
    if (column.kind == Kind::int64) return store(into, column, value);
    if (value != static_cast<std::int32_t>(value)) refuse_value(table, column, std::to_string(value));
    store(into, column, static_cast<std::int32_t>(value));
}

void store_numeric(const PhysicalTable& table, const Column& column, std::string_view value, std::byte* into) {
    const std::optional<double> number = read_numeric(value);
    if (!number) refuse_value(table, column, fmt::format("{} bytes that are no number", value.size()));
    store(into, column, *number);
}

void store_wide_integer(const PhysicalTable& table, const Column& column, std::int64_t value, std::byte* into) {
    if (column.kind == Kind::time) return store(into, column, from_milliseconds(value));
    store_integer(table, column, value, into);
}

void decode_value(const PhysicalTable& table, const PhysicalColumn& physical, std::string_view value, std::byte* into) {
    const Column& column = *physical.column;
    const auto require_length = [&](std::size_t length) {
        if (value.size() != length) refuse_value(table, column, fmt::format("{} bytes", value.size()));
    };
    switch (physical.type) {
        case TypeId::int4: require_length(4); return store_integer(table, column, get_int32(value.data()), into);
        case TypeId::int8: require_length(8); return store_wide_integer(table, column, get_int64(value.data()), into);
        case TypeId::int2: require_length(2); return store_integer(table, column, get_int16(value.data()), into);
        case TypeId::float4: require_length(4); return store(into, column, read_real(get_float32(value.data())));
        case TypeId::numeric: return store_numeric(table, column, value, into);
        case TypeId::float8: require_length(8); return store(into, column, get_float64(value.data()));
        case TypeId::timestamptz: require_length(8); return store(into, column, from_postgres(get_int64(value.data())));
        case TypeId::boolean: {
            require_length(1);
            const bool is_true = value.front() != 0;
            if (column.kind == Kind::boolean) return store(into, column, is_true);
            return store(into, column, is_true ? Tristate::yes : Tristate::no);
        }
        case TypeId::text:
        case TypeId::varchar:
        case TypeId::bpchar: return decode_text(table, column, value, into);
        default: refuse_type(physical);
    }
}

/// Of an existing table a null says what its blank row says.
void decode_null(const PhysicalTable& table, const PhysicalColumn& column, std::byte* into) noexcept {
    if (table.is_own()) set_absent(into, *column.column);
}

}  // namespace

bool can_hold(TypeId type, Kind kind) noexcept {
    switch (kind) {
        case Kind::int32: return type == TypeId::int4;
        case Kind::int64: return type == TypeId::int8;
        case Kind::float64: return type == TypeId::float8;
        case Kind::time: return type == TypeId::timestamptz;
        case Kind::boolean:
        case Kind::tristate: return type == TypeId::boolean;
        case Kind::label:
        case Kind::text: return type == TypeId::text || type == TypeId::varchar || type == TypeId::bpchar;
    }
    return false;
}

bool can_convert(TypeId type, Kind kind) noexcept {
    if (can_hold(type, kind)) return true;
    const bool is_integer = type == TypeId::int2 || type == TypeId::int4 || type == TypeId::int8;
    switch (kind) {
        case Kind::int32:
        case Kind::int64: return is_integer;
        case Kind::float64: return type == TypeId::numeric || type == TypeId::float4;
        case Kind::time: return type == TypeId::int8;
        case Kind::boolean:
        case Kind::tristate:
        case Kind::label:
        case Kind::text: break;
    }
    return false;
}

void append_value(std::string& bytes, const PhysicalColumn& column, const std::byte* row) {
    append_at_most(bytes, max_bytes(column), [&](WireWriter& out) { write_value(out, column, row); });
}

void add_parameter(Parameters& parameters, const PhysicalColumn& column, const std::byte* row) {
    if (is_null(column, row)) return parameters.add_null(static_cast<std::uint32_t>(column.type));
    parameters.begin(static_cast<std::uint32_t>(column.type));
    std::string value;
    append_value(value, column, row);
    parameters.buffer().append(value, 4);
}

void add_columns(Parameters& parameters, const PhysicalTable& table, RowSpan rows) {
    for (const PhysicalColumn& column : table.written) {
        if (column.column->role == Role::generated) continue;
        parameters.begin_array(column.type, rows.count, column.column->nullable || column.absent_is_null);
        append_at_most(parameters.buffer(), rows.count * max_bytes(column), [&](WireWriter& out) {
            for (std::size_t i = 0; i < rows.count; ++i) write_value(out, column, rows.row(i));
        });
    }
}

void add_skews(Parameters& parameters, const PhysicalTable& table, RowSpan rows) {
    const std::vector<Skew> skews = skews_of(*table.table, rows);
    for (const std::uint8_t index : table.table->series) {
        const PhysicalColumn* column = table.find(table.table->at(index));
        if (column == nullptr) continue;
        parameters.begin_array(column->type, skews.size(), false);
        for (const Skew& one : skews) append_value(parameters.buffer(), *column, one.row);
    }
    for (const auto bound : {&Skew::least, &Skew::greatest}) {
        parameters.begin_array(TypeId::int8, skews.size(), false);
        append_at_most(parameters.buffer(), skews.size() * kMaxFixedBytes, [&](WireWriter& out) {
            for (const Skew& one : skews) {
                out.int32(8);
                out.int64(one.*bound);
            }
        });
    }
}

void append_copy_rows(std::string& bytes, const PhysicalTable& table, RowSpan rows) {
    append_at_most(bytes, rows.count * max_row_bytes(table), [&](WireWriter& out) {
        for (std::size_t i = 0; i < rows.count; ++i) {
            out.int16(static_cast<std::int16_t>(table.written.size()));
            for (const PhysicalColumn& column : table.written) write_value(out, column, rows.row(i));
        }
    });
}

void decode_row(const Result& result, int row, int first_column, const PhysicalTable& table, std::byte* into) {
    if (table.existing) std::memcpy(into, table.existing->blank.data(), table.existing->blank.size());
    int index = first_column;
    for (const PhysicalColumn& column : table.columns) {
        if (result.is_null(row, index)) {
            decode_null(table, column, into);
        } else {
            decode_value(table, column, result.bytes(row, index), into);
        }
        ++index;
    }
    if (table.existing) complete_row(table, into);
}

void decode_copy_row(std::string_view bytes, const PhysicalTable& table, std::byte* into) {
    const auto cut = [&] { throw Error(ErrorCode::corrupt, fmt::format("{}: a row of COPY that is cut", table.name)); };
    if (bytes.size() < 2 || get_int16(bytes.data()) != static_cast<std::int16_t>(table.columns.size())) cut();
    bytes.remove_prefix(2);
    if (table.existing) std::memcpy(into, table.existing->blank.data(), table.existing->blank.size());
    for (const PhysicalColumn& column : table.columns) {
        if (bytes.size() < 4) cut();
        const std::int32_t length = get_int32(bytes.data());
        bytes.remove_prefix(4);
        if (length < 0) {
            decode_null(table, column, into);
            continue;
        }
        if (bytes.size() < static_cast<std::size_t>(length)) cut();
        decode_value(table, column, bytes.substr(0, static_cast<std::size_t>(length)), into);
        bytes.remove_prefix(static_cast<std::size_t>(length));
    }
    if (table.existing) complete_row(table, into);
}

std::string literal(std::string_view text) {
    // Doubled quotes are enough where standard_conforming_strings is on; the E form does not ask.
    std::string quoted = " E'";
    for (const char c : text) {
        if (c == '\'' || c == '\\') quoted += c;
        quoted += c;
    }
    return quoted += '\'';
}

std::string literal(Timestamp time) {
    std::string text;
    core::append_time(text, time.time_since_epoch().count());
    return fmt::format("'{}'::timestamptz", text);
}

std::string literal(const PhysicalColumn& physical, const std::byte* row) {
    const Column& column = *physical.column;
    if (is_null(column, row)) return "NULL";
    switch (column.kind) {
        case Kind::int32:
        case Kind::int64: return std::to_string(integer_of(column, row));
        case Kind::time: return literal(load<Timestamp>(row, column));
        case Kind::label:
        case Kind::text: return literal(text_of(column, row));
        case Kind::float64:
        case Kind::boolean:
        case Kind::tristate: break;
    }
    throw Error(ErrorCode::internal, fmt::format("column {} is no part of a key", column.name));
}

}  // namespace marketdb::storage::postgres
