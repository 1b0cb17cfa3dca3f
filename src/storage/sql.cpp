#include "storage/sql.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "core/text.hpp"

namespace marketdb::storage {
namespace {

std::string placeholder(std::size_t number, Dialect dialect) {
    return fmt::format("{}{}", dialect == Dialect::sqlite ? '?' : '$', number);
}

void append(std::string& list, std::string_view separator, std::string_view item) {
    if (!list.empty()) list += separator;
    list += item;
}

bool is_in(std::span<const std::uint8_t> indexes, std::size_t index) {
    return std::find(indexes.begin(), indexes.end(), index) != indexes.end();
}

std::string names_of(const Table& table, std::span<const std::uint8_t> indexes, std::string_view ending = {}) {
    std::string list;
    for (const std::uint8_t index : indexes)
        append(list, ", ", quote_identifier(table.at(index).name) + std::string(ending));
    return list;
}

/// The values that a column of this kind may hold, where its type does not say it.
std::string value_check(const Column& column, Dialect dialect) {
    const std::string name = quote_identifier(column.name);
    if (column.kind == Kind::label) {
        std::string texts;
        for (const std::string_view label : column.labels.subspan(1)) append(texts, ", ", fmt::format("'{}'", label));
        return fmt::format(" CHECK ({} IN ({}))", name, texts);
    }
    const bool is_boolean = column.kind == Kind::boolean || column.kind == Kind::tristate;
    if (is_boolean && dialect == Dialect::sqlite) return fmt::format(" CHECK ({} IN (0, 1))", name);
    return {};
}

/// `symbols(id)` as `"symbols" ("id")`.
std::string reference_clause(std::string_view references) {
    const std::size_t open = references.find('(');
    return fmt::format(" REFERENCES {} ({})", quote_identifier(references.substr(0, open)),
                       quote_identifier(references.substr(open + 1, references.size() - open - 2)));
}

std::string column_clause(const Column& column, Dialect dialect) {
    std::string clause = fmt::format("{} {}", quote_identifier(column.name), sql_type(column, dialect));
    if (column.role == Role::generated) {
        clause +=
            dialect == Dialect::sqlite ? " PRIMARY KEY AUTOINCREMENT" : " GENERATED ALWAYS AS IDENTITY PRIMARY KEY";
        return clause;
    }
    // Text is compared byte by byte on both engines; SQLite does so by itself.
    const bool is_text = column.kind == Kind::text || column.kind == Kind::label;
    if (is_text && dialect == Dialect::postgres) clause += R"( COLLATE "C")";
    if (!column.nullable) clause += " NOT NULL";
    clause += value_check(column, dialect);
    if (!column.references.empty()) clause += reference_clause(column.references);
    return clause;
}

/// `"a" = ?1 AND "b" = ?3` of columns whose parameters have their own number.
std::string matches(const Table& table, std::span<const std::uint8_t> indexes, Dialect dialect) {
    std::string conditions;
    for (const std::uint8_t index : indexes) {
        append(conditions, " AND ",
               fmt::format("{} = {}", quote_identifier(table.at(index).name), placeholder(index + 1U, dialect)));
    }
    return conditions;
}

std::string update_sql(const Table& table, std::span<const std::uint8_t> left_out, std::string_view condition,
                       Dialect dialect) {
    std::string assignments;
    for (std::size_t index = 0; index < table.columns.size(); ++index) {
        const Column& column = table.columns[index];
        if (column.role == Role::generated || is_in(left_out, index)) continue;
        append(assignments, ", ",
               fmt::format("{} = {}", quote_identifier(column.name), placeholder(index + 1, dialect)));
    }
    return fmt::format("UPDATE {} SET {} WHERE {}", quote_identifier(table.name), assignments, condition);
}

/// Makes the conditions of a scan, numbering parameters as they come.
class ScanConditions {
 public:
    ScanConditions(const Table& table, const ScanShape& shape, Dialect dialect)
        : table_(table), shape_(shape), dialect_(dialect) {}

    std::string where() {
        if (shape_.series) {
            for (const std::uint8_t index : table_.series) {
                add("{} = {}", quote_identifier(table_.at(index).name), next());
            }
        }
        const std::string start = shape_.start ? next() : std::string{};
        const std::string end = shape_.end ? next() : std::string{};
        const std::string behind_time = shape_.after ? add_after() : std::string{};
        // The row to go on after bounds the time too. Both bounds in one, or SQLite may choose the weaker for its index
        // range and read all earlier pages again.
        if (!behind_time.empty() && !shape_.descending) {
            add("{} >= {}", time_name(), start.empty() ? behind_time : later_of(start, behind_time));
        } else if (!start.empty()) {
            add("{} >= {}", time_name(), start);
        }
        if (!behind_time.empty() && shape_.descending) {
            add("{} <= {}", time_name(), end.empty() ? behind_time : earlier_of(end, behind_time));
        } else if (!end.empty()) {
            add("{} < {}", time_name(), end);
        }
        return conditions_.empty() ? std::string{} : " WHERE " + conditions_;
    }

    std::string limit() { return shape_.limit ? " LIMIT " + next() : std::string{}; }

 private:
    std::string next() { return placeholder(++parameters_, dialect_); }

    template <class... Args>
    void add(fmt::format_string<Args...> format, Args&&... args) {
        append(conditions_, " AND ", fmt::format(format, std::forward<Args>(args)...));
    }

    [[nodiscard]] std::string time_name() const { return quote_identifier(table_.find(Role::event_time)->name); }

    /// Adds the comparison with the row to go on after. Returns the parameter of its event time where the scan is within
    /// one series, else nothing.
    std::string add_after() {
        std::string names;
        std::string values;
        std::string time;
        const auto order = scan_order(table_, shape_.series);
        for (const std::uint8_t index : order) {
            const std::string value = next();
            append(names, ", ", quote_identifier(table_.at(index).name));
            append(values, ", ", value);
            if (table_.at(index).role == Role::event_time && shape_.series) time = value;
        }
        add("({}) {} ({})", names, shape_.descending ? "<" : ">", values);
        return time;
    }

    [[nodiscard]] std::string later_of(std::string_view start, std::string_view after) const {
        return fmt::format("{}({}, {})", dialect_ == Dialect::sqlite ? "max" : "greatest", start, after);
    }

    /// `end` is exclusive, so the last moment before it counts.
    [[nodiscard]] std::string earlier_of(std::string_view end, std::string_view after) const {
        if (dialect_ == Dialect::sqlite) return fmt::format("min({} - 1, {})", end, after);
        return fmt::format("least({} - interval '1 microsecond', {})", end, after);
    }

    const Table& table_;
    const ScanShape& shape_;
    Dialect dialect_;
    std::size_t parameters_ = 0;
    std::string conditions_;
};

}  // namespace

std::string quote_identifier(std::string_view name) {
    std::string quoted = "\"";
    for (const char c : name) {
        if (c == '"') quoted += '"';
        quoted += c;
    }
    return quoted += '"';
}

std::vector<std::string> quote_known_columns(std::string_view table, std::span<const std::string> wanted,
                                             std::span<const std::string> known) {
    if (known.empty()) {
        throw Error(ErrorCode::invalid_argument, fmt::format("there is no table {}", core::printable(table)));
    }
    std::vector<std::string> quoted;
    for (const std::string& column : wanted) {
        if (std::find(known.begin(), known.end(), column) == known.end()) {
            throw Error(ErrorCode::invalid_argument,
                        fmt::format("{} has no column {}", core::printable(table), core::printable(column)));
        }
        quoted.push_back(quote_identifier(column));
    }
    return quoted;
}

std::string column_list(const Table& table) {
    std::string list;
    for (const Column& column : table.columns) append(list, ", ", quote_identifier(column.name));
    return list;
}

std::string_view sql_type(const Column& column, Dialect dialect) noexcept {
    const bool sqlite = dialect == Dialect::sqlite;
    switch (column.kind) {
        case Kind::int32: return sqlite ? "INTEGER" : "integer";
        case Kind::int64: return sqlite ? "INTEGER" : "bigint";
        case Kind::float64: return sqlite ? "REAL" : "double precision";
        case Kind::time: return sqlite ? "INTEGER" : "timestamptz";
        case Kind::boolean:
        case Kind::tristate: return sqlite ? "INTEGER" : "boolean";
        case Kind::label:
        case Kind::text: break;
    }
    return sqlite ? "TEXT" : "text";
}

std::string create_table_sql(const Table& table, Dialect dialect) {
    const bool has_id = table.find(Role::generated) != nullptr;
    std::string clauses;
    for (const Column& column : table.columns) append(clauses, ",\n  ", column_clause(column, dialect));
    const bool id_is_key = has_id && table.at(table.key.front()).role == Role::generated;
    if (!id_is_key) {
        append(clauses, ",\n  ", fmt::format("{} ({})", has_id ? "UNIQUE" : "PRIMARY KEY", names_of(table, table.key)));
    }
    for (const std::string_view constraint : table.constraints) append(clauses, ",\n  ", constraint);

    const std::string_view options = dialect == Dialect::postgres ? "" : has_id ? " STRICT" : " STRICT, WITHOUT ROWID";
    return fmt::format("CREATE TABLE {} (\n  {}\n){}", quote_identifier(table.name), clauses, options);
}

std::string insert_sql(const Table& table, Dialect dialect) {
    std::string names;
    std::string values;
    for (std::size_t index = 0; index < table.columns.size(); ++index) {
        if (table.columns[index].role == Role::generated) continue;
        append(names, ", ", quote_identifier(table.columns[index].name));
        append(values, ", ", placeholder(index + 1, dialect));
    }
    return fmt::format("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT DO NOTHING", quote_identifier(table.name), names,
                       values);
}

std::string select_by_key_sql(const Table& table, Dialect dialect) {
    return fmt::format("SELECT {} FROM {} WHERE {}", column_list(table), quote_identifier(table.name),
                       matches(table, table.key, dialect));
}

std::string update_by_key_sql(const Table& table, Dialect dialect) {
    return update_sql(table, table.key, matches(table, table.key, dialect), dialect);
}

std::string update_by_id_sql(const Table& table, Dialect dialect) {
    const auto id = static_cast<std::uint8_t>(table.find(Role::generated) - table.columns.data());
    return update_sql(table, {}, matches(table, {&id, 1}, dialect), dialect);
}

std::span<const std::uint8_t> scan_order(const Table& table, bool with_series) noexcept {
    return with_series || table.series.empty() ? table.order : table.key;
}

std::string scan_sql(const Table& table, const ScanShape& shape, Dialect dialect) {
    ScanConditions conditions(table, shape, dialect);
    const std::string where = conditions.where();
    return fmt::format("SELECT {} FROM {}{} ORDER BY {}{}", column_list(table), quote_identifier(table.name), where,
                       names_of(table, scan_order(table, shape.series), shape.descending ? " DESC" : ""),
                       conditions.limit());
}

}  // namespace marketdb::storage
