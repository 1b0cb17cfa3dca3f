#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <initializer_list>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include "storage/postgres/migrations.hpp"
#include "storage/postgres/migrator.hpp"
#include "storage/postgres/statements.hpp"
#include "support/expect.hpp"
#include "support/postgres_server.hpp"
#include "support/postgres_session.hpp"

namespace marketdb::testing {

using Rows = std::vector<std::string>;

/// Expects that the server refuses the call with this SQLSTATE, and that the message holds every one of the texts.
template <class Call>
void expect_refused(std::string_view sqlstate, Call&& call, std::initializer_list<std::string_view> texts = {},
                    std::source_location where = std::source_location::current()) {
    const ::testing::ScopedTrace trace(where.file_name(), static_cast<int>(where.line()), "expect_refused");
    try {
        call();
    } catch (const PostgresFailure& refused) {
        EXPECT_EQ(refused.sqlstate(), sqlstate) << refused.what();
        for (const std::string_view text : texts) {
            EXPECT_NE(std::string_view(refused.what()).find(text), std::string_view::npos)
                << "'" << text << "' is not in: " << refused.what();
        }
        return;
    }
    ADD_FAILURE() << "nothing was refused, expected " << sqlstate;
}

/// A schema of its own for each test, with all steps applied by a role that is no superuser. Its name has what a name can
/// have, so a name that is not quoted somewhere is noticed.
class PostgresSchemaTest : public ::testing::Test {
 protected:
    PostgresSchemaTest() : schema_(unique_name("Desk \"A\" o'clock \\")) { make_schema(schema_); }
    ~PostgresSchemaTest() override {
        session_.reset();  // It may hold locks.
        for (const std::string& schema : made_) {
            server().run_sql(kTestDatabase, "DROP SCHEMA IF EXISTS " + quoted_identifier(schema) + " CASCADE");
        }
    }

    static std::string unique_name(const std::string& begin) {
        static std::atomic<int> number{0};
        return begin + std::to_string(::getpid()) + "_" + std::to_string(++number);
    }

    /// Of any role, whatever its name.
    static std::string conninfo_of(std::string_view role) {
        std::string quoted;
        for (const char c : role) quoted.append(c == '\'' || c == '\\' ? "\\" : "").push_back(c);
        return server().conninfo(kTestDatabase) + " user='" + quoted + "'";
    }

    static const PostgresEndpoint& server() { return PostgresServer::shared(); }
    [[nodiscard]] const std::string& schema() const noexcept { return schema_; }

    /// A connection of its own that finds the schema's tables without being told the schema.
    [[nodiscard]] std::unique_ptr<PostgresSession> open(std::string_view role = kTestRole) const {
        return open_in(schema_, role);
    }
    [[nodiscard]] static std::unique_ptr<PostgresSession> open_in(const std::string& schema,
                                                                  std::string_view role = kTestRole) {
        auto session = std::make_unique<PostgresSession>(conninfo_of(role));
        session->run("SET search_path = " + quoted_identifier(schema));
        return session;
    }
    /// The one that most tests need.
    PostgresSession& sql() {
        if (!session_) session_ = open();
        return *session_;
    }

    void make_schema(const std::string& schema) {
        made_.push_back(schema);
        PostgresSession session(server().conninfo(kTestDatabase, kTestRole));
        session.run("CREATE SCHEMA " + quoted_identifier(schema));
        for (const storage::Migration& step : storage::postgres::migrations()) apply(session, schema, step.up.front());
    }
    /// As the migrator does it.
    static void apply(PostgresSession& session, const std::string& schema, std::string_view step) {
        session.run("BEGIN; SET LOCAL search_path = pg_catalog");
        session.run(storage::postgres::for_schema(step, storage::postgres::SchemaName(schema)));
        session.run("COMMIT");
    }

    /// One exchange with id 1 and symbols with the ids 1 to `count`.
    void add_symbols(int count = 1) {
        sql().run(
            "INSERT INTO exchanges (enum_value, exchange_name, market_type, is_active)"
            " VALUES ('DEMOA_SPOT', 'DEMOA', 'SPOT', true)");
        sql().run(
            "INSERT INTO symbols (exchange_id, symbol_base, symbol_quote, exchange_symbol, symbol_type, contract_type,"
            " quantity_unit, is_active) SELECT 1, 'B' || i, 'USDT', 'B' || i || 'USDT', 'SPOT', 'spot', 'base', true"
            " FROM generate_series(1, " +
            std::to_string(count) + ") AS i");
    }

    /// Returns how many were made.
    long long ensure(const std::string& start, const std::string& end,
                     const std::string& table = "book_ticker_snapshots") {
        return sql().number(ensure_sql(start, end, table));
    }
    static std::string ensure_sql(const std::string& start, const std::string& end,
                                  const std::string& table = "book_ticker_snapshots") {
        return "SELECT marketdb_ensure_partitions('" + table + "', '" + start + "', '" + end + "')";
    }
    /// `name|start|end` in UTC.
    Rows partitions(const std::string& table = "book_ticker_snapshots") {
        return sql().rows(
            "SELECT partition_name, start_time AT TIME ZONE 'UTC', end_time AT TIME ZONE 'UTC'"
            " FROM marketdb_partitions('" +
            table + "') ORDER BY start_time");
    }
    /// A statement that inserts one book ticker for each moment.
    static std::string quotes_sql(int symbol, std::initializer_list<std::string_view> times,
                                  const std::string& table = "book_ticker_snapshots") {
        std::string values;
        for (const std::string_view time : times) {
            values += (values.empty() ? "(" : ", (") + std::to_string(symbol) + ", '" + std::string(time) +
                      "', 0, 100, 1, 101, 2)";
        }
        return "INSERT INTO " + table +
               " (symbol_id, \"timestamp\", sequence, bid_price, bid_qty, ask_price, ask_qty) VALUES " + values;
    }

 private:
    std::string schema_;
    std::vector<std::string> made_;
    std::unique_ptr<PostgresSession> session_;
};

}  // namespace marketdb::testing
