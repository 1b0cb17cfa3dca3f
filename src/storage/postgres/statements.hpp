#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "storage/engine.hpp"
#include "storage/postgres/physical_table.hpp"

/// SQL texts made from physical tables. Pure functions: they know no connection.
namespace marketdb::storage::postgres {

/// Identifiers of one PostgreSQL schema.
class SchemaName {
 public:
    SchemaName() = default;
    explicit SchemaName(std::string_view name);

    [[nodiscard]] const std::string& text() const noexcept { return text_; }
    [[nodiscard]] const std::string& quoted() const noexcept { return quoted_; }
    /// `"desk"."symbols"`.
    [[nodiscard]] std::string table(std::string_view name) const;

 private:
    std::string text_;
    std::string quoted_;
};

/// `"symbol_id", "timestamp", ..`, each with `prefix` (`t.`) in front.
[[nodiscard]] std::string column_list(const PhysicalTable& table, std::string_view prefix = {});

/// The same of the columns that are written.
[[nodiscard]] std::string written_list(const PhysicalTable& table, std::string_view prefix = {});

/// `COPY .. FROM STDIN (FORMAT binary)`.
[[nodiscard]] std::string copy_in_sql(const PhysicalTable& table);

/// Inserts one row of a table with a generated id, `$1` onwards all columns but the id. Answers the id, or no row where the
/// key is there already.
[[nodiscard]] std::string insert_one_sql(const PhysicalTable& table);

/// Replaces the row of an id: all columns but the id, then the id. A created_at that is null stays as it is. Answers a row if
/// there is one.
[[nodiscard]] std::string update_one_sql(const PhysicalTable& table);

/// A range of event times. As constants in a statement they tell the planner which partitions it touches.
struct TimeRange {
    Timestamp start = kNoTime;  ///< Inclusive; absent: open.
    Timestamp end = kNoTime;    ///< Exclusive; absent: open.
};

/// Whether an upsert looks at each stored row first. Those that are equal are then read and nothing more: no lock, no log. Without
/// it they are locked, and all others cost a fifth less.
enum class Probe : std::uint8_t { stored_rows, none };

/// Upserts rows that come as one array a column (`add_columns`), on our own datasets with those of `add_skews` behind them, by the
/// rule of `storage::merge`. Rows that are there already and equal are not written. Answers how many rows were inserted or
/// updated. Of our own tables `kInsertedSql` says after it how many of them were inserted; of others a second column does, and,
/// where there is no unique key, a third how many there were to insert. (If another program inserts one of the rows meanwhile,
/// it counts as inserted here too.)
///
/// On a table without a unique key only the lock of `lock_series_sql` keeps two marketdb writers from doubling rows.
///
/// @param range  Of the rows' event times; what is read on a table that is partitioned by them.
[[nodiscard]] std::string upsert_sql(const PhysicalTable& table, const SchemaName& schema, const TimeRange& range,
                                     Probe probe = Probe::stored_rows);

/// Until the end of the transaction a kept statement is planned once. Left to itself the planner does it anew for each batch of
/// fewer rows than it guesses (10), because that plan seems cheaper; planning takes longer than storing a few rows.
inline constexpr std::string_view kOnePlanSql = "SET LOCAL plan_cache_mode = force_generic_plan";
/// So many rows are few.
inline constexpr std::size_t kFewRows = 64;

/// Updates the rows that are there already and differ, by the same parameters and the same rule as `upsert_sql` on our own
/// datasets; rows that are not there are left out. Without the lock that an upsert takes before it updates, this costs a fifth
/// less. Answers how many rows were updated.
///
/// Wants `kNoJoinsSql` before it, and rows of one partition: the planner would read the whole table.
[[nodiscard]] std::string update_sql(const PhysicalTable& table, const SchemaName& schema, const TimeRange& range);
inline constexpr std::string_view kNoJoinsSql =
    "SELECT pg_catalog.set_config(name, 'off', true) FROM pg_catalog.unnest(ARRAY['enable_hashjoin', "
    "'enable_mergejoin', "
    "'enable_material', 'enable_seqscan']) AS name";

/// Locks some of 512 places (`$1`, an array, sorted) until the end of the transaction. A series has the place id % 512, so that
/// no batch needs more locks than the server has room for.
[[nodiscard]] std::string lock_series_sql(const PhysicalTable& table);
inline constexpr std::int32_t kSeriesLocks = 512;

/// How many rows the last statement of this transaction inserted into a dataset's table, as its trigger counted.
inline constexpr std::string_view kInsertedSql =
    "SELECT coalesce(nullif(pg_catalog.current_setting('marketdb.inserted', true), ''), '0')::bigint";

/// How a scan's statement names its series: `$1..` (one for each series column) makes a text that serves for all of them.
enum class SeriesAs : std::uint8_t { literal, parameter };

/// The query of a scan, all other values as literals, without a final semicolon. `range` and `limit` stand for the request's own.
[[nodiscard]] std::string scan_sql(const PhysicalTable& table, const ScanRequest& request, const TimeRange& range,
                                   std::uint64_t limit, SeriesAs series = SeriesAs::literal);

/// Whether another array, behind those of the series, says of each from when on to look for its newest row: without it the server
/// reads all rows of a series that are on one page of the index, though it answers one.
enum class Since : std::uint8_t { always, given };

/// The newest row of each series of `$1..` (one array for each series column) within the range, each with its place in the
/// arrays (from 1) in front.
[[nodiscard]] std::string latest_sql(const PhysicalTable& table, const TimeRange& range, Since since = Since::always);

/// Series of a table for which nobody keeps them: the columns that tell them apart, and the first and last time of each.
[[nodiscard]] std::string find_series_sql(const PhysicalTable& table);
/// Their rows from a moment on (absent: all), counted: the columns that tell them apart, and the count.
[[nodiscard]] std::string count_series_sql(const PhysicalTable& table, Timestamp start = kNoTime);

/// The same on our own schema, by one probe for each series that has rows of that time: series_id, account, asset_name, count.
[[nodiscard]] std::string count_since_sql(const PhysicalTable& table, const SchemaName& schema, Timestamp start);

/// An expression: the bytes of a table with its partitions or chunks and their indexes.
[[nodiscard]] std::string size_sql(const PhysicalTable& table);

/// Deletes the oldest of the chosen rows, at most `limit` (0: all). Answers the count, and the time of the first that stays (null:
/// none does).
[[nodiscard]] std::string erase_sql(const PhysicalTable& table, const SchemaName& schema, const RowChoice& choice,
                                    std::uint64_t limit);
/// Counts them.
[[nodiscard]] std::string count_sql(const PhysicalTable& table, const SchemaName& schema, const RowChoice& choice);

/// Takes rows off a series, and finds its first and last anew; a series without rows goes.
[[nodiscard]] std::string shrink_series_sql(const PhysicalTable& table, const SchemaName& schema,
                                            const SeriesKey& series, std::uint64_t erased);

/// `WHERE`-less condition that a row is of the series.
[[nodiscard]] std::string is_of_series(const PhysicalTable& table, const SeriesKey& series);

}  // namespace marketdb::storage::postgres
