#include "storage/sqlite/series_keeper.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "storage/sql.hpp"
#include "storage/sqlite/row_codec.hpp"

namespace marketdb::storage::sqlite {
namespace {

constexpr std::string_view kAddSql =
    "INSERT INTO series (dataset, series_id, account, asset_name, rows, first_timestamp, last_timestamp, min_skew, "
    "max_skew)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
    " ON CONFLICT DO UPDATE SET rows = rows + excluded.rows,"
    " first_timestamp = min(first_timestamp, excluded.first_timestamp),"
    " last_timestamp = max(last_timestamp, excluded.last_timestamp),"
    " min_skew = min(coalesce(min_skew, excluded.min_skew), coalesce(excluded.min_skew, min_skew)),"
    " max_skew = max(coalesce(max_skew, excluded.max_skew), coalesce(excluded.max_skew, max_skew))";
constexpr std::string_view kColumns =
    "SELECT dataset, series_id, account, asset_name, rows, first_timestamp, last_timestamp, min_skew, max_skew FROM "
    "series";

Timestamp time_of(std::int64_t microseconds) { return Timestamp{std::chrono::microseconds(microseconds)}; }

/// Binds what identifies a series to the first four parameters. `series` must live until the statement is run.
void bind_series(Statement& statement, const Table& table, const SeriesKey& series) {
    statement.bind(1, to_string(*table.dataset));
    statement.bind(2, std::int64_t{series.id});
    statement.bind(3, series.account.view());
    statement.bind(4, series.asset.view());
}

}  // namespace

SeriesTally::SeriesTally(Connection& connection, const Table& table)
    : connection_(connection),
      table_(table),
      event_time_(table.find(Role::event_time)),
      received_at_(table.find(Role::received_at)) {}

void SeriesTally::row_inserted(const std::byte* row) {
    if (!table_.dataset) return;
    enter_series(row);
    const std::int64_t time = load<Timestamp>(row, *event_time_).time_since_epoch().count();
    first_ = std::min(first_, time);
    last_ = std::max(last_, time);
    ++inserted_;
    note_skew(row);
}

void SeriesTally::row_updated(const std::byte* row, const std::byte* merged) {
    if (!table_.dataset || is_absent(merged, *received_at_)) return;
    enter_series(row);
    note_skew(merged);
}

void SeriesTally::enter_series(const std::byte* row) {
    if (current_ != nullptr && compare(row, current_, table_, table_.series) == 0) return;
    flush();
    current_ = row;
    first_ = last_ = load<Timestamp>(row, *event_time_).time_since_epoch().count();
}

void SeriesTally::note_skew(const std::byte* row) {
    const auto received = load<Timestamp>(row, *received_at_);
    if (!is_present(received)) return;
    const std::int64_t skew = (received - load<Timestamp>(row, *event_time_)).count();
    min_skew_ = has_skew_ ? std::min(min_skew_, skew) : skew;
    max_skew_ = has_skew_ ? std::max(max_skew_, skew) : skew;
    has_skew_ = true;
}

void SeriesTally::flush() {
    if (current_ == nullptr) return;
    const SeriesKey series = series_of(table_, current_);
    StatementUse add(connection_.statement(kAddSql));
    bind_series(*add, table_, series);
    add->bind(5, inserted_);
    add->bind(6, first_);
    add->bind(7, last_);
    if (has_skew_) {
        add->bind(8, min_skew_);
        add->bind(9, max_skew_);
    } else {
        add->bind_null(8);
        add->bind_null(9);
    }
    add->step();
    current_ = nullptr;
    inserted_ = 0;
    has_skew_ = false;
}

void shrink_series(Connection& connection, const Table& table, const SeriesKey& series, std::uint64_t erased) {
    if (erased == 0) return;
    constexpr std::string_view kWhere = " WHERE dataset = ?1 AND series_id = ?2 AND account = ?3 AND asset_name = ?4";
    {
        StatementUse remove(connection.statement(fmt::format("DELETE FROM series{} AND rows <= ?5", kWhere)));
        bind_series(*remove, table, series);
        remove->bind(5, static_cast<std::int64_t>(erased));
        remove->step();
    }
    std::string of_series;
    int parameter = 6;
    for (const std::uint8_t index : table.series) {
        if (!of_series.empty()) of_series += " AND ";
        of_series += fmt::format("{} = ?{}", quote_identifier(table.at(index).name), parameter++);
    }
    const std::string time = quote_identifier(table.find(Role::event_time)->name);
    StatementUse shrink(connection.statement(fmt::format(
        "UPDATE series SET rows = rows - ?5, first_timestamp = (SELECT {0} FROM {1} WHERE {2} ORDER BY {0} LIMIT 1), "
        "last_timestamp = (SELECT {0} FROM {1} WHERE {2} ORDER BY {0} DESC LIMIT 1){3}",
        time, quote_identifier(table.name), of_series, kWhere)));
    std::vector<std::byte> row(table.row_size);
    set_series(table, row.data(), series);
    bind_series(*shrink, table, series);
    shrink->bind(5, static_cast<std::int64_t>(erased));
    bind_in_turn(*shrink, 6, row.data(), table, table.series);
    shrink->step();
}

std::vector<SeriesInfo> read_series(Connection& connection, std::optional<Dataset> dataset) {
    std::vector<SeriesInfo> all;
    for (const Dataset each : kDatasets) {
        if (dataset && *dataset != each) continue;
        StatementUse rows(connection.statement(
            fmt::format("{} WHERE dataset = ?1 ORDER BY series_id, account, asset_name", kColumns)));
        rows->bind(1, to_string(each));
        while (rows->step()) {
            SeriesInfo& info = all.emplace_back();
            info.dataset = each;
            info.series.id = static_cast<std::int32_t>(rows->integer(1));
            info.series.account = rows->text(2);
            info.series.asset = rows->text(3);
            info.rows = static_cast<std::uint64_t>(rows->integer(4));
            info.first = time_of(rows->integer(5));
            info.last = time_of(rows->integer(6));
            info.min_skew_us = rows->integer(7);
            info.max_skew_us = rows->integer(8);
        }
    }
    return all;
}

std::vector<DatasetStats> read_dataset_stats(Connection& connection) {
    std::vector<DatasetStats> all;
    for (const Dataset dataset : kDatasets) {
        DatasetStats& stats = all.emplace_back();
        stats.dataset = dataset;
        StatementUse sums(connection.statement(
            "SELECT count(*), sum(rows), min(first_timestamp), max(last_timestamp) FROM series WHERE dataset = ?1"));
        sums->bind(1, to_string(dataset));
        if (!sums->step() || sums->integer(0) == 0) continue;
        stats.series = static_cast<std::uint64_t>(sums->integer(0));
        stats.rows = static_cast<std::uint64_t>(sums->integer(1));
        stats.first = time_of(sums->integer(2));
        stats.last = time_of(sums->integer(3));
    }
    return all;
}

}  // namespace marketdb::storage::sqlite
