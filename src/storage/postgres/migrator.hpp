#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include <marketdb/config.hpp>
#include <marketdb/deadline.hpp>
#include <marketdb/queries.hpp>

#include "storage/migrations.hpp"
#include "storage/postgres/catalogue.hpp"
#include "storage/postgres/connection.hpp"
#include "storage/postgres/statements.hpp"

namespace marketdb::storage::postgres {

/// Moves one schema along its history. Each step is one transaction under a lock that belongs to the schema, so that two
/// programs at once are safe; a new schema gets all its tables in one.
class Migrator {
 public:
    template <class T>
    using awaitable = boost::asio::awaitable<T>;

    /// Applies what is pending. Returns the steps run.
    /// Errors: schema_mismatch  not ours, or of another history; nothing was changed.
    static awaitable<std::vector<MigrationStep>> up(Connection& connection, const Config& config, Deadline deadline);
    /// Undoes the steps above `version`, newest first.
    /// Errors: also constraint  a table that would go has rows; nothing was changed.
    static awaitable<std::vector<MigrationStep>> down(Connection& connection, const Config& config,
                                                      std::uint32_t version, Deadline deadline);

 private:
    Migrator(Connection& connection, const Config& config) : connection_(connection), config_(config) {}

    awaitable<std::vector<MigrationStep>> run_up(Deadline deadline);
    awaitable<std::vector<MigrationStep>> run_down(std::uint32_t version, Deadline deadline);
    awaitable<Catalogue> begin(Deadline deadline);
    awaitable<void> apply(const Migration& step, const SchemaName& schema, Deadline deadline);
    awaitable<void> undo(const Migration& step, const SchemaName& schema, Deadline deadline);
    awaitable<void> require_no_rows(const Migration& step, const SchemaName& schema, Deadline deadline);

    Connection& connection_;
    const Config& config_;
};

/// Refuses a schema that holds something else than marketdb's tables.
/// Errors: schema_mismatch  names what is there.
void require_ours(const Catalogue& catalogue, std::string_view where);

/// The text of a step for one schema.
/// Errors: invalid_argument  the schema's name has `$body$` in it.
[[nodiscard]] std::string for_schema(std::string_view text, const SchemaName& schema);

}  // namespace marketdb::storage::postgres
