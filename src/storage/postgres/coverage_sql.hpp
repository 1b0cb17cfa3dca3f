#pragma once

#include <string>
#include <string_view>

#include <marketdb/coverage_claim.hpp>

#include "storage/postgres/statements.hpp"

/// Statements about the tables `coverage` and `pending_claims`, which have the same columns, with their values in them.
namespace marketdb::storage::postgres {

inline constexpr std::string_view kCoverage = "coverage";
inline constexpr std::string_view kPendingClaims = "pending_claims";

/// Stores a claim, unless some of its time went out of what its source has pending; those of the same source and series that touch
/// it become one with it.
[[nodiscard]] std::string claim_sql(const SchemaName& schema, const CoverageClaim& claim);
/// Makes a claim pending, unless one of the same source and series is.
[[nodiscard]] std::string open_sql(const SchemaName& schema, const CoverageClaim& claim);
/// Removes the pending claims that the filter chooses, whatever their time.
[[nodiscard]] std::string close_sql(const SchemaName& schema, const CoverageFilter& filter);
/// Takes rows' time out of the chosen claims of a table, as `Engine::withdraw` says.
[[nodiscard]] std::string withdraw_sql(const SchemaName& schema, std::string_view table, const CoverageFilter& filter);
/// Dataset, symbol_id, clock, kind, source_id, start_time, end_time of the chosen claims of a table.
[[nodiscard]] std::string claims_sql(const SchemaName& schema, std::string_view table, const CoverageFilter& filter);

}  // namespace marketdb::storage::postgres
