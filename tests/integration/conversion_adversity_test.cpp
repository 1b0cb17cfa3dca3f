#include <gtest/gtest.h>

#include <atomic>
#include <exception>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <marketdb/marketdb.hpp>

#include "conversion_fixture.hpp"
#include "support/expect.hpp"
#include "support/sanitized.hpp"

/// Tables of older programs become a lean schema while these programs write, and while sessions are ended.
namespace marketdb::testing {
namespace {

/// How far a conversion is, as another program sees it.
std::string progress(PostgresSession& session) {
    if (session.value("SELECT to_regclass('marketdb_before_desk.state') IS NULL") == "t") return "none";
    return session.value(
        "SELECT s.phase || ' ' || coalesce((SELECT sum(d.rows) FROM marketdb_before_desk.datasets AS d), 0) || ' '"
        " || (SELECT count(*) FROM marketdb_before_desk.hanging AS h WHERE h.is_finished) FROM "
        "marketdb_before_desk.state "
        "AS s");
}

void end_sessions(PostgresSession& session) {
    static_cast<void>(
        session.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND "
                     "application_name "
                     "LIKE 'marketdb/%'"));
}

/// A step of a conversion on a thread of its own.
class Attempt {
 public:
    Attempt(const Config& settings, ConversionStep step, ConversionOptions options)
        : thread_([this, settings, step, options] {
              try {
                  convert(settings, step, options);
              } catch (const Error& error) {
                  failure_ = to_string(error.code());
                  what_ = error.what();
              }
              is_over_ = true;
          }) {}
    ~Attempt() {
        if (thread_.joinable()) thread_.join();
    }
    Attempt(const Attempt&) = delete;
    Attempt& operator=(const Attempt&) = delete;

    [[nodiscard]] bool is_over() const noexcept { return is_over_; }
    /// Empty: it succeeded.
    [[nodiscard]] std::string failure() {
        thread_.join();
        return failure_;
    }
    [[nodiscard]] const std::string& what() const { return what_; }

 private:
    std::string failure_;
    std::string what_;
    std::atomic<bool> is_over_{false};
    std::thread thread_;
};

TEST(PostgresConversionAdversity, OldProgramsMayWriteUntilTheTablesChangePlaces) {
    const ConversionDatabase database({"complete"});
    std::atomic<bool> is_over{false};
    std::atomic<int> stored{0};
    std::string ending;  // read when has_ended
    std::atomic<bool> has_ended{false};
    std::thread writer([&] {
        const auto session = database.session();
        try {
            for (int i = 1; !is_over; ++i) {
                session->run(fmt::format(
                    "BEGIN; INSERT INTO book_ticker_snapshots (\"timestamp\", symbol_id, bid_price, bid_qty, "
                    "ask_price, "
                    "ask_qty) SELECT '2025-01-01'::timestamptz + {0} * interval '1 s', s, {0}, 1, {0} + 1, 1 FROM "
                    "generate_series(1, 5) AS s"
                    " ON CONFLICT (\"timestamp\", symbol_id) DO UPDATE SET bid_price = excluded.bid_price;"
                    " UPDATE book_ticker_snapshots SET bid_qty = {0} WHERE symbol_id = 1 + {0} % 20 AND \"timestamp\" "
                    "< "
                    "'2024-08-20';"
                    " DELETE FROM book_ticker_snapshots WHERE \"timestamp\" = '2024-08-08 12:00+00'::timestamptz + {0} "
                    "* "
                    "interval '20 minutes';"
                    " INSERT INTO trade_snapshots (\"timestamp\", symbol_id, price, quantity, side) VALUES "
                    "('2024-08-08 12:00+00', 1, {0}, 1, 'buy');"
                    " UPDATE balance_snapshots SET locked_balance = {0} WHERE asset_name = 'BTC' AND exchange_id = 1;"
                    " INSERT INTO symbols (exchange_id, symbol_base, symbol_quote, exchange_symbol) VALUES (1, 'N{0}', "
                    "'USDT', 'N{0}'); COMMIT",
                    i));
                stored = i;
            }
        } catch (const PostgresFailure& failure) {
            ending = failure.sqlstate();
        }
        has_ended = true;
    });
    const auto stop = [&] {
        is_over = true;
        if (writer.joinable()) writer.join();
    };
    const std::shared_ptr<void> stops(nullptr, [&](void*) { stop(); });
    ASSERT_TRUE(wait_until([&] { return stored > 2; }));
    const int before = stored;
    ConversionOptions options = despite_tests_sessions();
    options.piece_rows = 400;
    const ConversionReport report = convert(database.config(LegacyClock::event), ConversionStep::up, options);
    EXPECT_EQ(report.phase, "converted");
    const bool ended = wait_until([&] { return has_ended.load(); });
    stop();
    EXPECT_TRUE(ended) << "the old statement has no place any more";
    EXPECT_EQ(ending, "42P10");
    EXPECT_GT(stored, before) << "nothing was written meanwhile";
    EXPECT_EQ(database.value("SELECT count(*) FROM marketdb_before_desk.book_ticker_snapshots WHERE \"timestamp\" >= "
                             "'2025-01-01'"),
              std::to_string(stored * 5));
    const std::string old_rows =
        "SELECT symbol_id, \"timestamp\", coalesce(sequence_number, 0), bid_price::float8, bid_qty::float8 FROM "
        "marketdb_before_desk.book_ticker_snapshots";
    const std::string lean_rows =
        "SELECT symbol_id, \"timestamp\", sequence, bid_price, bid_qty FROM desk.book_ticker_snapshots";
    EXPECT_EQ(database.value("SELECT count(*) FROM (" + old_rows + " EXCEPT " + lean_rows + ") AS x"), "0");
    EXPECT_EQ(database.value("SELECT count(*) FROM (" + lean_rows + " EXCEPT " + old_rows + ") AS x"), "0");
    EXPECT_EQ(database.value("SELECT count(*) FROM trade_snapshots WHERE \"timestamp\" = '2024-08-08 12:00+00' AND "
                             "symbol_id = 1 AND trade_id LIKE '~%'"),
              std::to_string(stored));
    EXPECT_EQ(
        database.value("SELECT count(*) FROM marketdb_before_desk.balance_snapshots AS o JOIN balance_snapshots AS n"
                       " USING (exchange_id, asset_name, \"timestamp\") WHERE n.locked_balance = o.locked_balance"),
        "400");
    EXPECT_EQ(database.value("SELECT count(*) FROM symbols"), std::to_string(20 + stored));
    EXPECT_EQ(database.value("SELECT count(*) FROM book_ticker_snapshots"),
              database.value("SELECT sum(rows) FROM series WHERE dataset = 'book-tickers'"));
}

/// A conversion that has copied everything and waits for a collector to go; `meanwhile` is what the collector does first.
void convert_after(const ConversionDatabase& database, const std::string& meanwhile) {
    ConversionOptions careful;
    careful.piece_rows = 500;
    {
        PostgresSession collector(database.conninfo() + " application_name=collector");
        expect_error(ErrorCode::unavailable, [&] { convert(database.config(), ConversionStep::up, careful); });
        collector.run("SET search_path TO desk; " + meanwhile);
    }
    EXPECT_EQ(convert(database.config(), ConversionStep::up).phase, "converted");
}

TEST(PostgresConversionAdversity, ATableThatIsEmptiedMeanwhileIsCopiedAnew) {
    const ConversionDatabase database({"complete"});
    convert_after(database,
                  "DELETE FROM trade_snapshots WHERE id % 2 = 0; TRUNCATE trade_snapshots;"
                  " INSERT INTO trade_snapshots (\"timestamp\", symbol_id, price, quantity, side)"
                  " SELECT '2024-08-08 12:00+00'::timestamptz + n * interval '1 s', 1, n, 1, 'buy' FROM "
                  "generate_series(1, 1500) AS n");
    EXPECT_EQ(database.rows("SELECT count(*), sum(price) FROM trade_snapshots"), Rows{"1500|1125750"});
    EXPECT_EQ(database.value("SELECT count(*) FROM book_ticker_snapshots"), "3000");
}

TEST(PostgresConversionAdversity, SymbolsThatChangeMeanwhileAreFollowed) {
    const ConversionDatabase database({"complete"});
    convert_after(
        database,
        "DELETE FROM book_ticker_snapshots WHERE symbol_id = 20; DELETE FROM trade_snapshots WHERE symbol_id = 20;"
        " DELETE FROM funding_rate_snapshots WHERE symbol_id = 20; DELETE FROM symbols WHERE id = 20;"
        " INSERT INTO symbols (exchange_id, symbol_base, symbol_quote, exchange_symbol) VALUES (1, 'B20', 'USDT', "
        "'B20USDT');"
        " UPDATE symbols SET exchange_symbol = 'other' WHERE id = 2;"
        " UPDATE symbols SET exchange_symbol = 'B2USDT' WHERE id = 4;"
        " UPDATE symbols SET exchange_symbol = 'B4USDT' WHERE id = 2");
    EXPECT_EQ(database.rows("SELECT id, exchange_symbol FROM symbols WHERE id IN (2, 4, 20) OR exchange_symbol = "
                            "'B20USDT' ORDER BY id"),
              (Rows{"2|B4USDT", "4|B2USDT", "21|B20USDT"}));
}

TEST(PostgresConversionAdversity, ExchangesThatChangeMeanwhileAreFollowed) {
    const ConversionDatabase database({"complete"});
    database.run(
        "INSERT INTO exchanges (id, enum_value, exchange_name, market_type) VALUES (3, 'C_SPOT', 'C', 'SPOT'), (4, "
        "'D_SPOT', 'D', 'SPOT'); INSERT INTO symbols (exchange_id, symbol_base, symbol_quote, exchange_symbol) VALUES "
        "(3, 'M', 'USDT', 'MUSDT')");
    convert_after(database,
                  "UPDATE symbols SET exchange_id = 4 WHERE symbol_base = 'M'; DELETE FROM exchanges WHERE id = 3;"
                  " UPDATE exchanges SET enum_value = 'C_SPOT' WHERE id = 4");
    EXPECT_EQ(database.rows("SELECT e.id, e.enum_value, s.exchange_symbol FROM exchanges AS e JOIN symbols AS s ON "
                            "s.exchange_id = e.id WHERE e.id > 2"),
              Rows{"4|C_SPOT|MUSDT"});
}

TEST(PostgresConversionAdversity, OneThatReadAndThenWaitsToWriteDoesNotHoldItUp) {
    const ConversionDatabase database({"complete"});
    std::string failure;
    {
        PostgresSession collector(database.conninfo() + " application_name=collector");
        collector.run("BEGIN; SELECT * FROM desk.symbols");
        PostgresSession watcher(PostgresServer::shared().conninfo(database.value("SELECT current_database()")));
        Attempt attempt(database.config(), ConversionStep::up, despite_tests_sessions());
        // All is compared while it waits.
        ASSERT_TRUE(wait_until([&] {
            return attempt.is_over() ||
                   watcher.value(
                       "SELECT count(*) > 0 FROM pg_locks AS l JOIN pg_class AS c ON c.oid = l.relation "
                       "WHERE c.relname = 'trade_snapshots' AND l.mode = 'ExclusiveLock' AND l.granted") == "t";
        }));
        try {
            collector.run(
                "INSERT INTO desk.trade_snapshots (\"timestamp\", symbol_id, price, quantity, side) VALUES "
                "('2024-08-08 12:00+00', 1, 1, 1, 'buy')");
            collector.run("COMMIT");
        } catch (const PostgresFailure& refused) {
            failure = refused.what();
            collector.run("ROLLBACK");
        }
        EXPECT_EQ(attempt.failure(), "") << attempt.what();
    }
    EXPECT_EQ(plan_of(database.config()).phase, "converted");
    // It came before, or its statement was ended.
    const std::string rows = database.value("SELECT count(*) FROM trade_snapshots");
    EXPECT_EQ(rows, failure.empty() ? "2001" : "2000") << failure;
}

TEST(PostgresConversionAdversity, ATableThatReferredAndIsGoneDoesNotCloseTheWayBack) {
    const ConversionDatabase database({"complete"});
    const std::string before = database.definitions();
    database.run("CREATE TABLE orderbook_depth (symbol_id integer NOT NULL REFERENCES symbols (id))");
    convert(database.config(), ConversionStep::up);
    database.run("DROP TABLE orderbook_depth");
    convert(database.config(), ConversionStep::down);
    EXPECT_EQ(database.definitions(), before);
}

TEST(PostgresConversionAdversity, ASymbolThatCannotBeHeldAndCameMeanwhileStopsItUntilItIsMended) {
    const ConversionDatabase database({"complete"});
    ConversionOptions careful;
    careful.piece_rows = 500;
    {
        PostgresSession collector(database.conninfo() + " application_name=collector");
        expect_error(ErrorCode::unavailable, [&] { convert(database.config(), ConversionStep::up, careful); });
        collector.run(
            "INSERT INTO desk.symbols (exchange_id, symbol_base, symbol_quote, exchange_symbol, symbol_type)"
            " VALUES (1, 'B2', 'USDT', 'B2USDT', 'FUTURES')");
    }
    expect_error(ErrorCode::constraint, [&] { convert(database.config(), ConversionStep::up); },
                 {"symbol of id 21", "an exchange_symbol that its exchange has twice"});
    database.run("DELETE FROM symbols WHERE id = 21");
    EXPECT_EQ(convert(database.config(), ConversionStep::up).phase, "converted");
    EXPECT_EQ(database.value("SELECT count(*) FROM symbols"), "20");
}

TEST(PostgresConversionAdversity, AViewOfAnotherRoleStaysItsOwn) {
    make_role("conversion_owner");
    const ConversionDatabase database({"complete"});
    database.run(
        "CREATE VIEW theirs AS SELECT symbol_id, bid_price FROM book_ticker_snapshots; GRANT SELECT ON "
        "book_ticker_snapshots TO conversion_owner");
    const std::string name = database.value("SELECT current_database()");
    PostgresServer::shared().run_sql(name,
                                     "GRANT CREATE ON SCHEMA desk TO conversion_owner; ALTER VIEW desk.theirs "
                                     "OWNER TO conversion_owner");
    const std::string before = database.definitions();
    const std::string owner = "SELECT relowner::regrole FROM pg_class WHERE oid = 'desk.theirs'::regclass";
    const ConversionReport plan = plan_of(database.config());
    const bool is_refused = !found(plan, "refused").empty();
    if (is_refused) {
        // Only its owner, or one of that role, could make it anew.
        EXPECT_NE(found(plan, "refused").front().find("theirs"), std::string::npos) << found(plan, "refused").front();
        expect_error(ErrorCode::schema_mismatch, [&] { convert(database.config(), ConversionStep::up); }, {"theirs"});
        EXPECT_EQ(database.definitions(), before);
        PostgresServer::shared().run_sql(name, "GRANT conversion_owner TO marketdb");
    }
    convert(database.config(), ConversionStep::up);
    EXPECT_EQ(database.value(owner), "conversion_owner");
    convert(database.config(), ConversionStep::down);
    EXPECT_EQ(database.value(owner), "conversion_owner");
    EXPECT_EQ(database.definitions(), before);
    if (is_refused) PostgresServer::shared().run_sql(name, "REVOKE conversion_owner FROM marketdb");
}

TEST(PostgresConversionAdversity, AWriterOfATableThatRefersToOursIsNamedAndWaitsWithoutDeadlock) {
    const ConversionDatabase database({"complete"});
    database.run("CREATE TABLE orderbook_depth (symbol_id integer NOT NULL REFERENCES symbols (id))");
    make_role("conversion_depth");
    database.run("GRANT USAGE ON SCHEMA desk TO conversion_depth; GRANT INSERT ON orderbook_depth TO conversion_depth");
    std::atomic<bool> is_over{false};
    std::atomic<int> stored{0};
    std::string failure;
    {
        PostgresSession depth(database.conninfo("conversion_depth") + " application_name=depth");
        ConversionOptions careful;
        expect_error(ErrorCode::unavailable, [&] { convert(database.config(), ConversionStep::up, careful); },
                     {"depth as conversion_depth"});
        std::thread writer([&] {
            try {
                while (!is_over) {
                    depth.run("INSERT INTO desk.orderbook_depth VALUES (1)");
                    ++stored;
                }
            } catch (const PostgresFailure& refused) {
                failure = refused.what();
            }
        });
        const std::shared_ptr<void> stops(nullptr, [&](void*) {
            is_over = true;
            writer.join();
        });
        ASSERT_TRUE(wait_until([&] { return stored > 2; }));
        EXPECT_EQ(convert(database.config(), ConversionStep::up).phase, "converted");
    }
    EXPECT_EQ(failure, "");
    EXPECT_EQ(database.value("SELECT count(*) FROM orderbook_depth"), std::to_string(stored));
}

TEST(PostgresConversionAdversity, ProgramsThatMayWriteAreInTheWayWhenTheTablesChangePlaces) {
    const ConversionDatabase database({"complete"});
    auto collector = std::make_unique<PostgresSession>(database.conninfo() + " application_name=collector");
    const Rows there = found(plan_of(database.config()), "in the way");
    ASSERT_FALSE(there.empty());
    EXPECT_NE(there.at(0).find("collector as marketdb, idle"), std::string::npos) << there.at(0);
    ConversionOptions careful;
    careful.piece_rows = 500;
    expect_error(ErrorCode::unavailable, [&] { convert(database.config(), ConversionStep::up, careful); },
                 {"collector as marketdb", "goes on from here"});
    EXPECT_EQ(database.value("SELECT phase FROM marketdb_before_desk.state"), "copying");
    EXPECT_EQ(database.value("SELECT relkind FROM pg_class WHERE oid = 'desk.book_ticker_snapshots'::regclass"), "r");
    collector->run(
        "INSERT INTO desk.trade_snapshots (\"timestamp\", symbol_id, price, quantity, side) VALUES "
        "('2024-08-08 12:00+00', 1, 1, 1, 'buy')");
    collector.reset();
    std::string last;
    EXPECT_TRUE(wait_until([&] {
        try {
            return convert(database.config(), ConversionStep::up, careful).phase == "converted";
        } catch (const Error& error) {
            last = error.what();
            return false;
        }
    })) << last;
    EXPECT_EQ(database.value("SELECT count(*) FROM trade_snapshots"), "2001");
}

TEST(PostgresConversionAdversity, OneThatIsUnderWayCanBeStopped) {
    const ConversionDatabase database({"complete", "state_b"});
    const std::string before = database.definitions();
    const auto collector = std::make_unique<PostgresSession>(database.conninfo() + " application_name=collector");
    expect_error(ErrorCode::unavailable, [&] { convert(database.config(), ConversionStep::up, ConversionOptions{}); });
    EXPECT_NE(database.definitions(), before);
    EXPECT_EQ(convert(database.config(), ConversionStep::down).phase, "existing");
    EXPECT_EQ(database.definitions(), before);
}

TEST(PostgresConversionAdversity, EndedAfterEveryStepItGoesOn) {
    const ConversionDatabase database({"complete", "state_b"});
    database.run("CREATE TABLE orderbook_depth (symbol_id integer NOT NULL REFERENCES symbols (id))");
    const Config settings = database.config();
    const Rows before = everything(settings, false);
    PostgresSession watcher(PostgresServer::shared().conninfo(database.value("SELECT current_database()")));
    std::string last_seen = progress(watcher);
    Rows ends;
    ConversionOptions options = despite_tests_sessions();
    options.piece_rows = 200;
    bool is_done = false;
    while (!is_done && ends.size() < 200) {
        Attempt attempt(settings, ConversionStep::up, options);
        const bool moved =
            wait_until([&] { return attempt.is_over() || progress(watcher) != last_seen; }, std::chrono::seconds(60));
        ASSERT_TRUE(moved);
        if (!attempt.is_over()) {
            last_seen = progress(watcher);
            ends.push_back(last_seen);
            end_sessions(watcher);
        }
        const std::string failure = attempt.failure();
        is_done = failure.empty();
        ASSERT_TRUE(is_done || failure == "unavailable" || failure == "in_doubt") << attempt.what();
    }
    EXPECT_TRUE(is_done);
    EXPECT_GE(ends.size(), 8U);
    EXPECT_EQ(plan_of(settings).phase, "converted");
    EXPECT_EQ(everything(settings, false), before);
    EXPECT_EQ(database.value("SELECT count(*) FROM marketdb_before_desk.hanging WHERE finish_sql IS NOT NULL AND NOT "
                             "is_finished"),
              "0");
}

TEST(PostgresConversionAdversity, EndedOnTheWayBackItIsOnOneSideOrTheOther) {
    const ConversionDatabase database({"complete", "state_b"});
    const Config settings = database.config();
    const std::string old_definitions = database.definitions();
    const Rows before = everything(settings, false);
    PostgresSession watcher(PostgresServer::shared().conninfo(database.value("SELECT current_database()")));
    for (int round = 0; round < fewer_if_sanitized(6, 3); ++round) {
        convert(settings, ConversionStep::up);
        const std::string lean_definitions = database.definitions();
        Attempt attempt(settings, ConversionStep::down, despite_tests_sessions());
        // Some ends come before the transaction, some within it, some after it.
        const std::string is_active =
            "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE "
            "'marketdb/%' AND query LIKE '%" +
            std::string(round % 2 == 0 ? "bring_all_back" : "move_old_back") + "%'";
        static_cast<void>(wait_until([&] { return attempt.is_over() || watcher.value(is_active) == "t"; }));
        end_sessions(watcher);
        const std::string failure = attempt.failure();
        const std::string now = database.definitions();
        if (failure.empty()) {
            EXPECT_EQ(now, old_definitions);
        } else {
            EXPECT_TRUE(now == lean_definitions || now == old_definitions);
            if (now == lean_definitions) convert(settings, ConversionStep::down);
        }
        ASSERT_EQ(database.definitions(), old_definitions);
        EXPECT_EQ(everything(settings, false), before);
    }
}

}  // namespace
}  // namespace marketdb::testing
