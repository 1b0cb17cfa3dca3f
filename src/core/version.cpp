#include <marketdb/config.hpp>

#ifndef MARKETDB_VERSION
#define MARKETDB_VERSION "0.1.0"
#endif

namespace marketdb {

std::string_view version() noexcept { return MARKETDB_VERSION; }

}  // namespace marketdb
