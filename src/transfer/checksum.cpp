#include <utility>

#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include <marketdb/error.hpp>
#include <marketdb/transfer.hpp>

#include "io/sha256.hpp"
#include "transfer/digest_part.hpp"
#include "transfer/selection.hpp"
#include "transfer/series_digest.hpp"
#include "transfer/worker.hpp"

namespace marketdb {
namespace {

using transfer::ChosenSeries;
using transfer::SeriesDigest;

/// Reads series after series.
class ChecksumRun {
 public:
    ChecksumRun(DatabaseManager& db, const std::atomic<bool>* stop, std::function<void(std::uint64_t)> on_rows,
                const boost::asio::any_io_executor& executor)
        : db_(db), stop_(stop), on_rows_(std::move(on_rows)), worker_(executor) {}

    boost::asio::awaitable<HistoryChecksum> run(HistorySelection selection) {
        const std::vector<ChosenSeries> chosen = co_await transfer::choose_series(db_, std::move(selection));
        HistoryChecksum whole;
        io::Sha256 total;
        for (const ChosenSeries& series : chosen) {
            SeriesChecksum sum = co_await sum_up(series);
            if (sum.rows == 0) continue;  // none in the chosen time
            total.add(sum.sha256 + "\n");
            whole.rows += sum.rows;
            whole.series.push_back(std::move(sum));
        }
        whole.sha256 = total.hex();
        co_return whole;
    }

 private:
    boost::asio::awaitable<SeriesChecksum> sum_up(const ChosenSeries& series) {
        auto digest = transfer::with_row_type(series.name.dataset, [&]<class Row>(std::type_identity<Row>) {
            return transfer::digest_rows<Row>(worker_, transfer::read_part<Row>(db_, series.part),
                                              SeriesDigest(series.name), [this](std::uint64_t rows) { count(rows); });
        });
        const SeriesDigest finished = co_await std::move(digest);
        co_return finished.checksum();
    }

    void count(std::uint64_t rows) {
        rows_ += rows;
        if (on_rows_) on_rows_(rows_);
        if (stop_ != nullptr && stop_->load()) {
            throw Error(ErrorCode::cancelled, "the checksum was interrupted");
        }
    }

    DatabaseManager& db_;
    const std::atomic<bool>* const stop_;
    const std::function<void(std::uint64_t)> on_rows_;
    std::uint64_t rows_ = 0;
    transfer::Worker worker_;
};

boost::asio::awaitable<HistoryChecksum> run_checksum(DatabaseManager& db, HistorySelection selection,
                                                     const std::atomic<bool>* stop,
                                                     std::function<void(std::uint64_t)> on_rows) {
    const boost::asio::any_io_executor executor = co_await boost::asio::this_coro::executor;
    ChecksumRun run(db, stop, std::move(on_rows), executor);
    try {
        HistoryChecksum whole = co_await run.run(std::move(selection));
        co_return whole;
    } catch (const boost::system::system_error&) {
        throw Error(ErrorCode::cancelled, "the checksum was cancelled");  // Asio's word for a cancelled coroutine
    }
}

}  // namespace

boost::asio::awaitable<HistoryChecksum> checksum_history(DatabaseManager& db, HistorySelection selection,
                                                         const std::atomic<bool>* stop,
                                                         std::function<void(std::uint64_t)> on_rows) {
    transfer::check_selection(selection);
    return run_checksum(db, std::move(selection), stop, std::move(on_rows));
}

}  // namespace marketdb
