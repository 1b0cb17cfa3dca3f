#include "cache/lookup_counters.hpp"

#include <bit>

namespace marketdb::cache {

namespace {

static_assert(LookupCounters::kOwnSlots == 64, "one bit each in the set of free slots");

constinit std::atomic<std::uint64_t> free_slots{~std::uint64_t{0}};
constinit std::atomic<std::uint32_t> next_shared_slot{0};

// The slot with the lowest number, or none.
int claim_free_slot() noexcept {
    std::uint64_t free = free_slots.load(std::memory_order_relaxed);
    while (free != 0) {
        // Acquire: the new owner goes on from the counts that the last one stored.
        if (free_slots.compare_exchange_weak(free, free & (free - 1), std::memory_order_acquire,
                                             std::memory_order_relaxed)) {
            return std::countr_zero(free);
        }
    }
    return -1;
}

int any_shared_slot() noexcept {
    const std::uint32_t turn = next_shared_slot.fetch_add(1, std::memory_order_relaxed);
    return static_cast<int>(LookupCounters::kOwnSlots + turn % LookupCounters::kSharedSlots);
}

// Gives the slot back when the thread ends. Look-ups in destructors that run later use a shared slot.
struct SlotOwner {
    std::int32_t* place = nullptr;
    ~SlotOwner() {
        if (place == nullptr) return;
        const auto slot = static_cast<unsigned>(*place);
        *place = any_shared_slot();
        free_slots.fetch_or(std::uint64_t{1} << slot, std::memory_order_release);
    }
};

}  // namespace

constinit thread_local std::int32_t LookupCounters::thread_slot_ = -1;

std::size_t LookupCounters::claim_thread_slot() noexcept {
    static thread_local SlotOwner owner;
    thread_slot_ = claim_free_slot();
    if (thread_slot_ >= 0) {
        owner.place = &thread_slot_;
    } else {
        thread_slot_ = any_shared_slot();
    }
    return static_cast<std::size_t>(thread_slot_);
}

LookupCounts LookupCounters::totals() const noexcept {
    LookupCounts sum;
    for (const Slot& slot : slots_) {
        sum.hits += slot.hits.load(std::memory_order_relaxed);
        sum.misses += slot.misses.load(std::memory_order_relaxed);
        sum.samples += slot.samples.load(std::memory_order_relaxed);
        sum.sampled_ns += slot.sampled_ns.load(std::memory_order_relaxed);
    }
    return sum;
}

LookupCounts LookupCounters::counts() const noexcept {
    const std::lock_guard lock(reset_mutex_);
    LookupCounts counts = totals();
    counts.hits -= before_reset_.hits;
    counts.misses -= before_reset_.misses;
    counts.samples -= before_reset_.samples;
    counts.sampled_ns -= before_reset_.sampled_ns;
    return counts;
}

// The slots go on counting: a zero stored here could be overwritten by the owner's next store.
void LookupCounters::reset() noexcept {
    const std::lock_guard lock(reset_mutex_);
    before_reset_ = totals();
}

}  // namespace marketdb::cache
