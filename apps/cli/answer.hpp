#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>

#include <marketdb/queries.hpp>

#include "query.hpp"
#include "row_printer.hpp"
#include "session.hpp"

namespace marketdb::cli {

inline constexpr std::size_t kReadRows = 16'384;

/// Calls `use(std::type_identity<Row>{})` with the row type of a dataset.
template <class Use>
auto with_row_type(Dataset dataset, Use use) {
    switch (dataset) {
        case Dataset::book_tickers: return use(std::type_identity<BookTicker>{});
        case Dataset::trades: return use(std::type_identity<Trade>{});
        case Dataset::funding_rates: return use(std::type_identity<FundingRate>{});
        case Dataset::balances: break;
    }
    return use(std::type_identity<Balance>{});
}

/// The filter of a history, `--tail N` included: the rows are read backwards up to the one before the N last, and the
/// answer goes on after that one. So N may be greater than what fits memory.
template <class Row>
HistoryFilter filter_with_tail(Session& session, const Query& query) {
    HistoryFilter filter = query.history_filter();
    const std::uint64_t tail = query.tail();
    if (tail == 0 || tail == std::numeric_limits<std::uint64_t>::max()) return filter;
    HistoryFilter backwards = filter;
    backwards.order = filter.order == Order::ascending ? Order::descending : Order::ascending;
    backwards.limit = tail + 1;
    std::uint64_t seen = 0;
    session.read_history<Row>(backwards, kReadRows, [&](std::span<const Row> rows) {
        seen += rows.size();
        if (seen > tail) filter.after = key_of(rows.back());
        return true;
    });
    filter.limit = tail;
    return filter;
}

/// Says on standard error that nothing was found, and where data is.
void explain_empty_answer(Session& session, const Query& query);

/// Says on standard error that `--clock received` could not place some rows, if so, and how many if all were looked at.
void note_left_out(std::uint64_t without_received_at, bool are_all_counted);
void note_left_out(std::uint64_t without_received_at, const Query& query);

/// The units of all stored series that the query chooses.
[[nodiscard]] Units units_of_query(Session& session, const Query& query);

}  // namespace marketdb::cli
