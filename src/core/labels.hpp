#pragma once

#include <array>
#include <string_view>

#include <marketdb/models.hpp>

/// The texts of the enumerations, by value; the first (unknown) is empty.
namespace marketdb::core {

inline constexpr std::array<std::string_view, 3> kMarketTypeLabels{"", "SPOT", "FUTURES"};
inline constexpr std::array<std::string_view, 5> kContractTypeLabels{"", "spot", "perpetual", "inverse", "dated"};
inline constexpr std::array<std::string_view, 4> kQuantityUnitLabels{"", "base", "quote", "contracts"};
inline constexpr std::array<std::string_view, 3> kSideLabels{"", "buy", "sell"};
inline constexpr std::array<std::string_view, 3> kFundingKindLabels{"", "predicted", "settled"};

// Of these every value is known, so the first has a text too.
inline constexpr std::array<std::string_view, 5> kCoverageKindLabels{"file", "feed", "declared", "copy", "gap"};
inline constexpr std::array<std::string_view, 2> kClockLabels{"event", "received"};

/// The label of a value; empty for one that the enumeration does not have.
template <class Enum, std::size_t Count>
[[nodiscard]] constexpr std::string_view label_of(const std::array<std::string_view, Count>& labels,
                                                  Enum value) noexcept {
    const auto index = static_cast<std::size_t>(value);
    return index < Count ? labels[index] : std::string_view{};
}

}  // namespace marketdb::core
