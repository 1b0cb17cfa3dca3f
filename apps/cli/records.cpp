#include "records.hpp"

#include <utility>

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

RecordPrinter::RecordPrinter(Output& output, OutputFormat format, std::vector<Field> fields)
    : output_(output), format_(format), fields_(std::move(fields)) {
    if (format_ == OutputFormat::csv) {
        std::vector<std::string_view> names;
        for (const Field& field : fields_) names.push_back(field.name);
        output_.line(fmt::format("{}", fmt::join(names, ",")));
    }
    if (format_ != OutputFormat::table) return;
    std::vector<Column> columns;
    for (const Field& field : fields_) {
        columns.push_back(Column{std::string(field.name), field.kind == FieldKind::number, field.dispensable});
    }
    table_ = std::make_unique<Table>(output_, std::move(columns), terminal().columns);
}

RecordPrinter::~RecordPrinter() = default;

void RecordPrinter::add(std::vector<std::string> values) {
    ++records_;
    if (table_) {
        for (std::size_t i = 0; i < fields_.size(); ++i) {
            if (fields_[i].kind == FieldKind::boolean && !values[i].empty())
                values[i] = values[i] == "true" ? "yes" : "no";
        }
        table_->add(std::move(values));
        return;
    }
    text_.clear();
    if (format_ == OutputFormat::json) text_ = records_ == 1 ? "[" : ",\n";
    append_record(text_, fields_, values, format_);
    if (format_ != OutputFormat::json) text_ += '\n';
    output_.write(text_);
}

void RecordPrinter::finish() {
    if (format_ == OutputFormat::json) output_.line(records_ == 0 ? "[]" : "]");
    if (!table_ || records_ == 0) return;
    table_->finish();
    output_.flush();
    note_hidden_columns(table_->hidden());
}

void print_records(Output& output, OutputFormat format, const std::vector<Field>& fields,
                   const std::vector<std::vector<std::string>>& records) {
    RecordPrinter printer(output, format, fields);
    for (const std::vector<std::string>& record : records) printer.add(record);
    printer.finish();
}

std::string number_cell(double number, OutputFormat format) {
    if (!is_present(number) || format != OutputFormat::table) return format_number(number);
    return fmt::format("{:.10g}", number);
}

void note_hidden_columns(const std::vector<std::string>& hidden) {
    if (hidden.empty()) return;
    note(fmt::format("the terminal is too narrow for: {} (--json and --csv have all)", fmt::join(hidden, ", ")));
}

}  // namespace marketdb::cli
