#include <gtest/gtest.h>

#include "parsed_file.hpp"
#include "support/expect.hpp"

namespace marketdb::testing {
namespace {

ParsedFile parse_inside(const std::string& text, const std::string& path, const std::string& inner_name,
                        const io::ParserOptions& options = {}) {
    const auto parser = io::open_parser(std::make_unique<TextInput>(text, path, inner_name), options);
    return drain(*parser);
}

TEST(BinanceTrades, GenuineSpotRowsWithoutHeaderInMicroseconds) {
    const ParsedFile file = parse("1803839896,124.64000000,1.12700000,140.46928000,1767225600629785,True,True\n",
                                  "SOLUSDT-trades-2026-01-01.csv");
    EXPECT_EQ(file.layout, "binance spot trades");
    EXPECT_EQ(file.dataset, Dataset::trades);
    EXPECT_EQ(file.rows,
              Texts({"BINANCE_SPOT,SOL/USDT,SOLUSDT,2026-01-01T00:00:00.629785Z,,1803839896,1803839896,124.64,"
                     "1.127,sell,140.46928,,"}));
    EXPECT_EQ(file.lines, Lines64({1}));
    EXPECT_EQ(file.instruments[0].symbol.contract_type, ContractType::spot);
    EXPECT_EQ(file.instruments[0].symbol.quantity_unit, QuantityUnit::base);
}

TEST(BinanceTrades, TheUnitOfATimeIsToldByItsSize) {
    const ParsedFile file = parse(
        "1,1,1,1,1723161255342,True,True\n"
        "2,1,1,1,1723161255342001,false,True\n"
        "3,1,1,1,1723161255342001999,FALSE,True\n"
        "4,1,1,1,1723161255,1,True\n"
        "5,1,1,1,-1,True,True\n"
        "6,1,1,1,999999999999,0,True\n",
        "BTCUSDT-trades-2024-08-08.csv");
    const auto row = [](const std::string& time, const std::string& id, const std::string& side) {
        return "BINANCE_SPOT,BTC/USDT,BTCUSDT," + time + ",," + id + "," + id + ",1,1," + side + ",1,,";
    };
    EXPECT_EQ(file.rows,
              Texts({row("2024-08-08T23:54:15.342000Z", "1", "sell"), row("2024-08-08T23:54:15.342001Z", "2", "buy"),
                     row("2024-08-08T23:54:15.342001Z", "3", "buy"), row("2024-08-08T23:54:15.000000Z", "4", "sell")}));
    ASSERT_EQ(file.errors.size(), 2U);
    EXPECT_EQ(file.errors[0], "5: column time: `-1` is not a time from 1970 on");
    EXPECT_EQ(file.errors[1], "6: column time: `999999999999` is not a time before 2262-04-11T23:47:16.854776Z");
}

TEST(BinanceTrades, GenuineUsdMarginedRowWithHeader) {
    const ParsedFile file = parse(
        "id,price,qty,quote_qty,time,is_buyer_maker\n"
        "3047799741,124.58,3.22,401.1476,1767225601696,true\n",
        "futures/um/daily/trades/SOLUSDT/SOLUSDT-trades-2026-01-01.zip");
    EXPECT_EQ(file.layout, "binance um trades");
    EXPECT_EQ(file.rows, Texts({"BINANCE_FUTURES,SOL/USDT,SOLUSDT,2026-01-01T00:00:01.696000Z,,3047799741,3047799741,"
                                "124.58,3.22,sell,401.1476,,"}));
}

TEST(BinanceTrades, CoinMarginedSizesAreContractsAndBaseQtyIsNotStored) {
    const ParsedFile file = parse(
        "id,price,qty,base_qty,time,is_buyer_maker\n"
        "7,30542.8,2,0.0065,1687651202018,false\n",
        "BTCUSD_PERP-trades-2023-06-25.csv");
    EXPECT_EQ(file.layout, "binance cm trades");
    EXPECT_EQ(file.rows,
              Texts({"BINANCECM_FUTURES,BTC/USD,BTCUSD_PERP,2023-06-25T00:00:02.018000Z,,7,7,30542.8,2,buy,,,"}));
    EXPECT_EQ(file.instruments[0].symbol.contract_type, ContractType::inverse);
    EXPECT_EQ(file.instruments[0].symbol.quantity_unit, QuantityUnit::contracts);
    EXPECT_EQ(file.instruments[0].symbol.settle_asset, "BTC");
}

TEST(BinanceAggTrades, GenuineRowsGetAnAInFront) {
    const ParsedFile cm = parse(
        "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n"
        "261091940,30542.8,1.0,640356821,640356821,1687651202018,true\n"
        "261091941,30542.9,12.0,640356822,640356822,1687651203499,false\n",
        "cm/BTCUSD_PERP-aggTrades-2023-06-25.csv");
    EXPECT_EQ(cm.layout, "binance cm aggTrades");
    EXPECT_EQ(
        cm.rows,
        Texts({"BINANCECM_FUTURES,BTC/"
               "USD,BTCUSD_PERP,2023-06-25T00:00:02.018000Z,,261091940,a261091940,30542.8,1,sell,,,",
               "BINANCECM_FUTURES,BTC/USD,BTCUSD_PERP,2023-06-25T00:00:03.499000Z,,261091941,a261091941,30542.9,12,buy,"
               ",,"}));
    const ParsedFile um =
        parse("19427407,49.73,0.001,100,100,1602819697783,true\n", "LTCUSDT-aggTrades-2020-10-16.csv");
    EXPECT_EQ(um.layout, "binance um aggTrades");
    const ParsedFile spot =
        parse("19427407,49.73,0.001,100,100,1602819697783,True,True\n", "LTCUSDT-aggTrades-2020-10.csv");
    EXPECT_EQ(spot.layout, "binance spot aggTrades");
    EXPECT_EQ(spot.rows,
              Texts({"BINANCE_SPOT,LTC/USDT,LTCUSDT,2020-10-16T03:41:37.783000Z,,19427407,a19427407,49.73,0.001,"
                     "sell,,,"}));
}

TEST(BinanceBookTicker, GenuineRowsAreStampedWithTheTransactionTime) {
    const ParsedFile file = parse(
        "update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,event_time\n"
        "4307082988118,0.02634800,315928.00000000,0.02634900,2385.00000000,1711756800080,1711756800087\n"
        "4307083859526,0.02634800,315563.00000000,0.02634900,2385.00000000,1711756801522,1711756802066\n",
        "um/1000XECUSDT-bookTicker-2024-03-30.zip");
    EXPECT_EQ(file.layout, "binance um bookTicker");
    EXPECT_EQ(file.rows,
              Texts({"BINANCE_FUTURES,1000XEC/USDT,1000XECUSDT,2024-03-30T00:00:00.080000Z,,4307082988118,0.026348,"
                     "315928,0.026349,2385",
                     "BINANCE_FUTURES,1000XEC/USDT,1000XECUSDT,2024-03-30T00:00:01.522000Z,,4307083859526,0.026348,"
                     "315563,0.026349,2385"}));
}

TEST(BinanceBookTicker, AZeroSizeIsAnAbsentSide) {
    const ParsedFile file = parse("1,0,0,2,5,1711756800080,1711756800087\n", "um/BTCUSDT-bookTicker-2024-03-30.zip");
    ASSERT_EQ(file.rows.size(), 1U);
    EXPECT_TRUE(file.rows[0].ends_with(",1,,,2,5"));
}

TEST(BinanceFundingRate, GenuineRowIsSettledAtTheFullMinute) {
    const ParsedFile file = parse(
        "calc_time,funding_interval_hours,last_funding_rate\n"
        "1780272000001,8,0.00005703\n"
        "1780272000001,0,0.00005703\n"
        "1780272000001,8,\n",
        "BTCUSDT-fundingRate-2026-06.zip");
    EXPECT_EQ(file.layout, "binance um fundingRate");
    EXPECT_EQ(file.rows, Texts({"BINANCE_FUTURES,BTC/USDT,BTCUSDT,2026-06-01T00:00:00.001000Z,,5.703e-05,480,settled,"
                                "2026-06-01T00:00:00.000000Z,"}));
    EXPECT_EQ(file.errors, Texts({"3: column funding_interval_hours: `0` is not a number of hours from 1 to 8760",
                                  "4: column last_funding_rate: empty, expected a number"}));
}

TEST(BinanceNames, TheInnerNameOfAZipTellsTheSymbolFirst) {
    const std::string row = "1,1,1,1,1723161255342,True,True\n";
    EXPECT_EQ(
        parse_inside(row, "renamed.zip", "ETHUSDT-trades-2024-08-08.csv").instruments.at(0).symbol.exchange_symbol,
        "ETHUSDT");
    EXPECT_EQ(parse_inside(row, "BTCUSDT-trades-2024-08.zip", "data.csv").instruments.at(0).symbol.exchange_symbol,
              "BTCUSDT");
}

TEST(BinanceNames, TheMarketIsAFolderOrFollowsFromColumnsAndSymbol) {
    const std::string agg =
        "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n"
        "1,1,1,1,1,1687651202018,true\n";
    const auto exchange = [&](const std::string& path) { return parse(agg, path).instruments.at(0).exchange; };
    EXPECT_EQ(exchange("cm/BTCUSD_PERP-aggTrades-2023-06-25.csv"), "BINANCECM_FUTURES");
    EXPECT_EQ(exchange("BTCUSD_PERP-aggTrades-2023-06-25.csv"), "BINANCECM_FUTURES");
    EXPECT_EQ(exchange("BTCUSD_240927-aggTrades-2023-06-25.csv"), "BINANCECM_FUTURES");
    EXPECT_EQ(exchange("BTCUSDT_240927-aggTrades-2023-06-25.csv"), "BINANCE_FUTURES");
    EXPECT_EQ(exchange("BTCUSDT-aggTrades-2023-06-25.csv"), "BINANCE_FUTURES");
    EXPECT_EQ(exchange("spot/um/BTCUSDT-aggTrades-2023-06-25.csv"), "BINANCE_FUTURES");
    expect_error(ErrorCode::invalid_argument, [&] { exchange("spot/BTCUSDT-aggTrades-2023-06-25.csv"); },
                 {"spot/BTCUSDT-aggTrades", "BINANCE_SPOT", "futures aggTrades", "--exchange"});
    expect_error(ErrorCode::invalid_argument,
                 [] { parse("id,price,qty,base_qty,time,is_buyer_maker\n", "um/BTCUSD_PERP-trades-2023.csv"); },
                 {"--exchange"});
    expect_error(ErrorCode::invalid_argument,
                 [] { parse("1,1,1,1,1723161255342,True,True\n", "um/BTCUSDT-trades-2023.csv"); },
                 {"BINANCE_FUTURES", "--exchange"});
    EXPECT_EQ(parse(agg, "spot/BTCUSDT-aggTrades-1.csv", {.exchange = "BINANCE_FUTURES"}).instruments.at(0).exchange,
              "BINANCE_FUTURES");
    EXPECT_EQ(parse(agg, "x/BTCUSDT-aggTrades-1.csv", {.exchange = "OTHER_FUTURES"}).layout, "binance other aggTrades");
}

TEST(BinanceNames, AnOpenSymbolAsksForIt) {
    const std::string row = "1,1,1,1,1723161255342,True,True\n";
    expect_error(ErrorCode::invalid_argument, [&] { parse(row, "-"); },
                 {"--symbol", "--exchange", "--layout", "SYMBOL-trades-DATE"});
    const ParsedFile given = parse(row, "-", {.symbol = "ETHBTC"});
    EXPECT_TRUE(given.rows.at(0).starts_with("BINANCE_SPOT,ETH/BTC,ETHBTC,"));
    const ParsedFile pair = parse(row, "-", {.symbol = "FOOBAR", .base = "FOO", .quote = "BAR"});
    EXPECT_TRUE(pair.rows.at(0).starts_with("BINANCE_SPOT,FOO/BAR,FOOBAR,"));
    EXPECT_EQ(parse(row, "-", {.symbol = "FOOBAR"}).instruments.at(0).symbol.symbol_base, "");
}

TEST(BinanceNames, RowsWithoutHeaderAreToldByTheirShapeWhereTheNameIsSilent) {
    const auto layout = [](const std::string& row) { return parse(row, "f.csv", {.symbol = "BTCUSDT"}).layout; };
    EXPECT_EQ(layout("1,1,1,1,1723161255342,True\n"), "binance um trades");
    EXPECT_EQ(layout("1,1,1,1,1723161255342,True,True\n"), "binance spot trades");
    EXPECT_EQ(layout("1,1,1,1,1,1723161255342,True\n"), "binance um aggTrades");
    EXPECT_EQ(layout("1,1,1,1,1,1723161255342,True,True\n"), "binance spot aggTrades");
    EXPECT_EQ(layout("1,1,1,2,1,1723161255342,1723161255342\n"), "binance um bookTicker");
    EXPECT_EQ(layout("1780272000001,8,0.00005703\n"), "binance um fundingRate");
    for (const std::string row : {"1,2\n", "1,2,3,4,5,6\n", "1,2,3,4,5,6,7,8\n", "1,2,3,4,5,6,7,8,9\n"}) {
        expect_error(ErrorCode::invalid_argument, [&] { layout(row); },
                     {"f.csv:1: ", "columns without a header", "`f.csv`", "--layout", "binance spot trades"});
    }
    expect_error(ErrorCode::invalid_argument,
                 [] { parse("1,1,1,1,1723161255342,True\n", "f.csv", {.dataset = "quotes", .symbol = "BTCUSDT"}); },
                 {"columns without a header"});
}

TEST(BinanceNames, ADamagedFirstRowIsARowErrorAndNotAnotherLayout) {
    const ParsedFile file =
        parse("1,1,1,1,1723161255342,maybe,True\n2,1,1,1,1723161255342,True,True\n", "BTCUSDT-trades-2024-08-08.csv");
    EXPECT_EQ(file.errors, Texts({"1: column isBuyerMaker: `maybe` is not true or false"}));
    EXPECT_EQ(file.lines, Lines64({2}));
}

TEST(BinanceTrades, IdsThatAreNoNumbersAreRowErrors) {
    const ParsedFile file = parse(
        "1,1,1,1,1723161255342,True,True\n"
        "x,1,1,1,1723161255342,True,True\n"
        ",1,1,1,1723161255342,True,True\n"
        "9007199254740992,1,1,1,1723161255342,True,True\n"
        "9007199254740991,1,1,,1723161255342,True,True\n",
        "BTCUSDT-trades-2024-08-08.csv");
    EXPECT_EQ(file.errors, Texts({"2: column id: `x` is not a whole number below 2^53",
                                  "3: column id: empty, expected a whole number below 2^53",
                                  "4: column id: `9007199254740992` is not a whole number below 2^53",
                                  "5: column quoteQty: empty, expected a number"}));
}

}  // namespace
}  // namespace marketdb::testing
