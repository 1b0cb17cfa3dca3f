#include <mutex>
#include <utility>

#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "core/late.hpp"
#include "core/resolved.hpp"
#include "manager/impl.hpp"

namespace marketdb {
namespace {

namespace asio = boost::asio;

/// The engine speaks from threads of its own: the hook is never called twice at once.
Config with_serial_log(Config config) {
    if (!config.log) return config;
    config.log = [mutex = std::make_shared<std::mutex>(), hook = std::move(config.log)](LogLevel level,
                                                                                        std::string_view text) {
        const std::scoped_lock lock(*mutex);
        hook(level, text);
    };
    return config;
}

constexpr auto kSessionRowsDeadline = std::chrono::seconds(5);
constexpr auto kMaintenanceDeadline = std::chrono::seconds(10);

}  // namespace

DatabaseManager::Impl::Impl(Config config, std::optional<asio::any_io_executor> executor)
    : config_(with_serial_log(std::move(config))),
      clock_(config_.clock ? config_.clock : system_clock()),
      io_thread_(executor ? nullptr : std::make_unique<IoThread>()),
      executor_(executor ? *executor : asio::any_io_executor(io_thread_->context().get_executor())),
      // The own thread is a strand by itself, and `wait()` finds its operations on the engine's executor already.
      engine_(
          storage::make_engine(config_, io_thread_ ? executor_ : asio::any_io_executor(asio::make_strand(executor_)))),
      sources_(*engine_, config_, *clock_) {
    for (std::size_t i = 0; i < latest_.size(); ++i) {
        latest_[i] =
            std::make_unique<cache::LatestCache>(storage::table_of(static_cast<Dataset>(i)), config_.latest_ttl);
    }
}

DatabaseManager::Impl::~Impl() = default;

void DatabaseManager::Impl::abandon() noexcept {
    state_.store(State::closed);
    maintenance_.stop();
    if (!io_thread_) return;
    io_thread_->stop();
    engine_->abandon();
    // It points into the context that goes with the thread.
    executor_ = {};
    io_thread_.reset();
}

DatabaseManager::Impl::InFlight::InFlight(Impl& impl) : impl_(impl) {
    // Counted first, looked at second: close() looks the other way round, so that one of the two sees the other.
    impl_.in_flight_.fetch_add(1, std::memory_order_seq_cst);
    if (impl_.state_.load(std::memory_order_seq_cst) == State::open) return;
    impl_.in_flight_.fetch_sub(1, std::memory_order_acq_rel);
    impl_.refuse_closed();
    throw Error(ErrorCode::closed, "the manager is not initialised: call initialize() first");
}

void DatabaseManager::Impl::refuse_closed() const {
    const State state = state_.load(std::memory_order_acquire);
    if (state != State::closing && state != State::closed) return;
    throw Error(ErrorCode::closed, "the manager was closed");
}

void DatabaseManager::Impl::rethrow_as_cancelled(const boost::system::system_error& error) {
    if (error.code() != asio::error::operation_aborted) throw error;
    throw Error(ErrorCode::cancelled, "the operation was cancelled");
}

Deadline DatabaseManager::Impl::resolve(Deadline deadline) const { return core::resolved(config_, deadline); }

bool DatabaseManager::Impl::waits_here() const {
    if (io_thread_) return io_thread_->runs_here();
    const auto* context = executor_.target<asio::io_context::executor_type>();
    return context != nullptr && context->running_in_this_thread();
}

void DatabaseManager::Impl::log(LogLevel level, std::string_view text) const {
    if (config_.log) config_.log(level, text);
}

asio::awaitable<void> DatabaseManager::Impl::initialize(std::shared_ptr<Impl> self, Deadline deadline) {
    State expected = State::fresh;
    if (!self->state_.compare_exchange_strong(expected, State::opening)) {
        if (expected == State::open) co_return;
        const bool opening = expected == State::opening;
        throw Error(ErrorCode::closed, opening ? "initialize() is running already" : "the manager was closed");
    }
    std::exception_ptr failure;
    try {
        co_await self->open_and_load(deadline);
    } catch (...) {
        failure = std::current_exception();
    }
    if (failure) {
        // Letting go is not cancelled by the wish that brought it about.
        const bool throws_if_cancelled = co_await asio::this_coro::throw_if_cancelled();
        co_await asio::this_coro::throw_if_cancelled(false);
        co_await self->engine_->close(deadline);
        co_await asio::this_coro::throw_if_cancelled(throws_if_cancelled);
        self->state_.store(State::fresh);
        std::rethrow_exception(failure);
    }
    self->state_.store(State::open);
    for (const std::string& notice : self->config_.notices) self->log(LogLevel::info, notice);
    // Only held while working, so that a manager can go while its maintenance waits.
    const std::weak_ptr<Impl> weak = self;
    self->maintenance_.start(self->executor_, self->config_.poll_interval, [weak] { return maintain(weak); });
}

asio::awaitable<void> DatabaseManager::Impl::open_and_load(Deadline deadline) {
    co_await engine_->open(deadline);
    const storage::ChangeMarks marks = co_await engine_->poll_changes(deadline);
    co_await load_reference(deadline);
    reference_mark_.store(marks.reference);
    data_mark_.store(marks.data);
}

asio::awaitable<void> DatabaseManager::Impl::close(std::shared_ptr<Impl> self, Deadline deadline) {
    State expected = State::open;
    if (!self->state_.compare_exchange_strong(expected, State::closing, std::memory_order_seq_cst)) {
        if (expected == State::fresh) self->state_.store(State::closed);
        co_return;
    }
    self->maintenance_.stop();

    // Operations in flight end by themselves or at their deadlines. There is nothing to be notified by that would not cost
    // every operation a lock, and closing is rare: look again every millisecond.
    asio::steady_timer pause(co_await asio::this_coro::executor);
    while (self->in_flight_.load(std::memory_order_seq_cst) > 0 && !core::has_passed(deadline)) {
        pause.expires_after(std::chrono::milliseconds(1));
        co_await pause.async_wait(asio::use_awaitable);
    }
    co_await self->note_session_rows();
    co_await self->engine_->close(deadline);
    self->state_.store(State::closed);
}

asio::awaitable<void> DatabaseManager::Impl::note_session_rows() {
    try {
        const auto rows = static_cast<std::int64_t>(rows_written_.load());
        co_await sources_.finish_session(rows, Deadline::in(kSessionRowsDeadline));
    } catch (const Error& error) {
        log(LogLevel::warning, std::string("the session's row count could not be noted: ") + error.what());
    }
}

asio::awaitable<bool> DatabaseManager::Impl::maintain(std::weak_ptr<Impl> weak) {
    const std::shared_ptr<Impl> self = weak.lock();
    if (!self || !self->is_open()) co_return false;
    try {
        co_await self->tick();
    } catch (const std::exception& error) {
        const std::string what = error.what();
        if (self->is_open()) self->log(LogLevel::warning, "looking for changes of other programs failed: " + what);
    }
    co_return true;
}

asio::awaitable<void> DatabaseManager::Impl::tick() {
    const InFlight guard(*this);
    const auto now = clock_->steady_now();
    for (const auto& cache : latest_) cache->sweep(now);

    const Deadline deadline = Deadline::in(kMaintenanceDeadline);
    const storage::ChangeMarks marks = co_await engine_->poll_changes(deadline);
    const std::chrono::nanoseconds refreshed{refreshed_steady_ns_.load(std::memory_order_relaxed)};
    const bool expired = now.time_since_epoch() - refreshed >= config_.reference_ttl;
    const std::uint64_t wishes = refresh_wishes_.load();
    if (marks.reference != reference_mark_.load(std::memory_order_acquire) || expired || wishes != granted_wishes_) {
        co_await load_reference(deadline);
        // Only now: a load that failed must be tried again. So below.
        reference_mark_.store(marks.reference, std::memory_order_release);
        granted_wishes_ = wishes;
    }
    if (marks.data == data_mark_.load()) co_return;
    co_await refresh_latest();
    data_mark_.store(marks.data);
}

asio::awaitable<void> DatabaseManager::Impl::refresh_latest() {
    const Deadline deadline = Deadline::in(kMaintenanceDeadline);
    for (const auto& cache : latest_) {
        const std::vector<storage::SeriesKey> series = cache->mark_unverified();
        if (series.empty()) continue;
        const storage::Table& table = storage::table_of(static_cast<Dataset>(&cache - latest_.data()));
        RowBuffer rows(table);
        co_await ask_latest(table, series, rows, deadline);
    }
}

}  // namespace marketdb
