#pragma once

#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <marketdb/marketdb.hpp>

#include "support/expect.hpp"
#include "support/postgres_server.hpp"
#include "support/postgres_session.hpp"
#include "support/rows.hpp"

namespace marketdb::testing {

/// A schema of its own on a server, and what tests that break things do there. What is stored is asked through psql: another
/// program, over a link of its own.
///
/// Threads: any; each call has a connection of its own.
class PostgresDesk {
 public:
    explicit PostgresDesk(const PostgresEndpoint& server) : server_(server), schema_(next_name()) {
        PostgresSession(server_.conninfo(kTestDatabase, kTestRole)).run("CREATE SCHEMA " + schema_);
    }
    ~PostgresDesk() {
        try {
            run("SET lock_timeout = '30s'; SET client_min_messages = error; DROP SCHEMA " + schema_ + " CASCADE");
        } catch (const std::exception&) {
            // A server that the test has killed takes the schema along.
            return;
        }
    }
    PostgresDesk(const PostgresDesk&) = delete;
    PostgresDesk& operator=(const PostgresDesk&) = delete;

    [[nodiscard]] const std::string& schema() const noexcept { return schema_; }
    /// For a URL. The name tells this desk's sessions from those of other tests.
    [[nodiscard]] std::string parameters() const {
        return "schema=" + schema_ + "&application_name=" + schema_ + "&sslmode=disable&gssencmode=disable";
    }

    /// Settings for a manager that does nothing by itself and has few connections.
    [[nodiscard]] Config config(const std::string& url, std::uint32_t connections = 1) const {
        Config settings = Config::from_url(url);
        settings.poll_interval = std::chrono::hours(1);
        settings.program = "adversity test";
        settings.postgres.pool_min_size = 1;
        settings.postgres.pool_max_size = connections;
        return settings;
    }
    [[nodiscard]] Config config(std::uint32_t connections = 1) const {
        return config(server_.url(parameters()), connections);
    }

    [[nodiscard]] static std::unique_ptr<DatabaseManager> open(Config settings) {
        auto manager = std::make_unique<DatabaseManager>(std::move(settings));
        manager->wait(manager->initialize());
        return manager;
    }

    [[nodiscard]] static Symbol make_symbol(DatabaseManager& db, const std::string& base = "BTC") {
        Symbol symbol;
        symbol.exchange_id = db.wait(db.ensure_exchange("ALPHA_SPOT")).id;
        symbol.symbol_base = base;
        symbol.symbol_quote = "USDT";
        symbol.exchange_symbol = base + "USDT";
        return db.wait(db.ensure_symbol(symbol));
    }

    /// Rows from noon on, a millisecond apart.
    [[nodiscard]] static std::vector<BookTicker> quotes(SymbolId symbol, int count, std::int64_t sequence = 0,
                                                        double bid = 100) {
        std::vector<BookTicker> rows;
        for (int i = 0; i < count; ++i) rows.push_back(quote(symbol, kNoon + i * 1ms, bid, 200, sequence));
        return rows;
    }

    /// Statements of another program, as the role that owns the schema.
    void run(const std::string& sql) const {
        PostgresSession session(server_.conninfo(kTestDatabase, kTestRole));
        session.run("SET search_path TO " + schema_);
        session.run(sql);
    }
    /// What psql prints for a query, without the last line's end.
    [[nodiscard]] std::string ask(const std::string& sql) const {
        std::string answer = server_.psql(kTestDatabase, "SET search_path TO " + schema_ + "; " + sql);
        while (!answer.empty() && answer.back() == '\n') answer.pop_back();
        return answer;
    }
    /// Sessions of this desk's managers that the server knows.
    [[nodiscard]] std::size_t sessions() const { return server_.backend_pids(schema_).size(); }
    /// How many of the symbol's quotes are stored, as `rows|rows by series|distinct keys`.
    [[nodiscard]] std::string stored_quotes(SymbolId symbol) const {
        const std::string id = std::to_string(static_cast<int>(symbol));
        return ask(
            "SELECT count(*), (SELECT coalesce(sum(rows), 0) FROM series WHERE dataset = 'book-tickers' AND "
            "series_id = " +
            id + "), count(DISTINCT (\"timestamp\", sequence)) FROM book_ticker_snapshots WHERE symbol_id = " + id);
    }

 private:
    static std::string next_name() {
        static std::atomic<int> made{0};
        return "adversity_" + std::to_string(::getpid()) + "_" + std::to_string(++made);
    }

    const PostgresEndpoint& server_;
    std::string schema_;
};

}  // namespace marketdb::testing
