#include <utility>

#include <fmt/format.h>

#include <boost/asio/this_coro.hpp>

#include <marketdb/error.hpp>
#include <marketdb/transfer.hpp>

#include "transfer/copy_run.hpp"
#include "transfer/selection.hpp"

namespace marketdb {
namespace {

constexpr std::size_t kMaxBatchRows = 1'000'000;

boost::asio::awaitable<CopyReport> run_copy(DatabaseManager& from, DatabaseManager& to, CopyOptions options) {
    const boost::asio::any_io_executor executor = co_await boost::asio::this_coro::executor;
    transfer::CopyRun copy(from, to, std::move(options), executor);
    CopyReport report = co_await copy.run();
    co_return report;
}

}  // namespace

boost::asio::awaitable<CopyReport> copy_history(DatabaseManager& from, DatabaseManager& to, CopyOptions options) {
    if (&from == &to) throw Error(ErrorCode::invalid_argument, "both managers of the copy are the same");
    if (options.batch_rows < 1 || options.batch_rows > kMaxBatchRows) {
        throw Error(ErrorCode::invalid_argument,
                    fmt::format("batch_rows: {} is not between 1 and {}", options.batch_rows, kMaxBatchRows));
    }
    transfer::check_selection(options.selection);
    return run_copy(from, to, std::move(options));
}

}  // namespace marketdb
