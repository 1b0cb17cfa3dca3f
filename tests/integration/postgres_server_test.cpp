#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "support/child_process.hpp"
#include "support/expect.hpp"
#include "support/postgres_server.hpp"
#include "support/postgres_session.hpp"

/// The private server that other tests rely on.
namespace marketdb::testing {
namespace {

using Rows = std::vector<std::string>;

bool can_connect(const std::string& conninfo) {
    PGconn* connection = PQconnectdb(conninfo.c_str());
    const bool is_open = PQstatus(connection) == CONNECTION_OK;
    PQfinish(connection);
    return is_open;
}

TEST(PostgresServerShared, AnswersOverItsSocketAndOverTcpToWhoKnowsThePassword) {
    const PostgresEndpoint& server = PostgresServer::shared();
    PostgresSession local(server.url());
    EXPECT_EQ(local.value("SELECT current_user || ' in ' || current_database()"), "marketdb in marketdb_test");
    EXPECT_EQ(local.value("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"), "f");
    EXPECT_EQ(PostgresSession(server.tcp_url()).value("SELECT host(inet_client_addr())"), "127.0.0.1");
    EXPECT_FALSE(can_connect("postgresql://marketdb:wrong@127.0.0.1:" + std::to_string(server.address().port) +
                             "/marketdb_test"));
}

TEST(PostgresServerShared, DiffersFromWhatCodeMightRelyOn) {
    const PostgresEndpoint& server = PostgresServer::shared();
    EXPECT_EQ(server.query(kTestDatabase, "SHOW timezone"), Rows{"Asia/Kolkata"});
    EXPECT_EQ(server.query(kTestDatabase, "SELECT 'a' < 'B', 'a' < 'B' COLLATE \"C\""), Rows{"t|f"});
}

TEST(PostgresServerShared, ShowsRowsAsPsqlDoes) {
    const PostgresEndpoint& server = PostgresServer::shared();
    const std::string sql = "SELECT 1, NULL, 'a' UNION ALL SELECT 2, 'x', '' ORDER BY 1";
    EXPECT_EQ(server.query(kTestDatabase, sql), (Rows{"1||a", "2|x|"}));
    EXPECT_EQ(server.psql(kTestDatabase, sql), "1||a\n2|x|\n");
    EXPECT_THROW(server.run_sql(kTestDatabase, "SELECT no_such_column"), PostgresFailure);
    EXPECT_THROW(static_cast<void>(server.psql(kTestDatabase, "SELECT no_such_column")), std::runtime_error);
}

TEST(PostgresServerShared, NamesTheSqlstateOfAFailure) {
    PostgresSession session(PostgresServer::shared().url());
    try {
        session.run("SELECT 1 / 0");
        FAIL() << "nothing was thrown";
    } catch (const PostgresFailure& failure) {
        EXPECT_EQ(failure.sqlstate(), "22012");
    }
    EXPECT_EQ(session.number("SELECT 41 + 1"), 42) << "and the session goes on";
}

TEST(PostgresServerShared, ASessionHearsWhatIsNotified) {
    const PostgresEndpoint& server = PostgresServer::shared();
    PostgresSession session(server.url());
    session.run("LISTEN heard_by_one_test");
    EXPECT_FALSE(session.hears("heard_by_one_test", std::chrono::milliseconds(0)));
    server.run_sql(kTestDatabase, "NOTIFY heard_by_one_test");
    EXPECT_TRUE(session.hears("heard_by_one_test"));
}

TEST(PostgresServerPrivate, ComesBackAfterAKillWithWhatWasCommitted) {
    PostgresServer server;
    server.run_sql(kTestDatabase, "CREATE TABLE t AS SELECT 7 AS n");
    PostgresSession open(server.conninfo());
    ASSERT_TRUE(wait_until([&] { return server.backend_pids().size() == 1; })) << "the other has just gone";

    server.kill();
    EXPECT_FALSE(server.is_running());
    EXPECT_FALSE(server.answers());
    EXPECT_THROW(open.run("SELECT 1"), PostgresFailure);
    server.start();
    EXPECT_EQ(server.query(kTestDatabase, "SELECT n FROM t"), Rows{"7"}) << "on the same port";

    server.restart();
    EXPECT_EQ(server.query(kTestDatabase, "SELECT n FROM t"), Rows{"7"});
}

TEST(PostgresServerPrivate, RecoversByItselfWhenOneBackendIsKilled) {
    PostgresServer server;
    PostgresSession victim(server.conninfo() + " application_name=victim");
    PostgresSession bystander(server.conninfo() + " application_name=bystander");
    const std::vector<pid_t> pids = server.backend_pids("vic%");
    ASSERT_EQ(pids, std::vector<pid_t>{PQbackendPID(victim.handle())});

    PostgresServer::kill_backend(pids.front());
    ASSERT_TRUE(wait_until([&] { return PQconsumeInput(bystander.handle()) == 0; })) << "all others are ended";
    ASSERT_TRUE(wait_until([&] { return server.answers(); }));
    EXPECT_EQ(server.query(kTestDatabase, "SELECT 1"), Rows{"1"});
}

TEST(PostgresServerPrivate, ASettingIsSeenByTheNextConnection) {
    PostgresOptions options;
    options.settings["work_mem"] = "5MB";
    PostgresServer server(options);
    EXPECT_EQ(server.query("postgres", "SHOW work_mem"), Rows{"5MB"});
    EXPECT_EQ(server.query("postgres", "SHOW fsync"), Rows{"off"});
    server.configure("statement_timeout", "7s");
    EXPECT_EQ(server.query("postgres", "SHOW statement_timeout"), Rows{"7s"});
    server.configure("statement_timeout", nullptr);
    EXPECT_EQ(server.query("postgres", "SHOW statement_timeout"), Rows{"0"});

    server.configure_access("local all postgres trust\n");
    EXPECT_FALSE(can_connect(server.url()));
    EXPECT_TRUE(can_connect(server.conninfo()));
}

TEST(PostgresServerPrivate, AStandbyHasWhatTheKilledPrimaryAcknowledgedAndTakesOver) {
    PostgresServer primary;
    const auto standby = primary.make_standby("second");
    primary.configure("synchronous_standby_names", "second");
    primary.configure("synchronous_commit", "remote_apply");
    primary.run_sql(kTestDatabase, "CREATE TABLE t AS SELECT 7 AS n");
    EXPECT_EQ(standby->query(kTestDatabase, "SELECT n, pg_is_in_recovery() FROM t"), Rows{"7|t"});

    primary.kill();
    standby->promote();
    standby->run_sql(kTestDatabase, "INSERT INTO t VALUES (8)");
    EXPECT_EQ(standby->query(kTestDatabase, "SELECT n FROM t ORDER BY n"), (Rows{"7", "8"}));
    EXPECT_NE(standby->address().port, primary.address().port);
}

TEST(PostgresServerPrivate, ProvesWhoItIsWithTheCertificateThatATestChooses) {
    PostgresOptions options;
    options.tls = true;
    PostgresServer server(options);
    const Certificates& certificates = server.certificates();
    const auto verified_by = [&](const std::filesystem::path& authority) {
        return "host=localhost hostaddr=127.0.0.1 port=" + std::to_string(server.address().port) +
               " dbname=marketdb_test user=marketdb password=" + server.address().password +
               " sslmode=verify-full sslrootcert=" + authority.string();
    };
    EXPECT_EQ(PostgresSession(verified_by(certificates.authority))
                  .value("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"),
              "t");
    EXPECT_FALSE(can_connect(verified_by(certificates.other_authority)));
    server.show_certificate(certificates.wrong_host);
    EXPECT_FALSE(can_connect(verified_by(certificates.authority)));
    server.show_certificate(certificates.expired);
    EXPECT_FALSE(can_connect(verified_by(certificates.authority)));
    server.show_certificate(certificates.server);
    EXPECT_TRUE(can_connect(verified_by(certificates.authority)));
}

TEST(PostgresServerPrivate, DiesWithTheProcessThatStartedItAndLeavesNothing) {
    ChildProcess owner([](LineChannel& parent) {
        const PostgresServer server;
        parent.say(server.folder().string());
        parent.say(server.tcp_url());
        static_cast<void>(parent.hear(std::chrono::minutes(5)));
        return 0;
    });
    const std::filesystem::path folder = owner.hear().value_or("");
    const std::string url = owner.hear().value_or("");
    ASSERT_EQ(PQping(url.c_str()), PQPING_OK);
    owner.kill();
    const auto limit = std::chrono::seconds(60);
    EXPECT_TRUE(wait_until([&] { return PQping(url.c_str()) == PQPING_NO_RESPONSE; }, limit));
    EXPECT_TRUE(wait_until([&] { return !std::filesystem::exists(folder); }, limit));
}

TEST(PostgresServerPrivate, AKilledServerIsClearedAwayTooWithTheProcessThatStartedIt) {
    ChildProcess owner([](LineChannel& parent) {
        PostgresServer server;
        server.kill();
        parent.say(server.folder().string());
        static_cast<void>(parent.hear(std::chrono::minutes(5)));
        return 0;
    });
    const std::filesystem::path folder = owner.hear().value_or("");
    ASSERT_TRUE(std::filesystem::exists(folder / "data"));
    owner.kill();
    EXPECT_TRUE(wait_until([&] { return !std::filesystem::exists(folder); }, std::chrono::seconds(60)));
}

}  // namespace
}  // namespace marketdb::testing
