#pragma once

#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <marketdb/marketdb.hpp>

#include "support/postgres_server.hpp"
#include "support/postgres_session.hpp"
#include "support/rows.hpp"

namespace marketdb::testing {

/// Makes the tables of a state of existing installations (tests/fixtures/existing) in the session's schema.
inline void make_existing_tables(PostgresSession& owner, const std::string& state) {
    const std::filesystem::path file =
        std::filesystem::path(MARKETDB_SOURCE_DIR) / "tests/fixtures/existing" / (state + ".sql");
    std::ifstream in(file);
    if (!in) throw std::runtime_error("cannot read " + file.string());
    std::ostringstream text;
    text << in.rdbuf();
    owner.run(text.str());
}

/// A schema with the tables of other programs, as tests/fixtures/existing has them, on the shared server.
class ExistingSchema {
 public:
    /// @param states  Names of files, run one after the other: `{"complete", "state_b"}`.
    explicit ExistingSchema(const std::vector<std::string>& states) : name_(next_name()) {
        PostgresSession owner(PostgresServer::shared().conninfo(kTestDatabase, kTestRole));
        owner.run("CREATE SCHEMA " + name_ + "; SET search_path TO " + name_);
        for (const std::string& state : states) make_existing_tables(owner, state);
    }
    ~ExistingSchema() { PostgresServer::shared().run_sql(kTestDatabase, "DROP SCHEMA " + name_ + " CASCADE"); }
    ExistingSchema(const ExistingSchema&) = delete;
    ExistingSchema& operator=(const ExistingSchema&) = delete;

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] std::string url() const { return PostgresServer::shared().url("schema=" + name_); }

    [[nodiscard]] Config config(LegacyClock clock = LegacyClock::event) const {
        Config settings = Config::from_url(url());
        settings.postgres.pool_min_size = 1;
        settings.postgres.pool_max_size = 4;
        settings.poll_interval = std::chrono::milliseconds(5);
        settings.legacy_clock = clock;
        return settings;
    }
    [[nodiscard]] std::unique_ptr<DatabaseManager> open(LegacyClock clock = LegacyClock::event) const {
        return open(config(clock));
    }
    [[nodiscard]] static std::unique_ptr<DatabaseManager> open(Config settings) {
        auto manager = std::make_unique<DatabaseManager>(std::move(settings));
        manager->wait(manager->initialize());
        return manager;
    }

    /// As the programs beside marketdb do.
    void run(const std::string& sql) const { session()->run(sql); }
    [[nodiscard]] std::vector<std::string> rows(const std::string& sql) const { return session()->rows(sql); }
    [[nodiscard]] std::string value(const std::string& sql) const { return session()->value(sql); }

 private:
    static std::string next_name() {
        static std::atomic<int> number{0};
        return "existing_" + std::to_string(::getpid()) + "_" + std::to_string(++number);
    }
    [[nodiscard]] std::unique_ptr<PostgresSession> session() const {
        auto opened = std::make_unique<PostgresSession>(PostgresServer::shared().conninfo(kTestDatabase, kTestRole));
        opened->run("SET search_path TO " + name_ + "; SET timezone TO 'UTC'");
        return opened;
    }

    std::string name_;
};

}  // namespace marketdb::testing
