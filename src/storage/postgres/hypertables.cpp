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
#include "storage/sql.hpp"

namespace marketdb::storage::postgres {

namespace asio = boost::asio;

namespace {

constexpr std::string_view kTimescaleSql =
    "SELECT e.extversion, n.nspname::text, coalesce(pg_catalog.current_setting('timescaledb.license', true), '') FROM "
    "pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = "
    "'timescaledb'";

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
