#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "storage/postgres/row_codec.hpp"
#include "storage/postgres/store.hpp"

namespace marketdb::storage::postgres {

namespace asio = boost::asio;

namespace {

/// More rows come by COPY, which costs more to begin and less for each row.
constexpr std::uint64_t kMaxRowsByQuery = 512;

/// Of one statement that looks for newest rows: each costs every series a probe, and the server a lock.
constexpr std::size_t kMaxPartitionsOfLatest = 16;

/// Decodes the rows of a COPY into a sink.
class SinkReader final : public CopyReader {
 public:
    SinkReader(const PhysicalTable& table, RowSink& sink) : table_(table), sink_(sink) {}

    bool take(std::string_view row) override {
        decode_copy_row(row, table_, sink_.slot());
        return sink_.commit();
    }

 private:
    const PhysicalTable& table_;
    RowSink& sink_;
};

/// Array parameters of series, one for each column that tells them apart, and one of times, if there are any.
Parameters series_parameters(const PhysicalTable& table, std::span<const SeriesKey> series,
                             std::span<const Timestamp> times = {}) {
    const Table& logical = *table.table;
    std::vector<std::byte> rows(logical.row_size * series.size());
    for (std::size_t i = 0; i < series.size(); ++i) {
        std::byte* row = rows.data() + i * logical.row_size;
        for (const Column& column : logical.columns) set_absent(row, column);
        set_series(logical, row, series[i]);
    }
    Parameters parameters;
    for (const std::uint8_t index : logical.series) {
        const PhysicalColumn* column = table.find(logical.at(index));
        if (column == nullptr) continue;
        parameters.begin_array(column->type, series.size(), false);
        for (std::size_t i = 0; i < series.size(); ++i) {
            append_value(parameters.buffer(), *column, rows.data() + i * logical.row_size);
        }
    }
    if (times.empty()) return parameters;
    const Column& time = *logical.find(Role::event_time);
    parameters.begin_array(TypeId::timestamptz, times.size(), false);
    for (const Timestamp each : times) {
        store(rows.data(), time, each);
        append_value(parameters.buffer(), *table.find(time), rows.data());
    }
    return parameters;
}

/// One parameter for each column that tells series apart.
Parameters series_parameters(const PhysicalTable& table, const SeriesKey& series) {
    const Table& logical = *table.table;
    std::vector<std::byte> row(logical.row_size);
    set_series(logical, row.data(), series);
    Parameters parameters;
    for (const std::uint8_t index : logical.series) {
        const PhysicalColumn* column = table.find(logical.at(index));
        if (column != nullptr && column->orders) add_parameter(parameters, *column, row.data());
    }
    return parameters;
}

/// Bounds for the time of a row to go on after, beside those of the request.
TimeRange range_of(const ScanRequest& request) {
    TimeRange range{request.start, request.end};
    const Column* time = request.table->find(Role::event_time);
    if (request.after == nullptr || time == nullptr || !request.series) return range;
    const auto reached = load<Timestamp>(request.after, *time);
    if (request.descending) {
        const Timestamp end = reached + std::chrono::microseconds(1);
        range.end = is_present(range.end) ? std::min(range.end, end) : end;
    } else {
        range.start = is_present(range.start) ? std::max(range.start, reached) : reached;
    }
    return range;
}

/// Without a column for accounts there is only one.
bool may_hold(const PhysicalTable& table, const SeriesKey& series) {
    const Column* account = table.table->find("account");
    return account == nullptr || table.find(*account) != nullptr || series.account == Balance{}.account;
}

}  // namespace

asio::awaitable<void> Store::scan(const ScanRequest& request, RowSink& sink, Deadline deadline) {
    const PhysicalTable& table = physical(*request.table);
    if (request.series && !may_hold(table, *request.series)) co_return;
    const TimeRange whole = range_of(request);
    // The server counts in bigint; nobody has as many rows.
    const bool is_limited = request.limit > 0 && request.limit < std::numeric_limits<std::int64_t>::max();
    std::vector<TimeRange> pieces{whole};
    if (table.is_partitioned && is_limited) pieces = partitions_.pieces(table, whole, request.descending);
    std::uint64_t left = is_limited ? request.limit : 0;
    for (const TimeRange& piece : pieces) {
        const std::uint64_t found = co_await scan_piece(table, request, piece, left, sink, deadline);
        if (!is_limited) co_return;
        left -= std::min(left, found);
        if (left == 0) co_return;
    }
}

asio::awaitable<std::uint64_t> Store::scan_piece(const PhysicalTable& table, const ScanRequest& request,
                                                 const TimeRange& range, std::uint64_t limit, RowSink& sink,
                                                 Deadline deadline) {
    const bool is_short = limit > 0 && limit <= kMaxRowsByQuery;
    // The first or last rows of a series are asked for again and again. With bounds of the caller's own a kept plan would not
    // know how much it reads, of chunks that are not ours it would keep all, and what is left of a limit is seldom the same.
    const bool is_kept = is_short && limit == request.limit && request.series && request.after == nullptr &&
                         !is_present(request.start) && !is_present(request.end) && !table.is_chunked();
    const std::string sql = scan_sql(table, request, range, limit, is_kept ? SeriesAs::parameter : SeriesAs::literal);
    const Parameters parameters = is_kept ? series_parameters(table, *request.series) : Parameters();
    const Step step{sql, &parameters, is_kept};
    auto body = [&](Connection& connection) {
        return is_short ? query_rows(connection, table, step, sink, deadline)
                        : copy_rows(connection, table, sql, sink, deadline);
    };
    const std::uint64_t rows = co_await on_connection(pool_, body, deadline);
    co_return rows;
}

asio::awaitable<std::uint64_t> Store::query_rows(Connection& connection, const PhysicalTable& table, Step step,
                                                 RowSink& sink, Deadline deadline) {
    const Result rows = co_await read_one(connection, step, deadline);
    for (int row = 0; row < rows.rows(); ++row) {
        decode_row(rows, row, 0, table, sink.slot());
        if (!sink.commit()) break;
    }
    co_return static_cast<std::uint64_t>(rows.rows());
}

asio::awaitable<std::uint64_t> Store::copy_rows(Connection& connection, const PhysicalTable& table,
                                                std::string_view sql, RowSink& sink, Deadline deadline) {
    std::string text = timeout_prefix(connection, deadline) + fmt::format("COPY ({}) TO STDOUT (FORMAT binary)", sql);
    SinkReader reader(table, sink);
    const std::uint64_t rows = co_await connection.copy_out(std::move(text), reader, deadline);
    co_return rows;
}

/// Of each series; absent where it has no rows, as `series` says.
asio::awaitable<std::vector<Timestamp>> Store::newest_times(const PhysicalTable& table,
                                                            std::span<const SeriesKey> series, Deadline deadline) {
    const std::string sql = fmt::format(
        "SELECT k.place, s.last_timestamp FROM unnest($1::integer[]) WITH ORDINALITY AS k (id, place) JOIN {} AS s ON "
        "s.series_id = k.id AND s.dataset = '{}' AND s.account = '' AND s.asset_name = ''",
        schema().table("series"), to_string(*table.table->dataset));
    const Parameters parameters = series_parameters(table, series);
    const Step step{sql, &parameters, true};
    const Result found = co_await ask(step, deadline);
    std::vector<Timestamp> times(series.size(), kNoTime);
    for (int row = 0; row < found.rows(); ++row) {
        times.at(static_cast<std::size_t>(found.integer(row, 0)) - 1) = found.time(row, 1);
    }
    co_return times;
}

asio::awaitable<void> Store::latest(const Table& logical, std::span<const SeriesKey> series, RowSink& sink,
                                    Deadline deadline) {
    if (series.empty()) co_return;
    const PhysicalTable& table = physical(logical);
    std::vector<std::vector<std::byte>> newest(series.size());
    if (!table.is_own()) {
        co_await latest_existing(table, series, newest, deadline);
    } else if (table.is_partitioned) {
        co_await latest_partitioned(table, series, newest, deadline);
    } else {
        std::vector<std::size_t> all(series.size());
        std::iota(all.begin(), all.end(), std::size_t{0});
        const TimeRange always;
        const std::span<const Timestamp> unknown;
        co_await latest_within(table, series, all, always, unknown, newest, deadline);
    }
    for (const std::vector<std::byte>& row : newest) {
        if (row.empty()) continue;
        std::memcpy(sink.slot(), row.data(), row.size());
        if (!sink.commit()) co_return;
    }
}

/// Where each series ends is known; so each is looked for in one piece of time, and few partitions are touched.
asio::awaitable<void> Store::latest_partitioned(const PhysicalTable& table, std::span<const SeriesKey> series,
                                                std::vector<std::vector<std::byte>>& newest, Deadline deadline) {
    const std::vector<Timestamp> times = co_await newest_times(table, series, deadline);
    std::map<Timestamp, std::pair<TimeRange, std::vector<std::size_t>>> by_piece;
    for (std::size_t i = 0; i < series.size(); ++i) {
        if (!is_present(times[i])) continue;
        const TimeRange piece = partitions_.piece_of(table, times[i]);
        auto& [range, places] = by_piece[piece.start];
        range = piece;
        places.push_back(i);
    }
    for (const auto& [start, piece] : by_piece) {
        std::vector<Timestamp> since;
        since.reserve(piece.second.size());
        for (const std::size_t place : piece.second) since.push_back(times[place]);
        co_await latest_within(table, series, piece.second, piece.first, since, newest, deadline);
    }
    co_await latest_anywhere(table, series, times, newest, deadline);
}

/// Rows that others deleted are missed by `series`: the few that are not where they should be are looked for before that, from
/// the newest partition to the oldest.
asio::awaitable<void> Store::latest_anywhere(const PhysicalTable& table, std::span<const SeriesKey> series,
                                             const std::vector<Timestamp>& times,
                                             std::vector<std::vector<std::byte>>& newest, Deadline deadline) {
    const auto missing = [&] {
        std::vector<std::size_t> places;
        for (std::size_t i = 0; i < series.size(); ++i) {
            if (is_present(times[i]) && newest[i].empty()) places.push_back(i);
        }
        return places;
    };
    std::vector<std::size_t> places = missing();
    if (places.empty()) co_return;
    Timestamp last = times[places.front()];
    for (const std::size_t place : places) last = std::max(last, times[place]);
    TimeRange range;
    range.end = partitions_.piece_of(table, last).end;
    const std::span<const Timestamp> unknown;
    for (const TimeRange& piece : partitions_.pieces(table, range, true, kMaxPartitionsOfLatest)) {
        co_await latest_within(table, series, places, piece, unknown, newest, deadline);
        places = missing();
        if (places.empty()) co_return;
    }
}

/// The newest rows of some of the series, within a range, into their places. `since` says from when on there is one, if that is
/// known.
asio::awaitable<void> Store::latest_within(const PhysicalTable& table, std::span<const SeriesKey> series,
                                           const std::vector<std::size_t>& places, TimeRange range,
                                           std::span<const Timestamp> since,
                                           std::vector<std::vector<std::byte>>& newest, Deadline deadline) {
    std::vector<SeriesKey> wanted;
    wanted.reserve(places.size());
    for (const std::size_t place : places) wanted.push_back(series[place]);
    const bool has_bounds = is_present(range.start) || is_present(range.end);
    std::string within;
    if (has_bounds) within = latest_sql(table, range, since.empty() ? Since::always : Since::given);
    const Parameters parameters = series_parameters(table, wanted, since);
    const Step step{has_bounds ? within : texts(table).latest, &parameters, !has_bounds};
    const Result found = co_await ask(step, deadline);
    for (int row = 0; row < found.rows(); ++row) {
        const std::size_t place = places.at(static_cast<std::size_t>(found.integer(row, 0)) - 1);
        newest[place].resize(table.table->row_size);
        decode_row(found, row, 1, table, newest[place].data());
    }
}

asio::awaitable<std::vector<SeriesInfo>> Store::series(std::optional<Dataset> dataset, Deadline deadline) {
    std::vector<SeriesInfo> all;
    if (catalogue_.is_existing()) {
        all = co_await existing_series(dataset, deadline);
        co_return all;
    }
    const std::string sql = fmt::format(
        "SELECT series_id, account, asset_name, rows, first_timestamp, last_timestamp, min_skew, max_skew FROM {} "
        "WHERE "
        "dataset = $1 ORDER BY series_id, account, asset_name",
        schema().table("series"));
    for (const Dataset each : kDatasets) {
        if (dataset && *dataset != each) continue;
        Parameters parameters;
        parameters.add(to_string(each));
        const Step step{sql, &parameters, true};
        const Result rows = co_await ask(step, deadline);
        for (int row = 0; row < rows.rows(); ++row) {
            SeriesInfo& info = all.emplace_back();
            info.dataset = each;
            info.series.id = static_cast<std::int32_t>(rows.integer(row, 0));
            info.series.account = rows.bytes(row, 1);
            info.series.asset = rows.bytes(row, 2);
            info.rows = static_cast<std::uint64_t>(rows.integer(row, 3));
            info.first = rows.time(row, 4);
            info.last = rows.time(row, 5);
            info.min_skew_us = rows.integer(row, 6);
            info.max_skew_us = rows.integer(row, 7);
        }
    }
    co_return all;
}

asio::awaitable<std::uint64_t> Store::count(RowChoice choice, Deadline deadline) {
    const std::string sql = count_sql(physical(*choice.table), schema(), choice);
    const Step step{sql};
    const Result found = co_await ask(step, deadline);
    co_return static_cast<std::uint64_t>(found.integer(0, 0));
}

asio::awaitable<std::vector<SeriesCount>> Store::count_since(const Table& logical, Timestamp start, Deadline deadline) {
    std::vector<SeriesCount> counts;
    if (!catalogue_.has_table(logical)) co_return counts;
    const PhysicalTable& table = physical(logical);
    if (!table.is_own()) {
        counts = co_await existing_counts(table, start, deadline);
        co_return counts;
    }
    const std::string sql = count_since_sql(table, schema(), start);
    const Step step{sql};
    const Result rows = co_await ask(step, deadline);
    for (int row = 0; row < rows.rows(); ++row) {
        SeriesCount count;
        count.series.id = static_cast<std::int32_t>(rows.integer(row, 0));
        count.series.account = rows.bytes(row, 1);
        count.series.asset = rows.bytes(row, 2);
        count.rows = static_cast<std::uint64_t>(rows.integer(row, 3));
        if (count.rows > 0) counts.push_back(count);
    }
    co_return counts;
}

asio::awaitable<ChangeMarks> Store::poll_changes(Deadline deadline) {
    pool_->maintain();
    ChangeMarks marks;
    if (catalogue_.is_existing()) {
        marks = co_await existing_marks(deadline);
        co_return marks;
    }
    // Rows that are neither ours nor were there before are others'. What others write over a stored key is not seen by this.
    const std::string sql = fmt::format("SELECT version, (SELECT coalesce(sum(rows), 0) FROM {})::bigint FROM {}",
                                        schema().table("series"), schema().table("reference_version"));
    const Step step{sql, nullptr, true};
    const Result found = co_await ask(step, deadline);
    if (found.rows() == 0) throw Error(ErrorCode::corrupt, "reference_version has no row");
    marks.reference = static_cast<std::uint64_t>(found.integer(0, 0));
    marks.data = static_cast<std::uint64_t>(found.integer(0, 1) - own_rows_);
    co_return marks;
}

asio::awaitable<DatabaseStats> Store::stats(Deadline deadline) {
    DatabaseStats stats;
    if (catalogue_.is_existing()) {
        stats = co_await existing_stats(deadline);
        co_return stats;
    }
    const std::string counts = fmt::format(
        "SELECT (SELECT count(*) FROM {0}), (SELECT count(*) FROM {0} WHERE is_active), (SELECT count(*) FROM {1}), "
        "(SELECT count(*) FROM {1} WHERE is_active), (SELECT count(*) FROM {2}), (SELECT count(*) FROM {3}), "
        "(SELECT coalesce(sum(pg_catalog.pg_total_relation_size(c.oid)), 0)::bigint FROM pg_catalog.pg_class c JOIN "
        "pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'm') AND (n.nspname = $1 OR "
        // Chunks lie in a schema of their own.
        "EXISTS (SELECT FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class p ON p.oid = i.inhparent JOIN "
        "pg_catalog.pg_namespace m ON m.oid = p.relnamespace WHERE i.inhrelid = c.oid AND m.nspname = $1))), "
        "pg_catalog.current_setting('server_version')",
        schema().table("exchanges"), schema().table("symbols"), schema().table("sources"),
        schema().table("quarantined_rows"));
    const std::string sums = fmt::format(
        "SELECT dataset, count(*), sum(rows)::bigint, min(first_timestamp), max(last_timestamp) FROM {} GROUP BY "
        "dataset",
        schema().table("series"));
    Parameters parameters;
    parameters.add(std::string_view(schema().text()));
    std::string sizes;
    for (const Dataset dataset : kDatasets) {
        sizes += fmt::format("{}{}", sizes.empty() ? "SELECT " : ", ", size_sql(physical(table_of(dataset))));
    }
    const std::vector<Step> steps{{counts, &parameters, true}, {sums, nullptr, true}, {sizes, nullptr, true}};
    auto body = [&](Connection& connection) { return read(connection, steps, deadline); };
    const std::vector<Result> found = co_await on_connection(pool_, body, deadline);

    for (const Dataset dataset : kDatasets) {
        DatasetStats& one = stats.datasets.emplace_back();
        one.dataset = dataset;
        one.bytes = static_cast<std::uint64_t>(found[2].integer(0, static_cast<int>(dataset)));
        for (int row = 0; row < found[1].rows(); ++row) {
            if (found[1].bytes(row, 0) != to_string(dataset)) continue;
            one.series = static_cast<std::uint64_t>(found[1].integer(row, 1));
            one.rows = static_cast<std::uint64_t>(found[1].integer(row, 2));
            one.first = found[1].time(row, 3);
            one.last = found[1].time(row, 4);
        }
    }
    const auto number = [&](int column) { return static_cast<std::uint64_t>(found[0].integer(0, column)); };
    stats.exchanges = number(0);
    stats.active_exchanges = number(1);
    stats.symbols = number(2);
    stats.active_symbols = number(3);
    stats.sources = number(4);
    stats.quarantined = number(5);
    stats.bytes = number(6);
    stats.schema_version = catalogue_.applied().empty() ? 0 : catalogue_.applied().back().version;
    const std::string version = found[0].text(0, 7);
    stats.engine = "PostgreSQL " + version.substr(0, version.find(' '));
    stats.has_hypertables = catalogue_.has_hypertables();
    if (const auto& timescale = catalogue_.timescale()) {
        stats.engine += ", TimescaleDB " + timescale->version;
        if (!timescale->edition.empty()) stats.engine += " (" + timescale->edition + ")";
    }
    co_return stats;
}

}  // namespace marketdb::storage::postgres
