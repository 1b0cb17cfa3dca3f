#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include <marketdb/bars.hpp>

#include "analysis/series_rows.hpp"
#include "core/interval_summary.hpp"

/// Rows in order, or summaries of intervals, go in, bars come out: no I/O.
namespace marketdb::analysis {

/// What the rows of one interval come to.
template <class Bar>
class Tally;

template <>
class Tally<QuoteBar> {
 public:
    using Row = BookTicker;

    void add(const BookTicker& quote) noexcept;
    [[nodiscard]] std::uint64_t count() const noexcept { return bar_.count; }
    [[nodiscard]] QuoteBar bar() const noexcept;

    /// Of rows that the database summarised, and what of the last of them an empty interval is filled with.
    [[nodiscard]] static QuoteBar bar_of(const core::IntervalSummary& rows) noexcept;
    [[nodiscard]] static BookTicker last_of(const core::IntervalSummary& rows) noexcept;

    /// Of an interval without rows.
    [[nodiscard]] static QuoteBar empty() noexcept { return {}; }
    /// The same, filled. A side that the row lacks is not there: it had gone.
    [[nodiscard]] static QuoteBar after(const BookTicker& quote) noexcept;

 private:
    QuoteBar bar_;
    double mid_sum_ = 0;
    double spread_sum_ = 0;
};

template <>
class Tally<TradeBar> {
 public:
    using Row = Trade;

    void add(const Trade& trade) noexcept;
    [[nodiscard]] std::uint64_t count() const noexcept { return bar_.count; }
    [[nodiscard]] TradeBar bar() const noexcept;

    [[nodiscard]] static TradeBar bar_of(const core::IntervalSummary& rows) noexcept;
    [[nodiscard]] static Trade last_of(const core::IntervalSummary& rows) noexcept;

    [[nodiscard]] static TradeBar empty() noexcept { return {}; }
    [[nodiscard]] static TradeBar after(const Trade& trade) noexcept;

 private:
    TradeBar bar_;
    double notional_sum_ = 0;
};

/// The invariant: `tally_` holds the rows of `interval_`, or `summary_` is of them; it is the interval of the bar that leaves next.
template <class Bar>
class BarBuilder {
 public:
    using Row = typename Tally<Bar>::Row;

    explicit BarBuilder(const BarOptions& options);

    /// The row at which the time before `start` ended, to fill with.
    void begin_after(const Row& row) noexcept { before_ = row; }
    /// Whether a bar has to leave before the row can be added.
    [[nodiscard]] bool is_due_before(const Row& row) const noexcept { return is_due_before(time_of(row, clock_)); }
    [[nodiscard]] bool is_due_before(const core::IntervalSummary& rows) const noexcept {
        return is_due_before(rows.start);
    }
    /// Whether one has to leave if no row follows.
    [[nodiscard]] bool is_due_at_end() const noexcept;
    void add(const Row& row) noexcept;
    /// All rows of an interval of which none was added.
    void add(const core::IntervalSummary& rows) noexcept;
    [[nodiscard]] Bar take() noexcept;

 private:
    [[nodiscard]] bool is_due_before(Timestamp time) const noexcept;
    [[nodiscard]] bool has_rows() const noexcept { return summary_ || tally_.count() > 0; }
    [[nodiscard]] std::int64_t interval_of(Timestamp time) const noexcept;
    [[nodiscard]] Bar bar_of_interval() const noexcept;

    const std::int64_t every_;
    const ClockKind clock_;
    const EmptyIntervals empty_;
    std::optional<std::int64_t> last_;  // interval in which the time asked ends
    std::optional<std::int64_t> interval_;
    std::optional<Row> before_;  // the newest row so far, kept to fill with
    Tally<Bar> tally_;
    std::optional<core::IntervalSummary> summary_;
};

extern template class BarBuilder<QuoteBar>;
extern template class BarBuilder<TradeBar>;

}  // namespace marketdb::analysis
