#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <marketdb/spreads.hpp>

namespace marketdb::analysis {

/// (sell.bid - buy.ask) / buy.ask in basis points, without fees; absent if either is.
[[nodiscard]] inline double spread_bps(double sell_bid, double buy_ask) noexcept {
    return (sell_bid - buy_ask) / buy_ask * 10'000;
}

/// The value at a share of a sorted, non-empty list: between two values linear, as NumPy's default.
[[nodiscard]] double percentile(const std::vector<double>& sorted, double share) noexcept;

/// Collects the spreads of all ordered pairs, instant by instant, and sums them up.
///
/// The invariant: each pair's `values_` has one number for each of `instants_`, absent where a side is.
class SpreadTally {
 public:
    /// What is asked, checked.
    struct Question {
        std::vector<Symbol> series;    ///< In the order of the quotes.
        std::vector<double> fees_bps;  ///< As many.
        double threshold_bps = 0;
        std::size_t stretches = 0;
        std::chrono::microseconds every{0};  ///< For which the last instant stands.
    };

    explicit SpreadTally(Question question);

    /// Errors: resource_exhausted  more than kMaxValues would be kept.
    void add(const AlignedBookTickers& batch);
    [[nodiscard]] SpreadReport report() const;

    static constexpr std::size_t kMaxValues = 33'554'432;  // stated in the public header

 private:
    /// What a series' sizes mean: base units are quantity * factor, of some divided by the price.
    struct Sizing {
        double factor = kNoNumber;
        bool is_over_price = false;
    };
    struct Pair {
        std::size_t sell = 0;
        std::size_t buy = 0;
        double fee_bps = 0;
        std::vector<double> values;
        double fillable = 0;  // sums over the samples
        double fillable_above = 0;
    };

    [[nodiscard]] static Sizing sizing_of(const Symbol& symbol) noexcept;
    [[nodiscard]] static double base_size(const Sizing& sizing, double quantity, double price) noexcept;
    void add(Pair& pair, const AsOfQuote& sell, const AsOfQuote& buy) const;
    [[nodiscard]] SpreadStats sum_up(const Pair& pair) const;
    void sum_up_time(const Pair& pair, SpreadStats& stats) const;
    [[nodiscard]] std::vector<double> means_of(const Pair& pair) const;

    Question question_;
    std::vector<Sizing> sizings_;
    std::vector<Pair> pairs_;
    std::vector<Timestamp> instants_;
    std::uint64_t without_received_at_ = 0;
};

}  // namespace marketdb::analysis
