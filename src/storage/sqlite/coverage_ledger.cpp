#include "storage/sqlite/coverage_ledger.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "core/covered_time.hpp"
#include "core/labels.hpp"

namespace marketdb::storage::sqlite {
namespace {

constexpr std::string_view kCoverage = "coverage";
constexpr std::string_view kPendingClaims = "pending_claims";  // the same columns
constexpr std::string_view kClaimSql =
    "SELECT dataset, symbol_id, clock, kind, source_id, start_time, end_time FROM {}";
constexpr std::string_view kIsSameSql =
    "dataset = ?1 AND symbol_id = ?2 AND clock = ?3 AND kind = ?4 AND source_id = ?5";

std::int64_t count_of(Timestamp time) { return time.time_since_epoch().count(); }
Timestamp time_of(std::int64_t microseconds) { return Timestamp{std::chrono::microseconds(microseconds)}; }

/// Binds what identifies the claims of one source and series to the first five parameters.
void bind_identity(Statement& statement, const CoverageClaim& claim) {
    statement.bind(1, to_string(claim.dataset));
    statement.bind(2, static_cast<std::int64_t>(claim.symbol));
    statement.bind(3, core::label_of(core::kClockLabels, claim.clock));
    statement.bind(4, to_string(claim.kind));
    statement.bind(5, static_cast<std::int64_t>(claim.source));
}

CoverageClaim claim_of(const Statement& row) {
    CoverageClaim claim;
    claim.dataset = parse_dataset(row.text(0));
    claim.symbol = SymbolId{static_cast<std::int32_t>(row.integer(1))};
    claim.clock = row.text(2) == core::kClockLabels[0] ? ClockKind::event : ClockKind::received;
    const auto kind = std::find(core::kCoverageKindLabels.begin(), core::kCoverageKindLabels.end(), row.text(3));
    claim.kind = static_cast<CoverageKind>(kind - core::kCoverageKindLabels.begin());
    claim.source = SourceId{static_cast<std::int32_t>(row.integer(4))};
    claim.start = time_of(row.integer(5));
    claim.end = time_of(row.integer(6));
    return claim;
}

void insert(Connection& connection, std::string_view table, const CoverageClaim& claim) {
    StatementUse statement(connection.statement(
        fmt::format("INSERT INTO {} (dataset, symbol_id, clock, kind, source_id, start_time, end_time) "
                    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                    table)));
    bind_identity(*statement, claim);
    statement->bind(6, count_of(claim.start));
    statement->bind(7, count_of(claim.end));
    statement->step();
}

void erase(Connection& connection, std::string_view table, const CoverageClaim& claim) {
    StatementUse statement(
        connection.statement(fmt::format("DELETE FROM {} WHERE {} AND start_time = ?6", table, kIsSameSql)));
    bind_identity(*statement, claim);
    statement->bind(6, count_of(claim.start));
    statement->step();
}

/// Removes the claims of the same source and series that touch this one. Returns the whole.
CoverageClaim take_in(Connection& connection, CoverageClaim claim) {
    std::vector<CoverageClaim> touching;
    {
        const std::string all = fmt::format(kClaimSql, kCoverage);
        StatementUse find(
            connection.statement(fmt::format("{} WHERE {} AND start_time <= ?7 AND end_time >= ?6", all, kIsSameSql)));
        bind_identity(*find, claim);
        find->bind(6, count_of(claim.start));
        find->bind(7, count_of(claim.end));
        while (find->step()) touching.push_back(claim_of(*find));
    }
    for (const CoverageClaim& one : touching) {
        erase(connection, kCoverage, one);
        claim.start = std::min(claim.start, one.start);
        claim.end = std::max(claim.end, one.end);
    }
    return claim;
}

/// What rows of a time can have as `received_at`.
struct Skew {
    std::int64_t least = 0;
    std::int64_t greatest = 0;
};

/// None: the series has no rows.
std::optional<Skew> skew_of(Connection& connection, const CoverageClaim& claim) {
    StatementUse find(
        connection.statement("SELECT min_skew, max_skew FROM series WHERE dataset = ?1 AND series_id = ?2"));
    find->bind(1, to_string(claim.dataset));
    find->bind(2, static_cast<std::int64_t>(claim.symbol));
    if (!find->step()) return std::nullopt;
    return Skew{find->integer(0), find->integer(1)};
}

void withdraw(Connection& connection, std::string_view table, const CoverageClaim& claim,
              const CoverageFilter& filter) {
    std::optional<Skew> skew = Skew{};
    if (claim.clock == ClockKind::received) skew = skew_of(connection, claim);
    Timestamp start = Timestamp::min();
    Timestamp end = Timestamp::max();
    if (skew && is_present(filter.start)) start = filter.start + std::chrono::microseconds(skew->least);
    if (skew && is_present(filter.end)) end = filter.end + std::chrono::microseconds(skew->greatest);
    if (table == kPendingClaims) end = std::min(end, kMaxTime);
    if (claim.end <= start || end <= claim.start) return;
    erase(connection, table, claim);
    CoverageClaim left = claim;
    left.end = start;
    if (left.start < left.end) insert(connection, table, left);
    left = claim;
    left.start = end;
    if (left.start < left.end) insert(connection, table, left);
}

std::vector<CoverageClaim> read(Connection& connection, std::string_view table, const CoverageFilter& filter) {
    std::string conditions;
    const auto add = [&conditions](std::string_view condition) {
        conditions += conditions.empty() ? " WHERE " : " AND ";
        conditions += condition;
    };
    if (filter.dataset) add("dataset = ?1");
    if (filter.symbol != SymbolId{}) add("symbol_id = ?2");
    if (filter.clock) add("clock = ?3");
    if (filter.source != SourceId{}) add("source_id = ?4");
    if (is_present(filter.start)) add("end_time > ?5");
    if (is_present(filter.end)) add("start_time < ?6");
    const std::string all = fmt::format(kClaimSql, table);
    StatementUse rows(connection.statement(
        fmt::format("{}{} ORDER BY dataset, symbol_id, clock, start_time, kind, source_id", all, conditions)));
    if (filter.dataset) rows->bind(1, to_string(*filter.dataset));
    if (filter.symbol != SymbolId{}) rows->bind(2, static_cast<std::int64_t>(filter.symbol));
    if (filter.clock) rows->bind(3, core::label_of(core::kClockLabels, *filter.clock));
    if (filter.source != SourceId{}) rows->bind(4, static_cast<std::int64_t>(filter.source));
    if (is_present(filter.start)) rows->bind(5, count_of(filter.start));
    if (is_present(filter.end)) rows->bind(6, count_of(filter.end));
    std::vector<CoverageClaim> claims;
    while (rows->step()) claims.push_back(claim_of(*rows));
    return claims;
}

/// How much of a claim's source and series is pending.
struct Pending {
    bool is_any = false;
    bool is_whole = false;  // all of the claim
};

Pending pending_of(Connection& connection, const CoverageClaim& claim) {
    StatementUse find(connection.statement(
        fmt::format("SELECT max(start_time <= ?6 AND end_time >= ?7) FROM {} WHERE {}", kPendingClaims, kIsSameSql)));
    bind_identity(*find, claim);
    find->bind(6, count_of(claim.start));
    find->bind(7, count_of(claim.end));
    find->step();
    return {!find->is_null(0), find->integer(0) != 0};
}

}  // namespace

void add_claims(Connection& connection, std::span<const CoverageClaim> claims) {
    for (const CoverageClaim& claim : claims) {
        const Pending pending = pending_of(connection, claim);
        if (!pending.is_any || pending.is_whole) insert(connection, kCoverage, take_in(connection, claim));
    }
}

void open_claims(Connection& connection, std::span<const CoverageClaim> claims) {
    for (const CoverageClaim& claim : claims) {
        if (!pending_of(connection, claim).is_any) insert(connection, kPendingClaims, claim);
    }
}

void settle_claims(Connection& connection, const CoverageFilter& closes, std::span<const CoverageClaim> claims) {
    const std::vector<CoverageClaim> pending = read(connection, kPendingClaims, closes);
    add_claims(connection, core::still_pending(claims, pending));
    for (const CoverageClaim& one : pending) erase(connection, kPendingClaims, one);
}

void withdraw_claims(Connection& connection, const CoverageFilter& filter) {
    CoverageFilter any_time = filter;
    any_time.start = any_time.end = kNoTime;
    for (const std::string_view table : {kCoverage, kPendingClaims}) {
        for (const CoverageClaim& claim : read(connection, table, any_time)) {
            if (claim.kind == CoverageKind::gap && core::keeps_gaps(filter)) continue;
            withdraw(connection, table, claim, filter);
        }
    }
}

std::vector<CoverageClaim> read_claims(Connection& connection, const CoverageFilter& filter) {
    return read(connection, kCoverage, filter);
}

}  // namespace marketdb::storage::sqlite
