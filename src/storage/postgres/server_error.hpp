#pragma once

#include <string>
#include <string_view>

#include <libpq-fe.h>

#include <marketdb/error.hpp>

/// What the server says when it refuses, as marketdb's errors.
/// https://www.postgresql.org/docs/15/errcodes-appendix.html
namespace marketdb::storage::postgres {

/// The code of an SQLSTATE.
[[nodiscard]] ErrorCode code_of_sqlstate(std::string_view sqlstate) noexcept;

/// Whether the same transaction may succeed when it is run again at once (deadlock, serialization failure).
[[nodiscard]] bool is_transient(std::string_view sqlstate) noexcept;

/// A refused statement, with what tells where: schema, table, column, constraint.
struct ServerError {
    std::string sqlstate;
    std::string message;
    std::string detail;
    std::string schema;
    std::string table;
    std::string column;
    std::string constraint;
    std::string context;
    std::string routine;  ///< Of the server's source: the same in every language.

    /// From a result of a statement that failed.
    [[nodiscard]] static ServerError from(const PGresult* result);
    /// `message (detail)`, cut to 4 kB.
    [[nodiscard]] std::string text() const;
};

/// An `Error` that still knows what the server said.
class StatementError : public Error {
 public:
    /// @param what  What was done, in front of the server's words.
    StatementError(ServerError said, std::string_view what);
    [[nodiscard]] const ServerError& said() const noexcept { return said_; }

 private:
    ServerError said_;
};

}  // namespace marketdb::storage::postgres
