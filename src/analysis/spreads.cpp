#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include <marketdb/error.hpp>
#include <marketdb/spreads.hpp>

#include "analysis/operation.hpp"
#include "analysis/series_text.hpp"
#include "analysis/spread_tally.hpp"

namespace marketdb {
namespace {

using analysis::refuse;
using analysis::SpreadTally;

constexpr std::size_t kMaxStretches = 10'000;  // stated in the public header

void check(const SpreadOptions& options) {
    refuse(options.alignment.series.size() < 2, "series: expected two or more, to compare them");
    refuse(!options.fees_bps.empty() && options.fees_bps.size() != options.alignment.series.size(),
           "fees_bps: expected one for each series, or none");
    refuse(
        !std::all_of(options.fees_bps.begin(), options.fees_bps.end(), [](double fee) { return std::isfinite(fee); }),
        "fees_bps: expected finite numbers");
    refuse(!std::isfinite(options.threshold_bps), "threshold_bps: expected a finite number");
    refuse(options.stretches > kMaxStretches, "stretches: expected 0 to 10000");
}

boost::asio::awaitable<SpreadReport> measure(DatabaseManager& db, AlignedReader reader, SpreadOptions options,
                                             Deadline deadline) {
    SpreadTally::Question question;
    for (const SymbolId series : options.alignment.series) {
        const Symbol symbol = co_await analysis::get_symbol(db, series, deadline);
        question.series.push_back(symbol);
    }
    question.fees_bps = std::move(options.fees_bps);
    question.fees_bps.resize(question.series.size());
    question.threshold_bps = options.threshold_bps;
    question.stretches = options.stretches;
    question.every = options.alignment.every;

    constexpr std::size_t kInstants = 16'384;
    SpreadTally tally(std::move(question));
    for (bool is_last = false; !is_last;) {
        const AlignedBookTickers batch = co_await reader.next(kInstants, deadline);
        is_last = batch.instants.empty();
        tally.add(batch);
    }
    co_return tally.report();
}

}  // namespace

boost::asio::awaitable<SpreadReport> get_spreads(DatabaseManager& db, SpreadOptions options, Deadline deadline) {
    check(options);
    AlignedReader reader = read_aligned_book_tickers(db, options.alignment);
    return measure(db, std::move(reader), std::move(options), deadline);
}

}  // namespace marketdb
