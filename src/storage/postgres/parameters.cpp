#include "storage/postgres/parameters.hpp"

#include <array>
#include <utility>

#include <fmt/format.h>

#include <marketdb/error.hpp>

namespace marketdb::storage::postgres {
namespace {

/// MaxAllocSize of the server.
constexpr std::size_t kMaxParameterBytes = (std::size_t{1} << 30) - 1;

template <std::size_t Size, class Write>
void append(std::string& bytes, Write write) {
    std::array<char, Size> value{};
    WireWriter writer(value.data());
    write(writer);
    bytes.append(value.data(), value.size());
}

}  // namespace

std::uint32_t array_of(TypeId element) {
    switch (element) {
        case TypeId::boolean: return 1000;
        case TypeId::int2: return 1005;
        case TypeId::int4: return 1007;
        case TypeId::text: return 1009;
        case TypeId::bpchar: return 1014;
        case TypeId::varchar: return 1015;
        case TypeId::int8: return 1016;
        case TypeId::float4: return 1021;
        case TypeId::float8: return 1022;
        case TypeId::oid: return 1028;
        case TypeId::timestamptz: return 1185;
        case TypeId::numeric: return 1231;
    }
    throw Error(ErrorCode::internal, fmt::format("no array type of type {}", static_cast<std::uint32_t>(element)));
}

void Parameters::begin(std::uint32_t type) { entries_.push_back({type, bytes_.size(), false}); }

void Parameters::add_null(std::uint32_t type) { entries_.push_back({type, bytes_.size(), true}); }

void Parameters::add(std::int32_t value) {
    begin(static_cast<std::uint32_t>(TypeId::int4));
    append<4>(bytes_, [value](WireWriter& writer) { writer.int32(value); });
}

void Parameters::add(std::int64_t value) {
    begin(static_cast<std::uint32_t>(TypeId::int8));
    append<8>(bytes_, [value](WireWriter& writer) { writer.int64(value); });
}

void Parameters::add(std::string_view text) {
    begin(static_cast<std::uint32_t>(TypeId::text));
    bytes_.append(text);
}

void Parameters::add(Timestamp time) {
    begin(static_cast<std::uint32_t>(TypeId::timestamptz));
    append<8>(bytes_, [time](WireWriter& writer) { writer.int64(to_postgres(time)); });
}

void Parameters::begin_array(TypeId element, std::size_t count, bool has_nulls) {
    begin(array_of(element));
    append<20>(bytes_, [&](WireWriter& writer) {
        writer.int32(1);
        writer.int32(has_nulls ? 1 : 0);
        writer.int32(static_cast<std::int32_t>(element));
        writer.int32(static_cast<std::int32_t>(count));
        writer.int32(1);
    });
}

void Parameters::clear() noexcept {
    bytes_.clear();
    entries_.clear();
}

Parameters::View Parameters::view() const {
    View view;
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        const std::size_t end = i + 1 < entries_.size() ? entries_[i + 1].offset : bytes_.size();
        const std::size_t length = end - entries_[i].offset;
        if (length > kMaxParameterBytes) {
            throw Error(ErrorCode::resource_exhausted,
                        fmt::format("a parameter of {} bytes; the server takes at most 1 GiB", length));
        }
        view.types.push_back(entries_[i].type);
        view.values.push_back(entries_[i].is_null ? nullptr : bytes_.data() + entries_[i].offset);
        view.lengths.push_back(static_cast<int>(length));
        view.formats.push_back(1);
    }
    return view;
}

}  // namespace marketdb::storage::postgres
