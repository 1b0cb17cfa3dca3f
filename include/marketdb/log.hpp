#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace marketdb {

/// How much a message matters.
enum class LogLevel : std::uint8_t { debug, info, warning, error };

/// Receives what the library has to say; it never prints. Called from any thread, never concurrently by one manager;
/// must not throw and must not call the manager. Nothing is both logged and thrown, and no text holds a password.
using LogHook = std::function<void(LogLevel, std::string_view)>;

}  // namespace marketdb
