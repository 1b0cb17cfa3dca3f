#include "storage/postgres/statements.hpp"

#include <fmt/format.h>

#include "storage/postgres/row_codec.hpp"

namespace marketdb::storage::postgres {
namespace {

const std::string& time_of(const PhysicalTable& table) { return table.name_of(*table.table->find(Role::event_time)); }

/// Of the columns at these places those that this database has and orders by.
std::string names_at(const PhysicalTable& table, std::span<const std::uint8_t> indexes) {
    std::string list;
    for (const std::uint8_t index : indexes) {
        const PhysicalColumn* column = table.find(table.table->at(index));
        if (column == nullptr || !column->orders) continue;
        if (!list.empty()) list += ", ";
        list += column->name;
    }
    return list;
}

std::string is_chosen(const PhysicalTable& table, const SchemaName& schema, const RowChoice& choice) {
    std::string conditions = is_of_series(table, choice.series);
    if (is_present(choice.start)) conditions += fmt::format(" AND {} >= {}", time_of(table), literal(choice.start));
    if (is_present(choice.end)) conditions += fmt::format(" AND {} < {}", time_of(table), literal(choice.end));
    if (choice.source != SourceId{}) {
        conditions += fmt::format(" AND {} = {}", table.name_of(*table.table->find(Role::source)),
                                  static_cast<std::int32_t>(choice.source));
    }
    if (choice.spares_imports) {
        conditions +=
            fmt::format(" AND ({0} IS NULL OR {0} NOT IN (SELECT id FROM {1} WHERE kind IN ('import', 'copy')))",
                        table.name_of(*table.table->find(Role::source)), schema.table("sources"));
    }
    return conditions;
}

/// The rows of `t` that are of the series in `s`, a row of `series`.
std::string is_of_kept_series(const PhysicalTable& table) {
    const Table& logical = *table.table;
    std::string conditions = fmt::format("t.{} = s.series_id", table.name_of(logical.at(logical.series.front())));
    if (logical.dataset == Dataset::balances) {
        conditions += " AND t.account = s.account AND t.asset_name = s.asset_name";
    }
    return conditions;
}

}  // namespace

std::string count_series_sql(const PhysicalTable& table, Timestamp start) {
    const std::string keys = names_at(table, table.table->series);
    const std::string since =
        is_present(start) ? fmt::format(" WHERE {} >= {}", time_of(table), literal(start)) : std::string();
    return fmt::format("SELECT {0}, count(*) FROM {1}{2} GROUP BY {0}", keys, table.name, since);
}

std::string count_since_sql(const PhysicalTable& table, const SchemaName& schema, Timestamp start) {
    std::string which = fmt::format("s.dataset = '{}'", to_string(*table.table->dataset));
    std::string rows = is_of_kept_series(table);
    if (is_present(start)) {
        which += fmt::format(" AND s.last_timestamp >= {}", literal(start));
        rows += fmt::format(" AND t.{} >= {}", time_of(table), literal(start));
    }
    return fmt::format(
        "SELECT s.series_id, s.account, s.asset_name, (SELECT count(*) FROM {} AS t WHERE {}) FROM {} AS s WHERE {}",
        table.name, rows, schema.table("series"), which);
}

std::string size_sql(const PhysicalTable& table) {
    // As text until it runs: a table that is made anew has another number.
    const std::string name = fmt::format("{}::text::regclass", literal(table.name));
    return fmt::format(
        "(SELECT coalesce(sum(pg_catalog.pg_total_relation_size(part.oid)), 0)::bigint FROM (SELECT {0} AS oid UNION "
        "ALL SELECT i.inhrelid FROM pg_catalog.pg_inherits AS i WHERE i.inhparent = {0}) AS part)",
        name);
}

std::string erase_sql(const PhysicalTable& table, const SchemaName& schema, const RowChoice& choice,
                      std::uint64_t limit) {
    const std::string chosen = is_chosen(table, schema, choice);
    if (limit == 0) {
        return fmt::format(
            "WITH gone AS (DELETE FROM {0} WHERE {1} RETURNING {2} AS moment) SELECT count(*), NULL::timestamptz, "
            "min(moment), max(moment) FROM "
            "gone",
            table.name, chosen, time_of(table));
    }
    // Up to the first row that stays. A join with the rows that go is planned as one of each with each while nobody knows how
    // many they are; the bound of the time is what an index and the partitions can use.
    return fmt::format(
        "WITH bound AS MATERIALIZED (SELECT {3} FROM {0} WHERE {1} ORDER BY {3} OFFSET {4} LIMIT 1), gone AS (DELETE "
        "FROM {0} WHERE {1} AND {2} <= coalesce((SELECT b.{2} FROM bound AS b), 'infinity') AND (({3}) < (SELECT {3} "
        "FROM "
        "bound) OR NOT EXISTS (SELECT FROM bound)) RETURNING {2} AS moment) SELECT count(*), (SELECT b.{2} FROM bound "
        "AS b), min(moment), "
        "max(moment) FROM gone",
        table.name, chosen, time_of(table), names_at(table, table.table->key.subspan(table.table->series.size())),
        limit);
}

std::string count_sql(const PhysicalTable& table, const SchemaName& schema, const RowChoice& choice) {
    return fmt::format("SELECT count(*) FROM {} WHERE {}", table.name, is_chosen(table, schema, choice));
}

std::string shrink_series_sql(const PhysicalTable& table, const SchemaName& schema, const SeriesKey& series,
                              std::uint64_t erased) {
    const std::string which = fmt::format("dataset = '{}' AND series_id = {} AND account = {} AND asset_name = {}",
                                          to_string(*table.table->dataset), series.id, literal(series.account.view()),
                                          literal(series.asset.view()));
    const std::string edge = fmt::format("SELECT {0} FROM {1} WHERE {2} ORDER BY {0}", time_of(table), table.name,
                                         is_of_series(table, series));
    return fmt::format(
        "WITH gone AS (DELETE FROM {0} WHERE {1} AND rows <= {2}) UPDATE {0} SET rows = rows - {2}, first_timestamp = "
        "coalesce(({3} LIMIT 1), first_timestamp), last_timestamp = coalesce(({3} DESC LIMIT 1), last_timestamp) WHERE "
        "{1} AND rows > {2}",
        schema.table("series"), which, erased, edge);
}

}  // namespace marketdb::storage::postgres
