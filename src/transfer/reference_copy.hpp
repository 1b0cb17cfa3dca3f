#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include <marketdb/transfer.hpp>

#include "transfer/selection.hpp"

namespace marketdb::transfer {

/// Brings exchanges and symbols from one database to another, and knows what their ids are there. What the target has already is
/// matched by its name alone and stays as it is.
///
/// Threads: one coroutine. Lifetime: the managers outlive it.
class ReferenceCopy {
 public:
    ReferenceCopy(DatabaseManager& from, DatabaseManager& to) : from_(from), to_(to) {}

    /// Takes over every exchange and symbol of the first database.
    boost::asio::awaitable<void> want_all();
    /// Takes over those of a series.
    boost::asio::awaitable<void> want(const ChosenSeries& series);

    /// Looks for them in the target; creates nothing.
    /// Errors: constraint  one is another instrument there; names it and the columns.
    boost::asio::awaitable<void> look_up();
    /// Creates what is missing; `look_up` comes before.
    boost::asio::awaitable<void> create();

    /// The ids in the target; 0 if it has none.
    [[nodiscard]] ExchangeId exchange(ExchangeId id) const;
    [[nodiscard]] SymbolId symbol(SymbolId id) const;

    /// As in CopyReport.
    [[nodiscard]] const std::vector<std::string>& new_exchanges() const noexcept { return new_exchanges_; }
    [[nodiscard]] const std::vector<std::string>& new_symbols() const noexcept { return new_symbols_; }
    [[nodiscard]] const std::vector<std::string>& notes() const noexcept { return notes_; }

    /// Whether all exchanges of both are the same rows, ids and moments of creation included: one database, or one that was a
    /// copy of the other's files.
    [[nodiscard]] boost::asio::awaitable<bool> may_be_one_database();

 private:
    struct WantedExchange {
        Exchange row;
        ExchangeId target{};
        std::vector<Symbol> symbols;
        std::vector<SymbolId> targets;  // of the symbols
    };

    boost::asio::awaitable<WantedExchange*> want_exchange(ExchangeId id);
    boost::asio::awaitable<void> look_up_symbols(WantedExchange& wanted);
    boost::asio::awaitable<void> create_exchange(WantedExchange& wanted);
    void compare(const Exchange& wanted, const Exchange& stored);
    void compare(const std::string& exchange, const Symbol& wanted, const Symbol& stored);

    DatabaseManager& from_;
    DatabaseManager& to_;
    std::vector<WantedExchange> wanted_;
    std::set<SymbolId> wanted_symbols_;
    std::unordered_map<std::int32_t, ExchangeId> exchanges_;  // by the id in the first database
    std::unordered_map<std::int32_t, SymbolId> symbols_;
    std::vector<std::string> new_exchanges_, new_symbols_, notes_;
};

}  // namespace marketdb::transfer
