#include <marketdb/error.hpp>

namespace marketdb {

std::string_view to_string(ErrorCode code) noexcept {
    switch (code) {
        case ErrorCode::invalid_argument: return "invalid_argument";
        case ErrorCode::unknown_exchange: return "unknown_exchange";
        case ErrorCode::unknown_symbol: return "unknown_symbol";
        case ErrorCode::ambiguous: return "ambiguous";
        case ErrorCode::constraint: return "constraint";
        case ErrorCode::unavailable: return "unavailable";
        case ErrorCode::unauthorized: return "unauthorized";
        case ErrorCode::resource_exhausted: return "resource_exhausted";
        case ErrorCode::timeout: return "timeout";
        case ErrorCode::cancelled: return "cancelled";
        case ErrorCode::in_doubt: return "in_doubt";
        case ErrorCode::schema_mismatch: return "schema_mismatch";
        case ErrorCode::read_only: return "read_only";
        case ErrorCode::corrupt: return "corrupt";
        case ErrorCode::closed: return "closed";
        case ErrorCode::internal: return "internal";
    }
    return "internal";
}

}  // namespace marketdb
