#include "io/sequencer.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include <marketdb/error.hpp>

#include "storage/sequence.hpp"

namespace marketdb::io {

std::size_t Sequencer::Hash::operator()(const Key& key) const noexcept {
    // Odd constants of splitmix64; the map mixes the bits further.
    auto hash = static_cast<std::uint64_t>(key.timestamp) * 0x9E3779B97F4A7C15U;
    hash ^= static_cast<std::uint64_t>(key.received_at) * 0xBF58476D1CE4E5B9U;
    return hash + static_cast<std::uint64_t>(key.instrument) * 0x94D049BB133111EBU;
}

std::int64_t Sequencer::next(std::int32_t instrument, Timestamp timestamp, Timestamp received_at) {
    const auto index = static_cast<std::size_t>(instrument);
    if (index >= progress_.size()) progress_.resize(index + 1);
    const Timestamp arrival = is_present(received_at) ? received_at : timestamp;
    if (arrival.time_since_epoch().count() < progress_[index].forgotten) {
        throw Error(
            ErrorCode::invalid_argument,
            fmt::format("column received_at: {} is before rows that were read long ago; the file is not ordered "
                        "by received time",
                        to_string(arrival)));
    }
    if (keys_ >= kMaxKeys) forget();
    return storage::arrival_sequence(timestamp, received_at, count_of(instrument, timestamp, received_at));
}

/// How often the key came before.
std::int32_t Sequencer::count_of(std::int32_t instrument, Timestamp timestamp, Timestamp received_at) {
    Progress& progress = progress_[static_cast<std::size_t>(instrument)];
    const bool received = is_present(received_at);
    const std::int64_t event = timestamp.time_since_epoch().count();
    const std::int64_t arrival = received ? received_at.time_since_epoch().count() : event;
    const bool is_late = arrival < progress.newest;
    auto end = progress.in_order.end();
    if (is_late) {
        end = std::upper_bound(progress.in_order.begin(), end, arrival,
                               [](std::int64_t time, const Seen& seen) { return time < seen.arrival; });
    }
    std::size_t of_one_arrival = 0;
    for (auto seen = end; seen != progress.in_order.begin() && std::prev(seen)->arrival == arrival;) {
        --seen;
        ++of_one_arrival;
        if (seen->timestamp == event && seen->has_received_at == received) return seen->count++;
    }
    if (is_late || of_one_arrival == kMaxOfOneArrival) {
        const auto [other, is_new] =
            others_.try_emplace(Key{instrument, event, received_at.time_since_epoch().count()}, 0);
        keys_ += is_new ? 1 : 0;
        return other->second++;
    }
    progress.newest = arrival;
    progress.in_order.push_back({arrival, event, 1, received});
    ++keys_;
    return 0;
}

void Sequencer::forget() {
    boost::unordered::erase_if(others_, [this](const auto& entry) {
        const Key& key = entry.first;
        const bool received = key.received_at != kNoTime.time_since_epoch().count();
        return (received ? key.received_at : key.timestamp) <
               progress_[static_cast<std::size_t>(key.instrument)].newest;
    });
    keys_ = others_.size();
    for (Progress& progress : progress_) {
        std::erase_if(progress.in_order, [&](const Seen& seen) { return seen.arrival < progress.newest; });
        progress.forgotten = progress.newest;
        keys_ += progress.in_order.size();
    }
    if (keys_ < kMaxKeys) return;
    throw Error(ErrorCode::invalid_argument,
                fmt::format("column timestamp: more than {} timestamps at one received time", kMaxKeys));
}

}  // namespace marketdb::io
