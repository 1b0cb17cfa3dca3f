#include <marketdb/format.hpp>

#include <algorithm>
#include <array>
#include <span>

#include <fmt/format.h>

#include "core/text.hpp"
#include "storage/table.hpp"

namespace marketdb {
namespace {

using storage::Column;
using storage::Kind;
using storage::Role;
using namespace std::string_view_literals;

// The order of the fields is part of the file format, the descriptors' order is the database's.
constexpr std::array kQuoteFields{"sequence"sv, "bid_price"sv, "bid_qty"sv, "ask_price"sv, "ask_qty"sv};
constexpr std::array kTradeFields{"sequence"sv, "trade_id"sv,       "price"sv,    "quantity"sv,
                                  "side"sv,     "quote_quantity"sv, "is_buyer"sv, "is_maker"sv};
constexpr std::array kFundingFields{"funding_rate"sv, "interval_minutes"sv, "kind"sv, "funding_time"sv, "mark_price"sv};
constexpr std::array kBalanceFields{"account"sv,          "asset_name"sv,     "available_balance"sv,
                                    "locked_balance"sv,   "frozen_balance"sv, "borrowing_balance"sv,
                                    "interest_balance"sv, "total_balance"sv};

std::span<const std::string_view> own_fields(Dataset dataset) noexcept {
    switch (dataset) {
        case Dataset::book_tickers: return kQuoteFields;
        case Dataset::trades: return kTradeFields;
        case Dataset::funding_rates: return kFundingFields;
        case Dataset::balances: break;
    }
    return kBalanceFields;
}

/// Columns of every row, in the order of the text: the two times, then the dataset's own.
std::vector<const Column*> find_columns(Dataset dataset) {
    const storage::Table& table = storage::table_of(dataset);
    std::vector<const Column*> columns{table.find(Role::event_time), table.find(Role::received_at)};
    for (const std::string_view name : own_fields(dataset)) columns.push_back(table.find(name));
    return columns;
}

const std::vector<const Column*>& columns_of(Dataset dataset) {
    static const std::array<std::vector<const Column*>, 4> kColumns{
        find_columns(Dataset::book_tickers), find_columns(Dataset::trades), find_columns(Dataset::funding_rates),
        find_columns(Dataset::balances)};
    return kColumns[static_cast<std::size_t>(dataset)];
}

/// Where values go. `quoted` texts need what the format demands of texts; others are safe as they are.
class Writer {
 public:
    Writer(std::string& out, TextFormat format) : out_(out), json_(format == TextFormat::json) {
        if (json_) out_ += '{';
    }
    void finish() {
        if (json_) out_ += '}';
    }
    void absent(std::string_view name) {
        begin(name);
        if (json_) out_ += "null";
    }
    void text(std::string_view name, std::string_view value) {
        begin(name);
        if (!json_) return append_csv_field(out_, value);
        append_json_string(out_, value);
    }
    void number(std::string_view name, double value) {
        begin(name);
        if (std::isfinite(value)) return core::append_double(out_, value);
        if (json_) out_ += "null";
    }
    void integer(std::string_view name, std::int64_t value) {
        begin(name);
        fmt::format_to(std::back_inserter(out_), "{}", value);
    }
    void boolean(std::string_view name, bool value) {
        begin(name);
        out_ += value ? "true" : "false";
    }
    void time(std::string_view name, Timestamp value) {
        begin(name);
        if (json_) out_ += '"';
        core::append_time(out_, value.time_since_epoch().count());
        if (json_) out_ += '"';
    }

 private:
    void begin(std::string_view name) {
        if (!first_) out_ += ',';
        first_ = false;
        if (!json_) return;
        // Names are ours and need no escapes.
        out_ += '"';
        out_ += name;
        out_ += "\":";
    }

    std::string& out_;
    bool json_;
    bool first_ = true;
};

/// The fields as text, for tables.
class CellWriter {
 public:
    explicit CellWriter(std::vector<std::string>& cells) : cells_(cells) {}

    void absent(std::string_view) { cells_.emplace_back(); }
    void text(std::string_view, std::string_view value) { cells_.emplace_back(value); }
    void number(std::string_view, double value) { cells_.push_back(format_number(value)); }
    void integer(std::string_view, std::int64_t value) { cells_.push_back(fmt::format("{}", value)); }
    void boolean(std::string_view, bool value) { cells_.emplace_back(value ? "true" : "false"); }
    void time(std::string_view, Timestamp value) { cells_.push_back(to_string(value)); }

 private:
    std::vector<std::string>& cells_;
};

template <class Out>
void write_value(Out& out, const std::byte* row, const Column& column) {
    if (storage::is_absent(row, column)) return out.absent(column.name);
    switch (column.kind) {
        case Kind::float64: return out.number(column.name, storage::load<double>(row, column));
        case Kind::int64: return out.integer(column.name, storage::load<std::int64_t>(row, column));
        case Kind::int32: return out.integer(column.name, storage::load<std::int32_t>(row, column));
        case Kind::time: return out.time(column.name, storage::load<Timestamp>(row, column));
        case Kind::text: return out.text(column.name, column.get_text(row + column.offset));
        case Kind::tristate: return out.boolean(column.name, storage::load<Tristate>(row, column) == Tristate::yes);
        case Kind::boolean: return out.boolean(column.name, storage::load<bool>(row, column));
        case Kind::label: break;
    }
    const std::size_t label = storage::load<std::uint8_t>(row, column);
    out.text(column.name, label < column.labels.size() ? column.labels[label] : std::string_view{});
}

template <class Out>
void write_row(Out& out, const std::byte* row, Dataset dataset, const RowContext& context) {
    out.text("exchange", context.exchange);
    if (dataset != Dataset::balances) {
        out.text("symbol", context.symbol);
        if (context.with_exchange_symbol) out.text("exchange_symbol", context.exchange_symbol);
    }
    for (const Column* column : columns_of(dataset)) write_value(out, row, *column);
    if (context.age_seconds) out.number("age_seconds", *context.age_seconds);
}

template <class Row>
Dataset dataset_of() noexcept {
    return *storage::table_of<Row>().dataset;
}

}  // namespace

std::vector<std::string_view> field_names(Dataset dataset, bool with_exchange_symbol, bool with_age) {
    std::vector<std::string_view> names{"exchange"};
    if (dataset != Dataset::balances) names.emplace_back("symbol");
    if (dataset != Dataset::balances && with_exchange_symbol) names.emplace_back("exchange_symbol");
    for (const Column* column : columns_of(dataset)) names.push_back(column->name);
    if (with_age) names.emplace_back("age_seconds");
    return names;
}

bool is_number_field(Dataset dataset, std::string_view field) noexcept {
    if (field == "age_seconds") return true;
    const Column* const column = storage::table_of(dataset).find(field);
    if (column == nullptr) return false;
    return column->kind == Kind::float64 || column->kind == Kind::int64 || column->kind == Kind::int32;
}

template <class Row>
void append_row(std::string& out, const Row& row, const RowContext& context, TextFormat format) {
    Writer writer(out, format);
    write_row(writer, reinterpret_cast<const std::byte*>(&row), dataset_of<Row>(), context);
    writer.finish();
}

template <class Row>
std::vector<std::string> row_cells(const Row& row, const RowContext& context) {
    std::vector<std::string> cells;
    CellWriter writer(cells);
    write_row(writer, reinterpret_cast<const std::byte*>(&row), dataset_of<Row>(), context);
    return cells;
}

template void append_row(std::string&, const BookTicker&, const RowContext&, TextFormat);
template void append_row(std::string&, const Trade&, const RowContext&, TextFormat);
template void append_row(std::string&, const FundingRate&, const RowContext&, TextFormat);
template void append_row(std::string&, const Balance&, const RowContext&, TextFormat);
template std::vector<std::string> row_cells(const BookTicker&, const RowContext&);
template std::vector<std::string> row_cells(const Trade&, const RowContext&);
template std::vector<std::string> row_cells(const FundingRate&, const RowContext&);
template std::vector<std::string> row_cells(const Balance&, const RowContext&);

std::string format_number(double number) { return is_present(number) ? core::format_double(number) : std::string(); }

}  // namespace marketdb
