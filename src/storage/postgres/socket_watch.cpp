#include "storage/postgres/socket_watch.hpp"

#include <fcntl.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "core/late.hpp"

namespace marketdb::storage::postgres {

namespace asio = boost::asio;

namespace {

int doubled(int socket) {
    const int own = ::fcntl(socket, F_DUPFD_CLOEXEC, 0);
    if (own >= 0) return own;
    throw Error(ErrorCode::resource_exhausted,
                fmt::format("a connection wants two descriptors: {}", std::generic_category().message(errno)));
}

bool is_unwanted(const asio::cancellation_state& state, bool throws) {
    return throws && state.cancelled() != asio::cancellation_type::none;
}

}  // namespace

SocketWatch::SocketWatch(const asio::any_io_executor& executor, int socket)
    : descriptor_(executor, doubled(socket)), wake_(executor), alarm_(executor) {}

void SocketWatch::close() noexcept {
    boost::system::error_code ignored;
    descriptor_.close(ignored);
    alarm_.cancel();
}

void SocketWatch::set_alarm(Moment at) {
    if (alarm_at_ <= at) return;
    alarm_at_ = at;
    alarm_.expires_at(at);
    alarm_.async_wait([self = shared_from_this()](const boost::system::error_code& failed) {
        if (failed) return;
        self->alarm_at_ = Moment::max();
        if (std::chrono::steady_clock::now() >= self->waits_until_) {
            self->descriptor_.cancel();
        } else {
            self->set_alarm(self->waits_until_);
        }
    });
}

asio::awaitable<SocketEvent> SocketWatch::until_readable(Deadline deadline) {
    for (;;) {
        // What a wait to read or write has left behind.
        if (std::exchange(readable_, false)) co_return SocketEvent::ready;
        if (core::has_passed(deadline)) co_return SocketEvent::late;
        waits_until_ = deadline.at;
        set_alarm(deadline.at);
        boost::system::error_code failed;
        co_await descriptor_.async_wait(asio::posix::stream_descriptor::wait_read,
                                        asio::redirect_error(asio::use_awaitable, failed));
        waits_until_ = Moment::max();
        const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
        const bool throws = co_await asio::this_coro::throw_if_cancelled();
        if (is_unwanted(state, throws)) co_return SocketEvent::cancelled;
        if (!failed) co_return SocketEvent::ready;
        // It was the alarm, or there is no socket any more.
        if (failed != asio::error::operation_aborted) co_return SocketEvent::closed;
    }
}

asio::awaitable<SocketEvent> SocketWatch::until_readable_or_writable(Deadline deadline) {
    arm(asio::posix::stream_descriptor::wait_read, &SocketWatch::waits_for_read_, &SocketWatch::readable_);
    arm(asio::posix::stream_descriptor::wait_write, &SocketWatch::waits_for_write_, &SocketWatch::writable_);
    while (!readable_ && !writable_) {
        if (core::has_passed(deadline)) co_return SocketEvent::late;
        wake_.expires_at(deadline.at);
        boost::system::error_code ignored;
        // A cancelled timer is an event, or the wish of the caller; which of them is seen below.
        co_await wake_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
        const bool throws = co_await asio::this_coro::throw_if_cancelled();
        if (is_unwanted(state, throws)) co_return SocketEvent::cancelled;
    }
    readable_ = false;
    writable_ = false;
    co_return SocketEvent::ready;
}

void SocketWatch::arm(asio::posix::stream_descriptor::wait_type what, bool SocketWatch::*armed,
                      bool SocketWatch::*happened) {
    if (std::exchange(this->*armed, true)) return;
    descriptor_.async_wait(what, [self = shared_from_this(), armed, happened](const boost::system::error_code& failed) {
        (*self).*armed = false;
        if (failed == asio::error::operation_aborted) return;
        (*self).*happened = true;
        self->wake_.cancel();
    });
}

}  // namespace marketdb::storage::postgres
