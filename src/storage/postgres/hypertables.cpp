#include "storage/postgres/hypertables.hpp"

#include <array>
#include <charconv>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "storage/postgres/embedded.hpp"
#include "storage/postgres/fill.hpp"
#include "storage/postgres/row_codec.hpp"
#include "storage/postgres/transaction.hpp"
#include "storage/sql.hpp"

namespace marketdb::storage::postgres {

namespace asio = boost::asio;

namespace {

constexpr std::string_view kTimescaleSql =
    "SELECT e.extversion, n.nspname::text, coalesce(pg_catalog.current_setting('timescaledb.license', true), '') FROM "
    "pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = "
    "'timescaledb'";

constexpr std::string_view kHasJobsSql = "SELECT pg_catalog.to_regclass('timescaledb_information.jobs') IS NOT NULL";

constexpr std::string_view kJobsSql =
    "SELECT j.job_id::bigint, pg_catalog.concat_ws('.', j.hypertable_schema, j.hypertable_name), j.proc_name::text, "
    "j.schedule_interval::text, coalesce(j.config::text, ''), NOT j.scheduled, coalesce(s.last_run_status = 'Failed', "
    "false) FROM timescaledb_information.jobs AS j LEFT JOIN timescaledb_information.job_stats AS s USING (job_id) "
    "WHERE j.hypertable_name IS NOT NULL ORDER BY 1";

/// Triggers of statements have the inserted rows from this version on.
constexpr std::array kOldestTimescale{2, 18};

bool is_older(std::string_view version) {
    const char* at = version.data();
    const char* const end = at + version.size();
    for (const int wanted : kOldestTimescale) {
        int number = 0;
        const auto [stop, error] = std::from_chars(at, end, number);
        if (error != std::errc{} || number < wanted) return true;
        if (number > wanted) return false;
        at = stop == end ? end : stop + 1;
    }
    return false;
}

}  // namespace

asio::awaitable<std::optional<Timescale>> find_timescale(Connection& connection, Deadline deadline) {
    const Step step{kTimescaleSql};
    const Result found = co_await connection.run_one(step, deadline);
    std::optional<Timescale> timescale;
    if (found.rows() > 0) timescale = Timescale{found.text(0, 0), found.text(0, 1), found.text(0, 2)};
    co_return timescale;
}

asio::awaitable<std::vector<ServerJob>> find_jobs(Connection& connection, Deadline deadline) {
    std::vector<ServerJob> jobs;
    const Step has_jobs{kHasJobsSql};
    const Result view = co_await read_one(connection, has_jobs, deadline);
    if (!view.boolean(0, 0)) co_return jobs;
    const Step step{kJobsSql};
    const Result found = co_await read_one(connection, step, deadline);
    for (int row = 0; row < found.rows(); ++row) {
        ServerJob& job = jobs.emplace_back();
        job.id = found.integer(row, 0);
        job.table = found.text(row, 1);
        job.what = found.text(row, 2);
        job.every = found.text(row, 3);
        job.settings = found.text(row, 4);
        job.is_paused = found.boolean(row, 5);
        job.has_failed = found.boolean(row, 6);
    }
    co_return jobs;
}

asio::awaitable<void> make_hypertables(Connection& connection, const SchemaName& schema, Deadline deadline) {
    const std::optional<Timescale> timescale = co_await find_timescale(connection, deadline);
    if (!timescale || is_older(timescale->version)) {
        throw Error(
            ErrorCode::schema_mismatch,
            fmt::format("{}: hypertables want TimescaleDB {}.{} or newer, and this database has {}; nothing was "
                        "made",
                        connection.shown(), kOldestTimescale[0], kOldestTimescale[1],
                        timescale ? timescale->version : "none (CREATE EXTENSION timescaledb installs it)"));
    }
    const std::array placeholders{Placeholder{"schema", schema.quoted()},
                                  Placeholder{"schema_text", literal(schema.text())},
                                  Placeholder{"extension", quote_identifier(timescale->schema)}};
    std::string text = fill(embedded_text("hypertables.sql"), placeholders);
    co_await connection.run_text(std::move(text), deadline);
}

bool remove_partitions(std::string& statement) {
    constexpr std::string_view kPartitions = " PARTITION BY RANGE (\"timestamp\")";
    const std::size_t before = statement.size();
    for (std::size_t at = statement.find(kPartitions); at != std::string::npos; at = statement.find(kPartitions)) {
        statement.erase(at, kPartitions.size());
    }
    return statement.size() != before;
}

}  // namespace marketdb::storage::postgres
