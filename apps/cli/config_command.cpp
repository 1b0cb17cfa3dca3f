#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include <marketdb/config.hpp>
#include <marketdb/format.hpp>

#include "commands.hpp"
#include "database_choice.hpp"
#include "exit_code.hpp"

namespace marketdb::cli {
namespace {

class Settings {
 public:
    explicit Settings(const DatabaseChoice& choice) : choice_(choice) {}

    /// @param key  As in the file: `cache.latest_ttl_seconds`.
    void add(std::string_view key, std::string value) {
        const auto& given = choice_.config.set_keys;
        const bool is_given = std::find(given.begin(), given.end(), key) != given.end();
        records_.push_back({std::string(key), std::move(value), is_given ? choice_.origin : "built in"});
    }
    void add_number(std::string_view key, double value) { add(key, format_number(value)); }
    void add_switch(std::string_view key, bool value) { add(key, std::string(value ? "true" : "false")); }
    void add_seconds(std::string_view key, std::chrono::microseconds length) {
        add_number(key, std::chrono::duration<double>(length).count());
    }
    void add_from_choice(std::string_view key, std::string value) {
        records_.push_back({std::string(key), std::move(value), choice_.origin});
    }
    [[nodiscard]] const std::vector<std::vector<std::string>>& records() const noexcept { return records_; }

 private:
    const DatabaseChoice& choice_;
    std::vector<std::vector<std::string>> records_;
};

void add_postgres(Settings& settings, const PostgresConfig& postgres) {
    settings.add("host", postgres.host);
    settings.add("port", postgres.port == 0 ? std::string() : fmt::format("{}", postgres.port));
    settings.add("database", postgres.database);
    settings.add("username", postgres.username);
    settings.add("password", std::string(postgres.password.empty() ? "" : "***"));
    settings.add("schema", postgres.schema);
    settings.add_number("pool.min_size", postgres.pool_min_size);
    settings.add_number("pool.max_size", postgres.pool_max_size);
    settings.add_number("pool.max_queries", postgres.max_queries);
    settings.add_number("pool.max_inactive_connection_lifetime", postgres.max_idle_seconds);
    settings.add_number("performance.statement_cache_size", postgres.statement_cache_size);
}

}  // namespace

int run_config_show(const GlobalOptions& global, const FormatFlags& flags) {
    const DatabaseChoice choice = choose_database(global);
    const Config& config = choice.config;
    Settings settings(choice);
    settings.add_from_choice("url", config.redacted_url());
    if (config.engine == EngineKind::postgres) add_postgres(settings, config.postgres);
    settings.add_seconds("pool.command_timeout", config.command_timeout);
    settings.add_switch("migrations.enabled", config.migrate);
    settings.add_seconds("cache.reference_ttl_seconds", config.reference_ttl);
    settings.add_seconds("cache.latest_ttl_seconds", config.latest_ttl);
    settings.add_seconds("cache.poll_interval_seconds", config.poll_interval);
    if (config.engine == EngineKind::sqlite) {
        settings.add_seconds("sqlite.busy_timeout_seconds", config.busy_timeout);
        settings.add_number("sqlite.reader_threads", config.reader_threads);
    }
    settings.add_switch("allow_rounding", config.allow_rounding);
    if (config.engine == EngineKind::postgres) settings.add_switch("hypertables", config.postgres.hypertables);
    settings.add("legacy_clock", std::string(config.legacy_clock == LegacyClock::event ? "event" : "received"));
    print_records(output(), flags.format(), {{"setting"}, {"value"}, {"from"}}, settings.records());
    output().flush();
    return kOk;
}

}  // namespace marketdb::cli
