#include "storage/sqlite/migrator.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "storage/sql.hpp"
#include "storage/sqlite/transaction.hpp"

namespace marketdb::storage::sqlite {
namespace {

MigrationStep shown(const Migration& step, bool applied, Timestamp at, const std::vector<std::string>& statements) {
    MigrationStep result;
    result.version = step.version;
    result.name = step.name;
    result.applied = applied;
    result.applied_at = at;
    result.statements = statements;
    return result;
}

}  // namespace

bool Migrator::has_table(std::string_view name) {
    StatementUse find(connection_.statement("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1"));
    find->bind(1, name);
    return find->step();
}

std::vector<AppliedMigration> Migrator::applied() {
    std::vector<AppliedMigration> steps;
    if (!has_table("schema_migrations")) return steps;
    StatementUse rows(connection_.statement(
        "SELECT version, name, checksum, min_reader, min_writer, applied_at FROM schema_migrations ORDER BY version"));
    while (rows->step()) {
        AppliedMigration& step = steps.emplace_back();
        step.version = static_cast<std::uint32_t>(rows->integer(0));
        step.name = rows->text(1);
        step.checksum = rows->text(2);
        step.min_reader = static_cast<std::uint32_t>(rows->integer(3));
        step.min_writer = static_cast<std::uint32_t>(rows->integer(4));
        step.applied_at = Timestamp{std::chrono::microseconds(rows->integer(5))};
    }
    return steps;
}

std::vector<MigrationStep> Migrator::up(const std::string& program, Timestamp now, const Control& control) {
    const Connection::Scope scope(connection_, control);
    std::vector<MigrationStep> done;
    while (apply_next(program, now, control, done)) {
    }
    return done;
}

bool Migrator::apply_next(const std::string& program, Timestamp now, const Control& control,
                          std::vector<MigrationStep>& done) {
    const auto known = sqlite_migrations();
    WriteTransaction transaction(connection_, lock_, control);
    // Only now, with the right to write, is it certain how far another process has come.
    require_ours();
    const std::vector<AppliedMigration> steps = applied();
    require_same_history(known, steps, connection_.options().path);
    if (steps.size() >= known.size()) return false;

    if (!has_table("schema_migrations")) connection_.execute(create_migrations_table_sql(Dialect::sqlite));
    // A new database gets all its tables at once: killed in the middle it is still empty, not old.
    const std::size_t end = steps.empty() ? known.size() : steps.size() + 1;
    std::vector<MigrationStep> applied_now;
    for (std::size_t i = steps.size(); i < end; ++i) {
        apply(known[i], program, now);
        applied_now.push_back(shown(known[i], true, now, known[i].up));
    }
    transaction.commit();
    done.insert(done.end(), applied_now.begin(), applied_now.end());
    return end < known.size();
}

void Migrator::apply(const Migration& step, const std::string& program, Timestamp now) {
    for (const std::string& statement : step.up) connection_.execute(statement);
    StatementUse note(connection_.statement(
        "INSERT INTO schema_migrations (version, name, checksum, min_reader, min_writer, applied_at, program)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"));
    note->bind(1, std::int64_t{step.version});
    note->bind(2, step.name);
    note->bind(3, step.checksum);
    note->bind(4, std::int64_t{step.min_reader});
    note->bind(5, std::int64_t{step.min_writer});
    note->bind(6, now.time_since_epoch().count());
    note->bind(7, program);
    note->step();
}

std::vector<MigrationStep> Migrator::down(std::uint32_t version, const Control& control) {
    const Connection::Scope scope(connection_, control);
    const auto known = sqlite_migrations();
    WriteTransaction transaction(connection_, lock_, control);
    require_ours();
    const std::vector<AppliedMigration> steps = applied();
    require_same_history(known, steps, connection_.options().path);
    if (steps.size() > known.size()) {
        throw Error(ErrorCode::schema_mismatch,
                    fmt::format("{}: its schema has version {}, this program knows how to undo versions up to {}",
                                connection_.options().path, steps.size(), known.size()));
    }
    std::vector<MigrationStep> undone;
    for (std::size_t i = steps.size(); i > version; --i) {
        const Migration& step = known[i - 1];
        require_no_rows(step);
        for (const std::string& statement : step.down) connection_.execute(statement);
        StatementUse forget(connection_.statement("DELETE FROM schema_migrations WHERE version = ?1"));
        forget->bind(1, std::int64_t{step.version});
        forget->step();
        undone.push_back(shown(step, false, kNoTime, step.down));
    }
    transaction.commit();
    return undone;
}

void Migrator::require_no_rows(const Migration& step) {
    for (const std::string_view table : step.keeps) {
        if (connection_.query_integer(fmt::format("SELECT EXISTS (SELECT 1 FROM {})", quote_identifier(table))) == 0)
            continue;
        throw Error(ErrorCode::constraint,
                    fmt::format("{}: version {} cannot be undone: {} has rows; nothing was changed",
                                connection_.options().path, step.version, table));
    }
}

bool Migrator::is_empty() {
    return connection_.query_integer("SELECT count(*) FROM sqlite_schema") == 0 &&
           connection_.query_integer("PRAGMA application_id") == 0;
}

void Migrator::require_ours() {
    const std::int64_t id = connection_.query_integer("PRAGMA application_id");
    const bool has_tables = connection_.query_integer("SELECT count(*) FROM sqlite_schema") != 0;
    if (id == kApplicationId && (!has_tables || has_table("schema_migrations"))) return;
    if (!has_tables && id == 0) {
        throw Error(
            ErrorCode::schema_mismatch,
            fmt::format("{}: an empty database, no marketdb schema; run `marketdb init`", connection_.options().path));
    }
    const std::string names = connection_.query_text(
        "SELECT group_concat(name, ', ') FROM (SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name LIMIT "
        "5)");
    throw Error(
        ErrorCode::schema_mismatch,
        fmt::format("{}: belongs to another program (application_id {:#010x}, tables: {}); nothing was changed",
                    connection_.options().path, static_cast<std::uint32_t>(id), names.empty() ? "none" : names));
}

}  // namespace marketdb::storage::sqlite
