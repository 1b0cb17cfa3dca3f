#include "storage/postgres/pool.hpp"

#include <algorithm>
#include <random>
#include <utility>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "core/late.hpp"

namespace marketdb::storage::postgres {

namespace asio = boost::asio;
using std::chrono::steady_clock;

namespace {

constexpr auto kFirstPause = std::chrono::milliseconds(50);
constexpr auto kLongestPause = std::chrono::milliseconds(2000);

/// Doubles with each failure; a random half of it, so that many programs do not come back at one moment.
std::chrono::milliseconds pause_after(std::uint32_t failures) {
    const auto whole = std::min<std::chrono::milliseconds>(kFirstPause * (1U << std::min(failures, 6U)), kLongestPause);
    static thread_local std::minstd_rand random{std::random_device{}()};
    std::uniform_int_distribution<std::int64_t> part(whole.count() / 2, whole.count());
    return std::chrono::milliseconds(part(random));
}

std::chrono::duration<double> seconds(double count) { return std::chrono::duration<double>(count); }

}  // namespace

/// Somebody who waits for a connection.
struct Pool::Waiter {
    explicit Waiter(const asio::any_io_executor& executor) : wake(executor) {}

    asio::steady_timer wake;  // cancelled when there is something
    std::unique_ptr<Connection> connection;
    std::exception_ptr failure;
};

/// A place in the row of those who wait; given up however the waiting ends, and what was handed over meanwhile goes back.
class Pool::Turn {
 public:
    Turn(Pool& pool, Waiter& waiter) : pool_(pool), waiter_(waiter) { pool_.waiters_.push_back(&waiter_); }
    ~Turn() {
        std::erase(pool_.waiters_, &waiter_);
        if (waiter_.connection != nullptr) pool_.give_back(std::move(waiter_.connection));
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

 private:
    Pool& pool_;
    Waiter& waiter_;
};

Lease::~Lease() {
    if (connection_ != nullptr) pool_->give_back(std::move(connection_));
}

Pool::Pool(const Config& config, asio::any_io_executor executor)
    : config_(config),
      executor_(std::move(executor)),
      target_(std::make_shared<const ConnectTarget>(config)),
      gate_(std::make_shared<Gate>(executor_)),
      pause_(executor_) {}

Pool::~Pool() {
    gate_->shut();
    idle_.clear();
}

asio::awaitable<Lease> Pool::acquire(Deadline deadline) {
    const std::shared_ptr<Pool> self = shared_from_this();
    if (closed_) throw Error(ErrorCode::closed, "the manager was closed");
    if (waiters_.empty()) {
        if (!idle_.empty()) core::require_time(deadline);
        if (std::unique_ptr<Connection> connection = take_idle()) {
            ++busy_;
            ++acquired_;
            co_return Lease(self, std::move(connection));
        }
    }
    ++waits_;
    Waiter waiter(executor_);
    const Turn turn(*this, waiter);
    connect_if_wanted();
    while (waiter.connection == nullptr && waiter.failure == nullptr) {
        if (core::has_passed(deadline)) {
            ++timeouts_;
            refuse_late();
        }
        waiter.wake.expires_at(deadline.at);
        boost::system::error_code ignored;
        co_await waiter.wake.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
        const bool throws = co_await asio::this_coro::throw_if_cancelled();
        if (throws && state.cancelled() != asio::cancellation_type::none) {
            throw Error(ErrorCode::cancelled, "the operation was cancelled before it began");
        }
    }
    if (waiter.failure != nullptr) std::rethrow_exception(waiter.failure);
    ++acquired_;
    co_return Lease(self, std::move(waiter.connection));
}

void Pool::refuse_late() const {
    if (busy_ >= config_.postgres.pool_max_size) {
        throw Error(ErrorCode::timeout,
                    fmt::format("no connection came free within the deadline: {} of {} are busy, {} "
                                "operations wait (pool.max_size)",
                                busy_, config_.postgres.pool_max_size, waiters_.size()));
    }
    throw Error(ErrorCode::timeout, fmt::format("{}: no connection within the deadline", target_->shown()));
}

std::unique_ptr<Connection> Pool::take_idle() {
    const Moment now = steady_clock::now();
    while (!idle_.empty()) {
        std::unique_ptr<Connection> connection = std::move(idle_.back());
        idle_.pop_back();
        if (connection->is_usable() && !is_too_old(*connection, now)) return connection;
        ++dropped_;
    }
    return nullptr;
}

bool Pool::is_too_old(const Connection& connection, Moment now) const noexcept {
    return config_.postgres.max_lifetime_seconds > 0 &&
           now - connection.made_at >= seconds(config_.postgres.max_lifetime_seconds);
}

void Pool::give_back(std::unique_ptr<Connection> connection) noexcept {
    --busy_;
    const Moment now = steady_clock::now();
    connection->used_at = now;
    // Who takes an idle one looks whether it is still alive; who waits for one gets it at once.
    const bool is_good = waiters_.empty() ? connection->is_whole() : connection->is_usable();
    if (closed_ || !is_good || is_too_old(*connection, now)) {
        ++dropped_;
        connection.reset();
        connect_if_wanted();
        return;
    }
    hand_over(std::move(connection));
}

/// To the first who waits, else to those that are idle.
void Pool::hand_over(std::unique_ptr<Connection> connection) {
    for (Waiter* waiter : waiters_) {
        if (waiter->connection != nullptr || waiter->failure != nullptr) continue;
        ++busy_;
        waiter->connection = std::move(connection);
        waiter->wake.cancel();
        return;
    }
    idle_.push_back(std::move(connection));
}

void Pool::connect_if_wanted() {
    if (closed_ || pausing_) return;
    const auto waiting =
        static_cast<std::size_t>(std::count_if(waiters_.begin(), waiters_.end(), [](const Waiter* one) {
            return one->connection == nullptr && one->failure == nullptr;
        }));
    while (connecting_ < waiting && busy_ + idle_.size() + connecting_ < config_.postgres.pool_max_size) {
        // One at a time until one succeeds: a server that is down is not stormed.
        if (failures_ > 0 && connecting_ > 0) return;
        start_attempt();
    }
}

void Pool::start_attempt() {
    ++connecting_;
    const std::weak_ptr<Pool> weak = weak_from_this();
    start_connecting(target_, Deadline::never(), gate_, [weak](Connected connected) {
        if (const std::shared_ptr<Pool> self = weak.lock()) self->finish_attempt(std::move(connected));
    });
}

std::unique_ptr<Connection> Pool::make_connection(Link link) {
    const std::size_t kept =
        config_.postgres.transaction_pooler ? 0 : std::max<std::size_t>(config_.postgres.statement_cache_size, 1);
    auto connection = std::make_unique<Connection>(std::move(link), target_, gate_, executor_, kept);
    connection->statement_timeout = std::chrono::ceil<std::chrono::milliseconds>(config_.command_timeout);
    return connection;
}

void Pool::finish_attempt(Connected connected) noexcept {
    --connecting_;
    if (closed_) return;
    std::unique_ptr<Connection> connection;
    if (connected.failure == nullptr) {
        try {
            connection = make_connection(std::move(connected.link));
        } catch (...) {
            // There are no descriptors left.
            connected.failure = std::current_exception();
        }
    }
    if (connection != nullptr) {
        failures_ = 0;
        ++made_;
        hand_over(std::move(connection));
        connect_if_wanted();
        return;
    }
    // More than the server allows is no reason to fail who waits: somebody else's connection comes free.
    if (busy_ == 0 || made_ == 0) {
        fail_waiters(connected.failure);
    }
    pausing_ = true;
    pause_.expires_after(pause_after(failures_++));
    pause_.async_wait([weak = weak_from_this()](const boost::system::error_code&) {
        const std::shared_ptr<Pool> self = weak.lock();
        if (!self) return;
        self->pausing_ = false;
        self->connect_if_wanted();
    });
}

void Pool::fail_waiters(const std::exception_ptr& failure) noexcept {
    for (Waiter* waiter : waiters_) {
        if (waiter->connection != nullptr) continue;
        waiter->failure = failure;
        waiter->wake.cancel();
    }
}

void Pool::maintain() {
    if (closed_) return;
    const Moment now = steady_clock::now();
    const auto is_over = [&](const std::unique_ptr<Connection>& one) {
        const bool may_go = busy_ + idle_.size() > config_.postgres.pool_min_size;
        const bool is_idle = now - one->used_at >= seconds(config_.postgres.max_idle_seconds);
        return !one->is_usable() || is_too_old(*one, now) || (may_go && is_idle);
    };
    // The one that was not used for longest stands first.
    while (!idle_.empty() && is_over(idle_.front())) {
        idle_.erase(idle_.begin());
        ++dropped_;
    }
    const std::size_t all = busy_ + idle_.size() + connecting_;
    if (all < config_.postgres.pool_min_size && !pausing_ && connecting_ == 0) start_attempt();
}

void Pool::close() noexcept {
    closed_ = true;
    idle_.clear();
    pause_.cancel();
    gate_->shut();
    fail_waiters(std::make_exception_ptr(Error(ErrorCode::closed, "the manager was closed")));
}

PoolStats Pool::stats() const noexcept {
    PoolStats stats;
    stats.size = busy_ + idle_.size();
    stats.idle = idle_.size();
    stats.busy = busy_;
    stats.waiting = waiters_.size();
    stats.min_size = config_.postgres.pool_min_size;
    stats.max_size = config_.postgres.pool_max_size;
    stats.acquired = acquired_;
    stats.waits = waits_;
    stats.timeouts = timeouts_;
    stats.made = made_;
    stats.dropped = dropped_;
    return stats;
}

}  // namespace marketdb::storage::postgres
