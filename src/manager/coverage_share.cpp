#include "manager/coverage_share.hpp"

#include <vector>

#include "core/covered_time.hpp"

namespace marketdb {

boost::asio::awaitable<CoverageShare> read_coverage_share(storage::Engine& engine, CoverageFilter filter,
                                                          Deadline deadline) {
    CoverageShare share;
    share.asked = filter.end - filter.start;
    const std::vector<CoverageClaim> claims = co_await engine.claims(filter, deadline);
    const core::Interval range{filter.start, filter.end};
    for (const CoveredTime& piece : core::covered_time(claims, SourceId{}, range)) {
        share.covered += piece.end - piece.start;
    }
    co_return share;
}

}  // namespace marketdb
