#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "core/covered_time.hpp"
#include "core/labels.hpp"
#include "storage/postgres/coverage_sql.hpp"
#include "storage/postgres/store.hpp"

namespace marketdb::storage::postgres {

namespace asio = boost::asio;

namespace {

CoverageClaim claim_of(const Result& rows, int row) {
    CoverageClaim claim;
    claim.dataset = parse_dataset(rows.bytes(row, 0));
    claim.symbol = SymbolId{static_cast<std::int32_t>(rows.integer(row, 1))};
    claim.clock = rows.bytes(row, 2) == core::kClockLabels[0] ? ClockKind::event : ClockKind::received;
    const auto kind = std::find(core::kCoverageKindLabels.begin(), core::kCoverageKindLabels.end(), rows.bytes(row, 3));
    claim.kind = static_cast<CoverageKind>(kind - core::kCoverageKindLabels.begin());
    claim.source = SourceId{static_cast<std::int32_t>(rows.integer(row, 4))};
    claim.start = rows.time(row, 5);
    claim.end = rows.time(row, 6);
    return claim;
}

std::vector<CoverageClaim> claims_of(const Result& rows) {
    std::vector<CoverageClaim> claims;
    for (int row = 0; row < rows.rows(); ++row) claims.push_back(claim_of(rows, row));
    return claims;
}

}  // namespace

/// A claim that another transaction is about to store is not seen, so none of them goes on.
std::string Store::lock_ledger_sql() const {
    return fmt::format("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", schema().table(kCoverage));
}

Store::Statements Store::claim_statements(std::span<const CoverageClaim> claims) const {
    Statements statements;
    if (catalogue_.is_existing()) return statements;
    for (const CoverageClaim& claim : claims) statements.push_back(claim_sql(schema(), claim));
    return statements;
}

void Store::add_withdrawal(Statements& statements, const CoverageFilter& filter) const {
    statements.push_back(lock_ledger_sql());
    for (const std::string_view table : {kCoverage, kPendingClaims}) {
        statements.push_back(withdraw_sql(schema(), table, filter));
    }
}

asio::awaitable<void> Store::claim(std::span<const CoverageClaim> claims, Deadline deadline) {
    const Statements statements = claim_statements(claims);
    if (statements.empty()) co_return;
    auto body = [&](Connection& connection) { return run_ledger(connection, statements, deadline); };
    co_await transact(pool_, body, deadline);
}

asio::awaitable<void> Store::withdraw(CoverageFilter filter, Deadline deadline) {
    if (catalogue_.is_existing()) co_return;
    Statements statements;
    add_withdrawal(statements, filter);
    auto body = [&](Connection& connection) { return run_ledger(connection, statements, deadline); };
    co_await transact(pool_, body, deadline);
}

asio::awaitable<void> Store::open_claims(std::span<const CoverageClaim> claims, Deadline deadline) {
    if (catalogue_.is_existing()) co_return;
    // Waits for a withdrawal that is about to commit: it saw nothing pending, and its rows are still seen.
    Statements statements(1, fmt::format("LOCK TABLE {} IN ROW EXCLUSIVE MODE", schema().table(kCoverage)));
    for (const CoverageClaim& claim : claims) statements.push_back(open_sql(schema(), claim));
    auto body = [&](Connection& connection) { return run_ledger(connection, statements, deadline); };
    co_await transact(pool_, body, deadline);
}

asio::awaitable<void> Store::settle_claims(CoverageFilter closes, std::span<const CoverageClaim> claims,
                                           Deadline deadline) {
    if (catalogue_.is_existing()) co_return;
    auto body = [&](Connection& connection) { return settle(connection, closes, claims, deadline); };
    co_await transact(pool_, body, deadline);
}

asio::awaitable<void> Store::settle(Connection& connection, const CoverageFilter& closes,
                                    std::span<const CoverageClaim> claims, Deadline deadline) {
    const std::string lock = lock_ledger_sql();
    const std::string ask = claims_sql(schema(), kPendingClaims, closes);
    const std::vector<Step> first{{lock, nullptr, false}, {ask, nullptr, false}};
    const std::vector<Result> answers = co_await begin(connection, first, deadline);
    const std::vector<CoverageClaim> pending = claims_of(answers.back());
    const std::vector<CoverageClaim> left = core::still_pending(claims, pending);
    Statements statements = claim_statements(left);
    statements.push_back(close_sql(schema(), closes));
    const std::vector<Step> last = steps_of(statements);
    co_await commit(connection, last, deadline);
}

asio::awaitable<void> Store::run_ledger(Connection& connection, const Statements& statements, Deadline deadline) {
    const std::vector<Step> steps = steps_of(statements);
    co_await run_whole(connection, steps, deadline);
}

asio::awaitable<std::vector<CoverageClaim>> Store::claims(CoverageFilter filter, Deadline deadline) {
    if (catalogue_.is_existing()) co_return std::vector<CoverageClaim>();
    const std::string sql = claims_sql(schema(), kCoverage, filter);
    const Step step{sql, nullptr, false};
    const Result rows = co_await ask(step, deadline);
    co_return claims_of(rows);
}

}  // namespace marketdb::storage::postgres
