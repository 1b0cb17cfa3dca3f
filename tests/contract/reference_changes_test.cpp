#include <algorithm>
#include <atomic>
#include <future>
#include <optional>

#include <marketdb/coverage.hpp>

#include "engine_fixture.hpp"

namespace marketdb::testing {
namespace {

MARKETDB_CONTRACT_SUITE(ReferenceChanges);
MARKETDB_SHARED_CONTRACT_SUITE(ReferenceChangesOfOthers);
MARKETDB_CONTRACT_SUITE(SymbolMerge);

Symbol spot(ExchangeId exchange, const char* base, const char* spelling) {
    Symbol symbol;
    symbol.exchange_id = exchange;
    symbol.symbol_base = base;
    symbol.symbol_quote = "USDT";
    symbol.exchange_symbol = spelling;
    return symbol;
}

TEST_P(ReferenceChanges, AnUpdateChangesWhatIsGivenAndNothingElse) {
    const Symbol before = make_symbol();
    clock().walk(5s);
    SymbolUpdate update;
    update.min_quantity = 0.5;
    update.precision_price = 2;
    const Symbol changed = wait(db().update_symbol(before.id, update));
    EXPECT_EQ(changed.id, before.id);
    EXPECT_EQ(changed.min_quantity, 0.5);
    EXPECT_EQ(changed.precision_price, 2);
    EXPECT_EQ(changed.exchange_symbol, "BTCUSDT");
    EXPECT_TRUE(changed.is_active);
    EXPECT_EQ(text_of(changed.created_at), "+0ms");
    EXPECT_EQ(text_of(changed.updated_at), "+5000ms");
    EXPECT_EQ(db().find_symbol(before.id)->min_quantity, 0.5) << "memory knows at once";
    reopen_if_shared();
    EXPECT_EQ(db().find_symbol(before.id)->min_quantity, 0.5);
    EXPECT_EQ(db().find_symbol(before.id)->symbol_base, "BTC");
}

TEST_P(ReferenceChanges, AReadingThatBeganBeforeAChangeDoesNotUndoItInMemory) {
    const Symbol symbol = make_symbol();
    std::atomic<bool> goes_on{true};
    auto refreshing = std::async(std::launch::async, [&] {
        while (goes_on) static_cast<void>(wait(db().refresh_reference()));
    });
    std::size_t undone = 0;
    for (int i = 1; i <= 100; ++i) {
        SymbolUpdate update;
        update.min_quantity = i;
        static_cast<void>(wait(db().update_symbol(symbol.id, update)));
        const auto until = std::chrono::steady_clock::now() + 2ms;
        bool is_kept = true;
        while (std::chrono::steady_clock::now() < until) is_kept &= db().find_symbol(symbol.id)->min_quantity == i;
        undone += is_kept ? 0 : 1;
    }
    goes_on = false;
    refreshing.get();
    EXPECT_EQ(undone, 0U);
}

TEST_P(ReferenceChanges, AnUpdateThatChangesNothingIsNotWritten) {
    const Symbol before = make_symbol();
    clock().walk(5s);
    EXPECT_EQ(text_of(wait(db().set_symbol_active(before.id, true)).updated_at), "+0ms");
    EXPECT_EQ(text_of(wait(db().update_symbol(before.id, {})).updated_at), "+0ms");
    EXPECT_EQ(db().find_symbol(before.id)->id, before.id);
}

TEST_P(ReferenceChanges, AnAbsentNumberThatIsGivenBecomesUnknown) {
    const Symbol symbol = make_symbol();
    SymbolUpdate update;
    update.min_notional = 5;
    EXPECT_EQ(wait(db().update_symbol(symbol.id, update)).min_notional, 5);
    update.min_notional = kNoNumber;
    EXPECT_FALSE(is_present(wait(db().update_symbol(symbol.id, update)).min_notional));
}

TEST_P(ReferenceChanges, ASymbolThatWasSplitWronglyIsFoundUnderItsNewPair) {
    const Symbol wrong = make_symbol("1000BONKPERP", "USDC", "ALPHA_FUTURES", "1000BONKPERP");
    SymbolUpdate update;
    update.symbol_base = "1000bonk";
    EXPECT_EQ(wait(db().update_symbol(wrong.id, update)).symbol_base, "1000BONK");
    EXPECT_EQ(db().find_symbol(wrong.exchange_id, "1000BONK/USDC")->id, wrong.id);
    EXPECT_EQ(db().find_symbol(wrong.exchange_id, "1000BONKPERP/USDC"), nullptr);
}

TEST_P(ReferenceChanges, ASpotSymbolDoesNotExpire) {
    const Symbol symbol = make_symbol();
    SymbolUpdate update;
    update.expires_at = kNoon;
    expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(wait(db().update_symbol(symbol.id, update))); },
                 {"expires_at", "spot"});
    EXPECT_FALSE(is_present(wait(db().get_symbol_by_id(symbol.id))->expires_at));
    update.expires_at = kNoTime;
    EXPECT_EQ(wait(db().update_symbol(symbol.id, update)).id, symbol.id);
}

TEST_P(ReferenceChanges, ASpellingCanBeChangedUnlessAnotherSymbolHasIt) {
    const Symbol symbol = make_symbol("BTC", "USDT", "ALPHA_SPOT", "BTC/USDT");
    make_symbol("ETH", "USDT", "ALPHA_SPOT", "ETHUSDT");
    SymbolUpdate update;
    update.exchange_symbol = "BTC_USDT";
    EXPECT_EQ(wait(db().update_symbol(symbol.id, update)).exchange_symbol, "BTC_USDT");
    update.exchange_symbol = "ETHUSDT";
    expect_error(ErrorCode::constraint, [&] { static_cast<void>(wait(db().update_symbol(symbol.id, update))); },
                 {"symbols", "ETHUSDT", "already"});
    EXPECT_EQ(db().find_symbol(symbol.id)->exchange_symbol, "BTC_USDT") << "nothing was changed";
    reopen_if_shared();
    EXPECT_EQ(db().find_symbol(symbol.id)->exchange_symbol, "BTC_USDT");
}

TEST_P(ReferenceChanges, ARowThatCannotBeStoredIsRefusedAndStaysAsItWas) {
    const Symbol symbol = make_symbol();
    SymbolUpdate update;
    update.tick_size = -1;
    expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(wait(db().update_symbol(symbol.id, update))); },
                 {"column tick_size", "-1"});
    SymbolUpdate long_text;
    long_text.symbol_base = "AN_ASSET_OF_FAR_TOO_MANY_LETTERS";
    expect_error(ErrorCode::invalid_argument,
                 [&] { static_cast<void>(wait(db().update_symbol(symbol.id, long_text))); }, {"column symbol_base"});
    expect_error(ErrorCode::unknown_symbol, [&] { static_cast<void>(wait(db().update_symbol(SymbolId{4711}, {}))); },
                 {"4711"});
    expect_error(ErrorCode::unknown_exchange,
                 [&] { static_cast<void>(wait(db().update_exchange(ExchangeId{4711}, {}))); }, {"4711"});
    EXPECT_EQ(db().find_symbol(symbol.id)->symbol_base, "BTC");
    EXPECT_FALSE(is_present(db().find_symbol(symbol.id)->tick_size));
}

TEST_P(ReferenceChanges, ContractsAreKeptWhereThereAreColumnsForThem) {
    const Symbol symbol = make_symbol("BTC", "USDT", "ALPHA_FUTURES", "BTC_USDT");
    EXPECT_EQ(db().keeps_contracts(), target().can.dated_contracts);
    SymbolUpdate update;
    update.contract_size = 0.0001;
    update.quantity_unit = QuantityUnit::contracts;
    if (!db().keeps_contracts()) {
        expect_error(ErrorCode::constraint, [&] { static_cast<void>(wait(db().update_symbol(symbol.id, update))); },
                     {"column quantity_unit"});
        EXPECT_EQ(db().find_symbol(symbol.id)->quantity_unit, QuantityUnit::base);
        return;
    }
    const Symbol changed = wait(db().update_symbol(symbol.id, update));
    EXPECT_EQ(changed.contract_size, 0.0001);
    EXPECT_EQ(changed.quantity_unit, QuantityUnit::contracts);
}

TEST_P(ReferenceChanges, AnExchangeIsRenamedAndMadeInactive) {
    const Exchange exchange = make_exchange("ALPHA_SPOT");
    ExchangeUpdate update;
    update.exchange_name = "Alpha Markets";
    EXPECT_EQ(wait(db().update_exchange(exchange.id, update)).exchange_name, "Alpha Markets");
    EXPECT_FALSE(wait(db().set_exchange_active(exchange.id, false)).is_active);
    reopen_if_shared();
    EXPECT_EQ(db().find_exchange("ALPHA_SPOT")->exchange_name, "Alpha Markets");
    EXPECT_FALSE(db().find_exchange("ALPHA_SPOT")->is_active);
    EXPECT_TRUE(wait(db().set_exchange_active(exchange.id, true)).is_active);
}

TEST_P(ReferenceChanges, ManySymbolsAreInsertedInOrderWithTheirIds) {
    const ExchangeId exchange = make_exchange().id;
    const std::vector<Symbol> stored =
        wait(db().insert_symbols({spot(exchange, "ZEC", "ZECUSDT"), spot(exchange, "BTC", "BTCUSDT"),
                                  spot(exchange, "ada", "ADAUSDT"), spot(exchange, "ETH", "ETHUSDT")}));
    ASSERT_EQ(stored.size(), 4U);
    Lines spellings;
    for (const Symbol& symbol : stored) {
        spellings.push_back(symbol.exchange_symbol.str());
        ASSERT_NE(db().find_symbol(symbol.id), nullptr);
        EXPECT_EQ(db().find_symbol(symbol.id)->exchange_symbol, symbol.exchange_symbol);
    }
    EXPECT_EQ(spellings, (Lines{"ZECUSDT", "BTCUSDT", "ADAUSDT", "ETHUSDT"}));
    EXPECT_EQ(stored[2].symbol_base, "ADA");
    EXPECT_EQ(stored[2].contract_type, ContractType::spot);
    reopen_if_shared();
    for (const Symbol& symbol : stored) {
        EXPECT_EQ(db().find_symbol(symbol.id)->exchange_symbol, symbol.exchange_symbol) << "the id is the row's";
    }
    EXPECT_TRUE(wait(db().insert_symbols({})).empty());
}

TEST_P(ReferenceChanges, OfManySymbolsAllOrNoneAreInserted) {
    const ExchangeId exchange = make_exchange().id;
    make_symbol("ETH", "USDT");
    expect_error(ErrorCode::constraint,
                 [&] {
                     static_cast<void>(wait(
                         db().insert_symbols({spot(exchange, "BTC", "BTCUSDT"), spot(exchange, "ETH", "ETHUSDT")})));
                 },
                 {"symbols", "ETH"});
    expect_error(ErrorCode::invalid_argument,
                 [&] {
                     static_cast<void>(
                         wait(db().insert_symbols({spot(exchange, "BTC", "BTCUSDT"), spot(exchange, "", "SOLUSDT")})));
                 },
                 {"symbols row 1", "column symbol_base"});
    expect_error(ErrorCode::unknown_exchange,
                 [&] {
                     static_cast<void>(wait(db().insert_symbols(
                         {spot(exchange, "BTC", "BTCUSDT"), spot(ExchangeId{4711}, "SOL", "SOLUSDT")})));
                 },
                 {"4711"});
    EXPECT_EQ(db().find_symbol(exchange, "BTCUSDT"), nullptr);
    EXPECT_EQ(wait(db().get_database_stats()).symbols, 1U);
}

TEST_P(ReferenceChanges, AddingAndChangingIsOneTransaction) {
    const Symbol bitcoin = make_symbol("BTC", "USDT");
    const Symbol ether = make_symbol("ETH", "USDT");
    std::vector<SymbolChange> changes(2);
    changes[0].id = ether.id;
    changes[0].update.is_active = false;
    changes[1].id = bitcoin.id;
    changes[1].update.min_quantity = 0.25;
    const std::vector<Symbol> stored =
        wait(db().change_symbols({spot(bitcoin.exchange_id, "SOL", "SOLUSDT")}, changes));
    ASSERT_EQ(stored.size(), 3U);
    EXPECT_EQ(stored[0].exchange_symbol, "SOLUSDT");
    EXPECT_EQ(stored[1].id, ether.id);
    EXPECT_FALSE(stored[1].is_active);
    EXPECT_EQ(stored[2].min_quantity, 0.25);
    EXPECT_TRUE(stored[2].is_active);

    changes[0].update.is_active = true;
    expect_error(
        ErrorCode::constraint,
        [&] { static_cast<void>(wait(db().change_symbols({spot(bitcoin.exchange_id, "SOL", "SOLUSDT")}, changes))); },
        {"SOL"});
    EXPECT_FALSE(db().find_symbol(ether.id)->is_active);
    static_cast<void>(wait(db().refresh_reference()));
    EXPECT_FALSE(db().find_symbol(ether.id)->is_active) << "nothing of it was stored";
    changes[1].id = ether.id;
    expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(wait(db().change_symbols({}, changes))); },
                 {"twice"});
}

TEST_P(ReferenceChanges, SymbolsComeByMarketAndWhetherTheyAreTraded) {
    make_symbol("ETH", "USDT", "BETA_SPOT");
    make_symbol("BTC", "USDT", "BETA_SPOT");
    make_symbol("BTC", "USDT", "ALPHA_FUTURES");
    const Symbol gone = make_symbol("LUNA", "USDT", "BETA_SPOT");
    static_cast<void>(wait(db().set_symbol_active(gone.id, false)));
    const auto names = [&](SymbolFilter filter) {
        Lines all;
        for (const Symbol& symbol : wait(db().get_all_symbols(filter))) {
            all.push_back(db().find_exchange(symbol.exchange_id)->enum_value.str() + ":" + pair(symbol));
        }
        return all;
    };
    EXPECT_EQ(names({}),
              (Lines{"ALPHA_FUTURES:BTC/USDT", "BETA_SPOT:BTC/USDT", "BETA_SPOT:ETH/USDT", "BETA_SPOT:LUNA/USDT"}));
    SymbolFilter traded_spot;
    traded_spot.market_type = MarketType::spot;
    traded_spot.active_only = true;
    EXPECT_EQ(names(traded_spot), (Lines{"BETA_SPOT:BTC/USDT", "BETA_SPOT:ETH/USDT"}));

    const std::vector<const Symbol*> found = db().find_symbols(gone.exchange_id);
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0]->symbol_base, "BTC");
    EXPECT_EQ(found[1], db().find_symbol(found[1]->id)) << "no copies";
    EXPECT_EQ(db().find_symbols(gone.exchange_id, false).size(), 3U);
    EXPECT_TRUE(db().find_symbols(ExchangeId{4711}).empty());
}

TEST_P(ReferenceChanges, CandidatesAreThoseOfEveryExchangeTheBestFirst) {
    make_symbol("BTC", "USDT", "BETA_SPOT", "BTC_USDT");
    make_symbol("BTC", "USDT", "ALPHA_SPOT");
    make_symbol("ETH", "USDT", "ALPHA_SPOT");
    const std::vector<const Symbol*> found = db().find_candidates("btc-usdt");
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0]->exchange_symbol, "BTCUSDT");
    EXPECT_EQ(found[1]->exchange_symbol, "BTC_USDT");
    EXPECT_TRUE(db().find_candidates("DOGE/USDT").empty());
}

TEST_P(ReferenceChanges, AManagerThatOnlyReadsChangesNothing) {
    const Symbol symbol = make_symbol();
    if (!target().is_shared) GTEST_SKIP() << "another manager cannot open the data of " << target().name;
    close();
    Config settings = config();
    settings.open_mode = OpenMode::read_only;
    const auto reader = open(settings);
    expect_error(ErrorCode::read_only,
                 [&] { static_cast<void>(reader->wait(reader->set_symbol_active(symbol.id, false))); });
    expect_error(ErrorCode::read_only, [&] {
        static_cast<void>(reader->wait(reader->insert_symbols({spot(symbol.exchange_id, "SOL", "SOLUSDT")})));
    });
    EXPECT_TRUE(reader->find_symbol(symbol.id)->is_active);
    EXPECT_EQ(reader->wait(reader->get_database_stats()).symbols, 1U);
}

TEST_P(ReferenceChanges, AnAccountThatWasEmptiedIsNotActive) {
    const ExchangeId exchange = make_exchange().id;
    store({balance(exchange, "BTC", kNoon, 5), balance(exchange, "ETH", kNoon, 1, 2)});
    store({balance(exchange, "BTC", kNoon + 1s, 0), balance(exchange, "USDT", kNoon + 1s, 0.0005)});
    Lines assets;
    for (const Latest<Balance>& one : wait(db().get_active_balances())) assets.push_back(one.row.asset_name.str());
    EXPECT_EQ(assets, (Lines{"ETH"}));
    const auto count = [&](double min_total) { return wait(db().get_active_balances({}, min_total)).size(); };
    EXPECT_EQ(count(0), 2U);
    EXPECT_EQ(count(3), 0U) << "the total must be above it";
    expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(count(kNoNumber)); }, {"min_total"});
}

TEST_P(ReferenceChangesOfOthers, AChangeOfOneManagerReachesAnotherWithinASecond) {
    const Symbol symbol = make_symbol();
    close();
    Config settings = config();
    settings.poll_interval = Config{}.poll_interval;
    const auto here = open(settings);
    const auto there = open(settings);
    expect_within_a_second([&](int round) {
        SymbolUpdate update;
        update.min_quantity = 0.125 + round;
        static_cast<void>(there->wait(there->update_symbol(symbol.id, update)));
        return [&, round] { return here->find_symbol(symbol.id)->min_quantity == 0.125 + round; };
    });
    expect_within_a_second([&](int round) {
        const bool is_active = round % 2 == 1;
        static_cast<void>(there->wait(there->set_symbol_active(symbol.id, is_active)));
        return [&, is_active] { return here->find_symbol(symbol.id)->is_active == is_active; };
    });
}

TEST_P(ReferenceChangesOfOthers, WhatAnotherManagerChangedStaysWhenMemoryDoesNotKnowIt) {
    const Symbol symbol = make_symbol();
    close();
    Config settings = config();
    settings.poll_interval = 1h;
    const auto here = open(settings);
    const auto there = open(settings);
    SymbolUpdate theirs;
    theirs.min_quantity = 0.125;
    static_cast<void>(there->wait(there->update_symbol(symbol.id, theirs)));
    ASSERT_FALSE(is_present(here->find_symbol(symbol.id)->min_quantity)) << "not heard yet";
    SymbolUpdate ours;
    ours.min_notional = 10;
    const Symbol stored = here->wait(here->update_symbol(symbol.id, ours));
    EXPECT_EQ(stored.min_notional, 10);
    EXPECT_EQ(stored.min_quantity, 0.125);
    EXPECT_EQ(here->find_symbol(symbol.id)->min_quantity, 0.125);
}

TEST_P(SymbolMerge, RowsMoveToTheOtherSymbolAndAreCounted) {
    const Symbol from = make_symbol("BTC", "USDT", "ALPHA_SPOT", "BTC/USDT");
    const Symbol into = make_symbol("XBT", "USDT", "ALPHA_SPOT", "BTCUSDT");
    if (!target().can.own_tables) {
        store(quote(from.id, kNoon, 1, 2));
        expect_error(ErrorCode::schema_mismatch, [&] { static_cast<void>(wait(db().merge_symbols(from.id, into.id))); },
                     {"nothing was moved"});
        EXPECT_EQ(stored_quotes().size(), 1U);
        return;
    }
    store({quote(from.id, kNoon, 1, 2), quote(from.id, kNoon + 1s, 3, 4), quote(from.id, kNoon + 2s, 5, 6)});
    store({quote(into.id, kNoon, 1, 2), quote(into.id, kNoon + 1s, 3, 9)});
    store({trade(from.id, kNoon, "7"), trade(from.id, kNoon, "8")});
    store(funding(from.id, kNoon, 0.1));
    const MergeResult moved = wait(db().merge_symbols(from.id, into.id));
    EXPECT_EQ(moved.book_tickers, result(1, 1, 1));
    EXPECT_EQ(moved.trades, result(2));
    EXPECT_EQ(moved.funding_rates, result(1));
    EXPECT_FALSE(db().find_symbol(from.id)->is_active);
    EXPECT_TRUE(db().find_symbol(into.id)->is_active);

    const History<BookTicker> quotes = wait(db().get_book_ticker_history());
    ASSERT_EQ(quotes.rows.size(), 3U);
    for (const BookTicker& row : quotes.rows) EXPECT_EQ(row.symbol_id, into.id);
    EXPECT_EQ(quotes.rows[1].ask_price, 4) << "the moved row is the later write";
    LatestFilter of_from;
    const std::vector<SymbolId> only{from.id};
    of_from.series.symbols = only;
    EXPECT_TRUE(wait(db().get_latest_book_tickers(of_from)).empty());
    Lines kept;
    for (const SeriesStats& one : wait(db().get_series_stats())) {
        EXPECT_EQ(one.symbol_id, into.id);
        kept.push_back(std::string(to_string(one.dataset)) + " " + std::to_string(one.rows));
    }
    EXPECT_EQ(kept, (Lines{"book-tickers 3", "trades 2", "funding-rates 1"}));
    EXPECT_EQ(wait(db().merge_symbols(from.id, into.id)).book_tickers, result(0)) << "nothing is left to move";
}

TEST_P(SymbolMerge, DeclaredGapsGoAlongAndNothingStaysBehind) {
    if (!target().can.own_tables) GTEST_SKIP() << target().name << " cannot merge symbols";
    const Symbol from = make_symbol("BTC", "USDT", "ALPHA_SPOT", "BTC/USDT");
    const Symbol into = make_symbol("XBT", "USDT", "ALPHA_SPOT", "BTCUSDT");
    store({quote(from.id, kNoon, 1, 2), quote(from.id, kNoon + 10s, 3, 4)});
    CoverageDeclaration time;
    time.dataset = Dataset::book_tickers;
    time.symbol = from.id;
    time.start = kNoon;
    time.end = kNoon + 11s;
    wait(declare_coverage(db(), time));
    time.start = kNoon + 2s;
    time.end = kNoon + 5s;
    time.reason = "switch failed";
    wait(declare_gap(db(), time));
    time.start = kNoon + 6s;
    time.end = kNoon + 7s;
    wait(declare_gap(db(), time));
    time.reason = "found again";  // another source fills the second gap
    wait(declare_coverage(db(), time));
    wait(db().merge_symbols(from.id, into.id));
    CoverageFilter of_symbol;
    of_symbol.symbol = from.id;
    EXPECT_TRUE(wait(get_coverage_claims(db(), of_symbol)).empty());
    of_symbol.symbol = into.id;
    const std::vector<CoverageClaim> claims = wait(get_coverage_claims(db(), of_symbol));
    ASSERT_EQ(claims.size(), 1U)
        << "what was claimed of another series is not claimed of this one, nor missing what was filled";
    EXPECT_EQ(claims[0].kind, CoverageKind::gap);
    EXPECT_EQ(claims[0].start, kNoon + 2s);
    EXPECT_EQ(claims[0].end, kNoon + 5s);
}

TEST_P(SymbolMerge, AMergeOfManyRowsInSeveralTransactionsLosesNone) {
    if (!target().can.own_tables) GTEST_SKIP() << target().name << " cannot merge symbols";
    const Symbol from = make_symbol("BTC", "USDT", "ALPHA_SPOT", "BTC/USDT");
    const Symbol into = make_symbol("XBT", "USDT", "ALPHA_SPOT", "BTCUSDT");
    std::vector<Trade> trades;
    for (int i = 0; i < 25'000; ++i) {
        // Several of one time, on the border of transactions too, and over the border of a month.
        trades.push_back(
            trade(from.id, kNoon + std::chrono::hours(24 * 23) + (i / 7) * 1s, std::to_string(i + 1).c_str(), 100 + i));
    }
    store(trades);
    const MergeResult moved = wait(db().merge_symbols(from.id, into.id));
    EXPECT_EQ(moved.trades, result(25'000));
    const History<Trade> stored = wait(db().get_trade_history());
    ASSERT_EQ(stored.rows.size(), 25'000U);
    EXPECT_TRUE(std::all_of(stored.rows.begin(), stored.rows.end(),
                            [&](const Trade& row) { return row.symbol_id == into.id; }));
    EXPECT_EQ(stored.rows.back().trade_id, "25000");
    EXPECT_EQ(stored.rows.back().price, 25'099);
}

TEST_P(SymbolMerge, SymbolsWhoseSizesMeanOtherThingsAreNotMerged) {
    if (!target().can.own_tables) GTEST_SKIP() << target().name << " cannot merge symbols";
    const Symbol from = make_symbol("BTC", "USDT", "ALPHA_FUTURES", "BTC/USDT");
    const Symbol into = make_symbol("XBT", "USDT", "ALPHA_FUTURES", "BTCUSDT");
    const Symbol elsewhere = make_symbol("BTC", "USDT", "BETA_FUTURES");
    store(quote(from.id, kNoon, 1, 2));
    SymbolUpdate update;
    update.quantity_unit = QuantityUnit::contracts;
    static_cast<void>(wait(db().update_symbol(into.id, update)));
    expect_error(ErrorCode::constraint, [&] { static_cast<void>(wait(db().merge_symbols(from.id, into.id))); },
                 {"quantity_unit", "nothing was moved"});
    expect_error(ErrorCode::invalid_argument,
                 [&] { static_cast<void>(wait(db().merge_symbols(from.id, elsewhere.id))); }, {"two exchanges"});
    expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(wait(db().merge_symbols(from.id, from.id))); },
                 {"same symbol"});
    expect_error(ErrorCode::unknown_symbol,
                 [&] { static_cast<void>(wait(db().merge_symbols(from.id, SymbolId{4711}))); }, {"4711"});
    EXPECT_TRUE(db().find_symbol(from.id)->is_active);
    EXPECT_EQ(wait(db().get_book_ticker_history()).rows.at(0).symbol_id, from.id);
}

}  // namespace
}  // namespace marketdb::testing
