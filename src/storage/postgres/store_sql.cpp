#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "core/text.hpp"
#include "storage/postgres/numeric.hpp"
#include "storage/postgres/row_codec.hpp"
#include "storage/postgres/store.hpp"

namespace marketdb::storage::postgres {

namespace asio = boost::asio;

namespace {

// Types by their numbers in pg_type.
constexpr std::uint32_t kBool = 16;
constexpr std::uint32_t kBytea = 17;
constexpr std::uint32_t kUnknown = 0;  // the server infers it

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

Parameters parameters_of(const SqlStatement& statement) {
    Parameters parameters;
    for (const Value& value : statement.parameters) std::visit(Adder{parameters}, value);
    return parameters;
}

Value bytes_of(std::string_view bytes) {
    const auto* first = reinterpret_cast<const std::byte*>(bytes.data());
    return std::vector<std::byte>(first, first + bytes.size());
}

/// Errors: invalid_argument  a type that no `Value` holds.
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
        case 1184: return result.time(row, column);
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
    const std::string_view tag = result.tag();
    const bool writes =
        tag.starts_with("INSERT") || tag.starts_with("UPDATE") || tag.starts_with("DELETE") || tag.starts_with("MERGE");
    if (writes) answer.affected = result.affected();
    return answer;
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

}  // namespace

asio::awaitable<SqlResult> Store::run_sql(const SqlStatement& statement, Deadline deadline) {
    // An empty text is no error to the server, and has no answer.
    if (without_front(statement.text).find_first_not_of(';') == std::string_view::npos) {
        throw Error(ErrorCode::invalid_argument, "the text is no statement");
    }
    const std::string word = first_word(statement.text);
    if (contains(kNotHere, word)) {
        throw Error(
            ErrorCode::invalid_argument,
            fmt::format(
                "{} cannot be run here: each statement is a transaction of its own, on a connection that others "
                "use too",
                word));
    }
    const Parameters parameters = parameters_of(statement);
    auto body = [&](Connection& connection) {
        return run_sql_within(connection, statement, parameters, contains(kQueries, word), deadline);
    };
    std::optional<StatementError> refused;
    SqlResult result;
    try {
        result = co_await transact(pool_, body, deadline);
    } catch (const StatementError& error) {
        refused = error;
    }
    if (refused) rethrow(*refused);
    co_return result;
}

/// The rows of a query come through a cursor: the server makes no more of them than are wanted.
asio::awaitable<SqlResult> Store::run_sql_within(Connection& connection, const SqlStatement& statement,
                                                 const Parameters& parameters, bool is_query, Deadline deadline) {
    const bool has_cursor = is_query && statement.only_reads && statement.row_limit > 0;
    const std::string declare = "DECLARE marketdb_rows NO SCROLL CURSOR FOR " + statement.text;
    const std::string fetch = fmt::format("FETCH FORWARD {} FROM marketdb_rows", statement.row_limit + 1);
    // Names without a schema mean its tables, whatever the role's own path is.
    const std::string path = fmt::format(
        "SELECT pg_catalog.set_config('search_path', pg_catalog.concat_ws(', ', {}, "
        "nullif(pg_catalog.current_setting('search_path'), '')), true)",
        literal(schema().quoted()));
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

}  // namespace marketdb::storage::postgres
