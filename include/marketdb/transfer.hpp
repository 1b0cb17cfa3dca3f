#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include <marketdb/database_manager.hpp>

/// Files in, files out. Free functions over the public `DatabaseManager`.
namespace marketdb {

/// What a row that cannot be stored does to an import.
enum class OnError : std::uint8_t {
    stop,        ///< The file is refused with `FILE:LINE: column NAME: ...`; nothing of it is stored.
    quarantine,  ///< The row goes to the quarantine table; the rest is stored.
};

/// How files are imported. Everything empty is detected from the file's header, name and path.
///
/// Has a constructor and so is no aggregate: GCC 12 destroys an aggregate temporary of a `co_await` expression twice.
/// Name it first, set its fields, pass it with `std::move`.
struct ImportOptions {
    /// Nothing overridden.
    ImportOptions() {}  // NOLINT(modernize-use-equals-default): defaulted, it would be an aggregate again.

    std::string layout;       ///< `tardis`, `binance`, `marketdb`, `marketdb-jsonl`, or empty.
    std::string dataset;      ///< `book-tickers`, ...: needed only where a headerless file leaves it open.
    std::string exchange;     ///< `BINANCE_FUTURES`: overrides what the file says.
    std::string symbol;       ///< The exchange's spelling: overrides.
    std::string base, quote;  ///< For a symbol that cannot be split.
    std::string time_unit;    ///< `s`, `ms`, `us`, `ns`; empty: by size.
    OnError on_error = OnError::stop;
    bool force = false;                    ///< Read files again that were imported before.
    bool dry_run = false;                  ///< Detect, validate and count; write nothing.
    std::size_t batch_rows = 10'000;       ///< Rows a transaction; 1 to 1,000,000.
    std::filesystem::path temp_directory;  ///< Where standard input is spooled; empty: the system's.

    /// Called after each batch and at least once a second while a file is validated; must not throw.
    std::function<void(const struct ImportProgress&)> on_progress;
    /// Set from anywhere (a signal handler): the running batch is finished, then `cancelled` is thrown.
    const std::atomic<bool>* stop = nullptr;
};

/// How far an import has come.
struct ImportProgress {
    std::string file;
    bool validating = false;        ///< First pass.
    std::uint64_t rows = 0;         ///< Read in this pass.
    std::uint64_t total_rows = 0;   ///< Known in the second pass, else 0.
    std::uint64_t bytes = 0;        ///< Of the file as given.
    std::uint64_t total_bytes = 0;  ///< 0 for standard input.
};

/// What became of one file.
struct ImportReport {
    std::string file;
    std::string layout;
    std::string dataset;               ///< `book-tickers`; empty for an empty file.
    std::string exchange;              ///< `BINANCE_SPOT`; several: joined by a comma.
    std::vector<std::string> symbols;  ///< `BTC/USDT`, in order of first appearance.
    std::vector<std::string>
        new_symbols;  ///< Of these, the ones that were (dry run: would be) created, as `EXCHANGE:BASE/QUOTE (SPELLING)`.
    std::uint64_t read = 0;  ///< Data rows.
    WriteResult written;
    std::uint64_t rejected = 0;                 ///< Quarantined.
    bool skipped = false;                       ///< Imported before.
    Timestamp first = kNoTime, last = kNoTime;  ///< Event times in the file.
    double seconds = 0;
    std::vector<std::string> warnings;
    std::string error;  ///< Not empty: the file failed, and why. Nothing of it was stored (stop), or what a
                        ///< rerun will complete (interrupted in the second pass).
    std::optional<ErrorCode> error_code;
};

/// Files that `paths` mean: a file itself, a folder recursively for .csv, .jsonl (each also .gz, .zst, .xz) and .zip, in
/// name order. `-` is standard input.
struct ImportList {
    std::vector<std::filesystem::path> files;
    std::uint64_t ignored = 0;  ///< Other files in the folders.
};

/// Errors: invalid_argument  a path does not exist; names it.
[[nodiscard]] ImportList list_import_files(const std::vector<std::filesystem::path>& paths);

/// Imports one file (`-`: standard input). Missing exchanges and symbols are created. Memory: under 100 MB whatever the file.
/// A problem of the file is in the report's `error`; problems of the database throw.
boost::asio::awaitable<ImportReport> import_file(DatabaseManager& db, std::filesystem::path file,
                                                 ImportOptions options);

/// The forms in which rows are written.
enum class ExportFormat : std::uint8_t { csv, ndjson };

/// What an export wrote.
struct ExportReport {
    std::uint64_t rows = 0;
    std::uint64_t bytes = 0;  ///< Before compression.
    std::uint64_t without_received_at = 0;
};

/// Writes rows as `import_file` reads them, to `<file>.part` renamed when whole and synced. `.gz`, `.zst` and `.xz` at the
/// end of the name compress. An existing file is replaced.
///
/// Errors: unavailable, resource_exhausted  the file cannot be written; the `.part` is removed.
boost::asio::awaitable<ExportReport> export_file(DatabaseManager& db, Dataset dataset, HistoryFilter filter,
                                                 std::filesystem::path file, ExportFormat format,
                                                 const std::atomic<bool>* stop = nullptr);

/// The same to a callback that receives whole lines.
boost::asio::awaitable<ExportReport> export_rows(DatabaseManager& db, Dataset dataset, HistoryFilter filter,
                                                 ExportFormat format, std::function<void(std::string_view)> write,
                                                 const std::atomic<bool>* stop = nullptr);

}  // namespace marketdb
