#include "transfer/series_digest.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <string_view>

namespace marketdb::transfer {
namespace {

using storage::Column;
using storage::Kind;
using storage::Role;

constexpr std::string_view kFormula = "marketdb checksum 1";
constexpr std::size_t kBufferBytes = 64 * 1024;

/// NaN has many bit patterns, of which an absent number is written as one.
constexpr std::uint64_t kAbsentNumber = 0x7ff8000000000000;

/// Ids and sources are those of one database, and a computed column follows from others.
[[nodiscard]] bool counts(const Column& column) noexcept {
    return column.role != Role::series && column.role != Role::generated && column.role != Role::source &&
           column.role != Role::computed;
}

void append_integer(std::string& out, std::uint64_t value) {
    char bytes[sizeof value];
    for (char& byte : bytes) {
        byte = static_cast<char>(value & 0xff);
        value >>= 8;
    }
    out.append(bytes, sizeof bytes);
}

void append_text(std::string& out, std::string_view text) {
    static_assert(sizeof(Trade::trade_id) <= std::numeric_limits<std::uint8_t>::max());
    out += static_cast<char>(text.size());
    out += text;
}

void append_value(std::string& out, const std::byte* row, const Column& column) {
    switch (column.kind) {
        case Kind::int32:
            append_integer(out, static_cast<std::uint64_t>(std::int64_t{storage::load<std::int32_t>(row, column)}));
            return;
        case Kind::int64:
        case Kind::time: append_integer(out, storage::load<std::uint64_t>(row, column)); return;
        case Kind::float64: {
            const auto number = storage::load<double>(row, column);
            append_integer(out, is_present(number) ? std::bit_cast<std::uint64_t>(number) : kAbsentNumber);
            return;
        }
        case Kind::boolean:
        case Kind::tristate: out += static_cast<char>(storage::load<std::uint8_t>(row, column)); return;
        case Kind::label: append_text(out, column.labels[storage::load<std::uint8_t>(row, column)]); return;
        case Kind::text: append_text(out, column.get_text(row + column.offset)); return;
    }
}

}  // namespace

SeriesDigest::SeriesDigest(const SeriesName& name) {
    sum_.name = name;
    for (const std::string_view part : {kFormula, to_string(name.dataset), std::string_view(name.exchange),
                                        std::string_view(name.symbol), std::string_view(name.account)}) {
        bytes_ += part;
        bytes_ += '\0';
    }
    hash_.add(bytes_);
}

void SeriesDigest::add(storage::RowSpan rows) {
    if (rows.count == 0) return;
    const Column& time = *rows.table->find(Role::event_time);
    if (sum_.rows == 0) sum_.first = storage::load<Timestamp>(rows.row(0), time);
    sum_.last = storage::load<Timestamp>(rows.row(rows.count - 1), time);
    sum_.rows += rows.count;
    bytes_.clear();
    for (std::size_t i = 0; i < rows.count; ++i) {
        for (const Column& column : rows.table->columns) {
            if (counts(column)) append_value(bytes_, rows.row(i), column);
        }
        if (bytes_.size() < kBufferBytes) continue;
        hash_.add(bytes_);
        bytes_.clear();
    }
    hash_.add(bytes_);
}

SeriesChecksum SeriesDigest::checksum() const {
    SeriesChecksum sum = sum_;
    sum.sha256 = hash_.hex();
    return sum;
}

bool is_same_row(const storage::Table& table, const std::byte* a, const std::byte* b) noexcept {
    return std::all_of(table.columns.begin(), table.columns.end(),
                       [=](const Column& column) { return !counts(column) || storage::equal(a, b, column); });
}

}  // namespace marketdb::transfer
