#pragma once

#include <string>

#include <marketdb/backup.hpp>

#include "storage/sqlite/connection.hpp"
#include "storage/sqlite/control.hpp"

namespace marketdb::storage::sqlite {

/// Copies what a connection sees at one moment into a file that must not exist. Errors: as `marketdb::back_up`.
[[nodiscard]] BackupReport back_up(Connection& source, const std::string& target, const Control& control);

}  // namespace marketdb::storage::sqlite
