#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <marketdb/deadline.hpp>

namespace marketdb::storage::postgres {

/// How a wait for a socket ended.
enum class SocketEvent : std::uint8_t {
    ready,
    late,       ///< The deadline passed.
    cancelled,  ///< The caller does not want it any more.
    closed,     ///< There is no socket.
};

/// Waits for what a socket has to say.
///
/// Threads:  one wait at a time, all on the executor.
/// Lifetime: made by `make_shared`. The handlers of its own waits may come after whoever made it has gone.
class SocketWatch : public std::enable_shared_from_this<SocketWatch> {
 public:
    /// Watches a descriptor of its own for the socket: libpq closes its own when a link breaks, and its number may be that of
    /// another connection before this one is let go.
    ///
    /// Errors: resource_exhausted  no descriptor is left.
    SocketWatch(const boost::asio::any_io_executor& executor, int socket);

    /// Until there is something to read. Of all waits this is the one that an operation of one row feels: it goes on within the
    /// turn of the loop that saw the answer.
    boost::asio::awaitable<SocketEvent> until_readable(Deadline deadline);
    boost::asio::awaitable<SocketEvent> until_readable_or_writable(Deadline deadline);
    /// No wait may be under way.
    void close() noexcept;

 private:
    using Moment = std::chrono::steady_clock::time_point;

    /// Sees to it that a wait to read that is under way ends at its time. Most end long before: an alarm that is set already and
    /// comes earlier is left to set the next one.
    void set_alarm(Moment at);
    /// Begins to wait for something, unless it does already, and wakes who waits when it happens.
    void arm(boost::asio::posix::stream_descriptor::wait_type what, bool SocketWatch::*armed,
             bool SocketWatch::*happened);

    boost::asio::posix::stream_descriptor descriptor_;
    boost::asio::steady_timer
        wake_;  // its waiter goes on at its time, or when it is cancelled because something happened
    boost::asio::steady_timer alarm_;
    Moment alarm_at_ = Moment::max();     // never: none is set
    Moment waits_until_ = Moment::max();  // of the wait to read that is under way; never: none is
    bool readable_ = false;
    bool writable_ = false;
    bool waits_for_read_ = false;
    bool waits_for_write_ = false;
};

}  // namespace marketdb::storage::postgres
