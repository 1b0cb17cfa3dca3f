#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include <marketdb/models.hpp>

namespace marketdb::io {

/// Numbers the rows of a file that has no numbers of its own: `storage::arrival_sequence`, with n counted among rows of
/// equal instrument, timestamp and received_at in file order.
///
/// Memory: all keys up to kMaxKeys; then, of each instrument, those of an earlier received_at than its latest are forgotten. Vendors order
/// files by it, and a row that comes before what was forgotten is refused, because its n is not known any more.
class Sequencer {
 public:
    static constexpr std::size_t kMaxKeys = 262'144;

    /// Rows without received_at are counted by their timestamp.
    /// Errors: invalid_argument  out of order as said, n reaches 1,024, or the clocks are too far apart to be numbered.
    [[nodiscard]] std::int64_t next(std::int32_t instrument, Timestamp timestamp, Timestamp received_at);

 private:
    static constexpr std::size_t kMaxOfOneArrival = 16;  ///< In order; so many are compared with each row.

    /// A key and how often it came.
    struct Seen {
        std::int64_t arrival;  ///< received_at; of rows without it, timestamp.
        std::int64_t timestamp;
        std::int32_t count;
        bool has_received_at;
    };
    struct Key {
        std::int32_t instrument;
        std::int64_t timestamp;
        std::int64_t received_at;
        friend bool operator==(const Key&, const Key&) = default;
    };
    struct Hash {
        std::size_t operator()(const Key& key) const noexcept;
    };
    struct Progress {
        std::int64_t newest = kNoTime.time_since_epoch().count();
        std::int64_t forgotten = kNoTime.time_since_epoch().count();
        /// Keys that came in order of arrival, nearly all: appending to them costs a fraction of a map of this size.
        std::vector<Seen> in_order;
    };

    [[nodiscard]] std::int32_t count_of(std::int32_t instrument, Timestamp timestamp, Timestamp received_at);
    void forget();

    std::vector<Progress> progress_;  ///< By instrument.
    /// Keys that first came after a later one of their instrument, or with many others of one arrival.
    boost::unordered_flat_map<Key, std::int32_t, Hash> others_;
    std::size_t keys_ = 0;
};

}  // namespace marketdb::io
