#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <marketdb/bars.hpp>
#include <marketdb/measures.hpp>

#include "analysis/bar_builder.hpp"
#include "analysis/operation.hpp"
#include "analysis/percentile.hpp"
#include "analysis/series_rows.hpp"
#include "analysis/series_text.hpp"

namespace marketdb {
namespace {

using boost::asio::awaitable;

constexpr std::size_t kStatisticsBatchRows = 65'536;
constexpr std::size_t kMaxValues = 16'777'216;  // 128 MiB; stated in the public header

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
        std::sort(bid_values_.begin(), bid_values_.end());
        statistics.p10_bid_value = analysis::percentile(bid_values_, 0.1);
        statistics.p90_bid_value = analysis::percentile(bid_values_, 0.9);
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
        all_.add(trade);
        value_ += quote_value(symbol_, trade.price, trade.quantity);
    }

    void finish(TradeStatistics& statistics) const {
        const TradeBar all = all_.bar();
        statistics.volume = all.volume;
        statistics.buy_volume = all.buy_volume;
        statistics.vwap = all.vwap;
        statistics.value = value_;
        statistics.mean_value = value_ / static_cast<double>(statistics.count);
    }

 private:
    const Symbol symbol_;
    analysis::Tally<TradeBar> all_;
    double value_ = 0;
};

/// Reads all rows into the sums.
template <class Statistics, class Sums, class Row>
awaitable<Statistics> add_up(DatabaseManager& db, HistoryReader<Row> reader, StatisticsOptions options,
                             Deadline deadline) {
    const Symbol symbol = co_await analysis::get_symbol(db, options.symbol, deadline);
    Statistics statistics;
    Sums sums(symbol);
    for (;;) {
        const std::vector<Row> rows = co_await reader.next(kStatisticsBatchRows, deadline);
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
    auto reader =
        db.read_history<BookTicker>(analysis::rows_of(options.symbol, options.clock, options.start, options.end));
    const Deadline resolved = analysis::resolved(db, deadline);
    return analysis::run(add_up<QuoteStatistics, QuoteSums>(db, std::move(reader), options, resolved),
                         "the statistics were cancelled");
}

awaitable<TradeStatistics> get_trade_stats(DatabaseManager& db, StatisticsOptions options, Deadline deadline) {
    auto reader = db.read_history<Trade>(analysis::rows_of(options.symbol, options.clock, options.start, options.end));
    const Deadline resolved = analysis::resolved(db, deadline);
    return analysis::run(add_up<TradeStatistics, TradeSums>(db, std::move(reader), options, resolved),
                         "the statistics were cancelled");
}

}  // namespace marketdb
