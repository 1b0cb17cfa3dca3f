#pragma once

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>

#include <marketdb/database_manager.hpp>

#include "exit_code.hpp"
#include "interrupt.hpp"
#include "session.hpp"

namespace marketdb::cli {

/// What an interrupt does to the operation that runs.
enum class OnInterrupt : std::uint8_t {
    cancel,  ///< It is cancelled and undone.
    finish,  ///< It looks at `interrupt_flag()` itself.
};

struct Session::Impl {
    Impl(DatabaseChoice choice, std::string shown_name)
        : manager(std::move(choice.config)), name(std::move(shown_name)) {}

    /// Runs one operation of the manager and waits.
    template <class T>
    T run(boost::asio::awaitable<T> operation, OnInterrupt on_interrupt = OnInterrupt::cancel) {
        constexpr auto kLookForInterrupt = std::chrono::milliseconds(50);
        boost::asio::cancellation_signal& signal =
            *signals.emplace_back(std::make_unique<boost::asio::cancellation_signal>());
        std::future<T> done =
            boost::asio::co_spawn(manager.executor(), std::move(operation),
                                  boost::asio::bind_cancellation_slot(signal.slot(), boost::asio::use_future));
        bool is_cancelling = false;
        while (done.wait_for(kLookForInterrupt) != std::future_status::ready) {
            if (on_interrupt == OnInterrupt::finish || is_cancelling || !is_interrupted()) continue;
            is_cancelling = true;
            // The signal belongs to the thread on which the operation runs.
            boost::asio::post(manager.executor(), [&signal] { signal.emit(boost::asio::cancellation_type::all); });
        }
        try {
            return done.get();
        } catch (const Error& error) {
            if (is_cancelling && error.code() == ErrorCode::cancelled) throw Interrupted{};
            throw;
        }
    }

    /// Of every operation so far. The I/O thread may still touch one when the answer is here, so they outlive the manager.
    std::vector<std::unique_ptr<boost::asio::cancellation_signal>> signals;
    DatabaseManager manager;
    std::string name;
    std::unordered_map<std::int32_t, SeriesNames> symbol_names;
    std::unordered_map<std::int32_t, SeriesNames> exchange_names;
};

}  // namespace marketdb::cli
