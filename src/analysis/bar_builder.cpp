#include "analysis/bar_builder.hpp"

#include <algorithm>

#include <marketdb/measures.hpp>

namespace marketdb::analysis {
namespace {

/// Absent numbers leave the range as it is.
void widen(Range& range, double number) noexcept {
    if (!is_present(number)) return;
    if (!is_present(range.open)) range = Range{number, number, number, number};
    range.high = std::max(range.high, number);
    range.low = std::min(range.low, number);
    range.close = number;
}

Range unchanged(double number) noexcept { return {number, number, number, number}; }

Range range_of(const core::Extent& extent) noexcept {
    return {extent.first, extent.greatest, extent.least, extent.last};
}

}  // namespace

void Tally<QuoteBar>::add(const BookTicker& quote) noexcept {
    ++bar_.count;
    widen(bar_.bid, quote.bid_price);
    widen(bar_.ask, quote.ask_price);
    const double middle = mid(quote);
    if (!is_present(middle)) return;
    ++bar_.two_sided_count;
    widen(bar_.mid, middle);
    mid_sum_ += middle;
    spread_sum_ += spread(quote);
}

QuoteBar Tally<QuoteBar>::bar() const noexcept {
    QuoteBar bar = bar_;
    if (bar.two_sided_count == 0) return bar;
    bar.mean_mid = mid_sum_ / static_cast<double>(bar.two_sided_count);
    bar.mean_spread = spread_sum_ / static_cast<double>(bar.two_sided_count);
    return bar;
}

QuoteBar Tally<QuoteBar>::bar_of(const core::IntervalSummary& rows) noexcept {
    QuoteBar bar;
    bar.bid = range_of(rows.extents[0]);
    bar.ask = range_of(rows.extents[1]);
    bar.mid = range_of(rows.extents[2]);
    bar.count = rows.rows;
    bar.two_sided_count = rows.two_sided;
    if (bar.two_sided_count == 0) return bar;
    bar.mean_mid = rows.sums[0] / static_cast<double>(bar.two_sided_count);
    bar.mean_spread = rows.sums[1] / static_cast<double>(bar.two_sided_count);
    return bar;
}

BookTicker Tally<QuoteBar>::last_of(const core::IntervalSummary& rows) noexcept {
    BookTicker quote;
    quote.bid_price = rows.last_bid;
    quote.ask_price = rows.last_ask;
    return quote;
}

QuoteBar Tally<QuoteBar>::after(const BookTicker& quote) noexcept {
    QuoteBar bar;
    bar.bid = unchanged(quote.bid_price);
    bar.ask = unchanged(quote.ask_price);
    bar.mid = unchanged(mid(quote));
    bar.mean_mid = mid(quote);
    bar.mean_spread = spread(quote);
    return bar;
}

void Tally<TradeBar>::add(const Trade& trade) noexcept {
    ++bar_.count;
    widen(bar_.price, trade.price);
    bar_.volume += trade.quantity;
    if (trade.side == Side::buy) bar_.buy_volume += trade.quantity;
    notional_sum_ += notional(trade);
}

TradeBar Tally<TradeBar>::bar() const noexcept {
    TradeBar bar = bar_;
    bar.vwap = notional_sum_ / bar.volume;
    return bar;
}

TradeBar Tally<TradeBar>::bar_of(const core::IntervalSummary& rows) noexcept {
    TradeBar bar;
    bar.price = range_of(rows.extents[0]);
    bar.volume = rows.sums[0];
    bar.buy_volume = is_present(rows.sums[1]) ? rows.sums[1] : 0;
    bar.vwap = rows.sums[2] / bar.volume;
    bar.count = rows.rows;
    return bar;
}

Trade Tally<TradeBar>::last_of(const core::IntervalSummary& rows) noexcept {
    Trade trade;
    trade.price = rows.extents[0].last;
    return trade;
}

TradeBar Tally<TradeBar>::after(const Trade& trade) noexcept {
    TradeBar bar;
    bar.price = unchanged(trade.price);
    return bar;
}

template <class Bar>
BarBuilder<Bar>::BarBuilder(const BarOptions& options)
    : every_(options.every.count()), clock_(options.clock), empty_(options.empty) {
    if (empty_ == EmptyIntervals::skip) return;
    constexpr std::chrono::microseconds kStep{1};
    // No row lies outside the storable times, so no bar does.
    if (is_present(options.start)) interval_ = interval_of(std::max(options.start, kMinTime));
    if (!is_present(options.end)) return;
    const bool is_nothing = options.end <= std::max(options.start, kMinTime);
    last_ = is_nothing ? -1 : interval_of(std::min(options.end - kStep, kMaxTime));
}

template <class Bar>
bool BarBuilder<Bar>::is_due_before(Timestamp time) const noexcept {
    return interval_ && *interval_ != interval_of(time);
}

template <class Bar>
bool BarBuilder<Bar>::is_due_at_end() const noexcept {
    if (!interval_) return false;
    return last_ ? *interval_ <= *last_ : has_rows();
}

template <class Bar>
void BarBuilder<Bar>::add(const Row& row) noexcept {
    interval_ = interval_of(time_of(row, clock_));
    tally_.add(row);
    if (empty_ == EmptyIntervals::fill) before_ = row;
}

template <class Bar>
void BarBuilder<Bar>::add(const core::IntervalSummary& rows) noexcept {
    interval_ = interval_of(rows.start);
    summary_ = rows;
    if (empty_ == EmptyIntervals::fill) before_ = Tally<Bar>::last_of(rows);
}

template <class Bar>
Bar BarBuilder<Bar>::take() noexcept {
    Bar bar = bar_of_interval();
    bar.start = Timestamp{std::chrono::microseconds{*interval_ * every_}};
    tally_ = {};
    summary_.reset();
    if (empty_ == EmptyIntervals::skip) {
        interval_.reset();
    } else {
        ++*interval_;
    }
    return bar;
}

template <class Bar>
std::int64_t BarBuilder<Bar>::interval_of(Timestamp time) const noexcept {
    return time.time_since_epoch().count() / every_;  // times are never before 1970
}

template <class Bar>
Bar BarBuilder<Bar>::bar_of_interval() const noexcept {
    if (summary_) return Tally<Bar>::bar_of(*summary_);
    if (tally_.count() > 0) return tally_.bar();
    return before_ ? Tally<Bar>::after(*before_) : Tally<Bar>::empty();
}

template class BarBuilder<QuoteBar>;
template class BarBuilder<TradeBar>;

}  // namespace marketdb::analysis
