#include <utility>

#include <fmt/format.h>

#include <boost/asio/this_coro.hpp>

#include <marketdb/error.hpp>
#include <marketdb/transfer.hpp>

#include "transfer/import_run.hpp"

namespace marketdb {
namespace {

constexpr std::size_t kMaxBatchRows = 1'000'000;

boost::asio::awaitable<ImportReport> run_import(DatabaseManager& db, std::filesystem::path file,
                                                ImportOptions options) {
    const boost::asio::any_io_executor executor = co_await boost::asio::this_coro::executor;
    transfer::ImportRun import(db, std::move(file), std::move(options), executor);
    co_return co_await import.run();
}

}  // namespace

boost::asio::awaitable<ImportReport> import_file(DatabaseManager& db, std::filesystem::path file,
                                                 ImportOptions options) {
    if (options.batch_rows < 1 || options.batch_rows > kMaxBatchRows) {
        throw Error(ErrorCode::invalid_argument,
                    fmt::format("batch_rows: {} is not between 1 and {}", options.batch_rows, kMaxBatchRows));
    }
    if (options.only_gaps && options.on_error == OnError::quarantine) {
        throw Error(
            ErrorCode::invalid_argument,
            "only_gaps: expected no rows to be set aside; what of the file is new is known when all of it was read");
    }
    const bool is_complete = is_present(options.complete_from) || is_present(options.complete_to);
    if (is_complete && !(is_storable(options.complete_from) && options.complete_from < options.complete_to)) {
        throw Error(ErrorCode::invalid_argument, "complete: expected a first time and a later end");
    }
    return run_import(db, std::move(file), std::move(options));
}

}  // namespace marketdb
