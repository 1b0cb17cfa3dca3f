#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <marketdb/marketdb.hpp>

#include "support/existing_schema.hpp"
#include "support/rows.hpp"
#include "support/server_program.hpp"

/// marketdb beside the programs that it replaces: their tables stay as they are, and both read what the other wrote.
namespace marketdb::testing {
namespace {

using Rows = std::vector<std::string>;

constexpr SymbolId kFirst{1};
constexpr SymbolId kSecond{2};

constexpr const char* kReference =
    "INSERT INTO exchanges (enum_value, exchange_name, market_type) VALUES ('ALPHA_SPOT', 'ALPHA', 'SPOT');"
    "INSERT INTO symbols (exchange_id, symbol_base, symbol_quote, exchange_symbol) VALUES"
    " (1, 'BTC', 'USDT', 'BTCUSDT'), (1, 'ETH', 'USDT', 'ETHUSDT')";

std::string run_as_us(std::vector<std::string> arguments) {
    ServerProgram program;
    program.arguments = std::move(arguments);
    program.folder = "/";
    program.as_server_user = false;
    return run_program(program);
}

/// An interpreter that has asyncpg; empty: there is none.
std::string python_with_asyncpg() {
    for (const char* python : {"/usr/bin/python3", "python3"}) {
        try {
            run_as_us({python, "-c", "import asyncpg"});
            return python;
        } catch (const std::runtime_error&) {
        }
    }
    return {};
}

/// The definitions of the schema. pg_dump puts a random token around them.
std::string definitions(const ExistingSchema& schema) {
    const std::string dump = run_as_us({postgres_program("pg_dump"), "-s", "-n", schema.name(), "-d",
                                        PostgresServer::shared().conninfo(kTestDatabase)});
    return std::regex_replace(dump, std::regex(R"(\\(un)?restrict \S+)"), "");
}

std::vector<BookTicker> quotes_of(SymbolId symbol, int rows) {
    std::vector<BookTicker> made;
    for (int i = 0; i < rows; ++i) made.push_back(quote(symbol, kNoon + std::chrono::milliseconds(i), i + 1, i + 1.5));
    return made;
}

TEST(PostgresExistingBeside, ASessionOfReadsAndWritesChangesNoDefinition) {
    for (const Rows& states :
         {Rows{"complete"}, Rows{"state_a"}, Rows{"complete", "state_b"}, Rows{"complete", "state_c"}}) {
        const ExistingSchema schema(states);
        schema.run(kReference);
        const std::string before = definitions(schema);
        ASSERT_NE(before.find("CREATE TABLE"), std::string::npos);
        const auto db = schema.open();
        db->wait(db->insert_book_ticker_snapshots(quotes_of(kFirst, 3000)));
        db->wait(db->insert_trades({trade(kFirst, kNoon, "1"), trade(kSecond, kNoon, "")}));
        db->wait(db->insert_balance_snapshots({balance(ExchangeId{1}, "USDT", kNoon, 5)}));
        static_cast<void>(db->wait(db->get_book_ticker_history({})));
        static_cast<void>(db->wait(db->get_latest_book_tickers({})));
        static_cast<void>(db->wait(db->get_database_stats()));
        Symbol symbol;
        symbol.exchange_id = ExchangeId{1};
        symbol.symbol_base = "SOL";
        symbol.symbol_quote = "USDT";
        symbol.exchange_symbol = "SOLUSDT";
        db->wait(db->ensure_symbol(symbol));
        db->wait(db->cleanup_old_data(a_week()));
        db->wait(db->close());
        EXPECT_EQ(definitions(schema), before) << states.back();
    }
}

TEST(PostgresExistingBeside, AnAsyncpgProgramWritesAndReadsAtTheSameTime) {
    const std::string python = python_with_asyncpg();
    if (python.empty()) GTEST_SKIP() << "no python3 with asyncpg (Debian: python3-asyncpg)";
    constexpr int kRows = 2000;
    const ExistingSchema schema({"complete"});
    schema.run(kReference);
    const std::string before = definitions(schema);
    const auto db = schema.open();
    const PostgresEndpoint::Address& address = PostgresServer::shared().address();
    std::string said;
    std::thread theirs([&] {
        said = run_as_us({python, MARKETDB_SOURCE_DIR "/tests/integration/asyncpg_collector.py",
                          address.socket_folder.string(), std::to_string(address.port), std::string(kTestDatabase),
                          std::string(kTestRole), schema.name(), std::to_string(kRows)});
    });
    // The second symbol's rows are written by both, equal; the rest by one of the two.
    for (int first = 0; first < kRows; first += 50) {
        std::vector<BookTicker> both = quotes_of(kSecond, kRows);
        both.erase(both.begin() + first + 50, both.end());
        both.erase(both.begin(), both.begin() + first);
        db->wait(db->insert_book_ticker_snapshots(both));
        std::vector<Trade> trades;
        for (int i = first; i < first + 50; ++i) {
            trades.push_back(trade(kFirst, kNoon + std::chrono::milliseconds(i), std::to_string(i).c_str()));
        }
        db->wait(db->insert_trades(trades));
        static_cast<void>(db->wait(db->get_latest_book_tickers({})));
    }
    theirs.join();
    // 1 + 2 + .. + 2000
    EXPECT_EQ(said, "1 2000 2.001E+6\n2 2000 2.001E+6\ntrades 100\nbalance 10.5\n");
    EXPECT_EQ(schema.rows("SELECT symbol_id, count(*) FROM book_ticker_snapshots GROUP BY 1 ORDER BY 1"),
              (Rows{"1|2000", "2|2000"}));
    EXPECT_EQ(schema.value("SELECT count(*) FROM trade_snapshots"), "2100");
    EXPECT_EQ(db->wait(db->get_trade_history({})).rows.size(), 2100U);
    const std::vector<BookTicker> read = db->wait(db->get_book_ticker_history({})).rows;
    ASSERT_EQ(read.size(), 4000U);
    EXPECT_EQ(read.back().bid_price, 2000);
    EXPECT_EQ(definitions(schema), before);
}

/// Queries of the dashboards, the panels' variables filled in. They run in a schema of either shape.
const Rows& panels() {
    static const Rows all{
        // bid by series
        "SELECT date_trunc('minute', b.timestamp) AS time, e.enum_value || ' ' || s.symbol_base AS metric, "
        "avg(b.bid_price) FROM "
        "book_ticker_snapshots b JOIN symbols s ON b.symbol_id = s.id JOIN exchanges e ON s.exchange_id = e.id WHERE "
        "b.timestamp "
        ">= now() - interval '30 minutes' GROUP BY 1, 2 ORDER BY 1, 2",
        // spread % by series
        "SELECT date_trunc('minute', b.timestamp) AS time, e.enum_value AS metric, avg((b.ask_price - b.bid_price) / "
        "b.bid_price * "
        "100) FROM book_ticker_snapshots b JOIN symbols s ON b.symbol_id = s.id JOIN exchanges e ON s.exchange_id = "
        "e.id WHERE "
        "b.timestamp >= now() - interval '30 minutes' GROUP BY 1, 2 ORDER BY 1, 2",
        // rows in the last hour
        "SELECT count(*) FROM book_ticker_snapshots WHERE timestamp >= now() - interval '1 hour'",
        // rows per minute
        "SELECT date_trunc('minute', timestamp) AS time, count(*) FROM book_ticker_snapshots WHERE timestamp >= now() "
        "- interval "
        "'30 minutes' GROUP BY 1 ORDER BY 1",
        // exchange status
        "SELECT e.enum_value, count(DISTINCT s.symbol_base || s.symbol_quote), count(*), max(b.timestamp) FROM "
        "book_ticker_snapshots b JOIN symbols s ON b.symbol_id = s.id JOIN exchanges e ON s.exchange_id = e.id WHERE "
        "b.timestamp "
        ">= now() - interval '5 minutes' GROUP BY 1 ORDER BY 1",
        // symbol picker
        "SELECT DISTINCT s.symbol_base FROM symbols s JOIN book_ticker_snapshots b ON b.symbol_id = s.id WHERE "
        "b.timestamp >= now() "
        "- interval '1 hour' ORDER BY 1",
        // spreads by exchange
        "SELECT e.enum_value, avg(b.ask_price - b.bid_price), min(b.ask_price - b.bid_price), max(b.ask_price - "
        "b.bid_price) FROM "
        "book_ticker_snapshots b JOIN symbols s ON b.symbol_id = s.id JOIN exchanges e ON s.exchange_id = e.id WHERE "
        "s.symbol_base "
        "= 'BTC' AND s.symbol_quote = 'USDT' AND b.timestamp >= now() - interval '5 minutes' GROUP BY 1 ORDER BY 1",
        // bid, ask and trades
        "SELECT b.timestamp, b.bid_price, b.ask_price, t.price FROM book_ticker_snapshots b LEFT JOIN trade_snapshots "
        "t ON "
        "t.symbol_id = b.symbol_id AND t.timestamp = b.timestamp JOIN symbols s ON s.id = b.symbol_id WHERE "
        "s.symbol_base = 'BTC' "
        "AND b.timestamp >= now() - interval '30 minutes' ORDER BY 1, 2",
        // cross-exchange table
        "WITH latest AS (SELECT DISTINCT ON (e.enum_value, s.symbol_quote) e.enum_value, s.symbol_quote, b.bid_price, "
        "b.ask_price "
        "FROM book_ticker_snapshots b JOIN symbols s ON b.symbol_id = s.id JOIN exchanges e ON s.exchange_id = e.id "
        "WHERE "
        "s.symbol_base = 'BTC' AND b.timestamp >= now() - interval '5 minutes' ORDER BY e.enum_value, s.symbol_quote, "
        "b.timestamp "
        "DESC) SELECT a.enum_value, z.enum_value, (a.bid_price - z.ask_price) / z.ask_price * 100 FROM latest a CROSS "
        "JOIN latest z "
        "WHERE a.enum_value <> z.enum_value ORDER BY 1, 2",
        // tradable spreads
        "WITH seconds AS (SELECT date_trunc('second', b.timestamp) AS time, e.enum_value, avg(b.bid_price) AS bid, "
        "avg(b.ask_price) AS ask FROM book_ticker_snapshots b JOIN symbols s ON b.symbol_id = s.id JOIN exchanges e ON "
        "s.exchange_id = e.id WHERE s.symbol_base = 'BTC' AND b.timestamp >= now() - interval '30 minutes' GROUP BY 1, "
        "2) SELECT "
        "a.time, a.enum_value, z.enum_value, (a.bid - z.ask) / z.ask * 100 FROM seconds a JOIN seconds z ON a.time = "
        "z.time AND "
        "a.enum_value <> z.enum_value WHERE a.bid > z.ask ORDER BY 1, 2",
    };
    return all;
}

/// Fields as they compare: numbers to nine digits, however the type writes them.
std::string comparable(const std::string& row) {
    std::string text;
    std::istringstream fields(row);
    for (std::string field; std::getline(fields, field, '|');) {
        char* end = nullptr;
        const double number = std::strtod(field.c_str(), &end);
        const bool is_number = !field.empty() && *end == '\0';
        std::array<char, 32> shown{};
        std::snprintf(shown.data(), shown.size(), "%.9g", number);
        text += (text.empty() ? "" : "|") + (is_number ? std::string(shown.data()) : field);
    }
    return text;
}

/// Writes the same minutes of two exchanges, up to `now`.
void record(DatabaseManager& db, Timestamp now) {
    std::vector<BookTicker> quotes;
    std::vector<Trade> trades;
    int venue = 0;
    for (const char* name : {"ALPHA_SPOT", "BETA_SPOT"}) {
        Symbol symbol;
        symbol.exchange_id = db.wait(db.ensure_exchange(name)).id;
        symbol.symbol_base = "BTC";
        symbol.symbol_quote = "USDT";
        symbol.exchange_symbol = "BTCUSDT";
        const SymbolId id = db.wait(db.ensure_symbol(symbol)).id;
        for (int i = 0; i < 120; ++i) {
            const double bid = 60000 + i % 10 + venue * 5;
            quotes.push_back(quote(id, now - std::chrono::seconds(i), bid, bid + 1.5));
        }
        trades.push_back(trade(id, now - std::chrono::seconds(7), "7", 60001.25));
        ++venue;
    }
    db.wait(db.insert_book_ticker_snapshots(std::move(quotes)));
    db.wait(db.insert_trades(std::move(trades)));
}

TEST(PostgresExistingBeside, TheQueriesOfTheDashboardsRunOnBothSchemasAsAReader) {
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    const ExistingSchema existing({"complete"});
    const auto old_tables = existing.open();
    record(*old_tables, now);
    const ExistingSchema empty(Rows{});
    const auto own_tables = empty.open();
    record(*own_tables, now);

    const std::string reader = "reader_of_" + existing.name();
    PostgresSession super(PostgresServer::shared().conninfo(kTestDatabase));
    super.run("CREATE ROLE " + reader);
    for (const ExistingSchema* schema : {&existing, &empty}) {
        super.run("GRANT USAGE ON SCHEMA " + schema->name() + " TO " + reader +
                  "; GRANT SELECT ON ALL TABLES IN SCHEMA " + schema->name() + " TO " + reader);
    }
    const auto ask = [&](const ExistingSchema& schema, const std::string& sql) {
        super.run("SET ROLE " + reader + "; SET timezone TO 'UTC'; SET search_path TO " + schema.name());
        Rows found = super.rows(sql);
        super.run("RESET ROLE");
        for (std::string& row : found) row = comparable(row);
        return found;
    };
    ASSERT_EQ(panels().size(), 10U);
    for (const std::string& panel : panels()) {
        const Rows found = ask(existing, panel);
        EXPECT_FALSE(found.empty()) << panel;
        EXPECT_EQ(found, ask(empty, panel)) << panel;
    }
    EXPECT_EQ(ask(existing, panels()[2]), Rows{"240"});
    EXPECT_EQ(ask(existing, panels()[6]), (Rows{"ALPHA_SPOT|1.5|1.5|1.5", "BETA_SPOT|1.5|1.5|1.5"}));
    EXPECT_EQ(ask(existing, panels()[8]).at(1), "BETA_SPOT|ALPHA_SPOT|0.0058331875");
    super.run("DROP OWNED BY " + reader + "; DROP ROLE " + reader);
}

}  // namespace
}  // namespace marketdb::testing
