#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <marketdb/clock.hpp>
#include <marketdb/coverage.hpp>
#include <marketdb/error.hpp>

#include "analysis/operation.hpp"
#include "analysis/series_text.hpp"
#include "core/covered_time.hpp"

namespace marketdb {
namespace {

using analysis::refuse;
using boost::asio::awaitable;

constexpr std::string_view kFeedKind = "feed";
constexpr std::chrono::seconds kBetweenWrites{1};  // stated in the public header

void check(const FeedOptions& options) {
    refuse(options.name.empty(), "feed: expected a name");
    refuse(options.datasets.empty() || options.symbols.empty(), "feed: expected datasets and symbols");
    for (const Dataset dataset : options.datasets) core::refuse_balances(dataset);
}

}  // namespace

/// The invariant: while it is up, [up_since_, written_) is claimed of every series.
class Feed::State {
 public:
    State(DatabaseManager& db, FeedOptions options) : db_(db), options_(std::move(options)) {}

    static awaitable<void> open(State* state, Deadline deadline) {
        for (const SymbolId symbol : state->options_.symbols) {
            static_cast<void>(co_await analysis::get_symbol(state->db_, symbol, deadline));
        }
        co_await state->find_earlier_sessions(deadline);
        Source source;
        source.kind = kFeedKind;
        source.name = state->options_.name;
        state->source_ = co_await state->db_.begin_source(source, deadline);
    }

    static awaitable<void> up(State* state, Timestamp at, Deadline deadline) {
        refuse(state->is_up_, "feed: it is up already");
        std::vector<CoverageClaim> gaps;
        for (CoverageClaim series : state->series()) {
            const auto ended = state->ended_.find({series.dataset, series.symbol});
            if (ended == state->ended_.end()) continue;
            refuse(at < ended->second, "feed: it was up later than that already");
            series.kind = CoverageKind::gap;
            series.start = ended->second;
            series.end = at;
            if (series.start < series.end) gaps.push_back(series);
        }
        co_await state->claim(std::move(gaps), deadline);
        state->is_up_ = true;
        state->written_ = at;
    }

    static awaitable<void> alive(State* state, Timestamp at, Deadline deadline) {
        refuse(!state->is_up_, "feed: it is not up");
        if (at < state->written_ + kBetweenWrites) co_return;
        co_await state->claim_until(at, deadline);
    }

    static awaitable<void> down(State* state, Timestamp at, Deadline deadline) {
        refuse(!state->is_up_, "feed: it is not up");
        if (state->written_ < at) co_await state->claim_until(at, deadline);
        state->is_up_ = false;
        for (const CoverageClaim& series : state->series()) {
            state->ended_[{series.dataset, series.symbol}] = state->written_;
        }
    }

    static awaitable<void> gap(State* state, Timestamp start, Timestamp end, Deadline deadline) {
        std::vector<CoverageClaim> gaps = state->series();
        for (CoverageClaim& one : gaps) {
            one.kind = CoverageKind::gap;
            one.start = start;
            one.end = end;
        }
        co_await state->claim(std::move(gaps), deadline);
    }

    [[nodiscard]] Timestamp or_now(Timestamp at) const {
        if (is_present(at)) return at;
        const auto& clock = db_.config().clock;
        return (clock ? clock : system_clock())->now();
    }
    [[nodiscard]] SourceId source() const noexcept { return source_; }

 private:
    using Series = std::pair<Dataset, SymbolId>;

    /// A claim of each series, without times.
    [[nodiscard]] std::vector<CoverageClaim> series() const {
        std::vector<CoverageClaim> all;
        for (const Dataset dataset : options_.datasets) {
            for (const SymbolId symbol : options_.symbols) {
                CoverageClaim& one = all.emplace_back();
                one.dataset = dataset;
                one.symbol = symbol;
                one.clock = ClockKind::received;
                one.kind = CoverageKind::feed;
                one.source = source_;
            }
        }
        return all;
    }

    awaitable<void> claim(std::vector<CoverageClaim> claims, Deadline deadline) {
        std::vector<BookTicker> no_rows;
        co_await insert_covered(db_, std::move(no_rows), std::move(claims), deadline);
    }

    awaitable<void> claim_until(Timestamp at, Deadline deadline) {
        std::vector<CoverageClaim> claims = series();
        for (CoverageClaim& one : claims) {
            one.start = written_;
            one.end = at;
        }
        co_await claim(std::move(claims), deadline);
        written_ = at;
    }

    /// When sessions of this name ended, also of a process that was killed: after that nobody looked.
    awaitable<void> find_earlier_sessions(Deadline deadline) {
        SourceFilter filter;
        filter.kind = kFeedKind;
        const std::vector<Source> sources = co_await db_.get_sources(filter, deadline);
        std::set<SourceId> sessions;
        for (const Source& source : sources) {
            if (source.name == options_.name) sessions.insert(source.id);
        }
        CoverageFilter received;
        received.clock = ClockKind::received;
        const std::vector<CoverageClaim> claims = co_await get_coverage_claims(db_, received, deadline);
        for (const CoverageClaim& claim : claims) {
            if (claim.kind != CoverageKind::feed || !sessions.contains(claim.source)) continue;
            Timestamp& ended = ended_.try_emplace({claim.dataset, claim.symbol}, claim.end).first->second;
            ended = std::max(ended, claim.end);
        }
    }

    DatabaseManager& db_;
    const FeedOptions options_;
    SourceId source_{};
    std::map<Series, Timestamp> ended_;
    bool is_up_ = false;
    Timestamp written_ = kNoTime;
};

Feed::Feed(std::unique_ptr<State> state) : state_(std::move(state)) {}
Feed::Feed() noexcept = default;
Feed::Feed(Feed&&) noexcept = default;
Feed& Feed::operator=(Feed&&) noexcept = default;
Feed::~Feed() = default;

awaitable<void> Feed::up(Timestamp at, Deadline deadline) {
    return State::up(state_.get(), state_->or_now(at), deadline);
}

awaitable<void> Feed::alive(Timestamp at, Deadline deadline) {
    return State::alive(state_.get(), state_->or_now(at), deadline);
}

awaitable<void> Feed::down(Timestamp at, Deadline deadline) {
    return State::down(state_.get(), state_->or_now(at), deadline);
}

awaitable<void> Feed::gap(Timestamp start, Timestamp end, Deadline deadline) {
    refuse(!is_storable(start) || !is_storable(end) || end <= start, "feed: expected a gap that ends after its start");
    return State::gap(state_.get(), start, end, deadline);
}

SourceId Feed::source() const noexcept { return state_->source(); }

namespace {

awaitable<Feed> opened(awaitable<void> opening, Feed feed) {
    co_await std::move(opening);
    co_return std::move(feed);
}

}  // namespace

awaitable<Feed> open_feed(DatabaseManager& db, FeedOptions options, Deadline deadline) {
    check(options);
    auto state = std::make_unique<Feed::State>(db, std::move(options));
    auto opening = Feed::State::open(state.get(), deadline);
    return opened(std::move(opening), Feed(std::move(state)));
}

}  // namespace marketdb
