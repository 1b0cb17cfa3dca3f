#include "storage/postgres/server_error.hpp"

#include <gtest/gtest.h>

#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "storage/postgres/transaction.hpp"

namespace marketdb::storage::postgres {
namespace {

struct Case {
    std::string_view sqlstate;
    std::string_view code;
};

TEST(ServerError, EverySqlstateHasItsCode) {
    const std::vector<Case> cases{
        {"08000", "unavailable"},
        {"08006", "unavailable"},
        {"08P01", "unavailable"},
        {"57P01", "unavailable"},
        {"57P02", "unavailable"},
        {"57P03", "unavailable"},
        {"57P05", "unavailable"},
        {"57014", "timeout"},
        {"40001", "timeout"},
        {"40P01", "timeout"},
        {"55P03", "unavailable"},
        {"55006", "unavailable"},
        {"25006", "read_only"},
        {"25P03", "unavailable"},
        {"28000", "unauthorized"},
        {"28P01", "unauthorized"},
        {"42501", "unauthorized"},
        {"3D000", "unavailable"},
        {"53100", "resource_exhausted"},
        {"53200", "resource_exhausted"},
        {"53300", "resource_exhausted"},
        {"54000", "resource_exhausted"},
        {"22003", "constraint"},
        {"22021", "constraint"},
        {"23502", "constraint"},
        {"23503", "constraint"},
        {"23505", "constraint"},
        {"23514", "constraint"},
        {"44000", "constraint"},
        {"P0001", "constraint"},
        {"42P01", "schema_mismatch"},
        {"42703", "schema_mismatch"},
        {"42804", "schema_mismatch"},
        {"3F000", "schema_mismatch"},
        {"26000", "schema_mismatch"},
        {"0A000", "schema_mismatch"},
        {"58030", "unavailable"},
        {"XX000", "internal"},
        {"XX001", "corrupt"},
        {"XX002", "corrupt"},
        {"", "internal"},
        {"99999", "internal"},
    };
    for (const Case& one : cases) EXPECT_EQ(to_string(code_of_sqlstate(one.sqlstate)), one.code) << one.sqlstate;
}

TEST(ServerError, OnlyADeadlockAndASerializationFailureAreTriedAgain) {
    for (const std::string_view sqlstate : {"40001", "40P01"}) EXPECT_TRUE(is_transient(sqlstate)) << sqlstate;
    for (const std::string_view sqlstate : {"40000", "40002", "40003", "55P03", "57014", "23505", "08006", ""}) {
        EXPECT_FALSE(is_transient(sqlstate)) << sqlstate;
    }
}

TEST(ServerError, AStalePlanIsKnownInEveryLanguage) {
    const auto is_stale = [](std::string sqlstate, std::string message, std::string routine) {
        ServerError said;
        said.sqlstate = std::move(sqlstate);
        said.message = std::move(message);
        said.routine = std::move(routine);
        return is_stale_plan(std::make_exception_ptr(StatementError(std::move(said), "the database refused")));
    };
    EXPECT_TRUE(is_stale("0A000", "gecachter Plan darf den Ergebnistyp nicht \u00e4ndern", "RevalidateCachedQuery"));
    EXPECT_TRUE(is_stale("26000", "prepared statement \"marketdb_1\" does not exist", "FetchPreparedStatement"));
    EXPECT_FALSE(is_stale("0A000", "a rule about a cached plan", "transformOnConflictClause"));
    EXPECT_FALSE(is_stale("42P01", "relation \"quotes\" does not exist", "parserOpenTable"));
    EXPECT_FALSE(is_stale_plan(std::make_exception_ptr(Error(ErrorCode::timeout, "late"))));
}

TEST(ServerError, KeepsTheServersWordsAndItsState) {
    ServerError said;
    said.sqlstate = "23505";
    said.message = "duplicate key value violates unique constraint \"one\"";
    said.detail = "Key (id)=(1) already exists.";
    const StatementError error(said, "the database refused");
    EXPECT_EQ(to_string(error.code()), "constraint");
    EXPECT_EQ(error.sqlstate(), "23505");
    EXPECT_STREQ(error.what(),
                 "the database refused: duplicate key value violates unique constraint \"one\" (Key (id)=(1) already "
                 "exists.)");
}

TEST(ServerError, LongWordsAreCut) {
    ServerError said;
    said.message = std::string(100'000, 'x');
    EXPECT_LE(said.text().size(), 4'200U);
}

}  // namespace
}  // namespace marketdb::storage::postgres
