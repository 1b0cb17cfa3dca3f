#pragma once

#include <algorithm>
#include <cstdint>
#include <sstream>
#include <string>

/// Invented market data in vendors' layouts.
namespace marketdb::testing {

inline constexpr const char* kQuotesName = "binance_book_ticker_2024-08-08_BTCUSDT.csv";

/// Three quotes; the second has no bid side.
inline constexpr const char* kQuotes =
    "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n"
    "binance,BTCUSDT,1723161254087891,1723161254187891,0.5,61800.5,61800.1,1.25\n"
    "binance,BTCUSDT,1723161255000000,1723161255010000,0.75,61801,,\n"
    "binance,BTCUSDT,1723161256000000,1723161256020000,0.25,61802.5,61802,2\n";

inline constexpr const char* kTradesName = "binance_trades_2024-08-08_BTCUSDT.csv";

inline constexpr const char* kTrades =
    "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"
    "binance,BTCUSDT,1723161254500000,1723161254600000,1001,buy,61800.5,0.001\n"
    "binance,BTCUSDT,1723161254500000,1723161254600000,1002,sell,61800.1,0.002\n"
    "binance,BTCUSDT,1723161255500000,1723161255600000,1003,unknown,61801,0.5\n";

/// The fourth line's bid is above its ask.
inline constexpr const char* kCrossedQuotes =
    "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n"
    "bybit-spot,ETHUSDT,1723161254000000,1723161254010000,1,2680.5,2680,1\n"
    "bybit-spot,ETHUSDT,1723161255000000,1723161255010000,1,2680.5,2680,1\n"
    "bybit-spot,ETHUSDT,1723161256000000,1723161256010000,1,2680,2681,1\n"
    "bybit-spot,ETHUSDT,1723161257000000,1723161257010000,1,2680.5,2680,1\n";

/// marketdb's own layout.
inline constexpr const char* kBalances =
    "exchange,timestamp,received_at,account,asset_name,available_balance,locked_balance,frozen_balance,"
    "borrowing_balance,interest_balance,total_balance\n"
    "BINANCE_SPOT,2024-08-08T00:00:00.000000Z,,main,BTC,1.5,0.25,,,,1.75\n"
    "BINANCE_SPOT,2024-08-08T00:00:00.000000Z,,main,USDT,1000,0,,,,1000\n"
    "BINANCE_SPOT,2024-08-08T00:00:01.000000Z,,desk,USDT,5,0,,,,5\n"
    "OKX_SPOT,2024-08-08T00:00:02.000000Z,,main,USDT,7,0,,,,7\n";

/// What `symbols --csv` prints, without created_at and updated_at, the last two: each database sets its own.
[[nodiscard]] inline std::string without_creation(const std::string& csv) {
    std::istringstream lines(csv);
    std::string kept, line;
    while (std::getline(lines, line)) {
        for (int column = 0; column < 2; ++column) line.resize(std::min(line.rfind(','), line.size()));
        kept += line + "\n";
    }
    return kept;
}

/// A quote every 100 ms.
[[nodiscard]] inline std::string many_quotes(std::int64_t rows) {
    std::string text = "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n";
    for (std::int64_t i = 0; i < rows; ++i) {
        const std::string time = std::to_string(1'723'161'600'000'000 + i * 100'000);
        text += "okex,BTC-USDT," + time + "," + time + ",1," + std::to_string(60'001 + i % 7) + "," +
                std::to_string(60'000 + i % 7) + ",2\n";
    }
    return text;
}

}  // namespace marketdb::testing
