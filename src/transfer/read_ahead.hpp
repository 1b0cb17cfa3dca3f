#pragma once

#include <cstddef>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/concurrent_channel.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <marketdb/database_manager.hpp>

namespace marketdb::transfer {

/// Reads the next batch of a history while the caller works on the one before, in another database.
///
/// Threads:  one coroutine. Lifetime: the manager outlives it. A batch that is under way when this goes is read and forgotten.
template <class Row>
class ReadAhead {
 public:
    ReadAhead(HistoryReader<Row> reader, std::size_t batch_rows, const boost::asio::any_io_executor& executor)
        : executor_(executor), state_(std::make_shared<State>(std::move(reader), batch_rows, executor)) {}

    /// The next rows; empty at the end. Errors: as HistoryReader::next.
    boost::asio::awaitable<std::vector<Row>> next() {
        if (!is_reading_) start();
        co_await state_->done.async_receive(boost::asio::use_awaitable);
        is_reading_ = false;
        if (state_->failure != nullptr) std::rethrow_exception(state_->failure);
        std::vector<Row> rows = std::move(state_->rows);
        if (!rows.empty()) start();
        co_return rows;
    }

 private:
    /// Shared with the coroutine that reads.
    struct State {
        State(HistoryReader<Row> from, std::size_t rows_at_once, const boost::asio::any_io_executor& executor)
            : reader(std::move(from)), batch_rows(rows_at_once), done(executor, 1) {}

        HistoryReader<Row> reader;
        std::size_t batch_rows;
        std::vector<Row> rows;
        std::exception_ptr failure;
        boost::asio::experimental::concurrent_channel<void(boost::system::error_code)> done;
    };

    void start() {
        is_reading_ = true;
        boost::asio::co_spawn(executor_, read(state_), boost::asio::detached);
    }

    static boost::asio::awaitable<void> read(std::shared_ptr<State> state) {
        try {
            std::vector<Row> rows = co_await state->reader.next(state->batch_rows);
            state->rows = std::move(rows);
        } catch (...) {
            state->failure = std::current_exception();
        }
        state->done.try_send(boost::system::error_code());
    }

    boost::asio::any_io_executor executor_;
    std::shared_ptr<State> state_;
    bool is_reading_ = false;
};

}  // namespace marketdb::transfer
