#include "storage/postgres/coverage_sql.hpp"

#include <fmt/format.h>

#include "core/covered_time.hpp"
#include "core/labels.hpp"
#include "storage/postgres/row_codec.hpp"

namespace marketdb::storage::postgres {
namespace {

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
    const std::string source =
        fmt::format("'{}', {}, '{}', '{}', {}", to_string(claim.dataset), static_cast<std::int32_t>(claim.symbol),
                    core::label_of(core::kClockLabels, claim.clock), to_string(claim.kind),
                    static_cast<std::int32_t>(claim.source));
    // Another transaction may have stored a claim of the same source that this statement does not see yet.
    return fmt::format(
        "WITH touching AS (DELETE FROM {0} AS c WHERE (c.dataset, c.symbol_id, c.clock, c.kind, c.source_id) = ({1}) "
        "AND "
        "c.start_time <= {3} AND c.end_time >= {2} RETURNING c.start_time, c.end_time) INSERT INTO {0} AS c (dataset, "
        "symbol_id, clock, kind, source_id, start_time, end_time) SELECT {1}, least({2}, min(t.start_time)), "
        "greatest({3}, max(t.end_time)) FROM touching AS t ON CONFLICT (dataset, symbol_id, clock, kind, source_id, "
        "start_time) DO UPDATE SET end_time = greatest(c.end_time, excluded.end_time)",
        schema.table("coverage"), source, literal(claim.start), literal(claim.end));
}

std::string withdraw_sql(const SchemaName& schema, const CoverageFilter& filter) {
    const std::string start = end_of_cut(schema, filter.start, "min_skew", "-infinity");
    const std::string end = end_of_cut(schema, filter.end, "max_skew", "infinity");
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
        schema.table("coverage"), chosen(filter), start, end, gaps);
}

std::string claims_sql(const SchemaName& schema, const CoverageFilter& filter) {
    std::string conditions = chosen(filter);
    if (is_present(filter.start)) conditions += " AND c.end_time > " + literal(filter.start);
    if (is_present(filter.end)) conditions += " AND c.start_time < " + literal(filter.end);
    return fmt::format(
        "SELECT dataset, symbol_id, clock, kind, source_id, start_time, end_time FROM {} AS c WHERE {} ORDER BY "
        "dataset, "
        "symbol_id, clock, start_time, kind, source_id",
        schema.table("coverage"), conditions);
}

}  // namespace marketdb::storage::postgres
