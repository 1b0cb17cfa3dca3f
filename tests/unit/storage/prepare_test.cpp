#include "storage/prepare.hpp"

#include <cmath>
#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "unit/storage/rows.hpp"

namespace marketdb::storage {
namespace {

using namespace std::string_literals;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct QuoteCase {
    double bid_price, bid_qty, ask_price, ask_qty;
    std::string_view problem;
};

TEST(PrepareBookTicker, RefusesEveryBadSide) {
    const QuoteCase cases[] = {
        {kNoNumber, 1, 101, 2, "bid_price: is absent, but bid_qty is there"},
        {100, kNoNumber, 101, 2, "bid_qty: is absent, but bid_price is there"},
        {100, 1, kNoNumber, 2, "ask_price: is absent, but ask_qty is there"},
        {100, 1, 101, kNoNumber, "ask_qty: is absent, but ask_price is there"},
        {kNoNumber, kNoNumber, kNoNumber, kNoNumber,
         "bid_price: is absent and ask_price too; at least one side must be there"},
        {100, 0, 101, 0, "bid_price: is absent and ask_price too; at least one side must be there"},
        {kInfinity, 1, 101, 2, "bid_price: inf is not finite and positive"},
        {100, kInfinity, 101, 2, "bid_qty: inf is not finite and positive"},
        {100, 1, -kInfinity, 2, "ask_price: -inf is not finite and positive"},
        {-1, 1, 101, 2, "bid_price: -1 is not finite and positive"},
        {100, -1, 101, 2, "bid_qty: -1 is not finite and positive"},
        {100, 1, 0, 2, "ask_price: 0 is not finite and positive"},
        {100, 1, -0.0, 2, "ask_price: -0 is not finite and positive"},
        {100, 1, 101, -0.5, "ask_qty: -0.5 is not finite and positive"},
        {101.5, 1, 101, 2, "ask_price: 101 is below bid_price 101.5"},
    };
    for (const QuoteCase& bad : cases) {
        BookTicker row = quote();
        row.bid_price = bad.bid_price;
        row.bid_qty = bad.bid_qty;
        row.ask_price = bad.ask_price;
        row.ask_qty = bad.ask_qty;
        EXPECT_EQ(problem_of(row), bad.problem);
    }
}

TEST(PrepareBookTicker, LockedAndExtremeQuotesAreFine) {
    BookTicker row = quote();
    row.bid_price = 101;
    EXPECT_EQ(problem_of(row), "");
    row.bid_price = std::numeric_limits<double>::denorm_min();
    row.bid_qty = std::numeric_limits<double>::max();
    EXPECT_EQ(problem_of(row), "");
}

TEST(PrepareBookTicker, SizeZeroMeansThatTheSideIsMissing) {
    BookTicker row = quote();
    row.bid_qty = 0;
    EXPECT_TRUE(std::isnan(prepared(row).bid_price));
    EXPECT_TRUE(std::isnan(prepared(row).bid_qty));
    EXPECT_EQ(prepared(row).ask_price, 101);
    row = quote();
    row.ask_qty = -0.0;
    row.ask_price = 0;
    EXPECT_TRUE(std::isnan(prepared(row).ask_price));
    EXPECT_TRUE(std::isnan(prepared(row).ask_qty));
    EXPECT_EQ(prepared(row).bid_price, 100);
}

TEST(PrepareBookTicker, OneSideIsEnough) {
    BookTicker row = quote();
    row.ask_price = kNoNumber;
    row.ask_qty = kNoNumber;
    EXPECT_EQ(problem_of(row), "");
    row = quote();
    row.bid_price = kNoNumber;
    row.bid_qty = kNoNumber;
    EXPECT_EQ(problem_of(row), "");
}

TEST(PrepareRow, RefusesTimesOutsideTheRange) {
    BookTicker row = quote();
    row.timestamp = kNoTime;
    EXPECT_EQ(problem_of(row), "timestamp: is absent");
    row.timestamp = at(-1);
    EXPECT_EQ(problem_of(row),
              "timestamp: 1969-12-31T23:59:59.999999Z lies outside 1970-01-01T00:00:00.000000Z to "
              "2262-04-11T23:47:16.854775Z");
    row.timestamp = kMaxTime + std::chrono::microseconds{1};
    EXPECT_EQ(problem_of(row),
              "timestamp: 2262-04-11T23:47:16.854776Z lies outside 1970-01-01T00:00:00.000000Z to "
              "2262-04-11T23:47:16.854775Z");
    row.timestamp = kMaxTime;
    EXPECT_EQ(problem_of(row), "");
    row.timestamp = kMinTime;
    row.received_at = at(-5);
    EXPECT_EQ(problem_of(row).substr(0, 13), "received_at: ");
}

TEST(PrepareTrade, RefusesEveryBadValue) {
    Trade row = trade();
    row.price = kNoNumber;
    EXPECT_EQ(problem_of(row), "price: is absent");
    row = trade();
    row.price = 0;
    EXPECT_EQ(problem_of(row), "price: 0 is not finite and positive");
    row = trade();
    row.quantity = kInfinity;
    EXPECT_EQ(problem_of(row), "quantity: inf is not finite and positive");
    row = trade();
    row.quote_quantity = -1;
    EXPECT_EQ(problem_of(row), "quote_quantity: -1 is not finite and 0 or more");
    row = trade();
    row.quote_quantity = kInfinity;
    EXPECT_EQ(problem_of(row), "quote_quantity: inf is not finite and 0 or more");
    row = trade();
    row.side = Side{9};
    EXPECT_EQ(problem_of(row), "side: 9 is not a value of the enumeration");
    row = trade();
    row.is_maker = Tristate{3};
    EXPECT_EQ(problem_of(row), "is_maker: 3 is not a value of Tristate");
    row = trade();
    row.trade_id = "a\xff";
    EXPECT_EQ(problem_of(row), "trade_id: 'a\\xff' is not UTF-8 without a zero byte");
    row.trade_id = "a\0b"s;
    EXPECT_EQ(problem_of(row), "trade_id: 'a\\x00b' is not UTF-8 without a zero byte");
    row.trade_id = std::string(64, 'x');
    EXPECT_EQ(problem_of(row), "trade_id: '" + std::string(63, 'x') + "...' is longer than 63 bytes");
    row = trade();
    row.timestamp = kNoTime;
    EXPECT_EQ(problem_of(row), "timestamp: is absent");
}

TEST(PrepareTrade, TakesItsSequenceFromAnIdOfDigits) {
    EXPECT_EQ(prepared(trade(1, "123456789")).sequence, 123'456'789);
    EXPECT_EQ(prepared(trade(1, "9007199254740991")).sequence, 9'007'199'254'740'991);
    EXPECT_EQ(prepared(trade(1, "9007199254740992")).sequence, 0);
    EXPECT_EQ(prepared(trade(1, "99999999999999999999")).sequence, 0);
    EXPECT_EQ(prepared(trade(1, "a17")).sequence, 0);
    EXPECT_EQ(prepared(trade(1, "-17")).sequence, 0);
    Trade given = trade(1, "17");
    given.sequence = 5;
    EXPECT_EQ(prepared(given).sequence, 5);
}

TEST(PrepareTrade, EmptyIdBecomesTheSequence) {
    Trade row = trade(1, "");
    row.sequence = 4'096;
    EXPECT_EQ(prepared(row).trade_id, "~4096");
    row.sequence = -3;
    EXPECT_EQ(prepared(row).trade_id, "~-3");
    row.sequence = 0;
    EXPECT_EQ(prepared(row).trade_id, "~0");
    EXPECT_EQ(prepared(row).sequence, 0);
}

TEST(PrepareTrade, NegativeZeroIsStoredAsZero) {
    Trade row = trade();
    row.quote_quantity = -0.0;
    EXPECT_FALSE(std::signbit(prepared(row).quote_quantity));
}

TEST(PrepareFundingRate, AcceptsAnyFiniteRate) {
    FundingRate row = funding();
    for (const double rate : {-0.03, 0.0, 5.0}) {
        row.funding_rate = rate;
        EXPECT_EQ(problem_of(row), "");
    }
    row.funding_rate = -0.0;
    EXPECT_FALSE(std::signbit(prepared(row).funding_rate));
}

TEST(PrepareFundingRate, RefusesEveryBadValue) {
    FundingRate row = funding();
    row.funding_rate = kNoNumber;
    EXPECT_EQ(problem_of(row), "funding_rate: is absent");
    row.funding_rate = kInfinity;
    EXPECT_EQ(problem_of(row), "funding_rate: inf is not finite");
    row = funding();
    row.interval_minutes = -480;
    EXPECT_EQ(problem_of(row), "interval_minutes: -480 is negative");
    row = funding();
    row.kind = FundingKind::unknown;
    EXPECT_EQ(problem_of(row), "kind: is unknown; expected predicted or settled");
    row = funding();
    row.mark_price = 0;
    EXPECT_EQ(problem_of(row), "mark_price: 0 is not finite and positive");
    row = funding();
    row.funding_time = at(-1);
    EXPECT_EQ(problem_of(row).substr(0, 14), "funding_time: ");
}

TEST(PrepareBalance, ComputesTheTotal) {
    Balance row = balance();
    row.total_balance = 99;
    EXPECT_EQ(prepared(row).total_balance, 12);
    row.available_balance = -20;
    EXPECT_EQ(prepared(row).total_balance, -18);
}

TEST(PrepareBalance, RefusesEveryBadValue) {
    Balance row = balance();
    row.available_balance = kNoNumber;
    EXPECT_EQ(problem_of(row), "available_balance: is absent");
    row.available_balance = kInfinity;
    EXPECT_EQ(problem_of(row), "available_balance: inf is not finite");
    row = balance();
    row.locked_balance = kNoNumber;
    EXPECT_EQ(problem_of(row), "locked_balance: is absent");
    row.locked_balance = -1;
    EXPECT_EQ(problem_of(row), "locked_balance: -1 is not finite and 0 or more");
    row = balance();
    row.frozen_balance = kInfinity;
    EXPECT_EQ(problem_of(row), "frozen_balance: inf is not finite");
    row = balance();
    row.borrowing_balance = -kInfinity;
    EXPECT_EQ(problem_of(row), "borrowing_balance: -inf is not finite");
    row = balance();
    row.interest_balance = kInfinity;
    EXPECT_EQ(problem_of(row), "interest_balance: inf is not finite");
    row = balance();
    row.available_balance = std::numeric_limits<double>::max();
    row.locked_balance = std::numeric_limits<double>::max();
    EXPECT_EQ(problem_of(row), "total_balance: inf is not finite");
    row = balance();
    row.account = "";
    EXPECT_EQ(problem_of(row), "account: is empty");
    row = balance();
    row.asset_name = "";
    EXPECT_EQ(problem_of(row), "asset_name: is empty");
    row.asset_name = "\xc3";
    EXPECT_EQ(problem_of(row), "asset_name: '\\xc3' is not UTF-8 without a zero byte");
}

Exchange exchange(std::string_view name) {
    Exchange row;
    row.enum_value = name;
    return row;
}

TEST(PrepareExchange, DerivesMarketAndDisplayName) {
    const Exchange spot = prepared(exchange("mexc_spot"));
    EXPECT_EQ(spot.enum_value, "MEXC_SPOT");
    EXPECT_EQ(spot.exchange_name, "MEXC");
    EXPECT_EQ(spot.market_type, MarketType::spot);
    const Exchange futures = prepared(exchange("GATE_IO2_FUTURES"));
    EXPECT_EQ(futures.exchange_name, "GATE_IO2");
    EXPECT_EQ(futures.market_type, MarketType::futures);
    Exchange named = exchange("MEXC_SPOT");
    named.exchange_name = "Mexc Global";
    EXPECT_EQ(prepared(named).exchange_name, "Mexc Global");
}

TEST(PrepareExchange, RefusesOtherNames) {
    for (const std::string_view name : {"", "MEXC", "_SPOT", "SPOT", "__SPOT", "MEXC-SPOT", "MEXC_SPOTS", "ME XC_SPOT",
                                        "M\xc3\x84XC_SPOT", "MEXC'_SPOT", "../X_SPOT"}) {
        EXPECT_EQ(problem_of(exchange(name)).substr(0, 12), "enum_value: ") << name;
    }
    EXPECT_EQ(problem_of(exchange("MEXC")),
              "enum_value: 'MEXC' is not <VENUE>_SPOT or <VENUE>_FUTURES (A to Z, 0 to 9 and _)");
    EXPECT_EQ(problem_of(exchange("ABCDEFGHIJKLMNOPQRSTUVWXYZ_SPOTX")),
              "enum_value: 'ABCDEFGHIJKLMNOPQRSTUVWXYZ_SPOT...' is longer than 31 bytes");
    Exchange contradiction = exchange("MEXC_SPOT");
    contradiction.market_type = MarketType::futures;
    EXPECT_EQ(problem_of(contradiction), "market_type: FUTURES contradicts enum_value MEXC_SPOT");
}

Symbol symbol(MarketType type = MarketType::spot) {
    Symbol row;
    row.exchange_id = ExchangeId{1};
    row.symbol_type = type;
    row.symbol_base = "btc";
    row.symbol_quote = "Usdt";
    row.exchange_symbol = "btc_usdt";
    return row;
}

TEST(PrepareSymbol, DerivesWhatFollows) {
    const Symbol spot = prepared(symbol());
    EXPECT_EQ(spot.symbol_base, "BTC");
    EXPECT_EQ(spot.symbol_quote, "USDT");
    EXPECT_EQ(spot.exchange_symbol, "btc_usdt");
    EXPECT_EQ(spot.contract_type, ContractType::spot);
    EXPECT_EQ(spot.quantity_unit, QuantityUnit::base);
    EXPECT_EQ(prepared(symbol(MarketType::futures)).contract_type, ContractType::perpetual);

    Symbol dated = symbol(MarketType::futures);
    dated.expires_at = at(1);
    EXPECT_EQ(prepared(dated).contract_type, ContractType::dated);

    Symbol inverse = symbol(MarketType::unknown);
    inverse.contract_type = ContractType::inverse;
    inverse.quantity_unit = QuantityUnit::contracts;
    EXPECT_EQ(prepared(inverse).symbol_type, MarketType::futures);
    EXPECT_EQ(prepared(inverse).quantity_unit, QuantityUnit::contracts);
    inverse.contract_type = ContractType::spot;
    EXPECT_EQ(prepared(inverse).symbol_type, MarketType::spot);
}

TEST(PrepareSymbol, TakesAnyCleanTextAsTheExchangesSpelling) {
    for (const std::string_view text : {"'; DROP TABLE symbols; --", "\"", "../../etc/passwd",
                                        "\xe5\xb8\x81\xe5\xae\x89", "%_*", "a\nb", "null", "=1+1"}) {
        Symbol row = symbol();
        row.exchange_symbol = text;
        EXPECT_EQ(problem_of(row), "");
        EXPECT_EQ(prepared(row).exchange_symbol, text);
    }
}

TEST(PrepareSymbol, RefusesEveryBadValue) {
    const auto spoilt = [](auto spoil, MarketType type = MarketType::spot) {
        Symbol row = symbol(type);
        spoil(row);
        return problem_of(row);
    };
    EXPECT_EQ(spoilt([](Symbol& s) { s.symbol_base = ""; }), "symbol_base: is empty");
    EXPECT_EQ(spoilt([](Symbol& s) { s.symbol_quote = ""; }), "symbol_quote: is empty");
    EXPECT_EQ(spoilt([](Symbol& s) { s.exchange_symbol = ""; }), "exchange_symbol: is empty");
    EXPECT_EQ(spoilt([](Symbol& s) { s.exchange_symbol = "B\0T"s; }),
              "exchange_symbol: 'B\\x00T' is not UTF-8 without a zero byte");
    EXPECT_EQ(spoilt([](Symbol& s) { s.symbol_base = std::string(24, 'B'); }),
              "symbol_base: 'BBBBBBBBBBBBBBBBBBBBBBB...' is longer than 23 bytes");
    EXPECT_EQ(spoilt([](Symbol& s) { s.symbol_type = MarketType::unknown; }),
              "symbol_type: is unknown; expected SPOT or FUTURES");
    EXPECT_EQ(spoilt([](Symbol& s) { s.contract_type = ContractType::perpetual; }),
              "contract_type: perpetual does not fit symbol_type SPOT");
    EXPECT_EQ(spoilt([](Symbol& s) { s.contract_type = ContractType::spot; }, MarketType::futures),
              "contract_type: spot does not fit symbol_type FUTURES");
    EXPECT_EQ(spoilt([](Symbol& s) { s.precision_price = -1; }), "precision_price: -1 is negative");
    EXPECT_EQ(spoilt([](Symbol& s) { s.precision_quantity = -1; }), "precision_quantity: -1 is negative");
    EXPECT_EQ(spoilt([](Symbol& s) { s.contract_size = 0; }), "contract_size: 0 is not finite and positive");
    EXPECT_EQ(spoilt([](Symbol& s) { s.tick_size = -1; }), "tick_size: -1 is not finite and positive");
    EXPECT_EQ(spoilt([](Symbol& s) { s.lot_size = kInfinity; }), "lot_size: inf is not finite and positive");
    EXPECT_EQ(spoilt([](Symbol& s) { s.min_quantity = -1; }), "min_quantity: -1 is not finite and 0 or more");
    EXPECT_EQ(spoilt([](Symbol& s) { s.min_notional = -1; }), "min_notional: -1 is not finite and 0 or more");
    EXPECT_EQ(spoilt([](Symbol& s) { s.expires_at = at(-1); }).substr(0, 12), "expires_at: ");
}

TEST(PrepareSource, ChecksKindAndHash) {
    Source row;
    row.kind = "import";
    row.started_at = at(1);
    EXPECT_EQ(problem_of(row), "");
    row.sha256 = std::string(64, 'a');
    EXPECT_EQ(problem_of(row), "");
    row.sha256 = std::string(64, 'A');
    EXPECT_EQ(problem_of(row), "sha256: '" + std::string(64, 'A') + "' is not 64 lower-case hex digits");
    row.sha256 = "ab";
    EXPECT_EQ(problem_of(row), "sha256: 'ab' is not 64 lower-case hex digits");
    row.sha256 = "";
    row.rows = -1;
    EXPECT_EQ(problem_of(row), "rows: -1 is negative");
    row.rows = 0;
    row.kind = "";
    EXPECT_EQ(problem_of(row), "kind: is empty");
    row.kind = "import";
    row.started_at = kNoTime;
    EXPECT_EQ(problem_of(row), "started_at: is absent");
}

TEST(PrepareQuarantinedRow, NeedsLineAndReason) {
    QuarantinedRow row;
    row.source_id = SourceId{1};
    row.line = 2;
    row.reason = "column bid_price: x is no number";
    EXPECT_EQ(problem_of(row), "");
    row.line = -1;
    EXPECT_EQ(problem_of(row), "line: -1 is negative");
    row.line = 1;
    row.reason = "";
    EXPECT_EQ(problem_of(row), "reason: is empty");
}

TEST(Prepare, ChangesNothingWhenCalledAgain) {
    Trade row = trade(1, "");
    row.sequence = 7;
    const Trade once = prepared(row);
    const Trade twice = prepared(once);
    EXPECT_EQ(twice.trade_id, once.trade_id);
    EXPECT_EQ(twice.sequence, once.sequence);
    EXPECT_EQ(prepared(prepared(exchange("mexc_spot"))).exchange_name, "MEXC");
}

}  // namespace
}  // namespace marketdb::storage
