#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <marketdb/coverage.hpp>
#include <marketdb/error.hpp>
#include <marketdb/symbols.hpp>

#include "commands.hpp"
#include "diagnostics.hpp"
#include "exit_code.hpp"
#include "query.hpp"
#include "session_impl.hpp"
#include "symbol_records.hpp"
#include "sync_report.hpp"
#include "terminal.hpp"

namespace marketdb::cli {
namespace {

ContractType read_contract_type(const std::string& text) {
    for (const ContractType type :
         {ContractType::spot, ContractType::perpetual, ContractType::inverse, ContractType::dated}) {
        if (to_string(type) == text) return type;
    }
    return ContractType::unknown;
}

QuantityUnit read_quantity_unit(const std::string& text) {
    for (const QuantityUnit unit : {QuantityUnit::base, QuantityUnit::quote, QuantityUnit::contracts}) {
        if (to_string(unit) == text) return unit;
    }
    return QuantityUnit::unknown;
}

/// A pair is written with a slash.
void refuse_pair(std::string_view option, const std::optional<std::string>& asset) {
    if (!asset || asset->find('/') == std::string::npos) return;
    throw UsageError(fmt::format("{} {}: expected one asset, such as BTC", option, printable(*asset)));
}

SymbolUpdate read_update(const SymbolSetArguments& arguments) {
    refuse_pair("--base", arguments.base);
    refuse_pair("--quote", arguments.quote);
    refuse_pair("--settle-asset", arguments.settle_asset);
    SymbolUpdate update;
    if (arguments.base) update.symbol_base = *arguments.base;
    if (arguments.quote) update.symbol_quote = *arguments.quote;
    if (arguments.spelling) update.exchange_symbol = *arguments.spelling;
    if (arguments.contract_type) update.contract_type = read_contract_type(*arguments.contract_type);
    if (arguments.quantity_unit) update.quantity_unit = read_quantity_unit(*arguments.quantity_unit);
    if (arguments.settle_asset) update.settle_asset = *arguments.settle_asset;
    if (arguments.expires_at) update.expires_at = read_time_option("--expires-at", *arguments.expires_at);
    update.contract_size = arguments.contract_size;
    update.tick_size = arguments.tick_size;
    update.lot_size = arguments.lot_size;
    update.min_quantity = arguments.min_quantity;
    update.min_notional = arguments.min_notional;
    if (arguments.active) update.is_active = true;
    if (arguments.inactive) update.is_active = false;
    return update;
}

bool is_empty(const SymbolUpdate& update) {
    return !update.symbol_base && !update.symbol_quote && !update.exchange_symbol && !update.contract_type &&
           !update.quantity_unit && !update.settle_asset && !update.expires_at && !update.contract_size &&
           !update.tick_size && !update.lot_size && !update.min_quantity && !update.min_notional && !update.is_active;
}

/// The one symbol that a text means.
/// Errors: UsageError  it has a wildcard that fits several.
Symbol one_symbol(Session& session, const std::string& series) {
    std::vector<Symbol> found = session.resolve_series(series);
    if (found.size() == 1) return found.front();
    throw UsageError(fmt::format("'{}' fits {} symbols; expected one", printable(series), found.size()));
}

std::string shown(Session& session, const Symbol& symbol) {
    return fmt::format("{}:{} ({})", session.names(symbol.exchange_id).exchange, printable(pair(symbol)),
                       printable(symbol.exchange_symbol.view()));
}

std::vector<std::string> merge_record(Dataset dataset, std::uint64_t rows, const WriteResult* moved) {
    const auto number = [moved](std::uint64_t WriteResult::*count) {
        return moved == nullptr ? std::string() : fmt::format("{}", moved->*count);
    };
    return {std::string(to_string(dataset)), fmt::format("{}", rows), number(&WriteResult::inserted),
            number(&WriteResult::updated), number(&WriteResult::unchanged)};
}

void print_merge(const std::vector<std::vector<std::string>>& records, bool is_json) {
    const std::vector<Field> fields = {{"dataset"},
                                       {"rows", FieldKind::number},
                                       {"inserted", FieldKind::number},
                                       {"updated", FieldKind::number},
                                       {"unchanged", FieldKind::number}};
    print_records(output(), is_json ? OutputFormat::json : OutputFormat::table, fields, records);
    output().flush();
}

std::uint64_t rows_of(const std::vector<SeriesStats>& series, Dataset dataset, SymbolId symbol) {
    for (const SeriesStats& one : series) {
        if (one.dataset == dataset && one.symbol_id == symbol) return one.rows;
    }
    return 0;
}

}  // namespace

int run_symbols_sync(const GlobalOptions& global, const SyncArguments& arguments) {
    DatabaseChoice choice = choose_database(global);
    const std::string listing = read_listing(arguments.file);
    SyncOptions options;
    options.dated = arguments.dated;
    options.allow = arguments.allow;
    options.dry_run = arguments.dry_run;
    Session session = Session::target(std::move(choice), arguments.dry_run);
    Session::Impl& impl = session.impl();
    const SyncReport report = impl.run(sync_symbols(impl.manager, arguments.exchange, listing, options));
    print_sync(report, arguments, session.name());
    session.close();
    return kOk;
}

int run_symbols_resolve(const GlobalOptions& global, const std::string& text, const FormatFlags& flags) {
    Session session(choose_database(global), Access::read);
    std::vector<std::vector<std::string>> records;
    for (const Symbol* symbol : session.impl().manager.find_candidates(text)) {
        records.push_back(symbol_record(session.names(symbol->exchange_id).exchange, *symbol));
    }
    if (records.empty()) {
        const bool names_exchange = text.find(':') != std::string::npos;
        throw Error(ErrorCode::unknown_symbol,
                    fmt::format("no symbol of any exchange fits '{}'{}", printable(text),
                                names_exchange ? "; expected a symbol alone: it is looked for on all exchanges" : ""));
    }
    print_records(output(), flags.format(), symbol_fields(), records);
    output().flush();
    return kOk;
}

int run_symbols_set(const GlobalOptions& global, const SymbolSetArguments& arguments, const FormatFlags& flags) {
    const SymbolUpdate update = read_update(arguments);
    if (is_empty(update)) throw UsageError("nothing to set: give an option, e.g. --tick-size 0.01 or --inactive");
    Session session(choose_database(global), Access::write);
    const Symbol symbol = one_symbol(session, arguments.series);
    Session::Impl& impl = session.impl();
    const Symbol stored = impl.run(impl.manager.update_symbol(symbol.id, update));
    print_records(output(), flags.format(), symbol_fields(),
                  {symbol_record(session.names(stored.exchange_id).exchange, stored)});
    output().flush();
    session.close();
    return kOk;
}

int run_symbols_merge(const GlobalOptions& global, const SymbolMergeArguments& arguments) {
    Session session(choose_database(global), arguments.yes ? Access::write : Access::read);
    const Symbol from = one_symbol(session, arguments.from);
    const Symbol into = one_symbol(session, arguments.into);
    if (from.id == into.id)
        throw UsageError(fmt::format("FROM and INTO are the same symbol: {}", shown(session, from)));
    const std::vector<SeriesStats> series = session.series_stats();
    std::vector<std::vector<std::string>> records;
    const std::string both = fmt::format("{} to {} in {}", shown(session, from), shown(session, into), session.name());
    if (!arguments.yes) {
        for (const Dataset dataset : kSymbolDatasets) {
            records.push_back(merge_record(dataset, rows_of(series, dataset, from.id), nullptr));
        }
        if (!arguments.json) output().line(fmt::format("would move from {}:", both));
        print_merge(records, arguments.json);
        throw UsageError("nothing was moved: add --yes to move these rows");
    }
    Session::Impl& impl = session.impl();
    note(fmt::format("moving from {}", both));
    CoverageFilter of_moved;
    of_moved.symbol = from.id;
    const bool was_covered = keeps_coverage(impl.manager) && !impl.run(get_coverage(impl.manager, of_moved)).empty();
    const MergeResult result = impl.run(impl.manager.merge_symbols(from.id, into.id));
    const WriteResult* const parts[] = {&result.book_tickers, &result.trades, &result.funding_rates};
    for (std::size_t i = 0; i < std::size(kSymbolDatasets); ++i) {
        const std::uint64_t rows = parts[i]->inserted + parts[i]->updated + parts[i]->unchanged;
        records.push_back(merge_record(kSymbolDatasets[i], rows, parts[i]));
    }
    if (!arguments.json) output().line(fmt::format("moved from {}:", both));
    print_merge(records, arguments.json);
    if (was_covered) {
        note(
            fmt::format("time that was complete of {} is not known to be so of {}; `marketdb coverage declare` says it",
                        shown(session, from), shown(session, into)));
    }
    session.close();
    return kOk;
}

}  // namespace marketdb::cli
