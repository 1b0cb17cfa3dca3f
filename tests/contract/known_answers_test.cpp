#include <cstdio>

#include "real_data_fixture.hpp"

/// Spreads of real recordings. The expected figures come with the recordings and not from this program.
namespace marketdb::testing {
namespace {

class KnownAnswers : public RealDataTest {
 public:
    /// Where the tables have one time only, it is ours: the answers are by that clock.
    std::unique_ptr<DatabaseManager> open_received() {
        Config settings = config();
        settings.legacy_clock = LegacyClock::received;
        return open(std::move(settings));
    }
    static void import_quotes(DatabaseManager& manager, const std::string& name) {
        const ImportReport report = manager.wait(import_file(manager, tardis(name), {}));
        EXPECT_EQ(report.error, "");
    }
    static SymbolId find(DatabaseManager& manager, const std::string& exchange) {
        return manager.wait(manager.resolve_series(exchange + ":BTC*")).at(0).id;
    }

    static SpreadOptions known_seconds(std::vector<SymbolId> series) {
        SpreadOptions options;
        options.alignment.series = std::move(series);
        options.alignment.every = 1s;
        options.alignment.start = parse_timestamp("2024-08-08T23:54:17Z");
        options.alignment.end = parse_timestamp("2024-08-08T23:59:59Z");
        return options;
    }

    /// `343 samples, 0 missing: -3.7042 -5.3870 -1.9036`: mean, least, greatest.
    static std::string text_of(const SpreadStats& stats) {
        char text[128];
        std::snprintf(text, sizeof text, "%llu samples, %llu missing: %.4f %.4f %.4f",
                      static_cast<unsigned long long>(stats.samples), static_cast<unsigned long long>(stats.missing),
                      stats.mean_bps, stats.min_bps, stats.max_bps);
        return text;
    }
};
INSTANTIATE_TEST_SUITE_P(On, KnownAnswers, ::testing::ValuesIn(all_engines()), engine_name);

TEST_P(KnownAnswers, SpotAgainstUsdMarginedFutures) {
    const auto manager = open_received();
    import_quotes(*manager, "binance_book_ticker_2024-08-08_BTCUSDT.csv.gz");
    import_quotes(*manager, "binance-futures_book_ticker_2024-08-08_BTCUSDT.csv.gz");
    const std::vector<SymbolId> series{find(*manager, "BINANCE_SPOT"), find(*manager, "BINANCE_FUTURES")};
    const SpreadReport report = manager->wait(get_spreads(*manager, known_seconds(series)));
    EXPECT_EQ(text_of(report.pairs.at(1)), "343 samples, 0 missing: -3.7042 -5.3870 -1.9036") << "bid of the futures";
    EXPECT_EQ(text_of(report.pairs.at(0)), "343 samples, 0 missing: 3.6859 1.8862 5.2065") << "bid of spot";
    EXPECT_EQ(report.without_received_at, 0U);

    SpreadOptions by_event = known_seconds(series);
    by_event.alignment.clock = ClockKind::event;
    expect_error(ErrorCode::invalid_argument, [&] { manager->wait(get_spreads(*manager, by_event)); },
                 {"BINANCE_SPOT:BTC/USDT has no event time"});
}

TEST_P(KnownAnswers, SpotAgainstCoinMarginedFutures) {
    const auto manager = open_received();
    import_quotes(*manager, "binance_book_ticker_2024-08-08_BTCUSDT.csv.gz");
    import_quotes(*manager, "binance-delivery_book_ticker_2024-08-08_BTCUSD_PERP.csv.gz");
    const std::vector<SymbolId> series{find(*manager, "BINANCE_SPOT"), find(*manager, "BINANCECM_FUTURES")};
    const SpreadReport report = manager->wait(get_spreads(*manager, known_seconds(series)));
    EXPECT_EQ(text_of(report.pairs.at(1)), "343 samples, 0 missing: -2.6998 -4.4274 -1.1030") << "bid of the futures";
    EXPECT_EQ(text_of(report.pairs.at(0)), "343 samples, 0 missing: 2.6817 1.0853 4.2315") << "bid of spot";
    EXPECT_FALSE(is_present(report.pairs.at(0).mean_fillable)) << "the file does not say what a contract is";
}

}  // namespace
}  // namespace marketdb::testing
