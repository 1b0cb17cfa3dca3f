#include "storage/sqlite/connection.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

#include <fmt/format.h>

namespace marketdb::storage::sqlite {
namespace {

/// SQLite asks for a sign of life after so many of its instructions; inserting a row takes about 40.
constexpr int kProgressInstructions = 4000;

std::string uri_of(const std::string& path) {
    std::string uri = "file:";
    for (const char c : path) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' ||
                           c == '.' || c == '-' || c == '_';
        uri += plain ? std::string(1, c) : fmt::format("%{:02x}", static_cast<unsigned char>(c));
    }
    return uri + "?immutable=1";
}

int flags_of(Access access) {
    constexpr int kAlways = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    switch (access) {
        case Access::create: return kAlways | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
        case Access::read_only: return kAlways | SQLITE_OPEN_READONLY;
        case Access::immutable: return kAlways | SQLITE_OPEN_READONLY | SQLITE_OPEN_URI;
        default: return kAlways | SQLITE_OPEN_READWRITE;
    }
}

bool is_out_of_space(int system_error) noexcept {
    return system_error == ENOSPC || system_error == EDQUOT || system_error == EFBIG;
}

/// errno of what failed. SQLite does not note it for a COMMIT that fails, but the file that could not be written has it.
int system_error_of(sqlite3* handle) noexcept {
    const int noted = sqlite3_system_errno(handle);
    if (noted != 0) return noted;
    int error = 0;
    sqlite3_file* log = nullptr;
    sqlite3_file_control(handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    if (log != nullptr && log->pMethods != nullptr) log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &error);
    return error;
}

/// What a result code means where nothing more is known about the operation.
ErrorCode code_of(int code, int system_error, std::string_view message) noexcept {
    switch (code & 0xff) {
        case SQLITE_BUSY:
        case SQLITE_PROTOCOL:
        case SQLITE_CANTOPEN:
        case SQLITE_PERM: return ErrorCode::unavailable;
        case SQLITE_FULL:
        case SQLITE_NOMEM: return ErrorCode::resource_exhausted;
        case SQLITE_IOERR:
            return is_out_of_space(system_error) ? ErrorCode::resource_exhausted : ErrorCode::unavailable;
        case SQLITE_READONLY: return code == SQLITE_READONLY_DBMOVED ? ErrorCode::unavailable : ErrorCode::read_only;
        case SQLITE_CORRUPT: return ErrorCode::corrupt;
        case SQLITE_CONSTRAINT: return ErrorCode::constraint;
        case SQLITE_TOOBIG: return ErrorCode::invalid_argument;
        case SQLITE_ERROR:
            // The tables were checked at opening, so somebody has changed them since.
            return message.starts_with("no such table") || message.find("no such column") != std::string_view::npos ||
                           message.find("has no column") != std::string_view::npos
                       ? ErrorCode::schema_mismatch
                       : ErrorCode::internal;
        default: return ErrorCode::internal;
    }
}

}  // namespace

Connection::Connection(ConnectionOptions options, const Control& control) : options_(std::move(options)) {
    const Scope scope(*this, control);
    try {
        open();
        configure();
    } catch (...) {
        statements_.clear();
        sqlite3_close_v2(handle_);
        throw;
    }
}

Connection::~Connection() {
    if (handle_ == nullptr) {
        for (auto& [sql, statement] : statements_) static_cast<void>(statement.release());
        return;
    }
    statements_.clear();
    sqlite3_close_v2(handle_);
}

std::string Connection::file() const {
    const char* name = sqlite3_db_filename(handle_, "main");
    return name == nullptr ? std::string() : std::string(name);
}

void Connection::open() {
    const std::string name = options_.access == Access::immutable ? uri_of(options_.path) : options_.path;
    const int code = sqlite3_open_v2(name.c_str(), &handle_, flags_of(options_.access), nullptr);
    if (handle_ == nullptr) throw Error(ErrorCode::resource_exhausted, "no memory to open " + options_.path);
    if (code != SQLITE_OK) fail(sqlite3_extended_errcode(handle_), "opening it");
    sqlite3_extended_result_codes(handle_, 1);
    sqlite3_busy_handler(handle_, &Connection::on_busy, this);
    sqlite3_progress_handler(handle_, kProgressInstructions, &Connection::on_progress, this);
}

void Connection::configure() {
    constexpr std::array<std::pair<int, int>, 5> kSwitches{{{SQLITE_DBCONFIG_DEFENSIVE, 1},
                                                            {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
                                                            {SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1},
                                                            {SQLITE_DBCONFIG_DQS_DDL, 0},
                                                            {SQLITE_DBCONFIG_DQS_DML, 0}}};
    for (const auto& [name, value] : kSwitches) {
        const int code = sqlite3_db_config(handle_, name, value, nullptr);
        if (code != SQLITE_OK) fail(code, "setting it up");
    }
    // https://www.sqlite.org/wal.html#walresetbug: a checkpoint runs only where marketdb's own lock keeps writers out.
    execute("PRAGMA wal_autocheckpoint = 0");
    // Setting wal_autocheckpoint replaces the hook, so it comes after.
    sqlite3_wal_hook(handle_, &Connection::on_commit, this);
    execute("PRAGMA trusted_schema = OFF");
    execute("PRAGMA cell_size_check = ON");
    // An I/O error in mapped memory would be a SIGBUS in the host program.
    execute("PRAGMA mmap_size = 0");
    // Distributions build SQLite with it on, which makes deleting write every freed page once more.
    execute("PRAGMA secure_delete = OFF");
    execute(fmt::format("PRAGMA cache_size = -{}", options_.cache_kib));
    execute("PRAGMA temp_store = MEMORY");
    execute("PRAGMA synchronous = FULL");
    execute("PRAGMA foreign_keys = ON");
    require_pragma("synchronous", 2);
    require_pragma("foreign_keys", 1);
    if (options_.access == Access::query_only) execute("PRAGMA query_only = ON");
}

void Connection::require_pragma(const std::string& name, std::int64_t wanted) {
    const std::int64_t found = query_integer("PRAGMA " + name);
    if (found == wanted) return;
    throw Error(ErrorCode::internal,
                fmt::format("{}: PRAGMA {} is {}, expected {}", options_.path, name, found, wanted));
}

Statement& Connection::statement(std::string_view sql) {
    const auto found = statements_.find(sql);
    if (found != statements_.end()) return *found->second;
    std::string text(sql);
    auto made = std::make_unique<Statement>(*this, text);
    return *statements_.emplace(std::move(text), std::move(made)).first->second;
}

void Connection::execute(const std::string& sql) {
    const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) fail(code, sql);
}

std::int64_t Connection::query_integer(const std::string& sql) {
    Statement statement(*this, sql);
    return statement.step() ? statement.integer(0) : 0;
}

std::string Connection::query_text(const std::string& sql) {
    Statement statement(*this, sql);
    return statement.step() ? std::string(statement.text(0)) : std::string();
}

void Connection::roll_back() noexcept {
    if (handle_ == nullptr || sqlite3_get_autocommit(handle_) != 0) return;
    // Undoing must not be stopped by what stopped the operation.
    const Control* before = std::exchange(control_, nullptr);
    sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
    control_ = before;
}

void Connection::allow_log_removal() noexcept {
    sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
}

void Connection::fail(int code, std::string_view doing) const {
    const int primary = code & 0xff;
    if ((primary == SQLITE_BUSY || primary == SQLITE_INTERRUPT) && control_ != nullptr) control_->check();
    const std::string words = handle_ == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(handle_);
    if (primary == SQLITE_BUSY) {
        throw Error(ErrorCode::unavailable, fmt::format("{}: locked by another process for more than {} ms ({})",
                                                        options_.path, options_.busy_timeout.count(), words));
    }
    if (primary == SQLITE_NOTADB) {
        throw Error(ErrorCode::corrupt, fmt::format("{}: is no SQLite database ({})", options_.path, words));
    }
    if (code == SQLITE_READONLY_DIRECTORY || code == SQLITE_READONLY_CANTINIT) {
        throw Error(
            ErrorCode::read_only,
            fmt::format("{}: its folder cannot be written; open it read-only (sqlite:PATH?mode=ro)", options_.path));
    }
    const bool io = primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN || primary == SQLITE_FULL;
    const int system_error = io && handle_ != nullptr ? system_error_of(handle_) : 0;
    std::string message = fmt::format("{}: {}: {}", options_.path, doing, words);
    if (io && system_error != 0) message += fmt::format(" ({})", std::generic_category().message(system_error));
    throw Error(code_of(code, system_error, words), message);
}

int Connection::on_busy(void* self, int count) noexcept {
    auto& connection = *static_cast<Connection*>(self);
    if (!connection.waits_) return 0;
    const auto now = std::chrono::steady_clock::now();
    if (count == 0) connection.busy_since_ = now;
    const auto waited = now - connection.busy_since_;
    if (waited >= connection.options_.busy_timeout) return 0;
    if (connection.control_ != nullptr && connection.control_->must_stop()) return 0;
    std::this_thread::sleep_for(std::chrono::milliseconds(std::min(1 + count, 10)));
    return 1;
}

int Connection::on_progress(void* self) noexcept {
    const auto& connection = *static_cast<Connection*>(self);
    return connection.control_ != nullptr && connection.control_->must_stop() ? 1 : 0;
}

int Connection::on_commit(void* self, sqlite3* /*handle*/, const char* /*database*/, int pages) noexcept {
    static_cast<Connection*>(self)->wal_pages_ = static_cast<std::uint64_t>(pages);
    return SQLITE_OK;
}

}  // namespace marketdb::storage::sqlite
