#pragma once

#include <optional>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include <marketdb/deadline.hpp>
#include <marketdb/retention.hpp>

#include "storage/postgres/connection.hpp"
#include "storage/postgres/statements.hpp"

namespace marketdb::storage::postgres {

/// TimescaleDB as a database has it.
struct Timescale {
    std::string version;  ///< `2.22.1`
    std::string schema;   ///< Where its functions are.
    std::string edition;  ///< `apache` or `timescale`; empty if it does not say.
};

/// None: the extension is not installed in this database.
[[nodiscard]] boost::asio::awaitable<std::optional<Timescale>> find_timescale(Connection& connection,
                                                                              Deadline deadline);

/// The jobs of tables in this database, by id. None: the extension is not installed.
[[nodiscard]] boost::asio::awaitable<std::vector<ServerJob>> find_jobs(Connection& connection, Deadline deadline);

/// Makes hypertables of the empty tables that have just been made in this transaction, and fits the functions of partitions to
/// their chunks. Uses what the Apache edition has.
///
/// Errors: schema_mismatch  TimescaleDB is not installed in this database, or its triggers have no transition tables yet.
boost::asio::awaitable<void> make_hypertables(Connection& connection, const SchemaName& schema, Deadline deadline);

/// Changes a statement of a migration so that its tables are made in one piece. False: it makes none that are partitioned.
bool remove_partitions(std::string& statement);

}  // namespace marketdb::storage::postgres
