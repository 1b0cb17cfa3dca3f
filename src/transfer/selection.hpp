#pragma once

#include <optional>
#include <type_traits>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include <marketdb/transfer.hpp>

namespace marketdb::transfer {

/// One series in one database, and a stretch of its time: [start, end).
struct SeriesPart {
    Dataset dataset{};
    SymbolId symbol{};      ///< Not of balances.
    BalanceSeries balance;  ///< Of balances only.
    Timestamp start = kNoTime;
    Timestamp end = kNoTime;
};

/// A series that has rows, and the part of it that was chosen.
struct ChosenSeries {
    SeriesName name;
    SeriesPart part;
    std::uint64_t rows = 0;  ///< Of the whole series.
};

/// Errors: invalid_argument  a series without a dataset or without a colon, an account without balances, end before start.
void check_selection(const HistorySelection& selection);

/// The chosen series that have rows in the chosen time, by name. Their parts begin at the first row and end after the last.
/// Errors: unknown_exchange, unknown_symbol, ambiguous.
[[nodiscard]] boost::asio::awaitable<std::vector<ChosenSeries>> choose_series(DatabaseManager& db,
                                                                              HistorySelection selection);

/// Whether a selection leaves nothing out.
[[nodiscard]] bool chooses_everything(const HistorySelection& selection) noexcept;

/// The rows of a part, in order.
/// @param after  Go on after this row; absent: from the first.
template <class Row>
[[nodiscard]] HistoryReader<Row> read_part(DatabaseManager& db, const SeriesPart& part,
                                           const std::optional<RowKey>& after = {}) {
    HistoryFilter filter;
    if constexpr (std::is_same_v<Row, Balance>) {
        filter.series.balances = {&part.balance, 1};
    } else {
        filter.series.symbols = {&part.symbol, 1};
    }
    filter.start = part.start;
    filter.end = part.end;
    if (after) filter.after = *after;
    return db.read_history<Row>(filter);
}

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

}  // namespace marketdb::transfer
