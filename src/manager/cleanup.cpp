#include "manager/cleanup.hpp"

#include <algorithm>

#include "manager/removal.hpp"

namespace marketdb {
namespace {

using boost::asio::awaitable;
using storage::Table;

/// Rows that have to go.
struct Choice {
    core::Intervals times;
    bool spares_imports = false;
};

/// Removes, or only counts, rows of all series.
awaitable<std::uint64_t> erase_chosen(storage::Engine& engine, const Table& table, Choice which, bool dry_run,
                                      Deadline deadline) {
    std::uint64_t total = 0;
    const std::vector<storage::SeriesInfo> stored = co_await engine.series(table.dataset, deadline);
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
                rows = co_await remove_rows(engine, choice, deadline);
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

awaitable<CleanedDataset> clean_dataset(storage::Engine& engine, cache::LatestCache& cache, const Table& table,
                                        CleanupRule rule, Deadline deadline) {
    CleanedDataset cleaned;
    // Rows before `end` go. Where whole partitions go it lies before the cut-off, unless every row is asked for.
    Timestamp end = rule.cutoff;
    if (!rule.exact) end = co_await engine.partition_start(table, rule.cutoff, deadline);
    const Choice chosen{time_before(end, rule.held), rule.spares_imports};
    if (rule.dry_run) {
        cleaned.removed = co_await erase_chosen(engine, table, chosen, true, deadline);
    } else {
        const storage::Column& time = *table.find(storage::Role::event_time);
        const ForgetsLatest forgets(cache, [&time, end](const storage::SeriesKey&, const std::byte* row) {
            return storage::load<Timestamp>(row, time) < end;
        });
        const std::uint64_t dropped = co_await drop_partitions(engine, table, end, rule.spares_imports, deadline);
        const std::uint64_t erased = co_await erase_chosen(engine, table, chosen, false, deadline);
        if (dropped > 0 && !rule.spares_imports) co_await withdraw(engine, table, chosen.times, deadline);
        cleaned.removed = dropped + erased;
    }
    if (end == rule.cutoff && rule.held.empty() && !rule.spares_imports) co_return cleaned;
    const Choice all{time_before(rule.cutoff, {}), false};
    const std::uint64_t older = co_await erase_chosen(engine, table, all, true, deadline);
    cleaned.staying = older - std::min(older, rule.dry_run ? cleaned.removed : 0);
    co_return cleaned;
}

}  // namespace marketdb
