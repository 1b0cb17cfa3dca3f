#pragma once

#include <span>
#include <vector>

#include <marketdb/coverage_claim.hpp>

#include "storage/sqlite/connection.hpp"

/// The tables `coverage` and `pending_claims`: claims of one source and series are kept apart, so each is the whole of what touches it.
namespace marketdb::storage::sqlite {

/// Within a transaction. Claims that touch become one. One of which some time went out of what its source has pending is not stored.
void add_claims(Connection& connection, std::span<const CoverageClaim> claims);
/// Within a transaction: as `Engine::open_claims` and `Engine::settle_claims` say.
void open_claims(Connection& connection, std::span<const CoverageClaim> claims);
void settle_claims(Connection& connection, const CoverageFilter& closes, std::span<const CoverageClaim> claims);
/// Within a transaction, before the rows and the count of their series go: the skew that the received clock needs is kept there.
void withdraw_claims(Connection& connection, const CoverageFilter& filter);
/// By dataset, symbol, clock, start.
[[nodiscard]] std::vector<CoverageClaim> read_claims(Connection& connection, const CoverageFilter& filter);

}  // namespace marketdb::storage::sqlite
