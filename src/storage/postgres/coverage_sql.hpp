#pragma once

#include <string>

#include <marketdb/coverage_claim.hpp>

#include "storage/postgres/statements.hpp"

/// Statements about the `coverage` table, with their values in them.
namespace marketdb::storage::postgres {

/// Stores a claim; those of the same source and series that touch it become one with it.
[[nodiscard]] std::string claim_sql(const SchemaName& schema, const CoverageClaim& claim);
/// Takes rows' time out of the chosen claims, as `Engine::withdraw` says.
[[nodiscard]] std::string withdraw_sql(const SchemaName& schema, const CoverageFilter& filter);
/// Dataset, symbol_id, clock, kind, source_id, start_time, end_time of the chosen claims.
[[nodiscard]] std::string claims_sql(const SchemaName& schema, const CoverageFilter& filter);

}  // namespace marketdb::storage::postgres
