#include "storage/postgres/result.hpp"

#include <fmt/format.h>

#include <marketdb/error.hpp>
#include <marketdb/models.hpp>

#include "core/text.hpp"
#include "storage/postgres/wire.hpp"

namespace marketdb::storage::postgres {

std::int64_t Result::integer(int row, int column) const {
    const std::string_view value = bytes(row, column);
    switch (value.size()) {
        case 0: return 0;
        case 2: return get_int16(value.data());
        case 4: return get_int32(value.data());
        case 8: return get_int64(value.data());
        default: break;
    }
    throw Error(ErrorCode::internal, fmt::format("column {}: an integer of {} bytes", column, value.size()));
}

bool Result::boolean(int row, int column) const noexcept {
    const std::string_view value = bytes(row, column);
    return value.size() == 1 && value.front() != 0;
}

double Result::real(int row, int column) const {
    const std::string_view value = bytes(row, column);
    if (value.empty()) return kNoNumber;
    if (value.size() == 8) return get_float64(value.data());
    throw Error(ErrorCode::internal, fmt::format("column {}: a number of {} bytes", column, value.size()));
}

Timestamp Result::time(int row, int column) const {
    const std::string_view value = bytes(row, column);
    if (value.empty()) return kNoTime;
    if (value.size() == 8) return from_postgres(get_int64(value.data()));
    throw Error(ErrorCode::internal, fmt::format("column {}: a time of {} bytes", column, value.size()));
}

std::uint64_t Result::affected() const noexcept {
    return static_cast<std::uint64_t>(core::parse_int(PQcmdTuples(result_.get())).value_or(0));
}

}  // namespace marketdb::storage::postgres
