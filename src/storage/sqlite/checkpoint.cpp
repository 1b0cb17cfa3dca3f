#include "storage/sqlite/checkpoint.hpp"

#include <sqlite3.h>

#include <chrono>
#include <thread>
#include <utility>

#include <fmt/format.h>

namespace marketdb::storage::sqlite {
namespace {

constexpr auto kLongestWait = std::chrono::milliseconds(500);
constexpr auto kPause = std::chrono::milliseconds(2);

}  // namespace

Checkpointer::Checkpointer(Connection& connection, FileLock& lock, CheckpointLimits limits, Notice notice)
    : connection_(connection),
      lock_(lock),
      limits_(limits),
      notice_(std::move(notice)),
      frame_bytes_(static_cast<std::uint64_t>(connection.query_integer("PRAGMA page_size")) + kFrameHeaderBytes),
      next_attempt_bytes_(limits.wanted_bytes),
      next_wait_bytes_(limits.limit_bytes) {}

std::uint64_t Checkpointer::log_bytes() const noexcept { return connection_.wal_pages() * frame_bytes_; }

void Checkpointer::after_commit() noexcept {
    if (log_bytes() <= next_attempt_bytes_) return;
    if (try_now() == Outcome::done) return;
    // Every attempt costs an fsync of the database, so the next one waits until it would be worth more.
    next_attempt_bytes_ = log_bytes() + limits_.wanted_bytes / 4;
}

void Checkpointer::before_write(const Control& control, const std::function<void()>& on_wait) {
    if (log_bytes() <= next_wait_bytes_) return;
    const Outcome outcome = fold(control, on_wait);
    if (outcome == Outcome::done) return;
    next_wait_bytes_ = log_bytes() + limits_.limit_bytes / 4;
    if (outcome == Outcome::failed) return;
    notice_(
        fmt::format("{}-wal: {} bytes long, and cannot be folded back because another reader or process holds an old "
                    "snapshot; it grows on",
                    connection_.options().path, log_bytes()));
}

Checkpointer::Outcome Checkpointer::fold(const Control& control, const std::function<void()>& on_wait) {
    const auto begun = std::chrono::steady_clock::now();
    Outcome outcome = try_now();
    while (outcome == Outcome::busy && std::chrono::steady_clock::now() - begun < kLongestWait) {
        control.check();
        // At every attempt: the first new snapshot of a reader still uses the log, only the one after it does not.
        on_wait();
        std::this_thread::sleep_for(kPause);
        outcome = try_now();
    }
    return outcome;
}

Checkpointer::Outcome Checkpointer::at_close() {
    if (!lock_.try_exclusive()) return Outcome::busy;
    const Outcome outcome = run();
    if (outcome != Outcome::done) lock_.unlock();
    return outcome;
}

Checkpointer::Outcome Checkpointer::try_now() noexcept {
    try {
        if (!lock_.try_exclusive()) return Outcome::busy;
    } catch (const Error& error) {
        notice_(error.what());
        return Outcome::failed;
    }
    const Unlock unlock(lock_);
    return run();
}

Checkpointer::Outcome Checkpointer::run() noexcept {
    connection_.set_waits(false);
    const int code =
        sqlite3_wal_checkpoint_v2(connection_.handle(), "main", SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
    connection_.set_waits(true);
    if (code == SQLITE_OK) {
        connection_.set_wal_pages(0);
        next_attempt_bytes_ = limits_.wanted_bytes;
        next_wait_bytes_ = limits_.limit_bytes;
        return Outcome::done;
    }
    const int primary = code & 0xff;
    if (primary == SQLITE_BUSY || primary == SQLITE_LOCKED || primary == SQLITE_INTERRUPT) return Outcome::busy;
    // What was committed is safe in the log; the database itself can wait.
    notice_(fmt::format("{}: folding the log back failed: {}", connection_.options().path,
                        sqlite3_errmsg(connection_.handle())));
    return Outcome::failed;
}

}  // namespace marketdb::storage::sqlite
