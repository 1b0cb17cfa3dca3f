#include "storage/postgres/postgres_engine.hpp"

#include <array>
#include <chrono>
#include <new>
#include <utility>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "core/resolved.hpp"
#include "storage/postgres/conversion.hpp"
#include "storage/postgres/make_engine.hpp"
#include "storage/postgres/migrations.hpp"
#include "storage/postgres/migrator.hpp"
#include "storage/postgres/remote_job.hpp"
#include "storage/postgres/side_tables.hpp"
#include "storage/postgres/transaction.hpp"

namespace marketdb::storage::postgres {

namespace asio = boost::asio;

/// Counts an operation as pending.
class PostgresEngine::Admission {
 public:
    /// Errors: resource_exhausted  too many are.
    explicit Admission(PostgresEngine& engine) : engine_(engine) {
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
    PostgresEngine& engine_;
};

namespace {

/// With threads that a name server or a server that hangs holds up, when the engine goes.
constexpr auto kPatience = std::chrono::milliseconds(2000);

Config for_one_session(Config config) {
    config.postgres.pool_min_size = 1;
    config.postgres.pool_max_size = 1;
    return config;
}

}  // namespace

PostgresEngine::PostgresEngine(const Config& config, asio::any_io_executor executor)
    : config_(config), conversion_config_(for_one_session(config)), executor_(std::move(executor)) {}

PostgresEngine::~PostgresEngine() {
    if (process_.is_here()) {
        store_.reset();
        pool_.reset();
        const auto until = std::chrono::steady_clock::now() + kPatience;
        for (const std::shared_ptr<Gate>& gate : gates_) {
            gate->shut();
            gate->join(std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()));
        }
        return;
    }
    // The executor's threads are not here, and nothing of the parent's may be touched.
    static_cast<void>(store_.release());
    static_cast<void>(new (std::nothrow) std::shared_ptr<Pool>(std::move(pool_)));
    static_cast<void>(new (std::nothrow) std::vector<std::shared_ptr<Gate>>(std::move(gates_)));
}

void PostgresEngine::abandon() noexcept {
    open_.store(false, std::memory_order_release);
    if (pool_) pool_->close();
    store_.reset();
    pool_.reset();
    for (const std::shared_ptr<Gate>& gate : gates_) gate->shut();
    executor_ = {};
}

std::shared_ptr<Pool> PostgresEngine::make_pool(const Config& config) {
    // Of those whose pool is gone and whose threads have ended nothing is left to wait for.
    std::erase_if(gates_, [](const std::shared_ptr<Gate>& gate) { return gate.use_count() == 1; });
    auto pool = std::make_shared<Pool>(config, executor_);
    gates_.push_back(pool->gate());
    return pool;
}

Deadline PostgresEngine::resolve(Deadline deadline) const { return core::resolved(config_, deadline); }

void PostgresEngine::require_same_process() const {
    if (process_.is_here()) return;
    throw Error(ErrorCode::closed,
                "this process is a child (fork) of the one that opened the database; open it here anew");
}

Store& PostgresEngine::store() const {
    if (open_.load(std::memory_order_acquire)) return *store_;
    throw Error(ErrorCode::closed, "the database is not open");
}

/// The connections of one operation that may come before the database is opened: its own, unless they are there already.
class PostgresEngine::Connections {
 public:
    explicit Connections(PostgresEngine& engine)
        : pool_(engine.pool_ ? engine.pool_ : engine.make_pool(engine.config_)), is_own_(engine.pool_ == nullptr) {}
    /// Its own in any case.
    Connections(PostgresEngine& engine, const Config& config) : pool_(engine.make_pool(config)), is_own_(true) {}
    ~Connections() {
        if (is_own_) pool_->close();
    }
    Connections(const Connections&) = delete;
    Connections& operator=(const Connections&) = delete;

    [[nodiscard]] const std::shared_ptr<Pool>& pool() const noexcept { return pool_; }

 private:
    std::shared_ptr<Pool> pool_;
    bool is_own_;
};

template <class T>
asio::awaitable<T> PostgresEngine::run(asio::awaitable<T> operation) {
    require_same_process();
    const Admission admission(*this);
    if constexpr (std::is_void_v<T>) {
        co_await run_on(executor_, std::move(operation));
    } else {
        T result = co_await run_on(executor_, std::move(operation));
        co_return result;
    }
}

asio::awaitable<void> PostgresEngine::open(Deadline deadline) { co_await run(open_here(resolve(deadline))); }

asio::awaitable<void> PostgresEngine::open_here(Deadline deadline) {
    if (open_.load(std::memory_order_acquire)) co_return;
    pool_ = make_pool(config_);
    auto body = [&](Connection& connection) { return open_schema(connection, deadline); };
    co_await on_connection(pool_, body, deadline);
    open_.store(true, std::memory_order_release);
}

asio::awaitable<void> PostgresEngine::open_schema(Connection& connection, Deadline deadline) {
    Catalogue catalogue = co_await Catalogue::read(connection, config_.postgres.schema, deadline);
    if (catalogue.is_existing()) {
        catalogue = co_await open_existing(connection, std::move(catalogue), deadline);
    } else {
        catalogue = co_await open_own(connection, std::move(catalogue), deadline);
    }
    capabilities_ = catalogue.capabilities();
    store_ = std::make_unique<Store>(config_, pool_, std::move(catalogue));
    co_await store_->prepare(connection, deadline);
}

asio::awaitable<Catalogue> PostgresEngine::open_own(Connection& connection, Catalogue catalogue, Deadline deadline) {
    require_ours(catalogue, connection.shown());
    if (config_.postgres.side_tables && catalogue.is_empty()) {
        throw Error(ErrorCode::invalid_argument,
                    fmt::format("{}: side tables are for an existing schema, and {} is empty; marketdb's own has these "
                                "tables itself; nothing was made",
                                connection.shown(), catalogue.schema().quoted()));
    }
    const bool may_write = config_.open_mode != OpenMode::read_only;
    const bool may_create = config_.open_mode == OpenMode::create && catalogue.is_empty();
    if (catalogue.is_empty() && !may_create) {
        throw Error(ErrorCode::schema_mismatch,
                    fmt::format("{}: schema {} is empty, no marketdb tables; run `marketdb init`", connection.shown(),
                                catalogue.schema().quoted()));
    }
    if (may_create || (may_write && config_.migrate)) {
        co_await Migrator::up(connection, config_, deadline);
        catalogue = co_await Catalogue::read(connection, config_.postgres.schema, deadline);
    }
    require_usable(migrations(), catalogue.applied(), may_write ? SchemaUse::write : SchemaUse::read,
                   connection.shown());
    co_return catalogue;
}

asio::awaitable<Catalogue> PostgresEngine::open_existing(Connection& connection, Catalogue catalogue,
                                                         Deadline deadline) {
    if (config_.postgres.side_tables && config_.open_mode == OpenMode::create) {
        co_await make_side_tables(connection, catalogue.schema(), deadline);
    }
    const SchemaUse use = config_.open_mode == OpenMode::read_only ? SchemaUse::read : SchemaUse::write;
    co_await catalogue.read_side_tables(connection, use, deadline);
    catalogue.set_legacy_clock(config_.legacy_clock);
    if (config_.migrate && config_.log) {
        config_.log(LogLevel::info,
                    fmt::format("migrations.enabled has no effect: schema {} is an existing schema and is used "
                                "as it is",
                                catalogue.schema().quoted()));
    }
    co_return catalogue;
}

asio::awaitable<void> PostgresEngine::close(Deadline) {
    if (!process_.is_here()) co_return;
    // Letting go cannot be cancelled, not even by a wish from before.
    const bool throws_if_cancelled = co_await asio::this_coro::throw_if_cancelled();
    co_await asio::this_coro::throw_if_cancelled(false);
    co_await run_on(executor_, close_here());
    co_await asio::this_coro::throw_if_cancelled(throws_if_cancelled);
}

asio::awaitable<void> PostgresEngine::close_here() {
    open_.store(false, std::memory_order_release);
    if (pool_) pool_->close();
    pool_.reset();
    // The store stays for operations that are still on their way out.
    co_return;
}

asio::awaitable<WriteResult> PostgresEngine::write(RowSpan rows, std::span<const CoverageClaim> claims,
                                                   Deadline deadline) {
    WriteResult result;
    if (rows.count > 0) result = co_await run(store().write(rows, claims, resolve(deadline)));
    co_return result;
}

asio::awaitable<void> PostgresEngine::claim(std::span<const CoverageClaim> claims, Deadline deadline) {
    co_await run(store().claim(claims, resolve(deadline)));
}

asio::awaitable<void> PostgresEngine::open_claims(std::span<const CoverageClaim> claims, Deadline deadline) {
    co_await run(store().open_claims(claims, resolve(deadline)));
}

asio::awaitable<void> PostgresEngine::settle_claims(CoverageFilter closes, std::span<const CoverageClaim> claims,
                                                    Deadline deadline) {
    co_await run(store().settle_claims(closes, claims, resolve(deadline)));
}

asio::awaitable<void> PostgresEngine::withdraw(CoverageFilter filter, Deadline deadline) {
    co_await run(store().withdraw(filter, resolve(deadline)));
}

asio::awaitable<std::vector<CoverageClaim>> PostgresEngine::claims(CoverageFilter filter, Deadline deadline) {
    std::vector<CoverageClaim> found = co_await run(store().claims(filter, resolve(deadline)));
    co_return found;
}

asio::awaitable<void> PostgresEngine::insert_one(const Table& table, std::byte* row, Deadline deadline) {
    co_await run(store().insert_one(table, row, resolve(deadline)));
}

asio::awaitable<bool> PostgresEngine::update_one(const Table& table, const std::byte* row, Deadline deadline) {
    const bool found = co_await run(store().update_one(table, row, resolve(deadline)));
    co_return found;
}

asio::awaitable<void> PostgresEngine::change_rows(RowSpan added, RowSpan changed, std::span<const ColumnSet> columns,
                                                  Deadline deadline) {
    co_await run(store().change_rows(added, changed, columns, resolve(deadline)));
}

asio::awaitable<WriteResult> PostgresEngine::move_rows(const Table& table, SeriesKey from, SeriesKey to,
                                                       std::uint64_t limit, Deadline deadline) {
    const WriteResult result = co_await run(store().move_rows(table, from, to, limit, resolve(deadline)));
    co_return result;
}

asio::awaitable<void> PostgresEngine::scan(ScanRequest request, RowSink& sink, Deadline deadline) {
    co_await run(store().scan(request, sink, resolve(deadline)));
}

asio::awaitable<void> PostgresEngine::latest(const Table& table, std::span<const SeriesKey> series, RowSink& sink,
                                             Deadline deadline) {
    co_await run(store().latest(table, series, sink, resolve(deadline)));
}

asio::awaitable<std::vector<SeriesInfo>> PostgresEngine::series(std::optional<Dataset> dataset, Deadline deadline) {
    std::vector<SeriesInfo> found = co_await run(store().series(dataset, resolve(deadline)));
    co_return found;
}

asio::awaitable<void> PostgresEngine::count_rows(std::vector<SeriesInfo>& series, Deadline deadline) {
    co_await run(store().count_rows(series, resolve(deadline)));
}

asio::awaitable<std::optional<SeriesInfo>> PostgresEngine::summarised_series(Dataset dataset, SymbolId symbol,
                                                                             Deadline deadline) {
    const std::optional<SeriesInfo> series =
        co_await run(store().summarised_series(dataset, symbol, resolve(deadline)));
    co_return series;
}

asio::awaitable<std::vector<core::IntervalSummary>> PostgresEngine::summarise(core::IntervalQuestion question,
                                                                              Deadline deadline) {
    std::vector<core::IntervalSummary> summaries = co_await run(store().summarise(question, resolve(deadline)));
    co_return summaries;
}

asio::awaitable<std::uint64_t> PostgresEngine::count(RowChoice choice, Deadline deadline) {
    const std::uint64_t rows = co_await run(store().count(choice, resolve(deadline)));
    co_return rows;
}

asio::awaitable<std::vector<SeriesCount>> PostgresEngine::count_since(const Table& table, Timestamp start,
                                                                      Deadline deadline) {
    std::vector<SeriesCount> counts = co_await run(store().count_since(table, start, resolve(deadline)));
    co_return counts;
}

asio::awaitable<Erased> PostgresEngine::erase(RowChoice choice, std::uint64_t limit, Deadline deadline) {
    const Erased erased = co_await run(store().erase(choice, limit, resolve(deadline)));
    co_return erased;
}

asio::awaitable<Timestamp> PostgresEngine::partition_start(const Table& table, Timestamp time, Deadline deadline) {
    const Timestamp start = co_await run(store().partition_start(table, time, resolve(deadline)));
    co_return start;
}

asio::awaitable<std::optional<std::uint64_t>> PostgresEngine::drop_partition(const Table& table, Timestamp cutoff,
                                                                             bool spares_imports, Deadline deadline) {
    const std::optional<std::uint64_t> rows =
        co_await run(store().drop_partition(table, cutoff, spares_imports, resolve(deadline)));
    co_return rows;
}

asio::awaitable<void> PostgresEngine::fit_partitions(const Table& table, bool by_days, Deadline deadline) {
    co_await run(store().fit_partitions(table, by_days, resolve(deadline)));
}

asio::awaitable<std::optional<std::uint64_t>> PostgresEngine::make_partitions(const Table& table, Timestamp start,
                                                                              Timestamp end, Deadline deadline) {
    const std::optional<std::uint64_t> made =
        co_await run(store().make_partitions(table, start, end, resolve(deadline)));
    co_return made;
}

asio::awaitable<void> PostgresEngine::reclaim(Deadline) {
    // The server's autovacuum does it.
    static_cast<void>(store());
    co_return;
}

asio::awaitable<std::vector<Finding>> PostgresEngine::tidy_up(Deadline deadline) {
    std::vector<Finding> steps = co_await run(store().tidy_up(resolve(deadline)));
    co_return steps;
}

/// What pg_total_relation_size says of tables of vendors' rows (balances: of made-up ones) after VACUUM, by rows; PostgreSQL 15,
/// 2026-11-27.
std::uint64_t PostgresEngine::usual_row_bytes(Dataset dataset) const noexcept {
    constexpr std::array<std::uint64_t, 4> kBytes{154, 168, 190, 157};
    return kBytes.at(static_cast<std::size_t>(dataset));
}

asio::awaitable<std::vector<ServerJob>> PostgresEngine::server_jobs(Deadline deadline) {
    std::vector<ServerJob> jobs = co_await run(store().server_jobs(resolve(deadline)));
    co_return jobs;
}

asio::awaitable<SqlResult> PostgresEngine::run_sql(const SqlStatement& statement, Deadline deadline) {
    SqlResult result = co_await run(store().run_sql(statement, resolve(deadline)));
    co_return result;
}

asio::awaitable<BackupReport> PostgresEngine::back_up(std::string, Deadline) {
    throw Error(ErrorCode::invalid_argument,
                config_.redacted_url() + ": a file can be copied, a PostgreSQL database is what pg_dump saves");
    co_return BackupReport();
}

asio::awaitable<std::uint64_t> PostgresEngine::run_sql_batch(const SqlBatch& batch, Deadline deadline) {
    const std::uint64_t written = co_await run(store().run_sql_batch(batch, resolve(deadline)));
    co_return written;
}

asio::awaitable<std::uint64_t> PostgresEngine::copy_sql_rows(const SqlRows& rows, Deadline deadline) {
    const std::uint64_t written = co_await run(store().copy_sql_rows(rows, resolve(deadline)));
    co_return written;
}

asio::awaitable<std::vector<Finding>> PostgresEngine::examine(Deadline deadline) {
    std::vector<Finding> findings = co_await run(store().examine(resolve(deadline)));
    co_return findings;
}

asio::awaitable<ChangeMarks> PostgresEngine::poll_changes(Deadline deadline) {
    const ChangeMarks marks = co_await run(store().poll_changes(resolve(deadline)));
    co_return marks;
}

asio::awaitable<DatabaseStats> PostgresEngine::stats(Deadline deadline) {
    DatabaseStats result = co_await run(store().stats(resolve(deadline)));
    co_return result;
}

asio::awaitable<PoolStats> PostgresEngine::pool_stats() {
    require_same_process();
    // Not counted as pending: who looks for the reason of a jam is not held up by it.
    const PoolStats stats = co_await run_on(executor_, pool_stats_here());
    co_return stats;
}

asio::awaitable<PoolStats> PostgresEngine::pool_stats_here() {
    if (!pool_) throw Error(ErrorCode::closed, "the database is not open");
    co_return pool_->stats();
}

asio::awaitable<MigrationStatus> PostgresEngine::migrate_status(Deadline deadline) {
    MigrationStatus status = co_await run(status_here(resolve(deadline)));
    co_return status;
}

asio::awaitable<MigrationStatus> PostgresEngine::status_here(Deadline deadline) {
    const std::string& schema = config_.postgres.schema;
    const Connections connections(*this);
    auto body = [&](Connection& connection) { return Catalogue::read(connection, schema, deadline); };
    const Catalogue catalogue = co_await on_connection(connections.pool(), body, deadline);
    require_ours(catalogue, connections.pool()->target().shown());
    MigrationStatus status = migration_status(migrations(), catalogue.applied());
    status.exists = catalogue.has_migrations();
    for (MigrationStep& step : status.steps) {
        for (std::string& statement : step.statements) statement = for_schema(statement, catalogue.schema());
    }
    co_return status;
}

asio::awaitable<std::vector<MigrationStep>> PostgresEngine::migrate_up(Deadline deadline) {
    std::vector<MigrationStep> steps = co_await run(up_here(resolve(deadline)));
    co_return steps;
}

asio::awaitable<std::vector<MigrationStep>> PostgresEngine::up_here(Deadline deadline) {
    const Connections connections(*this);
    auto body = [&](Connection& connection) { return Migrator::up(connection, config_, deadline); };
    std::vector<MigrationStep> steps = co_await on_connection(connections.pool(), body, deadline);
    co_return steps;
}

asio::awaitable<std::vector<MigrationStep>> PostgresEngine::migrate_down(std::uint32_t version, Deadline deadline) {
    std::vector<MigrationStep> steps = co_await run(down_here(version, resolve(deadline)));
    co_return steps;
}

asio::awaitable<std::vector<MigrationStep>> PostgresEngine::down_here(std::uint32_t version, Deadline deadline) {
    const Connections connections(*this);
    auto body = [&](Connection& connection) { return Migrator::down(connection, config_, version, deadline); };
    std::vector<MigrationStep> steps = co_await on_connection(connections.pool(), body, deadline);
    co_return steps;
}

asio::awaitable<ConversionReport> PostgresEngine::plan_conversion(ConversionDetail detail, Deadline deadline) {
    ConversionReport report = co_await run(plan_conversion_here(detail, resolve(deadline)));
    co_return report;
}

asio::awaitable<ConversionReport> PostgresEngine::plan_conversion_here(ConversionDetail detail, Deadline deadline) {
    const Connections connections(*this, conversion_config_);
    auto body = [&](Connection& connection) { return Conversion::plan(connection, config_, detail, deadline); };
    ConversionReport report = co_await on_connection(connections.pool(), body, deadline);
    co_return report;
}

asio::awaitable<ConversionReport> PostgresEngine::convert(ConversionStep step, ConversionOptions options,
                                                          Deadline deadline) {
    ConversionReport report = co_await run(convert_here(step, options, resolve(deadline)));
    co_return report;
}

asio::awaitable<ConversionReport> PostgresEngine::convert_here(ConversionStep step, ConversionOptions options,
                                                               Deadline deadline) {
    const Connections connections(*this, conversion_config_);
    auto body = [&](Connection& connection) { return Conversion::run(connection, config_, step, options, deadline); };
    ConversionReport report = co_await on_connection(connections.pool(), body, deadline);
    co_return report;
}

std::unique_ptr<Engine> make_engine(const Config& config, const asio::any_io_executor& executor) {
    return std::make_unique<PostgresEngine>(config, executor);
}

}  // namespace marketdb::storage::postgres
