#pragma once

#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <marketdb/error.hpp>

#include "storage/completion.hpp"

namespace marketdb::storage::postgres {

/// An operation that runs on one executor for a coroutine that waits on another. A wish to cancel travels to the operation's
/// executor, where alone it may be told.
template <class T>
class RemoteJob {
 public:
    RemoteJob(boost::asio::any_io_executor executor, boost::asio::awaitable<T> operation)
        : executor_(std::move(executor)), operation_(std::move(operation)) {}

    /// Begins; `handler` is called on its own executor when the job is done.
    template <class Handler>
    static void start(const std::shared_ptr<RemoteJob>& job, Handler handler) {
        auto slot = boost::asio::get_associated_cancellation_slot(handler);
        if (slot.is_connected()) {
            slot.assign([job](boost::asio::cancellation_type type) {
                boost::asio::post(job->executor_, [job, type] { job->cancel(type); });
            });
        }
        job->completion_ = std::make_unique<HandlerCompletion<Handler>>(std::move(handler));
        // Asio looks into the signal once more after run() has ended, so its handler keeps the job.
        boost::asio::co_spawn(
            job->executor_, run(job),
            boost::asio::bind_cancellation_slot(job->signal_.slot(), [job](const std::exception_ptr&) {}));
    }

    /// After completion. Errors: what the operation threw.
    T take() {
        if (failure_) std::rethrow_exception(failure_);
        if constexpr (!std::is_void_v<T>) return std::move(*value_);
    }

 private:
    using Value = std::conditional_t<std::is_void_v<T>, char, T>;

    static boost::asio::awaitable<void> run(std::shared_ptr<RemoteJob> job) {
        // What the caller's own coroutine lets through is meant; a new one would hear of `terminal` only.
        co_await boost::asio::this_coro::reset_cancellation_state(boost::asio::enable_total_cancellation());
        job->running_ = true;
        try {
            if (job->cancelled_) throw Error(ErrorCode::cancelled, "the operation was cancelled before it began");
            if constexpr (std::is_void_v<T>) {
                co_await std::move(job->operation_);
            } else {
                job->value_.emplace(co_await std::move(job->operation_));
            }
        } catch (...) {
            job->failure_ = std::current_exception();
        }
        job->running_ = false;
        std::unique_ptr<Completion> completion = std::move(job->completion_);
        Completion* waiting = completion.get();
        waiting->complete(std::move(completion));
    }

    /// A coroutine that has not begun, or has ended, must not be told: Asio 1.26 lets that escape from the context's run().
    void cancel(boost::asio::cancellation_type type) {
        cancelled_ = true;
        if (running_) signal_.emit(type);
    }

    boost::asio::any_io_executor executor_;
    boost::asio::awaitable<T> operation_;
    boost::asio::cancellation_signal signal_;
    std::unique_ptr<Completion> completion_;
    std::optional<Value> value_;
    std::exception_ptr failure_;
    bool running_ = false;
    bool cancelled_ = false;
};

/// Runs an operation on an executor and comes back to one's own; without a detour if it is the same.
template <class T>
boost::asio::awaitable<T> run_on(boost::asio::any_io_executor executor, boost::asio::awaitable<T> operation) {
    const boost::asio::any_io_executor here = co_await boost::asio::this_coro::executor;
    if (here == executor) {
        if constexpr (std::is_void_v<T>) {
            co_await std::move(operation);
            co_return;
        } else {
            T result = co_await std::move(operation);
            co_return result;
        }
    }
    const auto job = std::make_shared<RemoteJob<T>>(executor, std::move(operation));
    const std::shared_ptr<RemoteJob<T>>* pointer = &job;
    // GCC 12 destroys closures inside a co_await expression twice, so it has a name and holds a pointer only.
    auto initiate = [pointer](auto handler) { RemoteJob<T>::start(*pointer, std::move(handler)); };
    const boost::asio::use_awaitable_t<> token;
    co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(initiate, token);
    co_return job->take();
}

}  // namespace marketdb::storage::postgres
