#pragma once

#include <string>
#include <string_view>

#include <marketdb/log.hpp>

/// What the program says beside its results: on standard error, one line each, `marketdb: ...`.
namespace marketdb::cli {

struct DiagnosticsOptions {
    bool quiet = false;    ///< Errors only.
    bool verbose = false;  ///< What the library logs, too.
    bool no_progress = false;
};

void set_up_diagnostics(const DiagnosticsOptions& options);

void note(std::string_view text);  ///< Not with --quiet.
void warn(std::string_view text);  ///< Not with --quiet.
void report_error(std::string_view text);

/// The database that this run uses, as it may be shown; `report_error` appends it.
void set_database_name(std::string_view name);
[[nodiscard]] const std::string& database_name() noexcept;

/// Passes on what the library logs: warnings always, the rest with --verbose.
void library_log(LogLevel level, std::string_view text);

/// Whether progress is wanted and can be shown.
[[nodiscard]] bool shows_progress() noexcept;

/// One line at the bottom of the terminal that is drawn over; it goes away before any other line is printed.
void show_status(std::string_view text);
void clear_status();

}  // namespace marketdb::cli
