#pragma once

#include <string_view>

#include <boost/asio/awaitable.hpp>

#include <marketdb/deadline.hpp>

#include "storage/migrations.hpp"
#include "storage/postgres/connection.hpp"
#include "storage/postgres/statements.hpp"

/// What an existing schema has no table for (sources, rows that were set aside) lies in a schema beside it, if it was asked for.
/// A database has one such schema, and its comment says whose it is.
namespace marketdb::storage::postgres {

inline constexpr std::string_view kSideSchema = "marketdb";

/// Whether there are side tables of this schema that the session's role may read, or write too.
boost::asio::awaitable<bool> has_side_tables(Connection& connection, const SchemaName& existing, SchemaUse use,
                                             Deadline deadline);

/// Makes them, in a transaction of its own; nothing if they are there. The existing schema is not touched.
///
/// Errors: schema_mismatch  there is a schema of that name that holds something else; names it, and nothing was made.
boost::asio::awaitable<void> make_side_tables(Connection& connection, const SchemaName& existing, Deadline deadline);

}  // namespace marketdb::storage::postgres
