#pragma once

#include <string>
#include <utility>
#include <vector>

#include "engine_fixture.hpp"

namespace marketdb::testing {

/// Quotes by the clock that the store keeps for all of them: the received one, else the event's.
class AlignmentTest : public EngineTest {
 public:
    [[nodiscard]] ClockKind clock_kept() const {
        return target().can.keeps_received_at ? ClockKind::received : ClockKind::event;
    }

    /// A quote that stands at a time on that clock.
    [[nodiscard]] BookTicker tick(SymbolId symbol, Timestamp at, double bid, double ask,
                                  std::int64_t sequence = 0) const {
        if (!target().can.keeps_received_at) return quote(symbol, at, bid, ask, sequence);
        BookTicker row = quote(symbol, at - 40ms, bid, ask, sequence);
        row.received_at = at;
        return row;
    }

    [[nodiscard]] AlignmentOptions aligned(std::vector<SymbolId> series) const {
        AlignmentOptions options;
        options.series = std::move(series);
        options.clock = clock_kept();
        return options;
    }

    /// A grid over [from, to].
    [[nodiscard]] AlignmentOptions grid(std::vector<SymbolId> series, std::chrono::microseconds every,
                                        Timestamp from = kNoTime, Timestamp to = kNoTime) const {
        AlignmentOptions options = aligned(std::move(series));
        options.every = every;
        options.start = from;
        options.end = to;
        return options;
    }

    Lines lines_of_aligned(AlignmentOptions options) {
        return lines_of(wait(get_aligned_book_tickers(db(), std::move(options))));
    }

    /// `+1000ms: +200ms 100/101, -` of each instant: the time and prices of each series' quote.
    static Lines lines_of(const AlignedBookTickers& aligned) {
        Lines lines;
        for (std::size_t i = 0; i < aligned.instants.size(); ++i) {
            std::string line = text_of(aligned.instants[i]) + ":";
            for (const AsOfQuote& one : aligned.at(i)) {
                line += line.back() == ':' ? " " : ", ";
                line += text_of(one.time);
                if (is_present(one)) line += " " + text_of(one.bid_price) + "/" + text_of(one.ask_price);
            }
            lines.push_back(line);
        }
        return lines;
    }
};

}  // namespace marketdb::testing
