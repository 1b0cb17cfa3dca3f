#include <fmt/format.h>

#include "import_fixture.hpp"

namespace marketdb::testing {
namespace {

MARKETDB_IMPORT_SUITE(ImportLayouts);

constexpr std::string_view kTardisHeader =
    "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n";

TEST_P(ImportLayouts, TardisQuotesKeepArrivalOrderAndMissingSides) {
    const ImportReport report =
        import_whole(file("any name.csv", std::string(kTardisHeader) +
                                              "binance-futures,BTCUSDT,1723118400000000,1723118400001000,2,101,100,1\n"
                                              "binance-futures,BTCUSDT,1723118400000000,1723118400001000,3,101,100,1\n"
                                              "binance-futures,BTCUSDT,1723118400005000,1723118400004000,,,100,1\n"
                                              "binance-futures,BTCUSDT,1723118400006000,1723118400007000,5,101,,\n"));
    EXPECT_EQ(report.layout, "tardis book_ticker");
    EXPECT_EQ(report.dataset, "book-tickers");
    EXPECT_EQ(report.exchange, "BINANCE_FUTURES");
    EXPECT_EQ(report.symbols, Lines{"BTC/USDT"});
    EXPECT_EQ(report.new_symbols, Lines{"BINANCE_FUTURES:BTC/USDT (BTCUSDT)"});
    EXPECT_EQ(report.read, 4U);
    EXPECT_EQ(report.written, result(4));
    EXPECT_EQ(report.first, kNoon);
    EXPECT_EQ(report.last, kNoon + 6ms);
    EXPECT_EQ(report.warnings, Lines{});
    EXPECT_EQ(report.error_code, std::nullopt);
    EXPECT_EQ(stored_quotes(),
              (Lines{"+0ms #1024000 bid 100x1 ask 101x2 rx +1ms", "+0ms #1024001 bid 100x1 ask 101x3 rx +1ms",
                     "+5ms #-1024000 bid 100x1 ask -x- rx +4ms", "+6ms #1024000 bid -x- ask 101x5 rx +7ms"}));
    EXPECT_EQ(stored_sources(), Lines{"any name.csv finished 4"});
}

TEST_P(ImportLayouts, OneTardisFileMayHoldSeveralMarkets) {
    const ImportReport report = import_whole(file(
        "grouped.csv", std::string(kTardisHeader) + "bybit,BTCUSDT,1723118400000000,1723118400000000,2,101,100,1\n"
                                                    "bybit-spot,BTCUSDT,1723118400000000,1723118400000000,2,103,102,1\n"
                                                    "bybit,ETHUSDT,1723118400000000,1723118400000000,2,11,10,1\n"));
    EXPECT_EQ(report.exchange, "BYBIT_FUTURES,BYBIT_SPOT");
    EXPECT_EQ(report.symbols, (Lines{"BTC/USDT", "ETH/USDT"}));
    EXPECT_EQ(stored_reference(),
              (Lines{"BYBIT_FUTURES", "BYBIT_FUTURES:BTC/USDT (BTCUSDT)", "BYBIT_FUTURES:ETH/USDT (ETHUSDT)",
                     "BYBIT_SPOT", "BYBIT_SPOT:BTC/USDT (BTCUSDT)"}));
    HistoryFilter filter;
    filter.series.exchange = "BYBIT_SPOT";
    EXPECT_EQ(stored_quotes(filter), kept({"+0ms #0 bid 102x1 ask 103x2 rx +0ms"}));
}

TEST_P(ImportLayouts, TardisTradesMayLackIdAndSide) {
    const ImportReport report =
        import_whole(file("trades.csv",
                          "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"
                          "binance,BTCUSDT,1723118400000000,1723118400002000,7,buy,100,0.5\n"
                          "binance,BTCUSDT,1723118400001000,1723118400003000,,unknown,100,0.25\n"
                          "binance,BTCUSDT,1723118400002000,1723118400004000,b2c1-x,sell,99.5,1\n"));
    EXPECT_EQ(report.dataset, "trades");
    EXPECT_EQ(stored_trades(),
              (Lines{"+0ms #7 id 7 buy 100x0.5 rx +2ms", "+1ms #2048000 id ~2048000 - 100x0.25 rx +3ms",
                     "+2ms #2048000 id b2c1-x sell 99.5x1 rx +4ms"}));
}

TEST_P(ImportLayouts, TardisTickersGiveOneFundingRateAChange) {
    const ImportReport report = import_whole(file(
        "ticker.csv",
        "exchange,symbol,timestamp,local_timestamp,funding_timestamp,funding_rate,predicted_funding_rate,open_interest,"
        "last_price,index_price,mark_price\n"
        "bybit,BTCUSDT,1723118400000000,1723118400001000,,,,1,2,3,4\n"
        "bybit,BTCUSDT,1723118401000000,1723118401001000,1723132800000000,0.0001,,1,2,3,4\n"
        "bybit,BTCUSDT,1723118402000000,1723118402001000,1723132800000000,0.0001,,1,2,3,5\n"
        "bybit,BTCUSDT,1723118403000000,1723118403001000,1723132800000000,0.0002,0.7,1,2,3,\n"
        "bybit,BTCUSDT,1723118404000000,1723118404001000,1723161600000000,0.0002,,1,2,3,\n"));
    EXPECT_EQ(report.dataset, "funding-rates");
    EXPECT_EQ(report.read, 5U);
    EXPECT_EQ(report.written, result(3, 0, 0, 2));
    EXPECT_EQ(stored_funding(), kept({"+1000ms predicted 1e-04 mark 4 for +14400000ms rx +1001ms",
                                      "+3000ms predicted 2e-04 for +14400000ms rx +3001ms",
                                      "+4000ms predicted 2e-04 for +43200000ms rx +4001ms"}));
}

TEST_P(ImportLayouts, BinanceSpotTradesAreInMillisecondsThenMicroseconds) {
    import_whole(zip("spot/BTCUSDT-trades-2024-08-08.zip", "7,100.00,0.50,50.0,1723118400000,True,True\n"));
    import_whole(zip("spot/BTCUSDT-trades-2025-03-04.zip", "8,101,1,101,1741046400000001,False,True\n"));
    EXPECT_EQ(stored_trades(),
              (Lines{"+0ms #7 id 7 sell 100x0.5 quote 50", "+17928000000.001ms #8 id 8 buy 101x1 quote 101"}));
    EXPECT_EQ(stored_reference(), (Lines{"BINANCE_SPOT", "BINANCE_SPOT:BTC/USDT (BTCUSDT)"}));
}

TEST_P(ImportLayouts, BinanceAggregatesGetAnAInFrontOfTheirId) {
    import_whole(zip("spot/TRXUSDT-aggTrades-2024-08-08.zip", "9,0.1,5,20,21,1723118400000,true,true\n"));
    import_whole(zip("um/LTCUSDT-aggTrades-2024-08-08.zip",
                     "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n"
                     "11,60,2,30,31,1723118400001,false\n"));
    const Lines stored = stored_trades();
    ASSERT_EQ(stored.size(), 2U);
    EXPECT_NE(stored[0].find(" id a9 sell 0.1x5"), std::string::npos) << stored[0];
    EXPECT_NE(stored[1].find(" id a11 buy 60x2"), std::string::npos) << stored[1];
    EXPECT_EQ(stored_reference(), (Lines{"BINANCE_FUTURES", "BINANCE_FUTURES:LTC/USDT (LTCUSDT)", "BINANCE_SPOT",
                                         "BINANCE_SPOT:TRX/USDT (TRXUSDT)"}));
}

TEST_P(ImportLayouts, BinanceFuturesTradesKnowTheirMarketByTheHeader) {
    import_whole(zip("um/BTCUSDT-trades-2024-08-08.zip",
                     "id,price,qty,quote_qty,time,is_buyer_maker\n"
                     "7,100,0.5,50,1723118400000,true\n"));
    import_whole(zip("cm/BTCUSD_PERP-trades-2024-08-08.zip",
                     "id,price,qty,base_qty,time,is_buyer_maker\n"
                     "8,100,3,3,1723118400001,false\n"));
    EXPECT_EQ(stored_trades(), (Lines{"+0ms #7 id 7 sell 100x0.5 quote 50", "+1ms #8 id 8 buy 100x3"}));
    const Exchange exchange = wait(db().get_exchange_by_enum("BINANCECM_FUTURES")).value();
    const Symbol symbol = wait(db().get_symbols_by_exchange(exchange.id)).at(0);
    EXPECT_EQ(symbol.exchange_symbol, "BTCUSD_PERP");
    EXPECT_EQ(pair(symbol), "BTC/USD");
    EXPECT_EQ(to_string(symbol.contract_type), "inverse");
    EXPECT_EQ(to_string(symbol.quantity_unit), "contracts");
}

TEST_P(ImportLayouts, BinanceBookTickersUseTransactionTimeAndUpdateId) {
    import_whole(zip("um/BTCUSDT-bookTicker-2024-08-08.zip",
                     "update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,event_time\n"
                     "41,100,1,101,2,1723118400000,1723118400003\n"
                     "42,100,1,101,0,1723118400000,1723118400003\n"));
    EXPECT_EQ(stored_quotes(), (Lines{"+0ms #41 bid 100x1 ask 101x2", "+0ms #42 bid 100x1 ask -x-"}));
}

TEST_P(ImportLayouts, BinanceFundingRatesAreSettledAtTheFullMinute) {
    import_whole(zip("um/BTCUSDT-fundingRate-2024-08.zip",
                     "calc_time,funding_interval_hours,last_funding_rate\n"
                     "1723104000006,8,0.00010000\n"));
    EXPECT_EQ(stored_funding(), kept({"-14399994ms settled 1e-04 every 480 for -14400000ms"}));
}

TEST_P(ImportLayouts, OwnCsvKeepsTheExchangesSpelling) {
    const ImportReport report = import_whole(
        file("own.csv",
             "exchange,symbol,exchange_symbol,timestamp,received_at,sequence,bid_price,bid_qty,ask_price,ask_qty\n"
             "KRAKEN_SPOT,BTC/USD,XBTUSD,2024-08-08T12:00:00.000000Z,,5,100,1,,\n"));
    EXPECT_EQ(report.layout, "marketdb book-tickers");
    EXPECT_EQ(stored_reference(), (Lines{"KRAKEN_SPOT", "KRAKEN_SPOT:BTC/USD (XBTUSD)"}));
    EXPECT_EQ(stored_quotes(), Lines{"+0ms #5 bid 100x1 ask -x-"});
}

TEST_P(ImportLayouts, APairWithoutTheExchangesSpellingMeansTheSymbolThatIsKnown) {
    const std::string header = "exchange,symbol,timestamp,received_at,sequence,bid_price,bid_qty,ask_price,ask_qty\n";
    import_whole(file("tardis.csv",
                      "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n"
                      "bybit,BTCUSDT,1723118400000000,1723118400000000,1,101,100,1\n"));
    const ImportReport again = import_whole(file(
        "printed.csv",
        header + "BYBIT_FUTURES,BTC/USDT,2024-08-08T12:00:00.000000Z,2024-08-08T12:00:00.000000Z,0,100,1,101,1\n"));
    EXPECT_EQ(again.written, result(0, 0, 1));
    EXPECT_EQ(again.new_symbols, Lines{});
    EXPECT_EQ(stored_reference(), (Lines{"BYBIT_FUTURES", "BYBIT_FUTURES:BTC/USDT (BTCUSDT)"}));
    // The exchange's own spelling still wins, and what nobody knows is new.
    const ImportReport other =
        import_whole(file("other.csv", header + "BYBIT_FUTURES,ETH/USDT,2024-08-08T12:00:00.000000Z,,0,100,1,101,1\n"));
    EXPECT_EQ(other.new_symbols, Lines{"BYBIT_FUTURES:ETH/USDT (ETH/USDT)"});
}

TEST_P(ImportLayouts, HalfASideOfOurOwnLayoutIsRefused) {
    const std::string header =
        "exchange,symbol,exchange_symbol,timestamp,received_at,sequence,bid_price,bid_qty,ask_price,ask_qty\n"
        "MEXC_SPOT,BTC/USDT,BTCUSDT,2024-08-08T12:00:00Z,,1,";
    for (const char* sides : {"2,,3,1", ",5,3,1", "2,1,3,", "2,1,,1"}) {
        const ImportReport report = import(file("half.csv", header + sides + "\n"));
        EXPECT_NE(report.error.find("half.csv:2: column "), std::string::npos) << sides << ": " << report.error;
    }
    EXPECT_EQ(stored_reference(), Lines{});
}

TEST_P(ImportLayouts, OwnJsonLinesMayGiveTimesAsNumbers) {
    import_whole(file("own.jsonl", R"({"exchange":"MEXC_SPOT","symbol":"BTC/USDT","exchange_symbol":"BTCUSDT",)"
                                   R"("timestamp":1723118400000,"received_at":null,"sequence":7,"trade_id":"7",)"
                                   R"("price":100.5,"quantity":2,"side":"buy"})"
                                   "\n"));
    EXPECT_EQ(stored_trades(), Lines{"+0ms #7 id 7 buy 100.5x2"});
}

TEST_P(ImportLayouts, OwnBalancesNeedNoSymbols) {
    const ImportReport report =
        import_whole(file("balances.csv",
                          "exchange,timestamp,received_at,account,asset_name,available_balance,locked_balance,"
                          "frozen_balance,borrowing_balance,interest_balance,total_balance\n"
                          "MEXC_SPOT,2024-08-08T12:00:00Z,,main,USDT,10,2,,,,12\n"
                          "MEXC_SPOT,2024-08-08T12:00:00Z,,sub,BTC,-1,0,0.5,,,-1\n"));
    EXPECT_EQ(report.dataset, "balances");
    EXPECT_EQ(report.symbols, (Lines{"USDT", "BTC"}));
    EXPECT_EQ(report.new_symbols, Lines{});
    EXPECT_EQ(stored_reference(), Lines{"MEXC_SPOT"});
    EXPECT_EQ(stored_balances(), (Lines{"+0ms main USDT 10+2=12", "+0ms sub BTC -1+0=-1 frozen 0.5"}));
}

TEST_P(ImportLayouts, AnEmptyFileHasNoRowsAndIsNoError) {
    const ImportReport report = import_whole(file("binance_book_ticker_2024-08-08_BTCUSDT.csv", ""));
    EXPECT_EQ(report.read, 0U);
    EXPECT_EQ(report.dataset, "");
    EXPECT_FALSE(report.skipped);
    expect_nothing_stored();
}

TEST_P(ImportLayouts, AHeaderAloneHasNoRowsAndIsNoError) {
    const ImportReport report = import_whole(file("quotes.csv", kTardisHeader));
    EXPECT_EQ(report.read, 0U);
    EXPECT_EQ(report.dataset, "book-tickers");
    expect_nothing_stored();
}

TEST_P(ImportLayouts, LayoutsThatAreNotReadAreNamed) {
    const ImportReport okx = import(file("okx.csv",
                                         "instrument_name,trade_id,side,price,size,created_time\n"
                                         "BTC-USDT,1,buy,100,1,1723118400000\n"));
    EXPECT_EQ(okx.error_code, ErrorCode::invalid_argument);
    EXPECT_NE(okx.error.find("okx"), std::string::npos) << okx.error;
    const ImportReport liquidations =
        import(file("binance-futures_liquidations_2024-08-08_BTCUSDT.csv",
                    "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"
                    "binance-futures,BTCUSDT,1723118400000000,1723118400000000,,sell,100,1\n"));
    EXPECT_EQ(liquidations.error_code, ErrorCode::invalid_argument);
    EXPECT_NE(liquidations.error.find("liquidations"), std::string::npos) << liquidations.error;
    expect_nothing_stored();
}

TEST_P(ImportLayouts, AMarketThatStaysOpenAsksForTheOptionsAndTakesThem) {
    const std::filesystem::path unnamed = file("data.csv", "7,100,0.5,50,1723118400000,True,True\n");
    const ImportReport refused = import(unnamed);
    EXPECT_EQ(refused.error_code, ErrorCode::invalid_argument);
    EXPECT_NE(refused.error.find("--symbol"), std::string::npos) << refused.error;
    expect_nothing_stored();

    ImportOptions options;
    options.layout = "binance";
    options.dataset = "trades";
    options.exchange = "BINANCE_SPOT";
    options.symbol = "XYZABC";
    options.base = "XYZ";
    options.quote = "ABC";
    options.time_unit = "ms";
    const ImportReport report = import_whole(unnamed, options);
    EXPECT_EQ(report.new_symbols, Lines{"BINANCE_SPOT:XYZ/ABC (XYZABC)"});
    EXPECT_EQ(stored_trades(), Lines{"+0ms #7 id 7 sell 100x0.5 quote 50"});
}

TEST_P(ImportLayouts, AKnownSymbolIsUsedUnderItsSpellingAndNotRewritten) {
    const Symbol known = make_symbol("BTC", "TETHER", "BINANCE_SPOT", "BTCUSDT");
    const ImportReport report = import_whole(file("quotes.csv", tardis_quotes(2)));
    EXPECT_EQ(report.symbols, Lines{"BTC/TETHER"});
    EXPECT_EQ(report.new_symbols, Lines{});
    EXPECT_EQ(stored_reference(), (Lines{"BINANCE_SPOT", "BINANCE_SPOT:BTC/TETHER (BTCUSDT)"}));
    HistoryFilter filter;
    filter.series.symbols = std::span(&known.id, 1);
    EXPECT_EQ(stored_quotes(filter).size(), 2U);
}

TEST_P(ImportLayouts, APairThatIsAnotherInTheDatabaseWarns) {
    const std::string header = "exchange,symbol,exchange_symbol,timestamp,bid_price,bid_qty,ask_price,ask_qty\n";
    const auto rows = [&](const char* pair, int second) {
        return fmt::format("{}MEXC_SPOT,{},BTCUSDT,2024-08-08T12:00:{:02}Z,1,1,2,1\n", header, pair, second);
    };
    EXPECT_EQ(import_whole(file("first.csv", rows("BTC/USDT", 1))).warnings, Lines{});
    EXPECT_EQ(import_whole(file("same.csv", rows("btc/usdt", 2))).warnings, Lines{});
    ImportOptions options;
    for (const OnError on_error : {OnError::stop, OnError::quarantine}) {
        options.on_error = on_error;
        options.force = true;
        const std::filesystem::path given = file("other.csv", rows("ETH/USDT", 3));
        EXPECT_EQ(import_whole(given, options).warnings,
                  Lines{given.string() + ": BTCUSDT of MEXC_SPOT is ETH/USDT in the file and BTC/USDT in the database; "
                                         "its rows are stored as the latter"});
    }
    // Of a vendor's file the pair is only what the spelling looks like, and of a given one the caller knows.
    options.base = "ETH";
    EXPECT_EQ(import_whole(file("given.csv", rows("ETH/USDT", 4)), options).warnings, Lines{});
}

}  // namespace
}  // namespace marketdb::testing
