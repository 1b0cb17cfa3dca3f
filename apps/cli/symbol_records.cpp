#include "symbol_records.hpp"

#include <cstdint>

#include <fmt/format.h>

#include <marketdb/format.hpp>

namespace marketdb::cli {
namespace {

std::string decimals(std::int32_t value) { return value == 0 ? std::string() : fmt::format("{}", value); }

}  // namespace

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
            symbol.is_active ? "true" : "false",
            to_string(symbol.created_at),
            to_string(symbol.updated_at)};
}

}  // namespace marketdb::cli
