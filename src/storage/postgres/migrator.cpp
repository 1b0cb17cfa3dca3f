#include "storage/postgres/migrator.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include <marketdb/clock.hpp>
#include <marketdb/error.hpp>

#include "core/identity.hpp"
#include "storage/postgres/fill.hpp"
#include "storage/postgres/hypertables.hpp"
#include "storage/postgres/migrations.hpp"
#include "storage/postgres/row_codec.hpp"
#include "storage/postgres/transaction.hpp"
#include "storage/sql.hpp"

namespace marketdb::storage::postgres {

namespace asio = boost::asio;

namespace {

MigrationStep shown(const Migration& step, const SchemaName& schema, bool applied, Timestamp at,
                    const std::vector<std::string>& statements) {
    MigrationStep result;
    result.version = step.version;
    result.name = step.name;
    result.applied = applied;
    result.applied_at = at;
    for (const std::string& statement : statements) result.statements.push_back(for_schema(statement, schema));
    return result;
}

Timestamp now(const Config& config) { return (config.clock ? config.clock : system_clock())->now(); }

}  // namespace

std::string for_schema(std::string_view text, const SchemaName& schema) {
    // Functions are written between two of these.
    if (schema.text().find("$body$") != std::string::npos) {
        throw Error(ErrorCode::invalid_argument,
                    fmt::format("schema {}: its name cannot have $body$ in it", schema.quoted()));
    }
    const std::array placeholders{Placeholder{"schema", schema.quoted()},
                                  Placeholder{"schema_text", literal(schema.text())}};
    return fill(text, placeholders);
}

void require_ours(const Catalogue& catalogue, std::string_view where) {
    if (catalogue.has_migrations() || catalogue.is_empty()) return;
    if (catalogue.is_existing()) {
        throw Error(
            ErrorCode::schema_mismatch,
            fmt::format("{}: schema {} is an existing schema, which is used as it is; these migrations are not for it",
                        where, catalogue.schema().quoted()));
    }
    throw Error(ErrorCode::schema_mismatch,
                fmt::format("{}: schema {} belongs to another program (it holds {}); nothing was changed", where,
                            catalogue.schema().quoted(), catalogue.some_names()));
}

asio::awaitable<std::vector<MigrationStep>> Migrator::up(Connection& connection, const Config& config,
                                                         Deadline deadline) {
    Migrator migrator(connection, config);
    std::vector<MigrationStep> done = co_await migrator.run_up(deadline);
    co_return done;
}

asio::awaitable<std::vector<MigrationStep>> Migrator::down(Connection& connection, const Config& config,
                                                           std::uint32_t version, Deadline deadline) {
    Migrator migrator(connection, config);
    std::vector<MigrationStep> undone = co_await migrator.run_down(version, deadline);
    co_return undone;
}

/// Only with the lock is it certain how far another program has come.
asio::awaitable<Catalogue> Migrator::begin(Deadline deadline) {
    Catalogue before = co_await Catalogue::read(connection_, config_.postgres.schema, deadline);
    const SchemaName& schema = before.schema();
    std::string text = fmt::format(
        "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL search_path = pg_catalog; SELECT "
        "pg_advisory_xact_lock(hashtextextended({}, 0))",
        literal("marketdb migrate " + schema.text()));
    co_await connection_.run_text(std::move(text), deadline);
    Catalogue catalogue = co_await Catalogue::read(connection_, schema.text(), deadline);
    require_ours(catalogue, connection_.shown());
    require_same_history(migrations(), catalogue.applied(), connection_.shown());
    co_return catalogue;
}

asio::awaitable<std::vector<MigrationStep>> Migrator::run_up(Deadline deadline) {
    const std::span<const Migration> known = migrations();
    std::vector<MigrationStep> done;
    for (;;) {
        const Catalogue catalogue = co_await begin(deadline);
        const std::size_t begun = catalogue.applied().size();
        if (begun >= known.size()) break;
        if (!catalogue.has_migrations()) {
            std::string text = fmt::format("SET LOCAL search_path = {}; {}; SET LOCAL search_path = pg_catalog",
                                           catalogue.schema().quoted(), create_migrations_table_sql(Dialect::postgres));
            co_await connection_.run_text(std::move(text), deadline);
        }
        // A new schema gets all its tables at once: stopped in the middle it is still empty, not old.
        const std::size_t end = begun == 0 ? known.size() : begun + 1;
        for (std::size_t i = begun; i < end; ++i) co_await apply(known[i], catalogue.schema(), deadline);
        co_await commit(connection_, deadline);
        for (std::size_t i = begun; i < end; ++i) {
            done.push_back(shown(known[i], catalogue.schema(), true, now(config_), known[i].up));
        }
        if (end == known.size()) co_return done;
    }
    co_await connection_.roll_back(deadline);
    co_return done;
}

asio::awaitable<void> Migrator::apply(const Migration& step, const SchemaName& schema, Deadline deadline) {
    bool wants_hypertables = false;
    for (const std::string& statement : step.up) {
        std::string text = for_schema(statement, schema);
        if (config_.postgres.hypertables && remove_partitions(text)) wants_hypertables = true;
        co_await connection_.run_text(std::move(text), deadline);
    }
    if (wants_hypertables) co_await make_hypertables(connection_, schema, deadline);
    const std::string sql = fmt::format(
        "INSERT INTO {} (version, name, checksum, min_reader, min_writer, applied_at, program) VALUES ($1, $2, $3, $4, "
        "$5, "
        "$6, $7)",
        schema.table("schema_migrations"));
    const std::string maker = core::program_name(config_);
    Parameters parameters;
    parameters.add(static_cast<std::int32_t>(step.version));
    parameters.add(step.name);
    parameters.add(std::string_view(step.checksum));
    parameters.add(static_cast<std::int32_t>(step.min_reader));
    parameters.add(static_cast<std::int32_t>(step.min_writer));
    parameters.add(now(config_));
    parameters.add(std::string_view(maker));
    const Step note{sql, &parameters};
    co_await connection_.run_one(note, deadline);
}

asio::awaitable<std::vector<MigrationStep>> Migrator::run_down(std::uint32_t version, Deadline deadline) {
    const std::span<const Migration> known = migrations();
    const Catalogue catalogue = co_await begin(deadline);
    const std::size_t applied = catalogue.applied().size();
    if (applied > known.size()) {
        throw Error(ErrorCode::schema_mismatch,
                    fmt::format("{}: its schema has version {}, this program knows how to undo versions up to {}",
                                connection_.shown(), applied, known.size()));
    }
    std::vector<MigrationStep> undone;
    for (std::size_t i = applied; i > version; --i) {
        co_await undo(known[i - 1], catalogue.schema(), deadline);
        undone.push_back(shown(known[i - 1], catalogue.schema(), false, kNoTime, known[i - 1].down));
    }
    co_await commit(connection_, deadline);
    co_return undone;
}

asio::awaitable<void> Migrator::undo(const Migration& step, const SchemaName& schema, Deadline deadline) {
    co_await require_no_rows(step, schema, deadline);
    for (const std::string& statement : step.down) {
        std::string text = for_schema(statement, schema);
        co_await connection_.run_text(std::move(text), deadline);
    }
    const std::string sql = fmt::format("DELETE FROM {} WHERE version = $1", schema.table("schema_migrations"));
    Parameters parameters;
    parameters.add(static_cast<std::int32_t>(step.version));
    const Step forget{sql, &parameters};
    co_await connection_.run_one(forget, deadline);
}

asio::awaitable<void> Migrator::require_no_rows(const Migration& step, const SchemaName& schema, Deadline deadline) {
    for (const std::string_view table : step.keeps) {
        const std::string sql = fmt::format("SELECT EXISTS (SELECT FROM {})", schema.table(table));
        const Step look{sql};
        const Result found = co_await connection_.run_one(look, deadline);
        if (!found.boolean(0, 0)) continue;
        throw Error(ErrorCode::constraint,
                    fmt::format("{}: version {} cannot be undone: {} has rows; nothing was changed",
                                connection_.shown(), step.version, table));
    }
}

}  // namespace marketdb::storage::postgres
