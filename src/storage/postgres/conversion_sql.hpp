#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include <marketdb/config.hpp>

#include "storage/postgres/statements.hpp"

/// The texts by which an existing schema becomes a lean one, from the files of `conversion/`. Pure functions.
namespace marketdb::storage::postgres {

/// A table of the existing schema that a conversion moves.
struct ConvertedTable {
    std::string_view name;
    std::string_view dataset;    ///< As `series` names it; empty: exchanges or symbols.
    bool is_time_cut = false;    ///< In partitions on the lean schema.
    std::int64_t row_bytes = 0;  ///< About what a row takes on the lean schema, with its key.
};

/// Those that others refer to first.
[[nodiscard]] std::span<const ConvertedTable> converted_tables() noexcept;

/// Column: its type, as format_type names it.
using OldColumns = std::map<std::string, std::string, std::less<>>;
/// Of each table that there is.
using OldTables = std::map<std::string, OldColumns, std::less<>>;

/// The three schemas of a conversion: the one that is converted, the one in which the lean tables are made, and the one that
/// keeps the state and later the old tables.
class ConversionSql {
 public:
    ConversionSql() = default;
    ConversionSql(const SchemaName& schema, LegacyClock clock);

    /// Else the schema's name is too long to be part of another, or has quotes in it.
    [[nodiscard]] bool is_possible() const noexcept { return !before_.text().empty() && !next_.text().empty(); }
    [[nodiscard]] const SchemaName& schema() const noexcept { return schema_; }
    [[nodiscard]] const SchemaName& next() const noexcept { return next_; }
    [[nodiscard]] const SchemaName& before() const noexcept { return before_; }

    /// A file with its placeholders filled.
    [[nodiscard]] std::string file(std::string_view name) const;
    /// The query of a table's rows in lean form, with `refusal`.
    [[nodiscard]] std::string rows(std::string_view table, const OldColumns& columns) const;
    /// Columns of a table of rows that have no place on the lean schema, with commas; empty: none.
    [[nodiscard]] static std::string lost(const OldColumns& columns);
    /// Everything that begins a conversion, for one transaction.
    [[nodiscard]] std::string begin(const OldTables& tables) const;
    /// What drops a lean schema whose tables nothing hangs on any more.
    [[nodiscard]] std::string drop_lean() const;

 private:
    [[nodiscard]] std::string view(const ConvertedTable& table, const OldColumns& columns) const;

    SchemaName schema_;
    SchemaName next_;
    SchemaName before_;
    LegacyClock clock_ = LegacyClock::received;
};

}  // namespace marketdb::storage::postgres
