#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <set>

#include <nlohmann/json.hpp>

#include "compressed.hpp"
#include "core/text.hpp"
#include "io/venue.hpp"
#include "parsed_file.hpp"

/// The recordings of $MARKETDB_TEST_DATA; expected values were computed from them with Python's gzip, zipfile and csv.
namespace marketdb::testing {
namespace {

std::filesystem::path data_folder() {
    const char* const given = std::getenv("MARKETDB_TEST_DATA");
    if (given != nullptr) return given;
    return std::filesystem::path(MARKETDB_SOURCE_DIR) / ".." / "shared" / "data";
}

struct Expected {
    const char* file;
    std::uint64_t read;
    std::size_t rows;
    const char* symbol;  ///< `BTC/USDT,BTCUSDT`.
    const char* first;   ///< Without symbol.
    const char* last;
};

void PrintTo(const Expected& expected, std::ostream* out) { *out << expected.file; }

class RealFile : public ::testing::TestWithParam<Expected> {};

/// `EXCHANGE,rest` of `EXCHANGE,SYMBOL,SPELLING,rest`.
std::string without_symbol(const std::string& row, const std::string& symbol) {
    const std::size_t at = row.find("," + symbol + ",");
    return at == std::string::npos ? row : row.substr(0, at) + row.substr(at + symbol.size() + 1);
}

std::int64_t sequence_of(const BookTicker& row) { return row.sequence; }
std::int64_t sequence_of(const Trade& row) { return row.sequence; }
std::int64_t sequence_of(const FundingRate&) { return 0; }
std::int64_t sequence_of(const Balance&) { return 0; }

TEST_P(RealFile, HasItsCountsAndFirstAndLastRows) {
    const Expected& expected = GetParam();
    const std::filesystem::path path = data_folder() / expected.file;
    if (!std::filesystem::exists(path)) GTEST_SKIP() << "not there: " << path;
    const auto parser = io::open_parser(io::open_input(path, path), {});
    std::set<std::pair<std::int64_t, std::int64_t>> keys;
    std::string first;
    std::string last;
    std::uint64_t read = 0;
    std::size_t rows = 0;
    io::Batch batch;
    while (parser->next(batch, 10'000)) {
        read += batch.read;
        EXPECT_EQ(batch.errors.size(), 0U);
        const auto look_at = [&](const auto& batch_rows) {
            for (const auto& row : batch_rows) {
                keys.emplace(row.timestamp.time_since_epoch().count(), sequence_of(row));
                EXPECT_LT(std::abs(sequence_of(row)), std::int64_t{1} << 53);
                last = csv_of(row, parser->instruments());
                if (first.empty()) first = last;
                ++rows;
            }
        };
        std::visit(look_at, batch.rows);
    }
    EXPECT_EQ(read, expected.read);
    EXPECT_EQ(rows, expected.rows);
    EXPECT_EQ(keys.size(), expected.rows) << "every row has a key of its own";
    EXPECT_EQ(without_symbol(first, expected.symbol), expected.first);
    EXPECT_EQ(without_symbol(last, expected.symbol), expected.last);
    EXPECT_EQ(parser->instruments().size(), 1U);
}

/// How many listed symbols are split as listed, and how many not at all; a wrong one is a failure.
std::pair<int, int> split_listing(const std::string& exchange, const nlohmann::json& symbols,
                                  const char* const* names) {
    std::pair<int, int> counts{0, 0};
    for (const auto& listed : symbols) {
        const std::string spelling = listed.at(names[0]);
        const Symbol symbol = io::describe_symbol(exchange, spelling, {});
        if (symbol.symbol_base.empty()) {
            ++counts.second;
            continue;
        }
        EXPECT_EQ(symbol.symbol_base, core::to_upper(std::string(listed.at(names[1])))) << exchange << " " << spelling;
        EXPECT_EQ(symbol.symbol_quote, core::to_upper(std::string(listed.at(names[2])))) << exchange << " " << spelling;
        ++counts.first;
    }
    return counts;
}

TEST(RealListing, NoSymbolIsSplitWrongly) {
    const std::filesystem::path folder = data_folder() / "instruments";
    if (!std::filesystem::exists(folder)) GTEST_SKIP() << "not there: " << folder;
    const auto listing = [&](const char* file) { return nlohmann::json::parse(read_all(folder / file)); };
    constexpr const char* kBinance[] = {"symbol", "baseAsset", "quoteAsset"};
    constexpr const char* kBybit[] = {"symbol", "baseCoin", "quoteCoin"};
    using Counts = std::pair<int, int>;
    EXPECT_EQ(split_listing("BINANCE_SPOT", listing("BINANCE_exchangeInfo.json.gz").at("symbols"), kBinance),
              Counts(1693, 2));
    EXPECT_EQ(split_listing("BINANCE_FUTURES", listing("BINANCE_FUTURES_exchangeInfo.json.gz").at("symbols"), kBinance),
              Counts(122, 0));
    const auto linear = listing("BYBIT_instruments_info_category_linear_status_Trading_limit_1000.json.gz");
    EXPECT_EQ(split_listing("BYBIT_FUTURES", linear.at("result").at("list"), kBybit), Counts(732, 68));
    const auto spot = listing("BYBIT_instruments_info_category_spot_status_Trading_limit_1000.json.gz");
    EXPECT_EQ(split_listing("BYBIT_SPOT", spot.at("result").at("list"), kBybit), Counts(549, 8));
}

INSTANTIATE_TEST_SUITE_P(
    Shared, RealFile,
    ::testing::Values(
        Expected{"binance/spot/BTCUSDT-trades-2024-08-08.zip", 9757, 9757, "BTC/USDT,BTCUSDT",
                 "BINANCE_SPOT,2024-08-08T23:54:15.342000Z,,3735683259,3735683259,61837.63,0.02,sell,1236.7526,,",
                 "BINANCE_SPOT,2024-08-09T00:00:01.271000Z,,3735693015,3735693015,61685.99,0.0014,sell,86.360386,,"},
        Expected{"binance/spot/TRXUSDT-trades-2025-03-04.zip", 10000, 10000, "TRX/USDT,TRXUSDT",
                 "BINANCE_SPOT,2025-03-04T00:00:01.271497Z,,348656870,348656870,0.2312,2619.4,sell,605.60528,,",
                 "BINANCE_SPOT,2025-03-04T00:47:59.150375Z,,348666869,348666869,0.2327,18104.8,sell,4212.98696,,"},
        Expected{"binance/um/BTCUSDT-bookTicker-2024-08-08.zip", 66089, 66089, "BTC/USDT,BTCUSDT",
                 "BINANCE_FUTURES,2024-08-08T23:54:16.313000Z,,5123107839020,61800.2,2.507,61800.3,2.51",
                 "BINANCE_FUTURES,2024-08-09T00:00:00.709000Z,,5123135221461,61659.7,1.486,61659.8,0.981"},
        Expected{"binance/um/BTCUSDT-fundingRate-2023.zip", 1095, 1095, "BTC/USDT,BTCUSDT",
                 "BINANCE_FUTURES,2023-01-01T00:00:00.000000Z,,0.0001,480,settled,2023-01-01T00:00:00.000000Z,",
                 "BINANCE_FUTURES,2023-12-31T16:00:00.000000Z,,0.00033597,480,settled,2023-12-31T16:00:00.000000Z,"},
        Expected{"binance/um/BTCUSDT-trades-2024-08-08.zip", 21313, 21313, "BTC/USDT,BTCUSDT",
                 "BINANCE_FUTURES,2024-08-08T23:54:16.322000Z,,5266583935,5266583935,61800.3,0.006,buy,370.8018,,",
                 "BINANCE_FUTURES,2024-08-08T23:59:59.643000Z,,5266605247,5266605247,61659.8,0.076,buy,4686.1448,,"},
        Expected{"binance/um/LTCUSDT-aggTrades-2020-10-16.zip", 500, 500, "LTC/USDT,LTCUSDT",
                 "BINANCE_FUTURES,2020-10-16T03:41:37.783000Z,,19427407,a19427407,49.73,0.001,sell,,,",
                 "BINANCE_FUTURES,2020-10-16T03:44:22.086000Z,,19427906,a19427906,49.73,0.061,buy,,,"},
        Expected{"tardis/binance-delivery_book_ticker_2024-08-08_BTCUSD_PERP.csv.gz", 19136, 19136,
                 "BTC/USD,BTCUSD_PERP",
                 "BINANCECM_FUTURES,2024-08-08T23:54:17.465000Z,2024-08-08T23:54:16.207640Z,-1287536640,61804.7,35,"
                 "61804.8,1645",
                 "BINANCECM_FUTURES,2024-08-09T00:00:01.073000Z,2024-08-08T23:59:59.812570Z,-1290680320,61668.6,1380,"
                 "61668.7,871"},
        Expected{"tardis/binance-delivery_trades_2024-08-08_BTCUSD_PERP.csv.gz", 2286, 2286, "BTC/USD,BTCUSD_PERP",
                 "BINANCECM_FUTURES,2024-08-08T23:54:17.679000Z,2024-08-08T23:54:16.419684Z,849714402,849714402,61804."
                 "8,4,buy,,,",
                 "BINANCECM_FUTURES,2024-08-09T00:00:00.719000Z,2024-08-08T23:59:59.457809Z,849716687,849716687,61668."
                 "7,2,buy,,,"},
        Expected{"tardis/binance-futures_book_ticker_2024-08-08_BTCUSDT.csv.gz", 66089, 66089, "BTC/USDT,BTCUSDT",
                 "BINANCE_FUTURES,2024-08-08T23:54:16.313000Z,2024-08-08T23:54:15.088169Z,-1254226944,61800.2,2.507,"
                 "61800.3,2.51",
                 "BINANCE_FUTURES,2024-08-09T00:00:00.709000Z,2024-08-08T23:59:59.439160Z,-1300316160,61659.7,1.486,"
                 "61659.8,0.981"},
        Expected{"tardis/binance-futures_trades_2024-08-08_BTCUSDT.csv.gz", 21313, 21313, "BTC/USDT,BTCUSDT",
                 "BINANCE_FUTURES,2024-08-08T23:54:16.322000Z,2024-08-08T23:54:15.088176Z,5266583935,5266583935,61800."
                 "3,0.006,buy,,,",
                 "BINANCE_FUTURES,2024-08-08T23:59:59.643000Z,2024-08-08T23:59:58.372181Z,5266605247,5266605247,61659."
                 "8,0.076,buy,,,"},
        Expected{
            "tardis/binance_book_ticker_2024-08-08_BTCUSDT.csv.gz", 28040, 28040, "BTC/USDT,BTCUSDT",
            "BINANCE_SPOT,2024-08-08T23:54:14.087891Z,2024-08-08T23:54:14.087891Z,0,61837.63,3.78826,61837.64,1.54698",
            "BINANCE_SPOT,2024-08-08T23:59:59.999231Z,2024-08-08T23:59:59.999231Z,0,61685.99,1.25869,61686,2.44807"},
        Expected{"tardis/binance_trades_2024-08-08_BTCUSDT.csv.gz", 9757, 9757, "BTC/USDT,BTCUSDT",
                 "BINANCE_SPOT,2024-08-08T23:54:15.342000Z,2024-08-08T23:54:14.087896Z,3735683259,3735683259,61837.63,"
                 "0.02,sell,,,",
                 "BINANCE_SPOT,2024-08-09T00:00:01.271000Z,2024-08-08T23:59:59.997948Z,3735693015,3735693015,61685.99,"
                 "0.0014,sell,,,"},
        Expected{"tardis/bybit-spot_quotes_2026-08-09_BTCUSDT.csv", 219, 219, "BTC/USDT,BTCUSDT",
                 "BYBIT_SPOT,2026-08-09T21:26:56.516000Z,2026-08-09T21:26:59.564868Z,3122040832,65140.4,0.885797,65140."
                 "5,0.472203",
                 "BYBIT_SPOT,2026-08-09T21:27:41.916000Z,2026-08-09T21:27:42.023875Z,110464000,65140.4,0.622237,65140."
                 "5,0.606831"},
        Expected{"tardis/bybit-spot_trades_2026-08-09_BTCUSDT.csv", 11, 11, "BTC/USDT,BTCUSDT",
                 "BYBIT_SPOT,2026-08-09T21:27:02.605000Z,2026-08-09T21:27:02.714884Z,112521216,2290000001189048101,"
                 "65140.5,0.002705,buy,,,",
                 "BYBIT_SPOT,2026-08-09T21:27:41.700000Z,2026-08-09T21:27:41.809881Z,112518144,2290000001189048111,"
                 "65140.4,0.000611,sell,,,"},
        Expected{"tardis/bybit_book_ticker_2026-08-09_BTCUSDT.csv", 134, 134, "BTC/USDT,BTCUSDT",
                 "BYBIT_FUTURES,2026-08-09T21:26:57.583000Z,2026-08-09T21:26:59.526357Z,1989997568,65114.2,5.954,65114."
                 "3,10.47",
                 "BYBIT_FUTURES,2026-08-09T21:27:41.283000Z,2026-08-09T21:27:41.391565Z,111170560,65114.2,5.974,65114."
                 "3,9.06"},
        Expected{
            "tardis/bybit_book_ticker_2026-08-09_ETHUSDT.csv", 200, 200, "ETH/USDT,ETHUSDT",
            "BYBIT_FUTURES,2026-08-09T21:26:58.974000Z,2026-08-09T21:26:59.526557Z,565818368,1922.49,148.82,1922.5,1."
            "36",
            "BYBIT_FUTURES,2026-08-09T21:27:41.574000Z,2026-08-09T21:27:41.683045Z,111662080,1922.54,52,1922.55,19.25"},
        Expected{"tardis/bybit_derivative_ticker_2026-08-09_BTCUSDT.csv", 75, 1, "BTC/USDT,BTCUSDT",
                 "BYBIT_FUTURES,2026-08-09T21:26:57.583000Z,2026-08-09T21:26:59.526357Z,0.0001,,predicted,2026-08-"
                 "10T00:00:00.000000Z,65117.44",
                 "BYBIT_FUTURES,2026-08-09T21:26:57.583000Z,2026-08-09T21:26:59.526357Z,0.0001,,predicted,2026-08-"
                 "10T00:00:00.000000Z,65117.44"},
        Expected{"tardis/bybit_derivative_ticker_2026-08-09_ETHUSDT.csv", 27, 2, "ETH/USDT,ETHUSDT",
                 "BYBIT_FUTURES,2026-08-09T21:26:58.974000Z,2026-08-09T21:26:59.526557Z,4.617e-05,,predicted,2026-08-"
                 "10T00:00:00.000000Z,1922.43",
                 "BYBIT_FUTURES,2026-08-09T21:27:02.174000Z,2026-08-09T21:27:02.282544Z,4.709e-05,,predicted,2026-08-"
                 "10T00:00:00.000000Z,1922.58"},
        Expected{"tardis/bybit_quotes_2026-08-09_BTCUSDT.csv", 134, 134, "BTC/USDT,BTCUSDT",
                 "BYBIT_FUTURES,2026-08-09T21:26:58.129000Z,2026-08-09T21:26:59.720003Z,1629187072,65114.2,6.054,65114."
                 "3,10.486",
                 "BYBIT_FUTURES,2026-08-09T21:27:41.229000Z,2026-08-09T21:27:41.336677Z,110261248,65114.2,5.974,65114."
                 "3,9.06"},
        Expected{
            "tardis/bybit_quotes_2026-08-09_ETHUSDT.csv", 206, 206, "ETH/USDT,ETHUSDT",
            "BYBIT_FUTURES,2026-08-09T21:26:57.730000Z,2026-08-09T21:26:59.842831Z,2163538944,1922.42,157.37,1922.43,2."
            "19",
            "BYBIT_FUTURES,2026-08-09T21:27:41.530000Z,2026-08-09T21:27:41.636713Z,109274112,1922.54,52,1922.55,19.25"},
        Expected{"tardis/bybit_trades_2026-08-09_BTCUSDT.csv", 56, 56, "BTC/USDT,BTCUSDT",
                 "BYBIT_FUTURES,2026-08-09T21:26:59.680000Z,2026-08-09T21:26:59.965676Z,292532224,a9188a0a-82bc-50de-"
                 "be60-03eedbe3cdd7,65114.2,0.004,sell,,,",
                 "BYBIT_FUTURES,2026-08-09T21:27:39.455000Z,2026-08-09T21:27:39.564251Z,111873024,3380a171-93f1-5163-"
                 "a43a-ff263c645aad,65114.3,0.001,buy,,,"},
        Expected{"tardis/bybit_trades_2026-08-09_ETHUSDT.csv", 23, 23, "ETH/USDT,ETHUSDT",
                 "BYBIT_FUTURES,2026-08-09T21:27:00.346000Z,2026-08-09T21:27:00.459550Z,116275200,19d7df56-4f10-5290-"
                 "a969-d9d9f2c74cc3,1922.5,0.01,buy,,,",
                 "BYBIT_FUTURES,2026-08-09T21:27:33.063000Z,2026-08-09T21:27:33.172235Z,111856640,fbb87519-2a07-5410-"
                 "9d26-81c698c2fb80,1922.54,0.2,sell,,,"},
        Expected{"tardis/coinbase_book_ticker_2026-08-09_BTC-USD.csv", 73, 73, "BTC/USD,BTC-USD",
                 "COINBASE_SPOT,2026-08-09T21:05:48.229198Z,2026-08-09T21:05:48.642821Z,423549952,65083.66,0.20371215,"
                 "65083.67,0.24290402",
                 "COINBASE_SPOT,2026-08-09T21:06:12.347231Z,2026-08-09T21:06:12.331260Z,-16354304,65083.66,0.23929087,"
                 "65083.67,0.29040961"}));

}  // namespace
}  // namespace marketdb::testing
