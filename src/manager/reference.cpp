#include <algorithm>
#include <utility>

#include "core/text.hpp"
#include "manager/impl.hpp"

namespace marketdb {
namespace {

using storage::SeriesKey;

/// Checks one row before it goes to the engine.
template <class Row>
void prepare_one(Row& row) {
    std::vector<Row> rows(1, row);
    (void)storage::prepare_batch(storage::as_rows(rows));
    row = rows.front();
}

/// Takes rows over as they are read, so that a refresh that finds nothing new allocates nothing.
template <class Row>
class ReferenceSink final : public storage::RowSink {
 public:
    explicit ReferenceSink(cache::ReferenceTable& reference) : reference_(reference) {}

    std::byte* slot() override {
        row_ = Row{};
        return reinterpret_cast<std::byte*>(&row_);
    }
    bool commit() override {
        const std::span<const Row> one(&row_, 1);
        if constexpr (std::is_same_v<Row, Exchange>) {
            changed_ |= reference_.apply(one, {});
        } else {
            changed_ |= reference_.apply({}, one);
        }
        return true;
    }
    [[nodiscard]] bool changed() const noexcept { return changed_; }

 private:
    cache::ReferenceTable& reference_;
    Row row_;
    bool changed_ = false;
};

bool by_pair(const Symbol& a, const Symbol& b) noexcept {
    if (a.symbol_base != b.symbol_base) return a.symbol_base < b.symbol_base;
    if (a.symbol_quote != b.symbol_quote) return a.symbol_quote < b.symbol_quote;
    return a.exchange_symbol < b.exchange_symbol;
}

std::string list_candidates(const std::vector<const Symbol*>& candidates) {
    std::string text;
    for (const Symbol* symbol : candidates) {
        if (!text.empty()) text += ", ";
        text += pair(*symbol) + " (" + symbol->exchange_symbol.str();
        text += symbol->is_active ? ")" : ", inactive)";
    }
    return text;
}

bool has_wildcard(std::string_view text) noexcept { return text.find('*') != std::string_view::npos; }

bool fits(std::string_view pattern, const Symbol& symbol) {
    return core::matches_pattern(pattern, pair(symbol)) || core::matches_pattern(pattern, joined(symbol)) ||
           core::matches_pattern(pattern, symbol.exchange_symbol);
}

bool fits_or_empty(const std::string& pattern, std::string_view text) {
    return pattern.empty() || core::matches_pattern(pattern, text);
}

Error unknown_exchange(const std::string& text) {
    return Error(ErrorCode::unknown_exchange, "no exchange fits '" + core::printable(text) + "'");
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

boost::asio::awaitable<bool> DatabaseManager::Impl::load_reference(Deadline deadline) {
    ReferenceSink<Exchange> exchanges(reference_);
    ReferenceSink<Symbol> symbols(reference_);
    storage::ScanRequest request;
    request.table = &storage::table_of<Exchange>();
    co_await engine_->scan(request, exchanges, deadline);
    request.table = &storage::table_of<Symbol>();
    co_await engine_->scan(request, symbols, deadline);

    refreshes_.fetch_add(1, std::memory_order_relaxed);
    last_refresh_us_.store(clock_->now().time_since_epoch().count(), std::memory_order_relaxed);
    const auto steady = std::chrono::nanoseconds(clock_->steady_now().time_since_epoch()).count();
    refreshed_steady_ns_.store(steady, std::memory_order_relaxed);
    co_return exchanges.changed() || symbols.changed();
}

boost::asio::awaitable<bool> DatabaseManager::Impl::refresh_if_changed(Deadline deadline) {
    const storage::ChangeMarks marks = co_await engine_->poll_changes(deadline);
    if (marks.reference == reference_mark_.load(std::memory_order_acquire)) co_return false;
    co_await load_reference(deadline);
    // Only now: a load that failed must be tried again.
    reference_mark_.store(marks.reference, std::memory_order_release);
    co_return true;
}

boost::asio::awaitable<std::optional<Exchange>> DatabaseManager::Impl::get_exchange(ExchangeId id, Deadline deadline) {
    const Exchange* found = reference_.find_exchange(id);
    if (found == nullptr) {
        co_await refresh_if_changed(deadline);
        found = reference_.find_exchange(id);
    }
    if (found == nullptr) co_return std::nullopt;
    co_return *found;
}

boost::asio::awaitable<std::optional<Exchange>> DatabaseManager::Impl::get_exchange(std::string enum_value,
                                                                                    Deadline deadline) {
    const Exchange* found = reference_.find_exchange(enum_value);
    if (found == nullptr) {
        co_await refresh_if_changed(deadline);
        found = reference_.find_exchange(enum_value);
    }
    if (found == nullptr) co_return std::nullopt;
    co_return *found;
}

boost::asio::awaitable<std::optional<Symbol>> DatabaseManager::Impl::get_symbol(SymbolId id, Deadline deadline) {
    const Symbol* found = reference_.find_symbol(id);
    if (found == nullptr) {
        co_await refresh_if_changed(deadline);
        found = reference_.find_symbol(id);
    }
    if (found == nullptr) co_return std::nullopt;
    co_return *found;
}

boost::asio::awaitable<std::optional<Symbol>> DatabaseManager::Impl::get_symbol_by_pair(
    ExchangeId exchange, std::string base, std::string quote, MarketType type, Deadline deadline) {
    const std::string text = base + "/" + quote;
    std::vector<const Symbol*> found;
    for (int attempt = 0; attempt < 2; ++attempt) {
        found = reference_.candidates(exchange, text);
        std::erase_if(
            found, [type](const Symbol* symbol) { return type != MarketType::unknown && symbol->symbol_type != type; });
        if (!found.empty() || attempt > 0) break;
        co_await refresh_if_changed(deadline);
    }
    if (found.empty()) co_return std::nullopt;
    const Symbol* best = reference_.find_symbol(exchange, text);
    if (best != nullptr && std::find(found.begin(), found.end(), best) != found.end()) co_return *best;
    if (found.size() == 1) co_return *found.front();
    throw Error(ErrorCode::ambiguous, core::printable(text) + " fits several symbols: " + list_candidates(found));
}

boost::asio::awaitable<std::vector<Exchange>> DatabaseManager::Impl::all_exchanges(ExchangeFilter filter) {
    std::vector<Exchange> chosen;
    for (const Exchange* exchange : reference_.exchanges()) {
        if (filter.active_only && !exchange->is_active) continue;
        if (filter.market_type != MarketType::unknown && exchange->market_type != filter.market_type) continue;
        chosen.push_back(*exchange);
    }
    std::sort(chosen.begin(), chosen.end(), [](const auto& a, const auto& b) { return a.enum_value < b.enum_value; });
    co_return chosen;
}

boost::asio::awaitable<std::vector<Symbol>> DatabaseManager::Impl::symbols_of(ExchangeId exchange, bool active_only,
                                                                              Deadline deadline) {
    const std::optional<Exchange> known = co_await get_exchange(exchange, deadline);
    if (!known) throw unknown_exchange("id " + std::to_string(static_cast<std::int32_t>(exchange)));
    std::vector<Symbol> chosen;
    for (const Symbol* symbol : reference_.symbols()) {
        if (symbol->exchange_id != exchange || (active_only && !symbol->is_active)) continue;
        chosen.push_back(*symbol);
    }
    std::sort(chosen.begin(), chosen.end(), by_pair);
    co_return chosen;
}

const Symbol* DatabaseManager::Impl::find_anywhere(ExchangeId exchange, const std::string& text) const {
    if (const Symbol* symbol = reference_.find_symbol(exchange, text)) return symbol;
    const std::vector<const Symbol*> candidates = reference_.candidates(exchange, text);
    if (candidates.empty()) return nullptr;
    if (candidates.size() == 1) return candidates.front();
    throw Error(ErrorCode::ambiguous, "'" + core::printable(text) + "' on " +
                                          reference_.find_exchange(exchange)->enum_value.str() +
                                          " fits several symbols: " + list_candidates(candidates));
}

boost::asio::awaitable<Symbol> DatabaseManager::Impl::resolve_symbol(std::string exchange, std::string text,
                                                                     Deadline deadline) {
    const std::optional<Exchange> venue = co_await get_exchange(exchange, deadline);
    if (!venue) throw unknown_exchange(exchange);
    const Symbol* symbol = find_anywhere(venue->id, text);
    if (symbol == nullptr) {
        co_await refresh_if_changed(deadline);
        symbol = find_anywhere(venue->id, text);
    }
    if (symbol == nullptr) {
        throw Error(ErrorCode::unknown_symbol,
                    "no symbol '" + core::printable(text) + "' on " + venue->enum_value.str());
    }
    co_return *symbol;
}

std::vector<Symbol> DatabaseManager::Impl::match_series(const std::string& exchange, const std::string& text) const {
    std::vector<Symbol> chosen;
    std::vector<const Exchange*> venues = reference_.exchanges();
    std::erase_if(venues, [&](const Exchange* venue) { return !core::matches_pattern(exchange, venue->enum_value); });
    std::sort(venues.begin(), venues.end(), [](const auto* a, const auto* b) { return a->enum_value < b->enum_value; });
    const std::vector<const Symbol*> symbols = reference_.symbols();
    for (const Exchange* venue : venues) {
        const auto begin = static_cast<std::ptrdiff_t>(chosen.size());
        if (!has_wildcard(text)) {
            if (const Symbol* symbol = reference_.find_symbol(venue->id, text)) chosen.push_back(*symbol);
            continue;
        }
        for (const Symbol* symbol : symbols) {
            if (symbol->exchange_id == venue->id && fits(text, *symbol)) chosen.push_back(*symbol);
        }
        std::sort(chosen.begin() + begin, chosen.end(), by_pair);
    }
    return chosen;
}

boost::asio::awaitable<std::vector<Symbol>> DatabaseManager::Impl::resolve_series(std::string exchange,
                                                                                  std::string text, Deadline deadline) {
    std::vector<Symbol> chosen;
    if (!has_wildcard(exchange) && !has_wildcard(text)) {
        chosen.push_back(co_await resolve_symbol(exchange, text, deadline));
        co_return chosen;
    }
    co_await refresh_if_changed(deadline);
    chosen = match_series(exchange, text);
    if (chosen.empty()) {
        throw Error(ErrorCode::unknown_symbol, "no symbol fits '" + core::printable(exchange + ":" + text) + "'");
    }
    co_return chosen;
}

boost::asio::awaitable<Exchange> DatabaseManager::Impl::insert_exchange(Exchange exchange, Deadline deadline) {
    refuse_read_only();
    exchange.id = {};
    exchange.created_at = clock_->now();
    co_await engine_->insert_one(storage::table_of<Exchange>(), reinterpret_cast<std::byte*>(&exchange), deadline);
    const std::vector<Exchange> stored(1, exchange);
    const std::vector<Symbol> none;
    reference_.apply(stored, none);
    co_return exchange;
}

boost::asio::awaitable<Symbol> DatabaseManager::Impl::insert_symbol(Symbol symbol, Deadline deadline) {
    refuse_read_only();
    const std::optional<Exchange> exchange = co_await get_exchange(symbol.exchange_id, deadline);
    if (!exchange) throw unknown_exchange("id " + std::to_string(static_cast<std::int32_t>(symbol.exchange_id)));
    if (symbol.symbol_type == MarketType::unknown) symbol.symbol_type = exchange->market_type;
    prepare_one(symbol);
    symbol.id = {};
    symbol.created_at = clock_->now();
    symbol.updated_at = symbol.created_at;
    co_await engine_->insert_one(storage::table_of<Symbol>(), reinterpret_cast<std::byte*>(&symbol), deadline);
    const std::vector<Exchange> none;
    const std::vector<Symbol> stored(1, symbol);
    reference_.apply(none, stored);
    co_return symbol;
}

boost::asio::awaitable<Exchange> DatabaseManager::Impl::ensure_exchange(Exchange wanted, Deadline deadline) {
    for (int attempt = 0;; ++attempt) {
        const std::string name = wanted.enum_value.str();
        const std::optional<Exchange> known = co_await get_exchange(name, deadline);
        if (known) co_return *known;
        try {
            const Exchange stored = co_await insert_exchange(wanted, deadline);
            co_return stored;
        } catch (const Error& error) {
            // Somebody else was faster: their row is read at the next turn.
            if (error.code() != ErrorCode::constraint || attempt > 0) throw;
        }
    }
}

boost::asio::awaitable<Symbol> DatabaseManager::Impl::ensure_symbol(Symbol symbol, Deadline deadline) {
    const auto find = [this, &symbol]() -> const Symbol* {
        for (const Symbol* one : reference_.candidates(symbol.exchange_id, symbol.exchange_symbol)) {
            if (one->exchange_symbol == symbol.exchange_symbol) return one;
        }
        return nullptr;
    };
    for (int attempt = 0;; ++attempt) {
        const Symbol* known = find();
        if (known == nullptr) {
            co_await refresh_if_changed(deadline);
            known = find();
        }
        if (known != nullptr) co_return *known;
        try {
            const Symbol stored = co_await insert_symbol(symbol, deadline);
            co_return stored;
        } catch (const Error& error) {
            if (error.code() != ErrorCode::constraint || attempt > 0) throw;
        }
    }
}

std::vector<SeriesKey> DatabaseManager::Impl::choose_symbols(const OwnedSeriesFilter& filter) const {
    std::vector<SeriesKey> chosen;
    const auto add = [&chosen](SymbolId id) {
        SeriesKey key;
        key.id = static_cast<std::int32_t>(id);
        chosen.push_back(key);
    };
    std::vector<const Exchange*> venues = reference_.exchanges();
    if (!filter.exchange.empty()) {
        std::erase_if(venues,
                      [&](const Exchange* one) { return !core::matches_pattern(filter.exchange, one->enum_value); });
        if (venues.empty()) throw unknown_exchange(filter.exchange);
    }
    const auto fits_rest = [&](const Symbol& symbol) {
        return fits_or_empty(filter.base, symbol.symbol_base) && fits_or_empty(filter.quote, symbol.symbol_quote) &&
               (filter.symbols.empty() ||
                std::find(filter.symbols.begin(), filter.symbols.end(), symbol.id) != filter.symbols.end());
    };
    const auto on_venue = [&](const Symbol& symbol) {
        return std::any_of(venues.begin(), venues.end(),
                           [&](const auto* one) { return one->id == symbol.exchange_id; });
    };
    if (!filter.symbol.empty() && !has_wildcard(filter.symbol)) {
        for (const Exchange* venue : venues) {
            const Symbol* symbol = find_anywhere(venue->id, filter.symbol);
            if (symbol != nullptr && fits_rest(*symbol)) add(symbol->id);
        }
    } else if (!filter.symbols.empty()) {
        for (const SymbolId id : filter.symbols) {
            const Symbol* symbol = reference_.find_symbol(id);
            if (symbol == nullptr) {
                throw Error(ErrorCode::unknown_symbol, "no symbol has the id " + std::to_string(static_cast<int>(id)));
            }
            if (on_venue(*symbol) && fits_rest(*symbol) && (filter.symbol.empty() || fits(filter.symbol, *symbol)))
                add(id);
        }
    } else {
        for (const Symbol* symbol : reference_.symbols()) {
            const bool wanted = filter.symbol.empty() || fits(filter.symbol, *symbol);
            if (wanted && on_venue(*symbol) && fits_rest(*symbol)) add(symbol->id);
        }
    }
    if (chosen.empty() && (!filter.symbol.empty() || !filter.base.empty() || !filter.quote.empty())) {
        throw Error(ErrorCode::unknown_symbol, "no symbol fits " + filter.describe());
    }
    std::sort(chosen.begin(), chosen.end());
    chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
    return chosen;
}

boost::asio::awaitable<std::vector<SeriesKey>> DatabaseManager::Impl::choose_series(const storage::Table& table,
                                                                                    const OwnedSeriesFilter& filter,
                                                                                    Deadline deadline) {
    if (table.dataset != Dataset::balances) {
        try {
            co_return choose_symbols(filter);
        } catch (const Error& error) {
            if (error.code() == ErrorCode::ambiguous) throw;
        }
        co_await refresh_if_changed(deadline);
        co_return choose_symbols(filter);
    }

    std::vector<ExchangeId> venues;
    for (int attempt = 0; attempt < 2; ++attempt) {
        for (const Exchange* one : reference_.exchanges()) {
            if (fits_or_empty(filter.exchange, one->enum_value)) venues.push_back(one->id);
        }
        if (!venues.empty() || filter.exchange.empty() || attempt > 0) break;
        co_await refresh_if_changed(deadline);
    }
    if (venues.empty() && !filter.exchange.empty()) throw unknown_exchange(filter.exchange);

    const auto is_listed = [&filter](const SeriesKey& series) {
        return filter.balances.empty() ||
               std::any_of(filter.balances.begin(), filter.balances.end(), [&series](const BalanceSeries& one) {
                   return static_cast<std::int32_t>(one.exchange_id) == series.id && one.asset_name == series.asset &&
                          (one.account.empty() || one.account == series.account);
               });
    };
    std::vector<SeriesKey> chosen;
    const std::vector<storage::SeriesInfo> stored = co_await engine_->series(Dataset::balances, deadline);
    for (const storage::SeriesInfo& one : stored) {
        const bool on_venue = std::find(venues.begin(), venues.end(), ExchangeId{one.series.id}) != venues.end();
        if (on_venue && is_listed(one.series) && fits_or_empty(filter.asset, one.series.asset) &&
            fits_or_empty(filter.account, one.series.account)) {
            chosen.push_back(one.series);
        }
    }
    co_return chosen;
}

}  // namespace marketdb
