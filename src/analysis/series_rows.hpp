#pragma once

#include <vector>

#include <boost/asio/awaitable.hpp>

#include <marketdb/database_manager.hpp>

/// How the rows of one series are asked for.
namespace marketdb::analysis {

/// The rows of a series in a time on a clock. The filter looks at the id that it is given.
[[nodiscard]] inline HistoryFilter rows_of(const SymbolId& symbol, ClockKind clock, Timestamp start = kNoTime,
                                           Timestamp end = kNoTime) noexcept {
    HistoryFilter filter;
    filter.series.symbols = {&symbol, 1};
    filter.clock = clock;
    filter.start = start;
    filter.end = end;
    return filter;
}

/// The first of these rows in their order, if there is one.
template <class Row>
boost::asio::awaitable<History<Row>> read_first(DatabaseManager& db, HistoryFilter filter, Deadline deadline) {
    filter.limit = 1;
    HistoryReader<Row> reader = db.read_history<Row>(filter);
    History<Row> history;
    history.rows = co_await reader.next(1, deadline);
    history.without_received_at = reader.without_received_at();
    co_return history;
}

/// The time of a row on a clock.
template <class Row>
[[nodiscard]] Timestamp time_of(const Row& row, ClockKind clock) noexcept {
    return clock == ClockKind::received ? row.received_at : row.timestamp;
}

}  // namespace marketdb::analysis
