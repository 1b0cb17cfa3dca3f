#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "output.hpp"

namespace marketdb::cli {

/// How an answer is written.
enum class OutputFormat : std::uint8_t { table, json, ndjson, csv };

enum class FieldKind : std::uint8_t { text, number, boolean };

/// A field of a small record. `name` is the JSON key and the heading.
struct Field {
    std::string_view name;
    FieldKind kind = FieldKind::text;
    int dispensable = 0;  ///< As Column::dispensable.
};

/// A JSON object or CSV line of a record; an empty value is null or empty.
void append_record(std::string& out, const std::vector<Field>& fields, const std::vector<std::string>& values,
                   OutputFormat format);

class Table;

/// Writes records one after another, as a table, JSON array, JSON lines or CSV.
class RecordPrinter {
 public:
    RecordPrinter(Output& output, OutputFormat format, std::vector<Field> fields);
    ~RecordPrinter();

    /// One value a field; an empty one is null, empty or, in a table, `-`.
    void add(std::vector<std::string> values);
    /// Ends the table or array. Prints nothing for an empty table.
    void finish();
    [[nodiscard]] std::uint64_t records() const noexcept { return records_; }

 private:
    Output& output_;
    OutputFormat format_;
    std::vector<Field> fields_;
    std::unique_ptr<Table> table_;
    std::string text_;
    std::uint64_t records_ = 0;
};

/// Writes small records that are in memory: exchanges, symbols, statistics.
void print_records(Output& output, OutputFormat format, const std::vector<Field>& fields,
                   const std::vector<std::vector<std::string>>& records);

/// A number for a record: in a table to ten digits, else the shortest that reads back the same; absent is empty.
[[nodiscard]] std::string number_cell(double number, OutputFormat format);

/// Says on standard error which columns a narrow terminal left out.
void note_hidden_columns(const std::vector<std::string>& hidden);

}  // namespace marketdb::cli
