#pragma once

#include <memory>
#include <optional>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include <marketdb/database_manager.hpp>

#include "core/interval_summary.hpp"
#include "manager/access.hpp"

namespace marketdb {

/// A time of which summaries can be had.
struct SummarisedTime {
    core::Interval time;
    double rows_an_interval = 0;  ///< On average over the whole series.
};

/// Rows an interval from which on summaries are faster than reading the rows. Looking an interval up takes as long as reading some 40
/// of them where there is one partition, and 80 where there are some dozens.
inline constexpr double kWorthwhileRows = 128;

/// What the database itself can say of intervals of rows, for those who would read all of the rows to find out.
///
/// Threads: any. Lifetime: the manager must outlive it.
class IntervalSummaries {
 public:
    template <class T>
    using awaitable = boost::asio::awaitable<T>;

    explicit IntervalSummaries(const DatabaseManager& db) : impl_(ManagerAccess::impl(db)) {}

    /// The time of the question up to the last row, if the database works summaries out where the rows are and has so many rows an
    /// interval that this is worthwhile. An absent start is that of the first row, an absent end open.
    [[nodiscard]] awaitable<std::optional<SummarisedTime>> find_time(core::IntervalQuestion question,
                                                                     Deadline deadline);
    /// Of each interval that has rows, in order.
    /// Errors: constraint  a number would be greater than a double can be.
    [[nodiscard]] awaitable<std::vector<core::IntervalSummary>> get(core::IntervalQuestion question, Deadline deadline);

 private:
    std::shared_ptr<ManagerAccess::Impl> impl_;
};

}  // namespace marketdb
