#include "io/sequencer.hpp"

#include <algorithm>

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
    const std::int64_t arrival = (is_present(received_at) ? received_at : timestamp).time_since_epoch().count();

    Progress& progress = progress_[index];
    if (arrival < progress.forgotten) {
        throw Error(
            ErrorCode::invalid_argument,
            fmt::format("column received_at: {} is before rows that were read long ago; the file is not ordered "
                        "by received time",
                        to_string(is_present(received_at) ? received_at : timestamp)));
    }
    progress.newest = std::max(progress.newest, arrival);
    if (counts_.size() >= kMaxKeys) forget();

    const Key key{instrument, timestamp.time_since_epoch().count(), received_at.time_since_epoch().count()};
    return storage::arrival_sequence(timestamp, received_at, counts_[key]++);
}

void Sequencer::forget() {
    boost::unordered::erase_if(counts_, [this](const auto& entry) {
        const Key& key = entry.first;
        const bool received = key.received_at != kNoTime.time_since_epoch().count();
        return (received ? key.received_at : key.timestamp) <
               progress_[static_cast<std::size_t>(key.instrument)].newest;
    });
    for (Progress& progress : progress_) progress.forgotten = progress.newest;
    if (counts_.size() < kMaxKeys) return;
    throw Error(ErrorCode::invalid_argument,
                fmt::format("column timestamp: more than {} timestamps at one received time", kMaxKeys));
}

}  // namespace marketdb::io
