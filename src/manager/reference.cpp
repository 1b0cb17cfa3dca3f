#include <utility>

#include "manager/impl.hpp"

namespace marketdb {

using boost::asio::awaitable;

namespace {

constexpr int kReadingsOfReference = 3;

}  // namespace

awaitable<bool> DatabaseManager::Impl::load_reference(Deadline deadline) {
    bool changed = false;
    std::uint64_t applied = 0;
    // Row by row, so that a refresh that finds nothing new allocates nothing.
    EachRow<Exchange> exchanges([&](const Exchange& row) { changed |= reference_.apply_read(row, applied); });
    EachRow<Symbol> symbols([&](const Symbol& row) { changed |= reference_.apply_read(row, applied); });
    // What this manager changes meanwhile is newer than what is read. If it goes on changing things, the next look at the database's
    // number of changes comes back to it.
    for (int attempt = 0; attempt < kReadingsOfReference; ++attempt) {
        applied = reference_.applied();
        storage::ScanRequest request;
        request.table = &storage::table_of<Exchange>();
        co_await engine_->scan(request, exchanges, deadline);
        request.table = &storage::table_of<Symbol>();
        co_await engine_->scan(request, symbols, deadline);
        if (reference_.applied() == applied) break;
    }

    last_refresh_us_.store(clock_->now().time_since_epoch().count(), std::memory_order_relaxed);
    const auto steady = std::chrono::nanoseconds(clock_->steady_now().time_since_epoch()).count();
    refreshed_steady_ns_.store(steady, std::memory_order_relaxed);
    refreshes_.fetch_add(1, std::memory_order_release);  // Last: who sees it sees the times too.
    co_return changed;
}

awaitable<void> DatabaseManager::Impl::refresh_if_changed(Deadline deadline) {
    const storage::ChangeMarks marks = co_await engine_->poll_changes(deadline);
    if (marks.reference == reference_mark_.load(std::memory_order_acquire)) co_return;
    co_await load_reference(deadline);
    // Only now: a load that failed must be tried again.
    reference_mark_.store(marks.reference, std::memory_order_release);
}

awaitable<const Exchange*> DatabaseManager::Impl::exchange_by_id(ExchangeId id, Deadline deadline) {
    return find_or_refresh([this, id] { return reference_.find_exchange(id); }, deadline);
}

awaitable<const Exchange*> DatabaseManager::Impl::exchange_by_name(std::string enum_value, Deadline deadline) {
    return find_or_refresh([this, name = std::move(enum_value)] { return reference_.find_exchange(name); }, deadline);
}

awaitable<const Symbol*> DatabaseManager::Impl::symbol_by_id(SymbolId id, Deadline deadline) {
    return find_or_refresh([this, id] { return reference_.find_symbol(id); }, deadline);
}

awaitable<const Symbol*> DatabaseManager::Impl::symbol_by_pair(ExchangeId exchange, std::string text, MarketType type,
                                                               Deadline deadline) {
    const auto look = [this, exchange, type, text = std::move(text)] {
        return find_pair(reference_, exchange, text, type);
    };
    return find_or_refresh(look, deadline);
}

awaitable<std::vector<Exchange>> DatabaseManager::Impl::all_exchanges(ExchangeFilter filter, Deadline) {
    co_return choose_exchanges(reference_, filter);
}

awaitable<std::vector<Symbol>> DatabaseManager::Impl::symbols_of(ExchangeId exchange, bool active_only,
                                                                 Deadline deadline) {
    const Exchange* known = co_await exchange_by_id(exchange, deadline);
    if (known == nullptr) throw unknown_exchange(exchange);
    co_return marketdb::symbols_of(reference_, exchange, active_only);
}

awaitable<Symbol> DatabaseManager::Impl::resolve_symbol(std::string exchange, std::string text, Deadline deadline) {
    const Exchange* venue = co_await exchange_by_name(exchange, deadline);
    if (venue == nullptr) throw unknown_exchange(exchange);
    const auto look = [this, venue, &text] { return find_any_spelling(reference_, venue->id, text); };
    const Symbol* symbol = co_await find_or_refresh(look, deadline);
    if (symbol == nullptr) throw unknown_symbol(text, *venue);
    co_return *symbol;
}

awaitable<std::vector<Symbol>> DatabaseManager::Impl::resolve_series(std::string exchange, std::string text,
                                                                     Deadline deadline) {
    std::vector<Symbol> chosen;
    if (!has_wildcard(exchange) && !has_wildcard(text)) {
        chosen.push_back(co_await resolve_symbol(exchange, text, deadline));
        co_return chosen;
    }
    co_await refresh_if_changed(deadline);
    chosen = match_symbols(reference_, exchange, text);
    co_return chosen;
}

template <class Row>
awaitable<Row> DatabaseManager::Impl::insert_reference(Row row, Deadline deadline) {
    row.id = {};
    co_await engine_->insert_one(storage::table_of<Row>(), reinterpret_cast<std::byte*>(&row), deadline);
    reference_.apply(row);
    co_return row;
}

awaitable<Exchange> DatabaseManager::Impl::insert_exchange(Exchange exchange, Deadline deadline) {
    refuse_read_only();
    exchange.created_at = clock_->now();
    const Exchange stored = co_await insert_reference(exchange, deadline);
    co_return stored;
}

awaitable<Symbol> DatabaseManager::Impl::insert_symbol(Symbol symbol, Deadline deadline) {
    refuse_read_only();
    const Exchange* exchange = co_await exchange_by_id(symbol.exchange_id, deadline);
    if (exchange == nullptr) throw unknown_exchange(symbol.exchange_id);
    if (symbol.symbol_type == MarketType::unknown) symbol.symbol_type = exchange->market_type;
    symbol = storage::prepared(symbol);
    symbol.created_at = clock_->now();
    symbol.updated_at = symbol.created_at;
    const Symbol stored = co_await insert_reference(symbol, deadline);
    co_return stored;
}

template <class Row, class Look>
awaitable<Row> DatabaseManager::Impl::ensure(Row wanted, Look look, awaitable<Row> (Impl::*store)(Row, Deadline),
                                             Deadline deadline) {
    for (int attempt = 0;; ++attempt) {
        const Row* known = co_await find_or_refresh(look, deadline);
        if (known != nullptr) co_return *known;
        try {
            const Row stored = co_await (this->*store)(wanted, deadline);
            co_return stored;
        } catch (const Error& error) {
            // Somebody else was faster: their row is read at the next turn.
            if (error.code() != ErrorCode::constraint || attempt > 0) throw;
        }
    }
}

awaitable<Exchange> DatabaseManager::Impl::ensure_exchange(Exchange wanted, Deadline deadline) {
    const auto look = [this, name = wanted.enum_value] { return reference_.find_exchange(name); };
    return ensure(wanted, look, &Impl::insert_exchange, deadline);
}

awaitable<Symbol> DatabaseManager::Impl::ensure_symbol(Symbol wanted, Deadline deadline) {
    const auto look = [this, exchange = wanted.exchange_id, own = wanted.exchange_symbol] {
        return find_own_spelling(reference_, exchange, own);
    };
    return ensure(wanted, look, &Impl::insert_symbol, deadline);
}

awaitable<std::vector<storage::SeriesKey>> DatabaseManager::Impl::choose(const storage::Table& table,
                                                                         const OwnedSeriesFilter& filter,
                                                                         Deadline deadline) {
    std::vector<storage::SeriesInfo> stored;
    if (table.dataset == Dataset::balances) stored = co_await engine_->series(table.dataset, deadline);
    try {
        co_return choose_series(reference_, table, filter, stored);
    } catch (const Error& error) {
        if (error.code() == ErrorCode::ambiguous) throw;
    }
    co_await refresh_if_changed(deadline);
    co_return choose_series(reference_, table, filter, stored);
}

}  // namespace marketdb
