#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>

#include "adversity/postgres_desk.hpp"
#include "support/fault_proxy.hpp"
#include "support/sanitized.hpp"

/// What a manager's sessions are like as the server sees them, and what they leave behind.
namespace marketdb::testing {
namespace {

using Clock = std::chrono::steady_clock;

class PostgresSessions : public ::testing::Test {
 protected:
    [[nodiscard]] std::string pids() const {
        return desk_.ask(
            "SELECT string_agg(pid::text, ' ' ORDER BY pid) FROM pg_stat_activity WHERE application_name = '" +
            desk_.schema() + "'");
    }
    void end_sessions() const {
        static_cast<void>(
            desk_.ask("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = '" +
                      desk_.schema() + "'"));
    }
    /// The last statement of the only session.
    [[nodiscard]] std::string last_statement() const {
        return desk_.ask("SELECT query FROM pg_stat_activity WHERE application_name = '" + desk_.schema() + "'");
    }
    static std::vector<BookTicker> history_of(DatabaseManager& db, SymbolId symbol, std::uint64_t limit = 0) {
        HistoryFilter filter;
        filter.series.symbols = std::span(&symbol, 1);
        filter.limit = limit;
        return db.wait(db.get_book_ticker_history(filter)).rows;
    }
    static std::vector<Latest<BookTicker>> latest_of(DatabaseManager& db, SymbolId symbol) {
        LatestFilter filter;
        filter.series.symbols = std::span(&symbol, 1);
        filter.max_cache_age = std::chrono::microseconds(0);
        return db.wait(db.get_latest_book_tickers(filter));
    }

    /// Whether a symbol without rows is answered for.
    static bool is_back(DatabaseManager& db, SymbolId symbol) {
        try {
            return latest_of(db, symbol).empty();
        } catch (const Error&) {
            return false;
        }
    }

    const PostgresDesk desk_{PostgresServer::shared()};
};

TEST_F(PostgresSessions, AreNamedAndCountInUtcWithoutCompilingPlans) {
    Config settings = Config::from_url(PostgresServer::shared().url("schema=" + desk_.schema()));
    const auto db = PostgresDesk::open(settings);
    desk_.run(
        "CREATE TABLE seen (jit text, zone text, name text); CREATE FUNCTION note_settings() RETURNS trigger LANGUAGE "
        "plpgsql AS $$ BEGIN INSERT INTO " +
        desk_.schema() +
        ".seen SELECT current_setting('jit'), current_setting('TimeZone'), current_setting('application_name'); RETURN "
        "NULL; END $$; CREATE TRIGGER note_settings AFTER INSERT ON exchanges EXECUTE FUNCTION note_settings()");
    db->wait(db->ensure_exchange("ALPHA_SPOT"));
    EXPECT_EQ(desk_.ask("SELECT * FROM seen"), "off|UTC|marketdb/" + std::string(version()));
}

TEST_F(PostgresSessions, AreAsManyAsTheMinimumAgainAfterSomeWereEnded) {
    Config settings = desk_.config(5);
    settings.postgres.pool_min_size = 3;
    settings.poll_interval = 20ms;
    const auto db = PostgresDesk::open(settings);
    EXPECT_TRUE(wait_until([&] { return desk_.sessions() == 3; }));
    const std::string before = pids();
    end_sessions();
    EXPECT_TRUE(wait_until([&] { return desk_.sessions() == 3 && pids() != before; }));
    EXPECT_EQ(db->wait(db->get_pool_stats()).min_size, 3U);
}

TEST_F(PostgresSessions, KeepAFewStatementsWhateverIsAsked) {
    Config settings = desk_.config();
    settings.postgres.statement_cache_size = 2;
    const auto db = PostgresDesk::open(settings);
    const SymbolId symbol = PostgresDesk::make_symbol(*db).id;
    for (int round = 1; round <= 3; ++round) {
        EXPECT_EQ(db->wait(db->insert_book_ticker_snapshots(PostgresDesk::quotes(symbol, 3, round))).inserted, 3U);
        EXPECT_EQ(history_of(*db, symbol, 1).size(), 1U);
        EXPECT_EQ(history_of(*db, symbol, 2).size(), 2U);
        EXPECT_EQ(latest_of(*db, symbol).size(), 1U);
        EXPECT_EQ(db->wait(db->get_database_stats()).symbols, 1U);
    }
    EXPECT_EQ(desk_.stored_quotes(symbol), "9|9|9");
}

/// Somebody stores a newer row, and the look at it fails.
TEST_F(PostgresSessions, LookAgainForNewRowsOfOthersWhenTheQuestionFailed) {
    std::atomic<int> failures{0};
    Config settings = desk_.config();
    settings.poll_interval = 20ms;
    settings.log = [&](LogLevel, std::string_view text) {
        if (text.starts_with("looking for changes of other programs failed")) ++failures;
    };
    const auto db = PostgresDesk::open(settings);
    const SymbolId symbol = PostgresDesk::make_symbol(*db).id;
    db->wait(db->insert_book_ticker_snapshots(PostgresDesk::quotes(symbol, 1)));
    const auto bid = [&] {
        const auto latest = db->find_latest_book_ticker(symbol);
        return latest ? latest->row.bid_price : kNoNumber;
    };
    ASSERT_EQ(bid(), 100);
    PostgresSession writer(PostgresServer::shared().conninfo(kTestDatabase, kTestRole));
    writer.run("SET search_path TO " + desk_.schema() +
               "; BEGIN; INSERT INTO book_ticker_snapshots (symbol_id, timestamp, sequence, bid_price, bid_qty) SELECT "
               "symbol_id, timestamp + interval '1 s', 0, 150, 1 FROM book_ticker_snapshots");
    PostgresSession lock(PostgresServer::shared().conninfo(kTestDatabase, kTestRole));
    lock.run("BEGIN");
    const auto waiting = [&](const std::string& whose) {
        return desk_.ask("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND " + whose) == "1";
    };
    std::future<void> locking =
        std::async(std::launch::async, [&] { lock.run("LOCK TABLE " + desk_.schema() + ".book_ticker_snapshots"); });
    EXPECT_TRUE(wait_until([&] { return waiting("query LIKE 'LOCK TABLE " + desk_.schema() + "%'"); }));
    writer.run("COMMIT");  // From here on the table is locked.
    locking.get();
    EXPECT_TRUE(wait_until([&] { return waiting("application_name = '" + desk_.schema() + "'"); }));
    end_sessions();
    EXPECT_TRUE(wait_until([&] { return failures > 0; }));
    EXPECT_EQ(bid(), 100);
    lock.run("ROLLBACK");
    EXPECT_TRUE(wait_until([&] { return bid() == 150; })) << bid();
}

TEST_F(PostgresSessions, AskForRowsWithoutAJoin) {
    const auto db = PostgresDesk::open(desk_.config());
    const SymbolId symbol = PostgresDesk::make_symbol(*db).id;
    db->wait(db->insert_book_ticker_snapshots(PostgresDesk::quotes(symbol, 3)));
    const auto expect_without_names = [&](const char* what) {
        const std::string asked = last_statement();
        EXPECT_NE(asked.find("book_ticker_snapshots"), std::string::npos) << what << ": " << asked;
        EXPECT_EQ(asked.find("exchanges"), std::string::npos) << what << ": " << asked;
        EXPECT_EQ(asked.find("symbols"), std::string::npos) << what << ": " << asked;
    };
    EXPECT_EQ(history_of(*db, symbol).size(), 3U);
    expect_without_names("history");
    EXPECT_EQ(history_of(*db, symbol, 1).size(), 1U);
    expect_without_names("the first row");
    EXPECT_EQ(latest_of(*db, symbol).size(), 1U);
    expect_without_names("latest");
}

TEST_F(PostgresSessions, HaveNoTransactionOpenWhileTheCallersCodeRuns) {
    const auto db = PostgresDesk::open(desk_.config());
    const SymbolId symbol = PostgresDesk::make_symbol(*db).id;
    db->wait(db->insert_book_ticker_snapshots(PostgresDesk::quotes(symbol, 2'000)));
    HistoryReader<BookTicker> reader = db->read_history<BookTicker>();
    std::size_t rows = 0;
    for (;;) {
        const std::vector<BookTicker> batch = db->wait(reader.next(600));
        EXPECT_EQ(
            desk_.ask("SELECT count(*) FROM pg_stat_activity WHERE xact_start IS NOT NULL AND application_name = '" +
                      desk_.schema() + "'"),
            "0");
        if (batch.empty()) break;
        rows += batch.size();
    }
    EXPECT_EQ(rows, 2'000U);
}

TEST_F(PostgresSessions, WriteNoRowThatIsThereAndEqual) {
    const auto db = PostgresDesk::open(desk_.config());
    const SymbolId symbol = PostgresDesk::make_symbol(*db).id;
    const auto versions = [&] {
        return desk_.ask(
            "SELECT string_agg(x, ' ') FROM (SELECT xmin || '/' || count(*) AS x FROM book_ticker_snapshots "
            "GROUP BY xmin ORDER BY xmin::text) AS versions");
    };
    for (const int rows : {50, 10'000}) {
        db->wait(db->insert_book_ticker_snapshots(PostgresDesk::quotes(symbol, rows)));
        const std::string before = versions();
        for (int round = 0; round < 3; ++round) {
            const WriteResult again = db->wait(db->insert_book_ticker_snapshots(PostgresDesk::quotes(symbol, rows)));
            EXPECT_EQ(again.unchanged, static_cast<std::uint64_t>(rows));
        }
        EXPECT_EQ(versions(), before);
    }
}

/// What every row of a large batch changes is updated, part by part, where its rows lie in one partition.
TEST_F(PostgresSessions, UpdateLargeBatchesOfManyPartsAndPartitions) {
    const auto db = PostgresDesk::open(desk_.config());
    const SymbolId symbol = PostgresDesk::make_symbol(*db).id;
    desk_.run("UPDATE partitioning SET width = 'day'");
    const auto batch = [&](int rows, std::chrono::seconds apart, double bid) {
        std::vector<BookTicker> made;
        for (int i = 0; i < rows; ++i) made.push_back(quote(symbol, kNoon + i * apart, bid, 200));
        return made;
    };
    // 45,000 rows are three parts, a second apart within a day's partition; 3,000 rows an hour's fifth apart lie in many, of which
    // the server knows nothing yet.
    struct Shape {
        int rows;
        std::chrono::seconds apart;
    };
    for (const Shape& shape : {Shape{45'000, std::chrono::seconds(1)}, Shape{3'000, std::chrono::minutes(12)}}) {
        const auto count = static_cast<std::uint64_t>(shape.rows);
        db->wait(db->insert_book_ticker_snapshots(batch(shape.rows, shape.apart, 100)));
        const auto begin = Clock::now();
        for (const double bid : {101, 102, 103}) {
            const WriteResult done = db->wait(db->insert_book_ticker_snapshots(batch(shape.rows, shape.apart, bid)));
            EXPECT_EQ(done.updated, count) << bid;
            EXPECT_EQ(done.inserted + done.unchanged, 0U) << bid;
        }
        EXPECT_LT(Clock::now() - begin, 30s) << "rows are looked for by the index";
        const WriteResult same = db->wait(db->insert_book_ticker_snapshots(batch(shape.rows, shape.apart, 103)));
        EXPECT_EQ(same.unchanged, count);
    }
    EXPECT_EQ(desk_.ask("SELECT count(*) = (SELECT sum(rows) FROM series), min(bid_price), max(bid_price) FROM "
                        "book_ticker_snapshots"),
              "t|103|103");
}

TEST_F(PostgresSessions, UpdateLargeBatchesOfEveryDataset) {
    constexpr int kRows = 2'500;
    const auto db = PostgresDesk::open(desk_.config());
    const Symbol symbol = PostgresDesk::make_symbol(*db);
    for (int round = 0; round < 4; ++round) {
        std::vector<Trade> trades;
        std::vector<FundingRate> rates;
        std::vector<Balance> balances;
        for (int i = 0; i < kRows; ++i) {
            const Timestamp at = kNoon + i * 1ms;
            trades.push_back(trade(symbol.id, at, std::to_string(i + 1).c_str(), 100 + round));
            rates.push_back(funding(symbol.id, at, 0.0001 * (round + 1)));
            balances.push_back(balance(symbol.exchange_id, "USDT", at, 1 + round));
        }
        const std::uint64_t stored = db->wait(db->insert_trades(trades)).updated +
                                     db->wait(db->insert_funding_rates(rates)).updated +
                                     db->wait(db->insert_balance_snapshots(balances)).updated;
        EXPECT_EQ(stored, round == 0 ? 0U : 3U * kRows) << "round " << round;
    }
    EXPECT_EQ(
        desk_.ask("SELECT (SELECT count(*) || ' ' || min(price) FROM trade_snapshots), (SELECT count(*) || ' ' || "
                  "min(funding_rate) FROM funding_rate_snapshots), (SELECT count(*) || ' ' || "
                  "min(available_balance) FROM balance_snapshots)"),
        "2500 103|2500 0.0004|2500 4");
}

TEST_F(PostgresSessions, OfTwoDesksDoNotDisturbEachOther) {
    const PostgresDesk other(PostgresServer::shared());
    Config settings = desk_.config(2);
    Config others = other.config(2);
    settings.poll_interval = others.poll_interval = 20ms;
    const auto db = PostgresDesk::open(settings);
    const auto others_db = PostgresDesk::open(others);
    const SymbolId symbol = PostgresDesk::make_symbol(*db).id;
    const SymbolId same = PostgresDesk::make_symbol(*others_db, "ETH").id;
    EXPECT_EQ(symbol, same) << "each desk counts for itself";
    db->wait(db->insert_book_ticker_snapshots(PostgresDesk::quotes(symbol, 3)));
    others_db->wait(others_db->insert_book_ticker_snapshots(PostgresDesk::quotes(same, 5, 0, 50)));
    EXPECT_EQ(latest_of(*db, symbol).front().row.bid_price, 100);
    EXPECT_EQ(latest_of(*others_db, same).front().row.bid_price, 50);

    bool is_left_alone = false;
    for (int round = 0; round < 5 && !is_left_alone; ++round) {
        std::this_thread::sleep_for(200ms);  // What it changed itself is seen by now, unless the machine is busy.
        const auto refreshed = others_db->get_performance_stats().refreshes;
        static_cast<void>(PostgresDesk::make_symbol(*db, "SOL" + std::to_string(round)));
        std::this_thread::sleep_for(200ms);
        is_left_alone = others_db->get_performance_stats().refreshes == refreshed;
    }
    EXPECT_TRUE(is_left_alone) << "it is not the other's affair";
    EXPECT_EQ(others_db->find_symbol(SymbolId{2}), nullptr);

    CleanupOptions everything = a_week();
    everything.older_than = std::chrono::hours(1);
    everything.exact = true;
    EXPECT_EQ(db->wait(db->cleanup_old_data(everything)).book_tickers, 3U);
    EXPECT_EQ(desk_.stored_quotes(symbol), "0|0|0");
    EXPECT_EQ(other.stored_quotes(same), "5|5|5");
}

TEST_F(PostgresSessions, AColumnThatCannotHoldItsValuesIsFoundAtTheOpening) {
    PostgresDesk::open(desk_.config()).reset();
    desk_.run("ALTER TABLE sources ALTER COLUMN rows TYPE text");
    expect_error(ErrorCode::schema_mismatch, [&] { PostgresDesk::open(desk_.config()).reset(); },
                 {"sources\" has a column rows of a type", "cannot hold it"});
}

TEST_F(PostgresSessions, RowsThatAPolicyHidesAreRefusedAndNotLost) {
    const auto db = PostgresDesk::open(desk_.config());
    const SymbolId symbol = PostgresDesk::make_symbol(*db).id;
    db->wait(db->insert_book_ticker_snapshots(PostgresDesk::quotes(symbol, 3)));
    desk_.run("ALTER TABLE book_ticker_snapshots ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY");
    for (const int rows : {3, 2'500}) {
        try {
            db->wait(db->insert_book_ticker_snapshots(PostgresDesk::quotes(symbol, rows, 1)));
            ADD_FAILURE() << rows << " rows were taken";
        } catch (const Error& refused) {
            EXPECT_NE(std::string_view(refused.what()).find("row-level security"), std::string_view::npos)
                << refused.what();
        }
    }
    desk_.run("ALTER TABLE book_ticker_snapshots DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY");
    EXPECT_EQ(desk_.stored_quotes(symbol), "3|3|3");
    EXPECT_EQ(db->wait(db->insert_book_ticker_snapshots(PostgresDesk::quotes(symbol, 2'500, 1))).inserted, 2'500U);
}

/// Small batches and COPYs that meet each other's rows.
TEST_F(PostgresSessions, StoreRowsOnceThatManyWriteAtOnce) {
    const auto db = PostgresDesk::open(desk_.config(8));
    const SymbolId symbol = PostgresDesk::make_symbol(*db).id;
    std::vector<std::future<WriteResult>> writers;
    for (int writer = 0; writer < 16; ++writer) {
        std::vector<BookTicker> rows = PostgresDesk::quotes(symbol, writer % 2 == 0 ? 2'500 : 50);
        writers.push_back(boost::asio::co_spawn(db->executor(), db->insert_book_ticker_snapshots(std::move(rows)),
                                                boost::asio::use_future));
    }
    std::uint64_t inserted = 0;
    for (auto& writer : writers) inserted += writer.get().inserted;
    EXPECT_EQ(inserted, 2'500U);
    EXPECT_EQ(desk_.stored_quotes(symbol), "2500|2500|2500");
}

/// The most memory that this process ever had, in kilobytes.
long peak_memory() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmHWM:")) return std::stol(line.substr(6));
    }
    return 0;
}

TEST_F(PostgresSessions, GiveALongHistoryInLittleMemory) {
    if (kIsSanitized) GTEST_SKIP() << "the address sanitizer keeps what was freed";
    constexpr std::size_t kRows = 400'000;
    const auto db = PostgresDesk::open(desk_.config());
    const SymbolId symbol = PostgresDesk::make_symbol(*db).id;
    db->wait(db->insert_book_ticker_snapshots(PostgresDesk::quotes(symbol, 1, 0)));
    desk_.run(
        "INSERT INTO book_ticker_snapshots (symbol_id, \"timestamp\", sequence, bid_price, bid_qty, ask_price, "
        "ask_qty) SELECT 1, '2024-08-08 12:00+00', i, 100, 1, 101, 1 FROM generate_series(1, " +
        std::to_string(kRows - 1) + ") AS i");
    HistoryReader<BookTicker> reader = db->read_history<BookTicker>();
    std::size_t rows = db->wait(reader.next(4'096)).size();
    const long before = peak_memory();
    for (;;) {
        const std::vector<BookTicker> batch = db->wait(reader.next(4'096));
        if (batch.empty()) break;
        rows += batch.size();
    }
    EXPECT_EQ(rows, kRows);
    // As a vector they are 30 MB.
    EXPECT_LT(peak_memory() - before, 8'000) << "kilobytes";
}

class PostgresSessionsLong : public PostgresSessions {};

TEST_F(PostgresSessionsLong, StoreAMillionRowsInOneBatchAndFindThemEqual) {
    constexpr int kRows = 1'000'000;
    Config settings = desk_.config();
    settings.command_timeout = std::chrono::minutes(5);
    const auto db = PostgresDesk::open(settings);
    const SymbolId symbol = PostgresDesk::make_symbol(*db).id;
    EXPECT_EQ(db->wait(db->insert_book_ticker_snapshots(PostgresDesk::quotes(symbol, kRows))).inserted, 1'000'000U);
    EXPECT_EQ(db->wait(db->insert_book_ticker_snapshots(PostgresDesk::quotes(symbol, kRows))).unchanged, 1'000'000U);
    EXPECT_EQ(desk_.stored_quotes(symbol), "1000000|1000000|1000000");
}

TEST_F(PostgresSessions, LeaveNoDescriptorBehind) {
    const auto open_files = [] {
        const std::filesystem::directory_iterator files("/proc/self/fd");
        return std::distance(begin(files), end(files));
    };
    const auto db = PostgresDesk::open(desk_.config());
    const SymbolId symbol = PostgresDesk::make_symbol(*db).id;
    const auto break_and_go_on = [&](int round) {
        end_sessions();
        EXPECT_TRUE(wait_until([&] { return desk_.sessions() == 0; }));
        // The server forgets a session a moment before its socket says so.
        EXPECT_TRUE(wait_until([&] {
            try {
                db->wait(db->insert_book_ticker_snapshots(PostgresDesk::quotes(symbol, 1, round)));
                return true;
            } catch (const Error& lost) {
                EXPECT_TRUE(lost.code() == ErrorCode::unavailable || lost.code() == ErrorCode::in_doubt) << lost.what();
                return false;
            }
        }));
        try {
            db->wait(db->get_book_ticker_history({}, Deadline::in(std::chrono::microseconds(20 * round))));
        } catch (const Error& late) {
            EXPECT_EQ(to_string(late.code()), "timeout");
        }
    };
    constexpr int kOfALink = 2;  // There may be one more now than there was.
    break_and_go_on(1);
    const auto before = open_files();
    for (int round = 2; round <= 25; ++round) break_and_go_on(round);
    EXPECT_TRUE(wait_until([&] { return open_files() <= before + kOfALink; }))
        << before << " before, " << open_files() << " now";
}

TEST_F(PostgresSessions, AreAnErrorAndNoMoreWhereNoDescriptorIsLeft) {
    if (kIsSanitized) GTEST_SKIP() << "the sanitizers' own checks want descriptors (a pipe)";
    const auto db = PostgresDesk::open(desk_.config());
    const SymbolId symbol = PostgresDesk::make_symbol(*db).id;
    rlimit usual{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &usual), 0);
    const int highest = ::dup(0);
    ::close(highest);
    int refused = 0;
    // A connection takes two, one after the other; the handler of its attempt others for a moment.
    for (int left = 0; left < 6; ++left) {
        end_sessions();
        EXPECT_TRUE(wait_until([&] { return desk_.sessions() == 0; }));
        rlimit few = usual;
        few.rlim_cur = static_cast<rlim_t>(highest - 2 + left);
        ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
        for (int i = 0; i < 2; ++i) {
            try {
                static_cast<void>(latest_of(*db, symbol));
            } catch (const Error& error) {
                ++refused;
                EXPECT_TRUE(error.code() == ErrorCode::resource_exhausted || error.code() == ErrorCode::unavailable)
                    << error.what();
            }
        }
        ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &usual), 0);
    }
    EXPECT_GT(refused, 0);
    EXPECT_TRUE(wait_until([&] { return is_back(*db, symbol); })) << "it did not come back";
}

/// What comes between two attempts to connect grows, and is not the same twice.
TEST_F(PostgresSessions, AServerThatIsGoneIsAskedMoreAndMoreSeldom) {
    FaultProxy proxy(PostgresServer::shared());
    const auto db = PostgresDesk::open(desk_.config(proxy.url(desk_.parameters())));
    const SymbolId symbol = PostgresDesk::make_symbol(*db).id;
    proxy.listen(false);
    proxy.hit_all_links(FaultAction::close);
    std::vector<std::chrono::milliseconds> pauses;
    const auto begin = Clock::now();
    while (Clock::now() - begin < 3s) {
        const auto asked = Clock::now();
        expect_error(ErrorCode::unavailable, [&] { latest_of(*db, symbol); });
        pauses.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - asked));
    }
    // An operation that comes while the pool pauses fails at the next attempt: 25 to 50 ms, then up to twice as long, ..
    EXPECT_GE(pauses.size(), 4U);
    EXPECT_LE(pauses.size(), 20U) << "the server was stormed";
    EXPECT_GT(*std::max_element(pauses.begin(), pauses.end()), 200ms);
    proxy.listen(true);
    EXPECT_TRUE(wait_until([&] { return is_back(*db, symbol); })) << "it did not come back";
}

}  // namespace
}  // namespace marketdb::testing
