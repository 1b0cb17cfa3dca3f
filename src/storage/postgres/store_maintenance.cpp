#include <algorithm>
#include <chrono>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "storage/postgres/hypertables.hpp"
#include "storage/postgres/row_codec.hpp"
#include "storage/postgres/store.hpp"

namespace marketdb::storage::postgres {

namespace asio = boost::asio;

/// A statement that tables want from time to time, and which do.
struct TidyWork {
    std::string_view check;      ///< Of the finding.
    std::string_view statement;  ///< `VACUUM (ANALYZE, SKIP_LOCKED)`; the table's name follows.
    std::string_view done;       ///< `vacuumed and analysed`
    /// Whole quoted names of our tables, and whether this role may do it. $1 is the schema, {} the list of their names.
    std::string_view tables;
};

namespace {

constexpr std::string_view kNoSuchTable = "42P01";
/// Named in a finding; of more only the number is told.
constexpr std::size_t kNamesTold = 3;

/// Long before the server's own autovacuum would, which goes by a fifth of a table. Partitions lie in the schema of their table,
/// chunks do not.
constexpr TidyWork kVacuum{
    "vacuum", "VACUUM (ANALYZE, SKIP_LOCKED)", "vacuumed and analysed",
    "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), pg_catalog.pg_has_role(c.relowner, 'USAGE') FROM "
    "pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace JOIN "
    "pg_catalog.pg_stat_all_tables AS s ON s.relid = c.oid WHERE c.relkind = 'r' AND ((n.nspname = $1 AND c.relname IN "
    "({0})) OR EXISTS (SELECT FROM pg_catalog.pg_inherits AS i JOIN pg_catalog.pg_class AS p ON p.oid = i.inhparent "
    "JOIN "
    "pg_catalog.pg_namespace AS m ON m.oid = p.relnamespace WHERE i.inhrelid = c.oid AND m.nspname = $1 AND p.relname "
    "IN "
    "({0}))) AND "
    "greatest(s.n_dead_tup, s.n_ins_since_vacuum, s.n_mod_since_analyze) > 1000 + 0.05 * greatest(c.reltuples, 0) "
    "ORDER BY 1"};

/// No autovacuum does this: https://www.postgresql.org/docs/15/routine-vacuuming.html#VACUUM-FOR-STATISTICS
/// It reads a sample of each partition too, so once a week is enough.
constexpr TidyWork kParents{
    "statistics", "ANALYZE (SKIP_LOCKED)", "analysed with all partitions",
    "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), pg_catalog.pg_has_role(c.relowner, 'USAGE') FROM "
    "pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace JOIN "
    "pg_catalog.pg_stat_all_tables AS s ON s.relid = c.oid WHERE c.relkind = 'p' AND n.nspname = $1 AND c.relname IN "
    "({0}) AND "
    "coalesce(s.last_analyze < pg_catalog.now() - interval '7 days', true) AND EXISTS (SELECT FROM "
    "pg_catalog.pg_inherits AS i WHERE i.inhparent = c.oid) ORDER BY 1"};

/// `'exchanges', 'symbols', ..`
std::string names_of_tables() {
    std::string names;
    for (const Table* table : all_tables()) names += (names.empty() ? "" : ", ") + literal(table->name);
    return names;
}

/// `a, b, c and 4 more`
std::string list_of(const std::vector<std::string>& names) {
    std::string text;
    const std::size_t told = std::min(names.size(), kNamesTold);
    for (std::size_t i = 0; i < told; ++i) text += (i == 0 ? "" : ", ") + names[i];
    if (names.size() > told) text += fmt::format(" and {} more", names.size() - told);
    return text;
}

asio::awaitable<void> run_outside_transactions(Connection& connection, Step statement, Deadline deadline) {
    // Tells the server the deadline, which cannot be done in the round trip of the statement itself.
    const Step nothing{"SELECT 1"};
    co_await read_one(connection, nothing, deadline);
    co_await connection.run_one(statement, deadline);
}

/// Whether the next statement may succeed though this one failed.
bool is_its_own_affair(const Error& error) {
    if (error.connection_lost()) return false;
    const ErrorCode code = error.code();
    return code != ErrorCode::closed && code != ErrorCode::cancelled && code != ErrorCode::unavailable &&
           code != ErrorCode::timeout;
}

}  // namespace

asio::awaitable<void> Store::fit_partitions(const Table& logical, bool by_days, Deadline deadline) {
    const PhysicalTable& table = physical(logical);
    if (!drops_partitions(table) || table.is_hypertable) co_return;
    const std::string sql = fmt::format(
        "WITH fitted AS (UPDATE {} SET width = $2 WHERE table_name = $1 AND width <> $2 RETURNING 1) SELECT count(*) "
        "FROM fitted",
        schema().table("partitioning"));
    Parameters parameters;
    parameters.add(table.table->name);
    parameters.add(std::string_view(by_days ? "day" : "month"));
    const Step step{sql, &parameters, false};
    co_await ask(step, deadline);
}

asio::awaitable<std::optional<std::uint64_t>> Store::make_partitions(const Table& logical, Timestamp start,
                                                                     Timestamp end, Deadline deadline) {
    const PhysicalTable& table = physical(logical);
    if (!drops_partitions(table) || table.is_hypertable) co_return std::nullopt;
    const std::string sql = fmt::format("SELECT {}.marketdb_ensure_partitions($1, $2, $3)", schema().quoted());
    Parameters parameters;
    parameters.add(table.table->name);
    parameters.add(start);
    parameters.add(end);
    const Step step{sql, &parameters, false};
    const Result made = co_await ask(step, deadline);
    auto body = [&](Connection& connection) { return partitions_.read(connection, table, deadline); };
    co_await on_connection(pool_, body, deadline);
    co_return static_cast<std::uint64_t>(made.integer(0, 0));
}

asio::awaitable<std::vector<Finding>> Store::tidy_up(Deadline deadline) {
    std::vector<Finding> steps;
    if (!catalogue_.has_migrations()) {
        steps.push_back({Severity::note, "vacuum", {}, "the tables are another program's: left to autovacuum", {}});
        co_return steps;
    }
    co_await tidy_tables(kVacuum, steps, deadline);
    co_await tidy_tables(kParents, steps, deadline);
    co_return steps;
}

asio::awaitable<void> Store::tidy_tables(const TidyWork& work, std::vector<Finding>& steps, Deadline deadline) {
    Parameters parameters;
    parameters.add(std::string_view(schema().text()));
    const std::string sql = fmt::format(fmt::runtime(work.tables), names_of_tables());
    const Step step{sql, &parameters, false};
    const Result found = co_await ask(step, deadline);
    std::vector<std::string> done;
    std::vector<std::string> left;
    for (int row = 0; row < found.rows(); ++row) {
        const std::string name = found.text(row, 0);
        if (!found.boolean(row, 1)) {
            left.push_back(name);
            continue;
        }
        std::string failure;
        try {
            std::string statement = fmt::format("{} {}", work.statement, name);
            co_await run_alone(std::move(statement), deadline);
        } catch (const Error& error) {
            if (!is_its_own_affair(error)) throw;
            // Another program dropped it meanwhile.
            if (error.sqlstate() == kNoSuchTable) continue;
            failure = error.what();
        }
        if (failure.empty()) {
            done.push_back(name);
        } else {
            steps.push_back({Severity::warning, std::string(work.check), name, failure, {}});
        }
    }
    if (!left.empty()) {
        steps.push_back(
            {Severity::note,
             std::string(work.check),
             {},
             fmt::format("{} not this role's, left to autovacuum and to the owner: {}", left.size(), list_of(left)),
             {}});
    }
    if (done.empty() && !left.empty()) co_return;
    std::string what = done.empty() ? std::string("no table needs it")
                                    : fmt::format("{} {}: {}", done.size(), work.done, list_of(done));
    steps.push_back({Severity::fine, std::string(work.check), {}, std::move(what), {}});
}

asio::awaitable<void> Store::run_alone(std::string statement, Deadline deadline) {
    const Step step{statement};
    auto body = [&](Connection& connection) { return run_outside_transactions(connection, step, deadline); };
    co_await on_connection(pool_, body, deadline);
}

asio::awaitable<std::vector<ServerJob>> Store::server_jobs(Deadline deadline) {
    auto body = [deadline](Connection& connection) { return find_jobs(connection, deadline); };
    std::vector<ServerJob> jobs = co_await on_connection(pool_, body, deadline);
    co_return jobs;
}

}  // namespace marketdb::storage::postgres
