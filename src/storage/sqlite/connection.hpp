#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include <marketdb/error.hpp>

#include "storage/sqlite/control.hpp"
#include "storage/sqlite/statement.hpp"

namespace marketdb::storage::sqlite {

/// How a file is opened.
enum class Access : std::uint8_t {
    create,  ///< Read and write; made if it is not there.
    read_write,
    query_only,  ///< SQLite may keep its side files, but no statement writes.
    read_only,   ///< The file cannot be written.
    immutable,   ///< Nor can its folder: nobody writes, no locks are taken.
};

struct ConnectionOptions {
    std::string path;  ///< Absolute, or `:memory:`.
    Access access = Access::read_write;
    std::chrono::milliseconds busy_timeout{5000};
    int cache_kib = 8192;
};

/// One connection to a database file, set up as marketdb wants every connection to be.
///
/// Threads: one at a time. In a child after fork() it is left alone, not closed: closing would drop the parent's locks.
class Connection {
 public:
    /// Errors: as `fail`.
    Connection(ConnectionOptions options, const Control& control);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    [[nodiscard]] sqlite3* handle() const noexcept { return handle_; }
    [[nodiscard]] const ConnectionOptions& options() const noexcept { return options_; }
    [[nodiscard]] bool is_memory() const noexcept { return options_.path == ":memory:"; }
    /// Of the database file, links resolved; empty in memory.
    [[nodiscard]] std::string file() const;

    /// The statement of this text, prepared at its first use.
    Statement& statement(std::string_view sql);
    /// Runs a statement of one's own that gives no rows of interest.
    void execute(const std::string& sql);
    /// The first column of the first row; 0 if there is none.
    std::int64_t query_integer(const std::string& sql);
    std::string query_text(const std::string& sql);

    /// Ends a transaction that is still open; some errors have ended it already.
    void roll_back() noexcept;

    /// Pages in the log as of the last commit of this connection.
    [[nodiscard]] std::uint64_t wal_pages() const noexcept { return wal_pages_; }
    void set_wal_pages(std::uint64_t pages) noexcept { wal_pages_ = pages; }

    /// Whether SQLite waits for locks by itself (up to busy_timeout and the deadline), or gives up at once.
    void set_waits(bool waits) noexcept { waits_ = waits; }

    /// Lets SQLite remove the log when this is the last connection. Without it the log stays.
    void allow_log_removal() noexcept;
    /// Makes the destructor leave the handle open: this is a child of the process that opened it.
    void abandon() noexcept { handle_ = nullptr; }

    /// Throws what an SQLite result code means: names the file, what was done, and SQLite's own words.
    ///
    /// Errors: timeout, cancelled  the operation's control says so. unavailable  locked, or an I/O error.
    ///         resource_exhausted  disk full, out of memory. read_only. corrupt. schema_mismatch  a table or column is gone.
    ///         constraint. internal  anything else.
    [[noreturn]] void fail(int code, std::string_view doing) const;

    /// Makes a control hold for what the connection does within a scope.
    class Scope {
     public:
        Scope(Connection& connection, const Control& control) noexcept
            : connection_(connection), before_(connection.control_) {
            connection.control_ = &control;
        }
        ~Scope() { connection_.control_ = before_; }
        Scope(const Scope&) = delete;
        Scope& operator=(const Scope&) = delete;

     private:
        Connection& connection_;
        const Control* before_;
    };

 private:
    struct TextHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
    };

    void open();
    void configure();
    void require_pragma(const std::string& name, std::int64_t wanted);
    static int on_busy(void* self, int count) noexcept;
    static int on_progress(void* self) noexcept;
    static int on_commit(void* self, sqlite3* handle, const char* database, int pages) noexcept;

    const ConnectionOptions options_;
    sqlite3* handle_ = nullptr;
    const Control* control_ = nullptr;
    std::chrono::steady_clock::time_point busy_since_;
    std::uint64_t wal_pages_ = 0;
    bool waits_ = true;
    std::unordered_map<std::string, std::unique_ptr<Statement>, TextHash, std::equal_to<>> statements_;
};

}  // namespace marketdb::storage::sqlite
