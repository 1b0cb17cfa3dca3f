#pragma once

#include <marketdb/deadline.hpp>

#include "storage/sqlite/connection.hpp"
#include "storage/sqlite/control.hpp"
#include "storage/sqlite/file_lock.hpp"

namespace marketdb::storage::sqlite {

/// A write transaction: BEGIN IMMEDIATE with marketdb's lock held shared, so that nobody folds the log back meanwhile.
/// Undone at the end of its scope unless committed.
class WriteTransaction {
 public:
    /// Waits for other writers up to busy_timeout and the deadline.
    ///
    /// Errors: unavailable  locked by another process for longer. timeout, cancelled. Else as `Connection::fail`.
    WriteTransaction(Connection& connection, FileLock& lock, const Control& control);
    ~WriteTransaction();
    WriteTransaction(const WriteTransaction&) = delete;
    WriteTransaction& operator=(const WriteTransaction&) = delete;

    /// What was done is on the disk when it returns.
    void commit();

 private:
    [[nodiscard]] bool try_begin();

    Connection& connection_;
    FileLock& lock_;
    bool open_ = false;
};

/// One snapshot for several statements that read.
class ReadTransaction {
 public:
    explicit ReadTransaction(Connection& connection);
    ~ReadTransaction() { connection_.roll_back(); }
    ReadTransaction(const ReadTransaction&) = delete;
    ReadTransaction& operator=(const ReadTransaction&) = delete;

 private:
    Connection& connection_;
};

}  // namespace marketdb::storage::sqlite
