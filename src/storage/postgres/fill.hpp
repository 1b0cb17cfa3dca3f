#pragma once

#include <span>
#include <string>
#include <string_view>

/// Our SQL files have placeholders where the names of an installation go.
namespace marketdb::storage::postgres {

/// `{name}` stands for the value.
struct Placeholder {
    std::string_view name;
    std::string value;
};

/// The text with all placeholders replaced. A value is not looked through again.
[[nodiscard]] std::string fill(std::string_view text, std::span<const Placeholder> placeholders);

}  // namespace marketdb::storage::postgres
