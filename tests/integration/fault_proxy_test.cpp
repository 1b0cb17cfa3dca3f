#include "support/fault_proxy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <vector>

#include "support/expect.hpp"
#include "support/postgres_server.hpp"
#include "support/postgres_session.hpp"

/// The proxy that other tests break links with, used by a client that knows nothing of it: blocking libpq.
namespace marketdb::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using Rows = std::vector<std::string>;

class PostgresFaultProxy : public ::testing::Test {
 protected:
    PostgresFaultProxy() : table_("proxied_" + std::to_string(::getpid())), proxy_(PostgresServer::shared()) {
        direct("DROP TABLE IF EXISTS " + table_ + "; CREATE TABLE " + table_ + " (n int)");
        direct("GRANT ALL ON " + table_ + " TO marketdb");
    }
    ~PostgresFaultProxy() override { direct("DROP TABLE " + table_); }

    static void direct(const std::string& sql) { PostgresServer::shared().run_sql(kTestDatabase, sql); }
    [[nodiscard]] Rows stored() const {
        return PostgresServer::shared().query(kTestDatabase, "SELECT n FROM " + table_ + " ORDER BY n");
    }
    /// The message of the failure, or nothing.
    static std::string failure_of(PostgresSession& session, const std::string& sql) {
        try {
            session.run(sql);
            return {};
        } catch (const PostgresFailure& failure) {
            return failure.what();
        }
    }
    /// `C:SELECT 1` of every message of one direction, the type alone where it says nothing.
    [[nodiscard]] Rows seen(Direction direction) const {
        Rows lines;
        for (const SeenMessage& message : proxy_.messages()) {
            if (message.direction != direction) continue;
            lines.push_back(std::string(1, message.type) + (message.text.empty() ? "" : ":" + message.text));
        }
        return lines;
    }
    static bool is_silent(const PostgresSession& session, std::chrono::milliseconds length) {
        pollfd ready{PQsocket(session.handle()), POLLIN, 0};
        return ::poll(&ready, 1, static_cast<int>(length.count())) == 0;
    }

    std::string table_;
    FaultProxy proxy_;
};

TEST_F(PostgresFaultProxy, SeesEveryMessageOfBothDirectionsAndNoPassword) {
    PostgresSession session(proxy_.url("application_name=proxied"));
    const Rows start = seen(Direction::to_server);
    ASSERT_EQ(start.size(), 4U);
    EXPECT_EQ(start[0], "?") << "the proxy says no to TLS, and goes on reading";
    EXPECT_THAT(start[1], HasSubstr("application_name=proxied"));
    EXPECT_EQ(start[2], "p");
    EXPECT_EQ(start[3], "p");
    EXPECT_THAT(seen(Direction::to_client), IsSupersetOf({"S:client_encoding=UTF8", "K", "Z:I"}));

    proxy_.forget_messages();
    EXPECT_EQ(session.value("SELECT 41 + 1"), "42");
    EXPECT_THAT(seen(Direction::to_server), ElementsAre("Q:SELECT 41 + 1"));
    EXPECT_THAT(seen(Direction::to_client), ElementsAre("T", "D", "C:SELECT 1", "Z:I"));
    EXPECT_EQ(proxy_.messages().at(0).link, 1);
    EXPECT_EQ(proxy_.messages().at(0).size, 1U + 4U + 14U);

    proxy_.forget_messages();
    EXPECT_THAT(failure_of(session, "SELECT 1 / 0"), HasSubstr("division by zero"));
    EXPECT_THAT(seen(Direction::to_client), ElementsAre("E:22012 division by zero", "Z:I"));
}

TEST_F(PostgresFaultProxy, NamesAPreparedStatementByItsSql) {
    PostgresSession session(proxy_.url());
    PQclear(PQprepare(session.handle(), "plan", "SELECT 7", 0, nullptr));
    proxy_.forget_messages();
    PQclear(PQexecPrepared(session.handle(), "plan", 0, nullptr, nullptr, nullptr, 0));
    EXPECT_THAT(seen(Direction::to_server), ElementsAre("B:SELECT 7", "D", "E:SELECT 7", "S"));
}

TEST_F(PostgresFaultProxy, OneByteAtATimeTheAnswersAreTheSame) {
    proxy_.trickle(Direction::to_server, 1);
    proxy_.trickle(Direction::to_client, 1);
    PostgresSession session(proxy_.url());
    EXPECT_EQ(session.rows("SELECT n, repeat('x', 20) FROM generate_series(1, 3) AS n"),
              (Rows{"1|xxxxxxxxxxxxxxxxxxxx", "2|xxxxxxxxxxxxxxxxxxxx", "3|xxxxxxxxxxxxxxxxxxxx"}));
    proxy_.trickle(Direction::to_client, 0);
    EXPECT_EQ(session.rows("SELECT n FROM generate_series(1, 100000) AS n").size(), 100'000U);
}

TEST_F(PostgresFaultProxy, ACommitWhoseAnswerIsLostIsStored) {
    PostgresSession session(proxy_.url());
    session.run("BEGIN; INSERT INTO " + table_ + " VALUES (1)");
    Fault lost;
    lost.direction = Direction::to_client;
    lost.type = 'C';
    lost.containing = "COMMIT";
    proxy_.inject(lost);
    EXPECT_NE(failure_of(session, "COMMIT"), "");
    EXPECT_EQ(proxy_.happened(), 1);
    EXPECT_EQ(stored(), Rows{"1"});
}

TEST_F(PostgresFaultProxy, ACommitThatIsLostOnItsWayIsNotStored) {
    PostgresSession session(proxy_.url());
    session.run("BEGIN; INSERT INTO " + table_ + " VALUES (1)");
    Fault lost;
    lost.type = 'Q';
    lost.containing = "COMMIT";
    proxy_.inject(lost);
    EXPECT_NE(failure_of(session, "COMMIT"), "");
    EXPECT_TRUE(wait_until([&] { return proxy_.open_links() == 0; }));
    EXPECT_EQ(stored(), Rows{});
}

TEST_F(PostgresFaultProxy, AResetAndAnOrderlyEndAreTwoThings) {
    for (const FaultAction action : {FaultAction::reset, FaultAction::close}) {
        PostgresSession session(proxy_.url());
        Fault fault;
        fault.action = action;
        fault.direction = Direction::to_client;
        fault.type = 'T';
        proxy_.inject(fault);
        ASSERT_EQ(PQsendQuery(session.handle(), "SELECT 1"), 1);
        ASSERT_FALSE(is_silent(session, 10s));
        char byte = 0;
        errno = 0;
        const ssize_t count = ::recv(PQsocket(session.handle()), &byte, 1, MSG_PEEK);
        EXPECT_EQ(errno, action == FaultAction::reset ? ECONNRESET : 0);
        EXPECT_EQ(count, action == FaultAction::reset ? -1 : 0);
        EXPECT_NE(failure_of(session, "SELECT 2"), "");
        EXPECT_EQ(PQstatus(session.handle()), CONNECTION_BAD);
    }
    EXPECT_TRUE(wait_until([&] { return proxy_.open_links() == 0; }));
}

TEST_F(PostgresFaultProxy, TheNthMessageThatFitsIsMeant) {
    PostgresSession session(proxy_.url());
    Fault third;
    third.type = 'Q';
    third.containing = "INSERT";
    third.nth = 3;
    proxy_.inject(third);
    for (int n = 1; n <= 2; ++n) {
        session.run("INSERT INTO " + table_ + " VALUES (" + std::to_string(n) + ")");
        session.run("SELECT 1");
    }
    EXPECT_NE(failure_of(session, "INSERT INTO " + table_ + " VALUES (3)"), "");
    EXPECT_EQ(stored(), (Rows{"1", "2"}));
}

TEST_F(PostgresFaultProxy, AStalledLinkStaysOpenAndGoesOnWhenItIsHealed) {
    PostgresSession session(proxy_.url());
    Fault stall;
    stall.action = FaultAction::stall;
    stall.direction = Direction::to_client;
    stall.type = 'C';
    proxy_.inject(stall);
    ASSERT_EQ(PQsendQuery(session.handle(), ("INSERT INTO " + table_ + " VALUES (1)").c_str()), 1);
    ASSERT_TRUE(wait_until([&] { return proxy_.happened() == 1; }));
    EXPECT_TRUE(is_silent(session, 100ms));
    EXPECT_EQ(proxy_.open_links(), 1U);
    EXPECT_EQ(stored(), Rows{"1"});

    proxy_.heal();
    PGresult* result = PQgetResult(session.handle());
    EXPECT_STREQ(PQcmdTuples(result), "1");
    PQclear(result);
    EXPECT_EQ(PQgetResult(session.handle()), nullptr);
    EXPECT_EQ(session.value("SELECT 2"), "2");
}

TEST_F(PostgresFaultProxy, AStalledLinkTakesNoMoreThanItsBuffersHold) {
    PostgresSession session(proxy_.url());
    PQclear(PQexec(session.handle(), ("COPY " + table_ + " FROM STDIN").c_str()));
    ASSERT_EQ(PQsetnonblocking(session.handle(), 1), 0);
    proxy_.hit_all_links(FaultAction::stall);
    const std::string rows(1'000'000, '\n');
    int accepted = 0;
    while (accepted < 100 && PQputCopyData(session.handle(), rows.data(), static_cast<int>(rows.size())) == 1 &&
           PQflush(session.handle()) == 0) {
        ++accepted;
    }
    EXPECT_LT(accepted, 100);
    proxy_.hit_all_links(FaultAction::reset);
    EXPECT_TRUE(wait_until([&] { return proxy_.open_links() == 0; }));
    EXPECT_EQ(stored(), Rows{});
}

TEST_F(PostgresFaultProxy, ADelayedMessageComesLater) {
    PostgresSession session(proxy_.url());
    Fault late;
    late.action = FaultAction::delay;
    late.direction = Direction::to_client;
    late.type = 'D';
    late.delay = 80ms;
    proxy_.inject(late);
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(session.value("SELECT 1"), "1");
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 80ms);
}

TEST_F(PostgresFaultProxy, ACorruptByteIsWhereTheTestPutIt) {
    PostgresSession session(proxy_.url());
    Fault corrupt;
    corrupt.action = FaultAction::corrupt;
    corrupt.direction = Direction::to_client;
    corrupt.type = 'D';
    corrupt.byte = 11;  // the first of the first column, behind type, length, number of columns and its length
    proxy_.inject(corrupt);
    EXPECT_EQ(session.value("SELECT 'abc'"), std::string("\x9e") + "bc");
    corrupt.type = 'C';
    corrupt.byte = 0;
    proxy_.inject(corrupt);
    EXPECT_NE(failure_of(session, "SELECT 1"), "") << "a message of no known type";
}

TEST_F(PostgresFaultProxy, ASwallowedMessageNeverArrives) {
    PostgresSession session(proxy_.url());
    Fault swallow;
    swallow.action = FaultAction::swallow;
    swallow.type = 'Q';
    proxy_.inject(swallow);
    ASSERT_EQ(PQsendQuery(session.handle(), ("INSERT INTO " + table_ + " VALUES (1)").c_str()), 1);
    ASSERT_TRUE(wait_until([&] { return proxy_.happened() == 1; }));
    EXPECT_TRUE(is_silent(session, 50ms));
    EXPECT_EQ(stored(), Rows{});
}

TEST_F(PostgresFaultProxy, ATransactionThatIsCutAtAnyMessageIsStoredOnlyIfItsCommitArrived) {
    const std::string insert = "INSERT INTO " + table_ + " VALUES (1)";
    const auto transact = [&] {
        bool succeeded = true;
        try {
            PostgresSession session(proxy_.url());
            for (const std::string& sql : {std::string("BEGIN"), insert, std::string("COMMIT")}) session.run(sql);
        } catch (const PostgresFailure&) {
            succeeded = false;
        }
        EXPECT_TRUE(wait_until([&] { return proxy_.open_links() == 0; }));
        return succeeded;
    };
    ASSERT_TRUE(transact());
    direct("TRUNCATE " + table_);
    const std::vector<SeenMessage> steps = proxy_.messages();
    ASSERT_GT(steps.size(), 20U);

    int ordinals[2] = {0, 0};
    bool is_commit_sent = false;
    for (const SeenMessage& step : steps) {
        // Of a Terminate nobody learns whether it arrived.
        if (step.type == 'X') continue;
        SCOPED_TRACE(std::string(1, step.type) + " " + step.text);
        Fault cut;
        cut.direction = step.direction;
        cut.nth = ++ordinals[static_cast<int>(step.direction)];
        proxy_.inject(cut);
        const int before = proxy_.happened();
        EXPECT_FALSE(transact());
        ASSERT_EQ(proxy_.happened(), before + 1);
        // The answers to COMMIT are the tag and ReadyForQuery: both come after it is stored.
        EXPECT_EQ(stored(), is_commit_sent ? Rows{"1"} : Rows{});
        is_commit_sent = is_commit_sent || step.text == "COMMIT";
        direct("TRUNCATE " + table_);
        ASSERT_TRUE(transact()) << "the next one succeeds";
        direct("TRUNCATE " + table_);
    }
    EXPECT_TRUE(is_commit_sent);
}

TEST_F(PostgresFaultProxy, WhereNobodyListensConnectionsAreRefused) {
    PostgresSession open(proxy_.url());
    proxy_.listen(false);
    EXPECT_EQ(PQping(proxy_.url().c_str()), PQPING_NO_RESPONSE);
    EXPECT_EQ(open.value("SELECT 1"), "1") << "open links stay";
    proxy_.listen(true);
    EXPECT_EQ(PQping(proxy_.url().c_str()), PQPING_OK) << "on the same port";
}

TEST_F(PostgresFaultProxy, AWishToCancelGoesThroughAsAConnectionOfItsOwn) {
    PostgresSession session(proxy_.url());
    ASSERT_EQ(PQsendQuery(session.handle(), "SELECT pg_sleep(60)"), 1);
    ASSERT_TRUE(wait_until([&] {
        return PostgresServer::shared().query("postgres",
                                              "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%' || "
                                              "'pg_sleep(60)' AND state = 'active' AND pid <> "
                                              "pg_backend_pid()") == Rows{"1"};
    }));
    PGcancel* cancel = PQgetCancel(session.handle());
    char message[256];
    EXPECT_EQ(PQcancel(cancel, message, sizeof message), 1) << message;
    PQfreeCancel(cancel);
    PGresult* result = PQgetResult(session.handle());
    EXPECT_STREQ(PQresultErrorField(result, PG_DIAG_SQLSTATE), "57014");
    PQclear(result);
    EXPECT_THAT(seen(Direction::to_server), IsSupersetOf({"!"}));
}

TEST(PostgresFaultProxyTls, CountsTheRecordsOfAnEncryptedLinkAndCutsBetweenThem) {
    PostgresOptions options;
    options.tls = true;
    PostgresServer server(options);
    FaultProxy proxy(server, FaultProxy::Tls::passed);
    {
        PostgresSession session(proxy.url("sslmode=require"));
        EXPECT_EQ(session.value("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"), "t");
    }
    ASSERT_TRUE(wait_until([&] { return proxy.open_links() == 0; }));
    std::string sent;
    for (const SeenMessage& message : proxy.messages()) {
        if (message.direction == Direction::to_server) sent += message.type;
    }
    EXPECT_EQ(sent.substr(0, 3), "?%%");
    EXPECT_EQ(sent.find_first_not_of('%', 1), std::string::npos);

    Fault cut;
    cut.type = kTlsRecord;
    cut.nth = 2;
    proxy.inject(cut);
    EXPECT_THROW(PostgresSession(proxy.url("sslmode=require")), PostgresFailure);
    EXPECT_EQ(proxy.happened(), 1);
}

}  // namespace
}  // namespace marketdb::testing
