#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include <fmt/format.h>

#include "storage/sql.hpp"
#include "storage/sqlite/choice_binding.hpp"
#include "storage/sqlite/control.hpp"
#include "storage/sqlite/row_codec.hpp"
#include "storage/sqlite/series_keeper.hpp"
#include "storage/sqlite/store.hpp"
#include "storage/sqlite/transaction.hpp"

namespace marketdb::storage::sqlite {
namespace {

std::int64_t count_of(Timestamp time) noexcept { return time.time_since_epoch().count(); }

/// Binds what `scan_sql` of this shape asks for. `series` is a row that holds the series asked for.
void bind_scan(Statement& statement, const ScanRequest& request, const ScanShape& shape, const std::byte* series,
               const std::byte* after) {
    const Table& table = *request.table;
    int parameter = 1;
    if (shape.series) parameter = bind_in_turn(statement, parameter, series, table, table.series);
    if (shape.start) statement.bind(parameter++, count_of(request.start));
    if (shape.end) {
        Timestamp end = request.end;
        // Both bounds hold; the index range must be the tighter one.
        if (after != nullptr && shape.descending && shape.series) {
            end = std::min(end, load<Timestamp>(after, *table.find(Role::event_time)) + std::chrono::microseconds(1));
        }
        statement.bind(parameter++, count_of(end));
    }
    if (shape.after) bind_in_turn(statement, parameter, after, table, scan_order(table, shape.series));
}

/// To ask the file what a table takes would read all of it, so each gets its share.
void share_bytes(DatabaseStats& stats) {
    std::uint64_t usual = 0;
    for (const DatasetStats& one : stats.datasets) usual += one.rows * usual_row_bytes(one.dataset);
    for (DatasetStats& one : stats.datasets) {
        if (one.rows == 0) continue;
        one.bytes_are_estimated = true;
        const std::uint64_t share = one.rows * usual_row_bytes(one.dataset);
        one.bytes = static_cast<std::uint64_t>(static_cast<double>(stats.bytes) * static_cast<double>(share) /
                                               static_cast<double>(usual));
    }
}

}  // namespace

std::uint64_t usual_row_bytes(Dataset dataset) noexcept {
    constexpr std::array<std::uint64_t, 4> kBytes{50, 64, 58, 66};
    return kBytes.at(static_cast<std::size_t>(dataset));
}

void Store::scan(const ScanRequest& request, RowSink& sink, const Control& control, const SnapshotTicket& ticket) {
    const Connection::Scope scope(connection_, control);
    std::uint64_t left = request.limit == 0 ? std::numeric_limits<std::uint64_t>::max() : request.limit;
    ScratchRow last(*request.table);
    const std::byte* after = request.after;
    while (!scan_part(request, after, left, sink, control, ticket, last.get())) after = last.get();
}

/// Reads until the end or until the writer wants the snapshot back; then false, and the last row is in `last`.
bool Store::scan_part(const ScanRequest& request, const std::byte* after, std::uint64_t& left, RowSink& sink,
                      const Control& control, const SnapshotTicket& ticket, std::byte* last) {
    const Table& table = *request.table;
    const ScanShape shape{.series = request.series.has_value(),
                          .start = is_present(request.start),
                          .end = is_present(request.end),
                          .after = after != nullptr,
                          .descending = request.descending};
    const std::uint32_t issued = ticket.load(std::memory_order_relaxed);
    StatementUse rows(connection_.statement(scan_sql(table, shape, Dialect::sqlite)));
    ScratchRow series(table);
    if (request.series) set_series(table, series.get(), *request.series);
    bind_scan(*rows, request, shape, series.get(), after);
    for (std::size_t i = 1; left > 0 && rows->step(); ++i) {
        std::byte* slot = sink.slot();
        decode_row(*rows, slot, table);
        --left;
        const bool look = i % kRowsBetweenChecks == 0;
        const bool let_go = look && ticket.load(std::memory_order_relaxed) != issued;
        if (let_go) std::memcpy(last, slot, table.row_size);
        if (!sink.commit()) return true;
        if (look) control.check();
        if (let_go) return false;
    }
    return true;
}

void Store::latest(const Table& table, std::span<const SeriesKey> series, RowSink& sink, const Control& control) {
    const Connection::Scope scope(connection_, control);
    const ScanShape shape{.series = true, .descending = true, .limit = true};
    const ReadTransaction snapshot(connection_);
    Statement& newest = connection_.statement(scan_sql(table, shape, Dialect::sqlite));
    ScratchRow key(table);
    std::size_t looked_at = 0;
    for (const SeriesKey& each : series) {
        if (looked_at++ % kRowsBetweenChecks == 0) control.check();
        const StatementUse use(newest);
        set_series(table, key.get(), each);
        const int limit = bind_in_turn(newest, 1, key.get(), table, table.series);
        newest.bind(limit, std::int64_t{1});
        if (!newest.step()) continue;
        decode_row(newest, sink.slot(), table);
        if (!sink.commit()) return;
    }
}

std::uint64_t Store::count(const RowChoice& choice, const Control& control) {
    const Connection::Scope scope(connection_, control);
    const ChoiceBinding chosen(choice);
    StatementUse count(connection_.statement(
        fmt::format("SELECT count(*) FROM {} WHERE {}", quote_identifier(choice.table->name), chosen.conditions())));
    chosen.bind(*count);
    count->step();
    return static_cast<std::uint64_t>(count->integer(0));
}

std::vector<SeriesCount> Store::count_since(const Table& table, Timestamp start, const Control& control) {
    const Connection::Scope scope(connection_, control);
    const bool is_balances = table.dataset == Dataset::balances;
    StatementUse rows(connection_.statement(fmt::format(
        "SELECT s.series_id, s.account, s.asset_name, (SELECT count(*) FROM {} AS t WHERE t.{} = s.series_id{} AND "
        "t.{} >= ?2) FROM series AS s WHERE s.dataset = ?1 AND s.last_timestamp >= ?2",
        quote_identifier(table.name), quote_identifier(table.at(table.series.front()).name),
        is_balances ? " AND t.account = s.account AND t.asset_name = s.asset_name" : "",
        quote_identifier(table.find(Role::event_time)->name))));
    rows->bind(1, to_string(*table.dataset));
    rows->bind(2, count_of(start));  // an absent time is before every other
    std::vector<SeriesCount> counts;
    while (rows->step()) {
        SeriesCount count;
        count.series.id = static_cast<std::int32_t>(rows->integer(0));
        count.series.account = rows->text(1);
        count.series.asset = rows->text(2);
        count.rows = static_cast<std::uint64_t>(rows->integer(3));
        if (count.rows > 0) counts.push_back(count);
    }
    return counts;
}

DatabaseStats Store::stats() {
    const ReadTransaction snapshot(connection_);
    DatabaseStats stats;
    stats.datasets = read_dataset_stats(connection_);
    StatementUse counts(connection_.statement(
        "SELECT (SELECT count(*) FROM exchanges), (SELECT count(*) FROM exchanges WHERE is_active),"
        " (SELECT count(*) FROM symbols), (SELECT count(*) FROM symbols WHERE is_active),"
        " (SELECT count(*) FROM sources), (SELECT count(*) FROM quarantined_rows)"));
    counts->step();
    const auto count = [&counts](int column) { return static_cast<std::uint64_t>(counts->integer(column)); };
    stats.exchanges = count(0);
    stats.active_exchanges = count(1);
    stats.symbols = count(2);
    stats.active_symbols = count(3);
    stats.sources = count(4);
    stats.quarantined = count(5);
    stats.schema_version = integer("SELECT max(version) FROM schema_migrations");
    stats.bytes = integer("PRAGMA page_count") * integer("PRAGMA page_size");
    struct stat log {};
    if (::stat((connection_.file() + "-wal").c_str(), &log) == 0)
        stats.bytes += static_cast<std::uint64_t>(log.st_size);
    share_bytes(stats);
    stats.engine = fmt::format("SQLite {}", sqlite3_libversion());
    return stats;
}

std::uint64_t Store::integer(std::string_view sql) {
    StatementUse value(connection_.statement(sql));
    value->step();
    return static_cast<std::uint64_t>(value->integer(0));
}

std::uint64_t Store::data_version() { return integer("PRAGMA data_version"); }

std::uint64_t Store::reference_version() { return integer("SELECT version FROM reference_version"); }

}  // namespace marketdb::storage::sqlite
