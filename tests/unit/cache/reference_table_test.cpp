#include "cache/reference_table.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <thread>
#include <vector>

#include "unit/cache/reference_rows.hpp"

namespace marketdb::cache {
namespace {

using namespace marketdb::testing;

/// A table with BINANCE_SPOT (1), BINANCE_FUTURES (2) and the symbols given.
class ReferenceTableTest : public ::testing::Test {
 protected:
    ReferenceTableTest() {
        const std::array exchanges = {exchange(1, "BINANCE_SPOT", MarketType::spot),
                                      exchange(2, "BINANCE_FUTURES", MarketType::futures)};
        table_.apply(exchanges, {});
    }

    void store(const std::vector<Symbol>& symbols) { table_.apply({}, symbols); }

    /// The id that a text resolves to; 0 if none.
    int on(ExchangeId exchange_id, std::string_view text) const {
        const Symbol* found = table_.find_symbol(exchange_id, text);
        return found != nullptr ? static_cast<int>(found->id) : 0;
    }
    int spot(std::string_view text) const { return on(kSpot, text); }
    int futures(std::string_view text) const { return on(kFutures, text); }

    std::vector<int> candidates(ExchangeId exchange_id, std::string_view text) const {
        std::vector<int> ids;
        for (const Symbol* one : table_.candidates(exchange_id, text)) ids.push_back(static_cast<int>(one->id));
        return ids;
    }

    ReferenceTable table_;
};

TEST_F(ReferenceTableTest, AnEmptyTableKnowsNothing) {
    const ReferenceTable empty;
    EXPECT_EQ(empty.find_exchange(ExchangeId{1}), nullptr);
    EXPECT_EQ(empty.find_exchange("BINANCE_SPOT"), nullptr);
    EXPECT_EQ(empty.find_symbol(SymbolId{1}), nullptr);
    EXPECT_EQ(empty.find_symbol(ExchangeId{1}, "BTCUSDT"), nullptr);
    EXPECT_TRUE(empty.symbols().empty());
    EXPECT_TRUE(empty.exchanges().empty());
    EXPECT_TRUE(empty.candidates(ExchangeId{1}, "BTCUSDT").empty());
    EXPECT_EQ(empty.size(), 0U);
}

TEST_F(ReferenceTableTest, AnExchangeIsFoundByIdAndByItsNameInAnyCase) {
    EXPECT_EQ(table_.find_exchange(ExchangeId{2})->enum_value, "BINANCE_FUTURES");
    EXPECT_EQ(table_.find_exchange("BINANCE_SPOT")->id, ExchangeId{1});
    EXPECT_EQ(table_.find_exchange("binance_Spot")->id, ExchangeId{1});
    EXPECT_EQ(table_.find_exchange(ExchangeId{3}), nullptr);
    EXPECT_EQ(table_.find_exchange(ExchangeId{0}), nullptr);
    EXPECT_EQ(table_.find_exchange(ExchangeId{-1}), nullptr);
}

TEST_F(ReferenceTableTest, SeparatorsOfAnExchangesNameCount) {
    EXPECT_EQ(table_.find_exchange("BINANCESPOT"), nullptr);
    EXPECT_EQ(table_.find_exchange("BINANCE-SPOT"), nullptr);
    EXPECT_EQ(table_.find_exchange("BINANCE_SPOT "), nullptr);
    EXPECT_EQ(table_.find_exchange(""), nullptr);
    EXPECT_EQ(table_.find_exchange(std::string(65, 'A')), nullptr);
}

TEST_F(ReferenceTableTest, OfExchangesThatDifferInCaseTheExactOneThenTheActiveOneIsFound) {
    Exchange lower = exchange(3, "demo_spot", MarketType::spot);
    lower.is_active = false;
    const std::array both = {exchange(4, "DEMO_SPOT", MarketType::spot), lower};
    table_.apply(both, {});
    EXPECT_EQ(table_.find_exchange("demo_spot")->id, ExchangeId{3});
    EXPECT_EQ(table_.find_exchange("DEMO_SPOT")->id, ExchangeId{4});
    EXPECT_EQ(table_.find_exchange("Demo_Spot")->id, ExchangeId{4});
}

TEST_F(ReferenceTableTest, ASymbolIsFoundById) {
    store({symbol(7, kSpot, "BTC", "USDT", "BTCUSDT"), symbol(2'000'000'000, kSpot, "ETH", "USDT", "ETHUSDT")});
    EXPECT_EQ(table_.find_symbol(SymbolId{7})->exchange_symbol, "BTCUSDT");
    EXPECT_EQ(table_.find_symbol(SymbolId{2'000'000'000})->exchange_symbol, "ETHUSDT");
    EXPECT_EQ(table_.find_symbol(SymbolId{8}), nullptr);
    EXPECT_EQ(table_.find_symbol(SymbolId{0}), nullptr);
}

TEST_F(ReferenceTableTest, EverySpellingOfAPairIsFound) {
    store({symbol(1, kSpot, "BTC", "USDT", "BTC_USDT"), symbol(2, kSpot, "ETH", "USDT", "ETHUSDT")});
    for (const char* text : {"BTC/USDT", "btc/usdt", "btc-usdt", "BTCUSDT", "BTC_USDT", "Btc:Usdt", " BTC USDT ",
                             "BTC//USDT", "_BTC_USDT_", "BTC\tUSDT"}) {
        EXPECT_EQ(spot(text), 1) << text;
    }
    for (const char* text : {"ETH/USDT", "eth-usdt", "ethusdt", "ETH_USDT", "ETHUSDT"})
        EXPECT_EQ(spot(text), 2) << text;
}

TEST_F(ReferenceTableTest, OtherTextsAndOtherExchangesFindNothing) {
    store({symbol(1, kSpot, "BTC", "USDT", "BTCUSDT")});
    for (const char* text :
         {"", "/", "BTC", "USDT", "BTC/USD", "BTC/USDTT", "BTC.USDT", "BTC,USDT", "XBTC/USDT", "*"}) {
        EXPECT_EQ(spot(text), 0) << text;
    }
    EXPECT_EQ(futures("BTCUSDT"), 0);
    EXPECT_EQ(on(ExchangeId{99}, "BTCUSDT"), 0);
    EXPECT_EQ(on(ExchangeId{0}, "BTCUSDT"), 0);
    EXPECT_EQ(spot(std::string_view("BTCUSDT\0", 8)), 0);
    EXPECT_EQ(spot(std::string_view("BTC\0USDT", 8)), 0);
}

TEST_F(ReferenceTableTest, AnOverlongTextFindsNothing) {
    const std::string longest(47, 'A');
    store({symbol(1, kSpot, "BTC", "USDT", longest.c_str())});
    EXPECT_EQ(spot(longest), 1);
    EXPECT_EQ(spot(std::string(48, 'A')), 0);
    EXPECT_EQ(spot(std::string(56, 'A')), 0);
    EXPECT_EQ(spot(std::string(57, 'A')), 0);
    EXPECT_EQ(spot(std::string(64, 'A')), 0);
    EXPECT_EQ(spot(std::string(1'000'000, 'A')), 0);
    EXPECT_EQ(spot(std::string(57, '-') + "BTCUSDT"), 1) << "64 bytes, of which seven count";
    EXPECT_EQ(spot(std::string(58, '-') + "BTCUSDT"), 0) << "65 bytes";
}

TEST_F(ReferenceTableTest, OnlyAsciiLettersAreFolded) {
    store({symbol(1, kSpot, "\xE5\xB8\x81", "USDT", "\xE5\xB8\x81USDT"),
           symbol(2, kSpot, "\xC3\xA4", "USDT", "\xC3\xA4USDT")});
    EXPECT_EQ(spot("\xE5\xB8\x81/usdt"), 1);
    EXPECT_EQ(spot("\xC3\xA4/usdt"), 2);
    EXPECT_EQ(spot("\xC3\x84/usdt"), 0);
}

TEST_F(ReferenceTableTest, TheExchangesOwnSpellingWinsOverEverything) {
    store({symbol(1, kSpot, "AB", "C", "AB_C"), symbol(2, kSpot, "A", "BC", "ABC"), symbol(3, kSpot, "X", "Y", "abc")});
    EXPECT_EQ(spot("AB_C"), 1);
    EXPECT_EQ(spot("ABC"), 2);
    EXPECT_EQ(spot("abc"), 3);
}

TEST_F(ReferenceTableTest, TheOwnSpellingWinsEvenWhenItsSymbolIsDelisted) {
    store({inactive(symbol(1, kSpot, "BTC", "USDT", "BTCUSDT")), symbol(2, kSpot, "BTC", "USDT", "BTC_USDT")});
    EXPECT_EQ(spot("BTCUSDT"), 1);
    EXPECT_EQ(spot("btcusdt"), 1) << "the same spelling in another case comes before the pair";
    EXPECT_EQ(spot("BTC/USDT"), 2);
}

TEST_F(ReferenceTableTest, OfSpellingsThatDifferInCaseTheActiveOneIsFoundOrNone) {
    store({symbol(1, kSpot, "KPEPE", "USD", "kPEPE"), symbol(2, kSpot, "KPEPE2", "USD", "KPEPE")});
    EXPECT_EQ(spot("kPEPE"), 1);
    EXPECT_EQ(spot("KPEPE"), 2);
    EXPECT_EQ(spot("kpepe"), 0);
    EXPECT_EQ(candidates(kSpot, "kpepe"), (std::vector{1, 2}));
    store({inactive(symbol(1, kSpot, "KPEPE", "USD", "kPEPE"))});
    EXPECT_EQ(spot("kpepe"), 2);
    EXPECT_EQ(spot("kPEPE"), 1);
}

TEST_F(ReferenceTableTest, TwoPairsOfTheSameLettersAreToldApartByTheSeparator) {
    store({symbol(1, kSpot, "A", "BC", "A_BC"), symbol(2, kSpot, "AB", "C", "AB_C")});
    EXPECT_EQ(spot("A_BC"), 1);
    EXPECT_EQ(spot("a/bc"), 1);
    EXPECT_EQ(spot("AB_C"), 2);
    EXPECT_EQ(spot("ab:c"), 2);
    EXPECT_EQ(spot("ABC"), 0);
    EXPECT_EQ(candidates(kSpot, "ABC"), (std::vector{1, 2}));
}

TEST_F(ReferenceTableTest, APairThatIsNotThereIsNotTakenForAnotherOfTheSameLetters) {
    store({symbol(2, kSpot, "AB", "C", "AB_C"), symbol(3, kSpot, "XT", "USD", "XTUSD")});
    EXPECT_EQ(spot("A_BC"), 0);
    EXPECT_EQ(spot("A_B_C"), 0);
    EXPECT_EQ(spot("X/TUSD"), 0);
    EXPECT_EQ(spot("XT/USD"), 3);
    EXPECT_TRUE(candidates(kSpot, "A_BC").empty());
}

TEST_F(ReferenceTableTest, ASpellingThatIsNotBaseAndQuoteIsFoundByBoth) {
    store({inverse(1, "BTC", "USD", "XBTUSD"), perpetual(2, "1000BONK", "USDC", "1000BONKPERP")});
    EXPECT_EQ(futures("xbtusd"), 1);
    EXPECT_EQ(futures("XBT/USD"), 1);
    EXPECT_EQ(futures("BTC/USD"), 1);
    EXPECT_EQ(futures("X/BTUSD"), 0);
    EXPECT_EQ(futures("1000bonkperp"), 2);
    EXPECT_EQ(futures("1000BONK-PERP"), 2);
    EXPECT_EQ(futures("1000BONK/USDC"), 2);
}

TEST_F(ReferenceTableTest, APairOnAFuturesExchangeIsItsPerpetual) {
    store({dated(1, "BTC", "USDT", "BTCUSDT_261225", kChristmas2026),
           dated(2, "BTC", "USDT", "BTCUSDT-27MAR26", kMarch2026), perpetual(3, "BTC", "USDT", "BTCUSDT")});
    for (const char* text : {"BTC/USDT", "btc_usdt", "BTCUSDT", "btcusdt"}) EXPECT_EQ(futures(text), 3) << text;
    EXPECT_EQ(candidates(kFutures, "BTC/USDT"), std::vector{3});
}

TEST_F(ReferenceTableTest, ADatedContractIsFoundByItsExpiryAndByItsOwnSpelling) {
    store({dated(1, "BTC", "USDT", "BTCUSDT_261225", kChristmas2026),
           dated(2, "BTC", "USDT", "BTCUSDT-27MAR26", kMarch2026),
           dated(3, "BTC", "USD", "BTCUSD_261225", kChristmas2026)});
    for (const char* text :
         {"BTC/USDT-261225", "btc-usdt-261225", "BTCUSDT261225", "BTCUSDT_261225", "BTC/USDT:261225"}) {
        EXPECT_EQ(futures(text), 1) << text;
    }
    for (const char* text : {"BTC/USDT-260327", "BTCUSDT260327", "BTCUSDT-27MAR26", "btc/usdt-27mar26"}) {
        EXPECT_EQ(futures(text), 2) << text;
    }
    EXPECT_EQ(futures("BTC/USD-261225"), 3);
    EXPECT_EQ(futures("BTC/USDT"), 0) << "the perpetual, which is not there";
    EXPECT_EQ(futures("BTC/USDT-261226"), 0);
    EXPECT_EQ(futures("BTC/US-DT261225"), 0);
}

TEST_F(ReferenceTableTest, ADatedContractWithoutExpiryIsFoundByItsOwnSpellingOnly) {
    Symbol row = dated(1, "BTC", "USDT", "BTC-DEC", 0);
    row.expires_at = kNoTime;
    store({row});
    EXPECT_EQ(futures("btc dec"), 1);
    EXPECT_EQ(futures("BTC/USDT"), 0);
}

TEST_F(ReferenceTableTest, ADatedContractThatIsSpelledLikeAPairIsFoundByThatSpellingAlone) {
    store({dated(1, "BTC", "USDT", "BTCUSDT", kChristmas2026)});
    EXPECT_EQ(futures("BTCUSDT"), 1);
    EXPECT_EQ(futures("BTC/USDT"), 0);
    store({perpetual(2, "BTC", "USDT", "BTCPERP")});
    EXPECT_EQ(futures("BTC/USDT"), 2);
}

TEST_F(ReferenceTableTest, APerpetualComesBeforeAnInverseOneAndThatBeforeOthers) {
    store({symbol(1, kFutures, "BTC", "USD", "S", ContractType::spot), inverse(2, "BTC", "USD", "PI_XBTUSD"),
           perpetual(3, "BTC", "USD", "PF_XBTUSD")});
    EXPECT_EQ(futures("BTC/USD"), 3);
    EXPECT_EQ(candidates(kFutures, "BTC/USD"), (std::vector{3, 2, 1}));
    EXPECT_EQ(futures("pi-xbtusd"), 2);
}

TEST_F(ReferenceTableTest, ADelistedPerpetualIsNotReplacedByAnInverseOne) {
    store({inverse(1, "BTC", "USD", "PI_XBTUSD"), inactive(perpetual(2, "BTC", "USD", "PF_XBTUSD"))});
    EXPECT_EQ(futures("BTC/USD"), 2);
}

TEST_F(ReferenceTableTest, AnActiveSymbolWinsATie) {
    store({inactive(symbol(1, kSpot, "LUNA", "USDT", "LUNAUSDT1")), symbol(2, kSpot, "LUNA", "USDT", "LUNAUSDT2")});
    EXPECT_EQ(spot("LUNA/USDT"), 2);
    EXPECT_EQ(candidates(kSpot, "LUNA/USDT"), (std::vector{2, 1}));
}

TEST_F(ReferenceTableTest, ADelistedSymbolIsFoundLikeOthers) {
    store({inactive(symbol(1, kSpot, "LUNA", "USDT", "LUNAUSDT"))});
    EXPECT_EQ(spot("luna/usdt"), 1);
}

TEST_F(ReferenceTableTest, IfSeveralRemainNoneIsFound) {
    store({symbol(1, kSpot, "LUNA", "USDT", "LUNAUSDT1"), symbol(2, kSpot, "LUNA", "USDT", "LUNAUSDT2"),
           inactive(symbol(3, kSpot, "LUNA", "USDT", "LUNAUSDT3"))});
    EXPECT_EQ(spot("LUNA/USDT"), 0);
    EXPECT_EQ(candidates(kSpot, "LUNA/USDT"), (std::vector{1, 2, 3}));
}

TEST_F(ReferenceTableTest, ABetterRowAfterATieEndsIt) {
    store({inverse(1, "BTC", "USD", "A1"), inverse(2, "BTC", "USD", "A2"), perpetual(3, "BTC", "USD", "A3")});
    EXPECT_EQ(futures("BTC/USD"), 3);
    store({perpetual(4, "BTC", "USD", "A4")});
    EXPECT_EQ(futures("BTC/USD"), 0);
}

TEST_F(ReferenceTableTest, ASpellingOfSeparatorsAloneIsFoundExactlyOnly) {
    store({symbol(1, kSpot, "A", "B", "--")});
    EXPECT_EQ(spot("--"), 1);
    EXPECT_EQ(spot("-"), 0);
    EXPECT_EQ(spot("//"), 0);
    EXPECT_EQ(spot(""), 0);
}

TEST_F(ReferenceTableTest, ASymbolWithoutQuoteIsFoundByItsSpellingOnly) {
    store({symbol(1, kSpot, "BTC", "", "BTC.X")});
    EXPECT_EQ(spot("btc.x"), 1);
    EXPECT_EQ(spot("BTC"), 0);
}

TEST_F(ReferenceTableTest, TheOrderOfLoadingDoesNotMatter) {
    const std::vector<Symbol> rows = {inverse(1, "BTC", "USD", "B1"), perpetual(2, "BTC", "USD", "B2"),
                                      inactive(perpetual(3, "BTC", "USD", "B3")),
                                      dated(4, "BTC", "USD", "B4", kMarch2026)};
    std::array<std::size_t, 4> order = {0, 1, 2, 3};
    do {
        ReferenceTable table;
        for (const std::size_t i : order) table.apply({}, std::span(&rows[i], 1));
        const std::array futures_exchange = {exchange(2, "BINANCE_FUTURES", MarketType::futures)};
        table.apply(futures_exchange, {});
        ASSERT_EQ(table.find_symbol(kFutures, "BTC/USD")->id, SymbolId{2});
    } while (std::next_permutation(order.begin(), order.end()));
}

TEST_F(ReferenceTableTest, AChangedRowIsANewObjectAndTheOldOneStaysReadable) {
    store({symbol(1, kSpot, "BTC", "USDT", "BTCUSDT")});
    const Symbol* before = table_.find_symbol(SymbolId{1});
    Symbol changed = *before;
    changed.tick_size = 0.01;
    EXPECT_TRUE(table_.apply({}, std::span(&changed, 1)));
    const Symbol* after = table_.find_symbol(SymbolId{1});
    EXPECT_NE(before, after);
    EXPECT_FALSE(is_present(before->tick_size));
    EXPECT_EQ(after->tick_size, 0.01);
    EXPECT_EQ(table_.find_symbol(kSpot, "BTC/USDT"), after);
    EXPECT_EQ(table_.size(), 3U);
}

TEST_F(ReferenceTableTest, ARenamedSymbolIsNoLongerFoundByItsOldSpelling) {
    store({symbol(1, kSpot, "MATIC", "USDT", "MATICUSDT")});
    store({symbol(1, kSpot, "POL", "USDT", "POLUSDT")});
    EXPECT_EQ(spot("POL/USDT"), 1);
    EXPECT_EQ(spot("MATICUSDT"), 0);
    EXPECT_EQ(spot("MATIC/USDT"), 0);
    store({symbol(1, kSpot, "MATIC", "USDT", "MATICUSDT")});
    EXPECT_EQ(spot("MATIC/USDT"), 1);
    EXPECT_EQ(spot("POL/USDT"), 0);
}

TEST_F(ReferenceTableTest, NothingNewChangesNothing) {
    const std::array rows = {symbol(1, kSpot, "BTC", "USDT", "BTCUSDT")};
    const std::array exchanges = {exchange(1, "BINANCE_SPOT", MarketType::spot)};
    EXPECT_TRUE(table_.apply(exchanges, rows));
    const Symbol* before = table_.find_symbol(SymbolId{1});
    EXPECT_FALSE(table_.apply(exchanges, rows));
    EXPECT_FALSE(table_.apply({}, {}));
    EXPECT_EQ(table_.find_symbol(SymbolId{1}), before);
}

TEST_F(ReferenceTableTest, RowsThatAreNotGivenStay) {
    store({symbol(1, kSpot, "BTC", "USDT", "BTCUSDT")});
    store({symbol(2, kSpot, "ETH", "USDT", "ETHUSDT")});
    EXPECT_EQ(spot("BTCUSDT"), 1);
    EXPECT_EQ(spot("ETHUSDT"), 2);
    EXPECT_EQ(table_.size(), 4U);
}

TEST_F(ReferenceTableTest, ARowWithoutIdIsLeftOut) {
    const std::array rows = {symbol(0, kSpot, "BTC", "USDT", "BTCUSDT")};
    EXPECT_FALSE(table_.apply({}, rows));
    EXPECT_EQ(spot("BTCUSDT"), 0);
}

TEST_F(ReferenceTableTest, ListsAreOrderedById) {
    store({symbol(30, kSpot, "C", "USDT", "CUSDT"), symbol(1000, kSpot, "D", "USDT", "DUSDT"),
           symbol(2, kSpot, "B", "USDT", "BUSDT")});
    std::vector<int> ids;
    for (const Symbol* one : table_.symbols()) ids.push_back(static_cast<int>(one->id));
    EXPECT_EQ(ids, (std::vector{2, 30, 1000}));
    ASSERT_EQ(table_.exchanges().size(), 2U);
    EXPECT_EQ(table_.exchanges()[1]->enum_value, "BINANCE_FUTURES");
}

TEST_F(ReferenceTableTest, TenThousandSymbolsAddedOneByOneAreAllFound) {
    for (int id = 1; id <= 10'000; ++id) {
        const std::string base = "COIN" + std::to_string(id);
        store({symbol(id, kSpot, base.c_str(), "USDT", (base + "_USDT").c_str())});
    }
    for (int id = 1; id <= 10'000; ++id) {
        const std::string base = "coin" + std::to_string(id);
        ASSERT_EQ(spot(base + "/usdt"), id);
        ASSERT_EQ(static_cast<int>(table_.find_symbol(SymbolId{id})->id), id);
    }
    EXPECT_EQ(spot("coin10001/usdt"), 0);
    EXPECT_EQ(table_.symbols().size(), 10'000U);
}

TEST_F(ReferenceTableTest, LookUpsAreCountedAndListsAreNot) {
    store({symbol(1, kSpot, "BTC", "USDT", "BTCUSDT")});
    table_.reset_counts();
    for (int i = 0; i < 3; ++i) EXPECT_NE(table_.find_symbol(SymbolId{1}), nullptr);
    EXPECT_EQ(table_.find_symbol(SymbolId{2}), nullptr);
    EXPECT_NE(table_.find_exchange("BINANCE_SPOT"), nullptr);
    EXPECT_NE(table_.find_exchange(ExchangeId{1}), nullptr);
    EXPECT_EQ(table_.find_symbol(kSpot, "NONE"), nullptr);
    EXPECT_EQ(table_.symbols().size(), 1U);
    EXPECT_EQ(table_.candidates(kSpot, "BTCUSDT").size(), 1U);
    EXPECT_EQ(table_.counts().hits, 5U);
    EXPECT_EQ(table_.counts().misses, 2U);
    table_.reset_counts();
    EXPECT_EQ(table_.counts().hits, 0U);
    EXPECT_EQ(table_.counts().misses, 0U);
}

TEST_F(ReferenceTableTest, WhatWasReadBeforeAChangeDoesNotUndoIt) {
    const std::uint64_t applied = table_.applied();
    Exchange read = *table_.find_exchange(ExchangeId{1});
    Exchange changed = read;
    changed.is_active = false;
    EXPECT_TRUE(table_.apply(changed));
    EXPECT_FALSE(table_.apply_read(read, applied));
    EXPECT_FALSE(table_.find_exchange(ExchangeId{1})->is_active);
    EXPECT_TRUE(table_.apply_read(read, table_.applied()));
    EXPECT_TRUE(table_.find_exchange(ExchangeId{1})->is_active);
    EXPECT_FALSE(table_.apply_read(read, table_.applied())) << "nothing is new";
}

TEST_F(ReferenceTableTest, OneLookUpInAThousandAndTwentyFourIsTimed) {
    for (int i = 0; i < 10 * 1024; ++i) EXPECT_EQ(table_.find_symbol(SymbolId{1}), nullptr);
    const LookupCounts counts = table_.counts();
    EXPECT_EQ(counts.samples, 10U);
    EXPECT_GE(counts.sampled_ns, 10U);
    EXPECT_EQ(counts.misses, 10'240U);
}

TEST_F(ReferenceTableTest, CountsOfThreadsThatHaveEndedRemainAndAreExact) {
    table_.reset_counts();
    for (int round = 0; round < 5; ++round) {
        std::vector<std::thread> threads;
        for (int i = 0; i < 80; ++i) {
            threads.emplace_back([this] {
                for (int n = 0; n < 100; ++n) static_cast<void>(table_.find_exchange(ExchangeId{n % 2 == 0 ? 1 : 99}));
            });
        }
        for (std::thread& thread : threads) thread.join();
    }
    EXPECT_EQ(table_.counts().hits, 5U * 80U * 50U);
    EXPECT_EQ(table_.counts().misses, 5U * 80U * 50U);
}

}  // namespace
}  // namespace marketdb::cache
