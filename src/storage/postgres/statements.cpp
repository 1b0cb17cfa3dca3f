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

/// For the lists that every statement has: formatting them cost as much as sending them.
void append(std::string& list, std::string_view prefix, const PhysicalColumn& column, std::string_view ending = {}) {
    append(list, ", ", prefix);
    list += column.name;
    list += ending;
}

bool is_in(const std::vector<const Column*>& columns, const Column& column) {
    return std::find(columns.begin(), columns.end(), &column) != columns.end();
}

/// Of the columns that this database has and orders by, in the order of `indexes`.
std::vector<const PhysicalColumn*> columns_at(const PhysicalTable& table, std::span<const std::uint8_t> indexes) {
    std::vector<const PhysicalColumn*> found;
    for (const std::uint8_t index : indexes) {
        const PhysicalColumn* column = table.find(table.table->at(index));
        if (column != nullptr && column->orders) found.push_back(column);
    }
    return found;
}

/// The key as it is written.
std::vector<const PhysicalColumn*> key_of(const PhysicalTable& table) {
    std::vector<const PhysicalColumn*> found;
    for (const Column* column : table.key) {
        const auto written = std::find_if(table.written.begin(), table.written.end(),
                                          [column](const PhysicalColumn& one) { return one.column == column; });
        found.push_back(&*written);
    }
    return found;
}

std::string names(const std::vector<const PhysicalColumn*>& columns, std::string_view prefix = {},
                  std::string_view ending = {}) {
    std::string list;
    for (const PhysicalColumn* column : columns) append(list, prefix, *column, ending);
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
    for (const PhysicalColumn& column : table.written) {
        const Role role = column.column->role;
        if (is_in(table.key, *column.column)) continue;
        if (role != Role::value && role != Role::received_at) continue;
        append(stored, ", ", fmt::format("t.{}", column.name));
        append(becomes, ", ", merged(column, later));
    }
    return stored.empty() ? std::string() : fmt::format("({}) IS DISTINCT FROM ({})", stored, becomes);
}

/// The sequence where it is no part of the key but says which of two rows is the newer; null: there is none.
const PhysicalColumn* number_of(const PhysicalTable& table) {
    if (table.is_own()) return nullptr;
    const auto found = std::find_if(table.written.begin(), table.written.end(), [&](const PhysicalColumn& column) {
        return column.column->role == Role::sequence && !is_in(table.key, *column.column);
    });
    return found == table.written.end() ? nullptr : &*found;
}

/// When a row replaces the one of its key that is there already; empty: never.
std::string replaces(const PhysicalTable& table, std::string_view later) {
    std::string condition = differs(table, later);
    const PhysicalColumn* number = number_of(table);
    if (condition.empty() || number == nullptr) return condition;
    // Of two rows of one time the one that came last stays, in whatever order they are written.
    return fmt::format("({0} AND coalesce(t.{1}, 0) <= coalesce({2}.{1}, 0))", condition, number->name, later);
}

/// What the columns of a row become that is replaced.
std::string assignments_of(const PhysicalTable& table, std::string_view later) {
    std::string assignments;
    const PhysicalColumn* number = number_of(table);
    for (const PhysicalColumn& column : table.written) {
        if (is_in(table.key, *column.column)) continue;
        const std::string value = &column == number ? fmt::format("{}.{}", later, column.name) : merged(column, later);
        if (!value.empty()) append(assignments, ", ", fmt::format("{} = {}", column.name, value));
    }
    return assignments;
}

/// What an upsert does with a row whose key is there already.
std::string on_conflict(const PhysicalTable& table) {
    const std::string condition = replaces(table, "excluded");
    if (condition.empty()) return "DO NOTHING";
    return fmt::format("DO UPDATE SET {} WHERE {}", assignments_of(table, "excluded"), condition);
}

/// The columns of `series` that tell series apart, each equal to what `row` has in its place.
std::string is_series_of(std::string_view series, std::string_view row, const std::vector<const PhysicalColumn*>& by) {
    constexpr std::string_view kNames[] = {"series_id", "account", "asset_name"};
    std::string matches;
    for (std::size_t i = 0; i < std::size(kNames); ++i) {
        const std::string value = i < by.size() ? fmt::format("{}.{}", row, by[i]->name) : std::string("''");
        append(matches, " AND ", fmt::format("{}.{} = {}", series, kNames[i], value));
    }
    return matches;
}

/// Whether a series of the arrays from `$number` on has a row outside of what `series` says of the distance between its clocks.
std::string may_widen(const PhysicalTable& table, const SchemaName& schema, std::size_t number) {
    const std::vector<const PhysicalColumn*> by = columns_at(table, table.table->series);
    std::string arrays;
    for (const PhysicalColumn* column : by) {
        append(arrays, ", ", fmt::format("${}::{}", number++, array_type(column->type)));
    }
    return fmt::format(
        "EXISTS (SELECT FROM unnest({}, ${}::bigint[], ${}::bigint[]) AS g ({}, least, greatest) LEFT JOIN {} AS k ON "
        "k.dataset = '{}' AND {} WHERE k.min_skew > g.least OR k.max_skew < g.greatest OR k.min_skew IS NULL)",
        arrays, number, number + 1, names(by), schema.table("series"), to_string(*table.table->dataset),
        is_series_of("k", "g", by));
}

/// Widens what `series` says of the distance between the two clocks to what the rows of `written` have. Inserted rows are seen to
/// by the table's trigger; a merged row may have got an earlier received_at. It seldom has, and then nobody looks at the rows.
std::string widen_skew(const PhysicalTable& table, const SchemaName& schema, std::size_t number) {
    const std::vector<const PhysicalColumn*> by = columns_at(table, table.table->series);
    return fmt::format(
        ", widened AS (UPDATE {} AS s SET min_skew = least(s.min_skew, w.least), max_skew = greatest(s.max_skew, "
        "w.greatest) FROM (SELECT {}, (extract(epoch FROM min(skew)) * 1000000)::bigint AS least, (extract(epoch FROM "
        "max(skew)) * 1000000)::bigint AS greatest FROM written GROUP BY {}) AS w WHERE {} AND s.dataset = '{}' AND {} "
        "AND (s.min_skew > w.least OR s.max_skew < w.greatest OR (s.min_skew IS NULL AND w.least IS NOT NULL)))",
        schema.table("series"), names(by), names(by), may_widen(table, schema, number),
        to_string(*table.table->dataset), is_series_of("s", "w", by));
}

std::string order_by(const std::vector<const PhysicalColumn*>& columns, bool descending) {
    return names(columns, {}, descending ? " DESC" : "");
}

std::string literals(const std::vector<const PhysicalColumn*>& columns, const std::byte* row) {
    std::string list;
    for (const PhysicalColumn* column : columns) append(list, ", ", literal(*column, row));
    return list;
}

void add_range(std::string& conditions, const PhysicalTable& table, const TimeRange& range,
               std::string_view prefix = {}) {
    const std::string time = fmt::format("{}{}", prefix, table.name_of(*table.table->find(Role::event_time)));
    if (is_present(range.start)) append(conditions, " AND ", fmt::format("{} >= {}", time, literal(range.start)));
    if (is_present(range.end)) append(conditions, " AND ", fmt::format("{} < {}", time, literal(range.end)));
}

std::string is_same_key(const std::vector<const PhysicalColumn*>& key, std::string_view other) {
    std::string conditions;
    for (const PhysicalColumn* column : key)
        append(conditions, " AND ", fmt::format("t.{0} = {1}.{0}", column->name, other));
    return conditions;
}

/// `FROM ..`: the rows of the parameters (`i`).
std::string given(const PhysicalTable& table) {
    std::string arrays;
    std::size_t number = 0;
    for (const PhysicalColumn& column : table.written) {
        append(arrays, ", ", fmt::format("${}::{}", ++number, array_type(column.type)));
    }
    return fmt::format("FROM unnest({}) AS i ({})", arrays, written_list(table));
}

/// `FROM ..`: those that are not stored as they are, each with what is stored of its key (`t`).
std::string unlike_stored(const PhysicalTable& table, const std::vector<const PhysicalColumn*>& key,
                          const TimeRange& range) {
    std::string is_same = is_same_key(key, "i");
    if (table.is_partitioned || table.is_chunked()) add_range(is_same, table, range);
    const std::string difference = replaces(table, "i");
    // A limit keeps the planner from joining: it would read the whole table where a probe for each row is cheaper.
    return fmt::format(
        "{} LEFT JOIN LATERAL (SELECT * FROM {} AS t WHERE {} LIMIT 1) AS t ON true WHERE t.{} IS NULL{}", given(table),
        table.name, is_same, key.front()->name, difference.empty() ? std::string() : " OR " + difference);
}

/// The same upsert where no trigger counts. Without a unique key there is no conflict to act on, so what is stored already is
/// updated beside the insert.
std::string upsert_existing(const PhysicalTable& table, const std::vector<const PhysicalColumn*>& key,
                            const TimeRange& range, Probe probe) {
    // Of chunks and partitions the server does not say whether a row is new.
    if (probe == Probe::none && table.existing->has_unique_key && !table.is_chunked()) {
        return fmt::format(
            "WITH written AS (INSERT INTO {} AS t ({}) SELECT {} {} ON CONFLICT ({}) {} RETURNING t.xmax = 0 AS "
            "is_new) SELECT count(*), count(*) FILTER (WHERE is_new) FROM written",
            table.name, written_list(table), written_list(table, "i."), given(table), names(key), on_conflict(table));
    }
    const std::string wanted =
        fmt::format("WITH wanted AS MATERIALIZED (SELECT {}, t.{} IS NULL AS is_new {})", written_list(table, "i."),
                    key.front()->name, unlike_stored(table, key, range));
    const std::string insert = fmt::format("INSERT INTO {} AS t ({}) SELECT {} FROM wanted", table.name,
                                           written_list(table), written_list(table));
    if (table.existing->has_unique_key) {
        return fmt::format(
            "{}, written AS ({} ON CONFLICT ({}) {} RETURNING 1) SELECT (SELECT count(*) FROM written), (SELECT "
            "count(*) FROM wanted WHERE is_new)",
            wanted, insert, names(key), on_conflict(table));
    }
    std::string is_same = is_same_key(key, "w");
    if (table.is_chunked()) add_range(is_same, table, range);
    // Without RETURNING a rule could send the rows elsewhere, and a trigger drop them, and nobody would know.
    return fmt::format(
        "{}, written AS ({} WHERE is_new RETURNING 1), changed AS (UPDATE {} AS t SET {} FROM wanted AS w WHERE NOT "
        "w.is_new AND {} RETURNING 1) SELECT count(*), (SELECT count(*) FROM written), count(*) FILTER (WHERE is_new) "
        "FROM wanted",
        wanted, insert, table.name, assignments_of(table, "w"), is_same);
}

/// A statement that writes rows of `t`, and what has to follow from them. Answers how many they are.
std::string count_written(const PhysicalTable& table, const SchemaName& schema, std::string_view statement) {
    std::string answer = "1";
    std::string widens;
    if (table.table->dataset) {
        answer = fmt::format("{}, t.{} - t.{} AS skew", names(columns_at(table, table.table->series), "t."),
                             table.name_of(*table.table->find(Role::received_at)),
                             table.name_of(*table.table->find(Role::event_time)));
        widens = widen_skew(table, schema, table.written.size() + 1);
    }
    return fmt::format("WITH written AS ({} RETURNING {}){} SELECT count(*) FROM written", statement, answer, widens);
}

/// That a row is of the series in `$1..`.
std::string is_of_given_series(const PhysicalTable& table) {
    std::string conditions;
    std::size_t number = 0;
    for (const PhysicalColumn* column : columns_at(table, table.table->series)) {
        append(conditions, " AND ", fmt::format("{} = ${}", column->name, ++number));
    }
    return conditions;
}

}  // namespace

SchemaName::SchemaName(std::string_view name) : text_(name), quoted_(quote_identifier(name)) {}

std::string SchemaName::table(std::string_view name) const {
    return fmt::format("{}.{}", quoted_, quote_identifier(name));
}

std::string column_list(const PhysicalTable& table, std::string_view prefix) {
    std::string list;
    for (const PhysicalColumn& column : table.columns) append(list, prefix, column);
    return list;
}

std::string written_list(const PhysicalTable& table, std::string_view prefix) {
    std::string list;
    for (const PhysicalColumn& column : table.written) append(list, prefix, column);
    return list;
}

std::string upsert_sql(const PhysicalTable& table, const SchemaName& schema, const TimeRange& range, Probe probe) {
    const std::vector<const PhysicalColumn*> key = key_of(table);
    if (!table.is_own()) return upsert_existing(table, key, range, probe);
    const std::string insert = fmt::format(
        "INSERT INTO {} AS t ({}) SELECT {} {} ON CONFLICT ({}) {}", table.name, written_list(table),
        written_list(table, "i."), probe == Probe::stored_rows ? unlike_stored(table, key, range) : given(table),
        names(key), on_conflict(table));
    return count_written(table, schema, insert);
}

std::string update_sql(const PhysicalTable& table, const SchemaName& schema, const TimeRange& range) {
    std::string conditions = is_same_key(key_of(table), "i");
    if (table.is_partitioned) add_range(conditions, table, range, "t.");
    const std::string update = fmt::format("UPDATE {} AS t SET {} {} WHERE {} AND {}", table.name,
                                           assignments_of(table, "i"), given(table), conditions, replaces(table, "i"));
    return count_written(table, schema, update);
}

std::string copy_in_sql(const PhysicalTable& table) {
    return fmt::format("COPY {} ({}) FROM STDIN (FORMAT binary)", table.name, written_list(table));
}

std::string insert_one_sql(const PhysicalTable& table) {
    std::string list;
    std::string values;
    std::string id;
    std::size_t number = 0;
    for (const PhysicalColumn& column : table.written) {
        if (column.column->role == Role::generated) {
            id = column.name;
            continue;
        }
        append(list, ", ", column.name);
        append(values, ", ", fmt::format("${}", ++number));
    }
    // Where others made the constraints, which one it was is worth telling.
    return fmt::format("INSERT INTO {} ({}) VALUES ({}){} RETURNING {}", table.name, list, values,
                       table.is_own() ? " ON CONFLICT DO NOTHING" : "", id);
}

std::string update_one_sql(const PhysicalTable& table) {
    std::string assignments;
    std::string id;
    std::size_t number = 0;
    for (const PhysicalColumn& column : table.written) {
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
                     std::uint64_t limit, SeriesAs series) {
    std::string conditions;
    if (request.series && series == SeriesAs::literal) conditions = is_of_series(table, *request.series);
    if (request.series && series == SeriesAs::parameter) conditions = is_of_given_series(table);
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

std::string latest_sql(const PhysicalTable& table, const TimeRange& range, Since since) {
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
    if (since == Since::given) {
        append(arrays, ", ", fmt::format("${}::timestamptz[]", ++number));
        append(keys, ", ", "since");
        append(conditions, " AND ", fmt::format("{} >= since", table.name_of(*table.table->find(Role::event_time))));
    }
    return fmt::format(
        "SELECT k.place, l.* FROM unnest({}) WITH ORDINALITY AS k ({}, place) CROSS JOIN LATERAL (SELECT {} FROM {} "
        "WHERE {} ORDER BY {} LIMIT 1) AS l",
        arrays, keys, column_list(table), table.name, conditions,
        order_by(columns_at(table, table.table->order), true));
}

std::string lock_series_sql(const PhysicalTable& table) {
    return fmt::format(
        "SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended({} || place, 0)) FROM "
        "unnest($1::integer[]) AS place",
        literal("marketdb " + table.name + " "));
}

std::string find_series_sql(const PhysicalTable& table) {
    const std::vector<const PhysicalColumn*> by = columns_at(table, table.table->series);
    const std::string& time = table.name_of(*table.table->find(Role::event_time));
    const std::string keys = names(by);
    if (!table.existing->has_series_index) {
        return fmt::format("SELECT {0}, min({1}), max({1}) FROM {2} GROUP BY {0} ORDER BY {0}", keys, time, table.name);
    }
    // From one series to the next by the index, however many rows lie between.
    std::string is_series;
    for (const PhysicalColumn* column : by) {
        append(is_series, " AND ", fmt::format("o.{0} = k.{0}", column->name));
    }
    const std::string edge =
        fmt::format("(SELECT o.{0} FROM {1} AS o WHERE {2} ORDER BY o.{0}", time, table.name, is_series);
    return fmt::format(
        "WITH RECURSIVE k AS ((SELECT {0} FROM {1} ORDER BY {0} LIMIT 1) UNION ALL SELECT n.* FROM k CROSS JOIN "
        "LATERAL (SELECT {0} FROM {1} AS o WHERE ({2}) > ({3}) ORDER BY {0} LIMIT 1) AS n) SELECT {0}, {4} LIMIT 1), "
        "{4} DESC LIMIT 1) FROM k",
        keys, table.name, names(by, "o."), names(by, "k."), edge);
}

}  // namespace marketdb::storage::postgres
