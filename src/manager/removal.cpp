#include "manager/removal.hpp"

#include <marketdb/removal.hpp>

#include <algorithm>
#include <optional>
#include <set>
#include <string>

#include "core/refuse.hpp"
#include "manager/access.hpp"

namespace marketdb {
namespace {

using boost::asio::awaitable;
using storage::RowChoice;
using storage::SeriesInfo;
using storage::SeriesKey;
using storage::Table;
using Impl = ManagerAccess::Impl;

constexpr std::uint64_t kRowsAtOnce =
    10'000;  // of one transaction, so that other writers go on; stated in the public header

bool is_given(const SeriesFilter& filter) noexcept {
    const std::string_view texts[] = {filter.exchange, filter.symbol, filter.base,
                                      filter.quote,    filter.asset,  filter.account};
    const bool has_text = std::any_of(std::begin(texts), std::end(texts), [](auto text) { return !text.empty(); });
    return has_text || !filter.symbols.empty() || !filter.balances.empty();
}

/// Whether a row lies in the chosen time.
bool is_within(const std::byte* row, const storage::Column& time, Timestamp start, Timestamp end) noexcept {
    const auto at = storage::load<Timestamp>(row, time);
    return (!is_present(start) || at >= start) && (!is_present(end) || at < end);
}

/// Counts rows by series, and removes them unless it is a rehearsal.
class Remover {
 public:
    Remover(Impl& impl, bool dry_run) : impl_(impl), dry_run_(dry_run) {}

    awaitable<void> remove(RowChoice choice, Deadline deadline) {
        const bool counts_first = dry_run_ || choice.source != SourceId{};
        std::uint64_t rows = 0;
        if (counts_first) rows = co_await impl_.engine().count(choice, deadline);
        // Looking for rows of a source is done beside the writers, not among them.
        const bool is_done = counts_first && (dry_run_ || rows == 0);
        if (!is_done) rows = co_await remove_rows(impl_.engine(), choice, deadline);
        if (rows == 0) co_return;
        SeriesInfo& info = removed_.emplace_back();
        info.dataset = *choice.table->dataset;
        info.series = choice.series;
        info.rows = rows;
    }

    [[nodiscard]] Removal finish() const {
        Removal removal;
        removal.series = describe_series(impl_.reference(), removed_);
        for (const SeriesStats& one : removal.series) removal.rows += one.rows;
        return removal;
    }

 private:
    Impl& impl_;
    const bool dry_run_;
    std::vector<SeriesInfo> removed_;
};

awaitable<void> leave_out_empty(Impl& impl, const Table& table, std::vector<SeriesKey>& series, Deadline deadline) {
    const std::vector<SeriesInfo> stored = co_await impl.engine().series(table.dataset, deadline);
    std::set<SeriesKey> keys;
    for (const SeriesInfo& one : stored) keys.insert(one.series);
    std::erase_if(series, [&keys](const SeriesKey& key) { return !keys.contains(key); });
}

awaitable<Removal> remove_chosen(Impl& impl, OwnedSeriesFilter filter, DeleteOptions options, Deadline deadline) {
    if (!options.dry_run) impl.refuse_read_only();
    const Table& table = storage::table_of(options.dataset);
    // All means all: what another program has just made too.
    co_await impl.refresh_if_changed(deadline);
    std::vector<SeriesKey> series = co_await impl.choose(table, filter, deadline);
    if (series.size() > 1) co_await leave_out_empty(impl, table, series, deadline);
    const storage::Column& time = *table.find(storage::Role::event_time);
    Remover remover(impl, options.dry_run);
    for (const SeriesKey& one : series) {
        std::optional<ForgetsLatest> forgets;
        if (!options.dry_run) {
            forgets.emplace(impl.latest_cache(options.dataset), [&](const SeriesKey& key, const std::byte* row) {
                return key == one && is_within(row, time, options.start, options.end);
            });
        }
        RowChoice choice;
        choice.table = &table;
        choice.series = one;
        choice.start = options.start;
        choice.end = options.end;
        co_await remover.remove(choice, deadline);
    }
    if (!options.dry_run) co_await impl.engine().reclaim(deadline);
    co_return remover.finish();
}

awaitable<Source> find_source(Impl& impl, SourceId id, Deadline deadline) {
    const std::string any;
    const std::vector<Source> all = co_await impl.sources().list(any, any, false, deadline);
    const auto found = std::find_if(all.begin(), all.end(), [id](const Source& one) { return one.id == id; });
    if (found != all.end()) co_return *found;
    throw Error(ErrorCode::invalid_argument,
                "no source has the id " + std::to_string(static_cast<std::int32_t>(id)) + "; nothing was removed");
}

void require_undoable(const Source& source) {
    if (source.kind == "import" || source.kind == "copy" || source.kind == "undone") return;
    throw Error(ErrorCode::invalid_argument, "source " + std::to_string(static_cast<std::int32_t>(source.id)) +
                                                 " is a " + source.kind.str() + "; expected an import or a copy");
}

awaitable<Removal> remove_source(Impl& impl, UndoOptions options, Deadline deadline) {
    if (!impl.engine().capabilities().own_tables) {
        throw Error(ErrorCode::schema_mismatch,
                    "rows of an existing schema do not say which import they come from, so none can be undone; "
                    "`delete` removes rows by series and time");
    }
    if (!options.dry_run) impl.refuse_read_only();
    Source source = co_await find_source(impl, options.source, deadline);
    require_undoable(source);
    if (!options.dry_run) {
        // First of all: from now on the file may be imported again, and nobody takes half of it for the whole.
        source.kind = "undone";
        const auto* row = reinterpret_cast<const std::byte*>(&source);
        co_await impl.engine().update_one(storage::table_of<Source>(), row, deadline);
        CoverageFilter claimed;
        claimed.source = options.source;
        co_await impl.engine().withdraw(claimed, deadline);
    }
    Remover remover(impl, options.dry_run);
    for (const Dataset dataset : kDatasets) {
        const Table& table = storage::table_of(dataset);
        std::optional<ForgetsLatest> forgets;
        if (!options.dry_run) {
            const storage::Column& column = *table.find(storage::Role::source);
            forgets.emplace(impl.latest_cache(dataset), [&column, &options](const SeriesKey&, const std::byte* latest) {
                return storage::load<SourceId>(latest, column) == options.source;
            });
        }
        const std::vector<SeriesInfo> stored = co_await impl.engine().series(dataset, deadline);
        for (const SeriesInfo& one : stored) {
            RowChoice choice;
            choice.table = &table;
            choice.series = one.series;
            choice.source = options.source;
            co_await remover.remove(choice, deadline);
        }
    }
    if (!options.dry_run) co_await impl.engine().reclaim(deadline);
    co_return remover.finish();
}

}  // namespace

awaitable<std::uint64_t> remove_rows(storage::Engine& engine, RowChoice choice, Deadline deadline) {
    std::uint64_t total = 0;
    for (;;) {
        const storage::Erased gone = co_await engine.erase(choice, kRowsAtOnce, deadline);
        total += gone.rows;
        if (!is_present(gone.next)) co_return total;
        // Where nothing keeps keys apart, one may have more rows than a transaction takes.
        const bool is_stuck = gone.rows == 0 && gone.next == choice.start;
        choice.start = gone.next;
        if (!is_stuck) continue;
        const storage::Erased rest = co_await engine.erase(choice, 0, deadline);
        total += rest.rows;
        co_return total;
    }
}

awaitable<std::uint64_t> drop_partitions(storage::Engine& engine, const Table& table, Timestamp cutoff,
                                         bool spares_imports, Deadline deadline) {
    std::uint64_t total = 0;
    for (;;) {
        const std::optional<std::uint64_t> gone =
            co_await engine.drop_partition(table, cutoff, spares_imports, deadline);
        if (!gone) co_return total;
        total += *gone;
    }
}

awaitable<Removal> delete_rows(DatabaseManager& db, DeleteOptions options, Deadline deadline) {
    if (!is_given(options.series)) {
        throw Error(ErrorCode::invalid_argument, "no series is chosen: expected at least an exchange ('*' is all)");
    }
    for (const Timestamp time : {options.start, options.end}) core::refuse_unstorable(time);
    if (is_present(options.start) && is_present(options.end) && options.end < options.start) {
        throw Error(ErrorCode::invalid_argument,
                    "end " + to_string(options.end) + " is before start " + to_string(options.start));
    }
    const std::shared_ptr<Impl>& impl = ManagerAccess::impl(db);
    const Deadline resolved = impl->resolve(deadline);
    return Impl::run(impl, remove_chosen(*impl, OwnedSeriesFilter(options.series), options, resolved));
}

awaitable<Removal> undo_import(DatabaseManager& db, UndoOptions options, Deadline deadline) {
    const std::shared_ptr<Impl>& impl = ManagerAccess::impl(db);
    const Deadline resolved = impl->resolve(deadline);
    return Impl::run(impl, remove_source(*impl, options, resolved));
}

}  // namespace marketdb
