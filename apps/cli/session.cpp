#include "session.hpp"

#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "diagnostics.hpp"
#include "session_impl.hpp"

namespace marketdb::cli {
namespace {

void apply(Config& config, Access access) {
    if (access == Access::read) {
        config.open_mode = OpenMode::read_only;
        config.migrate = false;  // A configuration file may ask for it; reading changes nothing all the same.
    } else if (config.open_mode != OpenMode::read_only) {  // `?mode=ro` of a URL stays.
        config.open_mode = access == Access::create ? OpenMode::create : OpenMode::existing;
    }
}

void require_file(const DatabaseChoice& choice) {
    if (choice.config.engine != EngineKind::sqlite || choice.config.sqlite_path == ":memory:") return;
    std::error_code error;
    if (std::filesystem::exists(choice.config.sqlite_path, error) || error) return;
    throw Failure(
        kUnavailable,
        fmt::format("there is no file {}; `marketdb init` makes a database, `marketdb import FILE` makes and fills it",
                    choice.config.sqlite_path));
}

auto latest_rows(DatabaseManager& db, const LatestFilter& filter, const BookTicker*) {
    return db.get_latest_book_tickers(filter);
}
auto latest_rows(DatabaseManager& db, const LatestFilter& filter, const Trade*) { return db.get_latest_trades(filter); }
auto latest_rows(DatabaseManager& db, const LatestFilter& filter, const FundingRate*) {
    return db.get_latest_funding_rates(filter);
}
auto latest_rows(DatabaseManager& db, const LatestFilter& filter, const Balance*) {
    return db.get_latest_balances(filter);
}

}  // namespace

Session::Session(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Session Session::unopened(DatabaseChoice choice, Access access) {
    std::string name = choice.name();
    if (access != Access::create) require_file(choice);
    apply(choice.config, access);
    return Session(std::make_unique<Impl>(std::move(choice), std::move(name)));
}

Session::Session(DatabaseChoice choice, Access access) : Session(unopened(std::move(choice), access)) {
    impl_->run(impl_->manager.initialize());
}

Session Session::target(DatabaseChoice choice, bool is_dry_run) {
    if (!is_dry_run) return Session(std::move(choice), Access::create);
    const bool is_sqlite = choice.config.engine == EngineKind::sqlite;
    if (is_sqlite && !std::filesystem::exists(choice.config.sqlite_path)) {
        std::string name = choice.name();
        note(fmt::format("{} does not exist; this dry run takes it as empty", name));
        choice.config.sqlite_path = ":memory:";
        Session empty(std::move(choice), Access::create);
        empty.impl_->name = std::move(name);
        return empty;
    }
    return Session(std::move(choice), Access::read);
}

Session::Session(Session&&) noexcept = default;
Session::~Session() = default;

const std::string& Session::name() const noexcept { return impl_->name; }

void Session::close() { impl_->run(impl_->manager.close(), OnInterrupt::finish); }

std::vector<Exchange> Session::exchanges() { return impl_->run(impl_->manager.get_all_exchanges()); }

std::vector<Symbol> Session::symbols(ExchangeId exchange, bool active_only) {
    return impl_->run(impl_->manager.get_symbols_by_exchange(exchange, active_only));
}

std::vector<Symbol> Session::resolve_series(std::string_view series) {
    return impl_->run(impl_->manager.resolve_series(series));
}

const Exchange* Session::find_exchange(std::string_view enum_value) const noexcept {
    return impl_->manager.find_exchange(enum_value);
}

const Symbol* Session::find_symbol(SymbolId id) const noexcept { return impl_->manager.find_symbol(id); }

const SeriesNames& Session::names(SymbolId id) {
    const auto [at, is_new] = impl_->symbol_names.try_emplace(static_cast<std::int32_t>(id));
    if (!is_new) return at->second;
    // Another process may have stored the symbol after this one read all: `get` asks the database once.
    const std::optional<Symbol> symbol = impl_->run(impl_->manager.get_symbol_by_id(id));
    if (!symbol) throw Error(ErrorCode::unknown_symbol, fmt::format("symbol id {} is not stored", at->first));
    at->second = SeriesNames{names(symbol->exchange_id).exchange, pair(*symbol), symbol->exchange_symbol.str()};
    return at->second;
}

const SeriesNames& Session::names(ExchangeId id) {
    const auto [at, is_new] = impl_->exchange_names.try_emplace(static_cast<std::int32_t>(id));
    if (!is_new) return at->second;
    const std::optional<Exchange> exchange = impl_->run(impl_->manager.get_exchange_by_id(id));
    if (!exchange) throw Error(ErrorCode::unknown_exchange, fmt::format("exchange id {} is not stored", at->first));
    at->second.exchange = exchange->enum_value.str();
    return at->second;
}

template <class Row>
std::vector<Latest<Row>> Session::latest(const LatestFilter& filter) {
    return impl_->run(latest_rows(impl_->manager, filter, static_cast<const Row*>(nullptr)));
}

template <class Row>
std::uint64_t Session::read_history(const HistoryFilter& filter, std::size_t batch_rows,
                                    const std::function<bool(std::span<const Row>)>& take) {
    HistoryReader<Row> reader = impl_->manager.template read_history<Row>(filter);
    for (;;) {
        throw_if_interrupted();
        const std::vector<Row> rows = impl_->run(reader.next(batch_rows));
        if (rows.empty() || !take(rows)) return reader.without_received_at();
    }
}

DatabaseStats Session::stats() { return impl_->run(impl_->manager.get_database_stats(), OnInterrupt::finish); }

std::vector<SeriesStats> Session::series_stats() { return impl_->run(impl_->manager.get_series_stats()); }

CleanupResult Session::cleanup(const CleanupOptions& options) {
    return impl_->run(impl_->manager.cleanup_old_data(options, Deadline::never()));
}

MigrationStatus Session::migrate_status() { return impl_->run(impl_->manager.migrate_status()); }

std::vector<MigrationStep> Session::migrate_plan() { return impl_->run(impl_->manager.migrate_plan()); }

std::vector<MigrationStep> Session::migrate_up() { return impl_->run(impl_->manager.migrate_up(Deadline::never())); }

std::vector<MigrationStep> Session::migrate_down(std::uint32_t version) {
    return impl_->run(impl_->manager.migrate_down(version, Deadline::never()));
}

ConversionReport Session::plan_conversion(ConversionDetail detail) {
    return impl_->run(impl_->manager.plan_conversion(detail, Deadline::never()));
}

bool has_existing_tables(const ConversionReport& report) {
    return report.phase != "none" && report.phase != "converted";
}

ConversionReport Session::convert(ConversionStep step, const ConversionOptions& options) {
    return impl_->run(impl_->manager.convert(step, options, Deadline::never()));
}

template std::vector<Latest<BookTicker>> Session::latest(const LatestFilter&);
template std::vector<Latest<Trade>> Session::latest(const LatestFilter&);
template std::vector<Latest<FundingRate>> Session::latest(const LatestFilter&);
template std::vector<Latest<Balance>> Session::latest(const LatestFilter&);

template std::uint64_t Session::read_history(const HistoryFilter&, std::size_t,
                                             const std::function<bool(std::span<const BookTicker>)>&);
template std::uint64_t Session::read_history(const HistoryFilter&, std::size_t,
                                             const std::function<bool(std::span<const Trade>)>&);
template std::uint64_t Session::read_history(const HistoryFilter&, std::size_t,
                                             const std::function<bool(std::span<const FundingRate>)>&);
template std::uint64_t Session::read_history(const HistoryFilter&, std::size_t,
                                             const std::function<bool(std::span<const Balance>)>&);

}  // namespace marketdb::cli
