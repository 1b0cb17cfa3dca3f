#pragma once

#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include <marketdb/error.hpp>
#include <marketdb/models.hpp>
#include <marketdb/queries.hpp>

#include "storage/engine.hpp"

namespace marketdb::testing {

class EngineFixture;

/// What the rows of a difference belong to: `ALPHA_FUTURES` and its `BTC/USDT`.
struct Ground {
    EngineFixture& fixture;
    ExchangeId exchange{};
    SymbolId symbol{};
};

/// What tables of other programs cannot hold, or hold otherwise, and what becomes of it there: an error that names row and
/// column, or a count. Every other store keeps the same rows as they are given.
struct AllowedDifference {
    std::string_view name;                              ///< As in the names of tests.
    bool storage::Capabilities::*needs = nullptr;       ///< A store that has it keeps the rows as they are given.
    std::function<WriteResult(const Ground&)> write;    ///< Returns what the last write did.
    WriteResult whole;                                  ///< That, where the rows fit.
    std::optional<WriteResult> counted = std::nullopt;  ///< And where they do not; none: they are refused,
    std::vector<std::string_view> refused_for = {};     ///< the error says this,
    ErrorCode code = ErrorCode::constraint;             ///< has this code, and nothing of the batch is stored.
    std::vector<std::string_view> tests = {};           ///< `Suite.Test`: those of the suite that need such rows.
};

inline std::ostream& operator<<(std::ostream& out, const AllowedDifference& difference) {
    return out << difference.name;
}

/// All of them. allowed_differences_test.cpp tests each.
[[nodiscard]] const std::vector<AllowedDifference>& allowed_differences();

/// `Writing.EqualValuesAreUnchanged` of GoogleTest's `On/Writing` and `EqualValuesAreUnchanged/SqliteFile`.
[[nodiscard]] std::string plain_name(std::string_view suite, std::string_view test);

/// The difference for which a test of the suite is left out on a store; empty: it is not.
///
/// @param suite, test  As GoogleTest names them.
[[nodiscard]] std::string_view reason_to_leave_out(const storage::Capabilities& can, std::string_view suite,
                                                   std::string_view test);

}  // namespace marketdb::testing
