#pragma once

#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include <marketdb/time.hpp>

/// Values as PostgreSQL's binary format has them: network byte order, times as microseconds since 2000-01-01 UTC.
/// https://www.postgresql.org/docs/15/protocol-overview.html#PROTOCOL-FORMAT-CODES
namespace marketdb::storage::postgres {

/// Types by their numbers in pg_type; those of the built-in types never change.
enum class TypeId : std::uint32_t {
    boolean = 16,
    int8 = 20,
    int2 = 21,
    int4 = 23,
    text = 25,
    oid = 26,
    float4 = 700,
    float8 = 701,
    bpchar = 1042,
    varchar = 1043,
    timestamptz = 1184,
    numeric = 1700,
};

/// 2000-01-01 UTC in microseconds since 1970.
inline constexpr std::int64_t kPostgresEpoch = 946'684'800'000'000;

/// An unsigned integer in network byte order.
template <class Unsigned>
[[nodiscard]] inline Unsigned to_network(Unsigned value) noexcept {
    static_assert(std::endian::native == std::endian::little);
    if constexpr (sizeof(Unsigned) == 8) return __builtin_bswap64(value);
    if constexpr (sizeof(Unsigned) == 4) return __builtin_bswap32(value);
    if constexpr (sizeof(Unsigned) == 2) return __builtin_bswap16(value);
    return value;
}

/// Writes values one behind the other into memory that is large enough; the caller has seen to that.
class WireWriter {
 public:
    explicit WireWriter(char* at) noexcept : at_(at) {}

    void int16(std::int16_t value) noexcept { put(static_cast<std::uint16_t>(value)); }
    void int32(std::int32_t value) noexcept { put(static_cast<std::uint32_t>(value)); }
    void int64(std::int64_t value) noexcept { put(static_cast<std::uint64_t>(value)); }
    void float64(double value) noexcept { put(std::bit_cast<std::uint64_t>(value)); }
    void float32(float value) noexcept { put(std::bit_cast<std::uint32_t>(value)); }
    void byte(char value) noexcept { *at_++ = value; }
    void bytes(std::string_view text) noexcept {
        std::memcpy(at_, text.data(), text.size());
        at_ += text.size();
    }
    [[nodiscard]] char* position() const noexcept { return at_; }

 private:
    template <class Unsigned>
    void put(Unsigned value) noexcept {
        const Unsigned network = to_network(value);
        std::memcpy(at_, &network, sizeof(network));
        at_ += sizeof(network);
    }

    char* at_;
};

/// A value out of bytes that are long enough.
template <class Unsigned>
[[nodiscard]] inline Unsigned from_network(const char* bytes) noexcept {
    Unsigned value;
    std::memcpy(&value, bytes, sizeof(value));
    return to_network(value);
}
[[nodiscard]] inline std::int16_t get_int16(const char* bytes) noexcept {
    return static_cast<std::int16_t>(from_network<std::uint16_t>(bytes));
}
[[nodiscard]] inline std::int32_t get_int32(const char* bytes) noexcept {
    return static_cast<std::int32_t>(from_network<std::uint32_t>(bytes));
}
[[nodiscard]] inline std::int64_t get_int64(const char* bytes) noexcept {
    return static_cast<std::int64_t>(from_network<std::uint64_t>(bytes));
}
[[nodiscard]] inline double get_float64(const char* bytes) noexcept {
    return std::bit_cast<double>(from_network<std::uint64_t>(bytes));
}
[[nodiscard]] inline float get_float32(const char* bytes) noexcept {
    return std::bit_cast<float>(from_network<std::uint32_t>(bytes));
}

[[nodiscard]] inline std::int64_t to_postgres(Timestamp time) noexcept {
    return time.time_since_epoch().count() - kPostgresEpoch;
}
[[nodiscard]] inline Timestamp from_postgres(std::int64_t microseconds) noexcept {
    return Timestamp{std::chrono::microseconds(microseconds + kPostgresEpoch)};
}

}  // namespace marketdb::storage::postgres
