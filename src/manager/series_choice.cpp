#include "manager/series_choice.hpp"

#include <algorithm>
#include <utility>

#include "core/text.hpp"

namespace marketdb {
namespace {

using cache::ReferenceTable;
using storage::SeriesInfo;
using storage::SeriesKey;

bool by_pair(const Symbol& a, const Symbol& b) noexcept {
    if (a.symbol_base != b.symbol_base) return a.symbol_base < b.symbol_base;
    if (a.symbol_quote != b.symbol_quote) return a.symbol_quote < b.symbol_quote;
    return a.exchange_symbol < b.exchange_symbol;
}

Error several_fit(const std::string& what, const std::vector<const Symbol*>& candidates) {
    std::string text;
    for (const Symbol* symbol : candidates) {
        if (!text.empty()) text += ", ";
        text += pair(*symbol) + " (" + symbol->exchange_symbol.str();
        text += symbol->is_active ? ")" : ", inactive)";
    }
    return Error(ErrorCode::ambiguous, what + " fits several symbols: " + text);
}

bool fits(std::string_view pattern, const Symbol& symbol) {
    return core::matches_pattern(pattern, pair(symbol)) || core::matches_pattern(pattern, joined(symbol)) ||
           core::matches_pattern(pattern, symbol.exchange_symbol);
}

bool fits_or_empty(const std::string& pattern, std::string_view text) {
    return pattern.empty() || core::matches_pattern(pattern, text);
}

/// Errors: unknown_exchange  the pattern fits none.
std::vector<const Exchange*> choose_venues(const ReferenceTable& reference, const std::string& pattern) {
    std::vector<const Exchange*> venues = reference.exchanges();
    std::erase_if(venues, [&](const Exchange* one) { return !fits_or_empty(pattern, one->enum_value); });
    if (venues.empty() && !pattern.empty()) throw unknown_exchange(pattern);
    return venues;
}

bool is_one_of(const std::vector<const Exchange*>& venues, ExchangeId id) {
    return std::any_of(venues.begin(), venues.end(), [id](const Exchange* one) { return one->id == id; });
}

/// What the narrowest part of a filter leaves, before the rest of it is looked at.
std::vector<const Symbol*> candidates_of(const ReferenceTable& reference, const std::vector<const Exchange*>& venues,
                                         const OwnedSeriesFilter& filter) {
    std::vector<const Symbol*> candidates;
    if (!filter.symbol.empty() && !has_wildcard(filter.symbol)) {
        for (const Exchange* venue : venues) {
            const Symbol* symbol = find_any_spelling(reference, venue->id, filter.symbol);
            if (symbol != nullptr) candidates.push_back(symbol);
        }
        return candidates;
    }
    if (filter.symbols.empty()) return reference.symbols();
    for (const SymbolId id : filter.symbols) {
        candidates.push_back(reference.find_symbol(id));
        if (candidates.back() != nullptr) continue;
        throw unknown_symbol(id);
    }
    return candidates;
}

std::vector<SeriesKey> choose_symbols(const ReferenceTable& reference, const OwnedSeriesFilter& filter) {
    const std::vector<const Exchange*> venues = choose_venues(reference, filter.exchange);
    const bool is_listed_only = !filter.symbols.empty();
    const bool has_pattern = has_wildcard(filter.symbol);
    std::vector<SeriesKey> chosen;
    for (const Symbol* symbol : candidates_of(reference, venues, filter)) {
        if (!is_one_of(venues, symbol->exchange_id)) continue;
        if (!fits_or_empty(filter.base, symbol->symbol_base)) continue;
        if (!fits_or_empty(filter.quote, symbol->symbol_quote)) continue;
        if (has_pattern && !fits(filter.symbol, *symbol)) continue;
        const auto& listed = filter.symbols;
        if (is_listed_only && std::find(listed.begin(), listed.end(), symbol->id) == listed.end()) continue;
        chosen.push_back(series_of(symbol->id));
    }
    if (chosen.empty() && (!filter.symbol.empty() || !filter.base.empty() || !filter.quote.empty())) {
        throw Error(ErrorCode::unknown_symbol, "no symbol fits " + filter.describe());
    }
    std::sort(chosen.begin(), chosen.end());
    chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
    return chosen;
}

std::vector<SeriesKey> choose_balances(const ReferenceTable& reference, const OwnedSeriesFilter& filter,
                                       std::span<const SeriesInfo> stored) {
    const std::vector<const Exchange*> venues = choose_venues(reference, filter.exchange);
    const auto is_listed = [&filter](const SeriesKey& series) {
        return filter.balances.empty() ||
               std::any_of(filter.balances.begin(), filter.balances.end(), [&series](const BalanceSeries& one) {
                   return static_cast<std::int32_t>(one.exchange_id) == series.id && one.asset_name == series.asset &&
                          (one.account.empty() || one.account == series.account);
               });
    };
    std::vector<SeriesKey> chosen;
    for (const SeriesInfo& one : stored) {
        if (is_one_of(venues, ExchangeId{one.series.id}) && is_listed(one.series) &&
            fits_or_empty(filter.asset, one.series.asset) && fits_or_empty(filter.account, one.series.account)) {
            chosen.push_back(one.series);
        }
    }
    return chosen;
}

}  // namespace

OwnedSeriesFilter::OwnedSeriesFilter(const SeriesFilter& filter)
    : exchange(filter.exchange),
      symbol(filter.symbol),
      base(filter.base),
      quote(filter.quote),
      asset(filter.asset),
      account(filter.account),
      symbols(filter.symbols.begin(), filter.symbols.end()),
      balances(filter.balances.begin(), filter.balances.end()) {}

std::string OwnedSeriesFilter::describe() const {
    std::string text;
    const auto add = [&text](std::string_view name, const std::string& value) {
        if (value.empty()) return;
        if (!text.empty()) text += ", ";
        text += std::string(name) + " " + core::printable(value);
    };
    add("exchange", exchange);
    add("symbol", symbol);
    add("base", base);
    add("quote", quote);
    add("asset", asset);
    add("account", account);
    return text;
}

Error unknown_exchange(std::string_view text) {
    return Error(ErrorCode::unknown_exchange, "no exchange fits '" + core::printable(text) + "'");
}

Error unknown_exchange(ExchangeId id) {
    return unknown_exchange("id " + std::to_string(static_cast<std::int32_t>(id)));
}

Error unknown_symbol(SymbolId id) {
    return Error(ErrorCode::unknown_symbol, "no symbol has the id " + std::to_string(static_cast<std::int32_t>(id)));
}

Error unknown_symbol(std::string_view text, const Exchange& exchange) {
    return Error(ErrorCode::unknown_symbol,
                 "no symbol '" + core::printable(text) + "' on " + exchange.enum_value.str());
}

bool has_wildcard(std::string_view text) noexcept { return text.find('*') != std::string_view::npos; }

SeriesKey series_of(SymbolId symbol) noexcept {
    SeriesKey series;
    series.id = static_cast<std::int32_t>(symbol);
    return series;
}

SeriesKey series_of(ExchangeId exchange, std::string_view account, std::string_view asset) noexcept {
    SeriesKey series;
    series.id = static_cast<std::int32_t>(exchange);
    series.account = account;
    series.asset = asset;
    return series;
}

std::vector<Exchange> choose_exchanges(const ReferenceTable& reference, const ExchangeFilter& filter) {
    std::vector<Exchange> chosen;
    for (const Exchange* exchange : reference.exchanges()) {
        if (filter.active_only && !exchange->is_active) continue;
        if (filter.market_type != MarketType::unknown && exchange->market_type != filter.market_type) continue;
        chosen.push_back(*exchange);
    }
    std::sort(chosen.begin(), chosen.end(), [](const auto& a, const auto& b) { return a.enum_value < b.enum_value; });
    return chosen;
}

std::vector<const Symbol*> pointers_of(const ReferenceTable& reference, ExchangeId exchange, bool active_only) {
    std::vector<const Symbol*> chosen = reference.symbols();
    std::erase_if(chosen,
                  [&](const Symbol* one) { return one->exchange_id != exchange || (active_only && !one->is_active); });
    std::sort(chosen.begin(), chosen.end(), [](const Symbol* a, const Symbol* b) { return by_pair(*a, *b); });
    return chosen;
}

std::vector<Symbol> symbols_of(const ReferenceTable& reference, ExchangeId exchange, bool active_only) {
    std::vector<Symbol> chosen;
    for (const Symbol* symbol : pointers_of(reference, exchange, active_only)) chosen.push_back(*symbol);
    return chosen;
}

std::vector<Symbol> symbols_of(const ReferenceTable& reference, const SymbolFilter& filter) {
    std::vector<Symbol> chosen;
    for (const Exchange& exchange : choose_exchanges(reference, ExchangeFilter{})) {
        for (const Symbol* symbol : pointers_of(reference, exchange.id, filter.active_only)) {
            if (filter.market_type != MarketType::unknown && symbol->symbol_type != filter.market_type) continue;
            chosen.push_back(*symbol);
        }
    }
    return chosen;
}

const Symbol* find_any_spelling(const ReferenceTable& reference, ExchangeId exchange, const std::string& text) {
    if (const Symbol* symbol = reference.find_symbol(exchange, text)) return symbol;
    const std::vector<const Symbol*> candidates = reference.candidates(exchange, text);
    if (candidates.empty()) return nullptr;
    if (candidates.size() == 1) return candidates.front();
    const std::string venue = reference.find_exchange(exchange)->enum_value.str();
    throw several_fit("'" + core::printable(text) + "' on " + venue, candidates);
}

const Symbol* find_own_spelling(const ReferenceTable& reference, ExchangeId exchange,
                                std::string_view exchange_symbol) {
    const std::vector<const Symbol*> candidates = reference.candidates(exchange, exchange_symbol);
    const auto found = std::find_if(candidates.begin(), candidates.end(), [exchange_symbol](const Symbol* one) {
        return one->exchange_symbol == exchange_symbol;
    });
    return found == candidates.end() ? nullptr : *found;
}

const Symbol* find_pair(const ReferenceTable& reference, ExchangeId exchange, const std::string& text,
                        MarketType type) {
    std::vector<const Symbol*> found = reference.candidates(exchange, text);
    std::erase_if(found, [type](const Symbol* one) { return type != MarketType::unknown && one->symbol_type != type; });
    if (found.empty()) return nullptr;
    const Symbol* best = reference.find_symbol(exchange, text);
    if (best != nullptr && std::find(found.begin(), found.end(), best) != found.end()) return best;
    if (found.size() == 1) return found.front();
    throw several_fit(core::printable(text), found);
}

std::vector<Symbol> match_symbols(const ReferenceTable& reference, const std::string& exchange,
                                  const std::string& text) {
    std::vector<const Exchange*> venues = reference.exchanges();
    std::erase_if(venues, [&](const Exchange* venue) { return !core::matches_pattern(exchange, venue->enum_value); });
    std::sort(venues.begin(), venues.end(), [](const auto* a, const auto* b) { return a->enum_value < b->enum_value; });
    std::vector<Symbol> chosen;
    for (const Exchange* venue : venues) {
        if (!has_wildcard(text)) {
            if (const Symbol* symbol = reference.find_symbol(venue->id, text)) chosen.push_back(*symbol);
            continue;
        }
        for (const Symbol& symbol : symbols_of(reference, venue->id, false)) {
            if (fits(text, symbol)) chosen.push_back(symbol);
        }
    }
    if (!chosen.empty()) return chosen;
    throw Error(ErrorCode::unknown_symbol, "no symbol fits '" + core::printable(exchange + ":" + text) + "'");
}

std::vector<SeriesKey> choose_series(const ReferenceTable& reference, const storage::Table& table,
                                     const OwnedSeriesFilter& filter, std::span<const SeriesInfo> stored) {
    if (table.dataset == Dataset::balances) return choose_balances(reference, filter, stored);
    return choose_symbols(reference, filter);
}

bool fits_series(const ReferenceTable& reference, Dataset dataset, std::string_view pattern, const SeriesKey& series) {
    const bool is_balance = dataset == Dataset::balances;
    const Symbol* symbol = is_balance ? nullptr : reference.find_symbol(SymbolId{series.id});
    if (!is_balance && symbol == nullptr) return false;
    const Exchange* exchange = reference.find_exchange(is_balance ? ExchangeId{series.id} : symbol->exchange_id);
    if (exchange == nullptr) return false;
    const std::string prefix = exchange->enum_value.str() + ":";
    if (is_balance) return core::matches_pattern(pattern, prefix + series.asset.str());
    return core::matches_pattern(pattern, prefix + pair(*symbol)) ||
           core::matches_pattern(pattern, prefix + symbol->exchange_symbol.str());
}

std::vector<SeriesStats> describe_series(const ReferenceTable& reference, std::span<const SeriesInfo> stored) {
    std::vector<SeriesStats> result;
    for (const SeriesInfo& one : stored) {
        SeriesStats stats;
        stats.dataset = one.dataset;
        stats.rows = one.rows;
        stats.first = one.first;
        stats.last = one.last;
        if (one.dataset == Dataset::balances) {
            stats.exchange_id = ExchangeId{one.series.id};
            stats.account = one.series.account;
            stats.asset_name = one.series.asset;
        } else {
            stats.symbol_id = SymbolId{one.series.id};
            if (const Symbol* symbol = reference.find_symbol(stats.symbol_id)) stats.exchange_id = symbol->exchange_id;
        }
        result.push_back(stats);
    }
    const auto name = [&reference](const SeriesStats& stats) {
        const Exchange* exchange = reference.find_exchange(stats.exchange_id);
        const Symbol* symbol = reference.find_symbol(stats.symbol_id);
        return std::pair(exchange == nullptr ? std::string() : exchange->enum_value.str(),
                         symbol == nullptr ? stats.account.str() + "/" + stats.asset_name.str() : pair(*symbol));
    };
    std::stable_sort(result.begin(), result.end(), [&name](const SeriesStats& a, const SeriesStats& b) {
        if (a.dataset != b.dataset) return a.dataset < b.dataset;
        return name(a) < name(b);
    });
    return result;
}

}  // namespace marketdb
