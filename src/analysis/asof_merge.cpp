#include "analysis/asof_merge.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace marketdb::analysis {
namespace {

constexpr Timestamp kWanted = Timestamp::min();  // before every instant
constexpr Timestamp kEnded = Timestamp::max();   // after every instant
constexpr std::size_t kMaxReserved = 16'384;     // instants

[[nodiscard]] std::int64_t count_of(Timestamp time) noexcept { return time.time_since_epoch().count(); }

}  // namespace

Instants Instants::of_grid(std::chrono::microseconds every, Timestamp first, Timestamp last) {
    Instants grid;
    grid.kind_ = Kind::grid;
    grid.every_ = every;
    // No time is before 1970, so division rounds down.
    const std::int64_t before = count_of(first) / every.count();
    const std::int64_t begin = count_of(first) % every.count() == 0 ? before : before + 1;
    const std::int64_t end = count_of(last) / every.count();
    if (last < first || begin > end) return grid;
    grid.next_ = Timestamp{every * begin};
    grid.left_ = static_cast<std::uint64_t>(end - begin) + 1;
    return grid;
}

Instants Instants::of_list(std::vector<Timestamp> times) {
    Instants list;
    list.kind_ = Kind::list;
    list.left_ = times.size();
    list.times_ = std::move(times);
    return list;
}

Instants Instants::of_rows(std::optional<std::size_t> driver) {
    Instants rows;
    rows.kind_ = Kind::rows;
    rows.driver_ = driver;
    rows.left_ = std::numeric_limits<std::uint64_t>::max();
    return rows;
}

Timestamp Instants::first() const noexcept { return are_of_rows() || left_ == 0 ? kNoTime : front(); }

Timestamp Instants::last() const noexcept {
    if (are_of_rows() || left_ == 0) return kNoTime;
    return kind_ == Kind::list ? times_.back() : next_ + every_ * static_cast<std::int64_t>(left_ - 1);
}

Timestamp Instants::front() const noexcept { return kind_ == Kind::list ? times_[times_.size() - left_] : next_; }

void Instants::pop() noexcept {
    --left_;
    if (kind_ == Kind::grid && left_ > 0) next_ += every_;
}

AsOfMerge::AsOfMerge(std::size_t series, ClockKind clock, Instants instants,
                     std::optional<std::chrono::microseconds> tolerance, std::vector<std::vector<Gap>> gaps)
    : series_(series),
      next_times_(series, kWanted),
      quotes_(series),
      clock_(clock == ClockKind::received ? &BookTicker::received_at : &BookTicker::timestamp),
      instants_(std::move(instants)),
      tolerance_(tolerance),
      quotes_may_end_(tolerance.has_value()) {
    for (std::size_t i = 0; i < gaps.size(); ++i) {
        series_[i].gaps = std::move(gaps[i]);
        quotes_may_end_ = quotes_may_end_ || !series_[i].gaps.empty();
    }
}

AsOfQuote AsOfMerge::quote_of(const BookTicker& row) const noexcept {
    return {time_of(row), row.bid_price, row.bid_qty, row.ask_price, row.ask_qty};
}

void AsOfMerge::start_with(std::size_t series, const BookTicker& row) { quotes_[series] = quote_of(row); }

void AsOfMerge::feed(std::size_t series, std::vector<BookTicker> rows) {
    next_times_[series] = rows.empty() ? kEnded : time_of(rows.front());
    series_[series].rows = std::move(rows);
    series_[series].position = 0;
}

std::optional<AsOfMerge::Wanted> AsOfMerge::run(AlignedBookTickers& out, std::size_t max_instants) {
    std::optional<Wanted> wanted;
    if (!instants_.are_of_rows()) {
        const std::size_t expected = std::min({max_instants, kMaxReserved, static_cast<std::size_t>(instants_.left())});
        out.instants.reserve(expected);
        out.quotes.reserve(expected * series_.size());
    }
    while (out.instants.size() < max_instants) {
        if (!is_present(instant_) && !find_instant(wanted)) return wanted;
        for (std::size_t i = 0; i < next_times_.size(); ++i) {
            if (next_times_[i] <= instant_ && !advance(i)) return Wanted{i};
        }
        give_out(out);
    }
    return std::nullopt;
}

bool AsOfMerge::find_instant(std::optional<Wanted>& wanted) {
    if (instants_.are_of_rows()) return find_row(wanted);
    if (instants_.left() == 0) return false;
    instant_ = instants_.front();
    instants_.pop();
    return true;
}

bool AsOfMerge::find_row(std::optional<Wanted>& wanted) {
    const auto first = instants_.driver() ? next_times_.begin() + static_cast<std::ptrdiff_t>(*instants_.driver())
                                          : std::min_element(next_times_.begin(), next_times_.end());
    if (*first == kWanted) wanted = Wanted{static_cast<std::size_t>(first - next_times_.begin())};
    if (*first == kWanted || *first == kEnded) return false;
    instant_ = *first;
    return true;
}

bool AsOfMerge::advance(std::size_t series) {
    Series& one = series_[series];
    const std::size_t begin = one.position;
    std::size_t at = begin;
    while (at < one.rows.size() && time_of(one.rows[at]) <= instant_) ++at;
    one.position = at;
    if (at > begin) quotes_[series] = quote_of(one.rows[at - 1]);
    next_times_[series] = at < one.rows.size() ? time_of(one.rows[at]) : kWanted;
    return at < one.rows.size();
}

void AsOfMerge::give_out(AlignedBookTickers& out) {
    out.instants.push_back(instant_);
    out.quotes.insert(out.quotes.end(), quotes_.begin(), quotes_.end());
    if (quotes_may_end_) {
        AsOfQuote* const given = out.quotes.data() + (out.quotes.size() - quotes_.size());
        for (std::size_t i = 0; i < quotes_.size(); ++i) {
            if (!holds(i)) given[i] = AsOfQuote{};
        }
    }
    instant_ = kNoTime;
}

bool AsOfMerge::holds(std::size_t series) {
    const Timestamp since = quotes_[series].time;
    if (!is_present(since)) return false;
    if (tolerance_ && instant_ - since > *tolerance_) return false;

    Series& one = series_[series];
    while (one.next_gap < one.gaps.size() && one.gaps[one.next_gap].end <= since) ++one.next_gap;
    if (one.next_gap == one.gaps.size()) return true;
    // A row that stands in a gap is known itself, but not what came after it.
    return instant_ == since || instant_ < one.gaps[one.next_gap].start;
}

}  // namespace marketdb::analysis
