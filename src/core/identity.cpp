#include "core/identity.hpp"

#include <unistd.h>

#include <array>

#include <fmt/format.h>

namespace marketdb::core {

std::string program_name(const Config& config) {
    return config.program.empty() ? fmt::format("marketdb {}", version()) : config.program;
}

std::string host_name() {
    std::array<char, 64> name{};
    if (gethostname(name.data(), name.size() - 1) != 0) return {};
    return name.data();
}

}  // namespace marketdb::core
