#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "contract/engine_target.hpp"
#include "support/temporary_folder.hpp"

/// What the contract suite's PostgreSQL target promises beside the engine.
namespace marketdb::testing {
namespace {

TEST(PostgresTarget, EachFolderHasASchemaOfItsOwnThatIsEmptyAndGoesAfterwards) {
    const EngineTarget target = postgres_lean_target();
    const TemporaryFolder one;
    const TemporaryFolder other;
    target.set_up(one.path());
    target.set_up(other.path());
    target.make_empty(one.path());
    target.make_empty(other.path());
    EXPECT_EQ(target.tables(one.path()), Lines{});
    target.run_sql(one.path(), "CREATE TABLE notes (text text); INSERT INTO notes VALUES ('mine')");
    EXPECT_EQ(target.tables(one.path()), Lines{"notes"});
    EXPECT_EQ(target.query(one.path(), "SELECT text, 7 FROM notes"), Lines{"mine|7"});
    EXPECT_EQ(target.tables(other.path()), Lines{});

    target.tear_down(one.path());
    target.tear_down(other.path());
    const std::string left = "SELECT nspname FROM pg_namespace WHERE nspname IN (" +
                             quoted_text(target.shown(one.path())) + ", " + quoted_text(target.shown(other.path())) +
                             ")";
    EXPECT_EQ(PostgresServer::shared().query(kTestDatabase, left), Lines{});
}

TEST(PostgresTarget, ItsSettingsNameTheSchemaAndARoleThatOwnsNothing) {
    const EngineTarget target = postgres_lean_target();
    const TemporaryFolder folder;
    const Config config = target.config(folder.path());
    EXPECT_EQ(config.engine, EngineKind::postgres);
    EXPECT_EQ(config.postgres.schema, target.shown(folder.path()));
    EXPECT_EQ(config.postgres.schema.substr(0, 5), "Desk_");
    target.set_up(folder.path());
    const std::string is_owner = "SELECT nspowner::regrole = current_user::regrole FROM pg_namespace WHERE nspname = " +
                                 quoted_text(config.postgres.schema);
    EXPECT_EQ(PostgresSession(target.owner_config(folder.path()).postgres.conninfo).value(is_owner), "t");
    PostgresSession writer(config.postgres.conninfo);
    EXPECT_EQ(writer.value("SELECT current_user"), "contract_writer");
    EXPECT_EQ(writer.value("SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole"), "0");
    EXPECT_EQ(writer.value("SELECT has_schema_privilege(" + quoted_text(quoted_identifier(config.postgres.schema)) +
                           "::regnamespace, 'CREATE')"),
              "f");
    target.tear_down(folder.path());
}

TEST(PostgresTarget, AForeignLockStopsWritersAndNotReaders) {
    const EngineTarget target = postgres_lean_target();
    const TemporaryFolder folder;
    target.set_up(folder.path());
    target.make_empty(folder.path());
    target.run_sql(folder.path(), "CREATE TABLE quotes (n int) PARTITION BY RANGE (n)");
    target.run_sql(folder.path(), "CREATE TABLE quotes_1 PARTITION OF quotes FOR VALUES FROM (1) TO (2)");
    const auto lock = target.lock_writes(folder.path());
    EXPECT_EQ(target.query(folder.path(), "SELECT count(*) FROM quotes"), Lines{"0"});
    const std::string write = "SET lock_timeout = '20ms'; INSERT INTO quotes VALUES (1)";
    EXPECT_THROW(target.run_sql(folder.path(), write), PostgresFailure);
    lock->release();
    target.run_sql(folder.path(), write);
    EXPECT_EQ(target.query(folder.path(), "SELECT n FROM quotes"), Lines{"1"});
    target.tear_down(folder.path());
}

TEST(PostgresTarget, ATimeIsWrittenAsTheTablesHoldIt) {
    const EngineTarget target = postgres_lean_target();
    const TemporaryFolder folder;
    target.set_up(folder.path());
    EXPECT_EQ(target.query(folder.path(), "SELECT extract(epoch FROM " + target.sql_time(kNoon + 1us) + ")"),
              Lines{"1723118400.000001"});
    target.tear_down(folder.path());
}

}  // namespace
}  // namespace marketdb::testing
