#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include <marketdb/coverage.hpp>

#include "core/intervals.hpp"
#include "transfer/selection.hpp"

namespace marketdb::transfer {

/// What the two databases of a copy have covered of one series.
///
/// Threads: one coroutine. Lifetime: the managers outlive it.
class CopyCoverage {
 public:
    /// @param claims  Of the first database, from before it was asked which rows it has: what is claimed then is stored.
    CopyCoverage(DatabaseManager& from, DatabaseManager& to, const SeriesPart& here, const SeriesPart& there,
                 std::span<const CoverageClaim> claims);

    /// Says what the copy may claim when it is done. Before anything is compared.
    boost::asio::awaitable<void> open(SourceId source);
    /// Claims what nobody took out of it meanwhile.
    boost::asio::awaitable<void> settle(SourceId source, std::vector<CoverageClaim> claims);

    /// The parts of the series that the target has not covered, by event time.
    /// Errors: schema_mismatch  the target keeps no coverage.
    boost::asio::awaitable<std::vector<SeriesPart>> uncovered_parts();

    /// When the target has all rows of an event time: what the first database claims of it, before and after, and the target does
    /// not. Of the received clock only if that is all time.
    boost::asio::awaitable<std::vector<CoverageClaim>> claims(core::Interval event_time);

 private:
    struct Known {
        core::Intervals covered;
        core::Intervals gaps;
    };

    [[nodiscard]] static Known known(std::span<const CoverageClaim> claims);
    boost::asio::awaitable<Known> ask(DatabaseManager& db, const SeriesPart& part, ClockKind clock);
    boost::asio::awaitable<void> add(std::vector<CoverageClaim>& claims, ClockKind clock, core::Interval range);

    DatabaseManager& from_;
    DatabaseManager& to_;
    const SeriesPart here_;
    const SeriesPart there_;
    Known before_[2];  // by clock
};

}  // namespace marketdb::transfer
