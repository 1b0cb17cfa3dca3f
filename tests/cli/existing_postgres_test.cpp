#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/program.hpp"
#include "support/conversion_database.hpp"

/// The commands on the tables of older programs.
namespace marketdb::testing {
namespace {

using nlohmann::json;

class ExistingPostgres : public CliTest {
 protected:
    [[nodiscard]] std::string stored() const {
        return database_.value(
            "SELECT coalesce(string_agg(b.bid_price::text, ' '), 'none') FROM book_ticker_snapshots AS b JOIN symbols "
            "AS s"
            " ON s.id = b.symbol_id WHERE s.exchange_symbol = 'PEPEUSDT'");
    }

    ConversionDatabase database_{{"complete"}};
};

constexpr const char* kName = "binance_book_ticker_2024-08-08_PEPEUSDT.csv";
/// Eight decimals keep five digits of it.
constexpr const char* kFineQuote =
    "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n"
    "binance,PEPEUSDT,1723161254087891,1723161254187891,1,0.000123456999,0.000123456789,1\n";

TEST_F(ExistingPostgres, WhatIsRoundedTooFarIsStoredOnlyIfItIsAllowed) {
    write_file(kName, kFineQuote);
    const Outcome refused = run({"--db", database_.url(), "import", kName});
    EXPECT_EQ(refused.code, 1);
    EXPECT_NE(refused.err.find("column bid_price"), std::string::npos) << refused.err;
    EXPECT_EQ(stored(), "none");

    const Outcome allowed = run({"--db", database_.url(), "import", "--allow-rounding", "--json", kName});
    EXPECT_EQ(allowed.code, 0) << allowed.err;
    EXPECT_EQ(json::parse(allowed.out).at(0).at("rounded"), 1);
    EXPECT_EQ(stored(), "0.00012346");
}

TEST_F(ExistingPostgres, ACopyRoundsOnlyIfItIsAllowedAndSaysThatTheRowsAreNotTheSame) {
    write_file(kName, kFineQuote);
    answer({"--db", "sqlite:own.db", "import", kName});
    const Outcome refused = run({"copy", "sqlite:own.db", database_.url()});
    EXPECT_EQ(refused.code, 1);
    EXPECT_NE(refused.err.find("column bid_price"), std::string::npos) << refused.err;
    EXPECT_EQ(stored(), "none");
    const Outcome allowed = run({"copy", "sqlite:own.db", database_.url(), "--allow-rounding"});
    EXPECT_EQ(allowed.code, 1) << allowed.out;
    EXPECT_EQ(stored(), "0.00012346");
}

TEST_F(ExistingPostgres, SideTablesKeepWhatItHasNoPlaceFor) {
    const std::string before = database_.definitions("desk");
    write_file(kName, std::string(kFineQuote) + "binance,PEPEUSDT,never,1723161254187891,1,2,1,1\n");
    const std::vector<std::string> import{"--db",       database_.url(), "import", "--allow-rounding",
                                          "--on-error", "quarantine",    kName};
    const Outcome refused = run(import);
    EXPECT_EQ(refused.code, 1);
    EXPECT_NE(refused.err.find("`marketdb init --side-tables`"), std::string::npos) << refused.err;

    EXPECT_EQ(answer({"--db", database_.url(), "init"}).rfind("ready: postgresql://", 0), 0U);
    EXPECT_NE(
        answer({"--db", database_.url(), "init", "--side-tables"}).find("with side tables in the schema marketdb"),
        std::string::npos);
    EXPECT_EQ(run(import).code, 3) << "one row is set aside";
    EXPECT_EQ(run(import).code, 0) << "the file was imported before";
    const std::string stats = answer({"--db", database_.url(), "stats"});
    EXPECT_NE(stats.find("quarantined rows 1"), std::string::npos) << stats;
    EXPECT_EQ(stats.find("schema version"), std::string::npos) << stats;
    EXPECT_EQ(database_.definitions("desk"), before);
}

}  // namespace
}  // namespace marketdb::testing
