#include <marketdb/database_manager.hpp>

#include <algorithm>
#include <utility>

#include "core/text.hpp"
#include "manager/impl.hpp"
#include "storage/sequence.hpp"

/// The public methods: check and copy what was given, then hand over to a coroutine of the implementation, which keeps it
/// alive. Ordinary functions on purpose: what they throw is thrown at the call.
namespace marketdb {
namespace {

template <class Row>
using awaitable_of = boost::asio::awaitable<Row>;

/// Prepares a batch and returns how many rows were folded.
template <class Row>
std::size_t prepare(std::vector<Row>& rows) {
    const std::size_t given = rows.size();
    rows.resize(storage::prepare_batch(storage::as_rows(rows)));
    return given - rows.size();
}

/// The row checked and brought into its stored form.
template <class Row>
Row prepared(Row row) {
    (void)storage::prepare_batch(storage::RowSpan{&storage::table_of<Row>(), reinterpret_cast<std::byte*>(&row), 1});
    return row;
}

/// A symbol may leave its market to the exchange, which is looked up later: either market passes here.
void check_symbol(Symbol symbol) {
    if (symbol.symbol_type == MarketType::unknown && symbol.contract_type == ContractType::unknown) {
        symbol.symbol_type = MarketType::spot;
    }
    (void)prepared(symbol);
}

/// A complete snapshot speaks of one moment for each account.
void check_complete(const std::vector<Balance>& balances) {
    for (std::size_t i = 0; i < balances.size(); ++i) {
        const auto& row = balances[i];
        const auto first = std::find_if(balances.begin(), balances.end(), [&row](const Balance& one) {
            return one.exchange_id == row.exchange_id && one.account == row.account;
        });
        if (first->timestamp == row.timestamp) continue;
        throw Error(ErrorCode::invalid_argument, "balance_snapshots row " + std::to_string(i) +
                                                     ": column timestamp: a complete snapshot of account " +
                                                     row.account.str() + " has one timestamp, " +
                                                     to_string(first->timestamp) + ", not also " +
                                                     to_string(row.timestamp));
    }
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

boost::asio::awaitable<void> DatabaseManager::initialize(Deadline deadline) {
    return Impl::initialize(impl_, impl_->resolve(deadline));
}

boost::asio::awaitable<void> DatabaseManager::close(Deadline deadline) {
    return Impl::close(impl_, impl_->resolve(deadline));
}

bool DatabaseManager::is_initialized() const noexcept { return impl_->is_open(); }
const Config& DatabaseManager::config() const noexcept { return impl_->config(); }
boost::asio::any_io_executor DatabaseManager::executor() const { return impl_->executor(); }

void DatabaseManager::refuse_wait_on_own_thread() const {
    if (!impl_->waits_here()) return;
    throw Error(ErrorCode::invalid_argument,
                "wait() was called on the thread that has to run the operation; use co_await there");
}

const Exchange* DatabaseManager::find_exchange(ExchangeId id) const noexcept {
    return impl_->reference().find_exchange(id);
}
const Exchange* DatabaseManager::find_exchange(std::string_view enum_value) const noexcept {
    return impl_->reference().find_exchange(enum_value);
}
const Symbol* DatabaseManager::find_symbol(SymbolId id) const noexcept { return impl_->reference().find_symbol(id); }
const Symbol* DatabaseManager::find_symbol(ExchangeId exchange, std::string_view text) const noexcept {
    return impl_->reference().find_symbol(exchange, text);
}

boost::asio::awaitable<std::optional<Exchange>> DatabaseManager::get_exchange_by_enum(std::string_view enum_value,
                                                                                      Deadline deadline) {
    return Impl::run(impl_, impl_->get_exchange(std::string(enum_value), impl_->resolve(deadline)));
}

boost::asio::awaitable<std::optional<Exchange>> DatabaseManager::get_exchange_by_id(ExchangeId id, Deadline deadline) {
    return Impl::run(impl_, impl_->get_exchange(id, impl_->resolve(deadline)));
}

boost::asio::awaitable<std::optional<Symbol>> DatabaseManager::get_symbol_by_id(SymbolId id, Deadline deadline) {
    return Impl::run(impl_, impl_->get_symbol(id, impl_->resolve(deadline)));
}

boost::asio::awaitable<std::optional<Symbol>> DatabaseManager::get_symbol_by_exchange_and_pair(
    ExchangeId exchange, std::string_view base, std::string_view quote, MarketType type, Deadline deadline) {
    return Impl::run(impl_, impl_->get_symbol_by_pair(exchange, std::string(base), std::string(quote), type,
                                                      impl_->resolve(deadline)));
}

boost::asio::awaitable<std::vector<Exchange>> DatabaseManager::get_all_exchanges(ExchangeFilter filter, Deadline) {
    return Impl::run(impl_, impl_->all_exchanges(filter));
}

boost::asio::awaitable<std::vector<Symbol>> DatabaseManager::get_symbols_by_exchange(ExchangeId exchange,
                                                                                     bool active_only,
                                                                                     Deadline deadline) {
    return Impl::run(impl_, impl_->symbols_of(exchange, active_only, impl_->resolve(deadline)));
}

boost::asio::awaitable<Symbol> DatabaseManager::resolve_symbol(std::string_view exchange, std::string_view text,
                                                               Deadline deadline) {
    return Impl::run(impl_, impl_->resolve_symbol(std::string(exchange), std::string(text), impl_->resolve(deadline)));
}

boost::asio::awaitable<std::vector<Symbol>> DatabaseManager::resolve_series(std::string_view series,
                                                                            Deadline deadline) {
    const std::size_t colon = series.find(':');
    if (colon == std::string_view::npos || colon == 0 || colon + 1 == series.size()) {
        throw Error(
            ErrorCode::invalid_argument,
            "'" + core::printable(series) + "' is no series: expected EXCHANGE:SYMBOL, e.g. BINANCE_SPOT:BTC/USDT");
    }
    return Impl::run(impl_, impl_->resolve_series(std::string(series.substr(0, colon)),
                                                  std::string(series.substr(colon + 1)), impl_->resolve(deadline)));
}

boost::asio::awaitable<Exchange> DatabaseManager::insert_exchange(Exchange exchange, Deadline deadline) {
    return Impl::run(impl_, impl_->insert_exchange(prepared(exchange), impl_->resolve(deadline)));
}

boost::asio::awaitable<Symbol> DatabaseManager::insert_symbol(Symbol symbol, Deadline deadline) {
    check_symbol(symbol);
    return Impl::run(impl_, impl_->insert_symbol(symbol, impl_->resolve(deadline)));
}

boost::asio::awaitable<Exchange> DatabaseManager::ensure_exchange(std::string_view enum_value, Deadline deadline) {
    Exchange wanted;
    wanted.enum_value = enum_value;
    return Impl::run(impl_, impl_->ensure_exchange(prepared(wanted), impl_->resolve(deadline)));
}

boost::asio::awaitable<Symbol> DatabaseManager::ensure_symbol(Symbol symbol, Deadline deadline) {
    check_symbol(symbol);
    return Impl::run(impl_, impl_->ensure_symbol(symbol, impl_->resolve(deadline)));
}

boost::asio::awaitable<bool> DatabaseManager::refresh_reference(Deadline deadline) {
    return Impl::run(impl_, impl_->load_reference(impl_->resolve(deadline)));
}

boost::asio::awaitable<WriteResult> DatabaseManager::insert_book_ticker_snapshots(std::vector<BookTicker> snapshots,
                                                                                  Deadline deadline) {
    std::vector<Impl::UnknownId> unknown = impl_->unknown_ids(storage::as_rows(snapshots));
    const std::size_t folded = prepare(snapshots);
    return Impl::run(impl_, impl_->insert(std::move(snapshots), folded, std::move(unknown), impl_->resolve(deadline)));
}

boost::asio::awaitable<WriteResult> DatabaseManager::insert_trades(std::vector<Trade> trades, Deadline deadline) {
    std::vector<Impl::UnknownId> unknown = impl_->unknown_ids(storage::as_rows(trades));
    storage::number_trades(trades);
    const std::size_t folded = prepare(trades);
    return Impl::run(impl_, impl_->insert(std::move(trades), folded, std::move(unknown), impl_->resolve(deadline)));
}

boost::asio::awaitable<WriteResult> DatabaseManager::insert_funding_rates(std::vector<FundingRate> rates,
                                                                          Deadline deadline) {
    std::vector<Impl::UnknownId> unknown = impl_->unknown_ids(storage::as_rows(rates));
    const std::size_t folded = prepare(rates);
    return Impl::run(impl_, impl_->insert(std::move(rates), folded, std::move(unknown), impl_->resolve(deadline)));
}

boost::asio::awaitable<WriteResult> DatabaseManager::insert_balance_snapshots(std::vector<Balance> balances,
                                                                              BalanceOptions options,
                                                                              Deadline deadline) {
    std::vector<Impl::UnknownId> unknown = impl_->unknown_ids(storage::as_rows(balances));
    if (options.complete) check_complete(balances);
    const std::size_t folded = prepare(balances);
    return Impl::run(impl_, impl_->insert_balances(std::move(balances), folded, std::move(unknown), options.complete,
                                                   impl_->resolve(deadline)));
}

namespace {

storage::SeriesKey symbol_series(SymbolId symbol) noexcept {
    storage::SeriesKey series;
    series.id = static_cast<std::int32_t>(symbol);
    return series;
}

}  // namespace

std::optional<Latest<BookTicker>> DatabaseManager::find_latest_book_ticker(SymbolId symbol) const noexcept {
    return impl_->find_latest<BookTicker>(symbol_series(symbol));
}
std::optional<Latest<Trade>> DatabaseManager::find_latest_trade(SymbolId symbol) const noexcept {
    return impl_->find_latest<Trade>(symbol_series(symbol));
}
std::optional<Latest<FundingRate>> DatabaseManager::find_latest_funding_rate(SymbolId symbol) const noexcept {
    return impl_->find_latest<FundingRate>(symbol_series(symbol));
}
std::optional<Latest<Balance>> DatabaseManager::find_latest_balance(ExchangeId exchange, std::string_view account,
                                                                    std::string_view asset) const noexcept {
    storage::SeriesKey series;
    series.id = static_cast<std::int32_t>(exchange);
    series.account = account;
    series.asset = asset;
    return impl_->find_latest<Balance>(series);
}

boost::asio::awaitable<std::vector<Latest<BookTicker>>> DatabaseManager::get_latest_book_tickers(LatestFilter filter,
                                                                                                 Deadline deadline) {
    return Impl::run(impl_,
                     impl_->get_latest<BookTicker>(OwnedSeriesFilter(filter.series), filter, impl_->resolve(deadline)));
}
boost::asio::awaitable<std::vector<Latest<Trade>>> DatabaseManager::get_latest_trades(LatestFilter filter,
                                                                                      Deadline deadline) {
    return Impl::run(impl_,
                     impl_->get_latest<Trade>(OwnedSeriesFilter(filter.series), filter, impl_->resolve(deadline)));
}
boost::asio::awaitable<std::vector<Latest<FundingRate>>> DatabaseManager::get_latest_funding_rates(LatestFilter filter,
                                                                                                   Deadline deadline) {
    return Impl::run(
        impl_, impl_->get_latest<FundingRate>(OwnedSeriesFilter(filter.series), filter, impl_->resolve(deadline)));
}
boost::asio::awaitable<std::vector<Latest<Balance>>> DatabaseManager::get_latest_balances(LatestFilter filter,
                                                                                          Deadline deadline) {
    return Impl::run(impl_,
                     impl_->get_latest<Balance>(OwnedSeriesFilter(filter.series), filter, impl_->resolve(deadline)));
}

namespace {

template <class Row, class Manager>
boost::asio::awaitable<History<Row>> history(const std::shared_ptr<Manager>& impl, const HistoryFilter& filter,
                                             Deadline deadline) {
    HistoryPlan plan = Manager::check_history(storage::table_of<Row>(), filter);
    return Manager::run(impl, impl->template get_history<Row>(std::move(plan), OwnedSeriesFilter(filter.series),
                                                              impl->resolve(deadline)));
}

}  // namespace

boost::asio::awaitable<History<BookTicker>> DatabaseManager::get_book_ticker_history(HistoryFilter filter,
                                                                                     Deadline deadline) {
    return history<BookTicker>(impl_, filter, deadline);
}
boost::asio::awaitable<History<Trade>> DatabaseManager::get_trade_history(HistoryFilter filter, Deadline deadline) {
    return history<Trade>(impl_, filter, deadline);
}
boost::asio::awaitable<History<FundingRate>> DatabaseManager::get_funding_rate_history(HistoryFilter filter,
                                                                                       Deadline deadline) {
    return history<FundingRate>(impl_, filter, deadline);
}
boost::asio::awaitable<History<Balance>> DatabaseManager::get_balance_history(HistoryFilter filter, Deadline deadline) {
    return history<Balance>(impl_, filter, deadline);
}

boost::asio::awaitable<History<Trade>> DatabaseManager::get_recent_trades(HistoryFilter filter,
                                                                          std::chrono::microseconds back,
                                                                          Deadline deadline) {
    if (back.count() <= 0) throw Error(ErrorCode::invalid_argument, "back: expected a positive length of time");
    if (!is_present(filter.start)) filter.start = std::max(impl_->now() - back, kMinTime);
    filter.order = Order::descending;
    return history<Trade>(impl_, filter, deadline);
}

boost::asio::awaitable<CleanupResult> DatabaseManager::cleanup_old_data(CleanupOptions options, Deadline deadline) {
    if (options.older_than.count() <= 0) {
        throw Error(ErrorCode::invalid_argument, "older_than: expected a positive length of time");
    }
    return Impl::run(impl_, impl_->cleanup(options, impl_->resolve(deadline)));
}

boost::asio::awaitable<DatabaseStats> DatabaseManager::get_database_stats(Deadline deadline) {
    return Impl::run(impl_, impl_->stats(impl_->resolve(deadline)));
}

boost::asio::awaitable<std::vector<SeriesStats>> DatabaseManager::get_series_stats(Deadline deadline) {
    return Impl::run(impl_, impl_->series_stats(impl_->resolve(deadline)));
}

PerformanceStats DatabaseManager::get_performance_stats() const { return impl_->performance(); }
void DatabaseManager::reset_cache_stats() noexcept { impl_->reset_counts(); }
std::size_t DatabaseManager::cache_invalidate(CacheCategory category, std::string_view pattern) {
    return impl_->invalidate(category, pattern);
}

boost::asio::awaitable<SourceId> DatabaseManager::begin_source(Source source, Deadline deadline) {
    if (!is_present(source.started_at)) source.started_at = impl_->now();
    return Impl::run(impl_, impl_->begin_source(prepared(source), impl_->resolve(deadline)));
}
boost::asio::awaitable<void> DatabaseManager::finish_source(SourceId source, std::int64_t rows, Deadline deadline) {
    return Impl::run(impl_, impl_->finish_source(source, rows, impl_->resolve(deadline)));
}
boost::asio::awaitable<std::vector<Source>> DatabaseManager::get_sources(SourceFilter filter, Deadline deadline) {
    return Impl::run(impl_, impl_->sources(std::string(filter.kind), std::string(filter.sha256), filter.finished_only,
                                           impl_->resolve(deadline)));
}
boost::asio::awaitable<WriteResult> DatabaseManager::insert_quarantined_rows(std::vector<QuarantinedRow> rows,
                                                                             Deadline deadline) {
    const std::size_t folded = prepare(rows);
    std::vector<Impl::UnknownId> none;
    return Impl::run(impl_, impl_->insert(std::move(rows), folded, std::move(none), impl_->resolve(deadline)));
}

boost::asio::awaitable<MigrationStatus> DatabaseManager::migrate_status(Deadline deadline) {
    return Impl::keep(impl_, impl_->migrate_status(impl_->resolve(deadline)));
}
boost::asio::awaitable<std::vector<MigrationStep>> DatabaseManager::migrate_plan(Deadline deadline) {
    return Impl::keep(impl_, impl_->migrate_plan(impl_->resolve(deadline)));
}
boost::asio::awaitable<std::vector<MigrationStep>> DatabaseManager::migrate_up(Deadline deadline) {
    return Impl::keep(impl_, impl_->migrate_up(impl_->resolve(deadline)));
}
boost::asio::awaitable<std::vector<MigrationStep>> DatabaseManager::migrate_down(std::uint32_t version,
                                                                                 Deadline deadline) {
    return Impl::keep(impl_, impl_->migrate_down(version, impl_->resolve(deadline)));
}

}  // namespace marketdb
