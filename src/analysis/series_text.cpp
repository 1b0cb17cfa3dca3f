#include "analysis/series_text.hpp"

#include <fmt/format.h>

#include <marketdb/error.hpp>

namespace marketdb::analysis {

boost::asio::awaitable<Symbol> get_symbol(DatabaseManager& db, SymbolId id, Deadline deadline) {
    const std::optional<Symbol> symbol = co_await db.get_symbol_by_id(id, deadline);
    if (!symbol) {
        throw Error(ErrorCode::unknown_symbol,
                    fmt::format("symbol id {} is not stored", static_cast<std::int32_t>(id)));
    }
    co_return *symbol;
}

boost::asio::awaitable<std::string> series_text(DatabaseManager& db, SymbolId id, Deadline deadline) {
    const Symbol symbol = co_await get_symbol(db, id, deadline);
    const std::optional<Exchange> exchange = co_await db.get_exchange_by_id(symbol.exchange_id, deadline);
    const std::string name = exchange ? exchange->enum_value.str() : std::string("?");
    co_return name + ":" + pair(symbol);
}

}  // namespace marketdb::analysis
