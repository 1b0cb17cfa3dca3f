#include <algorithm>
#include <utility>

#include <fmt/format.h>

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

}  // namespace

Store::Statements Store::claim_statements(std::span<const CoverageClaim> claims) const {
    Statements statements;
    if (catalogue_.is_existing()) return statements;
    for (const CoverageClaim& claim : claims) statements.push_back(claim_sql(schema(), claim));
    return statements;
}

void Store::add_withdrawal(Statements& statements, const CoverageFilter& filter) const {
    // A claim that is about to be stored is not seen, and would claim the time anew.
    statements.push_back(fmt::format("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", schema().table("coverage")));
    statements.push_back(withdraw_sql(schema(), filter));
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

asio::awaitable<void> Store::run_ledger(Connection& connection, const Statements& statements, Deadline deadline) {
    const std::vector<Step> steps = steps_of(statements);
    co_await run_whole(connection, steps, deadline);
}

asio::awaitable<std::vector<CoverageClaim>> Store::claims(CoverageFilter filter, Deadline deadline) {
    std::vector<CoverageClaim> found;
    if (catalogue_.is_existing()) co_return found;
    const std::string sql = claims_sql(schema(), filter);
    const Step step{sql, nullptr, false};
    const Result rows = co_await ask(step, deadline);
    for (int row = 0; row < rows.rows(); ++row) found.push_back(claim_of(rows, row));
    co_return found;
}

}  // namespace marketdb::storage::postgres
