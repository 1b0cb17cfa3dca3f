#include "row_printer.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <type_traits>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <marketdb/format.hpp>

#include "terminal.hpp"

namespace marketdb::cli {
namespace {

using namespace std::string_view_literals;

template <class Row>
const SeriesNames& names_of(Session& session, const Row& row) {
    if constexpr (std::is_same_v<Row, Balance>) {
        return session.names(row.exchange_id);
    } else {
        return session.names(row.symbol_id);
    }
}

/// Keeps `common` if it says the same, empties it otherwise.
void agree(std::string& common, bool is_first, std::string_view unit) {
    if (is_first) {
        common = unit;
    } else if (common != unit) {
        common.clear();
    }
}

std::string_view quantity_unit(const Symbol& symbol) {
    switch (symbol.quantity_unit) {
        case QuantityUnit::contracts: return "contracts";
        case QuantityUnit::quote: return symbol.symbol_quote;
        case QuantityUnit::base:
        case QuantityUnit::unknown: return symbol.symbol_base;
    }
    return "";
}

std::string unit_of(Dataset dataset, std::string_view field, const Units& units) {
    constexpr std::array kPrices = {"bid_price"sv, "ask_price"sv, "price"sv, "mark_price"sv, "quote_quantity"sv};
    constexpr std::array kQuantities = {"bid_qty"sv, "ask_qty"sv, "quantity"sv};
    if (std::find(kPrices.begin(), kPrices.end(), field) != kPrices.end()) return units.price;
    if (std::find(kQuantities.begin(), kQuantities.end(), field) != kQuantities.end()) return units.quantity;
    if (dataset == Dataset::balances && field.ends_with("_balance")) return units.balance;
    if (field == "funding_rate") return "per interval";
    return "";
}

/// What goes first when the terminal is too narrow; 0: never.
int dispensability(std::string_view field) {
    constexpr std::pair<std::string_view, int> kOrder[] = {
        {"is_buyer", 9},       {"is_maker", 9},         {"sequence", 8}, {"quote_quantity", 7},
        {"frozen_balance", 7}, {"interest_balance", 7}, {"trade_id", 5}, {"borrowing_balance", 6},
        {"received_at", 4},    {"mark_price", 3},       {"account", 2},  {"interval_minutes", 2},
    };
    const auto found =
        std::find_if(std::begin(kOrder), std::end(kOrder), [&](const auto& one) { return one.first == field; });
    return found == std::end(kOrder) ? 0 : found->second;
}

std::vector<Column> columns_of(Dataset dataset, const RowStyle& style) {
    std::vector<Column> columns;
    for (const std::string_view field : field_names(dataset, style.with_exchange_symbol, style.with_age)) {
        const std::string unit = unit_of(dataset, field, style.units);
        columns.push_back(Column{unit.empty() ? std::string(field) : fmt::format("{} [{}]", field, unit),
                                 is_number_field(dataset, field), dispensability(field)});
    }
    return columns;
}

}  // namespace

Units common_units(const std::vector<const Symbol*>& symbols) {
    Units units;
    for (const Symbol* symbol : symbols) {
        const bool is_first = symbol == symbols.front();
        agree(units.price, is_first, symbol->symbol_quote);
        agree(units.quantity, is_first, quantity_unit(*symbol));
    }
    return units;
}

Units common_units(const std::vector<std::string>& assets) {
    Units units;
    for (const std::string& asset : assets) agree(units.balance, &asset == &assets.front(), asset);
    return units;
}

template <class Row>
RowPrinter<Row>::RowPrinter(Output& output, Session& session, RowStyle style)
    : output_(output), session_(session), style_(std::move(style)) {
    if (style_.format == OutputFormat::csv) {
        const auto names = field_names(kDatasetOf<Row>, style_.with_exchange_symbol, style_.with_age);
        output_.line(fmt::format("{}", fmt::join(names, ",")));
    }
    if (style_.format == OutputFormat::table) {
        table_ = std::make_unique<Table>(output_, columns_of(kDatasetOf<Row>, style_), terminal().columns);
    }
}

template <class Row>
void RowPrinter<Row>::add(const Row& row, std::optional<std::chrono::microseconds> age) {
    const SeriesNames& names = names_of(session_, row);
    RowContext context;
    context.exchange = names.exchange;
    context.symbol = names.symbol;
    context.exchange_symbol = names.exchange_symbol;
    context.with_exchange_symbol = style_.with_exchange_symbol;
    if (age) context.age_seconds = std::chrono::duration<double>(*age).count();
    ++rows_;
    if (table_) {
        table_->add(row_cells(row, context));
        return;
    }
    line_.clear();
    if (style_.format == OutputFormat::json) line_ = rows_ == 1 ? "[" : ",\n";
    append_row(line_, row, context, style_.format == OutputFormat::csv ? TextFormat::csv : TextFormat::json);
    if (style_.format != OutputFormat::json) line_ += '\n';
    output_.write(line_);
}

template <class Row>
void RowPrinter<Row>::finish() {
    if (style_.format == OutputFormat::json) output_.line(rows_ == 0 ? "[]" : "]");
    if (table_ && rows_ > 0) table_->finish();
}

template <class Row>
void RowPrinter<Row>::note_hidden() const {
    if (table_) note_hidden_columns(table_->hidden());
}

template class RowPrinter<BookTicker>;
template class RowPrinter<Trade>;
template class RowPrinter<FundingRate>;
template class RowPrinter<Balance>;

}  // namespace marketdb::cli
