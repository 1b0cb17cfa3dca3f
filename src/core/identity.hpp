#pragma once

#include <string>

#include <marketdb/config.hpp>

/// Who writes, as databases keep it.
namespace marketdb::core {

/// `Config::program`; if that is empty `marketdb <version>`.
[[nodiscard]] std::string program_name(const Config& config);

/// This machine's, cut to 63 bytes; empty if it has none.
[[nodiscard]] std::string host_name();

}  // namespace marketdb::core
