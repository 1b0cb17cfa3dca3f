#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "contract/allowed_differences.hpp"
#include "contract/engine_fixture.hpp"
#include "storage/engine.hpp"

namespace marketdb::testing {
namespace {

using storage::Capabilities;

// --- each is what the table says ---------------------------------------------------------------------------------------

using Tested = std::tuple<EngineTarget, AllowedDifference>;

class AllowedDifferences : public ::testing::TestWithParam<Tested>, public EngineFixture {
 public:
    AllowedDifferences() : EngineFixture(std::get<0>(GetParam())) {}

    /// How much is stored, of everything.
    std::vector<std::uint64_t> sizes() {
        const DatabaseStats stats = wait(db().get_database_stats());
        std::vector<std::uint64_t> all{stats.exchanges, stats.symbols, stats.quarantined};
        for (const DatasetStats& one : stats.datasets) all.push_back(one.rows);
        return all;
    }
};

INSTANTIATE_TEST_SUITE_P(On, AllowedDifferences,
                         ::testing::Combine(::testing::ValuesIn(all_engines()),
                                            ::testing::ValuesIn(allowed_differences())),
                         [](const ::testing::TestParamInfo<Tested>& tested) {
                             return std::get<0>(tested.param).name + std::string(std::get<1>(tested.param).name);
                         });

TEST_P(AllowedDifferences, AreExactlyTheStatedErrorOrCount) {
    const AllowedDifference& difference = std::get<1>(GetParam());
    const Symbol symbol = make_symbol("BTC", "USDT", "ALPHA_FUTURES");
    const Ground ground{*this, symbol.exchange_id, symbol.id};
    if (target().can.*difference.needs) {
        EXPECT_EQ(difference.write(ground), difference.whole);
        return;
    }
    if (difference.counted) {
        EXPECT_EQ(difference.write(ground), *difference.counted);
        return;
    }
    const std::vector<std::uint64_t> before = sizes();
    try {
        difference.write(ground);
        ADD_FAILURE() << "nothing was thrown";
    } catch (const Error& error) {
        EXPECT_EQ(to_string(error.code()), to_string(difference.code));
        for (const std::string_view text : difference.refused_for) {
            EXPECT_NE(std::string_view(error.what()).find(text), std::string_view::npos)
                << "'" << text << "' is not in: " << error.what();
        }
    }
    EXPECT_EQ(sizes(), before);
}

// --- the table itself --------------------------------------------------------------------------------------------------

MARKETDB_CONTRACT_SUITE(Capability);

TEST_P(Capability, OfATargetIsThatOfItsEngine) {
    make_symbol();
    close();
    const Config settings = config();
    boost::asio::io_context context;
    const std::unique_ptr<storage::Engine> engine = storage::make_engine(settings, context.get_executor());
    auto opened = boost::asio::co_spawn(context, engine->open(Deadline::in(10s)), boost::asio::use_future);
    context.run();
    opened.get();
    const Capabilities can = engine->capabilities();
    for (const AllowedDifference& one : allowed_differences()) {
        EXPECT_EQ(can.*one.needs, target().can.*one.needs) << one.name;
    }
    context.restart();
    auto closed = boost::asio::co_spawn(context, engine->close(Deadline::in(10s)), boost::asio::use_future);
    context.run();
    closed.get();
}

TEST(AllowedDifferencesTable, NamesTestsThatThereAre) {
    std::vector<std::string> known;
    const ::testing::UnitTest& all = *::testing::UnitTest::GetInstance();
    for (int i = 0; i < all.total_test_suite_count(); ++i) {
        const ::testing::TestSuite& suite = *all.GetTestSuite(i);
        for (int j = 0; j < suite.total_test_count(); ++j) {
            known.push_back(plain_name(suite.name(), suite.GetTestInfo(j)->name()));
        }
    }
    for (const AllowedDifference& one : allowed_differences()) {
        for (const std::string_view test : one.tests) {
            EXPECT_NE(std::find(known.begin(), known.end(), test), known.end()) << one.name << ": " << test;
        }
    }
}

}  // namespace
}  // namespace marketdb::testing
