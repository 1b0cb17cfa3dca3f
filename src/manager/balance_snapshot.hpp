#pragma once

#include <optional>
#include <span>
#include <vector>

#include <marketdb/models.hpp>

#include "storage/engine.hpp"

/// A complete balance snapshot says that an asset which it does not name is gone. Memory only.
namespace marketdb {

/// Errors: invalid_argument  rows of one (exchange, account) have several timestamps; names the first that differs.
void check_complete(std::span<const Balance> snapshot);

/// A series that has rows and that the snapshot does not name.
struct AbsentBalance {
    storage::SeriesKey series;
    Balance beside;  ///< A row of the snapshot of the same exchange and account.
};

/// The stored series of the snapshot's accounts that it does not name.
[[nodiscard]] std::vector<AbsentBalance> absent_balances(std::span<const storage::SeriesInfo> stored,
                                                         std::span<const Balance> snapshot);

/// The row that says so: as the last one, with zeros, at the time of the snapshot. None if the last one is zero already.
[[nodiscard]] std::optional<Balance> zero_after(const Balance& last, const Balance& beside);

}  // namespace marketdb
