#include <functional>
#include <limits>

#include "engine_fixture.hpp"

namespace marketdb::testing {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// One way to spoil a good row, and what the message must name.
template <class Row>
struct Spoiled {
    const char* what;
    std::function<void(Row&)> spoil;
    std::vector<std::string_view> texts;
};

class BadInputFixture : public EngineTest {
 protected:
    /// Each spoiled row stands between two good ones; none of the three may be stored.
    template <class Row, class MakeRow, class Stored>
    void expect_each_refused(const std::vector<Spoiled<Row>>& table, MakeRow make_row, Stored stored) {
        for (const Spoiled<Row>& bad : table) {
            SCOPED_TRACE(bad.what);
            std::vector<Row> rows{make_row(kNoon), make_row(kNoon + 1s), make_row(kNoon + 2s)};
            bad.spoil(rows[1]);
            try {
                store(rows);
                ADD_FAILURE() << "nothing was thrown";
            } catch (const Error& error) {
                EXPECT_EQ(to_string(error.code()), "invalid_argument") << error.what();
                EXPECT_NE(std::string_view(error.what()).find("row 1"), std::string_view::npos) << error.what();
                for (const std::string_view text : bad.texts) {
                    EXPECT_NE(std::string_view(error.what()).find(text), std::string_view::npos)
                        << "'" << text << "' is not in: " << error.what();
                }
            }
            EXPECT_EQ(stored(), Lines{});
        }
    }
};

class BadInput : public BadInputFixture {};
INSTANTIATE_TEST_SUITE_P(On, BadInput, ::testing::ValuesIn(all_engines()), engine_name);

TEST_P(BadInput, AnAgeBelowZeroIsRefused) {
    LatestFilter filter;
    filter.max_age = -1us;
    expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(wait(db().get_latest_book_tickers(filter))); },
                 {"max_age"});
    expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(wait(db().get_latest_balances(filter))); },
                 {"max_age"});
}

TEST_P(BadInput, ABadBookTickerIsRefusedWithRowColumnAndValueAndNothingIsStored) {
    const SymbolId symbol = make_symbol().id;
    const std::vector<Spoiled<BookTicker>> table{
        {"half a bid: no size", [](BookTicker& row) { row.bid_qty = kNoNumber; }, {"bid_qty"}},
        {"half a bid: no price", [](BookTicker& row) { row.bid_price = kNoNumber; }, {"bid_price"}},
        {"half an ask: no size", [](BookTicker& row) { row.ask_qty = kNoNumber; }, {"ask_qty"}},
        {"half an ask: no price", [](BookTicker& row) { row.ask_price = kNoNumber; }, {"ask_price"}},
        {"no side at all",
         [](BookTicker& row) { row.bid_price = row.bid_qty = row.ask_price = row.ask_qty = kNoNumber; },
         {"bid"}},
        {"no side at all, said by sizes of zero", [](BookTicker& row) { row.bid_qty = row.ask_qty = 0; }, {"bid"}},
        {"crossed", [](BookTicker& row) { row.ask_price = 99.5; }, {"ask_price", "99.5", "100"}},
        {"infinite price", [](BookTicker& row) { row.ask_price = kInfinity; }, {"ask_price", "inf"}},
        {"negative infinite price", [](BookTicker& row) { row.bid_price = -kInfinity; }, {"bid_price", "inf"}},
        {"infinite size", [](BookTicker& row) { row.bid_qty = kInfinity; }, {"bid_qty", "inf"}},
        {"price of zero", [](BookTicker& row) { row.bid_price = 0; }, {"bid_price", "0"}},
        {"negative price", [](BookTicker& row) { row.bid_price = -1.25; }, {"bid_price", "-1.25"}},
        {"negative size", [](BookTicker& row) { row.ask_qty = -3; }, {"ask_qty", "-3"}},
        {"no time", [](BookTicker& row) { row.timestamp = kNoTime; }, {"timestamp"}},
        {"a time before 1970", [](BookTicker& row) { row.timestamp = kMinTime - 1us; }, {"timestamp", "1969"}},
        {"a time after 2262", [](BookTicker& row) { row.timestamp = kMaxTime + 1us; }, {"timestamp", "2262"}},
        {"received before 1970", [](BookTicker& row) { row.received_at = kMinTime - 1us; }, {"received_at"}},
        {"received after 2262", [](BookTicker& row) { row.received_at = kMaxTime + 1us; }, {"received_at"}}};
    expect_each_refused(
        table, [&](Timestamp at) { return quote(symbol, at, 100, 101); }, [&] { return stored_quotes(); });
}

TEST_P(BadInput, ABadTradeIsRefusedWithRowColumnAndValueAndNothingIsStored) {
    const SymbolId symbol = make_symbol().id;
    const std::string long_id(64, 'x');
    const std::vector<Spoiled<Trade>> table{
        {"no price", [](Trade& row) { row.price = kNoNumber; }, {"price"}},
        {"price of zero", [](Trade& row) { row.price = 0; }, {"price", "0"}},
        {"negative price", [](Trade& row) { row.price = -7.5; }, {"price", "-7.5"}},
        {"infinite price", [](Trade& row) { row.price = kInfinity; }, {"price", "inf"}},
        {"no quantity", [](Trade& row) { row.quantity = kNoNumber; }, {"quantity"}},
        {"quantity of zero", [](Trade& row) { row.quantity = 0; }, {"quantity", "0"}},
        {"negative quantity", [](Trade& row) { row.quantity = -1; }, {"quantity", "-1"}},
        {"infinite quote quantity", [](Trade& row) { row.quote_quantity = kInfinity; }, {"quote_quantity", "inf"}},
        {"overlong id", [&](Trade& row) { row.trade_id = long_id; }, {"trade_id", "63"}},
        {"an id with a zero byte", [](Trade& row) { row.trade_id = std::string_view("a\0b", 3); }, {"trade_id"}},
        {"a time before 1970", [](Trade& row) { row.timestamp = kMinTime - 1us; }, {"timestamp"}},
        {"a time after 2262", [](Trade& row) { row.timestamp = kMaxTime + 1us; }, {"timestamp"}}};
    expect_each_refused(
        table, [&](Timestamp at) { return trade(symbol, at, "1"); }, [&] { return stored_trades(); });
}

TEST_P(BadInput, ABadFundingRateIsRefusedWithRowColumnAndValueAndNothingIsStored) {
    const SymbolId symbol = make_symbol("BTC", "USDT", "ALPHA_FUTURES").id;
    const std::vector<Spoiled<FundingRate>> table{
        {"no rate", [](FundingRate& row) { row.funding_rate = kNoNumber; }, {"funding_rate"}},
        {"infinite rate", [](FundingRate& row) { row.funding_rate = kInfinity; }, {"funding_rate", "inf"}},
        {"infinite mark price", [](FundingRate& row) { row.mark_price = kInfinity; }, {"mark_price", "inf"}},
        {"negative mark price", [](FundingRate& row) { row.mark_price = -1; }, {"mark_price", "-1"}},
        {"negative interval", [](FundingRate& row) { row.interval_minutes = -60; }, {"interval_minutes", "-60"}},
        {"no kind", [](FundingRate& row) { row.kind = FundingKind::unknown; }, {"kind"}},
        {"settlement after 2262", [](FundingRate& row) { row.funding_time = kMaxTime + 1us; }, {"funding_time"}},
        {"a time before 1970", [](FundingRate& row) { row.timestamp = kMinTime - 1us; }, {"timestamp"}}};
    expect_each_refused(
        table, [&](Timestamp at) { return with_settlement(funding(symbol, at, 0.0001)); },
        [&] { return stored_funding(); });
}

TEST_P(BadInput, ABadBalanceIsRefusedWithRowColumnAndValueAndNothingIsStored) {
    const ExchangeId exchange = make_exchange().id;
    const std::string long_asset(24, 'A');
    const std::string long_account(32, 'a');
    const std::vector<Spoiled<Balance>> table{
        {"no amount", [](Balance& row) { row.available_balance = kNoNumber; }, {"available_balance"}},
        {"infinite amount", [](Balance& row) { row.available_balance = kInfinity; }, {"available_balance", "inf"}},
        {"infinite locked", [](Balance& row) { row.locked_balance = -kInfinity; }, {"locked_balance", "inf"}},
        {"infinite frozen", [](Balance& row) { row.frozen_balance = kInfinity; }, {"frozen_balance", "inf"}},
        {"infinite borrowing", [](Balance& row) { row.borrowing_balance = kInfinity; }, {"borrowing_balance", "inf"}},
        {"infinite interest", [](Balance& row) { row.interest_balance = kInfinity; }, {"interest_balance", "inf"}},
        {"no asset", [](Balance& row) { row.asset_name = ""; }, {"asset_name"}},
        {"overlong asset", [&](Balance& row) { row.asset_name = long_asset; }, {"asset_name", "23"}},
        {"overlong account", [&](Balance& row) { row.account = long_account; }, {"account", "31"}},
        {"no account", [](Balance& row) { row.account = ""; }, {"account"}},
        {"no time", [](Balance& row) { row.timestamp = kNoTime; }, {"timestamp"}}};
    expect_each_refused(
        table, [&](Timestamp at) { return balance(exchange, "USDT", at, 1); }, [&] { return stored_balances(); });
}

TEST_P(BadInput, TheRowThatIsNamedIsTheOneInTheCallersOrder) {
    const SymbolId symbol = make_symbol().id;
    std::vector<BookTicker> rows;
    for (int i = 0; i < 20; ++i) rows.push_back(quote(symbol, kNoon - std::chrono::seconds(i), 100, 101));
    rows[17].bid_price = -5;
    expect_error(ErrorCode::invalid_argument, [&] { store(rows); }, {"row 17", "bid_price", "-5"});
}

TEST_P(BadInput, ABadRowThrowsAtTheCallBeforeItIsAwaited) {
    std::vector<BookTicker> rows{quote(make_symbol().id, kNoon, 100, 99)};
    expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(db().insert_book_ticker_snapshots(rows)); });
    std::vector<Balance> balances{balance(make_exchange().id, "", kNoon, 1)};
    expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(db().insert_balance_snapshots(balances)); });
    HistoryFilter backwards;
    backwards.start = kNoon;
    backwards.end = kNoon - 1us;
    expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(db().get_trade_history(backwards)); });
}

TEST_P(BadInput, AnUnknownSymbolIsNamedAndNothingOfTheBatchIsStored) {
    const SymbolId symbol = make_symbol().id;
    const SymbolId nobody{987654};
    expect_error(ErrorCode::unknown_symbol,
                 [&] {
                     store({quote(symbol, kNoon, 100, 101), quote(nobody, kNoon, 100, 101)});
                 },
                 {"987654"});
    expect_error(ErrorCode::unknown_symbol,
                 [&] {
                     store({trade(symbol, kNoon, "1"), trade(nobody, kNoon, "1")});
                 },
                 {"987654"});
    expect_error(ErrorCode::unknown_symbol,
                 [&] {
                     store({funding(symbol, kNoon, 0), funding(nobody, kNoon, 0)});
                 },
                 {"987654"});
    expect_error(ErrorCode::unknown_symbol, [&] { store(quote(SymbolId{0}, kNoon, 100, 101)); });
    EXPECT_EQ(stored_quotes(), Lines{});
    EXPECT_EQ(stored_trades(), Lines{});
    EXPECT_EQ(stored_funding(), Lines{});
}

TEST_P(BadInput, AnUnknownExchangeOfABalanceIsNamedAndNothingIsStored) {
    const ExchangeId exchange = make_exchange().id;
    expect_error(ErrorCode::unknown_exchange,
                 [&] {
                     store({balance(exchange, "USDT", kNoon, 1), balance(ExchangeId{4711}, "USDT", kNoon, 1)});
                 },
                 {"4711"});
    EXPECT_EQ(stored_balances(), Lines{});
}

TEST_P(BadInput, AnUnknownSourceIsRefusedAndNothingIsStored) {
    BookTicker row = quote(make_symbol().id, kNoon, 100, 101);
    row.source_id = SourceId{987654};
    EXPECT_THROW(store(row), Error);
    EXPECT_EQ(stored_quotes(), Lines{});
}

TEST_P(BadInput, AWrongFilterIsRefused) {
    make_symbol();
    const auto history = [&](auto change) {
        HistoryFilter filter;
        change(filter);
        static_cast<void>(wait(db().get_book_ticker_history(filter)));
    };
    expect_error(ErrorCode::invalid_argument,
                 [&] { history([](HistoryFilter& filter) { filter.start = kNoon, filter.end = kNoon - 1us; }); });
    expect_error(ErrorCode::invalid_argument, [&] { history([](HistoryFilter& filter) { filter.every = -1us; }); });
    expect_error(ErrorCode::invalid_argument, [&] { history([](HistoryFilter& filter) { filter.last = -1us; }); });
    expect_error(ErrorCode::invalid_argument,
                 [&] { history([](HistoryFilter& filter) { filter.last = 1s, filter.start = kNoon; }); });
    expect_error(ErrorCode::unknown_exchange,
                 [&] { history([](HistoryFilter& filter) { filter.series.exchange = "NOBODY_SPOT"; }); },
                 {"NOBODY_SPOT"});
    expect_error(ErrorCode::unknown_symbol,
                 [&] {
                     history([](HistoryFilter& filter) {
                         filter.series.exchange = "ALPHA_SPOT";
                         filter.series.symbol = "DOGE/USDT";
                     });
                 },
                 {"DOGE/USDT"});
    expect_error(ErrorCode::unknown_symbol,
                 [&] { history([](HistoryFilter& filter) { filter.series.base = "DOGE"; }); }, {"DOGE"});
    const std::vector<SymbolId> nobody{SymbolId{31337}};
    expect_error(ErrorCode::unknown_symbol,
                 [&] { history([&](HistoryFilter& filter) { filter.series.symbols = nobody; }); }, {"31337"});
    LatestFilter latest;
    latest.series.exchange = "NOBODY_SPOT";
    expect_error(ErrorCode::unknown_exchange, [&] { static_cast<void>(wait(db().get_latest_trades(latest))); },
                 {"NOBODY_SPOT"});
}

// --- exchanges and symbols ---------------------------------------------------------------------------------------------

TEST_P(BadInput, ABadExchangeIsRefusedAndNothingIsStored) {
    for (const std::string& name : {std::string(), std::string("ALPHA"), std::string("ALPHA_OPTIONS"),
                                    std::string("_SPOT"), std::string(28, 'A') + "_SPOT"}) {
        SCOPED_TRACE(name);
        Exchange exchange;
        exchange.enum_value = name;
        expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(wait(db().insert_exchange(exchange))); },
                     {"enum_value"});
        expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(wait(db().ensure_exchange(name))); });
    }
    EXPECT_TRUE(wait(db().get_all_exchanges()).empty());
}

TEST_P(BadInput, ABadSymbolIsRefusedAndNothingIsStored) {
    const ExchangeId exchange = make_exchange().id;
    Symbol good;
    good.exchange_id = exchange;
    good.symbol_base = "BTC";
    good.symbol_quote = "USDT";
    good.exchange_symbol = "BTCUSDT";
    const auto refused = [&](std::string_view column, auto spoil) {
        SCOPED_TRACE(std::string(column));
        Symbol symbol = good;
        spoil(symbol);
        expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(wait(db().insert_symbol(symbol))); },
                     {column});
        expect_error(ErrorCode::invalid_argument, [&] { static_cast<void>(wait(db().ensure_symbol(symbol))); },
                     {column});
    };
    refused("symbol_base", [](Symbol& symbol) { symbol.symbol_base = ""; });
    refused("symbol_quote", [](Symbol& symbol) { symbol.symbol_quote = ""; });
    refused("exchange_symbol", [](Symbol& symbol) { symbol.exchange_symbol = ""; });
    refused("symbol_base", [](Symbol& symbol) { symbol.symbol_base = std::string(24, 'B'); });
    refused("exchange_symbol", [](Symbol& symbol) { symbol.exchange_symbol = std::string(48, 'B'); });
    refused("exchange_symbol", [](Symbol& symbol) { symbol.exchange_symbol = std::string_view("BTC\0USDT", 8); });
    refused("contract_size", [](Symbol& symbol) { symbol.contract_size = -1; });
    EXPECT_TRUE(wait(db().get_symbols_by_exchange(exchange, false)).empty());
}

TEST_P(BadInput, ASymbolOfAnUnknownExchangeIsRefused) {
    Symbol symbol;
    symbol.exchange_id = ExchangeId{4711};
    symbol.symbol_base = "BTC";
    symbol.symbol_quote = "USDT";
    symbol.exchange_symbol = "BTCUSDT";
    expect_error(ErrorCode::unknown_exchange, [&] { static_cast<void>(wait(db().insert_symbol(symbol))); }, {"4711"});
    EXPECT_EQ(wait(db().get_database_stats()).symbols, 0U);
}

TEST_P(BadInput, ASymbolIsDataWhateverItIsSpelled) {
    const char* spellings[] = {"it's \"quoted\"; DROP TABLE symbols;--",
                               "../../etc/passwd",
                               "100%_\\",
                               "\xe5\xb8\x81USDT",
                               "NULL",
                               "=1+1",
                               "a b\tc"};
    for (const char* spelling : spellings) {
        SCOPED_TRACE(spelling);
        const Symbol symbol = make_symbol("BTC", "USDT", "ALPHA_SPOT", spelling);
        EXPECT_EQ(symbol.exchange_symbol, spelling);
        store(quote(symbol.id, kNoon, 100, 101));
        LatestFilter filter;
        filter.series.exchange = "ALPHA_SPOT";
        filter.series.symbol = spelling;
        EXPECT_EQ(wait(db().get_latest_book_tickers(filter)).size(), 1U);
    }
    EXPECT_EQ(wait(db().get_database_stats()).symbols, std::size(spellings));
}

TEST_P(BadInput, TextThatNamesNothingIsAnErrorAndHarmless) {
    const ExchangeId exchange = make_symbol().exchange_id;
    const std::string with_zero("BTC\0USDT", 8);
    for (const std::string& text : {std::string(), std::string("'; DROP TABLE symbols;--"), with_zero,
                                    std::string("../BTCUSDT"), std::string("\xff\xfe"), std::string(10'000, 'B')}) {
        EXPECT_EQ(db().find_symbol(exchange, text), nullptr);
        expect_error(ErrorCode::unknown_symbol,
                     [&] { static_cast<void>(wait(db().resolve_symbol("ALPHA_SPOT", text))); });
        expect_error(ErrorCode::unknown_exchange,
                     [&] { static_cast<void>(wait(db().resolve_symbol(text, "BTCUSDT"))); });
    }
    EXPECT_EQ(wait(db().get_database_stats()).symbols, 1U);
}

TEST_P(BadInput, AQuarantinedRowMayHoldAnyTextThatIsText) {
    Source source;
    source.kind = "import";
    source.name = "bad.csv";
    QuarantinedRow row;
    row.source_id = wait(db().begin_source(source));
    row.line = 7;
    row.dataset = "trades";
    row.reason = "column price: 'x' is no number";
    row.text = "\xe5\xb8\x81'\";--\x01";
    const std::vector<QuarantinedRow> rows{row, row};
    EXPECT_EQ(wait(db().insert_quarantined_rows(rows)), result(1, 0, 0, 1));
    EXPECT_EQ(wait(db().insert_quarantined_rows(rows)), result(0, 0, 1, 1)) << "equal (source, line) is written once";
    row.line = 8;
    row.text = "\xff";
    expect_error(ErrorCode::invalid_argument, [&] { wait(db().insert_quarantined_rows({row})); }, {"text"});
    EXPECT_EQ(wait(db().get_database_stats()).quarantined, 1U);
}

}  // namespace
}  // namespace marketdb::testing
