#include <algorithm>
#include <limits>
#include <utility>

#include "manager/impl.hpp"

namespace marketdb {
namespace {

using boost::asio::awaitable;
using storage::SeriesInfo;
using storage::SeriesKey;

/// Leaves out series without rows: they need no cursor.
void keep_stored(std::vector<SeriesKey>& series, const std::vector<SeriesInfo>& known) {
    std::vector<SeriesKey> stored(known.size());
    std::transform(known.begin(), known.end(), stored.begin(), [](const SeriesInfo& one) { return one.series; });
    std::sort(stored.begin(), stored.end());
    std::erase_if(series, [&](const SeriesKey& one) { return !std::binary_search(stored.begin(), stored.end(), one); });
}

}  // namespace

awaitable<HistoryStream> DatabaseManager::Impl::open_history(HistoryPlan plan, OwnedSeriesFilter series,
                                                             Deadline deadline) {
    plan.series = co_await choose(*plan.table, series, deadline);
    std::vector<SeriesInfo> known;
    if (plan.series.size() > 1 || plan.clock == ClockKind::received) {
        known = co_await engine_->series(plan.table->dataset, deadline);
        keep_stored(plan.series, known);
    }
    if (plan.last.count() > 0) {
        auto newest_plan = std::make_unique<HistoryPlan>(plan);
        newest_plan->descending = true;
        newest_plan->every = {};
        newest_plan->after.reset();
        HistoryStream newest(std::move(newest_plan), known);
        RowBuffer row(*plan.table);
        co_await newest.read(*engine_, row, 1, deadline);
        if (row.size() > 0) {
            const AnswerOrder order(*plan.table, plan.clock, true);
            plan.start = std::max(order.time(row[0]) - plan.last, kMinTime);
        }
        plan.last = {};
    }
    auto owned = std::make_unique<HistoryPlan>(std::move(plan));
    HistoryStream stream(std::move(owned), std::move(known));
    co_return stream;
}

template <class Row>
awaitable<History<Row>> DatabaseManager::Impl::get_history(HistoryPlan plan, OwnedSeriesFilter series,
                                                           Deadline deadline) {
    const std::uint64_t limit = plan.limit;
    HistoryStream stream = co_await open_history(std::move(plan), std::move(series), deadline);
    History<Row> history;
    VectorSink<Row> sink(history.rows);
    // One more than asked tells whether the answer was cut.
    constexpr std::uint64_t kAll = std::numeric_limits<std::uint64_t>::max();
    const std::uint64_t wanted = limit > 0 && limit < kAll ? limit + 1 : kAll;
    co_await stream.read(*engine_, sink, wanted, deadline);
    if (limit > 0 && history.rows.size() > limit) {
        history.rows.resize(limit);
        history.truncated = true;
    }
    history.without_received_at = stream.without_received_at();
    co_return history;
}

template <class Row>
awaitable<History<Row>> DatabaseManager::Impl::history(const HistoryFilter& filter, Deadline deadline) {
    HistoryPlan plan = plan_history(storage::table_of<Row>(), filter);
    return start(&Impl::get_history<Row>, deadline, std::move(plan), OwnedSeriesFilter(filter.series));
}

awaitable<History<BookTicker>> DatabaseManager::get_book_ticker_history(HistoryFilter filter, Deadline deadline) {
    return impl_->history<BookTicker>(filter, deadline);
}

awaitable<History<Trade>> DatabaseManager::get_trade_history(HistoryFilter filter, Deadline deadline) {
    return impl_->history<Trade>(filter, deadline);
}

awaitable<History<FundingRate>> DatabaseManager::get_funding_rate_history(HistoryFilter filter, Deadline deadline) {
    return impl_->history<FundingRate>(filter, deadline);
}

awaitable<History<Balance>> DatabaseManager::get_balance_history(HistoryFilter filter, Deadline deadline) {
    return impl_->history<Balance>(filter, deadline);
}

awaitable<History<Trade>> DatabaseManager::get_recent_trades(HistoryFilter filter, std::chrono::microseconds back,
                                                             Deadline deadline) {
    if (back.count() <= 0) throw Error(ErrorCode::invalid_argument, "back: expected a positive length of time");
    if (!is_present(filter.start)) filter.start = std::max(impl_->now() - back, kMinTime);
    filter.order = Order::descending;
    return impl_->history<Trade>(filter, deadline);
}

}  // namespace marketdb
