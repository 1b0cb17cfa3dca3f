#include <marketdb/coverage_claim.hpp>

#include "core/labels.hpp"

namespace marketdb {

std::string_view to_string(CoverageKind kind) noexcept {
    const auto index = static_cast<std::size_t>(kind);
    return index < core::kCoverageKindLabels.size() ? core::kCoverageKindLabels[index] : std::string_view{};
}

}  // namespace marketdb
