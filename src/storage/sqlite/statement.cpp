#include "storage/sqlite/statement.hpp"

#include <sqlite3.h>

#include "storage/sqlite/connection.hpp"

namespace marketdb::storage::sqlite {

static_assert(SQLITE_ROW == 100 && SQLITE_DONE == 101);

Statement::Statement(Connection& connection, const std::string& sql) : connection_(connection) {
    const int code = sqlite3_prepare_v3(connection.handle(), sql.c_str(), static_cast<int>(sql.size()) + 1,
                                        SQLITE_PREPARE_PERSISTENT, &handle_, nullptr);
    if (code != SQLITE_OK) connection.fail(code, "preparing a statement");
}

Statement::~Statement() { sqlite3_finalize(handle_); }

void Statement::bind(int parameter, std::int64_t value) {
    const int code = sqlite3_bind_int64(handle_, parameter, value);
    if (code != SQLITE_OK) fail(code);
}

void Statement::bind(int parameter, std::string_view text) {
    const int code = sqlite3_bind_text(handle_, parameter, text.data() == nullptr ? "" : text.data(),
                                       static_cast<int>(text.size()), SQLITE_STATIC);
    if (code != SQLITE_OK) fail(code);
}

void Statement::bind_null(int parameter) {
    const int code = sqlite3_bind_null(handle_, parameter);
    if (code != SQLITE_OK) fail(code);
}

int Statement::step_code() noexcept { return sqlite3_step(handle_); }

void Statement::reset() noexcept { sqlite3_reset(handle_); }

std::int64_t Statement::integer(int column) const noexcept { return sqlite3_column_int64(handle_, column); }

bool Statement::is_null(int column) const noexcept { return sqlite3_column_type(handle_, column) == SQLITE_NULL; }

std::string_view Statement::text(int column) const noexcept {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(handle_, column));
    if (bytes == nullptr) return {};
    return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(handle_, column))};
}

void Statement::fail(int code) const { connection_.fail(code, "running a statement"); }

}  // namespace marketdb::storage::sqlite
