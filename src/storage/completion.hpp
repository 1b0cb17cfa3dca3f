#pragma once

#include <atomic>
#include <memory>
#include <thread>
#include <type_traits>
#include <utility>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>

/// How an engine that does its work elsewhere tells a waiting coroutine that it is done.
namespace marketdb::storage {

/// Tells whoever waits for a job that it is done. Called once, from any thread; the job may be gone when it returns.
class Completion {
 public:
    virtual ~Completion() = default;
    /// @param self  This object, whose owner is from now on the call itself.
    virtual void complete(std::unique_ptr<Completion> self) = 0;
};

/// Resumes a coroutine on its own executor, and keeps that executor from running out of work until then.
template <class Handler>
class HandlerCompletion final : public Completion {
 public:
    explicit HandlerCompletion(Handler handler)
        : work_(boost::asio::prefer(boost::asio::get_associated_executor(handler),
                                    boost::asio::execution::outstanding_work_t::tracked)),
          handler_(std::move(handler)) {}

    void complete(std::unique_ptr<Completion> self) override {
        std::unique_ptr<HandlerCompletion> last(static_cast<HandlerCompletion*>(self.release()));
        // The moment the coroutine goes on, its program may destroy the executor's context. So it goes on only when this
        // thread has left post(), and the copy of the executor that keeps the context from ending travels with it.
        const auto has_left = std::make_shared<std::atomic<bool>>(false);
        {
            const auto executor = boost::asio::get_associated_executor(last->handler_);
            boost::asio::post(executor, [last = std::move(last), has_left]() mutable {
                while (!has_left->load(std::memory_order_acquire)) std::this_thread::yield();
                // On the executor of the coroutine: whoever cancels must be here too, so nobody looks at the slot now.
                auto slot = boost::asio::get_associated_cancellation_slot(last->handler_);
                if (slot.is_connected()) slot.clear();
                Handler handler(std::move(last->handler_));
                last.reset();
                std::move(handler)();
            });
        }
        has_left->store(true, std::memory_order_release);
    }

 private:
    using Tracked =
        std::decay_t<decltype(boost::asio::prefer(boost::asio::get_associated_executor(std::declval<const Handler&>()),
                                                  boost::asio::execution::outstanding_work_t::tracked))>;
    Tracked work_;
    Handler handler_;
};

}  // namespace marketdb::storage
