#include "manager/cleanup.hpp"

#include <algorithm>

#include "manager/removal.hpp"

namespace marketdb {
namespace {

using boost::asio::awaitable;
using storage::Table;

/// Removes, or only counts, rows of all series before a moment.
awaitable<std::uint64_t> erase_before(storage::Engine& engine, const Table& table, Timestamp time, bool dry_run,
                                      Deadline deadline) {
    std::uint64_t total = 0;
    const std::vector<storage::SeriesInfo> stored = co_await engine.series(table.dataset, deadline);
    for (const storage::SeriesInfo& one : stored) {
        if (one.first >= time) continue;
        storage::RowChoice choice;
        choice.table = &table;
        choice.series = one.series;
        choice.end = time;
        std::uint64_t rows = 0;
        if (dry_run) {
            rows = co_await engine.count(choice, deadline);
        } else {
            rows = co_await remove_rows(engine, choice, deadline);
        }
        total += rows;
    }
    co_return total;
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
                                        Timestamp cutoff, CleanupOptions options, Deadline deadline) {
    CleanedDataset cleaned;
    // Rows before `end` go. Where whole partitions go it lies before the cut-off, unless every row is asked for.
    Timestamp end = cutoff;
    if (!options.exact) end = co_await engine.partition_start(table, cutoff, deadline);
    if (options.dry_run) {
        cleaned.removed = co_await erase_before(engine, table, end, true, deadline);
    } else {
        const storage::Column& time = *table.find(storage::Role::event_time);
        const ForgetsLatest forgets(cache, [&time, end](const storage::SeriesKey&, const std::byte* row) {
            return storage::load<Timestamp>(row, time) < end;
        });
        const std::uint64_t dropped = co_await drop_partitions(engine, table, end, deadline);
        const std::uint64_t erased = co_await erase_before(engine, table, end, false, deadline);
        cleaned.removed = dropped + erased;
    }
    if (end == cutoff) co_return cleaned;
    const std::uint64_t older = co_await erase_before(engine, table, cutoff, true, deadline);
    cleaned.staying = older - std::min(older, options.dry_run ? cleaned.removed : 0);
    co_return cleaned;
}

}  // namespace marketdb
