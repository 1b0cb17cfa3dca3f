#include <marketdb/error.hpp>

#include <set>
#include <string>

#include <gtest/gtest.h>

namespace marketdb {
namespace {

TEST(Error, EveryCodeHasItsOwnName) {
    EXPECT_EQ(to_string(ErrorCode::invalid_argument), "invalid_argument");
    EXPECT_EQ(to_string(ErrorCode::schema_mismatch), "schema_mismatch");
    EXPECT_EQ(to_string(ErrorCode::internal), "internal");
    std::set<std::string_view> names;
    for (int code = 0; code <= static_cast<int>(ErrorCode::internal); ++code) names.insert(to_string(ErrorCode(code)));
    EXPECT_EQ(names.size(), 16U);
    EXPECT_EQ(to_string(ErrorCode(200)), "internal");
}

TEST(Error, AnswersTheQuestionsOfACaller) {
    const Error in_doubt(ErrorCode::in_doubt, "the link broke during COMMIT", "08006");
    EXPECT_STREQ(in_doubt.what(), "the link broke during COMMIT");
    EXPECT_EQ(in_doubt.sqlstate(), "08006");
    EXPECT_TRUE(in_doubt.retryable());
    EXPECT_TRUE(in_doubt.in_doubt());
    EXPECT_TRUE(in_doubt.connection_lost());

    const Error constraint(ErrorCode::constraint, "no");
    EXPECT_EQ(constraint.sqlstate(), "");
    EXPECT_FALSE(constraint.retryable());
    EXPECT_FALSE(constraint.in_doubt());
    EXPECT_FALSE(constraint.connection_lost());
    EXPECT_TRUE(Error(ErrorCode::timeout, "").retryable());
    EXPECT_TRUE(Error(ErrorCode::resource_exhausted, "").retryable());
    EXPECT_TRUE(Error(ErrorCode::unavailable, "").connection_lost());
}

}  // namespace
}  // namespace marketdb
