#pragma once

#include <string>
#include <string_view>

/// Database targets as they may be shown.
namespace marketdb::core {

/// A URL, a libpq keyword string or any other text that was given as one, with every password as `***`. What cannot be
/// told apart for certain is hidden whole: a text that is not understood may still hold a password.
[[nodiscard]] std::string redact_target(std::string_view target);

/// `%41` as `A`; a broken escape stays as it is.
[[nodiscard]] std::string percent_decoded(std::string_view text);

}  // namespace marketdb::core
