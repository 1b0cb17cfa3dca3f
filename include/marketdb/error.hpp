#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace marketdb {

/// What went wrong, as a caller has to tell it apart. The texts (`to_string`) are the names below.
enum class ErrorCode : std::uint8_t {
    invalid_argument,    ///< A malformed row, file, text or option; the message names it. Nothing was stored.
    unknown_exchange,    ///< No such exchange in this database.
    unknown_symbol,      ///< No such symbol in this database.
    ambiguous,           ///< A text that fits several symbols; the message lists them.
    constraint,          ///< The database refused a value that this schema cannot hold.
    unavailable,         ///< The database cannot be reached, is locked by another process, or does not exist.
    unauthorized,        ///< The database refused the user or the right.
    resource_exhausted,  ///< Disk full, too many operations waiting, a bound of this library reached.
    timeout,             ///< The deadline passed. The operation was undone.
    cancelled,           ///< The caller cancelled. The operation was undone.
    in_doubt,            ///< The link broke during COMMIT; the operation may have been stored. Retry to find out.
    schema_mismatch,     ///< Not a marketdb database, or of a version that this program must not use.
    read_only,           ///< A write to a database that was opened, or is, read-only.
    corrupt,             ///< The file is damaged or is no database.
    closed,              ///< The manager is not initialised, or was closed.
    internal,            ///< A fault of marketdb itself; please report it.
};

/// The name of a code, as in the list above.
[[nodiscard]] std::string_view to_string(ErrorCode code) noexcept;

/// The only exception that marketdb throws. Never holds a password: URLs in messages are redacted.
class Error : public std::runtime_error {
 public:
    /// @param code      What went wrong.
    /// @param message   What, where (table, column, row index, file and line) and what was expected.
    /// @param sqlstate  The five characters of PostgreSQL, where the database gave them.
    explicit Error(ErrorCode code, const std::string& message, std::string_view sqlstate = {})
        : std::runtime_error(message), code_(code), sqlstate_(sqlstate) {}

    /// What went wrong.
    [[nodiscard]] ErrorCode code() const noexcept { return code_; }

    /// The database's own five-character code; empty where there is none (always on SQLite).
    [[nodiscard]] const std::string& sqlstate() const noexcept { return sqlstate_; }

    /// Whether the same call may succeed later without a change by the caller (unavailable, timeout, resource_exhausted,
    /// in_doubt).
    [[nodiscard]] bool retryable() const noexcept {
        return code_ == ErrorCode::unavailable || code_ == ErrorCode::timeout || code_ == ErrorCode::in_doubt ||
               code_ == ErrorCode::resource_exhausted;
    }

    /// Whether it is unknown if the operation was stored.
    [[nodiscard]] bool in_doubt() const noexcept { return code_ == ErrorCode::in_doubt; }

    /// Whether the connection to the database is gone (unavailable, in_doubt).
    [[nodiscard]] bool connection_lost() const noexcept {
        return code_ == ErrorCode::unavailable || code_ == ErrorCode::in_doubt;
    }

 private:
    ErrorCode code_;
    std::string sqlstate_;
};

}  // namespace marketdb
