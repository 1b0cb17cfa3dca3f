#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include <marketdb/coverage.hpp>
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
    SpreadReport report = tally.report();
    const bool has_time = report.instants > 1 && report.first < report.last;
    if (!options.with_coverage || !has_time || !keeps_coverage(db)) co_return report;
    for (const SymbolId series : options.alignment.series) {
        CoverageFilter filter;
        filter.dataset = Dataset::book_tickers;
        filter.symbol = series;
        filter.clock = options.alignment.clock;
        filter.start = report.first;
        filter.end = report.last;
        const CoverageShare share = co_await get_coverage_share(db, filter, deadline);
        report.coverage.push_back(share);
    }
    co_return report;
}

}  // namespace

boost::asio::awaitable<SpreadReport> get_spreads(DatabaseManager& db, SpreadOptions options, Deadline deadline) {
    check(options);
    AlignedReader reader = read_aligned_book_tickers(db, options.alignment);
    return measure(db, std::move(reader), std::move(options), deadline);
}

}  // namespace marketdb
