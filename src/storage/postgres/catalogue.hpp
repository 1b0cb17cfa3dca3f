#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include <marketdb/deadline.hpp>

#include "storage/migrations.hpp"
#include "storage/postgres/connection.hpp"
#include "storage/postgres/physical_table.hpp"
#include "storage/postgres/statements.hpp"

namespace marketdb::storage::postgres {

/// What a schema holds, as the server's catalogue says.
class Catalogue {
 public:
    /// Reads it. An empty name stands for the first schema of the session's search path.
    ///
    /// Errors: schema_mismatch  there is no such schema; a column of one of our tables has a type that cannot hold what it is
    ///                          for; names both.
    static boost::asio::awaitable<Catalogue> read(Connection& connection, std::string schema, Deadline deadline);

    [[nodiscard]] const SchemaName& schema() const noexcept { return schema_; }
    /// No table, view or sequence at all.
    [[nodiscard]] bool is_empty() const noexcept { return relations_.empty(); }
    [[nodiscard]] bool has_migrations() const noexcept;
    [[nodiscard]] const std::vector<AppliedMigration>& applied() const noexcept { return applied_; }
    /// For messages: names of relations, five at most.
    [[nodiscard]] std::string some_names() const;

    /// Errors: schema_mismatch  this database has no such table.
    [[nodiscard]] const PhysicalTable& table(const Table& table) const;

 private:
    boost::asio::awaitable<void> read_relations(Connection& connection, Deadline deadline);
    boost::asio::awaitable<void> read_columns(Connection& connection, Deadline deadline);
    boost::asio::awaitable<void> read_applied(Connection& connection, Deadline deadline);

    SchemaName schema_;
    std::map<std::string, char> relations_;  // name: kind as in pg_class.relkind
    std::map<const Table*, PhysicalTable> tables_;
    std::vector<AppliedMigration> applied_;
};

}  // namespace marketdb::storage::postgres
