#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include <marketdb/models.hpp>

#include "io/parser.hpp"

namespace marketdb::transfer {

/// `Source::kind` of a file.
inline constexpr std::string_view kImportKind = "import";
/// Of another database.
inline constexpr std::string_view kCopyKind = "copy";

/// The source that the rows of a file point at: its name without folders and its sha256.
[[nodiscard]] Source make_import_source(const std::filesystem::path& file, const std::string& sha256);

/// The source that copied rows point at.
/// @param url  Of the database that they come from, redacted.
[[nodiscard]] Source make_copy_source(std::string_view url);

/// A row for the quarantine table; texts that are too long are cut between two characters.
[[nodiscard]] QuarantinedRow make_quarantined_row(SourceId source, std::string_view dataset, const io::RowError& error);

}  // namespace marketdb::transfer
