#include "storage/postgres/partitions.hpp"

#include <algorithm>
#include <chrono>
#include <set>

#include <fmt/format.h>

#include "storage/postgres/transaction.hpp"

namespace marketdb::storage::postgres {

namespace asio = boost::asio;

namespace {

constexpr std::string_view kBoundsSql =
    "SELECT (b.bound)[1]::timestamptz, (b.bound)[2]::timestamptz FROM pg_catalog.pg_inherits i"
    " JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid,"
    " LATERAL (SELECT regexp_match(pg_catalog.pg_get_expr(c.relpartbound, c.oid),"
    " 'FROM \\(''([^'']+)''\\) TO \\(''([^'']+)''\\)') AS bound) AS b"
    " WHERE i.inhparent = $1::text::regclass AND b.bound IS NOT NULL ORDER BY 1";

constexpr std::string_view kChunkBoundsSql =
    "SELECT c.range_start, c.range_end FROM timescaledb_information.chunks c WHERE (c.hypertable_schema, "
    "c.hypertable_name) = (SELECT n.nspname, t.relname FROM pg_catalog.pg_class t JOIN pg_catalog.pg_namespace n ON "
    "n.oid = t.relnamespace WHERE t.oid = $1::text::regclass) ORDER BY 1";

using Days = std::chrono::duration<std::int64_t, std::ratio<86400>>;

/// The first range that begins after a time.
std::vector<TimeRange>::const_iterator first_after(const std::vector<TimeRange>& ranges, Timestamp time) noexcept {
    return std::upper_bound(ranges.begin(), ranges.end(), time,
                            [](Timestamp wanted, const TimeRange& range) { return wanted < range.start; });
}

/// The range of a time; null if none has it.
const TimeRange* find(const std::vector<TimeRange>& ranges, Timestamp time) noexcept {
    const auto after = first_after(ranges, time);
    if (after == ranges.begin()) return nullptr;
    const TimeRange& before = *std::prev(after);
    return time < before.end ? &before : nullptr;
}

}  // namespace

asio::awaitable<void> Partitions::read(Connection& connection, const PhysicalTable& table, Deadline deadline) {
    if (!table.is_partitioned) co_return;
    Parameters parameters;
    parameters.add(std::string_view(table.name));
    const Step step{table.is_hypertable ? kChunkBoundsSql : kBoundsSql, &parameters, false};
    const Result found = co_await read_one(connection, step, deadline);
    std::vector<TimeRange> ranges;
    for (int row = 0; row < found.rows(); ++row) ranges.push_back({found.time(row, 0), found.time(row, 1)});
    ranges_[table.table] = std::move(ranges);
}

void Partitions::forget_before(const PhysicalTable& table, Timestamp time) {
    const auto known = ranges_.find(table.table);
    if (known == ranges_.end()) return;
    std::erase_if(known->second, [time](const TimeRange& range) { return range.end <= time; });
}

const std::vector<TimeRange>& Partitions::ranges(const PhysicalTable& table) const {
    static const std::vector<TimeRange> none;
    const auto known = ranges_.find(table.table);
    return known == ranges_.end() ? none : known->second;
}

std::vector<TimeRange> Partitions::uncovered(const PhysicalTable& table, RowSpan rows) const {
    const std::vector<TimeRange>& known = ranges(table);
    const Column& column = *table.table->find(Role::event_time);
    std::set<Days> days;
    TimeRange last;
    for (std::size_t i = 0; i < rows.count; ++i) {
        const auto time = load<Timestamp>(rows.row(i), column);
        if (is_present(last.start) && time >= last.start && time < last.end) continue;
        if (const TimeRange* found = find(known, time)) {
            last = *found;
            continue;
        }
        const Days day = std::chrono::floor<Days>(time.time_since_epoch());
        days.insert(day);
        last = {Timestamp(day), Timestamp(day + Days(1))};
    }
    std::vector<TimeRange> missing;
    for (const Days day : days) {
        const Timestamp end(day + Days(1));
        if (!missing.empty() && missing.back().end == Timestamp(day)) {
            missing.back().end = end;
        } else {
            missing.push_back({Timestamp(day), end});
        }
    }
    return missing;
}

bool Partitions::misses(const PhysicalTable& table, RowSpan rows) const {
    return table.is_partitioned && !uncovered(table, rows).empty();
}

asio::awaitable<void> Partitions::ensure(Connection& connection, const PhysicalTable& table, const SchemaName& schema,
                                         RowSpan rows, Deadline deadline) {
    co_await read(connection, table, deadline);
    const std::vector<TimeRange> missing = uncovered(table, rows);
    const std::string sql = fmt::format("SELECT {}.marketdb_ensure_partitions($1, $2, $3)", schema.quoted());
    for (const TimeRange& range : missing) {
        Parameters parameters;
        parameters.add(table.table->name);
        parameters.add(range.start);
        parameters.add(range.end);
        const Step step{sql, &parameters, false};
        co_await read_one(connection, step, deadline);
    }
    if (!missing.empty()) co_await read(connection, table, deadline);
}

std::vector<TimeRange> Partitions::pieces(const PhysicalTable& table, const TimeRange& range, bool descending,
                                          std::size_t at_most) const {
    std::vector<Timestamp> borders;  // starts of the partitions within the range
    for (const TimeRange& one : ranges(table)) {
        if (is_present(range.end) && one.start >= range.end) break;
        if (!is_present(range.start) || one.start > range.start) borders.push_back(one.start);
    }
    std::vector<TimeRange> found;
    if (descending) {
        Timestamp end = range.end;
        for (std::size_t size = 1; borders.size() > size; size = std::min(size * 2, at_most)) {
            const Timestamp border = borders[borders.size() - size];
            found.push_back({border, end});
            end = border;
            borders.resize(borders.size() - size);
        }
        found.push_back({range.start, end});
        return found;
    }
    Timestamp start = range.start;
    std::size_t next = 0;
    // The first border begins the first partition unless the range begins within one.
    for (std::size_t size = is_present(range.start) ? 1 : 2; next + size < borders.size() + 1;
         size = std::min(size * 2, at_most)) {
        const Timestamp border = borders[next + size - 1];
        found.push_back({start, border});
        start = border;
        next += size;
    }
    found.push_back({start, range.end});
    return found;
}

TimeRange Partitions::piece_of(const PhysicalTable& table, Timestamp time) const {
    const std::vector<TimeRange>& known = ranges(table);
    if (const TimeRange* found = find(known, time)) return *found;
    const auto after = first_after(known, time);
    TimeRange gap;
    if (after != known.begin()) gap.start = std::prev(after)->end;
    if (after != known.end()) gap.end = after->start;
    return gap;
}

TimeRange Partitions::piece_of(const PhysicalTable& table, RowSpan rows) const {
    if (!table.is_partitioned) return {};
    const Column& column = *table.table->find(Role::event_time);
    auto first = load<Timestamp>(rows.row(0), column);
    Timestamp last = first;
    for (std::size_t i = 1; i < rows.count; ++i) {
        const auto time = load<Timestamp>(rows.row(i), column);
        first = std::min(first, time);
        last = std::max(last, time);
    }
    return {piece_of(table, first).start, piece_of(table, last).end};
}

}  // namespace marketdb::storage::postgres
