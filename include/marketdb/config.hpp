#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <marketdb/clock.hpp>
#include <marketdb/log.hpp>

namespace marketdb {

/// Which engine keeps the data.
enum class EngineKind : std::uint8_t { sqlite, postgres };

/// How a database is opened.
enum class OpenMode : std::uint8_t {
    create,     ///< Made, with its tables, if it does not exist or is empty.
    existing,   ///< Must exist and hold marketdb's tables; nothing is created.
    read_only,  ///< As existing, and no statement writes. Needs no right to write the file.
};

/// What `timestamp` of book tickers, funding rates and balances is in an existing PostgreSQL schema, which has no column
/// for the other one. Trades always carry the exchange's time there.
enum class LegacyClock : std::uint8_t {
    received,  ///< When we got the row, as the programs that marketdb replaces write it. Rows must say it; it is read as both.
    event,  ///< When the exchange says it happened. `received_at` is not kept.
};

/// Connection of a PostgreSQL database, as read from a URL or a `database:` section.
struct PostgresConfig {
    std::string conninfo;  ///< A libpq URL or keyword string, if given as one.
    std::string host;
    std::uint16_t port = 0;
    std::string database;
    std::string username;
    std::string password;  ///< Never printed.
    std::string schema;    ///< `schema=`; empty is the server's search_path.
    std::uint32_t pool_min_size = 5;
    std::uint32_t pool_max_size = 20;
    std::uint32_t max_queries = 50'000;  ///< Accepted; connections are renewed by lifetime.
    double max_idle_seconds = 300;
    double max_lifetime_seconds = 3600;  ///< A connection is renewed after it. 0: never.
    /// A pooler such as PgBouncer stands between and gives each transaction another session: statements are not prepared,
    /// settings are made within transactions only.
    bool transaction_pooler = false;
    std::uint32_t statement_cache_size = 1024;
    /// Where the tables are made: book tickers and trades become hypertables of TimescaleDB (2.18 or newer, either edition).
    bool hypertables = false;
    /// Of an existing schema: makes, in a schema named `marketdb` beside it, tables for sources and for rows that were set aside,
    /// where the configuration may create. Without it they are used where they are.
    bool side_tables = false;
};

/// All settings of a `DatabaseManager`. Every member has a default that suits an embedded database.
struct Config {
    EngineKind engine = EngineKind::sqlite;
    std::string sqlite_path = "marketdb.db";  ///< `:memory:` for a database that lives as long as the manager.
    PostgresConfig postgres;

    OpenMode open_mode = OpenMode::create;
    bool migrate = false;  ///< Apply marketdb's own pending migrations at `initialize()`.

    std::chrono::microseconds command_timeout = std::chrono::seconds(60);  ///< Default deadline. 0: none.
    std::chrono::microseconds reference_ttl =
        std::chrono::seconds(300);  ///< Exchanges and symbols are read again after it.
    std::chrono::microseconds latest_ttl = std::chrono::seconds(30);  ///< Latest rows leave memory after it.
    std::chrono::microseconds poll_interval =
        std::chrono::milliseconds(250);         ///< How often changes of others are looked for.
    std::size_t max_pending_operations = 1024;  ///< Beyond it an operation fails with `resource_exhausted`.

    std::chrono::milliseconds busy_timeout = std::chrono::seconds(5);  ///< SQLite: wait for another process's write.
    std::uint32_t reader_threads = 2;                                  ///< SQLite: 1 to 16.
    std::uint64_t wal_checkpoint_bytes = 4ULL
                                         << 20;   ///< SQLite: fold the log back when it is this long and nobody reads.
    std::uint64_t wal_limit_bytes = 64ULL << 20;  ///< SQLite: a longer log makes the writer wait for its checkpoint.
    bool allow_rounding = false;  ///< Existing PostgreSQL schema: store values that it rounds by more than 1e-6.
    LegacyClock legacy_clock = LegacyClock::received;  ///< Existing PostgreSQL schema.

    std::string program;                 ///< Named in `sources`; empty: `marketdb <version>`.
    std::shared_ptr<const Clock> clock;  ///< Null: the machine's.
    LogHook log;                         ///< Null: nothing is said.
    std::vector<std::string> set_keys;   ///< The keys that the URL or the file gave: `url`, `cache.latest_ttl_seconds`.
    std::vector<std::string> notices;    ///< What reading the configuration had to say (ignored keys), once each.

    /// `sqlite:market.db`, `sqlite:/abs/path.db`, `sqlite::memory:`, `postgresql://user@host/db?schema=desk`,
    /// `postgres://...`. Both may carry `mode=ro`; PostgreSQL also `pooler=transaction` and
    /// `legacy_clock=event`.
    ///
    /// Errors: invalid_argument  unknown scheme or parameter; the message holds the URL redacted.
    [[nodiscard]] static Config from_url(std::string_view url);

    /// Reads the `database:` section of a YAML file; all other sections are ignored. Values may hold `${NAME}` (unset is
    /// an error), `${NAME:default}` and `${NAME:-default}`, expanded after parsing. Keys: either `url`, or `host`, `port`,
    /// `database`, `username`, `password` (empty: `$DB_PASSWORD`), `schema`; `pool: {min_size, max_size, max_queries,
    /// max_inactive_connection_lifetime, max_lifetime, command_timeout}`, `pooler`, `performance: {statement_cache_size}`, `migrations: {enabled}`,
    /// `cache: {reference_ttl_seconds, latest_ttl_seconds, poll_interval_seconds}`, `sqlite: {busy_timeout_seconds,
    /// reader_threads}`, `allow_rounding`, `legacy_clock`, `hypertables`. Keys that only the old driver knew give one notice each.
    ///
    /// Errors: invalid_argument  no such file, no `database:` section, an unknown key, a wrong value, an unset variable;
    ///                           names file, line and key. A value that may be secret is not shown.
    [[nodiscard]] static Config from_file(const std::filesystem::path& file);

    /// Whether the YAML file has a `database:` section (false if it does not exist or is no YAML).
    [[nodiscard]] static bool has_database_section(const std::filesystem::path& file) noexcept;

    /// The target as it may be shown: `sqlite:market.db`, `postgresql://user:***@host:5432/db`.
    [[nodiscard]] std::string redacted_url() const;

    /// Checks ranges that `from_url` and `from_file` do not set.
    ///
    /// Errors: invalid_argument  names the setting and its range.
    void validate() const;
};

/// `0.1.0`.
[[nodiscard]] std::string_view version() noexcept;

}  // namespace marketdb
