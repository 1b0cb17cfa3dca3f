#include <algorithm>
#include <type_traits>
#include <utility>

#include <boost/asio/this_coro.hpp>

#include "manager/balance_snapshot.hpp"
#include "manager/impl.hpp"
#include "storage/sequence.hpp"

namespace marketdb {
namespace {

using boost::asio::awaitable;
using storage::RowSpan;
using storage::SeriesKey;
using storage::Table;

/// Prepares a batch and returns how many rows were folded.
template <class Row>
std::size_t prepare(std::vector<Row>& rows) {
    const std::size_t given = rows.size();
    rows.resize(storage::prepare_batch(storage::as_rows(rows)));
    return given - rows.size();
}

Error unknown_id(const Table& table, std::size_t row, std::int32_t id) {
    const bool balances = table.dataset == Dataset::balances;
    return Error(balances ? ErrorCode::unknown_exchange : ErrorCode::unknown_symbol,
                 std::string(table.name) + " row " + std::to_string(row) + ": column " +
                     (balances ? "exchange_id: no exchange" : "symbol_id: no symbol") + " has the id " +
                     std::to_string(id));
}

}  // namespace

awaitable<WriteResult> DatabaseManager::insert_book_ticker_snapshots(std::vector<BookTicker> snapshots,
                                                                     Deadline deadline) {
    return impl_->insert(std::move(snapshots), deadline);
}

awaitable<WriteResult> DatabaseManager::insert_trades(std::vector<Trade> trades, Deadline deadline) {
    return impl_->insert(std::move(trades), deadline);
}

awaitable<WriteResult> DatabaseManager::insert_funding_rates(std::vector<FundingRate> rates, Deadline deadline) {
    return impl_->insert(std::move(rates), deadline);
}

awaitable<WriteResult> DatabaseManager::insert_balance_snapshots(std::vector<Balance> balances, BalanceOptions options,
                                                                 Deadline deadline) {
    if (!options.complete) return impl_->insert(std::move(balances), deadline);
    check_complete(balances);
    return impl_->insert(std::move(balances), deadline, {}, &Impl::write_complete);
}

awaitable<WriteResult> DatabaseManager::insert_quarantined_rows(std::vector<QuarantinedRow> rows, Deadline deadline) {
    return impl_->insert(std::move(rows), deadline);
}

awaitable<SourceId> DatabaseManager::begin_source(Source source, Deadline deadline) {
    if (!is_present(source.started_at)) source.started_at = impl_->now();
    return impl_->start(&Impl::begin_source, deadline, storage::prepared(source));
}

awaitable<void> DatabaseManager::finish_source(SourceId source, std::int64_t rows, Deadline deadline) {
    return impl_->start(&Impl::finish_source, deadline, source, rows);
}

awaitable<std::vector<Source>> DatabaseManager::get_sources(SourceFilter filter, Deadline deadline) {
    return Impl::run(impl_, impl_->sources().list(std::string(filter.kind), std::string(filter.sha256),
                                                  filter.finished_only, impl_->resolve(deadline)));
}

void DatabaseManager::Impl::refuse_read_only() const {
    if (config_.open_mode == OpenMode::read_only) {
        throw Error(ErrorCode::read_only, config_.redacted_url() + " was opened read-only");
    }
}

void DatabaseManager::Impl::require_quarantine() const {
    if (engine_->capabilities().keeps_sources) return;
    throw Error(ErrorCode::schema_mismatch, config_.redacted_url() +
                                                ": an existing schema has no table for rows that were set aside; "
                                                "`marketdb init --side-tables` makes one beside it");
}

bool DatabaseManager::Impl::is_known_id(const Table& table, std::int32_t id) const noexcept {
    if (table.dataset == Dataset::balances) return reference_.find_exchange(ExchangeId{id}) != nullptr;
    return reference_.find_symbol(SymbolId{id}) != nullptr;
}

std::vector<DatabaseManager::Impl::UnknownId> DatabaseManager::Impl::unknown_ids(RowSpan rows) const {
    std::vector<UnknownId> unknown;
    const Table& table = *rows.table;
    if (!table.dataset) return unknown;
    const storage::Column& column = table.at(table.series.front());
    std::int32_t known = 0;
    for (std::size_t i = 0; i < rows.count; ++i) {
        const auto id = storage::load<std::int32_t>(rows.row(i), column);
        if (id == known && id != 0) continue;
        if (is_known_id(table, id)) {
            known = id;
        } else {
            unknown.push_back({i, id});
        }
    }
    return unknown;
}

template <class Row>
awaitable<WriteResult> DatabaseManager::Impl::insert(std::vector<Row> rows, Deadline deadline,
                                                     std::vector<CoverageClaim> claims, Write<Row> method) {
    if constexpr (std::is_same_v<Row, Trade>) storage::number_trades(rows);
    // Looked for before the batch is sorted, so that an error names the caller's row.
    std::vector<UnknownId> unknown = unknown_ids(storage::as_rows(rows));
    const std::size_t folded = prepare(rows);
    return start(method, deadline, std::move(rows), folded, std::move(unknown), std::move(claims));
}

template awaitable<WriteResult> DatabaseManager::Impl::insert(std::vector<BookTicker>, Deadline,
                                                              std::vector<CoverageClaim>, Write<BookTicker>);
template awaitable<WriteResult> DatabaseManager::Impl::insert(std::vector<Trade>, Deadline, std::vector<CoverageClaim>,
                                                              Write<Trade>);
template awaitable<WriteResult> DatabaseManager::Impl::insert(std::vector<FundingRate>, Deadline,
                                                              std::vector<CoverageClaim>, Write<FundingRate>);

template <class Row>
awaitable<WriteResult> DatabaseManager::Impl::write_batch(std::vector<Row> rows, std::size_t folded,
                                                          std::vector<UnknownId> unknown,
                                                          std::vector<CoverageClaim> claims, Deadline deadline) {
    const RowSpan span = storage::as_rows(rows);
    WriteResult result = co_await write(span, claims, unknown, deadline);
    result.folded += folded;
    co_return result;
}

awaitable<WriteResult> DatabaseManager::Impl::write_complete(std::vector<Balance> snapshot, std::size_t folded,
                                                             std::vector<UnknownId> unknown,
                                                             std::vector<CoverageClaim> claims, Deadline deadline) {
    co_await add_zero_balances(snapshot, deadline);
    folded += prepare(snapshot);
    WriteResult result =
        co_await write_batch(std::move(snapshot), folded, std::move(unknown), std::move(claims), deadline);
    co_return result;
}

awaitable<void> DatabaseManager::Impl::add_zero_balances(std::vector<Balance>& snapshot, Deadline deadline) {
    const std::vector<storage::SeriesInfo> stored = co_await engine_->series(Dataset::balances, deadline);
    const std::vector<AbsentBalance> absent = absent_balances(stored, snapshot);
    for (const AbsentBalance& one : absent) {
        std::vector<Balance> last;
        VectorSink<Balance> sink(last);
        storage::ScanRequest request;
        request.table = &storage::table_of<Balance>();
        request.series = one.series;
        request.end = one.beside.timestamp;
        request.descending = true;
        request.limit = 1;
        co_await engine_->scan(request, sink, deadline);
        if (last.empty()) continue;
        if (const std::optional<Balance> zero = zero_after(last.front(), one.beside)) snapshot.push_back(*zero);
    }
}

awaitable<WriteResult> DatabaseManager::Impl::write(RowSpan rows, std::span<const CoverageClaim> claims,
                                                    const std::vector<UnknownId>& unknown, Deadline deadline) {
    WriteResult result;
    refuse_read_only();
    const bool is_dataset = rows.table->dataset.has_value();
    if (!is_dataset) require_quarantine();
    if (rows.count == 0) {
        if (!claims.empty()) co_await engine_->claim(claims, deadline);
        co_return result;
    }
    if (is_dataset) {
        co_await require_known(rows, unknown, deadline);
        co_await sources_.fill(rows, deadline);
    }
    result = co_await engine_->write(rows, claims, deadline);
    if (!is_dataset) co_return result;
    // What the database folded is not stored; the rows in front of it are as they are stored.
    rows.count -= result.folded;
    rows_written_.fetch_add(result.inserted + result.updated, std::memory_order_relaxed);

    // The rows are stored: from here on a wish to cancel comes too late, and must not look like a failure.
    const bool throws_if_cancelled = co_await boost::asio::this_coro::throw_if_cancelled();
    co_await boost::asio::this_coro::throw_if_cancelled(false);
    co_await learn(rows, deadline);
    co_await boost::asio::this_coro::throw_if_cancelled(throws_if_cancelled);
    co_return result;
}

awaitable<void> DatabaseManager::Impl::require_known(RowSpan rows, const std::vector<UnknownId>& unknown,
                                                     Deadline deadline) {
    if (unknown.empty()) co_return;
    co_await refresh_if_changed(deadline);
    for (const UnknownId& one : unknown) {
        if (!is_known_id(*rows.table, one.id)) throw unknown_id(*rows.table, one.row, one.id);
    }
}

awaitable<void> DatabaseManager::Impl::learn(RowSpan rows, Deadline deadline) {
    const Table& table = *rows.table;
    RowBuffer newest = newest_per_series(rows);
    const RowSpan newest_rows = newest.span(table);
    cache::LatestCache& cache = latest_cache(*table.dataset);
    std::vector<SeriesKey> unknown = cache.learn_written(newest_rows, clock_->steady_now());
    if (table.dataset == Dataset::trades && !engine_->capabilities().unique_trades) {
        // Only the database knows how it numbered them.
        unknown = series_in(newest_rows);
        cache.erase_if([&unknown](const SeriesKey& series, const std::byte*) {
            return std::find(unknown.begin(), unknown.end(), series) != unknown.end();
        });
    }
    if (unknown.empty()) co_return;
    try {
        RowBuffer answer(table);
        co_await ask_latest(table, unknown, answer, deadline);
    } catch (const Error& error) {
        // That memory could not learn the rows is no failure of the write.
        log(LogLevel::warning, std::string("latest rows were not taken into memory: ") + error.what());
    }
}

awaitable<SourceId> DatabaseManager::Impl::begin_source(Source source, Deadline deadline) {
    refuse_read_only();
    const SourceId id = co_await sources_.begin(source, deadline);
    co_return id;
}

awaitable<void> DatabaseManager::Impl::finish_source(SourceId id, std::int64_t rows, Deadline deadline) {
    refuse_read_only();
    co_await sources_.finish(id, rows, deadline);
}

}  // namespace marketdb
