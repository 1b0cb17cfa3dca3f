#include "storage/postgres/coverage_sql.hpp"

#include <fmt/format.h>

#include "core/covered_time.hpp"
#include "core/labels.hpp"
#include "storage/postgres/row_codec.hpp"

namespace marketdb::storage::postgres {
namespace {

constexpr std::string_view kColumns = "dataset, symbol_id, clock, kind, source_id, start_time, end_time";

/// What identifies the claims of one source and series: its values, and its columns.
std::string identity_of(const CoverageClaim& claim) {
    return fmt::format("'{}', {}, '{}', '{}', {}", to_string(claim.dataset), static_cast<std::int32_t>(claim.symbol),
                       core::label_of(core::kClockLabels, claim.clock), to_string(claim.kind),
                       static_cast<std::int32_t>(claim.source));
}
std::string identity(std::string_view table) {
    return fmt::format("({0}.dataset, {0}.symbol_id, {0}.clock, {0}.kind, {0}.source_id)", table);
}

/// What identifies the claims that the filter chooses, whatever their time.
std::string chosen(const CoverageFilter& filter) {
    std::string conditions = "true";
    if (filter.dataset) conditions += fmt::format(" AND c.dataset = '{}'", to_string(*filter.dataset));
    if (filter.symbol != SymbolId{}) {
        conditions += fmt::format(" AND c.symbol_id = {}", static_cast<std::int32_t>(filter.symbol));
    }
    if (filter.clock)
        conditions += fmt::format(" AND c.clock = '{}'", core::label_of(core::kClockLabels, *filter.clock));
    if (filter.source != SourceId{}) {
        conditions += fmt::format(" AND c.source_id = {}", static_cast<std::int32_t>(filter.source));
    }
    return conditions;
}

/// One end of the time that goes out of a claim `c`. `limit`: what it is where nothing bounds it.
std::string end_of_cut(const SchemaName& schema, Timestamp time, std::string_view skew, std::string_view limit) {
    std::string bound = fmt::format("'{}'::timestamptz", limit);
    if (!is_present(time)) return bound;
    const std::string at = literal(time);
    return fmt::format(
        "CASE c.clock WHEN 'event' THEN {0} ELSE coalesce((SELECT {0} + coalesce(s.{1}, 0) * interval '1 microsecond' "
        "FROM {2} AS s WHERE s.dataset = c.dataset AND s.series_id = c.symbol_id), {3}) END",
        at, skew, schema.table("series"), bound);
}

}  // namespace

std::string claim_sql(const SchemaName& schema, const CoverageClaim& claim) {
    // Another transaction may have stored a claim of the same source that this statement does not see yet.
    return fmt::format(
        "WITH pending AS (SELECT coalesce(bool_or(p.start_time <= {2} AND p.end_time >= {3}), true) AS is_whole FROM "
        "{4} "
        "AS p WHERE {5} = ({1})), touching AS (DELETE FROM {0} AS c WHERE {6} = ({1}) AND c.start_time <= {3} AND "
        "c.end_time >= {2} AND (SELECT is_whole FROM pending) RETURNING c.start_time, c.end_time) INSERT INTO {0} AS c "
        "({7}) SELECT {1}, least({2}, min(t.start_time)), greatest({3}, max(t.end_time)) FROM touching AS t HAVING "
        "(SELECT is_whole FROM pending) ON CONFLICT (dataset, symbol_id, clock, kind, source_id, start_time) DO UPDATE "
        "SET end_time = greatest(c.end_time, excluded.end_time)",
        schema.table(kCoverage), identity_of(claim), literal(claim.start), literal(claim.end),
        schema.table(kPendingClaims), identity("p"), identity("c"), kColumns);
}

std::string open_sql(const SchemaName& schema, const CoverageClaim& claim) {
    return fmt::format(
        "INSERT INTO {0} ({1}) SELECT {2}, {3}, {4} WHERE NOT EXISTS (SELECT FROM {0} AS p WHERE {5} = ({2})) ON "
        "CONFLICT DO NOTHING",
        schema.table(kPendingClaims), kColumns, identity_of(claim), literal(claim.start), literal(claim.end),
        identity("p"));
}

std::string close_sql(const SchemaName& schema, const CoverageFilter& filter) {
    return fmt::format("DELETE FROM {} AS c WHERE {}", schema.table(kPendingClaims), chosen(filter));
}

std::string withdraw_sql(const SchemaName& schema, std::string_view table, const CoverageFilter& filter) {
    const std::string start = end_of_cut(schema, filter.start, "min_skew", "-infinity");
    std::string end = end_of_cut(schema, filter.end, "max_skew", "infinity");
    if (table == kPendingClaims) end = fmt::format("least({}, {})", end, literal(kMaxTime));
    const std::string_view gaps = core::keeps_gaps(filter) ? " AND c.kind <> 'gap'" : "";
    return fmt::format(
        "WITH gone AS (DELETE FROM {0} AS c WHERE {1}{4} AND c.end_time > {2} AND c.start_time < {3} RETURNING c.*, "
        "{2} "
        "AS "
        "cut_start, {3} AS cut_end) INSERT INTO {0} AS c (dataset, symbol_id, clock, kind, source_id, start_time, "
        "end_time) SELECT dataset, symbol_id, clock, kind, source_id, start_time, cut_start FROM gone WHERE start_time "
        "< "
        "cut_start UNION ALL SELECT dataset, symbol_id, clock, kind, source_id, cut_end, max(end_time) FROM gone WHERE "
        "cut_end < end_time GROUP BY dataset, symbol_id, clock, kind, source_id, cut_end ON CONFLICT (dataset, "
        "symbol_id, clock, kind, source_id, start_time) DO UPDATE SET end_time = "
        "greatest(c.end_time, excluded.end_time)",
        schema.table(table), chosen(filter), start, end, gaps);
}

std::string claims_sql(const SchemaName& schema, std::string_view table, const CoverageFilter& filter) {
    std::string conditions = chosen(filter);
    if (is_present(filter.start)) conditions += " AND c.end_time > " + literal(filter.start);
    if (is_present(filter.end)) conditions += " AND c.start_time < " + literal(filter.end);
    return fmt::format(
        "SELECT {} FROM {} AS c WHERE {} ORDER BY dataset, symbol_id, clock, start_time, kind, source_id", kColumns,
        schema.table(table), conditions);
}

}  // namespace marketdb::storage::postgres
