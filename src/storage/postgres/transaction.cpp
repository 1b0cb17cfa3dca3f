#include "storage/postgres/transaction.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <random>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "storage/postgres/server_error.hpp"

namespace marketdb::storage::postgres {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

constexpr auto kRecovery = std::chrono::seconds(5);
/// What a session's limit may be longer than an operation's deadline without being set anew.
constexpr milliseconds kSlack{500};

/// The server's limit for a deadline; 0: none.
milliseconds limit_of(Deadline deadline) {
    if (deadline.at == Deadline::never().at) return milliseconds{0};
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

}  // namespace

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
    const milliseconds wanted = limit_of(deadline);
    const std::string limit = fmt::format("SET LOCAL statement_timeout = {}", wanted.count());
    std::vector<Step> all{{"BEGIN", nullptr, true}};
    if (connection.is_pooled() || !serves(connection.statement_timeout, wanted)) all.push_back({limit});
    const std::size_t first = all.size();
    all.insert(all.end(), steps.begin(), steps.end());
    std::vector<Result> results = co_await connection.run(all, deadline);
    co_return without_first(std::move(results), first);
}

std::string begin_for_copy() {
    // A notice and a refusal that come together look like the notice alone, so there are to be no notices.
    return "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL client_min_messages = error; ";
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
    std::vector<Step> all(steps.begin(), steps.end());
    all.push_back({"COMMIT", nullptr, true});
    const bool throws_if_cancelled = co_await asio::this_coro::throw_if_cancelled();
    co_await asio::this_coro::throw_if_cancelled(false);
    std::exception_ptr refusal;
    std::optional<std::string> doubt;
    std::vector<Result> results;
    try {
        results = co_await connection.run(all, deadline);
    } catch (const StatementError& refused) {
        // A session that is ended meanwhile may have committed before.
        if (is_ended_session(refused.sqlstate())) {
            doubt = refused.what();
        } else {
            refusal = std::current_exception();
        }
    } catch (const Error& lost) {
        doubt = lost.what();
    }
    co_await asio::this_coro::throw_if_cancelled(throws_if_cancelled);
    if (refusal) std::rethrow_exception(refusal);
    if (doubt) {
        throw Error(ErrorCode::in_doubt,
                    fmt::format("it is not known whether the rows were stored (retry to find out): {}", *doubt));
    }
    // A transaction that had failed "commits" too: https://www.postgresql.org/docs/15/sql-commit.html
    if (results.back().tag() != "COMMIT") {
        throw Error(ErrorCode::internal, fmt::format("COMMIT was answered by {}", results.back().tag()));
    }
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
    if (!is_transient_failure(failure) || steady_clock::now() >= deadline.at) std::rethrow_exception(failure);
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
