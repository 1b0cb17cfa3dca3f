#include "storage/postgres/side_tables.hpp"

#include <array>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "core/text.hpp"
#include "storage/postgres/embedded.hpp"
#include "storage/postgres/fill.hpp"
#include "storage/postgres/row_codec.hpp"
#include "storage/postgres/transaction.hpp"

namespace marketdb::storage::postgres {

namespace asio = boost::asio;

namespace {

constexpr std::string_view kSideSchemaSql =
    "SELECT coalesce(pg_catalog.obj_description(n.oid, 'pg_namespace'), ''), pg_catalog.has_schema_privilege(n.oid, "
    "'USAGE') AND (SELECT count(*) FILTER (WHERE pg_catalog.has_table_privilege(c.oid, 'SELECT')) = 2 FROM "
    "pg_catalog.pg_class c WHERE c.relnamespace = n.oid AND c.relname IN ('sources', 'quarantined_rows')), (SELECT "
    "count(*) FILTER (WHERE pg_catalog.has_table_privilege(c.oid, 'INSERT') AND (c.relname = 'quarantined_rows' OR "
    "pg_catalog.has_table_privilege(c.oid, 'UPDATE'))) = 2 FROM pg_catalog.pg_class c WHERE c.relnamespace = n.oid AND "
    "c.relname IN ('sources', 'quarantined_rows')) FROM pg_catalog.pg_namespace n WHERE n.nspname = $1";

std::string comment_for(const SchemaName& existing) {
    return fmt::format("marketdb's side tables of the schema {}", existing.quoted());
}

asio::awaitable<Result> ask(Connection& connection, Deadline deadline) {
    Parameters parameters;
    parameters.add(kSideSchema);
    const Step step{kSideSchemaSql, &parameters};
    Result found = co_await connection.run_one(step, deadline);
    co_return found;
}

}  // namespace

asio::awaitable<bool> has_side_tables(Connection& connection, const SchemaName& existing, SchemaUse use,
                                      Deadline deadline) {
    const Result found = co_await ask(connection, deadline);
    if (found.rows() == 0 || found.text(0, 0) != comment_for(existing)) co_return false;
    co_return found.boolean(0, 1) && (use == SchemaUse::read || found.boolean(0, 2));
}

asio::awaitable<void> make_side_tables(Connection& connection, const SchemaName& existing, Deadline deadline) {
    const std::string comment = comment_for(existing);
    // Only with the lock is it certain whether another program has made them.
    std::string begins =
        "BEGIN; SET LOCAL statement_timeout = 0; SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended("
        "'marketdb side tables', 0))";
    co_await connection.run_text(std::move(begins), deadline);
    const Result found = co_await ask(connection, deadline);
    if (found.rows() > 0 && found.text(0, 0) != comment) {
        const std::string said = found.text(0, 0);
        throw Error(ErrorCode::schema_mismatch,
                    fmt::format("{}: side tables of schema {} want a schema named {}, and there is one that is not "
                                "theirs{}; nothing was made",
                                connection.shown(), existing.quoted(), kSideSchema,
                                said.empty() ? std::string() : fmt::format(" ({})", core::printable(said))));
    }
    if (found.rows() == 0) {
        const std::array placeholders{Placeholder{"comment", literal(comment)}};
        std::string text = fill(embedded_text("side_tables.sql"), placeholders);
        co_await connection.run_text(std::move(text), deadline);
    }
    co_await commit(connection, deadline);
}

}  // namespace marketdb::storage::postgres
