#include <marketdb/config.hpp>
#include <marketdb/error.hpp>

#include <functional>
#include <string>

#include <gtest/gtest.h>

#include "core/redact.hpp"

namespace marketdb {
namespace {

using namespace std::string_literals;

constexpr std::string_view kCanary = "c4n4ry";

std::string refusal_of(std::string_view url) {
    try {
        static_cast<void>(Config::from_url(url));
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
        return error.what();
    }
    ADD_FAILURE() << "accepted: " << url;
    return {};
}

TEST(ConfigUrl, NamesASqliteFile) {
    const Config config = Config::from_url("sqlite:market.db");
    EXPECT_EQ(config.engine, EngineKind::sqlite);
    EXPECT_EQ(config.sqlite_path, "market.db");
    EXPECT_EQ(config.open_mode, OpenMode::create);
    EXPECT_EQ(config.redacted_url(), "sqlite:market.db");
    EXPECT_EQ(Config::from_url("sqlite:/abs/path.db").sqlite_path, "/abs/path.db");
    EXPECT_EQ(Config::from_url("SQLite:a b%20'\xc3\xa4.db").sqlite_path, "a b%20'\xc3\xa4.db");
    EXPECT_EQ(Config::from_url("sqlite::memory:").sqlite_path, ":memory:");
    EXPECT_EQ(Config::from_url("sqlite::memory:").redacted_url(), "sqlite::memory:");
}

TEST(ConfigUrl, ModeSaysHowAFileIsOpened) {
    EXPECT_EQ(Config::from_url("sqlite:m.db?mode=ro").open_mode, OpenMode::read_only);
    EXPECT_EQ(Config::from_url("sqlite:m.db?mode=rw").open_mode, OpenMode::existing);
    EXPECT_EQ(Config::from_url("sqlite:m.db?mode=rwc").open_mode, OpenMode::create);
    EXPECT_EQ(Config::from_url("sqlite:m.db?").sqlite_path, "m.db");
    EXPECT_EQ(refusal_of("sqlite:m.db?mode=c4n4ry"), "mode of a sqlite: URL is unknown; expected ro, rw or rwc");
    EXPECT_EQ(refusal_of("sqlite:m.db?cache=shared"), "parameter 'cache' of sqlite:m.db is unknown; expected mode");
    EXPECT_EQ(refusal_of("sqlite:m.db?mode=ro&key=c4n4ry"), "parameter 'key' of sqlite:m.db is unknown; expected mode");
}

TEST(ConfigUrl, RefusesASqlitePathThatOthersReadDifferently) {
    EXPECT_EQ(refusal_of("sqlite:///m.db"),
              "'sqlite:///m.db' has no host; expected sqlite:market.db or sqlite:/absolute/path.db");
    EXPECT_EQ(refusal_of("sqlite:"), "a sqlite: URL names no file; expected sqlite:market.db or sqlite::memory:");
    EXPECT_EQ(refusal_of("sqlite:?mode=ro"),
              "a sqlite: URL names no file; expected sqlite:market.db or sqlite::memory:");
    EXPECT_EQ(refusal_of("sqlite:a\0b"s), "a database URL must not hold a zero byte");
}

TEST(ConfigUrl, KeepsAPostgresUrlForLibpqButForTheSchema) {
    const Config config = Config::from_url("postgresql://me:pw@host:5432/db?sslmode=require&schema=desk%20a&x=1");
    EXPECT_EQ(config.engine, EngineKind::postgres);
    EXPECT_EQ(config.postgres.conninfo, "postgresql://me:pw@host:5432/db?sslmode=require&x=1");
    EXPECT_EQ(config.postgres.schema, "desk a");
    EXPECT_EQ(config.redacted_url(), "postgresql://me:***@host:5432/db?sslmode=require&x=1&schema=desk a");

    const Config plain = Config::from_url("postgres://host/db?schema=desk");
    EXPECT_EQ(plain.postgres.conninfo, "postgres://host/db");
    EXPECT_EQ(plain.redacted_url(), "postgres://host/db?schema=desk");
}

TEST(ConfigUrl, MaySayWhatTheTimeOfAnExistingSchemaIs) {
    EXPECT_EQ(Config::from_url("postgresql://h/db").legacy_clock, LegacyClock::received);
    const Config config = Config::from_url("postgresql://h/db?legacy_clock=event&sslmode=require");
    EXPECT_EQ(config.legacy_clock, LegacyClock::event);
    EXPECT_EQ(config.postgres.conninfo, "postgresql://h/db?sslmode=require");
    EXPECT_THROW(static_cast<void>(Config::from_url("postgresql://h/db?legacy_clock=ours")), Error);
}

TEST(ConfigUrl, UnknownSchemeNamesWhatIsAccepted) {
    EXPECT_EQ(refusal_of("mysql://me:c4n4ry@host/db"),
              "'mysql://me:***@host/db' is no database URL; expected sqlite:market.db, sqlite::memory: or "
              "postgresql://user@host/database");
    EXPECT_EQ(refusal_of("market.db").substr(0, 11), "'market.db'");
    EXPECT_EQ(refusal_of("").substr(0, 3), "'' ");
}

TEST(ConfigUrl, ComposesAShownUrlFromParts) {
    Config config;
    config.engine = EngineKind::postgres;
    config.postgres.host = "db.example";
    config.postgres.database = "market";
    EXPECT_EQ(config.redacted_url(), "postgresql://db.example/market");
    config.postgres.port = 5433;
    config.postgres.username = "me";
    config.postgres.password = kCanary;
    EXPECT_EQ(config.redacted_url(), "postgresql://me:***@db.example:5433/market");
    config.postgres.host = "::1";
    config.postgres.schema = "desk";
    EXPECT_EQ(config.redacted_url(), "postgresql://me:***@[::1]:5433/market?schema=desk");
    config.postgres.conninfo = "host=x password=c4n4ry";
    EXPECT_EQ(config.redacted_url(), "host=x password=*** schema=desk");
}

TEST(Redact, ShowsWhatIsNoSecret) {
    EXPECT_EQ(core::redact_target("postgresql://h1:5432,[::1]:5433,h3/db?sslmode=require"),
              "postgresql://h1:5432,[::1]:5433,h3/db?sslmode=require");
    EXPECT_EQ(core::redact_target("postgresql://me@host"), "postgresql://me@host");
    EXPECT_EQ(core::redact_target("postgresql://[::1]/db"), "postgresql://[::1]/db");
    EXPECT_EQ(core::redact_target("host = h port=5432 dbname='a b' user=me"), "host=h port=5432 dbname='a b' user=me");
    EXPECT_EQ(core::redact_target("market.db"), "market.db");
    EXPECT_EQ(core::redact_target("a\nb"), "a\\x0ab");
    EXPECT_EQ(core::percent_decoded("%41%4a%zz%4%"), "AJ%zz%4%");
}

TEST(Redact, NeverShowsThePassword) {
    for (const std::string_view target : {"postgresql://me:c4n4ry@host/db",
                                          "postgresql://:c4n4ry@host/db",
                                          "postgresql://me%3Ac4n4ry@host/db",
                                          "postgresql://me:a@c4n4ry@host/db",
                                          "postgresql://me:a/c4n4ry@host/db",
                                          "postgresql://me:a?c4n4ry@host/db",
                                          "postgresql://me:a#c4n4ry@host/db",
                                          "postgresql://me:c4n4ry",
                                          "postgresql://host/db?password=c4n4ry",
                                          "postgresql://host/db?x=1&PassWord=c4n4ry&y=2",
                                          "postgresql://host/db?p%61ssword=c4n4ry",
                                          "postgresql://host/db?%70%61%73%73%77%6f%72%64=c4n4ry",
                                          "postgresql://host/db?sslpassword=c4n4ry",
                                          "postgresql://host/db?password=a@c4n4ry",
                                          "postgresql://host/db?x=1;password=c4n4ry",
                                          "postgresql://h?c4n4ry_secret",
                                          "host=h password=c4n4ry",
                                          "host=h password = 'c4n4ry'",
                                          "password='a b\\'c4n4ry' host=h",
                                          "password=a\\ c4n4ry host=h",
                                          "host=h password=a c4n4ry",
                                          "host=h password=a c4n4ry=1",
                                          "host=h passwd=c4n4ry",
                                          "host=h sslpassword=c4n4ry",
                                          "dbname=postgresql://me:c4n4ry@h/db",
                                          "host='password=c4n4ry'",
                                          "me:c4n4ry@host/db",
                                          "user=me@x password c4n4ry",
                                          "password:c4n4ry",
                                          "password='c4n4ry",
                                          "mysql://me:c4n4ry@host:3306/db",
                                          "=c4n4ry"}) {
        const std::string shown = core::redact_target(target);
        EXPECT_EQ(shown.find(kCanary), std::string::npos) << target << " -> " << shown;
        EXPECT_NE(shown.find("***"), std::string::npos) << target << " -> " << shown;
    }
}

TEST(ConfigUrl, RefusalsNeverShowThePassword) {
    for (const std::string_view url : {"mysql://me:c4n4ry@host/db", "sqlite://me:c4n4ry@host/db",
                                       "host=h password=c4n4ry", "sqlite:m.db?password=c4n4ry", "me:c4n4ry@host",
                                       "sqlite:m.db?password:c4n4ry", "sqlite:m.db?p%61ssword:c4n4ry"}) {
        EXPECT_EQ(refusal_of(url).find(kCanary), std::string::npos) << refusal_of(url);
    }
}

void expect_invalid(const std::function<void(Config&)>& spoil, std::string_view message) {
    Config config;
    spoil(config);
    try {
        config.validate();
        ADD_FAILURE() << "accepted: " << message;
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
        EXPECT_EQ(error.what(), message);
    }
}

TEST(ConfigValidate, AcceptsTheDefaults) {
    EXPECT_NO_THROW(Config{}.validate());
    Config postgres;
    postgres.engine = EngineKind::postgres;
    EXPECT_NO_THROW(postgres.validate());
}

TEST(ConfigValidate, NamesTheSettingAndItsRange) {
    using std::chrono::microseconds;
    expect_invalid([](Config& c) { c.command_timeout = microseconds{-1}; },
                   "setting command_timeout must be 0 or more");
    expect_invalid([](Config& c) { c.reference_ttl = microseconds{0}; }, "setting reference_ttl must be more than 0");
    expect_invalid([](Config& c) { c.latest_ttl = microseconds{0}; }, "setting latest_ttl must be more than 0");
    expect_invalid([](Config& c) { c.poll_interval = microseconds{0}; }, "setting poll_interval must be more than 0");
    expect_invalid([](Config& c) { c.max_pending_operations = 0; }, "setting max_pending_operations must be 1 or more");
    expect_invalid([](Config& c) { c.program = std::string(32, 'x'); },
                   "setting program must be UTF-8 of at most 31 bytes");
    expect_invalid([](Config& c) { c.program = "\xff"; }, "setting program must be UTF-8 of at most 31 bytes");
    expect_invalid([](Config& c) { c.sqlite_path = ""; }, "setting sqlite_path must be a path without zero bytes");
    expect_invalid([](Config& c) { c.sqlite_path = "a\0b"s; }, "setting sqlite_path must be a path without zero bytes");
    expect_invalid([](Config& c) { c.reader_threads = 0; }, "setting reader_threads must be 1 to 16");
    expect_invalid([](Config& c) { c.reader_threads = 17; }, "setting reader_threads must be 1 to 16");
    expect_invalid([](Config& c) { c.busy_timeout = std::chrono::milliseconds{-1}; },
                   "setting busy_timeout must be 0 to 2147483647 ms");
    expect_invalid([](Config& c) { c.wal_checkpoint_bytes = 0; }, "setting wal_checkpoint_bytes must be more than 0");
    expect_invalid([](Config& c) { c.wal_limit_bytes = 1; },
                   "setting wal_limit_bytes must be wal_checkpoint_bytes or more");
}

TEST(ConfigValidate, ChecksAPostgresPoolToo) {
    const auto postgres = [](auto spoil) {
        return [spoil](Config& config) {
            config.engine = EngineKind::postgres;
            spoil(config.postgres);
        };
    };
    expect_invalid(postgres([](PostgresConfig& c) { c.pool_min_size = 0; }), "setting pool_min_size must be 1 or more");
    expect_invalid(postgres([](PostgresConfig& c) { c.pool_max_size = 4; }),
                   "setting pool_max_size must be pool_min_size or more");
    expect_invalid(postgres([](PostgresConfig& c) { c.max_queries = 0; }), "setting max_queries must be 1 or more");
    expect_invalid(postgres([](PostgresConfig& c) { c.max_idle_seconds = -1; }),
                   "setting max_idle_seconds must be 0 or more");
}

}  // namespace
}  // namespace marketdb
