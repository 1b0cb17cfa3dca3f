#include <marketdb/config.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "core/redact.hpp"
#include "core/text.hpp"

namespace marketdb {
namespace {

constexpr std::string_view kSqliteScheme = "sqlite:";

Error invalid(const std::string& message) { return Error(ErrorCode::invalid_argument, message); }

bool has_scheme(std::string_view url, std::string_view scheme) {
    return core::to_lower(url.substr(0, scheme.size())) == scheme;
}

/// Takes `name=value` off the front of a query.
std::pair<std::string_view, std::string_view> take_parameter(std::string_view& query) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view parameter = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const std::size_t equals = std::min(parameter.find('='), parameter.size());
    return {parameter.substr(0, equals), parameter.substr(std::min(equals + 1, parameter.size()))};
}

OpenMode parse_mode(std::string_view mode, std::string_view scheme) {
    if (mode == "ro") return OpenMode::read_only;
    if (mode == "rw") return OpenMode::existing;
    if (mode == "rwc") return OpenMode::create;
    throw invalid(fmt::format("mode of a {} URL is unknown; expected ro, rw or rwc", scheme));
}

Config from_sqlite_url(std::string_view url) {
    Config config;
    std::string_view path = url.substr(kSqliteScheme.size());
    // Others read three slashes as a relative path and four as an absolute one; a guess would make a file at the wrong place.
    if (path.starts_with("//")) {
        throw invalid(fmt::format("'{}' has no host; expected sqlite:market.db or sqlite:/absolute/path.db",
                                  core::redact_target(url)));
    }
    const std::size_t question = std::min(path.find('?'), path.size());
    std::string_view query = path.substr(std::min(question + 1, path.size()));
    path = path.substr(0, question);
    if (path.empty()) throw invalid("a sqlite: URL names no file; expected sqlite:market.db or sqlite::memory:");

    while (!query.empty()) {
        const auto [name, value] = take_parameter(query);
        if (name != "mode") {
            throw invalid(fmt::format("parameter '{}' of sqlite:{} is unknown; expected mode",
                                      core::redact_target(name), core::printable(path)));
        }
        config.open_mode = parse_mode(value, kSqliteScheme);
    }
    config.sqlite_path = path;
    return config;
}

bool parse_pooler(std::string_view value) {
    if (value == "transaction") return true;
    if (value == "none") return false;
    throw invalid("pooler of a postgresql: URL is unknown; expected transaction or none");
}

LegacyClock parse_legacy_clock(std::string_view value) {
    if (value == "received") return LegacyClock::received;
    if (value == "event") return LegacyClock::event;
    throw invalid("legacy_clock of a postgresql: URL is unknown; expected received or event");
}

/// libpq reads the URL itself, and refuses `schema`, `pooler`, `legacy_clock` and `mode`, which are ours.
Config from_postgres_url(std::string_view url) {
    Config config;
    config.engine = EngineKind::postgres;
    const std::size_t question = std::min(url.find('?'), url.size());
    std::string_view query = url.substr(std::min(question + 1, url.size()));
    std::string rest;
    while (!query.empty()) {
        const std::string_view before = query;
        const auto [name, value] = take_parameter(query);
        if (name == "schema") {
            config.postgres.schema = core::percent_decoded(value);
        } else if (name == "pooler") {
            config.postgres.transaction_pooler = parse_pooler(value);
        } else if (name == "legacy_clock") {
            config.legacy_clock = parse_legacy_clock(value);
        } else if (name == "mode") {
            config.open_mode = parse_mode(value, "postgresql:");
        } else {
            rest += rest.empty() ? '?' : '&';
            rest += before.substr(0, before.find('&'));
        }
    }
    config.postgres.conninfo = std::string(url.substr(0, question)) + rest;
    return config;
}

std::string redacted_parts(const PostgresConfig& postgres) {
    const bool is_ipv6 = postgres.host.find(':') != std::string::npos;
    std::string url = "postgresql://" + postgres.username;
    if (!postgres.password.empty()) url += ":***";
    if (!postgres.username.empty() || !postgres.password.empty()) url += '@';
    url += is_ipv6 ? "[" + postgres.host + "]" : postgres.host;
    if (postgres.port != 0) url += fmt::format(":{}", postgres.port);
    return url + "/" + postgres.database;
}

void require(bool holds, std::string_view setting, std::string_view range) {
    if (!holds) throw invalid(fmt::format("setting {} must be {}", setting, range));
}

void validate_sqlite(const Config& config) {
    require(!config.sqlite_path.empty() && config.sqlite_path.find('\0') == std::string::npos, "sqlite_path",
            "a path without zero bytes");
    require(config.reader_threads >= 1 && config.reader_threads <= 16, "reader_threads", "1 to 16");
    require(config.busy_timeout.count() >= 0 && config.busy_timeout.count() <= std::numeric_limits<int>::max(),
            "busy_timeout", "0 to 2147483647 ms");
    require(config.wal_checkpoint_bytes > 0, "wal_checkpoint_bytes", "more than 0");
    require(config.wal_limit_bytes >= config.wal_checkpoint_bytes, "wal_limit_bytes", "wal_checkpoint_bytes or more");
}

void validate_postgres(const PostgresConfig& postgres) {
    require(postgres.pool_min_size >= 1, "pool_min_size", "1 or more");
    require(postgres.pool_max_size >= postgres.pool_min_size, "pool_max_size", "pool_min_size or more");
    require(postgres.max_queries >= 1, "max_queries", "1 or more");
    require(std::isfinite(postgres.max_lifetime_seconds) && postgres.max_lifetime_seconds >= 0, "max_lifetime_seconds",
            "0 or more");
    // The server cuts longer names without a word.
    require(postgres.schema.size() <= 63 && postgres.schema.find('\0') == std::string::npos &&
                core::is_clean_utf8(postgres.schema),
            "schema", "UTF-8 of at most 63 bytes");
    require(std::isfinite(postgres.max_idle_seconds) && postgres.max_idle_seconds >= 0, "max_idle_seconds",
            "0 or more");
}

}  // namespace

Config Config::from_url(std::string_view url) {
    if (url.find('\0') != std::string_view::npos) throw invalid("a database URL must not hold a zero byte");
    const bool is_sqlite = has_scheme(url, kSqliteScheme);
    if (!is_sqlite && !has_scheme(url, "postgresql://") && !has_scheme(url, "postgres://")) {
        throw invalid(
            fmt::format("'{}' is no database URL; expected sqlite:market.db, sqlite::memory: or "
                        "postgresql://user@host/database",
                        core::redact_target(url)));
    }
    Config config = is_sqlite ? from_sqlite_url(url) : from_postgres_url(url);
    config.set_keys = {"url"};
    return config;
}

std::string Config::redacted_url() const {
    if (engine == EngineKind::sqlite) return std::string(kSqliteScheme) + core::printable(sqlite_path, 4096);

    std::string shown = core::redact_target(postgres.conninfo.empty() ? redacted_parts(postgres) : postgres.conninfo);
    if (postgres.schema.empty()) return shown;
    const bool is_url = shown.find("://") != std::string::npos;
    if (!is_url) return shown + " schema=" + postgres.schema;
    return shown + (shown.find('?') == std::string::npos ? "?" : "&") + "schema=" + postgres.schema;
}

void Config::validate() const {
    require(command_timeout.count() >= 0, "command_timeout", "0 or more");
    require(reference_ttl.count() > 0, "reference_ttl", "more than 0");
    require(latest_ttl.count() > 0, "latest_ttl", "more than 0");
    require(poll_interval.count() > 0, "poll_interval", "more than 0");
    require(max_pending_operations >= 1, "max_pending_operations", "1 or more");
    // The capacity of Source::program, where it is stored with what this manager writes.
    require(program.size() <= 31 && core::is_clean_utf8(program), "program", "UTF-8 of at most 31 bytes");
    if (engine == EngineKind::sqlite) return validate_sqlite(*this);
    validate_postgres(postgres);
}

}  // namespace marketdb
