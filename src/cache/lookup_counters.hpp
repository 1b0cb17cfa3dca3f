#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>

#include "cache/reference_table.hpp"

namespace marketdb::cache {

/// Counts look-ups without a cache line that two threads write.
///
/// Each thread owns a slot for its life and only it writes there; threads beyond `kOwnSlots` share further slots. Times are
/// taken of one look-up in `kSampleEvery` of each thread: a clock read costs ten look-ups.
///
/// Threads: all functions from any thread.
class LookupCounters {
 public:
    static constexpr std::size_t kOwnSlots = 64;
    static constexpr std::size_t kSharedSlots = 8;
    static constexpr std::uint64_t kSampleEvery = 1024;

    /// Runs the look-up, which gives a pointer, and counts it as a hit if that is not null.
    template <class Lookup>
    auto counted(Lookup&& lookup) noexcept {
        const std::size_t index = thread_slot();
        Slot& slot = slots_[index];
        if (index >= kOwnSlots) [[unlikely]]
            return counted_shared(slot, lookup);

        const std::uint64_t hits = slot.hits.load(std::memory_order_relaxed);
        const std::uint64_t misses = slot.misses.load(std::memory_order_relaxed);
        if ((hits + misses + 1) % kSampleEvery == 0) [[unlikely]]
            return counted_timed(slot, lookup);
        const auto* found = lookup();
        // Load and store, not an addition in one step: nobody else writes here, and a locked instruction costs five look-ups.
        if (found != nullptr) {
            slot.hits.store(hits + 1, std::memory_order_relaxed);
        } else {
            slot.misses.store(misses + 1, std::memory_order_relaxed);
        }
        return found;
    }

    [[nodiscard]] LookupCounts counts() const noexcept;
    void reset() noexcept;

 private:
    using Time = std::chrono::steady_clock;

    // Two lines, because processors fetch lines in pairs.
    struct alignas(128) Slot {
        std::atomic<std::uint64_t> hits{0};
        std::atomic<std::uint64_t> misses{0};
        std::atomic<std::uint64_t> samples{0};
        std::atomic<std::uint64_t> sampled_ns{0};
    };

    template <class Lookup>
    [[gnu::noinline]] static auto counted_shared(Slot& slot, Lookup& lookup) noexcept {
        const auto* found = lookup();
        (found != nullptr ? slot.hits : slot.misses).fetch_add(1, std::memory_order_relaxed);
        return found;
    }

    template <class Lookup>
    [[gnu::noinline]] static auto counted_timed(Slot& slot, Lookup& lookup) noexcept {
        const Time::time_point before = Time::now();
        const Time::time_point start = Time::now();
        const auto* found = lookup();
        const Time::time_point end = Time::now();
        (found != nullptr ? slot.hits : slot.misses).fetch_add(1, std::memory_order_relaxed);
        slot.samples.fetch_add(1, std::memory_order_relaxed);
        // What is between two reads holds the cost of one read; it is taken off, for it is more than the look-up's.
        const auto net = (end - start) - (start - before);
        const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(net).count();
        slot.sampled_ns.fetch_add(static_cast<std::uint64_t>(ns > 1 ? ns : 1), std::memory_order_relaxed);
        return found;
    }

    /// The calling thread's slot, the same for every table.
    [[nodiscard]] static std::size_t thread_slot() noexcept {
        const std::int32_t slot = thread_slot_;
        return slot >= 0 ? static_cast<std::size_t>(slot) : claim_thread_slot();
    }
    static std::size_t claim_thread_slot() noexcept;
    [[nodiscard]] LookupCounts totals() const noexcept;

    static constinit thread_local std::int32_t thread_slot_;

    std::array<Slot, kOwnSlots + kSharedSlots> slots_;
    mutable std::mutex reset_mutex_;
    LookupCounts before_reset_;  ///< Guarded by reset_mutex_.
};

}  // namespace marketdb::cache
