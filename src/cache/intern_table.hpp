#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "cache/spelling.hpp"

namespace marketdb::cache {

/// Rows by id and by spelling: two open-addressing arrays that readers reach through an atomic pointer.
///
/// Nothing is ever removed. A changed row is a new object that takes the old one's place in both arrays, under spellings
/// too that it no longer has: whoever follows an entry asks the object whether the spelling fits. An array that has
/// become too small is copied, and kept until destruction for readers that are still in it. So is every object.
///
/// Threads: readers (`find`, `for_each_fit`, `rows`) beside one writer (`reserve`, `put`); writers exclude each other outside.
template <class Row, std::size_t SpellingsEach>
class InternTable {
 public:
    [[nodiscard]] const Row* find(std::int32_t id) const noexcept {
        const Interned* interned = find_interned(id);
        return interned != nullptr ? &interned->row : nullptr;
    }

    /// Calls `visit(const Row&)` for each row that has a spelling which the key fits; now and then twice for one row.
    template <class Visit>
    void for_each_fit(const SpellingKey& key, Visit&& visit) const
        noexcept(noexcept(visit(std::declval<const Row&>()))) {
        const TextArray* array = texts_.load(std::memory_order_acquire);
        if (array == nullptr) return;
        const std::uint64_t hash = key.hash();
        for (std::size_t i = hash & array->mask;; i = (i + 1) & array->mask) {
            const std::uint64_t tag = array->entries[i].tag.load(std::memory_order_acquire);
            if (tag == 0) return;
            if (tag != tag_of(hash)) continue;
            const Interned* interned = array->entries[i].current.load(std::memory_order_acquire);
            if (interned->has(key)) visit(interned->row);
        }
    }

    /// Current objects, by id.
    [[nodiscard]] std::vector<const Row*> rows() const {
        std::vector<const Row*> all;
        all.reserve(size());
        const IdArray* array = ids_.load(std::memory_order_acquire);
        for (std::size_t i = 0; array != nullptr && i <= array->mask; ++i) {
            if (array->entries[i].id.load(std::memory_order_acquire) == 0) continue;
            all.push_back(&array->entries[i].current.load(std::memory_order_acquire)->row);
        }
        std::sort(all.begin(), all.end(), [](const Row* a, const Row* b) { return a->id < b->id; });
        return all;
    }

    [[nodiscard]] std::size_t size() const noexcept { return id_count_.load(std::memory_order_relaxed); }

    /// Makes room for so many further ids.
    void reserve(std::size_t more) {
        reserve_ids(more);
        reserve_texts(more * SpellingsEach);
    }

    /// Publishes a new or changed row; its id is not 0. If memory runs out the table is as before.
    void put(const Row& row) {
        reserve(1);
        const Interned& interned = objects_.emplace_back(spellings_of(row), row);
        // The id first: a reader who finds the spelling must find the object.
        const Interned* old = find_interned(id_of(row));
        set_id(*ids_.load(std::memory_order_relaxed), id_of(row), &interned);
        TextArray& texts = *texts_.load(std::memory_order_relaxed);
        if (old != nullptr) replace(texts, *old, interned);
        add_spellings(texts, interned);
        if (old == nullptr) id_count_.store(size() + 1, std::memory_order_relaxed);
    }

 private:
    struct alignas(64) Interned {
        // First, because a look-up by text touches these bytes and, of a hit, no others.
        Spellings<SpellingsEach> spellings;
        Row row;

        Interned(const Spellings<SpellingsEach>& all, const Row& value) : spellings(all), row(value) {}
        [[nodiscard]] bool has(const SpellingKey& key) const noexcept {
            for (std::size_t i = 0; i < spellings.count; ++i) {
                if (key.fits(spellings.keys[i])) return true;
            }
            return false;
        }
    };
    struct IdEntry {
        std::atomic<std::int32_t> id{0};  ///< 0: free.
        std::atomic<const Interned*> current{nullptr};
    };
    struct TextEntry {
        std::atomic<std::uint64_t> tag{0};  ///< The spelling's hash. 0: free.
        std::atomic<const Interned*> current{nullptr};
    };

    template <class Entry>
    struct Array {
        std::size_t mask;
        std::unique_ptr<Entry[]> entries;
        explicit Array(std::size_t capacity) : mask(capacity - 1), entries(std::make_unique<Entry[]>(capacity)) {}
    };
    using IdArray = Array<IdEntry>;
    using TextArray = Array<TextEntry>;

    static constexpr std::uint64_t tag_of(std::uint64_t hash) noexcept { return hash | 1; }
    static std::size_t place_of(std::int32_t id) noexcept {
        // Databases number from 1 on, so that the ids themselves spread without a collision.
        return static_cast<std::uint32_t>(id);
    }

    [[nodiscard]] const Interned* find_interned(std::int32_t id) const noexcept {
        const IdArray* array = ids_.load(std::memory_order_acquire);
        if (array == nullptr || id == 0) return nullptr;
        for (std::size_t i = place_of(id) & array->mask;; i = (i + 1) & array->mask) {
            const std::int32_t other = array->entries[i].id.load(std::memory_order_acquire);
            if (other == id) return array->entries[i].current.load(std::memory_order_acquire);
            if (other == 0) return nullptr;
        }
    }

    // At most half full, so that a probe ends soon.
    static std::size_t capacity_for(std::size_t count) { return std::bit_ceil(std::max<std::size_t>(64, count * 2)); }

    void reserve_ids(std::size_t more) {
        const IdArray* old = ids_.load(std::memory_order_relaxed);
        const std::size_t capacity = capacity_for(size() + more);
        if (old != nullptr && old->mask + 1 >= capacity) return;
        IdArray& grown = keep(id_arrays_, capacity);
        for (std::size_t i = 0; old != nullptr && i <= old->mask; ++i) {
            const std::int32_t id = old->entries[i].id.load(std::memory_order_relaxed);
            if (id != 0) set_id(grown, id, old->entries[i].current.load(std::memory_order_relaxed));
        }
        ids_.store(&grown, std::memory_order_release);
    }

    // Made from the current objects: spellings that rows no longer have are left behind here.
    void reserve_texts(std::size_t more) {
        const TextArray* old = texts_.load(std::memory_order_relaxed);
        const std::size_t capacity = capacity_for(text_count_ + more);
        if (old != nullptr && old->mask + 1 >= capacity) return;
        TextArray& grown = keep(text_arrays_, capacity);
        text_count_ = 0;
        const IdArray* ids = ids_.load(std::memory_order_relaxed);
        for (std::size_t i = 0; i <= ids->mask; ++i) {
            const Interned* current = ids->entries[i].current.load(std::memory_order_relaxed);
            if (current != nullptr) add_spellings(grown, *current);
        }
        texts_.store(&grown, std::memory_order_release);
    }

    template <class Kept>
    static Kept& keep(std::vector<std::unique_ptr<Kept>>& arrays, std::size_t capacity) {
        return *arrays.emplace_back(std::make_unique<Kept>(capacity));
    }

    static void set_id(IdArray& array, std::int32_t id, const Interned* current) noexcept {
        for (std::size_t i = place_of(id) & array.mask;; i = (i + 1) & array.mask) {
            const std::int32_t other = array.entries[i].id.load(std::memory_order_relaxed);
            if (other != 0 && other != id) continue;
            array.entries[i].current.store(current, std::memory_order_release);
            array.entries[i].id.store(id, std::memory_order_release);
            return;
        }
    }

    // The entry of that object under that hash, or the free one where it would stand.
    static TextEntry& text_entry(TextArray& array, std::uint64_t hash, const Interned& interned) noexcept {
        for (std::size_t i = hash & array.mask;; i = (i + 1) & array.mask) {
            TextEntry& entry = array.entries[i];
            const std::uint64_t tag = entry.tag.load(std::memory_order_relaxed);
            if (tag == 0) return entry;
            if (tag == tag_of(hash) && entry.current.load(std::memory_order_relaxed) == &interned) return entry;
        }
    }

    static void replace(TextArray& array, const Interned& old, const Interned& interned) noexcept {
        for (std::size_t i = 0; i < old.spellings.count; ++i) {
            TextEntry& entry = text_entry(array, old.spellings.keys[i].hash(), old);
            if (entry.tag.load(std::memory_order_relaxed) != 0)
                entry.current.store(&interned, std::memory_order_release);
        }
    }

    void add_spellings(TextArray& array, const Interned& interned) noexcept {
        for (std::size_t i = 0; i < interned.spellings.count; ++i) {
            const std::uint64_t hash = interned.spellings.keys[i].hash();
            TextEntry& entry = text_entry(array, hash, interned);
            if (entry.tag.load(std::memory_order_relaxed) != 0) continue;
            entry.current.store(&interned, std::memory_order_release);
            entry.tag.store(tag_of(hash), std::memory_order_release);
            ++text_count_;
        }
    }

    static std::int32_t id_of(const Row& row) noexcept { return static_cast<std::int32_t>(row.id); }

    std::atomic<IdArray*> ids_{nullptr};
    std::atomic<TextArray*> texts_{nullptr};
    std::atomic<std::size_t> id_count_{0};

    // The writer's.
    std::size_t text_count_ = 0;
    std::deque<Interned> objects_;
    std::vector<std::unique_ptr<IdArray>> id_arrays_;
    std::vector<std::unique_ptr<TextArray>> text_arrays_;
};

}  // namespace marketdb::cache
