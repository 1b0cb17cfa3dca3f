#include "manager/cleanup.hpp"

#include <algorithm>

#include "manager/removal.hpp"
#include "manager/retention.hpp"

namespace marketdb {
namespace {

using boost::asio::awaitable;
using storage::Table;

/// Rows that have to go.
struct Choice {
    core::Intervals times;
    bool spares_imports = false;
};

using Stored = std::vector<storage::SeriesInfo>;

/// Where rows of imports are spared, there may be many before the first one that goes: they are passed over here, beside the
/// writers, not among them. Returns whether there is a row that goes.
awaitable<bool> begin_at_first(storage::Engine& engine, storage::RowChoice& choice, storage::SeriesInfo stored,
                               Deadline deadline) {
    constexpr int kPieces = 64;
    if (!choice.spares_imports) co_return true;
    const Timestamp first = is_present(choice.start) ? std::max(choice.start, stored.first) : stored.first;
    const Timestamp end = std::min(choice.end, stored.last + std::chrono::microseconds(1));
    const auto width = (end - first) / kPieces + std::chrono::microseconds(1);
    storage::RowChoice piece = choice;
    for (Timestamp start = first; start < end; start += width) {
        piece.start = start;
        piece.end = std::min(start + width, end);
        const std::uint64_t rows = co_await engine.count(piece, deadline);
        if (rows == 0) continue;
        choice.start = start;
        co_return true;
    }
    co_return false;
}

/// Removes, or only counts, rows of all series.
awaitable<std::uint64_t> erase_chosen(storage::Engine& engine, const Table& table, const Stored& stored, Choice which,
                                      bool dry_run, Deadline deadline) {
    std::uint64_t total = 0;
    for (const storage::SeriesInfo& one : stored) {
        for (const core::Interval& time : which.times) {
            if (one.first >= time.end || one.last < time.start) continue;
            storage::RowChoice choice;
            choice.table = &table;
            choice.series = one.series;
            // Open where nothing is held, so that the claims before the first row go too.
            if (time.start != core::kEver.start) choice.start = time.start;
            choice.end = time.end;
            choice.spares_imports = which.spares_imports;
            std::uint64_t rows = 0;
            if (dry_run) {
                rows = co_await engine.count(choice, deadline);
            } else {
                const bool has_any = co_await begin_at_first(engine, choice, one, deadline);
                if (has_any) rows = co_await remove_rows(engine, choice, deadline);
            }
            total += rows;
        }
    }
    co_return total;
}

/// All time before a moment, but what is held.
core::Intervals time_before(Timestamp end, const core::Intervals& held) {
    return core::without({core::Interval{core::kEver.start, end}}, held);
}

/// A moment before which as many rows that may go lie as are wanted, or hardly more. Absent: there are fewer that may.
/// Counts again and again, but hardly ever more than twice as many rows as are to go.
awaitable<Timestamp> moment_after(storage::Engine& engine, const Table& table, const Stored& stored, CleanupRule rule,
                                  std::uint64_t wanted, Deadline deadline) {
    using std::chrono::microseconds;
    constexpr int kFirstShare = 1'024;
    Timestamp first = Timestamp::max();
    Timestamp last = Timestamp::min();
    for (const storage::SeriesInfo& one : stored) {
        first = std::min(first, one.first);
        last = std::max(last, one.last);
    }
    const Timestamp end = last + microseconds(1);
    Timestamp low = first;
    Timestamp high = first + (end - first) / kFirstShare + microseconds(1);
    bool has_reached = false;  // enough lie before `high`, too few before `low`
    while (!has_reached || high - low > microseconds(1)) {
        const Timestamp at = has_reached ? low + (high - low) / 2 : std::min(high, end);
        const Choice before{time_before(at, rule.held), rule.spares_imports};
        const std::uint64_t rows = co_await erase_chosen(engine, table, stored, before, true, deadline);
        if (rows < wanted) {
            if (at == end) co_return kNoTime;
            low = at;
            if (!has_reached) high = first + (at - first) * 2;
            continue;
        }
        has_reached = true;
        high = at;
        if (rows - wanted <= wanted / 100) break;  // Rather a hundredth too many than counting yet again.
    }
    co_return high;
}

/// Claims of time in which nothing was left.
awaitable<void> withdraw(storage::Engine& engine, const Table& table, core::Intervals times, Deadline deadline) {
    for (const core::Interval& time : times) {
        CoverageFilter filter;
        filter.dataset = table.dataset;
        if (time.start != core::kEver.start) filter.start = time.start;
        filter.end = time.end;
        co_await engine.withdraw(filter, deadline);
    }
}

}  // namespace

awaitable<std::vector<Dataset>> datasets_to_clean(storage::Engine& engine, std::optional<Dataset> only,
                                                  Deadline deadline) {
    if (only) co_return std::vector<Dataset>(1, *only);
    std::vector<Dataset> chosen(kDatasets.begin(), kDatasets.end());
    if (engine.capabilities().own_tables) co_return chosen;
    // A database of other programs may lack tables; there is nothing to delete then.
    const std::vector<storage::SeriesInfo> stored = co_await engine.series(std::nullopt, deadline);
    std::erase_if(chosen, [&stored](Dataset dataset) {
        return std::none_of(stored.begin(), stored.end(),
                            [dataset](const auto& one) { return one.dataset == dataset; });
    });
    co_return chosen;
}

awaitable<SizeCutoff> cutoff_for_size(storage::Engine& engine, const Table& table, CleanupRule rule,
                                      std::uint64_t max_bytes, Deadline deadline) {
    SizeCutoff found;
    const Stored stored = co_await engine.series(table.dataset, deadline);
    std::uint64_t rows = 0;
    for (const storage::SeriesInfo& one : stored) rows += one.rows;
    const std::uint64_t allowed = max_bytes / engine.usual_row_bytes(*table.dataset);
    if (rows <= allowed) co_return found;
    found.cutoff = co_await moment_after(engine, table, stored, rule, rows - allowed, deadline);
    if (!is_present(found.cutoff)) found.beyond = rows - allowed;
    co_return found;
}

awaitable<CleanedDataset> clean_dataset(storage::Engine& engine, cache::LatestCache& cache, const Table& table,
                                        CleanupRule rule, Deadline deadline) {
    CleanedDataset cleaned;
    // Rows before `end` go. Where whole partitions go it lies before the cut-off, unless every row is asked for.
    Timestamp end = rule.cutoff;
    if (!rule.exact) end = co_await engine.partition_start(table, rule.cutoff, deadline);
    Choice chosen{time_before(end, rule.held), rule.spares_imports};
    Stored stored = co_await engine.series(table.dataset, deadline);
    if (rule.dry_run) {
        cleaned.removed = co_await erase_chosen(engine, table, stored, chosen, true, deadline);
    } else {
        const storage::Column& time = *table.find(storage::Role::event_time);
        const ForgetsLatest forgets(cache, [&time, end](const storage::SeriesKey&, const std::byte* row) {
            return storage::load<Timestamp>(row, time) < end;
        });
        const std::uint64_t dropped = co_await drop_partitions(engine, table, end, rule.spares_imports, deadline);
        if (dropped > 0) {
            // That may have taken long, and what was held meanwhile must not go row by row either.
            stored = co_await engine.series(table.dataset, deadline);
            const RetentionRules rules = co_await read_retention_rules(engine, deadline);
            rule.held = rules.held(*table.dataset);
            chosen.times = time_before(end, rule.held);
        }
        const std::uint64_t erased = co_await erase_chosen(engine, table, stored, chosen, false, deadline);
        if (dropped > 0 && !rule.spares_imports) co_await withdraw(engine, table, chosen.times, deadline);
        cleaned.removed = dropped + erased;
    }
    if (end == rule.cutoff && rule.held.empty() && !rule.spares_imports) co_return cleaned;
    const Choice all{time_before(rule.cutoff, {}), false};
    const std::uint64_t older = co_await erase_chosen(engine, table, stored, all, true, deadline);
    cleaned.staying = older - std::min(older, rule.dry_run ? cleaned.removed : 0);
    co_return cleaned;
}

}  // namespace marketdb
