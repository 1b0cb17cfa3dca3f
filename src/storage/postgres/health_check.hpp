#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include <marketdb/config.hpp>
#include <marketdb/deadline.hpp>
#include <marketdb/doctor.hpp>

#include "storage/postgres/catalogue.hpp"
#include "storage/postgres/pool.hpp"

namespace marketdb::storage::postgres {

/// The checks of `Engine::examine` on an open schema. Each is a few statements that read, on a connection of the pool.
///
/// Threads: all functions on the pool's executor. Lifetime: what it is given must outlive it. One run each.
class HealthCheck {
 public:
    template <class T>
    using awaitable = boost::asio::awaitable<T>;

    HealthCheck(const Config& config, const std::shared_ptr<Pool>& pool, const Catalogue& catalogue)
        : config_(config), pool_(pool), catalogue_(catalogue) {}

    /// Errors: unavailable, closed, cancelled; timeout  the deadline passed. What a single check meets is a finding.
    awaitable<std::vector<Finding>> run(Deadline deadline);

 private:
    awaitable<void> look_at_table(const PhysicalTable& table, Deadline whole);
    awaitable<void> attempt(std::string_view check, std::string_view where, awaitable<void> looks, Deadline whole);
    /// The text must live until the answer is here.
    awaitable<Result> ask(std::string_view sql, Deadline deadline);
    [[nodiscard]] std::string table_literal(const PhysicalTable& table) const;
    void find(Severity severity, std::string_view check, std::string where, std::string what, std::string remedy = {});

    awaitable<void> look_at_version(Deadline deadline);
    awaitable<void> look_at_durability(Deadline deadline);
    awaitable<void> look_at_connections(Deadline deadline);
    awaitable<void> look_at_clock(Deadline deadline);
    awaitable<void> look_at_disk(Deadline deadline);
    awaitable<void> look_at_triggers(Deadline deadline);
    awaitable<void> look_at_chunks(Deadline deadline);
    awaitable<void> look_at_jobs(Deadline deadline);
    awaitable<void> look_at_indexes(const PhysicalTable& table, Deadline deadline);
    awaitable<void> look_at_orphans(const PhysicalTable& table, Deadline deadline);
    awaitable<void> look_at_partitions(const PhysicalTable& table, Deadline deadline);
    void look_at_existing_indexes(const PhysicalTable& table);

    const Config& config_;
    const std::shared_ptr<Pool>& pool_;
    const Catalogue& catalogue_;
    std::vector<Finding> findings_;
};

}  // namespace marketdb::storage::postgres
