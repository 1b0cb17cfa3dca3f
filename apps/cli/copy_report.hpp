#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include <marketdb/transfer.hpp>

#include "options.hpp"

namespace marketdb::cli {

/// The line that shows how far a copy is. Called by the library from any thread, one call at a time.
class CopyBar {
 public:
    void show(const CopyProgress& progress);

 private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
    std::chrono::steady_clock::time_point last_shown_{};
};

/// Tells what a copy did: for people, or as one JSON array.
/// @param from, to  The databases, as they may be shown.
void print_copy(const CopyReport& report, const CopyArguments& arguments, const std::string& from,
                const std::string& to);

}  // namespace marketdb::cli
