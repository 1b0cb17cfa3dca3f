#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <libpq-fe.h>

#include <marketdb/time.hpp>

namespace marketdb::storage::postgres {

/// What one statement answered, all of it in memory, values in binary. Columns and rows are numbered from 0.
class Result {
 public:
    Result() = default;
    explicit Result(PGresult* result) noexcept : result_(result) {}

    [[nodiscard]] PGresult* handle() const noexcept { return result_.get(); }
    [[nodiscard]] int rows() const noexcept { return PQntuples(result_.get()); }
    [[nodiscard]] int columns() const noexcept { return PQnfields(result_.get()); }
    [[nodiscard]] bool is_null(int row, int column) const noexcept {
        return PQgetisnull(result_.get(), row, column) == 1;
    }
    /// The value as it came; empty for null.
    [[nodiscard]] std::string_view bytes(int row, int column) const noexcept {
        return {PQgetvalue(result_.get(), row, column),
                static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
    }

    /// int2, int4, int8 or oid; 0 for null. Errors: internal  of another length.
    [[nodiscard]] std::int64_t integer(int row, int column) const;
    /// Any text type; empty for null.
    [[nodiscard]] std::string text(int row, int column) const { return std::string(bytes(row, column)); }
    /// False for null.
    [[nodiscard]] bool boolean(int row, int column) const noexcept;
    /// A float8; absent for null. Errors: internal  of another length.
    [[nodiscard]] double real(int row, int column) const;
    /// A timestamptz; kNoTime for null. Errors: internal  of another length.
    [[nodiscard]] Timestamp time(int row, int column) const;

    /// `INSERT 0 3`, `COMMIT`, `COPY 10000`.
    [[nodiscard]] std::string_view tag() const noexcept { return PQcmdStatus(result_.get()); }
    /// Rows of the tag; 0 where it has none.
    [[nodiscard]] std::uint64_t affected() const noexcept;

 private:
    struct Clear {
        void operator()(PGresult* result) const noexcept { PQclear(result); }
    };
    std::unique_ptr<PGresult, Clear> result_;
};

}  // namespace marketdb::storage::postgres
