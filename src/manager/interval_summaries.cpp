#include "manager/interval_summaries.hpp"

#include <algorithm>

namespace marketdb {
namespace {

using boost::asio::awaitable;

double rows_an_interval(const storage::SeriesInfo& series, std::chrono::microseconds every) {
    constexpr std::chrono::microseconds kStep{1};
    const std::chrono::duration<double, std::micro> length = series.last - series.first + kStep;
    return static_cast<double>(series.rows) * (std::chrono::duration<double, std::micro>(every) / length);
}

Timestamp end_of_interval(Timestamp time, std::chrono::microseconds every) {
    constexpr Timestamp kLast = kMaxTime + std::chrono::microseconds{1};
    const std::int64_t number = time.time_since_epoch().count() / every.count() + 1;
    if (number > kLast.time_since_epoch().count() / every.count()) return kLast;
    return Timestamp{every * number};
}

}  // namespace

awaitable<std::optional<SummarisedTime>> DatabaseManager::Impl::find_summarised_time(core::IntervalQuestion question,
                                                                                     Deadline deadline) {
    std::optional<SummarisedTime> found;
    const std::optional<storage::SeriesInfo> series =
        co_await engine_->summarised_series(question.dataset, question.symbol, deadline);
    if (!series) co_return found;
    const double rows = rows_an_interval(*series, question.every);
    if (rows < kWorthwhileRows) co_return found;
    found.emplace();
    found->rows_an_interval = rows;
    found->time.start = is_present(question.time.start) ? question.time.start : series->first;
    // To the end of the interval of the last row: rows that come into it meanwhile are not read after it.
    found->time.end = end_of_interval(series->last, question.every);
    if (is_present(question.time.end)) found->time.end = std::min(found->time.end, question.time.end);
    co_return found;
}

awaitable<std::vector<core::IntervalSummary>> DatabaseManager::Impl::summarise(core::IntervalQuestion question,
                                                                               Deadline deadline) {
    std::vector<core::IntervalSummary> summaries = co_await engine_->summarise(question, deadline);
    co_return summaries;
}

awaitable<std::optional<SummarisedTime>> IntervalSummaries::find_time(core::IntervalQuestion question,
                                                                      Deadline deadline) {
    return impl_->start(&ManagerAccess::Impl::find_summarised_time, deadline, question);
}

awaitable<std::vector<core::IntervalSummary>> IntervalSummaries::get(core::IntervalQuestion question,
                                                                     Deadline deadline) {
    return impl_->start(&ManagerAccess::Impl::summarise, deadline, question);
}

}  // namespace marketdb
