#include "records.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <marketdb/format.hpp>

#include "diagnostics.hpp"
#include "table.hpp"
#include "terminal.hpp"

namespace marketdb::cli {
namespace {

void append_json_record(std::string& out, const std::vector<Field>& fields, const std::vector<std::string>& values) {
    out += '{';
    for (std::size_t i = 0; i < fields.size(); ++i) {
        if (i > 0) out += ',';
        append_json_string(out, fields[i].name);
        out += ':';
        if (values[i].empty()) {
            out += "null";
        } else if (fields[i].kind == FieldKind::text) {
            append_json_string(out, values[i]);
        } else {
            out += values[i];
        }
    }
    out += '}';
}

void print_table(Output& output, const std::vector<Field>& fields,
                 const std::vector<std::vector<std::string>>& records) {
    if (records.empty()) return;
    std::vector<Column> columns;
    for (const Field& field : fields) {
        columns.push_back(Column{std::string(field.name), field.kind == FieldKind::number, field.dispensable});
    }
    Table table(output, std::move(columns), terminal().columns);
    for (std::vector<std::string> record : records) {
        for (std::size_t i = 0; i < fields.size(); ++i) {
            if (fields[i].kind == FieldKind::boolean && !record[i].empty())
                record[i] = record[i] == "true" ? "yes" : "no";
        }
        table.add(std::move(record));
    }
    table.finish();
    output.flush();
    note_hidden_columns(table.hidden());
}

}  // namespace

void append_record(std::string& out, const std::vector<Field>& fields, const std::vector<std::string>& values,
                   OutputFormat format) {
    if (format != OutputFormat::csv) {
        append_json_record(out, fields, values);
        return;
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (i > 0) out += ',';
        append_csv_field(out, values[i]);
    }
}

void print_records(Output& output, OutputFormat format, const std::vector<Field>& fields,
                   const std::vector<std::vector<std::string>>& records) {
    if (format == OutputFormat::table) {
        print_table(output, fields, records);
        return;
    }
    if (format == OutputFormat::csv) {
        std::vector<std::string_view> names;
        for (const Field& field : fields) names.push_back(field.name);
        output.line(fmt::format("{}", fmt::join(names, ",")));
    }
    std::string text;
    for (const auto& record : records) {
        if (format == OutputFormat::json) text += text.empty() ? "[" : ",\n";
        append_record(text, fields, record, format);
        if (format != OutputFormat::json) text += '\n';
    }
    if (format == OutputFormat::json) text += text.empty() ? "[]\n" : "]\n";
    output.write(text);
}

void note_hidden_columns(const std::vector<std::string>& hidden) {
    if (hidden.empty()) return;
    note(fmt::format("the terminal is too narrow for: {} (--json and --csv have all)", fmt::join(hidden, ", ")));
}

}  // namespace marketdb::cli
