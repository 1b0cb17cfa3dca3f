#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <marketdb/config.hpp>
#include <marketdb/database_manager.hpp>
#include <marketdb/roles.hpp>
#include <marketdb/time.hpp>

#include "storage/engine.hpp"
#include "support/existing_schema.hpp"
#include "support/postgres_server.hpp"
#include "support/postgres_session.hpp"
#include "support/rows.hpp"
#include "support/sqlite_file.hpp"

namespace marketdb::testing {

/// A lock that another program holds: nobody writes until it is released, everybody reads.
class ForeignWriteLock {
 public:
    ForeignWriteLock() = default;
    virtual ~ForeignWriteLock() = default;
    ForeignWriteLock(const ForeignWriteLock&) = delete;
    ForeignWriteLock& operator=(const ForeignWriteLock&) = delete;

    virtual void release() = 0;
};

/// Something that the contract suite runs against. What a target cannot do is asked here, never by its name.
///
/// `folder` is that of the test, and tells one database from another. The functions of another program are null where
/// none can reach the data (see `is_shared`).
struct EngineTarget {
    using Folder = std::filesystem::path;

    std::string name;                             ///< As in the names of tests: `SqliteFile`.
    std::function<Config(const Folder&)> config;  ///< Settings for the database of the folder.
    /// The same for a user who may make and migrate the tables; null: everybody may.
    std::function<Config(const Folder&)> owner_config;
    /// Before and after each test; null: there is nothing to do. Then the database has no rows, or is absent.
    std::function<void(const Folder&)> set_up;
    /// Takes the tables away; null: none are there before the first opening.
    std::function<void(const Folder&)> make_empty;
    std::function<void(const Folder&)> tear_down;

    std::function<std::string(const Folder&)> shown;  ///< What messages call the database, at least.

    // What another program does.
    std::function<void(const Folder&, const std::string& sql)> run_sql;
    std::function<Lines(const Folder&, const std::string& sql)> query;  ///< Columns joined by `|`.
    std::function<Lines(const Folder&)> tables;                         ///< Names, sorted.
    std::function<std::unique_ptr<ForeignWriteLock>(const Folder&)> lock_writes;
    std::function<std::string(Timestamp)> sql_time;  ///< A time as the tables hold it, in an SQL statement.

    bool is_shared = true;         ///< A second manager, in this process or another, can open the same data.
    bool is_file = true;           ///< The data is a file in the folder that a test may damage.
    bool has_busy_timeout = true;  ///< Gives up behind a lock after `Config::busy_timeout`, else at the deadline.
    bool has_partitions = false;   ///< Of book tickers and trades, a month wide: a clean-up takes whole ones.
    storage::Capabilities can;     ///< What rows the store can hold: see allowed_differences.hpp.
};

inline std::ostream& operator<<(std::ostream& out, const EngineTarget& target) { return out << target.name; }

// --- SQLite ------------------------------------------------------------------------------------------------------------

namespace sqlite_target {

inline std::filesystem::path file(const std::filesystem::path& folder) { return folder / "market.db"; }

inline Lines tables(const std::filesystem::path& folder) {
    if (!std::filesystem::exists(file(folder))) return {};
    return SqliteFile(file(folder)).rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name");
}

class WriteLock final : public ForeignWriteLock {
 public:
    explicit WriteLock(const std::filesystem::path& folder) : file_(file(folder)) { file_.run("BEGIN IMMEDIATE"); }
    void release() override { file_.run("ROLLBACK"); }

 private:
    SqliteFile file_;
};

}  // namespace sqlite_target

inline EngineTarget sqlite_file_target() {
    EngineTarget target;
    target.name = "SqliteFile";
    target.config = [](const std::filesystem::path& folder) {
        return Config::from_url("sqlite:" + sqlite_target::file(folder).string());
    };
    target.shown = [](const std::filesystem::path&) { return "market.db"; };
    target.run_sql = [](const std::filesystem::path& folder, const std::string& sql) {
        SqliteFile(sqlite_target::file(folder)).run(sql);
    };
    target.query = [](const std::filesystem::path& folder, const std::string& sql) {
        return SqliteFile(sqlite_target::file(folder)).rows(sql);
    };
    target.tables = &sqlite_target::tables;
    target.lock_writes = [](const std::filesystem::path& folder) {
        return std::make_unique<sqlite_target::WriteLock>(folder);
    };
    target.sql_time = [](Timestamp time) { return std::to_string(time.time_since_epoch().count()); };
    return target;
}

inline EngineTarget sqlite_memory_target() {
    EngineTarget target;
    target.name = "SqliteMemory";
    target.config = [](const std::filesystem::path&) { return Config::from_url("sqlite::memory:"); };
    target.is_shared = false;
    target.is_file = false;
    return target;
}

// --- PostgreSQL --------------------------------------------------------------------------------------------------------

/// A schema of its own for each test, in the database of the shared server, owned by the role that marketdb connects as.
namespace postgres_target {

/// `Desk_Xa3f9Q` of `marketdb-test-Xa3f9Q`. Always a name that has to be quoted.
inline std::string schema(const std::filesystem::path& folder) {
    const std::string name = folder.filename().string();
    return "Desk_" + name.substr(name.rfind('-') + 1);
}

/// A connection whose statements find the tables of the schema.
inline std::unique_ptr<PostgresSession> open(const std::filesystem::path& folder) {
    const PostgresEndpoint& server = PostgresServer::shared();
    auto session = std::make_unique<PostgresSession>(server.conninfo(kTestDatabase, kTestRole));
    session->run("SET search_path TO " + quoted_identifier(schema(folder)));
    return session;
}

inline Lines tables(const std::filesystem::path& folder) {
    return open(folder)->rows("SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = " +
                              quoted_text(schema(folder)) + " ORDER BY tablename COLLATE \"C\"");
}

/// Of any role. Hundreds of managers are opened one after another: none makes connections that it does not need.
inline Config config(const std::filesystem::path& folder, const std::string& parameters = {}) {
    Config settings = Config::from_url(PostgresServer::shared().url("schema=" + schema(folder) + parameters));
    settings.postgres.pool_min_size = 1;
    settings.postgres.pool_max_size = 8;
    settings.postgres.hypertables = tests_hypertables();
    return settings;
}

inline void make_schema(const std::filesystem::path& folder) {
    open(folder)->run("CREATE SCHEMA " + quoted_identifier(schema(folder)));
}

/// A role that owns nothing, the same in all tests; what it may do comes from the script of `marketdb init --roles`.
inline constexpr const char* kWriter = "contract_writer";

/// Makes the tables as their owner and lets the writer in.
inline void make_tables(const std::filesystem::path& folder) {
    make_schema(folder);
    const Config owner = config(folder);
    DatabaseManager manager(owner);
    manager.wait(manager.initialize());
    manager.wait(manager.close());
    if (tests_hypertables()) {
        // 30 days of TimescaleDB are no calendar month, by which the tests go.
        open(folder)->run(
            "SELECT public.set_chunk_time_interval(one, interval '1 day') FROM unnest('{book_ticker_snapshots, "
            "trade_snapshots}'::regclass[]) AS one");
    }
    const RoleScripts scripts = role_scripts(owner, {.owner = std::string(kTestRole), .writer = kWriter, .reader = {}});
    PostgresServer::shared().run_sql(kTestDatabase, scripts.writer);
}

/// Fails rather than wait for somebody who has left a transaction open. A write that was cancelled may still end beside it,
/// and lock tables in another order.
inline void drop_schema(const std::filesystem::path& folder) {
    constexpr int kTries = 5;
    const std::string drop =
        "SET lock_timeout = '30s'; DROP SCHEMA IF EXISTS " + quoted_identifier(schema(folder)) + " CASCADE";
    for (int i = 1;; ++i) {
        try {
            return open(folder)->run(drop);
        } catch (const std::exception& failure) {
            const bool is_deadlock = std::string_view(failure.what()).find("deadlock") != std::string_view::npos;
            if (!is_deadlock || i == kTries) throw;
        }
    }
}

/// An empty schema instead.
inline void make_empty(const std::filesystem::path& folder) {
    drop_schema(folder);
    make_schema(folder);
}

class WriteLock final : public ForeignWriteLock {
 public:
    explicit WriteLock(const std::filesystem::path& folder) : session_(open(folder)) {
        std::string all;
        for (const std::string& table : tables(folder)) all += (all.empty() ? "" : ", ") + quoted_identifier(table);
        session_->run("BEGIN; LOCK TABLE " + all + " IN EXCLUSIVE MODE");
    }
    void release() override { session_->run("ROLLBACK"); }

 private:
    std::unique_ptr<PostgresSession> session_;
};

}  // namespace postgres_target

/// marketdb's own schema on PostgreSQL, used by a role that owns nothing.
inline EngineTarget postgres_lean_target() {
    EngineTarget target;
    target.name = "PostgresLean";
    target.config = [](const std::filesystem::path& folder) {
        return postgres_target::config(folder, std::string("&user=") + postgres_target::kWriter);
    };
    target.owner_config = [](const std::filesystem::path& folder) { return postgres_target::config(folder); };
    target.shown = &postgres_target::schema;
    target.set_up = &postgres_target::make_tables;
    target.make_empty = &postgres_target::make_empty;
    target.tear_down = &postgres_target::drop_schema;
    target.run_sql = [](const std::filesystem::path& folder, const std::string& sql) {
        postgres_target::open(folder)->run(sql);
    };
    target.query = [](const std::filesystem::path& folder, const std::string& sql) {
        return postgres_target::open(folder)->rows(sql);
    };
    target.tables = &postgres_target::tables;
    target.lock_writes = [](const std::filesystem::path& folder) {
        return std::make_unique<postgres_target::WriteLock>(folder);
    };
    target.sql_time = [](Timestamp time) { return "timestamptz " + quoted_text(to_string(time)); };
    target.is_file = false;
    target.has_busy_timeout = false;
    target.has_partitions = true;
    return target;
}

/// The tables of the programs that marketdb replaces. They keep one time; the tests' rows say when something happened.
inline EngineTarget postgres_existing_target() {
    EngineTarget target = postgres_lean_target();
    target.name = "PostgresExisting";
    target.config = [](const std::filesystem::path& folder) {
        Config settings = postgres_target::config(folder);
        settings.legacy_clock = LegacyClock::event;
        return settings;
    };
    target.owner_config = target.config;
    target.set_up = [](const std::filesystem::path& folder) {
        postgres_target::make_schema(folder);
        make_existing_tables(*postgres_target::open(folder), "complete");
    };
    target.has_partitions = false;
    target.can.keeps_sequence = false;
    target.can.keeps_received_at = false;
    target.can.exact_doubles = false;
    target.can.unknown_side = false;
    target.can.unique_trades = false;
    target.can.dated_contracts = false;
    target.can.own_tables = false;
    target.can.keeps_sources = false;
    return target;
}

// --- all ---------------------------------------------------------------------------------------------------------------

/// Whether the suites run on PostgreSQL too.
inline constexpr bool kRunOnPostgres = true;

/// Every engine that the suite knows.
inline std::vector<EngineTarget> all_engines() {
    std::vector<EngineTarget> targets{sqlite_file_target(), sqlite_memory_target()};
    if (kRunOnPostgres) targets.push_back(postgres_lean_target());
    if (kRunOnPostgres) targets.push_back(postgres_existing_target());
    return targets;
}

/// Those whose data a second manager can open.
inline std::vector<EngineTarget> shared_engines() {
    std::vector<EngineTarget> targets = all_engines();
    std::erase_if(targets, [](const EngineTarget& target) { return !target.is_shared; });
    return targets;
}

}  // namespace marketdb::testing
