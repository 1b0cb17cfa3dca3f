#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <ostream>
#include <string>
#include <string_view>
#include <type_traits>

namespace marketdb {

/// A text of at most `Capacity` bytes inside the object: trivially copyable, so that rows can be recorded without
/// allocation and live in NumPy arrays. Longer text is never cut silently: the object keeps the first bytes and is
/// marked (`is_overlong()`), and every method that stores rows refuses a marked value, naming column and row.
template <std::size_t Capacity>
class InlineString {
 public:
    static constexpr std::size_t kCapacity = Capacity;

    constexpr InlineString() noexcept = default;
    /// From any text; one that is too long is marked.
    constexpr InlineString(std::string_view text) noexcept { assign(text); }                     // NOLINT(*-explicit-*)
    constexpr InlineString(const char* text) noexcept : InlineString(std::string_view(text)) {}  // NOLINT(*-explicit-*)
    InlineString(const std::string& text) noexcept : InlineString(std::string_view(text)) {}     // NOLINT(*-explicit-*)

    /// The text; of an overlong one the first `Capacity` bytes. Valid as long as the object.
    [[nodiscard]] constexpr std::string_view view() const noexcept { return {bytes_.data(), length()}; }
    constexpr operator std::string_view() const noexcept { return view(); }  // NOLINT(*-explicit-*)
    [[nodiscard]] std::string str() const { return std::string(view()); }
    [[nodiscard]] constexpr bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] constexpr std::size_t size() const noexcept { return length(); }

    /// Whether the text that was assigned did not fit. Such a value cannot be stored.
    [[nodiscard]] constexpr bool is_overlong() const noexcept { return size_ > Capacity; }

    friend constexpr bool operator==(const InlineString& a, const InlineString& b) noexcept {
        return a.view() == b.view();
    }
    friend constexpr bool operator==(const InlineString& a, std::string_view b) noexcept { return a.view() == b; }
    friend constexpr bool operator==(const InlineString& a, const char* b) noexcept { return a.view() == b; }
    friend bool operator==(const InlineString& a, const std::string& b) noexcept { return a.view() == b; }
    friend constexpr std::strong_ordering operator<=>(const InlineString& a, const InlineString& b) noexcept {
        return a.view() <=> b.view();
    }
    friend std::ostream& operator<<(std::ostream& out, const InlineString& text) { return out << text.view(); }

 private:
    using Size = std::conditional_t<(Capacity < 255), std::uint8_t, std::uint16_t>;
    static constexpr Size kOverlong = std::numeric_limits<Size>::max();

    constexpr void assign(std::string_view text) noexcept {
        std::copy_n(text.data(), std::min(text.size(), Capacity), bytes_.data());
        size_ = text.size() <= Capacity ? static_cast<Size>(text.size()) : kOverlong;
    }
    [[nodiscard]] constexpr std::size_t length() const noexcept { return std::min<std::size_t>(size_, Capacity); }

    Size size_ = 0;
    std::array<char, Capacity> bytes_{};
};

}  // namespace marketdb
