#include <marketdb/bars.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include <marketdb/coverage.hpp>

#include "analysis/bar_builder.hpp"
#include "analysis/operation.hpp"
#include "analysis/series_rows.hpp"
#include "core/interval_summary.hpp"
#include "manager/interval_summaries.hpp"

namespace marketdb {
namespace {

using boost::asio::awaitable;

constexpr std::size_t kBarsBatchRows = 65'536;
constexpr std::size_t kBatchBars = 65'536;
constexpr std::size_t kIntervalsAtOnce = 256;  // to be summarised; stated in the public header
constexpr double kRowsAtOnce = 2'000'000;      // the same, on average
constexpr std::size_t kMaxBars = 1'000'000;    // of one answer; stated in the public header

constexpr Dataset dataset_of(const QuoteBar*) { return Dataset::book_tickers; }
constexpr Dataset dataset_of(const TradeBar*) { return Dataset::trades; }

/// The rows of the bars. They say themselves what is wrong with the range.
HistoryFilter rows_of(const BarOptions& options) {
    analysis::refuse(options.every.count() <= 0, "every: expected a positive length of time");
    return analysis::rows_of(options.symbol, options.clock, options.start, options.end);
}

}  // namespace

/// The rows or summaries that were read and are not in a bar yet, and the bar that they go into.
template <class Bar>
class BarReader<Bar>::State {
 public:
    using Row = typename analysis::BarBuilder<Bar>::Row;

    State(DatabaseManager& db, const BarOptions& options)
        : db_(db),
          options_(options),
          reader_(db.read_history<Row>(rows_of(options))),
          builder_(options),
          database_(db) {}

    awaitable<std::vector<Bar>> next(std::size_t max_bars, Deadline deadline) {
        if (failed_) {
            throw Error(ErrorCode::closed,
                        "the reader failed before; open a new one that starts after the last bar that was read");
        }
        failed_ = true;  // until this batch is whole
        if (!is_begun_) co_await begin(deadline);
        std::vector<Bar> bars;
        while (bars.size() < max_bars) {
            if (is_used_up() && !is_ended_) co_await read_on(max_bars, deadline);
            if (!is_used_up()) {
                use(rows_, position_, bars, max_bars);
                use(summaries_, next_summary_, bars, max_bars);
                continue;
            }
            if (!builder_.is_due_at_end()) break;
            bars.push_back(builder_.take());
        }
        failed_ = false;
        co_return bars;
    }

    [[nodiscard]] DatabaseManager& db() const noexcept { return db_; }
    [[nodiscard]] std::uint64_t without_received_at() const noexcept { return reader_.without_received_at(); }

 private:
    /// Finds what the first intervals are filled with.
    awaitable<void> begin(Deadline deadline) {
        if (options_.empty == EmptyIntervals::fill && is_present(options_.start)) {
            HistoryFilter filter = analysis::rows_of(options_.symbol, options_.clock, kNoTime, options_.start);
            filter.order = Order::descending;
            const History<Row> before = co_await analysis::read_first<Row>(db_, filter, deadline);
            if (!before.rows.empty()) builder_.begin_after(before.rows.front());
        }
        if (options_.clock == ClockKind::event) {
            const core::IntervalQuestion question = question_of(options_.start, options_.end);
            summarised_ = co_await database_.find_time(question, deadline);
        }
        is_begun_ = true;
    }

    [[nodiscard]] bool is_used_up() const noexcept {
        return position_ == rows_.size() && next_summary_ == summaries_.size();
    }

    awaitable<void> read_on(std::size_t max_bars, Deadline deadline) {
        summaries_.clear();
        next_summary_ = 0;
        if (summarised_) co_await read_summaries(max_bars, deadline);
        if (!summaries_.empty()) co_return;
        rows_ = co_await reader_.next(kBarsBatchRows, deadline);
        position_ = 0;
        is_ended_ = rows_.empty();
    }

    [[nodiscard]] core::IntervalQuestion question_of(Timestamp start, Timestamp end) const noexcept {
        return {dataset_of(static_cast<const Bar*>(nullptr)), options_.symbol, options_.every, {start, end}};
    }

    /// The next summaries; none: from here on rows are read. So it is after the last ones, where the database cannot add the numbers
    /// up, and where rows turn out to be few.
    awaitable<void> read_summaries(std::size_t max_bars, Deadline deadline) {
        while (summaries_.empty() && summarised_) {
            const core::Interval window = next_window(max_bars);
            if (window.start >= window.end) {
                read_rows_from(window.start);
                break;
            }
            const core::IntervalQuestion question = question_of(window.start, window.end);
            bool is_too_great = false;
            try {
                summaries_ = co_await database_.get(question, deadline);
            } catch (const Error& error) {
                if (error.code() != ErrorCode::constraint) throw;
                is_too_great = true;
            }
            if (is_too_great) {
                read_rows_from(window.start);
                break;
            }
            summarised_->time.start = window.end;
            if (summaries_.empty()) {
                co_await pass_over(deadline);
            } else if (has_few_rows(window)) {
                read_rows_from(window.end);
            }
        }
    }

    /// Some intervals of which summaries are to be asked for at once: so many that one statement looks at a bounded number of rows.
    [[nodiscard]] core::Interval next_window(std::size_t max_bars) const noexcept {
        const core::Interval& left = summarised_->time;
        const double affordable = kRowsAtOnce / summarised_->rows_an_interval;
        const auto bars = static_cast<double>(std::min<std::size_t>(max_bars, kIntervalsAtOnce));
        const auto intervals = static_cast<std::int64_t>(std::max(1.0, std::min(affordable, bars)));
        const std::int64_t every = options_.every.count();
        const std::int64_t first = left.start.time_since_epoch().count() / every;
        const std::int64_t last = (left.end.time_since_epoch().count() - 1) / every;
        if (last - first < intervals) return left;
        return {left.start, Timestamp{std::chrono::microseconds{(first + intervals) * every}}};
    }

    [[nodiscard]] bool has_few_rows(const core::Interval& window) const noexcept {
        std::uint64_t rows = 0;
        for (const core::IntervalSummary& one : summaries_) rows += one.rows;
        const double intervals = std::chrono::duration<double, std::micro>(window.end - window.start) /
                                 std::chrono::duration<double, std::micro>(options_.every);
        return static_cast<double>(rows) < intervals * kWorthwhileRows / 2;
    }

    /// To the next row, where there is none for long.
    awaitable<void> pass_over(Deadline deadline) {
        core::Interval& left = summarised_->time;
        if (left.start >= left.end) co_return;
        const HistoryFilter filter = analysis::rows_of(options_.symbol, options_.clock, left.start, left.end);
        const History<Row> next = co_await analysis::read_first<Row>(db_, filter, deadline);
        left.start = next.rows.empty() ? left.end : next.rows.front().timestamp;
    }

    void read_rows_from(Timestamp start) {
        if (is_present(options_.end)) start = std::min(start, options_.end);
        reader_ = db_.read_history<Row>(analysis::rows_of(options_.symbol, options_.clock, start, options_.end));
        summarised_.reset();
    }

    template <class Piece>
    void use(const std::vector<Piece>& pieces, std::size_t& position, std::vector<Bar>& bars, std::size_t max_bars) {
        for (; position < pieces.size(); ++position) {
            while (builder_.is_due_before(pieces[position])) {
                if (bars.size() == max_bars) return;
                bars.push_back(builder_.take());
            }
            builder_.add(pieces[position]);
        }
    }

    DatabaseManager& db_;
    const BarOptions options_;
    HistoryReader<Row> reader_;
    analysis::BarBuilder<Bar> builder_;
    std::vector<Row> rows_;
    std::size_t position_ = 0;  // in rows_
    IntervalSummaries database_;
    std::optional<SummarisedTime> summarised_;  // of which summaries are still to be asked for; none: rows are read
    std::vector<core::IntervalSummary> summaries_;
    std::size_t next_summary_ = 0;
    bool is_begun_ = false;
    bool is_ended_ = false;
    bool failed_ = false;
};

template <class Bar>
BarReader<Bar>::BarReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
template <class Bar>
BarReader<Bar>::BarReader(BarReader&&) noexcept = default;
template <class Bar>
BarReader<Bar>& BarReader<Bar>::operator=(BarReader&&) noexcept = default;
template <class Bar>
BarReader<Bar>::~BarReader() = default;

template <class Bar>
awaitable<std::vector<Bar>> BarReader<Bar>::next(std::size_t max_bars, Deadline deadline) {
    analysis::refuse(max_bars == 0, "max_bars: expected at least 1");
    const Deadline resolved = analysis::resolved(state_->db(), deadline);
    return analysis::run(state_->next(max_bars, resolved), "reading bars was cancelled");
}

template <class Bar>
std::uint64_t BarReader<Bar>::without_received_at() const noexcept {
    return state_->without_received_at();
}

template class BarReader<QuoteBar>;
template class BarReader<TradeBar>;

BarReader<QuoteBar> read_quote_bars(DatabaseManager& db, BarOptions options) {
    return BarReader<QuoteBar>(std::make_unique<BarReader<QuoteBar>::State>(db, options));
}

BarReader<TradeBar> read_trade_bars(DatabaseManager& db, BarOptions options) {
    return BarReader<TradeBar>(std::make_unique<BarReader<TradeBar>::State>(db, options));
}

namespace {

template <class Bar>
awaitable<Bars<Bar>> collect(DatabaseManager& db, BarReader<Bar> reader, BarOptions options, Deadline deadline) {
    Bars<Bar> all;
    for (;;) {
        const std::vector<Bar> bars = co_await reader.next(kBatchBars, deadline);
        if (bars.empty()) break;
        if (all.bars.size() + bars.size() > kMaxBars) {
            throw Error(ErrorCode::resource_exhausted,
                        fmt::format("more than {} bars; read them in batches, or ask for longer intervals", kMaxBars));
        }
        all.bars.insert(all.bars.end(), bars.begin(), bars.end());
    }
    all.without_received_at = reader.without_received_at();
    if (!options.with_coverage || !keeps_coverage(db)) co_return all;
    CoverageFilter filter;
    filter.dataset = dataset_of(static_cast<const Bar*>(nullptr));
    filter.symbol = options.symbol;
    filter.clock = options.clock;
    filter.start = options.start;
    filter.end = options.end;
    if (!all.bars.empty()) {
        if (!is_present(filter.start)) filter.start = all.bars.front().start;
        if (!is_present(filter.end)) filter.end = all.bars.back().start + options.every;
    }
    all.coverage = CoverageShare{};
    const bool is_bound = is_present(filter.start) && is_present(filter.end) && filter.start < filter.end;
    if (is_bound) all.coverage = co_await get_coverage_share(db, filter, deadline);
    co_return all;
}

}  // namespace

awaitable<Bars<QuoteBar>> get_quote_bars(DatabaseManager& db, BarOptions options, Deadline deadline) {
    return collect(db, read_quote_bars(db, options), options, analysis::resolved(db, deadline));
}

awaitable<Bars<TradeBar>> get_trade_bars(DatabaseManager& db, BarOptions options, Deadline deadline) {
    return collect(db, read_trade_bars(db, options), options, analysis::resolved(db, deadline));
}

}  // namespace marketdb
