#include <algorithm>
#include <array>
#include <chrono>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "storage/postgres/row_codec.hpp"
#include "storage/postgres/store.hpp"

namespace marketdb::storage::postgres {

namespace asio = boost::asio;
using std::chrono::hours;

namespace {

/// How far before the newest row of all a series is looked for, one window after the other, where nothing leads to its own
/// newest row: most series are in the first, and each costs the rows of the window.
constexpr std::array kWindows{hours(1), hours(6), hours(48)};

/// Larger tables are not counted for statistics; stated in the public header.
constexpr std::uint64_t kCountedBytes = 64ULL << 20U;
/// Of a row without its indexes.
constexpr int kUsualRowBytes = 120;

Parameters lock_parameters(RowSpan rows) {
    const Column& id = rows.table->at(rows.table->series.front());
    std::set<std::int32_t> places;
    for (std::size_t i = 0; i < rows.count; ++i) places.insert(load<std::int32_t>(rows.row(i), id) % kSeriesLocks);
    Parameters parameters;
    parameters.begin_array(TypeId::int4, places.size(), false);
    for (const std::int32_t place : places) {
        std::array<char, 8> value{};
        WireWriter out(value.data());
        out.int32(4);
        out.int32(place);
        parameters.buffer().append(value.data(), value.size());
    }
    return parameters;
}

/// Bounds in whole hours: those of one hour's batches are the same, and so is their statement.
TimeRange whole_hours(RowSpan rows) {
    const Column& time = *rows.table->find(Role::event_time);
    auto first = load<Timestamp>(rows.row(0), time);
    Timestamp last = first;
    for (std::size_t i = 1; i < rows.count; ++i) {
        first = std::min(first, load<Timestamp>(rows.row(i), time));
        last = std::max(last, load<Timestamp>(rows.row(i), time));
    }
    return {Timestamp(std::chrono::floor<hours>(first)), Timestamp(std::chrono::floor<hours>(last) + hours(1))};
}

/// The series in the first columns of a row of `find_series_sql` or `count_series_sql`.
SeriesKey series_in(const Result& rows, int row, Dataset dataset) {
    SeriesKey series;
    series.id = static_cast<std::int32_t>(rows.integer(row, 0));
    if (dataset != Dataset::balances) return series;
    series.account = Balance{}.account.view();
    series.asset = rows.bytes(row, 1);
    return series;
}

int series_columns(Dataset dataset) noexcept { return dataset == Dataset::balances ? 2 : 1; }

/// Where no other writer can come between, all new rows are inserted, or a trigger dropped some.
void require_inserted(const PhysicalTable& table, const Result& answer) {
    if (table.existing->has_unique_key || answer.integer(0, 1) == answer.integer(0, 2)) return;
    throw Error(ErrorCode::internal, fmt::format("{}: {} rows were to be inserted and {} were; nothing was stored",
                                                 table.name, answer.integer(0, 2), answer.integer(0, 1)));
}

std::vector<std::size_t> missing_of(const std::vector<std::vector<std::byte>>& newest) {
    std::vector<std::size_t> missing;
    for (std::size_t i = 0; i < newest.size(); ++i) {
        if (newest[i].empty()) missing.push_back(i);
    }
    return missing;
}

}  // namespace

TimeRange Store::range_to_read(const PhysicalTable& table, RowSpan rows) const {
    return table.is_chunked() ? whole_hours(rows) : partitions_.piece_of(table, rows);
}

asio::awaitable<WriteResult> Store::upsert_existing(Connection& connection, const PhysicalTable& table, RowSpan rows,
                                                    Deadline deadline) {
    WriteResult result;
    Parameters parameters;
    const Parameters locks = lock_parameters(rows);
    const std::string lock = lock_series_sql(table);
    const Step locks_first{lock, &locks, true};
    // Before the rows are looked at, in a statement of its own: an insert sees what was there when it began.
    const std::span<const Step> begins(&locks_first, table.existing->has_unique_key ? 0 : 1);
    co_await begin(connection, begins, deadline);
    for (std::size_t first = 0; first < rows.count; first += kUpsertRowsAtOnce) {
        const RowSpan part = part_of(rows, first, kUpsertRowsAtOnce);
        const std::string sql = upsert_sql(table, schema(), range_to_read(table, part), probe_for(part));
        parameters.clear();
        add_columns(parameters, table, part);
        const Step step{sql, &parameters, true};
        const Result answer = co_await connection.run_one(step, deadline);
        require_inserted(table, answer);
        const auto written = static_cast<std::uint64_t>(answer.integer(0, 0));
        const auto inserted = std::min(written, static_cast<std::uint64_t>(answer.integer(0, 1)));
        note_part(part, inserted, written - inserted, result);
    }
    result.unchanged = rows.count - result.inserted - result.updated;
    co_await commit(connection, deadline);
    co_return result;
}

asio::awaitable<Timestamp> Store::newest_time(const PhysicalTable& table, Deadline deadline) {
    const std::string sql =
        fmt::format("SELECT max({}) FROM {}", table.name_of(*table.table->find(Role::event_time)), table.name);
    const Step step{sql, nullptr, true};
    const Result found = co_await ask(step, deadline);
    co_return found.time(0, 0);
}

asio::awaitable<void> Store::latest_existing(const PhysicalTable& table, std::span<const SeriesKey> series,
                                             std::vector<std::vector<std::byte>>& newest, Deadline deadline) {
    TimeRange rest;
    const std::span<const Timestamp> unknown;
    if (!table.existing->has_series_index || table.is_chunked()) {
        const Timestamp end = co_await newest_time(table, deadline);
        if (!is_present(end)) co_return;
        for (const hours window : kWindows) {
            const std::vector<std::size_t> missing = missing_of(newest);
            if (missing.empty()) co_return;
            const TimeRange range{Timestamp(std::chrono::floor<hours>(end) - window), rest.end};
            co_await latest_within(table, series, missing, range, unknown, newest, deadline);
            rest.end = range.start;
        }
    }
    const std::vector<std::size_t> missing = missing_of(newest);
    if (!missing.empty()) co_await latest_within(table, series, missing, rest, unknown, newest, deadline);
}

asio::awaitable<std::vector<SeriesInfo>> Store::existing_series(std::optional<Dataset> dataset, Deadline deadline) {
    std::vector<SeriesInfo> all;
    for (const Dataset each : kDatasets) {
        if (dataset ? *dataset != each : !catalogue_.has_table(table_of(each))) continue;
        const std::string sql = find_series_sql(physical(table_of(each)));
        const Step step{sql, nullptr, true};
        const Result rows = co_await ask(step, deadline);
        for (int row = 0; row < rows.rows(); ++row) {
            SeriesInfo& info = all.emplace_back();
            info.dataset = each;
            info.series = series_in(rows, row, each);
            info.first = rows.time(row, series_columns(each));
            info.last = rows.time(row, series_columns(each) + 1);
        }
    }
    std::sort(all.begin(), all.end(), [](const SeriesInfo& a, const SeriesInfo& b) {
        return a.dataset != b.dataset ? a.dataset < b.dataset : a.series < b.series;
    });
    co_return all;
}

asio::awaitable<void> Store::count_rows(std::vector<SeriesInfo>& series, Deadline deadline) {
    if (!catalogue_.is_existing()) co_return;
    for (const Dataset each : kDatasets) {
        const auto is_of = [each](const SeriesInfo& one) { return one.dataset == each; };
        if (std::none_of(series.begin(), series.end(), is_of)) continue;
        const std::string sql = count_series_sql(physical(table_of(each)));
        const Step step{sql, nullptr, true};
        const Result rows = co_await ask(step, deadline);
        std::map<SeriesKey, std::uint64_t> counts;
        for (int row = 0; row < rows.rows(); ++row) {
            counts[series_in(rows, row, each)] = static_cast<std::uint64_t>(rows.integer(row, series_columns(each)));
        }
        for (SeriesInfo& one : series) {
            if (is_of(one)) one.rows = counts[one.series];
        }
    }
}

/// Nobody counts up a version there. `max(updated_at)` would miss what the old programs change; the transactions that wrote the
/// rows do not. Of the datasets it is the newest time of each, which an index gives: what others write behind it is not seen by
/// this, but whatever moved on such a server would have all latest rows asked for again at every poll.
asio::awaitable<ChangeMarks> Store::existing_marks(Deadline deadline) {
    const auto state_of = [&](const Table& table) {
        return fmt::format(
            "(SELECT count(*) # coalesce(bit_xor(pg_catalog.hashint8extended(id, xmin::text::bigint)), 0) FROM {})",
            physical(table).name);
    };
    std::string newest;
    for (const Dataset each : kDatasets) {
        const Table& table = table_of(each);
        if (!catalogue_.has_table(table)) continue;
        newest += fmt::format(" # pg_catalog.hashtextextended(coalesce((SELECT max({})::text FROM {}), ''), {})",
                              physical(table).name_of(*table.find(Role::event_time)), physical(table).name,
                              static_cast<int>(each));
    }
    const std::string sql = fmt::format("SELECT {} # ({} << 1), 0::bigint{}", state_of(table_of<Exchange>()),
                                        state_of(table_of<Symbol>()), newest);
    const Step step{sql, nullptr, true};
    const Result found = co_await ask(step, deadline);
    ChangeMarks marks;
    marks.reference = static_cast<std::uint64_t>(found.integer(0, 0));
    marks.data = static_cast<std::uint64_t>(found.integer(0, 1));
    co_return marks;
}

asio::awaitable<std::vector<SeriesCount>> Store::existing_counts(const PhysicalTable& table, Timestamp start,
                                                                 Deadline deadline) {
    const Dataset dataset = *table.table->dataset;
    std::vector<SeriesCount> counts;
    const std::string sql = count_series_sql(table, start);
    const Step step{sql};
    const Result rows = co_await ask(step, deadline);
    for (int row = 0; row < rows.rows(); ++row) {
        SeriesCount& count = counts.emplace_back();
        count.series = series_in(rows, row, dataset);
        count.rows = static_cast<std::uint64_t>(rows.integer(row, series_columns(dataset)));
    }
    co_return counts;
}

/// Rows and series as the planner takes them for; the first and the last time by the index, which every chunk has.
asio::awaitable<void> Store::estimate(const PhysicalTable& table, DatasetStats& stats, Deadline deadline) {
    const std::string& time = table.name_of(*table.table->find(Role::event_time));
    // Parts that nobody has analysed yet count by their size, as the planner does it.
    const std::string rows = fmt::format(
        "SELECT coalesce(sum(CASE WHEN c.reltuples >= 0 THEN c.reltuples ELSE pg_catalog.pg_relation_size(c.oid) / {1} "
        "END), 0)::bigint, coalesce((SELECT max(s.n_distinct) FROM pg_catalog.pg_stats AS s JOIN pg_catalog.pg_class "
        "AS "
        "t ON t.relname = s.tablename JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace AND n.nspname = "
        "s.schemaname WHERE t.oid = {0} AND s.attname = {2}), 0)::bigint FROM pg_catalog.pg_class AS c WHERE c.oid = "
        "{0} OR c.oid IN (SELECT i.inhrelid FROM pg_catalog.pg_inherits AS i WHERE i.inhparent = {0})",
        fmt::format("{}::text::regclass", literal(table.name)), kUsualRowBytes,
        literal(table.table->at(table.table->series.front()).name));
    const std::string edges = fmt::format("SELECT min({0}), max({0}) FROM {1}", time, table.name);
    const bool walks_series = table.existing->has_series_index && !table.is_chunked();
    const std::vector<Step> steps{{rows}, {edges}};
    const std::span<const Step> asked(steps.data(), walks_series ? 1 : 2);
    auto body = [&](Connection& connection) { return read(connection, asked, deadline); };
    const std::vector<Result> found = co_await on_connection(pool_, body, deadline);
    stats.is_estimated = true;
    stats.rows = static_cast<std::uint64_t>(found[0].integer(0, 0));
    if (!walks_series) {
        stats.series = static_cast<std::uint64_t>(std::max<std::int64_t>(found[0].integer(0, 1), 0));
        stats.first = found[1].time(0, 0);
        stats.last = found[1].time(0, 1);
        co_return;
    }
    const std::vector<SeriesInfo> series = co_await existing_series(table.table->dataset, deadline);
    stats.series = series.size();
    for (const SeriesInfo& one : series) {
        if (!is_present(stats.first) || one.first < stats.first) stats.first = one.first;
        stats.last = std::max(stats.last, one.last);
    }
}

asio::awaitable<DatasetStats> Store::existing_dataset_stats(const PhysicalTable& table, Deadline deadline) {
    DatasetStats stats;
    stats.dataset = *table.table->dataset;
    const std::string sizes = "SELECT " + size_sql(table);
    const Step ask_size{sizes};
    const Result size = co_await ask(ask_size, deadline);
    stats.bytes = static_cast<std::uint64_t>(size.integer(0, 0));
    if (stats.bytes >= kCountedBytes) {
        co_await estimate(table, stats, deadline);
        co_return stats;
    }
    const std::string& time = table.name_of(*table.table->find(Role::event_time));
    const std::string sql = fmt::format("SELECT count(*), min({0}), max({0}) FROM {1}", time, table.name);
    const Step step{sql, nullptr, true};
    const Result found = co_await ask(step, deadline);
    const std::vector<SeriesInfo> series = co_await existing_series(table.table->dataset, deadline);
    stats.series = series.size();
    stats.rows = static_cast<std::uint64_t>(found.integer(0, 0));
    stats.first = found.time(0, 1);
    stats.last = found.time(0, 2);
    co_return stats;
}

asio::awaitable<std::uint64_t> Store::count_all(const PhysicalTable& table, Deadline deadline) {
    const std::string sql = fmt::format("SELECT count(*) FROM {}", table.name);
    const Step step{sql, nullptr, true};
    const Result found = co_await ask(step, deadline);
    co_return static_cast<std::uint64_t>(found.integer(0, 0));
}

asio::awaitable<DatabaseStats> Store::existing_stats(Deadline deadline) {
    // The chunks of a hypertable lie in a schema of their own.
    const std::string counts = fmt::format(
        "SELECT (SELECT count(*) FROM {0}), (SELECT count(*) FROM {0} WHERE is_active IS NOT FALSE), (SELECT count(*) "
        "FROM {1}), (SELECT count(*) FROM {1} WHERE is_active IS NOT FALSE), (SELECT "
        "coalesce(sum(pg_catalog.pg_total_relation_size(c.oid)), 0)::bigint FROM pg_catalog.pg_class c WHERE c.relkind "
        "IN ('r', 'm') AND (c.relnamespace = $1::text::regnamespace OR EXISTS (SELECT FROM pg_catalog.pg_inherits i "
        "JOIN pg_catalog.pg_class p ON p.oid = i.inhparent WHERE i.inhrelid = c.oid AND p.relnamespace = "
        "$1::text::regnamespace))), pg_catalog.current_setting('server_version')",
        physical(table_of<Exchange>()).name, physical(table_of<Symbol>()).name);
    Parameters parameters;
    parameters.add(std::string_view(schema().quoted()));
    const Step step{counts, &parameters, true};
    const Result found = co_await ask(step, deadline);

    DatabaseStats stats;
    for (const Dataset dataset : kDatasets) {
        DatasetStats one;
        one.dataset = dataset;
        if (catalogue_.has_table(table_of(dataset))) {
            one = co_await existing_dataset_stats(physical(table_of(dataset)), deadline);
        }
        stats.datasets.push_back(one);
    }
    if (catalogue_.has_table(table_of<Source>())) {
        stats.sources = co_await count_all(physical(table_of<Source>()), deadline);
        stats.quarantined = co_await count_all(physical(table_of<QuarantinedRow>()), deadline);
    }
    const auto number = [&](int column) { return static_cast<std::uint64_t>(found.integer(0, column)); };
    stats.exchanges = number(0);
    stats.active_exchanges = number(1);
    stats.symbols = number(2);
    stats.active_symbols = number(3);
    stats.bytes = number(4);
    const std::string version = found.text(0, 5);
    stats.engine = fmt::format("PostgreSQL {}, existing schema", version.substr(0, version.find(' ')));
    co_return stats;
}

}  // namespace marketdb::storage::postgres
