#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "adversity/steps.hpp"
#include "support/existing_schema.hpp"
#include "support/expect.hpp"
#include "support/rows.hpp"

/// Operations on the tables of older programs that are cancelled wherever they wait.
namespace marketdb::testing {
namespace {

/// What is cancelled. Its rows are those of a symbol of its own, of balances those of an asset named after it.
struct Cancelled {
    const char* name;
    std::function<asio::awaitable<void>(DatabaseManager& db, SymbolId symbol)> act;
    std::string table;  ///< Where its rows are; empty: it writes none.
    int rows = 0;
    bool adds_always = false;  ///< Written again, they are stored again.
};

std::string asset_of(SymbolId symbol) { return "A" + std::to_string(static_cast<int>(symbol)); }

template <class Row, class Make>
std::vector<Row> rows_of(int count, Make make) {
    std::vector<Row> rows;
    for (int i = 0; i < count; ++i) rows.push_back(make(kNoon + i * 1ms, i));
    return rows;
}

Cancelled quotes(int count) {
    const auto act = [count](DatabaseManager& db, SymbolId symbol) {
        const auto make = [symbol](Timestamp at, int) { return quote(symbol, at, 100, 101); };
        return ignoring(db.insert_book_ticker_snapshots(rows_of<BookTicker>(count, make)));
    };
    return {"quotes", act, "book_ticker_snapshots", count};
}

Cancelled trades(int count) {
    const auto act = [count](DatabaseManager& db, SymbolId symbol) {
        const auto make = [symbol](Timestamp at, int i) { return trade(symbol, at, std::to_string(i + 1).c_str()); };
        return ignoring(db.insert_trades(rows_of<Trade>(count, make)));
    };
    return {"trades", act, "trade_snapshots", count};
}

Cancelled trades_without_ids(int count) {
    const auto act = [count](DatabaseManager& db, SymbolId symbol) {
        const auto make = [symbol](Timestamp at, int) { return trade(symbol, at, ""); };
        return ignoring(db.insert_trades(rows_of<Trade>(count, make)));
    };
    return {"trades without ids", act, "trade_snapshots", count, true};
}

Cancelled funding_rates(int count) {
    const auto act = [count](DatabaseManager& db, SymbolId symbol) {
        const auto make = [symbol](Timestamp at, int) { return with_settlement(funding(symbol, at, 0.0001)); };
        return ignoring(db.insert_funding_rates(rows_of<FundingRate>(count, make)));
    };
    return {"funding rates", act, "funding_rate_snapshots", count};
}

Cancelled balances(int count) {
    const auto act = [count](DatabaseManager& db, SymbolId symbol) {
        const std::string asset = asset_of(symbol);
        const auto make = [&](Timestamp at, int) { return balance(ExchangeId{1}, asset.c_str(), at, 5); };
        return ignoring(db.insert_balance_snapshots(rows_of<Balance>(count, make)));
    };
    return {"balances", act, "balance_snapshots", count};
}

std::vector<Cancelled> inserts(int count) {
    return {quotes(count), trades(count), trades_without_ids(count), funding_rates(count), balances(count)};
}

asio::awaitable<void> read_trades(DatabaseManager& db) {
    const HistoryFilter everything;
    const History<Trade> history = co_await db.get_trade_history(everything);
    EXPECT_EQ(history.rows.size(), 8U);
}

asio::awaitable<void> read_quotes_in_batches(DatabaseManager& db) {
    HistoryReader<BookTicker> reader = db.read_history<BookTicker>();
    const std::vector<BookTicker> batch = co_await reader.next(5);
    EXPECT_EQ(batch.size(), 5U);
}

template <class Row>
asio::awaitable<void> read_latest(asio::awaitable<std::vector<Latest<Row>>> asked) {
    const std::vector<Latest<Row>> latest = co_await std::move(asked);
    EXPECT_EQ(latest.size(), 1U);
}

LatestFilter past_memory() {
    LatestFilter filter;
    filter.max_cache_age = std::chrono::microseconds(0);
    return filter;
}

std::vector<Cancelled> readers() {
    return {
        {"a history", [](DatabaseManager& db, SymbolId) { return read_trades(db); }, {}},
        {"a reader", [](DatabaseManager& db, SymbolId) { return read_quotes_in_batches(db); }, {}},
        {"the latest quotes",
         [](DatabaseManager& db, SymbolId) { return read_latest(db.get_latest_book_tickers(past_memory())); },
         {}},
        {"the latest trades",
         [](DatabaseManager& db, SymbolId) { return read_latest(db.get_latest_trades(past_memory())); },
         {}},
        {"the latest funding rates",
         [](DatabaseManager& db, SymbolId) { return read_latest(db.get_latest_funding_rates(past_memory())); },
         {}},
        {"the latest balances",
         [](DatabaseManager& db, SymbolId) { return read_latest(db.get_latest_balances(past_memory())); },
         {}},
        {"statistics", [](DatabaseManager& db, SymbolId) { return ignoring(db.get_database_stats()); }, {}},
        {"series", [](DatabaseManager& db, SymbolId) { return ignoring(db.get_series_stats()); }, {}},
        {"what is in memory", [](DatabaseManager& db, SymbolId) { return ignoring(db.refresh_reference()); }, {}},
    };
}

/// Every way but the first, which is for every day.
const std::vector<Wish> kWishes{
    {true, asio::cancellation_type::terminal},
    {true, asio::cancellation_type::total},
    {false, asio::cancellation_type::terminal},
    {false, asio::cancellation_type::total},
};

class PostgresExistingCancel : public ::testing::Test {
 protected:
    PostgresExistingCancel() : schema_({"complete"}), setup_(ExistingSchema::open(config())) {}

    Config config() {
        Config settings = schema_.config();
        settings.poll_interval = std::chrono::hours(1);
        settings.postgres.pool_max_size = 2;
        return settings;
    }
    SymbolId next_symbol() {
        Symbol symbol;
        symbol.exchange_id = setup_->wait(setup_->ensure_exchange("ALPHA_SPOT")).id;
        symbol.symbol_base = "S" + std::to_string(++symbols_);
        symbol.symbol_quote = "USDT";
        symbol.exchange_symbol = symbol.symbol_base.str() + "USDT";
        return setup_->wait(setup_->ensure_symbol(symbol)).id;
    }

    void cancel(const Cancelled& victim, Wish wish) {
        SCOPED_TRACE(victim.name);
        Steps steps;
        DatabaseManager db(config(), steps.managers().get_executor());
        steps.run(db.initialize());
        const auto next = [&] {
            const SymbolId symbol = next_symbol();
            Attempt attempt;
            attempt.act = [&db, &victim, symbol] { return victim.act(db, symbol); };
            attempt.check = [this, &victim, symbol, times = 0](bool is_there) mutable {
                if (is_there) ++times;
                check_stored(victim, symbol, times);
            };
            return attempt;
        };
        cancel_at_each_step(steps, db, wish, next, delays_);
        steps.run(db.close());
    }
    void cancel_all(const std::vector<Cancelled>& victims, const std::vector<Wish>& wishes) {
        for (const Cancelled& victim : victims) {
            for (const Wish wish : wishes) cancel(victim, wish);
            if (HasFatalFailure()) return;
        }
        check_delays(delays_);
    }

    /// As the programs beside marketdb see it.
    void check_stored(const Cancelled& victim, SymbolId symbol, int times) const {
        if (victim.table.empty()) return;
        const std::string its = victim.table == "balance_snapshots"
                                    ? fmt::format("asset_name = '{}'", asset_of(symbol))
                                    : fmt::format("symbol_id = {}", static_cast<int>(symbol));
        const int rows = victim.rows * (victim.adds_always ? times : std::min(times, 1));
        EXPECT_EQ(schema_.rows(fmt::format("SELECT count(*), count(DISTINCT \"timestamp\") FROM {} WHERE {}",
                                           victim.table, its)),
                  Lines{fmt::format("{}|{}", rows, times == 0 ? 0 : victim.rows)});
    }

    /// Eight rows of each dataset, all of one series.
    void store_eight() {
        const SymbolId symbol = next_symbol();
        for (const Cancelled& victim : inserts(8)) {
            if (!victim.adds_always) setup_->wait(victim.act(*setup_, symbol));
        }
    }

    ExistingSchema schema_;
    std::unique_ptr<DatabaseManager> setup_;
    std::vector<Clock::duration> delays_;
    int symbols_ = 0;
};

TEST_F(PostgresExistingCancel, AnInsertIsUndoneOrStoredWhereverItIsCancelled) {
    cancel_all(inserts(3), {kWishes.front()});
}

TEST_F(PostgresExistingCancel, ALargeInsertIsUndoneOrStoredWhereverItIsCancelled) {
    cancel_all(inserts(2'500), {kWishes.front()});
}

TEST_F(PostgresExistingCancel, WhatReadsIsCancelledWhereverItWaits) {
    store_eight();
    cancel_all(readers(), {kWishes.front()});
}

class PostgresExistingCancelLong : public PostgresExistingCancel {};

TEST_F(PostgresExistingCancelLong, AnInsertInEveryWay) { cancel_all(inserts(3), kWishes); }

TEST_F(PostgresExistingCancelLong, ALargeInsertInEveryWay) { cancel_all(inserts(2'500), kWishes); }

/// More rows than one statement takes.
TEST_F(PostgresExistingCancelLong, AnInsertOfSeveralStatements) {
    cancel_all({quotes(20'500), trades(20'500), trades_without_ids(20'500)}, {kWishes.front()});
}

TEST_F(PostgresExistingCancelLong, WhatReadsInEveryWay) {
    store_eight();
    cancel_all(readers(), kWishes);
}

}  // namespace
}  // namespace marketdb::testing
