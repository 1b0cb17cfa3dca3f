#include "manager/retention.hpp"

#include <algorithm>
#include <exception>
#include <limits>
#include <string>

#include <fmt/format.h>

#include "core/refuse.hpp"
#include "manager/access.hpp"
#include "manager/row_sinks.hpp"
#include "storage/retention_rows.hpp"

namespace marketdb {
namespace {

using boost::asio::awaitable;
using storage::RetentionHoldRow;
using storage::RetentionPolicyRow;
using Impl = ManagerAccess::Impl;

/// A text of a dataset that this program does not know is none.
std::optional<Dataset> dataset_of(std::string_view text) {
    const auto found = std::find_if(kDatasets.begin(), kDatasets.end(),
                                    [text](Dataset dataset) { return to_string(dataset) == text; });
    if (found == kDatasets.end()) return std::nullopt;
    return *found;
}

template <class Row>
awaitable<std::vector<Row>> read_all(storage::Engine& engine, Deadline deadline) {
    std::vector<Row> rows;
    VectorSink<Row> sink(rows);
    storage::ScanRequest request;
    request.table = &storage::table_of<Row>();
    co_await engine.scan(request, sink, deadline);
    co_return rows;
}

RetentionHold hold_of(const RetentionHoldRow& row) {
    RetentionHold hold;
    hold.id = row.id;
    hold.dataset = dataset_of(row.dataset);
    hold.start = row.start_time;
    hold.end = row.end_time;
    hold.reason = row.reason;
    hold.created_at = row.created_at;
    hold.released_at = row.released_at;
    return hold;
}

void require_table(Impl& impl) {
    if (impl.engine().capabilities().own_tables) return;
    throw Error(ErrorCode::schema_mismatch,
                "an existing schema stores no retention: `cleanup_old_data` with a length removes rows there");
}

awaitable<std::vector<RetentionPolicy>> policies(storage::Engine& engine, Deadline deadline) {
    const std::vector<RetentionPolicyRow> rows = co_await read_all<RetentionPolicyRow>(engine, deadline);
    std::vector<RetentionPolicy> found;
    for (const Dataset dataset : kDatasets) {
        for (const RetentionPolicyRow& row : rows) {
            if (row.dataset != to_string(dataset)) continue;
            RetentionPolicy& policy = found.emplace_back();
            policy.dataset = dataset;
            policy.max_age = std::chrono::microseconds(row.max_age_us);
            policy.max_bytes = static_cast<std::uint64_t>(row.max_bytes);
            policy.takes_imports = row.takes_imports;
            policy.updated_at = row.updated_at;
        }
    }
    co_return found;
}

awaitable<std::vector<RetentionHold>> holds(storage::Engine& engine, bool with_released, Deadline deadline) {
    const std::vector<RetentionHoldRow> rows = co_await read_all<RetentionHoldRow>(engine, deadline);
    std::vector<RetentionHold> found;
    for (const RetentionHoldRow& row : rows) {
        if (with_released || !is_present(row.released_at)) found.push_back(hold_of(row));
    }
    co_return found;
}

awaitable<std::vector<RetentionPolicy>> asked_policies(Impl& impl, Deadline deadline) {
    require_table(impl);
    std::vector<RetentionPolicy> found = co_await policies(impl.engine(), deadline);
    co_return found;
}

awaitable<std::vector<RetentionHold>> asked_holds(Impl& impl, bool with_released, Deadline deadline) {
    require_table(impl);
    std::vector<RetentionHold> found = co_await holds(impl.engine(), with_released, deadline);
    co_return found;
}

/// Replaces the row of the dataset. Returns whether there was one.
awaitable<bool> replace_policy(storage::Engine& engine, RetentionPolicyRow wanted, Deadline deadline) {
    const std::vector<RetentionPolicyRow> rows = co_await read_all<RetentionPolicyRow>(engine, deadline);
    for (const RetentionPolicyRow& row : rows) {
        if (row.dataset != wanted.dataset) continue;
        wanted.id = row.id;
        const bool is_there = co_await engine.update_one(storage::table_of<RetentionPolicyRow>(),
                                                         reinterpret_cast<const std::byte*>(&wanted), deadline);
        co_return is_there;
    }
    co_return false;
}

bool is_there_already(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const Error& error) {
        return error.code() == ErrorCode::constraint;
    }
}

awaitable<void> store_policy(Impl& impl, RetentionPolicy policy, Deadline deadline) {
    impl.refuse_read_only();
    require_table(impl);
    RetentionPolicyRow row;
    row.dataset = to_string(policy.dataset);
    row.max_age_us = policy.max_age.count();
    row.max_bytes = static_cast<std::int64_t>(policy.max_bytes);
    row.takes_imports = policy.takes_imports;
    row = storage::prepared(row);
    co_await impl.engine().fit_partitions(storage::table_of(policy.dataset), wants_days(policy), deadline);
    const bool is_replaced = co_await replace_policy(impl.engine(), row, deadline);
    if (is_replaced) co_return;
    std::exception_ptr failure;
    try {
        co_await impl.engine().insert_one(storage::table_of<RetentionPolicyRow>(), reinterpret_cast<std::byte*>(&row),
                                          deadline);
    } catch (...) {
        failure = std::current_exception();
    }
    if (!failure) co_return;
    // Another program was first: ours is the later word.
    if (!is_there_already(failure)) std::rethrow_exception(failure);
    co_await replace_policy(impl.engine(), row, deadline);
}

awaitable<RetentionHold> store_hold(Impl& impl, RetentionHold hold, Deadline deadline) {
    impl.refuse_read_only();
    require_table(impl);
    RetentionHoldRow row;
    if (hold.dataset) row.dataset = to_string(*hold.dataset);
    row.start_time = hold.start;
    row.end_time = hold.end;
    row.reason = hold.reason;
    row = storage::prepared(row);
    co_await impl.engine().insert_one(storage::table_of<RetentionHoldRow>(), reinterpret_cast<std::byte*>(&row),
                                      deadline);
    co_return hold_of(row);
}

awaitable<void> release(Impl& impl, std::int32_t id, Deadline deadline) {
    impl.refuse_read_only();
    require_table(impl);
    std::vector<RetentionHoldRow> rows = co_await read_all<RetentionHoldRow>(impl.engine(), deadline);
    const auto found =
        std::find_if(rows.begin(), rows.end(), [id](const RetentionHoldRow& row) { return row.id == id; });
    core::refuse(found == rows.end(), fmt::format("no hold has the id {}; nothing was released", id));
    if (is_present(found->released_at)) co_return;
    found->released_at = impl.now();
    co_await impl.engine().update_one(storage::table_of<RetentionHoldRow>(),
                                      reinterpret_cast<const std::byte*>(&*found), deadline);
}

}  // namespace

bool wants_days(const RetentionPolicy& policy) noexcept {
    constexpr std::chrono::days kLongest{31};  // stated in the public header
    return policy.max_bytes > 0 || (policy.max_age.count() > 0 && policy.max_age <= kLongest);
}

const RetentionPolicy* RetentionRules::policy_of(Dataset dataset) const noexcept {
    const auto found = std::find_if(policies.begin(), policies.end(),
                                    [dataset](const RetentionPolicy& one) { return one.dataset == dataset; });
    return found == policies.end() ? nullptr : &*found;
}

core::Intervals RetentionRules::held(Dataset dataset) const {
    core::Intervals all;
    for (const RetentionHold& hold : holds) {
        if (hold.dataset && *hold.dataset != dataset) continue;
        all.push_back({is_present(hold.start) ? hold.start : core::kEver.start,
                       is_present(hold.end) ? hold.end : core::kEver.end});
    }
    return core::united(std::move(all));
}

awaitable<RetentionRules> read_retention_rules(storage::Engine& engine, Deadline deadline) {
    RetentionRules rules;
    if (!engine.capabilities().own_tables) co_return rules;
    rules.policies = co_await policies(engine, deadline);
    rules.holds = co_await holds(engine, false, deadline);
    co_return rules;
}

awaitable<void> set_retention(DatabaseManager& db, RetentionPolicy policy, Deadline deadline) {
    const bool is_out_of_range = policy.max_age.count() < 0 || policy.max_age > kMaxTime.time_since_epoch();
    core::refuse(is_out_of_range, "max_age: expected a length of time of at most 292 years, or 0 for no limit");
    constexpr auto kMostBytes = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    core::refuse(policy.max_bytes > kMostBytes, "max_bytes: expected less than 2^63, or 0 for no limit");
    const std::shared_ptr<Impl>& impl = ManagerAccess::impl(db);
    const Deadline resolved = impl->resolve(deadline);
    return Impl::run(impl, store_policy(*impl, policy, resolved));
}

awaitable<std::vector<RetentionPolicy>> get_retention(DatabaseManager& db, Deadline deadline) {
    const std::shared_ptr<Impl>& impl = ManagerAccess::impl(db);
    const Deadline resolved = impl->resolve(deadline);
    return Impl::run(impl, asked_policies(*impl, resolved));
}

awaitable<RetentionHold> hold_rows(DatabaseManager& db, RetentionHold hold, Deadline deadline) {
    for (const Timestamp time : {hold.start, hold.end}) core::refuse_unstorable(time);
    const bool is_empty = is_present(hold.start) && is_present(hold.end) && hold.end <= hold.start;
    core::refuse(is_empty, "hold: expected an end after its start");
    core::refuse(hold.reason.empty(), "hold: expected a reason");
    const std::shared_ptr<Impl>& impl = ManagerAccess::impl(db);
    const Deadline resolved = impl->resolve(deadline);
    return Impl::run(impl, store_hold(*impl, hold, resolved));
}

awaitable<void> release_hold(DatabaseManager& db, std::int32_t id, Deadline deadline) {
    const std::shared_ptr<Impl>& impl = ManagerAccess::impl(db);
    const Deadline resolved = impl->resolve(deadline);
    return Impl::run(impl, release(*impl, id, resolved));
}

awaitable<std::vector<RetentionHold>> get_holds(DatabaseManager& db, bool with_released, Deadline deadline) {
    const std::shared_ptr<Impl>& impl = ManagerAccess::impl(db);
    const Deadline resolved = impl->resolve(deadline);
    return Impl::run(impl, asked_holds(*impl, with_released, resolved));
}

std::uint64_t usual_row_bytes(const DatabaseManager& db, Dataset dataset) {
    return ManagerAccess::impl(db)->engine().usual_row_bytes(dataset);
}

awaitable<std::vector<ServerJob>> get_server_jobs(DatabaseManager& db, Deadline deadline) {
    const std::shared_ptr<Impl>& impl = ManagerAccess::impl(db);
    return Impl::run(impl, impl->engine().server_jobs(impl->resolve(deadline)));
}

}  // namespace marketdb
