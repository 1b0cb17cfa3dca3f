#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <marketdb/marketdb.hpp>

#include "support/child_process.hpp"
#include "support/existing_schema.hpp"
#include "support/expect.hpp"
#include "support/rows.hpp"

/// The tables of the programs that marketdb replaces, used as they are. (Suites are named so that they find a server.)
namespace marketdb::testing {
namespace {

using Rows = std::vector<std::string>;

/// One exchange with two symbols, as the old programs make them, and a manager.
class PostgresExisting : public ::testing::Test {
 protected:
    void use(const std::vector<std::string>& states, LegacyClock clock = LegacyClock::event) {
        schema_ = std::make_unique<ExistingSchema>(states);
        schema_->run(
            "INSERT INTO exchanges (enum_value, exchange_name, market_type) VALUES ('ALPHA_SPOT', 'ALPHA', 'SPOT'),"
            " ('BETA_FUTURES', 'BETA', 'FUTURES');"
            "INSERT INTO symbols (exchange_id, symbol_base, symbol_quote, exchange_symbol, symbol_type) VALUES"
            " (1, 'BTC', 'USDT', 'BTCUSDT', 'SPOT'), (2, 'BTC', 'USDT', 'BTC_USDT', 'FUTURES')");
        db_ = schema_->open(clock);
    }
    [[nodiscard]] ExistingSchema& schema() { return *schema_; }
    [[nodiscard]] DatabaseManager& db() { return *db_; }
    void reopen(LegacyClock clock = LegacyClock::event) {
        db_->wait(db_->close());
        db_ = schema_->open(clock);
    }

    WriteResult store(std::vector<BookTicker> rows) {
        return db().wait(db().insert_book_ticker_snapshots(std::move(rows)));
    }
    WriteResult store(std::vector<Trade> rows) { return db().wait(db().insert_trades(std::move(rows))); }
    WriteResult store(std::vector<FundingRate> rows) { return db().wait(db().insert_funding_rates(std::move(rows))); }
    WriteResult store(std::vector<Balance> rows) { return db().wait(db().insert_balance_snapshots(std::move(rows))); }

    std::vector<BookTicker> quotes(HistoryFilter filter = {}) {
        return db().wait(db().get_book_ticker_history(filter)).rows;
    }
    std::vector<Trade> trades(HistoryFilter filter = {}) { return db().wait(db().get_trade_history(filter)).rows; }

    static std::string counts(const WriteResult& written) {
        return std::to_string(written.inserted) + " " + std::to_string(written.updated) + " " +
               std::to_string(written.unchanged) + " " + std::to_string(written.folded) + " " +
               std::to_string(written.rounded);
    }

    // The manager goes first: it must not keep the schema from being dropped.
    std::unique_ptr<ExistingSchema> schema_;
    std::unique_ptr<DatabaseManager> db_;
};

constexpr SymbolId kSpot{1};
constexpr SymbolId kFutures{2};

TEST_F(PostgresExisting, WhatOldProgramsWroteIsRead) {
    use({"complete"});
    schema().run(
        "INSERT INTO book_ticker_snapshots (\"timestamp\", symbol_id, bid_price, bid_qty, ask_price, ask_qty) VALUES"
        " ('2024-08-08 12:00:00+00', 1, 61837.63, 0.5, 123456789.12345678, 2);"
        "INSERT INTO trade_snapshots (\"timestamp\", symbol_id, price, quantity, side, trade_id) VALUES"
        " ('2024-08-08 12:00:00+00', 1, 100, 1, 'buy', '77'), ('2024-08-08 12:00:00+00', 1, 101, 2, 'sell', NULL);"
        "INSERT INTO funding_rate_snapshots (\"timestamp\", symbol_id, funding_rate, funding_time) VALUES"
        " ('2024-08-08 12:00:00+00', 2, 0.0001, 1723132800000);"
        "INSERT INTO balance_snapshots (\"timestamp\", exchange_id, asset_name, available_balance, locked_balance) "
        "VALUES"
        " ('2024-08-08 12:00:00+00', 1, 'USDT', 10.1, 2)");
    const std::vector<BookTicker> found = quotes();
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].timestamp, kNoon);
    EXPECT_EQ(found[0].bid_price, 61837.63);
    EXPECT_EQ(found[0].ask_price, 123456789.12345678);
    EXPECT_EQ(found[0].sequence, 0);

    const std::vector<Trade> sold = trades();
    ASSERT_EQ(sold.size(), 2U);
    EXPECT_EQ(sold[0].trade_id, "~2") << "named after its row";
    EXPECT_EQ(sold[0].side, Side::sell);
    EXPECT_EQ(sold[1].trade_id, "77");
    EXPECT_EQ(sold[1].sequence, 77);

    const std::vector<FundingRate> rates = db().wait(db().get_funding_rate_history({})).rows;
    ASSERT_EQ(rates.size(), 1U);
    EXPECT_EQ(rates[0].funding_time, kNoon + 4h);
    EXPECT_EQ(rates[0].kind, FundingKind::predicted);

    const std::vector<Balance> balances = db().wait(db().get_balance_history({})).rows;
    ASSERT_EQ(balances.size(), 1U);
    EXPECT_EQ(balances[0].available_balance, 10.1);
    EXPECT_EQ(balances[0].frozen_balance, 0);
    EXPECT_EQ(balances[0].total_balance, 12.1);
    EXPECT_EQ(balances[0].account, "main");

    const std::optional<Symbol> futures = db().wait(db().get_symbol_by_id(kFutures));
    ASSERT_TRUE(futures.has_value());
    EXPECT_EQ(futures->contract_type, ContractType::perpetual);
    EXPECT_TRUE(futures->is_active);
}

TEST_F(PostgresExisting, WhatIsWrittenOldProgramsRead) {
    use({"complete"});
    EXPECT_EQ(counts(store(std::vector{quote(kSpot, kNoon, 61837.63, 123456789.12345678, 5)})), "1 0 0 0 0");
    EXPECT_EQ(schema().rows("SELECT \"timestamp\", symbol_id, bid_price, ask_price, sequence_number FROM "
                            "book_ticker_snapshots"),
              Rows{"2024-08-08 12:00:00+00|1|61837.63000000|123456789.12345678|5"});
    FundingRate rate = funding(kFutures, kNoon, 0.0001);
    rate.funding_time = kNoon + 4h;
    EXPECT_EQ(counts(store(std::vector{rate})), "1 0 0 0 0");
    EXPECT_EQ(schema().rows("SELECT funding_rate, funding_time, next_funding_time FROM funding_rate_snapshots"),
              Rows{"0.00010000|1723132800000|2024-08-08 16:00:00+00"});
    EXPECT_EQ(counts(store(std::vector{balance(ExchangeId{1}, "USDT", kNoon, 10.1, 2)})), "1 0 0 0 0");
    EXPECT_EQ(
        schema().rows("SELECT asset_name, available_balance, total_balance, frozen_balance FROM balance_snapshots"),
        Rows{"USDT|10.1|12.1|"});
    EXPECT_EQ(counts(store(std::vector{trade(kSpot, kNoon, ""), trade(kSpot, kNoon, "12")})), "2 0 0 0 0");
    EXPECT_EQ(schema().rows("SELECT coalesce(trade_id, 'none'), side FROM trade_snapshots ORDER BY 1"),
              (Rows{"12|buy", "none|buy"}));
}

TEST_F(PostgresExisting, WritingTheSameAgainChangesNothing) {
    use({"complete"});
    const std::vector<BookTicker> rows{quote(kSpot, kNoon, 1, 2), quote(kSpot, kNoon + 1ms, 1, 2),
                                       quote(kFutures, kNoon, 1, 2)};
    EXPECT_EQ(counts(store(rows)), "3 0 0 0 0");
    const std::string before =
        schema().value("SELECT string_agg(xmin::text, ',' ORDER BY id) FROM book_ticker_snapshots");
    EXPECT_EQ(counts(store(rows)), "0 0 3 0 0");
    EXPECT_EQ(schema().value("SELECT string_agg(xmin::text, ',' ORDER BY id) FROM book_ticker_snapshots"), before);
    EXPECT_EQ(counts(store(std::vector{quote(kSpot, kNoon, 1.5, 2), quote(kSpot, kNoon + 2ms, 1, 2)})), "1 1 0 0 0");

    FundingRate rate = funding(kFutures, kNoon, 0.0001);
    rate.funding_time = kNoon + 4h;
    EXPECT_EQ(counts(store(std::vector{rate})), "1 0 0 0 0");
    EXPECT_EQ(counts(store(std::vector{rate})), "0 0 1 0 0");
    EXPECT_EQ(counts(store(std::vector{balance(ExchangeId{1}, "USDT", kNoon, 10.1, 2)})), "1 0 0 0 0");
    EXPECT_EQ(counts(store(std::vector{balance(ExchangeId{1}, "USDT", kNoon, 10.1, 2)})), "0 0 1 0 0");
}

TEST_F(PostgresExisting, OfQuotesOfOneTimeTheLastStaysInWhateverOrderTheyAreWritten) {
    use({"complete"});
    EXPECT_EQ(counts(store(std::vector{quote(kSpot, kNoon, 1, 9, 1), quote(kSpot, kNoon, 2, 9, 2)})), "1 0 0 1 0");
    EXPECT_EQ(counts(store(std::vector{quote(kSpot, kNoon, 1, 9, 1)})), "0 0 1 0 0");
    EXPECT_EQ(quotes().at(0).bid_price, 2);
    EXPECT_EQ(counts(store(std::vector{quote(kSpot, kNoon, 3, 9, 3)})), "0 1 0 0 0");
    EXPECT_EQ(quotes().at(0).bid_price, 3);
}

TEST_F(PostgresExisting, TradesWithAnIdAreStoredOnceAndThoseWithoutAsOftenAsTheyCome) {
    use({"complete"});
    const std::vector<Trade> rows{trade(kSpot, kNoon, "10"), trade(kSpot, kNoon, "9"), trade(kSpot, kNoon, "")};
    EXPECT_EQ(counts(store(rows)), "3 0 0 0 0");
    EXPECT_EQ(counts(store(rows)), "1 0 2 0 0");
    EXPECT_EQ(counts(store(std::vector{trade(kSpot, kNoon, "9", 102)})), "0 1 0 0 0");
    EXPECT_EQ(schema().rows(
                  "SELECT coalesce(trade_id, 'none'), count(*), max(price) FROM trade_snapshots GROUP BY 1 ORDER BY 1"),
              (Rows{"10|1|100.00000000", "9|1|102.00000000", "none|2|100.00000000"}));
    EXPECT_EQ(schema().value("SELECT string_agg(trade_id, ' ' ORDER BY id) FROM trade_snapshots"), "9 10")
        << "in the order of arrival";
}

TEST_F(PostgresExisting, PagesOfTradesOfOneTimeMissNone) {
    use({"complete"});
    std::vector<Trade> rows(25, trade(kSpot, kNoon, ""));
    for (int i = 0; i < 25; ++i) rows.push_back(trade(kSpot, kNoon, std::to_string(100 + i).c_str()));
    EXPECT_EQ(store(rows).inserted, 50U);
    HistoryFilter filter;
    HistoryReader<Trade> reader = db().read_history<Trade>(filter);
    std::size_t count = 0;
    for (;;) {
        const std::vector<Trade> page = db().wait(reader.next(7));
        if (page.empty()) break;
        count += page.size();
    }
    EXPECT_EQ(count, 50U);
}

TEST_F(PostgresExisting, TwoWritersDoNotDoubleTrades) {
    use({"complete"});
    const std::unique_ptr<DatabaseManager> other = schema().open();
    std::vector<Trade> rows;
    for (int i = 0; i < 3000; ++i) {
        rows.push_back(
            trade(i % 2 == 0 ? kSpot : kFutures, kNoon + std::chrono::milliseconds(i), std::to_string(i).c_str()));
    }
    std::uint64_t inserted = 0;
    for (int round = 0; round < 5; ++round) {
        auto write = [&rows, &inserted](DatabaseManager& manager) {
            const WriteResult written = manager.wait(manager.insert_trades(rows));
            return written.inserted;
        };
        std::uint64_t theirs = 0;
        std::thread thread([&] { theirs = write(*other); });
        const std::uint64_t ours = write(db());
        thread.join();
        inserted += ours + theirs;
    }
    EXPECT_EQ(inserted, 3000U);
    EXPECT_EQ(schema().value("SELECT count(*) || ' ' || count(DISTINCT trade_id) FROM trade_snapshots"), "3000 3000");
}

TEST_F(PostgresExisting, TheTimeOfArrivalIsTheTimeUnlessItIsSaidOtherwise) {
    use({"complete"}, LegacyClock::received);
    BookTicker row = quote(kSpot, kNoon, 1, 2);
    row.received_at = kNoon + 3ms;
    EXPECT_EQ(counts(store(std::vector{row})), "1 0 0 0 0");
    EXPECT_EQ(schema().value("SELECT \"timestamp\" FROM book_ticker_snapshots"), "2024-08-08 12:00:00.003+00");
    const BookTicker read = quotes().at(0);
    EXPECT_EQ(read.timestamp, kNoon + 3ms);
    EXPECT_EQ(read.received_at, kNoon + 3ms);
    expect_error(ErrorCode::constraint, [&] { store(std::vector{quote(kSpot, kNoon + 1s, 1, 2)}); },
                 {"book_ticker_snapshots row 0", "column received_at"});
    Trade sold = trade(kSpot, kNoon, "1");
    sold.received_at = kNoon + 9ms;
    store(std::vector{sold});
    EXPECT_EQ(trades().at(0).timestamp, kNoon) << "trades carry the exchange's time";
    EXPECT_EQ(trades().at(0).received_at, kNoTime);
    reopen(LegacyClock::event);
    EXPECT_EQ(quotes().at(0).received_at, kNoTime);
}

TEST_F(PostgresExisting, WhatTheTablesCannotHoldIsRefusedByRowAndColumn) {
    use({"complete"});
    BookTicker one_sided = quote(kSpot, kNoon + 1ms, 1, 2);
    one_sided.ask_price = kNoNumber;
    one_sided.ask_qty = kNoNumber;
    expect_error(ErrorCode::constraint,
                 [&] {
                     store(std::vector{quote(kSpot, kNoon, 1, 2), one_sided});
                 },
                 {"book_ticker_snapshots row 1", "column ask_price"});
    expect_error(ErrorCode::constraint, [&] { store(std::vector{trade(kSpot, kNoon, "1", 100, 1, Side::unknown)}); },
                 {"trade_snapshots row 0", "column side"});
    expect_error(ErrorCode::constraint, [&] { store(std::vector{funding(kFutures, kNoon, 0.0001)}); },
                 {"funding_rate_snapshots row 0", "column funding_time"});
    FundingRate large = funding(kFutures, kNoon, 1.5);
    large.funding_time = kNoon + 4h;
    expect_error(ErrorCode::constraint, [&] { store(std::vector{large}); },
                 {"funding_rate_snapshots row 0", "column funding_rate"});
    expect_error(ErrorCode::constraint, [&] { store(std::vector{balance(ExchangeId{1}, "USDT", kNoon, -1)}); },
                 {"balance_snapshots row 0", "available_balance"});
    expect_error(ErrorCode::constraint, [&] { store(std::vector{balance(ExchangeId{1}, "usdt.e", kNoon, 1)}); },
                 {"balance_snapshots row 0", "column asset_name"});
    expect_error(ErrorCode::constraint,
                 [&] { store(std::vector{balance(ExchangeId{1}, "USDT", kNoon - 24h * 3000, 1)}); },
                 {"balance_snapshots row 0", "column timestamp"});
    expect_error(ErrorCode::constraint, [&] { db().wait(db().ensure_exchange("GAMMA_DELIVERY_FUTURES")); },
                 {"exchanges (enum_value GAMMA_DELIVERY_FUTURES)", "column enum_value"});
    for (const char* table :
         {"book_ticker_snapshots", "trade_snapshots", "funding_rate_snapshots", "balance_snapshots"}) {
        EXPECT_EQ(schema().value("SELECT count(*) FROM " + std::string(table)), "0");
    }
}

TEST_F(PostgresExisting, ASecondContractOfOnePairIsRefused) {
    use({"complete"});
    Symbol second;
    second.exchange_id = ExchangeId{2};
    second.symbol_base = "BTC";
    second.symbol_quote = "USDT";
    second.exchange_symbol = "BTC_USDT_2";
    expect_error(ErrorCode::constraint, [&] { db().wait(db().insert_symbol(second)); },
                 {"symbols (exchange_id 2, exchange_symbol BTC_USDT_2)", "symbol_base, symbol_quote, symbol_type"});
    second.exchange_symbol = "BTC_USDT_241227";
    second.expires_at = kNoon + 24h;
    expect_error(ErrorCode::constraint, [&] { db().wait(db().insert_symbol(second)); }, {"column contract_type"});
    EXPECT_EQ(schema().value("SELECT count(*) FROM symbols"), "2");
}

TEST_F(PostgresExisting, NumbersAreReadAsTheServerWritesThem) {
    use({"complete"});
    schema().run(
        "INSERT INTO book_ticker_snapshots (\"timestamp\", symbol_id, bid_price, bid_qty, ask_price, ask_qty)"
        " SELECT '2024-08-08 12:00+00'::timestamptz + i * interval '1 ms', 1, p, q, p + 0.00000001, q + 1 FROM (SELECT "
        "i,"
        " round((exp((i % 29) - 17) * (1 + i / 7919.0))::numeric, 8) + 0.00000001 AS p,"
        " round((i * 1000.0 / 7)::numeric, 8) + 0.5 AS q FROM generate_series(1, 2000) AS i) AS x;"
        "INSERT INTO balance_snapshots (\"timestamp\", exchange_id, asset_name, available_balance)"
        " SELECT '2024-08-08 12:00+00'::timestamptz + i * interval '1 ms', 1, 'USDT',"
        " (exp((i % 37) - 17) * (1 + i / 7919.0))::real FROM generate_series(1, 2000) AS i");
    const Rows prices = schema().rows("SELECT bid_price, ask_qty FROM book_ticker_snapshots ORDER BY \"timestamp\"");
    const std::vector<BookTicker> found = quotes();
    ASSERT_EQ(found.size(), 2000U);
    for (std::size_t i = 0; i < found.size(); ++i) {
        const std::size_t bar = prices[i].find('|');
        EXPECT_EQ(found[i].bid_price, std::stod(prices[i].substr(0, bar))) << prices[i];
        EXPECT_EQ(found[i].ask_qty, std::stod(prices[i].substr(bar + 1))) << prices[i];
    }
    const Rows amounts = schema().rows("SELECT available_balance FROM balance_snapshots ORDER BY \"timestamp\"");
    const std::vector<Balance> balances = db().wait(db().get_balance_history({})).rows;
    ASSERT_EQ(balances.size(), 2000U);
    for (std::size_t i = 0; i < balances.size(); ++i) {
        EXPECT_EQ(balances[i].available_balance, std::stod(amounts[i])) << amounts[i];
    }
    EXPECT_EQ(counts(store(found)), "0 0 2000 0 0") << "and they are written as they were";
    EXPECT_EQ(counts(store(balances)), "0 0 2000 0 0");
}

TEST_F(PostgresExisting, ChangesOfExchangesAndSymbolsByOthersAreSeenWithinASecond) {
    use({"complete"});
    expect_within_a_second([&](int round) {
        const std::string base = "ETH" + std::to_string(round);
        schema().run("INSERT INTO symbols (exchange_id, symbol_base, symbol_quote, exchange_symbol) VALUES (1, '" +
                     base + "', 'USDT', '" + base + "USDT')");
        return [&, base] { return db().find_symbol(ExchangeId{1}, base + "/USDT") != nullptr; };
    });
    expect_within_a_second([&](int round) {
        const bool is_active = round % 2 == 1;
        schema().run(std::string("UPDATE symbols SET is_active = ") + (is_active ? "true" : "false") + " WHERE id = 1");
        return [&, is_active] { return db().find_symbol(kSpot)->is_active == is_active; };
    });
}

TEST_F(PostgresExisting, StatisticsAndCleaningUpWorkOnTheirTables) {
    use({"complete"});
    store(std::vector{quote(kSpot, kNoon, 1, 2), quote(kSpot, kNoon + 1h, 1, 2), quote(kFutures, kNoon, 1, 2)});
    store(std::vector{balance(ExchangeId{1}, "USDT", kNoon, 5), balance(ExchangeId{1}, "BTC", kNoon, 5)});
    const DatabaseStats stats = db().wait(db().get_database_stats());
    EXPECT_EQ(stats.datasets.at(0).rows, 3U);
    EXPECT_EQ(stats.datasets.at(0).series, 2U);
    EXPECT_EQ(stats.datasets.at(3).series, 2U);
    EXPECT_NE(stats.engine.find("existing schema"), std::string::npos);
    EXPECT_EQ(stats.sources, 0U);
    const std::vector<SeriesStats> series = db().wait(db().get_series_stats());
    ASSERT_EQ(series.size(), 4U);
    EXPECT_EQ(series[0].rows, 2U);

    CleanupOptions options = a_week();
    options.older_than =
        std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now() - (kNoon + 30min));
    const CleanupResult gone = db().wait(db().cleanup_old_data(options));
    EXPECT_EQ(gone.book_tickers, 2U);
    EXPECT_EQ(gone.balances, 2U);
    EXPECT_EQ(schema().value("SELECT count(*) FROM book_ticker_snapshots"), "1");
}

TEST_F(PostgresExisting, RowsCannotBeSetAside) {
    use({"complete"});
    QuarantinedRow row;
    row.line = 1;
    row.reason = "why";
    expect_error(ErrorCode::schema_mismatch, [&] { db().wait(db().insert_quarantined_rows(std::vector{row})); },
                 {"existing schema"});
}

TEST_F(PostgresExisting, StateAWithoutIndexesAndWithoutExchangesWorks) {
    schema_ = std::make_unique<ExistingSchema>(Rows{"state_a"});
    db_ = schema_->open();
    Symbol symbol;
    symbol.exchange_id = db().wait(db().ensure_exchange("ALPHA_SPOT")).id;
    symbol.symbol_base = "BTC";
    symbol.symbol_quote = "USDT";
    symbol.exchange_symbol = "BTCUSDT";
    const SymbolId busy = db().wait(db().ensure_symbol(symbol)).id;
    symbol.symbol_base = "ETH";
    symbol.exchange_symbol = "ETHUSDT";
    const SymbolId quiet = db().wait(db().ensure_symbol(symbol)).id;
    EXPECT_EQ(counts(store(std::vector{quote(quiet, kNoon - 24h * 30, 5, 6), quote(busy, kNoon, 1, 2),
                                       quote(busy, kNoon + 24h, 3, 4)})),
              "3 0 0 0 0");
    EXPECT_EQ(counts(store(std::vector{quote(busy, kNoon, 1, 2), quote(busy, kNoon + 24h, 3.5, 4)})), "0 1 1 0 0");
    reopen();
    const auto latest = db().wait(db().get_latest_book_tickers({}));
    ASSERT_EQ(latest.size(), 2U);
    EXPECT_EQ(latest[0].row.bid_price, 3.5);
    EXPECT_EQ(latest[1].row.bid_price, 5);
    EXPECT_EQ(db().wait(db().get_series_stats()).size(), 2U);
    FundingRate rate = funding(busy, kNoon, 0.0001);
    rate.funding_time = kNoon + 4h;
    EXPECT_EQ(counts(store(std::vector{rate})), "1 0 0 0 0") << "without next_funding_time";
    EXPECT_EQ(counts(store(std::vector{trade(busy, kNoon, "1"), trade(busy, kNoon, "2")})), "2 0 0 0 0");
    EXPECT_EQ(counts(store(std::vector{trade(busy, kNoon, "1"), trade(busy, kNoon, "2")})), "0 0 2 0 0");
}

TEST_F(PostgresExisting, StateBLacksATableWhichIsSaidWhenItIsUsed) {
    use({"complete", "state_b"});
    EXPECT_EQ(counts(store(std::vector{quote(kSpot, kNoon, 1, 2)})), "1 0 0 0 0");
    FundingRate rate = funding(kFutures, kNoon, 0.0001);
    rate.funding_time = kNoon + 4h;
    expect_error(ErrorCode::schema_mismatch, [&] { store(std::vector{rate}); },
                 {"has no table funding_rate_snapshots"});
    const auto ahead = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now()) + 2h;
    expect_error(ErrorCode::constraint,
                 [&] {
                     store(std::vector{quote(kSpot, kNoon, 1, 2), quote(kSpot, Timestamp(ahead), 1, 2)});
                 },
                 {"book_ticker_snapshots row 1", "column timestamp"});
    expect_error(ErrorCode::constraint,
                 [&] {
                     store(std::vector{trade(kSpot, kNoon, "1"), trade(kSpot, Timestamp(ahead), "2")});
                 },
                 {"trade_snapshots row 1", "column timestamp"});
    constexpr Timestamp kBefore2020{std::chrono::microseconds{1'577'700'000'000'000}};
    expect_error(ErrorCode::constraint,
                 [&] {
                     store(std::vector{quote(kSpot, kBefore2020, 1, 2), quote(kSpot, kNoon, 1, 2)});
                 },
                 {"book_ticker_snapshots row 0", "column timestamp"});
    EXPECT_EQ(schema().value("SELECT count(*) FROM trade_snapshots"), "0");
    EXPECT_EQ(db().wait(db().get_database_stats()).datasets.at(2).rows, 0U);
}

TEST_F(PostgresExisting, AColumnThatIsMissingIsSaidWhenItsTableIsUsed) {
    use({"complete"});
    schema().run("ALTER TABLE funding_rate_snapshots DROP COLUMN funding_time");
    reopen();
    FundingRate rate = funding(kFutures, kNoon, 0.0001);
    rate.funding_time = kNoon + 4h;
    for (const auto& use_it : {std::function<void()>([&] { store(std::vector{rate}); }),
                               std::function<void()>([&] { db().wait(db().get_funding_rate_history({})); })}) {
        expect_error(ErrorCode::schema_mismatch, use_it,
                     {"has no column funding_time; it has id, timestamp, symbol_id, funding_rate, next_funding_time"});
    }
    EXPECT_EQ(counts(store(std::vector{quote(kSpot, kNoon, 1, 2)})), "1 0 0 0 0");
    EXPECT_EQ(db().wait(db().get_database_stats()).datasets.at(0).rows, 1U);
    EXPECT_EQ(db().wait(db().get_series_stats()).size(), 1U);
    EXPECT_EQ(db().wait(db().cleanup_old_data(a_week())).book_tickers, 1U);
}

TEST_F(PostgresExisting, StateCHasATriggerWhoseRefusalNamesTheRow) {
    use({"complete", "state_c"});
    const auto ahead = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now()) + 2h;
    EXPECT_EQ(counts(store(std::vector{balance(ExchangeId{1}, "USDT", kNoon, 5)})), "1 0 0 0 0");
    expect_error(ErrorCode::constraint,
                 [&] {
                     store(std::vector{balance(ExchangeId{1}, "BTC", kNoon, 5),
                                       balance(ExchangeId{1}, "USDT", Timestamp(ahead), 5)});
                 },
                 {"balance_snapshots row 1", "cannot be in the future"});
    EXPECT_EQ(schema().value("SELECT count(*) FROM balance_snapshots"), "1");
}

TEST_F(PostgresExisting, StateDIsRefusedByWhatIsFound) {
    const ExistingSchema flat({"state_d_flat"});
    expect_error(ErrorCode::schema_mismatch, [&] { static_cast<void>(flat.open()); },
                 {"book_ticker_snapshots has no column symbol_id; it has id, exchange, symbol_base, symbol_quote"});
    const ExistingSchema view({"state_d_view"});
    expect_error(ErrorCode::schema_mismatch, [&] { static_cast<void>(view.open()); },
                 {"book_ticker_snapshots is a view, with the columns symbol_id, timestamp, bid_price, ask_price"});
    const ExistingSchema renamed({"complete", "state_d_renamed"});
    expect_error(ErrorCode::schema_mismatch, [&] { static_cast<void>(renamed.open()); },
                 {"exchanges has no column enum_value; it has id, exchange_code"});
}

TEST_F(PostgresExisting, EnabledMigrationsGetOneNoticeAndChangeNothing) {
    const ExistingSchema existing({"complete"});
    Config settings = existing.config();
    settings.migrate = true;
    Rows said;
    settings.log = [&said](LogLevel, std::string_view text) { said.emplace_back(text); };
    {
        const auto manager = ExistingSchema::open(settings);
        manager->wait(manager->close());
    }
    ASSERT_EQ(said.size(), 1U);
    EXPECT_NE(said[0].find("migrations.enabled has no effect"), std::string::npos) << said[0];
    EXPECT_EQ(existing.value("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()"), "6");
}

}  // namespace
}  // namespace marketdb::testing
