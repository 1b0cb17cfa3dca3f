#pragma once

#include <span>

#include "storage/migrations.hpp"

namespace marketdb::storage::postgres {

/// All steps that this program knows, oldest first, from the files of `migrations/`; one text for each direction. In it
/// `{schema}` stands for the quoted name of the schema and `{schema_text}` for its name as a text. The checksum is of the
/// texts as they are in the files.
[[nodiscard]] std::span<const Migration> migrations();

}  // namespace marketdb::storage::postgres
