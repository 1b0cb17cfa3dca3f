#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "adversity/postgres_desk.hpp"
#include "adversity/steps.hpp"
#include "support/conversion_database.hpp"

/// Migrations of a lean schema, and the conversion of an existing one, that are cancelled wherever they wait.
namespace marketdb::testing {
namespace {

/// Starts anew, and cancels at each `stride`-th step until the operation is done before.
///
/// @param begin  Brings the database to where the operation starts.
/// @param check  What must hold after each wish, and the code, if it was not done; then goes on to the end.
void cancel_at_steps(
    int stride, const std::function<Config()>& config, const std::function<void()>& begin,
    const std::function<asio::awaitable<void>(DatabaseManager& db)>& act,
    const std::function<void(Steps& steps, DatabaseManager& db, std::optional<ErrorCode> code)>& check) {
    int cancelled = 0;
    for (int count = kFirstStep;; count += stride) {
        ASSERT_LT(count, 5000);
        SCOPED_TRACE("cancelled at step " + std::to_string(count));
        begin();
        Steps steps;
        DatabaseManager db(config(), steps.managers().get_executor());
        Started running(steps.callers().get_executor(), listening(act(db)));
        const bool was_done = steps.step(running, count);
        running.cancel(asio::cancellation_type::terminal);
        steps.finish(running);
        if (running.code()) ++cancelled;
        check(steps, db, running.code());
        steps.run(db.close());
        if (was_done) break;
    }
    EXPECT_GE(cancelled, 2);
}

class PostgresMigrationCancel : public ::testing::Test {
 protected:
    /// What the schema holds, and its version, as another program sees it.
    std::string made() const {
        const std::string names = desk_.ask(
            "SELECT (SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relkind IN ('r', 'p', 'v') "
            "AND "
            "relnamespace = current_schema()::regnamespace), (SELECT string_agg(proname, ' ' ORDER BY proname) FROM "
            "pg_proc WHERE pronamespace = current_schema()::regnamespace)");
        if (names.find("schema_migrations") == std::string::npos) return names;
        return desk_.ask("SELECT coalesce(max(version), 0) FROM schema_migrations") + " " + names;
    }
    void go_to(std::uint32_t version) {
        DatabaseManager db(desk_.config());
        db.wait(db.migrate_up());
        db.wait(db.migrate_down(version));
    }
    void empty() {
        desk_.run("SET client_min_messages = error; DROP SCHEMA " + desk_.schema() + " CASCADE; CREATE SCHEMA " +
                  desk_.schema());
    }
    std::function<Config()> config() {
        return [this] { return desk_.config(); };
    }

    static void check_code(std::optional<ErrorCode> code) { EXPECT_TRUE(!code || code == ErrorCode::cancelled); }

    void cancel_up_from_nothing(int stride) {
        go_to(7);
        const std::string whole = made();
        const auto check = [&](Steps& steps, DatabaseManager& db, std::optional<ErrorCode> code) {
            check_code(code);
            EXPECT_EQ(made(), code ? "|" : whole);
            steps.run(ignoring(db.migrate_up()));
            EXPECT_EQ(made(), whole);
        };
        cancel_at_steps(
            stride, config(), [&] { empty(); }, [](DatabaseManager& db) { return ignoring(db.migrate_up()); }, check);
    }
    void cancel_up_from_the_first(int stride) {
        std::vector<std::string> at_version;
        for (const std::uint32_t version : {1U, 2U, 3U, 4U, 5U, 6U, 7U}) {
            go_to(version);
            at_version.push_back(made());
        }
        const auto check = [&](Steps& steps, DatabaseManager& db, std::optional<ErrorCode> code) {
            check_code(code);
            EXPECT_TRUE(code || made() == at_version.back()) << made();
            EXPECT_NE(std::find(at_version.begin(), at_version.end(), made()), at_version.end()) << made();
            steps.run(ignoring(db.migrate_up()));
            EXPECT_EQ(made(), at_version.back());
        };
        cancel_at_steps(
            stride, config(), [&] { go_to(1); }, [](DatabaseManager& db) { return ignoring(db.migrate_up()); }, check);
    }
    void cancel_down(int stride) {
        go_to(0);
        const std::string nothing = made();
        go_to(7);
        const std::string whole = made();
        const auto check = [&](Steps& steps, DatabaseManager& db, std::optional<ErrorCode> code) {
            check_code(code);
            EXPECT_EQ(made(), code ? whole : nothing);
            steps.run(ignoring(db.migrate_down(0)));
            EXPECT_EQ(made(), nothing);
        };
        cancel_at_steps(
            stride, config(), [&] { go_to(7); }, [](DatabaseManager& db) { return ignoring(db.migrate_down(0)); },
            check);
    }

    PostgresDesk desk_{PostgresServer::shared()};
};

TEST_F(PostgresMigrationCancel, UpFromNothingIsUndoneOrDoneWhereverItIsCancelled) { cancel_up_from_nothing(7); }

TEST_F(PostgresMigrationCancel, UpFromAnOlderVersionEndsBetweenTwoWhereverItIsCancelled) {
    cancel_up_from_the_first(7);
}

TEST_F(PostgresMigrationCancel, DownIsUndoneOrDoneWhereverItIsCancelled) { cancel_down(7); }

class PostgresMigrationCancelLong : public PostgresMigrationCancel {};

TEST_F(PostgresMigrationCancelLong, UpFromNothing) { cancel_up_from_nothing(1); }

TEST_F(PostgresMigrationCancelLong, UpFromAnOlderVersion) { cancel_up_from_the_first(1); }

TEST_F(PostgresMigrationCancelLong, Down) { cancel_down(1); }

ConversionOptions options() {
    ConversionOptions small;
    small.despite_sessions = true;  // The test's own may take a moment to end.
    small.piece_rows = 1'000;
    return small;
}

/// Each step of a conversion is a statement, and what is not yet done is done by the next call.
class PostgresConversionCancel : public ::testing::Test {
 protected:
    PostgresConversionCancel() {
        database_.run(
            "CREATE MATERIALIZED VIEW by_day AS SELECT date_trunc('day', b.\"timestamp\") AS day, avg(b.bid_price) "
            "FROM "
            "book_ticker_snapshots AS b GROUP BY 1");
    }

    std::function<Config()> config() {
        return [this] { return database_.config(); };
    }
    static asio::awaitable<void> convert(DatabaseManager& db, ConversionStep step) {
        return ignoring(db.convert(step, options()));
    }
    void go(ConversionStep step) {
        DatabaseManager db(database_.config());
        db.wait(convert(db, step));
    }
    /// Where the conversion stands, as another program sees it.
    std::string phase() const {
        const bool has_begun = database_.value("SELECT to_regclass('marketdb_before_desk.state') IS NOT NULL") == "t";
        return has_begun ? database_.value("SELECT phase FROM marketdb_before_desk.state") : "existing";
    }
    /// Quotes, trades, funding rates and balances under their own names, and whether these are the lean tables.
    std::string rows() const {
        return database_
            .rows(
                "SELECT (SELECT count(*) FROM book_ticker_snapshots), (SELECT count(*) FROM trade_snapshots), (SELECT "
                "count(*) FROM funding_rate_snapshots), (SELECT count(*) FROM balance_snapshots), (SELECT "
                "to_regclass('desk.series') IS NOT NULL)")
            .front();
    }
    static constexpr const char* kOldRows = "3000|2100|300|400|f";
    static constexpr const char* kLeanRows = "3000|2000|300|400|t";

    void check_code(std::optional<ErrorCode> code) const {
        if (!code) return;
        EXPECT_TRUE(code == ErrorCode::cancelled || code == ErrorCode::in_doubt) << to_string(*code);
        // In doubt: while a step was ending, which the server may still be at.
        EXPECT_TRUE(wait_until([&] {
            return database_.value(
                       "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = "
                       "'client backend' AND pid <> pg_backend_pid() AND state <> 'idle'") == "0";
        }));
    }

    void cancel_up(int stride) {
        const std::string before = database_.definitions();
        const auto begin = [&] {
            if (phase() != "existing") go(ConversionStep::down);
            ASSERT_EQ(database_.definitions(), before);
        };
        const auto check = [&](Steps& steps, DatabaseManager& db, std::optional<ErrorCode> code) {
            check_code(code);
            EXPECT_TRUE(code || phase() == "converted") << phase();
            const bool is_lean = phase() == "completing" || phase() == "converted";
            EXPECT_EQ(rows(), is_lean ? kLeanRows : kOldRows);
            if (code) steps.run(convert(db, ConversionStep::up));
            EXPECT_EQ(phase(), "converted");
            EXPECT_EQ(rows(), kLeanRows);
            EXPECT_EQ(database_.value("SELECT sum(rows) FROM series"), "5700");
        };
        cancel_at_steps(
            stride, config(), begin, [](DatabaseManager& db) { return convert(db, ConversionStep::up); }, check);
    }
    void cancel_down(int stride) {
        const std::string before = database_.definitions();
        const auto begin = [&] {
            if (phase() == "existing") go(ConversionStep::up);
        };
        const auto check = [&](Steps& steps, DatabaseManager& db, std::optional<ErrorCode> code) {
            check_code(code);
            EXPECT_TRUE(code || phase() == "existing") << phase();
            EXPECT_EQ(rows(), phase() == "existing" ? kOldRows : kLeanRows);
            if (phase() != "existing") steps.run(convert(db, ConversionStep::down));
            EXPECT_EQ(rows(), kOldRows);
            EXPECT_EQ(database_.definitions(), before);
        };
        cancel_at_steps(
            stride, config(), begin, [](DatabaseManager& db) { return convert(db, ConversionStep::down); }, check);
    }

    ConversionDatabase database_{{"complete"}};
};

TEST_F(PostgresConversionCancel, UpGoesOnWhereverItIsCancelled) { cancel_up(40); }

TEST_F(PostgresConversionCancel, DownIsOnOneSideOrTheOtherWhereverItIsCancelled) { cancel_down(20); }

class PostgresConversionCancelLong : public PostgresConversionCancel {};

TEST_F(PostgresConversionCancelLong, Up) { cancel_up(1); }

TEST_F(PostgresConversionCancelLong, Down) { cancel_down(1); }

}  // namespace
}  // namespace marketdb::testing
