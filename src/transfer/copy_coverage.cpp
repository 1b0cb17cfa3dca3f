#include "transfer/copy_coverage.hpp"

#include <utility>

#include <marketdb/error.hpp>

#include "core/covered_time.hpp"
#include "transfer/pending_claims.hpp"

namespace marketdb::transfer {
namespace {

using core::kEver;

core::Interval range_of(const SeriesPart& part) {
    return {is_present(part.start) ? part.start : kEver.start, is_present(part.end) ? part.end : kEver.end};
}

}  // namespace

CopyCoverage::CopyCoverage(DatabaseManager& from, DatabaseManager& to, const SeriesPart& here, const SeriesPart& there,
                           std::span<const CoverageClaim> claims)
    : from_(from), to_(to), here_(here), there_(there) {
    if (here_.dataset == Dataset::balances) return;
    core::for_each_series(claims, [this](std::span<const CoverageClaim> series) {
        const CoverageClaim& first = series.front();
        if (first.dataset != here_.dataset || first.symbol != here_.symbol) return;
        before_[static_cast<std::size_t>(first.clock)] = known(series);
    });
}

CopyCoverage::Known CopyCoverage::known(std::span<const CoverageClaim> claims) {
    Known known;
    for (const CoveredTime& piece : core::covered_time(claims, SourceId{}, kEver)) {
        known.covered.push_back({piece.start, piece.end});
    }
    core::Intervals gaps;
    for (const CoverageClaim& gap : core::counting_gaps(claims, kEver)) gaps.push_back({gap.start, gap.end});
    known.gaps = core::united(std::move(gaps));
    return known;
}

boost::asio::awaitable<CopyCoverage::Known> CopyCoverage::ask(DatabaseManager& db, const SeriesPart& part,
                                                              ClockKind clock) {
    if (part.dataset == Dataset::balances || part.symbol == SymbolId{}) co_return Known();
    CoverageFilter filter;
    filter.dataset = part.dataset;
    filter.symbol = part.symbol;
    filter.clock = clock;
    if (!keeps_coverage(db)) co_return Known();
    const std::vector<CoverageClaim> claims = co_await get_coverage_claims(db, filter);
    co_return known(claims);
}

boost::asio::awaitable<void> CopyCoverage::open(SourceId source) {
    std::vector<CoverageClaim> claims;
    add_pending(claims, there_.dataset, there_.symbol, CoverageKind::copy, source);
    return open_claims(to_, std::move(claims));
}

boost::asio::awaitable<void> CopyCoverage::settle(SourceId source, std::vector<CoverageClaim> claims) {
    for (CoverageClaim& claim : claims) claim.source = source;
    CoverageFilter closes;
    closes.source = source;
    closes.dataset = there_.dataset;
    closes.symbol = there_.symbol;
    return settle_claims(to_, closes, std::move(claims));
}

boost::asio::awaitable<std::vector<SeriesPart>> CopyCoverage::uncovered_parts() {
    if (!keeps_coverage(to_)) {
        throw Error(ErrorCode::schema_mismatch,
                    to_.config().redacted_url() + ": an existing schema keeps no coverage, so nobody knows its gaps");
    }
    const Known target = co_await ask(to_, there_, ClockKind::event);
    const core::Intervals whole(1, range_of(here_));
    const core::Intervals certain = core::inner(target.covered);
    std::vector<SeriesPart> parts;
    for (const core::Interval& stretch : core::without(whole, certain)) {
        SeriesPart& part = parts.emplace_back(here_);
        if (stretch.start != kEver.start) part.start = stretch.start;
        if (stretch.end != kEver.end) part.end = stretch.end;
    }
    co_return parts;
}

boost::asio::awaitable<std::vector<CoverageClaim>> CopyCoverage::claims(core::Interval event_time) {
    std::vector<CoverageClaim> claims;
    co_await add(claims, ClockKind::event, event_time);
    if (event_time == kEver) co_await add(claims, ClockKind::received, kEver);
    co_return claims;
}

boost::asio::awaitable<void> CopyCoverage::add(std::vector<CoverageClaim>& claims, ClockKind clock,
                                               core::Interval range) {
    const Known& before = before_[static_cast<std::size_t>(clock)];
    if (before.covered.empty() && before.gaps.empty()) co_return;
    // What the first database lost meanwhile may not have been read.
    const Known after = co_await ask(from_, here_, clock);
    const Known target = co_await ask(to_, there_, clock);
    const core::Intervals wanted(1, range);
    const core::Intervals covered = core::common(core::common(before.covered, after.covered), wanted);
    const core::Intervals gaps = core::common(before.gaps, wanted);
    CoverageClaim claim;
    claim.dataset = there_.dataset;
    claim.symbol = there_.symbol;
    claim.clock = clock;
    const auto add_all = [&](const core::Intervals& times, CoverageKind kind) {
        for (const core::Interval& time : times) {
            claim.kind = kind;
            claim.start = time.start;
            claim.end = time.end;
            claims.push_back(claim);
        }
    };
    add_all(core::without(covered, target.covered), CoverageKind::copy);
    add_all(core::without(core::without(gaps, target.gaps), target.covered), CoverageKind::gap);
}

}  // namespace marketdb::transfer
