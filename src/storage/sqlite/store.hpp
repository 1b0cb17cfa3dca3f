#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <marketdb/config.hpp>

#include "storage/engine.hpp"
#include "storage/sqlite/connection.hpp"
#include "storage/sqlite/control.hpp"
#include "storage/table.hpp"

namespace marketdb::storage::sqlite {

/// A row in memory of its own, with members at their alignment.
class ScratchRow {
 public:
    explicit ScratchRow(const Table& table)
        : words_((table.row_size + sizeof(std::max_align_t) - 1) / sizeof(std::max_align_t)) {}
    [[nodiscard]] std::byte* get() noexcept { return reinterpret_cast<std::byte*>(words_.data()); }
    [[nodiscard]] const std::byte* get() const noexcept { return reinterpret_cast<const std::byte*>(words_.data()); }

 private:
    std::vector<std::max_align_t> words_;
};

/// Counts up when the writer wants readers to let go of their snapshots; a long scan then goes on in a new one.
using SnapshotTicket = std::atomic<std::uint32_t>;

/// What a row of a dataset usually takes in the file.
[[nodiscard]] std::uint64_t usual_row_bytes(Dataset dataset) noexcept;

/// The operations of the engine on one connection, one at a time. What writes must run in a `WriteTransaction`.
///
/// Threads: those of its connection.
class Store {
 public:
    explicit Store(Connection& connection) : connection_(connection) {}

    /// Upserts rows that are sorted by key, no key twice.
    ///
    /// Errors: unknown_symbol, unknown_exchange  names row and id. constraint  names table, row and column.
    WriteResult write(RowSpan rows, const Control& control);
    void claim(std::span<const CoverageClaim> claims);
    void open_claims(std::span<const CoverageClaim> claims);
    void settle_claims(const CoverageFilter& closes, std::span<const CoverageClaim> claims);
    void withdraw(const CoverageFilter& filter);
    [[nodiscard]] std::vector<CoverageClaim> claims(const CoverageFilter& filter);
    /// Sets the generated id, and created_at and updated_at where the table has them and they are absent, to `now`.
    /// Errors: constraint  the natural key is there already. As `write`.
    void insert_one(const Table& table, std::byte* row, Timestamp now);
    /// Keeps created_at where the row has none; sets updated_at to `now`. False if there is no such id.
    bool update_one(const Table& table, const std::byte* row, Timestamp now);
    /// Inserts rows and replaces columns of others; all are then as they are stored.
    /// Errors: constraint. unknown_exchange, unknown_symbol  no row has the id.
    void change_rows(RowSpan added, RowSpan changed, std::span<const ColumnSet> columns, Timestamp now);
    /// Moves the first rows of a series, at most `limit`, to another.
    WriteResult move_rows(const Table& table, const SeriesKey& from, const SeriesKey& to, std::uint64_t limit,
                          const Control& control);
    Erased erase(const RowChoice& choice, std::uint64_t limit);
    /// Gives at most so many free pages back to the file system. Returns how many bytes they were.
    std::uint64_t reclaim(std::uint32_t pages);

    void scan(const ScanRequest& request, RowSink& sink, const Control& control, const SnapshotTicket& ticket);
    void latest(const Table& table, std::span<const SeriesKey> series, RowSink& sink, const Control& control);
    std::uint64_t count(const RowChoice& choice, const Control& control);
    std::vector<SeriesCount> count_since(const Table& table, Timestamp start, const Control& control);
    DatabaseStats stats();
    /// Runs a statement of a caller's own; one that writes, within a transaction.
    SqlResult run_sql(const SqlStatement& statement, const Control& control);
    /// The same once for each list of values. Returns the rows written.
    std::uint64_t run_sql_batch(const std::string& text, const std::vector<std::vector<Value>>& rows,
                                const Control& control);
    std::uint64_t copy_sql_rows(const SqlRows& rows, const Control& control);
    /// As `Engine::examine`.
    std::vector<Finding> examine(const Config& config, const Control& control);
    std::uint64_t data_version();
    std::uint64_t reference_version();

 private:
    /// The texts of a table's statements, made once.
    struct Texts {
        std::string insert, select, update, update_by_id;
    };

    const Texts& texts(const Table& table);
    std::uint64_t integer(std::string_view sql);
    bool insert_row(Statement& insert, const std::byte* row, const Table& table, std::size_t index);
    [[noreturn]] void refuse(int code, const std::byte* row, const Table& table, std::size_t index);
    void refuse_unknown_reference(const std::byte* row, const Table& table, std::size_t index);
    void count_reference_change(const Table& table);
    void change_row(const Table& table, std::byte* row, ColumnSet columns, Timestamp now);
    bool read_row_of_id(const Table& table, const std::byte* row, std::byte* stored);
    std::vector<std::byte> first_rows(const Table& table, const SeriesKey& series, std::uint64_t limit);
    bool scan_part(const ScanRequest& request, const std::byte* after, std::uint64_t& left, RowSink& sink,
                   const Control& control, const SnapshotTicket& ticket, std::byte* last);

    Connection& connection_;
    std::unordered_map<const Table*, Texts> texts_;
};

}  // namespace marketdb::storage::sqlite
