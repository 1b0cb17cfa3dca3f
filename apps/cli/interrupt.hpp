#pragma once

#include <atomic>
#include <chrono>

/// Ctrl-C, SIGTERM and SIGHUP. The first asks the command to stop at the next safe place; the second ends the program at
/// once with 130, which the database survives.
namespace marketdb::cli {

void install_interrupt_handler();

[[nodiscard]] bool is_interrupted() noexcept;

/// For library calls that look at a flag.
[[nodiscard]] const std::atomic<bool>* interrupt_flag() noexcept;

/// Errors: Interrupted.
void throw_if_interrupted();

/// Errors: Interrupted  at once when it comes.
void sleep_unless_interrupted(std::chrono::microseconds length);

}  // namespace marketdb::cli
