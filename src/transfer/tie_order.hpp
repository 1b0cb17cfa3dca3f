#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>
#include <vector>

#include <marketdb/queries.hpp>

namespace marketdb::transfer {

/// Brings rows of one time into an order that does not depend on ids, which differ between databases: an export of the same
/// rows is the same text whatever the order in which their symbols were created. Rows come in time order and leave in time
/// order; those of the last time are held back until a later one is seen.
///
/// @tparam Before  `(const Row&, const Row&) -> bool`: whether the series of one comes before the other's.
template <class Row, class Before>
class TieOrder {
 public:
    /// So many rows of one time are held at most; more leave in the order in which they came.
    static constexpr std::size_t kMaxHeld = 200'000;

    TieOrder(ClockKind clock, Before before) : clock_(clock), before_(std::move(before)) {}

    /// The rows that can leave, in order.
    [[nodiscard]] std::vector<Row> pass(std::vector<Row> rows, bool is_last) {
        held_.insert(held_.end(), rows.begin(), rows.end());
        std::vector<Row> ready = std::exchange(held_, {});
        auto end = is_last ? ready.end() : begin_of_last_time(ready);
        if (static_cast<std::size_t>(ready.end() - end) > kMaxHeld) end = ready.end();
        held_.assign(end, ready.end());
        ready.erase(end, ready.end());
        sort_ties(ready);
        return ready;
    }

 private:
    using Iterator = typename std::vector<Row>::iterator;

    [[nodiscard]] Timestamp time_of(const Row& row) const noexcept {
        return clock_ == ClockKind::event ? row.timestamp : row.received_at;
    }
    [[nodiscard]] Iterator begin_of_last_time(std::vector<Row>& rows) const {
        auto at = rows.end();
        while (at != rows.begin() && time_of(*std::prev(at)) == time_of(rows.back())) --at;
        return at;
    }
    void sort_ties(std::vector<Row>& rows) const {
        for (auto first = rows.begin(); first != rows.end();) {
            const Timestamp time = time_of(*first);
            const auto last = std::find_if(first, rows.end(), [&](const Row& row) { return time_of(row) != time; });
            // Stable: within a series the rows stay as the database ordered them.
            if (last - first > 1) std::stable_sort(first, last, before_);
            first = last;
        }
    }

    ClockKind clock_;
    Before before_;
    std::vector<Row> held_;
};

}  // namespace marketdb::transfer
