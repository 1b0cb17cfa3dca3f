#pragma once

#include <atomic>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include <marketdb/database_manager.hpp>

/// Files in, files out, and rows from one database to another. Free functions over the public `DatabaseManager`.
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
    bool force = false;    ///< Read files again that were imported before.
    bool dry_run = false;  ///< Detect, validate and count; write nothing.
    /// Leave out rows of time that is covered already on every clock on which they have one (see coverage.hpp), but for the first and the
    /// last moment of such a time.
    bool only_gaps = false;
    /// The file has every row of [complete_from, complete_to), though it begins later or ends earlier: it claims all of that time.
    /// Both or neither.
    Timestamp complete_from = kNoTime, complete_to = kNoTime;
    std::size_t batch_rows = 10'000;       ///< Rows a transaction; 1 to 1,000,000.
    std::filesystem::path temp_directory;  ///< Where standard input is spooled; empty: the system's.

    /// Called after each batch and at least once a second while a file is validated; must not throw.
    std::function<void(const struct ImportProgress&)> on_progress;
    /// Called with what is worth knowing before anything of the file is stored; the report's `warnings` have it too. Must not throw.
    std::function<void(std::string_view)> on_warning;
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
    WriteResult written;            ///< Stored so far.
    std::uint64_t rejected = 0;     ///< Set aside so far.
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
    std::uint64_t covered = 0;                  ///< Left out by `only_gaps`.
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

/// Which stored rows a checksum or a copy is about.
///
/// Has a constructor for the reason that `ImportOptions` has one.
struct HistorySelection {
    /// All rows of all datasets.
    HistorySelection() {}  // NOLINT(modernize-use-equals-default): defaulted, it would be an aggregate again.

    std::optional<Dataset> dataset;  ///< None: all four.
    /// `EXCHANGE:SYMBOL` in any spelling, of balances `EXCHANGE:ASSET`; `*` stands for any run of characters. Empty: every
    /// series. Needs a dataset.
    std::vector<std::string> series;
    std::string account;        ///< Of balances, `*` as above; empty: every account.
    Timestamp start = kNoTime;  ///< Event time, inclusive; absent: from the first row.
    Timestamp end = kNoTime;    ///< Exclusive; absent: to the last row.
};

/// Names a series in every database: ids differ between databases, these do not. Sorted by dataset, then by the texts byte by
/// byte.
struct SeriesName {
    Dataset dataset{};
    std::string exchange;  ///< `BINANCE_SPOT`.
    std::string symbol;    ///< The exchange's own spelling: `BTCUSDT`; of balances the asset.
    std::string account;   ///< Of balances only.

    friend auto operator<=>(const SeriesName&, const SeriesName&) = default;
    friend bool operator==(const SeriesName&, const SeriesName&) = default;
};

/// `book-tickers BINANCE_SPOT:BTCUSDT`, `balances BINANCE_SPOT:USDT of account main`.
[[nodiscard]] std::string to_string(const SeriesName& name);

/// What a series holds, so that two databases can be compared.
struct SeriesChecksum {
    SeriesName name;
    std::uint64_t rows = 0;
    Timestamp first = kNoTime, last = kNoTime;
    std::string sha256;  ///< 64 hex digits. Depends on the series' name and on its rows only, bit for bit.
};

/// What a database holds.
struct HistoryChecksum {
    std::vector<SeriesChecksum> series;  ///< Those with rows, by name.
    std::uint64_t rows = 0;
    std::string sha256;  ///< Of the series' checksums, one a line.
};

/// Reads the chosen rows and forms their checksums, by the formula of docs/reference.md ("Checksums"). Equal rows have equal
/// checksums on every engine and machine, whatever their ids and sources are. Rows that others write meanwhile may be in or not.
///
/// @param on_rows  Called with the rows read so far, now and then; must not throw. May be empty.
///
/// Errors: invalid_argument  the selection makes no sense.
///         unknown_exchange, unknown_symbol, ambiguous  it names what does not exist.
///         cancelled         `stop` was set.
/// Cost:   reads every row once. Memory: under 100 MB.
boost::asio::awaitable<HistoryChecksum> checksum_history(DatabaseManager& db, HistorySelection selection,
                                                         const std::atomic<bool>* stop = nullptr,
                                                         std::function<void(std::uint64_t)> on_rows = nullptr);

/// How rows are copied.
///
/// Has a constructor for the reason that `ImportOptions` has one.
struct CopyOptions {
    /// Everything, in large batches.
    CopyOptions() {}  // NOLINT(modernize-use-equals-default): defaulted, it would be an aggregate again.

    HistorySelection selection;
    bool dry_run = false;  ///< Read and compare; write nothing.
    /// Copy only rows whose event time the target has not covered (see coverage.hpp). Each stretch of a series is then a series of
    /// its own in the report.
    bool only_gaps = false;
    std::size_t batch_rows = 50'000;  ///< Rows a transaction; 1 to 1,000,000.

    /// Called after each batch; must not throw.
    std::function<void(const struct CopyProgress&)> on_progress;
    /// Set from anywhere (a signal handler): the running batch is finished, then `cancelled` is thrown.
    const std::atomic<bool>* stop = nullptr;
};

/// How far a copy has come.
struct CopyProgress {
    SeriesName series;             ///< That it is at.
    std::size_t number = 0;        ///< Of it, from 1.
    std::size_t count = 0;         ///< Of all series.
    bool verifying = false;        ///< The rows of the series are stored and are read back.
    std::uint64_t rows = 0;        ///< Read from the first database, of all series.
    std::uint64_t total_rows = 0;  ///< To be read; 0 where a part of the time was chosen, so that nobody knows.
};

/// What became of one series.
struct CopiedSeries {
    SeriesChecksum source;    ///< As it was read.
    SeriesChecksum target;    ///< What the target has in the same time; not of a dry run.
    std::uint64_t found = 0;  ///< Rows at the beginning that the target had already; these were not written again.
    WriteResult written;      ///< Of the rest.
    bool is_equal = false;    ///< The two checksums agree.
    Timestamp first_difference = kNoTime;  ///< Event time of the first row that only one has, or has otherwise.
};

/// What a copy did.
struct CopyReport {
    std::vector<std::string> new_exchanges;  ///< That were (dry run: would be) created.
    std::vector<std::string> new_symbols;    ///< The same, as `EXCHANGE:BASE/QUOTE (SPELLING)`.
    std::vector<std::string> notes;          ///< Exchanges and symbols that both have, but not with the same values.
    std::vector<CopiedSeries> series;        ///< By name.
    std::uint64_t rows = 0;                  ///< Read.
    std::uint64_t found = 0;                 ///< Of these the target had already.
    WriteResult written;
    std::size_t different = 0;  ///< Series that are not the same on both sides in the copied time.
    double seconds = 0;
};

/// Copies rows between two databases on any engines, series by series, and reads back what the target then has.
///
/// Exchanges are matched by enum_value, symbols by exchange and exchange_symbol. Missing ones are created with all their columns
/// but created_at and updated_at, which each database sets itself: all of them when the selection chooses everything, else those
/// of the chosen series. What the target has already stays as it is; what differs there is noted.
///
/// Rows are stored as `insert_*` does, so those that the target has with other values are merged by its rule. Of each series the
/// copied time goes from the first to the last row that there was at the start, within the selection; of this time both sides
/// are compared. Sources are not carried over: copied rows point at one source of kind `copy`.
///
/// Safe to stop, and to run again after any error: each batch is stored whole, rows that the target has already are compared,
/// not written, and the copy goes on after them.
///
/// Errors: invalid_argument  the selection makes no sense; both managers, or databases, are the same.
///         unknown_exchange, unknown_symbol, ambiguous  it names what the first database does not have.
///         constraint        a symbol is another instrument in the target (its pair, market, contract or the meaning of its
///                           sizes); names it. Nothing was written.
///         cancelled         `stop` was set. What was copied stays.
/// Cost:   reads the rows of both databases once. Memory: under 100 MB with the default `batch_rows`.
boost::asio::awaitable<CopyReport> copy_history(DatabaseManager& from, DatabaseManager& to, CopyOptions options);

}  // namespace marketdb
