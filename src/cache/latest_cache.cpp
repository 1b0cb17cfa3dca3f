#include "cache/latest_cache.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cassert>
#include <cstring>
#include <functional>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace marketdb::cache {

namespace {

using storage::RowSpan;
using storage::SeriesKey;
using storage::Table;

constexpr std::size_t kShards = 16;
constexpr std::size_t kMaxRowSize = std::max({sizeof(BookTicker), sizeof(Trade), sizeof(FundingRate), sizeof(Balance)});

struct SeriesHash {
    std::size_t operator()(const SeriesKey& series) const noexcept {
        std::uint64_t mixed = static_cast<std::uint32_t>(series.id) * 0x9e3779b97f4a7c15ULL;
        if (!series.account.empty()) mixed ^= std::hash<std::string_view>{}(series.account) * 3;
        if (!series.asset.empty()) mixed ^= std::hash<std::string_view>{}(series.asset) * 7;
        return mixed ^ mixed >> 32;
    }
};

enum class State : std::uint8_t {
    written,  ///< Something was written and nothing is known: only there so that older answers are refused.
    no_rows,
    row,
};

// Every question, write, invalidation and mark takes a number from one counter; comparing them tells which came first.
using Number = std::uint64_t;

struct Entry {
    State state = State::written;
    Number version = 0;  ///< Of the last write, or of the question whose answer was taken.
    Number asked = 0;    ///< Of the last question whose answer was taken.
    LatestCache::Moment learned;
    alignas(std::int64_t) std::array<std::byte, kMaxRowSize> row;
};

struct alignas(64) Shard {
    mutable std::mutex mutex;
    // All guarded by the mutex.
    std::unordered_map<SeriesKey, Entry, SeriesHash> entries;
    Number floor = 0;  ///< Answers to questions before it are refused for series that have no entry.
};

struct Answered {
    SeriesKey series;
    const std::byte* row = nullptr;
};

}  // namespace

struct LatestCache::Impl {
    const Table& table;
    const std::chrono::microseconds ttl;
    const storage::Column& event_time;

    std::atomic<Number> last_number{0};
    std::atomic<Number> marked{0};
    std::atomic<std::uint64_t> hits{0};
    std::atomic<std::uint64_t> misses{0};
    std::array<Shard, kShards> shards;

    Impl(const Table& described, std::chrono::microseconds lifetime)
        : table(described), ttl(lifetime), event_time(*described.find(storage::Role::event_time)) {}

    Number next_number() noexcept { return last_number.fetch_add(1, std::memory_order_acq_rel) + 1; }

    Shard& shard_of(const SeriesKey& series) noexcept {
        // The upper bits: the map inside the shard uses the lower ones.
        return shards[SeriesHash{}(series) >> 24 & (kShards - 1)];
    }

    static bool is_fresh(const Entry& entry, Moment now, std::chrono::microseconds max_age) noexcept {
        // A moment taken by another thread may lie a little before `learned`.
        const auto age = std::max(now - entry.learned, Moment::duration::zero());
        return age < max_age;
    }

    Answer find(const SeriesKey& series, Moment now, std::chrono::microseconds max_age, bool allow_unverified,
                std::byte* out) noexcept {
        Shard& shard = shard_of(series);
        const std::lock_guard lock(shard.mutex);
        const auto found = shard.entries.find(series);
        if (found == shard.entries.end()) return Answer::unknown;

        const Entry& entry = found->second;
        if (entry.state == State::written) return Answer::unknown;
        if (!is_fresh(entry, now, max_age.count() < 0 ? ttl : std::min(max_age, ttl))) return Answer::unknown;
        if (!allow_unverified && entry.asked < marked.load(std::memory_order_acquire)) return Answer::unknown;
        if (entry.state == State::no_rows) return Answer::no_rows;
        std::memcpy(out, entry.row.data(), table.row_size);
        return Answer::row;
    }

    // The rows of `run`, all of one series, of which only those at the latest time can be the newest. Returns whether one
    // was taken.
    bool take_newest(Entry& entry, RowSpan run) const noexcept {
        Timestamp latest = kNoTime;
        for (std::size_t i = 0; i < run.count; ++i) {
            latest = std::max(latest, storage::load<Timestamp>(run.row(i), event_time));
        }
        bool took = false;
        for (std::size_t i = 0; i < run.count; ++i) {
            if (storage::load<Timestamp>(run.row(i), event_time) == latest) took |= take(entry, run.row(i));
        }
        return took;
    }

    bool take(Entry& entry, const std::byte* row) const noexcept {
        if (storage::compare(row, entry.row.data(), table, table.key) == 0) return true;
        if (storage::compare(row, entry.row.data(), table, table.order) <= 0) return false;
        std::memcpy(entry.row.data(), row, table.row_size);
        return true;
    }

    // Whether a row changes the one in memory. Two such writes at once may be learned in the other order than they were
    // committed in, so only the database knows what the row is now.
    bool changes_newest(const Entry& entry, RowSpan run) const noexcept {
        for (std::size_t i = 0; i < run.count; ++i) {
            if (storage::compare(run.row(i), entry.row.data(), table, table.key) != 0) continue;
            auto merged = entry.row;
            if (storage::merge(table, merged.data(), run.row(i))) return true;
        }
        return false;
    }

    // Returns whether the series has no fresh entry and is met for the first time in this write.
    bool learn_run(RowSpan run, const SeriesKey& series, Moment now, Number number) {
        Shard& shard = shard_of(series);
        const std::lock_guard lock(shard.mutex);
        Entry& entry = shard.entries[series];
        const bool was_met = entry.state == State::written && entry.version == number;
        entry.version = std::max(entry.version, number);
        if (entry.state == State::row && is_fresh(entry, now, ttl) && !changes_newest(entry, run)) {
            if (take_newest(entry, run)) entry.learned = now;
            return false;
        }
        entry.state = State::written;
        entry.learned = now;
        return !was_met;
    }

    void learn_answer(const SeriesKey& series, const std::byte* row_or_null, Moment now, Number token) {
        Shard& shard = shard_of(series);
        const std::lock_guard lock(shard.mutex);
        const auto found = shard.entries.find(series);
        if (token <= (found != shard.entries.end() ? found->second.version : shard.floor)) return;

        Entry& entry = found != shard.entries.end() ? found->second : shard.entries[series];
        entry.version = token;
        entry.asked = token;
        entry.learned = now;
        entry.state = row_or_null != nullptr ? State::row : State::no_rows;
        if (row_or_null != nullptr) std::memcpy(entry.row.data(), row_or_null, table.row_size);
    }

    // By series; of several rows of one series the newest.
    std::vector<Answered> sort_answer(RowSpan rows) const {
        std::vector<Answered> answered;
        answered.reserve(rows.count);
        for (std::size_t i = 0; i < rows.count; ++i) {
            answered.push_back({storage::series_of(table, rows.row(i)), rows.row(i)});
        }
        std::sort(answered.begin(), answered.end(), [this](const Answered& a, const Answered& b) {
            if (a.series != b.series) return a.series < b.series;
            return storage::compare(a.row, b.row, table, table.order) > 0;
        });
        return answered;
    }
};

LatestCache::LatestCache(const Table& table, std::chrono::microseconds ttl)
    : impl_(std::make_unique<Impl>(table, ttl)) {
    assert(table.row_size <= kMaxRowSize);
}

LatestCache::~LatestCache() = default;

LatestCache::Answer LatestCache::find(const SeriesKey& series, Moment now, std::chrono::microseconds max_age,
                                      bool allow_unverified, std::byte* out) const noexcept {
    return impl_->find(series, now, max_age, allow_unverified, out);
}

std::vector<SeriesKey> LatestCache::learn_written(RowSpan rows, Moment now) {
    std::vector<SeriesKey> unknown;
    const Table& table = impl_->table;
    const Number number = impl_->next_number();
    for (std::size_t begin = 0, end = 0; begin < rows.count; begin = end) {
        while (end < rows.count && storage::compare(rows.row(begin), rows.row(end), table, table.series) == 0) ++end;
        const SeriesKey series = storage::series_of(table, rows.row(begin));
        const RowSpan run{.table = &table, .data = rows.row(begin), .count = end - begin};
        if (impl_->learn_run(run, series, now, number)) unknown.push_back(series);
    }
    return unknown;
}

std::uint64_t LatestCache::token() const noexcept { return impl_->next_number(); }

void LatestCache::learn_answer(std::span<const SeriesKey> asked, RowSpan rows, Moment now, std::uint64_t token) {
    const std::vector<Answered> answered = impl_->sort_answer(rows);
    for (const SeriesKey& series : asked) {
        const auto found = std::lower_bound(answered.begin(), answered.end(), series,
                                            [](const Answered& one, const SeriesKey& key) { return one.series < key; });
        const bool has_row = found != answered.end() && found->series == series;
        impl_->learn_answer(series, has_row ? found->row : nullptr, now, token);
    }
}

std::vector<SeriesKey> LatestCache::mark_unverified() {
    impl_->marked.store(impl_->next_number(), std::memory_order_release);
    std::vector<SeriesKey> known;
    for (const Shard& shard : impl_->shards) {
        const std::lock_guard lock(shard.mutex);
        for (const auto& [series, entry] : shard.entries) {
            if (entry.state != State::written) known.push_back(series);
        }
    }
    return known;
}

// `fits` runs without a lock, however long it takes. What is learned meanwhile by a later write or question stays.
std::size_t LatestCache::erase_if(const std::function<bool(const SeriesKey&, const std::byte*)>& fits) {
    const Number number = impl_->next_number();
    std::size_t erased_rows = 0;
    for (Shard& shard : impl_->shards) {
        std::vector<std::pair<SeriesKey, Entry>> entries;
        {
            const std::lock_guard lock(shard.mutex);
            shard.floor = std::max(shard.floor, number);
            entries.assign(shard.entries.begin(), shard.entries.end());
        }
        std::erase_if(entries, [&](const auto& one) {
            return !fits(one.first, one.second.state == State::row ? one.second.row.data() : nullptr);
        });
        const std::lock_guard lock(shard.mutex);
        for (const auto& one : entries) {
            const auto found = shard.entries.find(one.first);
            if (found == shard.entries.end() || found->second.version > number) continue;
            erased_rows += found->second.state == State::row ? 1 : 0;
            shard.entries.erase(found);
        }
    }
    return erased_rows;
}

void LatestCache::sweep(Moment now) {
    for (Shard& shard : impl_->shards) {
        const std::lock_guard lock(shard.mutex);
        std::erase_if(shard.entries, [&](const auto& one) {
            if (Impl::is_fresh(one.second, now, impl_->ttl)) return false;
            // An answer that was asked before this series was last written must not come back once its entry is gone.
            shard.floor = std::max(shard.floor, one.second.version);
            return true;
        });
    }
}

std::size_t LatestCache::size() const noexcept {
    std::size_t rows = 0;
    for (const Shard& shard : impl_->shards) {
        const std::lock_guard lock(shard.mutex);
        rows += static_cast<std::size_t>(std::count_if(shard.entries.begin(), shard.entries.end(),
                                                       [](const auto& one) { return one.second.state == State::row; }));
    }
    return rows;
}

void LatestCache::count(std::uint64_t hits, std::uint64_t misses) noexcept {
    impl_->hits.fetch_add(hits, std::memory_order_relaxed);
    impl_->misses.fetch_add(misses, std::memory_order_relaxed);
}

std::uint64_t LatestCache::hits() const noexcept { return impl_->hits.load(std::memory_order_relaxed); }
std::uint64_t LatestCache::misses() const noexcept { return impl_->misses.load(std::memory_order_relaxed); }

void LatestCache::reset_counts() noexcept {
    impl_->hits.store(0, std::memory_order_relaxed);
    impl_->misses.store(0, std::memory_order_relaxed);
}

}  // namespace marketdb::cache
