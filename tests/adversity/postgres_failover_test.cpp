#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "adversity/postgres_desk.hpp"

/// A primary that goes, and a standby that takes its place.
namespace marketdb::testing {
namespace {

constexpr int kFailoverBatch = 100;

/// Two servers, of which the second follows the first and confirms what it commits.
class PostgresFailover : public ::testing::Test {
 protected:
    PostgresFailover() : standby_(primary_.make_standby("standby")), desk_(primary_) {
        primary_.configure("synchronous_standby_names", "standby");
    }
    ~PostgresFailover() override {
        if (writer_.joinable()) {
            stops_ = true;
            writer_.join();
        }
        // The schema need not be dropped, which would wait for the standby.
        if (primary_.is_running()) primary_.kill();
    }

    [[nodiscard]] static std::string host_list(const PostgresServer& one, const PostgresServer& other) {
        return "127.0.0.1:" + std::to_string(one.address().port) + ",127.0.0.1:" + std::to_string(other.address().port);
    }
    [[nodiscard]] Config config() const {
        return desk_.config("postgresql://" + std::string(kTestRole) + ":" + primary_.address().password + "@" +
                                host_list(primary_, *standby_) + "/" + std::string(kTestDatabase) + "?" +
                                desk_.parameters(),
                            2);
    }

    /// A program that writes batch after batch, each until it is stored, and knows nothing of servers.
    void start_writing(DatabaseManager& db, SymbolId symbol) {
        writer_ = std::thread([this, &db, symbol] {
            for (int batch = 1; !stops_; ++batch) {
                const std::vector<BookTicker> rows = PostgresDesk::quotes(symbol, kFailoverBatch, batch);
                while (!store(db, rows) && !stops_) {
                }
                if (!stops_) acknowledged_ = batch;
            }
        });
    }
    bool store(DatabaseManager& db, const std::vector<BookTicker>& rows) {
        try {
            db.wait(db.insert_book_ticker_snapshots(rows, Deadline::in(std::chrono::seconds(2))));
            return true;
        } catch (const Error& error) {
            EXPECT_TRUE(error.retryable() || error.code() == ErrorCode::read_only) << error.what();
            return false;
        }
    }
    void wait_for_more(int batches) {
        const int before = acknowledged_;
        ASSERT_TRUE(wait_until([&] { return acknowledged_ >= before + batches; }, std::chrono::seconds(120)))
            << "the writer stands still at batch " << before;
    }
    void stop_writing() {
        stops_ = true;
        writer_.join();
    }

    /// Every acknowledged batch is on the server, whole, and no row twice.
    void check(const PostgresServer& server, SymbolId symbol) const {
        const std::string table = desk_.schema() + ".book_ticker_snapshots";
        const std::string whole =
            server.psql(kTestDatabase, "SELECT count(*) FROM (SELECT sequence FROM " + table +
                                           " WHERE symbol_id = " + std::to_string(static_cast<int>(symbol)) +
                                           " AND sequence <= " + std::to_string(acknowledged_) +
                                           " GROUP BY sequence HAVING count(*) = 100 AND "
                                           "count(DISTINCT \"timestamp\") = 100) AS batches");
        EXPECT_EQ(whole, std::to_string(acknowledged_) + "\n");
        EXPECT_EQ(server.psql(kTestDatabase, "SELECT (SELECT sum(rows) FROM " + desk_.schema() +
                                                 ".series) = (SELECT count(*) FROM " + table + ")"),
                  "t\n");
    }

    PostgresServer primary_;
    std::unique_ptr<PostgresServer> standby_;
    PostgresDesk desk_;
    std::thread writer_;
    std::atomic<int> acknowledged_{0};
    std::atomic<bool> stops_{false};
};

TEST_F(PostgresFailover, AKilledPrimaryIsReplacedByItsPromotedStandbyAndNothingAcknowledgedIsLost) {
    const auto db = PostgresDesk::open(config());
    const SymbolId symbol = PostgresDesk::make_symbol(*db).id;
    start_writing(*db, symbol);
    wait_for_more(10);
    primary_.kill();
    standby_->promote();
    wait_for_more(10);
    stop_writing();
    check(*standby_, symbol);
    EXPECT_EQ(db->wait(db->get_exchange_by_enum("ALPHA_SPOT"))->enum_value, "ALPHA_SPOT");
}

TEST_F(PostgresFailover, APrimaryThatHangsIsPassedOver) {
    Config settings = config();
    settings.postgres.conninfo += "&connect_timeout=2";
    const auto db = PostgresDesk::open(settings);
    const SymbolId symbol = PostgresDesk::make_symbol(*db).id;
    start_writing(*db, symbol);
    wait_for_more(3);
    // Nothing of it answers any more, and yet connections are made to its port, as to a machine that is stuck.
    const std::vector<pid_t> sessions = primary_.backend_pids(desk_.schema());
    ::kill(primary_.postmaster(), SIGSTOP);
    for (const pid_t session : sessions) ::kill(session, SIGSTOP);
    standby_->promote();
    wait_for_more(3);
    stop_writing();
    check(*standby_, symbol);
    db->wait(db->close());
    primary_.kill();
}

TEST_F(PostgresFailover, WhoOnlyReadsIsServedByTheStandby) {
    Config settings = config();
    const auto writer = PostgresDesk::open(settings);
    const SymbolId symbol = PostgresDesk::make_symbol(*writer).id;
    writer->wait(writer->insert_book_ticker_snapshots(PostgresDesk::quotes(symbol, 3)));
    settings.open_mode = OpenMode::read_only;
    settings.postgres.conninfo += "&target_session_attrs=prefer-standby";
    // A standby answers a little later, tables included.
    const std::string table = desk_.schema() + ".book_ticker_snapshots";
    ASSERT_TRUE(wait_until([&] {
        return standby_->query(kTestDatabase, "SELECT to_regclass('" + table + "') IS NOT NULL") == Lines{"t"};
    }));
    ASSERT_TRUE(
        wait_until([&] { return standby_->query(kTestDatabase, "SELECT count(*) FROM " + table) == Lines{"3"}; }));
    const auto reader = PostgresDesk::open(settings);
    EXPECT_EQ(reader->wait(reader->get_book_ticker_history()).rows.size(), 3U);
    EXPECT_EQ(standby_->backend_pids(desk_.schema()).size(), 1U);
    expect_error(ErrorCode::read_only,
                 [&] { reader->wait(reader->insert_book_ticker_snapshots(PostgresDesk::quotes(symbol, 3, 1))); });
}

}  // namespace
}  // namespace marketdb::testing
