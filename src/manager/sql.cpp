#include <utility>

#include "manager/impl.hpp"

namespace marketdb {

using boost::asio::awaitable;

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

awaitable<SqlResult> DatabaseManager::execute(std::string sql, std::vector<Value> parameters, Deadline deadline) {
    storage::SqlStatement statement(std::move(sql), std::move(parameters), kSqlRowLimit, false);
    return impl_->start(&Impl::run_sql, deadline, std::move(statement));
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
