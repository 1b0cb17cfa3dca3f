#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/text.hpp"
#include "storage/sql.hpp"
#include "storage/sqlite/control.hpp"
#include "storage/sqlite/store.hpp"

namespace marketdb::storage::sqlite {
namespace {

struct Finalize {
    void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
};
using Prepared = std::unique_ptr<sqlite3_stmt, Finalize>;

/// What would end the transaction around the statement, or change a connection that others use after it.
int allow(void* refused, int action, const char* first, const char*, const char*, const char*) {
    const bool is_refused = action == SQLITE_TRANSACTION || action == SQLITE_SAVEPOINT || action == SQLITE_ATTACH ||
                            action == SQLITE_DETACH || action == SQLITE_PRAGMA;
    if (!is_refused) return SQLITE_OK;
    *static_cast<std::string*>(refused) = first == nullptr ? "" : first;
    return SQLITE_DENY;
}

/// Lets the statements that are prepared in its scope be looked at.
class Authorizer {
 public:
    Authorizer(sqlite3* handle, std::string& refused) : handle_(handle) {
        sqlite3_set_authorizer(handle_, &allow, &refused);
    }
    ~Authorizer() { sqlite3_set_authorizer(handle_, nullptr, nullptr); }
    Authorizer(const Authorizer&) = delete;
    Authorizer& operator=(const Authorizer&) = delete;

 private:
    sqlite3* handle_;
};

/// Errors: invalid_argument  it is none, more than one, or one that cannot be run here.
Prepared prepare(Connection& connection, const std::string& text) {
    std::string refused;
    const Authorizer authorizer(connection.handle(), refused);
    const char* rest = nullptr;
    sqlite3_stmt* made = nullptr;
    int code = sqlite3_prepare_v2(connection.handle(), text.c_str(), -1, &made, &rest);
    Prepared statement(made);
    if (code == SQLITE_AUTH) {
        throw Error(
            ErrorCode::invalid_argument,
            fmt::format("the statement cannot be run here ({}): each is a transaction of its own, on a connection that "
                        "others use too",
                        core::printable(refused)));
    }
    if (code == SQLITE_ERROR) {
        throw Error(ErrorCode::invalid_argument, fmt::format("{}: {}", connection.options().path,
                                                             core::printable(sqlite3_errmsg(connection.handle()))));
    }
    if (code != SQLITE_OK) connection.fail(code, "preparing a statement");
    if (!statement) throw Error(ErrorCode::invalid_argument, "the text is no statement");
    sqlite3_stmt* second = nullptr;
    code = sqlite3_prepare_v2(connection.handle(), rest, -1, &second, nullptr);
    const Prepared behind(second);
    if (code != SQLITE_OK || behind) {
        throw Error(ErrorCode::invalid_argument, "the text has more than one statement; expected one");
    }
    return statement;
}

struct Binder {
    sqlite3_stmt* statement;
    int place;

    int operator()(std::monostate) const { return sqlite3_bind_null(statement, place); }
    int operator()(bool value) const { return sqlite3_bind_int(statement, place, value ? 1 : 0); }
    int operator()(std::int64_t value) const { return sqlite3_bind_int64(statement, place, value); }
    int operator()(double value) const { return sqlite3_bind_double(statement, place, value); }
    int operator()(Timestamp value) const {
        return sqlite3_bind_int64(statement, place, value.time_since_epoch().count());
    }
    int operator()(const std::string& value) const {
        return sqlite3_bind_text64(statement, place, value.data(), value.size(), SQLITE_STATIC, SQLITE_UTF8);
    }
    int operator()(const std::vector<std::byte>& value) const {
        // A null pointer would be a null.
        const void* data = value.empty() ? "" : static_cast<const void*>(value.data());
        return sqlite3_bind_blob64(statement, place, data, value.size(), SQLITE_STATIC);
    }
};

/// The number of a parameter: `$3` and `?3` are the third, wherever they stand.
std::size_t number_of(sqlite3_stmt* statement, int place) {
    const char* name = sqlite3_bind_parameter_name(statement, place);
    const auto number = name == nullptr || (name[0] != '$' && name[0] != '?')
                            ? std::nullopt
                            : core::parse_int(std::string_view(name).substr(1));
    if (number && *number > 0) return static_cast<std::size_t>(*number);
    throw Error(ErrorCode::invalid_argument,
                fmt::format("parameter `{}`: expected $1, $2, ..", name == nullptr ? "?" : core::printable(name)));
}

void bind(Connection& connection, sqlite3_stmt* statement, const std::vector<Value>& parameters) {
    for (int place = 1; place <= sqlite3_bind_parameter_count(statement); ++place) {
        const std::size_t number = number_of(statement, place);
        if (number > parameters.size()) {
            throw Error(ErrorCode::invalid_argument,
                        fmt::format("there is no value for ${}; {} were given", number, parameters.size()));
        }
        const int code = std::visit(Binder{statement, place}, parameters[number - 1]);
        if (code != SQLITE_OK) connection.fail(code, "binding a value");
    }
}

/// Its columns, as the database spells them; none: there is no such table.
std::vector<std::string> columns_of(Connection& connection, const std::string& table) {
    std::vector<std::string> columns;
    Statement rows(connection, "SELECT name FROM pragma_table_info(?1)");
    rows.bind(1, table);
    while (rows.step()) columns.emplace_back(rows.text(0));
    return columns;
}

Value value_of(sqlite3_stmt* statement, int column) {
    switch (sqlite3_column_type(statement, column)) {
        case SQLITE_INTEGER: return static_cast<std::int64_t>(sqlite3_column_int64(statement, column));
        case SQLITE_FLOAT: return sqlite3_column_double(statement, column);
        case SQLITE_TEXT: {
            const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
            return std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(statement, column)));
        }
        case SQLITE_BLOB: {
            const auto* bytes = static_cast<const std::byte*>(sqlite3_column_blob(statement, column));
            return std::vector<std::byte>(bytes, bytes + sqlite3_column_bytes(statement, column));
        }
        default: return {};
    }
}

}  // namespace

SqlResult Store::run_sql(const SqlStatement& statement, const Control& control) {
    const Connection::Scope scope(connection_, control);
    const Prepared prepared = prepare(connection_, statement.text);
    const bool writes = sqlite3_stmt_readonly(prepared.get()) == 0;
    if (writes && statement.only_reads) {
        throw Error(ErrorCode::read_only, connection_.options().path + ": the statement writes; use execute");
    }
    bind(connection_, prepared.get(), statement.parameters);
    SqlResult result;
    const int columns = sqlite3_column_count(prepared.get());
    for (int column = 0; column < columns; ++column) {
        result.columns.emplace_back(sqlite3_column_name(prepared.get(), column));
    }
    const auto changes_before = sqlite3_total_changes64(connection_.handle());
    for (std::size_t i = 1;; ++i) {
        if (i % kRowsBetweenChecks == 0) control.check();
        const int code = sqlite3_step(prepared.get());
        if (code == SQLITE_DONE) break;
        if (code != SQLITE_ROW) connection_.fail(code, "running a statement");
        if (statement.row_limit > 0 && result.rows.size() == statement.row_limit) {
            result.truncated = true;
            break;
        }
        std::vector<Value>& row = result.rows.emplace_back();
        for (int column = 0; column < columns; ++column) row.push_back(value_of(prepared.get(), column));
    }
    const bool has_changed = sqlite3_total_changes64(connection_.handle()) != changes_before;
    if (has_changed) result.affected = static_cast<std::uint64_t>(sqlite3_changes64(connection_.handle()));
    return result;
}

std::uint64_t Store::run_sql_batch(const std::string& text, const std::vector<std::vector<Value>>& rows,
                                   const Control& control) {
    const Connection::Scope scope(connection_, control);
    const Prepared prepared = prepare(connection_, text);
    std::uint64_t written = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (i % kRowsBetweenChecks == 0) control.check();
        bind(connection_, prepared.get(), rows[i]);
        const auto changes_before = sqlite3_total_changes64(connection_.handle());
        int code = SQLITE_ROW;
        while (code == SQLITE_ROW) code = sqlite3_step(prepared.get());
        if (code != SQLITE_DONE) connection_.fail(code, fmt::format("running a statement with list {} of values", i));
        const bool has_changed = sqlite3_total_changes64(connection_.handle()) != changes_before;
        if (has_changed) written += static_cast<std::uint64_t>(sqlite3_changes64(connection_.handle()));
        sqlite3_reset(prepared.get());
    }
    return written;
}

std::uint64_t Store::copy_sql_rows(const SqlRows& rows, const Control& control) {
    const std::vector<std::string> known = columns_of(connection_, rows.table);
    const std::vector<std::string> names = quote_known_columns(rows.table, rows.columns, known);
    std::vector<std::string> places;
    for (std::size_t number = 1; number <= names.size(); ++number) places.push_back(fmt::format("${}", number));
    return run_sql_batch(fmt::format("INSERT INTO {} ({}) VALUES ({})", quote_identifier(rows.table),
                                     fmt::join(names, ", "), fmt::join(places, ", ")),
                         rows.rows, control);
}

}  // namespace marketdb::storage::sqlite
