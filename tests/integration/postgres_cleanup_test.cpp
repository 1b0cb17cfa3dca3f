#include <algorithm>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>

#include <marketdb/maintenance.hpp>
#include <marketdb/retention.hpp>

#include "contract/engine_fixture.hpp"

/// A clean-up that drops partitions while others use them.
namespace marketdb::testing {
namespace {

using std::chrono::hours;

/// Book tickers of June, July and August 2024; the cut-off of seven days is 2024-08-01T12:00Z.
class PostgresCleanup : public ::testing::Test, public EngineFixture {
 protected:
    PostgresCleanup() : EngineFixture(postgres_lean_target()) {}

    void fill() {
        symbol_ = make_symbol().id;
        store({quote(symbol_, kNoon - hours(24 * 60), 1, 2), quote(symbol_, kNoon - hours(24 * 20), 3, 4),
               quote(symbol_, kNoon, 5, 6)});
    }
    [[nodiscard]] std::unique_ptr<PostgresSession> session() const { return postgres_target::open(folder()); }
    Lines partitions() {
        return session()->rows("SELECT partition_name FROM marketdb_partitions('book_ticker_snapshots')");
    }
    /// `series` beside what is there.
    Lines counted() {
        return session()->rows("SELECT (SELECT sum(rows) FROM series), (SELECT count(*) FROM book_ticker_snapshots)");
    }
    std::future<CleanupResult> clean_up(Deadline deadline = {}) {
        return std::async(std::launch::async,
                          [this, deadline] { return wait(db().cleanup_old_data(a_week(), deadline)); });
    }
    /// Whether a session of marketdb comes to wait for somebody's lock.
    [[nodiscard]] bool waits() const {
        const std::string waiting =
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name LIKE 'marketdb%'"
            " AND query LIKE '%marketdb_drop_partitions%' AND query LIKE " +
            quoted_text("%" + postgres_target::schema(folder()) + "%");
        return wait_until([&] { return PostgresServer::shared().query(kTestDatabase, waiting) == Lines{"1"}; });
    }

    SymbolId symbol_{};
};

TEST_F(PostgresCleanup, PartitionsBecomeAsWideAsThePolicyOfTheirDatasetWants) {
    const auto width = [this] {
        return session()->value("SELECT width FROM partitioning WHERE dataset = 'book-tickers'");
    };
    const auto keep = [this](hours age) {
        RetentionPolicy policy;
        policy.dataset = Dataset::book_tickers;
        policy.max_age = age;
        wait(set_retention(db(), policy));
    };
    EXPECT_EQ(width(), "month");
    keep(hours(24 * 31));
    EXPECT_EQ(width(), "day");
    EXPECT_EQ(session()->value("SELECT width FROM partitioning WHERE dataset = 'trades'"), "month");
    keep(hours(24 * 32));
    EXPECT_EQ(width(), "month");
    keep(hours(1));
    keep(hours(0));
    EXPECT_EQ(width(), "month") << "for ever";
}

TEST_F(PostgresCleanup, MaintenanceVacuumsWhatManyRowsWentFromOrCameTo) {
    become_owner();
    const SymbolId symbol = make_symbol().id;
    std::vector<BookTicker> rows;
    for (int i = 0; i < 3'000; ++i) rows.push_back(quote(symbol, kNoon - std::chrono::seconds(i), 1, 2));
    store(rows);
    const std::string seen =
        "SELECT last_vacuum IS NOT NULL AND last_analyze IS NOT NULL FROM pg_stat_all_tables WHERE relid = "
        "'book_ticker_snapshots_2024_08'::regclass";
    EXPECT_EQ(session()->value(seen), "f");
    // The server counts what a session did when it has been idle for a moment.
    EXPECT_TRUE(wait_until([&] {
        wait(maintain(db()));
        return session()->value(seen) == "t";
    }));
    EXPECT_EQ(session()->value("SELECT last_analyze IS NOT NULL FROM pg_stat_all_tables WHERE relid = "
                               "'book_ticker_snapshots'::regclass"),
              "t")
        << "of all partitions together, which no autovacuum does";
    const MaintenanceReport again = wait(maintain(db()));
    const auto is_idle = [](const Finding& one) {
        return one.check != "statistics" || one.what == "no table needs it";
    };
    EXPECT_TRUE(std::all_of(again.steps.begin(), again.steps.end(), is_idle));
}

TEST_F(PostgresCleanup, WhatIsHeldWhileItWaitsForAPartitionStays) {
    fill();
    const auto reader = session();
    reader->run("BEGIN; SELECT count(*) FROM book_ticker_snapshots_2024_07");
    std::future<CleanupResult> cleaning = clean_up(Deadline::never());
    ASSERT_TRUE(waits());
    RetentionHold hold;
    hold.start = kNoon - hours(24 * 21);
    hold.end = kNoon - hours(24 * 19);
    hold.reason = "audit";
    wait(hold_rows(db(), hold));
    reader->run("ROLLBACK");
    const CleanupResult cleaned = cleaning.get();
    EXPECT_EQ(cleaned.book_tickers, 1U) << "that of June";
    EXPECT_EQ(cleaned.book_tickers_staying, 1U);
    EXPECT_EQ(partitions(), (Lines{"book_ticker_snapshots_2024_07", "book_ticker_snapshots_2024_08"}));
    EXPECT_EQ(counted(), Lines{"2|2"});
}

TEST_F(PostgresCleanup, DropsThePartitionsAndNotTheirRows) {
    fill();
    EXPECT_EQ(partitions(), (Lines{"book_ticker_snapshots_2024_06", "book_ticker_snapshots_2024_07",
                                   "book_ticker_snapshots_2024_08"}));
    EXPECT_EQ(wait(db().cleanup_old_data(a_week())).book_tickers, 2U);
    EXPECT_EQ(partitions(), Lines{"book_ticker_snapshots_2024_08"});
    EXPECT_EQ(counted(), Lines{"1|1"});
}

TEST_F(PostgresCleanup, APartitionThatEndsAtTheCutOffGoes) {
    fill();
    clock().jump_wall(hours(-12));
    const CleanupResult cleaned = wait(db().cleanup_old_data(a_week()));
    EXPECT_EQ(to_string(cleaned.cutoffs[0]), "2024-08-01T00:00:00.000000Z");
    EXPECT_EQ(cleaned.book_tickers, 2U);
    EXPECT_EQ(cleaned.book_tickers_staying, 0U);
    EXPECT_EQ(partitions(), Lines{"book_ticker_snapshots_2024_08"});
}

TEST_F(PostgresCleanup, OnesOfOtherWidthsAndWithoutABeginningAreTakenAsTheyAre) {
    fill();
    close();
    session()->run(
        "CREATE TABLE archive PARTITION OF book_ticker_snapshots FOR VALUES FROM (MINVALUE) TO ('2024-06-01Z');"
        "UPDATE partitioning SET width = 'day'");
    store({quote(symbol_, kNoon - hours(24 * 365), 7, 8)});
    EXPECT_EQ(counted(), Lines{"4|4"});
    EXPECT_EQ(wait(db().cleanup_old_data(a_week())).book_tickers, 3U);
    EXPECT_EQ(partitions(), Lines{"book_ticker_snapshots_2024_08"});
    EXPECT_EQ(counted(), Lines{"1|1"});
}

TEST_F(PostgresCleanup, AReaderThatLeavesInTimeIsWaitedFor) {
    fill();
    const auto reader = session();
    reader->run("BEGIN; SELECT * FROM book_ticker_snapshots");
    std::future<CleanupResult> cleaned = clean_up();
    EXPECT_TRUE(waits());
    reader->run("COMMIT");
    EXPECT_EQ(cleaned.get().book_tickers, 2U);
    EXPECT_EQ(counted(), Lines{"1|1"});
}

TEST_F(PostgresCleanup, AReaderThatStaysIsATimeoutAndNothingIsHalfGone) {
    fill();
    const auto reader = session();
    reader->run("BEGIN; SELECT * FROM book_ticker_snapshots");
    expect_error(ErrorCode::timeout, [&] {
        static_cast<void>(wait(db().cleanup_old_data(a_week(), Deadline::in(std::chrono::seconds(1)))));
    });
    EXPECT_EQ(counted(), Lines{"3|3"});
    EXPECT_EQ(store(quote(symbol_, kNoon + std::chrono::seconds(1), 1, 2)), result(1)) << "others go on";
    reader->run("COMMIT");
    EXPECT_EQ(wait(db().cleanup_old_data(a_week())).book_tickers, 2U);
    EXPECT_EQ(counted(), Lines{"2|2"});
}

TEST_F(PostgresCleanup, GivesWayToAWriterOfTheOldPartitionAndTakesItsRowAlong) {
    fill();
    const auto writer = session();
    const std::string insert = "INSERT INTO book_ticker_snapshots VALUES (" +
                               std::to_string(static_cast<int>(symbol_)) + ", '%Z', 0, NULL, 1, 1, 2, 2, NULL)";
    const auto at = [&](const char* time) { return std::string(insert).replace(insert.find('%'), 1, time); };
    writer->run("BEGIN; " + at("2024-08-08 13:00"));
    std::future<CleanupResult> cleaned = clean_up();
    // It has the old partition by now and waits for the table, which the writer has.
    EXPECT_TRUE(waits());
    writer->run(at("2024-06-10"));
    writer->run("COMMIT");
    EXPECT_EQ(cleaned.get().book_tickers, 3U);
    EXPECT_EQ(partitions(), Lines{"book_ticker_snapshots_2024_08"});
    EXPECT_EQ(counted(), Lines{"2|2"});
}

TEST_F(PostgresCleanup, TwoAtOnceRemoveEachRowOnce) {
    fill();
    const auto other = open(config());
    std::future<CleanupResult> first = clean_up();
    const CleanupResult second = other->wait(other->cleanup_old_data(a_week()));
    EXPECT_EQ(first.get().book_tickers + second.book_tickers, 2U);
    EXPECT_EQ(counted(), Lines{"1|1"});
}

TEST_F(PostgresCleanup, ADroppedPartitionIsMadeAgainByWhoeverStillKnewIt) {
    fill();
    const auto other = open(config());
    EXPECT_EQ(wait(db().cleanup_old_data(a_week())).book_tickers, 2U);
    const std::vector<BookTicker> old{quote(symbol_, kNoon - hours(24 * 20), 3, 4)};
    EXPECT_EQ(other->wait(other->insert_book_ticker_snapshots(old)), result(1));
    EXPECT_EQ(wait(db().get_book_ticker_history()).rows.size(), 2U);
    EXPECT_EQ(counted(), Lines{"2|2"});
}

TEST_F(PostgresCleanup, AnOperationThatIsCancelledLeavesTheOthersOfThePool) {
    fill();
    const auto reader = session();
    reader->run("BEGIN; SELECT * FROM book_ticker_snapshots");
    boost::asio::io_context context;
    boost::asio::cancellation_signal signal;
    auto cleaned = boost::asio::co_spawn(context, db().cleanup_old_data(a_week()),
                                         boost::asio::bind_cancellation_slot(signal.slot(), boost::asio::use_future));
    std::thread runs([&] { context.run(); });
    EXPECT_TRUE(waits());
    boost::asio::post(context, [&] { signal.emit(boost::asio::cancellation_type::all); });
    expect_error(ErrorCode::cancelled, [&] { static_cast<void>(cleaned.get()); });
    runs.join();
    EXPECT_EQ(counted(), Lines{"3|3"});
    reader->run("COMMIT");
    EXPECT_EQ(wait(db().cleanup_old_data(a_week())).book_tickers, 2U);
}

TEST_F(PostgresCleanup, ASessionThatIsEndedIsCountedAsDropped) {
    fill();
    ASSERT_TRUE(wait_until([&] { return wait(db().get_pool_stats()).busy == 0; }));
    const PoolStats before = wait(db().get_pool_stats());
    EXPECT_EQ(before.dropped, 0U);
    EXPECT_EQ(before.min_size, 1U);
    EXPECT_EQ(before.max_size, 8U);
    PostgresServer::shared().run_sql(
        kTestDatabase,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'contract_writer' AND"
        " query LIKE " +
            quoted_text("%" + postgres_target::schema(folder()) + "%"));
    EXPECT_TRUE(wait_until([&] {
        const PoolStats now = wait(db().get_pool_stats());
        return now.dropped >= 1 && now.made >= 2;
    }));
    // A session that was not used since is found to be lost when it is.
    EXPECT_TRUE(wait_until([&] {
        try {
            return stored_quotes().size() == 3;
        } catch (const Error& lost) {
            EXPECT_EQ(to_string(lost.code()), "unavailable") << lost.what();
            return false;
        }
    }));
}

}  // namespace
}  // namespace marketdb::testing
