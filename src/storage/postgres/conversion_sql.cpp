#include "storage/postgres/conversion_sql.hpp"

#include <algorithm>
#include <array>
#include <ranges>
#include <vector>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "core/text.hpp"
#include "storage/postgres/embedded.hpp"
#include "storage/postgres/fill.hpp"
#include "storage/postgres/migrations.hpp"
#include "storage/postgres/migrator.hpp"
#include "storage/postgres/row_codec.hpp"
#include "storage/sql.hpp"

namespace marketdb::storage::postgres {
namespace {

// Bytes: 134 for a quote were measured (DESIGN.md D11); the others by their columns.
constexpr std::array kTables{
    ConvertedTable{"exchanges", {}, false, 200},
    ConvertedTable{"symbols", {}, false, 400},
    ConvertedTable{"book_ticker_snapshots", "book-tickers", true, 134},
    ConvertedTable{"trade_snapshots", "trades", true, 160},
    ConvertedTable{"funding_rate_snapshots", "funding-rates", false, 150},
    ConvertedTable{"balance_snapshots", "balances", false, 180},
};

/// A column that the queries of rows name, and the type in which they want it.
struct WantedColumn {
    std::string_view name;
    std::string_view type;
};

constexpr std::string_view kDouble = "double precision";
constexpr std::array kWanted{
    WantedColumn{"sequence_number", "bigint"},
    WantedColumn{"bid_price", kDouble},
    WantedColumn{"bid_qty", kDouble},
    WantedColumn{"ask_price", kDouble},
    WantedColumn{"ask_qty", kDouble},
    WantedColumn{"trade_id", "text"},
    WantedColumn{"price", kDouble},
    WantedColumn{"quantity", kDouble},
    WantedColumn{"side", "text"},
    WantedColumn{"quote_quantity", kDouble},
    WantedColumn{"is_buyer", "boolean"},
    WantedColumn{"is_maker", "boolean"},
    WantedColumn{"funding_rate", kDouble},
    WantedColumn{"funding_time", "bigint"},
    WantedColumn{"available_balance", kDouble},
    WantedColumn{"locked_balance", kDouble},
    WantedColumn{"frozen_balance", kDouble},
    WantedColumn{"borrowing_balance", kDouble},
    WantedColumn{"interest_balance", kDouble},
    WantedColumn{"is_active", "boolean"},
    WantedColumn{"created_at", "timestamptz"},
    WantedColumn{"updated_at", "timestamptz"},
    WantedColumn{"precision_price", "integer"},
    WantedColumn{"precision_quantity", "integer"},
    WantedColumn{"min_quantity", kDouble},
    WantedColumn{"min_notional", kDouble},
};

/// A column of the old row `o`, in the type that is wanted.
std::string expression(const WantedColumn& wanted, const OldColumns& columns) {
    const auto found = columns.find(wanted.name);
    if (found == columns.end()) return fmt::format("NULL::{}", wanted.type);
    // The nearest double of what a REAL shows is meant, not the bits of its four bytes.
    const std::string_view shown = found->second == "real" && wanted.type == kDouble ? "::text" : "";
    return fmt::format("o.{}{}::{}", quote_identifier(wanted.name), shown, wanted.type);
}

std::string_view text_of(LegacyClock clock) { return clock == LegacyClock::received ? "received" : "event"; }

/// Empty if the server would cut the name, or it would not stand within texts of several kinds.
SchemaName named(std::string_view prefix, const SchemaName& schema) {
    constexpr std::size_t kMaxBytes = 63;
    const std::string name = fmt::format("{}{}", prefix, schema.text());
    if (name.size() > kMaxBytes || name.find_first_of("'\"\\$") != std::string::npos) return {};
    return SchemaName(name);
}

}  // namespace

std::span<const ConvertedTable> converted_tables() noexcept { return kTables; }

// The second has a blank in its name, so that it stands in quotes wherever it stands.
ConversionSql::ConversionSql(const SchemaName& schema, LegacyClock clock)
    : schema_(schema),
      next_(named("marketdb next ", schema)),
      before_(named("marketdb_before_", schema)),
      clock_(clock) {}

std::string ConversionSql::file(std::string_view name) const {
    std::vector<Placeholder> placeholders{
        {"schema", schema_.quoted()},
        {"schema_text", literal(schema_.text())},
        {"next", next_.quoted()},
        {"next_text", literal(next_.text())},
        {"before", before_.quoted()},
        {"before_text", literal(before_.text())},
        {"clock", literal(text_of(clock_))},
    };
    if (name == "work.sql") placeholders.push_back({"dependents", file("dependents.sql")});
    return fill(embedded_text(name), placeholders);
}

std::string ConversionSql::rows(std::string_view table, const OldColumns& columns) const {
    std::vector<Placeholder> placeholders{{"schema", schema_.quoted()}, {"old_table", schema_.table(table)}};
    placeholders.push_back({"received_at", clock_ == LegacyClock::received ? R"(o."timestamp")" : "NULL::timestamptz"});
    for (const WantedColumn& wanted : kWanted) placeholders.push_back({wanted.name, expression(wanted, columns)});
    return fill(embedded_text(fmt::format("rows_{}.sql", table)), placeholders);
}

std::string ConversionSql::lost(const OldColumns& columns) {
    // Beside those that the queries name: keys, and what follows from others.
    constexpr std::array<std::string_view, 6> kKept{"symbol_id",  "exchange_id",   "timestamp",
                                                    "asset_name", "total_balance", "next_funding_time"};
    std::string names;
    for (const auto& [name, type] : columns) {
        const auto is_it = [&name = name](const WantedColumn& wanted) { return wanted.name == name; };
        const bool is_wanted = name != "created_at" && std::any_of(kWanted.begin(), kWanted.end(), is_it);
        if (is_wanted || std::find(kKept.begin(), kKept.end(), name) != kKept.end()) continue;
        names += (names.empty() ? "" : ", ") + core::printable(name);
    }
    return names;
}

std::string ConversionSql::view(const ConvertedTable& table, const OldColumns& columns) const {
    const std::string all = before_.table(fmt::format("all_{}", table.name));
    const std::string name = before_.table(fmt::format("lean_{}", table.name));
    const std::array rows_of_table{Placeholder{"rows", fmt::format("SELECT * FROM {}", all)}};
    const std::string_view query = table.dataset == "trades"
                                       ? embedded_text("folded_trades.sql")
                                       : std::string_view("SELECT r.* FROM ({rows}) AS r WHERE r.refusal IS NULL");
    return fmt::format("CREATE VIEW {} AS {};\nCREATE VIEW {} AS {};\n", all, rows(table.name, columns), name,
                       fill(query, rows_of_table));
}

std::string ConversionSql::begin(const OldTables& tables) const {
    std::string text = fmt::format("CREATE SCHEMA {};\nCREATE SCHEMA {};\n", before_.quoted(), next_.quoted());
    text += file("work.sql");
    text += fmt::format("INSERT INTO {} (id, phase, legacy_clock) VALUES (1, 'begun', {});\n", before_.table("state"),
                        literal(text_of(clock_)));
    int place = 0;
    for (const ConvertedTable& table : kTables) {
        const auto columns = tables.find(table.name);
        if (columns == tables.end()) continue;
        text += view(table, columns->second);
        if (table.dataset.empty()) continue;
        text += fmt::format("INSERT INTO {} (place, dataset, table_name, is_time_cut) VALUES ({}, {}, {}, {});\n",
                            before_.table("datasets"), ++place, literal(table.dataset), literal(table.name),
                            table.is_time_cut);
    }
    for (const std::string_view name : {"copy.sql", "convert.sql", "restore.sql"}) text += file(name);
    return text + fmt::format("SELECT {}.begin_noting();", before_.quoted());
}

std::string ConversionSql::drop_lean() const {
    std::string text;
    for (const Migration& step : std::views::reverse(migrations())) {
        for (const std::string& statement : step.down) text += for_schema(statement, schema_) + ";\n";
    }
    return text + fmt::format("DROP TABLE {};", schema_.table("schema_migrations"));
}

}  // namespace marketdb::storage::postgres
