#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <marketdb/transfer.hpp>

#include "options.hpp"

namespace marketdb::cli {

/// The line that shows how far an import is. Called by the library from any thread, one call at a time.
class ImportBar {
 public:
    ImportBar(std::size_t number, std::size_t count) : number_(number), count_(count) {}
    void show(const ImportProgress& progress);

 private:
    std::size_t number_, count_;                                                      // of the file among the files
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();  // of the pass that runs
    bool is_storing_ = false;
    std::uint64_t first_row_ = 0;
    std::chrono::steady_clock::time_point last_shown_{};
};

/// Tells what became of each file: for people, or as one JSON array.
class ImportReporter {
 public:
    explicit ImportReporter(const ImportArguments& arguments) : arguments_(arguments) {}

    /// What the report of the file will say too, told while there is still time to stop.
    void warn_early(std::string_view warning);
    void add(const ImportReport& report);
    /// @param ignored  Files of other kinds in the folders.
    void finish(std::uint64_t ignored, const std::string& database);

    [[nodiscard]] bool has_failures() const noexcept { return failed_ > 0; }
    [[nodiscard]] bool has_rejected() const noexcept { return total_.rejected > 0; }

 private:
    void report_problem(const ImportReport& report);
    void print_json(const ImportReport& report);
    void print_text(const ImportReport& report);
    void print_counts(const ImportReport& report) const;

    const ImportArguments& arguments_;
    std::size_t files_ = 0;
    std::size_t skipped_ = 0;
    std::size_t failed_ = 0;
    std::size_t interrupted_ = 0;
    std::string told_early_;  // empty: nothing
    ImportReport total_;
};

}  // namespace marketdb::cli
