#pragma once

#include <cstdint>
#include <vector>

#include "storage/engine.hpp"
#include "storage/sqlite/connection.hpp"
#include "storage/table.hpp"

/// The `series` table: rows, first and last time of each series, kept exactly and in the transaction that changes the rows;
/// the least and greatest received_at - timestamp as bounds that hold for every row (a row that goes, or whose received_at
/// gets earlier, leaves them as they are: to tighten them the whole series would have to be read).
namespace marketdb::storage::sqlite {

/// Notes what happens to the rows of one batch, series by series, and writes it when a series ends.
class SeriesTally {
 public:
    SeriesTally(Connection& connection, const Table& table);

    /// Rows come sorted by key, so those of one series come together.
    void row_inserted(const std::byte* row);
    /// `merged`: what the row of the batch became.
    void row_updated(const std::byte* row, const std::byte* merged);
    /// Writes what has not been written yet.
    void flush();

 private:
    void enter_series(const std::byte* row);
    void note_skew(const std::byte* row);

    Connection& connection_;
    const Table& table_;
    const Column* event_time_;
    const Column* received_at_;
    const std::byte* current_ = nullptr;  ///< A row of the batch, of the series that is being noted.
    std::int64_t inserted_ = 0;
    std::int64_t first_ = 0;
    std::int64_t last_ = 0;
    bool has_skew_ = false;
    std::int64_t min_skew_ = 0;
    std::int64_t max_skew_ = 0;
};

/// Takes `erased` rows off a series, and finds its first and last anew; a series without rows goes.
void shrink_series(Connection& connection, const Table& table, const SeriesKey& series, std::uint64_t erased);

/// By dataset and series.
[[nodiscard]] std::vector<SeriesInfo> read_series(Connection& connection, std::optional<Dataset> dataset);

/// The four datasets, in order.
[[nodiscard]] std::vector<DatasetStats> read_dataset_stats(Connection& connection);

}  // namespace marketdb::storage::sqlite
