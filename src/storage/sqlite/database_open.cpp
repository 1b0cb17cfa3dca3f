#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "core/identity.hpp"
#include "storage/sqlite/checkpoint.hpp"
#include "storage/sqlite/database.hpp"
#include "storage/sqlite/migrator.hpp"
#include "storage/sqlite/transaction.hpp"

namespace marketdb::storage::sqlite {
namespace {

constexpr int kWriterCacheKib = 32 * 1024;
constexpr int kReaderCacheKib = 8 * 1024;

std::string absolute_path(const std::string& path) {
    if (path == ":memory:") return path;
    // Fixed now, so that a later chdir of the host program changes nothing.
    std::error_code failed;
    const std::filesystem::path absolute = std::filesystem::absolute(path, failed);
    return failed ? path : absolute.string();
}

/// -1 if there is no such file.
std::int64_t size_of(const std::string& path) noexcept {
    struct stat found {};
    return ::stat(path.c_str(), &found) == 0 ? std::int64_t{found.st_size} : -1;
}

bool may_write_to(const std::string& path) noexcept {
    return ::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) == 0;
}

}  // namespace

Database::Database(const Config& config) : config_(config), path_(absolute_path(config.sqlite_path)) {}

Database::~Database() { close(); }

bool Database::is_memory() const noexcept { return path_ == ":memory:"; }

void Database::open(const Control& control) {
    if (is_open()) return;
    if (config_.open_mode == OpenMode::create) {
        require_room_for_file();
    } else {
        require_file();
    }
    try {
        connect(wanted_access(), control);
        if (may_write()) prepare_file(control);
        require_schema(control);
        start();
    } catch (...) {
        disconnect();
        throw;
    }
}

void Database::require_file() const {
    if (is_open() || file_exists()) return;
    throw Error(ErrorCode::unavailable,
                fmt::format("{}: no such file (run `marketdb init` or import something first)", path_));
}

/// SQLite would only say that it cannot open the file.
void Database::require_room_for_file() const {
    const std::filesystem::path folder = std::filesystem::path(path_).parent_path();
    if (is_memory() || size_of(path_) >= 0 || size_of(folder.string()) < 0 || may_write_to(folder.string())) return;
    throw Error(ErrorCode::unavailable,
                fmt::format("{}: is not there and cannot be made: {} may not be written to", path_, folder.string()));
}

bool Database::file_exists() const {
    if (is_memory()) return true;
    struct stat found {};
    if (::stat(path_.c_str(), &found) != 0) return false;
    if (S_ISREG(found.st_mode)) return true;
    throw Error(ErrorCode::unavailable, fmt::format("{}: is no file that could hold a database", path_));
}

/// A reader with the right to write is opened for writing too, and forbidden to: only then can SQLite take away the side
/// files that even a reader makes. Where not even the folder can be written and no log is there, nobody else can be writing.
Access Database::wanted_access() const {
    if (config_.open_mode == OpenMode::create) return Access::create;
    if (config_.open_mode == OpenMode::existing) return Access::read_write;
    const bool folder_writable = may_write_to(std::filesystem::path(path_).parent_path().string());
    if (folder_writable && may_write_to(path_)) return Access::query_only;
    if (folder_writable || size_of(path_ + "-wal") >= 0) return Access::read_only;
    return Access::immutable;
}

void Database::connect(Access access, const Control& control) {
    access_ = access;
    ConnectionOptions options{path_, access, config_.busy_timeout, kWriterCacheKib};
    connection_ = std::make_unique<Connection>(std::move(options), control);
    const Connection::Scope scope(*connection_, control);
    // The first look at the file: here SQLite finds out whether it is a database at all.
    connection_->query_integer("SELECT count(*) FROM sqlite_schema");
    if (!may_write()) return;
    if (sqlite3_db_readonly(connection_->handle(), "main") == 1) {
        throw Error(ErrorCode::read_only,
                    fmt::format("{}: the file cannot be written; open it read-only (sqlite:PATH?mode=ro)", path_));
    }
    if (is_memory()) return;
    require_writable_side_files();
    lock_ = FileLock(connection_->file());
}

/// SQLite gives its side files the rights that the database has when they are made; those that a reader of a read-only file left
/// stay read-only when the file is made writable.
void Database::require_writable_side_files() const {
    for (const char* ending : {"-wal", "-shm"}) {
        const std::string side = connection_->file() + ending;
        if (size_of(side) < 0 || may_write_to(side)) continue;
        throw Error(ErrorCode::read_only,
                    fmt::format("{}: cannot be written, though the database can; give it the same "
                                "rights, or remove both side files while no program has the "
                                "database open",
                                side));
    }
}

/// Makes an empty file a marketdb database without tables, and checks that the log is on.
void Database::prepare_file(const Control& control) {
    const Connection::Scope scope(*connection_, control);
    Migrator migrator(*connection_, lock_);
    const bool makes = config_.open_mode == OpenMode::create && migrator.is_empty();
    if (!makes) migrator.require_ours();
    if (!makes && (is_memory() || connection_->query_text("PRAGMA journal_mode") == "wal")) return;
    lock_exclusively(control);
    const Unlock unlock(lock_);
    // Another process may have done it while this one waited.
    if (migrator.is_empty()) set_up_empty();
    const std::string mode = connection_->query_text("PRAGMA journal_mode = WAL");
    if (mode != "wal" && !is_memory()) {
        throw Error(ErrorCode::unavailable,
                    fmt::format("{}: no write-ahead log on this file system (journal mode is {})", path_, mode));
    }
}

void Database::set_up_empty() {
    // These three only count before the first page is written.
    connection_->execute("PRAGMA page_size = 4096");
    connection_->execute("PRAGMA auto_vacuum = INCREMENTAL");
    connection_->query_text("PRAGMA journal_mode = WAL");
    if (connection_->query_integer("PRAGMA auto_vacuum") != 2) connection_->execute("VACUUM");
    connection_->execute(fmt::format("PRAGMA application_id = {}", kApplicationId));
}

void Database::require_schema(const Control& control) {
    const Connection::Scope scope(*connection_, control);
    const auto known = sqlite_migrations();
    Migrator migrator(*connection_, lock_);
    migrator.require_ours();
    std::vector<AppliedMigration> applied = migrator.applied();
    const bool may_create = config_.open_mode == OpenMode::create && applied.empty();
    if (may_write() && (may_create || config_.migrate)) {
        migrator.up(core::program_name(config_), now(), control);
        applied = migrator.applied();
    }
    require_usable(known, applied, may_write() ? SchemaUse::write : SchemaUse::read, path_);
}

void Database::lock_exclusively(const Control& control) {
    const auto begun = std::chrono::steady_clock::now();
    while (!lock_.try_exclusive()) {
        control.check();
        if (std::chrono::steady_clock::now() - begun >= config_.busy_timeout) {
            throw Error(ErrorCode::unavailable, fmt::format("{}: locked by another process for more than {} ms", path_,
                                                            config_.busy_timeout.count()));
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
}

void Database::start() {
    store_ = std::make_unique<Store>(*connection_);
    if (is_memory() || access_ == Access::immutable) return;
    const std::string file = connection_->file();
    identity_ = FileIdentity(file);
    opened_identity_ = identity_;
    if (!may_write()) return;
    const auto page = static_cast<std::uint64_t>(connection_->query_integer("PRAGMA page_size"));
    const std::int64_t log = size_of(file + "-wal");
    if (log > 0) connection_->set_wal_pages(static_cast<std::uint64_t>(log) / (page + kFrameHeaderBytes));
    const CheckpointLimits limits{config_.wal_checkpoint_bytes, config_.wal_limit_bytes};
    checkpointer_ =
        std::make_unique<Checkpointer>(*connection_, lock_, limits, [this](std::string_view text) { say(text); });
}

std::unique_ptr<Connection> Database::open_reader(const Control& control) const {
    const Access access = may_write() ? Access::query_only : access_;
    ConnectionOptions options{path_, access, config_.busy_timeout, kReaderCacheKib};
    return std::make_unique<Connection>(std::move(options), control);
}

void Database::close() noexcept { disconnect(); }

void Database::disconnect() noexcept {
    store_.reset();
    if (connection_) {
        connection_->roll_back();
        if (may_remove_log()) connection_->allow_log_removal();
    }
    checkpointer_.reset();
    connection_.reset();
    identity_ = FileIdentity();
    opened_identity_ = FileIdentity();
    // Only now: while SQLite removes the log nobody may begin to write to it.
    lock_ = FileLock();
}

/// Whether nothing is in the log that would have to be kept. Folds it back first.
bool Database::may_remove_log() noexcept {
    try {
        if (is_memory()) return false;
        {
            const std::scoped_lock guard(damage_mutex_);
            if (!damage_.empty()) return false;
        }
        identity_.require_same();
        if (!may_write()) return access_ == Access::query_only && size_of(connection_->file() + "-wal") == 0;
        const CheckpointLimits limits{config_.wal_checkpoint_bytes, config_.wal_limit_bytes};
        Checkpointer last(*connection_, lock_, limits, [this](std::string_view text) { say(text); });
        return last.at_close() == Checkpointer::Outcome::done;
    } catch (const std::exception& error) {
        say(error.what());
        return false;
    }
}

void Database::abandon() noexcept {
    // Closing a descriptor here would drop the parent's locks; the child's memory goes with it.
    if (connection_) connection_->abandon();
    static_cast<void>(checkpointer_.release());
    static_cast<void>(store_.release());
    static_cast<void>(connection_.release());
    lock_.abandon();
}

Timestamp Database::now() const { return (config_.clock ? config_.clock : system_clock())->now(); }

void Database::say(std::string_view text) const noexcept {
    try {
        if (config_.log) config_.log(LogLevel::warning, text);
    } catch (...) {
        // A hook must not throw; what it was told is not worth an operation.
        return;
    }
}

}  // namespace marketdb::storage::sqlite
