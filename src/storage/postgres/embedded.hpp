#pragma once

#include <span>
#include <string_view>

namespace marketdb::storage::postgres {

/// A file of `migrations/` or `roles/`, made part of the program by the build.
struct EmbeddedFile {
    std::string_view name;  ///< `0001_reference.up.sql`, `writer.sql`.
    std::string_view text;
};

/// Those of `migrations/`, then those of `roles/`, by name.
[[nodiscard]] std::span<const EmbeddedFile> embedded_files() noexcept;

}  // namespace marketdb::storage::postgres
