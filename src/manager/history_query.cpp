#include <algorithm>
#include <limits>
#include <utility>

#include "core/covered_time.hpp"
#include "core/intervals.hpp"
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

/// The time that was asked for; where it has no bound, that of the answer. Empty: there is none.
template <class Row>
core::Interval time_of(const HistoryPlan& plan, const std::vector<Row>& rows) {
    core::Interval time{plan.start, plan.end};
    const bool is_bound = is_present(time.start) && is_present(time.end);
    if (is_bound) return time;
    if (rows.empty()) return {kMinTime, kMinTime};
    const AnswerOrder order(*plan.table, plan.clock, false);
    const Timestamp one = order.time(reinterpret_cast<const std::byte*>(&rows.front()));
    const Timestamp other = order.time(reinterpret_cast<const std::byte*>(&rows.back()));
    if (!is_present(time.start)) time.start = std::min(one, other);
    if (!is_present(time.end)) time.end = std::max(one, other) + std::chrono::microseconds(1);
    return time;
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

awaitable<CoverageShare> DatabaseManager::Impl::coverage_of(const HistoryPlan& plan, core::Interval time,
                                                            Deadline deadline) {
    CoverageShare all;
    if (time.start >= time.end) co_return all;
    for (const SeriesKey& series : plan.series) {
        CoverageFilter filter;
        filter.dataset = plan.table->dataset;
        filter.symbol = SymbolId{series.id};
        filter.clock = plan.clock;
        filter.start = time.start;
        filter.end = time.end;
        const std::vector<CoverageClaim> claims = co_await engine_->claims(filter, deadline);
        const CoverageShare one = core::covered_share(claims, SourceId{}, time);
        all.asked += one.asked;
        all.covered += one.covered;
    }
    co_return all;
}

template <class Row>
awaitable<History<Row>> DatabaseManager::Impl::get_history(HistoryPlan plan, OwnedSeriesFilter series,
                                                           Deadline deadline) {
    const std::uint64_t limit = plan.limit;
    const bool with_coverage = plan.with_coverage;
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
    if (!with_coverage || !engine_->capabilities().keeps_coverage) co_return history;
    const HistoryPlan& asked = stream.plan();
    if (asked.table->dataset == Dataset::balances) co_return history;
    const core::Interval time = time_of(asked, history.rows);
    history.coverage = co_await coverage_of(asked, time, deadline);
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
