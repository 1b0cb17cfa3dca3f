#include "manager/periodic_task.hpp"

#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace marketdb {

namespace asio = boost::asio;

/// Used on the timer's strand only.
struct PeriodicTask::State {
    explicit State(const asio::any_io_executor& strand) : timer(strand) {}

    static asio::awaitable<void> run(std::shared_ptr<State> self, std::chrono::microseconds pause, Turn turn) {
        bool goes_on = true;
        while (goes_on && !self->stopped) {
            self->timer.expires_after(pause);
            boost::system::error_code ignored;
            co_await self->timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
            if (!self->stopped) goes_on = co_await turn();
        }
    }

    asio::steady_timer timer;
    bool stopped = false;
};

void PeriodicTask::start(const asio::any_io_executor& executor, std::chrono::microseconds pause, Turn turn) {
    const asio::any_io_executor strand = asio::make_strand(executor);
    const auto state = std::make_shared<State>(strand);
    {
        const std::scoped_lock lock(mutex_);
        state_ = state;
    }
    asio::co_spawn(strand, State::run(state, pause, std::move(turn)), asio::detached);
}

void PeriodicTask::stop() {
    std::shared_ptr<State> state;
    {
        const std::scoped_lock lock(mutex_);
        state = std::exchange(state_, nullptr);
    }
    if (!state) return;
    const asio::any_io_executor strand = state->timer.get_executor();
    asio::post(strand, [state = std::move(state)] {
        state->stopped = true;
        state->timer.cancel();
    });
}

}  // namespace marketdb
