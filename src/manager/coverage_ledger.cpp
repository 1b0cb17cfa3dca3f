#include "manager/coverage_ledger.hpp"

#include <utility>

#include <marketdb/error.hpp>

#include "core/covered_time.hpp"
#include "core/refuse.hpp"
#include "manager/impl.hpp"

namespace marketdb {
namespace {

using boost::asio::awaitable;

void check_claims(const std::vector<CoverageClaim>& claims) {
    for (const CoverageClaim& claim : claims) {
        core::refuse_balances(claim.dataset);
        core::refuse(!is_storable(claim.start) || claim.end <= claim.start,
                     "a claim of coverage: expected a start from 1970-01-01T00:00:00Z on and an end after it");
    }
}

}  // namespace

awaitable<void> DatabaseManager::Impl::claim(std::vector<CoverageClaim> claims, Deadline deadline) {
    refuse_read_only();
    if (!claims.empty()) co_await engine_->claim(claims, deadline);
}

awaitable<void> DatabaseManager::Impl::open_claims(std::vector<CoverageClaim> claims, Deadline deadline) {
    refuse_read_only();
    for (CoverageClaim& claim : claims) {
        claim.start = storage::kAllPending.start;
        claim.end = storage::kAllPending.end;
    }
    if (!claims.empty()) co_await engine_->open_claims(claims, deadline);
}

awaitable<void> DatabaseManager::Impl::settle_claims(CoverageFilter closes, std::vector<CoverageClaim> claims,
                                                     Deadline deadline) {
    refuse_read_only();
    co_await engine_->settle_claims(closes, claims, deadline);
}

awaitable<void> DatabaseManager::Impl::withdraw(CoverageFilter filter, Deadline deadline) {
    refuse_read_only();
    co_await engine_->withdraw(filter, deadline);
}

awaitable<void> DatabaseManager::Impl::withdraw_for_gap(CoverageClaim gap, Deadline deadline) {
    refuse_read_only();
    CoverageFilter filter;
    filter.dataset = gap.dataset;
    filter.symbol = gap.symbol;
    filter.start = gap.start;
    filter.end = gap.end;
    if (gap.clock == ClockKind::received) {
        // The event times of all rows that could have been received then.
        const std::vector<storage::SeriesInfo> stored = co_await engine_->series(gap.dataset, deadline);
        for (const storage::SeriesInfo& series : stored) {
            if (series.series.id != static_cast<std::int32_t>(gap.symbol)) continue;
            filter.start -= std::chrono::microseconds(series.max_skew_us);
            filter.end -= std::chrono::microseconds(series.min_skew_us);
        }
    }
    co_await engine_->withdraw(filter, deadline);
}

awaitable<std::vector<CoverageClaim>> DatabaseManager::Impl::claims(CoverageFilter filter, Deadline deadline) {
    if (!engine_->capabilities().keeps_coverage) {
        throw Error(ErrorCode::schema_mismatch, config_.redacted_url() +
                                                    ": an existing schema keeps no coverage; `marketdb migrate up` "
                                                    "makes a schema of it that does");
    }
    std::vector<CoverageClaim> found = co_await engine_->claims(filter, deadline);
    co_return found;
}

template <class Row>
awaitable<WriteResult> CoverageLedger::insert(std::vector<Row> rows, std::vector<CoverageClaim> claims,
                                              Deadline deadline) {
    check_claims(claims);
    return impl_->insert(std::move(rows), deadline, std::move(claims));
}

template awaitable<WriteResult> CoverageLedger::insert(std::vector<BookTicker>, std::vector<CoverageClaim>, Deadline);
template awaitable<WriteResult> CoverageLedger::insert(std::vector<Trade>, std::vector<CoverageClaim>, Deadline);
template awaitable<WriteResult> CoverageLedger::insert(std::vector<FundingRate>, std::vector<CoverageClaim>, Deadline);

awaitable<void> CoverageLedger::claim(std::vector<CoverageClaim> claims, Deadline deadline) {
    check_claims(claims);
    return impl_->start(&ManagerAccess::Impl::claim, deadline, std::move(claims));
}

awaitable<void> CoverageLedger::open_claims(std::vector<CoverageClaim> claims, Deadline deadline) {
    for (const CoverageClaim& claim : claims) core::refuse_balances(claim.dataset);
    return impl_->start(&ManagerAccess::Impl::open_claims, deadline, std::move(claims));
}

awaitable<void> CoverageLedger::settle_claims(CoverageFilter closes, std::vector<CoverageClaim> claims,
                                              Deadline deadline) {
    check_claims(claims);
    return impl_->start(&ManagerAccess::Impl::settle_claims, deadline, closes, std::move(claims));
}

awaitable<void> CoverageLedger::withdraw(CoverageFilter filter, Deadline deadline) {
    return impl_->start(&ManagerAccess::Impl::withdraw, deadline, filter);
}

awaitable<void> CoverageLedger::withdraw_for_gap(CoverageClaim gap, Deadline deadline) {
    return impl_->start(&ManagerAccess::Impl::withdraw_for_gap, deadline, gap);
}

awaitable<std::vector<CoverageClaim>> CoverageLedger::claims(CoverageFilter filter, Deadline deadline) {
    return impl_->start(&ManagerAccess::Impl::claims, deadline, filter);
}

bool CoverageLedger::is_kept() const noexcept { return impl_->engine().capabilities().keeps_coverage; }

}  // namespace marketdb
