#include "core/covered_time.hpp"

#include <algorithm>
#include <utility>

#include "core/refuse.hpp"

namespace marketdb::core {
namespace {

bool is_of_one_series(const CoverageClaim& one, const CoverageClaim& other) {
    return one.dataset == other.dataset && one.symbol == other.symbol && one.clock == other.clock;
}

/// The time of the claims for which `is_wanted`.
template <class IsWanted>
Intervals time_of(std::span<const CoverageClaim> claims, IsWanted is_wanted) {
    Intervals times;
    for (const CoverageClaim& claim : claims) {
        if (is_wanted(claim)) times.push_back({claim.start, claim.end});
    }
    return united(std::move(times));
}

}  // namespace

void refuse_balances(std::optional<Dataset> dataset) {
    refuse(dataset == Dataset::balances, "the coverage of balances is not kept");
}

void for_each_series(std::span<const CoverageClaim> claims,
                     const std::function<void(std::span<const CoverageClaim>)>& use) {
    for (std::size_t first = 0; first < claims.size();) {
        std::size_t end = first + 1;
        while (end < claims.size() && is_of_one_series(claims[first], claims[end])) ++end;
        use(claims.subspan(first, end - first));
        first = end;
    }
}

std::vector<CoverageClaim> counting_gaps(std::span<const CoverageClaim> claims, const Interval& range) {
    std::vector<CoverageClaim> gaps;
    const Intervals wanted(1, range);
    for (const CoverageClaim& gap : claims) {
        if (gap.kind != CoverageKind::gap) continue;
        const Intervals filled = time_of(claims, [&gap](const CoverageClaim& claim) {
            return claim.kind != CoverageKind::gap && claim.source != gap.source;
        });
        const Intervals whole(1, Interval{gap.start, gap.end});
        for (const Interval& left : common(without(whole, filled), wanted)) {
            CoverageClaim& counts = gaps.emplace_back(gap);
            counts.start = left.start;
            counts.end = left.end;
        }
    }
    return gaps;
}

std::vector<CoveredTime> covered_time(std::span<const CoverageClaim> claims, SourceId source, const Interval& range) {
    const auto is_wanted = [source](const CoverageClaim& claim) {
        return claim.kind != CoverageKind::gap && (source == SourceId{} || claim.source == source);
    };
    Intervals missing;
    for (const CoverageClaim& gap : counting_gaps(claims, kEver)) missing.push_back({gap.start, gap.end});
    const Intervals known = without(time_of(claims, is_wanted), united(std::move(missing)));
    const Intervals wanted(1, range);
    std::vector<CoveredTime> pieces;
    for (const Interval& piece : common(known, wanted)) {
        CoveredTime& one = pieces.emplace_back();
        one.dataset = claims.front().dataset;
        one.symbol = claims.front().symbol;
        one.clock = claims.front().clock;
        one.start = piece.start;
        one.end = piece.end;
        for (const CoverageClaim& claim : claims) {
            if (!is_wanted(claim) || claim.end <= piece.start || piece.end <= claim.start) continue;
            const CoverageReason reason{claim.kind, claim.source};
            if (std::find(one.reasons.begin(), one.reasons.end(), reason) == one.reasons.end()) {
                one.reasons.push_back(reason);
            }
        }
    }
    return pieces;
}

std::vector<CoverageClaim> still_pending(std::span<const CoverageClaim> claims,
                                         std::span<const CoverageClaim> pending) {
    std::vector<CoverageClaim> left;
    for (const CoverageClaim& claim : claims) {
        if (claim.kind == CoverageKind::gap) {
            left.push_back(claim);
            continue;
        }
        const Intervals open = time_of(pending, [&claim](const CoverageClaim& one) {
            return is_of_one_series(one, claim) && one.kind == claim.kind && one.source == claim.source;
        });
        const Intervals whole(1, Interval{claim.start, claim.end});
        for (const Interval& piece : common(whole, open)) {
            CoverageClaim& one = left.emplace_back(claim);
            one.start = piece.start;
            one.end = piece.end;
        }
    }
    return left;
}

CoverageShare covered_share(std::span<const CoverageClaim> claims, SourceId source, const Interval& range) {
    CoverageShare share;
    share.asked = range.end - range.start;
    for (const CoveredTime& piece : covered_time(claims, source, range)) share.covered += piece.end - piece.start;
    return share;
}

}  // namespace marketdb::core
