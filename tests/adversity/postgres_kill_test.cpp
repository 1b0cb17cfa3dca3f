#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "adversity/postgres_desk.hpp"
#include "support/child_process.hpp"

/// Backends, and the whole server, that are killed under a writer.
namespace marketdb::testing {
namespace {

constexpr int kKillBatch = 5'000;
constexpr int kSymbols = 40;
constexpr int kAcknowledgedRows = 10'000;

bool is_worth_a_retry(ErrorCode code) {
    return code == ErrorCode::unavailable || code == ErrorCode::in_doubt || code == ErrorCode::resource_exhausted;
}

/// Sends a batch until it is stored.
void store_in_the_end(DatabaseManager& db, const std::vector<BookTicker>& rows) {
    for (;;) {
        try {
            db.wait(db.insert_book_ticker_snapshots(rows));
            return;
        } catch (const Error& error) {
            if (!is_worth_a_retry(error.code())) throw;
        }
    }
}

/// Writes batch after batch, tells of each that it was stored, and goes on until it is killed.
int write_for_ever(const Config& config, const LineChannel& parent) {
    const auto db = PostgresDesk::open(config);
    std::vector<SymbolId> symbols;
    for (int i = 0; i < kSymbols; ++i) {
        symbols.push_back(PostgresDesk::make_symbol(*db, "S" + std::to_string(i)).id);
    }
    parent.say("begin");
    for (int batch = 1;; ++batch) {
        store_in_the_end(*db,
                         PostgresDesk::quotes(symbols[static_cast<std::size_t>(batch % kSymbols)], kKillBatch, batch));
        parent.say(std::to_string(batch));
    }
}

class PostgresKill : public ::testing::Test {
 protected:
    PostgresKill() : desk_(std::make_unique<PostgresDesk>(server_)) {}

    /// A backend that has got bytes of a COPY and not ended it.
    [[nodiscard]] pid_t copying_backend() const {
        pid_t found = 0;
        const bool is_there = wait_until(
            [&] {
                try {
                    PostgresSession session(server_.conninfo("postgres"));
                    for (int look = 0; look < 1000 && found == 0; ++look) {
                        const auto pids =
                            session.rows("SELECT pid FROM pg_stat_progress_copy WHERE bytes_processed > 0");
                        if (!pids.empty()) found = std::stoi(pids.front());
                    }
                } catch (const PostgresFailure&) {
                    // It recovers from the last one.
                    return false;
                }
                return found != 0;
            },
            std::chrono::seconds(60));
        if (!is_there) ADD_FAILURE() << "nobody copies";
        return found;
    }

    /// A moment within, or soon after, the COPY that was seen: also while the COMMIT is on its way.
    void let_it_go_on() {
        const auto until = std::chrono::steady_clock::now() +
                           std::chrono::microseconds(std::uniform_int_distribution<int>(0, 30'000)(random_));
        while (std::chrono::steady_clock::now() < until) std::this_thread::yield();
    }

    void hear(ChildProcess& writer, std::chrono::milliseconds limit) {
        for (auto line = writer.hear(limit); line; line = writer.hear(std::chrono::milliseconds(1))) {
            if (*line != "begin") acknowledged_.insert(std::stoi(*line));
        }
    }

    void kill_under_load(int backends, int servers) {
        ChildProcess writer([config = desk_->config()](LineChannel& parent) { return write_for_ever(config, parent); });
        ASSERT_EQ(writer.hear(std::chrono::seconds(60)), "begin");
        for (int round = 0; round < backends + servers; ++round) {
            const bool is_whole = round % ((backends + servers) / servers) == 1;
            const pid_t backend = copying_backend();
            ASSERT_NE(backend, 0);
            let_it_go_on();
            if (is_whole) {
                server_.kill();
                server_.start();
            } else {
                PostgresServer::kill_backend(backend);
            }
            ASSERT_TRUE(wait_until([&] { return server_.answers(); }, std::chrono::seconds(60)));
            const std::size_t before = acknowledged_.size();
            hear(writer, std::chrono::seconds(60));
            ASSERT_GT(acknowledged_.size(), before) << "the writer goes on by itself after kill " << round;
        }
        writer.kill();
        hear(writer, std::chrono::milliseconds(100));
        check();
    }

    void check() const {
        const auto is_quiet = [&] {
            try {
                return desk_->sessions() == 0;
            } catch (const PostgresFailure&) {
                return false;  // It recovers from the last kill.
            }
        };
        ASSERT_TRUE(wait_until(is_quiet, std::chrono::seconds(60)));
        EXPECT_GE(acknowledged_.size() * kKillBatch, static_cast<std::size_t>(kAcknowledgedRows));
        std::set<int> stored;
        std::istringstream lines(
            desk_->ask("SELECT sequence, count(*), count(DISTINCT (symbol_id, \"timestamp\")) FROM "
                       "book_ticker_snapshots GROUP BY 1"));
        for (std::string line; std::getline(lines, line);) {
            const std::string counts = line.substr(line.find('|') + 1);
            EXPECT_EQ(counts, "5000|5000") << "a batch is stored whole, and each row of it once: " << line;
            stored.insert(std::stoi(line));
        }
        for (const int batch : acknowledged_) EXPECT_TRUE(stored.contains(batch)) << "batch " << batch << " is lost";
        EXPECT_EQ(desk_->ask("SELECT (SELECT sum(rows) FROM series) = (SELECT count(*) FROM book_ticker_snapshots)"),
                  "t");
        RecordProperty("acknowledged_batches", std::to_string(acknowledged_.size()));
        RecordProperty("stored_batches", std::to_string(stored.size()));
    }

    PostgresServer server_;
    std::unique_ptr<PostgresDesk> desk_;
    std::set<int> acknowledged_;
    std::mt19937 random_{20261125};
};

class PostgresKillLong : public PostgresKill {};

TEST_F(PostgresKill, NoAcknowledgedRowIsLostAndNoneIsTwiceWhenBackendsAndTheServerAreKilled) { kill_under_load(18, 2); }

TEST_F(PostgresKillLong, NoAcknowledgedRowIsLostAndNoneIsTwiceWhenBackendsAndTheServerAreKilled) {
    kill_under_load(180, 20);
}

}  // namespace
}  // namespace marketdb::testing
