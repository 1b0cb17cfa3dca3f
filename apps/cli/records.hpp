#pragma once

#include <cstdint>
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

/// Writes small records that are in memory: exchanges, symbols, statistics.
void print_records(Output& output, OutputFormat format, const std::vector<Field>& fields,
                   const std::vector<std::vector<std::string>>& records);

/// Says on standard error which columns a narrow terminal left out.
void note_hidden_columns(const std::vector<std::string>& hidden);

}  // namespace marketdb::cli
