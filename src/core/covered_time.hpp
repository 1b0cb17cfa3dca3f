#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include <marketdb/coverage_claim.hpp>

#include "core/intervals.hpp"

/// What claims come to. Pure functions.
namespace marketdb::core {

/// Errors: invalid_argument  of balances no coverage is kept.
void refuse_balances(std::optional<Dataset> dataset);

/// Calls `use` with the claims of each series on each clock; they come together in `claims`.
void for_each_series(std::span<const CoverageClaim> claims,
                     const std::function<void(std::span<const CoverageClaim>)>& use);

/// The gaps of one series and clock that count, within `range`: what no claim of another source covers.
[[nodiscard]] std::vector<CoverageClaim> counting_gaps(std::span<const CoverageClaim> claims, const Interval& range);
/// The covered time of one series and clock, within `range`.
/// @param source  Only by its claims; 0: by all.
[[nodiscard]] std::vector<CoveredTime> covered_time(std::span<const CoverageClaim> claims, SourceId source,
                                                    const Interval& range);

/// How much of a range is covered, by the claims of one series and clock; `source` as above.
[[nodiscard]] CoverageShare covered_share(std::span<const CoverageClaim> claims, SourceId source,
                                          const Interval& range);

/// Of claims the time that is still pending (claims of the same source, series, clock and kind); gaps stay whole.
[[nodiscard]] std::vector<CoverageClaim> still_pending(std::span<const CoverageClaim> claims,
                                                       std::span<const CoverageClaim> pending);

/// Whether gaps stay when this is taken out of the ledger: no row comes back into them, and a quote from before must not be carried
/// over them. They go with everything before a moment, and with the source that said so.
[[nodiscard]] constexpr bool keeps_gaps(const CoverageFilter& filter) noexcept {
    return is_present(filter.start) && filter.source == SourceId{};
}

}  // namespace marketdb::core
