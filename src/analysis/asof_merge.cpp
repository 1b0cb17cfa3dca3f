#include "analysis/asof_merge.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace marketdb::analysis {
namespace {

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
      clock_(clock == ClockKind::received ? &BookTicker::received_at : &BookTicker::timestamp),
      instants_(std::move(instants)),
      tolerance_(tolerance) {
    for (std::size_t i = 0; i < gaps.size(); ++i) series_[i].gaps = std::move(gaps[i]);
}

AsOfQuote AsOfMerge::quote_of(const BookTicker& row) const noexcept {
    return {time_of(row), row.bid_price, row.bid_qty, row.ask_price, row.ask_qty};
}

void AsOfMerge::start_with(std::size_t series, const BookTicker& row) { series_[series].quote = quote_of(row); }

void AsOfMerge::feed(std::size_t series, std::vector<BookTicker> rows) {
    Series& one = series_[series];
    one.has_ended = rows.empty();
    one.rows = std::move(rows);
    one.position = 0;
}

std::optional<AsOfMerge::Wanted> AsOfMerge::run(AlignedBookTickers& out, std::size_t max_instants) {
    std::optional<Wanted> wanted;
    while (out.instants.size() < max_instants) {
        if (!is_present(instant_) && !find_instant(wanted)) return wanted;
        for (std::size_t i = 0; i < series_.size(); ++i) {
            if (!advance(series_[i])) return Wanted{i};
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
    Timestamp next = kNoTime;
    for (std::size_t i = 0; i < series_.size(); ++i) {
        if (instants_.driver() && *instants_.driver() != i) continue;
        const Series& one = series_[i];
        if (one.wants_rows()) {
            wanted = Wanted{i};
            return false;
        }
        if (one.has_row() && (!is_present(next) || time_of(one.rows[one.position]) < next)) {
            next = time_of(one.rows[one.position]);
        }
    }
    instant_ = next;
    return is_present(next);
}

bool AsOfMerge::advance(Series& series) const {
    const std::size_t begin = series.position;
    std::size_t at = begin;
    while (at < series.rows.size() && time_of(series.rows[at]) <= instant_) ++at;
    series.position = at;
    if (at > begin) series.quote = quote_of(series.rows[at - 1]);
    return !series.wants_rows();
}

void AsOfMerge::give_out(AlignedBookTickers& out) {
    out.instants.push_back(instant_);
    for (Series& series : series_) out.quotes.push_back(holds(series) ? series.quote : AsOfQuote{});
    instant_ = kNoTime;
}

bool AsOfMerge::holds(Series& series) const {
    const Timestamp since = series.quote.time;
    if (!is_present(since)) return false;
    if (tolerance_ && instant_ - since > *tolerance_) return false;

    while (series.next_gap < series.gaps.size() && series.gaps[series.next_gap].end <= since) ++series.next_gap;
    if (series.next_gap == series.gaps.size()) return true;
    // A row that stands in a gap is known itself, but not what came after it.
    return instant_ == since || instant_ < series.gaps[series.next_gap].start;
}

}  // namespace marketdb::analysis
