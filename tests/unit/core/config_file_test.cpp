#include <marketdb/config.hpp>
#include <marketdb/error.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <unistd.h>

#include <gtest/gtest.h>

namespace marketdb {
namespace {

constexpr std::string_view kFilePassword = "c4n4ry";

/// A file of its own in a folder that goes with the test; variables that tests set go too.
class ConfigFile : public testing::Test {
 protected:
    ConfigFile() : folder_(std::filesystem::temp_directory_path() / ("marketdb-config-" + std::to_string(::getpid()))) {
        std::filesystem::create_directories(folder_);
        ::unsetenv("DB_PASSWORD");
    }
    ~ConfigFile() override {
        std::filesystem::remove_all(folder_);
        for (const char* name : {"MDB_HOST", "MDB_PORT", "MDB_EMPTY", "MDB_PASSWORD", "DB_PASSWORD"}) ::unsetenv(name);
    }

    std::filesystem::path write(std::string_view text) const {
        const auto file = folder_ / "config.yaml";
        std::ofstream(file, std::ios::binary) << text;
        return file;
    }

    Config read(std::string_view text) const { return Config::from_file(write(text)); }

    /// The message, without the folder.
    std::string refusal_of(std::string_view text) const {
        try {
            static_cast<void>(Config::from_file(write(text)));
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
            std::string message = error.what();
            const std::string prefix = (folder_ / "").string();
            EXPECT_EQ(message.substr(0, prefix.size()), prefix);
            EXPECT_EQ(message.find(kFilePassword), std::string::npos) << message;
            return message.substr(prefix.size());
        }
        ADD_FAILURE() << "accepted: " << text;
        return {};
    }

    std::filesystem::path folder_;
};

TEST_F(ConfigFile, OfAnInstallationIsReadAsItIs) {
    ::setenv("MDB_HOST", "db.example", 1);
    ::setenv("MDB_PORT", "6543", 1);
    ::setenv("MDB_PASSWORD", "it's \"quoted\": \\ and #odd ${MDB_HOST}", 1);
    const Config config = read(R"(
environment: {broken: "${NOT_SET_AT_ALL}"}
database:
  host: "${MDB_HOST}"
  port: "${MDB_PORT}"
  database: "${MDB_DB:market}"
  username: me
  password: "${MDB_PASSWORD}"
  pool: {min_size: 5, max_size: 15, max_queries: 50001, max_inactive_connection_lifetime: 300.5, command_timeout: 10.25}
  performance: {statement_cache_size: 1000, enable_asyncpg_record: true, enable_connection_logging: false}
  migrations: {enabled: true, directory: "db/${NOT_SET_AT_ALL}"}
)");
    EXPECT_EQ(config.engine, EngineKind::postgres);
    EXPECT_EQ(config.postgres.host, "db.example");
    EXPECT_EQ(config.postgres.port, 6543);
    EXPECT_EQ(config.postgres.database, "market");
    EXPECT_EQ(config.postgres.username, "me");
    EXPECT_EQ(config.postgres.password, "it's \"quoted\": \\ and #odd ${MDB_HOST}");
    EXPECT_EQ(config.postgres.pool_min_size, 5U);
    EXPECT_EQ(config.postgres.pool_max_size, 15U);
    EXPECT_EQ(config.postgres.max_queries, 50'001U);
    EXPECT_EQ(config.postgres.max_idle_seconds, 300.5);
    EXPECT_EQ(config.command_timeout, std::chrono::milliseconds(10'250));
    EXPECT_EQ(config.postgres.statement_cache_size, 1000U);
    EXPECT_TRUE(config.migrate);

    ASSERT_EQ(config.notices.size(), 3U);
    const std::string file = (folder_ / "config.yaml").string();
    EXPECT_EQ(config.notices[0],
              file + ":10: database.performance.enable_asyncpg_record: has no meaning here and is ignored");
    EXPECT_EQ(config.notices[1],
              file + ":10: database.performance.enable_connection_logging: has no meaning here and is ignored");
    EXPECT_EQ(config.notices[2], file + ":11: database.migrations.directory: has no meaning here and is ignored");
}

TEST_F(ConfigFile, MayNameAnEmbeddedDatabase) {
    const Config config = read(R"(
database:
  url: "sqlite:data/market.db?mode=ro"
  pool:
  cache: {reference_ttl_seconds: 60, latest_ttl_seconds: 1.5, poll_interval_seconds: 0.1}
  sqlite: {busy_timeout_seconds: 0, reader_threads: 4}
  migrations: {enabled: off}
  allow_rounding: "Yes"
  legacy_clock: event
  hypertables: true
)");
    EXPECT_EQ(config.engine, EngineKind::sqlite);
    EXPECT_EQ(config.sqlite_path, "data/market.db");
    EXPECT_EQ(config.open_mode, OpenMode::read_only);
    EXPECT_EQ(config.reference_ttl, std::chrono::seconds(60));
    EXPECT_EQ(config.latest_ttl, std::chrono::milliseconds(1500));
    EXPECT_EQ(config.poll_interval, std::chrono::milliseconds(100));
    EXPECT_EQ(config.busy_timeout, std::chrono::milliseconds(0));
    EXPECT_EQ(config.reader_threads, 4U);
    EXPECT_FALSE(config.migrate);
    EXPECT_TRUE(config.allow_rounding);
    EXPECT_EQ(config.legacy_clock, LegacyClock::event);
    EXPECT_TRUE(config.postgres.hypertables);
    EXPECT_TRUE(config.notices.empty());
}

TEST_F(ConfigFile, MayHoldAPostgresUrl) {
    const Config config = read("database: {url: 'postgresql://me:c4n4ry@h/db?schema=desk'}\n");
    EXPECT_EQ(config.engine, EngineKind::postgres);
    EXPECT_EQ(config.postgres.schema, "desk");
    EXPECT_EQ(config.redacted_url(), "postgresql://me:***@h/db?schema=desk");
}

TEST_F(ConfigFile, DefaultsApplyWhereAVariableIsUnset) {
    ::setenv("MDB_EMPTY", "", 1);
    const Config config = read(R"(
database:
  host: "a-${MDB_HOST:b}-c"
  database: "${MDB_EMPTY:-fallback}"
  username: "${1}${MDB_HOST:me}${"
  schema: "${MDB_EMPTY:other}"
  pool: {min_size: "${MDB_PORT:-5}"}
)");
    EXPECT_EQ(config.postgres.host, "a-b-c");
    EXPECT_EQ(config.postgres.database, "fallback");
    EXPECT_EQ(config.postgres.username, "${1}me${");
    EXPECT_EQ(config.postgres.schema, "");
    EXPECT_EQ(config.postgres.pool_min_size, 5U);
    ASSERT_EQ(config.notices.size(), 2U);
    const std::string file = (folder_ / "config.yaml").string();
    EXPECT_EQ(config.notices[0], file +
                                     ":4: database.database: ${MDB_EMPTY:-...} gives what follows the dash; earlier "
                                     "programs kept the dash");
    EXPECT_EQ(config.notices[1],
              file +
                  ":7: database.pool.min_size: ${MDB_PORT:-...} gives what follows the dash; earlier "
                  "programs kept the dash");
}

TEST_F(ConfigFile, UnsetVariableIsNamedWithItsLine) {
    EXPECT_EQ(refusal_of("database:\n  host: h\n  database: d\n  username: '${MDB_HOST}${MDB_PORT}'\n"),
              "config.yaml:4: database.username: environment variable MDB_HOST, MDB_PORT is not set");
}

TEST_F(ConfigFile, EmptyPasswordComesFromTheEnvironment) {
    ::setenv("DB_PASSWORD", "from env", 1);
    const std::string_view parts = "database: {host: h, database: d, username: u, password: ''}\n";
    EXPECT_EQ(read(parts).postgres.password, "from env");
    EXPECT_EQ(read("database: {host: h, database: d, username: u, password: own}\n").postgres.password, "own");
    ::unsetenv("DB_PASSWORD");
    EXPECT_EQ(read(parts).postgres.password, "");
    EXPECT_EQ(read("database: {host: h, database: d, username: u, password: }\n").postgres.password, "");
}

TEST_F(ConfigFile, RequiredKeysAreNamed) {
    EXPECT_EQ(refusal_of("x: 1\ndatabase:\n  database: d\n  username: u\n"),
              "config.yaml:3: database.host: is missing (or give url: sqlite:market.db)");
    EXPECT_EQ(refusal_of("database: {host: h, username: u}\n"),
              "config.yaml:1: database.database: is missing (or give url: sqlite:market.db)");
    EXPECT_EQ(refusal_of("database: {host: h, database: d}\n"),
              "config.yaml:1: database.username: is missing (or give url: sqlite:market.db)");
    EXPECT_EQ(refusal_of("database: {host: '', database: d, username: u}\n"), "config.yaml:1: database.host: is empty");
}

TEST_F(ConfigFile, UnknownKeyIsAnError) {
    EXPECT_EQ(refusal_of("database:\n  url: 'sqlite:a'\n  pool:\n    mx_size: 5\n"),
              "config.yaml:4: database.pool.mx_size: is unknown; expected min_size, max_size, max_queries, "
              "max_inactive_connection_lifetime, max_lifetime, command_timeout");
    EXPECT_EQ(
        refusal_of("database:\n  urll: 'sqlite:a'\n"),
        "config.yaml:2: database.urll: is unknown; expected url, host, port, database, username, password, schema, "
        "pool, pooler, performance, migrations, cache, sqlite, allow_rounding, legacy_clock, hypertables");
    EXPECT_EQ(refusal_of("database:\n  'password c4n4ry': \n").substr(0, 57),
              "config.yaml:2: database.(a key that is no word): is unkno");
    EXPECT_EQ(refusal_of("database:\n  [c4n4ry]: 1\n").substr(0, 50),
              "config.yaml:2: database.: is unknown; expected url");
}

TEST_F(ConfigFile, SameKeyTwiceIsAnError) {
    EXPECT_EQ(refusal_of("database:\n  url: 'sqlite:a'\n  url: 'sqlite:b'\n"),
              "config.yaml:3: database.url: is there twice");
    EXPECT_EQ(refusal_of("database: {url: 'sqlite:a'}\ndatabase: {url: 'sqlite:b'}\n"),
              "config.yaml:2: database: is there twice");
}

TEST_F(ConfigFile, UrlStandsAlone) {
    EXPECT_EQ(refusal_of("database:\n  url: 'sqlite:a'\n  password: c4n4ry\n"),
              "config.yaml:3: database.password: must not stand beside url");
}

TEST_F(ConfigFile, WrongValueIsNamedButNeverShown) {
    const auto with = [this](const std::string& line) {
        return refusal_of("database:\n  host: h\n  database: d\n  username: u\n  " + line + "\n");
    };
    EXPECT_EQ(with("port: c4n4ry"), "config.yaml:5: database.port: must be a whole number from 1 to 65535");
    EXPECT_EQ(with("port: ''"), "config.yaml:5: database.port: must be a whole number from 1 to 65535");
    EXPECT_EQ(with("port: 0"), "config.yaml:5: database.port: must be a whole number from 1 to 65535");
    EXPECT_EQ(with("port: 65536"), "config.yaml:5: database.port: must be a whole number from 1 to 65535");
    EXPECT_EQ(with("port: 5432.0"), "config.yaml:5: database.port: must be a whole number from 1 to 65535");
    EXPECT_EQ(with("password: [c4n4ry]"), "config.yaml:5: database.password: must be one value");
    EXPECT_EQ(with("password: {c4n4ry: 1}"), "config.yaml:5: database.password: must be one value");
    EXPECT_EQ(with("pool: c4n4ry").substr(0, 51), "config.yaml:5: database.pool: must hold keys: min_s");
    EXPECT_EQ(with("pool: {command_timeout: 0}"),
              "config.yaml:5: database.pool.command_timeout: must be a number of seconds above 0");
    EXPECT_EQ(with("pool: {command_timeout: 1e-9}"),
              "config.yaml:5: database.pool.command_timeout: must be at least a microsecond");
    EXPECT_EQ(with("pool: {command_timeout: .inf}"),
              "config.yaml:5: database.pool.command_timeout: must be a number of seconds above 0");
    EXPECT_EQ(with("pool: {max_inactive_connection_lifetime: -1}"),
              "config.yaml:5: database.pool.max_inactive_connection_lifetime: must be a number of seconds, 0 or more");
    EXPECT_EQ(with("migrations: {enabled: maybe}"),
              "config.yaml:5: database.migrations.enabled: must be true or false");
    EXPECT_EQ(with("sqlite: {reader_threads: 17}"),
              "config.yaml:5: database.sqlite.reader_threads: must be a whole number from 1 to 16");
    EXPECT_EQ(with("legacy_clock: sometimes"), "config.yaml:5: database.legacy_clock: must be received or event");
    EXPECT_EQ(with("pool: {min_size: 9, max_size: 8}"),
              "config.yaml:5: database.pool.max_size: 8 is less than min_size 9");
    EXPECT_EQ(with("pool: {min_size: 21}"), "config.yaml:5: database.pool.max_size: 20 is less than min_size 21");
}

TEST_F(ConfigFile, WrongUrlIsNamedRedacted) {
    EXPECT_EQ(refusal_of("database:\n\n  url: 'mysql://me:c4n4ry@h/db'\n"),
              "config.yaml:3: database.url: 'mysql://me:***@h/db' is no database URL; expected sqlite:market.db, "
              "sqlite::memory: or postgresql://user@host/database");
    EXPECT_EQ(refusal_of("database: {url: }\n"), "config.yaml:1: database.url: is empty");
    refusal_of("database: {url postgresql://me:c4n4ry@h/db}\n");
    refusal_of("database: postgresql://me:c4n4ry@h/db\n");
}

TEST_F(ConfigFile, BrokenYamlIsNamedWithItsPlace) {
    EXPECT_EQ(refusal_of("a: 1\ndatabase: {password: \"c4n4ry\\q\"}\n"), "config.yaml:2: column 31: is not valid YAML");
    EXPECT_EQ(refusal_of("database: [c4n4ry\n").substr(0, 12), "config.yaml:");
}

TEST_F(ConfigFile, WithoutTheSectionIsAnError) {
    EXPECT_EQ(refusal_of("logging: {}\n"), "config.yaml: has no database: section");
    EXPECT_EQ(refusal_of(""), "config.yaml: has no database: section");
    EXPECT_EQ(refusal_of("- database\n"), "config.yaml: has no database: section");
    EXPECT_EQ(refusal_of("[a]: 1\n"), "config.yaml: has no database: section");
    EXPECT_EQ(refusal_of("a: 1\ndatabase: text\n"),
              "config.yaml:2: database: must hold keys: url, or host, database and username");
}

TEST_F(ConfigFile, ThatCannotBeReadIsNamed) {
    const auto message = [](const std::filesystem::path& file) {
        try {
            static_cast<void>(Config::from_file(file));
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
            return std::string(error.what());
        }
        return std::string();
    };
    EXPECT_EQ(message(folder_ / "none.yaml"), (folder_ / "none.yaml").string() + ": there is no such file");
    EXPECT_EQ(message(folder_), folder_.string() + ": cannot be read");
}

TEST_F(ConfigFile, SectionCanBeLookedFor) {
    EXPECT_TRUE(Config::has_database_section(write("database: {url: 'sqlite:a'}\n")));
    EXPECT_TRUE(Config::has_database_section(write("a: 1\ndatabase:\n")));
    EXPECT_FALSE(Config::has_database_section(write("a: 1\n")));
    EXPECT_FALSE(Config::has_database_section(write("database: [\n")));
    EXPECT_FALSE(Config::has_database_section(folder_ / "none.yaml"));
    EXPECT_FALSE(Config::has_database_section(folder_));
}

}  // namespace
}  // namespace marketdb
