#include <algorithm>
#include <array>
#include <deque>
#include <utility>
#include <variant>

#include <marketdb/coverage.hpp>
#include <marketdb/error.hpp>

#include "analysis/missing_ids.hpp"
#include "analysis/operation.hpp"
#include "analysis/series_rows.hpp"
#include "analysis/series_text.hpp"
#include "core/covered_time.hpp"
#include "core/intervals.hpp"

namespace marketdb {
namespace {

using analysis::MissingIds;
using analysis::refuse;
using boost::asio::awaitable;

constexpr std::size_t kGapsBatchRows = 16'384;
constexpr std::size_t kMaxGaps = 1'000'000;  // stated in the public header

CoverageFilter filter_of(const GapSearch& search) {
    CoverageFilter filter;
    filter.dataset = search.dataset;
    filter.symbol = search.symbol;
    filter.start = search.start;
    filter.end = search.end;
    return filter;
}

void check(const GapSearch& search) {
    core::refuse_balances(search.dataset);
    core::refuse_backward(search.start, search.end);
    refuse(search.silence.count() < 0, "silence: expected a length of time of 0 or more");
}

}  // namespace

std::string_view to_string(GapEvidence evidence) noexcept {
    constexpr std::array<std::string_view, 3> kTexts{"declared", "trade-ids", "silence"};
    const auto index = static_cast<std::size_t>(evidence);
    return index < kTexts.size() ? kTexts[index] : std::string_view{};
}

/// What a reader is between two batches: gaps that were found and not given out yet, and how far the rows were read.
class GapReader::State {
 public:
    State(DatabaseManager& db, GapSearch search) : db_(db), search_(search) {}

    static awaitable<std::vector<FoundGap>> next(State* state, std::size_t max_gaps, Deadline deadline) {
        if (state->has_failed_) throw Error(ErrorCode::closed, "the reader failed before; begin to read anew");
        state->has_failed_ = true;  // until this batch is whole
        std::vector<FoundGap> gaps = co_await state->read(max_gaps, deadline);
        state->has_failed_ = false;
        co_return gaps;
    }

 private:
    template <class Row>
    using Reader = HistoryReader<Row>;

    awaitable<std::vector<FoundGap>> read(std::size_t max_gaps, Deadline deadline) {
        if (!is_open_) co_await open(deadline);
        while (found_.size() < max_gaps && !has_ended_) co_await read_some(deadline);
        const std::size_t count = std::min(max_gaps, found_.size());
        std::vector<FoundGap> gaps(found_.begin(), found_.begin() + static_cast<std::ptrdiff_t>(count));
        found_.erase(found_.begin(), found_.begin() + static_cast<std::ptrdiff_t>(count));
        co_return gaps;
    }

    awaitable<void> open(Deadline deadline) {
        static_cast<void>(co_await analysis::get_symbol(db_, search_.symbol, deadline));
        CoverageFilter filter = filter_of(search_);
        const std::vector<CoverageClaim> declared = co_await get_declared_gaps(db_, filter, deadline);
        for (const CoverageClaim& gap : declared) {
            FoundGap& one = found_.emplace_back();
            one.evidence = GapEvidence::declared;
            one.start = gap.start;
            one.end = gap.end;
        }
        filter.clock = search_.clock;
        const std::vector<CoveredTime> covered = co_await get_coverage(db_, filter, deadline);
        for (const CoveredTime& piece : covered) covered_.push_back({piece.start, piece.end});
        if (!covered_.empty()) reached_ = covered_.front().start;
        is_open_ = true;
        const bool wants_silences = search_.silence.count() > 0 && !covered_.empty();
        has_ended_ = search_.dataset != Dataset::trades && !wants_silences;
        if (!has_ended_) open_rows();
    }

    void open_rows() {
        const HistoryFilter rows = analysis::rows_of(search_.symbol, search_.clock, search_.start, search_.end);
        if (search_.dataset == Dataset::trades) {
            rows_.emplace<Reader<Trade>>(db_.read_history<Trade>(rows));
        } else if (search_.dataset == Dataset::book_tickers) {
            rows_.emplace<Reader<BookTicker>>(db_.read_history<BookTicker>(rows));
        } else {
            rows_.emplace<Reader<FundingRate>>(db_.read_history<FundingRate>(rows));
        }
    }

    awaitable<void> read_some(Deadline deadline) {
        if (auto* trades = std::get_if<Reader<Trade>>(&rows_)) co_await read_rows(*trades, deadline);
        if (auto* quotes = std::get_if<Reader<BookTicker>>(&rows_)) co_await read_rows(*quotes, deadline);
        if (auto* rates = std::get_if<Reader<FundingRate>>(&rows_)) co_await read_rows(*rates, deadline);
    }

    template <class Row>
    awaitable<void> read_rows(Reader<Row>& reader, Deadline deadline) {
        const std::vector<Row> rows = co_await reader.next(kGapsBatchRows, deadline);
        for (const Row& row : rows) {
            const Timestamp time = analysis::time_of(row, search_.clock);
            look_for_silence(time);
            if constexpr (std::is_same_v<Row, Trade>) add_trade(row, time);
        }
        if (rows.empty()) end();
    }

    /// From the row before to this one.
    void look_for_silence(Timestamp time) {
        const bool is_long = search_.silence.count() > 0 && is_present(reached_) && time - reached_ > search_.silence;
        if (is_long) {
            const core::Intervals between(1, core::Interval{reached_, time});
            for (const core::Interval& part : core::common(between, covered_)) {
                if (part.end - part.start <= search_.silence) continue;
                FoundGap& gap = found_.emplace_back();
                gap.evidence = GapEvidence::silence;
                gap.start = part.start;
                gap.end = part.end;
            }
        }
        reached_ = std::max(reached_, time);
    }

    void add_trade(const Trade& trade, Timestamp time) {
        const auto numbered = analysis::number_of(trade.trade_id.view());
        if (!numbered) return;
        MissingIds& ids = numbered->is_aggregated ? aggregated_ : single_;
        ids.add(numbered->number, time);
        take_holes(ids);
    }

    void take_holes(MissingIds& ids) {
        for (auto hole = ids.next(); hole; hole = ids.next()) found_.push_back(*hole);
    }

    void end() {
        if (!covered_.empty()) look_for_silence(covered_.back().end);
        for (MissingIds* ids : {&single_, &aggregated_}) {
            ids->end();
            take_holes(*ids);
        }
        has_ended_ = true;
    }

    DatabaseManager& db_;
    const GapSearch search_;
    std::variant<std::monostate, Reader<BookTicker>, Reader<Trade>, Reader<FundingRate>> rows_;
    core::Intervals covered_;      // on the clock of the search
    Timestamp reached_ = kNoTime;  // the last row, or the beginning of covered time
    MissingIds single_;
    MissingIds aggregated_;
    std::deque<FoundGap> found_;
    bool is_open_ = false;
    bool has_ended_ = false;
    bool has_failed_ = false;
};

GapReader::GapReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
GapReader::GapReader(GapReader&&) noexcept = default;
GapReader& GapReader::operator=(GapReader&&) noexcept = default;
GapReader::~GapReader() = default;

awaitable<std::vector<FoundGap>> GapReader::next(std::size_t max_gaps, Deadline deadline) {
    refuse(max_gaps == 0, "max_gaps: expected at least 1");
    return analysis::run(State::next(state_.get(), max_gaps, deadline), "the search for gaps was cancelled");
}

GapReader read_gaps(DatabaseManager& db, GapSearch search) {
    check(search);
    return GapReader(std::make_unique<GapReader::State>(db, search));
}

namespace {

awaitable<std::vector<FoundGap>> read_all(GapReader reader, Deadline deadline) {
    std::vector<FoundGap> all = co_await reader.next(kMaxGaps, deadline);
    const std::vector<FoundGap> more = co_await reader.next(1, deadline);
    if (!more.empty()) {
        throw Error(ErrorCode::resource_exhausted,
                    "more than 1000000 gaps; read them in batches, or ask for less time");
    }
    co_return all;
}

}  // namespace

awaitable<std::vector<FoundGap>> find_gaps(DatabaseManager& db, GapSearch search, Deadline deadline) {
    return read_all(read_gaps(db, search), deadline);
}

}  // namespace marketdb
