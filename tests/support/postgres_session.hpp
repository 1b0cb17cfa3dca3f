#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace marketdb::testing {

/// A statement or a connection that failed.
class PostgresFailure : public std::runtime_error {
 public:
    PostgresFailure(const std::string& message, std::string sqlstate)
        : std::runtime_error(message), sqlstate_(std::move(sqlstate)) {}

    /// Empty where the server did not say one, as when the connection is lost.
    [[nodiscard]] const std::string& sqlstate() const noexcept { return sqlstate_; }

 private:
    std::string sqlstate_;
};

/// A connection as another program has it: plain blocking libpq, nothing of marketdb. All failures throw PostgresFailure.
///
/// Threads: one at a time.
class PostgresSession {
 public:
    explicit PostgresSession(const std::string& conninfo);
    ~PostgresSession();
    PostgresSession(const PostgresSession&) = delete;
    PostgresSession& operator=(const PostgresSession&) = delete;

    /// Runs one or several statements.
    void run(const std::string& sql);

    /// All rows of one statement, the columns joined by `|`, null as nothing.
    [[nodiscard]] std::vector<std::string> rows(const std::string& sql);

    /// The first column of the only row.
    [[nodiscard]] std::string value(const std::string& sql);
    [[nodiscard]] long long number(const std::string& sql);

    /// Whether a notification of the channel comes within the time.
    [[nodiscard]] bool hears(const std::string& channel, std::chrono::milliseconds limit = std::chrono::seconds(10));

    [[nodiscard]] PGconn* handle() const noexcept { return connection_; }

 private:
    PGconn* connection_;
};

/// `"name"`; a quote inside is doubled.
[[nodiscard]] std::string quoted_identifier(const std::string& name);
/// `'text'`; a quote inside is doubled.
[[nodiscard]] std::string quoted_text(const std::string& text);

}  // namespace marketdb::testing
