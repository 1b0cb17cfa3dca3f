#include <unistd.h>

#include <algorithm>
#include <utility>

#include <boost/asio/this_coro.hpp>

#include "manager/impl.hpp"

namespace marketdb {
namespace {

using storage::Role;
using storage::RowSpan;
using storage::SeriesKey;
using storage::Table;

constexpr std::size_t kMaxUnknownIds = 64;      // more are not worth a name each: the first is what is reported
constexpr std::uint64_t kCleanupRows = 10'000;  // a transaction of the cleanup

std::string host_name() {
    std::array<char, 64> name{};
    if (gethostname(name.data(), name.size() - 1) != 0) return {};
    return name.data();
}

/// The rows of the last time of each series of a batch that is sorted by key. All of them: a trade that is stored already
/// keeps its stored sequence, so the batch alone does not say which of them is the newest.
RowBuffer newest_per_series(RowSpan rows) {
    const Table& table = *rows.table;
    const storage::Column& time = *table.find(Role::event_time);
    RowBuffer newest(table);
    std::size_t begin = 0;
    while (begin < rows.count) {
        std::size_t end = begin + 1;
        while (end < rows.count && storage::compare(rows.row(begin), rows.row(end), table, table.series) == 0) ++end;
        std::size_t first = end - 1;
        while (first > begin && storage::compare(rows.row(first - 1), rows.row(end - 1), time) == 0) --first;
        for (std::size_t i = first; i < end; ++i) newest.push(rows.row(i));
        begin = end;
    }
    return newest;
}

std::string unknown_id_text(const Table& table, std::size_t row, std::int32_t id) {
    const bool balances = table.dataset == Dataset::balances;
    return std::string(table.name) + " row " + std::to_string(row) + ": column " +
           (balances ? "exchange_id: no exchange" : "symbol_id: no symbol") + " has the id " + std::to_string(id);
}

}  // namespace

void DatabaseManager::Impl::refuse_read_only() const {
    if (config_.open_mode == OpenMode::read_only) {
        throw Error(ErrorCode::read_only, config_.redacted_url() + " was opened read-only");
    }
}

std::vector<DatabaseManager::Impl::UnknownId> DatabaseManager::Impl::unknown_ids(RowSpan rows) const {
    std::vector<UnknownId> unknown;
    const Table& table = *rows.table;
    const storage::Column& column = table.at(table.series.front());
    const bool balances = table.dataset == Dataset::balances;
    std::int32_t known = 0;
    for (std::size_t i = 0; i < rows.count && unknown.size() < kMaxUnknownIds; ++i) {
        const auto id = storage::load<std::int32_t>(rows.row(i), column);
        if (id == known && id != 0) continue;
        const bool found = balances ? reference_.find_exchange(ExchangeId{id}) != nullptr
                                    : reference_.find_symbol(SymbolId{id}) != nullptr;
        if (found) {
            known = id;
        } else {
            unknown.push_back({i, id});
        }
    }
    return unknown;
}

boost::asio::awaitable<void> DatabaseManager::Impl::require_known(RowSpan rows, const std::vector<UnknownId>& unknown,
                                                                  Deadline deadline) {
    if (unknown.empty()) co_return;
    co_await refresh_if_changed(deadline);
    const bool balances = rows.table->dataset == Dataset::balances;
    for (const UnknownId& one : unknown) {
        const bool found = balances ? reference_.find_exchange(ExchangeId{one.id}) != nullptr
                                    : reference_.find_symbol(SymbolId{one.id}) != nullptr;
        if (found) continue;
        throw Error(balances ? ErrorCode::unknown_exchange : ErrorCode::unknown_symbol,
                    unknown_id_text(*rows.table, one.row, one.id));
    }
    // The list was cut: ids behind it are looked at again, now without a row number to name.
    if (unknown.size() < kMaxUnknownIds) co_return;
    const std::vector<UnknownId> rest = unknown_ids(rows);
    if (!rest.empty()) {
        throw Error(balances ? ErrorCode::unknown_exchange : ErrorCode::unknown_symbol,
                    unknown_id_text(*rows.table, rest.front().row, rest.front().id));
    }
}

boost::asio::awaitable<SourceId> DatabaseManager::Impl::session_source(Deadline deadline) {
    {
        const std::scoped_lock lock(session_mutex_);
        if (session_ != SourceId{}) co_return session_;
    }
    Source source;
    source.kind = "session";
    source.program = config_.program.empty() ? "marketdb " + std::string(version()) : config_.program;
    source.name = source.program.view();
    source.host = host_name();
    source.started_at = clock_->now();
    co_await engine_->insert_one(storage::table_of<Source>(), reinterpret_cast<std::byte*>(&source), deadline);
    // Two first writes at once make two sources; the second one stays unused but harmless.
    const std::scoped_lock lock(session_mutex_);
    if (session_ == SourceId{}) session_ = source.id;
    co_return session_;
}

boost::asio::awaitable<WriteResult> DatabaseManager::Impl::write(RowSpan rows, const std::vector<UnknownId>& unknown,
                                                                 Deadline deadline) {
    WriteResult result;
    refuse_read_only();
    if (rows.count == 0) co_return result;
    co_await require_known(rows, unknown, deadline);

    co_await fill_sources(rows, deadline);
    result = co_await engine_->write(rows, deadline);
    rows_written_.fetch_add(result.inserted + result.updated, std::memory_order_relaxed);

    // The rows are stored: from here on a wish to cancel comes too late, and must not look like a failure.
    const bool throws_if_cancelled = co_await boost::asio::this_coro::throw_if_cancelled();
    co_await boost::asio::this_coro::throw_if_cancelled(false);
    co_await learn(rows, deadline);
    co_await boost::asio::this_coro::throw_if_cancelled(throws_if_cancelled);
    co_return result;
}

bool DatabaseManager::Impl::is_known_source(SourceId source) const {
    const std::scoped_lock lock(session_mutex_);
    return known_sources_.contains(source);
}

/// Rows without a source get the session's; a source that is not stored is refused.
boost::asio::awaitable<void> DatabaseManager::Impl::fill_sources(RowSpan rows, Deadline deadline) {
    const storage::Column& column = *rows.table->find(Role::source);
    SourceId session{};
    SourceId checked{};
    for (std::size_t i = 0; i < rows.count; ++i) {
        const auto source = storage::load<SourceId>(rows.row(i), column);
        if (source == SourceId{}) {
            if (session == SourceId{}) session = co_await session_source(deadline);
            storage::store(rows.row(i), column, session);
            continue;
        }
        if (source == checked) continue;
        if (!is_known_source(source)) {
            const std::vector<Source> stored = co_await sources(std::string(), std::string(), false, deadline);
            const std::scoped_lock lock(session_mutex_);
            for (const Source& one : stored) known_sources_.insert(one.id);
        }
        if (!is_known_source(source)) {
            throw Error(ErrorCode::invalid_argument, std::string(rows.table->name) +
                                                         ": column source_id: no source has the id " +
                                                         std::to_string(static_cast<std::int32_t>(source)));
        }
        checked = source;
    }
}

boost::asio::awaitable<void> DatabaseManager::Impl::learn(RowSpan rows, Deadline deadline) {
    const Table& table = *rows.table;
    RowBuffer newest = newest_per_series(rows);
    const RowSpan newest_rows = newest.span(table);
    const std::vector<SeriesKey> unknown =
        latest_cache(*table.dataset).learn_written(newest_rows, clock_->steady_now());
    if (unknown.empty()) co_return;
    try {
        RowBuffer answer(table);
        co_await ask_latest(table, unknown, answer, deadline);
    } catch (const Error& error) {
        // That memory could not learn the rows is no failure of the write.
        log(LogLevel::warning, std::string("latest rows were not taken into memory: ") + error.what());
    }
}

template <class Row>
boost::asio::awaitable<WriteResult> DatabaseManager::Impl::insert(std::vector<Row> rows, std::size_t folded,
                                                                  std::vector<UnknownId> unknown, Deadline deadline) {
    const RowSpan span = storage::as_rows(rows);
    WriteResult result = co_await write(span, unknown, deadline);
    result.folded += folded;
    co_return result;
}

template boost::asio::awaitable<WriteResult> DatabaseManager::Impl::insert(std::vector<BookTicker>, std::size_t,
                                                                           std::vector<UnknownId>, Deadline);
template boost::asio::awaitable<WriteResult> DatabaseManager::Impl::insert(std::vector<Trade>, std::size_t,
                                                                           std::vector<UnknownId>, Deadline);
template boost::asio::awaitable<WriteResult> DatabaseManager::Impl::insert(std::vector<FundingRate>, std::size_t,
                                                                           std::vector<UnknownId>, Deadline);

template <>
boost::asio::awaitable<WriteResult> DatabaseManager::Impl::insert(std::vector<QuarantinedRow> rows, std::size_t folded,
                                                                  std::vector<UnknownId>, Deadline deadline) {
    refuse_read_only();
    const RowSpan span = storage::as_rows(rows);
    WriteResult result;
    if (span.count > 0) result = co_await engine_->write(span, deadline);
    result.folded += folded;
    co_return result;
}

boost::asio::awaitable<WriteResult> DatabaseManager::Impl::insert_balances(std::vector<Balance> balances,
                                                                           std::size_t folded,
                                                                           std::vector<UnknownId> unknown,
                                                                           bool complete, Deadline deadline) {
    if (complete) {
        co_await add_zero_balances(balances, deadline);
        const RowSpan all = storage::as_rows(balances);
        balances.resize(storage::prepare_batch(all));
    }
    const RowSpan span = storage::as_rows(balances);
    WriteResult result = co_await write(span, unknown, deadline);
    result.folded += folded;
    co_return result;
}

boost::asio::awaitable<void> DatabaseManager::Impl::add_zero_balances(std::vector<Balance>& balances,
                                                                      Deadline deadline) {
    const Table& table = storage::table_of<Balance>();
    const std::vector<storage::SeriesInfo> stored = co_await engine_->series(Dataset::balances, deadline);
    const std::vector<Balance> given = balances;
    for (const storage::SeriesInfo& one : stored) {
        const auto same_account = [&](const Balance& row) {
            return static_cast<std::int32_t>(row.exchange_id) == one.series.id && row.account == one.series.account;
        };
        const auto snapshot = std::find_if(given.begin(), given.end(), same_account);
        if (snapshot == given.end()) continue;
        const bool present = std::any_of(given.begin(), given.end(), [&](const Balance& row) {
            return same_account(row) && row.asset_name == one.series.asset;
        });
        if (present) continue;

        std::vector<Balance> before;
        VectorSink<Balance> sink(before);
        storage::ScanRequest request;
        request.table = &table;
        request.series = one.series;
        request.end = snapshot->timestamp;
        request.descending = true;
        request.limit = 1;
        co_await engine_->scan(request, sink, deadline);
        if (before.empty()) continue;
        Balance zero = before.front();
        const auto is_zero = [](double value) { return !is_present(value) || value == 0.0; };
        if (is_zero(zero.available_balance) && is_zero(zero.locked_balance) && is_zero(zero.frozen_balance) &&
            is_zero(zero.borrowing_balance) && is_zero(zero.interest_balance)) {
            continue;
        }
        const auto zero_if_present = [](double value) { return is_present(value) ? 0.0 : value; };
        zero.source_id = snapshot->source_id;
        zero.timestamp = snapshot->timestamp;
        zero.received_at = snapshot->received_at;
        zero.available_balance = 0;
        zero.locked_balance = 0;
        zero.frozen_balance = zero_if_present(zero.frozen_balance);
        zero.borrowing_balance = zero_if_present(zero.borrowing_balance);
        zero.interest_balance = zero_if_present(zero.interest_balance);
        balances.push_back(zero);
    }
}

boost::asio::awaitable<SourceId> DatabaseManager::Impl::begin_source(Source source, Deadline deadline) {
    refuse_read_only();
    if (!source.sha256.empty()) {
        const std::vector<Source> known = co_await sources(source.kind.str(), source.sha256.str(), false, deadline);
        for (const Source& one : known) {
            if (!is_present(one.finished_at)) co_return one.id;
        }
    }
    source.id = {};
    if (source.program.empty()) {
        source.program = config_.program.empty() ? "marketdb " + std::string(version()) : config_.program;
    }
    if (source.host.empty()) source.host = host_name();
    co_await engine_->insert_one(storage::table_of<Source>(), reinterpret_cast<std::byte*>(&source), deadline);
    co_return source.id;
}

boost::asio::awaitable<void> DatabaseManager::Impl::finish_source(SourceId source, std::int64_t rows,
                                                                  Deadline deadline) {
    refuse_read_only();
    const std::vector<Source> known = co_await sources(std::string(), std::string(), false, deadline);
    const auto found =
        std::find_if(known.begin(), known.end(), [source](const Source& one) { return one.id == source; });
    if (found == known.end()) {
        throw Error(ErrorCode::invalid_argument,
                    "no source has the id " + std::to_string(static_cast<std::int32_t>(source)));
    }
    Source finished = *found;
    finished.finished_at = clock_->now();
    finished.rows = rows;
    co_await engine_->update_one(storage::table_of<Source>(), reinterpret_cast<const std::byte*>(&finished), deadline);
}

boost::asio::awaitable<std::vector<Source>> DatabaseManager::Impl::sources(std::string kind, std::string sha256,
                                                                           bool finished_only, Deadline deadline) {
    std::vector<Source> all;
    VectorSink<Source> sink(all);
    storage::ScanRequest request;
    request.table = &storage::table_of<Source>();
    co_await engine_->scan(request, sink, deadline);
    std::erase_if(all, [&](const Source& one) {
        return (!kind.empty() && one.kind != kind) || (!sha256.empty() && one.sha256 != sha256) ||
               (finished_only && !is_present(one.finished_at));
    });
    co_return all;
}

boost::asio::awaitable<std::uint64_t> DatabaseManager::Impl::cleanup_dataset(const Table& table, Timestamp cutoff,
                                                                             bool dry_run, Deadline deadline) {
    std::uint64_t total = 0;
    const std::vector<storage::SeriesInfo> stored = co_await engine_->series(table.dataset, deadline);
    for (const storage::SeriesInfo& one : stored) {
        if (one.first >= cutoff) continue;
        const std::uint64_t limit = dry_run ? 0 : kCleanupRows;
        std::uint64_t gone = 0;
        do {
            gone = co_await engine_->erase_before(table, one.series, cutoff, limit, dry_run, deadline);
            total += gone;
        } while (!dry_run && gone == kCleanupRows);
    }
    co_return total;
}

boost::asio::awaitable<CleanupResult> DatabaseManager::Impl::cleanup(CleanupOptions options, Deadline deadline) {
    if (!options.dry_run) refuse_read_only();
    CleanupResult result;
    result.cutoff = clock_->now() - options.older_than;
    const std::array<std::uint64_t*, 4> counts = {&result.book_tickers, &result.trades, &result.funding_rates,
                                                  &result.balances};
    for (std::size_t i = 0; i < counts.size(); ++i) {
        const auto dataset = static_cast<Dataset>(i);
        if (options.dataset && *options.dataset != dataset) continue;
        const Table& table = storage::table_of(dataset);
        *counts[i] = co_await cleanup_dataset(table, result.cutoff, options.dry_run, deadline);
        if (options.dry_run) continue;
        const storage::Column& time = *table.find(Role::event_time);
        const Timestamp cutoff = result.cutoff;
        latest_cache(dataset).erase_if([&time, cutoff](const SeriesKey&, const std::byte* row) {
            return row != nullptr && storage::load<Timestamp>(row, time) < cutoff;
        });
    }
    if (!options.dry_run) co_await engine_->reclaim(deadline);
    co_return result;
}

}  // namespace marketdb
