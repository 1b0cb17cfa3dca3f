#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <marketdb/transfer.hpp>

#include "io/parser.hpp"
#include "transfer/coverage_of_import.hpp"
#include "transfer/file_reader.hpp"
#include "transfer/instruments.hpp"
#include "transfer/source_file.hpp"
#include "transfer/spool.hpp"
#include "transfer/worker.hpp"

namespace marketdb::transfer {

/// The import of one file.
///
/// With OnError::stop the file is read twice: `validate` looks at every row and stores nothing, `store` writes batches that
/// are each a transaction. The source is finished last, so an import that was killed between two batches is known as
/// unfinished; run again it takes up the same source and finds the stored rows unchanged.
/// With OnError::quarantine `store` is the only pass.
///
/// Threads: one coroutine. Lifetime: the manager must outlive it.
class ImportRun {
 public:
    ImportRun(DatabaseManager& db, std::filesystem::path file, ImportOptions options,
              const boost::asio::any_io_executor& executor);

    boost::asio::awaitable<ImportReport> run();

 private:
    boost::asio::awaitable<void> import();
    boost::asio::awaitable<void> spool_if_needed();
    boost::asio::awaitable<void> identify();
    boost::asio::awaitable<void> find_finished_source();
    boost::asio::awaitable<void> describe_skipped();

    boost::asio::awaitable<void> validate();
    boost::asio::awaitable<void> store();
    boost::asio::awaitable<void> place(Chunk chunk);
    boost::asio::awaitable<void> begin_source();
    boost::asio::awaitable<void> finish_source();
    boost::asio::awaitable<void> insert_rows(io::Rows rows);
    boost::asio::awaitable<void> look_at_coverage(SourceId own);
    /// Tells that rows are older than the policy of their dataset lets them be, before anything is stored.
    boost::asio::awaitable<void> look_at_retention();
    boost::asio::awaitable<void> require_quarantine();
    boost::asio::awaitable<void> quarantine(std::vector<io::RowError> errors);
    boost::asio::awaitable<void> warn_of_single_trades(Timestamp first, Timestamp last);

    [[nodiscard]] std::unique_ptr<FileReader> make_reader();
    void take_over(const FileReader& reader, const Chunk& chunk);
    void add_remarks(const std::vector<std::string>& texts);
    void add_warnings(const FileReader& reader);
    void note_rows(const io::Batch& batch);
    void reject_refused_rows(io::Batch& batch) const;
    void point_rows_at_database(io::Rows& rows) const;
    void report_instruments();
    void refuse_errors(const std::vector<io::RowError>& errors) const;
    void refuse_changed_file() const;
    [[nodiscard]] bool is_same_file() const;
    void tell_progress(bool validating, std::uint64_t rows, std::uint64_t bytes, std::uint64_t total_bytes) const;
    void stop_if_asked() const;
    [[nodiscard]] Error interrupted(std::string_view how) const;
    [[nodiscard]] bool are_balances() const { return dataset_ == Dataset::balances; }

    DatabaseManager& db_;
    const std::filesystem::path file_;  // as given, for messages and for what its name tells
    const ImportOptions options_;
    ImportReport report_;

    std::filesystem::path readable_;  // what is opened: the file, or the copy of a stream
    std::unique_ptr<Spool> spool_;
    std::string sha256_;
    FileStamp stamp_;
    std::optional<SourceId> finished_source_;  // of an earlier import of the same bytes

    std::optional<Dataset> dataset_;
    Instruments instruments_;
    bool is_validated_ = false;
    std::uint64_t total_rows_ = 0;  // of the validating pass
    std::uint64_t rows_seen_ = 0;   // of the storing pass
    Timestamp chunk_first_ = kNoTime, chunk_last_ = kNoTime;
    bool has_warned_of_single_trades_ = false;
    bool has_asked_for_oldest_ = false;
    std::optional<Timestamp> oldest_kept_;  // rows before it go with the next clean-up
    bool has_warned_of_retention_ = false;
    CoverageOfImport coverage_;
    SourceId source_{};

    Worker worker_;  // last: its job is waited for before anything else goes
};

}  // namespace marketdb::transfer
