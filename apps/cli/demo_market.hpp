#pragma once

#include <array>
#include <cstdint>
#include <random>
#include <string_view>
#include <vector>

#include <marketdb/models.hpp>

namespace marketdb::cli {

/// A simulated market: three venues whose names cannot be real, two pairs, one price process a pair; each venue follows it
/// with an offset and a latency of its own, so that spreads between venues come and go.
class DemoMarket {
 public:
    static constexpr std::array<std::string_view, 3> kVenues = {"DEMOA_SPOT", "DEMOB_SPOT", "DEMOC_FUTURES"};
    static constexpr std::array<std::string_view, 2> kBases = {"BTC", "ETH"};

    /// @param symbols  By venue, then base.
    DemoMarket(std::vector<SymbolId> symbols, Timestamp start, std::uint64_t seed);

    struct Second {
        std::vector<BookTicker> quotes;
        std::vector<Trade> trades;
    };
    /// What happens in the next second: ten quotes and some trades a series.
    [[nodiscard]] Second next();

 private:
    static constexpr int kStepsPerSecond = 10;

    [[nodiscard]] BookTicker quote(std::size_t venue, std::size_t base);
    [[nodiscard]] Trade trade(const BookTicker& quote);
    [[nodiscard]] double uniform(double low, double high);
    /// Roughly normal, deviation 1.
    [[nodiscard]] double noise();

    std::vector<SymbolId> symbols_;
    std::mt19937_64 random_;
    Timestamp now_;
    std::array<double, kBases.size()> prices_ = {61'700.0, 2'680.0};
    std::array<std::array<double, kBases.size()>, kVenues.size()> offsets_bps_{};
    std::int64_t sequence_ = 0;
};

}  // namespace marketdb::cli
