#include "storage/postgres/transaction.hpp"

#include <algorithm>
#include <array>
#include <random>

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "core/late.hpp"
#include "storage/postgres/server_error.hpp"

namespace marketdb::storage::postgres {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

constexpr std::string_view kQueryCanceled = "57014";
constexpr auto kRecovery = std::chrono::seconds(5);
/// What a session's limit may be longer than an operation's deadline without being set anew.
constexpr milliseconds kSlack{500};

/// The server's limit for what is about to be sent; 0: none.
/// Errors: timeout  too late to send anything: an answer that is quick enough would count.
milliseconds limit_of(Deadline deadline) {
    if (deadline.at == Deadline::never().at) return milliseconds{0};
    core::require_time(deadline);
    const auto left = std::chrono::ceil<milliseconds>(deadline.at - steady_clock::now());
    return std::max(left, milliseconds{1});
}

/// Whether the session's limit serves for this one: not shorter, and not much longer.
bool serves(milliseconds session, milliseconds wanted) {
    if (wanted.count() == 0) return session.count() == 0;
    return session >= wanted && session <= wanted + wanted / 4 + kSlack;
}

milliseconds short_pause() {
    static thread_local std::minstd_rand random{std::random_device{}()};
    return milliseconds(std::uniform_int_distribution<int>(1, 20)(random));
}

bool is_transient_failure(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const Error& error) {
        return is_transient(error.sqlstate());
    } catch (...) {
        return false;
    }
}

bool is_ended_session(std::string_view sqlstate) { return sqlstate.starts_with("57P") || sqlstate.starts_with("08"); }

/// The results of the steps behind the `first` ones, which only prepare the ground.
std::vector<Result> without_first(std::vector<Result> results, std::size_t first) {
    results.erase(results.begin(), results.begin() + static_cast<std::ptrdiff_t>(first));
    return results;
}

/// Whatever the role's default is: a statement that waited for another transaction has to see what that one did.
constexpr std::string_view kBegin = "BEGIN ISOLATION LEVEL READ COMMITTED";
constexpr Step kCommit{"COMMIT", nullptr, true};

/// The first steps of a transaction. `limit` must live as long as they do.
std::vector<Step> opening(const Connection& connection, Deadline deadline, std::string& limit) {
    const milliseconds wanted = limit_of(deadline);
    std::vector<Step> steps{{kBegin, nullptr, true}};
    if (connection.is_pooled() || !serves(connection.statement_timeout, wanted)) {
        limit = fmt::format("SET LOCAL statement_timeout = {}", wanted.count());
        steps.push_back({limit});
    }
    return steps;
}

[[noreturn]] void leave_in_doubt(std::string_view why) {
    throw Error(ErrorCode::in_doubt,
                fmt::format("it is not known whether the rows were stored (retry to find out): {}", why));
}

/// Throws the failure of a round trip whose last statement is COMMIT, as it is to be understood.
///
/// @param reached_commit  The server had done all others.
/// @param was_stopped     It was asked to, because the caller wished so.
[[noreturn]] void tell_end(const std::exception_ptr& failure, bool reached_commit, bool was_stopped) {
    try {
        std::rethrow_exception(failure);
    } catch (const StatementError& refused) {
        if (was_stopped && refused.sqlstate() == kQueryCanceled) {
            throw Error(ErrorCode::cancelled, "the operation was cancelled and undone");
        }
        if (!reached_commit || !is_ended_session(refused.sqlstate())) throw;
        // A session that is ended meanwhile may have committed before.
        leave_in_doubt(refused.what());
    } catch (const Error& lost) {
        leave_in_doubt(lost.what());
    }
}

/// A transaction that had failed "commits" too: https://www.postgresql.org/docs/15/sql-commit.html
void require_commit(const Result& answer) {
    if (answer.tag() != kCommit.sql) {
        throw Error(ErrorCode::internal, fmt::format("COMMIT was answered by {}", answer.tag()));
    }
}

}  // namespace

std::vector<Step> steps_of(std::span<const std::string> statements) {
    std::vector<Step> steps;
    steps.reserve(statements.size());
    for (const std::string& statement : statements) steps.push_back({statement});
    return steps;
}

asio::awaitable<std::vector<Result>> read(Connection& connection, std::span<const Step> steps, Deadline deadline) {
    const milliseconds wanted = limit_of(deadline);
    if (connection.is_pooled()) {
        const std::string limit = fmt::format("SET LOCAL statement_timeout = {}", wanted.count());
        std::vector<Step> all{{"BEGIN"}, {limit}};
        all.insert(all.end(), steps.begin(), steps.end());
        all.push_back({"COMMIT"});
        std::vector<Result> results = co_await connection.run(all, deadline);
        results.pop_back();
        co_return without_first(std::move(results), 2);
    }
    if (serves(connection.statement_timeout, wanted)) {
        std::vector<Result> results = co_await connection.run(steps, deadline);
        co_return results;
    }
    const std::string limit = fmt::format("SET statement_timeout = {}", wanted.count());
    std::vector<Step> all{{limit}};
    all.insert(all.end(), steps.begin(), steps.end());
    // If a later step fails, the setting is undone with it.
    connection.statement_timeout = Connection::kUnknownTimeout;
    std::vector<Result> results = co_await connection.run(all, deadline);
    connection.statement_timeout = wanted;
    co_return without_first(std::move(results), 1);
}

asio::awaitable<Result> read_one(Connection& connection, Step step, Deadline deadline) {
    const std::span<const Step> steps(&step, 1);
    std::vector<Result> results = co_await read(connection, steps, deadline);
    co_return std::move(results.front());
}

asio::awaitable<std::vector<Result>> begin(Connection& connection, std::span<const Step> steps, Deadline deadline) {
    std::string limit;
    std::vector<Step> all = opening(connection, deadline, limit);
    const std::size_t first = all.size();
    all.insert(all.end(), steps.begin(), steps.end());
    std::vector<Result> results = co_await connection.run(all, deadline);
    co_return without_first(std::move(results), first);
}

asio::awaitable<std::vector<Result>> run_whole(Connection& connection, std::span<const Step> steps, Deadline deadline) {
    std::string limit;
    std::vector<Step> all = opening(connection, deadline, limit);
    const std::size_t first = all.size();
    all.insert(all.end(), steps.begin(), steps.end());
    all.push_back(kCommit);
    std::vector<Result> results;
    std::exception_ptr failure;
    try {
        results = co_await connection.run_whole(all, deadline);
    } catch (...) {
        failure = std::current_exception();
    }
    if (failure) {
        const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
        tell_end(failure, connection.done() + 1 == all.size(), state.cancelled() != asio::cancellation_type::none);
    }
    require_commit(results.back());
    results.pop_back();
    co_return without_first(std::move(results), first);
}

std::string begin_for_copy() {
    // A notice and a refusal that come together look like the notice alone, so there are to be no notices.
    return fmt::format("{}; SET LOCAL statement_timeout = 0; SET LOCAL client_min_messages = error; ", kBegin);
}

std::string timeout_prefix(Connection& connection, Deadline deadline) {
    const milliseconds wanted = limit_of(deadline);
    // In one text the whole is one transaction, so a local setting lasts as long as the COPY.
    if (connection.is_pooled()) return fmt::format("SET LOCAL statement_timeout = {}; ", wanted.count());
    if (serves(connection.statement_timeout, wanted)) return {};
    connection.statement_timeout = Connection::kUnknownTimeout;
    return fmt::format("SET statement_timeout = {}; ", wanted.count());
}

asio::awaitable<std::vector<Result>> commit(Connection& connection, std::span<const Step> steps, Deadline deadline) {
    core::require_time(deadline);
    std::vector<Step> all(steps.begin(), steps.end());
    all.push_back(kCommit);
    const bool throws_if_cancelled = co_await asio::this_coro::throw_if_cancelled();
    co_await asio::this_coro::throw_if_cancelled(false);
    std::exception_ptr failure;
    std::vector<Result> results;
    try {
        results = co_await connection.run(all, deadline);
    } catch (...) {
        failure = std::current_exception();
    }
    co_await asio::this_coro::throw_if_cancelled(throws_if_cancelled);
    if (failure) tell_end(failure, connection.done() + 1 == all.size(), false);
    require_commit(results.back());
    results.pop_back();
    co_return results;
}

asio::awaitable<void> commit(Connection& connection, Deadline deadline) {
    const std::span<const Step> nothing;
    co_await commit(connection, nothing, deadline);
}

asio::awaitable<void> recover(Connection& connection) {
    const Deadline deadline = Deadline::in(kRecovery);
    co_await connection.roll_back(deadline);
}

asio::awaitable<void> pause_before_retry(std::exception_ptr failure, Deadline deadline) {
    if (!is_transient_failure(failure) || core::has_passed(deadline)) std::rethrow_exception(failure);
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    asio::steady_timer pause(executor, short_pause());
    co_await pause.async_wait(asio::use_awaitable);
}

bool is_stale_plan(const std::exception_ptr& failure) noexcept {
    try {
        std::rethrow_exception(failure);
    } catch (const StatementError& error) {
        // 0A000 is many things, and its words are in the server's language.
        return error.sqlstate() == "26000" ||
               (error.sqlstate() == "0A000" && error.said().routine == "RevalidateCachedQuery");
    } catch (...) {
        return false;
    }
}

}  // namespace marketdb::storage::postgres
