#include <marketdb/clock.hpp>
#include <marketdb/config.hpp>
#include <marketdb/error.hpp>
#include <marketdb/models.hpp>
#include <marketdb/queries.hpp>

#include <sstream>
#include <string>

#include <gtest/gtest.h>

namespace marketdb {
namespace {

using namespace std::string_view_literals;

Timestamp at(std::int64_t microseconds) { return Timestamp{std::chrono::microseconds{microseconds}}; }

TEST(InlineString, KeepsTheTextAndMarksOneThatIsTooLong) {
    InlineString<4> text = "BTC";
    EXPECT_EQ(text, "BTC");
    EXPECT_FALSE(text.is_overlong());
    text = "WBTC";
    EXPECT_FALSE(text.is_overlong());
    text = "WBTCX";
    EXPECT_TRUE(text.is_overlong());
    EXPECT_EQ(text.view(), "WBTC");
    EXPECT_EQ(text.size(), 4U);
    text = std::string();
    EXPECT_TRUE(text.empty());
    EXPECT_FALSE(text.is_overlong());
    EXPECT_LT(InlineString<4>("A"), InlineString<4>("B"));
    std::ostringstream out;
    out << InlineString<300>("long");
    EXPECT_EQ(out.str(), "long");
}

TEST(Symbol, IsWrittenAsAPair) {
    Symbol symbol;
    symbol.symbol_base = "BTC";
    symbol.symbol_quote = "USDT";
    EXPECT_EQ(pair(symbol), "BTC/USDT");
    EXPECT_EQ(joined(symbol), "BTCUSDT");
}

TEST(Symbol, OfADatedContractShowsItsExpiry) {
    Symbol symbol;
    symbol.symbol_base = "BTC";
    symbol.symbol_quote = "USDT";
    symbol.contract_type = ContractType::dated;
    EXPECT_EQ(pair(symbol), "BTC/USDT");
    symbol.expires_at = at(1'798'185'600'000'000);  // 2026-12-25T08:00:00Z
    EXPECT_EQ(pair(symbol), "BTC/USDT-261225");
    symbol.expires_at = at(1'020'240'000'000'000);  // 2002-05-01T08:00:00Z
    EXPECT_EQ(pair(symbol), "BTC/USDT-020501");
}

TEST(Labels, AreTheTextsOfTheDatabase) {
    EXPECT_EQ(to_string(MarketType::spot), "SPOT");
    EXPECT_EQ(to_string(MarketType::futures), "FUTURES");
    EXPECT_EQ(to_string(ContractType::spot), "spot");
    EXPECT_EQ(to_string(ContractType::inverse), "inverse");
    EXPECT_EQ(to_string(ContractType::dated), "dated");
    EXPECT_EQ(to_string(QuantityUnit::contracts), "contracts");
    EXPECT_EQ(to_string(Side::sell), "sell");
    EXPECT_EQ(to_string(FundingKind::settled), "settled");
    EXPECT_EQ(to_string(Side::unknown), "");
    EXPECT_EQ(to_string(Side(77)), "");
}

TEST(DatasetName, IsReadWithItsShortForms) {
    EXPECT_EQ(parse_dataset("book-tickers"), Dataset::book_tickers);
    EXPECT_EQ(parse_dataset("quotes"), Dataset::book_tickers);
    EXPECT_EQ(parse_dataset("trades"), Dataset::trades);
    EXPECT_EQ(parse_dataset("funding-rates"), Dataset::funding_rates);
    EXPECT_EQ(parse_dataset("funding"), Dataset::funding_rates);
    EXPECT_EQ(parse_dataset("balances"), Dataset::balances);
    EXPECT_EQ(to_string(Dataset(9)), "");
}

TEST(DatasetName, UnknownListsTheKnownOnes) {
    try {
        static_cast<void>(parse_dataset("candles"));
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
        EXPECT_STREQ(error.what(),
                     "dataset 'candles' is unknown; expected book-tickers (quotes), trades, funding-rates (funding) or "
                     "balances");
    }
}

TEST(RowKey, HoldsThePlaceOfARow) {
    BookTicker quote;
    quote.symbol_id = SymbolId{7};
    quote.timestamp = at(10);
    quote.received_at = at(12);
    quote.sequence = 99;
    const RowKey quote_key = key_of(quote);
    EXPECT_EQ(quote_key.series, 7);
    EXPECT_EQ(quote_key.timestamp, at(10));
    EXPECT_EQ(quote_key.received_at, at(12));
    EXPECT_EQ(quote_key.sequence, 99);
    EXPECT_EQ(quote_key.text, "");

    Trade trade;
    trade.symbol_id = SymbolId{8};
    trade.sequence = 5;
    trade.trade_id = "a5";
    EXPECT_EQ(key_of(trade).text, "a5");
    EXPECT_EQ(key_of(trade).sequence, 5);
    EXPECT_EQ(key_of(trade).series, 8);

    FundingRate rate;
    rate.kind = FundingKind::settled;
    EXPECT_EQ(key_of(rate).sequence, 2);
}

TEST(RowKey, OfABalanceHoldsTheLongestNames) {
    Balance balance;
    balance.exchange_id = ExchangeId{3};
    EXPECT_EQ(key_of(balance).text.view(), "main\0"sv);
    balance.account = std::string(31, 'a');
    balance.asset_name = std::string(23, 'b');
    const RowKey key = key_of(balance);
    EXPECT_EQ(key.text.view(), std::string(31, 'a') + '\0' + std::string(23, 'b'));
    EXPECT_FALSE(key.text.is_overlong());
    EXPECT_EQ(key.series, 3);
}

TEST(WriteResult, AddsUp) {
    WriteResult sum{.inserted = 1, .updated = 2, .unchanged = 3, .folded = 4, .rounded = 5};
    sum += WriteResult{.inserted = 10, .updated = 20, .unchanged = 30, .folded = 40, .rounded = 50};
    EXPECT_EQ(sum, (WriteResult{.inserted = 11, .updated = 22, .unchanged = 33, .folded = 44, .rounded = 55}));
}

TEST(SystemClock, IsOneClockThatGoesForward) {
    const auto clock = system_clock();
    EXPECT_EQ(clock, system_clock());
    EXPECT_GT(clock->now(), at(1'700'000'000'000'000));
    EXPECT_LT(clock->now(), kMaxTime);
    const auto first = clock->steady_now();
    EXPECT_GE(clock->steady_now(), first);
}

TEST(Version, IsTheProjects) { EXPECT_EQ(version(), "0.1.0"); }

}  // namespace
}  // namespace marketdb
