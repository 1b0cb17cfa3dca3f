#pragma once

#include <vector>

#include <boost/asio/awaitable.hpp>

#include <marketdb/retention.hpp>

#include "core/intervals.hpp"
#include "storage/engine.hpp"

namespace marketdb {

/// What is stored of how long rows stay. Empty where the database keeps none.
struct RetentionRules {
    std::vector<RetentionPolicy> policies;
    std::vector<RetentionHold> holds;  ///< Those that hold.

    [[nodiscard]] const RetentionPolicy* policy_of(Dataset dataset) const noexcept;
    [[nodiscard]] core::Intervals held(Dataset dataset) const;
};

/// Whether partitions of a day suit rows that stay so long; else those of a month do.
[[nodiscard]] bool wants_days(const RetentionPolicy& policy) noexcept;

boost::asio::awaitable<RetentionRules> read_retention_rules(storage::Engine& engine, Deadline deadline);

}  // namespace marketdb
