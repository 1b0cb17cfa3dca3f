#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <marketdb/error.hpp>
#include <marketdb/format.hpp>
#include <marketdb/sql.hpp>

#include "commands.hpp"
#include "diagnostics.hpp"
#include "exit_code.hpp"
#include "numbers.hpp"
#include "query.hpp"
#include "session_impl.hpp"
#include "table.hpp"
#include "terminal.hpp"
#include "text_lines.hpp"

namespace marketdb::cli {
namespace {

/// `42`, `0.1`, `true`, `null`, `time:2024-08-08T23:54Z`; `text:42` and whatever is none of these is a text.
Value read_value(const std::string& text) {
    constexpr std::string_view kText = "text:";
    constexpr std::string_view kTime = "time:";
    if (text.starts_with(kText)) return text.substr(kText.size());
    if (text.starts_with(kTime)) return read_time_option("--param", text.substr(kTime.size()));
    if (text == "null") return std::monostate{};
    if (text == "true" || text == "false") return text == "true";
    if (const std::optional<std::int64_t> whole = read_number<std::int64_t>(text)) return *whole;
    if (text.find_first_not_of("0123456789", text.starts_with('-') ? 1 : 0) == std::string::npos && text.size() > 1) {
        throw UsageError(fmt::format("--param '{}': expected a whole number of 64 bits, or text:{}", text, text));
    }
    if (const std::optional<double> number = read_number<double>(text)) return *number;
    return text;
}

/// As a table and CSV show it; null is empty.
struct Cell {
    std::string operator()(std::monostate) const { return {}; }
    std::string operator()(bool value) const { return value ? "true" : "false"; }
    std::string operator()(std::int64_t value) const { return fmt::format("{}", value); }
    std::string operator()(double value) const { return fmt::format("{}", value); }
    std::string operator()(Timestamp value) const { return to_string(value); }
    std::string operator()(const std::string& value) const { return value; }
    std::string operator()(const std::vector<std::byte>& value) const {
        std::string text = "\\x";
        for (const std::byte byte : value) text += fmt::format("{:02x}", static_cast<unsigned>(byte));
        return text;
    }
};

std::string json_of(const Value& value) {
    std::string cell = std::visit(Cell{}, value);
    const double* number = std::get_if<double>(&value);
    const bool is_plain = std::holds_alternative<bool>(value) || std::holds_alternative<std::int64_t>(value) ||
                          (number != nullptr && std::isfinite(*number));
    if (std::holds_alternative<std::monostate>(value)) return "null";
    if (is_plain) return cell;
    std::string text;
    append_json_string(text, cell);
    return text;
}

void print_table(const SqlResult& result) {
    if (result.rows.empty()) return;
    std::vector<Column> columns;
    for (std::size_t i = 0; i < result.columns.size(); ++i) {
        const Value& first = result.rows.front()[i];
        const bool is_number = std::holds_alternative<std::int64_t>(first) || std::holds_alternative<double>(first);
        columns.push_back(Column{printable(result.columns[i]), is_number});
    }
    Table table(output(), std::move(columns), 0);
    for (const std::vector<Value>& row : result.rows) {
        std::vector<std::string> cells;
        for (const Value& value : row) cells.push_back(printable(std::visit(Cell{}, value)));
        table.add(std::move(cells));
    }
    table.finish();
}

void print_csv(const SqlResult& result) {
    const auto print = [](const auto& cells, auto text_of) {
        std::string line;
        for (const auto& cell : cells) {
            if (&cell != &cells.front()) line += ',';
            append_csv_field(line, text_of(cell));
        }
        output().line(line);
    };
    print(result.columns, [](const std::string& name) { return name; });
    for (const std::vector<Value>& row : result.rows) {
        print(row, [](const Value& value) { return std::visit(Cell{}, value); });
    }
}

/// Errors: Failure  two columns have one name.
void require_names(const SqlResult& result, bool has_written) {
    if (std::set(result.columns.begin(), result.columns.end()).size() == result.columns.size()) return;
    throw Failure(kFailure, fmt::format("two columns have one name: {}; expected names of their own (AS) for JSON{}",
                                        fmt::join(result.columns, ", "),
                                        has_written ? "; what the statement wrote is stored" : ""));
}

void print_json(const SqlResult& result, OutputFormat format) {
    const bool is_array = format == OutputFormat::json;
    std::string text;
    for (const std::vector<Value>& row : result.rows) {
        const bool is_first = &row == &result.rows.front();
        text = is_array ? (is_first ? "[{" : ",\n{") : "{";
        for (std::size_t i = 0; i < row.size(); ++i) {
            if (i > 0) text += ',';
            append_json_string(text, result.columns[i]);
            text += ':' + json_of(row[i]);
        }
        text += is_array ? "}" : "}\n";
        output().write(text);
    }
    if (is_array) output().line(result.rows.empty() ? "[]" : "]");
}

/// Of a statement that has no rows to show.
void print_affected(const SqlResult& result, OutputFormat format) {
    if (format == OutputFormat::table) {
        output().line(counted(result.affected, "row") + " written");
    } else {
        print_records(output(), format, {{"affected", FieldKind::number}}, {{fmt::format("{}", result.affected)}});
    }
}

void print(const SqlResult& result, OutputFormat format, bool has_written) {
    if (result.columns.empty() && has_written) return print_affected(result, format);
    switch (format) {
        case OutputFormat::table: return print_table(result);
        case OutputFormat::csv: return print_csv(result);
        case OutputFormat::json:
        case OutputFormat::ndjson: break;
    }
    require_names(result, has_written);
    print_json(result, format);
}

}  // namespace

int run_sql(const GlobalOptions& global, const SqlArguments& arguments) {
    std::vector<Value> values;
    for (const std::string& text : arguments.parameters) values.push_back(read_value(text));
    const std::string statement = arguments.statement == "-" ? read_standard_input() : arguments.statement;
    Session session(choose_database(global), arguments.writes ? Access::write : Access::read);
    DatabaseManager& db = session.impl().manager;
    SqlResult result;
    try {
        result = session.impl().run(arguments.writes ? db.execute(statement, std::move(values))
                                                     : db.fetch(statement, std::move(values), arguments.limit));
    } catch (const Error& error) {
        if (arguments.writes || error.code() != ErrorCode::read_only) throw;
        throw Failure(kFailure, "the statement writes; with --write it may");
    }
    session.close();
    print(result, arguments.flags.format(), arguments.writes);
    output().flush();
    if (!result.columns.empty() && result.rows.empty()) note("no row");
    if (result.truncated) {
        note(fmt::format("only the first {}{}", counted(result.rows.size(), "row"),
                         arguments.writes ? "" : "; --limit N"));
    }
    return kOk;
}

}  // namespace marketdb::cli
