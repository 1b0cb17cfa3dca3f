#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>

#include <marketdb/error.hpp>

namespace marketdb::testing {

/// An operation that was started and can be cancelled: its result or its error arrives here. What the context's thread
/// touches is shared with it: a wish to cancel may come when the operation, and this object, are gone.
class Started {
 public:
    template <class T>
    Started(const boost::asio::any_io_executor& executor, boost::asio::awaitable<T> operation) {
        boost::asio::co_spawn(executor, std::move(operation),
                              boost::asio::bind_cancellation_slot(
                                  state_->signal.slot(), [state = state_](std::exception_ptr failure, auto&&...) {
                                      state->failure = failure;
                                      state->done.store(true);
                                  }));
    }

    template <class T>
    Started(boost::asio::io_context& context, boost::asio::awaitable<T> operation)
        : Started(boost::asio::any_io_executor(context.get_executor()), std::move(operation)) {}

    /// Cancels at once. For the thread that runs the executor.
    void cancel(boost::asio::cancellation_type type) { state_->signal.emit(type); }
    /// Cancels on the context's thread, where the operation was started.
    void cancel(boost::asio::io_context& context) {
        boost::asio::post(context, [state = state_] { state->signal.emit(boost::asio::cancellation_type::terminal); });
    }
    [[nodiscard]] bool is_done() const noexcept { return state_->done.load(); }
    /// None: it succeeded.
    [[nodiscard]] std::optional<ErrorCode> code() const {
        if (!state_->failure) return std::nullopt;
        try {
            std::rethrow_exception(state_->failure);
        } catch (const Error& error) {
            return error.code();
        } catch (const boost::system::system_error& error) {
            // Cancelled before the manager's own code began: Asio says so itself.
            EXPECT_EQ(error.code(), boost::asio::error::operation_aborted);
            return ErrorCode::cancelled;
        }
    }

    /// Empty: it succeeded.
    [[nodiscard]] std::string what() const {
        if (!state_->failure) return {};
        try {
            std::rethrow_exception(state_->failure);
        } catch (const std::exception& error) {
            return error.what();
        }
    }

 private:
    struct State {
        boost::asio::cancellation_signal signal;
        std::exception_ptr failure;
        std::atomic<bool> done{false};
    };
    std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace marketdb::testing
