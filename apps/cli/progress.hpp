#pragma once

#include <cstdint>
#include <string>

#include <marketdb/queries.hpp>

/// How much is done, in the words that all long commands share.
namespace marketdb::cli {

/// Twenty-four cells, so many of them full.
[[nodiscard]] std::string bar(double fraction);

/// `12 s`, `3 min 5 s`, `2 h 10 min`.
[[nodiscard]] std::string duration(double seconds);

/// `, 28,040 inserted, 3 unchanged`; what is zero is left out.
[[nodiscard]] std::string counts(const WriteResult& written, std::uint64_t rejected = 0);

}  // namespace marketdb::cli
