#include "transfer/copy_run.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

#include <fmt/format.h>

#include <boost/system/system_error.hpp>

#include <marketdb/error.hpp>

#include "transfer/source_record.hpp"

namespace marketdb::transfer {

CopyRun::CopyRun(DatabaseManager& from, DatabaseManager& to, CopyOptions options,
                 const boost::asio::any_io_executor& executor)
    : from_(from),
      to_(to),
      options_(std::move(options)),
      reference_(from, to),
      worker_(executor),
      context_{from,
               to,
               options_.batch_rows,
               options_.dry_run,
               executor,
               worker_,
               [this] { return source_for_rows(); },
               [this](std::uint64_t rows) {
                   progress_.rows += rows;
                   tell_progress(/*verifying=*/false);
                   stop_if_asked();
               },
               [this] {
                   tell_progress(/*verifying=*/true);
                   stop_if_asked();
               }} {}

boost::asio::awaitable<CopyReport> CopyRun::run() {
    const auto started = std::chrono::steady_clock::now();
    try {
        co_await copy();
    } catch (const boost::system::system_error&) {
        throw interrupted("cancelled");  // Asio's word for a coroutine that was cancelled while it waited
    }
    report_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    co_return std::move(report_);
}

boost::asio::awaitable<void> CopyRun::copy() {
    HistorySelection selection = options_.selection;
    if (keeps_coverage(from_)) claims_ = co_await get_coverage_claims(from_);
    const std::vector<ChosenSeries> chosen = co_await choose_series(from_, std::move(selection));
    co_await copy_reference(chosen);
    const bool is_whole_time = !is_present(options_.selection.start) && !is_present(options_.selection.end);
    for (const ChosenSeries& series : chosen) progress_.total_rows += is_whole_time ? series.rows : 0;
    progress_.count = chosen.size();
    for (const ChosenSeries& series : chosen) co_await copy_series(series);
    // A copy that is not whole stays open: run again, it goes on with this source.
    if (source_ == SourceId{} || report_.different > 0) co_return;
    const std::uint64_t rows = report_.written.inserted + report_.written.updated + report_.written.unchanged;
    co_await to_.finish_source(source_, static_cast<std::int64_t>(rows));
}

boost::asio::awaitable<void> CopyRun::copy_reference(const std::vector<ChosenSeries>& chosen) {
    stop_if_asked();
    if (chooses_everything(options_.selection)) {
        co_await reference_.want_all();
    } else {
        for (const ChosenSeries& series : chosen) co_await reference_.want(series);
    }
    co_await reference_.look_up();
    if (!options_.dry_run) {
        co_await refuse_one_database();
        co_await reference_.create();
    }
    report_.new_exchanges = reference_.new_exchanges();
    report_.new_symbols = reference_.new_symbols();
    report_.notes = reference_.notes();
}

/// URLs do not tell: one database has many names. A row that is written to one and is then in the other does.
boost::asio::awaitable<void> CopyRun::refuse_one_database() {
    const bool may_be_one = co_await reference_.may_be_one_database();
    if (!may_be_one) co_return;
    const Source source = make_copy_source(from_.config().redacted_url());
    source_ = co_await to_.begin_source(source);
    SourceFilter filter;
    filter.kind = kCopyKind;
    const std::vector<Source> here = co_await to_.get_sources(filter);
    const std::vector<Source> there = co_await from_.get_sources(filter);
    const auto is_ours = [this](const Source& one) { return one.id == source_; };
    const auto written = std::find_if(here.begin(), here.end(), is_ours);
    const auto seen = std::find_if(there.begin(), there.end(), is_ours);
    if (written == here.end() || seen == there.end() || seen->started_at != written->started_at) co_return;
    co_await to_.finish_source(source_, 0);
    throw Error(ErrorCode::invalid_argument, fmt::format("{} and {} are the same database; nothing was copied",
                                                         from_.config().redacted_url(), to_.config().redacted_url()));
}

boost::asio::awaitable<SourceId> CopyRun::source_for_rows() {
    if (source_ == SourceId{}) source_ = co_await begin_source();
    co_return source_;
}

/// An unfinished copy from the same place is taken up again.
boost::asio::awaitable<SourceId> CopyRun::begin_source() {
    const Source wanted = make_copy_source(from_.config().redacted_url());
    SourceFilter filter;
    filter.kind = kCopyKind;
    const std::vector<Source> known = co_await to_.get_sources(filter);
    const auto unfinished = std::find_if(known.begin(), known.end(), [&](const Source& one) {
        return one.name == wanted.name && !is_present(one.finished_at);
    });
    if (unfinished != known.end()) co_return unfinished->id;
    const SourceId made = co_await to_.begin_source(wanted);
    co_return made;
}

boost::asio::awaitable<void> CopyRun::copy_series(const ChosenSeries& series) {
    progress_.series = series.name;
    ++progress_.number;
    const SeriesPart target = target_part(series.part);
    CopyCoverage coverage(from_, to_, series.part, target, claims_);
    if (options_.only_gaps) {
        co_await copy_gaps(series, coverage);
        co_return;
    }
    const HistorySelection& selection = options_.selection;
    core::Interval event_time = core::kEver;
    if (is_present(selection.start)) event_time.start = selection.start;
    if (is_present(selection.end)) event_time.end = selection.end;
    co_await copy_and_claim(series, coverage, event_time);
}

/// The invariant of each stretch: it is claimed when the target has all of it.
boost::asio::awaitable<void> CopyRun::copy_gaps(const ChosenSeries& series, CopyCoverage& coverage) {
    const std::vector<SeriesPart> parts = co_await coverage.uncovered_parts();
    for (const SeriesPart& part : parts) {
        ChosenSeries stretch = series;
        stretch.part = part;
        const core::Interval event_time{part.start, part.end};
        co_await copy_and_claim(stretch, coverage, event_time);
    }
}

/// What is claimed is pending while the rows are compared, so that rows which somebody removes meanwhile are not claimed.
boost::asio::awaitable<void> CopyRun::copy_and_claim(const ChosenSeries& series, CopyCoverage& coverage,
                                                     core::Interval event_time) {
    std::vector<CoverageClaim> claims;
    if (!options_.dry_run && keeps_coverage(to_)) claims = co_await coverage.claims(event_time);
    const bool has_claims = !claims.empty();
    if (has_claims) {
        const SourceId source = co_await source_for_rows();
        co_await coverage.open(source);
    }
    claims.clear();
    std::exception_ptr stopped;
    try {
        const bool is_whole = co_await copy_part(series, target_part(series.part));
        if (is_whole && has_claims) claims = co_await coverage.claims(event_time);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::cancelled) throw;
        stopped = std::current_exception();
    }
    if (has_claims) co_await coverage.settle(source_, std::move(claims));
    if (stopped) std::rethrow_exception(stopped);
}

/// Returns whether the target then has all rows of the part.
boost::asio::awaitable<bool> CopyRun::copy_part(const ChosenSeries& series, const SeriesPart& target) {
    auto copying = with_row_type(series.name.dataset, [&]<class Row>(std::type_identity<Row>) {
        return copy_one<Row>(context_, series, target);
    });
    CopiedSeries copied = co_await std::move(copying);
    const bool is_whole = !options_.dry_run && copied.is_equal;
    add(std::move(copied));
    co_return is_whole;
}

SeriesPart CopyRun::target_part(const SeriesPart& part) const {
    SeriesPart target = part;
    if (part.dataset == Dataset::balances) {
        target.balance.exchange_id = reference_.exchange(part.balance.exchange_id);
    } else {
        target.symbol = reference_.symbol(part.symbol);
        target.balance = {};
    }
    return target;
}

void CopyRun::add(CopiedSeries copied) {
    if (copied.source.rows == 0) return;  // none in the chosen time
    report_.rows += copied.source.rows;
    report_.found += copied.found;
    report_.written += copied.written;
    if (!options_.dry_run && !copied.is_equal) ++report_.different;
    report_.series.push_back(std::move(copied));
}

void CopyRun::tell_progress(bool verifying) const {
    if (!options_.on_progress) return;
    CopyProgress progress = progress_;
    progress.verifying = verifying;
    options_.on_progress(progress);
}

void CopyRun::stop_if_asked() const {
    if (options_.stop != nullptr && options_.stop->load()) throw interrupted("interrupted");
}

Error CopyRun::interrupted(std::string_view how) const {
    if (options_.dry_run) return Error(ErrorCode::cancelled, fmt::format("the dry run was {}", how));
    return Error(
        ErrorCode::cancelled,
        fmt::format("the copy was {}; the target has the first {} rows; copy again to go on", how, progress_.rows));
}

}  // namespace marketdb::transfer
