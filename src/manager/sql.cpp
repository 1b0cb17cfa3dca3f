#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "core/text.hpp"
#include "manager/impl.hpp"

namespace marketdb {

using boost::asio::awaitable;

namespace {

/// Errors: invalid_argument.
void check_shape(const std::vector<std::string>& columns, const std::vector<std::vector<Value>>& rows) {
    if (columns.empty()) throw Error(ErrorCode::invalid_argument, "no column is named");
    for (std::size_t i = 0; i < columns.size(); ++i) {
        if (std::find(columns.begin(), columns.begin() + static_cast<std::ptrdiff_t>(i), columns[i]) ==
            columns.begin() + static_cast<std::ptrdiff_t>(i))
            continue;
        throw Error(ErrorCode::invalid_argument, fmt::format("column {} is named twice", core::printable(columns[i])));
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (rows[i].size() == columns.size()) continue;
        throw Error(ErrorCode::invalid_argument,
                    fmt::format("row {} has {} values, expected one for each of {} columns", i, rows[i].size(),
                                columns.size()));
    }
}

}  // namespace

awaitable<SqlResult> DatabaseManager::Impl::run_sql(storage::SqlStatement statement, Deadline deadline) {
    if (!statement.only_reads) refuse_read_only();
    SqlResult result = co_await engine_->run_sql(statement, deadline);
    co_return result;
}

awaitable<std::optional<std::vector<Value>>> DatabaseManager::Impl::first_row(storage::SqlStatement statement,
                                                                              Deadline deadline) {
    SqlResult result = co_await run_sql(std::move(statement), deadline);
    std::optional<std::vector<Value>> row;
    if (!result.rows.empty()) row = std::move(result.rows.front());
    co_return row;
}

awaitable<std::optional<Value>> DatabaseManager::Impl::first_value(storage::SqlStatement statement, Deadline deadline) {
    std::optional<std::vector<Value>> row = co_await first_row(std::move(statement), deadline);
    std::optional<Value> value;
    if (row && !row->empty()) value = std::move(row->front());
    co_return value;
}

awaitable<std::uint64_t> DatabaseManager::Impl::run_sql_batch(storage::SqlBatch batch, Deadline deadline) {
    refuse_read_only();
    std::uint64_t written = 0;
    if (!batch.rows.empty()) written = co_await engine_->run_sql_batch(batch, deadline);
    co_return written;
}

awaitable<std::uint64_t> DatabaseManager::Impl::copy_sql_rows(storage::SqlRows rows, Deadline deadline) {
    refuse_read_only();
    std::uint64_t written = 0;
    if (!rows.rows.empty()) written = co_await engine_->copy_sql_rows(rows, deadline);
    co_return written;
}

awaitable<SqlResult> DatabaseManager::execute(std::string sql, std::vector<Value> parameters, Deadline deadline) {
    storage::SqlStatement statement(std::move(sql), std::move(parameters), kSqlRowLimit, false);
    return impl_->start(&Impl::run_sql, deadline, std::move(statement));
}

awaitable<std::uint64_t> DatabaseManager::execute_many(std::string sql, std::vector<std::vector<Value>> parameters,
                                                       Deadline deadline) {
    storage::SqlBatch batch(std::move(sql), std::move(parameters));
    return impl_->start(&Impl::run_sql_batch, deadline, std::move(batch));
}

awaitable<std::uint64_t> DatabaseManager::copy_rows(std::string table, std::vector<std::string> columns,
                                                    std::vector<std::vector<Value>> rows, Deadline deadline) {
    check_shape(columns, rows);
    storage::SqlRows given(std::move(table), std::move(columns), std::move(rows));
    return impl_->start(&Impl::copy_sql_rows, deadline, std::move(given));
}

awaitable<SqlResult> DatabaseManager::fetch(std::string sql, std::vector<Value> parameters, std::uint64_t row_limit,
                                            Deadline deadline) {
    storage::SqlStatement statement(std::move(sql), std::move(parameters), row_limit, true);
    return impl_->start(&Impl::run_sql, deadline, std::move(statement));
}

awaitable<std::optional<std::vector<Value>>> DatabaseManager::fetch_row(std::string sql, std::vector<Value> parameters,
                                                                        Deadline deadline) {
    storage::SqlStatement statement(std::move(sql), std::move(parameters), 1, true);
    return impl_->start(&Impl::first_row, deadline, std::move(statement));
}

awaitable<std::optional<Value>> DatabaseManager::fetch_value(std::string sql, std::vector<Value> parameters,
                                                             Deadline deadline) {
    storage::SqlStatement statement(std::move(sql), std::move(parameters), 1, true);
    return impl_->start(&Impl::first_value, deadline, std::move(statement));
}

}  // namespace marketdb
