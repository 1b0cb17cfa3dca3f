#include "manager/history.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include <marketdb/error.hpp>

#include "core/refuse.hpp"

namespace marketdb {
namespace {

using storage::Role;
using storage::Table;

constexpr std::size_t kRowsInMemory = 262'144;  // of all cursors together
constexpr std::size_t kMaxChunkRows = 65'536;
constexpr std::size_t kMinChunkRows = 64;
constexpr std::size_t kMaxWindowRows = 4'194'304;  // of the received clock; stated in the public header

std::int64_t bucket_of(Timestamp time, std::chrono::microseconds every) noexcept {
    return time.time_since_epoch().count() / every.count();  // times are never before 1970
}

Timestamp shifted(Timestamp time, std::chrono::microseconds by) noexcept {
    const Timestamp moved = time + by;
    return std::clamp(moved, kMinTime, kMaxTime + std::chrono::microseconds{1});
}

using core::refuse;

std::vector<std::byte> copy_row(const Table& table, const std::byte* row) { return {row, row + table.row_size}; }

}  // namespace

HistoryPlan plan_history(const Table& table, const HistoryFilter& filter) {
    refuse(filter.every.count() < 0, "every: expected a positive length of time");
    refuse(filter.last.count() < 0, "last: expected a positive length of time");
    refuse(filter.last.count() > 0 && is_present(filter.start), "last and start exclude each other");
    core::refuse_backward(filter.start, filter.end);
    HistoryPlan plan;
    plan.table = &table;
    plan.start = filter.start;
    plan.end = filter.end;
    plan.last = filter.last;
    plan.descending = filter.order == Order::descending;
    plan.clock = filter.clock;
    plan.every = filter.every;
    plan.limit = filter.limit;
    plan.with_coverage = filter.with_coverage;
    if (is_present(filter.after.timestamp)) {
        refuse(filter.clock == ClockKind::received && !is_present(filter.after.received_at),
               "after: reading by the received clock goes on after a row that has received_at");
        plan.after = filter.after;
    }
    return plan;
}

std::vector<std::byte> row_at(const Table& table, const RowKey& key) {
    std::vector<std::byte> row(table.row_size);
    for (const storage::Column& column : table.columns) storage::set_absent(row.data(), column);

    storage::SeriesKey series;
    series.id = key.series;
    const std::string_view text = key.text.view();
    if (table.dataset == Dataset::balances) {
        const std::size_t split = std::min(text.find('\0'), text.size());
        series.account = text.substr(0, split);
        series.asset = text.substr(std::min(split + 1, text.size()));
    }
    storage::set_series(table, row.data(), series);
    storage::store(row.data(), *table.find(Role::event_time), key.timestamp);
    storage::store(row.data(), *table.find(Role::received_at), key.received_at);
    if (const storage::Column* sequence = table.find(Role::sequence))
        storage::store(row.data(), *sequence, key.sequence);
    if (const storage::Column* trade_id = table.find("trade_id"))
        trade_id->set_text(row.data() + trade_id->offset, text);
    if (const storage::Column* kind = table.find("kind")) {
        storage::store(row.data(), *kind, static_cast<std::uint8_t>(key.sequence));
    }
    return row;
}

AnswerOrder::AnswerOrder(const Table& table, ClockKind clock, bool descending)
    : table_(&table),
      clock_(table.find(clock == ClockKind::received ? Role::received_at : Role::event_time)),
      descending_(descending) {}

bool AnswerOrder::before(const std::byte* a, const std::byte* b) const noexcept {
    if (descending_) std::swap(a, b);
    if (time(a) != time(b)) return time(a) < time(b);
    if (const int series = storage::compare(a, b, *table_, table_->series); series != 0) return series < 0;
    return storage::compare(a, b, *table_, table_->order) < 0;
}

SeriesCursor::SeriesCursor(const HistoryPlan& plan, const storage::SeriesKey& series,
                           std::optional<storage::SeriesInfo> known, std::size_t chunk_rows)
    : plan_(&plan),
      order_(*plan.table, plan.clock, plan.descending),
      chunk_(*plan.table),
      rows_(*plan.table),
      chunk_rows_(std::min<std::size_t>(chunk_rows, 1'024)),
      max_chunk_rows_(chunk_rows) {
    Timestamp start = plan.start;
    Timestamp end = plan.end;
    if (plan.after) {
        after_ = row_at(*plan.table, *plan.after);
        const Timestamp reached = order_.time(after_.data());
        // Going down, a bucket's row may stand anywhere in it: sampling must see the whole bucket again, and the rows
        // that were given out already are dropped after it.
        const std::chrono::microseconds whole = plan.every.count() > 0 ? plan.every : std::chrono::microseconds{1};
        if (!plan.descending) {
            start = is_present(start) ? std::max(start, reached) : reached;
        } else {
            const Timestamp border{whole * (bucket_of(reached, whole) + 1)};
            end = is_present(end) ? std::min(end, border) : border;
        }
    }
    if (plan.clock == ClockKind::received && known) {
        min_skew_ = std::chrono::microseconds{known->min_skew_us};
        max_skew_ = std::chrono::microseconds{known->max_skew_us};
        if (is_present(start)) start = shifted(start, -max_skew_);
        if (is_present(end)) end = shifted(end, -min_skew_);
    }
    request_.table = plan.table;
    request_.series = series;
    request_.start = start;
    request_.end = end;
    request_.descending = plan.descending;
}

boost::asio::awaitable<void> SeriesCursor::fill(storage::Engine& engine, Deadline deadline) {
    rows_.clear();
    position_ = 0;
    while (!finished_ && !has_row()) {
        chunk_.clear();
        request_.limit = chunk_rows_;
        request_.after = last_read_.empty() ? nullptr : last_read_.data();
        const storage::ScanRequest request = request_;
        co_await engine.scan(request, chunk_, deadline);

        for (std::size_t i = 0; i < chunk_.size(); ++i) take(chunk_[i]);
        if (chunk_.size() < chunk_rows_) {
            end();
        } else {
            last_read_ = copy_row(*plan_->table, chunk_[chunk_.size() - 1]);
        }
        chunk_rows_ = std::min(chunk_rows_ * 4, max_chunk_rows_);
    }
}

void SeriesCursor::take(const std::byte* row) {
    if (plan_->clock == ClockKind::event) return sample(row);

    const Timestamp received = order_.time(row);
    if (!is_present(received)) {
        ++without_received_at_;
        return;
    }
    const auto event = storage::load<Timestamp>(row, *plan_->table->find(Role::event_time));
    // A row to come has this event time or a later one (earlier, going down), so it was not received before
    // event + min_skew (after event + max_skew).
    release(shifted(event, plan_->descending ? max_skew_ : min_skew_));
    if (is_present(plan_->start) && received < plan_->start) return;
    if (is_present(plan_->end) && received >= plan_->end) return;
    reorder(row);
}

void SeriesCursor::reorder(const std::byte* row) {
    if (window_.size() >= kMaxWindowRows) {
        throw Error(
            ErrorCode::resource_exhausted,
            "reading by the received clock: more than 4194304 rows lie between two clocks that differ by up to " +
                std::to_string((max_skew_ - min_skew_).count() / 1'000'000) +
                " s; read a shorter range, or by the event clock");
    }
    window_.push_back(copy_row(*plan_->table, row));
    std::push_heap(window_.begin(), window_.end(),
                   [this](const auto& a, const auto& b) { return order_.before(b.data(), a.data()); });
}

void SeriesCursor::release(Timestamp reached) {
    const auto later = [this](const auto& a, const auto& b) { return order_.before(b.data(), a.data()); };
    while (!window_.empty()) {
        const Timestamp next = order_.time(window_.front().data());
        if (is_present(reached) && (plan_->descending ? next <= reached : next >= reached)) return;
        std::pop_heap(window_.begin(), window_.end(), later);
        sample(window_.back().data());
        window_.pop_back();
    }
}

void SeriesCursor::sample(const std::byte* row) {
    if (plan_->every.count() <= 0) return emit(row);

    const std::int64_t bucket = bucket_of(order_.time(row), plan_->every);
    if (plan_->descending) {
        if (bucket_ != bucket) emit(row);
    } else {
        if (bucket_ && *bucket_ != bucket) emit(held_.data());
        held_ = copy_row(*plan_->table, row);
    }
    bucket_ = bucket;
}

void SeriesCursor::emit(const std::byte* row) {
    if (!after_.empty() && !order_.before(after_.data(), row)) return;
    rows_.push(row);
}

void SeriesCursor::end() {
    finished_ = true;
    release(kNoTime);
    if (!plan_->descending && bucket_) emit(held_.data());
}

HistoryStream::HistoryStream(std::unique_ptr<HistoryPlan> plan, std::vector<storage::SeriesInfo> known)
    : plan_(std::move(plan)), order_(*plan_->table, plan_->clock, plan_->descending) {
    if (is_plain()) {
        if (plan_->after) plain_after_ = row_at(*plan_->table, *plan_->after);
        return;
    }
    const std::size_t chunk =
        std::clamp(kRowsInMemory / std::max<std::size_t>(plan_->series.size(), 1), kMinChunkRows, kMaxChunkRows);
    std::sort(known.begin(), known.end(), [](const auto& a, const auto& b) { return a.series < b.series; });
    cursors_.reserve(plan_->series.size());
    for (const storage::SeriesKey& series : plan_->series) {
        const auto found = std::lower_bound(known.begin(), known.end(), series,
                                            [](const auto& one, const auto& wanted) { return one.series < wanted; });
        std::optional<storage::SeriesInfo> info;
        if (found != known.end() && found->series == series) info = *found;
        cursors_.emplace_back(*plan_, series, info, chunk);
    }
}

bool HistoryStream::is_plain() const {
    return plan_->series.size() == 1 && plan_->clock == ClockKind::event && plan_->every.count() <= 0 &&
           (!plan_->after ||
            storage::series_of(*plan_->table, row_at(*plan_->table, *plan_->after).data()) == plan_->series.front());
}

std::uint64_t HistoryStream::without_received_at() const noexcept {
    std::uint64_t sum = 0;
    for (const SeriesCursor& cursor : cursors_) sum += cursor.without_received_at();
    return sum;
}

namespace {

/// Passes rows on, counts them and remembers the last.
class CountingSink final : public storage::RowSink {
 public:
    CountingSink(const Table& table, storage::RowSink& next) : table_(table), next_(next) {}

    std::byte* slot() override { return row_ = next_.slot(); }
    bool commit() override {
        ++count_;
        return next_.commit();
    }
    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    /// The last row; valid until the next sink's memory moves.
    [[nodiscard]] std::vector<std::byte> last() const { return copy_row(table_, row_); }

 private:
    const Table& table_;
    storage::RowSink& next_;
    std::byte* row_ = nullptr;
    std::uint64_t count_ = 0;
};

}  // namespace

boost::asio::awaitable<std::uint64_t> HistoryStream::read_plain(storage::Engine& engine, storage::RowSink& sink,
                                                                std::uint64_t max_rows, Deadline deadline) {
    if (plain_finished_) co_return 0;

    storage::ScanRequest request;
    request.table = plan_->table;
    request.series = plan_->series.front();
    request.start = plan_->start;
    request.end = plan_->end;
    request.descending = plan_->descending;
    request.limit = max_rows;
    request.after = plain_after_.empty() ? nullptr : plain_after_.data();
    CountingSink counting(*plan_->table, sink);
    co_await engine.scan(request, counting, deadline);

    plain_finished_ = counting.count() < max_rows;
    if (counting.count() > 0) plain_after_ = counting.last();
    co_return counting.count();
}

boost::asio::awaitable<void> HistoryStream::start(storage::Engine& engine, Deadline deadline) {
    const auto later = [this](const SeriesCursor* a, const SeriesCursor* b) {
        return order_.before(b->row(), a->row());
    };
    heap_.clear();
    for (SeriesCursor& cursor : cursors_) {
        if (!cursor.has_row()) co_await cursor.fill(engine, deadline);
        if (cursor.has_row()) heap_.push_back(&cursor);
    }
    std::make_heap(heap_.begin(), heap_.end(), later);
    started_ = true;
}

boost::asio::awaitable<std::uint64_t> HistoryStream::read(storage::Engine& engine, storage::RowSink& sink,
                                                          std::uint64_t max_rows, Deadline deadline) {
    if (max_rows == 0 || plan_->series.empty()) co_return 0;
    if (is_plain()) {
        const std::uint64_t count = co_await read_plain(engine, sink, max_rows, deadline);
        co_return count;
    }
    if (!started_) co_await start(engine, deadline);

    const auto later = [this](const SeriesCursor* a, const SeriesCursor* b) {
        return order_.before(b->row(), a->row());
    };
    std::uint64_t count = 0;
    while (count < max_rows && !heap_.empty()) {
        std::pop_heap(heap_.begin(), heap_.end(), later);
        SeriesCursor* next = heap_.back();
        heap_.pop_back();
        std::memcpy(sink.slot(), next->row(), plan_->table->row_size);
        next->pop();
        ++count;
        if (!sink.commit()) max_rows = count;
        if (!next->has_row()) co_await next->fill(engine, deadline);
        if (!next->has_row()) continue;
        heap_.push_back(next);
        std::push_heap(heap_.begin(), heap_.end(), later);
    }
    co_return count;
}

}  // namespace marketdb
