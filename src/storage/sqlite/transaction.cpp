#include "storage/sqlite/transaction.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include <fmt/format.h>

namespace marketdb::storage::sqlite {

WriteTransaction::WriteTransaction(Connection& connection, FileLock& lock, const Control& control)
    : connection_(connection), lock_(lock) {
    const auto begun = std::chrono::steady_clock::now();
    const std::chrono::milliseconds limit = connection.options().busy_timeout;
    for (int attempt = 1;; ++attempt) {
        control.check();
        // The lock is let go between two attempts: a checkpoint must find its turn among any number of waiting writers.
        if (try_begin()) return;
        if (std::chrono::steady_clock::now() - begun >= limit) {
            throw Error(ErrorCode::unavailable, fmt::format("{}: locked by another process for more than {} ms",
                                                            connection.options().path, limit.count()));
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(std::min(attempt, 10)));
    }
}

WriteTransaction::~WriteTransaction() {
    if (!open_) return;
    connection_.roll_back();
    lock_.unlock();
}

void WriteTransaction::commit() {
    StatementUse commit(connection_.statement("COMMIT"));
    commit->step();
    open_ = false;
    lock_.unlock();
}

bool WriteTransaction::try_begin() {
    if (!lock_.try_shared()) return false;
    connection_.set_waits(false);
    int code = SQLITE_OK;
    try {
        StatementUse begin(connection_.statement("BEGIN IMMEDIATE"));
        code = begin->step_code();
    } catch (...) {
        connection_.set_waits(true);
        lock_.unlock();
        throw;
    }
    connection_.set_waits(true);
    open_ = code == SQLITE_DONE;
    if (open_) return true;
    lock_.unlock();
    if ((code & 0xff) == SQLITE_BUSY) return false;
    connection_.fail(code, "beginning to write");
}

ReadTransaction::ReadTransaction(Connection& connection) : connection_(connection) {
    StatementUse begin(connection.statement("BEGIN"));
    begin->step();
}

}  // namespace marketdb::storage::sqlite
