#include "storage/postgres/health_check.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <marketdb/error.hpp>

#include "core/late.hpp"
#include "core/text.hpp"
#include "storage/health.hpp"
#include "storage/postgres/hypertables.hpp"
#include "storage/postgres/row_codec.hpp"
#include "storage/postgres/transaction.hpp"

namespace marketdb::storage::postgres {

namespace asio = boost::asio;

namespace {

/// Of one check, so that one that is slow leaves time for the others.
constexpr std::chrono::seconds kCheckTime{10};
/// Measured: from about here on a statement without bounds takes seconds, and twenty of them fill the lock table.
constexpr std::int64_t kManyPartitions = 1'000;
constexpr std::chrono::milliseconds kMaxClockSkew{1'000};
constexpr int kClockReadings = 3;

Deadline share_of(Deadline whole) { return Deadline{std::min(whole.at, Deadline::in(kCheckTime).at)}; }

/// Whether a failure is not the check's own affair.
bool ends_all(const Error& error, Deadline whole) {
    if (error.connection_lost()) return true;
    switch (error.code()) {
        case ErrorCode::closed:
        case ErrorCode::cancelled:
        case ErrorCode::unavailable: return true;
        case ErrorCode::timeout: return core::has_passed(whole);
        default: return false;
    }
}

/// `"symbol_id", "timestamp", "sequence"`
std::string key_of(const PhysicalTable& table) {
    std::vector<std::string> names;
    for (const std::uint8_t index : table.table->key) names.push_back(table.name_of(table.table->at(index)));
    return fmt::format("{}", fmt::join(names, ", "));
}

/// The same as an array of texts.
std::string key_array(const Table& table) {
    std::vector<std::string> names;
    for (const std::uint8_t index : table.key) names.push_back(literal(table.at(index).name));
    return fmt::format("ARRAY[{}]::text[]", fmt::join(names, ", "));
}

}  // namespace

asio::awaitable<std::vector<Finding>> HealthCheck::run(Deadline whole) {
    struct Look {
        std::string_view check;
        awaitable<void> (HealthCheck::*make)(Deadline);
    };
    static constexpr std::array<Look, 8> kLooks{{{"version", &HealthCheck::look_at_version},
                                                 {"durability", &HealthCheck::look_at_durability},
                                                 {"connections", &HealthCheck::look_at_connections},
                                                 {"clock", &HealthCheck::look_at_clock},
                                                 {"disk", &HealthCheck::look_at_disk},
                                                 {"triggers", &HealthCheck::look_at_triggers},
                                                 {"partitions", &HealthCheck::look_at_chunks},
                                                 {"jobs", &HealthCheck::look_at_jobs}}};
    const std::string_view nowhere;
    for (const Look& look : kLooks) {
        awaitable<void> looks = (this->*look.make)(share_of(whole));
        co_await attempt(look.check, nowhere, std::move(looks), whole);
    }
    for (const Dataset dataset : kDatasets) {
        const Table& table = table_of(dataset);
        if (catalogue_.has_table(table)) co_await look_at_table(catalogue_.table(table), whole);
    }
    co_return std::move(findings_);
}

asio::awaitable<void> HealthCheck::look_at_table(const PhysicalTable& table, Deadline whole) {
    const std::string_view name = table.table->name;
    awaitable<void> indexes = look_at_indexes(table, share_of(whole));
    co_await attempt("indexes", name, std::move(indexes), whole);
    awaitable<void> orphans = look_at_orphans(table, share_of(whole));
    co_await attempt("orphans", name, std::move(orphans), whole);
    awaitable<void> partitions = look_at_partitions(table, share_of(whole));
    co_await attempt("partitions", name, std::move(partitions), whole);
}

asio::awaitable<void> HealthCheck::attempt(std::string_view check, std::string_view where, awaitable<void> looks,
                                           Deadline whole) {
    try {
        co_await std::move(looks);
    } catch (const Error& error) {
        if (ends_all(error, whole)) throw;
        findings_.push_back(not_made(check, where, error.what()));
    }
}

asio::awaitable<Result> HealthCheck::ask(std::string_view sql, Deadline deadline) {
    const Step step{sql};
    auto body = [&](Connection& connection) { return read_one(connection, step, deadline); };
    Result result = co_await on_connection(pool_, body, deadline);
    co_return result;
}

std::string HealthCheck::table_literal(const PhysicalTable& table) const {
    return literal(table.name) + "::pg_catalog.regclass";
}

void HealthCheck::find(Severity severity, std::string_view check, std::string where, std::string what,
                       std::string remedy) {
    findings_.push_back({severity, std::string(check), std::move(where), std::move(what), std::move(remedy)});
}

asio::awaitable<void> HealthCheck::look_at_version(Deadline deadline) {
    const Result found = co_await ask(
        "SELECT pg_catalog.current_setting('server_version'), (SELECT extversion FROM pg_catalog.pg_extension WHERE "
        "extname = 'timescaledb')",
        deadline);
    const std::string version = found.text(0, 0);
    std::string what = fmt::format("PostgreSQL {}", version.substr(0, version.find(' ')));
    if (!found.is_null(0, 1)) what += fmt::format(", TimescaleDB {}", found.text(0, 1));
    find(Severity::fine, "version", {}, std::move(what));
}

asio::awaitable<void> HealthCheck::look_at_durability(Deadline deadline) {
    const Result found = co_await ask(
        "SELECT name, pg_catalog.current_setting(name) = 'off' FROM pg_catalog.unnest(ARRAY['fsync', "
        "'full_page_writes', 'synchronous_commit']) AS s (name)",
        deadline);
    bool is_fine = true;
    for (int row = 0; row < found.rows(); ++row) {
        if (!found.boolean(row, 1)) continue;
        is_fine = false;
        const std::string name = found.text(row, 0);
        if (name == "synchronous_commit") {
            find(Severity::warning, "durability", name,
                 "synchronous_commit is off: rows that were reported as stored are lost when the server goes down "
                 "within "
                 "the next moments",
                 "set it to on, for the role, the database or the server");
        } else {
            find(Severity::critical, "durability", name,
                 fmt::format("{} is off: after a power cut the whole database may be damaged", name),
                 fmt::format("set {} = on in postgresql.conf and reload the server", name));
        }
    }
    if (is_fine) find(Severity::fine, "durability", {}, "fsync, full_page_writes and synchronous_commit are not off");
}

asio::awaitable<void> HealthCheck::look_at_connections(Deadline deadline) {
    // PostgreSQL 16 keeps some for another kind of role, too.
    const Result found = co_await ask(
        "SELECT pg_catalog.current_setting('max_connections')::bigint - "
        "pg_catalog.current_setting('superuser_reserved_connections')::bigint - "
        "coalesce(pg_catalog.current_setting('reserved_connections', true), '0')::bigint, "
        "(SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE datid IS NOT NULL), "
        "(SELECT datconnlimit::bigint FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()), "
        "(SELECT rolconnlimit::bigint FROM pg_catalog.pg_roles WHERE rolname = current_user)",
        deadline);
    const std::int64_t of_database = found.integer(0, 2);
    const std::int64_t of_role = found.integer(0, 3);
    std::int64_t allowed = found.integer(0, 0);
    if (of_database >= 0) allowed = std::min(allowed, of_database);
    if (of_role >= 0) allowed = std::min(allowed, of_role);
    const std::int64_t others =
        std::max<std::int64_t>(0, found.integer(0, 1) - static_cast<std::int64_t>(pool_->stats().size));
    const std::int64_t wanted = config_.postgres.pool_max_size;
    if (config_.postgres.transaction_pooler) {
        find(Severity::note, "connections", {},
             fmt::format("a pooler stands between: its own limits count; the server allows {}, and {} are connected",
                         allowed, found.integer(0, 1)));
    } else if (wanted > allowed) {
        find(Severity::warning, "connections", "pool.max_size",
             fmt::format("this pool may want {} connections, and the server allows {}", wanted, allowed),
             "a lower pool.max_size, or a higher limit (max_connections, or that of the role or the database)");
    } else if (others + wanted > allowed) {
        find(Severity::warning, "connections", "pool.max_size",
             fmt::format("{} others are connected, this pool may want {}, and the server allows {}", others, wanted,
                         allowed),
             "lower pool.max_size, here or of the others, or raise max_connections");
    } else {
        find(Severity::fine, "connections", {},
             fmt::format("this pool may want {}, {} others are connected, the server allows {}", wanted, others,
                         allowed));
    }
}

/// The reading whose round trip was the shortest tells best.
asio::awaitable<void> HealthCheck::look_at_clock(Deadline deadline) {
    using std::chrono::microseconds;
    const std::shared_ptr<const Clock> clock = config_.clock ? config_.clock : system_clock();
    microseconds ahead{0};
    auto shortest = std::chrono::steady_clock::duration::max();
    for (int reading = 0; reading < kClockReadings; ++reading) {
        const Timestamp sent = clock->now();
        const auto begun = std::chrono::steady_clock::now();
        const Result found = co_await ask("SELECT pg_catalog.clock_timestamp()", deadline);
        const auto took = std::chrono::steady_clock::now() - begun;
        if (took >= shortest) continue;
        shortest = took;
        ahead = found.time(0, 0) - sent - std::chrono::duration_cast<microseconds>(took / 2);
    }
    const std::string what =
        fmt::format("the server's clock is {:.1f} ms {} this machine's (round trip {:.1f} ms)",
                    static_cast<double>(std::abs(ahead.count())) / 1e3, ahead.count() < 0 ? "behind" : "ahead of",
                    std::chrono::duration<double, std::milli>(shortest).count());
    if (std::chrono::abs(ahead) <= kMaxClockSkew) {
        find(Severity::fine, "clock", {}, what);
    } else {
        find(Severity::warning, "clock", {}, what + ": ages of rows and what is called old are wrong by that",
             "let both machines keep time by NTP (chrony)");
    }
}

asio::awaitable<void> HealthCheck::look_at_disk(Deadline deadline) {
    const Result found = co_await ask("SELECT pg_catalog.pg_database_size(pg_catalog.current_database())", deadline);
    find(Severity::note, "disk", {},
         fmt::format("the database has {}; how much room the server's disk has left cannot be asked through SQL",
                     core::bytes_text(static_cast<double>(found.integer(0, 0)))),
         "watch the disk on the server's machine");
}

asio::awaitable<void> HealthCheck::look_at_triggers(Deadline deadline) {
    if (catalogue_.is_existing()) co_return;
    const std::string schema = literal(catalogue_.schema().text());
    const std::string sql = fmt::format(
        "WITH wanted AS (SELECT pg_catalog.to_regclass(pg_catalog.format('%I.%I', {0}::text, w.name)) AS relation, "
        "w.trigger FROM (VALUES ('exchanges', 'ids_stay'), ('exchanges', 'ids_stay_as_they_are'), ('exchanges', "
        "'all_ids_stay'), ('exchanges', 'tells_insert'), ('exchanges', 'tells_update'), ('symbols', 'ids_stay'), "
        "('symbols', 'ids_stay_as_they_are'), ('symbols', 'all_ids_stay'), ('symbols', 'tells_insert'), ('symbols', "
        "'tells_update'), ('book_ticker_snapshots', 'adds_rows'), ('trade_snapshots', 'adds_rows'), "
        "('funding_rate_snapshots', 'adds_rows'), ('balance_snapshots', 'adds_rows'), ('book_ticker_snapshots', "
        "'has_symbol'), ('trade_snapshots', 'has_symbol'), ('funding_rate_snapshots', 'has_symbol'), "
        "('balance_snapshots', 'has_exchange')) AS w (name, trigger)), "
        // A statement that names a partition fires the partition's own triggers alone.
        "everywhere AS (SELECT relation, trigger FROM wanted UNION ALL SELECT i.inhrelid, w.trigger FROM wanted AS w "
        "JOIN pg_catalog.pg_inherits AS i ON i.inhparent = w.relation JOIN pg_catalog.pg_class AS c ON c.oid = "
        "i.inhrelid WHERE c.relispartition) "
        "SELECT e.relation::text, e.trigger, t.tgname IS NOT NULL FROM everywhere AS e LEFT JOIN "
        "pg_catalog.pg_trigger AS t ON t.tgrelid = e.relation AND t.tgname = e.trigger WHERE e.relation IS NOT NULL "
        "AND coalesce(t.tgenabled NOT IN ('O', 'A'), true) ORDER BY 1, 2 LIMIT 100",
        schema);
    const Result found = co_await ask(sql, deadline);
    for (int row = 0; row < found.rows(); ++row) {
        const std::string table = found.text(row, 0);
        const std::string trigger = found.text(row, 1);
        const bool is_off = found.boolean(row, 2);
        find(
            Severity::critical, "triggers", table,
            fmt::format("the trigger {} is {}: what it keeps (known ids, counts of rows, news of changes) is no longer "
                        "certain",
                        trigger, is_off ? "switched off" : "missing"),
            is_off ? fmt::format("ALTER TABLE {} ENABLE TRIGGER {}", table, trigger)
                   : "make it anew, as the first migrations of the schema do");
    }
    if (found.rows() == 0) find(Severity::fine, "triggers", {}, "all are there and switched on");
}

/// Chunks of TimescaleDB, of our own hypertables or of an existing schema.
asio::awaitable<void> HealthCheck::look_at_chunks(Deadline deadline) {
    const Result views =
        co_await ask("SELECT pg_catalog.to_regclass('timescaledb_information.hypertables') IS NOT NULL", deadline);
    if (!views.boolean(0, 0)) co_return;
    const std::string sql = fmt::format(
        "SELECT h.hypertable_name::text, h.num_chunks::bigint, d.time_interval::text FROM "
        "timescaledb_information.hypertables AS h JOIN timescaledb_information.dimensions AS d USING "
        "(hypertable_schema, hypertable_name) WHERE h.hypertable_schema = {} AND d.dimension_number = 1 "
        "ORDER BY 1",
        literal(catalogue_.schema().text()));
    const Result found = co_await ask(sql, deadline);
    for (int row = 0; row < found.rows(); ++row) {
        const std::int64_t chunks = found.integer(row, 1);
        std::string what = fmt::format("{} chunks of TimescaleDB, each {} wide", chunks, found.text(row, 2));
        if (chunks <= kManyPartitions) {
            find(Severity::fine, "partitions", found.text(row, 0), std::move(what));
        } else {
            find(Severity::warning, "partitions", found.text(row, 0),
                 what + ": statements without bounds on time take seconds to plan, and many locks",
                 fmt::format("wider ones for new rows: SELECT set_chunk_time_interval('{}.{}', interval '1 day')",
                             catalogue_.schema().quoted(), found.text(row, 0)));
        }
    }
}

asio::awaitable<void> HealthCheck::look_at_jobs(Deadline deadline) {
    auto body = [deadline](Connection& connection) { return find_jobs(connection, deadline); };
    const std::vector<ServerJob> jobs = co_await on_connection(pool_, body, deadline);
    for (const ServerJob& job : jobs) {
        std::string what =
            fmt::format("job {} of the server runs {} every {}{}{}", job.id, job.what, job.every,
                        job.is_paused ? " (paused)" : "", job.settings.empty() ? "" : ", with " + job.settings);
        if (job.has_failed) {
            find(Severity::warning, "jobs", job.table, what + "; its last run failed",
                 fmt::format("SELECT * FROM timescaledb_information.job_errors WHERE job_id = {}", job.id));
        } else {
            find(Severity::note, "jobs", job.table, std::move(what));
        }
    }
}

/// On our own tables: on each piece an index that is valid, unique, and of the key in its order.
asio::awaitable<void> HealthCheck::look_at_indexes(const PhysicalTable& table, Deadline deadline) {
    if (!table.is_own()) {
        look_at_existing_indexes(table);
        co_return;
    }
    const std::string sql = fmt::format(
        "WITH pieces AS (SELECT {0} AS piece UNION ALL SELECT inhrelid FROM pg_catalog.pg_inherits WHERE inhparent = "
        "{0}) SELECT p.piece::regclass::text FROM pieces AS p WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_index AS i "
        "WHERE i.indrelid = p.piece AND i.indisvalid AND i.indisunique AND i.indpred IS NULL AND ARRAY(SELECT "
        "a.attname::text FROM pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, place) JOIN "
        "pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.number ORDER BY k.place) = {1}) "
        "ORDER BY 1 LIMIT 100",
        table_literal(table), key_array(*table.table));
    const Result found = co_await ask(sql, deadline);
    for (int row = 0; row < found.rows(); ++row) {
        const std::string piece = found.text(row, 0);
        find(Severity::critical, "indexes", piece,
             "the unique index of the key is missing or not valid: rows cannot be stored, and finding some reads all",
             fmt::format("CREATE UNIQUE INDEX ON {} ({})", piece, key_of(table)));
    }
    if (found.rows() == 0) {
        find(Severity::fine, "indexes", std::string(table.table->name), "the key's index is there and valid");
    }
}

void HealthCheck::look_at_existing_indexes(const PhysicalTable& table) {
    const std::string name(table.table->name);
    if (!table.existing->has_series_index) {
        std::vector<std::string> columns;
        for (const std::uint8_t index : table.table->series) {
            if (table.find(table.table->at(index)) != nullptr) columns.push_back(table.name_of(table.table->at(index)));
        }
        columns.push_back(table.name_of(*table.table->find(Role::event_time)));
        find(Severity::warning, "indexes", name,
             "no index begins with the series and the time: finding the newest row of a series reads whole chunks",
             fmt::format("CREATE INDEX ON {} ({}){}", table.name, fmt::join(columns, ", "),
                         table.is_chunked() ? " WITH (timescaledb.transaction_per_chunk)" : ""));
    }
    if (!table.existing->has_unique_key) {
        find(Severity::note, "indexes", name,
             "there is no unique key: only a lock among marketdb's own writers keeps a row from being stored twice");
    }
    if (table.existing->has_series_index && table.existing->has_unique_key) {
        find(Severity::fine, "indexes", name, "there is one of the series and the time, and a unique key");
    }
}

asio::awaitable<void> HealthCheck::look_at_orphans(const PhysicalTable& table, Deadline deadline) {
    const Table& logical = *table.table;
    const PhysicalTable& reference =
        catalogue_.table(logical.dataset == Dataset::balances ? table_of<Exchange>() : table_of<Symbol>());
    if (!table.is_own()) {
        const std::string keys_sql = fmt::format(
            "SELECT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conrelid = {} AND contype = 'f' AND "
            "convalidated AND confrelid = {})",
            table_literal(table), table_literal(reference));
        const Result keys = co_await ask(keys_sql, deadline);
        if (keys.boolean(0, 0)) {
            find(Severity::fine, "orphans", std::string(logical.name),
                 "a foreign key sees to it that each id is known");
            co_return;
        }
        if (!table.existing->has_series_index) {
            findings_.push_back(not_made("orphans", logical.name, "there is no foreign key, and no index to look by"));
            co_return;
        }
    }
    const std::string& column = table.name_of(logical.at(logical.series.front()));
    const std::string sql = orphans_sql(table.name, column, reference.name);
    const Result found = co_await ask(sql, deadline);
    findings_.push_back(orphans_finding(logical, found.integer(0, 0), found.integer(0, 1)));
}

/// Partitions of our own. Those of TimescaleDB are chunks (`look_at_chunks`).
asio::awaitable<void> HealthCheck::look_at_partitions(const PhysicalTable& table, Deadline deadline) {
    if (!table.is_own() || !table.is_partitioned || table.is_hypertable) co_return;
    const SchemaName& schema = catalogue_.schema();
    const std::string name(table.table->name);
    const std::string sql = fmt::format(
        "SELECT w.width, count(p.partition_name), coalesce(min(p.start_time)::date::text, ''), "
        "coalesce(max(p.end_time)::date::text, ''), count(*) FILTER (WHERE p.start_time <= pg_catalog.now() AND "
        "pg_catalog.now() < p.end_time), count(*) FILTER (WHERE p.start_time > pg_catalog.now()) FROM {} AS w LEFT "
        "JOIN LATERAL {}(w.table_name) AS p ON true WHERE w.table_name = {} GROUP BY w.width",
        schema.table("partitioning"), schema.table("marketdb_partitions"), literal(name));
    const Result found = co_await ask(sql, deadline);
    if (found.rows() == 0) {
        find(Severity::critical, "partitions", name, "`partitioning` has no row for this table: none can be made",
             fmt::format("INSERT INTO {} (dataset, table_name) VALUES ('{}', '{}')", schema.table("partitioning"),
                         to_string(*table.table->dataset), name));
        co_return;
    }
    const std::int64_t count = found.integer(0, 1);
    const std::string width = found.text(0, 0);
    if (count == 0) {
        find(Severity::fine, "partitions", name,
             fmt::format("none yet; rows have one made when they need it, a {} wide", width));
        co_return;
    }
    const std::string what = fmt::format("{} in all, from {} to {}, {} ahead of now; new ones are a {} wide", count,
                                         found.text(0, 2), found.text(0, 3), found.integer(0, 5), width);
    if (count > kManyPartitions) {
        find(Severity::warning, "partitions", name,
             what + ": statements without bounds on time take seconds to plan, and many locks",
             "keep less (`marketdb cleanup`), or make new ones a month wide: UPDATE " + schema.table("partitioning") +
                 " SET width = 'month'");
    } else {
        find(Severity::fine, "partitions", name, what);
    }
}

}  // namespace marketdb::storage::postgres
