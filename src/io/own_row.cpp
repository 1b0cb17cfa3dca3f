#include "io/own_row.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include <marketdb/error.hpp>

#include "core/text.hpp"
#include "io/venue.hpp"

namespace marketdb::io {
namespace {

using storage::Kind;

bool is_two_digits(std::string_view text, std::size_t at) noexcept {
    return text[at] >= '0' && text[at] <= '9' && text[at + 1] >= '0' && text[at + 1] <= '9';
}

int two_digits(std::string_view text, std::size_t at) noexcept { return (text[at] - '0') * 10 + (text[at + 1] - '0'); }

/// The form that export writes, `2024-08-08T23:54:14.087891Z`; anything else is left to parse_timestamp, at twenty
/// times the cost.
std::optional<Timestamp> exported_time(std::string_view text) noexcept {
    if (text.size() != 27 || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' ||
        text[16] != ':' || text[19] != '.' || text[26] != 'Z') {
        return std::nullopt;
    }
    for (const std::size_t at : {0, 2, 5, 8, 11, 14, 17, 20, 22, 24}) {
        if (!is_two_digits(text, at)) return std::nullopt;
    }
    const std::chrono::year_month_day date{std::chrono::year(two_digits(text, 0) * 100 + two_digits(text, 2)),
                                           std::chrono::month(static_cast<unsigned>(two_digits(text, 5))),
                                           std::chrono::day(static_cast<unsigned>(two_digits(text, 8)))};
    const int hour = two_digits(text, 11);
    const int minute = two_digits(text, 14);
    const int second = two_digits(text, 17);
    if (!date.ok() || hour > 23 || minute > 59 || second > 59) return std::nullopt;
    const std::int64_t fraction = two_digits(text, 20) * 10'000 + two_digits(text, 22) * 100 + two_digits(text, 24);
    return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
           std::chrono::seconds(second) + std::chrono::microseconds(fraction);
}

void require_type(Field field, const Cell& cell, Cell::Type wanted, std::string_view expected) {
    if (cell.type != Cell::Type::any && cell.type != wanted) fail(field, expected);
}

std::uint8_t label(Field field, std::span<const std::string_view> labels) {
    const auto found = std::find(labels.begin() + 1, labels.end(), field.text);
    if (found != labels.end()) return static_cast<std::uint8_t>(found - labels.begin());
    std::string expected = "one of";
    for (const std::string_view each : labels.subspan(1)) expected.append(" ").append(each);
    fail(field, expected);
}

std::int32_t small_integer(Field field) {
    const std::int64_t value = integer(field);
    if (value < std::numeric_limits<std::int32_t>::min() || value > std::numeric_limits<std::int32_t>::max()) {
        fail(field, "a number of 32 bits");
    }
    return static_cast<std::int32_t>(value);
}

bool is_missing(const Cell& cell) noexcept {
    return cell.type == Cell::Type::absent || (cell.type == Cell::Type::any && cell.text.empty());
}

std::size_t place_in(const Layout& layout, std::string_view name) {
    const auto found = std::find_if(layout.columns.begin(), layout.columns.end(),
                                    [name](const ColumnSpec& column) { return column.name == name; });
    return static_cast<std::size_t>(found - layout.columns.begin());
}

}  // namespace

OwnRow::OwnRow(const Layout& layout, FileContext& context)
    : context_(context),
      unit_(parse_time_unit(context.options.time_unit, TimeUnit::by_size)),
      symbol_(place_in(layout, "symbol")),
      exchange_symbol_(place_in(layout, "exchange_symbol")),
      sequence_(place_in(layout, "sequence")) {
    const storage::Table& table = storage::table_of(*layout.dataset);
    for (const ColumnSpec& spec : layout.columns) {
        const storage::Column* const column = table.find(spec.name);
        const bool computed = column != nullptr && column->role == storage::Role::computed;
        columns_.push_back(computed ? nullptr : column);
    }
}

void OwnRow::fill_columns(std::span<const Cell> cells, std::byte* row) const {
    for (std::size_t index = 0; index < columns_.size(); ++index) {
        if (columns_[index] != nullptr) fill_column(*columns_[index], cells[index], row);
    }
}

void OwnRow::fill_column(const storage::Column& column, const Cell& cell, std::byte* row) const {
    const Field field{column.name, cell.text};
    if (is_missing(cell)) {
        // A sequence is computed then, and an account has a default.
        if (column.nullable || column.role == storage::Role::sequence || column.name == "account") return;
        if (column.name == "trade_id") return;
        fail({column.name, {}}, "a value");
    }
    switch (column.kind) {
        case Kind::float64:
            require_type(field, cell, Cell::Type::number, "a number");
            return storage::store(row, column, number(field));
        case Kind::int64:
            require_type(field, cell, Cell::Type::number, "a whole number");
            return storage::store(row, column, integer(field));
        case Kind::int32:
            require_type(field, cell, Cell::Type::number, "a whole number");
            return storage::store(row, column, small_integer(field));
        case Kind::time: return storage::store(row, column, time(field));
        case Kind::tristate:
            require_type(field, cell, Cell::Type::boolean, "true or false");
            return storage::store(row, column, boolean(field) ? Tristate::yes : Tristate::no);
        case Kind::label: return storage::store(row, column, label(field, column.labels));
        case Kind::text:
            require_type(field, cell, Cell::Type::text, "a text");
            return column.set_text(row + column.offset, clean_text(field));
        case Kind::boolean: break;
    }
}

Timestamp OwnRow::time(Field field) const {
    if (const auto exported = exported_time(field.text); exported && is_storable(*exported)) return *exported;
    if (field.text.find_first_not_of("0123456789") == std::string_view::npos) return integer_time(field, unit_);
    try {
        return parse_timestamp(field.text);
    } catch (const Error&) {
        fail(field, "a time from 1970 to 2262, as 2024-08-08T23:54:14.087891Z or an integer");
    }
}

std::int32_t OwnRow::instrument(std::span<const Cell> cells) {
    const auto text_at = [cells](std::size_t place) {
        return place < cells.size() ? cells[place].text : std::string_view{};
    };
    const std::string_view exchange = cells[0].text;
    const std::string_view symbol = text_at(symbol_);
    const std::string_view spelling = text_at(exchange_symbol_);
    names_.assign(symbol).append(1, '\0').append(spelling);
    return context_.instruments.find_or_add(exchange, names_, [&] { return describe(exchange, symbol, spelling); });
}

std::string OwnRow::exchange_of(std::string_view text, std::string_view symbol) const {
    const std::string told = core::to_upper(text);
    context_.compare({text, told, symbol});
    if (!context_.options.exchange.empty()) return context_.options.exchange;
    return exchange_name(clean_text({"exchange", text}), "column exchange", "; --exchange names another");
}

Instrument OwnRow::describe(std::string_view exchange, std::string_view symbol, std::string_view spelling) const {
    const ParserOptions& options = context_.options;
    Instrument instrument;
    instrument.exchange = exchange_of(exchange, spelling.empty() ? symbol : spelling);
    if (!options.symbol.empty()) spelling = options.symbol;
    const auto told = parse_pair_text(symbol);
    instrument.is_pair = spelling.empty() && told.has_value();
    instrument.tells_pair = told.has_value() && options.base.empty() && options.quote.empty();
    if (spelling.empty()) spelling = symbol;

    KnownPair known;
    if (told) known = {told->pair.base, told->pair.quote, told->expires_at};
    if (!options.base.empty()) known.base = options.base;
    if (!options.quote.empty()) known.quote = options.quote;
    instrument.symbol = describe_symbol(instrument.exchange, clean_text({"symbol", spelling}), known);
    return instrument;
}

void OwnRow::finish(std::span<const Cell> cells, BookTicker& row) {
    const std::int32_t index = instrument(cells);
    row.symbol_id = SymbolId{index};
    drop_empty_sides(row);
    if (is_missing(cells[sequence_])) row.sequence = context_.sequencer.next(index, row.timestamp, row.received_at);
}

void OwnRow::finish(std::span<const Cell> cells, Trade& row) {
    const std::int32_t index = instrument(cells);
    row.symbol_id = SymbolId{index};
    if (!is_missing(cells[sequence_])) return;
    row.sequence = numeric_id(row.trade_id);
    if (row.sequence < 0) row.sequence = context_.sequencer.next(index, row.timestamp, row.received_at);
}

void OwnRow::finish(std::span<const Cell> cells, FundingRate& row) { row.symbol_id = SymbolId{instrument(cells)}; }

void OwnRow::finish(std::span<const Cell> cells, Balance& row) {
    const std::string_view exchange = cells[0].text;
    const auto describe_asset = [&] {
        Instrument asset;
        asset.exchange = exchange_of(exchange, {});
        asset.symbol.symbol_base = row.asset_name.view();
        return asset;
    };
    row.exchange_id = ExchangeId{context_.instruments.find_or_add(exchange, row.asset_name, describe_asset)};
}

}  // namespace marketdb::io
