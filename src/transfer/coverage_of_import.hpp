#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include <marketdb/coverage.hpp>
#include <marketdb/transfer.hpp>

#include "core/intervals.hpp"
#include "io/parser.hpp"
#include "transfer/file_claims.hpp"
#include "transfer/instruments.hpp"

namespace marketdb::transfer {

/// The ledger as an import sees it: what others have covered already, and what the file claims.
///
/// Threads: one coroutine. Lifetime: what it is made with must outlive it.
class CoverageOfImport {
 public:
    CoverageOfImport(DatabaseManager& db, const Instruments& instruments, const ImportOptions& options)
        : db_(db), instruments_(instruments), options_(options) {}

    /// What the file has rows of, as soon as that is known.
    void set_dataset(std::optional<Dataset> dataset) noexcept { dataset_ = dataset; }

    /// Rows of a batch in the file's order, whose series are the file's instruments.
    void survey(const io::Batch& batch);
    void end_survey() noexcept { claims_.end_survey(); }

    /// Reads what sources other than `own` claim of the file's series.
    /// Errors: schema_mismatch  only gaps are asked for, and the database keeps no coverage.
    boost::asio::awaitable<void> look_up(SourceId own);
    /// Of a file that the user says is complete: that nothing is claimed of it. Else nothing.
    [[nodiscard]] std::vector<std::string> why_not_complete(std::string_view why) const;
    /// What of the file's time they cover, and why what the user says of it is not claimed, a line each.
    boost::asio::awaitable<std::vector<std::string>> remarks();

    /// Notes the rows of a batch that are about to be stored, and that its errors are not. If only gaps are filled, rows of covered
    /// time are taken out.
    /// @return  How many were.
    std::uint64_t take(io::Batch& batch);

    /// Rows that marketdb wrote itself may be a choice of what there was: they claim only what the user says of them.
    void claim_nothing_by_itself() noexcept { claims_by_itself_ = false; }

    /// Says, before rows of series are stored for the first time, that they will be claimed.
    boost::asio::awaitable<void> open(SourceId source);
    /// Claims of that what nobody took out of it meanwhile; nothing else is pending then.
    boost::asio::awaitable<void> settle(SourceId source, std::vector<CoverageClaim> claims);

    /// To be stored with the rows that were taken.
    [[nodiscard]] std::vector<CoverageClaim> so_far(SourceId source);
    /// To be settled when the file has ended.
    [[nodiscard]] std::vector<CoverageClaim> at_end(SourceId source) const;

 private:
    /// On one clock.
    struct Covered {
        core::Intervals all;
        core::Intervals certain;  // of which others have every row
    };

    template <class Row>
    std::uint64_t take_rows(std::vector<Row>& rows, io::Batch& batch);
    [[nodiscard]] bool is_kept() const noexcept { return dataset_ && *dataset_ != Dataset::balances; }
    [[nodiscard]] std::string_view doubt_of_complete() const;
    [[nodiscard]] bool has_rows_of_complete() const;
    [[nodiscard]] bool takes(std::size_t series, const FileClaims::Times& times);
    void add(std::vector<CoverageClaim>& claims, const FileClaims::Claim& claim, SourceId source) const;

    DatabaseManager& db_;
    const Instruments& instruments_;
    const ImportOptions& options_;
    std::optional<Dataset> dataset_;
    bool claims_by_itself_ = true;
    FileClaims claims_;
    std::set<std::size_t> open_;                             // series
    std::map<std::size_t, std::array<Covered, 2>> covered_;  // of series that have any, by clock
    std::map<std::size_t, std::vector<CoveredTime>> by_;     // the same on the file's own clock, with reasons
};

}  // namespace marketdb::transfer
