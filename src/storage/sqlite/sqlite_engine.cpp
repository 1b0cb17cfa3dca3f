#include "storage/sqlite/sqlite_engine.hpp"

#include <memory>
#include <optional>
#include <utility>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fmt/format.h>

#include "core/resolved.hpp"
#include "storage/sqlite/backup.hpp"
#include "storage/sqlite/series_keeper.hpp"

namespace marketdb::storage::sqlite {

namespace asio = boost::asio;

/// Counts an operation as pending.
class SqliteEngine::Admission {
 public:
    /// Errors: resource_exhausted  too many are.
    explicit Admission(SqliteEngine& engine) : engine_(engine) {
        const std::size_t before = engine_.pending_.fetch_add(1, std::memory_order_relaxed);
        if (before < engine_.config_.max_pending_operations) return;
        engine_.pending_.fetch_sub(1, std::memory_order_relaxed);
        throw Error(ErrorCode::resource_exhausted,
                    fmt::format("{} operations are waiting already (max_pending_operations)",
                                engine_.config_.max_pending_operations));
    }
    ~Admission() { engine_.pending_.fetch_sub(1, std::memory_order_relaxed); }
    Admission(const Admission&) = delete;
    Admission& operator=(const Admission&) = delete;

 private:
    SqliteEngine& engine_;
};

SqliteEngine::SqliteEngine(const Config& config)
    : config_(config), database_(std::make_unique<Database>(config)), workers_(std::make_unique<Workers>(*database_)) {}

SqliteEngine::~SqliteEngine() {
    if (!process_.is_here()) {
        // The threads are not here, and closing a descriptor would drop the parent's locks.
        static_cast<void>(workers_.release());
        static_cast<void>(closer_.release());
        database_->abandon();
        static_cast<void>(database_.release());
        return;
    }
    if (closer_ && closer_->joinable()) closer_->join();
    workers_->stop(std::chrono::steady_clock::time_point::min());
    database_->close();
}

Deadline SqliteEngine::resolve(Deadline deadline) const { return core::resolved(config_, deadline); }

void SqliteEngine::require_same_process() const {
    if (process_.is_here()) return;
    throw Error(ErrorCode::closed,
                "this process is a child (fork) of the one that opened the database; open it here anew");
}

template <class Handler>
void SqliteEngine::start(Lane lane, Job& job, Handler handler) {
    auto slot = asio::get_associated_cancellation_slot(handler);
    Workers* workers = workers_.get();
    Job* pointer = &job;
    if (slot.is_connected()) slot.assign([workers, pointer](asio::cancellation_type) { workers->cancel(*pointer); });
    job.set_completion(std::make_unique<HandlerCompletion<Handler>>(std::move(handler)));
    // From here on the job may be done, and gone, at any moment.
    workers->submit(lane, job);
}

asio::awaitable<void> SqliteEngine::run(Lane lane, Need need, Job& job) {
    require_same_process();
    if (need == Need::open && !open_.load(std::memory_order_acquire)) {
        throw Error(ErrorCode::closed, "the database is not open");
    }
    const Admission admission(*this);
    SqliteEngine* engine = this;
    Job* pointer = &job;
    // GCC 12 destroys closures inside a co_await expression twice, so it has a name and holds pointers only.
    auto initiate = [engine, lane, pointer](auto handler) { engine->start(lane, *pointer, std::move(handler)); };
    const asio::use_awaitable_t<> token;
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(initiate, token);
    job.rethrow_failure();
}

asio::awaitable<void> SqliteEngine::open(Deadline deadline) {
    require_same_process();
    workers_->start_writer();
    auto work = [this](JobContext& context) {
        context.database.open(context.control);
        if (!context.database.is_memory()) workers_->start_readers(config_.reader_threads);
        open_.store(true, std::memory_order_release);
    };
    Job job(resolve(deadline), work);
    co_await run(Lane::writer, Need::nothing, job);
}

asio::awaitable<void> SqliteEngine::close(Deadline deadline) {
    if (!process_.is_here()) co_return;
    auto nothing = [](JobContext&) {};
    Job job(resolve(deadline), nothing);
    SqliteEngine* engine = this;
    Job* pointer = &job;
    const Deadline limit = job.control().deadline();
    auto initiate = [engine, limit, pointer](auto handler) {
        pointer->set_completion(std::make_unique<HandlerCompletion<decltype(handler)>>(std::move(handler)));
        engine->begin_close(limit, *pointer);
    };
    const asio::use_awaitable_t<> token;
    // Letting go cannot be cancelled, not even by a wish from before.
    const bool throws_if_cancelled = co_await asio::this_coro::throw_if_cancelled();
    co_await asio::this_coro::throw_if_cancelled(false);
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(initiate, token);
    co_await asio::this_coro::throw_if_cancelled(throws_if_cancelled);
}

void SqliteEngine::begin_close(Deadline deadline, Job& waiter) {
    const std::scoped_lock lock(close_mutex_);
    close_waiters_.push_back(&waiter);
    if (closing_) return;
    closing_ = true;
    open_.store(false, std::memory_order_release);
    if (closer_ && closer_->joinable()) closer_->join();
    // On a thread of its own: the caller's may be the only one that its executor has, and waiting would stop it.
    closer_ = std::make_unique<std::thread>(start_service_thread([this, deadline] { finish_close(deadline); }));
}

void SqliteEngine::finish_close(Deadline deadline) noexcept {
    workers_->stop(deadline.at);
    database_->close();
    std::vector<Job*> waiters;
    {
        const std::scoped_lock lock(close_mutex_);
        waiters = std::exchange(close_waiters_, {});
        closing_ = false;
    }
    for (Job* waiter : waiters) waiter->complete();
}

asio::awaitable<WriteResult> SqliteEngine::write(RowSpan rows, std::span<const CoverageClaim> claims,
                                                 Deadline deadline) {
    WriteResult result;
    if (rows.count == 0) co_return result;
    auto work = [&](JobContext& context) { result = context.database.write(rows, context.control, claims); };
    Job job(resolve(deadline), work);
    co_await run(Lane::writer, Need::open, job);
    co_return result;
}

asio::awaitable<void> SqliteEngine::insert_one(const Table& table, std::byte* row, Deadline deadline) {
    auto work = [&table, row](JobContext& context) { context.database.insert_one(table, row, context.control); };
    Job job(resolve(deadline), work);
    co_await run(Lane::writer, Need::open, job);
}

asio::awaitable<bool> SqliteEngine::update_one(const Table& table, const std::byte* row, Deadline deadline) {
    bool found = false;
    auto work = [&](JobContext& context) { found = context.database.update_one(table, row, context.control); };
    Job job(resolve(deadline), work);
    co_await run(Lane::writer, Need::open, job);
    co_return found;
}

asio::awaitable<void> SqliteEngine::change_rows(RowSpan added, RowSpan changed, std::span<const ColumnSet> columns,
                                                Deadline deadline) {
    auto work = [&](JobContext& context) { context.database.change_rows(added, changed, columns, context.control); };
    Job job(resolve(deadline), work);
    co_await run(Lane::writer, Need::open, job);
}

asio::awaitable<WriteResult> SqliteEngine::move_rows(const Table& table, SeriesKey from, SeriesKey to,
                                                     std::uint64_t limit, Deadline deadline) {
    WriteResult result;
    auto work = [&](JobContext& context) {
        result = context.database.move_rows(table, from, to, limit, context.control);
    };
    Job job(resolve(deadline), work);
    co_await run(Lane::writer, Need::open, job);
    co_return result;
}

asio::awaitable<void> SqliteEngine::scan(ScanRequest request, RowSink& sink, Deadline deadline) {
    auto work = [&](JobContext& context) {
        context.store->scan(request, sink, context.control, context.database.ticket());
    };
    Job job(resolve(deadline), work);
    co_await run(Lane::readers, Need::open, job);
}

asio::awaitable<void> SqliteEngine::latest(const Table& table, std::span<const SeriesKey> series, RowSink& sink,
                                           Deadline deadline) {
    auto work = [&](JobContext& context) { context.store->latest(table, series, sink, context.control); };
    Job job(resolve(deadline), work);
    co_await run(Lane::readers, Need::open, job);
}

asio::awaitable<std::vector<SeriesInfo>> SqliteEngine::series(std::optional<Dataset> dataset, Deadline deadline) {
    std::vector<SeriesInfo> result;
    auto work = [&](JobContext& context) { result = read_series(*context.connection, dataset); };
    Job job(resolve(deadline), work);
    co_await run(Lane::readers, Need::open, job);
    co_return result;
}

asio::awaitable<void> SqliteEngine::claim(std::span<const CoverageClaim> claims, Deadline deadline) {
    auto work = [&](JobContext& context) { context.database.claim(claims, context.control); };
    Job job(resolve(deadline), work);
    co_await run(Lane::writer, Need::open, job);
}

asio::awaitable<void> SqliteEngine::open_claims(std::span<const CoverageClaim> claims, Deadline deadline) {
    auto work = [&](JobContext& context) { context.database.open_claims(claims, context.control); };
    Job job(resolve(deadline), work);
    co_await run(Lane::writer, Need::open, job);
}

asio::awaitable<void> SqliteEngine::settle_claims(CoverageFilter closes, std::span<const CoverageClaim> claims,
                                                  Deadline deadline) {
    auto work = [&](JobContext& context) { context.database.settle_claims(closes, claims, context.control); };
    Job job(resolve(deadline), work);
    co_await run(Lane::writer, Need::open, job);
}

asio::awaitable<void> SqliteEngine::withdraw(CoverageFilter filter, Deadline deadline) {
    auto work = [&](JobContext& context) { context.database.withdraw(filter, context.control); };
    Job job(resolve(deadline), work);
    co_await run(Lane::writer, Need::open, job);
}

asio::awaitable<std::vector<CoverageClaim>> SqliteEngine::claims(CoverageFilter filter, Deadline deadline) {
    std::vector<CoverageClaim> found;
    auto work = [&](JobContext& context) { found = context.store->claims(filter); };
    Job job(resolve(deadline), work);
    co_await run(Lane::readers, Need::open, job);
    co_return found;
}

asio::awaitable<std::uint64_t> SqliteEngine::count(RowChoice choice, Deadline deadline) {
    std::uint64_t rows = 0;
    auto work = [&](JobContext& context) { rows = context.store->count(choice, context.control); };
    Job job(resolve(deadline), work);
    co_await run(Lane::readers, Need::open, job);
    co_return rows;
}

asio::awaitable<std::vector<SeriesCount>> SqliteEngine::count_since(const Table& table, Timestamp start,
                                                                    Deadline deadline) {
    std::vector<SeriesCount> counts;
    auto work = [&](JobContext& context) { counts = context.store->count_since(table, start, context.control); };
    Job job(resolve(deadline), work);
    co_await run(Lane::readers, Need::open, job);
    co_return counts;
}

asio::awaitable<Erased> SqliteEngine::erase(RowChoice choice, std::uint64_t limit, Deadline deadline) {
    Erased erased;
    auto work = [&](JobContext& context) { erased = context.database.erase(choice, limit, context.control); };
    Job job(resolve(deadline), work);
    co_await run(Lane::writer, Need::open, job);
    co_return erased;
}

asio::awaitable<Timestamp> SqliteEngine::partition_start(const Table&, Timestamp time, Deadline) { co_return time; }

asio::awaitable<std::optional<std::uint64_t>> SqliteEngine::drop_partition(const Table&, Timestamp, bool, Deadline) {
    co_return std::nullopt;
}

asio::awaitable<std::optional<std::uint64_t>> SqliteEngine::make_partitions(const Table&, Timestamp, Timestamp,
                                                                            Deadline) {
    co_return std::nullopt;
}

asio::awaitable<void> SqliteEngine::reclaim(Deadline deadline) {
    auto work = [](JobContext& context) { context.database.reclaim(context.control); };
    Job job(resolve(deadline), work);
    co_await run(Lane::writer, Need::open, job);
}

asio::awaitable<std::vector<Finding>> SqliteEngine::tidy_up(Deadline deadline) {
    std::vector<Finding> steps;
    std::uint64_t freed = 0;
    std::uint64_t now_freed = 0;
    do {
        // Each a job of its own, so that what others write goes between.
        auto work = [&](JobContext& context) { now_freed = context.database.reclaim(context.control); };
        Job job(resolve(deadline), work);
        co_await run(Lane::writer, Need::open, job);
        freed += now_freed;
    } while (now_freed > 0);
    Finding vacuum{Severity::fine, "vacuum", {}, "no freed pages are left", {}};
    if (freed > 0) vacuum.what = fmt::format("{} bytes of freed pages given back", freed);
    steps.push_back(std::move(vacuum));
    std::optional<Finding> log;
    auto work = [&](JobContext& context) { log = context.database.fold_log(context.control); };
    Job job(resolve(deadline), work);
    co_await run(Lane::writer, Need::open, job);
    if (log) steps.push_back(std::move(*log));
    co_return steps;
}

std::uint64_t SqliteEngine::usual_row_bytes(Dataset dataset) const noexcept { return sqlite::usual_row_bytes(dataset); }

asio::awaitable<SqlResult> SqliteEngine::run_sql(const SqlStatement& statement, Deadline deadline) {
    SqlResult result;
    auto work = [&](JobContext& context) {
        result = statement.only_reads ? context.store->run_sql(statement, context.control)
                                      : context.database.run_sql(statement, context.control);
    };
    Job job(resolve(deadline), work);
    const Lane lane = statement.only_reads ? Lane::readers : Lane::writer;
    co_await run(lane, Need::open, job);
    co_return result;
}

asio::awaitable<BackupReport> SqliteEngine::back_up(std::string file, Deadline deadline) {
    BackupReport report;
    auto work = [&](JobContext& context) { report = sqlite::back_up(*context.connection, file, context.control); };
    Job job(resolve(deadline), work);
    co_await run(Lane::readers, Need::open, job);
    co_return report;
}

asio::awaitable<std::uint64_t> SqliteEngine::run_sql_batch(const SqlBatch& batch, Deadline deadline) {
    std::uint64_t written = 0;
    auto work = [&](JobContext& context) { written = context.database.run_sql_batch(batch, context.control); };
    Job job(resolve(deadline), work);
    co_await run(Lane::writer, Need::open, job);
    co_return written;
}

asio::awaitable<std::uint64_t> SqliteEngine::copy_sql_rows(const SqlRows& rows, Deadline deadline) {
    std::uint64_t written = 0;
    auto work = [&](JobContext& context) { written = context.database.copy_sql_rows(rows, context.control); };
    Job job(resolve(deadline), work);
    co_await run(Lane::writer, Need::open, job);
    co_return written;
}

asio::awaitable<std::vector<Finding>> SqliteEngine::examine(Deadline deadline) {
    std::vector<Finding> findings;
    auto work = [&](JobContext& context) { findings = context.store->examine(config_, context.control); };
    Job job(resolve(deadline), work);
    co_await run(Lane::readers, Need::open, job);
    co_return findings;
}

asio::awaitable<ChangeMarks> SqliteEngine::poll_changes(Deadline deadline) {
    ChangeMarks marks;
    auto work = [&](JobContext& context) { marks = context.database.poll_changes(context.control); };
    Job job(resolve(deadline), work);
    co_await run(Lane::writer, Need::open, job);
    co_return marks;
}

asio::awaitable<DatabaseStats> SqliteEngine::stats(Deadline deadline) {
    DatabaseStats result;
    auto work = [&](JobContext& context) { result = context.store->stats(); };
    Job job(resolve(deadline), work);
    co_await run(Lane::readers, Need::open, job);
    co_return result;
}

asio::awaitable<PoolStats> SqliteEngine::pool_stats() {
    require_same_process();
    if (!open_.load(std::memory_order_acquire)) throw Error(ErrorCode::closed, "the database is not open");
    co_return workers_->stats();
}

asio::awaitable<MigrationStatus> SqliteEngine::migrate_status(Deadline deadline) {
    require_same_process();
    workers_->start_writer();
    MigrationStatus result;
    auto work = [&](JobContext& context) { result = context.database.migrate_status(context.control); };
    Job job(resolve(deadline), work);
    co_await run(Lane::writer, Need::nothing, job);
    co_return result;
}

asio::awaitable<std::vector<MigrationStep>> SqliteEngine::migrate_up(Deadline deadline) {
    require_same_process();
    workers_->start_writer();
    std::vector<MigrationStep> result;
    auto work = [&](JobContext& context) { result = context.database.migrate_up(context.control); };
    Job job(resolve(deadline), work);
    co_await run(Lane::writer, Need::nothing, job);
    co_return result;
}

asio::awaitable<std::vector<MigrationStep>> SqliteEngine::migrate_down(std::uint32_t version, Deadline deadline) {
    require_same_process();
    workers_->start_writer();
    std::vector<MigrationStep> result;
    auto work = [&](JobContext& context) { result = context.database.migrate_down(version, context.control); };
    Job job(resolve(deadline), work);
    co_await run(Lane::writer, Need::nothing, job);
    co_return result;
}

asio::awaitable<ConversionReport> SqliteEngine::plan_conversion(ConversionDetail, Deadline) {
    // No other program ever kept its rows in a file like ours.
    ConversionReport nothing;
    co_return nothing;
}

asio::awaitable<ConversionReport> SqliteEngine::convert(ConversionStep, ConversionOptions, Deadline) {
    throw Error(ErrorCode::schema_mismatch, config_.redacted_url() + ": there is nothing to convert");
    co_return ConversionReport();
}

}  // namespace marketdb::storage::sqlite
