#include "storage/postgres/store.hpp"

#include <algorithm>

#include "storage/postgres/health_check.hpp"

namespace marketdb::storage::postgres {

namespace asio = boost::asio;

Store::Store(const Config& config, std::shared_ptr<Pool> pool, Catalogue catalogue)
    : config_(config), pool_(std::move(pool)), catalogue_(std::move(catalogue)) {}

asio::awaitable<Result> Store::ask(Step step, Deadline deadline) {
    auto body = [&](Connection& connection) { return read_one(connection, step, deadline); };
    Result found = co_await on_connection(pool_, body, deadline);
    co_return found;
}

asio::awaitable<void> Store::prepare(Connection& connection, Deadline deadline) {
    for (const Table* table : all_tables()) {
        if (table->dataset && !catalogue_.is_existing()) {
            co_await partitions_.read(connection, physical(*table), deadline);
        }
    }
}

asio::awaitable<std::vector<Finding>> Store::examine(Deadline deadline) {
    HealthCheck check(config_, pool_, catalogue_);
    std::vector<Finding> findings = co_await check.run(deadline);
    co_return findings;
}

const Store::Texts& Store::texts(const PhysicalTable& table) {
    const auto found = texts_.find(table.table);
    if (found != texts_.end()) return found->second;
    Texts made;
    if (table.table->find(Role::generated) != nullptr) {
        made.insert_one = insert_one_sql(table);
        made.update_one = update_one_sql(table);
    } else {
        made.copy_in = copy_in_sql(table);
        if (table.table->dataset) made.latest = latest_sql(table, {});
    }
    return texts_.emplace(table.table, std::move(made)).first->second;
}

Timestamp Store::now() const { return (config_.clock ? config_.clock : system_clock())->now(); }

}  // namespace marketdb::storage::postgres
