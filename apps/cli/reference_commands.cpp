#include <string>
#include <vector>

#include <fmt/format.h>

#include <marketdb/error.hpp>
#include <marketdb/format.hpp>

#include "commands.hpp"
#include "diagnostics.hpp"
#include "exit_code.hpp"
#include "session.hpp"
#include "terminal.hpp"

namespace marketdb::cli {
namespace {

std::string boolean(bool value) { return value ? "true" : "false"; }

std::string decimals(std::int32_t value) { return value == 0 ? std::string() : fmt::format("{}", value); }

const std::vector<Field>& exchange_fields() {
    static const std::vector<Field> fields = {
        {"exchange"}, {"exchange_name"}, {"market_type"}, {"is_active", FieldKind::boolean}, {"created_at"}};
    return fields;
}

const std::vector<Field>& symbol_fields() {
    static const std::vector<Field> fields = {
        {"exchange"},
        {"symbol"},
        {"exchange_symbol"},
        {"symbol_base", FieldKind::text, 7},
        {"symbol_quote", FieldKind::text, 7},
        {"symbol_type", FieldKind::text, 6},
        {"contract_type"},
        {"contract_size", FieldKind::number},
        {"quantity_unit"},
        {"settle_asset", FieldKind::text, 1},
        {"expires_at", FieldKind::text, 2},
        {"tick_size", FieldKind::number, 3},
        {"lot_size", FieldKind::number, 3},
        {"min_quantity", FieldKind::number, 5},
        {"min_notional", FieldKind::number, 5},
        {"precision_price", FieldKind::number, 6},
        {"precision_quantity", FieldKind::number, 6},
        {"listed_at", FieldKind::text, 4},
        {"delisted_at", FieldKind::text, 4},
        {"is_active", FieldKind::boolean},
        {"created_at", FieldKind::text, 8},
        {"updated_at", FieldKind::text, 8},
    };
    return fields;
}

std::vector<std::string> symbol_record(const std::string& exchange, const Symbol& symbol) {
    return {exchange,
            pair(symbol),
            symbol.exchange_symbol.str(),
            symbol.symbol_base.str(),
            symbol.symbol_quote.str(),
            std::string(to_string(symbol.symbol_type)),
            std::string(to_string(symbol.contract_type)),
            format_number(symbol.contract_size),
            std::string(to_string(symbol.quantity_unit)),
            symbol.settle_asset.str(),
            to_string(symbol.expires_at),
            format_number(symbol.tick_size),
            format_number(symbol.lot_size),
            format_number(symbol.min_quantity),
            format_number(symbol.min_notional),
            decimals(symbol.precision_price),
            decimals(symbol.precision_quantity),
            to_string(symbol.listed_at),
            to_string(symbol.delisted_at),
            boolean(symbol.is_active),
            to_string(symbol.created_at),
            to_string(symbol.updated_at)};
}

}  // namespace

int run_exchanges(const GlobalOptions& global, const FormatFlags& flags) {
    Session session(choose_database(global), Access::read);
    std::vector<std::vector<std::string>> records;
    for (const Exchange& exchange : session.exchanges()) {
        records.push_back({exchange.enum_value.str(), exchange.exchange_name.str(),
                           std::string(to_string(exchange.market_type)), boolean(exchange.is_active),
                           to_string(exchange.created_at)});
    }
    print_records(output(), flags.format(), exchange_fields(), records);
    output().flush();
    if (records.empty()) note(fmt::format("{} holds no exchange; `marketdb import FILE` fills it", session.name()));
    return kOk;
}

int run_symbols(const GlobalOptions& global, const SymbolsOptions& options) {
    Session session(choose_database(global), Access::read);
    std::vector<std::vector<std::string>> records;
    bool is_known = options.exchange.empty();
    for (const Exchange& exchange : session.exchanges()) {
        const Exchange* asked = options.exchange.empty() ? nullptr : session.find_exchange(options.exchange);
        if (!options.exchange.empty() && (asked == nullptr || asked->id != exchange.id)) continue;
        is_known = true;
        for (const Symbol& symbol : session.symbols(exchange.id, options.active)) {
            records.push_back(symbol_record(exchange.enum_value.str(), symbol));
        }
    }
    if (!is_known) {
        throw Error(ErrorCode::unknown_exchange, fmt::format("no exchange '{}' in this database", options.exchange));
    }
    print_records(output(), options.flags.format(), symbol_fields(), records);
    output().flush();
    if (records.empty()) note(fmt::format("{} holds no symbol of it; `marketdb import FILE` fills it", session.name()));
    return kOk;
}

}  // namespace marketdb::cli
