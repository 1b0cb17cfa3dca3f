#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "adversity/postgres_desk.hpp"

/// The newest rows of a table with very many partitions.
namespace marketdb::testing {
namespace {

using Days = std::vector<int>;

/// A partition for each of so many days, the last of them that of noon. Days are numbered from 0.
class PostgresLatest : public ::testing::Test {
 protected:
    explicit PostgresLatest(int days = 100) : days_(days) {}

    void SetUp() override {
        if (tests_hypertables()) GTEST_SKIP() << "hypertables have chunks, which TimescaleDB makes";
        db_ = PostgresDesk::open(desk_.config());
        desk_.run("UPDATE partitioning SET width = 'day' WHERE table_name = 'book_ticker_snapshots'");
        constexpr int kAtOnce = 100;
        for (int first = 0; first < days_; first += kAtOnce) {
            desk_.run("SELECT marketdb_ensure_partitions('book_ticker_snapshots', " + start_of(first) + ", " +
                      start_of(first + kAtOnce) + ")");
        }
        ASSERT_EQ(desk_.ask("SELECT count(*) FROM marketdb_partitions('book_ticker_snapshots')"),
                  std::to_string(days_));
    }
    void TearDown() override {
        db_.reset();
        // Dropping a thousand tables takes longer than the test.
        server_.stop(PostgresServer::Stop::immediate);
    }

    static PostgresOptions options() {
        PostgresOptions options;
        options.settings = {{"max_locks_per_transaction", "256"}};
        return options;
    }
    /// Of the n-th day, in SQL.
    [[nodiscard]] std::string start_of(int day) const {
        return "timestamptz '2024-08-09 00:00:00Z' - interval '24 hours' * " + std::to_string(days_ - day);
    }
    [[nodiscard]] Timestamp noon_of(int day) const { return kNoon - std::chrono::hours(24) * (days_ - 1 - day); }

    /// One row at noon of each day, its bid the day's number.
    SymbolId store(const std::string& base, const Days& days) {
        const SymbolId symbol = PostgresDesk::make_symbol(*db_, base).id;
        std::vector<BookTicker> rows;
        for (const int day : days) rows.push_back(quote(symbol, noon_of(day), day + 1, 2'000));
        db_->wait(db_->insert_book_ticker_snapshots(rows));
        return symbol;
    }
    /// While it lives, who opens one of these partitions waits.
    std::unique_ptr<PostgresSession> lock_all_but(const Days& days) {
        std::string starts;
        for (const int day : days) starts += (starts.empty() ? "" : ", ") + start_of(day);
        auto session = std::make_unique<PostgresSession>(server_.conninfo(kTestDatabase, kTestRole));
        session->run("SET search_path TO " + desk_.schema() + "; BEGIN");
        const std::string names = session->value(
            "SELECT string_agg(quote_ident(partition_name), ', ') FROM marketdb_partitions('book_ticker_snapshots') "
            "WHERE start_time NOT IN (" +
            starts + ")");
        session->run("LOCK TABLE " + names + " IN ACCESS EXCLUSIVE MODE");
        return session;
    }
    /// The days of the newest rows, as somebody is told who remembers nothing.
    Days newest_days() {
        LatestFilter filter;
        filter.max_cache_age = 0us;
        Days days;
        const auto latest = db_->wait(db_->get_latest_book_tickers(filter, Deadline::in(10s)));
        for (const auto& one : latest) days.push_back(static_cast<int>(one.row.bid_price) - 1);
        std::sort(days.begin(), days.end());
        return days;
    }

    void expect_that_only_ends_are_opened(int middle, int last) {
        store("AAA", {0});
        store("BBB", {0, 1});
        store("CCC", {3, middle});
        store("DDD", {2, middle - 9, last - 1});
        store("EEE", {7, last});
        store("FFF", {last});
        const auto lock = lock_all_but({0, 1, middle, last - 1, last});
        EXPECT_EQ(newest_days(), Days({0, 1, middle, last - 1, last, last}));
    }
    void expect_that_only_some_before_it_are_opened(int middle) {
        const SymbolId symbol = store("AAA", {10, middle - 15, middle});
        store("BBB", {middle});
        desk_.run("DELETE FROM book_ticker_snapshots WHERE bid_price = " + std::to_string(middle + 1) +
                  " AND symbol_id = " + std::to_string(static_cast<int>(symbol)));
        Days near;
        for (int day = middle - 30; day <= middle; ++day) near.push_back(day);
        const auto lock = lock_all_but(near);
        EXPECT_EQ(newest_days(), Days({middle - 15, middle}));
    }

    const int days_;
    PostgresServer server_{options()};
    PostgresDesk desk_{server_};
    std::unique_ptr<DatabaseManager> db_;
};

class PostgresLatestLong : public PostgresLatest {
 protected:
    PostgresLatestLong() : PostgresLatest(1'000) {}
};

TEST_F(PostgresLatest, OnlyPartitionsAreOpenedInWhichASeriesEnds) { expect_that_only_ends_are_opened(50, 99); }

TEST_F(PostgresLatest, WhereTheNewestRowWasDeletedByOthersOnlySomeBeforeItAreOpened) {
    expect_that_only_some_before_it_are_opened(50);
}

TEST_F(PostgresLatestLong, OfAThousandPartitionsOnlyThoseAreOpenedInWhichASeriesEnds) {
    expect_that_only_ends_are_opened(500, 999);
}

TEST_F(PostgresLatestLong, OfAThousandOnlySomeAreOpenedWhereTheNewestRowWasDeletedByOthers) {
    expect_that_only_some_before_it_are_opened(500);
}

}  // namespace
}  // namespace marketdb::testing
