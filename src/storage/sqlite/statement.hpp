#pragma once

#include <cstdint>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace marketdb::storage::sqlite {

class Connection;

/// A prepared statement that is kept for reuse.
///
/// Threads: those of its connection. Lifetime: within its connection's.
class Statement {
 public:
    /// Errors: as `Connection::fail`.
    Statement(Connection& connection, const std::string& sql);
    ~Statement();
    Statement(const Statement&) = delete;
    Statement& operator=(const Statement&) = delete;

    [[nodiscard]] sqlite3_stmt* handle() const noexcept { return handle_; }

    void bind(int parameter, std::int64_t value);
    /// The text is not copied: it must live until the statement is run.
    void bind(int parameter, std::string_view text);
    void bind_null(int parameter);

    /// Goes to the next row; false at the end. Errors: as `Connection::fail`.
    bool step() {
        const int code = step_code();
        if (code == kRow) return true;
        if (code != kDone) fail(code);
        return false;
    }
    /// The same without throwing: SQLite's result code.
    [[nodiscard]] int step_code() noexcept;
    void reset() noexcept;

    [[nodiscard]] std::int64_t integer(int column) const noexcept;
    [[nodiscard]] bool is_null(int column) const noexcept;
    /// Valid until the next step.
    [[nodiscard]] std::string_view text(int column) const noexcept;

 private:
    static constexpr int kRow = 100;
    static constexpr int kDone = 101;
    [[noreturn]] void fail(int code) const;

    Connection& connection_;
    sqlite3_stmt* handle_ = nullptr;
};

/// Resets a statement at the end of a scope: a statement left in the middle keeps its read transaction open, and with it
/// the log from being folded back.
class StatementUse {
 public:
    explicit StatementUse(Statement& statement) noexcept : statement_(statement) {}
    ~StatementUse() { statement_.reset(); }
    StatementUse(const StatementUse&) = delete;
    StatementUse& operator=(const StatementUse&) = delete;

    Statement* operator->() const noexcept { return &statement_; }
    Statement& operator*() const noexcept { return statement_; }

 private:
    Statement& statement_;
};

}  // namespace marketdb::storage::sqlite
