#include <array>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <marketdb/error.hpp>

#include "storage/postgres/existing_rows.hpp"
#include "storage/postgres/row_codec.hpp"
#include "storage/postgres/statements.hpp"
#include "storage/postgres/store.hpp"

namespace marketdb::storage::postgres {

namespace asio = boost::asio;

namespace {

bool is_generated(const PhysicalColumn& column) noexcept { return column.column->role == Role::generated; }

const std::string& id_of(const PhysicalTable& table) { return table.name_of(*table.table->find(Role::generated)); }

/// The columns that come as parameters, one array each (`add_columns`): what is written but the id.
std::vector<const PhysicalColumn*> given_columns(const PhysicalTable& table) {
    std::vector<const PhysicalColumn*> given;
    for (const PhysicalColumn& column : table.written) {
        if (!is_generated(column)) given.push_back(&column);
    }
    return given;
}

std::string names_of(const std::vector<const PhysicalColumn*>& columns, std::string_view prefix = {}) {
    std::vector<std::string> names;
    for (const PhysicalColumn* column : columns) names.push_back(fmt::format("{}{}", prefix, column->name));
    return fmt::format("{}", fmt::join(names, ", "));
}

/// `$1, $2, ..`; the types come with the parameters.
std::string places(std::size_t count) {
    std::vector<std::string> all;
    for (std::size_t number = 1; number <= count; ++number) all.push_back(fmt::format("${}", number));
    return fmt::format("{}", fmt::join(all, ", "));
}

/// Inserts rows. Answers the ids in the order of the arrays.
std::string insert_rows_sql(const PhysicalTable& table) {
    const std::vector<const PhysicalColumn*> given = given_columns(table);
    return fmt::format(
        "INSERT INTO {} ({}) SELECT {} FROM unnest({}) WITH ORDINALITY AS i ({}, place) ORDER BY i.place RETURNING {}",
        table.name, names_of(given), names_of(given, "i."), places(given.size()), names_of(given), id_of(table));
}

/// Replaces columns of the rows of the ids in the last array but one: those whose bit is set in the last.
std::string change_rows_sql(const PhysicalTable& table) {
    const std::vector<const PhysicalColumn*> given = given_columns(table);
    std::vector<std::string> assignments;
    std::vector<std::string> stored;
    std::vector<std::string> becomes;
    for (const PhysicalColumn* column : given) {
        if (column->column->name == "created_at") continue;
        if (column->column->name == "updated_at") {
            assignments.push_back(fmt::format("{0} = i.{0}", column->name));
            continue;
        }
        const auto index = static_cast<std::size_t>(column->column - table.table->columns.data());
        const std::string value = fmt::format("CASE WHEN i.changed & {0} <> 0 THEN i.{1} ELSE t.{1} END",
                                              ColumnSet{1} << index, column->name);
        assignments.push_back(fmt::format("{} = {}", column->name, value));
        stored.push_back("t." + column->name);
        becomes.push_back(value);
    }
    return fmt::format(
        "UPDATE {} AS t SET {} FROM unnest({}) AS i ({}, row_id, changed) WHERE t.{} = i.row_id AND ({}) IS DISTINCT "
        "FROM ({})",
        table.name, fmt::join(assignments, ", "), places(given.size() + 2), names_of(given), id_of(table),
        fmt::join(stored, ", "), fmt::join(becomes, ", "));
}

std::string rows_of_ids_sql(const PhysicalTable& table) {
    return fmt::format("SELECT {} FROM {} WHERE {} = ANY ($1)", column_list(table), table.name, id_of(table));
}

/// Adds an array of numbers of eight bytes.
void add_sets(Parameters& parameters, std::span<const ColumnSet> sets) {
    parameters.begin_array(TypeId::int8, sets.size(), false);
    for (const ColumnSet set : sets) {
        std::array<char, 12> value{};
        WireWriter out(value.data());
        out.int32(8);
        out.int64(static_cast<std::int64_t>(set));
        parameters.buffer().append(value.data(), value.size());
    }
}

void add_ids(Parameters& parameters, RowSpan rows) {
    const Column& id = *rows.table->find(Role::generated);
    parameters.begin_array(TypeId::int4, rows.count, false);
    for (std::size_t i = 0; i < rows.count; ++i) {
        std::array<char, 8> value{};
        WireWriter out(value.data());
        out.int32(4);
        out.int32(load<std::int32_t>(rows.row(i), id));
        parameters.buffer().append(value.data(), value.size());
    }
}

/// The oldest row's time of a series, as `series` has it.
std::string first_time_sql(const PhysicalTable& table, const SchemaName& schema, const SeriesKey& series) {
    return fmt::format("SELECT first_timestamp FROM {} WHERE dataset = '{}' AND series_id = {}", schema.table("series"),
                       to_string(*table.table->dataset), series.id);
}

/// Deletes the first rows of a series of a symbol by their key, within a piece of time, and answers them sorted by it. The last of
/// them is found first: a list of all their keys would be gone through for each row.
std::string take_sql(const PhysicalTable& table, const SeriesKey& series, const TimeRange& piece, std::uint64_t limit) {
    const std::string& time = table.name_of(*table.table->find(Role::event_time));
    std::vector<std::string> key;
    for (const std::uint8_t index : table.table->key.subspan(table.table->series.size())) {
        key.push_back(table.name_of(table.table->at(index)));
    }
    const std::string order = fmt::format("{}", fmt::join(key, ", "));
    std::string which = is_of_series(table, series);
    if (is_present(piece.start)) which += fmt::format(" AND {} >= {}", time, literal(piece.start));
    if (is_present(piece.end)) which += fmt::format(" AND {} < {}", time, literal(piece.end));
    return fmt::format(
        "WITH edge AS MATERIALIZED (SELECT {2} FROM (SELECT {2} FROM {0} WHERE {1} ORDER BY {2} LIMIT {3}) AS first "
        "ORDER BY {4} DESC LIMIT 1), gone AS (DELETE FROM {0} WHERE {1} AND {5} <= (SELECT {5} FROM edge) AND ({2}) <= "
        "(SELECT {2} FROM edge) RETURNING {6}) SELECT {6} FROM gone ORDER BY {2}",
        table.name, which, order, limit, fmt::join(key, " DESC, "), time, column_list(table));
}

/// Puts what is stored in the place of the rows.
/// Errors: unknown_exchange, unknown_symbol  a row's id is not among what was found.
void take_stored(RowSpan rows, const PhysicalTable& table, const Result& found) {
    const Column& id = *rows.table->find(Role::generated);
    std::unordered_map<std::int32_t, int> places;
    std::vector<std::byte> row(rows.table->row_size);
    for (int i = 0; i < found.rows(); ++i) {
        decode_row(found, i, 0, table, row.data());
        places.emplace(load<std::int32_t>(row.data(), id), i);
    }
    for (std::size_t i = 0; i < rows.count; ++i) {
        const auto place = places.find(load<std::int32_t>(rows.row(i), id));
        if (place == places.end()) {
            const bool is_exchange = rows.table == &table_of<Exchange>();
            throw Error(is_exchange ? ErrorCode::unknown_exchange : ErrorCode::unknown_symbol,
                        fmt::format("{}: no row has the id {}", rows.table->name, load<std::int32_t>(rows.row(i), id)));
        }
    }
    for (std::size_t i = 0; i < rows.count; ++i) {
        decode_row(found, places.at(load<std::int32_t>(rows.row(i), id)), 0, table, rows.row(i));
    }
}

void stamp(RowSpan rows, std::string_view name, Timestamp now, bool always) {
    const Column* column = rows.count == 0 ? nullptr : rows.table->find(name);
    for (std::size_t i = 0; column != nullptr && i < rows.count; ++i) {
        if (always || is_absent(rows.row(i), *column)) store(rows.row(i), *column, now);
    }
}

}  // namespace

asio::awaitable<void> Store::change_rows(RowSpan added, RowSpan changed, std::span<const ColumnSet> columns,
                                         Deadline deadline) {
    stamp(added, "created_at", now(), false);
    stamp(added, "updated_at", now(), false);
    stamp(changed, "updated_at", now(), true);
    const PhysicalTable& table = physical(*added.table);
    if (!table.is_own()) {
        static_cast<void>(conform(table, added, config_.allow_rounding));
        static_cast<void>(conform(table, changed, config_.allow_rounding));
    }
    auto body = [&](Connection& connection) { return change_within(connection, added, changed, columns, deadline); };
    std::optional<StatementError> refused;
    try {
        co_await transact(pool_, body, deadline);
        co_return;
    } catch (const StatementError& error) {
        if (error.code() != ErrorCode::constraint) throw;
        refused = error;
    }
    throw Error(ErrorCode::constraint, fmt::format("{}: {}", added.table->name, refused->said().text()),
                refused->sqlstate());
}

/// One round trip, and one for the commit.
asio::awaitable<void> Store::change_within(Connection& connection, RowSpan added, RowSpan changed,
                                           std::span<const ColumnSet> columns, Deadline deadline) {
    const PhysicalTable& table = physical(*added.table);
    const std::string insert = insert_rows_sql(table);
    const std::string update = change_rows_sql(table);
    const std::string select = rows_of_ids_sql(table);
    Parameters inserted;
    Parameters updated;
    add_columns(inserted, table, added);
    add_columns(updated, table, changed);
    add_ids(updated, changed);
    add_sets(updated, columns);
    Parameters ids;
    add_ids(ids, changed);
    std::vector<Step> steps;
    if (added.count > 0) steps.push_back({insert, &inserted});
    if (changed.count > 0) steps.push_back({update, &updated});
    if (changed.count > 0) steps.push_back({select, &ids});
    const std::vector<Result> answers = co_await begin(connection, steps, deadline);
    if (added.count > 0 && static_cast<std::size_t>(answers.front().rows()) != added.count) {
        throw Error(ErrorCode::internal, fmt::format("{}: {} rows were inserted and {} answered; nothing was stored",
                                                     table.name, added.count, answers.front().rows()));
    }
    if (changed.count > 0) take_stored(changed, table, answers.back());
    co_await commit(connection, deadline);
    const Column& id = *added.table->find(Role::generated);
    for (std::size_t i = 0; i < added.count; ++i) {
        const auto given = static_cast<std::int32_t>(answers.front().integer(static_cast<int>(i), 0));
        store(added.row(i), id, given);
    }
}

asio::awaitable<WriteResult> Store::move_rows(const Table& logical, SeriesKey from, SeriesKey to, std::uint64_t limit,
                                              Deadline deadline) {
    const PhysicalTable& table = physical(logical);
    auto body = [&](Connection& connection) { return move_within(connection, table, from, to, limit, deadline); };
    const WriteResult result = co_await transact(pool_, body, deadline);
    own_rows_ -= static_cast<std::int64_t>(result.updated + result.unchanged);
    co_return result;
}

/// The rows are taken out and put in again within one transaction: what is moved is what was deleted, whoever writes meanwhile.
asio::awaitable<WriteResult> Store::move_within(Connection& connection, const PhysicalTable& table, SeriesKey from,
                                                SeriesKey to, std::uint64_t limit, Deadline deadline) {
    const Table& logical = *table.table;
    const std::string first = first_time_sql(table, schema(), from);
    const Step ask_first{first};
    const std::span<const Step> begins(&ask_first, 1);
    const std::vector<Result> answers = co_await begin(connection, begins, deadline);
    WriteResult result;
    const Timestamp oldest = answers.front().rows() == 0 ? kNoTime : answers.front().time(0, 0);
    const TimeRange piece = is_present(oldest) ? partitions_.piece_of(table, oldest) : TimeRange{};
    std::string take = take_sql(table, from, piece, limit);
    Step takes{take};
    Result taken = co_await connection.run_one(takes, deadline);
    if (taken.rows() == 0 && (is_present(piece.start) || is_present(piece.end))) {
        // The count is older than the rows: somebody removed the first ones by other means.
        const TimeRange whole;
        take = take_sql(table, from, whole, limit);
        takes.sql = take;
        taken = co_await connection.run_one(takes, deadline);
    }
    const auto count = static_cast<std::size_t>(taken.rows());
    if (count == 0) {
        co_await commit(connection, deadline);
        co_return result;
    }
    std::vector<std::byte> bytes(count * logical.row_size);
    const RowSpan rows{&logical, bytes.data(), count};
    for (std::size_t i = 0; i < count; ++i) {
        decode_row(taken, static_cast<int>(i), 0, table, rows.row(i));
        set_series(logical, rows.row(i), to);
    }
    Parameters parameters;
    add_columns(parameters, table, rows);
    add_skews(parameters, table, rows);
    const std::string upsert = upsert_sql(table, schema(), partitions_.piece_of(table, rows));
    const Step put{upsert, &parameters};
    const Result put_in = co_await connection.run_one(put, deadline);
    const auto written = static_cast<std::uint64_t>(put_in.integer(0, 0));
    if (written > 0) {
        const Step asks{kInsertedSql};
        const Result inserted = co_await connection.run_one(asks, deadline);
        result.inserted = static_cast<std::uint64_t>(inserted.integer(0, 0));
    }
    result.updated = written - result.inserted;
    result.unchanged = count - written;
    CoverageFilter claimed;
    claimed.dataset = logical.dataset;
    claimed.symbol = SymbolId{from.id};
    Statements keeps(1, shrink_series_sql(table, schema(), from, count));
    add_withdrawal(keeps, claimed);
    const std::vector<Step> last = steps_of(keeps);
    co_await commit(connection, last, deadline);
    co_return result;
}

}  // namespace marketdb::storage::postgres
