#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include <marketdb/models.hpp>
#include <marketdb/queries.hpp>

/// The logical descriptors: each stored struct is described once, and SQL, encoding, merging, CSV and JSON follow from it.
namespace marketdb::storage {

/// How a member lies in its struct, and so how it is stored.
enum class Kind : std::uint8_t {
    int32,  ///< int32 or a strong id; nullable: 0 is absent.
    int64,
    float64,  ///< NaN is absent.
    time,     ///< Timestamp; kNoTime is absent.
    boolean,
    tristate,  ///< Tristate; unknown is absent.
    label,     ///< An enumeration stored as text; value 0 is absent.
    text,      ///< InlineString; nullable: empty is absent.
};

/// What a column means to the generic machinery.
enum class Role : std::uint8_t {
    value,
    generated,    ///< The id, given by the database.
    series,       ///< Part of what identifies a series.
    event_time,   ///< `timestamp`.
    received_at,  ///< Keeps the earlier when merged.
    sequence,     ///< Order within a timestamp.
    source,       ///< `source_id`: changes only when a row is updated.
    computed,     ///< Written from other columns (`total_balance`), never compared.
};

struct Column {
    std::string_view name;
    Kind kind{};
    std::uint16_t offset = 0;
    std::uint16_t capacity = 0;  ///< Of text.
    Role role = Role::value;
    bool nullable = false;
    std::uint8_t group = 0;                    ///< > 0: columns of one group are replaced together, nulls included.
    std::span<const std::string_view> labels;  ///< Of label: the text of each value; [0] is empty.
    std::string_view references;               ///< `symbols(id)`: a foreign key.

    /// Reads and writes a text member without knowing its capacity at compile time.
    std::string_view (*get_text)(const std::byte* member) = nullptr;
    void (*set_text)(std::byte* member, std::string_view text) = nullptr;
    bool (*is_overlong)(const std::byte* member) = nullptr;
};

/// Columns of a table: bit i stands for the one of index i.
using ColumnSet = std::uint64_t;

/// Why a row cannot be stored.
struct Problem {
    std::string_view column;
    std::string reason;  ///< With the value and what was expected: `-1 is not positive`.
};

/// Checks a row's values and brings it into the one stored form (-0.0 to 0.0, size 0 to an absent side, computed columns).
using Prepare = std::optional<Problem> (*)(std::byte* row);

struct Table {
    std::string_view name;           ///< In the database.
    std::optional<Dataset> dataset;  ///< Of the four time series.
    std::size_t row_size = 0;
    std::span<const Column> columns;
    std::span<const std::uint8_t> key;              ///< Indexes of the key's columns, in its order.
    std::span<const std::uint8_t> series;           ///< Of the columns that identify a series (a prefix of key).
    std::span<const std::uint8_t> order;            ///< Reading order within a series.
    std::span<const std::string_view> constraints;  ///< Further SQL clauses, the same on both engines.
    std::uint32_t since = 1;                        ///< The migration that brings it.
    Prepare prepare = nullptr;

    [[nodiscard]] const Column& at(std::uint8_t index) const { return columns[index]; }
    /// The column of a role; null if the table has none. (Role::series: the first.)
    [[nodiscard]] const Column* find(Role role) const noexcept;
    [[nodiscard]] const Column* find(std::string_view column) const noexcept;
};

/// The descriptor of a struct: Exchange, Symbol, Source, QuarantinedRow, BookTicker, Trade, FundingRate, Balance.
template <class Row>
[[nodiscard]] const Table& table_of() noexcept;
[[nodiscard]] const Table& table_of(Dataset dataset) noexcept;
/// All tables, in the order in which they can be created.
[[nodiscard]] std::span<const Table* const> all_tables() noexcept;

/// Rows of one table, type-erased. Does not own.
struct RowSpan {
    const Table* table = nullptr;
    std::byte* data = nullptr;
    std::size_t count = 0;

    [[nodiscard]] std::byte* row(std::size_t index) const noexcept { return data + index * table->row_size; }
};

template <class Container>
[[nodiscard]] RowSpan as_rows(Container& rows) noexcept {
    return {&table_of<typename Container::value_type>(), reinterpret_cast<std::byte*>(rows.data()), rows.size()};
}

template <class T>
[[nodiscard]] inline T load(const std::byte* row, const Column& column) noexcept {
    T value;
    __builtin_memcpy(&value, row + column.offset, sizeof(T));
    return value;
}
template <class T>
inline void store(std::byte* row, const Column& column, const T& value) noexcept {
    __builtin_memcpy(row + column.offset, &value, sizeof(T));
}

/// Whether the member is absent (null in the database).
[[nodiscard]] bool is_absent(const std::byte* row, const Column& column) noexcept;
/// Sets the member to absent (a number to NaN, a text to empty, ...).
void set_absent(std::byte* row, const Column& column) noexcept;
/// Copies one member from row to row.
void copy_column(std::byte* to, const std::byte* from, const Column& column) noexcept;
/// Whether two rows agree in a column, bit for bit (absent equals absent).
[[nodiscard]] bool equal(const std::byte* a, const std::byte* b, const Column& column) noexcept;
/// < 0, 0, > 0; texts byte by byte; numbers by value.
[[nodiscard]] int compare(const std::byte* a, const std::byte* b, const Column& column) noexcept;
/// The same over several columns of a table.
[[nodiscard]] int compare(const std::byte* a, const std::byte* b, const Table& table,
                          std::span<const std::uint8_t> columns) noexcept;

/// Merges a later write into a stored (or earlier) row of the same key, by the rule of the design (absent never replaces
/// present, groups whole, received_at the earlier, a trade's stored sequence stays). Returns whether anything changed
/// that counts as an update; source_id follows only then.
bool merge(const Table& table, std::byte* stored, const std::byte* later) noexcept;

/// Checks one row (texts fit and are UTF-8 without a zero byte, times are storable, then the table's own `prepare`) and brings
/// it into its stored form. Returns why it cannot be stored.
[[nodiscard]] std::optional<Problem> prepare_row(const Table& table, std::byte* row);

/// Checks every row, then sorts by key and folds equal keys (the later in the span wins), in place. Returns the rows left;
/// they are the first so many of the span.
/// Errors: invalid_argument  names table, row index (in the order given), column and reason.
[[nodiscard]] std::size_t prepare_batch(RowSpan rows);

/// One row, checked and in its stored form. Errors: as prepare_batch.
template <class Row>
[[nodiscard]] Row prepared(Row row) {
    (void)prepare_batch(RowSpan{&table_of<Row>(), reinterpret_cast<std::byte*>(&row), 1});
    return row;
}

/// Which series a row belongs to.
struct SeriesKey {
    std::int32_t id = 0;       ///< symbol_id, of balances exchange_id.
    InlineString<31> account;  ///< Balances only.
    InlineString<23> asset;    ///< Balances only.
    friend auto operator<=>(const SeriesKey&, const SeriesKey&) = default;
    friend bool operator==(const SeriesKey&, const SeriesKey&) = default;
};
[[nodiscard]] SeriesKey series_of(const Table& table, const std::byte* row) noexcept;
void set_series(const Table& table, std::byte* row, const SeriesKey& series) noexcept;

/// A row's key for messages: `symbol_id 7, timestamp 2024-08-08T00:00:00.000000Z`.
[[nodiscard]] std::string describe_key(const Table& table, const std::byte* row);

/// Where rows go, one at a time: a vector, columns, a text.
class RowSink {
 public:
    virtual ~RowSink() = default;
    /// Memory for the next row: table.row_size bytes, holding a default-constructed row.
    virtual std::byte* slot() = 0;
    /// The row in the slot is complete. False: no more are wanted.
    virtual bool commit() = 0;
};

}  // namespace marketdb::storage
