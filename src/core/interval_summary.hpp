#pragma once

#include <array>
#include <chrono>
#include <cstdint>

#include <marketdb/models.hpp>
#include <marketdb/queries.hpp>

#include "core/intervals.hpp"

/// What a database can work out where the rows are.
namespace marketdb::core {

/// Of which rows: those of one series, by event time, each in the interval of its time. Intervals begin at multiples of `every`.
struct IntervalQuestion {
    Dataset dataset{};  ///< book_tickers or trades.
    SymbolId symbol{};
    std::chrono::microseconds every{0};
    Interval time;  ///< Bounded.
};

/// The first, greatest, least and last of some numbers, in the order in which rows are read; absent if there was none.
struct Extent {
    double first = kNoNumber;
    double greatest = kNoNumber;
    double least = kNoNumber;
    double last = kNoNumber;
};

/// The rows of one interval. Sums are plain additions in the order in which rows are read.
struct IntervalSummary {
    Timestamp start = kNoTime;  ///< Of the interval.
    std::uint64_t rows = 0;
    std::uint64_t two_sided = 0;      ///< Of quotes.
    std::array<Extent, 3> extents{};  ///< Of bid, ask and mid; of the price.
    std::array<double, 3> sums{};  ///< Of mid and spread; of quantity, the quantity that was bought, price * quantity.
    double last_bid = kNoNumber;   ///< Of the last quote; absent if it lacks the side.
    double last_ask = kNoNumber;
};

}  // namespace marketdb::core
