#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <marketdb/error.hpp>

#include "core/text.hpp"
#include "storage/postgres/numeric.hpp"
#include "storage/postgres/row_codec.hpp"
#include "storage/postgres/store.hpp"
#include "storage/sql.hpp"

namespace marketdb::storage::postgres {

namespace asio = boost::asio;

namespace {

// Types by their numbers in pg_type.
constexpr std::uint32_t kBool = 16;
constexpr std::uint32_t kBytea = 17;
constexpr std::uint32_t kUnknown = 0;  // the server infers it

/// Of one round trip, so that the memory on both sides stays bounded.
constexpr std::size_t kListsAtOnce = 256;
constexpr std::size_t kCopyBytesAtOnce = 256 * 1024;

constexpr std::string_view kColumnNamesSql =
    "SELECT attname::text FROM pg_catalog.pg_attribute WHERE attrelid = pg_catalog.to_regclass($1::text) AND attnum > "
    "0 "
    "AND NOT attisdropped";

/// Statements that would end the transaction around them, or change a connection that others use after it.
constexpr std::array<std::string_view, 19> kNotHere{
    "ABORT",  "BEGIN", "CHECKPOINT", "COMMIT",  "COPY",  "DEALLOCATE", "DECLARE",   "DISCARD", "END",  "FETCH",
    "LISTEN", "LOAD",  "PREPARE",    "RELEASE", "RESET", "ROLLBACK",   "SAVEPOINT", "SET",     "START"};
/// Those whose rows a cursor can give piece by piece.
constexpr std::array<std::string_view, 4> kQueries{"SELECT", "TABLE", "VALUES", "WITH"};

/// The text without blanks and comments in front.
std::string_view without_front(std::string_view sql) {
    for (;;) {
        const std::size_t first = sql.find_first_not_of(" \t\r\n\f(");
        if (first == std::string_view::npos) return {};
        sql.remove_prefix(first);
        std::size_t end = 0;
        if (sql.starts_with("--")) {
            end = sql.find('\n');
        } else if (sql.starts_with("/*")) {
            end = sql.find("*/");
            if (end != std::string_view::npos) end += 2;
        } else {
            return sql;
        }
        if (end == std::string_view::npos) return {};
        sql.remove_prefix(end);
    }
}

std::string first_word(std::string_view sql) {
    sql = without_front(sql);
    const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    return core::to_upper(
        sql.substr(0, static_cast<std::size_t>(std::find_if_not(sql.begin(), sql.end(), is_letter) - sql.begin())));
}

template <std::size_t Count>
bool contains(const std::array<std::string_view, Count>& words, std::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

struct Adder {
    Parameters& parameters;

    void operator()(std::monostate) const { parameters.add_null(kUnknown); }
    void operator()(bool value) const {
        parameters.begin(kBool);
        parameters.buffer().push_back(value ? '\1' : '\0');
    }
    void operator()(std::int64_t value) const { parameters.add(value); }
    void operator()(double value) const {
        parameters.begin(static_cast<std::uint32_t>(TypeId::float8));
        std::array<char, 8> bytes{};
        WireWriter(bytes.data()).float64(value);
        parameters.buffer().append(bytes.data(), bytes.size());
    }
    void operator()(Timestamp value) const { parameters.add(value); }
    void operator()(const std::string& value) const { parameters.add(std::string_view(value)); }
    void operator()(const std::vector<std::byte>& value) const {
        parameters.begin(kBytea);
        parameters.buffer().append(reinterpret_cast<const char*>(value.data()), value.size());
    }
};

Parameters parameters_of(const std::vector<Value>& values) {
    Parameters parameters;
    for (const Value& value : values) std::visit(Adder{parameters}, value);
    return parameters;
}

/// Appends a value as COPY reads it in its text form: https://www.postgresql.org/docs/15/sql-copy.html
struct CopyText {
    std::string& out;

    void operator()(std::monostate) const { out += "\\N"; }
    void operator()(bool value) const { out += value ? 't' : 'f'; }
    void operator()(std::int64_t value) const { fmt::format_to(std::back_inserter(out), "{}", value); }
    void operator()(double value) const { fmt::format_to(std::back_inserter(out), "{}", value); }
    void operator()(Timestamp value) const { out += is_present(value) ? to_string(value) : "\\N"; }
    void operator()(const std::string& value) const {
        for (const char c : value) {
            switch (c) {
                case '\\': out += "\\\\"; break;
                case '\t': out += "\\t"; break;
                case '\n': out += "\\n"; break;
                case '\r': out += "\\r"; break;
                default: out += c;
            }
        }
    }
    void operator()(const std::vector<std::byte>& value) const {
        out += "\\\\x";
        for (const std::byte byte : value) {
            fmt::format_to(std::back_inserter(out), "{:02x}", static_cast<unsigned>(byte));
        }
    }
};

void append_copy_line(std::string& out, const std::vector<Value>& row) {
    for (std::size_t i = 0; i < row.size(); ++i) {
        if (i > 0) out += '\t';
        std::visit(CopyText{out}, row[i]);
    }
    out += '\n';
}

Value bytes_of(std::string_view bytes) {
    const auto* first = reinterpret_cast<const std::byte*>(bytes.data());
    return std::vector<std::byte>(first, first + bytes.size());
}

/// `infinity` and `-infinity` of a timestamp, which no `Timestamp` is.
bool is_endless(std::int64_t microseconds) {
    return microseconds == std::numeric_limits<std::int64_t>::max() ||
           microseconds == std::numeric_limits<std::int64_t>::min();
}

/// Errors: invalid_argument  a type, or a time, that no `Value` holds.
Value value_of(const Result& result, int row, int column) {
    if (result.is_null(row, column)) return {};
    const std::string_view bytes = result.bytes(row, column);
    switch (PQftype(result.handle(), column)) {
        case 16: return result.boolean(row, column);
        case 17: return bytes_of(bytes);
        case 20:
        case 21:
        case 23:
        case 26: return result.integer(row, column);
        case 700: return static_cast<double>(get_float32(bytes.data()));
        case 701: return get_float64(bytes.data());
        case 1082:
            return Timestamp(std::chrono::microseconds(kPostgresEpoch) + std::chrono::days(get_int32(bytes.data())));
        case 1114:
        case 1184:
            if (is_endless(get_int64(bytes.data()))) break;
            return result.time(row, column);
        case 1700:
            if (const std::optional<double> number = read_numeric(bytes)) return *number;
            break;
        case 3802: return std::string(bytes.substr(1));  // jsonb: its version in front
        case 18:
        case 19:
        case 25:
        case 114:
        case 142:
        case 705:
        case 1042:
        case 1043: return std::string(bytes);
        default: break;
    }
    throw Error(ErrorCode::invalid_argument,
                fmt::format("column {} is of a type that cannot be read (pg_type {}); cast it to text",
                            core::printable(PQfname(result.handle(), column)), PQftype(result.handle(), column)));
}

std::uint64_t written_by(const Result& result) {
    const std::string_view tag = result.tag();
    const bool writes =
        tag.starts_with("INSERT") || tag.starts_with("UPDATE") || tag.starts_with("DELETE") || tag.starts_with("MERGE");
    return writes ? result.affected() : 0;
}

SqlResult answer_of(const Result& result, std::uint64_t row_limit) {
    SqlResult answer;
    for (int column = 0; column < result.columns(); ++column)
        answer.columns.emplace_back(PQfname(result.handle(), column));
    for (int row = 0; row < result.rows(); ++row) {
        if (row_limit > 0 && answer.rows.size() == row_limit) {
            answer.truncated = true;
            break;
        }
        std::vector<Value>& values = answer.rows.emplace_back();
        for (int column = 0; column < result.columns(); ++column) values.push_back(value_of(result, row, column));
    }
    answer.affected = written_by(result);
    return answer;
}

/// The first word of a text that may be run here.
/// Errors: invalid_argument.
std::string require_statement(std::string_view text) {
    // An empty text is no error to the server, and has no answer.
    if (without_front(text).find_first_not_of(';') == std::string_view::npos) {
        throw Error(ErrorCode::invalid_argument, "the text is no statement");
    }
    std::string word = first_word(text);
    if (contains(kNotHere, word)) {
        throw Error(
            ErrorCode::invalid_argument,
            fmt::format("{} cannot be run here: each statement is a transaction of its own, on a connection that "
                        "others use too",
                        word));
    }
    return word;
}

/// Names without a schema mean its tables, whatever the role's own path is.
std::string search_path_sql(const SchemaName& schema) {
    return fmt::format(
        "SELECT pg_catalog.set_config('search_path', pg_catalog.concat_ws(', ', {}, "
        "nullif(pg_catalog.current_setting('search_path'), '')), true)",
        literal(schema.quoted()));
}

/// What is wrong with a text of the caller's is not wrong with the tables.
[[noreturn]] void rethrow(const StatementError& error) {
    const std::string_view state = error.sqlstate();
    if (state == "25006") throw Error(ErrorCode::read_only, error.what(), state);
    const bool is_text = state.starts_with("42") && state != "42501";
    if (is_text || state.starts_with("22") || state == "08P01" || state == "0A000") {
        throw Error(ErrorCode::invalid_argument, error.what(), state);
    }
    throw error;
}

/// As `transact`, for a text of the caller's.
template <class Body>
std::invoke_result_t<Body&, Connection&> transact_text(const std::shared_ptr<Pool>& pool, Body& body,
                                                       Deadline deadline) {
    std::optional<StatementError> refused;
    try {
        auto value = co_await transact(pool, body, deadline);
        co_return value;
    } catch (const StatementError& error) {
        refused = error;
    }
    rethrow(*refused);
}

}  // namespace

asio::awaitable<SqlResult> Store::run_sql(const SqlStatement& statement, Deadline deadline) {
    const std::string word = require_statement(statement.text);
    const Parameters parameters = parameters_of(statement.parameters);
    auto body = [&](Connection& connection) {
        return run_sql_within(connection, statement, parameters, contains(kQueries, word), deadline);
    };
    SqlResult result = co_await transact_text(pool_, body, deadline);
    co_return result;
}

/// The rows of a query come through a cursor: the server makes no more of them than are wanted.
asio::awaitable<SqlResult> Store::run_sql_within(Connection& connection, const SqlStatement& statement,
                                                 const Parameters& parameters, bool is_query, Deadline deadline) {
    const bool has_cursor = is_query && statement.only_reads && statement.row_limit > 0;
    const std::string declare = "DECLARE marketdb_rows NO SCROLL CURSOR FOR " + statement.text;
    const std::string fetch = fmt::format("FETCH FORWARD {} FROM marketdb_rows", statement.row_limit + 1);
    const std::string path = search_path_sql(schema());
    std::vector<Step> steps{{path}};
    if (statement.only_reads) steps.push_back({"SET TRANSACTION READ ONLY"});
    if (has_cursor) {
        steps.push_back({declare, &parameters});
        steps.push_back({fetch});
    } else {
        steps.push_back({statement.text, &parameters});
    }
    const std::vector<Result> answers = co_await begin(connection, steps, deadline);
    SqlResult result = answer_of(answers.back(), statement.row_limit);
    co_await commit(connection, deadline);
    co_return result;
}

asio::awaitable<std::uint64_t> Store::run_sql_batch(const SqlBatch& batch, Deadline deadline) {
    static_cast<void>(require_statement(batch.text));
    auto body = [&](Connection& connection) { return run_batch_within(connection, batch, deadline); };
    const std::uint64_t written = co_await transact_text(pool_, body, deadline);
    co_return written;
}

asio::awaitable<std::uint64_t> Store::run_batch_within(Connection& connection, const SqlBatch& batch,
                                                       Deadline deadline) {
    const std::string path = search_path_sql(schema());
    const Step sets{path};
    const std::span<const Step> first(&sets, 1);
    co_await begin(connection, first, deadline);
    std::uint64_t written = 0;
    std::vector<Parameters> parameters;
    std::vector<Step> steps;
    for (std::size_t done = 0; done < batch.rows.size(); done += parameters.size()) {
        parameters.clear();
        steps.clear();
        const std::size_t end = std::min(batch.rows.size(), done + kListsAtOnce);
        for (std::size_t i = done; i < end; ++i) parameters.push_back(parameters_of(batch.rows[i]));
        for (const Parameters& each : parameters) steps.push_back({batch.text, &each});
        const std::vector<Result> answers = co_await connection.run(steps, deadline);
        for (const Result& answer : answers) written += written_by(answer);
    }
    co_await commit(connection, deadline);
    co_return written;
}

asio::awaitable<std::uint64_t> Store::copy_sql_rows(const SqlRows& rows, Deadline deadline) {
    auto body = [&](Connection& connection) { return copy_within(connection, rows, deadline); };
    const std::uint64_t written = co_await transact_text(pool_, body, deadline);
    co_return written;
}

asio::awaitable<std::uint64_t> Store::copy_within(Connection& connection, const SqlRows& rows, Deadline deadline) {
    const std::string table = schema().table(rows.table);
    Parameters of_table;
    of_table.add(std::string_view(table));
    const Step asks{kColumnNamesSql, &of_table};
    const Result found = co_await read_one(connection, asks, deadline);
    std::vector<std::string> known;
    for (int row = 0; row < found.rows(); ++row) known.push_back(found.text(row, 0));
    const std::vector<std::string> names = quote_known_columns(rows.table, rows.columns, known);
    std::string begins = fmt::format("{}COPY {} ({}) FROM STDIN", begin_for_copy(), table, fmt::join(names, ", "));
    co_await connection.begin_copy(std::move(begins), deadline);
    std::string bytes;
    for (const std::vector<Value>& row : rows.rows) {
        append_copy_line(bytes, row);
        if (bytes.size() < kCopyBytesAtOnce) continue;
        co_await connection.send_copy(bytes, deadline);
        bytes.clear();
    }
    co_await connection.send_copy(bytes, deadline);
    // A stream that was cut between two rows is taken for whole: https://www.postgresql.org/docs/15/sql-copy.html
    const std::uint64_t counted = co_await connection.end_copy(deadline);
    if (counted != rows.rows.size()) {
        throw Error(ErrorCode::internal, fmt::format("{}: {} rows were sent and {} arrived; nothing was stored", table,
                                                     rows.rows.size(), counted));
    }
    co_await commit(connection, deadline);
    co_return counted;
}

}  // namespace marketdb::storage::postgres
