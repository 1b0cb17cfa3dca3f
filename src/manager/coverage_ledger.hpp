#pragma once

#include <memory>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include <marketdb/coverage_claim.hpp>
#include <marketdb/database_manager.hpp>

#include "manager/access.hpp"

namespace marketdb {

/// The way to a manager's ledger for the free functions of coverage.hpp. What may be claimed is checked at the call.
///
/// Threads: any. Lifetime: the manager must outlive it.
class CoverageLedger {
 public:
    template <class T>
    using awaitable = boost::asio::awaitable<T>;

    explicit CoverageLedger(DatabaseManager& db) : impl_(ManagerAccess::impl(db)) {}

    /// As the public function. Row: BookTicker, Trade or FundingRate.
    template <class Row>
    awaitable<WriteResult> insert(std::vector<Row> rows, std::vector<CoverageClaim> claims, Deadline deadline);
    awaitable<void> claim(std::vector<CoverageClaim> claims, Deadline deadline);
    awaitable<void> open_claims(std::vector<CoverageClaim> claims, Deadline deadline);
    awaitable<void> settle_claims(CoverageFilter closes, std::vector<CoverageClaim> claims, Deadline deadline);
    awaitable<void> withdraw(CoverageFilter filter, Deadline deadline);
    /// Takes the time of a gap out of the claims of its series on both clocks.
    awaitable<void> withdraw_for_gap(CoverageClaim gap, Deadline deadline);
    /// Errors: schema_mismatch  the database keeps none.
    awaitable<std::vector<CoverageClaim>> claims(CoverageFilter filter, Deadline deadline);
    [[nodiscard]] bool is_kept() const noexcept;

 private:
    std::shared_ptr<ManagerAccess::Impl> impl_;
};

}  // namespace marketdb
