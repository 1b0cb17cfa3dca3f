#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <marketdb/config.hpp>
#include <marketdb/deadline.hpp>
#include <marketdb/queries.hpp>

#include "storage/postgres/connect_target.hpp"
#include "storage/postgres/connection.hpp"

namespace marketdb::storage::postgres {

class Pool;

/// A connection that one operation has to itself. Going out of scope it goes back, or is dropped if its state is not known.
class Lease {
 public:
    Lease(std::shared_ptr<Pool> pool, std::unique_ptr<Connection> connection) noexcept
        : pool_(std::move(pool)), connection_(std::move(connection)) {}
    ~Lease();
    Lease(Lease&&) noexcept = default;
    Lease& operator=(Lease&&) = delete;

    [[nodiscard]] Connection* operator->() const noexcept { return connection_.get(); }
    [[nodiscard]] Connection& operator*() const noexcept { return *connection_; }

 private:
    std::shared_ptr<Pool> pool_;
    std::unique_ptr<Connection> connection_;
};

/// Between pool_min_size and pool_max_size connections. The one used last is given out first, so that those that are not
/// needed grow old and are closed: after `max_idle_seconds` without use (never below the minimum), and after
/// `max_lifetime_seconds` in any case. Who finds none free waits, first come, first served, until its deadline.
///
/// While the server cannot be reached attempts to connect are spaced out (50 ms doubling to 2 s, each a random part of it),
/// and each that fails fails everybody who waits.
///
/// Threads: all functions on the executor that it was made with.
class Pool : public std::enable_shared_from_this<Pool> {
 public:
    Pool(const Config& config, boost::asio::any_io_executor executor);
    ~Pool();

    /// Errors: unavailable, unauthorized  no connection can be made. timeout  none came free within the deadline, or none was
    ///         made; says how many are busy and for how long. resource_exhausted  too many wait. cancelled, closed.
    boost::asio::awaitable<Lease> acquire(Deadline deadline);

    /// Closes what is idle too long or too old, and makes connections up to the minimum.
    void maintain();
    /// Nothing is given out any more; idle connections end now, others when they come back.
    void close() noexcept;
    /// The threads that work for it. They may outlive it: whoever made it waits for them, where nobody is held up by that.
    [[nodiscard]] const std::shared_ptr<Gate>& gate() const noexcept { return gate_; }

    [[nodiscard]] PoolStats stats() const noexcept;
    [[nodiscard]] const ConnectTarget& target() const noexcept { return *target_; }

 private:
    friend class Lease;
    using Moment = std::chrono::steady_clock::time_point;
    struct Waiter;
    class Turn;

    void give_back(std::unique_ptr<Connection> connection) noexcept;
    [[nodiscard]] std::unique_ptr<Connection> take_idle();
    [[nodiscard]] bool is_too_old(const Connection& connection, Moment now) const noexcept;
    void connect_if_wanted();
    void start_attempt();
    void finish_attempt(Connected connected) noexcept;
    /// Errors: resource_exhausted  no descriptor is left.
    std::unique_ptr<Connection> make_connection(Link link);
    void hand_over(std::unique_ptr<Connection> connection);
    void fail_waiters(const std::exception_ptr& failure) noexcept;
    [[noreturn]] void refuse_late() const;

    const Config& config_;
    boost::asio::any_io_executor executor_;
    std::shared_ptr<const ConnectTarget> target_;
    std::shared_ptr<Gate> gate_;
    boost::asio::steady_timer pause_;  // between two attempts to connect

    std::vector<std::unique_ptr<Connection>> idle_;  // the one used last at the end
    std::deque<Waiter*> waiters_;
    std::size_t busy_ = 0;
    std::size_t connecting_ = 0;
    std::uint32_t failures_ = 0;  // attempts that failed since the last that did not
    bool pausing_ = false;
    bool closed_ = false;
    std::uint64_t acquired_ = 0;
    std::uint64_t waits_ = 0;
    std::uint64_t timeouts_ = 0;
    std::uint64_t made_ = 0;
    std::uint64_t dropped_ = 0;
};

}  // namespace marketdb::storage::postgres
