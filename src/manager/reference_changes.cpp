#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "core/covered_time.hpp"
#include "core/refuse.hpp"
#include "manager/impl.hpp"

namespace marketdb {
namespace {

using boost::asio::awaitable;
using storage::ColumnSet;
using storage::Table;

/// Rows of a symbol that one transaction moves.
constexpr std::uint64_t kRowsToMove = 10'000;

template <class Row>
ColumnSet set_of(std::string_view column) {
    const Table& table = storage::table_of<Row>();
    return ColumnSet{1} << (table.find(column) - table.columns.data());
}

/// Takes over members of an update that are given, and remembers which.
template <class Row, class Update>
class Changer {
 public:
    Changer(Row& row, const Update& update) : row_(row), update_(update) {}

    template <class Value>
    Changer& take(std::string_view column, Value Row::*member, std::optional<Value> Update::*given) {
        if (!(update_.*given)) return *this;
        row_.*member = *(update_.*given);
        changed_ |= set_of<Row>(column);
        return *this;
    }
    [[nodiscard]] ColumnSet changed() const noexcept { return changed_; }

 private:
    Row& row_;
    const Update& update_;
    ColumnSet changed_ = 0;
};

ColumnSet apply(Exchange& exchange, const ExchangeUpdate& update) {
    return Changer(exchange, update)
        .take("exchange_name", &Exchange::exchange_name, &ExchangeUpdate::exchange_name)
        .take("is_active", &Exchange::is_active, &ExchangeUpdate::is_active)
        .changed();
}

ColumnSet apply(Symbol& symbol, const SymbolUpdate& update) {
    return Changer(symbol, update)
        .take("symbol_base", &Symbol::symbol_base, &SymbolUpdate::symbol_base)
        .take("symbol_quote", &Symbol::symbol_quote, &SymbolUpdate::symbol_quote)
        .take("exchange_symbol", &Symbol::exchange_symbol, &SymbolUpdate::exchange_symbol)
        .take("contract_type", &Symbol::contract_type, &SymbolUpdate::contract_type)
        .take("quantity_unit", &Symbol::quantity_unit, &SymbolUpdate::quantity_unit)
        .take("is_active", &Symbol::is_active, &SymbolUpdate::is_active)
        .take("precision_price", &Symbol::precision_price, &SymbolUpdate::precision_price)
        .take("precision_quantity", &Symbol::precision_quantity, &SymbolUpdate::precision_quantity)
        .take("settle_asset", &Symbol::settle_asset, &SymbolUpdate::settle_asset)
        .take("contract_size", &Symbol::contract_size, &SymbolUpdate::contract_size)
        .take("tick_size", &Symbol::tick_size, &SymbolUpdate::tick_size)
        .take("lot_size", &Symbol::lot_size, &SymbolUpdate::lot_size)
        .take("min_quantity", &Symbol::min_quantity, &SymbolUpdate::min_quantity)
        .take("min_notional", &Symbol::min_notional, &SymbolUpdate::min_notional)
        .take("expires_at", &Symbol::expires_at, &SymbolUpdate::expires_at)
        .take("listed_at", &Symbol::listed_at, &SymbolUpdate::listed_at)
        .take("delisted_at", &Symbol::delisted_at, &SymbolUpdate::delisted_at)
        .changed();
}

/// One row, checked and in its stored form. Errors: invalid_argument  names the row's place.
template <class Row>
Row prepared_at(std::size_t place, Row row) {
    const Table& table = storage::table_of<Row>();
    if (const auto problem = storage::prepare_row(table, reinterpret_cast<std::byte*>(&row))) {
        throw Error(ErrorCode::invalid_argument, std::string(table.name) + " row " + std::to_string(place) +
                                                     ": column " + std::string(problem->column) + ": " +
                                                     problem->reason);
    }
    return row;
}

/// A symbol may leave its market to the exchange, which is looked up later: either market passes here.
void check_symbol(std::size_t place, Symbol symbol) {
    if (symbol.symbol_type == MarketType::unknown && symbol.contract_type == ContractType::unknown) {
        symbol.symbol_type = MarketType::spot;
    }
    static_cast<void>(prepared_at(place, symbol));
}

void refuse_double_ids(const std::vector<SymbolChange>& changed) {
    std::set<SymbolId> seen;
    for (const SymbolChange& one : changed) {
        if (seen.insert(one.id).second) continue;
        throw Error(ErrorCode::invalid_argument, "the symbol of id " +
                                                     std::to_string(static_cast<std::int32_t>(one.id)) +
                                                     " is to be changed twice at once");
    }
}

template <class Value>
bool contradict(const Value& a, const Value& b, bool are_known) {
    return are_known && a != b;
}

/// Errors: invalid_argument, constraint  the rows of one are not rows of the other.
void require_mergeable(const Symbol& from, const Symbol& into) {
    const std::string both = from.exchange_symbol.str() + " and " + into.exchange_symbol.str();
    if (from.id == into.id) throw Error(ErrorCode::invalid_argument, both + " are the same symbol");
    if (from.exchange_id != into.exchange_id) {
        throw Error(ErrorCode::invalid_argument, both + " are of two exchanges; only symbols of one can be merged");
    }
    const bool have_sizes = is_present(from.contract_size) && is_present(into.contract_size);
    if (contradict(from.contract_size, into.contract_size, have_sizes)) {
        throw Error(ErrorCode::constraint, both +
                                               " differ in contract_size: the sizes of their rows mean different "
                                               "amounts; nothing was moved");
    }
    if (from.quantity_unit != into.quantity_unit) {
        throw Error(ErrorCode::constraint, both +
                                               " differ in quantity_unit: the sizes of their rows mean different "
                                               "amounts; nothing was moved");
    }
}

}  // namespace

awaitable<std::vector<Symbol>> DatabaseManager::Impl::all_symbols(SymbolFilter filter, Deadline) {
    co_return marketdb::symbols_of(reference_, filter);
}

awaitable<Exchange> DatabaseManager::Impl::update_exchange(ExchangeId id, ExchangeUpdate update, Deadline deadline) {
    refuse_read_only();
    const Exchange* known = co_await exchange_by_id(id, deadline);
    if (known == nullptr) throw unknown_exchange(id);
    std::vector<Exchange> rows{*known};
    const ColumnSet columns = apply(rows.front(), update);
    rows.front() = prepared_at(0, rows.front());
    const storage::RowSpan none{&storage::table_of<Exchange>(), nullptr, 0};
    const storage::RowSpan changed = storage::as_rows(rows);
    const std::span<const ColumnSet> sets(&columns, 1);
    co_await engine_->change_rows(none, changed, sets, deadline);
    reference_.apply(rows.front());
    co_return rows.front();
}

awaitable<std::vector<Symbol>> DatabaseManager::Impl::change_symbols(std::vector<Symbol> added,
                                                                     std::vector<SymbolChange> changed,
                                                                     Deadline deadline) {
    refuse_read_only();
    if (added.empty() && changed.empty()) co_return added;
    const Timestamp now = clock_->now();
    for (std::size_t i = 0; i < added.size(); ++i) {
        const Exchange* exchange = co_await exchange_by_id(added[i].exchange_id, deadline);
        if (exchange == nullptr) throw unknown_exchange(added[i].exchange_id);
        if (added[i].symbol_type == MarketType::unknown) added[i].symbol_type = exchange->market_type;
        added[i] = prepared_at(i, added[i]);
        added[i].id = {};
        added[i].created_at = now;
        added[i].updated_at = now;
    }
    std::vector<Symbol> updated;
    std::vector<ColumnSet> columns;
    for (std::size_t i = 0; i < changed.size(); ++i) {
        const Symbol* known = co_await symbol_by_id(changed[i].id, deadline);
        if (known == nullptr) throw unknown_symbol(changed[i].id);
        Symbol symbol = *known;
        columns.push_back(apply(symbol, changed[i].update));
        const bool expires = changed[i].update.expires_at.has_value() && is_present(symbol.expires_at);
        core::refuse(expires && symbol.symbol_type == MarketType::spot,
                     "symbols: column expires_at: is given, but a spot symbol does not expire");
        updated.push_back(prepared_at(i, symbol));
    }
    const storage::RowSpan added_rows = storage::as_rows(added);
    const storage::RowSpan updated_rows = storage::as_rows(updated);
    const std::span<const ColumnSet> sets(columns);
    co_await engine_->change_rows(added_rows, updated_rows, sets, deadline);
    added.insert(added.end(), updated.begin(), updated.end());
    reference_.apply(std::span<const Exchange>(), added);
    co_return added;
}

awaitable<Symbol> DatabaseManager::Impl::update_symbol(SymbolId id, SymbolUpdate update, Deadline deadline) {
    std::vector<Symbol> none;
    std::vector<SymbolChange> changed(1);
    changed.front().id = id;
    changed.front().update = update;
    const std::vector<Symbol> stored = co_await change_symbols(std::move(none), std::move(changed), deadline);
    co_return stored.front();
}

awaitable<MergeResult> DatabaseManager::Impl::merge_symbols(SymbolId from, SymbolId into, Deadline deadline) {
    refuse_read_only();
    if (!engine_->capabilities().unique_trades) {
        throw Error(
            ErrorCode::schema_mismatch,
            "symbols of an existing schema cannot be merged: its trades have no key by which a row could be known "
            "again; nothing was moved");
    }
    const Symbol* source = co_await symbol_by_id(from, deadline);
    if (source == nullptr) throw unknown_symbol(from);
    const Symbol* target = co_await symbol_by_id(into, deadline);
    if (target == nullptr) throw unknown_symbol(into);
    require_mergeable(*source, *target);
    co_await take_over_gaps(from, into, deadline);
    MergeResult result;
    WriteResult* const parts[] = {&result.book_tickers, &result.trades, &result.funding_rates};
    for (std::size_t i = 0; i < std::size(kSymbolDatasets); ++i) {
        const WriteResult moved = co_await move_series(kSymbolDatasets[i], from, into, deadline);
        *parts[i] = moved;
    }
    CoverageFilter everything;  // gaps too: they were taken over
    everything.symbol = from;
    co_await engine_->withdraw(everything, deadline);
    SymbolUpdate update;
    update.is_active = false;
    const Symbol left = co_await update_symbol(from, update, deadline);
    static_cast<void>(left);
    co_return result;
}

awaitable<void> DatabaseManager::Impl::take_over_gaps(SymbolId from, SymbolId into, Deadline deadline) {
    CoverageFilter of_source;
    of_source.symbol = from;
    const std::vector<CoverageClaim> claims = co_await engine_->claims(of_source, deadline);
    std::vector<CoverageClaim> gaps;
    core::for_each_series(claims, [&gaps](std::span<const CoverageClaim> series) {
        for (const CoverageClaim& gap : core::counting_gaps(series, core::kEver)) gaps.push_back(gap);
    });
    for (CoverageClaim& gap : gaps) gap.symbol = into;
    const std::span<const CoverageClaim> taken(gaps);
    if (!gaps.empty()) co_await engine_->claim(taken, deadline);
}

awaitable<WriteResult> DatabaseManager::Impl::move_series(Dataset dataset, SymbolId from, SymbolId into,
                                                          Deadline deadline) {
    const Table& table = storage::table_of(dataset);
    const storage::SeriesKey source = series_of(from);
    const storage::SeriesKey target = series_of(into);
    WriteResult total;
    for (;;) {
        const WriteResult moved = co_await engine_->move_rows(table, source, target, kRowsToMove, deadline);
        total += moved;
        latest_cache(dataset).erase_if(
            [&](const storage::SeriesKey& series, const std::byte*) { return series == source || series == target; });
        if (moved.inserted + moved.updated + moved.unchanged == 0) break;
    }
    co_return total;
}

std::vector<const Symbol*> DatabaseManager::find_symbols(ExchangeId exchange, bool active_only) const {
    if (!impl_->is_open()) return {};
    return pointers_of(impl_->reference(), exchange, active_only);
}

std::vector<const Symbol*> DatabaseManager::find_candidates(std::string_view text) const {
    if (!impl_->is_open()) return {};
    std::vector<const Symbol*> found;
    for (const Exchange& exchange : choose_exchanges(impl_->reference(), ExchangeFilter{})) {
        const std::vector<const Symbol*> fitting = impl_->reference().candidates(exchange.id, text);
        found.insert(found.end(), fitting.begin(), fitting.end());
    }
    return found;
}

bool DatabaseManager::keeps_contracts() const noexcept {
    return impl_->is_open() && impl_->engine().capabilities().dated_contracts;
}

awaitable<std::vector<Symbol>> DatabaseManager::get_all_symbols(SymbolFilter filter, Deadline deadline) {
    return impl_->start(&Impl::all_symbols, deadline, filter);
}

awaitable<std::vector<Symbol>> DatabaseManager::insert_symbols(std::vector<Symbol> symbols, Deadline deadline) {
    return change_symbols(std::move(symbols), {}, deadline);
}

awaitable<std::vector<Symbol>> DatabaseManager::change_symbols(std::vector<Symbol> added,
                                                               std::vector<SymbolChange> changed, Deadline deadline) {
    for (std::size_t i = 0; i < added.size(); ++i) check_symbol(i, added[i]);
    refuse_double_ids(changed);
    return impl_->start(&Impl::change_symbols, deadline, std::move(added), std::move(changed));
}

awaitable<Exchange> DatabaseManager::update_exchange(ExchangeId id, ExchangeUpdate update, Deadline deadline) {
    return impl_->start(&Impl::update_exchange, deadline, id, update);
}

awaitable<Symbol> DatabaseManager::update_symbol(SymbolId id, SymbolUpdate update, Deadline deadline) {
    return impl_->start(&Impl::update_symbol, deadline, id, update);
}

awaitable<Exchange> DatabaseManager::set_exchange_active(ExchangeId id, bool is_active, Deadline deadline) {
    ExchangeUpdate update;
    update.is_active = is_active;
    return update_exchange(id, update, deadline);
}

awaitable<Symbol> DatabaseManager::set_symbol_active(SymbolId id, bool is_active, Deadline deadline) {
    SymbolUpdate update;
    update.is_active = is_active;
    return update_symbol(id, update, deadline);
}

awaitable<MergeResult> DatabaseManager::merge_symbols(SymbolId from, SymbolId into, Deadline deadline) {
    return impl_->start(&Impl::merge_symbols, deadline, from, into);
}

}  // namespace marketdb
