#include <algorithm>
#include <set>
#include <tuple>

#include "real_data_fixture.hpp"
#include "support/sanitized.hpp"

/// Files as vendors deliver them, imported whole. The expected figures are those of the recordings, not of this program.
namespace marketdb::testing {
namespace {

class RealData : public RealDataTest {
 public:
    /// Imports a file, twice more to no effect, and returns the first report.
    ImportReport import_three_times(const std::filesystem::path& path) {
        const ImportReport first = import_whole(path);
        EXPECT_EQ(import_whole(path).skipped, target().can.keeps_sources);
        ImportOptions options;
        options.force = true;
        const ImportReport forced = import_whole(path, options);
        EXPECT_EQ(forced.read, first.read);
        EXPECT_EQ(forced.written, result(0, 0, first.written.inserted + first.written.unchanged + first.written.updated,
                                         first.written.folded));
        return first;
    }
};
INSTANTIATE_TEST_SUITE_P(On, RealData, ::testing::ValuesIn(all_engines()), engine_name);

struct Extremes {
    double lowest_bid;
    double highest_ask;
};

Extremes extremes_of(const std::vector<BookTicker>& rows) {
    const auto bid = std::min_element(
        rows.begin(), rows.end(), [](const BookTicker& a, const BookTicker& b) { return a.bid_price < b.bid_price; });
    const auto ask = std::max_element(
        rows.begin(), rows.end(), [](const BookTicker& a, const BookTicker& b) { return a.ask_price < b.ask_price; });
    return {bid->bid_price, ask->ask_price};
}

std::size_t count_distinct_keys(const std::vector<BookTicker>& rows) {
    std::set<std::pair<Timestamp, std::int64_t>> keys;
    for (const BookTicker& row : rows) keys.emplace(row.timestamp, row.sequence);
    return keys.size();
}

std::size_t count_distinct_times(const std::vector<BookTicker>& rows) {
    std::set<Timestamp> times;
    for (const BookTicker& row : rows) times.insert(row.timestamp);
    return times.size();
}

/// Rows as they were received: the order of the file.
bool is_in_arrival_order(const std::vector<BookTicker>& rows) {
    return std::is_sorted(rows.begin(), rows.end(), [](const BookTicker& a, const BookTicker& b) {
        return std::tie(a.timestamp, a.received_at) < std::tie(b.timestamp, b.received_at);
    });
}

TEST_P(RealData, SpotQuotesOfTardis) {
    const ImportReport report = import_three_times(tardis("binance_book_ticker_2024-08-08_BTCUSDT.csv.gz"));
    EXPECT_EQ(report.exchange, "BINANCE_SPOT");
    EXPECT_EQ(report.new_symbols, Lines{"BINANCE_SPOT:BTC/USDT (BTCUSDT)"});
    EXPECT_EQ(report.read, 28'040U);
    EXPECT_EQ(report.written, result(28'040));
    const std::vector<BookTicker> rows = wait(db().get_book_ticker_history(series("BINANCE_SPOT", "BTC/USDT"))).rows;
    ASSERT_EQ(rows.size(), 28'040U);
    EXPECT_EQ(count_distinct_keys(rows), 28'040U);
    EXPECT_EQ(count_distinct_times(rows), 26'185U);
    EXPECT_TRUE(is_in_arrival_order(rows));
    EXPECT_EQ(to_string(rows.front().timestamp), "2024-08-08T23:54:14.087891Z");
    EXPECT_EQ(rows.front().timestamp, rows.front().received_at);
    EXPECT_EQ(rows.front().bid_price, 61837.63);
    EXPECT_EQ(rows.front().ask_qty, 1.54698);
    EXPECT_EQ(to_string(rows.back().timestamp), "2024-08-08T23:59:59.999231Z");
    EXPECT_EQ(rows.back().bid_qty, 1.25869);
    EXPECT_EQ(extremes_of(rows).lowest_bid, 61583.22);
    EXPECT_EQ(extremes_of(rows).highest_ask, 61860.80);
}

TEST_P(RealData, UsdMarginedQuotesOfTardisKeepEveryRowOfATimestamp) {
    const ImportReport report = import_three_times(tardis("binance-futures_book_ticker_2024-08-08_BTCUSDT.csv.gz"));
    EXPECT_EQ(report.exchange, "BINANCE_FUTURES");
    EXPECT_EQ(report.written, result(66'089));
    const std::vector<BookTicker> rows = wait(db().get_book_ticker_history(series("BINANCE_FUTURES", "BTCUSDT"))).rows;
    ASSERT_EQ(rows.size(), 66'089U);
    EXPECT_EQ(count_distinct_keys(rows), 66'089U);
    EXPECT_EQ(count_distinct_times(rows), 34'246U);
    EXPECT_TRUE(is_in_arrival_order(rows));
    EXPECT_EQ(to_string(rows.front().timestamp), "2024-08-08T23:54:16.313000Z");
    EXPECT_EQ(to_string(rows.front().received_at), "2024-08-08T23:54:15.088169Z");
    EXPECT_EQ(to_string(rows.back().timestamp), "2024-08-09T00:00:00.709000Z");
    EXPECT_EQ(rows.back().ask_qty, 0.981);
    EXPECT_EQ(extremes_of(rows).lowest_bid, 61590.3);
    EXPECT_EQ(extremes_of(rows).highest_ask, 61839.9);
}

TEST_P(RealData, UsdMarginedQuotesOfOneTimestampFoldWhereAStoreKeepsOneOfThem) {
    if (target().can.keeps_sequence) GTEST_SKIP() << "this store keeps every row";
    const ImportReport report = import_three_times(binance("um/BTCUSDT-bookTicker-2024-08-08.zip"));
    EXPECT_EQ(report.written.inserted, 34'246U);
    EXPECT_EQ(report.written.updated + report.written.folded, 66'089U - 34'246U);
    const std::vector<BookTicker> rows = wait(db().get_book_ticker_history(series("BINANCE_FUTURES", "BTC/USDT"))).rows;
    ASSERT_EQ(rows.size(), 34'246U);
    EXPECT_EQ(count_distinct_times(rows), 34'246U);
    EXPECT_EQ(rows.back().sequence, 5'123'135'221'461) << "the last one of its time";
}

TEST_P(RealData, CoinMarginedQuotesOfTardisAreInContracts) {
    const ImportReport report =
        import_three_times(tardis("binance-delivery_book_ticker_2024-08-08_BTCUSD_PERP.csv.gz"));
    EXPECT_EQ(report.new_symbols, Lines{"BINANCECM_FUTURES:BTC/USD (BTCUSD_PERP)"});
    EXPECT_EQ(report.written, result(19'136));
    const std::vector<BookTicker> rows =
        wait(db().get_book_ticker_history(series("BINANCECM_FUTURES", "BTC/USD"))).rows;
    ASSERT_EQ(rows.size(), 19'136U);
    EXPECT_EQ(count_distinct_keys(rows), 19'136U);
    EXPECT_EQ(count_distinct_times(rows), 13'613U);
    EXPECT_EQ(extremes_of(rows).lowest_bid, 61610.0);
    EXPECT_EQ(extremes_of(rows).highest_ask, 61845.1);
    EXPECT_EQ(rows.front().ask_qty, 1645);
    const Symbol symbol = wait(db().resolve_symbol("BINANCECM_FUTURES", "BTCUSD_PERP"));
    EXPECT_EQ(to_string(symbol.contract_type), "inverse");
    EXPECT_EQ(to_string(symbol.quantity_unit), "contracts");
}

TEST_P(RealData, SmallFilesOfTardis) {
    struct Case {
        const char* name;
        const char* series;
        std::uint64_t read;
        std::uint64_t stored;
    };
    const Case cases[] = {
        {"bybit_book_ticker_2026-08-09_BTCUSDT.csv", "BYBIT_FUTURES:BTC/USDT (BTCUSDT)", 134, 134},
        {"bybit_book_ticker_2026-08-09_ETHUSDT.csv", "BYBIT_FUTURES:ETH/USDT (ETHUSDT)", 200, 200},
        {"bybit-spot_quotes_2026-08-09_BTCUSDT.csv", "BYBIT_SPOT:BTC/USDT (BTCUSDT)", 219, 219},
        {"bybit-spot_trades_2026-08-09_BTCUSDT.csv", "", 11, 11},
        {"bybit_trades_2026-08-09_BTCUSDT.csv", "", 56, 56},
        {"bybit_trades_2026-08-09_ETHUSDT.csv", "", 23, 23},
        {"bybit_derivative_ticker_2026-08-09_BTCUSDT.csv", "", 75, 1},
        {"bybit_derivative_ticker_2026-08-09_ETHUSDT.csv", "", 27, 2},
        {"coinbase_book_ticker_2026-08-09_BTC-USD.csv", "COINBASE_SPOT:BTC/USD (BTC-USD)", 73, 73},
        {"binance_trades_2024-08-08_BTCUSDT.csv.gz", "BINANCE_SPOT:BTC/USDT (BTCUSDT)", 9'757, 9'757},
        {"binance-futures_trades_2024-08-08_BTCUSDT.csv.gz", "BINANCE_FUTURES:BTC/USDT (BTCUSDT)", 21'313, 21'313},
        {"binance-delivery_trades_2024-08-08_BTCUSD_PERP.csv.gz", "BINANCECM_FUTURES:BTC/USD (BTCUSD_PERP)", 2'286,
         2'286},
    };
    for (const Case& each : cases) {
        SCOPED_TRACE(each.name);
        const ImportReport report = import_three_times(tardis(each.name));
        EXPECT_EQ(report.read, each.read);
        EXPECT_EQ(report.written, result(each.stored, 0, 0, each.read - each.stored)) << "every row is accounted for";
        EXPECT_EQ(report.new_symbols, *each.series == '\0' ? Lines{} : Lines{each.series});
    }
    const std::vector<FundingRate> rates =
        wait(db().get_funding_rate_history(series("BYBIT_FUTURES", "ETH/USDT"))).rows;
    ASSERT_EQ(rates.size(), 2U);
    EXPECT_EQ(to_string(rates[1].timestamp), "2026-08-09T21:27:02.174000Z");
    EXPECT_EQ(rates[1].funding_rate, 0.00004709);
    EXPECT_EQ(to_string(rates[1].funding_time), "2026-08-10T00:00:00.000000Z");
    EXPECT_EQ(to_string(rates[1].kind), "predicted");
    EXPECT_EQ(rates[1].mark_price, 1922.58);
}

TEST_P(RealData, TradesOfTwoVendorsAreOneTrade) {
    EXPECT_EQ(import_three_times(tardis("binance_trades_2024-08-08_BTCUSDT.csv.gz")).written, result(9'757));
    // The same trades: Binance adds what the buyer paid, Tardis keeps when it heard of them.
    EXPECT_EQ(import_three_times(binance("spot/BTCUSDT-trades-2024-08-08.zip")).written, result(0, 9'757));
    const std::vector<Trade> spot = wait(db().get_trade_history(series("BINANCE_SPOT", "BTC/USDT"))).rows;
    ASSERT_EQ(spot.size(), 9'757U);
    EXPECT_EQ(spot.front().trade_id, "3735683259");
    EXPECT_EQ(spot.front().sequence, 3'735'683'259);
    EXPECT_EQ(to_string(spot.front().timestamp), "2024-08-08T23:54:15.342000Z");
    EXPECT_EQ(to_string(spot.front().received_at), "2024-08-08T23:54:14.087896Z");
    EXPECT_EQ(spot.front().quote_quantity, 1236.7526);
    EXPECT_EQ(to_string(spot.front().side), "sell");
    EXPECT_EQ(spot.front().is_buyer, Tristate::unknown);
    EXPECT_EQ(spot.back().trade_id, "3735693015");
    EXPECT_EQ(spot.back().quantity, 0.0014);

    // The other way round gives the same rows.
    EXPECT_EQ(import_three_times(binance("um/BTCUSDT-trades-2024-08-08.zip")).written, result(21'313));
    EXPECT_EQ(import_three_times(tardis("binance-futures_trades_2024-08-08_BTCUSDT.csv.gz")).written,
              result(0, 21'313));
    const std::vector<Trade> futures = wait(db().get_trade_history(series("BINANCE_FUTURES", "BTC/USDT"))).rows;
    ASSERT_EQ(futures.size(), 21'313U);
    EXPECT_EQ(to_string(futures.front().received_at), "2024-08-08T23:54:15.088176Z");
    EXPECT_EQ(futures.front().quote_quantity, 370.8018);
    EXPECT_EQ(to_string(futures.back().timestamp), "2024-08-08T23:59:59.643000Z");
}

TEST_P(RealData, QuotesOfBinanceAreNumberedByTheirUpdateId) {
    const ImportReport report = import_three_times(binance("um/BTCUSDT-bookTicker-2024-08-08.zip"));
    EXPECT_EQ(report.exchange, "BINANCE_FUTURES");
    EXPECT_EQ(report.written, result(66'089));
    const std::vector<BookTicker> rows = wait(db().get_book_ticker_history(series("BINANCE_FUTURES", "BTC/USDT"))).rows;
    ASSERT_EQ(rows.size(), 66'089U);
    EXPECT_EQ(rows.front().sequence, 5'123'107'839'020);
    EXPECT_FALSE(is_present(rows.front().received_at));
    EXPECT_EQ(rows.back().sequence, 5'123'135'221'461);
    EXPECT_EQ(extremes_of(rows).lowest_bid, 61590.3);
    EXPECT_EQ(extremes_of(rows).highest_ask, 61839.9);
}

TEST_P(RealData, SpotTradesOfBinanceInMicroseconds) {
    EXPECT_EQ(import_three_times(binance("spot/TRXUSDT-trades-2025-03-04.zip")).written, result(10'000));
    const std::vector<Trade> rows = wait(db().get_trade_history(series("BINANCE_SPOT", "TRX/USDT"))).rows;
    ASSERT_EQ(rows.size(), 10'000U);
    EXPECT_EQ(to_string(rows.front().timestamp), "2025-03-04T00:00:01.271497Z");
    EXPECT_EQ(rows.front().trade_id, "348656870");
    EXPECT_EQ(rows.front().quote_quantity, 605.60528);
    EXPECT_EQ(to_string(rows.back().timestamp), "2025-03-04T00:47:59.150375Z");
}

TEST_P(RealData, AYearOfFundingIsSettled) {
    EXPECT_EQ(import_three_times(binance("um/BTCUSDT-fundingRate-2023.zip")).written, result(1'095));
    const std::vector<FundingRate> rows =
        wait(db().get_funding_rate_history(series("BINANCE_FUTURES", "BTC/USDT"))).rows;
    ASSERT_EQ(rows.size(), 1'095U);
    for (const FundingRate& row : rows) {
        EXPECT_EQ(row.kind, FundingKind::settled);
        EXPECT_EQ(row.interval_minutes, 480);
        EXPECT_EQ(row.funding_time.time_since_epoch() % 60s, 0us);
    }
    EXPECT_EQ(to_string(rows.front().timestamp), "2023-01-01T00:00:00.000000Z");
    EXPECT_EQ(rows.front().funding_rate, 0.0001);
    EXPECT_EQ(to_string(rows.back().timestamp), "2023-12-31T16:00:00.000000Z");
    EXPECT_EQ(rows.back().funding_rate, 0.00033597);
}

TEST_P(RealData, AggregatesOfBinance) {
    const ImportReport report = import_three_times(binance("um/LTCUSDT-aggTrades-2020-10-16.zip"));
    EXPECT_EQ(report.written, result(500));
    EXPECT_EQ(report.warnings, Lines{});
    const std::vector<Trade> rows = wait(db().get_trade_history(series("BINANCE_FUTURES", "LTC/USDT"))).rows;
    ASSERT_EQ(rows.size(), 500U);
    EXPECT_EQ(rows.front().trade_id, "a19427407");
    EXPECT_EQ(rows.front().price, 49.73);
    EXPECT_EQ(rows.back().trade_id, "a19427906");
}

TEST_P(RealData, EverythingAtOnceAndOutAgain) {
    const ImportList list = list_import_files({data_folder() / "tardis", data_folder() / "binance"});
    EXPECT_EQ(list.files.size(), 23U);
    std::uint64_t read = 0;
    for (const std::filesystem::path& path : list.files) {
        if (!kIsSanitized || std::filesystem::file_size(path) < 150'000) read += import_whole(path).read;
    }
    EXPECT_EQ(read, kIsSanitized ? 34'553U : 256'533U);

    EngineFixture other(target());
    for (const Dataset dataset : {Dataset::book_tickers, Dataset::trades, Dataset::funding_rates}) {
        const std::filesystem::path here = folder() / (std::string(to_string(dataset)) + ".csv");
        const std::filesystem::path there = other.folder() / "again.csv";
        const ExportReport before = wait(export_file(db(), dataset, {}, here, ExportFormat::csv));
        EXPECT_EQ(other.wait(import_file(other.db(), here, {})).written, result(before.rows));
        other.wait(export_file(other.db(), dataset, {}, there, ExportFormat::csv));
        EXPECT_TRUE(read_file(here) == read_file(there)) << to_string(dataset);
    }
}

TEST_P(RealData, RowsOfOtherVendorsAreRefusedByName) {
    for (const auto& [name, vendor] :
         {std::pair{"bybit_public_spot_SOLUSDT_2026-01-01.csv", "bybit"},
          std::pair{"bybit_public_trading_SOLUSDT2026-01-01.csv", "bybit"},
          std::pair{"okx_BTC-USDT-trades-2025-06-01.csv", "okx"},
          std::pair{"tardis_binance-futures_liquidations_BTCUSDT_empty_id.csv", "liquidations"}}) {
        SCOPED_TRACE(name);
        const ImportReport report = import(data_folder() / "rows" / name);
        EXPECT_EQ(report.error_code, ErrorCode::invalid_argument);
        EXPECT_NE(report.error.find(vendor), std::string::npos) << report.error;
    }
    expect_nothing_stored();
}

}  // namespace
}  // namespace marketdb::testing
