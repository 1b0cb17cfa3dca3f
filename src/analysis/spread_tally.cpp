#include "analysis/spread_tally.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include <marketdb/error.hpp>

#include "analysis/percentile.hpp"

namespace marketdb {

double base_quantity(const Symbol& symbol, double quantity, double price) noexcept {
    switch (symbol.quantity_unit) {
        case QuantityUnit::unknown: break;
        case QuantityUnit::base: return quantity;
        case QuantityUnit::quote: return quantity / price;
        case QuantityUnit::contracts: {
            const double size = quantity * symbol.contract_size;
            return symbol.contract_type == ContractType::inverse ? size / price : size;
        }
    }
    return kNoNumber;
}

namespace analysis {
namespace {

[[nodiscard]] double mean_of(const std::vector<double>& values) noexcept {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// Of the sample: n - 1.
[[nodiscard]] double deviation_of(const std::vector<double>& values, double mean) noexcept {
    if (values.size() < 2) return kNoNumber;
    double squares = 0;
    for (const double value : values) squares += (value - mean) * (value - mean);
    return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

[[nodiscard]] double ratio_of(double part, double whole) noexcept { return whole > 0 ? part / whole : kNoNumber; }

[[nodiscard]] double mean_of(double sum, std::uint64_t count) noexcept {
    return ratio_of(sum, static_cast<double>(count));
}

}  // namespace

SpreadTally::SpreadTally(Question question) : question_(std::move(question)) {
    const std::size_t count = question_.series.size();
    for (std::size_t sell = 0; sell < count; ++sell) {
        for (std::size_t buy = 0; buy < count; ++buy) {
            if (sell == buy) continue;
            Pair& pair = pairs_.emplace_back();
            pair.sell = sell;
            pair.buy = buy;
            pair.fee_bps = question_.fees_bps[sell] + question_.fees_bps[buy];
        }
    }
}

void SpreadTally::add(const AlignedBookTickers& batch) {
    without_received_at_ = batch.without_received_at;
    if ((instants_.size() + batch.instants.size()) * pairs_.size() > kMaxValues) {
        throw Error(ErrorCode::resource_exhausted, "more than " + std::to_string(kMaxValues) +
                                                       " spreads (instants times pairs); expected a longer `every`, a "
                                                       "shorter range or fewer series");
    }
    instants_.insert(instants_.end(), batch.instants.begin(), batch.instants.end());
    for (Pair& pair : pairs_) {
        for (std::size_t i = 0; i < batch.instants.size(); ++i) {
            const std::span<const AsOfQuote> quotes = batch.at(i);
            add(pair, quotes[pair.sell], quotes[pair.buy]);
        }
    }
}

void SpreadTally::add(Pair& pair, const AsOfQuote& sell, const AsOfQuote& buy) const {
    const double value = spread_bps(sell.bid_price, buy.ask_price) - pair.fee_bps;
    pair.values.push_back(value);
    if (!is_present(value)) return;

    const double fillable = smaller(base_quantity(question_.series[pair.sell], sell.bid_qty, sell.bid_price),
                                    base_quantity(question_.series[pair.buy], buy.ask_qty, buy.ask_price));
    pair.fillable += fillable;
    if (value > question_.threshold_bps) pair.fillable_above += fillable;
}

SpreadReport SpreadTally::report() const {
    SpreadReport report;
    report.instants = instants_.size();
    report.without_received_at = without_received_at_;
    if (!instants_.empty()) {
        report.first = instants_.front();
        report.last = instants_.back();
    }
    for (const Pair& pair : pairs_) report.pairs.push_back(sum_up(pair));
    return report;
}

SpreadStats SpreadTally::sum_up(const Pair& pair) const {
    SpreadStats stats;
    stats.sell = question_.series[pair.sell].id;
    stats.buy = question_.series[pair.buy].id;
    std::vector<double> samples;
    std::copy_if(pair.values.begin(), pair.values.end(), std::back_inserter(samples),
                 [](double value) { return is_present(value); });
    stats.samples = samples.size();
    stats.missing = pair.values.size() - samples.size();
    if (question_.stretches > 0) stats.means_bps = means_of(pair);
    if (samples.empty()) return stats;

    stats.above = static_cast<std::uint64_t>(std::count_if(
        samples.begin(), samples.end(), [this](double value) { return value > question_.threshold_bps; }));
    stats.share_above = mean_of(static_cast<double>(stats.above), stats.samples);
    stats.mean_fillable = mean_of(pair.fillable, stats.samples);
    stats.mean_fillable_above = mean_of(pair.fillable_above, stats.above);
    sum_up_time(pair, stats);

    stats.mean_bps = mean_of(samples);
    stats.std_bps = deviation_of(samples, stats.mean_bps);
    std::sort(samples.begin(), samples.end());
    stats.min_bps = samples.front();
    stats.max_bps = samples.back();
    stats.p1_bps = percentile(samples, 0.01);
    stats.p5_bps = percentile(samples, 0.05);
    stats.p25_bps = percentile(samples, 0.25);
    stats.p50_bps = percentile(samples, 0.50);
    stats.p75_bps = percentile(samples, 0.75);
    stats.p95_bps = percentile(samples, 0.95);
    stats.p99_bps = percentile(samples, 0.99);
    return stats;
}

void SpreadTally::sum_up_time(const Pair& pair, SpreadStats& stats) const {
    std::chrono::microseconds sampled{0};
    std::chrono::microseconds above{0};
    for (std::size_t i = 0; i < instants_.size(); ++i) {
        if (!is_present(pair.values[i])) continue;
        const std::chrono::microseconds stands =
            i + 1 < instants_.size() ? instants_[i + 1] - instants_[i] : question_.every;
        sampled += stands;
        if (pair.values[i] > question_.threshold_bps) above += stands;
    }
    stats.time_share_above = ratio_of(static_cast<double>(above.count()), static_cast<double>(sampled.count()));
}

std::vector<double> SpreadTally::means_of(const Pair& pair) const {
    std::vector<double> sums(question_.stretches);
    std::vector<std::uint64_t> counts(question_.stretches);
    for (std::size_t i = 0; i < instants_.size(); ++i) {
        if (!is_present(pair.values[i])) continue;
        // The last instant belongs to the last stretch.
        const double share = static_cast<double>((instants_[i] - instants_.front()).count()) /
                             static_cast<double>((instants_.back() - instants_.front()).count() + 1);
        const auto stretch = static_cast<std::size_t>(share * static_cast<double>(question_.stretches));
        const std::size_t at = std::min(stretch, question_.stretches - 1);
        sums[at] += pair.values[i];
        ++counts[at];
    }
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] = mean_of(sums[i], counts[i]);
    return sums;
}

}  // namespace analysis
}  // namespace marketdb
