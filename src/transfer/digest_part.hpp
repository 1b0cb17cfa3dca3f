#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include <marketdb/database_manager.hpp>

#include "storage/table.hpp"
#include "transfer/series_digest.hpp"
#include "transfer/worker.hpp"

namespace marketdb::transfer {

/// Adds all rows of a reader to a digest: while one batch is hashed, the next one is read.
///
/// @param on_rows  Called with the rows of each batch; what it throws ends the reading.
template <class Row>
boost::asio::awaitable<SeriesDigest> digest_rows(Worker& worker, HistoryReader<Row> reader, SeriesDigest digest,
                                                 std::function<void(std::uint64_t)> on_rows) {
    constexpr std::size_t kBatchRows = 65'536;
    std::vector<Row> rows = co_await reader.next(kBatchRows);
    while (!rows.empty()) {
        // The job is given what it needs: a coroutine that is cancelled while it waits goes before the job does.
        auto batch = std::make_shared<std::pair<std::vector<Row>, SeriesDigest>>(std::move(rows), std::move(digest));
        worker.start([batch] { batch->second.add(storage::as_rows(batch->first)); });
        std::vector<Row> next = co_await reader.next(kBatchRows);
        co_await worker.finished();
        digest = std::move(batch->second);
        on_rows(batch->first.size());
        rows = std::move(next);
    }
    co_return digest;
}

}  // namespace marketdb::transfer
