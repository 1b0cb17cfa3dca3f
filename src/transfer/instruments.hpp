#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include <marketdb/database_manager.hpp>

#include "io/parser.hpp"

namespace marketdb::transfer {

/// What the instruments of a file are in the database. An instrument is known by its exchange and its spelling there; what
/// is stored of a known one is not rewritten.
///
/// Threads: one coroutine. Lifetime: the manager must outlive it.
class Instruments {
 public:
    Instruments(DatabaseManager& db, std::string file) : db_(db), file_(std::move(file)) {}

    /// Takes over instruments in the file's order.
    void append(const std::vector<io::Instrument>& instruments);
    /// Rows of this instrument are to be stored. `index` as in `io::Rows`; `line` is that of the row.
    void use(std::size_t index, std::int64_t line);

    /// Looks for the used instruments in the database; creates nothing.
    boost::asio::awaitable<void> look_up(bool are_balances);
    /// Why an instrument cannot be created (it is unknown, and so are its base and quote); empty if it can.
    [[nodiscard]] std::string refusal(std::size_t index) const;
    /// Rows of such instruments.
    [[nodiscard]] std::uint64_t refused_rows() const noexcept;
    /// Errors: FileError  there is a refusal; names file and line.
    void require_no_refusal() const;
    /// Creates the exchanges and symbols of the used instruments that are missing; `look_up` comes before.
    boost::asio::awaitable<void> create();

    /// The symbol's id (of balances: the exchange's) of an instrument; 0 if it is not in the database.
    [[nodiscard]] std::int32_t id(std::size_t index) const { return entries_[index].id; }
    [[nodiscard]] std::size_t count() const noexcept { return entries_.size(); }
    /// `BINANCE_SPOT:BTC/USDT`.
    [[nodiscard]] std::string name(std::size_t index) const;
    /// Symbols that are stored already.
    [[nodiscard]] std::vector<SymbolId> known_symbols() const;

    // For the report; used ones only, in the file's order.
    [[nodiscard]] std::string exchanges() const;
    [[nodiscard]] std::vector<std::string> symbols() const;
    [[nodiscard]] std::vector<std::string> new_symbols() const;
    /// Symbols whose pair is another in the database than in the file.
    [[nodiscard]] std::vector<std::string> contradictions() const;

 private:
    struct Entry {
        io::Instrument instrument;
        std::int32_t id = 0;
        std::int64_t first_line = 0;
        std::uint64_t rows = 0;
        bool is_used = false;
        bool is_looked_up = false;
        bool is_new = false;
        bool is_refused = false;
        bool is_ambiguous = false;  ///< A pair that fits several symbols; refused then.
        std::string contradiction;  ///< What the file says of a known symbol and the database does not.

        [[nodiscard]] bool is_stored_or_will_be() const noexcept { return is_used && !is_refused; }
    };

    /// The symbols of an exchange by their spelling.
    struct StoredExchange {
        ExchangeId id{};
        std::unordered_map<std::string, Symbol> symbols;
    };

    boost::asio::awaitable<StoredExchange> load_exchange(std::string enum_value);
    void look_up_one(Entry& entry, const StoredExchange& exchange) const;

    DatabaseManager& db_;
    std::string file_;
    bool are_balances_ = false;
    std::vector<Entry> entries_;
};

}  // namespace marketdb::transfer
