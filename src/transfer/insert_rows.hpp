#pragma once

#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include <marketdb/database_manager.hpp>

/// `insert_*` by the type of the rows.
namespace marketdb::transfer {

[[nodiscard]] inline boost::asio::awaitable<WriteResult> insert_rows(DatabaseManager& db,
                                                                     std::vector<BookTicker> rows) {
    return db.insert_book_ticker_snapshots(std::move(rows));
}
[[nodiscard]] inline boost::asio::awaitable<WriteResult> insert_rows(DatabaseManager& db, std::vector<Trade> rows) {
    return db.insert_trades(std::move(rows));
}
[[nodiscard]] inline boost::asio::awaitable<WriteResult> insert_rows(DatabaseManager& db,
                                                                     std::vector<FundingRate> rows) {
    return db.insert_funding_rates(std::move(rows));
}
[[nodiscard]] inline boost::asio::awaitable<WriteResult> insert_rows(DatabaseManager& db, std::vector<Balance> rows) {
    return db.insert_balance_snapshots(std::move(rows));
}

}  // namespace marketdb::transfer
