#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include <marketdb/config.hpp>
#include <marketdb/deadline.hpp>

#include "storage/engine.hpp"
#include "storage/migrations.hpp"
#include "storage/postgres/connection.hpp"
#include "storage/postgres/existing_schema.hpp"
#include "storage/postgres/hypertables.hpp"
#include "storage/postgres/physical_table.hpp"
#include "storage/postgres/statements.hpp"

namespace marketdb::storage::postgres {

/// What a schema holds, as the server's catalogue says.
class Catalogue {
 public:
    /// Reads it. An empty name stands for the first schema of the session's search path.
    ///
    /// Errors: schema_mismatch  there is no such schema; a column of one of our tables has a type that cannot hold what it is
    ///                          for; the tables are those of older programs in a shape that cannot be used; names them.
    static boost::asio::awaitable<Catalogue> read(Connection& connection, std::string schema, Deadline deadline);

    [[nodiscard]] const SchemaName& schema() const noexcept { return schema_; }
    /// No table, view or sequence at all.
    [[nodiscard]] bool is_empty() const noexcept { return relations_.empty(); }
    [[nodiscard]] bool has_migrations() const noexcept;
    /// The tables are those of the programs that marketdb replaces, and are used as they are.
    [[nodiscard]] bool is_existing() const noexcept { return is_existing_; }
    [[nodiscard]] Capabilities capabilities() const;
    [[nodiscard]] const std::vector<AppliedMigration>& applied() const noexcept { return applied_; }
    /// Book tickers and trades are hypertables.
    [[nodiscard]] bool has_hypertables() const noexcept { return !hypertables_.empty(); }
    /// Asked for only where there are hypertables.
    [[nodiscard]] const std::optional<Timescale>& timescale() const noexcept { return timescale_; }
    /// For messages: names of relations, five at most.
    [[nodiscard]] std::string some_names() const;

    /// Of an existing schema: what `timestamp` of all tables but trades is.
    void set_legacy_clock(LegacyClock clock);
    /// Of an existing schema: takes the tables beside it for its own, if there are any that may be used so.
    boost::asio::awaitable<void> read_side_tables(Connection& connection, SchemaUse use, Deadline deadline);
    /// Whether this database has such a table, and it has the columns that cannot be done without.
    [[nodiscard]] bool has_table(const Table& table) const noexcept {
        const auto found = tables_.find(&table);
        return found != tables_.end() && (found->second.is_own() || found->second.existing->missing.empty());
    }
    /// Errors: schema_mismatch  this database has no such table, or it lacks columns that cannot be done without.
    [[nodiscard]] const PhysicalTable& table(const Table& table) const;

 private:
    boost::asio::awaitable<void> read_relations(Connection& connection, Deadline deadline);
    boost::asio::awaitable<void> read_columns(Connection& connection, Deadline deadline);
    boost::asio::awaitable<void> read_indexes(Connection& connection, Deadline deadline);
    boost::asio::awaitable<void> read_checks(Connection& connection, Deadline deadline);
    boost::asio::awaitable<void> read_hypertables(Connection& connection, Deadline deadline);
    boost::asio::awaitable<void> read_applied(Connection& connection, Deadline deadline);
    boost::asio::awaitable<Result> ask(Connection& connection, std::string_view sql, Deadline deadline) const;
    void make_own_tables(std::string_view where);

    SchemaName schema_;
    Relations relations_;
    PhysicalTables tables_;
    std::set<std::string, std::less<>> hypertables_;
    std::optional<Timescale> timescale_;
    std::vector<AppliedMigration> applied_;
    bool is_existing_ = false;
};

}  // namespace marketdb::storage::postgres
