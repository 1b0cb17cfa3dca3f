#include "storage/postgres/catalogue.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "core/text.hpp"
#include "storage/postgres/hypertables.hpp"
#include "storage/postgres/row_codec.hpp"
#include "storage/postgres/side_tables.hpp"
#include "storage/sql.hpp"

namespace marketdb::storage::postgres {

namespace asio = boost::asio;

namespace {

constexpr std::string_view kSchemaSql =
    "SELECT coalesce(nullif($1, ''), current_schema()),"
    " EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = coalesce(nullif($1, ''), current_schema()))";

// Extensions' own relations do not count.
constexpr std::string_view kRelationsSql =
    "SELECT c.relname::text, c.relkind::text, c.relhassubclass FROM pg_catalog.pg_class c"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')"
    " AND NOT c.relispartition"
    " AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')"
    " ORDER BY 1";

constexpr std::string_view kCatalogueColumnsSql =
    "SELECT c.relname::text, a.attname::text, a.atttypid::bigint, a.atttypmod, a.attnotnull, a.attgenerated <> ''"
    " FROM pg_catalog.pg_attribute a"
    " JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition AND a.attnum > 0"
    " AND NOT a.attisdropped ORDER BY 1, a.attnum";

constexpr std::string_view kIndexesSql =
    "SELECT c.relname::text, i.indisunique, ARRAY_TO_STRING(ARRAY(SELECT a.attname::text"
    " FROM unnest(i.indkey) WITH ORDINALITY AS k (number, place)"
    " JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number"
    " WHERE k.place <= i.indnkeyatts ORDER BY k.place), ',') FROM pg_catalog.pg_index i"
    " JOIN pg_catalog.pg_class c ON c.oid = i.indrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = $1 AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL AND NOT c.relispartition"
    " ORDER BY 1, i.indisprimary DESC, i.indexrelid";

constexpr std::string_view kChecksSql =
    "SELECT c.relname::text, o.conname::text, ARRAY_TO_STRING(ARRAY(SELECT a.attname::text"
    " FROM unnest(o.conkey) WITH ORDINALITY AS k (number, place)"
    " JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number ORDER BY k.place), ', ')"
    " FROM pg_catalog.pg_constraint o"
    " JOIN pg_catalog.pg_class c ON c.oid = o.conrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = $1 AND o.contype IN ('c', 'u', 'p', 'f') AND NOT c.relispartition";

constexpr std::string_view kHypertablesSql =
    "SELECT h.hypertable_name::text FROM timescaledb_information.hypertables h WHERE h.hypertable_schema = $1";

std::vector<std::string> split(std::string_view list) {
    std::vector<std::string> parts;
    while (!list.empty()) {
        const std::size_t end = std::min(list.find(','), list.size());
        parts.emplace_back(list.substr(0, end));
        list.remove_prefix(std::min(end + 1, list.size()));
    }
    return parts;
}

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
                        : fmt::format("{}: there is no schema '{}'; CREATE SCHEMA makes it", connection.shown(),
                                      core::printable(schema)));
    }
    Catalogue catalogue;
    catalogue.schema_ = SchemaName(found.text(0, 0));
    co_await catalogue.read_relations(connection, deadline);
    co_await catalogue.read_columns(connection, deadline);
    if (catalogue.has_migrations()) {
        co_await catalogue.read_hypertables(connection, deadline);
        catalogue.make_own_tables(connection.shown());
        co_await catalogue.read_applied(connection, deadline);
    } else if (has_our_names(catalogue.relations_)) {
        co_await catalogue.read_indexes(connection, deadline);
        co_await catalogue.read_checks(connection, deadline);
        catalogue.tables_ = recognise(catalogue.relations_, catalogue.schema_, connection.shown());
        catalogue.is_existing_ = true;
    }
    co_return catalogue;
}

asio::awaitable<Result> Catalogue::ask(Connection& connection, std::string_view sql, Deadline deadline) const {
    Parameters parameters;
    parameters.add(std::string_view(schema_.text()));
    const Step step{sql, &parameters, false};
    Result found = co_await connection.run_one(step, deadline);
    co_return found;
}

asio::awaitable<void> Catalogue::read_relations(Connection& connection, Deadline deadline) {
    const Result found = co_await ask(connection, kRelationsSql, deadline);
    for (int row = 0; row < found.rows(); ++row) {
        Relation& relation = relations_[found.text(row, 0)];
        relation.kind = found.bytes(row, 1).front();
        relation.has_children = found.boolean(row, 2);
    }
}

asio::awaitable<void> Catalogue::read_columns(Connection& connection, Deadline deadline) {
    const Result found = co_await ask(connection, kCatalogueColumnsSql, deadline);
    for (int row = 0; row < found.rows(); ++row) {
        const auto relation = relations_.find(found.bytes(row, 0));
        if (relation == relations_.end()) continue;
        CatalogueColumn& column = relation->second.columns.emplace_back();
        column.name = found.text(row, 1);
        column.type = static_cast<TypeId>(found.integer(row, 2));
        column.modifier = static_cast<std::int32_t>(found.integer(row, 3));
        column.is_nullable = !found.boolean(row, 4);
        column.is_generated = found.boolean(row, 5);
    }
}

asio::awaitable<void> Catalogue::read_indexes(Connection& connection, Deadline deadline) {
    const Result found = co_await ask(connection, kIndexesSql, deadline);
    for (int row = 0; row < found.rows(); ++row) {
        const auto relation = relations_.find(found.bytes(row, 0));
        if (relation == relations_.end()) continue;
        CatalogueIndex& index = relation->second.indexes.emplace_back();
        index.is_unique = found.boolean(row, 1);
        index.columns = split(found.bytes(row, 2));
    }
}

asio::awaitable<void> Catalogue::read_checks(Connection& connection, Deadline deadline) {
    const Result found = co_await ask(connection, kChecksSql, deadline);
    for (int row = 0; row < found.rows(); ++row) {
        const auto relation = relations_.find(found.bytes(row, 0));
        if (relation != relations_.end()) relation->second.checks[found.text(row, 1)] = found.text(row, 2);
    }
}

/// Nothing is asked where the tables are partitioned natively.
asio::awaitable<void> Catalogue::read_hypertables(Connection& connection, Deadline deadline) {
    const auto quotes = relations_.find(table_of(Dataset::book_tickers).name);
    if (quotes == relations_.end() || quotes->second.kind == 'p') co_return;
    std::string there = "SELECT pg_catalog.to_regclass('timescaledb_information.hypertables') IS NOT NULL";
    const Step look{there};
    const Result found = co_await connection.run_one(look, deadline);
    if (!found.boolean(0, 0)) co_return;
    const Result names = co_await ask(connection, kHypertablesSql, deadline);
    for (int row = 0; row < names.rows(); ++row) hypertables_.insert(names.text(row, 0));
    timescale_ = co_await find_timescale(connection, deadline);
}

asio::awaitable<void> Catalogue::read_side_tables(Connection& connection, SchemaUse use, Deadline deadline) {
    const bool are_there = co_await has_side_tables(connection, schema_, use, deadline);
    if (!are_there) co_return;
    Catalogue beside;
    beside.schema_ = SchemaName(kSideSchema);
    co_await beside.read_relations(connection, deadline);
    co_await beside.read_columns(connection, deadline);
    beside.make_own_tables(connection.shown());
    for (const Table* table : {&table_of<Source>(), &table_of<QuarantinedRow>()}) {
        tables_[table] = beside.table(*table);
    }
}

void Catalogue::make_own_tables(std::string_view where) {
    for (const Table* table : all_tables()) {
        const auto relation = relations_.find(table->name);
        if (relation == relations_.end() || !relation->second.is_table()) continue;
        PhysicalTable& physical = tables_[table];
        physical.table = table;
        physical.name = schema_.table(table->name);
        physical.is_hypertable = hypertables_.contains(relation->first);
        physical.is_partitioned = relation->second.kind == 'p' || physical.is_hypertable;
        for (const Column& column : table->columns) {
            const CatalogueColumn* there = relation->second.find(column.name);
            if (there == nullptr) continue;
            if (!can_hold(there->type, column.kind)) {
                throw Error(ErrorCode::schema_mismatch,
                            fmt::format("{}: {} has a column {} of a type (number {}) that cannot hold it", where,
                                        physical.name, column.name, static_cast<std::uint32_t>(there->type)));
            }
            physical.columns.push_back({quote_identifier(column.name), there->type, &column});
        }
        physical.written = physical.columns;
        for (const std::uint8_t index : table->key) physical.key.push_back(&table->at(index));
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
    for (const auto& [name, relation] : relations_) {
        if (relation.kind == 'S') continue;
        if (count++ == kShown) return names + ", ...";
        names += (names.empty() ? "" : ", ") + core::printable(name);
    }
    return names;
}

Capabilities Catalogue::capabilities() const {
    if (!is_existing_) return {};
    return capabilities_of(tables_, relations_);
}

void Catalogue::set_legacy_clock(LegacyClock clock) {
    for (auto& [table, physical] : tables_) {
        const Column* received = table->find(Role::received_at);
        if (physical.is_own() || table->dataset == Dataset::trades || received == nullptr) continue;
        physical.existing->keeps_arrival_as_time =
            clock == LegacyClock::received && physical.find(*received) == nullptr;
    }
}

const PhysicalTable& Catalogue::table(const Table& table) const {
    const auto found = tables_.find(&table);
    if (found == tables_.end()) {
        throw Error(ErrorCode::schema_mismatch, fmt::format("schema {} has no table {}", schema_.quoted(), table.name));
    }
    const PhysicalTable& physical = found->second;
    if (physical.existing && !physical.existing->missing.empty()) {
        throw Error(ErrorCode::schema_mismatch,
                    fmt::format("{} has no column {}; it has {}", physical.name, physical.existing->missing.front(),
                                physical.existing->found));
    }
    return physical;
}

}  // namespace marketdb::storage::postgres
