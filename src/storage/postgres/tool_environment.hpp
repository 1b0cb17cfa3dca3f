#pragma once

#include <string>
#include <utility>
#include <vector>

#include <marketdb/config.hpp>

namespace marketdb::storage::postgres {

/// How the configuration connects, as libpq's environment variables: `PGHOST`, `PGPASSWORD`, ..
/// https://www.postgresql.org/docs/15/libpq-envars.html
///
/// Errors: invalid_argument  libpq does not understand the URL.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> tool_environment(const Config& config);

}  // namespace marketdb::storage::postgres
