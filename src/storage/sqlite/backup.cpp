#include "storage/sqlite/backup.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <map>
#include <system_error>

#include <fmt/format.h>

#include "storage/sql.hpp"
#include "storage/sqlite/series_keeper.hpp"
#include "storage/sqlite/transaction.hpp"

namespace marketdb::storage::sqlite {
namespace {

constexpr int kPagesAtOnce = 1024;  // between two looks at the deadline
constexpr int kMaxParts = 100;      // that other processes of this number may have left behind

[[noreturn]] void fail(const std::string& file, std::string_view doing, int error) {
    const bool is_full = error == ENOSPC || error == EDQUOT;
    const ErrorCode code = error == EEXIST ? ErrorCode::constraint
                           : is_full       ? ErrorCode::resource_exhausted
                                           : ErrorCode::unavailable;
    throw Error(code, fmt::format("{}: {}: {}", file, doing, std::generic_category().message(error)));
}

bool exists(const std::string& file) {
    struct stat found {};
    return ::lstat(file.c_str(), &found) == 0;
}

void refuse_existing(const std::string& file) {
    if (!exists(file)) return;
    throw Error(ErrorCode::constraint, fmt::format("{} is there already, and is left as it is", file));
}

/// The copy while it has no name yet. Removed at the end of the scope unless it was named.
class PartFile {
 public:
    explicit PartFile(const std::string& target) : target_(target) {
        refuse_existing(target);
        // SQLite would take the log of a database that was here before for the copy's.
        for (const char* ending : {"-wal", "-journal"}) refuse_existing(target + ending);
        for (int number = 0;; ++number) {
            name_ = fmt::format("{}.part-{}-{}", target, ::getpid(), number);
            const int descriptor = ::open(name_.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0666);
            if (descriptor >= 0) {
                ::close(descriptor);
                return;
            }
            if (errno != EEXIST || number == kMaxParts) fail(target, "making the copy beside it", errno);
        }
    }
    ~PartFile() {
        if (name_.empty()) return;
        for (const char* ending : {"", "-journal", "-wal", "-shm"}) ::unlink((name_ + ending).c_str());
    }
    PartFile(const PartFile&) = delete;
    PartFile& operator=(const PartFile&) = delete;

    [[nodiscard]] const std::string& name() const noexcept { return name_; }

    /// Never takes another file's place.
    void give_name() {
        int code = ::renameat2(AT_FDCWD, name_.c_str(), AT_FDCWD, target_.c_str(), RENAME_NOREPLACE);
        // Some file systems know no such renaming.
        if (code != 0 && errno == EINVAL && !exists(target_)) code = ::rename(name_.c_str(), target_.c_str());
        if (code != 0) fail(target_, "giving the finished copy its name", errno);
        name_.clear();
        sync_folder();
    }

 private:
    void sync_folder() const {
        const std::filesystem::path folder = std::filesystem::path(target_).parent_path();
        const int descriptor = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (descriptor < 0) return;
        ::fsync(descriptor);
        ::close(descriptor);
    }

    const std::string& target_;
    std::string name_;
};

ConnectionOptions options_for(const std::string& file, Access access) {
    ConnectionOptions options;
    options.path = file;
    options.access = access;
    return options;
}

/// A copy under way.
class Backup {
 public:
    Backup(Connection& target, Connection& source)
        : target_(target), handle_(sqlite3_backup_init(target.handle(), "main", source.handle(), "main")) {
        if (handle_ == nullptr) target_.fail(sqlite3_extended_errcode(target_.handle()), "beginning the copy");
    }
    ~Backup() { sqlite3_backup_finish(handle_); }
    Backup(const Backup&) = delete;
    Backup& operator=(const Backup&) = delete;

    /// False: all is copied.
    bool step() {
        const int code = sqlite3_backup_step(handle_, kPagesAtOnce);
        if (code == SQLITE_OK) return true;
        if (code == SQLITE_DONE) return false;
        target_.fail(code, "writing the copy");
    }

 private:
    Connection& target_;
    sqlite3_backup* handle_;
};

void copy_pages(Connection& source, const std::string& file, const Control& control) {
    Connection target(options_for(file, Access::read_write), control);
    const Connection::Scope scope(target, control);
    const ReadTransaction snapshot(source);
    // BEGIN alone sees nothing yet. Without the snapshot the copy would begin anew whenever another connection wrote.
    static_cast<void>(source.query_integer("SELECT count(*) FROM sqlite_schema"));
    Backup backup(target, source);
    while (backup.step()) control.check();
}

void require_sound(Connection& copy, const std::string& file) {
    const std::string found = copy.query_text("PRAGMA integrity_check(1)");
    if (found == "ok") return;
    throw Error(ErrorCode::corrupt,
                fmt::format("the copy into {} is not sound, so the database itself is damaged: {}", file, found));
}

/// The rows of each series of a dataset, counted.
std::map<SeriesKey, std::uint64_t> count_series(Connection& copy, const Table& table) {
    std::string columns;
    for (const std::uint8_t index : table.series) {
        columns += fmt::format("{}{}", columns.empty() ? "" : ", ", quote_identifier(table.at(index).name));
    }
    const bool is_balances = table.dataset == Dataset::balances;
    StatementUse rows(copy.statement(
        fmt::format("SELECT count(*), {0} FROM {1} GROUP BY {0}", columns, quote_identifier(table.name))));
    std::map<SeriesKey, std::uint64_t> counts;
    while (rows->step()) {
        SeriesKey series;
        series.id = static_cast<std::int32_t>(rows->integer(1));
        if (is_balances) series.account = rows->text(2);
        if (is_balances) series.asset = rows->text(3);
        counts[series] = static_cast<std::uint64_t>(rows->integer(0));
    }
    return counts;
}

void count_copy(Connection& copy, BackupReport& report) {
    for (const Dataset dataset : kDatasets) {
        std::map<SeriesKey, std::uint64_t> counts = count_series(copy, table_of(dataset));
        report.series += counts.size();
        for (const auto& [series, rows] : counts) report.rows += rows;
        for (const SeriesInfo& kept : read_series(copy, dataset)) {
            const auto found = counts.find(kept.series);
            const bool is_right = found != counts.end() && found->second == kept.rows;
            if (!is_right) ++report.miscounted;
            if (found != counts.end()) counts.erase(found);
        }
        report.miscounted += counts.size();  // of which no count is kept
    }
}

}  // namespace

BackupReport back_up(Connection& source, const std::string& target, const Control& control) {
    const Connection::Scope scope(source, control);
    PartFile part(target);
    copy_pages(source, part.name(), control);
    BackupReport report;
    report.file = target;
    {
        // Unlike any other opening this one leaves no files beside the copy.
        Connection copy(options_for(std::filesystem::absolute(part.name()).string(), Access::immutable), control);
        const Connection::Scope checking(copy, control);
        require_sound(copy, target);
        count_copy(copy, report);
    }
    control.check();
    report.bytes = std::filesystem::file_size(part.name());
    part.give_name();
    return report;
}

}  // namespace marketdb::storage::sqlite
