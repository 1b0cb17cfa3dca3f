#include "transfer/instruments.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "core/text.hpp"
#include "transfer/file_error.hpp"

namespace marketdb::transfer {
namespace {

bool contains(const std::vector<std::string>& texts, std::string_view text) {
    return std::find(texts.begin(), texts.end(), text) != texts.end();
}

}  // namespace

void Instruments::append(const std::vector<io::Instrument>& instruments) {
    for (const io::Instrument& instrument : instruments) {
        Entry entry;
        entry.instrument = instrument;
        entries_.push_back(std::move(entry));
    }
}

void Instruments::use(std::size_t index, std::int64_t line) {
    Entry& entry = entries_[index];
    if (!entry.is_used) entry.first_line = line;
    entry.is_used = true;
    ++entry.rows;
}

boost::asio::awaitable<void> Instruments::look_up(bool are_balances) {
    are_balances_ = are_balances;
    std::unordered_map<std::string, StoredExchange> exchanges;  // asked once a call, not once a symbol
    for (Entry& entry : entries_) {
        if (!entry.is_used || entry.is_looked_up) continue;
        const std::string& name = entry.instrument.exchange;
        if (!exchanges.contains(name)) {
            StoredExchange loaded = co_await load_exchange(name);
            exchanges.emplace(name, std::move(loaded));
        }
        look_up_one(entry, exchanges.at(name));
        entry.is_looked_up = true;
    }
}

boost::asio::awaitable<Instruments::StoredExchange> Instruments::load_exchange(std::string enum_value) {
    StoredExchange stored;
    const std::optional<Exchange> exchange = co_await db_.get_exchange_by_enum(enum_value);
    if (!exchange) co_return stored;
    stored.id = exchange->id;
    if (are_balances_) co_return stored;
    const std::vector<Symbol> symbols = co_await db_.get_symbols_by_exchange(exchange->id, /*active_only=*/false);
    for (const Symbol& symbol : symbols) stored.symbols.emplace(symbol.exchange_symbol.str(), symbol);
    co_return stored;
}

void Instruments::look_up_one(Entry& entry, const StoredExchange& exchange) const {
    if (are_balances_) {
        entry.id = static_cast<std::int32_t>(exchange.id);
        return;
    }
    // By the spelling alone and byte by byte: base and quote do not identify (nine Bybit contracts are BTC/USDT). Only where
    // the file has nothing but the pair it means what a pair means.
    const Symbol& told = entry.instrument.symbol;
    const auto found = exchange.symbols.find(told.exchange_symbol.str());
    const Symbol* known = found != exchange.symbols.end() ? &found->second : nullptr;
    if (known == nullptr && entry.instrument.is_pair) known = db_.find_symbol(exchange.id, told.exchange_symbol);
    if (known != nullptr) {
        entry.id = static_cast<std::int32_t>(known->id);
        if (entry.instrument.tells_pair && pair(told) != pair(*known)) {
            entry.contradiction = fmt::format(
                "{} of {} is {} in the file and {} in the database; its rows are stored as the latter",
                core::printable(known->exchange_symbol), entry.instrument.exchange, pair(told), pair(*known));
        }
        entry.instrument.symbol = *known;
        return;
    }
    if (entry.instrument.is_pair) {
        entry.is_ambiguous = std::any_of(exchange.symbols.begin(), exchange.symbols.end(), [&](const auto& stored) {
            return stored.second.symbol_base == told.symbol_base && stored.second.symbol_quote == told.symbol_quote;
        });
    }
    entry.is_refused = entry.is_ambiguous || told.symbol_base.empty() || told.symbol_quote.empty();
    entry.is_new = !entry.is_refused;
}

std::string Instruments::name(std::size_t index) const {
    const io::Instrument& instrument = entries_[index].instrument;
    return fmt::format("{}:{}", instrument.exchange, pair(instrument.symbol));
}

std::string Instruments::refusal(std::size_t index) const {
    const Entry& entry = entries_[index];
    if (!entry.is_refused) return {};
    if (entry.is_ambiguous) {
        return fmt::format("column symbol: `{}` may be several symbols of {}; add the column exchange_symbol",
                           core::printable(entry.instrument.symbol.exchange_symbol), entry.instrument.exchange);
    }
    return fmt::format(
        "column symbol: `{}` is no symbol of {} that is known, and cannot be split into base and quote; give "
        "--base and --quote",
        core::printable(entry.instrument.symbol.exchange_symbol), entry.instrument.exchange);
}

std::uint64_t Instruments::refused_rows() const noexcept {
    std::uint64_t rows = 0;
    for (const Entry& entry : entries_) rows += entry.is_refused ? entry.rows : 0;
    return rows;
}

void Instruments::require_no_refusal() const {
    for (std::size_t index = 0; index < entries_.size(); ++index) {
        if (!entries_[index].is_refused) continue;
        throw FileError(ErrorCode::invalid_argument,
                        fmt::format("{}:{}: {}", file_, entries_[index].first_line, refusal(index)));
    }
}

boost::asio::awaitable<void> Instruments::create() {
    for (Entry& entry : entries_) {
        if (!entry.is_stored_or_will_be() || entry.id != 0) continue;
        const Exchange exchange = co_await db_.ensure_exchange(entry.instrument.exchange);
        if (are_balances_) {
            entry.id = static_cast<std::int32_t>(exchange.id);
            continue;
        }
        Symbol symbol = entry.instrument.symbol;
        symbol.exchange_id = exchange.id;
        entry.instrument.symbol = co_await db_.ensure_symbol(symbol);
        entry.id = static_cast<std::int32_t>(entry.instrument.symbol.id);
    }
}

std::vector<SymbolId> Instruments::known_symbols() const {
    std::vector<SymbolId> ids;
    for (const Entry& entry : entries_) {
        if (entry.id != 0 && !are_balances_) ids.push_back(SymbolId(entry.id));
    }
    return ids;
}

std::string Instruments::exchanges() const {
    std::vector<std::string> names;
    for (const Entry& entry : entries_) {
        if (entry.is_stored_or_will_be() && !contains(names, entry.instrument.exchange))
            names.push_back(entry.instrument.exchange);
    }
    return fmt::format("{}", fmt::join(names, ","));
}

std::vector<std::string> Instruments::symbols() const {
    std::vector<std::string> names;
    for (const Entry& entry : entries_) {
        if (!entry.is_stored_or_will_be()) continue;
        const Symbol& symbol = entry.instrument.symbol;
        std::string name = are_balances_ ? symbol.symbol_base.str() : pair(symbol);
        if (!contains(names, name)) names.push_back(std::move(name));
    }
    return names;
}

std::vector<std::string> Instruments::new_symbols() const {
    std::vector<std::string> names;
    for (const Entry& entry : entries_) {
        if (!entry.is_new) continue;
        const Symbol& symbol = entry.instrument.symbol;
        names.push_back(
            fmt::format("{}:{} ({})", entry.instrument.exchange, pair(symbol), symbol.exchange_symbol.view()));
    }
    return names;
}

std::vector<std::string> Instruments::contradictions() const {
    std::vector<std::string> texts;
    for (const Entry& entry : entries_) {
        if (!entry.contradiction.empty()) texts.push_back(entry.contradiction);
    }
    return texts;
}

}  // namespace marketdb::transfer
