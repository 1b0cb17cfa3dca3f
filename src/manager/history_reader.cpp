#include <limits>
#include <utility>

#include "manager/impl.hpp"

namespace marketdb {

/// What a reader is between two batches: the question until the first, then the stream.
template <class Row>
class HistoryReader<Row>::State {
 public:
    State(std::shared_ptr<DatabaseManager::Impl> impl, HistoryPlan plan, OwnedSeriesFilter series)
        : impl_(std::move(impl)),
          plan_(std::move(plan)),
          series_(std::move(series)),
          left_(plan_.limit > 0 ? plan_.limit : std::numeric_limits<std::uint64_t>::max()) {}

    static boost::asio::awaitable<std::vector<Row>> next(State* state, std::size_t max_rows, Deadline deadline) {
        if (state->failed_) {
            throw Error(ErrorCode::closed,
                        "the reader failed before; open a new one with after = key_of(the last row that was read)");
        }
        state->failed_ = true;  // until this batch is whole
        if (!state->stream_) {
            HistoryStream stream = co_await state->impl_->open_history(state->plan_, state->series_, deadline);
            state->stream_.emplace(std::move(stream));
        }
        std::vector<Row> rows;
        VectorSink<Row> sink(rows);
        const std::uint64_t wanted = std::min<std::uint64_t>(max_rows, state->left_);
        const std::uint64_t count = co_await state->stream_->read(state->impl_->engine(), sink, wanted, deadline);
        state->left_ -= count;
        state->failed_ = false;
        co_return rows;
    }

    [[nodiscard]] DatabaseManager::Impl& impl() const noexcept { return *impl_; }
    [[nodiscard]] const std::shared_ptr<DatabaseManager::Impl>& shared_impl() const noexcept { return impl_; }
    [[nodiscard]] std::uint64_t without_received_at() const noexcept {
        return stream_ ? stream_->without_received_at() : 0;
    }

 private:
    std::shared_ptr<DatabaseManager::Impl> impl_;
    HistoryPlan plan_;
    OwnedSeriesFilter series_;
    std::optional<HistoryStream> stream_;
    std::uint64_t left_;
    bool failed_ = false;
};

template <class Row>
HistoryReader<Row>::HistoryReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
template <class Row>
HistoryReader<Row>::HistoryReader(HistoryReader&&) noexcept = default;
template <class Row>
HistoryReader<Row>& HistoryReader<Row>::operator=(HistoryReader&&) noexcept = default;
template <class Row>
HistoryReader<Row>::~HistoryReader() = default;

template <class Row>
boost::asio::awaitable<std::vector<Row>> HistoryReader<Row>::next(std::size_t max_rows, Deadline deadline) {
    if (max_rows == 0) throw Error(ErrorCode::invalid_argument, "max_rows: expected at least 1");
    const Deadline resolved = state_->impl().resolve(deadline);
    return DatabaseManager::Impl::run(state_->shared_impl(), State::next(state_.get(), max_rows, resolved));
}

template <class Row>
std::uint64_t HistoryReader<Row>::without_received_at() const noexcept {
    return state_->without_received_at();
}

template <class Row>
HistoryReader<Row> DatabaseManager::read_history(HistoryFilter filter) {
    using State = typename HistoryReader<Row>::State;
    HistoryPlan plan = plan_history(storage::table_of<Row>(), filter);
    return HistoryReader<Row>(std::make_unique<State>(impl_, std::move(plan), OwnedSeriesFilter(filter.series)));
}

template class HistoryReader<BookTicker>;
template class HistoryReader<Trade>;
template class HistoryReader<FundingRate>;
template class HistoryReader<Balance>;
template HistoryReader<BookTicker> DatabaseManager::read_history(HistoryFilter);
template HistoryReader<Trade> DatabaseManager::read_history(HistoryFilter);
template HistoryReader<FundingRate> DatabaseManager::read_history(HistoryFilter);
template HistoryReader<Balance> DatabaseManager::read_history(HistoryFilter);

}  // namespace marketdb
