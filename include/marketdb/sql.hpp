#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include <marketdb/time.hpp>

/// What goes into and comes out of statements that a caller writes: see `DatabaseManager::execute`.
namespace marketdb {

/// One value. Null is `std::monostate`; bytes are those of a blob or bytea. On SQLite, which has neither booleans nor times,
/// a bool goes in as 0 or 1, a time as microseconds since 1970, and both come out as numbers. On PostgreSQL a numeric comes out
/// as the nearest double.
using Value = std::variant<std::monostate, bool, std::int64_t, double, Timestamp, std::string, std::vector<std::byte>>;

/// Rows that `fetch` returns at most unless it is asked for another number.
inline constexpr std::uint64_t kSqlRowLimit = 100'000;

/// What a statement answered.
struct SqlResult {
    std::vector<std::string> columns;  ///< Their names; empty: a statement without rows.
    std::vector<std::vector<Value>> rows;
    std::uint64_t affected = 0;  ///< Rows that it inserted, updated or deleted.
    bool truncated = false;      ///< There are more rows than these.
};

}  // namespace marketdb
