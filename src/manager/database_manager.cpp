#include <marketdb/database_manager.hpp>

#include <utility>

#include "core/text.hpp"
#include "manager/impl.hpp"

/// The public methods check and copy what was given, then hand over to a coroutine of the implementation, which is kept
/// alive by it. They are ordinary functions on purpose: what they throw is thrown at the call. Those that write, read the
/// latest rows or a history, or keep the database stand beside their coroutines.
namespace marketdb {

using boost::asio::awaitable;

namespace {

/// A symbol may leave its market to the exchange, which is looked up later: either market passes here.
void check_symbol(Symbol symbol) {
    if (symbol.symbol_type == MarketType::unknown && symbol.contract_type == ContractType::unknown) {
        symbol.symbol_type = MarketType::spot;
    }
    (void)storage::prepared(symbol);
}

}  // namespace

DatabaseManager::DatabaseManager(Config config) {
    config.validate();
    impl_ = std::make_shared<Impl>(std::move(config), std::nullopt);
}

DatabaseManager::DatabaseManager(Config config, boost::asio::any_io_executor executor) {
    config.validate();
    impl_ = std::make_shared<Impl>(std::move(config), std::move(executor));
}

DatabaseManager::~DatabaseManager() {
    try {
        // On an executor of the caller nobody may be left to run a coroutine: there the engine closes when the last
        // operation that still holds it has gone.
        if (impl_->owns_thread() && !impl_->waits_here()) wait(close());
    } catch (const std::exception& error) {
        impl_->log(LogLevel::error, std::string("closing the manager failed: ") + error.what());
    }
    impl_->abandon();
}

awaitable<void> DatabaseManager::initialize(Deadline deadline) {
    return Impl::run(impl_, Impl::initialize(impl_, impl_->resolve(deadline)), Impl::Needs::nothing);
}

awaitable<void> DatabaseManager::close(Deadline deadline) { return Impl::close(impl_, impl_->resolve(deadline)); }

bool DatabaseManager::is_initialized() const noexcept { return impl_->is_open(); }
const Config& DatabaseManager::config() const noexcept { return impl_->config(); }
boost::asio::any_io_executor DatabaseManager::executor() const { return impl_->executor(); }

void DatabaseManager::refuse_wait_on_own_thread() const {
    if (!impl_->waits_here()) return;
    throw Error(ErrorCode::invalid_argument,
                "wait() was called on the thread that has to run the operation; use co_await there");
}

const Exchange* DatabaseManager::find_exchange(ExchangeId id) const noexcept {
    return impl_->is_open() ? impl_->reference().find_exchange(id) : nullptr;
}

const Exchange* DatabaseManager::find_exchange(std::string_view enum_value) const noexcept {
    return impl_->is_open() ? impl_->reference().find_exchange(enum_value) : nullptr;
}

const Symbol* DatabaseManager::find_symbol(SymbolId id) const noexcept {
    return impl_->is_open() ? impl_->reference().find_symbol(id) : nullptr;
}

const Symbol* DatabaseManager::find_symbol(ExchangeId exchange, std::string_view text) const noexcept {
    return impl_->is_open() ? impl_->reference().find_symbol(exchange, text) : nullptr;
}

awaitable<std::optional<Exchange>> DatabaseManager::get_exchange_by_enum(std::string_view enum_value,
                                                                         Deadline deadline) {
    return impl_->start_search(&Impl::exchange_by_name, deadline, std::string(enum_value));
}

awaitable<std::optional<Exchange>> DatabaseManager::get_exchange_by_id(ExchangeId id, Deadline deadline) {
    return impl_->start_search(&Impl::exchange_by_id, deadline, id);
}

awaitable<std::optional<Symbol>> DatabaseManager::get_symbol_by_id(SymbolId id, Deadline deadline) {
    return impl_->start_search(&Impl::symbol_by_id, deadline, id);
}

awaitable<std::optional<Symbol>> DatabaseManager::get_symbol_by_exchange_and_pair(ExchangeId exchange,
                                                                                  std::string_view base,
                                                                                  std::string_view quote,
                                                                                  MarketType type, Deadline deadline) {
    const std::string text = std::string(base) + "/" + std::string(quote);
    return impl_->start_search(&Impl::symbol_by_pair, deadline, exchange, text, type);
}

awaitable<std::vector<Exchange>> DatabaseManager::get_all_exchanges(ExchangeFilter filter, Deadline deadline) {
    return impl_->start(&Impl::all_exchanges, deadline, filter);
}

awaitable<std::vector<Symbol>> DatabaseManager::get_symbols_by_exchange(ExchangeId exchange, bool active_only,
                                                                        Deadline deadline) {
    return impl_->start(&Impl::symbols_of, deadline, exchange, active_only);
}

awaitable<Symbol> DatabaseManager::resolve_symbol(std::string_view exchange, std::string_view text, Deadline deadline) {
    return impl_->start(&Impl::resolve_symbol, deadline, std::string(exchange), std::string(text));
}

awaitable<std::vector<Symbol>> DatabaseManager::resolve_series(std::string_view series, Deadline deadline) {
    const std::size_t colon = series.find(':');
    if (colon == std::string_view::npos || colon == 0 || colon + 1 == series.size()) {
        throw Error(
            ErrorCode::invalid_argument,
            "'" + core::printable(series) + "' is no series: expected EXCHANGE:SYMBOL, e.g. BINANCE_SPOT:BTC/USDT");
    }
    return impl_->start(&Impl::resolve_series, deadline, std::string(series.substr(0, colon)),
                        std::string(series.substr(colon + 1)));
}

awaitable<Exchange> DatabaseManager::insert_exchange(Exchange exchange, Deadline deadline) {
    return impl_->start(&Impl::insert_exchange, deadline, storage::prepared(exchange));
}

awaitable<Symbol> DatabaseManager::insert_symbol(Symbol symbol, Deadline deadline) {
    check_symbol(symbol);
    return impl_->start(&Impl::insert_symbol, deadline, symbol);
}

awaitable<Exchange> DatabaseManager::ensure_exchange(std::string_view enum_value, Deadline deadline) {
    Exchange wanted;
    wanted.enum_value = enum_value;
    return impl_->start(&Impl::ensure_exchange, deadline, storage::prepared(wanted));
}

awaitable<Symbol> DatabaseManager::ensure_symbol(Symbol symbol, Deadline deadline) {
    check_symbol(symbol);
    return impl_->start(&Impl::ensure_symbol, deadline, symbol);
}

awaitable<bool> DatabaseManager::refresh_reference(Deadline deadline) {
    return impl_->start(&Impl::load_reference, deadline);
}

std::size_t DatabaseManager::cache_invalidate(CacheCategory category, std::string_view pattern) {
    return impl_->invalidate(category, pattern);
}

}  // namespace marketdb
