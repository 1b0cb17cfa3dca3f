#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <marketdb/alignment.hpp>
#include <marketdb/coverage.hpp>
#include <marketdb/error.hpp>

#include "analysis/asof_merge.hpp"
#include "analysis/operation.hpp"
#include "analysis/series_rows.hpp"
#include "analysis/series_text.hpp"
#include "core/covered_time.hpp"

namespace marketdb {
namespace {

using analysis::AsOfMerge;
using analysis::Gap;
using analysis::Instants;
using analysis::refuse;

constexpr std::size_t kMaxSeries = 64;              // stated in the public header
constexpr std::size_t kMaxQuotes = 4'194'304;       // stated in the public header
constexpr std::size_t kAlignmentBatchRows = 8'192;  // of a series at a time
constexpr std::chrono::microseconds kStep{1};

void check_series(const AlignmentOptions& options) {
    refuse(options.series.empty() || options.series.size() > kMaxSeries, "series: expected 1 to 64 symbols");
    std::vector<SymbolId> sorted = options.series;
    std::sort(sorted.begin(), sorted.end());
    const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
    if (twice == sorted.end()) return;
    throw Error(ErrorCode::invalid_argument,
                fmt::format("series: symbol id {} is there twice; expected each once", static_cast<int>(*twice)));
}

void check_instants(const AlignmentOptions& options) {
    refuse(options.every.count() < 0, "every: expected a positive length of time");
    const int choices = (options.every.count() > 0 ? 1 : 0) + (options.at.empty() ? 0 : 1) +
                        (options.driver == SymbolId{} ? 0 : 1) + (options.at_each_change ? 1 : 0);
    refuse(choices != 1, "instants: expected exactly one of every (> 0), at, driver and at_each_change");
    refuse(!std::is_sorted(options.at.begin(), options.at.end()), "at: expected times in ascending order");
    refuse(!std::all_of(options.at.begin(), options.at.end(), is_storable),
           "at: expected times from 1970-01-01T00:00:00Z to 2262-04-11T23:47:16.854775Z");
    const bool is_listed =
        std::find(options.series.begin(), options.series.end(), options.driver) != options.series.end();
    refuse(options.driver != SymbolId{} && !is_listed, "driver: expected one of the series");
}

void check_range(const AlignmentOptions& options) {
    const bool has_range = is_present(options.start) || is_present(options.end);
    refuse(has_range && !options.at.empty(), "at and start or end exclude each other: the times say it all");
    for (const Timestamp time : {options.start, options.end}) {
        refuse(is_present(time) && !is_storable(time),
               "start and end: expected times from 1970-01-01T00:00:00Z to 2262-04-11T23:47:16.854775Z");
    }
    core::refuse_backward(options.start, options.end);
    refuse(options.tolerance && options.tolerance->count() < 0, "tolerance: expected a length of time of 0 or more");
}

/// The gaps that count, in order and apart.
std::vector<Gap> gaps_of(std::span<const CoverageClaim> claims) {
    core::Intervals any;
    core::for_each_series(claims, [&](std::span<const CoverageClaim> series) {
        for (const CoverageClaim& gap : core::counting_gaps(series, core::kEver)) any.push_back({gap.start, gap.end});
    });
    std::vector<Gap> gaps;
    for (const core::Interval& one : core::united(std::move(any))) gaps.push_back({one.start, one.end});
    return gaps;
}

}  // namespace

/// What a reader is between two batches: the question until the first, then the merge and who feeds it.
class AlignedReader::State {
 public:
    State(DatabaseManager& db, AlignmentOptions options) : db_(db), options_(std::move(options)) {}

    static boost::asio::awaitable<AlignedBookTickers> next(State* state, std::size_t max_instants, Deadline deadline) {
        if (state->has_failed_) throw Error(ErrorCode::closed, "the reader failed before; begin to read anew");
        state->has_failed_ = true;  // until this batch is whole
        AlignedBookTickers batch = co_await state->read(max_instants, deadline);
        state->has_failed_ = false;
        co_return batch;
    }

 private:
    using Reader = HistoryReader<BookTicker>;

    boost::asio::awaitable<AlignedBookTickers> read(std::size_t max_instants, Deadline deadline) {
        if (!merge_) co_await open(deadline);
        AlignedBookTickers batch;
        batch.series = options_.series;
        for (auto wanted = merge_->run(batch, max_instants); wanted; wanted = merge_->run(batch, max_instants)) {
            std::vector<BookTicker> rows = co_await readers_[wanted->series].next(kAlignmentBatchRows, deadline);
            check_clock(wanted->series, rows);
            merge_->feed(wanted->series, std::move(rows));
        }
        batch.without_received_at = left_out_;
        for (const Reader& reader : readers_) batch.without_received_at += reader.without_received_at();
        co_return batch;
    }

    boost::asio::awaitable<void> open(Deadline deadline) {
        for (const SymbolId series : options_.series) {
            std::string name = co_await analysis::series_text(db_, series, deadline);
            names_.push_back(std::move(name));
        }
        Instants instants = co_await find_instants(deadline);
        Timestamp start = instants.first();
        Timestamp end = instants.last();
        if (is_present(end)) end += kStep;
        if (instants.are_of_rows()) {
            start = options_.start;
            end = options_.end;
        }
        const bool is_empty = instants.left() == 0;
        std::vector<std::vector<Gap>> gaps = co_await find_declared_gaps(deadline);
        AsOfMerge merge(options_.series.size(), options_.clock, std::move(instants), options_.tolerance,
                        std::move(gaps));
        for (std::size_t i = 0; i < options_.series.size() && !is_empty; ++i) {
            if (is_present(start)) {
                const std::vector<BookTicker> before = co_await read_before(i, start, deadline);
                if (!before.empty()) merge.start_with(i, before.front());
            }
            const HistoryFilter filter = analysis::rows_of(options_.series[i], options_.clock, start, end);
            readers_.push_back(db_.read_history<BookTicker>(filter));
        }
        merge_.emplace(std::move(merge));
    }

    boost::asio::awaitable<Instants> find_instants(Deadline deadline) {
        if (!options_.at.empty()) co_return Instants::of_list(options_.at);
        if (options_.at_each_change) co_return Instants::of_rows(std::nullopt);
        if (options_.driver != SymbolId{}) {
            const auto driver = std::find(options_.series.begin(), options_.series.end(), options_.driver);
            co_return Instants::of_rows(static_cast<std::size_t>(driver - options_.series.begin()));
        }
        Timestamp start = options_.start;
        Timestamp end = options_.end;
        if (!is_present(start)) start = co_await find_common_end(Order::ascending, deadline);
        if (!is_present(end)) end = co_await find_common_end(Order::descending, deadline);
        if (!is_present(start) || !is_present(end)) co_return Instants::of_list({});  // a series without rows
        co_return Instants::of_grid(options_.every, start, end);
    }

    /// The latest of the series' first times (ascending), or the earliest of their last ones. Absent if a series has no rows.
    boost::asio::awaitable<Timestamp> find_common_end(Order order, Deadline deadline) {
        Timestamp common = kNoTime;
        for (std::size_t i = 0; i < options_.series.size(); ++i) {
            const Timestamp end = co_await find_end(i, order, deadline);
            if (!is_present(end)) co_return kNoTime;
            const bool is_nearer = order == Order::ascending ? end > common : end < common;
            if (i == 0 || is_nearer) common = end;
        }
        co_return common;
    }

    /// Of each series, on whichever clock they are known: a quote ends with the earlier beginning.
    boost::asio::awaitable<std::vector<std::vector<Gap>>> find_declared_gaps(Deadline deadline) {
        std::vector<std::vector<Gap>> all;
        if (!keeps_coverage(db_)) co_return all;
        for (const SymbolId symbol : options_.series) {
            CoverageFilter filter;
            filter.dataset = Dataset::book_tickers;
            filter.symbol = symbol;
            const std::vector<CoverageClaim> claims = co_await get_coverage_claims(db_, filter, deadline);
            all.push_back(gaps_of(claims));
        }
        co_return all;
    }

    /// The time of the first row in this order.
    boost::asio::awaitable<Timestamp> find_end(std::size_t series, Order order, Deadline deadline) {
        HistoryFilter filter = analysis::rows_of(options_.series[series], options_.clock);
        filter.order = order;
        const History<BookTicker> first = co_await read_first(series, filter, deadline);
        if (!first.rows.empty()) co_return analysis::time_of(first.rows.front(), options_.clock);
        left_out_ = first.without_received_at;  // The only ones: there will be no grid to read.
        co_return kNoTime;
    }

    /// The last row before a time that may still count at it.
    boost::asio::awaitable<std::vector<BookTicker>> read_before(std::size_t series, Timestamp time, Deadline deadline) {
        HistoryFilter filter = analysis::rows_of(options_.series[series], options_.clock, kNoTime, time);
        filter.order = Order::descending;
        if (options_.tolerance) filter.start = std::max(time - *options_.tolerance, kMinTime);
        History<BookTicker> before = co_await read_first(series, filter, deadline);
        co_return std::move(before.rows);
    }

    boost::asio::awaitable<History<BookTicker>> read_first(std::size_t series, HistoryFilter filter,
                                                           Deadline deadline) {
        History<BookTicker> first = co_await analysis::read_first<BookTicker>(db_, filter, deadline);
        check_clock(series, first.rows);
        co_return first;
    }

    /// Errors: invalid_argument  the event clock is asked for, and a row says that the exchange gave no time.
    void check_clock(std::size_t series, const std::vector<BookTicker>& rows) const {
        if (options_.clock == ClockKind::received) return;
        const auto bare = std::find_if(rows.begin(), rows.end(),
                                       [](const BookTicker& row) { return row.timestamp == row.received_at; });
        if (bare == rows.end()) return;
        throw Error(
            ErrorCode::invalid_argument,
            fmt::format("event clock: {} has no event time: timestamp and received_at of its row of {} are the same, "
                        "which means that the exchange gave no time; expected the received clock",
                        names_[series], to_string(bare->timestamp)));
    }

    DatabaseManager& db_;
    const AlignmentOptions options_;
    std::vector<std::string> names_;  // of the series, for messages
    std::vector<Reader> readers_;     // of the series; none if there are no instants
    std::optional<AsOfMerge> merge_;
    std::uint64_t left_out_ = 0;  // of a series whose rows all lack received_at
    bool has_failed_ = false;
};

AlignedReader::AlignedReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
AlignedReader::AlignedReader(AlignedReader&&) noexcept = default;
AlignedReader& AlignedReader::operator=(AlignedReader&&) noexcept = default;
AlignedReader::~AlignedReader() = default;

boost::asio::awaitable<AlignedBookTickers> AlignedReader::next(std::size_t max_instants, Deadline deadline) {
    refuse(max_instants == 0, "max_instants: expected at least 1");
    return analysis::run(State::next(state_.get(), max_instants, deadline), "the alignment was cancelled");
}

AlignedReader read_aligned_book_tickers(DatabaseManager& db, AlignmentOptions options) {
    check_series(options);
    check_instants(options);
    check_range(options);
    return AlignedReader(std::make_unique<AlignedReader::State>(db, std::move(options)));
}

namespace {

boost::asio::awaitable<AlignedBookTickers> read_all(AlignedReader reader, Deadline deadline) {
    constexpr std::size_t kInstants = 16'384;
    AlignedBookTickers all = co_await reader.next(kInstants, deadline);
    for (bool is_last = all.instants.empty(); !is_last;) {
        const AlignedBookTickers batch = co_await reader.next(kInstants, deadline);
        is_last = batch.instants.empty();
        if (all.quotes.size() + batch.quotes.size() > kMaxQuotes) {
            throw Error(ErrorCode::resource_exhausted,
                        "more than 4194304 aligned quotes; read them in batches, or ask for fewer instants");
        }
        all.instants.insert(all.instants.end(), batch.instants.begin(), batch.instants.end());
        all.quotes.insert(all.quotes.end(), batch.quotes.begin(), batch.quotes.end());
        all.without_received_at = batch.without_received_at;
    }
    co_return all;
}

}  // namespace

boost::asio::awaitable<AlignedBookTickers> get_aligned_book_tickers(DatabaseManager& db, AlignmentOptions options,
                                                                    Deadline deadline) {
    return read_all(read_aligned_book_tickers(db, std::move(options)), deadline);
}

}  // namespace marketdb
