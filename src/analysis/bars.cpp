#include <marketdb/bars.hpp>

#include <utility>

#include <fmt/format.h>

#include <marketdb/coverage.hpp>

#include "analysis/bar_builder.hpp"
#include "analysis/operation.hpp"
#include "analysis/series_rows.hpp"

namespace marketdb {
namespace {

using boost::asio::awaitable;

constexpr std::size_t kBarsBatchRows = 65'536;
constexpr std::size_t kBatchBars = 65'536;
constexpr std::size_t kMaxBars = 1'000'000;  // of one answer; stated in the public header

/// The rows of the bars. They say themselves what is wrong with the range.
HistoryFilter rows_of(const BarOptions& options) {
    analysis::refuse(options.every.count() <= 0, "every: expected a positive length of time");
    return analysis::rows_of(options.symbol, options.clock, options.start, options.end);
}

}  // namespace

/// The rows that were read and are not in a bar yet, and the bar that they go into.
template <class Bar>
class BarReader<Bar>::State {
 public:
    using Row = typename analysis::BarBuilder<Bar>::Row;

    State(DatabaseManager& db, const BarOptions& options)
        : db_(db), options_(options), reader_(db.read_history<Row>(rows_of(options))), builder_(options) {}

    awaitable<std::vector<Bar>> next(std::size_t max_bars, Deadline deadline) {
        if (failed_) {
            throw Error(ErrorCode::closed,
                        "the reader failed before; open a new one that starts after the last bar that was read");
        }
        failed_ = true;  // until this batch is whole
        if (!is_begun_) co_await begin(deadline);
        std::vector<Bar> bars;
        while (bars.size() < max_bars) {
            if (position_ == rows_.size() && !is_ended_) co_await read_on(deadline);
            if (position_ < rows_.size()) {
                use_rows(bars, max_bars);
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
        is_begun_ = true;
    }

    awaitable<void> read_on(Deadline deadline) {
        rows_ = co_await reader_.next(kBarsBatchRows, deadline);
        position_ = 0;
        is_ended_ = rows_.empty();
    }

    void use_rows(std::vector<Bar>& bars, std::size_t max_bars) {
        for (; position_ < rows_.size(); ++position_) {
            const Row& row = rows_[position_];
            while (builder_.is_due_before(row)) {
                if (bars.size() == max_bars) return;
                bars.push_back(builder_.take());
            }
            builder_.add(row);
        }
    }

    DatabaseManager& db_;
    const BarOptions options_;
    HistoryReader<Row> reader_;
    analysis::BarBuilder<Bar> builder_;
    std::vector<Row> rows_;
    std::size_t position_ = 0;  // in rows_
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

constexpr Dataset dataset_of(const QuoteBar*) { return Dataset::book_tickers; }
constexpr Dataset dataset_of(const TradeBar*) { return Dataset::trades; }

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
