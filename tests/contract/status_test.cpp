#include <algorithm>
#include <string>

#include "engine_fixture.hpp"

namespace marketdb::testing {
namespace {

MARKETDB_CONTRACT_SUITE(Status);

/// `ALPHA_SPOT trades: 2 series, 1 stale, newest 1000 ms, 3 rows`.
std::string status_of(const ExchangeStatus& one) {
    return one.exchange.str() + " " + std::string(to_string(one.dataset)) + ": " + std::to_string(one.series) +
           " series, " + std::to_string(one.stale) + " stale, newest " + std::to_string(one.newest_age.count() / 1000) +
           " ms, " + std::to_string(one.recent_rows) + " rows";
}

Lines lines_of(const std::vector<ExchangeStatus>& exchanges) {
    Lines lines;
    for (const ExchangeStatus& one : exchanges) lines.push_back(status_of(one));
    return lines;
}

Lines lines_of(const std::vector<HealthFinding>& findings) {
    Lines lines;
    for (const HealthFinding& one : findings) lines.push_back(one.kind + " " + one.subject + ": " + one.detail);
    return lines;
}

TEST_P(Status, StatisticsSayHowOldTheNewestRowIsAndWhatCameInTheLastMinute) {
    const Symbol symbol = make_symbol();
    store(
        {quote(symbol.id, kNoon - 61s, 1, 2), quote(symbol.id, kNoon - 60s, 1, 2), quote(symbol.id, kNoon - 2s, 1, 2)});
    store({trade(symbol.id, kNoon - 2h, "1")});
    const DatabaseStats stats = wait(db().get_database_stats());
    EXPECT_EQ(stats.datasets.at(0).newest_age, 2s);
    EXPECT_EQ(stats.datasets.at(0).recent_rows, 2U);
    EXPECT_GT(stats.datasets.at(0).bytes, 0U);
    EXPECT_FALSE(stats.datasets.at(0).is_estimated);
    EXPECT_EQ(stats.datasets.at(1).newest_age, 2h);
    EXPECT_EQ(stats.datasets.at(1).recent_rows, 0U);
    EXPECT_FALSE(stats.datasets.at(2).newest_age.has_value());
    EXPECT_EQ(stats.datasets.at(2).recent_rows, 0U);
}

TEST_P(Status, EachExchangeIsSummedUp) {
    const Symbol btc = make_symbol("BTC", "USDT", "ALPHA_SPOT");
    const Symbol eth = make_symbol("ETH", "USDT", "ALPHA_SPOT");
    const Symbol beta = make_symbol("BTC", "USDT", "BETA_SPOT");
    store({quote(btc.id, kNoon - 1s, 1, 2), quote(btc.id, kNoon - 3s, 1, 2), quote(eth.id, kNoon - 61s, 1, 2),
           quote(beta.id, kNoon - 30s, 1, 2)});
    store({trade(btc.id, kNoon - 5s, "1")});
    store({balance(btc.exchange_id, "USDT", kNoon - 10s, 1), balance(btc.exchange_id, "BTC", kNoon - 90s, 1)});
    const DatabaseStatus status = wait(get_status(db()));
    EXPECT_EQ(status.at, kNoon);
    EXPECT_EQ(lines_of(status.exchanges),
              (Lines{"ALPHA_SPOT book-tickers: 2 series, 1 stale, newest 1000 ms, 2 rows",
                     "ALPHA_SPOT trades: 1 series, 0 stale, newest 5000 ms, 1 rows",
                     "ALPHA_SPOT balances: 2 series, 1 stale, newest 10000 ms, 1 rows",
                     "BETA_SPOT book-tickers: 1 series, 0 stale, newest 30000 ms, 1 rows"}));
    ASSERT_EQ(status.series.size(), 6U);
    EXPECT_EQ(status.series[1].symbol_id, eth.id);
    EXPECT_TRUE(status.series[1].is_stale);
    EXPECT_EQ(status.series[1].age, 61s);
    EXPECT_EQ(status.database.datasets.at(0).rows, 4U);
    EXPECT_EQ(status.disk.has_value(), target().is_file);

    StatusOptions options;
    options.exchange = "beta*";
    options.max_age = 10s;
    EXPECT_EQ(lines_of(wait(get_status(db(), options)).exchanges),
              (Lines{"BETA_SPOT book-tickers: 1 series, 1 stale, newest 30000 ms, 1 rows"}));
    options = {};
    options.dataset = Dataset::trades;
    EXPECT_EQ(lines_of(wait(get_status(db(), options)).exchanges),
              (Lines{"ALPHA_SPOT trades: 1 series, 0 stale, newest 5000 ms, 1 rows"}));
}

TEST_P(Status, WhatIsNotTradedAnyMoreIsNotStale) {
    Symbol delisted;
    delisted.exchange_id = make_exchange().id;
    delisted.symbol_base = "OLD";
    delisted.symbol_quote = "USDT";
    delisted.exchange_symbol = "OLDUSDT";
    delisted.is_active = false;
    delisted = wait(db().insert_symbol(delisted));
    const Symbol btc = make_symbol();
    store({quote(delisted.id, kNoon - 24h, 1, 2), quote(btc.id, kNoon - 1s, 1, 2)});
    const DatabaseStatus status = wait(get_status(db()));
    EXPECT_EQ(lines_of(status.exchanges),
              (Lines{"ALPHA_SPOT book-tickers: 2 series, 0 stale, newest 1000 ms, 1 rows"}));
    HealthLimits limits;
    limits.max_age = 60s;
    limits.each_series = true;
    EXPECT_EQ(lines_of(find_unhealthy(db(), status, limits)), Lines{});
}

TEST_P(Status, FindingsSayWhatWasExpected) {
    HealthLimits limits;
    limits.max_age = 60s;
    limits.min_rate = 2;
    EXPECT_EQ(lines_of(find_unhealthy(db(), wait(get_status(db())), limits)), (Lines{"empty : no rows are stored"}));
    make_exchange("BETA_SPOT");
    StatusOptions options;
    options.exchange = "BETA_SPOT";
    EXPECT_EQ(lines_of(find_unhealthy(db(), wait(get_status(db(), options)), limits)),
              (Lines{"empty BETA_SPOT: no rows are stored"}));

    const Symbol btc = make_symbol("BTC", "USDT", "ALPHA_SPOT");
    const Symbol eth = make_symbol("ETH", "USDT", "ALPHA_SPOT");
    const Symbol beta = make_symbol("BTC", "USDT", "BETA_SPOT");
    store({quote(btc.id, kNoon - 1s, 1, 2), quote(btc.id, kNoon - 2s, 1, 2), quote(eth.id, kNoon - 75s, 1, 2),
           quote(beta.id, kNoon - 90s, 1, 2)});
    const DatabaseStatus status = wait(get_status(db()));
    EXPECT_EQ(lines_of(find_unhealthy(db(), status, limits)),
              (Lines{"stale BETA_SPOT: newest row 90 s old, expected at most 60 s",
                     "slow BETA_SPOT: 0 rows in the last minute, expected at least 2"}));
    limits.min_rate.reset();
    limits.each_series = true;
    EXPECT_EQ(lines_of(find_unhealthy(db(), status, limits)),
              (Lines{"stale BETA_SPOT: newest row 90 s old, expected at most 60 s",
                     "stale ALPHA_SPOT:ETH/USDT: newest row 75 s old, expected at most 60 s",
                     "stale BETA_SPOT:BTC/USDT: newest row 90 s old, expected at most 60 s"}));
    limits.max_age = 90s;
    EXPECT_EQ(lines_of(find_unhealthy(db(), status, limits)), Lines{});
}

TEST_P(Status, ARowDatedAheadDoesNotLookFresh) {
    const Symbol btc = make_symbol("BTC", "USDT", "ALPHA_SPOT");
    store({quote(btc.id, kNoon + 61s, 1, 2)});
    HealthLimits limits;
    limits.max_age = 60s;
    limits.each_series = true;
    EXPECT_EQ(lines_of(find_unhealthy(db(), wait(get_status(db())), limits)),
              (Lines{"ahead ALPHA_SPOT: newest row dated 61 s ahead of now",
                     "ahead ALPHA_SPOT:BTC/USDT: newest row dated 61 s ahead of now"}));
    limits.max_age = 61s;
    EXPECT_EQ(lines_of(find_unhealthy(db(), wait(get_status(db())), limits)), Lines{});
}

TEST_P(Status, WrongOptionsSayWhatWasExpected) {
    StatusOptions options;
    options.max_age = 0us;
    expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(wait(get_status(db(), options))); }, {"max_age"});
    options = {};
    options.exchange = "NOBODY_*";
    expect_error(ErrorCode::unknown_exchange, [&] { static_cast<void>(wait(get_status(db(), options))); },
                 {"NOBODY_*"});
}

TEST_P(Status, MetricsArePrometheusText) {
    const Symbol btc = make_symbol();
    store({quote(btc.id, kNoon - 1500ms, 1, 2), quote(btc.id, kNoon - 61s, 1, 2)});
    const DatabaseStatus status = wait(get_status(db()));
    const std::string text = metrics_text(db(), status);
    const auto has = [&text](std::string_view line) {
        return text.find(std::string(line) + "\n") != std::string::npos;
    };
    EXPECT_TRUE(
        has("# HELP marketdb_newest_age_seconds Age of the newest row of an exchange, by event time.\n"
            "# TYPE marketdb_newest_age_seconds gauge\n"
            "marketdb_newest_age_seconds{dataset=\"book-tickers\",exchange=\"ALPHA_SPOT\"} 1.5"))
        << text;
    EXPECT_TRUE(has("marketdb_last_minute_rows{dataset=\"book-tickers\",exchange=\"ALPHA_SPOT\"} 1")) << text;
    EXPECT_TRUE(has("marketdb_rows{dataset=\"book-tickers\"} 2")) << text;
    EXPECT_TRUE(has("marketdb_rows{dataset=\"balances\"} 0")) << text;
    EXPECT_TRUE(has("marketdb_collected_timestamp_seconds 1723118400")) << text;
    EXPECT_EQ(text.find("symbol="), std::string::npos);
    EXPECT_EQ(text.find("_total"), std::string::npos);

    MetricsOptions options;
    options.symbols = true;
    options.counters = true;
    const std::string more = metrics_text(db(), status, options);
    EXPECT_NE(more.find("marketdb_series_newest_age_seconds{dataset=\"book-tickers\",exchange=\"ALPHA_SPOT\",symbol="
                        "\"BTCUSDT\",account=\"\"} 1.5\n"),
              std::string::npos)
        << more;
    EXPECT_NE(more.find("# TYPE marketdb_written_rows_total counter\nmarketdb_written_rows_total 2\n"),
              std::string::npos)
        << more;
}

/// Those whose rows another program can reach.
class StatusBeside : public EngineTest {};
INSTANTIATE_TEST_SUITE_P(On, StatusBeside, ::testing::ValuesIn(shared_engines()), engine_name);

TEST_P(StatusBeside, ExactStatisticsCountWhatIsThere) {
    const Symbol symbol = make_symbol();
    store({quote(symbol.id, kNoon, 1, 2), quote(symbol.id, kNoon + 1s, 1, 2), quote(symbol.id, kNoon + 2s, 1, 2)});
    close();
    target().run_sql(folder(), "DELETE FROM book_ticker_snapshots WHERE \"timestamp\" = " + target().sql_time(kNoon));
    const DatabaseStats exact = wait(get_exact_database_stats(db()));
    EXPECT_EQ(exact.datasets.at(0).rows, 2U);
    EXPECT_EQ(exact.datasets.at(0).series, 1U);
    EXPECT_EQ(exact.datasets.at(1).rows, 0U);
    if (target().can.own_tables) {
        EXPECT_EQ(wait(db().get_database_stats()).datasets.at(0).rows, 3U) << "kept counts know marketdb's own changes";
    }
}

}  // namespace
}  // namespace marketdb::testing
