#include "io/venue.hpp"

#include <gtest/gtest.h>

#include <string>

#include "support/expect.hpp"

namespace marketdb::testing {
namespace {

/// `BASE/QUOTE type unit settle expiry` of a spelling.
std::string described(std::string_view exchange, std::string_view spelling, const io::KnownPair& known = {}) {
    const Symbol symbol = io::describe_symbol(exchange, spelling, known);
    std::string text = symbol.symbol_base.str() + "/" + symbol.symbol_quote.str();
    text.append(" ").append(to_string(symbol.contract_type)).append(" ").append(to_string(symbol.quantity_unit));
    if (!symbol.settle_asset.empty()) text.append(" ").append(symbol.settle_asset);
    if (is_present(symbol.expires_at)) text.append(" ").append(to_string(symbol.expires_at));
    return text;
}

TEST(Venue, EveryTardisIdHasItsExchange) {
    const std::vector<std::pair<std::string_view, std::string_view>> expected{
        {"binance", "BINANCE_SPOT"},
        {"binance-futures", "BINANCE_FUTURES"},
        {"binance-delivery", "BINANCECM_FUTURES"},
        {"bybit", "BYBIT_FUTURES"},
        {"bybit-spot", "BYBIT_SPOT"},
        {"okex", "OKX_SPOT"},
        {"okex-swap", "OKX_FUTURES"},
        {"okex-futures", "OKX_FUTURES"},
        {"gate-io", "GATEIO_SPOT"},
        {"gate-io-futures", "GATEIO_FUTURES"},
        {"mexc", "MEXC_SPOT"},
        {"mexc-futures", "MEXC_FUTURES"},
        {"coinbase", "COINBASE_SPOT"},
        {"kraken", "KRAKEN_SPOT"},
        {"cryptofacilities", "KRAKEN_FUTURES"},
        {"huobi", "HUOBI_SPOT"},
        {"huobi-dm-swap", "HUOBI_FUTURES"},
        {"bitmex", "BITMEX_FUTURES"},
        {"deribit", "DERIBIT_FUTURES"},
        {"bitfinex", "BITFINEX_SPOT"},
        {"bitfinex-derivatives", "BITFINEX_FUTURES"},
        {"dydx-v4", "DYDX_FUTURES"},
        {"hyperliquid", "HYPERLIQUID_FUTURES"},
        {"binance-us", ""},
        {"BINANCE", ""},
        {"", ""},
    };
    for (const auto& [id, exchange] : expected) EXPECT_EQ(io::exchange_of_tardis_id(id), exchange) << id;
}

TEST(Venue, SpotPairsAreSplitAtTheirSeparatorOrBeforeTheLongestQuote) {
    EXPECT_EQ(described("BINANCE_SPOT", "BTCUSDT"), "BTC/USDT spot base");
    EXPECT_EQ(described("BINANCE_SPOT", "BTCFDUSD"), "BTC/FDUSD spot base");
    EXPECT_EQ(described("BINANCE_SPOT", "BTCTUSD"), "BTC/TUSD spot base");
    EXPECT_EQ(described("BINANCE_SPOT", "ETHBTC"), "ETH/BTC spot base");
    EXPECT_EQ(described("BINANCE_SPOT", "1000SATSTRY"), "1000SATS/TRY spot base");
    EXPECT_EQ(described("BINANCE_SPOT", "ADAEUR"), "ADA/EUR spot base");
    EXPECT_EQ(described("BITFINEX_SPOT", "GMTUSD"), "GMT/USD spot base");
    EXPECT_EQ(described("BYBIT_SPOT", "USDTUSD"), "/ spot base");
    EXPECT_EQ(described("COINBASE_SPOT", "BTC-USD"), "BTC/USD spot base");
    EXPECT_EQ(described("GATEIO_SPOT", "btc_usdt"), "BTC/USDT spot base");
    EXPECT_EQ(described("KRAKEN_SPOT", "XBT/USD"), "XBT/USD spot base");
    // On a spot exchange nothing is a suffix.
    EXPECT_EQ(described("A_SPOT", "FOO_PERP"), "FOO/PERP spot base");
}

TEST(Venue, FuturesAreDescribedByTheirSuffixAndExchange) {
    EXPECT_EQ(described("BINANCE_FUTURES", "BTCUSDT"), "BTC/USDT perpetual base USDT");
    EXPECT_EQ(described("BINANCE_FUTURES", "BTCUSDT_240927"), "BTC/USDT dated base USDT 2024-09-27T08:00:00.000000Z");
    EXPECT_EQ(described("BINANCECM_FUTURES", "BTCUSD_PERP"), "BTC/USD inverse contracts BTC");
    EXPECT_EQ(described("BINANCECM_FUTURES", "DOTUSD_PERP"), "DOT/USD inverse contracts DOT");
    EXPECT_EQ(described("BINANCECM_FUTURES", "BTCUSD_240927"),
              "BTC/USD dated contracts BTC 2024-09-27T08:00:00.000000Z");
    EXPECT_EQ(described("OKX_FUTURES", "BTC-USDT-SWAP"), "BTC/USDT perpetual contracts USDT");
    EXPECT_EQ(described("OKX_FUTURES", "BTC-USD-SWAP"), "BTC/USD inverse contracts BTC");
    EXPECT_EQ(described("OKX_FUTURES", "BTC-USD-240927"), "BTC/USD dated contracts BTC 2024-09-27T08:00:00.000000Z");
    EXPECT_EQ(described("BYBIT_FUTURES", "BTCUSDT"), "BTC/USDT perpetual base USDT");
    EXPECT_EQ(described("BYBIT_FUTURES", "DOTUSD"), "DOT/USD inverse quote DOT");
    EXPECT_EQ(described("DERIBIT_FUTURES", "BTC-PERPETUAL"), "BTC/USD inverse quote BTC");
    EXPECT_EQ(described("DERIBIT_FUTURES", "ETH-27SEP24"), "ETH/USD dated quote ETH 2024-09-27T08:00:00.000000Z");
    EXPECT_EQ(described("DERIBIT_FUTURES", "ETH-5JAN24"), "ETH/USD dated quote ETH 2024-01-05T08:00:00.000000Z");
    EXPECT_EQ(described("DERIBIT_FUTURES", "SOL_USDC-PERPETUAL"), "SOL/USDC perpetual base USDC");
    EXPECT_EQ(described("GATEIO_FUTURES", "BTC_USDT"), "BTC/USDT perpetual contracts USDT");
    EXPECT_EQ(described("GATEIO_FUTURES", "BTC_USDT_20240927"),
              "BTC/USDT dated contracts USDT 2024-09-27T00:00:00.000000Z");
    EXPECT_EQ(described("HUOBI_FUTURES", "BTC-USD"), "BTC/USD inverse contracts BTC");
    EXPECT_EQ(described("BITMEX_FUTURES", "XBTUSD"), "XBT/USD inverse contracts XBT");
    EXPECT_EQ(described("BITMEX_FUTURES", "ETHUSD"), "ETH/USD perpetual contracts");
    EXPECT_EQ(described("KRAKEN_FUTURES", "PI_XBTUSD"), "XBT/USD inverse quote XBT");
    EXPECT_EQ(described("KRAKEN_FUTURES", "PF_XBTUSD"), "XBT/USD perpetual base");
    EXPECT_EQ(described("KRAKEN_FUTURES", "FI_XBTUSD_240927"), "XBT/USD dated quote XBT 2024-09-27T00:00:00.000000Z");
    EXPECT_EQ(described("DYDX_FUTURES", "BTC-USD"), "BTC/USD perpetual base");
    EXPECT_EQ(described("DEMOA_FUTURES", "BTCUSDT"), "BTC/USDT perpetual base USDT");
}

TEST(Venue, GivenAssetsWinOverTheSpelling) {
    EXPECT_EQ(described("BYBIT_FUTURES", "1000BONKPERP", {"1000bonk", "usdc", kNoTime}),
              "1000BONK/USDC perpetual base USDC");
    EXPECT_EQ(described("BINANCE_SPOT", "BTCUSDT", {"", "USD", kNoTime}), "BTC/USD spot base");
    EXPECT_EQ(described("BINANCE_SPOT", "BTCUSDT", {"X", "", kNoTime}), "X/USDT spot base");
}

TEST(Venue, WhatIsNoPairLeavesBaseAndQuoteEmpty) {
    for (const auto& [exchange, spelling] : std::vector<std::pair<std::string_view, std::string_view>>{
             {"BINANCE_SPOT", "USDT"},
             {"BINANCE_SPOT", "FOOBAR"},
             {"BINANCE_SPOT", "-USDT"},
             {"BINANCE_SPOT", "BTC-"},
             {"BINANCE_SPOT", "A-B-C"},
             {"HYPERLIQUID_FUTURES", "BTC"},
             {"BYBIT_FUTURES", "1000BONKPERP"},
             {"BYBIT_FUTURES", "BTC-27SEP24"},
             {"BYBIT_FUTURES", "BTCUSDH24"},
             {"OKX_FUTURES", "BTC-USD-240999"},
             {"OKX_FUTURES", "BTC-USD-240927-50000-C"},
             {"BYBIT_FUTURES", "BTC-USDT-5XYZ24"},
             {"BYBIT_FUTURES", "BTC-USDT-XXSEP24"},
             {"DERIBIT_FUTURES", "-PERPETUAL"},
         }) {
        const Symbol symbol = io::describe_symbol(exchange, spelling, {});
        EXPECT_EQ(symbol.symbol_base, "") << spelling;
        EXPECT_EQ(symbol.symbol_quote, "") << spelling;
        EXPECT_EQ(symbol.exchange_symbol, spelling);
    }
    EXPECT_EQ(described("BINANCE_SPOT", "FOOBAR", {"FOO", "", kNoTime}), "/ spot base");
}

TEST(Venue, WhatCannotBeASymbolIsRefused) {
    expect_error(ErrorCode::invalid_argument,
                 [] {
                     described("A_SPOT", "X", {std::string(24, 'A'), "B", kNoTime});
                 },
                 {"column symbol: `X`", "symbol_base"});
    expect_error(ErrorCode::invalid_argument, [] { described("A_SPOT", std::string(48, 'X')); },
                 {"column symbol: `XXX", "exchange_symbol"});
}

TEST(Venue, MonthCodesAreNotTakenForPerpetuals) {
    for (const std::string_view spelling : {"BTCUSDH24", "BTCUSDTZ24", "XBTU24"}) {
        expect_error(ErrorCode::invalid_argument,
                     [&] {
                         described("BYBIT_FUTURES", spelling, {"BTC", "USD", kNoTime});
                     },
                     {"month code"});
    }
}

TEST(Venue, PairTextsAreReadAsTheyAreWritten) {
    const auto text = [](std::string_view written) -> std::string {
        const auto told = io::parse_pair_text(written);
        if (!told) return "none";
        return told->pair.base + " " + told->pair.quote + " " + to_string(told->expires_at);
    };
    EXPECT_EQ(text("BTC/USDT"), "BTC USDT ");
    EXPECT_EQ(text("BTC/USDT-261225"), "BTC USDT 2026-12-25T00:00:00.000000Z");
    EXPECT_EQ(text("BTC/USDT-269999"), "BTC USDT-269999 ");
    EXPECT_EQ(text("A/B/C"), "A/B C ");
    EXPECT_EQ(text("BTCUSDT"), "none");
    EXPECT_EQ(text("/USDT"), "none");
    EXPECT_EQ(text("BTC/"), "none");
}

TEST(Venue, ExchangeNamesHaveOneForm) {
    EXPECT_EQ(io::exchange_name("gateio_futures", "here"), "GATEIO_FUTURES");
    for (const std::string_view text : {"", "GATEIO", "_SPOT", "GATE IO_SPOT"}) {
        expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(io::exchange_name(text, "here")); },
                     {"here: ", "is not <VENUE>_SPOT"});
    }
}

}  // namespace
}  // namespace marketdb::testing
