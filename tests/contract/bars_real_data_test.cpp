#include "real_data_fixture.hpp"

/// Bars of real recordings. The expected numbers were computed from the files themselves by a few lines of Python: rows of the CSV
/// sorted by (timestamp, sequence) as docs/time-and-units.md defines it, grouped by timestamp // interval, then `max`, `min` and
/// sums that are added up in a loop, so also the last bit must agree.
namespace marketdb::testing {
namespace {

class RealBars : public RealDataTest {
 public:
    /// Imports a file and asks for bars of its only series.
    BarOptions bars_of(const std::filesystem::path& path, std::chrono::microseconds every) {
        const ImportReport report = import_whole(path);
        BarOptions options;
        options.symbol = wait(db().resolve_series(report.exchange + ":" + report.symbols.at(0))).at(0).id;
        options.every = every;
        return options;
    }
};
INSTANTIATE_TEST_SUITE_P(On, RealBars, ::testing::ValuesIn(all_engines()), engine_name);

void expect_range(const Range& range, double open, double high, double low, double close) {
    EXPECT_EQ(range.open, open);
    EXPECT_EQ(range.high, high);
    EXPECT_EQ(range.low, low);
    EXPECT_EQ(range.close, close);
}

TEST_P(RealBars, MinutesOfUsdMarginedQuotes) {
    const BarOptions options = bars_of(tardis("binance-futures_book_ticker_2024-08-08_BTCUSDT.csv.gz"), 1min);
    const std::vector<QuoteBar> bars = wait(get_quote_bars(db(), options)).bars;
    ASSERT_EQ(bars.size(), 7U);
    std::vector<std::uint64_t> counts;
    for (const QuoteBar& bar : bars) counts.push_back(bar.count);
    EXPECT_EQ(counts, (std::vector<std::uint64_t>{8'088, 10'384, 10'222, 10'644, 15'853, 10'897, 1}));
    const QuoteBar& bar = bars[4];
    EXPECT_EQ(to_string(bar.start), "2024-08-08T23:58:00.000000Z");
    expect_range(bar.bid, 61628.1, 61720.2, 61590.3, 61694.4);
    expect_range(bar.ask, 61628.2, 61730.4, 61590.4, 61694.5);
    expect_range(bar.mid, 61628.149999999994, 61721.55, 61590.350000000006, 61694.45);
    EXPECT_EQ(bar.mean_mid, 61646.991941591405);
    EXPECT_EQ(bar.mean_spread, 0.41242036207606625);
    EXPECT_EQ(bar.two_sided_count, 15'853U);
    EXPECT_EQ(bars[0].mean_mid, 61813.85001854375);
    EXPECT_EQ(bars[5].mean_mid, 61683.82371294994);
    EXPECT_EQ(bars[5].mean_spread, 0.13462420849744453);
    expect_range(bars[6].bid, 61659.7, 61659.7, 61659.7, 61659.7);
}

TEST_P(RealBars, FiveMinutesOfUsdMarginedQuotesByTheReceivedClock) {
    BarOptions options = bars_of(tardis("binance-futures_book_ticker_2024-08-08_BTCUSDT.csv.gz"), 5min);
    options.clock = ClockKind::received;
    const std::vector<QuoteBar> bars = wait(get_quote_bars(db(), options)).bars;
    ASSERT_EQ(bars.size(), 2U);
    EXPECT_EQ(bars[0].count, 8'400U) << "312 more than by the exchange's clock, which runs ahead";
    EXPECT_EQ(bars[1].count, 57'689U);
    expect_range(bars[0].bid, 61800.2, 61839.7, 61800.0, 61813.0);
    EXPECT_EQ(bars[0].mean_mid, 61813.754654759985);
    EXPECT_EQ(bars[1].mean_mid, 61702.67010694525);
    EXPECT_EQ(bars[1].mean_spread, 0.21525767477317345);
}

TEST_P(RealBars, MinutesOfSpotTrades) {
    const BarOptions options = bars_of(tardis("binance_trades_2024-08-08_BTCUSDT.csv.gz"), 1min);
    const std::vector<TradeBar> bars = wait(get_trade_bars(db(), options)).bars;
    ASSERT_EQ(bars.size(), 7U);
    const TradeBar& bar = bars[4];
    EXPECT_EQ(to_string(bar.start), "2024-08-08T23:58:00.000000Z");
    expect_range(bar.price, 61652.0, 61745.27, 61583.22, 61717.63);
    EXPECT_EQ(bar.volume, 77.14202000000054);
    EXPECT_EQ(bar.buy_volume, 38.24673999999992);
    EXPECT_EQ(bar.vwap, 61660.862335802005);
    EXPECT_EQ(bar.count, 3'216U);
    EXPECT_EQ(bars[0].vwap, 61837.51294467346);
    EXPECT_EQ(bars[6].volume, 0.17214000000000004);
    EXPECT_EQ(bars[6].vwap, 61685.998605785964);
}

TEST_P(RealBars, StatisticsOfSpotQuotesAndTrades) {
    StatisticsOptions options;
    options.symbol = bars_of(tardis("binance_book_ticker_2024-08-08_BTCUSDT.csv.gz"), 1min).symbol;
    const QuoteStatistics quotes = wait(get_quote_stats(db(), options));
    EXPECT_EQ(quotes.count, 28'040U);
    EXPECT_DOUBLE_EQ(quotes.mean_spread_bps, 0.05034389399461615);
    EXPECT_DOUBLE_EQ(quotes.mean_spread_bps_of_bid, 0.05034778997220043);
    EXPECT_DOUBLE_EQ(quotes.mean_value, 209258.258513274);
    EXPECT_DOUBLE_EQ(quotes.mean_imbalance, -0.02704298223337664);
    EXPECT_DOUBLE_EQ(quotes.p10_bid_value, 618.368);
    EXPECT_DOUBLE_EQ(quotes.p90_bid_value, 246126.90281778004);
    EXPECT_EQ(to_string(quotes.first), "2024-08-08T23:54:14.087891Z");
    EXPECT_EQ(to_string(quotes.last), "2024-08-08T23:59:59.999231Z");

    bars_of(tardis("binance_trades_2024-08-08_BTCUSDT.csv.gz"), 1min);
    const TradeStatistics trades = wait(get_trade_stats(db(), options));
    EXPECT_EQ(trades.count, 9'757U);
    EXPECT_EQ(trades.volume, 212.0331500000044);
    EXPECT_EQ(trades.buy_volume, 96.65118000000083);
    EXPECT_EQ(trades.value, 13084074.112388609);
    EXPECT_EQ(trades.mean_value, 1340.9935546160305);
    EXPECT_EQ(trades.vwap, 61707.68161671105);
}

TEST_P(RealBars, TheValueOfInverseContractsIsTheirSize) {
    Symbol symbol;
    symbol.exchange_id = make_exchange("BINANCECM_FUTURES").id;
    symbol.symbol_base = "BTC";
    symbol.symbol_quote = "USD";
    symbol.exchange_symbol = "BTCUSD_PERP";
    symbol.contract_type = ContractType::inverse;
    symbol.quantity_unit = QuantityUnit::contracts;
    symbol.contract_size = 100;
    symbol = wait(db().ensure_symbol(symbol));

    StatisticsOptions options;
    options.symbol = bars_of(tardis("binance-delivery_trades_2024-08-08_BTCUSD_PERP.csv.gz"), 1min).symbol;
    EXPECT_EQ(options.symbol, symbol.id);
    const TradeStatistics trades = wait(get_trade_stats(db(), options));
    EXPECT_EQ(trades.count, 2'286U);
    EXPECT_EQ(trades.volume, 83'241);
    EXPECT_EQ(trades.value, 8'324'100) << "100 dollars each";
    EXPECT_EQ(trades.mean_value, 3641.3385826771655);
}

TEST_P(RealBars, AYearOfSettledFunding) {
    import_whole(binance("um/BTCUSDT-fundingRate-2023.zip"));
    HistoryFilter filter;
    filter.series.base = "BTC";
    const std::vector<FundingRate> rates = wait(get_settled_funding(db(), filter)).rows;
    ASSERT_EQ(rates.size(), 1'095U);
    EXPECT_EQ(to_string(rates.back().timestamp), "2023-12-31T16:00:00.000000Z");
    EXPECT_EQ(rates.back().funding_rate, 0.00033597);
    EXPECT_DOUBLE_EQ(annualised_funding_rate(rates.back()), 0.36788715);
}

}  // namespace
}  // namespace marketdb::testing
