#include <filesystem>
#include <memory>
#include <vector>

#include "import_fixture.hpp"

/// Rows that every store can hold: between any two of them they go and come back as they are.
namespace marketdb::testing {
namespace {

class CommonGround : public ImportTest {
 protected:
    /// Twelve rows of all datasets, on two exchanges.
    void store_some_of_each() {
        const Symbol spot = make_symbol();
        const Symbol perpetual = make_symbol("ETH", "USDT", "BETA_FUTURES", "ETH_USDT");
        store({quote(spot.id, kNoon, 61837.63, 61837.64, 3), quote(spot.id, kNoon + 1ms, 61837.65, 61838, 4),
               quote(perpetual.id, kNoon + 5us, 0.00001234, 123456789.12345678)});
        Trade known = trade(perpetual.id, kNoon, "18", 2500.5, 0.25, Side::sell);
        known.quote_quantity = 625.125;
        known.is_maker = Tristate::no;
        store({trade(spot.id, kNoon, "17"), trade(spot.id, kNoon, "20"), known});
        store({with_settlement(funding(perpetual.id, kNoon, 0.0001)),
               with_settlement(funding(perpetual.id, kNoon + 8h, -0.00012345, FundingKind::settled))});
        Balance margin = balance(perpetual.exchange_id, "USDT", kNoon, 10, 2);
        margin.frozen_balance = 1;
        margin.borrowing_balance = 3;
        margin.interest_balance = 0.5;
        store({balance(spot.exchange_id, "USDT", kNoon, 10.1), balance(spot.exchange_id, "BTC", kNoon, 0),
               balance(spot.exchange_id, "BTC", kNoon + 1s, 0.123), margin});
    }

    Lines everything() {
        Lines all = stored_quotes();
        for (const Lines& more : {stored_trades(), stored_funding(), stored_balances()}) {
            all.insert(all.end(), more.begin(), more.end());
        }
        return all;
    }
};
INSTANTIATE_TEST_SUITE_P(On, CommonGround, ::testing::ValuesIn(all_engines()), engine_name);

TEST_P(CommonGround, ComesBackAsItWas) {
    store_some_of_each();
    const Lines stored{"+0ms #3 bid 61837.63x1 ask 61837.64x2",
                       "+0.005ms #0 bid 1.234e-05x1 ask 123456789.12345678x2",
                       "+1ms #4 bid 61837.65x1 ask 61838x2",
                       "+0ms #17 id 17 buy 100x1",
                       "+0ms #20 id 20 buy 100x1",
                       "+0ms #18 id 18 sell 2500.5x0.25 quote 625.125 not-maker",
                       "+0ms predicted 1e-04 for +28800000ms",
                       "+28800000ms settled -0.00012345 for +28800000ms",
                       "+0ms main BTC 0+0=0",
                       "+0ms main USDT 10.1+0=10.1",
                       "+0ms main USDT 10+2=12 frozen 1 borrowed 3 interest 0.5",
                       "+1000ms main BTC 0.123+0=0.123"};
    EXPECT_EQ(everything(), stored);
    reopen_if_shared();
    EXPECT_EQ(everything(), stored);
}

TEST_P(CommonGround, ACopyOutAndBackFindsEverythingEqual) {
    store_some_of_each();
    const Lines before = everything();
    const auto file = open(Config::from_url("sqlite:" + (folder() / "other.db").string()));
    const CopyReport out = wait(copy_history(db(), *file, {}));
    EXPECT_EQ(out.rows, 12U);
    EXPECT_EQ(out.written, result(12));
    EXPECT_EQ(out.different, 0U);
    EXPECT_EQ(out.new_symbols, (Lines{"ALPHA_SPOT:BTC/USDT (BTCUSDT)", "BETA_FUTURES:ETH/USDT (ETH_USDT)"}));
    EXPECT_EQ(wait(checksum_history(db(), {})).rows, 12U);

    const CopyReport back = wait(copy_history(*file, db(), {}));
    EXPECT_EQ(back.different, 0U);
    EXPECT_EQ(back.new_symbols, Lines{});
    EXPECT_EQ(back.written.inserted + back.written.updated, 0U);
    EXPECT_EQ(everything(), before);
    file->wait(file->close());
}

TEST_P(CommonGround, AnExportThatIsImportedAgainChangesNothing) {
    store_some_of_each();
    const Lines before = everything();
    const std::vector<std::uint64_t> rows{3, 3, 2, 4};
    for (const Dataset dataset : {Dataset::book_tickers, Dataset::trades, Dataset::funding_rates, Dataset::balances}) {
        SCOPED_TRACE(to_string(dataset));
        const std::filesystem::path path = file(std::string(to_string(dataset)) + ".csv", exported(dataset));
        EXPECT_EQ(import_whole(path).written, result(0, 0, rows.at(static_cast<std::size_t>(dataset))));
    }
    EXPECT_EQ(everything(), before);
}

}  // namespace
}  // namespace marketdb::testing
