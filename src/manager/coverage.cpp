#include <marketdb/coverage.hpp>

#include <string>
#include <utility>

#include <marketdb/error.hpp>

#include "core/covered_time.hpp"
#include "core/refuse.hpp"
#include "manager/coverage_ledger.hpp"
#include "manager/series_choice.hpp"

namespace marketdb {
namespace {

using boost::asio::awaitable;

constexpr std::string_view kDeclared = "declared";

/// Errors: invalid_argument.
void check(const CoverageFilter& filter) {
    core::refuse_balances(filter.dataset);
    core::refuse_backward(filter.start, filter.end);
}

core::Interval range_of(const CoverageFilter& filter) {
    return {is_present(filter.start) ? filter.start : core::kEver.start,
            is_present(filter.end) ? filter.end : core::kEver.end};
}

/// Claims of every source: a gap of one may be filled by another.
awaitable<std::vector<CoverageClaim>> read_claims(CoverageLedger ledger, CoverageFilter filter, Deadline deadline) {
    filter.source = {};
    std::vector<CoverageClaim> claims = co_await ledger.claims(filter, deadline);
    co_return claims;
}

awaitable<std::vector<CoveredTime>> covered(awaitable<std::vector<CoverageClaim>> question, CoverageFilter filter) {
    const std::vector<CoverageClaim> claims = co_await std::move(question);
    std::vector<CoveredTime> all;
    core::for_each_series(claims, [&](std::span<const CoverageClaim> series) {
        std::vector<CoveredTime> pieces = core::covered_time(series, filter.source, range_of(filter));
        all.insert(all.end(), pieces.begin(), pieces.end());
    });
    co_return all;
}

awaitable<std::vector<CoverageClaim>> gaps(awaitable<std::vector<CoverageClaim>> question, CoverageFilter filter) {
    const std::vector<CoverageClaim> claims = co_await std::move(question);
    std::vector<CoverageClaim> all;
    core::for_each_series(claims, [&](std::span<const CoverageClaim> series) {
        for (const CoverageClaim& gap : core::counting_gaps(series, range_of(filter))) {
            if (filter.source == SourceId{} || gap.source == filter.source) all.push_back(gap);
        }
    });
    co_return all;
}

awaitable<CoverageShare> share(awaitable<std::vector<CoverageClaim>> question, CoverageFilter filter) {
    const std::vector<CoverageClaim> claims = co_await std::move(question);
    co_return core::covered_share(claims, filter.source, range_of(filter));
}

/// The source of what users declare for a reason; the same for the same one.
awaitable<SourceId> source_of(DatabaseManager& db, std::string reason, Deadline deadline) {
    SourceFilter filter;
    filter.kind = kDeclared;
    const std::vector<Source> known = co_await db.get_sources(filter, deadline);
    for (const Source& one : known) {
        if (one.name == reason) co_return one.id;
    }
    Source source;
    source.kind = kDeclared;
    source.name = reason;
    const SourceId made = co_await db.begin_source(source, deadline);
    co_await db.finish_source(made, 0, deadline);
    co_return made;
}

CoverageClaim claim_of(const CoverageDeclaration& declaration, CoverageKind kind) {
    CoverageClaim claim;
    claim.dataset = declaration.dataset;
    claim.symbol = declaration.symbol;
    claim.clock = declaration.clock;
    claim.kind = kind;
    claim.start = declaration.start;
    claim.end = declaration.end;
    return claim;
}

void check(const CoverageDeclaration& declaration) {
    core::refuse_balances(declaration.dataset);
    const bool are_times = is_storable(declaration.start) && is_storable(declaration.end);
    core::refuse(!are_times || declaration.end <= declaration.start, "coverage: expected a start and an end after it");
}

awaitable<void> declare(DatabaseManager& db, CoverageClaim claim, std::string reason, Deadline deadline) {
    CoverageLedger ledger(db);
    CoverageFilter nothing;
    nothing.symbol = claim.symbol;
    nothing.dataset = claim.dataset;
    // Says whether the database keeps any.
    const std::vector<CoverageClaim> known = co_await ledger.claims(nothing, deadline);
    const std::optional<Symbol> symbol = co_await db.get_symbol_by_id(claim.symbol, deadline);
    if (!symbol) throw unknown_symbol(claim.symbol);
    claim.source = co_await source_of(db, std::move(reason), deadline);
    // What is said to be missing was claimed wrongly; what comes later may fill it.
    if (claim.kind == CoverageKind::gap) co_await ledger.withdraw_for_gap(claim, deadline);
    const std::vector<CoverageClaim> claims(1, claim);
    co_await ledger.claim(claims, deadline);
}

std::string reason_of(const CoverageDeclaration& declaration) {
    return std::string(declaration.reason.empty() ? kDeclared : declaration.reason);
}

}  // namespace

bool keeps_coverage(DatabaseManager& db) noexcept { return CoverageLedger(db).is_kept(); }

awaitable<std::vector<CoveredTime>> get_coverage(DatabaseManager& db, CoverageFilter filter, Deadline deadline) {
    check(filter);
    return covered(read_claims(CoverageLedger(db), filter, deadline), filter);
}

awaitable<std::vector<CoverageClaim>> get_declared_gaps(DatabaseManager& db, CoverageFilter filter, Deadline deadline) {
    check(filter);
    return gaps(read_claims(CoverageLedger(db), filter, deadline), filter);
}

awaitable<std::vector<CoverageClaim>> get_coverage_claims(DatabaseManager& db, CoverageFilter filter,
                                                          Deadline deadline) {
    check(filter);
    return CoverageLedger(db).claims(filter, deadline);
}

awaitable<CoverageShare> get_coverage_share(DatabaseManager& db, CoverageFilter filter, Deadline deadline) {
    const bool has_range = is_present(filter.start) && is_present(filter.end);
    core::refuse(!has_range || !filter.dataset || filter.symbol == SymbolId{},
                 "coverage: expected a dataset, a symbol, a start and an end");
    if (!filter.clock) filter.clock = ClockKind::event;
    check(filter);
    return share(read_claims(CoverageLedger(db), filter, deadline), filter);
}

awaitable<void> declare_coverage(DatabaseManager& db, CoverageDeclaration declaration, Deadline deadline) {
    check(declaration);
    return declare(db, claim_of(declaration, CoverageKind::declared), reason_of(declaration), deadline);
}

awaitable<void> declare_gap(DatabaseManager& db, CoverageDeclaration declaration, Deadline deadline) {
    check(declaration);
    return declare(db, claim_of(declaration, CoverageKind::gap), reason_of(declaration), deadline);
}

awaitable<void> withdraw_coverage(DatabaseManager& db, CoverageFilter filter, Deadline deadline) {
    check(filter);
    for (const Timestamp time : {filter.start, filter.end}) core::refuse_unstorable(time);
    return CoverageLedger(db).withdraw(filter, deadline);
}

awaitable<void> open_claims(DatabaseManager& db, std::vector<CoverageClaim> claims, Deadline deadline) {
    return CoverageLedger(db).open_claims(std::move(claims), deadline);
}

awaitable<void> settle_claims(DatabaseManager& db, CoverageFilter closes, std::vector<CoverageClaim> claims,
                              Deadline deadline) {
    core::refuse_balances(closes.dataset);
    const bool has_time = is_present(closes.start) || is_present(closes.end);
    core::refuse(closes.source == SourceId{} || has_time, "coverage: expected the source to be settled, and no time");
    return CoverageLedger(db).settle_claims(closes, std::move(claims), deadline);
}

template <class Row>
awaitable<WriteResult> insert_covered(DatabaseManager& db, std::vector<Row> rows, std::vector<CoverageClaim> claims,
                                      Deadline deadline) {
    return CoverageLedger(db).insert(std::move(rows), std::move(claims), deadline);
}

template awaitable<WriteResult> insert_covered(DatabaseManager&, std::vector<BookTicker>, std::vector<CoverageClaim>,
                                               Deadline);
template awaitable<WriteResult> insert_covered(DatabaseManager&, std::vector<Trade>, std::vector<CoverageClaim>,
                                               Deadline);
template awaitable<WriteResult> insert_covered(DatabaseManager&, std::vector<FundingRate>, std::vector<CoverageClaim>,
                                               Deadline);

}  // namespace marketdb
