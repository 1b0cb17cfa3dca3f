#pragma once

#include <span>
#include <string_view>

namespace marketdb::storage::postgres {

/// A file of `migrations/`, `roles/`, `conversion/`, `timescale/` or `side_tables/`, made part of the program by the build.
struct EmbeddedFile {
    std::string_view name;  ///< `0001_reference.up.sql`, `writer.sql`.
    std::string_view text;
};

/// Those of `migrations/`, then those of the other folders, by name.
[[nodiscard]] std::span<const EmbeddedFile> embedded_files() noexcept;

/// Errors: internal  there is no such file.
[[nodiscard]] std::string_view embedded_text(std::string_view name);

}  // namespace marketdb::storage::postgres
