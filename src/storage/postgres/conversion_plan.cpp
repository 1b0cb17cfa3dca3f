#include <algorithm>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "storage/postgres/conversion.hpp"
#include "storage/postgres/row_codec.hpp"

/// What a conversion would do: everything here reads only.
namespace marketdb::storage::postgres {

namespace asio = boost::asio;

namespace {

constexpr std::string_view kRefused = "refused";
constexpr std::string_view kLeftBehind = "left behind";
constexpr std::string_view kInTheWay = "in the way";

constexpr std::string_view kFoundColumnsSql =
    "SELECT c.relname::text, a.attname::text, pg_catalog.format_type(a.atttypid, NULL) FROM pg_catalog.pg_attribute a"
    " JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = {} AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped";

std::string size_sql(const std::string& table) {
    return fmt::format(
        "SELECT sum(pg_catalog.pg_total_relation_size(t.oid))::bigint FROM (SELECT {0}::regclass AS oid UNION SELECT "
        "p.relid FROM pg_catalog.pg_partition_tree({0}::regclass) AS p) AS t",
        literal(table));
}

std::string listed(const std::vector<ConversionFinding>& findings, std::string_view outcome) {
    constexpr std::size_t kShown = 8;
    std::string text;
    std::size_t count = 0;
    for (const ConversionFinding& one : findings) {
        if (one.outcome != outcome) continue;
        if (count++ == kShown) return text + "; ...";
        if (!text.empty()) text += "; ";
        text += one.rows > 0 ? fmt::format("{} {} of {}: {}", one.rows, one.kind, one.name, one.detail)
                             : fmt::format("{} {}: {}", one.kind, one.name, one.detail);
    }
    return text;
}

}  // namespace

ConversionFinding& Conversion::add(std::string_view kind, std::string name, std::string_view outcome,
                                   std::string detail) {
    ConversionFinding& finding = report_.findings.emplace_back();
    finding.kind = kind;
    finding.name = std::move(name);
    finding.outcome = outcome;
    finding.detail = std::move(detail);
    return finding;
}

asio::awaitable<ConversionReport> Conversion::plan(Connection& connection, const Config& config,
                                                   ConversionDetail detail, Deadline deadline) {
    Conversion conversion(connection, config, deadline);
    co_await conversion.look();
    if (conversion.report_.phase == "none" || detail == ConversionDetail::phase) co_return conversion.report_;
    std::string begin =
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0; SET LOCAL search_path = "
        "pg_catalog";
    co_await connection.run_text(std::move(begin), deadline);
    if (conversion.has_changed_places()) {
        co_await conversion.find_kept();
    } else {
        co_await conversion.find_all();
    }
    co_await connection.roll_back(deadline);
    co_return conversion.report_;
}

asio::awaitable<void> Conversion::find_all() {
    const OldTables tables = co_await old_tables();
    for (const ConvertedTable& table : converted_tables()) {
        const auto columns = tables.find(table.name);
        if (columns != tables.end()) co_await find_rows(table, columns->second);
    }
    co_await find_conditions();
    co_await find_dependents();
    co_await find_aggregates();
    co_await find_functions();
    co_await find_sessions();
    add_grants();
    add_locks();
}

asio::awaitable<OldTables> Conversion::old_tables() {
    std::string sql = fmt::format(fmt::runtime(kFoundColumnsSql), literal(sql_.schema().text()));
    const Result found = co_await ask(std::move(sql));
    OldTables tables;
    for (int row = 0; row < found.rows(); ++row) tables[found.text(row, 0)][found.text(row, 1)] = found.text(row, 2);
    co_return tables;
}

asio::awaitable<void> Conversion::find_rows(const ConvertedTable& table, const OldColumns& columns) {
    const std::string rows = sql_.rows(table.name, columns);
    std::string counts =
        fmt::format("SELECT r.refusal, count(*) FROM ({}) AS r GROUP BY 1 ORDER BY 1 NULLS FIRST", rows);
    const Result found = co_await ask(std::move(counts));
    std::string size_of = size_sql(sql_.schema().table(table.name));
    const Result size = co_await ask(std::move(size_of));
    const std::string name(table.name);
    ConversionFinding& whole = add("table", name, "converted");
    whole.bytes = size.integer(0, 0);
    for (int row = 0; row < found.rows(); ++row) whole.rows += found.integer(row, 1);
    for (int row = 0; row < found.rows(); ++row) {
        if (found.is_null(row, 0)) continue;
        // Others refer to exchanges and symbols: they cannot stay behind.
        const std::string_view outcome = table.dataset.empty() ? kRefused : kLeftBehind;
        add("rows", name, outcome, found.text(row, 0)).rows = found.integer(row, 1);
    }
    const std::string lost = table.dataset.empty() ? std::string() : ConversionSql::lost(columns);
    if (!lost.empty()) add("columns", name, "not kept", fmt::format("{}: gone with `finish`", lost));
    if (table.dataset != "trades") co_return;
    std::string doubles = fmt::format(
        "SELECT coalesce(sum(d.rows - 1), 0)::bigint FROM (SELECT count(*) AS rows FROM ({}) AS r WHERE r.refusal IS "
        "NULL GROUP BY r.symbol_id, r.\"timestamp\", r.trade_id HAVING count(*) > 1) AS d",
        rows);
    const Result folded = co_await ask(std::move(doubles));
    if (folded.integer(0, 0) == 0) co_return;
    add("rows", name, "folded", "of one symbol, time and trade_id with a later one").rows = folded.integer(0, 0);
}

asio::awaitable<void> Conversion::find_conditions() {
    std::string sql = sql_.file("conditions.sql");
    const Result found = co_await ask(std::move(sql));
    for (int row = 0; row < found.rows(); ++row) {
        add(found.bytes(row, 0), found.text(row, 1), kRefused, found.text(row, 2));
    }
}

asio::awaitable<void> Conversion::find_dependents() {
    std::string sql = fmt::format("SELECT d.kind, d.name, d.refusal FROM ({}) AS d ORDER BY d.place, d.kind, d.name",
                                  sql_.file("dependents.sql"));
    const Result found = co_await ask(std::move(sql));
    for (int row = 0; row < found.rows(); ++row) {
        const bool can = found.is_null(row, 2);
        add(found.bytes(row, 0), found.text(row, 1), can ? "recreated" : kRefused,
            can ? std::string() : found.text(row, 2));
    }
}

asio::awaitable<void> Conversion::find_aggregates() {
    std::string there = "SELECT pg_catalog.to_regclass('timescaledb_information.continuous_aggregates') IS NOT NULL";
    const Result has_timescale = co_await ask(std::move(there));
    if (!has_timescale.boolean(0, 0)) co_return;
    std::string sql = sql_.file("aggregates.sql");
    const Result found = co_await ask(std::move(sql));
    for (int row = 0; row < found.rows(); ++row) {
        add("continuous aggregate", found.text(row, 0), kRefused,
            fmt::format("TimescaleDB fills it from {}; drop it first", found.text(row, 1)));
    }
}

asio::awaitable<void> Conversion::find_functions() {
    std::string sql = sql_.file("functions.sql");
    const Result found = co_await ask(std::move(sql));
    for (int row = 0; row < found.rows(); ++row) {
        add("function", found.text(row, 0), "stays",
            fmt::format("its text names {}: from then on it meets the lean ones", found.text(row, 1)));
    }
}

asio::awaitable<void> Conversion::find_sessions() {
    std::string sql = sql_.file("sessions.sql");
    const Result found = co_await ask(std::move(sql));
    for (int row = 0; row < found.rows(); ++row) {
        add("session", fmt::format("{}", found.integer(row, 0)), kInTheWay,
            fmt::format("{} as {}, {}; its role may write to the tables", found.text(row, 2), found.text(row, 1),
                        found.text(row, 3)));
    }
}

void Conversion::add_grants() {
    add("grant",
        "sources, series, reference_version, partitioning, schema_migrations, coverage, retention_policies, "
        "retention_holds",
        "granted", "SELECT to whoever has it on a table of rows; `series` names accounts and assets of balances");
    add("grant", "quotes, latest_quotes, funding, quarantined_rows", "granted",
        "SELECT to whoever has it on all that a view shows, of quarantined_rows on all tables of rows");
    add("grant", "sources, series, quarantined_rows, coverage, pending_claims", "granted",
        "INSERT (and UPDATE of all but quarantined_rows, DELETE of the last two) to whoever may insert rows, with "
        "marketdb_ensure_partitions, and SELECT "
        "of "
        "what is kept about rows and of the ids of symbols and exchanges; DELETE on "
        "`series`, `coverage` and `pending_claims`, and what the retention tables need, "
        "to whoever may delete rows, with marketdb_drop_partitions where that is quotes and trades");
}

void Conversion::add_locks() {
    std::int64_t rows = 0;
    std::int64_t lean_bytes = 0;
    for (const ConversionFinding& one : report_.findings) {
        if (one.kind != "table") continue;
        const auto tables = converted_tables();
        const auto table = std::find_if(tables.begin(), tables.end(),
                                        [&](const ConvertedTable& known) { return known.name == one.name; });
        rows += one.rows;
        lean_bytes += one.rows * table->row_bytes;
    }
    // 58,000 a second were measured on a busy machine of two cores (1,000,000 quotes, 2026-11-26).
    constexpr std::int64_t kRowsPerSecond = 50'000;
    add("lock", "SHARE ROW EXCLUSIVE", "taken",
        "on each table of rows, a moment, when copying begins: it waits for transactions that write, and new ones wait "
        "for it; readers go on");
    add("lock", "EXCLUSIVE", "taken",
        fmt::format("on all tables, about {} s, when all is copied: writers wait while the last rows are copied and "
                    "everything is compared; readers go on",
                    rows / kRowsPerSecond + 1));
    add("lock", "ACCESS EXCLUSIVE", "taken",
        "on all tables, under a second: everybody waits while the tables change places");
    add("disk", "lean tables", "needed", "beside the old ones until `finish`, and about as much for the log").bytes =
        lean_bytes;
}

asio::awaitable<void> Conversion::find_kept() {
    std::string sql = fmt::format("SELECT m.table_name FROM {} AS m ORDER BY 1", sql_.before().table("moved"));
    const Result kept = co_await ask(std::move(sql));
    for (int row = 0; row < kept.rows(); ++row) {
        const std::string table = sql_.before().table(kept.bytes(row, 0));
        std::string size_of = size_sql(table);
        const Result size = co_await ask(std::move(size_of));
        std::string count = fmt::format("SELECT count(*) FROM {}", table);
        const Result rows = co_await ask(std::move(count));
        ConversionFinding& finding =
            add("table", kept.text(row, 0), "kept", fmt::format("in schema {} until `finish`", sql_.before().text()));
        finding.bytes = size.integer(0, 0);
        finding.rows = rows.integer(0, 0);
    }
}

void Conversion::require_possible(ConversionOptions options) const {
    const std::string refused = listed(report_.findings, kRefused);
    if (!refused.empty()) {
        throw Error(ErrorCode::schema_mismatch,
                    fmt::format("{}: schema {} cannot be converted: {}; nothing was changed", connection_.shown(),
                                sql_.schema().quoted(), refused));
    }
    const std::string left = listed(report_.findings, kLeftBehind);
    if (!left.empty() && !options.leave_behind) {
        throw Error(ErrorCode::constraint,
                    fmt::format("{}: the lean schema cannot hold {}; nothing was changed", connection_.shown(), left));
    }
}

asio::awaitable<void> Conversion::refuse_sessions(ConversionOptions options) {
    if (options.despite_sessions) co_return;
    std::string sessions;
    // One that has just ended is listed for a moment.
    for (int tries = 0; tries < 10; ++tries) {
        report_.findings.clear();
        co_await find_sessions();
        sessions = listed(report_.findings, kInTheWay);
        if (sessions.empty()) co_return;
        std::string wait = "SELECT pg_catalog.pg_sleep(0.1)";
        co_await ask(std::move(wait));
    }
    throw Error(
        ErrorCode::unavailable,
        fmt::format("{}: programs are connected that may write to the tables, which would fail or lose rows: {}; "
                    "end them and run this again, it goes on from here",
                    connection_.shown(), sessions));
}

}  // namespace marketdb::storage::postgres
