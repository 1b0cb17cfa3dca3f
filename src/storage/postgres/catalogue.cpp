#include "storage/postgres/catalogue.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "core/text.hpp"
#include "storage/postgres/row_codec.hpp"
#include "storage/sql.hpp"

namespace marketdb::storage::postgres {

namespace asio = boost::asio;

namespace {

constexpr std::string_view kSchemaSql =
    "SELECT coalesce(nullif($1, ''), current_schema()),"
    " EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = coalesce(nullif($1, ''), current_schema()))";

// Extensions' own relations do not count.
constexpr std::string_view kRelationsSql =
    "SELECT c.relname::text, c.relkind::text FROM pg_catalog.pg_class c"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')"
    " AND NOT c.relispartition"
    " AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')"
    " ORDER BY 1";

constexpr std::string_view kColumnsSql =
    "SELECT c.relname::text, a.attname::text, a.atttypid::bigint FROM pg_catalog.pg_attribute a"
    " JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped"
    " ORDER BY 1, a.attnum";

}  // namespace

asio::awaitable<Catalogue> Catalogue::read(Connection& connection, std::string schema, Deadline deadline) {
    Parameters parameters;
    parameters.add(std::string_view(schema));
    const Step step{kSchemaSql, &parameters, false};
    const Result found = co_await connection.run_one(step, deadline);
    if (!found.boolean(0, 1)) {
        throw Error(ErrorCode::schema_mismatch,
                    schema.empty()
                        ? fmt::format("{}: the search path names no schema; add ?schema=NAME", connection.shown())
                        : fmt::format("{}: there is no schema '{}'", connection.shown(), core::printable(schema)));
    }
    Catalogue catalogue;
    catalogue.schema_ = SchemaName(found.text(0, 0));
    co_await catalogue.read_relations(connection, deadline);
    co_await catalogue.read_columns(connection, deadline);
    if (catalogue.has_migrations()) co_await catalogue.read_applied(connection, deadline);
    co_return catalogue;
}

asio::awaitable<void> Catalogue::read_relations(Connection& connection, Deadline deadline) {
    Parameters parameters;
    parameters.add(std::string_view(schema_.text()));
    const Step step{kRelationsSql, &parameters, false};
    const Result found = co_await connection.run_one(step, deadline);
    for (int row = 0; row < found.rows(); ++row) relations_[found.text(row, 0)] = found.bytes(row, 1).front();
}

asio::awaitable<void> Catalogue::read_columns(Connection& connection, Deadline deadline) {
    Parameters parameters;
    parameters.add(std::string_view(schema_.text()));
    const Step step{kColumnsSql, &parameters, false};
    const Result found = co_await connection.run_one(step, deadline);
    std::map<std::pair<std::string, std::string>, TypeId> types;
    for (int row = 0; row < found.rows(); ++row) {
        types[{found.text(row, 0), found.text(row, 1)}] = static_cast<TypeId>(found.integer(row, 2));
    }
    for (const Table* table : all_tables()) {
        const auto relation = relations_.find(std::string(table->name));
        if (relation == relations_.end() || (relation->second != 'r' && relation->second != 'p')) continue;
        PhysicalTable& physical = tables_[table];
        physical.table = table;
        physical.name = schema_.table(table->name);
        physical.is_partitioned = relation->second == 'p';
        for (const Column& column : table->columns) {
            const auto type = types.find({std::string(table->name), std::string(column.name)});
            if (type == types.end()) continue;
            if (!can_hold(type->second, column.kind)) {
                throw Error(
                    ErrorCode::schema_mismatch,
                    fmt::format("{}: {} has a column {} of a type (number {}) that cannot hold it", connection.shown(),
                                physical.name, column.name, static_cast<std::uint32_t>(type->second)));
            }
            physical.columns.push_back({quote_identifier(column.name), type->second, &column});
        }
    }
}

asio::awaitable<void> Catalogue::read_applied(Connection& connection, Deadline deadline) {
    const std::string sql =
        fmt::format("SELECT version, name, checksum, min_reader, min_writer, applied_at FROM {} ORDER BY version",
                    schema_.table("schema_migrations"));
    const Step step{sql, nullptr, false};
    const Result rows = co_await connection.run_one(step, deadline);
    for (int row = 0; row < rows.rows(); ++row) {
        AppliedMigration& one = applied_.emplace_back();
        one.version = static_cast<std::uint32_t>(rows.integer(row, 0));
        one.name = rows.text(row, 1);
        one.checksum = rows.text(row, 2);
        one.min_reader = static_cast<std::uint32_t>(rows.integer(row, 3));
        one.min_writer = static_cast<std::uint32_t>(rows.integer(row, 4));
        one.applied_at = rows.time(row, 5);
    }
}

bool Catalogue::has_migrations() const noexcept { return relations_.contains("schema_migrations"); }

std::string Catalogue::some_names() const {
    constexpr std::size_t kShown = 5;
    std::string names;
    std::size_t count = 0;
    for (const auto& [name, kind] : relations_) {
        if (kind == 'S') continue;
        if (count++ == kShown) return names + ", ...";
        names += (names.empty() ? "" : ", ") + core::printable(name);
    }
    return names;
}

const PhysicalTable& Catalogue::table(const Table& table) const {
    const auto found = tables_.find(&table);
    if (found != tables_.end()) return found->second;
    throw Error(ErrorCode::schema_mismatch, fmt::format("schema {} has no table {}", schema_.quoted(), table.name));
}

}  // namespace marketdb::storage::postgres
