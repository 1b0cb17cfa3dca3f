#include "manager/cleanup.hpp"

#include <algorithm>

namespace marketdb {
namespace {

using boost::asio::awaitable;
using storage::Table;

constexpr std::uint64_t kCleanupRows = 10'000;  // of one transaction, so that other writers go on

/// Takes latest rows of before a moment out of memory, however the clean-up ends: after an error some of them are gone.
class ForgetsLatest {
 public:
    ForgetsLatest(cache::LatestCache& cache, const storage::Column& time, Timestamp end)
        : cache_(cache), time_(time), end_(end) {}
    ~ForgetsLatest() {
        cache_.erase_if([this](const storage::SeriesKey&, const std::byte* row) {
            return row != nullptr && storage::load<Timestamp>(row, time_) < end_;
        });
    }
    ForgetsLatest(const ForgetsLatest&) = delete;
    ForgetsLatest& operator=(const ForgetsLatest&) = delete;

 private:
    cache::LatestCache& cache_;
    const storage::Column& time_;
    const Timestamp end_;
};

/// Removes, or only counts, rows of all series before a moment.
awaitable<std::uint64_t> erase_before(storage::Engine& engine, const Table& table, Timestamp time, bool dry_run,
                                      Deadline deadline) {
    std::uint64_t total = 0;
    const std::vector<storage::SeriesInfo> stored = co_await engine.series(table.dataset, deadline);
    for (const storage::SeriesInfo& one : stored) {
        if (one.first >= time) continue;
        const std::uint64_t limit = dry_run ? 0 : kCleanupRows;
        std::uint64_t gone = 0;
        do {
            gone = co_await engine.erase_before(table, one.series, time, limit, dry_run, deadline);
            total += gone;
        } while (!dry_run && gone == kCleanupRows);
    }
    co_return total;
}

awaitable<std::uint64_t> drop_partitions(storage::Engine& engine, const Table& table, Timestamp cutoff,
                                         Deadline deadline) {
    std::uint64_t total = 0;
    for (;;) {
        const std::optional<std::uint64_t> gone = co_await engine.drop_partition(table, cutoff, deadline);
        if (!gone) co_return total;
        total += *gone;
    }
}

}  // namespace

awaitable<std::vector<Dataset>> datasets_to_clean(storage::Engine& engine, std::optional<Dataset> only,
                                                  Deadline deadline) {
    if (only) co_return std::vector<Dataset>(1, *only);
    std::vector<Dataset> chosen = {Dataset::book_tickers, Dataset::trades, Dataset::funding_rates, Dataset::balances};
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
        const ForgetsLatest forgets(cache, *table.find(storage::Role::event_time), end);
        const std::uint64_t dropped = co_await drop_partitions(engine, table, cutoff, deadline);
        const std::uint64_t erased = co_await erase_before(engine, table, end, false, deadline);
        cleaned.removed = dropped + erased;
    }
    if (end == cutoff) co_return cleaned;
    const std::uint64_t older = co_await erase_before(engine, table, cutoff, true, deadline);
    cleaned.staying = older - std::min(older, options.dry_run ? cleaned.removed : 0);
    co_return cleaned;
}

}  // namespace marketdb
