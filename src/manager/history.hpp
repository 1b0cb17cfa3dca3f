#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include <marketdb/deadline.hpp>
#include <marketdb/queries.hpp>

#include "manager/row_sinks.hpp"
#include "storage/engine.hpp"
#include "storage/table.hpp"

namespace marketdb {

/// What a history asks for, texts resolved.
struct HistoryPlan {
    const storage::Table* table = nullptr;
    std::vector<storage::SeriesKey> series;
    Timestamp start = kNoTime;
    Timestamp end = kNoTime;
    std::chrono::microseconds last{0};
    bool descending = false;
    ClockKind clock = ClockKind::event;
    std::chrono::microseconds every{0};
    std::uint64_t limit = 0;
    std::optional<RowKey> after;
    bool with_coverage = false;
};

/// What the filter asks for; its series are yet to be chosen.
/// Errors: invalid_argument.
[[nodiscard]] HistoryPlan plan_history(const storage::Table& table, const HistoryFilter& filter);

/// Rows compared in the order of an answer: time of the clock, series, then the table's order.
class AnswerOrder {
 public:
    AnswerOrder(const storage::Table& table, ClockKind clock, bool descending);

    /// Whether `a` comes before `b`.
    [[nodiscard]] bool before(const std::byte* a, const std::byte* b) const noexcept;
    /// The time of a row on the clock.
    [[nodiscard]] Timestamp time(const std::byte* row) const noexcept { return storage::load<Timestamp>(row, *clock_); }
    [[nodiscard]] bool descending() const noexcept { return descending_; }

 private:
    const storage::Table* table_;
    const storage::Column* clock_;
    bool descending_;
};

/// One series of an answer: reads chunks by key, puts them into the order of the clock, samples.
///
/// The invariant: `rows_[position_ ..]` are the next rows of the answer of this series, in order.
class SeriesCursor {
 public:
    SeriesCursor(const HistoryPlan& plan, const storage::SeriesKey& series, std::optional<storage::SeriesInfo> known,
                 std::size_t chunk_rows);

    [[nodiscard]] bool has_row() const noexcept { return position_ < rows_.size(); }
    [[nodiscard]] bool finished() const noexcept { return finished_ && !has_row(); }
    [[nodiscard]] const std::byte* row() const noexcept { return rows_[position_]; }
    void pop() noexcept { ++position_; }

    /// Reads on until there is a row or the series has ended.
    boost::asio::awaitable<void> fill(storage::Engine& engine, Deadline deadline);
    [[nodiscard]] std::uint64_t without_received_at() const noexcept { return without_received_at_; }

 private:
    void take(const std::byte* row);     // a raw row, in key order
    void reorder(const std::byte* row);  // by the received clock
    void release(Timestamp reached);     // rows that nothing to come can precede
    void sample(const std::byte* row);
    void emit(const std::byte* row);
    void end();

    const HistoryPlan* plan_;
    AnswerOrder order_;
    storage::ScanRequest request_;
    std::vector<std::byte> last_read_;  // where the next chunk goes on
    std::vector<std::byte> after_;      // the caller's `after` as a row; empty: none
    RowBuffer chunk_;
    RowBuffer rows_;
    std::size_t position_ = 0;
    std::size_t chunk_rows_;
    std::size_t max_chunk_rows_;
    bool finished_ = false;

    std::vector<std::vector<std::byte>> window_;  // a heap: rows that wait for their place on the received clock
    std::chrono::microseconds min_skew_{0};
    std::chrono::microseconds max_skew_{0};
    std::uint64_t without_received_at_ = 0;

    std::vector<std::byte> held_;  // ascending: the last row seen of the current bucket
    std::optional<std::int64_t> bucket_;
};

/// The rows of several series, merged. Bounded: about 262,144 rows in memory, and the window of the received clock.
class HistoryStream {
 public:
    HistoryStream(std::unique_ptr<HistoryPlan> plan, std::vector<storage::SeriesInfo> known);

    /// Puts at most `max_rows` into the sink; fewer only at the end.
    boost::asio::awaitable<std::uint64_t> read(storage::Engine& engine, storage::RowSink& sink, std::uint64_t max_rows,
                                               Deadline deadline);
    [[nodiscard]] std::uint64_t without_received_at() const noexcept;
    [[nodiscard]] const HistoryPlan& plan() const noexcept { return *plan_; }
    /// Whether one scan of the engine gives the answer as it is.
    [[nodiscard]] bool is_plain() const;

 private:
    boost::asio::awaitable<std::uint64_t> read_plain(storage::Engine& engine, storage::RowSink& sink,
                                                     std::uint64_t max_rows, Deadline deadline);
    boost::asio::awaitable<void> start(storage::Engine& engine, Deadline deadline);

    std::unique_ptr<HistoryPlan> plan_;  // its address is held by the cursors
    AnswerOrder order_;
    std::vector<SeriesCursor> cursors_;
    std::vector<SeriesCursor*> heap_;  // those with a row, the next on top
    bool started_ = false;
    bool plain_finished_ = false;
    std::vector<std::byte> plain_after_;  // of a plain stream: the last row given out
};

/// A row of the table that stands at a key, for comparing and for going on after it.
[[nodiscard]] std::vector<std::byte> row_at(const storage::Table& table, const RowKey& key);

}  // namespace marketdb
