#include "storage/postgres/migrations.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "storage/postgres/fill.hpp"
#include "storage/postgres/migrator.hpp"
#include "storage/postgres/roles.hpp"
#include "support/expect.hpp"

namespace marketdb::testing {
namespace {

using storage::Migration;
using storage::postgres::fill;
using storage::postgres::for_schema;
using storage::postgres::owner_script;
using storage::postgres::Placeholder;
using storage::postgres::reader_script;
using storage::postgres::SchemaName;
using storage::postgres::writer_script;

TEST(PostgresMigrations, AreTheStepsOfSqliteWithStatementsOfTheirOwn) {
    const auto steps = storage::postgres::migrations();
    const auto same = storage::sqlite_migrations();
    ASSERT_EQ(steps.size(), same.size());
    for (std::size_t i = 0; i < steps.size(); ++i) {
        EXPECT_EQ(steps[i].version, same[i].version);
        EXPECT_EQ(steps[i].name, same[i].name);
        EXPECT_EQ(steps[i].min_reader, same[i].min_reader);
        EXPECT_EQ(steps[i].min_writer, same[i].min_writer);
        EXPECT_EQ(steps[i].keeps, same[i].keeps);
        EXPECT_EQ(steps[i].up.size(), 1U);
        EXPECT_EQ(steps[i].down.size(), 1U);
        EXPECT_EQ(steps[i].checksum.size(), 64U);
        EXPECT_NE(steps[i].checksum, same[i].checksum);
    }
}

TEST(ForSchema, QuotesTheNameAsIdentifierAndAsText) {
    EXPECT_EQ(for_schema("DROP TABLE {schema}.t; SELECT {schema_text}, '{}', {other}", SchemaName("a\"b'c\\d")),
              "DROP TABLE \"a\"\"b'c\\d\".t; SELECT  E'a\"b''c\\\\d', '{}', {other}");
}

TEST(ForSchema, RefusesANameThatWouldEndAFunction) {
    expect_error(ErrorCode::invalid_argument, [] { static_cast<void>(for_schema("", SchemaName("a$body$b"))); },
                 {"$body$"});
}

TEST(Fill, LooksThroughNoValueAgain) {
    const std::array placeholders{Placeholder{"a", "{b}"}, Placeholder{"b", "{a}"}};
    EXPECT_EQ(fill("{a}{b}", placeholders), "{b}{a}");
    EXPECT_EQ(fill("{ab} {a {b", placeholders), "{ab} {a {b");
    EXPECT_EQ(fill("", placeholders), "");
}

TEST(RoleScripts, HoldTheNamesThatTheyAreGivenAndNoPassword) {
    const RoleNames names{.owner = "the owner", .writer = "w\"r", .reader = "READER"};
    const std::string owner = owner_script("desk", names);
    EXPECT_NE(owner.find("CREATE SCHEMA IF NOT EXISTS \"desk\" AUTHORIZATION \"the owner\";"), std::string::npos)
        << owner;
    const std::string writer = writer_script("desk", names);
    EXPECT_NE(writer.find("GRANT USAGE ON SCHEMA \"desk\" TO \"w\"\"r\";"), std::string::npos) << writer;
    const std::string reader = reader_script("desk", names);
    EXPECT_NE(reader.find("ALTER ROLE \"READER\" SET default_transaction_read_only = on;"), std::string::npos)
        << reader;
    for (const std::string& script : {owner, writer, reader}) {
        EXPECT_EQ(script.find('{'), std::string::npos) << script;
        EXPECT_EQ(script.find("PASSWORD"), std::string::npos) << script;
    }
}

}  // namespace
}  // namespace marketdb::testing
