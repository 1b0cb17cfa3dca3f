#include <algorithm>
#include <array>
#include <barrier>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "engine_fixture.hpp"
#include "support/child_process.hpp"

namespace marketdb::testing {
namespace {

MARKETDB_CONTRACT_SUITE(Reference);
MARKETDB_SHARED_CONTRACT_SUITE(ReferenceOfOthers);

TEST_P(Reference, AnInsertedExchangeHasAnIdAndIsInMemoryAtOnce) {
    Exchange exchange;
    exchange.enum_value = "GATEIO_FUTURES";
    const Exchange stored = wait(db().insert_exchange(exchange));
    EXPECT_GT(static_cast<int>(stored.id), 0);
    EXPECT_EQ(stored.enum_value, "GATEIO_FUTURES");
    EXPECT_EQ(stored.exchange_name, "GATEIO");
    EXPECT_EQ(stored.market_type, MarketType::futures);
    EXPECT_TRUE(stored.is_active);
    EXPECT_EQ(text_of(stored.created_at), "+0ms");
    ASSERT_NE(db().find_exchange(stored.id), nullptr);
    EXPECT_EQ(db().find_exchange(stored.id), db().find_exchange("gateio_Futures")) << "text in any case";
    EXPECT_EQ(db().find_exchange("GATEIO_SPOT"), nullptr);
    EXPECT_EQ(db().find_exchange(ExchangeId{999}), nullptr);
    EXPECT_EQ(db().find_exchange(ExchangeId{-5}), nullptr);
}

TEST_P(Reference, AnExchangeThatIsThereAlreadyIsAConstraintErrorAndEnsureReturnsIt) {
    Exchange exchange;
    exchange.enum_value = "ALPHA_SPOT";
    exchange.exchange_name = "Alpha Markets";
    const Exchange stored = wait(db().insert_exchange(exchange));
    expect_error(ErrorCode::constraint, [&] { static_cast<void>(wait(db().insert_exchange(exchange))); },
                 {"ALPHA_SPOT"});
    const Exchange again = wait(db().ensure_exchange("alpha_spot"));
    EXPECT_EQ(again.id, stored.id);
    EXPECT_EQ(again.exchange_name, "Alpha Markets") << "an existing row is returned unchanged";
    EXPECT_EQ(wait(db().get_all_exchanges()).size(), 1U);
}

TEST_P(Reference, AnInsertedSymbolKeepsEverythingThatIsKnownOfIt) {
    Symbol symbol;
    symbol.exchange_id = make_exchange("GAMMA_FUTURES").id;
    symbol.symbol_base = "BTC";
    symbol.symbol_quote = "USD";
    symbol.settle_asset = "BTC";
    symbol.exchange_symbol = "BTCUSD_261225";
    symbol.contract_type = ContractType::dated;
    symbol.quantity_unit = QuantityUnit::contracts;
    symbol.contract_size = 100;
    symbol.tick_size = 0.1;
    symbol.lot_size = 1;
    symbol.min_quantity = 1;
    symbol.min_notional = 5;
    symbol.precision_price = 1;
    symbol.precision_quantity = 3;
    symbol.expires_at = parse_timestamp("2026-12-25T08:00:00Z");
    symbol.listed_at = kNoon;
    const Symbol stored = wait(db().insert_symbol(symbol));
    reopen_if_shared();
    const Symbol* found = db().find_symbol(stored.id);
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->symbol_type, MarketType::futures);
    EXPECT_EQ(found->contract_type, ContractType::dated);
    EXPECT_EQ(found->quantity_unit, QuantityUnit::contracts);
    EXPECT_EQ(found->settle_asset, "BTC");
    EXPECT_EQ(found->contract_size, 100);
    EXPECT_EQ(found->tick_size, 0.1);
    EXPECT_EQ(found->lot_size, 1);
    EXPECT_EQ(found->min_quantity, 1);
    EXPECT_EQ(found->min_notional, 5);
    EXPECT_EQ(found->precision_price, 1);
    EXPECT_EQ(found->precision_quantity, 3);
    EXPECT_EQ(to_string(found->expires_at), "2026-12-25T08:00:00.000000Z");
    EXPECT_EQ(text_of(found->listed_at), "+0ms");
    EXPECT_FALSE(is_present(found->delisted_at));
    EXPECT_EQ(text_of(found->created_at), "+0ms");
    EXPECT_EQ(pair(*found), "BTC/USD-261225");
}

TEST_P(Reference, UnknownPartsOfASymbolAreTakenFromItsExchange) {
    const Symbol spot = make_symbol("BTC", "USDT", "ALPHA_SPOT");
    EXPECT_EQ(spot.symbol_type, MarketType::spot);
    EXPECT_EQ(spot.contract_type, ContractType::spot);
    EXPECT_EQ(spot.quantity_unit, QuantityUnit::base);
    EXPECT_TRUE(spot.is_active);
    const Symbol future = make_symbol("BTC", "USDT", "ALPHA_FUTURES");
    EXPECT_EQ(future.symbol_type, MarketType::futures);
    EXPECT_EQ(future.contract_type, ContractType::perpetual);
}

TEST_P(Reference, BaseAndQuoteAreStoredInUpperCaseAndTheSpellingAsGiven) {
    const Symbol symbol = make_symbol("btc", "usdt", "ALPHA_SPOT", "btc-Usdt");
    EXPECT_EQ(symbol.symbol_base, "BTC");
    EXPECT_EQ(symbol.symbol_quote, "USDT");
    EXPECT_EQ(symbol.exchange_symbol, "btc-Usdt");
    EXPECT_EQ(pair(symbol), "BTC/USDT");
    EXPECT_EQ(joined(symbol), "BTCUSDT");
}

TEST_P(Reference, ASymbolIsIdentifiedByExchangeAndSpelling) {
    const Symbol stored = make_symbol("BTC", "USDT", "ALPHA_SPOT", "BTCUSDT");
    Symbol again = stored;
    expect_error(ErrorCode::constraint, [&] { static_cast<void>(wait(db().insert_symbol(again))); }, {"BTCUSDT"});
    again.symbol_base = "XBT";
    const Symbol ensured = wait(db().ensure_symbol(again));
    EXPECT_EQ(ensured.id, stored.id);
    EXPECT_EQ(ensured.symbol_base, "BTC") << "an existing row is returned unchanged";
    const Symbol other = make_symbol("BTC", "USDT", "ALPHA_SPOT", "BTCUSDT_2");
    EXPECT_NE(other.id, stored.id) << "base and quote do not identify";
    const Symbol elsewhere = make_symbol("BTC", "USDT", "BETA_SPOT", "BTCUSDT");
    EXPECT_NE(elsewhere.id, stored.id);
}

TEST_P(Reference, ASymbolIsFoundUnderEverySpelling) {
    const Symbol symbol = make_symbol("BTC", "USDT", "ALPHA_SPOT", "XBT~Tether");
    for (const char* text :
         {"BTC/USDT", "btc/usdt", "btc-usdt", "BTCUSDT", "btcusdt", "BTC_USDT", "XBT~Tether", "xbt~tether"}) {
        const Symbol* found = db().find_symbol(symbol.exchange_id, text);
        ASSERT_NE(found, nullptr) << text;
        EXPECT_EQ(found->id, symbol.id) << text;
        EXPECT_EQ(wait(db().resolve_symbol("alpha_spot", text)).id, symbol.id) << text;
    }
    EXPECT_EQ(db().find_symbol(symbol.exchange_id, "ETHUSDT"), nullptr);
    EXPECT_EQ(db().find_symbol(ExchangeId{77}, "BTCUSDT"), nullptr);
}

TEST_P(Reference, APairOnAFuturesExchangeIsItsPerpetualAndDatedContractsAreNamedByTheirExpiry) {
    const Symbol perpetual = make_symbol("BTC", "USDT", "ALPHA_FUTURES", "BTCUSDT");
    Symbol dated;
    dated.exchange_id = perpetual.exchange_id;
    dated.symbol_base = "BTC";
    dated.symbol_quote = "USDT";
    dated.contract_type = ContractType::dated;
    dated.expires_at = parse_timestamp("2026-12-25T08:00:00Z");
    dated.exchange_symbol = "BTCUSDT_261225";
    dated = wait(db().insert_symbol(dated));
    EXPECT_EQ(db().find_symbol(perpetual.exchange_id, "BTC/USDT")->id, perpetual.id);
    EXPECT_EQ(db().find_symbol(perpetual.exchange_id, "btc_usdt")->id, perpetual.id);
    EXPECT_EQ(db().find_symbol(perpetual.exchange_id, "BTC/USDT-261225")->id, dated.id);
    EXPECT_EQ(db().find_symbol(perpetual.exchange_id, "BTCUSDT_261225")->id, dated.id);
}

TEST_P(Reference, ATextThatFitsSeveralSymbolsIsAmbiguousAndListsThem) {
    const Symbol first = make_symbol("BTC", "USDT", "ALPHA_FUTURES", "BTC-PERP-1");
    make_symbol("BTC", "USDT", "ALPHA_FUTURES", "BTC-PERP-2");
    EXPECT_EQ(db().find_symbol(first.exchange_id, "BTC/USDT"), nullptr);
    expect_error(ErrorCode::ambiguous,
                 [&] { static_cast<void>(wait(db().resolve_symbol("ALPHA_FUTURES", "BTC/USDT"))); },
                 {"BTC-PERP-1", "BTC-PERP-2"});
    expect_error(
        ErrorCode::ambiguous,
        [&] { static_cast<void>(wait(db().get_symbol_by_exchange_and_pair(first.exchange_id, "BTC", "USDT"))); },
        {"BTC-PERP-1", "BTC-PERP-2"});
    EXPECT_EQ(wait(db().resolve_symbol("ALPHA_FUTURES", "BTC-PERP-2")).exchange_symbol, "BTC-PERP-2");
}

TEST_P(Reference, InactiveSymbolsAreFoundTooAndActiveOnesWinATie) {
    Symbol delisted;
    delisted.exchange_id = make_exchange("ALPHA_SPOT").id;
    delisted.symbol_base = "LUNA";
    delisted.symbol_quote = "USDT";
    delisted.exchange_symbol = "LUNA_OLD";
    delisted.is_active = false;
    delisted = wait(db().insert_symbol(delisted));
    EXPECT_EQ(db().find_symbol(delisted.exchange_id, "LUNA/USDT")->id, delisted.id);
    const Symbol active = make_symbol("LUNA", "USDT", "ALPHA_SPOT", "LUNA_NEW");
    EXPECT_EQ(db().find_symbol(delisted.exchange_id, "LUNA/USDT")->id, active.id);
    EXPECT_EQ(db().find_symbol(delisted.exchange_id, "LUNA_OLD")->id, delisted.id);
    EXPECT_EQ(wait(db().get_symbols_by_exchange(delisted.exchange_id)).size(), 1U);
    EXPECT_EQ(wait(db().get_symbols_by_exchange(delisted.exchange_id, false)).size(), 2U);
    EXPECT_EQ(store(quote(delisted.id, kNoon, 1, 2)), result(1)) << "delisted symbols are written and read like others";
}

TEST_P(Reference, ExchangesComeByEnumValueAndSymbolsByBaseQuoteSpelling) {
    make_exchange("ZETA_SPOT");
    make_exchange("ALPHA_SPOT");
    Exchange inactive;
    inactive.enum_value = "MU_FUTURES";
    inactive.is_active = false;
    static_cast<void>(wait(db().insert_exchange(inactive)));
    const auto names = [&](ExchangeFilter filter) {
        std::vector<std::string> all;
        for (const Exchange& exchange : wait(db().get_all_exchanges(filter))) all.push_back(exchange.enum_value.str());
        return all;
    };
    EXPECT_EQ(names({}), (Lines{"ALPHA_SPOT", "MU_FUTURES", "ZETA_SPOT"}));
    ExchangeFilter spot;
    spot.market_type = MarketType::spot;
    EXPECT_EQ(names(spot), (Lines{"ALPHA_SPOT", "ZETA_SPOT"}));
    ExchangeFilter active;
    active.active_only = true;
    EXPECT_EQ(names(active), (Lines{"ALPHA_SPOT", "ZETA_SPOT"}));

    make_symbol("ETH", "USDT");
    make_symbol("BTC", "USDT");
    make_symbol("BTC", "EUR");
    Lines spellings;
    for (const Symbol& symbol : wait(db().get_symbols_by_exchange(db().find_exchange("ALPHA_SPOT")->id))) {
        spellings.push_back(symbol.exchange_symbol.str());
    }
    EXPECT_EQ(spellings, (Lines{"BTCEUR", "BTCUSDT", "ETHUSDT"}));
    expect_error(ErrorCode::unknown_exchange,
                 [&] { static_cast<void>(wait(db().get_symbols_by_exchange(ExchangeId{4711}))); }, {"4711"});
}

TEST_P(Reference, GettersReturnNothingForWhatIsAbsent) {
    const Symbol symbol = make_symbol();
    EXPECT_EQ(wait(db().get_exchange_by_enum("alpha_spot"))->id, symbol.exchange_id);
    EXPECT_EQ(wait(db().get_exchange_by_id(symbol.exchange_id))->enum_value, "ALPHA_SPOT");
    EXPECT_EQ(wait(db().get_symbol_by_id(symbol.id))->exchange_symbol, "BTCUSDT");
    EXPECT_EQ(wait(db().get_symbol_by_exchange_and_pair(symbol.exchange_id, "btc", "usdt"))->id, symbol.id);
    EXPECT_EQ(wait(db().get_exchange_by_enum("NOBODY_SPOT")), std::nullopt);
    EXPECT_EQ(wait(db().get_exchange_by_id(ExchangeId{4711})), std::nullopt);
    EXPECT_EQ(wait(db().get_symbol_by_id(SymbolId{4711})), std::nullopt);
    EXPECT_EQ(wait(db().get_symbol_by_exchange_and_pair(symbol.exchange_id, "DOGE", "USDT")), std::nullopt);
    EXPECT_EQ(wait(db().get_symbol_by_exchange_and_pair(symbol.exchange_id, "BTC", "USDT", MarketType::futures)),
              std::nullopt);
}

TEST_P(Reference, ResolveNamesWhatItWasAskedFor) {
    make_symbol();
    expect_error(ErrorCode::unknown_exchange,
                 [&] { static_cast<void>(wait(db().resolve_symbol("NOBODY_SPOT", "BTCUSDT"))); }, {"NOBODY_SPOT"});
    expect_error(ErrorCode::unknown_symbol,
                 [&] { static_cast<void>(wait(db().resolve_symbol("ALPHA_SPOT", "DOGE/USDT"))); }, {"DOGE/USDT"});
}

TEST_P(Reference, ASeriesTextNamesOneSymbolOrAPattern) {
    make_symbol("BTC", "USDT", "ALPHA_SPOT");
    make_symbol("ETH", "USDT", "ALPHA_SPOT");
    make_symbol("BTC", "USDT", "ALPHA_FUTURES", "BTC_USDT");
    const auto count = [&](std::string_view series) { return wait(db().resolve_series(series)).size(); };
    EXPECT_EQ(count("ALPHA_SPOT:BTC/USDT"), 1U);
    EXPECT_EQ(count("alpha_futures:btcusdt"), 1U);
    EXPECT_EQ(count("ALPHA_*:BTC/USDT"), 2U);
    EXPECT_EQ(count("*:*"), 3U);
    EXPECT_EQ(count("ALPHA_SPOT:*"), 2U);
    EXPECT_EQ(count("*:BTC*"), 2U);
    expect_error(ErrorCode::invalid_argument, [&] { count("ALPHA_SPOT"); }, {"ALPHA_SPOT"});
    expect_error(ErrorCode::unknown_exchange, [&] { count("NOBODY_SPOT:BTC/USDT"); }, {"NOBODY_SPOT"});
    expect_error(ErrorCode::unknown_symbol, [&] { count("ALPHA_SPOT:DOGE/USDT"); }, {"DOGE/USDT"});
    expect_error(ErrorCode::unknown_symbol, [&] { count("*:DOGE*"); }, {"*:DOGE*"});
}

TEST_P(Reference, RefreshSaysWhetherAnythingWasNew) {
    make_symbol();
    EXPECT_FALSE(wait(db().refresh_reference()));
    const Symbol* before = db().find_symbol(db().find_exchange("ALPHA_SPOT")->id, "BTCUSDT");
    EXPECT_FALSE(wait(db().refresh_reference()));
    EXPECT_EQ(db().find_symbol(before->id), before) << "what did not change is the same object";
}

TEST_P(Reference, HitsAndMissesAreCounted) {
    const Symbol symbol = make_symbol();
    db().reset_cache_stats();
    const PerformanceStats none = db().get_performance_stats();
    EXPECT_EQ(none.total_requests, 0U);
    EXPECT_EQ(none.hit_ratio, std::nullopt);
    for (int i = 0; i < 6000; ++i) static_cast<void>(db().find_symbol(symbol.id));
    for (int i = 0; i < 2000; ++i) static_cast<void>(db().find_symbol(SymbolId{4711}));
    const PerformanceStats stats = db().get_performance_stats();
    EXPECT_EQ(stats.hits, 6000U);
    EXPECT_EQ(stats.misses, 2000U);
    EXPECT_EQ(stats.total_requests, 8000U);
    EXPECT_EQ(stats.hit_ratio, 0.75);
    EXPECT_GT(stats.avg_lookup_time_ns, 0.0);
    EXPECT_EQ(stats.cache_size, 2U) << "one exchange, one symbol";
}

TEST_P(ReferenceOfOthers, ReferenceDataIsReadAgainAfter300Seconds) {
    const SymbolId symbol = make_symbol().id;
    static_cast<void>(wait(db().get_latest_book_tickers()));
    const auto other = open(config());
    const auto ticks_pass = [&](int round) {
        // What another manager writes is seen at a tick of the timer: so one has passed when it is seen.
        static_cast<void>(other->wait(other->insert_book_ticker_snapshots({quote(symbol, kNoon + round * 1s, 1, 2)})));
        return wait_until([&] {
            const auto latest = wait(db().get_latest_book_tickers());
            return latest.size() == 1 && latest[0].row.timestamp == kNoon + round * 1s;
        });
    };
    ASSERT_TRUE(ticks_pass(1));
    ASSERT_TRUE(ticks_pass(2));
    const std::uint64_t before = db().get_performance_stats().refreshes;
    clock().walk(299'900ms);
    ASSERT_TRUE(ticks_pass(3));
    ASSERT_TRUE(ticks_pass(4));
    EXPECT_EQ(db().get_performance_stats().refreshes, before);
    clock().walk(200ms);
    EXPECT_TRUE(wait_until([&] { return db().get_performance_stats().refreshes == before + 1; }));
    EXPECT_EQ(text_of(db().get_performance_stats().last_refresh), "+300100ms");
}

TEST_P(ReferenceOfOthers, GettersAskTheDatabaseOnceWhenMemoryDoesNotKnow) {
    make_symbol();
    close();
    Config settings = config();
    settings.poll_interval = std::chrono::hours(1);
    const auto here = open(settings);
    const auto there = open(settings);
    const Exchange exchange = there->wait(there->ensure_exchange("LATER_SPOT"));
    Symbol symbol;
    symbol.exchange_id = exchange.id;
    symbol.symbol_base = "ETH";
    symbol.symbol_quote = "USDT";
    symbol.exchange_symbol = "ETHUSDT";
    symbol = there->wait(there->insert_symbol(symbol));

    EXPECT_EQ(here->find_symbol(symbol.id), nullptr);
    EXPECT_EQ(here->find_exchange("LATER_SPOT"), nullptr);
    EXPECT_EQ(here->wait(here->get_symbol_by_id(symbol.id))->exchange_symbol, "ETHUSDT");
    EXPECT_NE(here->find_symbol(symbol.id), nullptr) << "memory knows now";
    EXPECT_NE(here->find_exchange("LATER_SPOT"), nullptr);

    symbol.exchange_symbol = "ETHUSDT2";
    symbol.symbol_base = "ETH2";
    symbol = there->wait(there->insert_symbol(symbol));
    EXPECT_EQ(here->wait(here->resolve_symbol("LATER_SPOT", "ETH2/USDT")).id, symbol.id);
    symbol.exchange_symbol = "ETHUSDT3";
    symbol.symbol_base = "ETH3";
    symbol = there->wait(there->insert_symbol(symbol));
    EXPECT_EQ(here->wait(here->insert_book_ticker_snapshots({quote(symbol.id, kNoon, 1, 2)})), result(1))
        << "an unknown id in a batch asks the database before the batch is refused";
}

TEST_P(ReferenceOfOthers, ASymbolOfAnotherProcessArrivesWithinASecond) {
    const Symbol first = make_symbol();
    close();
    Config settings = config();
    settings.poll_interval = Config{}.poll_interval;
    ChildProcess other([&](LineChannel& parent) {
        const auto manager = open(settings);
        parent.say("open");
        for (auto base = parent.hear(); base && *base != "end"; base = parent.hear()) {
            Symbol symbol = first;
            symbol.symbol_base = *base;
            symbol.exchange_symbol = *base + "USDT";
            static_cast<void>(manager->wait(manager->insert_symbol(symbol)));
            parent.say("written");
        }
        return 0;
    });
    ASSERT_EQ(other.hear(), "open");
    const auto here = open(settings);
    const Symbol* before = here->find_symbol(first.id);
    expect_within_a_second([&](int round) {
        const std::string base = "SOL" + std::to_string(round);
        EXPECT_EQ(here->find_symbol(first.exchange_id, base + "/USDT"), nullptr);
        other.say(base);
        EXPECT_EQ(other.hear(), "written");
        return [&, base] { return here->find_symbol(first.exchange_id, base + "/USDT") != nullptr; };
    });
    EXPECT_EQ(here->find_symbol(first.id), before) << "unchanged rows stay the same objects";
    EXPECT_EQ(before->exchange_symbol, "BTCUSDT");
    other.say("end");
    EXPECT_EQ(other.wait(), 0);
}

TEST_P(ReferenceOfOthers, AChangedRowIsANewObjectAndTheOldOneStaysReadable) {
    const Symbol symbol = make_symbol();
    // Its timer must not be the one that reads the change.
    Config settings = config();
    settings.poll_interval = 1h;
    const auto here = open(settings);
    const Symbol* before = here->find_symbol(symbol.id);
    ASSERT_TRUE(before->is_active);
    target().run_sql(folder(), "UPDATE symbols SET is_active = FALSE");
    EXPECT_TRUE(here->wait(here->refresh_reference()));
    const Symbol* after = here->find_symbol(symbol.id);
    ASSERT_NE(after, before);
    EXPECT_FALSE(after->is_active);
    EXPECT_TRUE(before->is_active) << "nothing is freed or changed before close()";
    EXPECT_EQ(before->exchange_symbol, "BTCUSDT");
}

TEST_P(ReferenceOfOthers, ManagersThatEnsureTheSameAtOnceAllGetTheSameRows) {
    constexpr int kManagers = 4;
    constexpr int kRounds = 20;
    std::vector<std::unique_ptr<DatabaseManager>> managers;
    for (int i = 0; i < kManagers; ++i) managers.push_back(open(config()));
    std::barrier together(kManagers);
    std::array<std::vector<std::int32_t>, kManagers> ids;
    std::vector<std::thread> threads;
    for (int i = 0; i < kManagers; ++i) {
        threads.emplace_back([&, i] {
            DatabaseManager& mine = *managers[static_cast<std::size_t>(i)];
            for (int round = 0; round < kRounds; ++round) {
                together.arrive_and_wait();
                const std::string exchange = std::string(1, static_cast<char>('A' + round / 4)) + "_SPOT";
                Symbol symbol;
                symbol.exchange_id = mine.wait(mine.ensure_exchange(exchange)).id;
                symbol.symbol_base = "BASE" + std::to_string(round);
                symbol.symbol_quote = "USDT";
                symbol.exchange_symbol = symbol.symbol_base.str() + "USDT";
                ids[static_cast<std::size_t>(i)].push_back(
                    static_cast<std::int32_t>(mine.wait(mine.ensure_symbol(symbol)).id));
            }
        });
    }
    for (std::thread& one : threads) one.join();
    for (const auto& of_one : ids) EXPECT_EQ(of_one, ids[0]);
    const DatabaseStats stats = managers[0]->wait(managers[0]->get_database_stats());
    EXPECT_EQ(stats.symbols, std::uint64_t{kRounds});
    EXPECT_EQ(stats.exchanges, std::uint64_t{kRounds / 4});
}

}  // namespace
}  // namespace marketdb::testing
