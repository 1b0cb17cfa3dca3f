#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <marketdb/models.hpp>

namespace marketdb::cli {

/// A gap between two venues: buy at one's ask, sell at the other's bid.
struct VenueSpread {
    SymbolId buy{}, sell{};
    double bps = 0;  ///< (sell.bid - buy.ask) / buy.ask, in basis points.
    double ask = 0, bid = 0;
    Timestamp at = kNoTime;  ///< Received clock.
};

/// The best moment of each pair of venues, best first.
/// @param quotes  In order of received_at; all of one base and quote.
[[nodiscard]] std::vector<VenueSpread> best_spreads(std::span<const BookTicker> quotes);

/// A word that a shell reads as it is.
[[nodiscard]] std::string shell_quoted(std::string_view text);

}  // namespace marketdb::cli
