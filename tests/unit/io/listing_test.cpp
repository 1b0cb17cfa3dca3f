#include "io/listing.hpp"

#include <gtest/gtest.h>

#include <string>

#include "support/expect.hpp"

namespace marketdb::testing {
namespace {

using io::Listing;
using io::ListingScope;

const Symbol& only(const Listing& listing) { return listing.symbols.at(0).symbol; }

TEST(Listing, OfBinanceSpotHasItsFilters) {
    const Listing listing = io::read_listing(
        "BINANCE_SPOT",
        R"({"symbols":[{"symbol":"ETHBTC","status":"TRADING","baseAsset":"ETH","quoteAsset":"BTC","filters":[)"
        R"({"filterType":"PRICE_FILTER","tickSize":"0.00000100"},)"
        R"({"filterType":"LOT_SIZE","minQty":"0.00010000","stepSize":"0.00020000"},)"
        R"({"filterType":"MIN_NOTIONAL","minNotional":"0.00010000"}]}]})");
    EXPECT_EQ(listing.scope, ListingScope::all);
    EXPECT_EQ(pair(only(listing)), "ETH/BTC");
    EXPECT_EQ(only(listing).contract_type, ContractType::spot);
    EXPECT_EQ(only(listing).tick_size, 0.000001);
    EXPECT_EQ(only(listing).lot_size, 0.0002);
    EXPECT_EQ(only(listing).min_quantity, 0.0001);
    EXPECT_EQ(only(listing).min_notional, 0.0001);
    EXPECT_TRUE(only(listing).is_active);
    EXPECT_EQ(listing.symbols[0].problem, "");
}

TEST(Listing, OfBinanceFuturesTellsPerpetualFromDated) {
    const Listing listing = io::read_listing(
        "BINANCE_FUTURES",
        R"({"symbols":[{"symbol":"BTCUSDT","contractType":"PERPETUAL","deliveryDate":4133404800000,"status":"TRADING",)"
        R"("onboardDate":1569398400000,"baseAsset":"BTC","quoteAsset":"USDT","marginAsset":"USDT","pricePrecision":2},)"
        R"({"symbol":"BTCUSDT_210924","contractType":"CURRENT_QUARTER","deliveryDate":1632470400000,"status":"TRADING",)"
        R"("baseAsset":"BTC","quoteAsset":"USDT"},)"
        R"({"symbol":"BTCSTUSDT","contractType":"","deliveryDate":4133404800000,"status":"PENDING_TRADING",)"
        R"("baseAsset":"BTCST","quoteAsset":"USDT"}]})");
    ASSERT_EQ(listing.symbols.size(), 3U);
    const Symbol& perpetual = listing.symbols[0].symbol;
    EXPECT_EQ(perpetual.contract_type, ContractType::perpetual);
    EXPECT_FALSE(is_present(perpetual.expires_at));
    EXPECT_EQ(to_string(perpetual.listed_at), "2019-09-25T08:00:00.000000Z");
    EXPECT_EQ(perpetual.settle_asset, "USDT");
    EXPECT_EQ(perpetual.precision_price, 2);
    EXPECT_EQ(pair(listing.symbols[1].symbol), "BTC/USDT-210924");
    EXPECT_FALSE(listing.symbols[2].symbol.is_active);
    EXPECT_NE(listing.symbols[2].problem, "") << "what it is nobody knows yet";
}

TEST(Listing, APerpetualOfBinanceIsOneWhateverItIsOn) {
    const Listing listing = io::read_listing(
        "BINANCE_FUTURES",
        R"({"symbols":[{"symbol":"XAUUSDT","contractType":"TRADIFI_PERPETUAL","deliveryDate":4133404800000,)"
        R"("status":"TRADING","baseAsset":"XAU","quoteAsset":"USDT","marginAsset":"USDT"}]})");
    EXPECT_EQ(only(listing).contract_type, ContractType::perpetual);
    EXPECT_FALSE(is_present(only(listing).expires_at));
}

TEST(Listing, OfMexcHasBinancesShapeAndItsOwnWords) {
    const char* text =
        R"({"symbols":[{"symbol":"AESUSDT","status":"%","baseAsset":"AES","baseAssetPrecision":2,"quoteAsset":"USDT",)"
        R"("quotePrecision":6,"quoteAmountPrecision":"5.000000000000000000","baseSizePrecision":"0"}]})";
    const auto with = [text](const std::string& status) {
        std::string whole = text;
        return whole.replace(whole.find('%'), 1, status);
    };
    const Listing listing = io::read_listing("MEXC_SPOT", with("ENABLED"));
    EXPECT_EQ(only(listing).tick_size, 1e-6);
    EXPECT_EQ(only(listing).lot_size, 0.01);
    EXPECT_EQ(only(listing).min_notional, 5);
    EXPECT_FALSE(is_present(only(listing).min_quantity));
    EXPECT_TRUE(only(io::read_listing("MEXC_SPOT", with("1"))).is_active);
    EXPECT_FALSE(only(io::read_listing("MEXC_SPOT", with("2"))).is_active);
    expect_error(ErrorCode::invalid_argument,
                 [&] { static_cast<void>(io::read_listing("BINANCE_SPOT", with("ENABLED"))); }, {"MEXC_SPOT"});
    expect_error(ErrorCode::invalid_argument,
                 [&] { static_cast<void>(io::read_listing("MEXC_SPOT", with("TRADING"))); }, {"BINANCE_SPOT"});
}

TEST(Listing, OfGateioFuturesCountsContracts) {
    const Listing listing = io::read_listing(
        "GATEIO_FUTURES",
        R"([{"name":"BTC_USDT","type":"direct","quanto_multiplier":"0.0001","order_price_round":"0.1",)"
        R"("order_size_min":1,"in_delisting":false},)"
        R"({"name":"BTC_USD","type":"inverse","quanto_multiplier":"0","order_price_round":"0.1","in_delisting":true}])");
    EXPECT_EQ(only(listing).contract_size, 0.0001);
    EXPECT_EQ(only(listing).quantity_unit, QuantityUnit::contracts);
    EXPECT_EQ(only(listing).lot_size, 1);
    const Symbol& inverse = listing.symbols[1].symbol;
    EXPECT_EQ(inverse.contract_type, ContractType::inverse);
    EXPECT_EQ(inverse.settle_asset, "BTC");
    EXPECT_FALSE(is_present(inverse.contract_size));
    EXPECT_FALSE(inverse.is_active);
}

TEST(Listing, OfGateioSpotGivesStepsAsDecimals) {
    const Listing listing =
        io::read_listing("GATEIO_SPOT", R"([{"id":"IHT_ETH","base":"IHT","quote":"ETH","min_quote_amount":"0.001",)"
                                        R"("amount_precision":0,"precision":9,"trade_status":"tradable"}])");
    EXPECT_EQ(only(listing).tick_size, 1e-9);
    EXPECT_EQ(only(listing).lot_size, 1);
    EXPECT_EQ(only(listing).precision_price, 9);
    EXPECT_EQ(only(listing).min_notional, 0.001);
}

TEST(Listing, OfBybitSaysItsCategory) {
    const Listing listing = io::read_listing(
        "BYBIT_FUTURES",
        R"({"retCode":0,"retMsg":"OK","result":{"category":"inverse","nextPageCursor":"","list":[)"
        R"({"symbol":"BTCUSDZ26","contractType":"InverseFutures","status":"Trading","baseCoin":"BTC","quoteCoin":"USD",)"
        R"("settleCoin":"BTC","deliveryTime":"1798185600000","priceFilter":{"tickSize":"0.5"},)"
        R"("lotSizeFilter":{"qtyStep":"1","minOrderQty":"1"}}]}})");
    EXPECT_EQ(listing.scope, ListingScope::inverse);
    EXPECT_EQ(only(listing).contract_type, ContractType::dated);
    EXPECT_EQ(only(listing).quantity_unit, QuantityUnit::quote);
    EXPECT_EQ(only(listing).tick_size, 0.5);
    EXPECT_EQ(only(listing).lot_size, 1);
    EXPECT_EQ(pair(only(listing)), "BTC/USD-261225");
    EXPECT_TRUE(io::covers(ListingScope::inverse, only(listing)));
    EXPECT_FALSE(io::covers(ListingScope::linear, only(listing)));
}

TEST(Listing, NamesAnInstrumentThatCannotBeStoredAndTakesEachSpellingOnce) {
    const Listing listing = io::read_listing(
        "OKX_SPOT", R"({"code":"0","msg":"","data":[)"
                    R"({"instId":"A-B","instType":"SPOT","baseCcy":"","quoteCcy":"B","state":"live"},)"
                    R"({"instId":"BTC-USDT","instType":"SPOT","baseCcy":"BTC","quoteCcy":"USDT","state":"live"},)"
                    R"({"instId":"BTC-USDT","instType":"SPOT","baseCcy":"BTC","quoteCcy":"USDT","state":"suspend"}]})");
    ASSERT_EQ(listing.symbols.size(), 2U);
    EXPECT_EQ(listing.repeated, 1U);
    EXPECT_EQ(listing.symbols[0].problem, "column symbol_base: is empty");
    EXPECT_TRUE(listing.symbols[1].symbol.is_active);
}

TEST(Listing, RefusesEntriesOfAnotherKindAmongItsOwn) {
    expect_error(ErrorCode::invalid_argument,
                 [] {
                     static_cast<void>(io::read_listing(
                         "GATEIO_SPOT", R"([{"id":"A_B","base":"A","quote":"B","trade_status":"tradable"},7])"));
                 },
                 {"entry 2"});
}

}  // namespace
}  // namespace marketdb::testing
