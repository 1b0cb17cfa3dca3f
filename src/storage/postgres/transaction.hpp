#pragma once

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>

#include <marketdb/deadline.hpp>

#include "storage/postgres/connection.hpp"
#include "storage/postgres/pool.hpp"

/// Round trips with what belongs around them: the deadline told to the server, BEGIN and COMMIT, and a clean connection left
/// behind whatever happens.
namespace marketdb::storage::postgres {

/// A step of each statement, which must live as long.
[[nodiscard]] std::vector<Step> steps_of(std::span<const std::string> statements);

/// Reads in one round trip; what it finds is of one moment only within one statement. The deadline reaches the server. This and what
/// follows send nothing for which it is too late, and are a `timeout` then.
boost::asio::awaitable<std::vector<Result>> read(Connection& connection, std::span<const Step> steps,
                                                 Deadline deadline);
boost::asio::awaitable<Result> read_one(Connection& connection, Step step, Deadline deadline);

/// Begins a transaction and runs the first statements of it, in one round trip.
boost::asio::awaitable<std::vector<Result>> begin(Connection& connection, std::span<const Step> steps,
                                                  Deadline deadline);

/// A whole transaction in one round trip. A wish to cancel, or the end of the deadline, is passed on to the server, which then
/// says what became of it.
///
/// Errors: cancelled, timeout  the server has undone it; in_doubt  the link broke, or the server said nothing for a second
///         after it was asked to stop.
boost::asio::awaitable<std::vector<Result>> run_whole(Connection& connection, std::span<const Step> steps,
                                                      Deadline deadline);

/// The text that begins a transaction for a COPY. The server's own limit is lifted: it would count the time in which it waits
/// for us. It sends no notices.
[[nodiscard]] std::string begin_for_copy();
/// What to put in front of a COPY .. TO STDOUT so that the deadline reaches the server; empty if it knows.
[[nodiscard]] std::string timeout_prefix(Connection& connection, Deadline deadline);

/// Runs the last statements of a transaction and commits, in one round trip. A wish to cancel comes too late now and is not
/// heeded; whoever calls this must not suspend again before it has told its own caller.
///
/// Errors: timeout   it is too late; nothing was sent, and the transaction is still open.
///         in_doubt  the link broke, or the deadline passed, before the server had confirmed.
boost::asio::awaitable<std::vector<Result>> commit(Connection& connection, std::span<const Step> steps,
                                                   Deadline deadline);
boost::asio::awaitable<void> commit(Connection& connection, Deadline deadline);

/// Brings a connection back from a failed operation. Not cancelled, does not throw.
boost::asio::awaitable<void> recover(Connection& connection);

/// Takes a connection from the pool, runs `body(connection)`, and gives the connection back clean. If the server no longer has a
/// statement prepared, or its tables changed since, the whole is tried once more without prepared ones: nothing of it was done.
///
/// @param body  A callable that returns an awaitable. Must outlive the call.
template <class Body>
std::invoke_result_t<Body&, Connection&> on_connection(const std::shared_ptr<Pool>& pool, Body& body,
                                                       Deadline deadline);

/// Runs `body(connection)`, which is one whole transaction, as `on_connection` does, and again after a short pause while the
/// server gives it up for another's sake (deadlock, serialization failure). After the deadline that is a `timeout`.
template <class Body>
std::invoke_result_t<Body&, Connection&> transact(const std::shared_ptr<Pool>& pool, Body& body, Deadline deadline);

/// Waits a short random time if the failure is one after which the same transaction may succeed.
/// Errors: else, and when the deadline has passed, the failure itself; cancelled.
boost::asio::awaitable<void> pause_before_retry(std::exception_ptr failure, Deadline deadline);

/// Whether a failure means that prepared statements are out of date.
[[nodiscard]] bool is_stale_plan(const std::exception_ptr& failure) noexcept;

namespace detail {

template <class T>
struct Outcome {
    std::optional<T> value;
    void set(T&& result) { value.emplace(std::move(result)); }
    T take() { return std::move(*value); }
};
template <>
struct Outcome<void> {
    void take() {}
};

template <class Awaitable>
struct ValueOf;
template <class T>
struct ValueOf<boost::asio::awaitable<T>> {
    using Type = T;
};

}  // namespace detail

template <class Body>
std::invoke_result_t<Body&, Connection&> on_connection(const std::shared_ptr<Pool>& pool, Body& body,
                                                       Deadline deadline) {
    using Value = typename detail::ValueOf<std::invoke_result_t<Body&, Connection&>>::Type;
    Lease lease = co_await pool->acquire(deadline);
    lease->uses_kept_statements = true;
    for (bool may_retry = true;; may_retry = false) {
        detail::Outcome<Value> outcome;
        std::exception_ptr failure;
        try {
            if constexpr (std::is_void_v<Value>) {
                co_await body(*lease);
            } else {
                outcome.set(co_await body(*lease));
            }
        } catch (...) {
            failure = std::current_exception();
        }
        if (!failure) co_return outcome.take();
        const bool throws_if_cancelled = co_await boost::asio::this_coro::throw_if_cancelled();
        co_await boost::asio::this_coro::throw_if_cancelled(false);
        co_await recover(*lease);
        co_await boost::asio::this_coro::throw_if_cancelled(throws_if_cancelled);
        if (!may_retry || !is_stale_plan(failure)) std::rethrow_exception(failure);
        lease->forget_statements();
        lease->uses_kept_statements = false;
    }
}

template <class Body>
std::invoke_result_t<Body&, Connection&> transact(const std::shared_ptr<Pool>& pool, Body& body, Deadline deadline) {
    using Value = typename detail::ValueOf<std::invoke_result_t<Body&, Connection&>>::Type;
    for (;;) {
        detail::Outcome<Value> outcome;
        std::exception_ptr failure;
        try {
            if constexpr (std::is_void_v<Value>) {
                co_await on_connection(pool, body, deadline);
            } else {
                outcome.set(co_await on_connection(pool, body, deadline));
            }
        } catch (...) {
            failure = std::current_exception();
        }
        if (!failure) co_return outcome.take();
        co_await pause_before_retry(failure, deadline);
    }
}

}  // namespace marketdb::storage::postgres
