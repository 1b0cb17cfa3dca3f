#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <marketdb/transfer.hpp>

#include "transfer/copy_coverage.hpp"
#include "transfer/reference_copy.hpp"
#include "transfer/selection.hpp"
#include "transfer/series_copy.hpp"
#include "transfer/worker.hpp"

namespace marketdb::transfer {

/// A copy from one database to another.
///
/// Threads: one coroutine. Lifetime: the managers outlive it.
class CopyRun {
 public:
    CopyRun(DatabaseManager& from, DatabaseManager& to, CopyOptions options,
            const boost::asio::any_io_executor& executor);

    boost::asio::awaitable<CopyReport> run();

 private:
    boost::asio::awaitable<void> copy();
    boost::asio::awaitable<void> copy_reference(const std::vector<ChosenSeries>& chosen);
    boost::asio::awaitable<void> copy_series(const ChosenSeries& series);
    boost::asio::awaitable<void> copy_gaps(const ChosenSeries& series, CopyCoverage& coverage);
    boost::asio::awaitable<bool> copy_part(const ChosenSeries& series, const SeriesPart& target);
    boost::asio::awaitable<void> copy_and_claim(const ChosenSeries& series, CopyCoverage& coverage,
                                                core::Interval event_time);
    boost::asio::awaitable<void> refuse_one_database();
    boost::asio::awaitable<SourceId> begin_source();
    boost::asio::awaitable<SourceId> source_for_rows();

    [[nodiscard]] SeriesPart target_part(const SeriesPart& part) const;
    void add(CopiedSeries copied);
    void tell_progress(bool verifying) const;
    void stop_if_asked() const;
    [[nodiscard]] Error interrupted(std::string_view how) const;

    DatabaseManager& from_;
    DatabaseManager& to_;
    const CopyOptions options_;
    ReferenceCopy reference_;
    CopyReport report_;
    CopyProgress progress_;
    SourceId source_{};
    std::vector<CoverageClaim> claims_;  // of the first database, from before anything of it was read
    Worker worker_;
    CopyContext context_;  // last: refers to the others
};

}  // namespace marketdb::transfer
