#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "storage/postgres/coverage_sql.hpp"
#include "storage/postgres/server_error.hpp"
#include "storage/postgres/store.hpp"

namespace marketdb::storage::postgres {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

/// Between two attempts at a partition that others use; the server's function has tried for seconds by then.
constexpr milliseconds kPauseWhileBusy{200};
/// How long an operation without a deadline goes on trying: a session that was left in a transaction may stay for days.
constexpr std::chrono::seconds kPatienceWhileBusy{60};

/// What the server's function says of the partition that it dropped: no row lies outside these years.
constexpr std::string_view kDroppedTimeSql =
    "SELECT greatest(nullif(current_setting('marketdb.dropped_start', true), '')::timestamptz, 'epoch'),"
    " least(nullif(current_setting('marketdb.dropped_end', true), '')::timestamptz, '2262-04-11Z')";

bool is_busy(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const StatementError& error) {
        return error.sqlstate() == "55P03" || is_transient(error.sqlstate());
    } catch (...) {
        return false;
    }
}

/// Throws the failure of a drop as its caller has to see it.
[[noreturn]] void refuse_drop(const PhysicalTable& table, const std::exception_ptr& failure, ErrorCode if_busy) {
    const bool busy = is_busy(failure);
    try {
        std::rethrow_exception(failure);
    } catch (const StatementError& error) {
        if (busy) {
            throw Error(if_busy,
                        fmt::format("{}: the oldest partition was not dropped, others use it all the time: {}",
                                    table.table->name, error.said().text()),
                        error.sqlstate());
        }
        if (error.code() != ErrorCode::unauthorized) throw;
        throw Error(ErrorCode::unauthorized,
                    fmt::format("{}: this role may not drop old partitions: {}; the writer script of `marketdb init "
                                "--roles` grants it",
                                table.table->name, error.said().text()),
                    error.sqlstate());
    }
}

}  // namespace

bool Store::drops_partitions(const PhysicalTable& table) const {
    return table.is_partitioned && catalogue_.has_migrations();
}

asio::awaitable<Timestamp> Store::partition_start(const Table& logical, Timestamp time, Deadline deadline) {
    const PhysicalTable& table = physical(logical);
    if (!drops_partitions(table)) co_return time;
    // A partition may begin at -infinity; a row cannot.
    const std::string sql = fmt::format(
        "SELECT greatest(start_time, 'epoch') FROM {}.marketdb_partitions($1) WHERE start_time < $2 AND end_time > $2",
        schema().quoted());
    Parameters parameters;
    parameters.add(table.table->name);
    parameters.add(time);
    const Step step{sql, &parameters, false};
    const Result found = co_await ask(step, deadline);
    co_return found.rows() == 0 ? time : found.time(0, 0);
}

asio::awaitable<std::optional<std::uint64_t>> Store::drop_partition(const Table& logical, Timestamp cutoff,
                                                                    bool spares_imports, Deadline deadline) {
    const PhysicalTable& table = physical(logical);
    if (!drops_partitions(table)) co_return std::nullopt;
    const std::string sql = fmt::format("SELECT {}.marketdb_drop_partitions($1, $2)", schema().quoted());
    Parameters parameters;
    parameters.add(table.table->name);
    parameters.add(cutoff);
    const Step drop{sql, &parameters, false};
    const std::vector<Step> steps{
        {spares_imports ? "SET LOCAL marketdb.spare_imports = 'on'" : "SET LOCAL marketdb.spare_imports = 'off'"},
        drop,
        {kDroppedTimeSql, nullptr, false}};
    auto body = [&](Connection& connection) { return drop_once(connection, logical, steps, deadline); };
    const bool has_deadline = deadline.at != Deadline::never().at;
    const auto until = has_deadline ? deadline.at : steady_clock::now() + kPatienceWhileBusy;
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    for (;;) {
        std::exception_ptr failure;
        std::optional<std::uint64_t> rows;
        try {
            rows = co_await on_connection(pool_, body, deadline);
        } catch (...) {
            failure = std::current_exception();
        }
        if (!failure) {
            if (rows) {
                own_rows_ -= static_cast<std::int64_t>(*rows);
                partitions_.forget_before(table, cutoff);
            }
            co_return rows;
        }
        if (!is_busy(failure) || steady_clock::now() + kPauseWhileBusy >= until) {
            refuse_drop(table, failure, has_deadline ? ErrorCode::timeout : ErrorCode::unavailable);
        }
        asio::steady_timer pause(executor, kPauseWhileBusy);
        co_await pause.async_wait(asio::use_awaitable);
    }
}

asio::awaitable<std::optional<std::uint64_t>> Store::drop_once(Connection& connection, const Table& table,
                                                               std::span<const Step> steps, Deadline deadline) {
    const std::vector<Result> answers = co_await begin(connection, steps, deadline);
    const Result& dropped = answers.at(answers.size() - 2);
    std::optional<std::uint64_t> rows;
    Statements withdrawal;
    std::vector<Step> last;
    if (!dropped.is_null(0, 0)) {
        rows = static_cast<std::uint64_t>(dropped.integer(0, 0));
        // After the rows: what others claimed until the partition was locked goes with it.
        CoverageFilter gone;
        gone.dataset = table.dataset;
        gone.start = answers.back().time(0, 0);
        gone.end = answers.back().time(0, 1);
        add_withdrawal(withdrawal, gone);
        last = steps_of(withdrawal);
    }
    co_await commit(connection, last, deadline);
    co_return rows;
}

}  // namespace marketdb::storage::postgres
