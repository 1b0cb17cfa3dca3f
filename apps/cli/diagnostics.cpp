#include "diagnostics.hpp"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <mutex>

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "terminal.hpp"

namespace marketdb::cli {
namespace {

std::shared_ptr<spdlog::logger> logger;
std::string chosen_database;
bool progress_wanted = true;
bool status_is_shown = false;
std::mutex status_mutex;  // The library logs from threads of its own.

std::string colored(std::string_view text, int color) {
    return terminal().color ? fmt::format("\x1b[{}m{}\x1b[0m", color, text) : std::string(text);
}

void say(spdlog::level::level_enum level, std::string_view prefix, std::string_view text) {
    clear_status();
    std::string lines;
    for (std::size_t at = 0; at <= text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        if (at > 0) lines += "\n  ";
        lines += printable(text.substr(at, end - at));
        at = end + 1;
    }
    logger->log(level, "marketdb: {}{}", prefix, lines);
}

}  // namespace

void set_up_diagnostics(const DiagnosticsOptions& options) {
    logger = std::make_shared<spdlog::logger>("marketdb", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    logger->set_pattern("%v");
    logger->set_level(options.quiet     ? spdlog::level::err
                      : options.verbose ? spdlog::level::debug
                                        : spdlog::level::info);
    progress_wanted = !options.quiet && !options.no_progress;
}

void note(std::string_view text) { say(spdlog::level::info, "", text); }

void warn(std::string_view text) { say(spdlog::level::warn, colored("warning: ", 33), text); }

void report_error(std::string_view text) {
    const std::string where = chosen_database.empty() ? "" : fmt::format(" [database {}]", chosen_database);
    say(spdlog::level::err, colored("error: ", 31), fmt::format("{}{}", text, where));
}

void set_database_name(std::string_view name) { chosen_database = name; }

const std::string& database_name() noexcept { return chosen_database; }

void library_log(LogLevel level, std::string_view text) {
    switch (level) {
        case LogLevel::debug:
        case LogLevel::info: say(spdlog::level::debug, "", text); return;
        case LogLevel::warning: warn(text); return;
        case LogLevel::error: report_error(text); return;
    }
}

bool shows_progress() noexcept { return progress_wanted && terminal().error_is_terminal; }

void show_status(std::string_view text) {
    if (!shows_progress()) return;
    const std::lock_guard lock(status_mutex);
    const std::string line = printable(text);
    fmt::print(stderr, "\r\x1b[K{}", cut_to_width(line, terminal().error_columns - 1));
    std::fflush(stderr);
    status_is_shown = true;
}

void clear_status() {
    const std::lock_guard lock(status_mutex);
    if (!status_is_shown) return;
    fmt::print(stderr, "\r\x1b[K");
    std::fflush(stderr);
    status_is_shown = false;
}

}  // namespace marketdb::cli
