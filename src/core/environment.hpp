#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Environment variables in settings.
namespace marketdb::core {

/// The variable's value; none if it is not set.
[[nodiscard]] std::optional<std::string> environment_variable(const std::string& name);

/// A setting's text after expansion.
struct Expanded {
    std::string text;
    std::vector<std::string> variables;      ///< Named in it, in order.
    std::vector<std::string> unset;          ///< Of these, the ones that are not set and have no default.
    std::vector<std::string> dash_defaults;  ///< Of these, the ones whose `:-default` was used.
};

/// Expands `${NAME}`, `${NAME:default}` (used where NAME is not set) and `${NAME:-default}` (where it is not set or
/// empty). What a variable holds is not expanded again; a `${` that begins no such form stays.
[[nodiscard]] Expanded expand_variables(std::string_view text);

}  // namespace marketdb::core
