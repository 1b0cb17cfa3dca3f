#include "storage/postgres/existing_schema.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <marketdb/error.hpp>

#include "core/text.hpp"
#include "storage/postgres/row_codec.hpp"
#include "storage/sql.hpp"

namespace marketdb::storage::postgres {
namespace {

/// What tells the shape of a table, and what else it has to have to be used.
struct Expected {
    const Table* table = nullptr;
    std::vector<std::string_view> identifying;
    std::vector<std::string_view> needed;
};

const std::vector<Expected>& expected_tables() {
    static const std::vector<Expected> all{
        {&table_of<BookTicker>(), {"symbol_id", "timestamp"}, {"bid_price", "bid_qty", "ask_price", "ask_qty"}},
        {&table_of<Trade>(), {"symbol_id", "timestamp"}, {"id", "price", "quantity", "side", "trade_id"}},
        {&table_of<FundingRate>(), {"symbol_id", "timestamp"}, {"funding_rate", "funding_time"}},
        {&table_of<Balance>(), {"exchange_id", "timestamp"}, {"asset_name", "available_balance", "locked_balance"}},
        {&table_of<Exchange>(), {"id", "enum_value", "exchange_name", "market_type"}, {}},
        {&table_of<Symbol>(),
         {"id", "exchange_id", "symbol_base", "symbol_quote", "exchange_symbol", "symbol_type"},
         {}},
    };
    return all;
}

std::string names_of(const Relation& relation) {
    std::string names;
    for (const CatalogueColumn& column : relation.columns) {
        if (!names.empty()) names += ", ";
        names += core::printable(column.name);
    }
    return names;
}

[[noreturn]] void refuse(std::string_view where, const SchemaName& schema, std::string_view what) {
    throw Error(
        ErrorCode::schema_mismatch,
        fmt::format("{}: schema {} has tables of an older shape, which marketdb cannot use: {}; nothing was changed",
                    where, schema.quoted(), what));
}

/// Errors: schema_mismatch  it is no table of the shape that is known.
void require_shape(const Expected& expected, const Relation& relation, const SchemaName& schema,
                   std::string_view where) {
    const std::string_view name = expected.table->name;
    if (!relation.is_table()) {
        refuse(where, schema, fmt::format("{} is a view, with the columns {}", name, names_of(relation)));
    }
    for (const std::string_view column : expected.identifying) {
        if (relation.find(column) != nullptr) continue;
        refuse(where, schema, fmt::format("{} has no column {}; it has {}", name, column, names_of(relation)));
    }
}

/// The name that a descriptor's column has there.
std::string_view name_there(const Table& table, const Column& column, const Relation& relation) {
    const bool is_number_of_quote = table.dataset == Dataset::book_tickers && column.role == Role::sequence;
    if (is_number_of_quote && relation.find(column.name) == nullptr) return "sequence_number";
    return column.name;
}

template <class Row>
std::vector<std::byte> bytes_of(const Row& row) {
    std::vector<std::byte> bytes(sizeof(Row));
    std::memcpy(bytes.data(), &row, sizeof(Row));
    return bytes;
}

/// A row of which the database says nothing. (A null `symbol_type` or `is_active` is one that its default did not reach.)
std::vector<std::byte> blank_row(const Table& table) {
    if (&table == &table_of<BookTicker>()) return bytes_of(BookTicker{});
    if (&table == &table_of<Trade>()) return bytes_of(Trade{});
    if (&table == &table_of<FundingRate>()) return bytes_of(FundingRate{});
    if (&table == &table_of<Balance>()) return bytes_of(Balance{});
    if (&table == &table_of<Exchange>()) return bytes_of(Exchange{});
    Symbol symbol;
    symbol.symbol_type = MarketType::spot;
    return bytes_of(symbol);
}

/// Makes one table of what the catalogue says.
class TableMaker {
 public:
    TableMaker(const Expected& expected, const Relation& relation, const SchemaName& schema)
        : expected_(expected), table_(*expected.table), relation_(relation) {
        made_.table = &table_;
        made_.name = schema.table(table_.name);
        ExistingTable& existing = made_.existing.emplace();
        existing.blank = blank_row(table_);
        existing.found = names_of(relation);
        existing.is_chunked = relation.has_children || relation.kind == 'p';
        existing.checks = relation.checks;
    }

    PhysicalTable make() {
        for (const Column& column : table_.columns) add(column);
        add_second_funding_time();
        read_trades_by_id();
        for (const std::string_view column : expected_.needed) {
            if (!is_there(column)) made_.existing->missing.emplace_back(column);
        }
        find_key();
        made_.existing->has_series_index = has_series_index();
        return std::move(made_);
    }

 private:
    void add(const Column& column) {
        // There is no table of sources that an id could mean; what is computed is computed from what was read.
        const bool is_ours = column.role == Role::source || column.role == Role::computed;
        const CatalogueColumn* there = relation_.find(name_there(table_, column, relation_));
        if (is_ours || there == nullptr || there->is_generated || !can_convert(there->type, column.kind)) {
            made_.existing->lacking.push_back(&column);
            return;
        }
        PhysicalColumn physical{quote_identifier(there->name), there->type, &column, there->modifier};
        // Nobody but marketdb numbers quotes there.
        physical.absent_is_null = column.role == Role::sequence;
        made_.columns.push_back(physical);
        made_.written.push_back(std::move(physical));
    }

    /// The same moment twice, in the column that a migration of the old programs added.
    void add_second_funding_time() {
        const CatalogueColumn* there = relation_.find("next_funding_time");
        if (table_.dataset != Dataset::funding_rates || there == nullptr || there->type != TypeId::timestamptz) return;
        made_.written.push_back({quote_identifier(there->name), there->type, table_.find("funding_time")});
    }

    /// Trades have no number of their own there: it is their id where that is one, else that of the row, which is given in
    /// the order of arrival. A trade without an id is named after its row.
    void read_trades_by_id() {
        const bool has_both = is_there("id") && is_there("trade_id");
        if (table_.dataset != Dataset::trades || !has_both || is_there("sequence")) return;
        const Column& sequence = *table_.find(Role::sequence);
        std::erase(made_.existing->lacking, &sequence);
        for (PhysicalColumn& column : made_.columns) {
            if (column.column->name != "trade_id") continue;
            column.name = R"((coalesce(nullif("trade_id", ''), '~' || "id") COLLATE "C"))";
        }
        for (PhysicalColumn& column : made_.written) column.absent_is_null |= column.column->name == "trade_id";
        // Fifteen digits lie below 2^53 in any case.
        const auto behind = std::find_if(made_.columns.begin(), made_.columns.end(),
                                         [&](const PhysicalColumn& column) { return column.column > &sequence; });
        PhysicalColumn& number = *made_.columns.emplace(behind);
        number.name = R"((CASE WHEN "trade_id" ~ '^[0-9]{1,15}$' THEN "trade_id"::bigint ELSE "id"::bigint END))";
        number.type = TypeId::int8;
        number.column = &sequence;
    }

    /// A unique index on columns of the descriptor's key; else its series, its time and a trade's id.
    void find_key() {
        for (const CatalogueIndex& index : relation_.indexes) {
            if (!index.is_unique) continue;
            std::vector<const Column*> key;
            for (const PhysicalColumn& column : made_.written) {
                if (is_in(index, column) && is_of_key(*column.column)) key.push_back(column.column);
            }
            if (key.size() != index.columns.size() || key.empty()) continue;
            made_.key = std::move(key);
            made_.existing->has_unique_key = true;
            break;
        }
        if (made_.key.empty()) {
            for (const PhysicalColumn& column : made_.written) {
                const bool is_number = column.column->role == Role::sequence;
                if (is_of_key(*column.column) && !is_number) made_.key.push_back(column.column);
            }
        }
        for (PhysicalColumn& column : made_.columns) {
            const bool is_number = table_.dataset == Dataset::book_tickers && column.column->role == Role::sequence;
            const bool is_key = std::find(made_.key.begin(), made_.key.end(), column.column) != made_.key.end();
            column.orders = !is_number || is_key;
        }
    }

    [[nodiscard]] bool has_series_index() const {
        const std::size_t width = table_.series.size();
        std::vector<std::string> wanted;
        for (const std::uint8_t index : table_.series) {
            if (is_there(table_.at(index).name)) wanted.emplace_back(table_.at(index).name);
        }
        if (width == 0 || wanted.empty()) return true;
        return std::any_of(relation_.indexes.begin(), relation_.indexes.end(), [&](const CatalogueIndex& index) {
            return index.columns.size() > wanted.size() && index.columns[wanted.size()] == "timestamp" &&
                   std::is_permutation(wanted.begin(), wanted.end(), index.columns.begin());
        });
    }

    [[nodiscard]] static bool is_in(const CatalogueIndex& index, const PhysicalColumn& column) {
        return std::any_of(index.columns.begin(), index.columns.end(),
                           [&](const std::string& name) { return quote_identifier(name) == column.name; });
    }
    [[nodiscard]] bool is_of_key(const Column& column) const {
        return std::any_of(table_.key.begin(), table_.key.end(),
                           [&](std::uint8_t index) { return &table_.at(index) == &column; });
    }
    [[nodiscard]] bool is_there(std::string_view name) const { return relation_.find(name) != nullptr; }

    const Expected& expected_;
    const Table& table_;
    const Relation& relation_;
    PhysicalTable made_;
};

bool has_column(const PhysicalTables& tables, const Table& table, std::string_view column) {
    const auto found = tables.find(&table);
    return found != tables.end() && found->second.find(*table.find(column)) != nullptr;
}

bool are_exact(const PhysicalTables& tables) {
    return std::all_of(tables.begin(), tables.end(), [](const auto& table) {
        return std::all_of(table.second.written.begin(), table.second.written.end(), [](const PhysicalColumn& column) {
            return column.column->kind != Kind::float64 || column.type == TypeId::float8;
        });
    });
}

bool is_nullable(const Relations& relations, std::string_view table, std::string_view column) {
    const auto found = relations.find(table);
    if (found == relations.end()) return false;
    const CatalogueColumn* there = found->second.find(column);
    return there != nullptr && there->is_nullable;
}

}  // namespace

const CatalogueColumn* Relation::find(std::string_view column) const noexcept {
    const auto found = std::find_if(columns.begin(), columns.end(),
                                    [column](const CatalogueColumn& one) { return one.name == column; });
    return found == columns.end() ? nullptr : &*found;
}

bool has_our_names(const Relations& relations) {
    const std::vector<Expected>& all = expected_tables();
    return std::any_of(all.begin(), all.end(),
                       [&](const Expected& one) { return relations.contains(one.table->name); });
}

PhysicalTables recognise(const Relations& relations, const SchemaName& schema, std::string_view where) {
    PhysicalTables tables;
    std::string found;
    for (const Expected& expected : expected_tables()) {
        const auto relation = relations.find(expected.table->name);
        if (relation == relations.end()) {
            if (expected.table->dataset) continue;
            refuse(where, schema, fmt::format("there is no table {}; {}", expected.table->name, found));
        }
        require_shape(expected, relation->second, schema, where);
        if (!found.empty()) found += "; ";
        found += fmt::format("{} has {}", expected.table->name, names_of(relation->second));
        tables.emplace(expected.table, TableMaker(expected, relation->second, schema).make());
    }
    return tables;
}

Capabilities capabilities_of(const PhysicalTables& tables, const Relations& relations) {
    Capabilities able;
    const auto trades = tables.find(&table_of<Trade>());
    const auto quotes = tables.find(&table_of<BookTicker>());
    able.keeps_sequence = quotes != tables.end() && quotes->second.existing->has_unique_key &&
                          std::any_of(quotes->second.key.begin(), quotes->second.key.end(),
                                      [](const Column* column) { return column->role == Role::sequence; });
    able.keeps_received_at = has_column(tables, table_of<BookTicker>(), "received_at");
    able.exact_doubles = are_exact(tables);
    able.unknown_side = is_nullable(relations, "book_ticker_snapshots", "bid_price") &&
                        is_nullable(relations, "trade_snapshots", "side");
    able.unique_trades = trades != tables.end() && trades->second.existing->has_unique_key;
    able.dated_contracts = has_column(tables, table_of<Symbol>(), "expires_at");
    able.own_tables = false;
    able.keeps_sources = tables.contains(&table_of<Source>());
    able.keeps_coverage = false;
    return able;
}

}  // namespace marketdb::storage::postgres
