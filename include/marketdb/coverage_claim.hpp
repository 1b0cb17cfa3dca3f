#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>
#include <vector>

#include <marketdb/models.hpp>
#include <marketdb/queries.hpp>

/// What the coverage ledger keeps (see coverage.hpp).
namespace marketdb {

/// Why a time is known to be complete, or (`gap`) known not to be. Texts: `file`, `feed`, `declared`, `copy`, `gap`.
enum class CoverageKind : std::uint8_t {
    file,      ///< An imported file has its rows.
    feed,      ///< A feed was up.
    declared,  ///< The user says so.
    copy,      ///< The database that it was copied from said so.
    gap,       ///< Rows of this time were missed.
};

/// `file`, `feed`, `declared`, `copy`, `gap`.
[[nodiscard]] std::string_view to_string(CoverageKind kind) noexcept;

/// One claim of one source about one series: [start, end) on a clock. Claims of one source never overlap.
struct CoverageClaim {
    Dataset dataset{};  ///< Not balances.
    SymbolId symbol{};
    ClockKind clock = ClockKind::event;
    CoverageKind kind = CoverageKind::file;
    SourceId source{};
    Timestamp start = kNoTime;  ///< Inclusive.
    Timestamp end = kNoTime;    ///< Exclusive.

    friend bool operator==(const CoverageClaim&, const CoverageClaim&) = default;
};

/// Whose claim a piece of covered time rests on.
struct CoverageReason {
    CoverageKind kind{};
    SourceId source{};

    friend bool operator==(const CoverageReason&, const CoverageReason&) = default;
};

/// A time for which all rows of a series are known to be stored: one piece, whatever number of claims it is made of.
struct CoveredTime {
    Dataset dataset{};
    SymbolId symbol{};
    ClockKind clock = ClockKind::event;
    Timestamp start = kNoTime;            ///< Inclusive.
    Timestamp end = kNoTime;              ///< Exclusive.
    std::vector<CoverageReason> reasons;  ///< Of its claims, each once, in the order in which they begin.
};

/// Chooses claims. Everything is optional; what is given must all hold.
struct CoverageFilter {
    std::optional<Dataset> dataset;
    SymbolId symbol{};  ///< 0: every one.
    std::optional<ClockKind> clock;
    SourceId source{};          ///< 0: every one.
    Timestamp start = kNoTime;  ///< Inclusive; absent: from the beginning.
    Timestamp end = kNoTime;    ///< Exclusive; absent: to the end.
};

static_assert(std::is_trivially_copyable_v<CoverageClaim> && std::is_trivially_copyable_v<CoverageFilter>);

}  // namespace marketdb
