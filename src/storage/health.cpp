#include "storage/health.hpp"

#include <fmt/format.h>

namespace marketdb::storage {

std::string orphans_sql(std::string_view table, std::string_view column, std::string_view reference) {
    return fmt::format(
        "SELECT count(o.id), coalesce(min(o.id), 0) FROM (SELECT (SELECT min(t.{1}) FROM {0} AS t WHERE t.{1} > g.low "
        "AND t.{1} < g.high) AS id FROM (SELECT CAST(id AS bigint) AS low, coalesce(lead(id) OVER (ORDER BY id), "
        "2147483648) AS high FROM {2} UNION ALL SELECT -2147483649, coalesce(min(id), 2147483648) FROM {2}) AS g WHERE "
        "g.high > g.low + 1) AS o WHERE o.id IS NOT NULL",
        table, column, reference);
}

Finding orphans_finding(const Table& table, std::int64_t gaps, std::int64_t least) {
    const bool is_of_exchanges = table.dataset == Dataset::balances;
    const std::string_view reference = is_of_exchanges ? "exchanges" : "symbols";
    Finding finding{
        Severity::fine, "orphans", std::string(table.name), fmt::format("each row's id is one of {}", reference), {}};
    if (gaps == 0) return finding;
    finding.severity = Severity::critical;
    finding.what = fmt::format("rows have an id that is not in {} ({}{}): nobody can name what they are of", reference,
                               least, gaps > 1 ? ", and others" : "");
    finding.remedy = fmt::format("find out what wrote them; insert the missing row of {}, or delete them", reference);
    return finding;
}

Finding not_made(std::string_view check, std::string_view where, std::string_view reason) {
    return {
        Severity::note, std::string(check), std::string(where), fmt::format("could not be looked at: {}", reason), {}};
}

}  // namespace marketdb::storage
