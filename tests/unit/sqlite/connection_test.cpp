#include "storage/sqlite/connection.hpp"

#include "sqlite_fixture.hpp"
#include "storage/sqlite/row_codec.hpp"
#include "storage/sqlite/workers.hpp"

namespace marketdb::testing {
namespace {

using storage::Completion;
using storage::sqlite::Access;
using storage::sqlite::Connection;
using storage::sqlite::Control;
using storage::sqlite::Database;
using storage::sqlite::Job;
using storage::sqlite::JobContext;
using storage::sqlite::Lane;
using storage::sqlite::Statement;
using storage::sqlite::StatementUse;
using storage::sqlite::Workers;

class ConnectionTest : public ::testing::Test {
 protected:
    Control forever_{Deadline::never()};
    Connection connection_{{":memory:", Access::create, std::chrono::milliseconds(10), 100}, forever_};
};

TEST_F(ConnectionTest, EveryResultCodeHasItsMeaning) {
    const std::vector<std::pair<int, ErrorCode>> meanings{{SQLITE_BUSY, ErrorCode::unavailable},
                                                          {SQLITE_BUSY_SNAPSHOT, ErrorCode::unavailable},
                                                          {SQLITE_PROTOCOL, ErrorCode::unavailable},
                                                          {SQLITE_CANTOPEN, ErrorCode::unavailable},
                                                          {SQLITE_PERM, ErrorCode::unavailable},
                                                          {SQLITE_IOERR_FSYNC, ErrorCode::unavailable},
                                                          {SQLITE_READONLY_DBMOVED, ErrorCode::unavailable},
                                                          {SQLITE_FULL, ErrorCode::resource_exhausted},
                                                          {SQLITE_NOMEM, ErrorCode::resource_exhausted},
                                                          {SQLITE_READONLY, ErrorCode::read_only},
                                                          {SQLITE_READONLY_DIRECTORY, ErrorCode::read_only},
                                                          {SQLITE_CORRUPT, ErrorCode::corrupt},
                                                          {SQLITE_CORRUPT_INDEX, ErrorCode::corrupt},
                                                          {SQLITE_NOTADB, ErrorCode::corrupt},
                                                          {SQLITE_CONSTRAINT_CHECK, ErrorCode::constraint},
                                                          {SQLITE_TOOBIG, ErrorCode::invalid_argument},
                                                          {SQLITE_MISUSE, ErrorCode::internal},
                                                          {SQLITE_INTERRUPT, ErrorCode::internal}};
    for (const auto& [code, meaning] : meanings) {
        expect_error(meaning, [&, each = code] { connection_.fail(each, "testing"); }, {":memory:"});
    }
}

TEST_F(ConnectionTest, AnInterruptIsWhatTheControlSays) {
    Control cancelled(Deadline::never());
    cancelled.cancel();
    const Connection::Scope scope(connection_, cancelled);
    expect_error(ErrorCode::cancelled, [&] { connection_.fail(SQLITE_INTERRUPT, "testing"); });
    expect_error(ErrorCode::cancelled, [&] { connection_.fail(SQLITE_BUSY, "testing"); });
}

TEST_F(ConnectionTest, ALongStatementStopsAtItsDeadline) {
    const Control late(Deadline::in(20ms));
    const Connection::Scope scope(connection_, late);
    expect_error(ErrorCode::timeout, [&] {
        connection_.query_integer(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT sum(i) FROM n");
    });
}

TEST_F(ConnectionTest, TablesAndColumnsThatAreGoneAreASchemaMismatch) {
    expect_error(ErrorCode::schema_mismatch, [&] { connection_.statement("SELECT 1 FROM gone"); },
                 {"no such table: gone"});
    connection_.execute("CREATE TABLE t (a)");
    expect_error(ErrorCode::schema_mismatch, [&] { connection_.statement("SELECT b FROM t"); }, {"no such column: b"});
    expect_error(ErrorCode::schema_mismatch, [&] { connection_.statement("INSERT INTO t (b) VALUES (1)"); },
                 {"no column"});
    expect_error(ErrorCode::internal, [&] { connection_.execute("SELEC 1"); }, {"syntax error"});
}

TEST_F(ConnectionTest, StatementsAreKept) {
    Statement& first = connection_.statement("SELECT ?1");
    EXPECT_EQ(&first, &connection_.statement("SELECT ?1"));
    StatementUse use(first);
    use->bind(1, std::string_view("text\0with zero", 14));
    ASSERT_TRUE(use->step());
    EXPECT_EQ(use->text(0), std::string_view("text\0with zero", 14));
    use->reset();
    use->bind(1, std::string_view());
    ASSERT_TRUE(use->step());
    EXPECT_FALSE(use->is_null(0));
    use->reset();
    use->bind_null(1);
    ASSERT_TRUE(use->step());
    EXPECT_TRUE(use->is_null(0));
    EXPECT_EQ(use->text(0), "");
    EXPECT_EQ(use->integer(0), 0);
    EXPECT_FALSE(use->step());
}

TEST_F(ConnectionTest, AWrongParameterIsAFaultOfOurs) {
    Statement& statement = connection_.statement("SELECT ?1");
    expect_error(ErrorCode::internal, [&] { statement.bind(2, std::int64_t{1}); });
    expect_error(ErrorCode::internal, [&] { statement.bind(2, std::string_view("a")); });
    expect_error(ErrorCode::internal, [&] { statement.bind_null(2); });
    const BookTicker row;
    const auto& table = storage::table_of<BookTicker>();
    expect_error(ErrorCode::internal,
                 [&] { bind_column(statement, 2, reinterpret_cast<const std::byte*>(&row), table.columns[0]); },
                 {"symbol_id", "parameter 2"});
}

TEST_F(ConnectionTest, QueriesWithoutRowsGiveNothing) {
    EXPECT_EQ(connection_.query_integer("SELECT 1 WHERE 0"), 0);
    EXPECT_EQ(connection_.query_text("SELECT 1 WHERE 0"), "");
    EXPECT_EQ(connection_.file(), "");
}

/// Notes that a job was completed.
class Noted final : public Completion {
 public:
    explicit Noted(bool& done) : done_(done) {}
    void complete(std::unique_ptr<Completion>) override { done_ = true; }

 private:
    bool& done_;
};

TEST(Workers, AJobForThreadsThatDoNotRunIsClosed) {
    Config config;
    config.sqlite_path = ":memory:";
    Database database(config);
    Workers workers(database);
    bool ran = false;
    bool done = false;
    auto work = [&ran](JobContext&) { ran = true; };
    Job job(Deadline::never(), work);
    job.set_completion(std::make_unique<Noted>(done));
    workers.submit(Lane::writer, job);
    EXPECT_TRUE(done);
    EXPECT_FALSE(ran);
    expect_error(ErrorCode::closed, [&] { job.rethrow_failure(); });
}

}  // namespace
}  // namespace marketdb::testing
