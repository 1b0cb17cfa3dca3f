#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <marketdb/models.hpp>

namespace marketdb::cache {

/// A text as look-ups compare it: ASCII letters in upper case and, of symbols, without separators (`/ - _ :` and blanks).
/// Where separators stood is kept, so that `A_BC` is not taken for `AB_C`.
struct SpellingKey {
    static constexpr std::size_t kMaxText = 64;    ///< Longer texts have no key.
    static constexpr std::size_t kMaxLength = 56;  ///< Without separators; the longest that a row can have is 52.

    std::int32_t scope = 0;  ///< The exchange's id.
    std::uint32_t length = 0;
    std::uint64_t breaks = 0;  ///< Bit n: a separator stood before byte n (never bit 0 or bit `length`).
    std::array<std::uint64_t, kMaxLength / 8> words{};  ///< The bytes, the first in the lowest bits.

    /// Same scope and bytes; breaks do not count.
    [[nodiscard]] bool same_bytes(const SpellingKey& other) const noexcept {
        if (scope != other.scope || length != other.length) return false;
        for (std::size_t i = 0; i * 8 < length; ++i) {
            if (words[i] != other.words[i]) return false;
        }
        return true;
    }

    /// Whether this text may stand for that spelling: the same bytes, separated at most where the spelling is.
    [[nodiscard]] bool fits(const SpellingKey& spelling) const noexcept {
        return same_bytes(spelling) && (breaks & ~spelling.breaks) == 0;
    }

    [[nodiscard]] std::uint64_t hash() const noexcept;
};

/// Sets a fresh key to that of a symbol's text. False: the text is too long, and the key must not be used.
bool make_symbol_key(ExchangeId exchange, std::string_view text, SpellingKey& key) noexcept;
/// The same for an exchange's text, in which separators count as other bytes.
bool make_exchange_key(std::string_view text, SpellingKey& key) noexcept;

/// Equal but for the case of ASCII letters.
[[nodiscard]] bool equal_any_case(std::string_view a, std::string_view b) noexcept;

/// The spellings by which a row is found.
template <std::size_t Capacity>
struct Spellings {
    std::size_t count = 0;  ///< First: a look-up reads it and the beginning of a key, which are in one line of memory.
    std::array<SpellingKey, Capacity> keys;
};

/// The exchange's own spelling, and the pair: `BTC/USDT`, of a dated contract `BTC/USDT-261225` (its pair alone means the
/// perpetual).
[[nodiscard]] Spellings<2> spellings_of(const Symbol& symbol) noexcept;
[[nodiscard]] Spellings<1> spellings_of(const Exchange& exchange) noexcept;

inline std::uint64_t SpellingKey::hash() const noexcept {
    // Multiply and fold with the odd constant of splitmix64; one round for each eight bytes.
    constexpr std::uint64_t kMultiplier = 0xbf58476d1ce4e5b9ULL;
    std::uint64_t mixed =
        static_cast<std::uint64_t>(static_cast<std::uint32_t>(scope)) * 0x9e3779b97f4a7c15ULL + length;
    for (std::size_t i = 0; i * 8 < length; ++i) {
        mixed = (mixed ^ words[i]) * kMultiplier;
        mixed ^= mixed >> 32;
    }
    return mixed * kMultiplier;
}

}  // namespace marketdb::cache
