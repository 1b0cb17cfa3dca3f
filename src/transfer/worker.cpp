#include "transfer/worker.hpp"

#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace marketdb::transfer {

Worker::Worker(const boost::asio::any_io_executor& resume_on) : done_(resume_on, 1), pool_(1) {}

Worker::~Worker() { pool_.join(); }

void Worker::start(std::function<void()> job) {
    boost::asio::post(pool_, [this, job = std::move(job)]() mutable {
        std::exception_ptr failure;
        try {
            job();
        } catch (...) {
            failure = std::current_exception();
        }
        // What the job holds must be gone when the waiting coroutine goes on.
        job = nullptr;
        done_.try_send(boost::system::error_code(), std::move(failure));
    });
}

boost::asio::awaitable<void> Worker::finished() {
    const std::exception_ptr failure = co_await done_.async_receive(boost::asio::use_awaitable);
    if (failure != nullptr) std::rethrow_exception(failure);
}

}  // namespace marketdb::transfer
