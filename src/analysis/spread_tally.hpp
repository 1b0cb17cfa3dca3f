#pragma once

#include <algorithm>
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

/// What both sizes allow. Not std::min: an absent one makes it absent, whichever side it is on.
[[nodiscard]] inline double smaller(double offered, double wanted) noexcept {
    return is_present(offered) && is_present(wanted) ? std::min(offered, wanted) : kNoNumber;
}

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
    struct Pair {
        std::size_t sell = 0;
        std::size_t buy = 0;
        double fee_bps = 0;
        std::vector<double> values;
        double fillable = 0;  // sums over the samples
        double fillable_above = 0;
    };

    void add(Pair& pair, const AsOfQuote& sell, const AsOfQuote& buy) const;
    [[nodiscard]] SpreadStats sum_up(const Pair& pair) const;
    void sum_up_time(const Pair& pair, SpreadStats& stats) const;
    [[nodiscard]] std::vector<double> means_of(const Pair& pair) const;

    Question question_;
    std::vector<Pair> pairs_;
    std::vector<Timestamp> instants_;
    std::uint64_t without_received_at_ = 0;
};

}  // namespace marketdb::analysis
