#pragma once

/// What sanitizers change for a test. They make the program five to ten times slower: what a test repeats, or the rows that it needs
/// many of, are fewer there and whole in the release build, which `scripts/test.sh --all` runs.
namespace marketdb::testing {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kIsSanitized = true;
#else
inline constexpr bool kIsSanitized = false;
#endif

template <class Number>
[[nodiscard]] constexpr Number fewer_if_sanitized(Number whole, Number divisor = 4) {
    return kIsSanitized ? whole / divisor : whole;
}

}  // namespace marketdb::testing
