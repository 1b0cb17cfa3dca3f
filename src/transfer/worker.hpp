#pragma once

#include <exception>
#include <functional>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/experimental/concurrent_channel.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/system/error_code.hpp>

namespace marketdb::transfer {

/// One thread for work that blocks (reading, decompressing, parsing, hashing, writing), so that it runs beside the
/// database and never on the caller's executor.
///
/// Threads:  `start` and `finished` from one coroutine. The destructor waits for the job that runs.
/// Lifetime: what a job refers to must live until it is finished or the worker is gone.
class Worker {
 public:
    explicit Worker(const boost::asio::any_io_executor& resume_on);
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    /// Begins a job. The one before must have been awaited.
    void start(std::function<void()> job);

    /// Waits for the job; what it threw is thrown here.
    /// Errors: boost::system::system_error  the waiting coroutine was cancelled; the job goes on.
    boost::asio::awaitable<void> finished();

 private:
    using Done = boost::asio::experimental::concurrent_channel<void(boost::system::error_code, std::exception_ptr)>;

    Done done_;
    boost::asio::thread_pool pool_;  // after done_: its thread ends before the channel does
};

}  // namespace marketdb::transfer
