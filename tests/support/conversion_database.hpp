#pragma once

#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <marketdb/marketdb.hpp>

#include "support/existing_schema.hpp"
#include "support/postgres_server.hpp"
#include "support/postgres_session.hpp"
#include "support/server_program.hpp"

namespace marketdb::testing {

/// A database of its own on the shared server, so that nobody else is connected to it, with the tables of older programs and
/// rows in the schema `desk`.
class ConversionDatabase {
 public:
    explicit ConversionDatabase(const std::vector<std::string>& states = {}) : name_(next_name()) {
        PostgresServer::shared().run_sql(kTestDatabase, "CREATE DATABASE " + name_ + " OWNER marketdb");
        PostgresSession owner(conninfo());
        owner.run("CREATE SCHEMA desk; SET search_path TO desk; SET timezone TO 'UTC'");
        for (const std::string& state : states) make_existing_tables(owner, state);
        if (!states.empty()) make_rows(owner);
    }
    ~ConversionDatabase() {
        PostgresServer::shared().run_sql(kTestDatabase, "DROP DATABASE " + name_ + " WITH (FORCE)");
    }
    ConversionDatabase(const ConversionDatabase&) = delete;
    ConversionDatabase& operator=(const ConversionDatabase&) = delete;

    [[nodiscard]] std::string url() const { return PostgresServer::shared().url("schema=desk", name_); }
    [[nodiscard]] std::string conninfo(std::string_view role = kTestRole) const {
        return PostgresServer::shared().conninfo(name_, role);
    }
    [[nodiscard]] Config config(LegacyClock clock = LegacyClock::received) const {
        Config settings = Config::from_url(url());
        settings.postgres.pool_min_size = 1;
        settings.postgres.pool_max_size = 4;
        settings.legacy_clock = clock;
        return settings;
    }

    [[nodiscard]] std::unique_ptr<PostgresSession> session(std::string_view role = kTestRole) const {
        auto opened = std::make_unique<PostgresSession>(conninfo(role));
        opened->run("SET search_path TO desk; SET timezone TO 'UTC'");
        return opened;
    }
    void run(const std::string& sql) const { session()->run(sql); }
    [[nodiscard]] std::vector<std::string> rows(const std::string& sql) const { return session()->rows(sql); }
    [[nodiscard]] std::string value(const std::string& sql) const { return session()->value(sql); }

    /// All definitions, or those of one schema, as pg_dump writes them, but for its random token.
    [[nodiscard]] std::string definitions(const std::string& schema = "*") const {
        ServerProgram program;
        program.arguments = {
            postgres_program("pg_dump"), "-s", "-n", schema, "-d", PostgresServer::shared().conninfo(name_)};
        program.folder = "/";
        program.as_server_user = false;
        const std::string dump = run_program(program);
        return std::regex_replace(dump, std::regex(R"(\\(un)?restrict \S+)"), "");
    }

 private:
    static std::string next_name() {
        static std::atomic<int> number{0};
        return "conversion_" + std::to_string(::getpid()) + "_" + std::to_string(++number);
    }

    static void make_rows(PostgresSession& owner) {
        const std::filesystem::path file =
            std::filesystem::path(MARKETDB_SOURCE_DIR) / "tests/fixtures/existing/rows.sql";
        std::ifstream in(file);
        if (!in) throw std::runtime_error("cannot read " + file.string());
        std::ostringstream text;
        text << in.rdbuf();
        owner.run(text.str());
    }

    std::string name_;
};

}  // namespace marketdb::testing
