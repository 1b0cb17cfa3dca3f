#include <gtest/gtest.h>

#include <marketdb/measures.hpp>

namespace marketdb {
namespace {

BookTicker quote_of(double bid, double bid_qty, double ask, double ask_qty) {
    BookTicker row;
    row.bid_price = bid;
    row.bid_qty = bid_qty;
    row.ask_price = ask;
    row.ask_qty = ask_qty;
    return row;
}

TEST(Measures, FollowFromOneRow) {
    BookTicker quote;
    quote.bid_price = 100;
    quote.ask_price = 101;
    EXPECT_EQ(mid(quote), 100.5);
    EXPECT_EQ(spread(quote), 1);
    EXPECT_NEAR(spread_bps(quote), 99.502488, 1e-6);
    quote.ask_price = kNoNumber;
    EXPECT_FALSE(is_present(mid(quote)));
    EXPECT_FALSE(is_present(spread_bps(quote)));

    Trade trade;
    trade.price = 2;
    trade.quantity = 3;
    EXPECT_EQ(notional(trade), 6);

    FundingRate rate;
    rate.funding_rate = 0.0001;
    EXPECT_DOUBLE_EQ(funding_rate_percent(rate), 0.01);
    EXPECT_DOUBLE_EQ(funding_rate_bps(rate), 1);
    EXPECT_FALSE(is_present(annualised_funding_rate(rate)));
    rate.interval_minutes = 480;
    EXPECT_DOUBLE_EQ(annualised_funding_rate(rate), 0.1095);
}

TEST(Measures, OfABalanceCountAbsentPartsAsNothing) {
    Balance balance;
    EXPECT_EQ(locked_share(balance), 0);
    balance.available_balance = 10;
    balance.locked_balance = 2;
    EXPECT_EQ(net_balance(balance), 12);
    balance.frozen_balance = 1;
    balance.borrowing_balance = 3;
    balance.interest_balance = 0.5;
    EXPECT_EQ(net_balance(balance), 9.5);
    EXPECT_NEAR(locked_share(balance), 0.166667, 1e-6);
}

TEST(Measures, TheMicroPriceLeansToTheSideThatIsAboutToGo) {
    EXPECT_EQ(micro_price(quote_of(100, 3, 101, 1)), 100.75) << "little is asked, so the price will rise";
    EXPECT_EQ(micro_price(quote_of(100, 1, 101, 3)), 100.25);
    EXPECT_EQ(micro_price(quote_of(100, 2, 101, 2)), 100.5);
}

TEST(Measures, TheImbalanceIsOfTheValuesAndAboveZeroWhereMoreIsBid) {
    EXPECT_EQ(imbalance(quote_of(100, 3, 100, 1)), 0.5);
    EXPECT_EQ(imbalance(quote_of(100, 1, 300, 1)), -0.5);
    EXPECT_EQ(imbalance(quote_of(50, 2, 100, 1)), 0);
}

TEST(Measures, WithoutASideThereIsNeither) {
    const BookTicker row = quote_of(100, 1, kNoNumber, kNoNumber);
    EXPECT_FALSE(is_present(micro_price(row)));
    EXPECT_FALSE(is_present(imbalance(row)));
}

TEST(Measures, TheValueOfAQuantityFollowsItsUnit) {
    Symbol symbol;
    EXPECT_EQ(quote_value(symbol, 200, 3), 600) << "unknown means base";
    symbol.quantity_unit = QuantityUnit::base;
    EXPECT_EQ(quote_value(symbol, 200, 3), 600);
    symbol.quantity_unit = QuantityUnit::quote;
    EXPECT_EQ(quote_value(symbol, 200, 3), 3);
    symbol.quantity_unit = QuantityUnit::contracts;
    EXPECT_FALSE(is_present(quote_value(symbol, 200, 3))) << "nobody says how large a contract is";
    symbol.contract_size = 0.5;
    symbol.contract_type = ContractType::perpetual;
    EXPECT_EQ(quote_value(symbol, 200, 3), 300);
    symbol.contract_size = 100;
    symbol.contract_type = ContractType::inverse;
    EXPECT_EQ(quote_value(symbol, 200, 3), 300) << "each is 100 quote units at any price";
    for (const QuantityUnit unit : {QuantityUnit::base, QuantityUnit::quote, QuantityUnit::contracts}) {
        symbol.quantity_unit = unit;
        EXPECT_FALSE(is_present(quote_value(symbol, kNoNumber, kNoNumber))) << to_string(unit);
    }
}

TEST(Measures, ABalanceIsActiveIfAnythingIsHeld) {
    Balance row;
    EXPECT_FALSE(is_active(row));
    row.locked_balance = 5;
    EXPECT_TRUE(is_active(row));
    row.available_balance = -5;
    EXPECT_FALSE(is_active(row));
}

TEST(Measures, TheMarketOfAnExchangeAndOfASymbol) {
    Exchange exchange;
    Symbol symbol;
    EXPECT_FALSE(is_spot(exchange) || is_futures(exchange) || is_spot(symbol) || is_futures(symbol));
    exchange.market_type = MarketType::spot;
    symbol.symbol_type = MarketType::futures;
    EXPECT_TRUE(is_spot(exchange));
    EXPECT_FALSE(is_futures(exchange));
    EXPECT_TRUE(is_futures(symbol));
    EXPECT_FALSE(is_spot(symbol));
}

}  // namespace
}  // namespace marketdb
