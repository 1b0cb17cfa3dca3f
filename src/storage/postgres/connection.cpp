#include "storage/postgres/connection.hpp"

#include <poll.h>

#include <algorithm>
#include <exception>
#include <utility>

#include <boost/asio/this_coro.hpp>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "core/late.hpp"
#include "storage/postgres/server_error.hpp"

namespace marketdb::storage::postgres {

namespace asio = boost::asio;

namespace {

/// Bytes that are given to libpq before the server's answer is looked for: a COPY that failed at its first row would
/// swallow everything else.
constexpr std::size_t kCopyPiece = 64 * 1024;

/// What has come during a COPY and is no whole notice after this time is a refusal.
constexpr auto kNoNoticeAfter = std::chrono::milliseconds(250);

/// How many rows go by between two looks at the deadline.
constexpr std::uint64_t kRowsBetweenChecks = 4096;

/// How long the answer is awaited of a server that was asked to stop.
constexpr auto kLastWord = std::chrono::seconds(1);

}  // namespace

Connection::Connection(Link link, std::shared_ptr<const ConnectTarget> target, std::shared_ptr<Gate> gate,
                       const asio::any_io_executor& executor, std::size_t statements_kept)
    : link_(std::move(link)),
      target_(std::move(target)),
      gate_(std::move(gate)),
      watch_(std::make_shared<SocketWatch>(executor, PQsocket(link_.get()))),
      statements_kept_(statements_kept) {
    PQsetNoticeReceiver(
        link_.get(), [](void* count, const PGresult*) { ++*static_cast<std::uint64_t*>(count); }, &notices_);
}

Connection::~Connection() {
    watch_->close();
    PQsetNoticeReceiver(
        link_.get(), [](void*, const PGresult*) {}, nullptr);
    abandon_link(std::move(link_), *gate_);
}

void Connection::require_alive() const {
    if (broken_ || PQstatus(link_.get()) == CONNECTION_BAD) lost();
}

void Connection::lost() const {
    const std::string words = target_->scrubbed(PQerrorMessage(link_.get()));
    throw Error(ErrorCode::unavailable,
                fmt::format("{}: the connection is lost{}{}", target_->shown(), words.empty() ? "" : ": ", words));
}

void Connection::fail(const Result& result, std::string_view what) const {
    ServerError said = ServerError::from(result.handle());
    said.message = target_->scrubbed(said.message);
    if (said.sqlstate.empty()) lost();
    throw StatementError(std::move(said), what);
}

void Connection::heed(SocketEvent event) {
    if (event == SocketEvent::ready) return;
    break_link();
    if (event == SocketEvent::late) core::refuse_late();
    if (event == SocketEvent::cancelled) {
        throw Error(ErrorCode::cancelled, "the operation was cancelled and undone");
    }
    lost();
}

bool Connection::passes_on(SocketEvent event) {
    const bool is_wish = event == SocketEvent::cancelled || event == SocketEvent::late;
    if (!is_whole_transaction_ || !is_wish || last_word_) return false;
    last_word_ = Deadline::in(kLastWord);
    ask_to_stop(link_.get(), *gate_);
    return true;
}

void Connection::require_socket() {
    // libpq has closed the socket of a link that broke: nothing will ever happen there, and its number may be another's.
    if (PQsocket(link_.get()) < 0) heed(SocketEvent::closed);
}

bool Connection::has_input() const noexcept {
    pollfd socket{PQsocket(link_.get()), POLLIN, 0};
    return ::poll(&socket, 1, 0) > 0;
}

void Connection::consume() {
    if (PQconsumeInput(link_.get()) == 1) return;
    // What the server said before it hung up may be there already: whoever reads results finds it.
    if (PQisBusy(link_.get()) == 0) return;
    break_link();
    lost();
}

asio::awaitable<void> Connection::flush(Deadline deadline) {
    for (;;) {
        const int left = PQflush(link_.get());
        if (left == 0) co_return;
        if (left < 0) {
            // An answer may be waiting that says why.
            consume();
            if (PQstatus(link_.get()) == CONNECTION_BAD) co_return;
        }
        // Only waiting to write would stop for ever where the server waits for us to read.
        require_socket();
        const SocketEvent event = co_await watch_->until_readable_or_writable(patience(deadline));
        if (passes_on(event)) {
            co_await asio::this_coro::throw_if_cancelled(false);
            continue;
        }
        heed(event);
        has_heard_ = has_heard_ || has_input();
        consume();
    }
}

asio::awaitable<void> Connection::until_answered(Deadline deadline) {
    while (PQisBusy(link_.get()) == 1) {
        require_socket();
        const SocketEvent event = co_await watch_->until_readable(patience(deadline));
        if (passes_on(event)) {
            co_await asio::this_coro::throw_if_cancelled(false);
            continue;
        }
        heed(event);
        consume();
    }
}

asio::awaitable<Result> Connection::next_result(Deadline deadline) {
    co_await until_answered(deadline);
    co_return Result(PQgetResult(link_.get()));
}

/// Reads what is left of the answer. A COPY in that state has an end of its own.
asio::awaitable<void> Connection::drain(Deadline deadline) {
    for (;;) {
        Result result = co_await next_result(deadline);
        if (result.handle() == nullptr) co_return;
        const ExecStatusType status = PQresultStatus(result.handle());
        if (status == PGRES_COPY_IN) PQputCopyEnd(link_.get(), "given up");
        if (status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
            break_link();
            co_return;
        }
        if (status == PGRES_COPY_IN) co_await flush(deadline);
        if (PQstatus(link_.get()) == CONNECTION_BAD) co_return;
    }
}

void Connection::prepare(std::string_view sql, const Parameters::View& view, std::vector<Expected>& expected) {
    if (kept_.size() >= statements_kept_) {
        const std::string oldest = "DEALLOCATE " + kept_.at(by_use_.back()).name;
        forget(by_use_.back());
        if (PQsendQueryParams(link_.get(), oldest.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 1) != 1) lost();
        expected.push_back({false, {}});
    }
    const std::string name = fmt::format("marketdb_{}", ++statements_made_);
    by_use_.emplace_front(sql);
    const std::string_view text = by_use_.front();
    kept_.emplace(text, Kept{name, by_use_.begin()});
    if (PQsendPrepare(link_.get(), name.c_str(), by_use_.front().c_str(), static_cast<int>(view.types.size()),
                      view.types.data()) != 1) {
        lost();
    }
    expected.push_back({false, text});
}

void Connection::send_kept(std::string_view sql, const Parameters::View& view, std::vector<Expected>& expected) {
    if (!kept_.contains(sql)) prepare(sql, view, expected);
    const Kept& kept = kept_.at(sql);
    by_use_.splice(by_use_.begin(), by_use_, kept.place);
    if (PQsendQueryPrepared(link_.get(), kept.name.c_str(), static_cast<int>(view.values.size()), view.values.data(),
                            view.lengths.data(), view.formats.data(), 1) != 1) {
        lost();
    }
    expected.emplace_back();
}

void Connection::send(const Step& step, std::vector<Expected>& expected) {
    const Parameters::View view = step.parameters == nullptr ? Parameters::View() : step.parameters->view();
    if (step.keep && statements_kept_ > 0 && uses_kept_statements) return send_kept(step.sql, view, expected);
    const std::string sql(step.sql);
    if (PQsendQueryParams(link_.get(), sql.c_str(), static_cast<int>(view.values.size()), view.types.data(),
                          view.values.data(), view.lengths.data(), view.formats.data(), 1) != 1) {
        lost();
    }
    expected.emplace_back();
}

asio::awaitable<std::vector<Result>> Connection::run(std::span<const Step> steps, Deadline deadline) {
    require_alive();
    if (PQenterPipelineMode(link_.get()) != 1) lost();
    // Until the way out is reached the state is not known.
    broken_ = true;
    done_ = 0;
    std::vector<Expected> expected;
    for (const Step& step : steps) send(step, expected);
    if (PQpipelineSync(link_.get()) != 1) lost();
    if (PQflush(link_.get()) != 0) co_await flush(deadline);

    std::vector<Result> results;
    results.reserve(steps.size());
    Result refused;
    for (const Expected& one : expected) {
        if (PQisBusy(link_.get()) == 1) co_await until_answered(deadline);
        Result result(PQgetResult(link_.get()));
        const ExecStatusType status = PQresultStatus(result.handle());
        const bool is_done = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
        if (!is_done && !one.prepares.empty()) forget(one.prepares);
        if (status == PGRES_FATAL_ERROR && refused.handle() == nullptr) {
            refused = std::move(result);
        } else if (is_done && one.is_step) {
            results.push_back(std::move(result));
            ++done_;
        }
        if (PQstatus(link_.get()) == CONNECTION_BAD) break;
        // The end of this statement.
        if (PQisBusy(link_.get()) == 1) co_await until_answered(deadline);
        const Result end(PQgetResult(link_.get()));
    }
    if (PQstatus(link_.get()) != CONNECTION_BAD) {
        if (PQisBusy(link_.get()) == 1) co_await until_answered(deadline);
        const Result sync(PQgetResult(link_.get()));
        broken_ = PQresultStatus(sync.handle()) != PGRES_PIPELINE_SYNC || PQexitPipelineMode(link_.get()) != 1;
    }
    if (refused.handle() != nullptr) fail(refused, "the database refused");
    if (broken_ || results.size() != steps.size()) {
        broken_ = true;
        lost();
    }
    co_return results;
}

asio::awaitable<std::vector<Result>> Connection::run_whole(std::span<const Step> steps, Deadline deadline) {
    const bool throws_if_cancelled = co_await asio::this_coro::throw_if_cancelled();
    is_whole_transaction_ = true;
    std::vector<Result> results;
    std::exception_ptr failure;
    try {
        results = co_await run(steps, deadline);
    } catch (...) {
        failure = std::current_exception();
    }
    co_await asio::this_coro::throw_if_cancelled(throws_if_cancelled);
    is_whole_transaction_ = false;
    // The server may hear of the wish only now, and stop what is done next.
    if (std::exchange(last_word_, std::nullopt)) break_link();
    if (failure) std::rethrow_exception(failure);
    co_return results;
}

asio::awaitable<Result> Connection::run_one(Step step, Deadline deadline) {
    const std::span<const Step> steps(&step, 1);
    std::vector<Result> results = co_await run(steps, deadline);
    co_return std::move(results.front());
}

asio::awaitable<Result> Connection::run_text(std::string sql, Deadline deadline) {
    require_alive();
    broken_ = true;
    if (PQsendQuery(link_.get(), sql.c_str()) != 1) lost();
    co_await flush(deadline);
    Result last;
    Result refused;
    for (;;) {
        Result result = co_await next_result(deadline);
        if (result.handle() == nullptr) break;
        if (PQresultStatus(result.handle()) == PGRES_FATAL_ERROR) {
            if (refused.handle() == nullptr) refused = std::move(result);
        } else {
            last = std::move(result);
        }
        if (PQstatus(link_.get()) == CONNECTION_BAD) break;
    }
    broken_ = PQstatus(link_.get()) == CONNECTION_BAD;
    if (refused.handle() != nullptr) fail(refused, "the database refused");
    if (broken_) lost();
    co_return last;
}

asio::awaitable<void> Connection::begin_copy(std::string sql, Deadline deadline) {
    require_alive();
    broken_ = true;
    if (PQsendQuery(link_.get(), sql.c_str()) != 1) lost();
    co_await flush(deadline);
    for (;;) {
        Result result = co_await next_result(deadline);
        if (result.handle() == nullptr) lost();
        const ExecStatusType status = PQresultStatus(result.handle());
        if (status == PGRES_COPY_IN) break;
        if (status == PGRES_COMMAND_OK) continue;
        co_await drain(deadline);
        broken_ = PQstatus(link_.get()) == CONNECTION_BAD;
        fail(result, "the database refused");
    }
    has_heard_ = false;
    notices_heard_ = notices_;
}

asio::awaitable<void> Connection::send_copy(std::string_view bytes, Deadline deadline) {
    while (!bytes.empty()) {
        const std::string_view piece = bytes.substr(0, kCopyPiece);
        const int taken = PQputCopyData(link_.get(), piece.data(), static_cast<int>(piece.size()));
        if (taken < 0) {
            // The COPY is over: the server's reason comes with its results.
            co_await end_copy(deadline);
            lost();
        }
        if (taken == 1) bytes.remove_prefix(piece.size());
        co_await flush(deadline);
        // Without a link libpq takes every piece and drops it.
        if (PQstatus(link_.get()) == CONNECTION_BAD) {
            co_await end_copy(deadline);
            lost();
        }
        const bool is_refused = co_await seems_refused(deadline);
        if (is_refused) {
            PQputCopyEnd(link_.get(), "given up");
            co_await flush(deadline);
            co_await end_copy(deadline);
            lost();
        }
    }
}

/// An answer before the end can only be a refusal, or a notice. libpq takes notices away and leaves a refusal unread until the
/// COPY has ended, and says of neither that it is there; a notice, too, stays unread until it is whole. Nothing is sent until it
/// is known which: a server that has refused swallows all the rest.
asio::awaitable<bool> Connection::seems_refused(Deadline deadline) {
    if (!std::exchange(has_heard_, false) && !has_input()) co_return false;
    Deadline known = Deadline::in(kNoNoticeAfter);
    known.at = std::min(known.at, deadline.at);
    for (;;) {
        consume();
        // Looks at what has come.
        static_cast<void>(PQisBusy(link_.get()));
        const std::uint64_t before = notices_heard_;
        notices_heard_ = notices_;
        if (notices_heard_ != before) co_return false;
        if (PQstatus(link_.get()) == CONNECTION_BAD) co_return true;
        require_socket();
        const SocketEvent event = co_await watch_->until_readable(known);
        if (event == SocketEvent::late && !core::has_passed(deadline)) co_return true;
        heed(event);
    }
}

asio::awaitable<std::uint64_t> Connection::end_copy(Deadline deadline) {
    if (PQputCopyEnd(link_.get(), nullptr) == 1) co_await flush(deadline);
    Result refused;
    std::uint64_t rows = 0;
    for (;;) {
        Result result = co_await next_result(deadline);
        if (result.handle() == nullptr) break;
        const ExecStatusType status = PQresultStatus(result.handle());
        if (status == PGRES_COMMAND_OK) rows = result.affected();
        if (status == PGRES_FATAL_ERROR && refused.handle() == nullptr) refused = std::move(result);
        if (status == PGRES_COPY_IN || PQstatus(link_.get()) == CONNECTION_BAD) break;
    }
    broken_ = PQstatus(link_.get()) == CONNECTION_BAD || PQtransactionStatus(link_.get()) == PQTRANS_ACTIVE;
    if (refused.handle() != nullptr) fail(refused, "the database refused");
    if (broken_) lost();
    co_return rows;
}

asio::awaitable<std::uint64_t> Connection::copy_out(std::string sql, CopyReader& reader, Deadline deadline) {
    require_alive();
    broken_ = true;
    if (PQsendQuery(link_.get(), sql.c_str()) != 1) lost();
    co_await flush(deadline);
    for (;;) {
        const Result begun = co_await next_result(deadline);
        const ExecStatusType status = PQresultStatus(begun.handle());
        if (status == PGRES_COPY_OUT) break;
        if (status == PGRES_COMMAND_OK) continue;
        co_await drain(deadline);
        broken_ = PQstatus(link_.get()) == CONNECTION_BAD;
        fail(begun, "the database refused");
    }
    std::uint64_t rows = 0;
    bool is_first = true;
    for (;;) {
        char* bytes = nullptr;
        const int length = PQgetCopyData(link_.get(), &bytes, 1);
        if (length == -1) break;
        if (length == -2) lost();
        if (length == 0) {
            require_socket();
            const SocketEvent event = co_await watch_->until_readable(deadline);
            heed(event);
            consume();
            continue;
        }
        const std::unique_ptr<char, decltype(&PQfreemem)> owner(bytes, &PQfreemem);
        std::string_view row(bytes, static_cast<std::size_t>(length));
        // Signature, flags and extension of the stream come with its first row.
        // https://www.postgresql.org/docs/15/sql-copy.html, Binary Format
        if (std::exchange(is_first, false)) {
            constexpr std::size_t kHeader = 19;
            if (row.size() < kHeader) lost();
            const auto extension = static_cast<std::size_t>(get_int32(row.data() + 15));
            row.remove_prefix(std::min(kHeader + extension, row.size()));
        }
        if (row.size() < 2 || get_int16(row.data()) < 0) continue;
        ++rows;
        if (!reader.take(row)) co_return rows;
        if (rows % kRowsBetweenChecks == 0) core::require_time(deadline);
    }
    Result end = co_await next_result(deadline);
    if (PQresultStatus(end.handle()) == PGRES_FATAL_ERROR) {
        co_await drain(deadline);
        broken_ = PQstatus(link_.get()) == CONNECTION_BAD;
        fail(end, "the database refused");
    }
    co_await drain(deadline);
    broken_ = false;
    co_return rows;
}

asio::awaitable<void> Connection::roll_back(Deadline deadline) {
    if (broken_ || PQstatus(link_.get()) == CONNECTION_BAD) co_return;
    if (PQtransactionStatus(link_.get()) == PQTRANS_IDLE) co_return;
    try {
        co_await run_text("ROLLBACK", deadline);
    } catch (const Error&) {
        // A connection that cannot even do this is not used again.
        broken_ = true;
    }
}

bool Connection::is_whole() const noexcept {
    return !broken_ && PQstatus(link_.get()) != CONNECTION_BAD && PQtransactionStatus(link_.get()) == PQTRANS_IDLE;
}

bool Connection::is_usable() noexcept {
    if (!is_whole()) return false;
    // A server that ended the session has said why and hung up by now. libpq reads the one, and only then the other.
    while (has_input()) {
        if (PQconsumeInput(link_.get()) != 1) return false;
    }
    return PQstatus(link_.get()) != CONNECTION_BAD && PQisBusy(link_.get()) == 0;
}

void Connection::forget(std::string_view sql) noexcept {
    const auto found = kept_.find(sql);
    if (found == kept_.end()) return;
    const auto place = found->second.place;
    kept_.erase(found);
    by_use_.erase(place);
}

void Connection::forget_statements() noexcept {
    kept_.clear();
    by_use_.clear();
}

}  // namespace marketdb::storage::postgres
