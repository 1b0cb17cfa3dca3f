#include <chrono>
#include <string>
#include <variant>

#include <marketdb/coverage.hpp>

#include "contract/engine_fixture.hpp"

/// The ledger of coverage where others have its tables locked, and where the role has defaults of its own.
namespace marketdb::testing {
namespace {

class PostgresLedger : public ::testing::Test, public EngineFixture {
 protected:
    PostgresLedger() : EngineFixture(postgres_lean_target()) {}
};

/// Its rows are still seen until it commits, and it cuts only what it sees pending.
TEST_F(PostgresLedger, WhoOpensClaimsWaitsForWhoIsTakingTimeOut) {
    CoverageClaim claim;
    claim.symbol = make_symbol().id;
    claim.source = SourceId{1};
    const auto other = postgres_target::open(folder());
    other->run("BEGIN; LOCK TABLE coverage IN SHARE ROW EXCLUSIVE MODE");
    expect_error(ErrorCode::timeout,
                 [&] { wait(open_claims(db(), {claim}, Deadline::in(std::chrono::milliseconds(300)))); });
    EXPECT_EQ(other->value("SELECT count(*) FROM pending_claims"), "0");
    other->run("ROLLBACK");
    wait(open_claims(db(), {claim}));
    EXPECT_EQ(other->value("SELECT count(*) FROM pending_claims"), "1");
}

TEST_F(PostgresLedger, TransactionsSeeWhatTheyWaitedForWhateverTheRolesDefaultIs) {
    static_cast<void>(db());
    const std::string schema = "schema=" + postgres_target::schema(folder());
    const auto manager = open(Config::from_url(
        PostgresServer::shared().url(schema + "&options=-cdefault_transaction_isolation%3Drepeatable%5C%20read")));
    const SqlResult asked = manager->wait(manager->fetch("SELECT current_setting('default_transaction_isolation')"));
    ASSERT_EQ(std::get<std::string>(asked.rows.at(0).at(0)), "repeatable read");
    const auto other = postgres_target::open(folder());
    other->run("INSERT INTO sources (kind, name, started_at, rows) VALUES ('import', 'x', now(), 0)");
    manager->wait(
        manager->execute("INSERT INTO quarantined_rows SELECT max(id), 1, 'trades', "
                         "current_setting('transaction_isolation'), '' FROM sources"));
    EXPECT_EQ(other->value("SELECT reason FROM quarantined_rows"), "read committed");
    manager->wait(manager->close());
}

}  // namespace
}  // namespace marketdb::testing
