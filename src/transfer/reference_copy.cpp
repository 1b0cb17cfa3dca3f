#include "transfer/reference_copy.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <marketdb/error.hpp>

#include "storage/table.hpp"

namespace marketdb::transfer {
namespace {

/// What decides which instrument a symbol is and what its prices and sizes mean.
constexpr std::array<std::string_view, 8> kMeaning{"symbol_base",   "symbol_quote", "symbol_type",   "contract_type",
                                                   "quantity_unit", "settle_asset", "contract_size", "expires_at"};

/// Set by each database itself, or by what the row was matched.
[[nodiscard]] bool is_of_one_database(const storage::Column& column) noexcept {
    return column.role == storage::Role::generated || column.name == "exchange_id" || column.name == "created_at" ||
           column.name == "updated_at";
}

/// The names of the columns in which two rows differ.
template <class Row>
[[nodiscard]] std::vector<std::string_view> differing_columns(const Row& a, const Row& b) {
    const auto* first = reinterpret_cast<const std::byte*>(&a);
    const auto* second = reinterpret_cast<const std::byte*>(&b);
    std::vector<std::string_view> names;
    for (const storage::Column& column : storage::table_of<Row>().columns) {
        if (!is_of_one_database(column) && !storage::equal(first, second, column)) names.push_back(column.name);
    }
    return names;
}

/// Of these, the columns in which both have a value, and another one.
[[nodiscard]] std::vector<std::string_view> contradictions(const Symbol& a, const Symbol& b,
                                                           const std::vector<std::string_view>& differing) {
    const auto* first = reinterpret_cast<const std::byte*>(&a);
    const auto* second = reinterpret_cast<const std::byte*>(&b);
    std::vector<std::string_view> names;
    for (const std::string_view name : kMeaning) {
        const storage::Column& column = *storage::table_of<Symbol>().find(name);
        const bool is_known = !storage::is_absent(first, column) && !storage::is_absent(second, column);
        if (is_known && std::find(differing.begin(), differing.end(), name) != differing.end()) names.push_back(name);
    }
    return names;
}

[[nodiscard]] std::string describe(const std::string& exchange, const Symbol& symbol) {
    return fmt::format("{}:{} ({})", exchange, pair(symbol), symbol.exchange_symbol.view());
}

}  // namespace

boost::asio::awaitable<void> ReferenceCopy::want_all() {
    const std::vector<Exchange> exchanges = co_await from_.get_all_exchanges();
    for (const Exchange& exchange : exchanges) {
        WantedExchange* wanted = co_await want_exchange(exchange.id);
        wanted->symbols = co_await from_.get_symbols_by_exchange(exchange.id, /*active_only=*/false);
    }
}

boost::asio::awaitable<void> ReferenceCopy::want(const ChosenSeries& series) {
    if (series.name.dataset == Dataset::balances) {
        co_await want_exchange(series.part.balance.exchange_id);
        co_return;
    }
    if (!wanted_symbols_.insert(series.part.symbol).second) co_return;
    const std::optional<Symbol> symbol = co_await from_.get_symbol_by_id(series.part.symbol);
    if (!symbol) throw Error(ErrorCode::corrupt, to_string(series.name) + ": rows of a symbol that is not stored");
    WantedExchange* wanted = co_await want_exchange(symbol->exchange_id);
    wanted->symbols.push_back(*symbol);
}

boost::asio::awaitable<ReferenceCopy::WantedExchange*> ReferenceCopy::want_exchange(ExchangeId id) {
    const auto known = std::find_if(wanted_.begin(), wanted_.end(), [id](const auto& one) { return one.row.id == id; });
    if (known != wanted_.end()) co_return &*known;
    const std::optional<Exchange> exchange = co_await from_.get_exchange_by_id(id);
    if (!exchange) {
        throw Error(ErrorCode::corrupt, fmt::format("exchange {} is not stored", static_cast<std::int32_t>(id)));
    }
    WantedExchange& wanted = wanted_.emplace_back();
    wanted.row = *exchange;
    co_return &wanted;
}

boost::asio::awaitable<void> ReferenceCopy::look_up() {
    for (WantedExchange& wanted : wanted_) {
        wanted.targets.resize(wanted.symbols.size());
        const std::optional<Exchange> stored = co_await to_.get_exchange_by_enum(wanted.row.enum_value);
        if (stored) {
            compare(wanted.row, *stored);
            wanted.target = stored->id;
            exchanges_[static_cast<std::int32_t>(wanted.row.id)] = stored->id;
            co_await look_up_symbols(wanted);
        } else {
            new_exchanges_.push_back(wanted.row.enum_value.str());
        }
        for (std::size_t i = 0; i < wanted.symbols.size(); ++i) {
            if (wanted.targets[i] != SymbolId{}) continue;
            new_symbols_.push_back(describe(wanted.row.enum_value.str(), wanted.symbols[i]));
        }
    }
}

boost::asio::awaitable<void> ReferenceCopy::look_up_symbols(WantedExchange& wanted) {
    const std::vector<Symbol> stored = co_await to_.get_symbols_by_exchange(wanted.target, /*active_only=*/false);
    std::unordered_map<std::string, const Symbol*> by_spelling;
    for (const Symbol& symbol : stored) by_spelling.emplace(symbol.exchange_symbol.str(), &symbol);
    for (std::size_t i = 0; i < wanted.symbols.size(); ++i) {
        const auto found = by_spelling.find(wanted.symbols[i].exchange_symbol.str());
        if (found == by_spelling.end()) continue;
        compare(wanted.row.enum_value.str(), wanted.symbols[i], *found->second);
        wanted.targets[i] = found->second->id;
        symbols_[static_cast<std::int32_t>(wanted.symbols[i].id)] = found->second->id;
    }
}

boost::asio::awaitable<void> ReferenceCopy::create() {
    for (WantedExchange& wanted : wanted_) {
        if (wanted.target == ExchangeId{}) co_await create_exchange(wanted);
        for (std::size_t i = 0; i < wanted.symbols.size(); ++i) {
            if (wanted.targets[i] != SymbolId{}) continue;
            Symbol symbol = wanted.symbols[i];
            symbol.exchange_id = wanted.target;
            const Symbol stored = co_await to_.ensure_symbol(symbol);
            // Somebody else may have made it since the look-up.
            compare(wanted.row.enum_value.str(), wanted.symbols[i], stored);
            symbols_[static_cast<std::int32_t>(wanted.symbols[i].id)] = stored.id;
        }
    }
}

boost::asio::awaitable<void> ReferenceCopy::create_exchange(WantedExchange& wanted) {
    bool is_there = false;
    try {
        const Exchange stored = co_await to_.insert_exchange(wanted.row);
        wanted.target = stored.id;
    } catch (const Error& error) {
        if (error.code() != ErrorCode::constraint) throw;
        is_there = true;  // somebody else was faster
    }
    if (is_there) {
        const Exchange stored = co_await to_.ensure_exchange(wanted.row.enum_value);
        compare(wanted.row, stored);
        wanted.target = stored.id;
    }
    exchanges_[static_cast<std::int32_t>(wanted.row.id)] = wanted.target;
}

void ReferenceCopy::compare(const Exchange& wanted, const Exchange& stored) {
    const std::vector<std::string_view> differing = differing_columns(wanted, stored);
    if (differing.empty()) return;
    notes_.push_back(fmt::format("{}: the target has another {}, which stays", wanted.enum_value.view(),
                                 fmt::join(differing, ", ")));
}

void ReferenceCopy::compare(const std::string& exchange, const Symbol& wanted, const Symbol& stored) {
    const std::vector<std::string_view> differing = differing_columns(wanted, stored);
    if (differing.empty()) return;
    const std::vector<std::string_view> wrong = contradictions(wanted, stored, differing);
    if (!wrong.empty()) {
        throw Error(ErrorCode::constraint,
                    fmt::format("{} is another instrument in the target: {}; its rows cannot be put together",
                                describe(exchange, wanted), fmt::join(wrong, ", ")));
    }
    notes_.push_back(fmt::format("{}: the target has another {}, which stays", describe(exchange, wanted),
                                 fmt::join(differing, ", ")));
}

ExchangeId ReferenceCopy::exchange(ExchangeId id) const {
    const auto found = exchanges_.find(static_cast<std::int32_t>(id));
    return found == exchanges_.end() ? ExchangeId{} : found->second;
}

SymbolId ReferenceCopy::symbol(SymbolId id) const {
    const auto found = symbols_.find(static_cast<std::int32_t>(id));
    return found == symbols_.end() ? SymbolId{} : found->second;
}

boost::asio::awaitable<bool> ReferenceCopy::may_be_one_database() {
    const std::vector<Exchange> first = co_await from_.get_all_exchanges();
    const std::vector<Exchange> second = co_await to_.get_all_exchanges();
    co_return !first.empty() &&
        std::equal(first.begin(), first.end(), second.begin(), second.end(), [](const Exchange& a, const Exchange& b) {
            return a.id == b.id && a.enum_value == b.enum_value && a.created_at == b.created_at;
        });
}

}  // namespace marketdb::transfer
