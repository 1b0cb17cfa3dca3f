#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "engine_fixture.hpp"

/// Listings as exchanges return them, taken over.
namespace marketdb::testing {
namespace {

std::filesystem::path listings() {
    const char* given = std::getenv("MARKETDB_TEST_DATA");
    const std::filesystem::path data = given != nullptr && *given != '\0'
                                           ? std::filesystem::path(given)
                                           : std::filesystem::path(MARKETDB_SOURCE_DIR) / "../shared/data";
    return data / "instruments";
}

/// An instrument of Gate.io's spot market: `BTC_USDT`.
std::string instrument(const std::string& name, const std::string& least = "0.5", bool is_traded = true) {
    const std::size_t mark = name.find('_');
    return R"({"id":")" + name + R"(","base":")" + name.substr(0, mark) + R"(","quote":")" + name.substr(mark + 1) +
           R"(","precision":2,"min_base_amount":")" + least + R"(","trade_status":")" +
           (is_traded ? "tradable" : "untradable") + R"("})";
}

std::string listing(const std::vector<std::string>& entries) {
    std::string text = "[";
    for (const std::string& entry : entries) text += (text.size() > 1 ? "," : "") + entry;
    return text + "]";
}

/// `added 1, updated 0, reactivated 0, deactivated 0, unchanged 0` and what was skipped.
std::string counts(const SyncReport& report) {
    std::string text = "added " + std::to_string(report.added.size()) + ", updated " +
                       std::to_string(report.updated.size()) + ", reactivated " +
                       std::to_string(report.reactivated.size()) + ", deactivated " +
                       std::to_string(report.deactivated.size()) + ", unchanged " + std::to_string(report.unchanged);
    for (const SyncSkip& one : report.skipped) text += ", " + one.reason + " " + std::to_string(one.symbols.size());
    return text;
}

class SymbolSync : public EngineTest {
 public:
    SyncReport sync(const char* exchange, const std::string& text, SyncOptions options = {}) {
        return wait(sync_symbols(db(), exchange, text, options));
    }
    SyncReport sync(const std::vector<std::string>& entries, SyncOptions options = {}) {
        return sync("GATEIO_SPOT", listing(entries), options);
    }
    const Symbol& gateio(std::string_view text) {
        return *db().find_symbol(db().find_exchange("GATEIO_SPOT")->id, text);
    }
};
INSTANTIATE_TEST_SUITE_P(On, SymbolSync, ::testing::ValuesIn(all_engines()), engine_name);

TEST_P(SymbolSync, NewInstrumentsBecomeSymbolsAndASecondTimeNothingChanges) {
    const std::vector<std::string> entries{instrument("BTC_USDT"), instrument("ETH_USDT", "0.25"),
                                           instrument("OLD_USDT", "1", false)};
    const SyncReport first = sync(entries);
    EXPECT_EQ(counts(first), "added 2, updated 0, reactivated 0, deactivated 0, unchanged 0, not traded 1");
    EXPECT_EQ(first.exchange, "GATEIO_SPOT");
    EXPECT_EQ(first.added, (Lines{"BTC/USDT (BTC_USDT)", "ETH/USDT (ETH_USDT)"}));
    EXPECT_EQ(first.skipped[0].symbols, (Lines{"OLD_USDT"}));
    EXPECT_EQ(counts(sync(entries)), "added 0, updated 0, reactivated 0, deactivated 0, unchanged 2, not traded 1");
    const Symbol symbol = gateio("ETH/USDT");
    EXPECT_EQ(symbol.symbol_type, MarketType::spot);
    EXPECT_EQ(symbol.contract_type, ContractType::spot);
    EXPECT_EQ(symbol.min_quantity, 0.25);
    EXPECT_EQ(symbol.precision_price, 2);
    EXPECT_TRUE(symbol.is_active);
    EXPECT_EQ(is_present(symbol.tick_size), db().keeps_contracts());
}

TEST_P(SymbolSync, SizesAreUpdatedAndWhatIsDelistedOrComesBackIsNoted) {
    std::vector<std::string> entries;
    for (const char* name : {"BTC_USDT", "ETH_USDT", "SOL_USDT", "XRP_USDT", "ADA_USDT", "DOT_USDT"}) {
        entries.push_back(instrument(name));
    }
    sync(entries);
    entries[1] = instrument("ETH_USDT", "0.125");
    entries.pop_back();
    const SyncReport report = sync(entries);
    EXPECT_EQ(report.deactivated, (Lines{"DOT/USDT (DOT_USDT)"}));
    EXPECT_FALSE(gateio("DOT_USDT").is_active);
    EXPECT_EQ(report.updated, (Lines{"ETH/USDT (ETH_USDT)"}));
    EXPECT_EQ(gateio("ETH_USDT").min_quantity, 0.125);
    entries.push_back(instrument("DOT_USDT"));
    entries[4] = instrument("ADA_USDT", "0.5", false);
    const SyncReport again = sync(entries);
    EXPECT_EQ(counts(again), "added 0, updated 0, reactivated 1, deactivated 1, unchanged 4");
    EXPECT_TRUE(gateio("DOT_USDT").is_active);
    EXPECT_FALSE(gateio("ADA_USDT").is_active);
}

TEST_P(SymbolSync, AFinerTickIsTakenOver) {
    sync({instrument("BTC_USDT"), instrument("ETH_USDT")});
    std::string finer = instrument("ETH_USDT");
    const std::string_view digits = R"("precision":2)";
    finer.replace(finer.find(digits), digits.size(), R"("precision":4)");
    const SyncReport report = sync({instrument("BTC_USDT"), finer});
    EXPECT_EQ(report.updated, (Lines{"ETH/USDT (ETH_USDT)"}));
    EXPECT_EQ(gateio("ETH_USDT").precision_price, 4);
    if (db().keeps_contracts()) {
        EXPECT_EQ(gateio("ETH_USDT").tick_size, 0.0001);
    }
    EXPECT_EQ(gateio("BTC_USDT").precision_price, 2);
}

TEST_P(SymbolSync, ADryRunWritesNothing) {
    SyncOptions dry;
    dry.dry_run = true;
    EXPECT_EQ(counts(sync({instrument("BTC_USDT")}, dry)),
              "added 1, updated 0, reactivated 0, deactivated 0, unchanged 0");
    EXPECT_EQ(db().find_exchange("GATEIO_SPOT"), nullptr);
    EXPECT_EQ(wait(db().get_database_stats()).symbols, 0U);
}

TEST_P(SymbolSync, AListingThatWouldTakeAwayMoreThanAFifthIsRefused) {
    std::vector<std::string> entries;
    for (const char* name : {"BTC_USDT", "ETH_USDT", "SOL_USDT", "XRP_USDT", "ADA_USDT"}) {
        entries.push_back(instrument(name));
    }
    sync(entries);
    entries.resize(3);
    entries.push_back(instrument("NEW_USDT"));
    expect_error(ErrorCode::constraint, [&] { static_cast<void>(sync(entries)); }, {"2 of 5", "ADA/USDT", "nothing"});
    EXPECT_TRUE(gateio("XRP_USDT").is_active);
    EXPECT_EQ(wait(db().get_database_stats()).symbols, 5U) << "nothing was added either";
    SyncOptions allow;
    allow.allow = true;
    EXPECT_EQ(counts(sync(entries, allow)), "added 1, updated 0, reactivated 0, deactivated 2, unchanged 3");
    entries.pop_back();
    expect_error(ErrorCode::constraint, [&] { static_cast<void>(sync(entries)); }, {"1 of 4"});
}

TEST_P(SymbolSync, WhatIsNoWholeListingOfTheExchangeIsRefused) {
    sync({instrument("BTC_USDT")});
    const auto refused = [&](const char* exchange, const std::string& text, std::string_view reason) {
        expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(sync(exchange, text)); }, {reason});
    };
    const std::string whole = listing({instrument("BTC_USDT"), instrument("ETH_USDT")});
    refused("GATEIO_SPOT", "", "is empty");
    refused("GATEIO_SPOT", whole.substr(0, whole.size() - 10), "cut off");
    refused("GATEIO_SPOT", "<html>502 Bad Gateway</html>", "no JSON");
    refused("GATEIO_SPOT", "[]", "no instrument");
    refused("GATEIO_SPOT", "{}", "shape");
    refused("GATEIO_SPOT", R"([{"name":"BTC_USDT"}])", "shape");
    refused("GATEIO_FUTURES", whole, "one of GATEIO_SPOT");
    refused("KRAKEN_SPOT", whole, "listings of KRAKEN_SPOT cannot be read");
    refused("nonsense", whole, "exchange");
    refused("BYBIT_SPOT",
            R"({"retCode":0,"result":{"category":"linear","nextPageCursor":"","list":[{"symbol":"BTCUSDT"}]}})",
            "one of BYBIT_FUTURES");
    refused("BYBIT_FUTURES",
            R"({"retCode":0,"result":{"category":"linear","nextPageCursor":"page%3D2","list":[{"symbol":"BTCUSDT"}]}})",
            "page%3D2");
    refused("BYBIT_FUTURES", R"({"retCode":10006,"retMsg":"Too many visits!","result":{}})", "Too many visits!");
    EXPECT_EQ(wait(db().get_database_stats()).symbols, 1U);
    EXPECT_TRUE(gateio("BTC_USDT").is_active);
}

TEST_P(SymbolSync, ASymbolOfAnImportIsKnownAgainInAnotherSpellingAndKeepsIt) {
    make_symbol("BTC", "USDT", "GATEIO_SPOT", "BTC/USDT");
    make_symbol("ETH", "USDT", "GATEIO_SPOT", "ETHUSDT");
    const std::vector<std::string> entries{instrument("BTC_USDT"), instrument("ETH_USDT")};
    const SyncReport report = sync(entries);
    EXPECT_TRUE(report.added.empty());
    EXPECT_EQ(report.updated, (Lines{"BTC/USDT (BTC/USDT)", "ETH/USDT (ETHUSDT)"}));
    EXPECT_EQ(gateio("BTC_USDT").exchange_symbol, "BTC/USDT");
    EXPECT_EQ(gateio("ETH_USDT").exchange_symbol, "ETHUSDT");
    EXPECT_EQ(gateio("ETH_USDT").min_quantity, 0.5);
    EXPECT_EQ(counts(sync(entries)), "added 0, updated 0, reactivated 0, deactivated 0, unchanged 2");
}

TEST_P(SymbolSync, NothingIsRenamedByGuess) {
    make_symbol("BTCX", "USDT", "GATEIO_SPOT", "BTC_USDT");
    const SyncReport report = sync({instrument("BTC_USDT"), instrument("SOL_USDT")});
    EXPECT_EQ(counts(report),
              "added 1, updated 0, reactivated 0, deactivated 0, unchanged 0, stored as another pair 1");
    EXPECT_EQ(gateio("BTC_USDT").symbol_base, "BTCX");
    EXPECT_TRUE(gateio("BTC_USDT").is_active);
}

TEST_P(SymbolSync, OfTwoThatMayBeMeantNeitherIsTouched) {
    if (!target().can.dated_contracts) GTEST_SKIP() << target().name << " holds one symbol of a pair";
    make_symbol("BTC", "USDT", "GATEIO_SPOT", "BTC/USDT");
    make_symbol("BTC", "USDT", "GATEIO_SPOT", "BTC-USDT");
    const SyncReport report = sync({instrument("BTC_USDT")});
    EXPECT_EQ(counts(report),
              "added 0, updated 0, reactivated 0, deactivated 0, unchanged 0, may be one of several that are stored 1");
    EXPECT_EQ(wait(db().get_symbols_by_exchange(db().find_exchange("GATEIO_SPOT")->id)).size(), 2U);
}

TEST_P(SymbolSync, AListingOfOneCategoryLeavesTheOthersAlone) {
    const auto bybit = [](const char* category, const char* entries) {
        return std::string(R"({"retCode":0,"result":{"category":")") + category + R"(","nextPageCursor":"","list":[)" +
               entries + "]}}";
    };
    const char* linear = R"({"symbol":"BTCUSDT","contractType":"LinearPerpetual","status":"Trading","baseCoin":"BTC",)"
                         R"("quoteCoin":"USDT","settleCoin":"USDT"})";
    const char* inverse = R"({"symbol":"BTCUSD","contractType":"InversePerpetual","status":"Trading","baseCoin":"BTC",)"
                          R"("quoteCoin":"USD","settleCoin":"BTC"})";
    EXPECT_EQ(sync("BYBIT_FUTURES", bybit("linear", linear)).added, (Lines{"BTC/USDT (BTCUSDT)"}));
    const SyncReport second = sync("bybit_futures", bybit("inverse", inverse));
    if (!target().can.dated_contracts) {
        EXPECT_EQ(counts(second),
                  "added 0, updated 0, reactivated 0, deactivated 0, unchanged 0, this database cannot hold such a "
                  "contract 1");
        return;
    }
    EXPECT_EQ(counts(second), "added 1, updated 0, reactivated 0, deactivated 0, unchanged 0");
    EXPECT_EQ(counts(sync("BYBIT_FUTURES", bybit("linear", linear))),
              "added 0, updated 0, reactivated 0, deactivated 0, unchanged 1");
    const Symbol* contract = db().find_symbol(db().find_exchange("BYBIT_FUTURES")->id, "BTCUSD");
    EXPECT_EQ(contract->contract_type, ContractType::inverse);
    EXPECT_EQ(contract->quantity_unit, QuantityUnit::quote);
    EXPECT_TRUE(contract->is_active);
}

TEST_P(SymbolSync, WhatIsStoredAndListedAsDatedIsNotTakenForDelisted) {
    make_symbol("BTC", "USDT", "BINANCE_FUTURES", "BTCUSDT_261225");
    const SyncReport report =
        sync("BINANCE_FUTURES",
             R"({"symbols":[{"symbol":"BTCUSDT_261225","contractType":"CURRENT_QUARTER","deliveryDate":1798185600000,)"
             R"("status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT","marginAsset":"USDT"}]})");
    EXPECT_EQ(counts(report), "added 0, updated 0, reactivated 0, deactivated 0, unchanged 0, dated contract 1");
}

TEST_P(SymbolSync, SwapsOfOkxSayWhatAContractIs) {
    if (!target().can.dated_contracts) GTEST_SKIP() << target().name << " keeps no contracts";
    const std::string swaps =
        R"({"code":"0","data":[{"instId":"BTC-USDT-SWAP","instType":"SWAP","ctVal":"0.01","ctMult":"1","ctType":"linear",)"
        R"("settleCcy":"USDT","tickSz":"0.1","lotSz":"0.1","minSz":"0.1","listTime":"1573557408000","expTime":"",)"
        R"("state":"live","baseCcy":"","quoteCcy":""},)"
        R"({"instId":"BTC-USD-SWAP","instType":"SWAP","ctVal":"100","ctMult":"1","ctType":"inverse","settleCcy":"BTC",)"
        R"("tickSz":"0.1","lotSz":"1","minSz":"1","listTime":"1539331200000","expTime":"","state":"live"}],"msg":""})";
    EXPECT_EQ(sync("OKX_FUTURES", swaps).added, (Lines{"BTC/USDT (BTC-USDT-SWAP)", "BTC/USD (BTC-USD-SWAP)"}));
    const std::string dated =
        R"({"code":"0","data":[{"instId":"BTC-USDT-261225","instType":"FUTURES","ctVal":"0.01","ctMult":"1",)"
        R"("ctType":"linear","settleCcy":"USDT","tickSz":"0.1","lotSz":"1","minSz":"1","listTime":"1735200000000",)"
        R"("expTime":"1798185600000","state":"live"}],"msg":""})";
    EXPECT_EQ(counts(sync("OKX_FUTURES", dated)),
              "added 0, updated 0, reactivated 0, deactivated 0, unchanged 0, dated contract 1");
    SyncOptions with_dated;
    with_dated.dated = true;
    EXPECT_EQ(sync("OKX_FUTURES", dated, with_dated).added, (Lines{"BTC/USDT-261225 (BTC-USDT-261225)"}));
    const ExchangeId okx = db().find_exchange("OKX_FUTURES")->id;
    EXPECT_EQ(db().find_symbol(okx, "BTC/USDT")->contract_size, 0.01);
    EXPECT_EQ(db().find_symbol(okx, "BTC/USD")->contract_type, ContractType::inverse);
    EXPECT_EQ(to_string(db().find_symbol(okx, "BTC/USDT-261225")->expires_at), "2026-12-25T08:00:00.000000Z");
}

struct Expected {
    const char* file;
    const char* exchange;
    bool dated;
    std::size_t added;
    std::string skipped;
    std::size_t added_existing;
    std::string skipped_existing;
};

TEST_P(SymbolSync, EveryRealListingIsTakenOverAndTwiceIsOnce) {
    if (!std::filesystem::is_directory(listings())) {
        GTEST_SKIP() << "no listings in " << listings() << "; set MARKETDB_TEST_DATA";
    }
    const std::vector<Expected> all{
        {"BINANCE_exchangeInfo.json.gz", "BINANCE_SPOT", false, 1262, ", not traded 433", 1262, ", not traded 433"},
        {"BINANCE_FUTURES_exchangeInfo.json.gz", "BINANCE_FUTURES", false, 119, ", not traded 1, dated contract 2", 119,
         ", not traded 1, dated contract 2"},
        {"BYBIT_instruments_info_category_spot_status_Trading_limit_1000.json.gz", "BYBIT_SPOT", false, 557, "", 557,
         ""},
        {"BYBIT_instruments_info_category_linear_status_Trading_limit_1000.json.gz", "BYBIT_FUTURES", true, 800, "",
         760, ", this database cannot hold such a contract 40"},
        {"GATEIO_currency_pairs.json.gz", "GATEIO_SPOT", false, 1408, ", not traded 50", 1408, ", not traded 50"},
        {"GATEIO_FUTURES_contracts.json.gz", "GATEIO_FUTURES", false, 301, ", not traded 1", 0,
         ", this database cannot hold such a contract 301, not traded 1"},
        {"MEXC_exchangeInfo.json", "MEXC_SPOT", false, 5, "", 5, ""},
        {"OKX_instruments_instType_SPOT.json.gz", "OKX_SPOT", false, 513, "", 513, ""},
    };
    const bool is_whole = target().can.dated_contracts;
    for (const Expected& one : all) {
        SCOPED_TRACE(one.file);
        SyncOptions options;
        options.dated = one.dated;
        const std::string text = read_listing(listings() / one.file);
        const std::string added = std::to_string(is_whole ? one.added : one.added_existing);
        const std::string& skipped = is_whole ? one.skipped : one.skipped_existing;
        EXPECT_EQ(counts(sync(one.exchange, text, options)),
                  "added " + added + ", updated 0, reactivated 0, deactivated 0, unchanged 0" + skipped);
        EXPECT_EQ(counts(sync(one.exchange, text, options)),
                  "added 0, updated 0, reactivated 0, deactivated 0, unchanged " + added + skipped);
    }
    EXPECT_EQ(wait(db().get_database_stats()).symbols, is_whole ? 4965U : 4624U);
    EXPECT_EQ(db().find_symbol(db().find_exchange("BYBIT_FUTURES")->id, "1000BONK/USDC")->exchange_symbol,
              "1000BONKPERP");
    EXPECT_EQ(db().find_symbol(db().find_exchange("MEXC_SPOT")->id, "AES/USDT")->min_notional, 5);
    if (!is_whole) return;
    EXPECT_EQ(db().find_symbol(db().find_exchange("BINANCE_SPOT")->id, "BTC/USDT")->tick_size, 0.01);
    EXPECT_EQ(db().find_symbol(db().find_exchange("GATEIO_FUTURES")->id, "BTC/USDT")->contract_size, 0.0001);
    EXPECT_EQ(db().find_symbol(db().find_exchange("GATEIO_FUTURES")->id, "PEPE/USDT")->contract_size, 10'000'000);
    EXPECT_EQ(db().find_symbol(db().find_exchange("BYBIT_FUTURES")->id, "BTC/USDT-261225")->exchange_symbol,
              "BTCUSDT-25DEC26");
}

}  // namespace
}  // namespace marketdb::testing
