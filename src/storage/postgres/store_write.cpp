#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "storage/postgres/coverage_sql.hpp"
#include "storage/postgres/existing_rows.hpp"
#include "storage/postgres/row_codec.hpp"
#include "storage/postgres/server_error.hpp"
#include "storage/postgres/store.hpp"

namespace marketdb::storage::postgres {

namespace asio = boost::asio;

namespace {

/// Fewer rows are upserted: at 2,000 an upsert from arrays costs about what a COPY of new rows does.
constexpr std::size_t kMinCopyRows = 2'000;
/// Encoded at a time, so that the memory of a COPY does not grow with it.
constexpr std::size_t kCopyRowsAtOnce = 1'024;
/// Of batches that are expected to change every row. In small ones a probe for each row is lost in the cost of the commit.
constexpr std::size_t kMinUnprobedRows = 2'000;
/// Batches that a series stays on the upsert after a COPY met one of its rows.
constexpr std::uint32_t kBatchesWithoutCopy = 16;
constexpr int kMaxNewPartitionTries = 3;

/// Calls `visit(series)` for each series of rows that are sorted by key.
template <class Visit>
void for_each_series(RowSpan rows, Visit visit) {
    for (std::size_t i = 0; i < rows.count; ++i) {
        if (i > 0 && compare(rows.row(i - 1), rows.row(i), *rows.table, rows.table->series) == 0) continue;
        visit(series_of(*rows.table, rows.row(i)));
    }
}

void set_upsert_parameters(Parameters& parameters, const PhysicalTable& table, RowSpan rows) {
    parameters.clear();
    add_columns(parameters, table, rows);
    if (table.is_own() && table.table->dataset) add_skews(parameters, table, rows);
}

ErrorCode code_of_unknown(std::string_view column) {
    return column == "exchange_id" ? ErrorCode::unknown_exchange : ErrorCode::unknown_symbol;
}

/// The columns of a constraint that a refused table has, be it a partition.
constexpr std::string_view kColumnsOfConstraintSql =
    "SELECT pg_catalog.string_agg(a.attname, ', ' ORDER BY a.attnum) FROM pg_catalog.pg_constraint o"
    " JOIN pg_catalog.pg_class c ON c.oid = o.conrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (o.conkey)"
    " WHERE n.nspname = $1 AND c.relname = $2 AND o.conname = $3";

/// Of an existing table, whose constraints are known: a column, else the columns of a constraint.
std::string checked_columns(const PhysicalTable& table, const ServerError& said) {
    if (!said.column.empty()) return said.column;
    const auto found = table.existing->checks.find(said.constraint);
    return found == table.existing->checks.end() ? std::string() : found->second;
}

/// What a refusal is about, in front of the server's words: a column, else a constraint.
std::string subject_of(std::string_view column, const ServerError& said) {
    if (!column.empty()) return fmt::format("column {}: ", column);
    return said.constraint.empty() ? std::string() : fmt::format("constraint {}: ", said.constraint);
}

/// Sets a time column of this name, if there is one, where it is absent or `always`.
void stamp(const Table& table, std::byte* row, std::string_view name, Timestamp now, bool always) {
    const Column* column = table.find(name);
    if (column != nullptr && (always || is_absent(row, *column))) store(row, *column, now);
}

}  // namespace

asio::awaitable<WriteResult> Store::write(RowSpan rows, std::span<const CoverageClaim> claims, Deadline deadline) {
    const PhysicalTable& table = physical(*rows.table);
    const Statements statements = claim_statements(claims);
    Conformed conformed;
    if (!table.is_own()) {
        conformed = conform(table, rows, config_.allow_rounding);
        rows.count = conformed.count;
    }
    WriteResult result = co_await write_conformed(table, rows, statements, deadline);
    result.folded += conformed.folded;
    result.rounded += conformed.rounded;
    co_return result;
}

asio::awaitable<WriteResult> Store::write_conformed(const PhysicalTable& table, RowSpan rows, const Statements& claims,
                                                    Deadline deadline) {
    bool copies = is_worth_copying(table, rows);
    for (int new_partitions = 0;;) {
        std::exception_ptr failure;
        WriteResult result;
        try {
            co_await ensure_partitions(table, rows, deadline);
            result = co_await write_once(table, rows, claims, copies, deadline);
        } catch (...) {
            failure = std::current_exception();
        }
        if (!failure) {
            if (rows.table->dataset) own_rows_ += static_cast<std::int64_t>(result.inserted);
            co_return result;
        }
        switch (remedy_for(failure, copies)) {
            case Remedy::none: std::rethrow_exception(failure);
            case Remedy::explanation: co_await refuse(table, rows, failure, deadline); break;
            case Remedy::again: co_await pause_before_retry(failure, deadline); break;
            case Remedy::without_copy:
                note_collision(table, rows);
                copies = false;
                break;
            case Remedy::new_partitions:
                if (!table.is_own()) co_await refuse(table, rows, failure, deadline);
                if (++new_partitions > kMaxNewPartitionTries) std::rethrow_exception(failure);
                partitions_.forget(table);
                break;
        }
    }
}

Store::Remedy Store::remedy_for(const std::exception_ptr& failure, bool copied) const {
    try {
        std::rethrow_exception(failure);
    } catch (const StatementError& error) {
        if (is_transient(error.sqlstate())) return Remedy::again;
        if (copied && error.sqlstate() == "23505") return Remedy::without_copy;
        // A row that no partition takes names no constraint.
        if (error.sqlstate() == "23514" && error.said().constraint.empty()) return Remedy::new_partitions;
        return error.code() == ErrorCode::constraint ? Remedy::explanation : Remedy::none;
    } catch (...) {
        return Remedy::none;
    }
}

asio::awaitable<void> Store::ensure_partitions(const PhysicalTable& table, RowSpan rows, Deadline deadline) {
    if (!partitions_.misses(table, rows)) co_return;
    auto body = [&](Connection& connection) { return partitions_.ensure(connection, table, schema(), rows, deadline); };
    co_await on_connection(pool_, body, deadline);
}

asio::awaitable<WriteResult> Store::write_once(const PhysicalTable& table, RowSpan rows, const Statements& claims,
                                               bool copies, Deadline deadline) {
    auto body = [&](Connection& connection) {
        if (!table.is_own()) return upsert_existing(connection, table, rows, deadline);
        if (rows.count <= kFewRows) return upsert_few(connection, table, rows, claims, deadline);
        return copies ? copy(connection, table, rows, claims, deadline)
                      : upsert(connection, table, rows, claims, deadline);
    };
    WriteResult result = co_await on_connection(pool_, body, deadline);
    co_return result;
}

asio::awaitable<std::vector<Result>> Store::run_within(Connection& connection, std::span<const Step> steps,
                                                       bool has_begun, Deadline deadline) {
    std::vector<Result> answers;
    if (has_begun) {
        answers = co_await connection.run(steps, deadline);
    } else {
        answers = co_await begin(connection, steps, deadline);
    }
    co_return answers;
}

/// In one round trip.
asio::awaitable<WriteResult> Store::upsert_few(Connection& connection, const PhysicalTable& table, RowSpan rows,
                                               const Statements& claims, Deadline deadline) {
    Parameters parameters;
    set_upsert_parameters(parameters, table, rows);
    const std::string sql = upsert_sql(table, schema(), partitions_.piece_of(table, rows), Probe::stored_rows);
    std::vector<Step> steps;
    if (connection.uses_kept_statements && !connection.is_pooled()) steps.push_back({kOnePlanSql, nullptr, true});
    const std::size_t place = steps.size();
    steps.push_back({sql, &parameters, true});
    // Only a dataset's trigger counts; rows of the others are never changed.
    if (table.table->dataset) steps.push_back({kInsertedSql, nullptr, true});
    const std::size_t counted = steps.size() - 1;
    for (const Step& claim : steps_of(claims)) steps.push_back(claim);
    const std::vector<Result> answers = co_await run_whole(connection, steps, deadline);
    const auto upserted = static_cast<std::uint64_t>(answers[place].integer(0, 0));
    WriteResult result;
    // An upsert that wrote nothing has not been counted.
    if (upserted > 0) result.inserted = static_cast<std::uint64_t>(answers[counted].integer(0, 0));
    result.updated = upserted - result.inserted;
    result.unchanged = rows.count - upserted;
    co_return result;
}

/// How many rows of an upsert were inserted is asked for with the next statement; of the last one with the commit, and not at all
/// if it wrote none.
asio::awaitable<WriteResult> Store::upsert(Connection& connection, const PhysicalTable& table, RowSpan rows,
                                           const Statements& claims, Deadline deadline) {
    WriteResult result;
    Parameters parameters;
    const Step ask_inserted{kInsertedSql, nullptr, true};
    RowSpan part;
    std::uint64_t updated = 0;  // of the part
    std::uint64_t upserted = 0;
    for (std::size_t first = 0; first < rows.count; first += kUpsertRowsAtOnce) {
        bool has_begun = first > 0;
        if (has_begun) {
            std::uint64_t inserted = upserted;
            // Only a dataset's trigger counts; rows of the others are never changed.
            if (upserted > 0 && table.table->dataset) {
                const Result answer = co_await connection.run_one(ask_inserted, deadline);
                inserted = static_cast<std::uint64_t>(answer.integer(0, 0));
            }
            note_part(part, inserted, updated + upserted - inserted, result);
        }
        part = part_of(rows, first, kUpsertRowsAtOnce);
        const TimeRange range = partitions_.piece_of(table, part);
        Probe probe = probe_for(part);
        updated = 0;
        upserted = 0;
        set_upsert_parameters(parameters, table, part);
        if (habit_of(part) == Habit::updates_all && lie_in_one_piece(table, part, range)) {
            const std::string sql = update_sql(table, schema(), range);
            const std::array steps{Step{kNoJoinsSql}, Step{sql, &parameters, true}};
            const std::vector<Result> answers = co_await run_within(connection, steps, has_begun, deadline);
            updated = static_cast<std::uint64_t>(answers[1].integer(0, 0));
            has_begun = true;
            probe = Probe::stored_rows;
            // Another try takes its locks in the order of the keys.
            if (updated < part.count) habits_.erase(part.table);
        }
        if (updated == part.count) continue;
        const std::string sql = upsert_sql(table, schema(), range, probe);
        const Step step{sql, &parameters, true};
        const std::span<const Step> steps(&step, 1);
        const std::vector<Result> answers = co_await run_within(connection, steps, has_begun, deadline);
        upserted = static_cast<std::uint64_t>(answers.front().integer(0, 0));
    }
    const bool asks = upserted > 0 && table.table->dataset;
    std::vector<Step> last = steps_of(claims);
    if (asks) last.push_back(ask_inserted);
    const std::vector<Result> answers = co_await commit(connection, last, deadline);
    const std::uint64_t inserted = asks ? static_cast<std::uint64_t>(answers.back().integer(0, 0)) : upserted;
    note_part(part, inserted, updated + upserted - inserted, result);
    result.unchanged = rows.count - result.inserted - result.updated;
    co_return result;
}

/// Over several partitions without statistics the planner reads all of their rows for each of ours.
bool Store::lie_in_one_piece(const PhysicalTable& table, RowSpan rows, const TimeRange& range) const {
    if (!table.is_partitioned) return true;
    const auto first = load<Timestamp>(rows.row(0), *rows.table->find(Role::event_time));
    const TimeRange piece = partitions_.piece_of(table, first);
    return piece.start == range.start && piece.end == range.end;
}

Store::Habit Store::habit_of(RowSpan rows) const {
    const auto found = habits_.find(rows.table);
    return rows.count < kMinUnprobedRows || found == habits_.end() ? Habit::mixed : found->second;
}

Probe Store::probe_for(RowSpan rows) const { return habit_of(rows) == Habit::mixed ? Probe::stored_rows : Probe::none; }

void Store::note_part(RowSpan rows, std::uint64_t inserted, std::uint64_t updated, WriteResult& result) {
    result.inserted += inserted;
    result.updated += updated;
    if (rows.count < kMinUnprobedRows) return;
    if (inserted + updated < rows.count) {
        habits_.erase(rows.table);
    } else {
        habits_[rows.table] = inserted == 0 ? Habit::updates_all : Habit::writes_all;
    }
}

asio::awaitable<WriteResult> Store::copy(Connection& connection, const PhysicalTable& table, RowSpan rows,
                                         const Statements& claims, Deadline deadline) {
    std::string begins = begin_for_copy() + texts(table).copy_in;
    co_await connection.begin_copy(std::move(begins), deadline);
    std::string bytes(kCopyHeader);
    for (std::size_t first = 0; first < rows.count; first += kCopyRowsAtOnce) {
        append_copy_rows(bytes, table, part_of(rows, first, kCopyRowsAtOnce));
        co_await connection.send_copy(bytes, deadline);
        bytes.clear();
    }
    co_await connection.send_copy(kCopyEnd, deadline);
    // A stream that was cut between two rows is taken for whole: https://www.postgresql.org/docs/15/sql-copy.html
    const std::uint64_t counted = co_await connection.end_copy(deadline);
    if (counted != rows.count) {
        throw Error(ErrorCode::internal, fmt::format("{}: {} rows were sent and {} arrived; nothing was stored",
                                                     table.name, rows.count, counted));
    }
    const std::vector<Step> last = steps_of(claims);
    co_await commit(connection, last, deadline);
    WriteResult result;
    result.inserted = rows.count;
    co_return result;
}

bool Store::is_worth_copying(const PhysicalTable& table, RowSpan rows) {
    if (rows.count < kMinCopyRows || !table.table->dataset || !table.is_own()) return false;
    if (without_copy_.empty()) return true;
    bool is_worth = true;
    for_each_series(rows, [&](const SeriesKey& series) {
        const auto found = without_copy_.find({table.table, series});
        if (found == without_copy_.end()) return;
        is_worth = false;
        if (--found->second == 0) without_copy_.erase(found);
    });
    return is_worth;
}

void Store::note_collision(const PhysicalTable& table, RowSpan rows) {
    for_each_series(rows, [&](const SeriesKey& series) { without_copy_[{table.table, series}] = kBatchesWithoutCopy; });
}

/// Throws a refusal as its caller has to see it: with row and column where there is one.
asio::awaitable<void> Store::refuse(const PhysicalTable& table, RowSpan rows, std::exception_ptr failure,
                                    Deadline deadline) {
    std::optional<StatementError> refused;
    try {
        std::rethrow_exception(failure);
    } catch (const StatementError& error) {
        refused = error;
    }
    // Where it happened may not be found out: in time, or on a link that goes on. What happened is told all the same.
    const ServerError& said = refused->said();
    std::optional<std::size_t> row;
    std::string column = table.is_own() ? said.column : checked_columns(table, said);
    try {
        row = co_await find_refused_row(table, rows, deadline);
        if (column.empty() && !said.constraint.empty()) column = co_await columns_of_constraint(said, deadline);
    } catch (const Error& lost) {
        if (lost.code() == ErrorCode::cancelled) throw;
    }
    const std::string where =
        row ? fmt::format(" row {} ({})", *row, describe_key(*table.table, rows.row(*row))) : std::string();
    throw Error(said.sqlstate == "23503" ? code_of_unknown(column) : ErrorCode::constraint,
                fmt::format("{}{}: {}{}", table.table->name, where, subject_of(column, said), said.text()),
                said.sqlstate);
}

/// Empty: the catalogue knows no such constraint.
asio::awaitable<std::string> Store::columns_of_constraint(const ServerError& said, Deadline deadline) {
    Parameters parameters;
    parameters.add(std::string_view(said.schema));
    parameters.add(std::string_view(said.table));
    parameters.add(std::string_view(said.constraint));
    const Step step{kColumnsOfConstraintSql, &parameters, false};
    const Result found = co_await ask(step, deadline);
    co_return found.text(0, 0);
}

/// The first row that the server refuses: by halves, in transactions that are rolled back. None: it refuses
/// none of them by itself, as where it looks at rows only when they are committed.
asio::awaitable<std::optional<std::size_t>> Store::find_refused_row(const PhysicalTable& table, RowSpan rows,
                                                                    Deadline deadline) {
    std::size_t first = 0;
    std::size_t count = rows.count;
    bool is_certain = false;
    while (count > 1 || !is_certain) {
        const std::size_t half = std::max<std::size_t>(count / 2, 1);
        const bool refused = co_await is_refused(table, part_of(rows, first, half), deadline);
        if (!refused && count == 1) co_return std::nullopt;
        if (!refused) first += half;
        count = refused ? half : count - half;
        is_certain = refused;
    }
    co_return first;
}

asio::awaitable<bool> Store::is_refused(const PhysicalTable& table, RowSpan rows, Deadline deadline) {
    auto body = [&](Connection& connection) { return try_rows(connection, table, rows, deadline); };
    try {
        co_await transact(pool_, body, deadline);
        co_return false;
    } catch (const StatementError& error) {
        if (error.code() != ErrorCode::constraint) throw;
    }
    co_return true;
}

/// Upserts rows and takes it back. Errors: StatementError  the server refuses one of them.
asio::awaitable<void> Store::try_rows(Connection& connection, const PhysicalTable& table, RowSpan rows,
                                      Deadline deadline) {
    Parameters parameters;
    for (std::size_t first = 0; first < rows.count; first += kUpsertRowsAtOnce) {
        const RowSpan part = part_of(rows, first, kUpsertRowsAtOnce);
        const std::string sql = upsert_sql(table, schema(), range_to_read(table, part));
        set_upsert_parameters(parameters, table, part);
        const Step step{sql, &parameters, true};
        const std::span<const Step> steps(&step, 1);
        const std::vector<Result> answers = co_await run_within(connection, steps, first > 0, deadline);
    }
    co_await recover(connection);
}

asio::awaitable<void> Store::insert_one(const Table& logical, std::byte* row, Deadline deadline) {
    const PhysicalTable& table = physical(logical);
    stamp(logical, row, "created_at", now(), false);
    stamp(logical, row, "updated_at", now(), false);
    const RowSpan one{&logical, row, 1};
    if (!table.is_own()) static_cast<void>(conform(table, one, config_.allow_rounding));
    Parameters parameters;
    for (const PhysicalColumn& column : table.written) {
        if (column.column->role != Role::generated) add_parameter(parameters, column, row);
    }
    const Step step{texts(table).insert_one, &parameters, true};
    const std::optional<std::int64_t> id = co_await write_row(table, row, step, deadline);
    if (!id) {
        throw Error(ErrorCode::constraint,
                    fmt::format("{}: a row with {} is there already", logical.name, describe_key(logical, row)));
    }
    store(row, *logical.find(Role::generated), static_cast<std::int32_t>(*id));
}

asio::awaitable<bool> Store::update_one(const Table& logical, const std::byte* row, Deadline deadline) {
    const PhysicalTable& table = physical(logical);
    std::vector<std::byte> changed(row, row + logical.row_size);
    stamp(logical, changed.data(), "updated_at", now(), true);
    const RowSpan one{&logical, changed.data(), 1};
    if (!table.is_own()) static_cast<void>(conform(table, one, config_.allow_rounding));
    Parameters parameters;
    const Column& id = *logical.find(Role::generated);
    for (const PhysicalColumn& column : table.written) {
        if (column.column != &id) add_parameter(parameters, column, changed.data());
    }
    add_parameter(parameters, *table.find(id), row);
    const Step step{texts(table).update_one, &parameters, true};
    const std::optional<std::int64_t> found = co_await write_row(table, changed.data(), step, deadline);
    co_return found.has_value();
}

/// Runs a statement that answers the id of the row that it wrote. A refusal names the row.
asio::awaitable<std::optional<std::int64_t>> Store::write_row(const PhysicalTable& table, const std::byte* row,
                                                              Step step, Deadline deadline) {
    auto body = [&](Connection& connection) { return run_and_commit(connection, step, deadline); };
    std::optional<StatementError> refused;
    std::optional<std::int64_t> id;
    try {
        id = co_await transact(pool_, body, deadline);
    } catch (const StatementError& error) {
        if (table.is_own() || error.code() != ErrorCode::constraint) throw;
        refused = error;
    }
    if (!refused) co_return id;
    const std::string column = checked_columns(table, refused->said());
    throw Error(ErrorCode::constraint,
                fmt::format("{} ({}): {}{}", table.table->name, describe_key(*table.table, row),
                            subject_of(column, refused->said()), refused->said().text()),
                refused->sqlstate());
}

asio::awaitable<std::optional<std::int64_t>> Store::run_and_commit(Connection& connection, Step step,
                                                                   Deadline deadline) {
    const std::span<const Step> steps(&step, 1);
    const std::vector<Result> answers = co_await run_whole(connection, steps, deadline);
    std::optional<std::int64_t> id;
    if (answers.front().rows() > 0) id = answers.front().integer(0, 0);
    co_return id;
}

asio::awaitable<Erased> Store::erase(RowChoice choice, std::uint64_t limit, Deadline deadline) {
    const PhysicalTable& table = physical(*choice.table);
    const std::string sql = erase_sql(table, schema(), choice, limit);
    auto body = [&](Connection& connection) { return erase(connection, table, choice, sql, deadline); };
    const Erased erased = co_await transact(pool_, body, deadline);
    own_rows_ -= static_cast<std::int64_t>(erased.rows);
    co_return erased;
}

asio::awaitable<Erased> Store::erase(Connection& connection, const PhysicalTable& table, const RowChoice& choice,
                                     std::string_view sql, Deadline deadline) {
    const Step step{sql};
    const std::span<const Step> steps(&step, 1);
    const std::vector<Result> answers = co_await begin(connection, steps, deadline);
    Erased erased;
    erased.rows = static_cast<std::uint64_t>(answers.front().integer(0, 0));
    erased.next = answers.front().time(0, 1);
    erased.first = answers.front().time(0, 2);
    erased.last = answers.front().time(0, 3);
    Statements keeps;
    // In the order in which a write takes its locks: rows, series, claims.
    if (erased.rows > 0 && table.is_own()) {
        keeps.push_back(shrink_series_sql(table, schema(), choice.series, erased.rows));
        if (table.table->dataset != Dataset::balances) add_withdrawal(keeps, time_without(choice, erased));
    }
    const std::vector<Step> last = steps_of(keeps);
    co_await commit(connection, last, deadline);
    co_return erased;
}

}  // namespace marketdb::storage::postgres
