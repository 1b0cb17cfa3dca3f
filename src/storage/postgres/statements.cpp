#include "storage/postgres/statements.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "storage/postgres/row_codec.hpp"
#include "storage/sql.hpp"

namespace marketdb::storage::postgres {
namespace {

void append(std::string& list, std::string_view separator, std::string_view item) {
    if (!list.empty()) list += separator;
    list += item;
}

bool is_in(std::span<const std::uint8_t> indexes, const Table& table, const Column& column) {
    return std::any_of(indexes.begin(), indexes.end(), [&](std::uint8_t index) { return &table.at(index) == &column; });
}

/// Of the columns that this database has, in the order of `indexes`.
std::vector<const PhysicalColumn*> columns_at(const PhysicalTable& table, std::span<const std::uint8_t> indexes) {
    std::vector<const PhysicalColumn*> found;
    for (const std::uint8_t index : indexes) {
        if (const PhysicalColumn* column = table.find(table.table->at(index))) found.push_back(column);
    }
    return found;
}

std::string names(const std::vector<const PhysicalColumn*>& columns, std::string_view prefix = {},
                  std::string_view ending = {}) {
    std::string list;
    for (const PhysicalColumn* column : columns)
        append(list, ", ", fmt::format("{}{}{}", prefix, column->name, ending));
    return list;
}

std::string_view array_type(TypeId type) {
    switch (type) {
        case TypeId::boolean: return "boolean[]";
        case TypeId::int2: return "smallint[]";
        case TypeId::int4: return "integer[]";
        case TypeId::int8: return "bigint[]";
        case TypeId::oid: return "oid[]";
        case TypeId::float4: return "real[]";
        case TypeId::float8: return "double precision[]";
        case TypeId::timestamptz: return "timestamptz[]";
        case TypeId::numeric: return "numeric[]";
        case TypeId::varchar:
        case TypeId::bpchar:
        case TypeId::text: break;
    }
    return "text[]";
}

/// What a column becomes when a row of its key is there already (`t`) and another comes (`later`); empty: it stays.
std::string merged(const PhysicalColumn& column, std::string_view later) {
    switch (column.column->role) {
        case Role::value:
            if (column.column->group > 0 || !column.column->nullable) return fmt::format("{}.{}", later, column.name);
            return fmt::format("coalesce({1}.{0}, t.{0})", column.name, later);
        case Role::received_at: return fmt::format("least(t.{0}, {1}.{0})", column.name, later);
        case Role::computed: return fmt::format("{}.{}", later, column.name);
        case Role::source: return fmt::format("coalesce({1}.{0}, t.{0})", column.name, later);
        case Role::generated:
        case Role::series:
        case Role::event_time:
        case Role::sequence: break;
    }
    return {};
}

/// `(stored) IS DISTINCT FROM (merged)`, over the columns whose difference makes an update; empty: there are none.
std::string differs(const PhysicalTable& table, std::string_view later) {
    std::string stored;
    std::string becomes;
    for (const PhysicalColumn& column : table.columns) {
        const Role role = column.column->role;
        if (is_in(table.table->key, *table.table, *column.column)) continue;
        if (role != Role::value && role != Role::received_at) continue;
        append(stored, ", ", fmt::format("t.{}", column.name));
        append(becomes, ", ", merged(column, later));
    }
    return stored.empty() ? std::string() : fmt::format("({}) IS DISTINCT FROM ({})", stored, becomes);
}

/// What an upsert does with a row whose key is there already.
std::string on_conflict(const PhysicalTable& table) {
    std::string assignments;
    for (const PhysicalColumn& column : table.columns) {
        if (is_in(table.table->key, *table.table, *column.column)) continue;
        const std::string value = merged(column, "excluded");
        if (!value.empty()) append(assignments, ", ", fmt::format("{} = {}", column.name, value));
    }
    const std::string difference = differs(table, "excluded");
    if (difference.empty()) return "DO NOTHING";
    return fmt::format("DO UPDATE SET {} WHERE {}", assignments, difference);
}

/// Widens what `series` says of the distance between the two clocks to what the rows of `written` have. Inserted rows are seen to
/// by the table's trigger; a merged row may have got an earlier received_at.
std::string widen_skew(const PhysicalTable& table, const SchemaName& schema) {
    const std::vector<const PhysicalColumn*> by = columns_at(table, table.table->series);
    constexpr std::string_view kNames[] = {"series_id", "account", "asset_name"};
    std::string matches;
    for (std::size_t i = 0; i < std::size(kNames); ++i) {
        append(matches, " AND ", fmt::format("s.{} = {}", kNames[i], i < by.size() ? "w." + by[i]->name : "''"));
    }
    return fmt::format(
        ", widened AS (UPDATE {} AS s SET min_skew = least(s.min_skew, w.least), max_skew = greatest(s.max_skew, "
        "w.greatest) FROM (SELECT {}, (extract(epoch FROM min({} - {})) * 1000000)::bigint AS least, (extract(epoch "
        "FROM "
        "max({} - {})) * 1000000)::bigint AS greatest FROM written GROUP BY {}) AS w WHERE s.dataset = '{}' AND {} AND "
        "(s.min_skew > w.least OR s.max_skew < w.greatest OR (s.min_skew IS NULL AND w.least IS NOT NULL)))",
        schema.table("series"), names(by), table.name_of(*table.table->find(Role::received_at)),
        table.name_of(*table.table->find(Role::event_time)), table.name_of(*table.table->find(Role::received_at)),
        table.name_of(*table.table->find(Role::event_time)), names(by), to_string(*table.table->dataset), matches);
}

std::string order_by(const std::vector<const PhysicalColumn*>& columns, bool descending) {
    return names(columns, {}, descending ? " DESC" : "");
}

std::string literals(const std::vector<const PhysicalColumn*>& columns, const std::byte* row) {
    std::string list;
    for (const PhysicalColumn* column : columns) append(list, ", ", literal(*column, row));
    return list;
}

void add_range(std::string& conditions, const PhysicalTable& table, const TimeRange& range) {
    const std::string& time = table.name_of(*table.table->find(Role::event_time));
    if (is_present(range.start)) append(conditions, " AND ", fmt::format("{} >= {}", time, literal(range.start)));
    if (is_present(range.end)) append(conditions, " AND ", fmt::format("{} < {}", time, literal(range.end)));
}

/// The key's columns behind those of the series.
std::vector<const PhysicalColumn*> rest_of_key(const PhysicalTable& table) {
    return columns_at(table, table.table->key.subspan(table.table->series.size()));
}

}  // namespace

SchemaName::SchemaName(std::string_view name) : text_(name), quoted_(quote_identifier(name)) {}

std::string SchemaName::table(std::string_view name) const {
    return fmt::format("{}.{}", quoted_, quote_identifier(name));
}

std::string column_list(const PhysicalTable& table, std::string_view prefix) {
    std::string list;
    for (const PhysicalColumn& column : table.columns) append(list, ", ", fmt::format("{}{}", prefix, column.name));
    return list;
}

std::string upsert_sql(const PhysicalTable& table, const SchemaName& schema, const TimeRange& range) {
    std::string arrays;
    std::size_t number = 0;
    for (const PhysicalColumn& column : table.columns) {
        append(arrays, ", ", fmt::format("${}::{}", ++number, array_type(column.type)));
    }
    const std::vector<const PhysicalColumn*> key = columns_at(table, table.table->key);
    std::string is_same;
    for (const PhysicalColumn* column : key) append(is_same, " AND ", fmt::format("t.{0} = i.{0}", column->name));
    if (table.is_partitioned) add_range(is_same, table, range);

    const std::string difference = differs(table, "i");
    // A limit keeps the planner from joining: it would read the whole table where a probe for each row is cheaper.
    const std::string wanted = fmt::format(
        "SELECT {0} FROM unnest({1}) AS i ({2}) LEFT JOIN LATERAL (SELECT * FROM {3} AS t WHERE {4} LIMIT 1) AS t ON "
        "true "
        "WHERE t.{5} IS NULL{6}",
        column_list(table, "i."), arrays, column_list(table), table.name, is_same, key.front()->name,
        difference.empty() ? std::string() : " OR " + difference);
    const bool is_dataset = table.table->dataset.has_value();
    std::string answer = "1";
    if (is_dataset) {
        answer = fmt::format("{}, {}, {}", names(columns_at(table, table.table->series)),
                             table.name_of(*table.table->find(Role::event_time)),
                             table.name_of(*table.table->find(Role::received_at)));
    }
    return fmt::format(
        "WITH written AS (INSERT INTO {} AS t ({}) {} ON CONFLICT ({}) {} RETURNING {}){} SELECT count(*) FROM written",
        table.name, column_list(table), wanted, names(key), on_conflict(table), answer,
        is_dataset ? widen_skew(table, schema) : std::string());
}

std::string copy_in_sql(const PhysicalTable& table) {
    return fmt::format("COPY {} ({}) FROM STDIN (FORMAT binary)", table.name, column_list(table));
}

std::string insert_one_sql(const PhysicalTable& table) {
    std::string list;
    std::string values;
    std::string id;
    std::size_t number = 0;
    for (const PhysicalColumn& column : table.columns) {
        if (column.column->role == Role::generated) {
            id = column.name;
            continue;
        }
        append(list, ", ", column.name);
        append(values, ", ", fmt::format("${}", ++number));
    }
    return fmt::format("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT DO NOTHING RETURNING {}", table.name, list, values,
                       id);
}

std::string update_one_sql(const PhysicalTable& table) {
    std::string assignments;
    std::string id;
    std::size_t number = 0;
    for (const PhysicalColumn& column : table.columns) {
        if (column.column->role == Role::generated) {
            id = column.name;
            continue;
        }
        const std::string value = fmt::format("${}", ++number);
        const bool stays = column.column->name == "created_at";
        append(assignments, ", ",
               stays ? fmt::format("{} = coalesce({}, {})", column.name, value, column.name)
                     : fmt::format("{} = {}", column.name, value));
    }
    return fmt::format("UPDATE {} SET {} WHERE {} = ${} RETURNING {}", table.name, assignments, id, number + 1, id);
}

std::string is_of_series(const PhysicalTable& table, const SeriesKey& series) {
    std::vector<std::byte> row(table.table->row_size);
    set_series(*table.table, row.data(), series);
    std::string conditions;
    for (const PhysicalColumn* column : columns_at(table, table.table->series)) {
        append(conditions, " AND ", fmt::format("{} = {}", column->name, literal(*column, row.data())));
    }
    return conditions;
}

std::string scan_sql(const PhysicalTable& table, const ScanRequest& request, const TimeRange& range,
                     std::uint64_t limit) {
    std::string conditions;
    if (request.series) conditions = is_of_series(table, *request.series);
    if (table.table->find(Role::event_time) != nullptr) add_range(conditions, table, range);
    const std::vector<const PhysicalColumn*> order =
        columns_at(table, scan_order(*table.table, request.series.has_value()));
    if (request.after != nullptr) {
        append(
            conditions, " AND ",
            fmt::format("({}) {} ({})", names(order), request.descending ? "<" : ">", literals(order, request.after)));
    }
    std::string sql = fmt::format("SELECT {} FROM {}", column_list(table), table.name);
    if (!conditions.empty()) sql += " WHERE " + conditions;
    sql += " ORDER BY " + order_by(order, request.descending);
    if (limit > 0) sql += fmt::format(" LIMIT {}", limit);
    return sql;
}

std::string latest_sql(const PhysicalTable& table, const TimeRange& range) {
    std::string arrays;
    std::string keys;
    std::string conditions;
    std::size_t number = 0;
    for (const PhysicalColumn* column : columns_at(table, table.table->series)) {
        ++number;
        append(arrays, ", ", fmt::format("${}::{}", number, array_type(column->type)));
        append(keys, ", ", fmt::format("k{}", number));
        append(conditions, " AND ", fmt::format("{} = k{}", column->name, number));
    }
    add_range(conditions, table, range);
    return fmt::format(
        "SELECT k.place, l.* FROM unnest({}) WITH ORDINALITY AS k ({}, place) CROSS JOIN LATERAL (SELECT {} FROM {} "
        "WHERE "
        "{} ORDER BY {} LIMIT 1) AS l",
        arrays, keys, column_list(table), table.name, conditions,
        order_by(columns_at(table, table.table->order), true));
}

std::string count_before_sql(const PhysicalTable& table, const SeriesKey& series, Timestamp cutoff,
                             std::uint64_t limit) {
    const std::string& time = table.name_of(*table.table->find(Role::event_time));
    const std::string rows =
        fmt::format("SELECT 1 FROM {} WHERE {} AND {} < {}{}", table.name, is_of_series(table, series), time,
                    literal(cutoff), limit > 0 ? fmt::format(" LIMIT {}", limit) : std::string());
    return fmt::format("SELECT count(*) FROM ({}) AS old", rows);
}

std::string erase_sql(const PhysicalTable& table, const SeriesKey& series, Timestamp cutoff, std::uint64_t limit) {
    const std::string& time = table.name_of(*table.table->find(Role::event_time));
    const std::string old = fmt::format("{} AND {} < {}", is_of_series(table, series), time, literal(cutoff));
    std::string which = "WHERE " + old;
    if (limit > 0) {
        const std::string rest = names(rest_of_key(table));
        // By key and not by ctid: of a partitioned table a ctid says too little.
        which = fmt::format("WHERE {0} AND ({1}) IN (SELECT {1} FROM {2} WHERE {0} ORDER BY {1} LIMIT {3})", old, rest,
                            table.name, limit);
    }
    return fmt::format("WITH gone AS (DELETE FROM {} {} RETURNING 1) SELECT count(*) FROM gone", table.name, which);
}

std::string shrink_series_sql(const PhysicalTable& table, const SchemaName& schema, const SeriesKey& series,
                              std::uint64_t erased) {
    const std::string& time = table.name_of(*table.table->find(Role::event_time));
    const std::string which = fmt::format("dataset = '{}' AND series_id = {} AND account = {} AND asset_name = {}",
                                          to_string(*table.table->dataset), series.id, literal(series.account.view()),
                                          literal(series.asset.view()));
    const std::string first = fmt::format("SELECT {} FROM {} WHERE {} ORDER BY {} LIMIT 1", time, table.name,
                                          is_of_series(table, series), time);
    return fmt::format(
        "WITH gone AS (DELETE FROM {0} WHERE {1} AND rows <= {2}) UPDATE {0} SET rows = rows - {2}, first_timestamp = "
        "coalesce(({3}), first_timestamp) WHERE {1} AND rows > {2}",
        schema.table("series"), which, erased, first);
}

}  // namespace marketdb::storage::postgres
