#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <marketdb/bars.hpp>
#include <marketdb/measures.hpp>

#include "analysis/bar_builder.hpp"
#include "analysis/operation.hpp"

namespace marketdb {
namespace {

using boost::asio::awaitable;

constexpr std::size_t kBatchRows = 65'536;
constexpr std::size_t kMaxValues = 16'777'216;  // 128 MiB; stated in the public header

/// The number below which a share of the values lies; between two values interpolated linearly. Reorders them.
double percentile(std::vector<double>& values, double share) {
    if (values.empty()) return kNoNumber;
    const double place = share * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const auto at = values.begin() + static_cast<std::ptrdiff_t>(below);
    std::nth_element(values.begin(), at, values.end());
    if (below + 1 == values.size()) return *at;
    const double next = *std::min_element(at + 1, values.end());
    return *at + (next - *at) * (place - static_cast<double>(below));
}

/// Quotes of one symbol, added up.
class QuoteSums {
 public:
    explicit QuoteSums(const Symbol& symbol) : symbol_(symbol) {}

    void add(const BookTicker& quote) {
        const double bid_value = quote_value(symbol_, quote.bid_price, quote.bid_qty);
        if (is_present(bid_value)) keep(bid_value);
        if (!is_present(mid(quote))) return;
        ++two_sided_;
        spread_bps_ += spread_bps(quote);
        spread_bps_of_bid_ += spread(quote) / quote.bid_price * 10'000;
        value_ += bid_value + quote_value(symbol_, quote.ask_price, quote.ask_qty);
        imbalance_ += imbalance(quote);
    }

    void finish(QuoteStatistics& statistics) {
        const auto rows = static_cast<double>(two_sided_);  // 0 gives no number
        statistics.two_sided_count = two_sided_;
        statistics.mean_spread_bps = spread_bps_ / rows;
        statistics.mean_spread_bps_of_bid = spread_bps_of_bid_ / rows;
        statistics.mean_value = value_ / rows;
        statistics.mean_imbalance = imbalance_ / rows;
        statistics.p10_bid_value = percentile(bid_values_, 0.1);
        statistics.p90_bid_value = percentile(bid_values_, 0.9);
    }

 private:
    void keep(double bid_value) {
        if (bid_values_.size() == kMaxValues) {
            throw Error(ErrorCode::resource_exhausted,
                        fmt::format("more than {} quotes; ask for a shorter time", kMaxValues));
        }
        bid_values_.push_back(bid_value);
    }

    const Symbol symbol_;
    std::uint64_t two_sided_ = 0;
    double spread_bps_ = 0;
    double spread_bps_of_bid_ = 0;
    double value_ = 0;
    double imbalance_ = 0;
    std::vector<double> bid_values_;
};

/// Trades of one symbol, added up.
class TradeSums {
 public:
    explicit TradeSums(const Symbol& symbol) : symbol_(symbol) {}

    void add(const Trade& trade) {
        volume_ += trade.quantity;
        if (trade.side == Side::buy) buy_volume_ += trade.quantity;
        value_ += quote_value(symbol_, trade.price, trade.quantity);
        notional_ += notional(trade);
    }

    void finish(TradeStatistics& statistics) const {
        statistics.volume = volume_;
        statistics.buy_volume = buy_volume_;
        statistics.value = value_;
        statistics.mean_value = value_ / static_cast<double>(statistics.count);
        statistics.vwap = notional_ / volume_;
    }

 private:
    const Symbol symbol_;
    double volume_ = 0;
    double buy_volume_ = 0;
    double value_ = 0;
    double notional_ = 0;
};

HistoryFilter rows_of(const StatisticsOptions& options) noexcept {
    HistoryFilter filter;
    filter.series.symbols = {&options.symbol, 1};
    filter.start = options.start;
    filter.end = options.end;
    filter.clock = options.clock;
    return filter;
}

/// Reads all rows into the sums.
template <class Statistics, class Sums, class Row>
awaitable<Statistics> add_up(DatabaseManager& db, HistoryReader<Row> reader, StatisticsOptions options,
                             Deadline deadline) {
    const std::optional<Symbol> symbol = co_await db.get_symbol_by_id(options.symbol, deadline);
    if (!symbol) {
        throw Error(ErrorCode::unknown_symbol,
                    fmt::format("no symbol has the id {}", static_cast<int>(options.symbol)));
    }
    Statistics statistics;
    Sums sums(*symbol);
    for (;;) {
        const std::vector<Row> rows = co_await reader.next(kBatchRows, deadline);
        if (rows.empty()) break;
        if (statistics.count == 0) statistics.first = analysis::time_of(rows.front(), options.clock);
        statistics.last = analysis::time_of(rows.back(), options.clock);
        statistics.count += rows.size();
        for (const Row& row : rows) sums.add(row);
    }
    sums.finish(statistics);
    statistics.without_received_at = reader.without_received_at();
    co_return statistics;
}

}  // namespace

awaitable<QuoteStatistics> get_quote_stats(DatabaseManager& db, StatisticsOptions options, Deadline deadline) {
    auto reader = db.read_history<BookTicker>(rows_of(options));
    const Deadline resolved = analysis::resolved(db, deadline);
    return analysis::run(add_up<QuoteStatistics, QuoteSums>(db, std::move(reader), options, resolved),
                         "the statistics were cancelled");
}

awaitable<TradeStatistics> get_trade_stats(DatabaseManager& db, StatisticsOptions options, Deadline deadline) {
    auto reader = db.read_history<Trade>(rows_of(options));
    const Deadline resolved = analysis::resolved(db, deadline);
    return analysis::run(add_up<TradeStatistics, TradeSums>(db, std::move(reader), options, resolved),
                         "the statistics were cancelled");
}

}  // namespace marketdb
