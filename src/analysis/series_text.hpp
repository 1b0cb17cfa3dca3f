#pragma once

#include <string>

#include <boost/asio/awaitable.hpp>

#include <marketdb/database_manager.hpp>

namespace marketdb::analysis {

/// A symbol by its id.
/// Errors: unknown_symbol  names the id.
[[nodiscard]] boost::asio::awaitable<Symbol> get_symbol(DatabaseManager& db, SymbolId id, Deadline deadline);

/// `BINANCE_SPOT:BTC/USDT`, for messages.
/// Errors: as get_symbol.
[[nodiscard]] boost::asio::awaitable<std::string> series_text(DatabaseManager& db, SymbolId id, Deadline deadline);

}  // namespace marketdb::analysis
